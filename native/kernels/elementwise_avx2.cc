#include "elementwise.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "targets.h"

#ifdef HOKKU_X86_TARGETS
// After the standard headers: their inline functions must stay runnable everywhere, since the linker keeps one copy.
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#pragma GCC optimize("no-trapping-math")
#endif

namespace hokku {
namespace {
#include "math.inc"
#include "elementwise.inc"
#include "sums.inc"
}  // namespace

ElementKernel elementKernelAvx2(Opcode opcode, Dtype result, Dtype operand) { return kernelOf(opcode, result, operand); }
SumKernel sumKernelAvx2(Dtype type) { return sumOf(type); }
FillKernel fillKernelAvx2(size_t size) { return fillOf(size); }

}  // namespace hokku

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
