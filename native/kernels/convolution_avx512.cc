#include "convolution.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

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

struct Vec {
  static constexpr size_t kLanes = 16, kRows = 12;
  __m512 v;

  static __mmask16 first(size_t n) { return static_cast<__mmask16>((1u << n) - 1); }
  static Vec splat(float x) { return {_mm512_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec load(const float* p, size_t n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
  static Vec fma(Vec x, Vec y, Vec z) { return {_mm512_fmadd_ps(x.v, y.v, z.v)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store(float* p, size_t n) const { _mm512_mask_storeu_ps(p, first(n), v); }
  Vec operator+(Vec y) const { return {_mm512_add_ps(v, y.v)}; }
  // The second operand where either is NaN.
  Vec relu() const { return {_mm512_max_ps(_mm512_setzero_ps(), v)}; }
};

#include "convolution.inc"
}  // namespace

const ConvolutionLoops kConvolutionAvx512 = kLoops;

}  // namespace hokku

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
