// The vectorised loops behind `threefry.h`, one table per instruction set.
#pragma once

#include "threefry.h"

namespace hokku {

struct ThreefryLoops {
  void (*partitionable8)(Key, uint64_t start, size_t n, uint8_t* out);
  void (*partitionable16)(Key, uint64_t start, size_t n, uint16_t* out);
  void (*partitionable32)(Key, uint64_t start, size_t n, uint32_t* out);
  void (*partitionable64)(Key, uint64_t start, size_t n, uint64_t* out);
  void (*pairs)(Key, uint64_t start, size_t n, uint32_t* out);
  void (*halves)(Key, uint32_t x, uint32_t y, size_t n, uint32_t* first, uint32_t* second);
  void (*wideHalves)(Key, uint32_t x, uint32_t y, size_t n, uint64_t* out);
};

const ThreefryLoops& threefryLoopsAvx2();
const ThreefryLoops& threefryLoopsAvx512();

}  // namespace hokku
