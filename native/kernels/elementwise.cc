#include "elementwise.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "targets.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")
#endif

namespace hokku {

ElementKernel elementKernelAvx2(Opcode opcode, Dtype result, Dtype operand);
ElementKernel elementKernelAvx512(Opcode opcode, Dtype result, Dtype operand);
SumKernel sumKernelAvx2(Dtype type);
FillKernel fillKernelAvx2(size_t size);

namespace {
#include "math.inc"
#include "elementwise.inc"
#include "sums.inc"

#ifdef HOKKU_X86_TARGETS
// Tensors seldom lie on 64-byte boundaries, so that every 64-byte access touches two cache lines: the widest vectors pay
// only where arithmetic dominates.
bool isHeavy(Opcode opcode) {
  switch (opcode) {
    case Opcode::Exp:
    case Opcode::Log:
    case Opcode::Log1p:
    case Opcode::Expm1:
    case Opcode::Tanh:
    case Opcode::Logistic:
    case Opcode::Erf:
    case Opcode::ErfInv: return true;
    default: return false;
  }
}
#endif
}  // namespace

ElementKernel elementKernel(Opcode opcode, Dtype result, Dtype operand) {
#ifdef HOKKU_X86_TARGETS
  switch (detectTarget()) {
    case Target::Avx512:
      return isHeavy(opcode) ? elementKernelAvx512(opcode, result, operand) : elementKernelAvx2(opcode, result, operand);
    case Target::Avx2: return elementKernelAvx2(opcode, result, operand);
    case Target::Base: break;
  }
#endif
  return kernelOf(opcode, result, operand);
}

SumKernel sumKernel(Dtype type) {
#ifdef HOKKU_X86_TARGETS
  if (detectTarget() != Target::Base) return sumKernelAvx2(type);
#endif
  return sumOf(type);
}

FillKernel fillKernel(size_t size) {
#ifdef HOKKU_X86_TARGETS
  if (detectTarget() != Target::Base) return fillKernelAvx2(size);
#endif
  return fillOf(size);
}

}  // namespace hokku
