// Arithmetic without denormal numbers.
#pragma once

#include "targets.h"

#ifdef HOKKU_X86_TARGETS
#include <xmmintrin.h>
#endif

namespace hokku {

// Denormal numbers count as zero in products and convolutions, as in XLA on a CPU: each costs the processor about a hundred
// multiplications, and the softmax of a trained classifier is full of them. For the thread that makes this, as long as it lives.
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

}  // namespace hokku
