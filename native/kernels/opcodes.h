// The instruction set of `hokku.Fused`. The numbers are part of the model format and mirrored by the lowering: never
// renumber, only append.
//
//   program := [1, numLoops, loop...]
//   loop    := [predicateInput or -1, numLoads, load..., numInstrs, instr..., numStores, store...]
//   load    := the index of an input; or, -1 - k, of output k, which an earlier loop stored
//   instr   := [opcode, dtype, a, b, c]     the result is register numLoads + i; -1 where an operand is not used
//   store   := [register, kind, index]           kind 3 carries the number of summed leading axes above its low byte
//
// Every load of an input sees the values from before the node ran, whatever the order of loops. Where outputs are loaded, all loops run
// together, a few rows at a time: then each computes a row from that row of what it loads, and none stores anything but outputs and
// sums of rows.
#pragma once

#include <cstdint>

namespace hokku {

enum class Opcode : int64_t {
  Const = 0,  // a: the bits
  Add = 1,
  Sub = 2,
  Mul = 3,
  Div = 4,
  Rem = 5,
  Pow = 6,
  Max = 7,
  Min = 8,
  Neg = 9,
  Abs = 10,
  Sign = 11,
  Floor = 12,
  Ceil = 13,
  RoundEven = 14,
  Exp = 15,
  Log = 16,
  Log1p = 17,
  Expm1 = 18,
  Sqrt = 19,
  Rsqrt = 20,
  Tanh = 21,
  Logistic = 22,
  Erf = 23,
  ErfInv = 24,
  Sin = 25,
  Cos = 26,
  Eq = 27,
  Ne = 28,
  Lt = 29,
  Le = 30,
  Gt = 31,
  Ge = 32,
  And = 33,
  Or = 34,
  Xor = 35,
  Not = 36,
  Shl = 37,
  ShrLogical = 38,
  ShrArith = 39,
  Select = 40,  // a: predicate, b: if true, c: if false
  Convert = 41,
  Bitcast = 42,
  Fma = 43,  // a * b + c, rounded once
  IsFinite = 44,
  NextAfter = 45,
  Square = 46,
  Tan = 47,
  Atan2 = 48,
  Asin = 49,
  Acos = 50,
  Atan = 51,
  Sinh = 52,
  Cosh = 53,
  Asinh = 54,
  Acosh = 55,
  Atanh = 56,
  Cbrt = 57,
  Exp2 = 58,
  Erfc = 59,
  Lgamma = 60,
  Digamma = 61,
  Igamma = 62,  // a: the parameter, b: the limit of the integral
  Igammac = 63,
  IgammaGradA = 64,
  RandomGammaGrad = 65,
  BesselI0e = 66,
  BesselI1e = 67,
  Betainc = 68,  // a, b: the parameters, c: the limit of the integral
};
constexpr int64_t kNumOpcodes = 69;

enum class StoreKind : int64_t {
  Output = 0,
  InPlace = 1,  // into the memory of input `index`
  Sum = 2,      // the sum over all elements into the scalar output `index`
  Columns = 3,  // float32: the sums over leading axes into output `index`, whose shape is the other axes'
  Rows = 4,     // float32: the same over trailing axes
  KeptRows = 5, // as Rows, where the output keeps each of those axes with size 1
};

// Whether a store sums over some of the axes.
constexpr bool sumsAxes(StoreKind kind) { return kind == StoreKind::Columns || kind == StoreKind::Rows || kind == StoreKind::KeptRows; }

// ONNX's numbers of the element types that a register can have.
enum class Dtype : int64_t { F32 = 1, U8 = 2, I32 = 6, I64 = 7, Bool = 9, F64 = 11, U32 = 12 };

}  // namespace hokku
