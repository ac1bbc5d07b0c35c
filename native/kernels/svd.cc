#include "svd.h"

#include <limits>
#include <numeric>
#include <vector>

#include "bidiagonal.h"
#include "matrices.h"

namespace hokku {
namespace {

// Of a or its transpose, whichever has at least as many rows as columns, by way of LAPACK's dgesdd: reflections make it
// bidiagonal (triangular first where it is much longer than wide), rotations diagonal.
class Decomposition {
 public:
  Decomposition(size_t m, size_t n, bool vectors, bool full)
      : wide_(m < n), m_(std::max(m, n)), n_(std::min(m, n)), vectors_(vectors), longCount_(full ? m_ : n_), a_(m_ * n_), tauQ_(n_), tauP_(n_), d_(n_), e_(n_), scratch_(m_) {}

  template <class T>
  bool run(const T* a) {
    double largest = 0;
    bool finite = true;
    for (size_t i = 0; i < m_ * n_; i++) {
      // Row-major a is column-major a'.
      const double x = a_[wide_ ? i % m_ * n_ + i / m_ : i] = a[i];
      finite = finite && std::isfinite(x);
      largest = std::max(largest, std::fabs(x));
    }
    if (!finite) return false;
    scale_ = safeScale(largest);
    if (scale_ != 1) std::transform(a_.begin(), a_.end(), a_.begin(), [this](double x) { return x * scale_; });
    if (m_ >= n_ * 11 / 6 && m_ > n_) triangularize();
    bidiagonalize();
    if (vectors_) long_ = short_ = identity(n_, n_);
    std::vector<double>&u = wide_ ? short_ : long_, &v = wide_ ? long_ : short_;
    // The bidiagonal matrix of a wide a, but not that of its triangle, is a lower one: rotations make it upper.
    for (size_t i = 0; wide_ && !triangular() && i + 1 < n_; i++) {
      const Rotation turned = rotation(d_[i], e_[i]);
      d_[i] = turned.r;
      e_[i] = turned.s * d_[i + 1];
      d_[i + 1] *= turned.c;
      if (vectors_) rotate(turned.c, turned.s, &u[i * n_], &u[(i + 1) * n_], n_);
    }
    if (!diagonalizeBidiagonal(d_, e_, u, v, std::numeric_limits<T>::epsilon() / 2)) return false;
    if (vectors_) transformBack();
    order_.resize(n_);
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::stable_sort(order_.begin(), order_.end(), [this](size_t i, size_t j) { return d_[i] > d_[j]; });
    return true;
  }

  double value(size_t j) const { return d_[order_[j]] / scale_; }
  // Left and right singular vectors of a itself, as rows.
  const double* left(size_t j) const { return wide_ ? shortVector(j) : longVector(j); }
  const double* right(size_t j) const { return wide_ ? longVector(j) : shortVector(j); }

 private:
  static std::vector<double> identity(size_t rows, size_t columns) {
    std::vector<double> out(rows * columns);
    for (size_t i = 0; i < std::min(rows, columns); i++) out[i * columns + i] = 1;
    return out;
  }
  const double* longVector(size_t j) const { return &long_[(j < n_ ? order_[j] : j) * m_]; }
  const double* shortVector(size_t j) const { return &short_[order_[j] * n_]; }

  bool triangular() const { return !q_.empty(); }

  // a = Q R; Q's reflections are kept aside and R goes on, or R' where it is a' that is long.
  void triangularize() {
    tauR_.resize(n_);
    for (size_t j = 0; j < n_; j++) {
      double* head = &a_[j * n_ + j];
      tauR_[j] = reflect(*head, head + n_, m_ - j - 1, n_);
      reflectRows(tauR_[j], head, n_, head + 1, n_, m_ - j, n_ - j - 1, scratch_.data());
    }
    q_ = a_;
    a_.resize(n_ * n_);
    for (size_t i = 0; i < n_; i++) {
      for (size_t j = 0; j < i; j++) {
        a_[i * n_ + j] = wide_ ? a_[j * n_ + i] : 0;
        if (wide_) a_[j * n_ + i] = 0;
      }
    }
  }

  void bidiagonalize() {
    const size_t rows = a_.size() / n_;
    for (size_t j = 0; j < n_; j++) {
      double* head = &a_[j * n_ + j];
      const size_t rest = n_ - j - 1;
      tauQ_[j] = reflect(*head, head + n_, rows - j - 1, n_);
      reflectRows(tauQ_[j], head, n_, head + 1, n_, rows - j, rest, scratch_.data());
      d_[j] = *head;
      if (rest == 0) break;
      tauP_[j] = reflect(head[1], head + 2, rest - 1, 1);
      for (size_t i = j + 1; i < rows; i++) reflectRow(tauP_[j], head + 1, head + 1 + (i - j) * n_, rest);
      e_[j] = head[1];
    }
  }

  void transformBack() {
    const bool crossed = wide_ && triangular();
    std::vector<double>& p = crossed ? long_ : short_;
    for (size_t j = n_ - 1; j-- > 0;) {
      for (size_t row = 0; row < n_; row++) reflectRow(tauP_[j], &a_[j * n_ + j + 1], &p[row * n_ + j + 1], n_ - j - 1);
    }
    if (crossed) reflectVectors(short_, n_, a_, tauQ_);
    std::vector<double> longer = identity(longCount_, m_);
    for (size_t i = 0; i < n_; i++) std::copy_n(&long_[i * n_], n_, &longer[i * m_]);
    long_ = std::move(longer);
    if (!crossed) reflectVectors(long_, m_, a_, tauQ_);
    if (triangular()) reflectVectors(long_, m_, q_, tauR_);
  }

  // Vectors as rows, by the reflections that a matrix holds below its diagonal.
  void reflectVectors(std::vector<double>& vectors, size_t size, const std::vector<double>& a, const std::vector<double>& tau) {
    const size_t rows = a.size() / n_;
    for (size_t j = n_; j-- > 0;) {
      for (size_t i = j; i < rows; i++) scratch_[i] = a[i * n_ + j];
      for (size_t at = j; at < vectors.size(); at += size) reflectRow(tau[j], &scratch_[j], &vectors[at], rows - j);
    }
  }

  bool wide_;
  size_t m_, n_;
  bool vectors_;
  size_t longCount_;
  double scale_ = 1;
  std::vector<double> a_, q_, tauQ_, tauP_, tauR_, d_, e_, scratch_;
  // Singular vectors as rows: of the longer axis of a, and of the shorter one.
  std::vector<double> long_, short_;
  std::vector<size_t> order_;
};

constexpr size_t work(size_t batch, size_t m, size_t n) { return batch * m * n * std::min(m, n) * 4; }

}  // namespace

template <class T>
void svd(const T* a, size_t batch, size_t m, size_t n, Vectors vectors, T* s, T* u, T* vt, Host& host) {
  const bool full = vectors == Vectors::Full;
  const size_t k = std::min(m, n), columns = full ? m : k, rows = full ? n : k;
  forEachPart(host, batch, work(batch, m, n), [&](size_t b) {
    T* const values = s + b * k;
    Decomposition found(m, n, vectors != Vectors::None, full);
    const bool converged = k == 0 || found.run(a + b * m * n);
    const T nan = std::numeric_limits<T>::quiet_NaN();
    for (size_t j = 0; j < k; j++) values[j] = converged ? static_cast<T>(found.value(j)) : nan;
    if (vectors == Vectors::None) return;
    const auto element = [&](bool left, size_t vector, size_t i) {
      if (k == 0) return T(vector == i);
      return converged ? static_cast<T>((left ? found.left(vector) : found.right(vector))[i]) : nan;
    };
    for (size_t i = 0; i < m; i++) {
      for (size_t j = 0; j < columns; j++) u[(b * m + i) * columns + j] = element(true, j, i);
    }
    for (size_t i = 0; i < rows; i++) {
      for (size_t j = 0; j < n; j++) vt[(b * rows + i) * n + j] = element(false, i, j);
    }
  });
}

template <class T>
void pinv(const T* a, const T* rtol, size_t batch, size_t m, size_t n, T* out, Host& host) {
  const size_t k = std::min(m, n);
  if (k == 0) return;
  forEachPart(host, batch, work(batch, m, n), [&](size_t b) {
    Decomposition found(m, n, true, false);
    const bool converged = found.run(a + b * m * n);
    std::vector<double> sum(n * m, converged ? 0 : std::numeric_limits<double>::quiet_NaN());
    for (size_t l = 0; converged && l < k && found.value(l) > static_cast<double>(rtol[b]) * found.value(0); l++) {
      for (size_t i = 0; i < n; i++) {
        const double factor = found.right(l)[i] / found.value(l);
        for (size_t j = 0; j < m; j++) sum[i * m + j] += factor * found.left(l)[j];
      }
    }
    std::transform(sum.begin(), sum.end(), out + b * m * n, [](double x) { return static_cast<T>(x); });
  });
}

template void svd<float>(const float*, size_t, size_t, size_t, Vectors, float*, float*, float*, Host&);
template void svd<double>(const double*, size_t, size_t, size_t, Vectors, double*, double*, double*, Host&);
template void pinv<float>(const float*, const float*, size_t, size_t, size_t, float*, Host&);
template void pinv<double>(const double*, const double*, size_t, size_t, size_t, double*, Host&);

}  // namespace hokku
