// Memory that a thread keeps between calls of a kernel: fresh memory would be paged in again by every one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hokku {

class Scratch {
 public:
  // At least `count` floats, on a cache line of their own; what was there before is gone.
  float* floats(size_t count) {
    constexpr size_t kAlign = 64 / sizeof(float);
    if (kept_.size() < count + kAlign) kept_ = std::vector<float>(count + kAlign);
    const size_t past = reinterpret_cast<uintptr_t>(kept_.data()) / sizeof(float) % kAlign;
    return kept_.data() + (kAlign - past) % kAlign;
  }

 private:
  std::vector<float> kept_;
};

}  // namespace hokku
