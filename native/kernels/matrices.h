// What the decompositions share: reflections, plane rotations, scaling, and a batch on several threads. All in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "host.h"

namespace hokku {

// Below this many multiplications a second thread is not worth waking.
constexpr size_t kParallelWork = 100'000;

// Calls one(i) for each part of some work of so many multiplications.
template <class F>
void forEachPart(Host& host, size_t parts, size_t work, F&& one) {
  if (parts > 1 && work > kParallelWork) {
    parallelFor(host, parts, one);
  } else {
    for (size_t i = 0; i < parts; i++) one(i);
  }
}

// The reflection I - tau v v', v = (1, x), that turns (alpha, x) into (beta, 0), as dlarfg: x becomes the rest of v, alpha
// becomes beta. Where x is zero already there is nothing to turn and tau is 0.
inline double reflect(double& alpha, double* x, size_t n, size_t stride) {
  double scale = 0;
  for (size_t i = 0; i < n; i++) scale = std::max(scale, std::fabs(x[i * stride]));
  if (scale == 0) return 0;
  scale = std::max(scale, std::fabs(alpha));
  double squares = alpha / scale * (alpha / scale);
  for (size_t i = 0; i < n; i++) squares += x[i * stride] / scale * (x[i * stride] / scale);
  const double beta = -std::copysign(scale * std::sqrt(squares), alpha);
  const double tau = (beta - alpha) / beta;
  for (size_t i = 0; i < n; i++) x[i * stride] /= alpha - beta;
  alpha = beta;
  return tau;
}

// A row times I - tau v v', where v[0] stands for 1.
inline void reflectRow(double tau, const double* v, double* row, size_t n) {
  if (tau == 0) return;
  double sum = row[0];
  for (size_t i = 1; i < n; i++) sum += row[i] * v[i];
  sum *= tau;
  row[0] -= sum;
  for (size_t i = 1; i < n; i++) row[i] -= sum * v[i];
}

// I - tau v v' times a matrix whose rows are `stride` apart; v[0] stands for 1, its elements are `vStride` apart.
inline void reflectRows(double tau, const double* v, size_t vStride, double* matrix, size_t stride, size_t rows, size_t columns, double* scratch) {
  if (tau == 0 || columns == 0) return;
  std::copy_n(matrix, columns, scratch);
  for (size_t i = 1; i < rows; i++) {
    const double vi = v[i * vStride];
    const double* x = matrix + i * stride;
    for (size_t c = 0; c < columns; c++) scratch[c] += vi * x[c];
  }
  for (size_t c = 0; c < columns; c++) scratch[c] *= tau;
  for (size_t c = 0; c < columns; c++) matrix[c] -= scratch[c];
  for (size_t i = 1; i < rows; i++) {
    const double vi = v[i * vStride];
    double* x = matrix + i * stride;
    for (size_t c = 0; c < columns; c++) x[c] -= vi * scratch[c];
  }
}

// The rotation [c s; -s c] that turns (f, g) into (r, 0), r with the sign of f.
struct Rotation {
  double c, s, r;
};
inline Rotation rotation(double f, double g) {
  if (g == 0) return {1, 0, f};
  if (f == 0) return {0, std::copysign(1.0, g), std::fabs(g)};
  const double r = std::copysign(std::hypot(f, g), f);
  return {std::fabs(f) / std::fabs(r), g / r, r};
}
inline void rotate(double c, double s, double* x, double* y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const double t = c * x[i] + s * y[i];
    y[i] = c * y[i] - s * x[i];
    x[i] = t;
  }
}

// A power of two that brings numbers of this size to where their squares neither overflow nor vanish.
inline double safeScale(double largest) {
  if (largest == 0 || (largest > 1e-120 && largest < 1e120)) return 1;
  return std::ldexp(1.0, std::max(-1000, std::min(1000, -std::ilogb(largest))));
}

}  // namespace hokku
