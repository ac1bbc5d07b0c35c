#include "convolution.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

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
#include "convolution.inc"
}  // namespace

const ConvolutionLoops kConvolutionAvx2 = kLoops;

}  // namespace hokku

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
