#include "cholesky.h"

#include <cmath>
#include <limits>
#include <vector>

#include "matrices.h"

namespace hokku {
namespace {

// Row by row: element (i, j) needs the rows i and j to the left of column j.
bool factor(std::vector<double>& a, size_t n) {
  for (size_t i = 0; i < n; i++) {
    double* row = a.data() + i * n;
    for (size_t j = 0; j <= i; j++) {
      const double* other = a.data() + j * n;
      double sum = row[j];
      for (size_t k = 0; k < j; k++) sum -= row[k] * other[k];
      if (j < i) {
        row[j] = sum / other[j];
      } else {
        if (!(sum > 0)) return false;
        row[j] = std::sqrt(sum);
      }
    }
  }
  return true;
}

}  // namespace

template <class T>
void cholesky(const T* a, size_t batch, size_t n, T* l, Host& host) {
  forEachPart(host, batch, batch * n * n * n / 6, [&](size_t b) {
    const size_t at = b * n * n;
    std::vector<double> work(a + at, a + at + n * n);
    const bool definite = factor(work, n);
    for (size_t i = 0; i < n; i++) {
      for (size_t j = 0; j < n; j++) {
        l[at + i * n + j] = j > i ? T(0) : definite ? static_cast<T>(work[i * n + j]) : std::numeric_limits<T>::quiet_NaN();
      }
    }
  });
}

template void cholesky<float>(const float*, size_t, size_t, float*, Host&);
template void cholesky<double>(const double*, size_t, size_t, double*, Host&);

}  // namespace hokku
