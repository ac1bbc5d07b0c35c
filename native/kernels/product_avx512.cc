#include "product.h"

#include <algorithm>

#include "targets.h"

#ifdef HOKKU_X86_TARGETS
#include <immintrin.h>

#ifndef __clang__
// GCC 12's own header leaves on purpose uninitialised what it then says is.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

// After the headers: inline functions must stay runnable everywhere, since the linker keeps one copy.
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif

namespace hokku {
namespace {

#include "vec_avx512.inc"
#include "product.inc"
#include "product_blocks.inc"
}  // namespace

const ProductLoops kProductAvx512 = kLoops;

}  // namespace hokku

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
