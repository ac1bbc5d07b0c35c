#include "lu.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "svd.h"
#include "triangular.h"

namespace hokku {
namespace {

// In place; `swapped(i, row)` hears of every step.
template <class F>
void factor(std::vector<double>& a, size_t m, size_t n, F&& swapped) {
  for (size_t j = 0; j < std::min(m, n); j++) {
    size_t pivot = j;
    for (size_t i = j + 1; i < m; i++) {
      if (std::fabs(a[i * n + j]) > std::fabs(a[pivot * n + j])) pivot = i;
    }
    swapped(j, pivot);
    if (pivot != j) std::swap_ranges(&a[j * n], &a[j * n] + n, &a[pivot * n]);
    const double head = a[j * n + j];
    // A column of zeros has nothing to eliminate.
    if (head == 0) continue;
    for (size_t i = j + 1; i < m; i++) {
      const double factor = a[i * n + j] /= head;
      for (size_t c = j + 1; c < n; c++) a[i * n + c] -= factor * a[j * n + c];
    }
  }
}

// Of a matrix in double, decomposed in place.
double determinantOf(std::vector<double>& a, size_t n) {
  double product = 1;
  factor(a, n, n, [&](size_t i, size_t row) { product = row == i ? product : -product; });
  for (size_t i = 0; i < n; i++) product *= a[i * n + i];
  return product;
}

// det(u) det(v) u c v', c the products of all singular values but one: what is left where the inverse is not.
std::vector<double> cofactorsBySvd(const std::vector<double>& a, size_t n, Host& host) {
  std::vector<double> s(n), u(n * n), vt(n * n), out(n * n);
  svd(a.data(), 1, n, n, Vectors::Reduced, s.data(), u.data(), vt.data(), host);
  std::vector<double> copies[] = {u, vt};
  const double side = determinantOf(copies[0], n) * determinantOf(copies[1], n) < 0 ? -1 : 1;
  for (size_t l = 0; l < n; l++) {
    double product = side;
    for (size_t i = 0; i < n; i++) product *= i == l ? 1 : s[i];
    for (size_t i = 0; i < n; i++) {
      for (size_t j = 0; j < n; j++) out[i * n + j] += product * u[i * n + l] * vt[l * n + j];
    }
  }
  return out;
}

// a in, cofactors out.
void toCofactors(std::vector<double>& a, size_t n, Host& host) {
  std::vector<double> factors = a;
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  double value = 1;
  factor(factors, n, n, [&](size_t i, size_t row) {
    value = row == i ? value : -value;
    std::swap(order[i], order[row]);
  });
  for (size_t i = 0; i < n; i++) value *= factors[i * n + i];
  if (value == 0) {
    a = cofactorsBySvd(a, n, host);
    return;
  }
  // a' x = det(a) with a' = u' l' P.
  std::vector<double> x(n * n);
  for (size_t i = 0; i < n; i++) x[i * n + i] = value;
  substitute(factors.data(), n, {false, true, false}, x.data(), n);
  substitute(factors.data(), n, {true, true, true}, x.data(), n);
  for (size_t i = 0; i < n; i++) std::copy_n(&x[i * n], n, &a[order[i] * n]);
}

}  // namespace

template <class T>
void lu(const T* a, size_t batch, size_t m, size_t n, T* out, int32_t* pivots, int32_t* permutation, Host& host) {
  const size_t k = std::min(m, n);
  forEachPart(host, batch, batch * m * n * k / 3, [&](size_t b) {
    std::vector<double> work(a + b * m * n, a + (b + 1) * m * n);
    int32_t* order = permutation + b * m;
    std::iota(order, order + m, 0);
    factor(work, m, n, [&](size_t i, size_t row) {
      pivots[b * k + i] = static_cast<int32_t>(row);
      std::swap(order[i], order[row]);
    });
    std::transform(work.begin(), work.end(), out + b * m * n, [](double x) { return static_cast<T>(x); });
  });
}

void permutationOf(const int32_t* pivots, size_t batch, size_t k, size_t size, int32_t* permutation) {
  for (size_t b = 0; b < batch; b++) {
    int32_t* order = permutation + b * size;
    std::iota(order, order + size, 0);
    for (size_t i = 0; i < k; i++) {
      const int32_t row = pivots[b * k + i];
      if (row < 0 || static_cast<size_t>(row) >= size) throw std::invalid_argument("a pivot names a row that is not there");
      std::swap(order[i], order[row]);
    }
  }
}

template <class T>
void luSolve(const T* lu, const int32_t* permutation, const T* b, size_t batch, size_t n, size_t k, bool transposed, T* x, Host& host) {
  if (std::any_of(permutation, permutation + batch * n, [n](int32_t i) { return i < 0 || static_cast<size_t>(i) >= n; })) {
    throw std::invalid_argument("a permutation names a row that is not there");
  }
  solveBlocks(b, batch, n, k, x, host, [&](size_t matrix, double* work, size_t columns) {
    const T* factors = lu + matrix * n * n;
    const int32_t* order = permutation + matrix * n;
    std::vector<double> moved(n * columns);
    // a = P' l u: rows are exchanged before l, or, for a' = u' l' P, after it.
    const auto move = [&](bool back) {
      for (size_t i = 0; i < n; i++) {
        const size_t from = back ? i : static_cast<size_t>(order[i]), to = back ? static_cast<size_t>(order[i]) : i;
        std::copy_n(work + from * columns, columns, moved.data() + to * columns);
      }
      std::copy(moved.begin(), moved.end(), work);
    };
    if (!transposed) move(false);
    substitute(factors, n, {!transposed, transposed, !transposed}, work, columns);
    substitute(factors, n, {transposed, transposed, transposed}, work, columns);
    if (transposed) move(true);
  });
}

template <class T>
void determinant(const T* a, size_t batch, size_t n, T* sign, T* logarithm, T* value, Host& host) {
  forEachPart(host, batch, batch * n * n * n / 3, [&](size_t b) {
    std::vector<double> work(a + b * n * n, a + (b + 1) * n * n);
    double side = 1, log = 0, product = 1;
    factor(work, n, n, [&](size_t i, size_t row) { side = row == i ? side : -side; });
    for (size_t i = 0; i < n; i++) {
      const double x = work[i * n + i];
      side = x == 0 ? 0 : x < 0 ? -side : x > 0 ? side : x;
      log += std::log(std::fabs(x));
      product *= std::fabs(x);
    }
    sign[b] = static_cast<T>(side);
    logarithm[b] = static_cast<T>(log);
    value[b] = static_cast<T>(side == 0 ? 0 : side * product);
  });
}

template <class T>
void cofactors(const T* a, size_t batch, size_t n, T* out, Host& host) {
  forEachPart(host, batch, batch * n * n * n, [&](size_t b) {
    std::vector<double> work(a + b * n * n, a + (b + 1) * n * n);
    toCofactors(work, n, host);
    std::transform(work.begin(), work.end(), out + b * n * n, [](double x) { return static_cast<T>(x); });
  });
}

template void lu<float>(const float*, size_t, size_t, size_t, float*, int32_t*, int32_t*, Host&);
template void lu<double>(const double*, size_t, size_t, size_t, double*, int32_t*, int32_t*, Host&);
template void luSolve<float>(const float*, const int32_t*, const float*, size_t, size_t, size_t, bool, float*, Host&);
template void luSolve<double>(const double*, const int32_t*, const double*, size_t, size_t, size_t, bool, double*, Host&);
template void determinant<float>(const float*, size_t, size_t, float*, float*, float*, Host&);
template void determinant<double>(const double*, size_t, size_t, double*, double*, double*, Host&);
template void cofactors<float>(const float*, size_t, size_t, float*, Host&);
template void cofactors<double>(const double*, size_t, size_t, double*, Host&);

}  // namespace hokku
