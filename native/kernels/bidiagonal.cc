#include "bidiagonal.h"

#include <cstddef>
#include <limits>

#include "matrices.h"

namespace hokku {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon() / 2;

// The singular value decomposition of [f g; 0 h]: [cl sl; -sl cl] [f g; 0 h] [cr -sr; sr cr] = diag(large, small), each to
// full relative accuracy, as dlasv2.
struct Pair {
  double small, large, sr, cr, sl, cl;
};
Pair decompose(double f, double g, double h) {
  const bool swapped = std::fabs(h) > std::fabs(f);
  const double p = swapped ? h : f, q = swapped ? f : h, fa = std::fabs(p), ha = std::fabs(q), ga = std::fabs(g);
  double small = ha, large = fa, cl = 1, sl = 0, cr = 1, sr = 0;
  bool bigCorner = false;
  if (ga != 0) {
    bigCorner = ga > fa;
    if (bigCorner && fa / ga < kEpsilon) {
      large = ga;
      small = ha > 1 ? fa / (ga / ha) : fa / ga * ha;
      sl = q / g;
      sr = 1;
      cr = p / g;
    } else {
      const double d = fa - ha, l = d == fa ? 1 : d / fa, m = g / p;
      double t = 2 - l;
      const double s = std::sqrt(t * t + m * m), r = l == 0 ? std::fabs(m) : std::sqrt(l * l + m * m), a = 0.5 * (s + r);
      small = ha / a;
      large = fa * a;
      if (m * m != 0) t = (m / (s + t) + m / (r + l)) * (1 + a);
      else t = l == 0 ? std::copysign(2.0, p) * std::copysign(1.0, g) : g / std::copysign(d, p) + m / t;
      const double length = std::sqrt(t * t + 4);
      cr = 2 / length;
      sr = t / length;
      cl = (cr + sr * m) / a;
      sl = q / p * sr / a;
    }
  }
  Pair out = swapped ? Pair{0, 0, cl, sl, cr, sr} : Pair{0, 0, sr, cr, sl, cl};
  const auto sign = [](double x) { return std::copysign(1.0, x); };
  const double side = bigCorner ? sign(out.sr) * sign(out.cl) * sign(g) : swapped ? sign(out.sr) * sign(out.sl) * sign(h) : sign(out.cr) * sign(out.cl) * sign(f);
  out.large = std::copysign(large, side);
  out.small = std::copysign(small, side * sign(f) * sign(h));
  return out;
}

// The smaller singular value of [f g; 0 h], as dlas2.
double smaller(double f, double g, double h) {
  const double low = std::min(std::fabs(f), std::fabs(h)), high = std::max(std::fabs(f), std::fabs(h)), ga = std::fabs(g);
  if (low == 0) return 0;
  const double sum = 1 + low / high, difference = (high - low) / high;
  if (ga < high) {
    const double u = ga / high * (ga / high);
    return low * (2 / (std::sqrt(sum * sum + u) + std::sqrt(difference * difference + u)));
  }
  const double u = high / ga;
  if (u == 0) return low * high / ga;
  return 2 * (low * (1 / (std::hypot(1.0, sum * u) + std::hypot(1.0, difference * u))) * u);
}

// Implicit QR steps, without shift where that keeps small values accurate (Demmel and Kahan), in the order of dbdsqr, so
// that vectors come out with LAPACK's signs. A block is walked from its larger end: upwards the matrix is read from its
// other end, where left and right change places.
class Chase {
 public:
  Chase(std::vector<double>& d, std::vector<double>& e, std::vector<double>& u, std::vector<double>& v, double epsilon)
      : epsilon_(epsilon), tolerance_(std::pow(epsilon, -0.125) * epsilon), d_(d), e_(e), u_(u), v_(v), n_(static_cast<std::ptrdiff_t>(d.size())) {}

  bool run() {
    const double threshold = smallest();
    std::ptrdiff_t budget = 6 * n_ * n_;
    // Where the last sweep was: a block within goes on in its direction.
    std::ptrdiff_t knownFirst = -1, knownLast = -1;
    for (std::ptrdiff_t last = n_ - 1; last > 0;) {
      std::ptrdiff_t first = last;
      double largest = std::fabs(d_[last]);
      for (; first > 0 && std::fabs(e_[first - 1]) > threshold; first--) largest = std::max({largest, std::fabs(d_[first - 1]), std::fabs(e_[first - 1])});
      if (first > 0) e_[first - 1] = 0;
      if (first == last) {
        last--;
      } else if (first == last - 1) {
        solvePair(first);
        last -= 2;
      } else {
        if (first > knownLast || last < knownFirst) down_ = std::fabs(d_[first]) >= std::fabs(d_[last]);
        first_ = first;
        last_ = last;
        if (const double least = negligible(); least >= 0) {
          knownFirst = first;
          knownLast = last;
          if ((budget -= last - first) < 0) return false;
          step(shift(least, largest));
          if (std::fabs(e(length() - 1)) <= threshold) e(length() - 1) = 0;
        }
      }
    }
    for (std::ptrdiff_t i = 0; i < n_; i++) {
      // -0 too becomes 0.
      if (!std::signbit(d_[i])) continue;
      d_[i] = -d_[i];
      // LAPACK turns the right vector, and the left one where there is only one.
      std::vector<double>& turned = n_ == 1 ? u_ : v_;
      for (std::ptrdiff_t j = 0; j < n_ && !turned.empty(); j++) turned[i * n_ + j] = -turned[i * n_ + j];
    }
    return true;
  }

 private:
  std::ptrdiff_t length() const { return last_ - first_; }
  std::ptrdiff_t at(std::ptrdiff_t k) const { return down_ ? first_ + k : last_ - k; }
  double& d(std::ptrdiff_t k) { return d_[at(k)]; }
  double& e(std::ptrdiff_t k) { return e_[down_ ? first_ + k : last_ - 1 - k]; }

  // What is as good as zero beside the smallest singular value.
  double smallest() {
    double bound = std::fabs(d_[0]), least = bound;
    for (std::ptrdiff_t i = 1; i < n_ && least > 0; i++) {
      bound = std::fabs(d_[i]) * (bound / (bound + std::fabs(e_[i - 1])));
      least = std::min(least, bound);
    }
    const double n = static_cast<double>(n_);
    return std::max(tolerance_ * least / std::sqrt(n), 6 * n * n * std::numeric_limits<double>::min());
  }

  // Sets one element of e to zero and gives -1, or gives a lower bound of the block's singular values.
  double negligible() {
    const std::ptrdiff_t n = length();
    if (std::fabs(e(n - 1)) <= tolerance_ * std::fabs(d(n))) {
      e(n - 1) = 0;
      return -1;
    }
    double bound = std::fabs(d(0)), least = bound;
    for (std::ptrdiff_t k = 0; k < n; k++) {
      const double beside = std::fabs(e(k));
      if (beside <= tolerance_ * bound) {
        e(k) = 0;
        return -1;
      }
      bound = std::fabs(d(k + 1)) * (bound / (bound + beside));
      least = std::min(least, bound);
    }
    return least;
  }

  double shift(double least, double largest) {
    const std::ptrdiff_t n = length();
    if (static_cast<double>(n_) * tolerance_ * (least / largest) <= std::max(epsilon_, 0.01 * tolerance_)) return 0;
    const double by = smaller(d(n - 1), e(n - 1), d(n)), head = std::fabs(d(0));
    return head > 0 && by / head * (by / head) < epsilon_ ? 0 : by;
  }

  void step(double shift) {
    const std::ptrdiff_t n = length();
    if (shift == 0) {
      Rotation one{1, 0, 0}, two{1, 0, 0};
      for (std::ptrdiff_t k = 0; k < n; k++) {
        one = rotation(d(k) * one.c, e(k));
        if (k > 0) e(k - 1) = two.s * one.r;
        two = rotation(two.c * one.r, d(k + 1) * one.s);
        d(k) = two.r;
        turn(k, one, two);
      }
      const double tail = d(n) * one.c;
      d(n) = tail * two.c;
      e(n - 1) = tail * two.s;
      return;
    }
    double f = (std::fabs(d(0)) - shift) * (std::copysign(1.0, d(0)) + shift / d(0)), g = e(0);
    for (std::ptrdiff_t k = 0; k < n; k++) {
      const Rotation one = rotation(f, g);
      if (k > 0) e(k - 1) = one.r;
      f = one.c * d(k) + one.s * e(k);
      e(k) = one.c * e(k) - one.s * d(k);
      g = one.s * d(k + 1);
      d(k + 1) *= one.c;
      const Rotation two = rotation(f, g);
      d(k) = two.r;
      f = two.c * e(k) + two.s * d(k + 1);
      d(k + 1) = two.c * d(k + 1) - two.s * e(k);
      if (k + 1 < n) {
        g = two.s * e(k + 1);
        e(k + 1) *= two.c;
      }
      turn(k, one, two);
    }
    e(n - 1) = f;
  }

  // Rotates the vectors k and k + 1 of the walk.
  void turn(std::ptrdiff_t k, const Rotation& one, const Rotation& two) {
    rows(v_, at(k), at(k + 1), down_ ? one.c : two.c, down_ ? one.s : two.s);
    rows(u_, at(k), at(k + 1), down_ ? two.c : one.c, down_ ? two.s : one.s);
  }
  void rows(std::vector<double>& m, std::ptrdiff_t i, std::ptrdiff_t j, double c, double s) {
    if (!m.empty()) rotate(c, s, m.data() + i * n_, m.data() + j * n_, static_cast<size_t>(n_));
  }

  void solvePair(std::ptrdiff_t i) {
    const Pair pair = decompose(d_[i], e_[i], d_[i + 1]);
    d_[i] = pair.large;
    d_[i + 1] = pair.small;
    e_[i] = 0;
    rows(v_, i, i + 1, pair.cr, pair.sr);
    rows(u_, i, i + 1, pair.cl, pair.sl);
  }

  const double epsilon_, tolerance_;
  std::vector<double>&d_, &e_, &u_, &v_;
  const std::ptrdiff_t n_;
  bool down_ = true;
  std::ptrdiff_t first_ = 0, last_ = 0;
};

}  // namespace

bool diagonalizeBidiagonal(std::vector<double>& d, std::vector<double>& e, std::vector<double>& u, std::vector<double>& v, double epsilon) {
  return Chase(d, e, u, v, epsilon).run();
}

}  // namespace hokku
