#include "triangular.h"

namespace hokku {

template <class T>
void substitute(const T* a, size_t n, Triangle kind, double* x, size_t k) {
  // A transposed triangle is walked like the other one.
  const bool forward = kind.lower != kind.transposed;
  for (size_t step = 0; step < n; step++) {
    const size_t i = forward ? step : n - 1 - step;
    double* row = x + i * k;
    if (!kind.transposed) {
      // Row i takes what the rows before it have become.
      for (size_t j = forward ? 0 : i + 1; j < (forward ? i : n); j++) {
        const double factor = a[i * n + j];
        for (size_t c = 0; c < k; c++) row[c] -= factor * x[j * k + c];
      }
    }
    if (!kind.unit) {
      const double diagonal = a[i * n + i];
      for (size_t c = 0; c < k; c++) row[c] /= diagonal;
    }
    if (kind.transposed) {
      // Row i is done and is taken out of the others: a is read along its row.
      for (size_t j = forward ? i + 1 : 0; j < (forward ? n : i); j++) {
        const double factor = a[i * n + j];
        for (size_t c = 0; c < k; c++) x[j * k + c] -= factor * row[c];
      }
    }
  }
}

template <class T>
void triangularSolve(const T* a, const T* b, size_t batch, size_t n, size_t k, Triangle kind, T* x, Host& host) {
  solveBlocks(b, batch, n, k, x, host, [&](size_t matrix, double* work, size_t columns) { substitute(a + matrix * n * n, n, kind, work, columns); });
}

template void substitute<float>(const float*, size_t, Triangle, double*, size_t);
template void substitute<double>(const double*, size_t, Triangle, double*, size_t);
template void triangularSolve<float>(const float*, const float*, size_t, size_t, size_t, Triangle, float*, Host&);
template void triangularSolve<double>(const double*, const double*, size_t, size_t, size_t, Triangle, double*, Host&);

}  // namespace hokku
