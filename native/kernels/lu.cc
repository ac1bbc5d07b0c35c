#include "lu.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

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

template void lu<float>(const float*, size_t, size_t, size_t, float*, int32_t*, int32_t*, Host&);
template void lu<double>(const double*, size_t, size_t, size_t, double*, int32_t*, int32_t*, Host&);
template void luSolve<float>(const float*, const int32_t*, const float*, size_t, size_t, size_t, bool, float*, Host&);
template void luSolve<double>(const double*, const int32_t*, const double*, size_t, size_t, size_t, bool, double*, Host&);
template void determinant<float>(const float*, size_t, size_t, float*, float*, float*, Host&);
template void determinant<double>(const double*, size_t, size_t, double*, double*, double*, Host&);

}  // namespace hokku
