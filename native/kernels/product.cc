#include "product.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "targets.h"

#ifdef HOKKU_X86_TARGETS
#include <xmmintrin.h>
#endif

namespace hokku {
namespace {

struct Vec {
  static constexpr size_t kLanes = 4, kRows = 4;
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
#include "product_blocks.inc"

const ProductLoops& loopsOfThisMachine() {
#ifdef HOKKU_X86_TARGETS
  switch (detectTarget()) {
    case Target::Avx512: return kProductAvx512;
    case Target::Avx2: return kProductAvx2;
    case Target::Base: break;
  }
#endif
  return kLoops;
}

// Multiplications that one thread should have for itself, some microseconds, and columns that keep its vectors full.
constexpr size_t kTaskWork = size_t{1} << 18;
constexpr size_t kTaskColumns = 64;
// Copying an element takes as long as so many multiplications.
constexpr size_t kCopyWork = 8;
// A block's first strip is copied before anything is computed: it is one of at least so many.
constexpr size_t kTaskStrips = 8;
// With so few rows, or so few elements to a sum, copies would cost as much as the product.
constexpr size_t kFew = 16;
// Floats of a that are packed at a time, unless that were too few rows for the copies of b to pay.
constexpr size_t kPacked = size_t{1} << 20;
constexpr size_t kLeastRows = 64;

// Memory that a thread keeps: fresh memory would be paged in again by every product.
class Scratch {
 public:
  float* floats(size_t count) {
    constexpr size_t kAlign = 64 / sizeof(float);
    if (kept_.size() < count + kAlign) kept_.resize(count + kAlign);
    const size_t past = reinterpret_cast<uintptr_t>(kept_.data()) / sizeof(float) % kAlign;
    return kept_.data() + (kAlign - past) % kAlign;
  }

 private:
  std::vector<float> kept_;
};

// Denormal numbers count as zero in products, as in XLA on a CPU: each costs the processor about a hundred multiplications,
// and the softmax of a trained classifier is full of them.
class FlushDenormals {
 public:
#ifdef HOKKU_X86_TARGETS
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | kFlush); }
  ~FlushDenormals() { _mm_setcsr(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  static constexpr unsigned kFlush = 0x8040;  // of results, and of operands
  unsigned before_;
#endif
};

// For a product's packed rows, and for a block's work: function by function, since each thread needs its own.
Scratch& rowsOfThread() {
  thread_local Scratch kept;
  return kept;
}
Scratch& stripsOfThread() {
  thread_local Scratch kept;
  return kept;
}

// Whoever is free takes the next task, since some threads are slower than others.
template <class F>
void share(Host& host, size_t tasks, size_t work, F&& f) {
  if (tasks < 2 || work < 2 * kTaskWork) {
    for (size_t task = 0; task < tasks; task++) f(task);
    return;
  }
  std::atomic<size_t> next = 0;
  parallelFor(host, tasks, [&](size_t) {
    [[maybe_unused]] const FlushDenormals flush;
    for (size_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) f(task);
  });
}

void multiplyFew(const Product& p, const ProductLoops& loops, Host& host) {
  const size_t groups = p.n / kTaskColumns;
  const size_t tasks = std::min(groups, p.m * p.n * p.k / kTaskWork);
  if (tasks < 2) return loops.columns(p, 0, p.n);
  parallelFor(host, tasks, [&](size_t task) {
    [[maybe_unused]] const FlushDenormals flush;
    loops.columns(p, groups * task / tasks * kTaskColumns, task + 1 == tasks ? p.n : groups * (task + 1) / tasks * kTaskColumns);
  });
}

void multiplyMany(const Product& p, const ProductLoops& loops, Host& host) {
  const size_t depths = ceilDiv(p.k, loops.depth), allStrips = ceilDiv(p.n, loops.strip);
  const size_t groups = ceilDiv(allStrips, ceilDiv(kTaskStrips, depths));
  const size_t parts = ceilDiv(p.m, std::max(kLeastRows, kPacked / p.k));
  for (size_t part = 0; part < parts; part++) {
    const size_t first = p.m * part / parts, height = p.m * (part + 1) / parts - first, blocks = ceilDiv(height, loops.blockRows);
    const auto row = [&](size_t b) { return height * b / blocks; };
    float* memory = rowsOfThread().floats(height * p.k + blocks * depths * loops.lanes);
    const auto packed = [&](size_t b) { return memory + row(b) * p.k + b * depths * loops.lanes; };
    share(host, blocks * depths, height * p.k * kCopyWork, [&](size_t task) {
      const size_t b = task / depths, d = task % depths, k = p.k * d / depths;
      loops.packRows(p, first + row(b), first + row(b + 1), k, p.k * (d + 1) / depths, packed(b) + k * (row(b + 1) - row(b)) + d * loops.lanes);
    });
    share(host, groups * blocks, height * p.n * p.k, [&](size_t task) {
      const size_t g = task / blocks, b = task % blocks;
      const size_t from = allStrips * g / groups * loops.strip, to = std::min(p.n, allStrips * (g + 1) / groups * loops.strip);
      loops.block(p, first + row(b), first + row(b + 1), packed(b), from, to, stripsOfThread().floats(loops.memory));
    });
  }
}

}  // namespace

void multiply(const Product& p, Host& host) {
  if (p.m == 0 || p.n == 0) return;
  [[maybe_unused]] const FlushDenormals flush;
  const ProductLoops& loops = loopsOfThisMachine();
  const bool few = p.m <= kFew || p.k <= kFew;
  if (p.k == 0 || (few && !(p.transA && p.transB))) return multiplyFew(p, loops, host);
  multiplyMany(p, loops, host);
}

}  // namespace hokku
