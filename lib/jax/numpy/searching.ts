/** Finding elements: nonzero, searchsorted, choosing among arrays and picking by conditions. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { NDArray, Scalar, expectConcrete } from '../array.js';
import { broadcastShapes, canonicalAxis, dims, formatShape } from '../dims.js';
import { isFloat, isInteger } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { gather, gatherAlong, gatherClamped, iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as reduce from '../primitives/reduce.js';
import { scatter } from '../primitives/scatter.js';
import { expandTo, reduceSum, reshape } from '../primitives/shape.js';
import { stack } from './joining.js';
import { ravel, take } from './manipulation.js';
import { either, promoteOperands, truth } from './promotion.js';

/** A list of arrays, or the slices of one along its first axis. */
function listOf(where: string, xs: Operand | readonly Operand[]): NDArray[] {
  if (globalThis.Array.isArray(xs)) return xs.map((x: Operand) => asArray(x, where));
  const rows = asArray(xs as Operand, where);
  return [...globalThis.Array(rows.shape[0] ?? 0).keys()].map((k) => gather(rows, int(k), 0));
}
const int = (v: number): Scalar => new Scalar(v, 'int32', false);

/** `size`: how many to find, which a trace must know; `fillValue` stands for those that are not there (0; a list: one an axis). */
export interface SizeOptions { size?: number | null; fillValue?: Operand | readonly Operand[] | null }
/** The first `size` positions in a row where a mask is set; what is missing is `fill`. */
function found(where: string, mask: NDArray, size: number | null | undefined): { at: NDArray; there: NDArray } {
  const n = mask.size;
  const flat = reshape(mask, [n]);
  const wanted = size ?? (expectConcrete(flat, `${where} without size`).data as Uint8Array).reduce((k, v) => k + v, 0);
  if (!Number.isInteger(wanted) || wanted < 0) throw new ShapeError(`${where}: size must be a whole number, got ${String(wanted)}.`);
  if (n === 0 || wanted === 0) return { at: expandTo(int(0), [wanted]), there: lax.ne(expandTo(int(0), [wanted]), 0) };
  const rank = reduce.cumsum(convertElementType(flat, 'int32'), 0);
  const at = scatter(expandTo(int(0), [wanted]), lax.select(flat, lax.sub(rank, 1), int(-1)), iota('int32', [n]), 'set');
  return { at, there: lax.lt(iota('int32', [wanted]), reduceSum(convertElementType(flat, 'int32'), [0])) };
}
function positions(where: string, x: NDArray, { size, fillValue }: SizeOptions): NDArray[] {
  const { at, there } = found(where, truth(x), size);
  const fills = globalThis.Array.isArray(fillValue) ? (fillValue as readonly Operand[]) : x.shape.map(() => (fillValue ?? 0) as Operand);
  if (fills.length !== x.ndim) throw new ShapeError(`${where}: ${fills.length} fill values do not fit ${x.ndim} axes.`);
  let stride = x.size;
  return x.shape.map((n, i) => {
    stride = n === 0 ? 1 : stride / n;
    const index = lax.rem(lax.div(at, Math.max(1, stride)), int(Math.max(1, n)));
    return lax.select(there, index, convertElementType(asArray(fills[i], where), 'int32'));
  });
}
const SIZE = ['size', 'fillValue'] as const;
/** Where elements are not zero: one int32 vector an axis. In a trace `size` says how many. */
export const nonzero = (x: Operand, options?: SizeOptions): NDArray[] => {
  const y = asArray(x, 'jnp.nonzero');
  return positions('jnp.nonzero', y.ndim === 0 ? ravel(y) : y, checkOptions('jnp.nonzero', options, SIZE));
};
/** Where elements are not zero, counted in a row. */
export const flatnonzero = (x: Operand, options?: SizeOptions): NDArray => positions('jnp.flatnonzero', ravel(x), checkOptions('jnp.flatnonzero', options, SIZE))[0];
/** Where elements are not zero: one row each. */
export const argwhere = (x: Operand, options?: SizeOptions): NDArray => {
  const y = asArray(x, 'jnp.argwhere');
  const { size } = checkOptions('jnp.argwhere', options, SIZE);
  if (y.ndim > 0) return stack(positions('jnp.argwhere', y, options ?? {}), { axis: 1 });
  const rows = found('jnp.argwhere', truth(ravel(y)), size).at.shape[0];
  return expandTo(int(0), [rows, 0]);
};

/** `condition ? x : y`, elementwise; with the condition alone as `nonzero`. */
export function where(condition: Operand, x: Operand, y: Operand): NDArray;
export function where(condition: Operand, x?: null, y?: null, options?: SizeOptions): NDArray[];
export function where(condition: Operand, x?: Operand | null, y?: Operand | null, options?: SizeOptions): NDArray | NDArray[] {
  const missing = [x, y].filter((v) => v === undefined || v === null).length;
  if (missing === 1) throw new TypeError('jnp.where: either both or neither of x and y are given.');
  if (missing === 2) return positions('jnp.where', asArray(condition, 'jnp.where'), checkOptions('jnp.where', options, SIZE));
  return either('jnp.where', condition, x!, y!);
}

export interface SearchSortedOptions { side?: 'left' | 'right'; sorter?: NDArray | null; method?: string }
/** The places where `v` would keep the sorted vector `a` in order, before ('left') or behind equal elements; NaN comes last. By bisection. */
export function searchsorted(a: Operand, v: Operand, options?: SearchSortedOptions): NDArray {
  const { side = 'left', sorter = null } = checkOptions('jnp.searchsorted', options, ['side', 'sorter', 'method']);
  if (side !== 'left' && side !== 'right') throw new ValueError(`jnp.searchsorted: unknown side '${String(side)}'; expected left or right.`);
  const [given, x] = promoteOperands('jnp.searchsorted', a, v);
  if (given.ndim !== 1) throw new ShapeError(`jnp.searchsorted: expected a sorted vector, got shape ${formatShape(given.shape)}.`);
  const sorted = sorter ? gatherClamped(given, sorter, 0) : given;
  const n = sorted.shape[0];
  const floating = isFloat(sorted.dtype);
  const less = (p: NDArray, q: NDArray) => (floating ? lax.bitwiseOr(lax.lt(p, q), lax.bitwiseAnd(lax.ne(q, q), lax.eq(p, p))) : lax.lt(p, q));
  let count: NDArray = expandTo(int(0), x.shape);
  if (n === 0) return count;
  for (let step = 2 ** Math.floor(Math.log2(n)); step >= 1; step /= 2) {
    const next = lax.add(count, step);
    const element = gather(sorted, lax.min(lax.sub(next, 1), n - 1), 0);
    const before = side === 'left' ? less(element, x) : lax.bitwiseNot(less(x, element));
    count = lax.select(lax.bitwiseAnd(lax.le(next, n), before), next, count);
  }
  return count;
}
/** The number of the bin that each element lies in: `bins` rise or fall; an edge belongs to the bin above it, or below with `right`. */
export function digitize(x: Operand, bins: Operand, options?: { right?: boolean; method?: string }): NDArray {
  const { right = false } = checkOptions('jnp.digitize', options, ['right', 'method']);
  const edges = asArray(bins, 'jnp.digitize');
  if (edges.ndim !== 1) throw new ShapeError(`jnp.digitize: bins must be a vector, got shape ${formatShape(edges.shape)}.`);
  const n = edges.shape[0];
  const side = right ? 'left' : 'right';
  if (n === 0) return expandTo(int(0), asArray(x, 'jnp.digitize').shape);
  const rising = lax.ge(gather(edges, int(n - 1), 0), gather(edges, int(0), 0));
  const back = gather(edges, lax.sub(n - 1, iota('int32', [n])), 0);
  return lax.select(rising, searchsorted(edges, x, { side }), lax.sub(n, searchsorted(back, x, { side })));
}

/** For each element the first choice whose condition holds, else `default`. */
export function select(condlist: readonly Operand[], choicelist: readonly Operand[], options?: { default?: Operand }): NDArray {
  const { default: otherwise = 0 } = checkOptions('jnp.select', options, ['default']);
  if (condlist.length !== choicelist.length || condlist.length === 0) {
    throw new ValueError(`jnp.select: ${condlist.length} conditions do not fit ${choicelist.length} choices.`);
  }
  const choices = promoteOperands('jnp.select', ...choicelist, otherwise);
  const masks = condlist.map((c) => {
    const mask = asArray(c, 'jnp.select');
    if (mask.dtype !== 'bool') throw new TypeError(`jnp.select: conditions must be bool, got ${mask.dtype}; compare with 0 first.`);
    return mask;
  });
  const shape = broadcastShapes('jnp.select', ...masks.map((m) => m.shape), ...choices.map((c) => c.shape));
  return masks.reduceRight((rest, mask, i) => lax.select(mask, choices[i], rest), expandTo(choices[choices.length - 1], shape));
}
export type ChooseMode = 'raise' | 'clip' | 'wrap';
/** For each element of `a` the choice of that number; out of range: clipped, wrapped, or refused where the numbers are known ('raise'). */
export function choose(a: Operand, choices: Operand | readonly Operand[], options?: { mode?: ChooseMode }): NDArray {
  const { mode = 'raise' } = checkOptions('jnp.choose', options, ['mode']);
  if (!['raise', 'clip', 'wrap'].includes(mode)) throw new ValueError(`jnp.choose: unknown mode '${String(mode)}'; expected raise, clip or wrap.`);
  const index = asArray(a, 'jnp.choose');
  if (!isInteger(index.dtype)) throw new TypeError(`jnp.choose: expected integers, got ${index.dtype}; convert with astype('int32').`);
  const list = promoteOperands('jnp.choose', ...listOf('jnp.choose', choices));
  const n = list.length;
  if (mode === 'raise') {
    const bad = ([expectConcrete(index, "jnp.choose with mode 'raise' (use 'clip' or 'wrap' inside jit)").tolist()] as any[]).flat(Infinity).find((v) => v < 0 || v >= n);
    if (bad !== undefined) throw new ValueError(`jnp.choose: ${bad} is out of range for ${n} choices; use the mode clip or wrap.`);
  }
  const i = mode === 'wrap' ? wrapped(index, n) : lax.min(lax.max(index, 0), n - 1);
  const shape = broadcastShapes('jnp.choose', index.shape, ...list.map((c) => c.shape));
  return list.slice(0, -1).reduceRight((rest, c, k) => lax.select(lax.eq(i, k), c, rest), expandTo(list[n - 1], shape));
}
const wrapped = (i: NDArray, n: number): NDArray => { const r = lax.rem(i, n); return lax.select(lax.lt(r, 0), lax.add(r, n), r); };

export interface CompressOptions { axis?: number | null; size?: number | null; fillValue?: Operand }
/** The slices along `axis` where `condition` holds. */
export function compress(condition: Operand, x: Operand, options?: CompressOptions): NDArray {
  const { axis = null, size, fillValue = 0 } = checkOptions('jnp.compress', options, ['axis', 'size', 'fillValue']);
  const mask = asArray(condition, 'jnp.compress');
  const y = axis === null ? ravel(x) : asArray(x, 'jnp.compress');
  const at = canonicalAxis(axis ?? 0, y.ndim, 'jnp.compress');
  if (mask.ndim !== 1 || mask.shape[0] > y.shape[at]) {
    throw new ShapeError(`jnp.compress: a condition of shape ${formatShape(mask.shape)} does not fit axis ${at} of ${formatShape(y.shape)}.`);
  }
  const { at: indices, there } = found('jnp.compress', truth(mask), size);
  if (y.shape[at] === 0) return expandTo(convertElementType(asArray(fillValue, 'jnp.compress'), y.dtype), y.shape.map((d, i) => (i === at ? indices.shape[0] : d)));
  return lax.select(reshape(there, y.shape.map((_, i) => (i === at ? indices.shape[0] : 1))), gather(y, indices, at), convertElementType(asArray(fillValue, 'jnp.compress'), y.dtype));
}
/** The elements, in a row, where `condition` is not zero. */
export const extract = (condition: Operand, x: Operand, options?: { size?: number | null; fillValue?: Operand }): NDArray =>
  compress(ravel(condition), ravel(x), checkOptions('jnp.extract', options, SIZE));

/** The permutation that sorts by several keys, the last one first: a list of arrays, or the rows of one. */
export function lexsort(keys: Operand | readonly Operand[], options?: { axis?: number }): NDArray {
  const { axis = -1 } = checkOptions('jnp.lexsort', options, ['axis']);
  const list = listOf('jnp.lexsort', keys);
  if (list.length === 0) throw new ShapeError('jnp.lexsort: expected at least one key, got none.');
  if (list.some((k) => !dims.equalShapes(k.shape, list[0].shape))) {
    throw new ShapeError(`jnp.lexsort: keys have different shapes: ${list.map((k) => formatShape(k.shape)).join(', ')}.`);
  }
  if (list[0].ndim === 0) return int(0).concrete;
  const at = canonicalAxis(axis, list[0].ndim, 'jnp.lexsort');
  return list.slice(1).reduce((order, key) => gatherAlong(order, reduce.argsort(gatherAlong(key, order, at), at), at), reduce.argsort(list[0], at));
}
/**
 * Linear interpolation at `x` between the points (xp, fp), xp rising; outside: the values at the ends, `left` and `right`,
 * or the last lines on ('extrapolate'). `period`: xp is an angle.
 */
export function interp(x: Operand, xp: Operand, fp: Operand, options?: { left?: Operand | 'extrapolate' | null; right?: Operand | 'extrapolate' | null; period?: number | null }): NDArray {
  const { left = null, right = null, period = null } = checkOptions('jnp.interp', options, ['left', 'right', 'period']);
  let [at, points, values] = promoteOperands('jnp.interp', x, xp, fp).map((v) => (isFloat(v.dtype) ? v : convertElementType(v, 'float32')));
  if (points.ndim !== 1 || !dims.equalShapes(points.shape, values.shape)) {
    throw new ShapeError(`jnp.interp: xp and fp must be vectors of one length, got ${formatShape(points.shape)} and ${formatShape(values.shape)}.`);
  }
  if (period !== null) {
    if (period === 0) throw new ValueError('jnp.interp: the period must not be 0.');
    const p = Math.abs(period);
    const turned = (v: NDArray) => lax.sub(v, lax.mul(lax.floor(lax.div(v, p)), p));
    [at, points] = [turned(at), turned(points)];
    const order = reduce.argsort(points, 0);
    const n = points.shape[0];
    // One more point before and behind, a period away.
    const round = lax.sub(iota('int32', [n + 2]), 1);
    const source = wrapped(round, n);
    const shift = lax.mul(convertElementType(lax.sub(convertElementType(lax.ge(round, n), 'int32'), convertElementType(lax.lt(round, 0), 'int32')), points.dtype), p);
    [points, values] = [lax.add(gather(gather(points, order, 0), source, 0), shift), gather(gather(values, order, 0), source, 0)];
  }
  const n = points.shape[0];
  if (n < 1) throw new ShapeError('jnp.interp: there are no points.');
  const upper = lax.min(lax.max(searchsorted(points, at, { side: 'right' }), 1), Math.max(1, n - 1));
  const pick = (v: NDArray, i: NDArray) => take(v, i, { mode: 'clip' });
  const lower = lax.sub(upper, 1);
  const [x0, f0] = [pick(points, lower), pick(values, lower)];
  const [dx, df] = [lax.sub(pick(points, upper), x0), lax.sub(pick(values, upper), f0)];
  const still = lax.le(lax.abs(dx), points.dtype === 'float64' ? 2 ** -104 : 2 ** -46);
  const line = lax.add(f0, lax.mul(lax.div(lax.sub(at, x0), lax.select(still, new Scalar(1, dx.dtype, false), dx)), df));
  let out = lax.select(still, f0, line);
  const edge = (v: NDArray, i: number) => gather(v, int(i), 0);
  const outside = (side: Operand | 'extrapolate' | null, i: number): NDArray => convertElementType(side === null ? edge(values, i) : asArray(side as Operand, 'jnp.interp'), out.dtype);
  if (left !== 'extrapolate' && period === null) out = lax.select(lax.lt(at, edge(points, 0)), outside(left, 0), out);
  if (right !== 'extrapolate' && period === null) out = lax.select(lax.gt(at, edge(points, n - 1)), outside(right, n - 1), out);
  return out;
}
