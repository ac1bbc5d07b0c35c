#include "product.h"

#include <algorithm>

#include "denormals.h"
#include "scratch.h"
#include "targets.h"

namespace hokku {
namespace {

#include "vec_base.inc"
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
// Floats of b that the first-level cache keeps while all rows are multiplied with them, unless that were too few columns.
constexpr size_t kNear = 5120;
// Copying an element takes as long as so many multiplications.
constexpr size_t kCopyWork = 8;
// A block's first strip is copied before anything is computed: it is one of at least so many.
constexpr size_t kTaskStrips = 8;
// With so few rows, or so few elements to a sum, copies would cost as much as the product.
constexpr size_t kFew = 16;
// Floats of a that are packed at a time, unless that were too few rows for the copies of b to pay.
constexpr size_t kPacked = size_t{1} << 20;
constexpr size_t kLeastRows = 64;

// For a product's packed rows, and for a block's work: function by function, since each thread needs its own.
Scratch& rowsOfThread() {
  thread_local Scratch kept;
  return kept;
}
Scratch& stripsOfThread() {
  thread_local Scratch kept;
  return kept;
}

void multiplyFew(const Product& p, const ProductLoops& loops, Host& host) {
  const size_t least = vectorsFor(p.m) * loops.lanes, near = std::max<size_t>(kNear / std::max<size_t>(p.k, 1) / least, 1) * least;
  const auto columns = [&](size_t first, size_t end) {
    float* memory = p.transB ? stripsOfThread().floats(near * p.k) : nullptr;
    for (size_t j = first; j < end; j += near) loops.columns(p, j, std::min(end, j + near), memory);
  };
  const size_t groups = p.n / kTaskColumns;
  const size_t tasks = std::min(groups, p.m * p.n * p.k / kTaskWork);
  [[maybe_unused]] const FlushDenormals flush;
  if (tasks < 2) return columns(0, p.n);
  parallelFor(host, tasks, [&](size_t task) {
    [[maybe_unused]] const FlushDenormals flush;
    columns(groups * task / tasks * kTaskColumns, task + 1 == tasks ? p.n : groups * (task + 1) / tasks * kTaskColumns);
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
  const ProductLoops& loops = loopsOfThisMachine();
  const bool few = p.m <= kFew || p.k <= kFew;
  if (few) return multiplyFew(p, loops, host);
  multiplyMany(p, loops, host);
}

}  // namespace hokku
