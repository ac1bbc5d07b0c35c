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

  // Four elements of each of kLanes rows as columns; where there are fewer rows, the last one is repeated.
  template <bool fewer>
  static void turn(const float* from, size_t stride, size_t rows, Vec (&to)[4]) {
    const auto at = [&](size_t r) { return _mm_loadu_ps(from + (fewer && r >= rows ? rows - 1 : r) * stride); };
    const auto four = [&](size_t r) {
      __m512 x = _mm512_castps128_ps512(at(r));
      x = _mm512_mask_broadcast_f32x4(x, 0x00f0, at(r + 4));
      x = _mm512_mask_broadcast_f32x4(x, 0x0f00, at(r + 8));
      return _mm512_mask_broadcast_f32x4(x, 0xf000, at(r + 12));
    };
    const __m512 x0 = four(0), x1 = four(1), x2 = four(2), x3 = four(3);
    const __m512d p = _mm512_castps_pd(_mm512_unpacklo_ps(x0, x1)), q = _mm512_castps_pd(_mm512_unpacklo_ps(x2, x3));
    const __m512d s = _mm512_castps_pd(_mm512_unpackhi_ps(x0, x1)), t = _mm512_castps_pd(_mm512_unpackhi_ps(x2, x3));
    to[0] = {_mm512_castpd_ps(_mm512_unpacklo_pd(p, q))};
    to[1] = {_mm512_castpd_ps(_mm512_unpackhi_pd(p, q))};
    to[2] = {_mm512_castpd_ps(_mm512_unpacklo_pd(s, t))};
    to[3] = {_mm512_castpd_ps(_mm512_unpackhi_pd(s, t))};
  }
};

#include "product.inc"
#include "product_blocks.inc"
}  // namespace

const ProductLoops kProductAvx512 = kLoops;

}  // namespace hokku

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
