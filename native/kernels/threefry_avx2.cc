#include "targets.h"
#include "threefry_loops.h"

#ifdef HOKKU_X86_TARGETS
// After the headers: inline functions must stay runnable everywhere, since the linker keeps one copy.
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

namespace hokku {
namespace {
#include "threefry.inc"
}  // namespace

const ThreefryLoops& threefryLoopsAvx2() { return kLoops; }

}  // namespace hokku

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
