/** Averages, quantiles and covariances. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { NDArray, Scalar } from '../array.js';
import { canonicalAxes, dims, formatShape } from '../dims.js';
import { isHalf, type DType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { gatherAlong } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as reduce from '../primitives/reduce.js';
import { expandTo, reduceSum, reshape, transpose } from '../primitives/shape.js';
import { sqrt } from '../primitives/functions.js';
import { atleast2d, concatenate } from './joining.js';
import { diagonal, dot } from './products.js';
import { inexact, truth } from './promotion.js';
import { max, mean, min, sort, argsort, sum, type Axis, type ReduceOptions } from './reductions.js';
import { clip, isnan } from './ufuncs.js';

/** The largest less the smallest element. */
export function ptp(x: Operand, options?: Pick<ReduceOptions, 'axis' | 'keepdims'>): NDArray {
  const along = checkOptions('jnp.ptp', options, ['axis', 'keepdims']);
  return lax.sub(max(x, along), min(x, along));
}
/** How many elements are not zero, int32. */
export function countNonzero(x: Operand, options?: Pick<ReduceOptions, 'axis' | 'keepdims'>): NDArray {
  return sum(truth(asArray(x, 'jnp.countNonzero')), checkOptions('jnp.countNonzero', options, ['axis', 'keepdims']));
}

/** Weights in x's shape: they have it, or that of the axes alone. */
function spreadWeights(where: string, w: NDArray, x: NDArray, axes: readonly number[]): NDArray {
  if (dims.equalShapes(w.shape, x.shape)) return w;
  if (!dims.equalShapes(w.shape, axes.map((i) => x.shape[i]))) {
    throw new ShapeError(`${where}: weights of shape ${formatShape(w.shape)} fit neither ${formatShape(x.shape)} nor its axes ${formatShape(axes)}.`);
  }
  return expandTo(reshape(w, x.shape.map((d, i) => (axes.includes(i) ? d : 1))), x.shape);
}

export interface AverageOptions { axis?: Axis; weights?: Operand | null; keepdims?: boolean }
/** The mean, or Σ weights·x / Σ weights; [average, Σ weights] with `returned`. A vector of weights belongs to the axis. */
export function average(x: Operand, options: AverageOptions & { returned: true }): [NDArray, NDArray];
export function average(x: Operand, options?: AverageOptions & { returned?: boolean }): NDArray;
export function average(x: Operand, options?: AverageOptions & { returned?: boolean }): NDArray | [NDArray, NDArray] {
  const { axis, weights = null, returned = false, keepdims = false } = checkOptions('jnp.average', options, ['axis', 'weights', 'returned', 'keepdims']);
  if (weights === null) {
    const [a] = inexact('jnp.average', x);
    const out = mean(a, { axis, keepdims });
    const count = dims.size(canonicalAxes(axis, a.ndim, 'jnp.average').map((i) => a.shape[i]));
    return returned ? [out, expandTo(new Scalar(count, out.dtype, false), out.shape)] : out;
  }
  const [a, given] = inexact('jnp.average', x, weights);
  const axes = canonicalAxes(axis, a.ndim, 'jnp.average');
  const w = spreadWeights('jnp.average', given, a, axes);
  const total = sum(w, { axis: axes, keepdims });
  const out = lax.div(sum(lax.mul(a, w), { axis: axes, keepdims }), total);
  return returned ? [out, total] : out;
}

/** NumPy's α and β: the virtual index is n·q + α + q·(1 - α - β) - 1. */
const PLOTTING: Record<string, readonly [number, number]> = {
  interpolated_inverted_cdf: [0, 1], hazen: [0.5, 0.5], weibull: [0, 0], median_unbiased: [1 / 3, 1 / 3], normal_unbiased: [3 / 8, 3 / 8],
};
const METHODS = ['linear', 'lower', 'higher', 'midpoint', 'nearest', 'inverted_cdf', 'averaged_inverted_cdf', 'closest_observation', ...Object.keys(PLOTTING)] as const;
export type QuantileMethod = 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest' | 'inverted_cdf' | 'averaged_inverted_cdf' | 'closest_observation'
  | 'interpolated_inverted_cdf' | 'hazen' | 'weibull' | 'median_unbiased' | 'normal_unbiased';
export interface QuantileOptions { axis?: Axis; method?: QuantileMethod; keepdims?: boolean; weights?: Operand | null }

/** The two neighbours' positions of a quantile among n sorted elements, and the upper one's share. */
function between(q: NDArray, n: NDArray, method: QuantileMethod): { low: NDArray; high: NDArray; share: NDArray } {
  const inside = (i: NDArray) => clip(i, 0, lax.sub(n, 1));
  const fixed = (i: NDArray) => ({ low: inside(i), high: inside(i), share: lax.mul(i, 0) });
  const times = lax.mul(q, n);
  if (method === 'inverted_cdf') return fixed(lax.sub(lax.ceil(times), 1));
  if (method === 'closest_observation') {
    const at = lax.sub(times, 1.5);
    const down = lax.floor(at);
    const odd = lax.ne(lax.sub(down, lax.mul(lax.floor(lax.mul(down, 0.5)), 2)), 0);
    return fixed(lax.select(lax.bitwiseAnd(lax.eq(at, down), odd), down, lax.add(down, 1)));
  }
  if (method === 'averaged_inverted_cdf') {
    const at = lax.sub(times, 1);
    const low = lax.floor(at);
    return { low: inside(low), high: inside(lax.add(low, 1)), share: lax.select(lax.eq(at, low), new Scalar(0.5, q.dtype), new Scalar(1, q.dtype)) };
  }
  const [alpha, beta] = PLOTTING[method] ?? [1, 1];
  const at = PLOTTING[method] ? inside(lax.sub(lax.add(times, lax.add(lax.mul(q, 1 - alpha - beta), alpha)), 1)) : lax.mul(q, lax.sub(n, 1));
  const [low, high] = [lax.floor(at), lax.ceil(at)];
  const part = lax.sub(at, low);
  const constant = (v: number) => new Scalar(v, q.dtype);
  const share = method === 'lower' ? constant(0) : method === 'higher' ? constant(1) : method === 'midpoint' ? constant(0.5)
    : method === 'nearest' ? lax.select(lax.le(part, 0.5), constant(0), constant(1)) : part;
  return { low: inside(low), high: inside(high), share: expandTo(share, at.shape) };
}

function quantiles(where: string, x: Operand, q: NDArray, options: QuantileOptions | undefined, skipNaN: boolean): NDArray {
  const { axis, method = 'linear', keepdims = false, weights = null } = checkOptions(where, options, ['axis', 'method', 'keepdims', 'weights']);
  if (!(METHODS as readonly string[]).includes(method)) throw new ValueError(`${where}: unknown method '${String(method)}'; expected ${METHODS.join(', ')}.`);
  if (q.ndim > 1) throw new ShapeError(`${where}: q must be a number or a vector, got shape ${formatShape(q.shape)}.`);
  const [a] = inexact(where, x);
  const axes = canonicalAxes(axis, a.ndim, where);
  const rest = range(a.ndim).filter((i) => !axes.includes(i));
  const size = dims.size(axes.map((i) => a.shape[i]));
  const lead = rest.map((i) => a.shape[i]);
  if (size === 0) throw new ShapeError(`${where}: axes ${formatShape(axes)} of ${formatShape(a.shape)} are empty.`);
  const inRows = (y: NDArray) => reshape(transpose(y, [...rest, ...axes]), [...lead, size]);
  let rows = inRows(a);
  const nan = isnan(rows);
  if (!skipNaN) rows = lax.select(expandTo(reshape(reduceAny(nan), [...lead, 1]), rows.shape), new Scalar(NaN, rows.dtype, false), rows);
  const compute: DType = a.dtype === 'float64' || q.dtype === 'float64' ? 'float64' : 'float32';
  const counts = skipNaN ? reshape(convertElementType(reduceSum(convertElementType(lax.bitwiseNot(nan), 'int32'), [rest.length]), compute), [...lead, 1]) : new Scalar(size, compute, false);
  const wanted = reshape(convertElementType(q, compute), [q.size]);
  let picked: NDArray;
  const take = (sorted: NDArray, at: NDArray) => gatherAlong(sorted, expandTo(convertElementType(at, 'int32'), [...lead, q.size]), rest.length);
  if (weights === null) {
    const sorted = sort(rows);
    const { low, high, share } = between(wanted, counts, method);
    // Nothing but NaN: the first of them stands for all.
    const whole = (i: NDArray) => lax.max(i, 0);
    const [below, above] = [take(sorted, whole(low)), take(sorted, whole(high))].map((v) => convertElementType(v, compute));
    const mixed = lax.add(lax.mul(below, lax.sub(1, share)), lax.mul(above, share));
    // A share of 0 or 1 takes one neighbour alone: infinities would not survive the product.
    picked = lax.select(expandTo(lax.eq(share, 0), mixed.shape), below, lax.select(expandTo(lax.eq(share, 1), mixed.shape), above, mixed));
  } else {
    if (method !== 'inverted_cdf') throw new ValueError(`${where}: weights need the method 'inverted_cdf', got '${method}'.`);
    const w = spreadWeights(where, inexact(where, weights)[0], a, axes);
    const order = argsort(rows);
    const sorted = gatherAlong(rows, order, rest.length);
    const own = lax.select(isnan(rows), new Scalar(0, w.dtype, false), inRows(w));
    const running = reduce.cumsum(convertElementType(gatherAlong(own, order, rest.length), compute), rest.length);
    const total = convertElementType(reduceSum(own, [rest.length]), compute);
    const goal = lax.mul(reshape(total, [...lead, 1, 1]), reshape(wanted, [q.size, 1]));
    const at = reduceSum(convertElementType(lax.lt(reshape(running, [...lead, 1, size]), goal), 'int32'), [rest.length + 1]);
    picked = take(sorted, lax.max(lax.min(at, convertElementType(lax.sub(counts, 1), 'int32')), 0));
  }
  const out = convertElementType(picked, a.dtype);
  const front = transpose(out, [rest.length, ...range(rest.length)]);
  return reshape(front, [...q.shape, ...(keepdims ? a.shape.map((d, i) => (axes.includes(i) ? 1 : d)) : lead)]);
}
const reduceAny = (mask: NDArray): NDArray => lax.gt(reduceSum(convertElementType(mask, 'int32'), [mask.ndim - 1]), 0);
const asQuantile = (where: string, q: Operand, by: number): NDArray => {
  const [y] = inexact(where, q);
  const v = isHalf(y.dtype) ? convertElementType(y, 'float32') : y;
  if (v instanceof Scalar && !(Number(v.value) >= 0 && Number(v.value) <= by)) {
    throw new ValueError(`${where}: q must lie between 0 and ${by}, got ${String(v.value)}.`);
  }
  return by === 1 ? v : lax.div(v, by);
};
/**
 * The value below which a share q (0 to 1) of the elements along `axis` lies, by any of NumPy's methods; a vector q gives
 * a leading axis. NaN where an element is NaN.
 */
export const quantile = (x: Operand, q: Operand, options?: QuantileOptions): NDArray => quantiles('jnp.quantile', x, asQuantile('jnp.quantile', q, 1), options, false);
/** As `quantile`, for q from 0 to 100. */
export const percentile = (x: Operand, q: Operand, options?: QuantileOptions): NDArray => quantiles('jnp.percentile', x, asQuantile('jnp.percentile', q, 100), options, false);
/** As `quantile`, of the elements that are not NaN. */
export const nanquantile = (x: Operand, q: Operand, options?: QuantileOptions): NDArray => quantiles('jnp.nanquantile', x, asQuantile('jnp.nanquantile', q, 1), options, true);
export const nanpercentile = (x: Operand, q: Operand, options?: QuantileOptions): NDArray => quantiles('jnp.nanpercentile', x, asQuantile('jnp.nanpercentile', q, 100), options, true);
const middle = new Scalar(0.5, 'float32', false);
/** The middle element of those along `axis`, or the mean of the two in the middle. */
export const median = (x: Operand, options?: Pick<QuantileOptions, 'axis' | 'keepdims'>): NDArray =>
  quantiles('jnp.median', x, middle, { ...checkOptions('jnp.median', options, ['axis', 'keepdims']), method: 'midpoint' }, false);
export const nanmedian = (x: Operand, options?: Pick<QuantileOptions, 'axis' | 'keepdims'>): NDArray =>
  quantiles('jnp.nanmedian', x, middle, { ...checkOptions('jnp.nanmedian', options, ['axis', 'keepdims']), method: 'midpoint' }, true);

export interface CovOptions { rowvar?: boolean; bias?: boolean; ddof?: number | null; fweights?: Operand | null; aweights?: Operand | null; dtype?: DType }
/** The covariance matrix of variables in the rows (columns without `rowvar`) of `m` and `y`; weights count or weigh observations. */
export function cov(m: Operand, y?: Operand | null, options?: CovOptions): NDArray {
  const { rowvar = true, bias = false, ddof = null, fweights = null, aweights = null, dtype } = checkOptions('jnp.cov', options, ['rowvar', 'bias', 'ddof', 'fweights', 'aweights', 'dtype']);
  const matrices = (y === undefined || y === null ? inexact('jnp.cov', m) : inexact('jnp.cov', m, y)).map((given) => {
    const v = dtype ? convertElementType(given, dtype) : given;
    if (v.ndim > 2) throw new ShapeError(`jnp.cov: expected a vector or a matrix, got shape ${formatShape(v.shape)}.`);
    const rows = atleast2d(v);
    return !rowvar && v.ndim === 2 ? transpose(rows, [1, 0]) : rows;
  });
  if (ddof !== null && !Number.isInteger(ddof)) throw new TypeError(`jnp.cov: ddof must be a whole number, got ${String(ddof)}.`);
  const x = matrices.length === 1 ? matrices[0] : concatenate(matrices, { axis: 0 });
  const n = x.shape[1];
  const less = ddof ?? (bias ? 0 : 1);
  const weight = (name: string, v: Operand) => {
    const w = convertElementType(asArray(v, 'jnp.cov'), x.dtype);
    if (w.ndim !== 1 || w.shape[0] !== n) throw new ShapeError(`jnp.cov: ${name} of shape ${formatShape(w.shape)} do not fit ${n} observations.`);
    return w;
  };
  const [f, a] = [fweights === null ? null : weight('fweights', fweights), aweights === null ? null : weight('aweights', aweights)];
  const w = f && a ? lax.mul(f, a) : f ?? a;
  if (!w) {
    const centered = lax.sub(x, mean(x, { axis: 1, keepdims: true }));
    return squeezed(lax.div(dot(centered, transpose(centered, [1, 0])), Math.max(0, n - less)));
  }
  const total = sum(w);
  const centered = lax.sub(x, lax.div(sum(lax.mul(x, w), { axis: 1, keepdims: true }), total));
  const by = less === 0 ? total : a ? lax.sub(total, lax.mul(less, lax.div(sum(lax.mul(w, a)), total))) : lax.sub(total, less);
  return squeezed(lax.div(dot(centered, transpose(lax.mul(centered, w), [1, 0])), by));
}
const squeezed = (c: NDArray): NDArray => (c.shape[0] === 1 ? reshape(c, []) : c);
/** Pearson's correlation coefficients of the variables, as `cov` takes them. */
export function corrcoef(x: Operand, y?: Operand | null, options?: { rowvar?: boolean; dtype?: DType }): NDArray {
  const c = cov(x, y, checkOptions('jnp.corrcoef', options, ['rowvar', 'dtype']));
  if (c.ndim === 0) return lax.div(c, c);
  const deviation = sqrt(diagonal(c));
  return clip(lax.div(lax.div(c, reshape(deviation, [c.shape[0], 1])), deviation), -1, 1);
}
