/** Instructions of `hokku.Fused`, as numbered in `native/kernels/opcodes.h`. */
export const OPCODES = {
  CONST: 0, ADD: 1, SUB: 2, MUL: 3, DIV: 4, REM: 5, POW: 6, MAX: 7, MIN: 8, NEG: 9, ABS: 10, SIGN: 11, FLOOR: 12, CEIL: 13,
  ROUND_EVEN: 14, EXP: 15, LOG: 16, LOG1P: 17, EXPM1: 18, SQRT: 19, RSQRT: 20, TANH: 21, LOGISTIC: 22, ERF: 23, ERF_INV: 24,
  SIN: 25, COS: 26, EQ: 27, NE: 28, LT: 29, LE: 30, GT: 31, GE: 32, AND: 33, OR: 34, XOR: 35, NOT: 36, SHL: 37, SHR_LOGICAL: 38,
  SHR_ARITH: 39, SELECT: 40, CONVERT: 41, BITCAST: 42, FMA: 43, IS_FINITE: 44, NEXT_AFTER: 45, SQUARE: 46, TAN: 47, ATAN2: 48,
} as const;

export type OpCode = keyof typeof OPCODES;
