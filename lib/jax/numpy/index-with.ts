/** NumPy's indexing: numbers, ranges, new axes, integer arrays and masks. */
import { ShapeError, TypeError } from '../../runtime/errors.js';
import { NDArray, expectConcrete } from '../array.js';
import { broadcastShapes, dims, formatShape, isSymbolic } from '../dims.js';
import { isInteger } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType, stopGradient } from '../primitives/convert.js';
import { gather, gatherClamped } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as shape from '../primitives/shape.js';
import { array } from './creation.js';

/** One part of an index: a number, `{ start, stop, step }`, null for a new axis, '...', an integer array or a mask. */
export type Index = number | null | '...' | { start?: number | null; stop?: number | null; step?: number | null } | NDArray;

/** A mask as one array of positions for each of its axes; its values must be known. */
function positions(mask: NDArray): NDArray[] {
  const { data } = expectConcrete(mask, 'Indexing with a mask (use jnp.where inside jit)');
  const found = [...data.keys()].filter((i) => data[i]);
  let stride = mask.size;
  return mask.shape.map((n) => {
    const [outer] = [stride];
    stride = n === 0 ? 0 : outer / n;
    return array(Int32Array.from(found, (i) => Math.floor((i % outer) / stride)));
  });
}
function positionArray(b: NDArray): NDArray {
  if (!isInteger(b.dtype)) throw new TypeError(`index: indices must be integers, got ${b.dtype}; convert them with astype('int32').`);
  return b.dtype === 'int32' || b.dtype === 'int64' ? b : convertElementType(b, b.dtype === 'uint32' || b.dtype === 'uint64' ? 'int64' : 'int32');
}

/** NumPy's `x[…]`: `index(x, 0)`, `index(x, { start: 1 }, -1)`, `index(x, rows, columns)`. Array indices out of range read the nearest element. */
export function index(x: Operand, ...given: Index[]): NDArray {
  let y = asArray(x, 'index');
  const by = given.flatMap<Index>((b) => (b instanceof NDArray ? (b.dtype === 'bool' ? positions(b) : [positionArray(b)]) : [b]));
  const used = by.filter((b) => b !== null && b !== '...').length;
  if (used > y.ndim) throw new ShapeError(`index: ${used} indices for an array of rank ${y.ndim}.`);
  const gap = by.indexOf('...');
  const full = globalThis.Array.from({ length: y.ndim - used }, () => ({}));
  const all = gap < 0 ? [...by, ...full] : [...by.slice(0, gap), ...full, ...by.slice(gap + 1)];
  const starts: number[] = [];
  const limits: number[] = [];
  const strides: number[] = [];
  const reversed: number[] = [];
  const out: { kind: 'drop' | 'keep' | 'new' | 'array'; array?: NDArray }[] = [];
  let axis = 0;
  for (const b of all) {
    if (b === null) { out.push({ kind: 'new' }); continue; }
    const n = y.shape[axis];
    let [start, limit, step]: number[] = [0, n, 1];
    if (typeof b === 'number') {
      start = b < 0 ? b + n : b;
      if (!Number.isInteger(b) || start < 0 || start >= n) throw new ShapeError(`index: ${b} is out of range for axis ${axis} of size ${n}.`);
      limit = start + 1;
      out.push({ kind: 'drop' });
    } else if (b instanceof NDArray) out.push({ kind: 'array', array: b });
    else {
      out.push({ kind: 'keep' });
      const spec = b as { start?: number | null; stop?: number | null; step?: number | null };
      if (!isSymbolic(n) || spec.start || spec.stop || spec.step) {
        const by = spec.step ?? 1;
        const clamp = (v: number | null | undefined, otherwise: number, low: number, high: number) => (v === null || v === undefined ? otherwise : Math.min(high, Math.max(low, v < 0 ? v + n : v)));
        if (by > 0) { start = clamp(spec.start, 0, 0, n); limit = Math.max(start, clamp(spec.stop, n, 0, n)); step = by; } else {
          // Backwards: cut forwards, then reverse.
          const from = clamp(spec.start, n - 1, -1, n - 1);
          const to = clamp(spec.stop, -1, -1, n - 1);
          const count = Math.max(0, Math.ceil((from - to) / -by));
          start = count ? from + (count - 1) * by : 0;
          limit = count ? from + 1 : 0;
          step = -by;
          reversed.push(axis);
        }
      }
    }
    starts.push(start); limits.push(limit); strides.push(step);
    axis++;
  }
  if (starts.some((s, i) => s !== 0 || strides[i] !== 1 || !dims.equal(limits[i], y.shape[i]))) y = shape.slice(y, starts, limits, strides);
  y = shape.reverse(y, reversed);
  // Arrays (and, beside them, numbers) form one group; it stands in its place, or in front where others come between.
  const sizes: number[] = [];
  const arrays: NDArray[] = [];
  const axes: number[] = [];
  const group: number[] = [];
  let [at, target] = [0, -1];
  out.forEach((o, k) => {
    if (o.kind === 'new') { sizes.push(1); return; }
    if (o.kind !== 'keep') {
      group.push(k);
      if (target < 0) target = sizes.length;
    }
    if (o.kind === 'array') { arrays.push(o.array!); axes.push(sizes.length); }
    if (o.kind !== 'drop') sizes.push(y.shape[at]);
    at++;
  });
  y = shape.reshape(y, sizes);
  if (arrays.length === 0) return y;
  if (group[group.length - 1] - group[0] >= group.length) target = 0;
  axes.forEach((a, k) => { if (y.shape[a] === 0 && arrays[k].size !== 0) throw new ShapeError(`index: axis ${a} of ${formatShape(y.shape)} is empty.`); });
  return arrays.length === 1 ? placed(gatherClamped(y, arrays[0], axes[0]), axes[0], arrays[0].ndim, target) : gatherSeveral(y, arrays, axes, target);
}

/** Moves `rank` axes that begin at `from` to begin at `to`. */
function placed(x: NDArray, from: number, rank: number, to: number): NDArray {
  const moved = [...globalThis.Array(rank).keys()].map((k) => from + k);
  const order = [...x.shape.keys()].filter((k) => k < from || k >= from + rank);
  order.splice(to, 0, ...moved);
  return shape.transpose(x, order);
}

/** Several index arrays: their axes become one, which one combined index reads. */
function gatherSeveral(y: NDArray, given: readonly NDArray[], axes: readonly number[], target: number): NDArray {
  const common = broadcastShapes('index', ...given.map((i) => i.shape));
  const dtype = given.some((i) => i.dtype === 'int64') ? 'int64' : 'int32';
  const kept = [...y.shape.keys()].filter((k) => !axes.includes(k));
  const flat = shape.reshape(shape.transpose(y, [...axes, ...kept]), [dims.size(axes.map((a) => y.shape[a])), ...kept.map((k) => y.shape[k])]);
  let at: NDArray | null = null;
  let valid: NDArray | null = null;
  given.forEach((g, k) => {
    const n = y.shape[axes[k]];
    const i = convertElementType(g, dtype);
    const counted = lax.select(lax.lt(i, 0), lax.add(i, n), i);
    const inside = lax.bitwiseAnd(lax.ge(counted, 0), lax.lt(counted, n));
    const clamped = lax.min(lax.max(counted, 0), n - 1);
    at = at ? lax.add(lax.mul(at, n), clamped) : clamped;
    valid = valid ? lax.bitwiseAnd(valid, inside) : inside;
  });
  const out = gather(flat, shape.expandTo(at!, common), 0);
  // What was out of range reads the nearest element, but passes no derivative.
  const mask = shape.reshape(shape.expandTo(valid!, common), [...common, ...kept.map(() => 1)]);
  return placed(lax.select(mask, out, stopGradient(out)), 0, common.length, target);
}
