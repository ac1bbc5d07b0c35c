/** Operators that work element by element. */
import { lax, nn, numpy as jnp, type Array } from '../../jax/index.js';
import { dtypeOf } from '../tensors.js';
import { DTYPES, isFloat, isUnsigned, type DType } from '../../jax/dtypes.js';
import { Known } from '../values.js';
import type { Call, Operators } from '../call.js';

const unary = (f: (x: Array) => Array) => (c: Call): Array => f(c.x(0));
const binary = (f: (x: Array, y: Array) => Array) => (c: Call): Array => f(c.x(0), c.x(1));
const variadic = (f: (x: Array, y: Array) => Array) => (c: Call): Array => { c.value(0); return c.xs().reduce(f); };
const logical = (f: (x: Array, y: Array) => Array) => binary((x, y) => f(lax.convertElementType(x, 'bool'), lax.convertElementType(y, 'bool')));
/** A function of floating-point numbers, applied to whatever comes. */
const inFloat = (f: (x: Array) => Array) => (x: Array): Array => (isFloat(x.dtype) ? f(x) : lax.convertElementType(f(lax.convertElementType(x, 'float32')), x.dtype));

/** x to the power of y, in x's dtype. A small whole exponent that is known is a product. */
function pow(c: Call): Array {
  const x = c.x(0);
  const y = c.value(1);
  const n = y instanceof Known && y.values.length === 1 && y.shape.length === 0 ? Number(y.values[0]) : NaN;
  if (Number.isInteger(n) && n >= 0 && n <= 4 && isFloat(x.dtype)) return n === 1 ? x : lax.integerPow(x, n);
  if (n === 0.5) return lax.sqrt(x);
  const by = c.x(1);
  if (!isFloat(x.dtype) && isFloat(by.dtype)) return lax.convertElementType(lax.pow(lax.convertElementType(x, by.dtype), by), x.dtype);
  return jnp.power(x, lax.convertElementType(by, x.dtype));
}

/** C's remainder, or Python's. */
const mod = (c: Call): Array => (c.int('fmod', 0) === 1 ? lax.rem(c.x(0), c.x(1)) : jnp.mod(c.x(0), c.x(1)));

function clip(c: Call): Array {
  const x = c.x(0);
  const [low, high] = [c.has(1) ? c.x(1) : c.attribute('min') ? c.scalar(c.float('min', 0), x) : null, c.has(2) ? c.x(2) : c.attribute('max') ? c.scalar(c.float('max', 0), x) : null];
  // As relu6 is derived: nothing passes at the bounds themselves, but within them all.
  if (low && high && isFloat(x.dtype)) return lax.select(lax.ge(x, high), high, lax.select(lax.le(x, low), lax.min(low, high), x));
  const above = low ? (isFloat(x.dtype) ? lax.select(lax.le(x, low), low, x) : lax.max(x, low)) : x;
  return high ? (isFloat(x.dtype) ? lax.select(lax.ge(above, high), high, above) : lax.min(above, high)) : above;
}

function cast(x: Array, to: DType): Array {
  // The engine turns floats into integers by C's rules, and so does convertElementType.
  return lax.convertElementType(x, to);
}

function bitShift(c: Call): Array {
  const [x, y] = [c.x(0), c.x(1)];
  const width = c.scalar(8 * DTYPES[x.dtype].size, y);
  const left = c.text('direction', 'LEFT') === 'LEFT';
  const inside = isUnsigned(x.dtype) ? lax.lt(y, width) : lax.bitwiseAnd(lax.ge(y, c.scalar(0, y)), lax.lt(y, width));
  const by = lax.select(inside, y, c.scalar(0, y));
  const shifted = left ? lax.shiftLeft(x, by) : isUnsigned(x.dtype) ? lax.shiftRightLogical(x, by) : lax.shiftRightArithmetic(x, by);
  // All bits shifted out leave what the sign fills in.
  const gone = left || isUnsigned(x.dtype) ? c.scalar(0, x) : lax.select(lax.lt(x, c.scalar(0, x)), c.scalar(-1, x), c.scalar(0, x));
  return lax.select(inside, shifted, gone);
}

function prelu(c: Call): Array {
  const [x, slope] = [c.x(0), c.x(1)];
  return lax.select(lax.ge(x, c.scalar(0, x)), x, lax.mul(slope, x));
}

function gelu(c: Call): Array { return nn.gelu(c.x(0), { approximate: c.text('approximate', 'none') === 'tanh' }); }

function isInf(c: Call): Array {
  const x = c.x(0);
  if (!isFloat(x.dtype)) return jnp.zeros(x.shape, { dtype: 'bool' });
  const [positive, negative] = [lax.eq(x, c.scalar(Infinity, x)), lax.eq(x, c.scalar(-Infinity, x))];
  if (!c.int('detect_positive', 1)) return c.int('detect_negative', 1) ? negative : lax.bitwiseAnd(positive, negative);
  return c.int('detect_negative', 1) ? lax.bitwiseOr(positive, negative) : positive;
}

/** Away from ±lambd by bias, and 0 between. */
function shrink(c: Call): Array {
  const x = c.x(0);
  const [lambd, bias] = [c.float('lambd', 0.5), c.float('bias', 0)];
  return lax.select(lax.lt(x, c.scalar(-lambd, x)), lax.add(x, c.scalar(bias, x)), lax.select(lax.gt(x, c.scalar(lambd, x)), lax.sub(x, c.scalar(bias, x)), c.scalar(0, x)));
}

const hardSigmoid = (x: Array, alpha: number, beta: number): Array => lax.max(lax.min(lax.add(lax.mul(x, alpha), beta), 1), 0);
const inScale = (x: Array, value: number): Array => lax.convertElementType(jnp.array(value, { dtype: 'float32' }), x.dtype);

export const ELEMENTWISE: Operators = {
  Abs: unary(lax.abs), Neg: unary(lax.neg), Sign: unary((x) => (isFloat(x.dtype) ? lax.select(lax.ne(x, x), lax.mul(x, 0), lax.sign(x)) : lax.sign(x))),
  Floor: unary(lax.floor), Ceil: unary(lax.ceil), Round: unary((x) => (isFloat(x.dtype) ? lax.round(x, { roundingMethod: 'TO_NEAREST_EVEN' }) : x)),
  Sqrt: unary(lax.sqrt), Exp: unary(lax.exp), Log: unary(lax.log), Reciprocal: unary((x) => lax.div(inScale(x, 1), x)),
  Sin: unary(lax.sin), Cos: unary(lax.cos), Tan: unary(lax.tan), Asin: unary(lax.asin), Acos: unary(lax.acos), Atan: unary(lax.atan),
  Sinh: unary(lax.sinh), Cosh: unary(lax.cosh), Tanh: unary(lax.tanh), Asinh: unary(lax.asinh), Acosh: unary(lax.acosh), Atanh: unary(lax.atanh),
  Erf: unary(inFloat(lax.erf)), Sigmoid: unary(lax.logistic), Relu: unary((x) => (isFloat(x.dtype) ? nn.relu(x) : lax.max(x, 0))), Softplus: unary(nn.softplus), Softsign: unary(nn.softSign), Mish: unary(nn.mish),
  HardSwish: unary((x) => lax.mul(x, hardSigmoid(x, 1 / 6, 0.5))), Gelu: gelu,
  Swish: (c) => { const x = c.x(0); const alpha = c.float('alpha', 1); return lax.mul(x, lax.logistic(alpha === 1 ? x : lax.mul(x, alpha))); },
  SwiGLU: (c) => { const a = c.x(0); const alpha = c.float('alpha', 1); return lax.mul(lax.mul(a, lax.logistic(alpha === 1 ? a : lax.mul(a, alpha))), c.x(1)); },
  LeakyRelu: (c) => nn.leakyRelu(c.x(0), { negativeSlope: c.float('alpha', 0.01) }),
  Elu: (c) => nn.elu(c.x(0), { alpha: c.float('alpha', 1) }),
  Celu: (c) => nn.celu(c.x(0), { alpha: c.float('alpha', 1) }),
  Selu: (c) => lax.mul(nn.elu(c.x(0), { alpha: c.float('alpha', 1.67326319217681884765625) }), c.float('gamma', 1.05070102214813232421875)),
  HardSigmoid: (c) => hardSigmoid(c.x(0), c.float('alpha', 0.2), c.float('beta', 0.5)),
  ThresholdedRelu: (c) => { const x = c.x(0); return lax.select(lax.gt(x, c.scalar(c.float('alpha', 1), x)), x, c.scalar(0, x)); },
  PRelu: prelu, Shrink: shrink, IsInf: isInf, IsNaN: unary((x) => lax.ne(x, x)),
  Clip: { run: clip, statics: [1, 2] },
  Identity: { run: (c) => c.value(0) },
  Cast: (c) => cast(c.x(0), c.dtype('to', 'float32')),
  CastLike: (c) => cast(c.x(0), c.x(1).dtype),
  BitCast: { run: (c) => lax.bitcastConvertType(c.x(0), dtypeOf(c.int('to', 1)) ?? 'float32'), noGradient: 'bits have no derivative' },

  Add: binary(lax.add), Sub: binary(lax.sub), Mul: binary(lax.mul), Div: binary(lax.div), Pow: { run: pow, statics: [1] }, Mod: mod,
  Max: variadic(lax.max), Min: variadic(lax.min), Sum: variadic(lax.add),
  Mean: (c) => lax.div(variadic(lax.add)(c), c.xs().length),
  Equal: binary(lax.eq), Less: binary(lax.lt), LessOrEqual: binary(lax.le), Greater: binary(lax.gt), GreaterOrEqual: binary(lax.ge),
  And: logical(lax.bitwiseAnd), Or: logical(lax.bitwiseOr), Xor: logical(lax.bitwiseXor), Not: unary(lax.bitwiseNot),
  BitwiseAnd: binary(lax.bitwiseAnd), BitwiseOr: binary(lax.bitwiseOr), BitwiseXor: binary(lax.bitwiseXor), BitwiseNot: unary(lax.bitwiseNot), BitShift: bitShift,
  Where: (c) => lax.select(c.x(0), c.x(1), c.x(2)),
};
