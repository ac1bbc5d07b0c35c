#include "cholesky.h"

#include <cmath>
#include <limits>
#include <vector>

#include "matrices.h"

namespace hokku {
namespace {

// Of the upper triangle, to u with u' u: what row k has to do with the rows below it goes out of them at once, along rows.
bool factor(std::vector<double>& u, size_t n) {
  for (size_t k = 0; k < n; k++) {
    double* top = u.data() + k * n;
    if (!(top[k] > 0)) return false;
    const double root = std::sqrt(top[k]);
    for (size_t j = k; j < n; j++) top[j] /= root;
    for (size_t i = k + 1; i < n; i++) {
      double* row = u.data() + i * n;
      const double factor = top[i];
      for (size_t j = i; j < n; j++) row[j] -= factor * top[j];
    }
  }
  return true;
}

}  // namespace

template <class T>
void cholesky(const T* a, size_t batch, size_t n, T* l, Host& host) {
  forEachPart(host, batch, batch * n * n * n / 6, [&](size_t b) {
    const size_t at = b * n * n;
    std::vector<double> work(n * n);
    for (size_t i = 0; i < n; i++) {
      for (size_t j = 0; j <= i; j++) work[j * n + i] = a[at + i * n + j];
    }
    const bool definite = factor(work, n);
    for (size_t i = 0; i < n; i++) {
      for (size_t j = 0; j < n; j++) {
        l[at + i * n + j] = j > i ? T(0) : definite ? static_cast<T>(work[j * n + i]) : std::numeric_limits<T>::quiet_NaN();
      }
    }
  });
}

template void cholesky<float>(const float*, size_t, size_t, float*, Host&);
template void cholesky<double>(const double*, size_t, size_t, double*, Host&);

}  // namespace hokku
