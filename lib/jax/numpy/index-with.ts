/** NumPy's indexing: numbers, ranges, new axes, integer arrays and masks; read here, written in `at.ts`. */
import { ShapeError, TypeError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { NDArray, expectConcrete } from '../array.js';
import { broadcastShapes, dims, formatShape, isSymbolic } from '../dims.js';
import { isInteger } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType, stopGradient } from '../primitives/convert.js';
import { gather, gatherClamped } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as shape from '../primitives/shape.js';
import { array } from './creation.js';

/** Python's `start:stop:step`; null is left out. */
export interface Range { start?: number | null; stop?: number | null; step?: number | null }
/** One part of an index: a number, a range, null for a new axis, '...', an integer array or a mask. */
export type Index = number | null | '...' | Range | NDArray;

/** A mask as one array of positions for each of its axes; its values must be known. */
function positions(mask: NDArray): NDArray[] {
  const { data } = expectConcrete(mask, 'Indexing with a mask (use jnp.where inside jit)');
  const found = [...data.keys()].filter((i) => data[i]);
  let stride = mask.size;
  return mask.shape.map((n) => {
    const outer = stride;
    stride = n === 0 ? 0 : outer / n;
    return array(Int32Array.from(found, (i) => Math.floor((i % outer) / stride)));
  });
}
function positionArray(where: string, b: NDArray): NDArray {
  if (!isInteger(b.dtype)) throw new TypeError(`${where}: indices must be integers, got ${b.dtype}; convert them with astype('int32').`);
  return b.dtype === 'int32' || b.dtype === 'int64' ? b : convertElementType(b, b.dtype === 'uint32' || b.dtype === 'uint64' ? 'int64' : 'int32');
}

/** An index taken apart: a box of the array, cut and reversed and with new axes; then what arrays pick from its axes. */
export interface IndexPlan {
  readonly starts: readonly number[];
  readonly limits: readonly number[];
  readonly strides: readonly number[];
  readonly reversed: readonly number[];
  /** The box's shape without the axes that numbers took away, with the new ones. */
  readonly shape: readonly number[];
  readonly arrays: readonly NDArray[];
  /** The axes of `shape` that the arrays index. */
  readonly axes: readonly number[];
  /** Where the arrays' axes stand in the result. */
  readonly target: number;
}

/** Where a range begins, ends and how it steps on an axis of size n; backwards ones are cut forwards and then reversed. */
export function cut(where: string, { start, stop, step }: Range, n: number): { from: number; limit: number; by: number; backwards: boolean } {
  for (const v of [start, stop, step]) if (v !== null && v !== undefined && !Number.isInteger(v)) throw new TypeError(`${where}: a range has whole numbers, got ${String(v)}.`);
  if (isSymbolic(n) && !start && (stop === null || stop === undefined) && (step ?? 1) === 1) return { from: 0, limit: n, by: 1, backwards: false };
  const by = step ?? 1;
  if (by === 0) throw new ShapeError(`${where}: the step of a range must not be 0.`);
  const clamp = (v: number | null | undefined, otherwise: number, low: number, high: number) => (v === null || v === undefined ? otherwise : Math.min(high, Math.max(low, v < 0 ? v + n : v)));
  if (by > 0) {
    const from = clamp(start, 0, 0, n);
    return { from, limit: Math.max(from, clamp(stop, n, 0, n)), by, backwards: false };
  }
  const [last, before] = [clamp(start, n - 1, -1, n - 1), clamp(stop, -1, -1, n - 1)];
  const count = Math.max(0, Math.ceil((last - before) / -by));
  return { from: count ? last + (count - 1) * by : 0, limit: count ? last + 1 : 0, by: -by, backwards: true };
}

/** Takes an index of an array of shape `of` apart; refuses numbers out of range. */
export function planIndex(where: string, of: readonly number[], given: readonly Index[]): IndexPlan {
  const by = given.flatMap<Index>((b) => (b instanceof NDArray ? (b.dtype === 'bool' ? maskOf(where, b) : [positionArray(where, b)]) : [b]));
  const used = by.filter((b) => b !== null && b !== '...').length;
  if (used > of.length) throw new ShapeError(`${where}: ${used} indices for an array of rank ${of.length}.`);
  const gap = by.indexOf('...');
  if (gap >= 0 && by.indexOf('...', gap + 1) >= 0) throw new ShapeError(`${where}: an index has at most one '...'.`);
  const full = globalThis.Array.from({ length: of.length - used }, () => ({}));
  const all = gap < 0 ? [...by, ...full] : [...by.slice(0, gap), ...full, ...by.slice(gap + 1)];
  const [starts, limits, strides, reversed, sizes, axes, group]: number[][] = [[], [], [], [], [], [], []];
  const arrays: NDArray[] = [];
  let target = -1;
  all.forEach((b, k) => {
    if (b === null) { sizes.push(1); return; }
    const axis = starts.length;
    const n = of[axis];
    let part = { from: 0, limit: n, by: 1, backwards: false };
    // Arrays (and, beside them, numbers) form one group; it stands in its place, or in front where others come between.
    if (typeof b === 'number' || b instanceof NDArray) {
      group.push(k);
      if (target < 0) target = sizes.length;
    }
    if (typeof b === 'number') {
      const from = b < 0 ? b + n : b;
      if (!Number.isInteger(b)) throw new TypeError(`${where}: indices must be integers, got ${b}.`);
      if (from < 0 || from >= n) throw new ShapeError(`${where}: ${b} is out of range for axis ${axis} of size ${n}.`);
      part = { from, limit: from + 1, by: 1, backwards: false };
    } else if (b instanceof NDArray) {
      arrays.push(b);
      axes.push(sizes.length);
      sizes.push(n);
    } else {
      if (typeof b !== 'object') throw new TypeError(`${where}: expected a number, { start, stop, step }, null, '...' or an array, got ${typeof b} ${String(b)}.`);
      part = cut(where, b as Range, n);
      if (part.backwards) reversed.push(axis);
      sizes.push(part.from === 0 && part.by === 1 && dims.equal(part.limit, n) ? n : Math.ceil((part.limit - part.from) / part.by));
    }
    starts.push(part.from); limits.push(part.limit); strides.push(part.by);
  });
  if (group.length && group[group.length - 1] - group[0] >= group.length) target = 0;
  return { starts, limits, strides, reversed, shape: sizes, arrays, axes, target };
}
const maskOf = (where: string, mask: NDArray): NDArray[] => {
  if (mask.ndim === 0) throw new TypeError(`${where}: a single boolean is no index; use jnp.where.`);
  return positions(mask);
};

/** True where a plan takes a part of `x` away. */
export const cuts = (x: NDArray, { starts, limits, strides }: IndexPlan): boolean => starts.some((s, i) => s !== 0 || strides[i] !== 1 || !dims.equal(limits[i], x.shape[i]));
/** The box of `x` that the arrays of a plan pick from. */
export function box(x: NDArray, plan: IndexPlan): NDArray {
  const part = cuts(x, plan) ? shape.slice(x, plan.starts, plan.limits, plan.strides) : x;
  return shape.reshape(shape.reverse(part, plan.reversed), plan.shape);
}

/** NumPy's `x[…]`: `index(x, 0)`, `index(x, { start: 1 }, -1)`, `index(x, rows, columns)`. Array indices out of range read the nearest element. */
export function index(x: Operand, ...given: Index[]): NDArray {
  const y = asArray(x, 'index');
  const plan = planIndex('index', y.shape, given);
  // As in JAX, where single positions are a slice, which passes its derivative to the nearest element, and several are a gather, which does not.
  return read(y, plan.arrays.every((a) => a.ndim === 0) ? clipped(plan) : plan);
}
/** A plan whose arrays are brought into their axes, so that derivatives pass where `read` would stop them. */
export const clipped = (plan: IndexPlan): IndexPlan => ({
  ...plan, arrays: plan.arrays.map((given, k) => combined('index', [given], [plan.shape[plan.axes[k]]]).at),
});
/** What a plan picks from `y`. */
export function read(y: NDArray, plan: IndexPlan): NDArray {
  const from = box(y, plan);
  const { arrays, axes, target } = plan;
  if (arrays.length === 0) return from;
  axes.forEach((a, k) => { if (from.shape[a] === 0 && arrays[k].size !== 0) throw new ShapeError(`index: axis ${a} of ${formatShape(from.shape)} is empty.`); });
  return arrays.length === 1 ? placed(gatherClamped(from, arrays[0], axes[0]), axes[0], arrays[0].ndim, target) : gatherSeveral(from, arrays, axes, target);
}

/** Moves `rank` axes that begin at `from` to begin at `to`. */
export function placed(x: NDArray, from: number, rank: number, to: number): NDArray {
  const order = range(x.ndim).filter((k) => k < from || k >= from + rank);
  order.splice(to, 0, ...range(rank).map((k) => from + k));
  return shape.transpose(x, order);
}

/** The indexed axes in front, as one. */
export const indexedInFront = (y: NDArray, axes: readonly number[]): NDArray => {
  const kept = range(y.ndim).filter((k) => !axes.includes(k));
  return shape.reshape(shape.transpose(y, [...axes, ...kept]), [dims.size(axes.map((a) => y.shape[a])), ...kept.map((k) => y.shape[k])]);
};
/** One index into those axes from an array for each: clamped, and where all were in range. Negative ones count from the end. */
export function combined(where: string, given: readonly NDArray[], sizes: readonly number[]): { at: NDArray; valid: NDArray; common: number[] } {
  const common = broadcastShapes(where, ...given.map((i) => i.shape));
  const dtype = given.some((i) => i.dtype === 'int64') ? 'int64' : 'int32';
  let at: NDArray | null = null;
  let valid: NDArray | null = null;
  given.forEach((g, k) => {
    const n = sizes[k];
    const i = convertElementType(g, dtype);
    const counted = lax.select(lax.lt(i, 0), lax.add(i, n), i);
    const inside = lax.bitwiseAnd(lax.ge(counted, 0), lax.lt(counted, n));
    const clamped = lax.min(lax.max(counted, 0), n - 1);
    at = at ? lax.add(lax.mul(at, n), clamped) : clamped;
    valid = valid ? lax.bitwiseAnd(valid, inside) : inside;
  });
  return { at: shape.expandTo(at!, common), valid: shape.expandTo(valid!, common), common };
}

/** Several index arrays: their axes become one, which one combined index reads. */
function gatherSeveral(y: NDArray, given: readonly NDArray[], axes: readonly number[], target: number): NDArray {
  const { at, valid, common } = combined('index', given, axes.map((a) => y.shape[a]));
  const out = gather(indexedInFront(y, axes), at, 0);
  // What was out of range reads the nearest element, but passes no derivative.
  const mask = shape.reshape(valid, [...common, ...out.shape.slice(common.length).map(() => 1)]);
  return placed(lax.select(mask, out, stopGradient(out)), 0, common.length, target);
}
