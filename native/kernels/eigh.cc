#include "eigh.h"

#include <limits>
#include <numeric>
#include <vector>

#include "matrices.h"

namespace hokku {
namespace {

// Householder's tridiagonal form, then implicit QL or QR steps with Wilkinson's shift, in the order of dsytd2 and dsteqr,
// so that eigenvectors come out with LAPACK's signs.
class Symmetric {
 public:
  Symmetric(size_t n, bool vectors, double epsilon) : n_(n), epsilon_(epsilon), a_(n * n), d_(n), e_(n), tau_(n), work_(n), z_(vectors ? n * n : 0) {}

  template <class T>
  void run(const T* a, T* w, T* v) {
    if (!load(a) || !diagonalize()) {
      std::fill_n(w, n_, std::numeric_limits<T>::quiet_NaN());
      if (v) std::fill_n(v, n_ * n_, std::numeric_limits<T>::quiet_NaN());
      return;
    }
    std::vector<size_t> order(n_);
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) { return d_[i] < d_[j]; });
    for (size_t j = 0; j < n_; j++) w[j] = static_cast<T>(d_[order[j]] / scale_);
    if (!v) return;
    for (size_t i = 0; i < n_; i++) {
      for (size_t j = 0; j < n_; j++) v[i * n_ + j] = static_cast<T>(z_[order[j] * n_ + i]);
    }
  }

 private:
  template <class T>
  bool load(const T* a) {
    double largest = 0;
    bool finite = true;
    for (size_t i = 0; i < n_; i++) {
      for (size_t j = 0; j <= i; j++) {
        a_[i * n_ + j] = a_[j * n_ + i] = a[i * n_ + j];
        finite = finite && std::isfinite(a_[i * n_ + j]);
        largest = std::max(largest, std::fabs(a_[i * n_ + j]));
      }
    }
    scale_ = safeScale(largest);
    if (scale_ != 1) std::transform(a_.begin(), a_.end(), a_.begin(), [this](double x) { return x * scale_; });
    return finite;
  }

  bool diagonalize() {
    tridiagonalize();
    for (size_t i = 0; i < n_ && !z_.empty(); i++) z_[i * n_ + i] = 1;
    for (size_t first = 0, last; first < n_; first = last + 1) {
      for (last = first; last + 1 < n_; last++) {
        if (std::fabs(e_[last]) <= std::sqrt(std::fabs(d_[last])) * std::sqrt(std::fabs(d_[last + 1])) * epsilon_) break;
      }
      if (last + 1 < n_) e_[last] = 0;
      if (!block(static_cast<std::ptrdiff_t>(first), static_cast<std::ptrdiff_t>(last))) return false;
    }
    // Each row of z is an eigenvector of the tridiagonal matrix, and becomes one of the matrix itself.
    for (size_t i = n_ - 1; i-- > 0 && !z_.empty();) {
      for (size_t row = 0; row < n_; row++) reflectRow(tau_[i], &a_[i * n_ + i + 1], &z_[row * n_ + i + 1], n_ - i - 1);
    }
    return true;
  }

  // The whole symmetric matrix is kept, so that what belongs to column i can be read along row i.
  void tridiagonalize() {
    for (size_t i = 0; i + 1 < n_; i++) {
      const size_t rest = n_ - i - 1;
      double* v = &a_[i * n_ + i + 1];
      double head = *v;
      tau_[i] = reflect(head, v + 1, rest - 1, 1);
      e_[i] = head;
      d_[i] = a_[i * n_ + i];
      *v = 1;
      if (tau_[i] == 0) continue;
      // A - v w' - w v' with w = p - tau/2 (p'v) v, p = tau A v.
      double* const corner = &a_[(i + 1) * n_ + i + 1];
      double dot = 0;
      for (size_t r = 0; r < rest; r++) {
        work_[r] = tau_[i] * std::inner_product(v, v + rest, corner + r * n_, 0.0);
        dot += work_[r] * v[r];
      }
      for (size_t r = 0; r < rest; r++) work_[r] -= tau_[i] / 2 * dot * v[r];
      for (size_t r = 0; r < rest; r++) {
        double* row = corner + r * n_;
        for (size_t c = 0; c < rest; c++) row[c] -= v[r] * work_[c] + work_[r] * v[c];
      }
    }
    d_[n_ - 1] = a_[n_ * n_ - 1];
  }

  // One unreduced block, from the end with the smaller diagonal element to the other: QL or QR.
  bool block(std::ptrdiff_t first, std::ptrdiff_t last) {
    const std::ptrdiff_t step = std::fabs(d_[last]) < std::fabs(d_[first]) ? -1 : 1;
    if (step < 0) std::swap(first, last);
    while (step * (last - first) >= 0) {
      std::ptrdiff_t far = first;
      while (far != last && !negligible(far, far + step)) far += step;
      if (far != last) beside(far, far + step) = 0;
      if (far == first) {
        first += step;
      } else if (far == first + step) {
        pair(static_cast<size_t>(std::min(first, far)));
        first += 2 * step;
      } else {
        if (steps_++ == 30 * n_) return false;
        sweep(first, far, step);
      }
    }
    return true;
  }

  double& beside(std::ptrdiff_t i, std::ptrdiff_t j) { return e_[static_cast<size_t>(std::min(i, j))]; }
  bool negligible(std::ptrdiff_t i, std::ptrdiff_t j) {
    const double e = beside(i, j);
    return e * e <= epsilon_ * epsilon_ * std::fabs(d_[i]) * std::fabs(d_[j]) + std::numeric_limits<double>::min();
  }
  void turn(size_t i, size_t j, double c, double s) {
    if (!z_.empty()) rotate(c, s, &z_[i * n_], &z_[j * n_], n_);
  }

  // From `far` back to `near`, whose eigenvalue is sought.
  void sweep(std::ptrdiff_t near, std::ptrdiff_t far, std::ptrdiff_t step) {
    const double edge = beside(near, near + step);
    double g = (d_[near + step] - d_[near]) / (2 * edge);
    g = d_[far] - d_[near] + edge / (g + std::copysign(std::hypot(g, 1.0), g));
    double s = 1, c = 1, p = 0;
    for (std::ptrdiff_t i = far; i != near; i -= step) {
      const std::ptrdiff_t next = i - step;
      const double b = c * beside(i, next);
      const Rotation turned = rotation(g, s * beside(i, next));
      c = turned.c;
      s = turned.s;
      if (i != far) beside(i, i + step) = turned.r;
      g = d_[i] - p;
      const double r = (d_[next] - g) * s + 2 * c * b;
      p = s * r;
      d_[i] = g + p;
      g = c * r - b;
      turn(static_cast<size_t>(i), static_cast<size_t>(next), c, s);
    }
    d_[near] -= p;
    beside(near, near + step) = g;
  }

  // The 2 by 2 block at j, as dlaev2: the eigenvalue of larger size first.
  void pair(size_t j) {
    const double a = d_[j], b = e_[j], c = d_[j + 1];
    const double sum = a + c, difference = a - c, twice = b + b, root = std::hypot(difference, twice);
    const double large = std::fabs(a) > std::fabs(c) ? a : c, small = std::fabs(a) > std::fabs(c) ? c : a;
    const double sign = sum < 0 ? -1 : 1;
    double one = 0.5 * root, two = -0.5 * root;
    if (sum != 0) {
      one = 0.5 * (sum + sign * root);
      two = large / one * small - b / one * b;
    }
    const double side = difference >= 0 ? 1 : -1;
    const double cs = difference + side * root;
    double cosine = 1, sine = 0;
    if (std::fabs(cs) > std::fabs(twice)) {
      const double t = -twice / cs;
      sine = 1 / std::sqrt(1 + t * t);
      cosine = t * sine;
    } else if (twice != 0) {
      const double t = -cs / twice;
      cosine = 1 / std::sqrt(1 + t * t);
      sine = t * cosine;
    }
    if (sign == side) {
      const double t = cosine;
      cosine = -sine;
      sine = t;
    }
    turn(j, j + 1, cosine, sine);
    d_[j] = one;
    d_[j + 1] = two;
    e_[j] = 0;
  }

  size_t n_, steps_ = 0;
  const double epsilon_;
  double scale_ = 1;
  std::vector<double> a_, d_, e_, tau_, work_;
  // Eigenvectors as rows.
  std::vector<double> z_;
};

}  // namespace

template <class T>
void eigh(const T* a, size_t batch, size_t n, T* w, T* v, Host& host) {
  if (n == 0) return;
  forEachPart(host, batch, batch * n * n * n * 4, [&](size_t b) {
    Symmetric(n, v != nullptr, std::numeric_limits<T>::epsilon() / 2).run(a + b * n * n, w + b * n, v ? v + b * n * n : nullptr);
  });
}

template void eigh<float>(const float*, size_t, size_t, float*, float*, Host&);
template void eigh<double>(const double*, size_t, size_t, double*, double*, Host&);

}  // namespace hokku
