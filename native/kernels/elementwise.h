// One vectorised loop per opcode and element type, compiled once per instruction set and chosen at run time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "opcodes.h"

namespace hokku {

// Bit 0, 1, 2 of `scalars`: operand a, b, c is one value for all elements. `out` may be one of the operands itself.
using ElementKernel = void (*)(void* out, const void* a, const void* b, const void* c, size_t n, unsigned scalars);

// `operand` is the type of `a` (for Select: of `b`). Null where the opcode does not take that combination.
ElementKernel elementKernel(Opcode opcode, Dtype result, Dtype operand);

// The sum of n elements: a double for float types, else an int64 that wraps.
using SumKernel = void (*)(void* sum, const void* a, size_t n);
SumKernel sumKernel(Dtype type);

// n times the element at `value`, whose size is 1, 4 or 8 bytes.
using FillKernel = void (*)(void* out, const void* value, size_t n);
FillKernel fillKernel(size_t size);

constexpr size_t elementSize(Dtype type) {
  switch (type) {
    case Dtype::U8:
    case Dtype::Bool: return 1;
    case Dtype::I64:
    case Dtype::F64: return 8;
    default: return 4;
  }
}

constexpr int operandCount(Opcode opcode) {
  switch (opcode) {
    case Opcode::Const: return 0;
    case Opcode::Select:
    case Opcode::Fma:
    case Opcode::Betainc: return 3;
    case Opcode::Add:
    case Opcode::Sub:
    case Opcode::Mul:
    case Opcode::Div:
    case Opcode::Rem:
    case Opcode::Pow:
    case Opcode::Max:
    case Opcode::Min:
    case Opcode::Eq:
    case Opcode::Ne:
    case Opcode::Lt:
    case Opcode::Le:
    case Opcode::Gt:
    case Opcode::Ge:
    case Opcode::And:
    case Opcode::Or:
    case Opcode::Xor:
    case Opcode::Shl:
    case Opcode::ShrLogical:
    case Opcode::ShrArith:
    case Opcode::NextAfter:
    case Opcode::Atan2:
    case Opcode::Igamma:
    case Opcode::Igammac:
    case Opcode::IgammaGradA:
    case Opcode::RandomGammaGrad: return 2;
    default: return 1;
  }
}

}  // namespace hokku
