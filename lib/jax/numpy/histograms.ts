/** Counting: how often numbers come, and how many lie in each bin. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { NDArray, Scalar, expectConcrete } from '../array.js';
import { dims, formatShape } from '../dims.js';
import { isInteger } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { gather } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { scatter } from '../primitives/scatter.js';
import { expandTo, reshape, slice } from '../primitives/shape.js';
import { stack } from './joining.js';
import { ravel } from './manipulation.js';
import { inexact } from './promotion.js';
import { max, min, sum } from './reductions.js';
import { diff } from './running.js';
import { searchsorted } from './searching.js';
import { linspace } from './spaces.js';

const zeros = (shape: readonly number[], like: NDArray): NDArray => expandTo(new Scalar(0, like.dtype, false), shape);

export interface BincountOptions { weights?: Operand | null; minlength?: number; length?: number | null }
/** How often (or with which weight) 0, 1, 2, … come; negative numbers count as 0. In a trace `length` says how many are counted. */
export function bincount(x: Operand, options?: BincountOptions): NDArray {
  const { weights = null, minlength = 0, length = null } = checkOptions('jnp.bincount', options, ['weights', 'minlength', 'length']);
  const y = asArray(x, 'jnp.bincount');
  if (!isInteger(y.dtype)) throw new TypeError(`jnp.bincount: expected integers, got ${y.dtype}; convert with astype('int32').`);
  if (y.ndim !== 1) throw new ShapeError(`jnp.bincount: expected a vector, got shape ${formatShape(y.shape)}.`);
  const w = weights === null ? expandTo(new Scalar(1, 'int32', false), y.shape) : asArray(weights, 'jnp.bincount');
  if (!dims.equalShapes(w.shape, y.shape)) throw new ShapeError(`jnp.bincount: weights of shape ${formatShape(w.shape)} do not fit ${formatShape(y.shape)}.`);
  const n = length ?? (y.size === 0 ? 0 : globalThis.Array.from(expectConcrete(y, 'jnp.bincount without length').data as Int32Array).reduce((most, k) => Math.max(most, Number(k)), 0) + 1);
  const places = Math.max(n, minlength);
  return scatter(zeros([places], w), lax.max(convertElementType(y, y.dtype === 'int64' || y.dtype === 'uint64' ? 'int64' : 'int32'), 0), w, 'add');
}

export type Bins = number | NDArray | readonly number[];
type Limits = readonly [Operand, Operand] | NDArray | null;
function edgesOf(where: string, x: NDArray, bins: Bins, range: Limits): NDArray {
  if (typeof bins !== 'number' && !(bins instanceof NDArray && bins.ndim === 0)) {
    const edges = bins instanceof NDArray ? bins : stack(bins as readonly number[]);
    if (edges.ndim !== 1) throw new ShapeError(`${where}: edges of bins must be a vector, got shape ${formatShape(edges.shape)}.`);
    return inexact(where, edges)[0];
  }
  const n = Number(bins instanceof NDArray ? bins.item() : bins);
  if (!Number.isInteger(n) || n < 1) throw new ValueError(`${where}: expected a positive number of bins, or their edges, got ${String(n)}.`);
  const given = range instanceof NDArray ? [gather(range, new Scalar(0, 'int32', false), 0), gather(range, new Scalar(1, 'int32', false), 0)] : range;
  const [from, to] = (given ?? (x.size === 0 ? [0, 1] : [min(x), max(x)])).map((v) => convertElementType(asArray(v, where), x.dtype));
  const same = lax.eq(from, to);
  const half = new Scalar(0.5, x.dtype, false);
  return linspace(lax.select(same, lax.sub(from, half), from), lax.select(same, lax.add(to, half), to), n + 1, { dtype: x.dtype });
}
/** The bin of each element, those outside out of range; the last edge belongs to the last bin. */
function binOf(x: NDArray, edges: NDArray): NDArray {
  const n = edges.shape[0];
  const at = lax.sub(searchsorted(edges, x, { side: 'right' }), 1);
  const last = gather(edges, new Scalar(n - 1, 'int32', false), 0);
  const bin = lax.select(lax.eq(x, last), new Scalar(n - 2, 'int32', false), at);
  return lax.select(lax.bitwiseAnd(lax.ge(bin, 0), lax.lt(bin, n - 1)), bin, new Scalar(-1, 'int32', false));
}
export interface HistogramOptions { bins?: Bins; range?: Limits; weights?: Operand | null; density?: boolean | null }
const KEYS = ['bins', 'range', 'weights', 'density'] as const;
/** The edges of `bins` equal bins over the range, by default that of the elements. */
export function histogramBinEdges(x: Operand, options?: Omit<HistogramOptions, 'density'>): NDArray {
  const { bins = 10, range = null } = checkOptions('jnp.histogramBinEdges', options, ['bins', 'range', 'weights']);
  return edgesOf('jnp.histogramBinEdges', ravel(inexact('jnp.histogramBinEdges', x)[0]), bins, range);
}
/** [how many elements (or which weight) each bin has, the edges of the bins]; `density`: per unit length, of all. */
export function histogram(x: Operand, options?: HistogramOptions): [NDArray, NDArray] {
  const { bins = 10, range = null, weights = null, density = false } = checkOptions('jnp.histogram', options, KEYS);
  const y = ravel(inexact('jnp.histogram', x)[0]);
  const edges = edgesOf('jnp.histogram', y, bins, range);
  const w = weightsOf('jnp.histogram', weights, y);
  const counts = scatter(zeros([edges.shape[0] - 1], w), binOf(y, convertElementType(edges, y.dtype)), w, 'add');
  return [density ? lax.div(lax.div(counts, diff(edges)), sum(counts)) : counts, edges];
}
function weightsOf(where: string, weights: Operand | null, like: NDArray): NDArray {
  if (weights === null) return expandTo(new Scalar(1, like.dtype, false), [like.shape[0]]);
  const w = ravel(inexact(where, weights)[0]);
  if (!dims.equal(w.size, like.shape[0])) throw new ShapeError(`${where}: ${w.size} weights do not fit ${like.shape[0]} elements.`);
  return w;
}
export interface HistogramddOptions { bins?: Bins | readonly Bins[]; range?: readonly Limits[] | null; weights?: Operand | null; density?: boolean | null }
/** [counts, one vector of edges a dimension] of points in the rows of `sample`. */
export function histogramdd(sample: Operand, options?: HistogramddOptions): [NDArray, NDArray[]] {
  const { bins = 10, range = null, weights = null, density = false } = checkOptions('jnp.histogramdd', options, KEYS);
  const [points] = inexact('jnp.histogramdd', sample);
  if (points.ndim !== 2) throw new ShapeError(`jnp.histogramdd: expected points as rows, got shape ${formatShape(points.shape)}.`);
  const [n, d] = points.shape;
  const each = globalThis.Array.isArray(bins) ? (bins as readonly Bins[]) : globalThis.Array.from({ length: d }, () => bins as Bins);
  if (each.length !== d || (range && range.length !== d)) {
    throw new ShapeError(`jnp.histogramdd: bins or ranges for ${range && range.length !== d ? range.length : each.length} dimensions do not fit ${d}.`);
  }
  const columns = [...globalThis.Array(d).keys()].map((k) => reshape(slice(points, [0, k], [n, k + 1]), [n]));
  const edges = columns.map((c, k) => edgesOf('jnp.histogramdd', c, each[k], range ? range[k] : null));
  const sizes = edges.map((e) => e.shape[0] - 1);
  let at: NDArray = new Scalar(0, 'int32', false);
  let inside: NDArray | null = null;
  columns.forEach((c, k) => {
    const bin = binOf(c, convertElementType(edges[k], c.dtype));
    inside = inside ? lax.bitwiseAnd(inside, lax.ge(bin, 0)) : lax.ge(bin, 0);
    at = lax.add(lax.mul(at, sizes[k]), bin);
  });
  const w = weights === null ? expandTo(new Scalar(1, 'int32', false), [n]) : weightsOf('jnp.histogramdd', weights, points);
  const flat = scatter(zeros([dims.size(sizes)], w), lax.select(inside!, at, new Scalar(-1, 'int32', false)), w, 'add');
  const counts = reshape(flat, sizes);
  if (!density) return [counts, edges];
  const weighed = convertElementType(counts, points.dtype);
  const total = sum(weighed);
  return [edges.reduce((h, e, k) => lax.div(h, reshape(diff(e), sizes.map((s, i) => (i === k ? s : 1)))), lax.div(weighed, total)), edges];
}
/** [counts, edges of x, edges of y] of points (x, y). */
export function histogram2d(x: Operand, y: Operand, options?: HistogramddOptions): [NDArray, NDArray, NDArray] {
  const { bins = 10, ...rest } = checkOptions('jnp.histogram2d', options, KEYS);
  const both = globalThis.Array.isArray(bins) && bins.length === 2 ? bins : [bins, bins] as readonly Bins[];
  const [counts, [a, b]] = histogramdd(stack([ravel(x), ravel(y)], { axis: 1 }), { ...rest, bins: both as readonly Bins[] });
  return [counts, a, b];
}
