/** Sums, means, extrema, sorting. */
import { checkOptions } from '../../runtime/options.js';
import { NDArray, Scalar } from '../array.js';
import { bind } from '../core.js';
import { canonicalAxes, canonicalAxis, dims } from '../dims.js';
import { toInexact, type DType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType, stopGradient } from '../primitives/convert.js';
import { exp, log, sqrt } from '../primitives/functions.js';
import { gatherAlong } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as reduce from '../primitives/reduce.js';
import { reduceSum, reshape, reverse, sizeP } from '../primitives/shape.js';

export type Axis = number | readonly number[] | null;
export interface ReduceOptions { axis?: Axis; keepdims?: boolean; dtype?: DType }

const KEYS = ['axis', 'keepdims', 'dtype'] as const;

function reducer(name: string, f: (x: NDArray, axes: readonly number[]) => NDArray, prepare: (x: NDArray) => NDArray = (x) => x) {
  return (x: Operand, options?: ReduceOptions): NDArray => {
    const { axis, keepdims = false, dtype } = checkOptions(`jnp.${name}`, options, KEYS);
    const given = asArray(x, `jnp.${name}`);
    const y = prepare(dtype ? convertElementType(given, dtype) : given);
    const axes = canonicalAxes(axis, y.ndim, `jnp.${name}`);
    const out = f(y, axes);
    return keepdims ? reshape(out, y.shape.map((d, i) => (axes.includes(i) ? 1 : d))) : out;
  };
}
/** Booleans are counted in int32. */
const countable = (x: NDArray): NDArray => (x.dtype === 'bool' ? convertElementType(x, 'int32') : x);
const asFloat = (x: NDArray): NDArray => convertElementType(x, toInexact(x.dtype));

export const sum = reducer('sum', reduceSum, countable);
export const prod = reducer('prod', reduce.reduceProd, countable);
export const max = reducer('max', reduce.reduceMax);
export const min = reducer('min', reduce.reduceMin);
export const amax = max;
export const amin = min;
const truth = (x: NDArray): NDArray => convertElementType(x.dtype === 'bool' ? x : lax.ne(x, 0), 'int32');
export const any = reducer('any', (x, axes) => lax.gt(reduceSum(x, axes), 0), truth);
export const all = reducer('all', (x, axes) => lax.eq(reduceSum(lax.sub(1, x), axes), 0), truth);

/** The number of elements along `axes`, of `x`'s float dtype: a constant where sizes are known. */
const count = (x: NDArray, axes: readonly number[]): NDArray => {
  const n = dims.size(axes.map((a) => x.shape[a]));
  if (typeof n === 'number') return new Scalar(n, x.dtype);
  return bind(sizeP, [x], { axes, dtype: x.dtype === 'float64' ? 'float64' : 'float32' })[0];
};
export const mean = reducer('mean', (x, axes) => lax.div(reduceSum(x, axes), count(x, axes)), asFloat);

export interface VarOptions extends ReduceOptions { ddof?: number }
/** The variance: mean of squared distances from the mean, in two passes. */
export function variance(x: Operand, options?: VarOptions): NDArray {
  const { axis, keepdims = false, ddof = 0, dtype } = checkOptions('jnp.var', options, [...KEYS, 'ddof']);
  const given = asArray(x, 'jnp.var');
  const y = asFloat(dtype ? convertElementType(given, dtype) : given);
  const axes = canonicalAxes(axis, y.ndim, 'jnp.var');
  const total = sum(lax.square(lax.sub(y, mean(y, { axis: axes, keepdims: true }))), { axis: axes, keepdims });
  const n = count(y, axes);
  return lax.div(total, ddof === 0 ? n : lax.sub(n, ddof));
}
export { variance as var };
export const std = (x: Operand, options?: VarOptions): NDArray => sqrt(variance(x, options));

/** How many elements there are, or along `axis`: a number where it is known, else a traced scalar. */
export function size(x: Operand, options?: { axis?: Axis }): number | NDArray {
  const { axis } = checkOptions('jnp.size', options, ['axis']);
  const y = asArray(x, 'jnp.size');
  const axes = canonicalAxes(axis, y.ndim, 'jnp.size');
  const n = dims.size(axes.map((a) => y.shape[a]));
  return typeof n === 'number' ? n : bind(sizeP, [y], { axes, dtype: 'int32' })[0];
}

export interface ArgOptions { axis?: number | null; keepdims?: boolean }
const argReducer = (name: string, f: (x: NDArray, axis: number) => NDArray) => (x: Operand, options?: ArgOptions): NDArray => {
  const { axis, keepdims = false } = checkOptions(`jnp.${name}`, options, ['axis', 'keepdims']);
  const given = asArray(x, `jnp.${name}`);
  const whole = axis === undefined || axis === null;
  const y = whole ? reshape(given, [dims.size(given.shape)]) : given;
  const at = whole ? 0 : canonicalAxis(axis, y.ndim, `jnp.${name}`);
  const out = f(y, at);
  return keepdims ? reshape(out, whole ? given.shape.map(() => 1) : y.shape.map((d, i) => (i === at ? 1 : d))) : out;
};
export const argmax = argReducer('argmax', reduce.argmax);
export const argmin = argReducer('argmin', reduce.argmin);

export function cumsum(x: Operand, options?: { axis?: number | null; dtype?: DType }): NDArray {
  const { axis, dtype } = checkOptions('jnp.cumsum', options, ['axis', 'dtype']);
  const given = asArray(x, 'jnp.cumsum');
  const y = countable(dtype ? convertElementType(given, dtype) : given);
  return axis === undefined || axis === null ? reduce.cumsum(reshape(y, [dims.size(y.shape)]), 0) : reduce.cumsum(y, canonicalAxis(axis, y.ndim, 'jnp.cumsum'));
}

/** The permutation that sorts `axis`, stable, int32. */
export function argsort(x: Operand, options?: { axis?: number; descending?: boolean }): NDArray {
  const { axis = -1, descending = false } = checkOptions('jnp.argsort', options, ['axis', 'descending']);
  const y = asArray(x, 'jnp.argsort');
  const at = canonicalAxis(axis, y.ndim, 'jnp.argsort');
  if (!descending) return reduce.argsort(y, at);
  // Sorting backwards keeps equal elements in their order.
  return lax.sub(y.shape[at] - 1, reverse(reduce.argsort(reverse(y, [at]), at), [at]));
}
export function sort(x: Operand, options?: { axis?: number; descending?: boolean }): NDArray {
  const { axis = -1 } = checkOptions('jnp.sort', options, ['axis', 'descending']);
  const y = asArray(x, 'jnp.sort');
  const at = canonicalAxis(axis, y.ndim, 'jnp.sort');
  return gatherAlong(y, argsort(y, { ...options, axis: at }), at);
}

/** log Σ exp(x), shifted by the largest element. */
export function logsumexp(x: Operand, options?: ReduceOptions): NDArray {
  const { axis, keepdims = false } = checkOptions('logsumexp', options, KEYS);
  const y = asFloat(asArray(x, 'logsumexp'));
  const axes = canonicalAxes(axis, y.ndim, 'logsumexp');
  const top = max(y, { axis: axes, keepdims: true });
  const shift = stopGradient(lax.select(lax.isFinite(top), top, 0));
  const out = lax.add(log(sum(exp(lax.sub(y, shift)), { axis: axes, keepdims: true })), shift);
  return keepdims ? out : reshape(out, y.shape.filter((_, i) => !axes.includes(i)));
}
