#include "product.h"

#include <algorithm>

#include "targets.h"

namespace hokku {
namespace {

struct Vec {
  static constexpr size_t kLanes = 4, kRows = 6;
  float v[kLanes];

  template <class F>
  static Vec each(F f) {
    Vec out;
    for (size_t i = 0; i < kLanes; i++) out.v[i] = f(i);
    return out;
  }
  static Vec splat(float x) { return {{x, x, x, x}}; }
  static Vec load(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
  static Vec load(const float* p, size_t n) { return each([&](size_t i) { return i < n ? p[i] : 0; }); }
  static Vec fma(Vec x, Vec y, Vec z) { return each([&](size_t i) { return x.v[i] * y.v[i] + z.v[i]; }); }
  void store(float* p) const { std::copy_n(v, kLanes, p); }
  void store(float* p, size_t n) const { std::copy_n(v, n, p); }
  Vec operator+(Vec y) const { return each([&](size_t i) { return v[i] + y.v[i]; }); }
  Vec relu() const { return each([&](size_t i) { return 0 > v[i] ? 0 : v[i]; }); }

  // Four elements of each of kLanes rows as columns; where there are fewer rows, the last one is repeated.
  template <bool fewer>
  static void turn(const float* from, size_t stride, size_t rows, Vec (&to)[4]) {
    for (size_t c = 0; c < 4; c++) to[c] = each([&](size_t r) { return from[(fewer && r >= rows ? rows - 1 : r) * stride + c]; });
  }
};

#include "product.inc"

auto columnsLoop() {
#ifdef HOKKU_X86_TARGETS
  switch (detectTarget()) {
    case Target::Avx512: return multiplyAvx512;
    case Target::Avx2: return multiplyAvx2;
    case Target::Base: break;
  }
#endif
  return multiplyColumns;
}

// Multiplications that one thread should have for itself, some microseconds, and columns that keep its vectors full.
constexpr size_t kTaskWork = size_t{1} << 18;
constexpr size_t kTaskColumns = 64;

}  // namespace

void multiply(const Product& p, Host& host) {
  if (p.m == 0 || p.n == 0) return;
  const auto loop = columnsLoop();
  const size_t groups = p.n / kTaskColumns;
  const size_t tasks = std::min(groups, p.m * p.n * p.k / kTaskWork);
  if (tasks < 2) return loop(p, 0, p.n);
  parallelFor(host, tasks, [&](size_t task) {
    loop(p, groups * task / tasks * kTaskColumns, task + 1 == tasks ? p.n : groups * (task + 1) / tasks * kTaskColumns);
  });
}

}  // namespace hokku
