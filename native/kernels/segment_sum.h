// Sums of rows by the segment that each belongs to, such as the gradient of an embedding.
#pragma once

#include <span>

#include "host.h"

namespace hokku {

// out [segments, width] is zero, and to its row ids[i] row i of `rows` is added, in order. Ids outside are passed over.
template <class Id>
struct SegmentSum {
  std::span<const Id> ids;
  const float* rows;
  float* out;
  size_t segments, width;
};

// The bits do not depend on the threads.
void sumSegments(const SegmentSum<int32_t>& sum, Host& host);
void sumSegments(const SegmentSum<int64_t>& sum, Host& host);

}  // namespace hokku
