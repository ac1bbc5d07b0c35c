/** Sums, means, extrema, sorting. */
import { checkOptions } from '../../runtime/options.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { NDArray, Scalar } from '../array.js';
import { bind } from '../core.js';
import { broadcastShapes, canonicalAxes, canonicalAxis, dims } from '../dims.js';
import { DTYPES, isFloat, isHalf, isInteger, isUnsigned, toInexact, type DType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType, stopGradient } from '../primitives/convert.js';
import { exp, log, sqrt } from '../primitives/functions.js';
import { gatherAlong } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as reduce from '../primitives/reduce.js';
import { concatenate, expandTo, reduceSum, reduceSumKept, reshape, reverse, sizeP, slice } from '../primitives/shape.js';

export type Axis = number | readonly number[] | null;
/** `where` says which elements count (it broadcasts); `initial` is one more element. */
export interface ReduceOptions { axis?: Axis; keepdims?: boolean; dtype?: DType; where?: Operand; initial?: Operand }

const KEYS = ['axis', 'keepdims', 'dtype', 'where', 'initial'] as const;

interface Reduction {
  readonly name: string;
  readonly reduce: (x: NDArray, axes: readonly number[]) => NDArray;
  /** As `reduce`, but the axes stay with size 1. */
  readonly reduceKept?: (x: NDArray, axes: readonly number[]) => NDArray;
  /** The value that changes nothing, for elements that `where` leaves out; null where there is none. */
  readonly neutral: ((dtype: DType) => number | bigint | boolean) | null;
  readonly prepare?: (x: NDArray, dtype: DType | undefined) => NDArray;
  readonly combine?: (x: NDArray, y: Operand) => NDArray;
}
function reducer({ name, reduce: f, reduceKept, neutral, prepare = (x) => x, combine }: Reduction) {
  const where = `jnp.${name}`;
  return (x: Operand, options?: ReduceOptions): NDArray => {
    const { axis, keepdims = false, dtype, where: mask, initial } = checkOptions(where, options, KEYS);
    const given = asArray(x, where);
    let y = prepare(dtype ? convertElementType(given, dtype) : given, dtype);
    if (mask !== undefined) {
      if (neutral === null) throw new TypeError(`${where}: where is not supported here.`);
      if (initial === undefined && (name === 'max' || name === 'min')) {
        throw new ValueError(`${where}: with where, give initial too: it stands for the rows of which nothing is left.`);
      }
      y = lax.select(expandTo(truth(asArray(mask, where)), broadcastShapes(where, y.shape, asArray(mask, where).shape)), y, new Scalar(neutral(y.dtype), y.dtype));
    }
    const axes = canonicalAxes(axis, y.ndim, where);
    if (keepdims && reduceKept && axes.length > 0 && axes.length < y.ndim && initial === undefined) return reduceKept(y, axes);
    // With an initial value an empty axis has a largest element.
    const empty = initial !== undefined && (name === 'max' || name === 'min') && axes.some((a) => y.shape[a] === 0);
    let out = empty ? expandTo(new Scalar(neutral!(y.dtype), y.dtype, false), y.shape.filter((_, i) => !axes.includes(i))) : f(y, axes);
    if (initial !== undefined) out = combine!(out, convertElementType(asArray(initial, where), out.dtype));
    return keepdims ? reshape(out, y.shape.map((d, i) => (axes.includes(i) ? 1 : d))) : out;
  };
}
/** Booleans are counted in int32, and what is narrower than 32 bits is summed in 32, unless a dtype is asked for. */
const countable = (x: NDArray, dtype?: DType): NDArray => {
  if (x.dtype === 'bool') return convertElementType(x, 'int32');
  if (dtype || !isInteger(x.dtype) || DTYPES[x.dtype].size >= 4) return x;
  return convertElementType(x, isUnsigned(x.dtype) ? 'uint32' : 'int32');
};
const asFloat = (x: NDArray): NDArray => convertElementType(x, toInexact(x.dtype));
const truth = (x: NDArray): NDArray => (x.dtype === 'bool' ? x : lax.ne(x, 0));
/** The smallest (or largest) value of a dtype. */
function least(dtype: DType, sign: 1 | -1): number | bigint | boolean {
  if (isFloat(dtype)) return -sign * Infinity;
  if (dtype === 'bool') return sign < 0;
  const width = BigInt(DTYPES[dtype].size * 8);
  const [low, high] = isUnsigned(dtype) ? [0n, (1n << width) - 1n] : [-(1n << (width - 1n)), (1n << (width - 1n)) - 1n];
  return width === 64n ? (sign > 0 ? low : high) : Number(sign > 0 ? low : high);
}

export const sum = reducer({ name: 'sum', reduce: reduceSum, reduceKept: reduceSumKept, neutral: () => 0, prepare: countable, combine: lax.add });
export const prod = reducer({ name: 'prod', reduce: reduce.reduceProd, neutral: () => 1, prepare: countable, combine: lax.mul });
export const max = reducer({ name: 'max', reduce: reduce.reduceMax, neutral: (d) => least(d, 1), combine: lax.max });
export const min = reducer({ name: 'min', reduce: reduce.reduceMin, neutral: (d) => least(d, -1), combine: lax.min });
export const amax = max;
export const amin = min;
const asCount = (x: NDArray): NDArray => convertElementType(truth(x), 'int32');
export const any = reducer({ name: 'any', reduce: (x, axes) => lax.gt(reduceSum(x, axes), 0), neutral: () => 0, prepare: asCount, combine: (x, y) => lax.bitwiseOr(x, y) });
export const all = reducer({ name: 'all', reduce: (x, axes) => lax.eq(reduceSum(lax.sub(1, x), axes), 0), neutral: () => 1, prepare: asCount, combine: (x, y) => lax.bitwiseAnd(x, y) });

/** The number of elements along `axes`, of `x`'s float dtype: a constant where sizes are known. */
const count = (x: NDArray, axes: readonly number[]): NDArray => {
  const n = dims.size(axes.map((a) => x.shape[a]));
  if (typeof n === 'number') return new Scalar(n, x.dtype);
  return bind(sizeP, [x], { axes, dtype: x.dtype === 'float64' ? 'float64' : 'float32' })[0];
};
/** Half floats are averaged in float32 and rounded once. */
const inFull = (x: NDArray): NDArray => (isHalf(x.dtype) ? convertElementType(x, 'float32') : x);

/** The average; with `where`, of the elements that count. */
export function mean(x: Operand, options?: Omit<ReduceOptions, 'initial'>): NDArray {
  const { axis, keepdims, dtype, where: mask } = checkOptions('jnp.mean', options, ['axis', 'keepdims', 'dtype', 'where']);
  const given = asArray(x, 'jnp.mean');
  const y = asFloat(dtype ? convertElementType(given, dtype) : given);
  const full = inFull(y);
  const total = sum(full, { axis, keepdims, where: mask });
  const n = mask === undefined ? count(full, canonicalAxes(axis, y.ndim, 'jnp.mean'))
    : sum(convertElementType(expandTo(truth(asArray(mask, 'jnp.mean')), y.shape), full.dtype), { axis, keepdims });
  return convertElementType(lax.div(total, n), y.dtype);
}

export interface VarOptions extends Omit<ReduceOptions, 'initial'> { ddof?: number; correction?: number; mean?: Operand | null }
/**
 * The variance: mean of squared distances from the mean, in two passes. `ddof` (or `correction`) is taken from the number of elements,
 * NaN where none is left; `mean`, if given, must broadcast against `x`.
 */
export function variance(x: Operand, options?: VarOptions): NDArray {
  const { axis, keepdims = false, correction, ddof = correction ?? 0, dtype, where: mask, mean: center = null } = checkOptions('jnp.var', options, ['axis', 'keepdims', 'dtype', 'where', 'ddof', 'correction', 'mean']);
  const given = asArray(x, 'jnp.var');
  const narrow = asFloat(dtype ? convertElementType(given, dtype) : given);
  const y = inFull(narrow);
  const axes = canonicalAxes(axis, y.ndim, 'jnp.var');
  const squares = lax.square(lax.sub(y, center === null ? mean(y, { axis: axes, keepdims: true, where: mask }) : convertElementType(asArray(center, 'jnp.var'), y.dtype)));
  const total = sum(squares, { axis: axes, keepdims, where: mask });
  const n = mask === undefined ? count(y, axes) : sum(convertElementType(expandTo(truth(asArray(mask, 'jnp.var')), y.shape), y.dtype), { axis: axes, keepdims });
  const left = ddof === 0 ? n : lax.sub(n, ddof);
  const some = ddof === 0 || (left instanceof Scalar && Number(left.value) > 0);
  const out = lax.div(total, left);
  return convertElementType(some ? out : lax.select(lax.gt(left, 0), out, NaN), narrow.dtype);
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
  const typed = dtype ? convertElementType(given, dtype) : given;
  const y = typed.dtype === 'bool' ? convertElementType(typed, 'int32') : typed;
  return axis === undefined || axis === null ? reduce.cumsum(reshape(y, [dims.size(y.shape)]), 0) : reduce.cumsum(y, canonicalAxis(axis, y.ndim, 'jnp.cumsum'));
}

export interface SortOptions { axis?: number | null; descending?: boolean; stable?: boolean }
/** The array and axis to sort: all elements in a row where the axis is null. */
function sortable(where: string, x: Operand, options?: SortOptions): { y: NDArray; at: number; descending: boolean } {
  const { axis = -1, descending = false } = checkOptions(where, options, ['axis', 'descending', 'stable']);
  const given = asArray(x, where);
  const y = axis === null ? reshape(given, [dims.size(given.shape)]) : given;
  return { y, at: canonicalAxis(axis ?? 0, y.ndim, where), descending };
}
/** The permutation that sorts `axis`, stable, int32. */
export function argsort(x: Operand, options?: SortOptions): NDArray {
  const { y, at, descending } = sortable('jnp.argsort', x, options);
  if (!descending) return reduce.argsort(y, at);
  // Sorting backwards keeps equal elements in their order.
  return lax.sub(y.shape[at] - 1, reverse(reduce.argsort(reverse(y, [at]), at), [at]));
}
/** The elements along `axis` in order. The descending one is the other backwards, equal elements too, as in JAX: derivatives tell them apart. */
export function sort(x: Operand, options?: SortOptions): NDArray {
  const { y, at, descending } = sortable('jnp.sort', x, options);
  const sorted = gatherAlong(y, reduce.argsort(y, at), at);
  return descending ? reverse(sorted, [at]) : sorted;
}

/** The smallest k + 1 elements along `axis` in order, the (k + 1)-th at its place; behind them the larger ones. */
export function partition(x: Operand, kth: number, options?: { axis?: number }): NDArray {
  const { at, first, k } = parted('jnp.partition', x, kth, options);
  const y = gatherAlong(asArray(x, 'jnp.partition'), first, at);
  const [low, high] = halves(y, at, k);
  return concatenate([low, reverse(high, [at])], at);
}
/** The positions of `partition`'s elements, int32; those of the larger ones in order. */
export function argpartition(x: Operand, kth: number, options?: { axis?: number }): NDArray {
  const { at, first, k } = parted('jnp.argpartition', x, kth, options);
  const [low, high] = halves(first, at, k);
  return concatenate([low, sort(high, { axis: at })], at);
}
function parted(where: string, x: Operand, kth: number, options: { axis?: number } | undefined): { at: number; first: NDArray; k: number } {
  const y = asArray(x, where);
  const at = canonicalAxis(checkOptions(where, options, ['axis']).axis ?? -1, y.ndim, where);
  return { at, first: reduce.argsort(y, at), k: canonicalAxis(kth, y.shape[at], where) + 1 };
}
const halves = (x: NDArray, axis: number, k: number): [NDArray, NDArray] => {
  const part = (from: number, to: number) => slice(x, x.shape.map((_, i) => (i === axis ? from : 0)), x.shape.map((d, i) => (i === axis ? to : d)));
  return [part(0, k), part(k, x.shape[axis])];
};

export interface LogSumExpOptions { axis?: Axis; keepdims?: boolean; b?: Operand; where?: Operand; returnSign?: boolean }
/** log Σ b·exp(x), shifted by the largest element; [log |Σ|, sign] with `returnSign`. */
export function logsumexp(x: Operand, options: LogSumExpOptions & { returnSign: true }): [NDArray, NDArray];
export function logsumexp(x: Operand, options?: LogSumExpOptions): NDArray;
export function logsumexp(x: Operand, options?: LogSumExpOptions): NDArray | [NDArray, NDArray] {
  const { axis, keepdims = false, b, where: mask, returnSign = false } = checkOptions('logsumexp', options, ['axis', 'keepdims', 'b', 'where', 'returnSign']);
  let y = asFloat(asArray(x, 'logsumexp'));
  const weight = b === undefined ? null : asArray(b, 'logsumexp');
  if (weight) {
    y = expandTo(y, broadcastShapes('logsumexp', y.shape, weight.shape));
    y = lax.select(lax.eq(expandTo(weight, y.shape), 0), new Scalar(-Infinity, y.dtype), y);
  }
  if (mask !== undefined) y = lax.select(truth(asArray(mask, 'logsumexp')), y, new Scalar(-Infinity, y.dtype));
  const axes = canonicalAxes(axis, y.ndim, 'logsumexp');
  const top = max(y, { axis: axes, keepdims: true, initial: -Infinity });
  const shift = stopGradient(lax.select(lax.isFinite(top), top, 0));
  const terms = exp(lax.sub(y, shift));
  let total = sum(weight ? lax.mul(terms, convertElementType(weight, y.dtype)) : terms, { axis: axes, keepdims: true });
  const sign = weight || returnSign ? stopGradient(lax.sign(total)) : null;
  if (sign) total = returnSign ? lax.mul(total, sign) : lax.select(lax.lt(sign, 0), new Scalar(NaN, y.dtype), total);
  const [out, signs] = [lax.add(log(total), shift), sign].map((v) => (v === null || keepdims ? v : reshape(v, y.shape.filter((_, i) => !axes.includes(i)))));
  return returnSign ? [out!, signs!] : out!;
}
