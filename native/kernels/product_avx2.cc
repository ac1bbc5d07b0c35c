#include "product.h"

#include <algorithm>
#include <cstdint>

#include "targets.h"

#ifdef HOKKU_X86_TARGETS
#include <immintrin.h>

// After the headers: inline functions must stay runnable everywhere, since the linker keeps one copy.
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

namespace hokku {
namespace {

#include "vec_avx2.inc"
#include "product.inc"
#include "product_blocks.inc"
}  // namespace

const ProductLoops kProductAvx2 = kLoops;

}  // namespace hokku

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
