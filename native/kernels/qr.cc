#include "qr.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace hokku {
namespace {

// Row-major in double whatever the element type: every inner loop runs along a row.
class Householder {
 public:
  Householder(size_t m, size_t n) : m_(m), n_(n), k_(std::min(m, n)), a_(m * n), tau_(k_), row_(std::max(k_, n)) {}

  template <class T>
  void run(const T* a, T* q, T* r) {
    std::copy_n(a, m_ * n_, a_.begin());
    for (size_t j = 0; j < k_; j++) reflect(j);
    for (size_t i = 0; i < k_; i++) {
      for (size_t j = 0; j < n_; j++) r[i * n_ + j] = j < i ? T(0) : static_cast<T>(a_[i * n_ + j]);
    }
    formQ();
    std::transform(q_.begin(), q_.end(), q, [](double x) { return static_cast<T>(x); });
  }

 private:
  // dlarfg: H = I - tau v v', v = (1, column below the diagonal); H = I where the column is already zero there.
  void reflect(size_t j) {
    double scale = 0;
    for (size_t i = j + 1; i < m_; i++) scale = std::max(scale, std::fabs(a_[i * n_ + j]));
    const double alpha = a_[j * n_ + j];
    tau_[j] = 0;
    if (scale == 0) return;
    scale = std::max(scale, std::fabs(alpha));
    double squares = alpha / scale * (alpha / scale);
    for (size_t i = j + 1; i < m_; i++) {
      const double x = a_[i * n_ + j] / scale;
      squares += x * x;
    }
    const double beta = -std::copysign(scale * std::sqrt(squares), alpha);
    tau_[j] = (beta - alpha) / beta;
    for (size_t i = j + 1; i < m_; i++) a_[i * n_ + j] /= alpha - beta;
    a_[j * n_ + j] = beta;
    apply(j, a_.data(), n_, j + 1, n_);
  }

  // Columns first to end of a matrix whose rows are `stride` apart, multiplied by the j-th reflection.
  void apply(size_t j, double* matrix, size_t stride, size_t first, size_t end) {
    if (tau_[j] == 0 || first == end) return;
    double* top = matrix + j * stride;
    std::copy(top + first, top + end, row_.begin());
    for (size_t i = j + 1; i < m_; i++) {
      const double v = a_[i * n_ + j];
      const double* x = matrix + i * stride + first;
      for (size_t c = 0; c < end - first; c++) row_[c] += v * x[c];
    }
    for (size_t c = 0; c < end - first; c++) row_[c] *= tau_[j];
    for (size_t c = 0; c < end - first; c++) top[first + c] -= row_[c];
    for (size_t i = j + 1; i < m_; i++) {
      const double v = a_[i * n_ + j];
      double* x = matrix + i * stride + first;
      for (size_t c = 0; c < end - first; c++) x[c] -= v * row_[c];
    }
  }

  void formQ() {
    q_.assign(m_ * k_, 0);
    for (size_t i = 0; i < k_; i++) q_[i * k_ + i] = 1;
    for (size_t j = k_; j-- > 0;) apply(j, q_.data(), k_, j, k_);
  }

  size_t m_, n_, k_;
  std::vector<double> a_, q_, tau_, row_;
};

// Below this many multiplications a second thread is not worth waking.
constexpr size_t kParallelWork = 100'000;

}  // namespace

template <class T>
void qr(const T* a, size_t batch, size_t m, size_t n, T* q, T* r, Host& host) {
  const size_t k = std::min(m, n);
  auto one = [&](size_t i) { Householder(m, n).run(a + i * m * n, q + i * m * k, r + i * k * n); };
  if (batch > 1 && batch * m * n * k > kParallelWork) {
    parallelFor(host, batch, one);
  } else {
    for (size_t i = 0; i < batch; i++) one(i);
  }
}

template void qr<float>(const float*, size_t, size_t, size_t, float*, float*, Host&);
template void qr<double>(const double*, size_t, size_t, size_t, double*, double*, Host&);

}  // namespace hokku
