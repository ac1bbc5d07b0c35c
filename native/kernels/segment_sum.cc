#include "segment_sum.h"

#include <algorithm>
#include <vector>

namespace hokku {
namespace {

// Floats of the result that a task fills and adds to while they are in its second-level cache.
constexpr size_t kTask = size_t{1} << 16;
// Where the result is small, columns are divided until there are so many tasks, but no further than this.
constexpr size_t kTasks = 16, kColumns = 64;
// Elements that are not worth a second thread.
constexpr size_t kSmall = size_t{1} << 15;

template <class Id>
void sum(const SegmentSum<Id>& s, Host& host) {
  if (s.segments == 0 || s.width == 0) return;
  const size_t height = std::max<size_t>(1, kTask / s.width), parts = (s.segments + height - 1) / height;
  const auto part = [&](Id id) { return static_cast<size_t>(id) / height; };
  const auto inside = [&](Id id) { return id >= 0 && static_cast<uint64_t>(id) < s.segments; };
  // The rows of each part, in their order.
  std::vector<size_t> ends(parts + 1, 0), order(s.ids.size());
  for (Id id : s.ids) {
    if (inside(id)) ends[part(id) + 1]++;
  }
  for (size_t p = 1; p < parts; p++) ends[p + 1] += ends[p];
  for (size_t i = 0; i < s.ids.size(); i++) {
    if (inside(s.ids[i])) order[ends[part(s.ids[i])]++] = i;
  }
  const size_t strips = std::clamp<size_t>(std::min(s.width / kColumns, kTasks / parts), 1, kTasks);
  auto task = [&](size_t t) {
    const size_t p = t / strips, column = s.width * (t % strips) / strips, width = s.width * (t % strips + 1) / strips - column;
    const size_t first = p * height, last = std::min(s.segments, first + height);
    for (size_t r = first; r < last; r++) std::fill_n(s.out + r * s.width + column, width, 0.0f);
    for (size_t k = p == 0 ? 0 : ends[p - 1]; k < ends[p]; k++) {
      const float* from = s.rows + order[k] * s.width + column;
      float* to = s.out + static_cast<size_t>(s.ids[order[k]]) * s.width + column;
      for (size_t c = 0; c < width; c++) to[c] += from[c];
    }
  };
  if ((s.segments + s.ids.size()) * s.width <= kSmall) {
    for (size_t t = 0; t < parts * strips; t++) task(t);
  } else {
    parallelFor(host, parts * strips, task);
  }
}

}  // namespace

void sumSegments(const SegmentSum<int32_t>& s, Host& host) { sum(s, host); }
void sumSegments(const SegmentSum<int64_t>& s, Host& host) { sum(s, host); }

}  // namespace hokku
