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

alignas(32) constexpr int32_t kMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

struct Vec {
  static constexpr size_t kLanes = 8, kRows = 6;
  __m256 v;

  static __m256i first(size_t n) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMasks + kLanes - n)); }
  static Vec splat(float x) { return {_mm256_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vec load(const float* p, size_t n) { return {_mm256_maskload_ps(p, first(n))}; }
  static Vec fma(Vec x, Vec y, Vec z) { return {_mm256_fmadd_ps(x.v, y.v, z.v)}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  void store(float* p, size_t n) const { _mm256_maskstore_ps(p, first(n), v); }
  Vec operator+(Vec y) const { return {_mm256_add_ps(v, y.v)}; }
  // The second operand where either is NaN.
  Vec relu() const { return {_mm256_max_ps(_mm256_setzero_ps(), v)}; }
};

#include "convolution.inc"
}  // namespace

const ConvolutionLoops kConvolutionAvx2 = kLoops;

}  // namespace hokku

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
