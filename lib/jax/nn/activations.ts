/** Activations: one formula each, with JAX's derivatives at their kinks. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError } from '../../runtime/errors.js';
import { isArray, type NDArray } from '../array.js';
import { canonicalAxis, formatShape } from '../dims.js';
import { toInexact } from '../dtypes.js';
import { abs, add, div, ge, gt, le, lt, max, min, mul, neg, select, square } from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import * as functions from '../primitives/functions.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { slice } from '../primitives/shape.js';
import { erfc } from '../primitives/special.js';

/** Integers become float32. */
export const float = (x: Operand, where: string): NDArray => { const a = asArray(x, where); return convertElementType(a, toInexact(a.dtype)); };
/** Truth values become int32. */
const number = (x: Operand, where: string): NDArray => { const a = asArray(x, where); return a.dtype === 'bool' ? convertElementType(a, 'int32') : a; };
const activation = (name: string, f: (x: NDArray) => NDArray) => (x: Operand): NDArray => f(float(x, `nn.${name}`));
/** A number, or an array of `like`'s dtype. */
const parameter = (p: Operand, like: NDArray): Operand => (isArray(p) ? convertElementType(p, like.dtype) : p);

/** The array itself. */
export const identity = (x: Operand): NDArray => asArray(x, 'nn.identity');
/** max(x, 0); the derivative at 0 is 0. */
export const relu = (x: Operand): NDArray => functions.relu(number(x, 'nn.relu'));
const relu6Of = (x: NDArray): NDArray => select(le(x, 0), 0, select(ge(x, 6), 6, x));
/** min(max(x, 0), 6); the derivatives at 0 and 6 are 0. */
export const relu6 = activation('relu6', relu6Of);
/** 1 / (1 + exp(-x)) of floating-point numbers; integers are refused, as by JAX. */
export const sigmoid = (x: Operand): NDArray => functions.logistic(asArray(x, 'nn.sigmoid'));
export const tanh = activation('tanh', functions.tanh);
/** x · sigmoid(x). */
export const silu = (x: Operand): NDArray => { const a = asArray(x, 'nn.silu'); return mul(a, functions.logistic(a)); };
export const swish = silu;

// The exponent is never positive; at 0 the second term has the whole derivative, ½.
const softplusOf = (x: NDArray): NDArray => add(functions.relu(x), functions.log1p(functions.exp(select(gt(x, 0), neg(x), x))));
/** log(1 + exp(x)). */
export const softplus = activation('softplus', softplusOf);
/** log(sigmoid(x)). */
export const logSigmoid = activation('logSigmoid', (x) => neg(softplusOf(neg(x))));
/** x · tanh(softplus(x)). */
export const mish = activation('mish', (x) => mul(x, functions.tanh(softplusOf(x))));
/** x / (1 + |x|). */
export const softSign = activation('softSign', (x) => div(x, add(abs(x), 1)));
/** 0 up to -1, (x + 1)² / 4 up to 1, then x. */
export const sparsePlus = activation('sparsePlus', (x) => select(le(x, -1), 0, select(ge(x, 1), x, mul(square(add(x, 1)), 0.25))));
/** The derivative of `sparsePlus`: (x + 1) / 2 within [0, 1]. */
export const sparseSigmoid = activation('sparseSigmoid', (x) => mul(0.5, min(max(add(x, 1), 0), 2)));
/** (x + √(x² + b)) / 2. */
export function squareplus(x: Operand, options?: { b?: Operand }): NDArray {
  const { b = 4 } = checkOptions('nn.squareplus', options, ['b']);
  const a = float(x, 'nn.squareplus');
  return mul(0.5, add(a, functions.sqrt(add(square(a), parameter(b, a)))));
}

const eluOf = (x: NDArray, alpha: Operand): NDArray => {
  const positive = gt(x, 0);
  return select(positive, x, mul(parameter(alpha, x), functions.expm1(select(positive, 0, x))));
};
/** x where positive, else alpha · (exp(x) - 1). */
export function elu(x: Operand, options?: { alpha?: Operand }): NDArray {
  const { alpha = 1 } = checkOptions('nn.elu', options, ['alpha']);
  return eluOf(float(x, 'nn.elu'), alpha);
}
/** `elu` scaled so that means and variances converge (Klambauer et al., 2017). */
export const selu = activation('selu', (x) => mul(1.0507009873554805, eluOf(x, 1.6732632423543772)));
/** max(x, 0) + alpha · (exp(min(x, 0) / alpha) - 1). */
export function celu(x: Operand, options?: { alpha?: Operand }): NDArray {
  const { alpha = 1 } = checkOptions('nn.celu', options, ['alpha']);
  const a = float(x, 'nn.celu');
  const by = parameter(alpha, a);
  return add(max(a, 0), mul(by, functions.expm1(div(min(a, 0), by))));
}
/** x · Φ(x), Φ the normal distribution function: by tanh (Hendrycks and Gimpel), exactly with `approximate: false`. */
export function gelu(x: Operand, options?: { approximate?: boolean }): NDArray {
  const { approximate = true } = checkOptions('nn.gelu', options, ['approximate']);
  const a = float(x, 'nn.gelu');
  if (!approximate) return mul(mul(0.5, a), erfc(mul(a, -Math.SQRT1_2)));
  const inner = mul(Math.sqrt(2 / Math.PI), add(a, mul(0.044715, mul(square(a), a))));
  return mul(a, mul(0.5, add(1, functions.tanh(inner))));
}
/** x from 0 on, else negativeSlope · x. */
export function leakyRelu(x: Operand, options?: { negativeSlope?: Operand }): NDArray {
  const { negativeSlope = 0.01 } = checkOptions('nn.leakyRelu', options, ['negativeSlope']);
  const a = float(x, 'nn.leakyRelu');
  return select(ge(a, 0), a, mul(parameter(negativeSlope, a), a));
}
/** x within [-1, 1], else the nearer end. */
export const hardTanh = (x: Operand): NDArray => { const a = number(x, 'nn.hardTanh'); return select(gt(a, 1), 1, select(lt(a, -1), -1, a)); };
const hardSigmoidOf = (x: NDArray): NDArray => div(relu6Of(add(x, 3)), 6);
/** relu6(x + 3) / 6. */
export const hardSigmoid = activation('hardSigmoid', hardSigmoidOf);
/** x · hardSigmoid(x). */
export const hardSilu = activation('hardSilu', (x) => mul(x, hardSigmoidOf(x)));
export const hardSwish = hardSilu;

/** The first half of an axis times the sigmoid of the second. */
export function glu(x: Operand, options?: { axis?: number }): NDArray {
  const { axis = -1 } = checkOptions('nn.glu', options, ['axis']);
  const a = asArray(x, 'nn.glu');
  const at = canonicalAxis(axis, a.ndim, 'nn.glu');
  const n = a.shape[at];
  if (n % 2 !== 0) throw new ShapeError(`nn.glu: axis ${axis} of ${formatShape(a.shape)} has an odd size and no two halves.`);
  const half = (from: number) => slice(a, a.shape.map((_, i) => (i === at ? from : 0)), a.shape.map((d, i) => (i === at ? from + n / 2 : d)));
  return mul(half(0), functions.logistic(half(n / 2)));
}

/** log(1 - exp(-x)) for x > 0, by whichever form keeps its digits (Mächler). */
export const log1mexp = activation('log1mexp', (x) => {
  const near = lt(x, Math.LN2);
  // Neither form may be derived where the other is meant.
  const [small, large] = [select(near, x, 1), select(near, 1, x)];
  return select(near, functions.log(neg(functions.expm1(neg(small)))), functions.log1p(neg(functions.exp(neg(large)))));
});
