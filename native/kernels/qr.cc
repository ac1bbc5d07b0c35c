#include "qr.h"

#include <algorithm>
#include <vector>

#include "matrices.h"

namespace hokku {
namespace {

// Row-major in double whatever the element type: every inner loop runs along a row.
class Householder {
 public:
  Householder(size_t m, size_t n) : m_(m), n_(n), k_(std::min(m, n)), a_(m * n), tau_(k_), row_(std::max(k_, n)) {}

  template <class T>
  void run(const T* a, T* q, T* r) {
    std::copy_n(a, m_ * n_, a_.begin());
    for (size_t j = 0; j < k_; j++) {
      double* head = &a_[j * n_ + j];
      tau_[j] = reflect(*head, head + n_, m_ - j - 1, n_);
      apply(j, a_.data(), n_, j + 1, n_);
    }
    for (size_t i = 0; i < k_; i++) {
      for (size_t j = 0; j < n_; j++) r[i * n_ + j] = j < i ? T(0) : static_cast<T>(a_[i * n_ + j]);
    }
    formQ();
    std::transform(q_.begin(), q_.end(), q, [](double x) { return static_cast<T>(x); });
  }

 private:
  // The j-th reflection times columns of a matrix whose rows are `stride` apart.
  void apply(size_t j, double* matrix, size_t stride, size_t first, size_t end) {
    reflectRows(tau_[j], &a_[j * n_ + j], n_, matrix + j * stride + first, stride, m_ - j, end - first, row_.data());
  }

  void formQ() {
    q_.assign(m_ * k_, 0);
    for (size_t i = 0; i < k_; i++) q_[i * k_ + i] = 1;
    for (size_t j = k_; j-- > 0;) apply(j, q_.data(), k_, j, k_);
  }

  size_t m_, n_, k_;
  std::vector<double> a_, q_, tau_, row_;
};

}  // namespace

template <class T>
void qr(const T* a, size_t batch, size_t m, size_t n, T* q, T* r, Host& host) {
  const size_t k = std::min(m, n);
  forEachPart(host, batch, batch * m * n * k, [&](size_t i) { Householder(m, n).run(a + i * m * n, q + i * m * k, r + i * k * n); });
}

template void qr<float>(const float*, size_t, size_t, size_t, float*, float*, Host&);
template void qr<double>(const double*, size_t, size_t, size_t, double*, double*, Host&);

}  // namespace hokku
