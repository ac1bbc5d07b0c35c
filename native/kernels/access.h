// How a loop reads one of its inputs: numpy broadcasting, resolved for the shapes of one run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hokku {

using Shape = std::vector<int64_t>;

// Null where the two do not fit together.
std::optional<Shape> broadcast(std::span<const int64_t> a, std::span<const int64_t> b);

inline size_t elementCount(std::span<const int64_t> shape) {
  size_t count = 1;
  for (const int64_t dim : shape) count *= static_cast<size_t>(dim);
  return count;
}

enum class AccessKind {
  Scalar,
  Identity,
  Cycle,    // element (i / every) % period
  Strided,  // anything else
};

struct Access {
  AccessKind kind;
  size_t every = 1;
  size_t period = 1;
  // Strided: sizes and element strides, outermost first, neighbours merged.
  std::vector<size_t> sizes;
  std::vector<size_t> strides;
};

// `shape` must broadcast to `loop`.
Access makeAccess(std::span<const int64_t> shape, std::span<const int64_t> loop);

// Elements start to start + n of the loop: a pointer into `data` where they lie there as wanted, else to `buffer`.
const void* gather(const Access& access, const void* data, size_t elementSize, size_t start, size_t n, void* buffer);

}  // namespace hokku
