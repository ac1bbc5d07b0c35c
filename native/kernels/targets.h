// Which instruction sets the hot loops are compiled for, and which one this machine gets.
#pragma once

#include <cmath>

// The C library's square root may set errno, which keeps loops from being vectorised; ours need not.
#if defined(__GNUC__) && !defined(__clang__)
extern "C" __attribute__((const)) float sqrtf(float) noexcept;
extern "C" __attribute__((const)) double sqrt(double) noexcept;
#endif

#if defined(__x86_64__) && defined(__GNUC__)
#define HOKKU_X86_TARGETS 1
#endif

// Elements of different indices never depend on each other in our loops, although `out` may be an operand itself: this
// spares the run-time overlap checks, which would send exactly that case down the scalar path.
#if defined(__clang__)
#define HOKKU_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define HOKKU_INDEPENDENT _Pragma("GCC ivdep")
#else
#define HOKKU_INDEPENDENT
#endif

// Before a loop over an array of vectors that should live in registers: the compiler keeps it there only where the loop is gone.
#if defined(__clang__)
#define HOKKU_UNROLL _Pragma("unroll")
#elif defined(__GNUC__)
#define HOKKU_UNROLL _Pragma("GCC unroll 32")
#else
#define HOKKU_UNROLL
#endif

namespace hokku {

enum class Target { Base, Avx2, Avx512 };

inline Target detectTarget() {
#ifdef HOKKU_X86_TARGETS
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")) {
    return Target::Avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Target::Avx2;
#endif
  return Target::Base;
}

}  // namespace hokku
