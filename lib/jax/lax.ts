/** `jax.lax`: operations as the primitives are, without promotion. */
export {
  abs, add, atan2, bitwiseAnd, bitwiseNot, bitwiseOr, bitwiseXor, ceil, div, eq, floor, fma, ge, gt, isFinite, le, lt, max, min, mul, ne, neg,
  nextafter, pow, rem, round, select, shiftLeft, shiftRightLogical, sign, square, sub,
} from './primitives/arithmetic.js';
export { cos, erf, erfInv, exp, expm1, log, log1p, logistic, rsqrt, sin, sqrt, tan, tanh } from './primitives/functions.js';
export { bitcastConvertType, convertElementType, stopGradient } from './primitives/convert.js';
export { pad, reshape, reverse as rev, slice, transpose } from './primitives/shape.js';
export { iota } from './primitives/indexing.js';
export { argmax, argmin, cumsum } from './primitives/reduce.js';
export { dotGeneral } from './primitives/dot.js';
