/** Shapes, joining, splitting, padding and taking. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { NDArray, expectConcrete, isArray } from '../array.js';
import { canonicalAxes, canonicalAxis, dims, formatShape, type Shape } from '../dims.js';
import { isInteger } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { gather, gatherAlong, iota } from '../primitives/indexing.js';
import { cumsum } from '../primitives/reduce.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as shape from '../primitives/shape.js';
import { checkShape, filler } from './promotion.js';

export interface OrderOptions { order?: 'C' | 'F' }
const isColumnMajor = (where: string, options: OrderOptions | undefined): boolean => {
  const { order = 'C' } = checkOptions(where, options, ['order']);
  if (order !== 'C' && order !== 'F') throw new ValueError(`${where}: unknown order '${String(order)}'; expected 'C' (the last axis runs fastest) or 'F' (the first).`);
  return order === 'F';
};
/** A new shape; one size may be -1. With `order: 'F'` elements are read and placed with the first axis running fastest. */
export function reshape(x: Operand, to: Shape | number, options?: OrderOptions): NDArray {
  const y = asArray(x, 'jnp.reshape');
  const wanted = [...checkShape('jnp.reshape', to, -1)];
  if (isColumnMajor('jnp.reshape', options)) return transpose(reshape(transpose(y), wanted.reverse()));
  const open = wanted.indexOf(-1);
  if (open < 0) return shape.reshape(y, wanted);
  const rest = dims.size(wanted.filter((_, i) => i !== open));
  if (wanted.lastIndexOf(-1) !== open || rest === 0) {
    throw new ShapeError(`jnp.reshape: cannot infer a size in ${formatShape(wanted)} for an array of shape ${formatShape(y.shape)}.`);
  }
  try {
    wanted[open] = dims.div(dims.size(y.shape), rest);
  } catch {
    throw new ShapeError(`jnp.reshape: cannot reshape ${formatShape(y.shape)} to ${formatShape(wanted)}: ${dims.size(y.shape)} is no multiple of ${rest}.`);
  }
  return shape.reshape(y, wanted);
}
/** All elements in a row; with `order: 'F'` the first axis runs fastest. */
export const ravel = (x: Operand, options?: OrderOptions): NDArray => reshape(isColumnMajor('jnp.ravel', options) ? transpose(x) : x, [-1]);

/** Axes in another order, reversed by default. */
export function transpose(x: Operand, axes?: readonly number[]): NDArray {
  const y = asArray(x, 'jnp.transpose');
  return shape.transpose(y, axes ? axes.map((a) => canonicalAxis(a, y.ndim, 'jnp.transpose')) : range(y.ndim).reverse());
}
export function swapaxes(x: Operand, a: number, b: number): NDArray {
  const y = asArray(x, 'jnp.swapaxes');
  const [i, j] = [canonicalAxis(a, y.ndim, 'jnp.swapaxes'), canonicalAxis(b, y.ndim, 'jnp.swapaxes')];
  return shape.transpose(y, range(y.ndim).map((k) => (k === i ? j : k === j ? i : k)));
}
export function moveaxis(x: Operand, source: number | readonly number[], destination: number | readonly number[]): NDArray {
  const y = asArray(x, 'jnp.moveaxis');
  const list = (v: number | readonly number[]) => (typeof v === 'number' ? [v] : v).map((a) => canonicalAxis(a, y.ndim, 'jnp.moveaxis'));
  const [from, to] = [list(source), list(destination)];
  if (from.length !== to.length) throw new ShapeError(`jnp.moveaxis: ${from.length} sources but ${to.length} destinations.`);
  const order = range(y.ndim).filter((a) => !from.includes(a));
  range(to.length).sort((a, b) => to[a] - to[b]).forEach((k) => order.splice(to[k], 0, from[k]));
  return shape.transpose(y, order);
}
export function squeeze(x: Operand, options?: { axis?: number | readonly number[] | null }): NDArray {
  const { axis } = checkOptions('jnp.squeeze', options, ['axis']);
  const y = asArray(x, 'jnp.squeeze');
  const axes = axis === undefined || axis === null ? range(y.ndim).filter((a) => y.shape[a] === 1) : canonicalAxes(axis, y.ndim, 'jnp.squeeze');
  for (const a of axes) if (y.shape[a] !== 1) throw new ShapeError(`jnp.squeeze: axis ${a} of ${formatShape(y.shape)} has size ${y.shape[a]}, not 1.`);
  return shape.reshape(y, y.shape.filter((_, i) => !axes.includes(i)));
}
/** Adds unit axes at these places of the result. */
export function expandDims(x: Operand, axis: number | readonly number[]): NDArray {
  const y = asArray(x, 'jnp.expandDims');
  const added = typeof axis === 'number' ? [axis] : axis;
  const axes = canonicalAxes(added, y.ndim + added.length, 'jnp.expandDims');
  let at = 0;
  return shape.reshape(y, range(y.ndim + added.length).map((i) => (axes.includes(i) ? 1 : y.shape[at++])));
}
export const broadcastTo = (x: Operand, to: Shape | number): NDArray => shape.expandTo(asArray(x, 'jnp.broadcastTo'), checkShape('jnp.broadcastTo', to));

export function tile(x: Operand, reps: number | readonly number[]): NDArray {
  let y = asArray(x, 'jnp.tile');
  const counts = typeof reps === 'number' ? [reps] : [...reps];
  if (counts.some((n) => !Number.isInteger(n) || n < 0)) throw new ShapeError(`jnp.tile: reps must be whole numbers from 0, got ${JSON.stringify(reps)}.`);
  while (counts.length < y.ndim) counts.unshift(1);
  y = shape.reshape(y, [...counts.slice(y.ndim).map(() => 1), ...y.shape]);
  const apart = shape.reshape(y, y.shape.flatMap((d) => [1, d]));
  return shape.reshape(shape.expandTo(apart, y.shape.flatMap((d, i) => [counts[i], d])), y.shape.map((d, i) => d * counts[i]));
}
export interface RepeatOptions { axis?: number | null; totalRepeatLength?: number }
/** Each element (or slice along `axis`) so many times; with an array of counts in a trace, give `totalRepeatLength`. */
export function repeat(x: Operand, repeats: number | NDArray, options?: RepeatOptions): NDArray {
  const { axis, totalRepeatLength } = checkOptions('jnp.repeat', options, ['axis', 'totalRepeatLength']);
  const y = axis === undefined || axis === null ? ravel(x) : asArray(x, 'jnp.repeat');
  const at = canonicalAxis(axis ?? 0, y.ndim, 'jnp.repeat');
  // One count is for all.
  if (isArray(repeats) && repeats.ndim > 0 && (repeats.size !== 1 || y.shape[at] === 1)) {
    if (!dims.equalShapes(repeats.shape, [y.shape[at]])) {
      throw new ShapeError(`jnp.repeat: ${formatShape(repeats.shape)} counts do not fit axis ${at} of ${formatShape(y.shape)}.`);
    }
    const total = totalRepeatLength ?? (expectConcrete(repeats, 'jnp.repeat without totalRepeatLength').tolist() as (number | bigint)[]).reduce<number>((n, k) => n + Number(k), 0);
    // Element i comes from the first place whose running count exceeds i; surplus repeats the last one.
    const ends = shape.reshape(cumsum(convertElementType(repeats, 'int32'), 0), [y.shape[at], 1]);
    const from = shape.reduceSum(convertElementType(lax.le(ends, shape.reshape(iota('int32', [total]), [1, total])), 'int32'), [0]);
    return gather(y, lax.min(from, y.shape[at] - 1), at);
  }
  const count = isArray(repeats) ? Number(expectConcrete(repeats, 'jnp.repeat').item()) : repeats;
  if (!Number.isInteger(count) || count < 0) throw new ShapeError(`jnp.repeat: expected a whole number of repeats, got ${count}.`);
  const wide = shape.expandTo(expandDims(y, at + 1), [...y.shape.slice(0, at + 1), count, ...y.shape.slice(at + 1)]);
  const out = shape.reshape(wide, y.shape.map((d, i) => (i === at ? d * count : d)));
  const wanted = totalRepeatLength ?? out.shape[at];
  return wanted === out.shape[at] ? out : gather(out, lax.min(iota('int32', [wanted]), out.shape[at] - 1), at);
}
export function flip(x: Operand, options?: { axis?: number | readonly number[] | null }): NDArray {
  const y = asArray(x, 'jnp.flip');
  return shape.reverse(y, canonicalAxes(checkOptions('jnp.flip', options, ['axis']).axis, y.ndim, 'jnp.flip'));
}
export type TakeMode = 'fill' | 'clip' | 'wrap';
/** Indices brought into the axis, and where they were in it already (null: nothing is filled). */
function placed(where: string, indices: NDArray, n: number, mode: TakeMode): [NDArray, NDArray | null] {
  const i = integers(where, indices);
  if (mode === 'clip') return [clamp(i, n), null];
  if (mode === 'wrap') { const r = lax.rem(i, n); return [lax.select(lax.lt(r, 0), lax.add(r, n), r), null]; }
  if (mode !== 'fill') throw new ValueError(`${where}: unknown mode '${String(mode)}'; expected fill, clip or wrap.`);
  const counted = fromEnd(i, n);
  return [clamp(counted, n), lax.bitwiseAnd(lax.ge(counted, 0), lax.lt(counted, n))];
}
const integers = (where: string, indices: NDArray): NDArray => {
  if (!isInteger(indices.dtype)) throw new TypeError(`${where}: indices must be integers, got ${indices.dtype}; convert them with astype('int32').`);
  return indices.dtype === 'int32' || indices.dtype === 'int64' ? indices : convertElementType(indices, indices.dtype === 'uint32' || indices.dtype === 'uint64' ? 'int64' : 'int32');
};
const fromEnd = (i: NDArray, n: number): NDArray => lax.select(lax.lt(i, 0), lax.add(i, n), i);
const clamp = (i: NDArray, n: number): NDArray => lax.min(lax.max(i, 0), n - 1);
export interface TakeOptions { axis?: number | null; mode?: TakeMode; fillValue?: number; uniqueIndices?: boolean; indicesAreSorted?: boolean }
/** Slices along `axis` at `indices`. Negative ones count from the end; out of range ones give NaN, or the edge with mode 'clip', or start over with 'wrap'. */
export function take(x: Operand, indices: Operand, options?: TakeOptions): NDArray {
  const { axis, mode = 'fill', fillValue } = checkOptions('jnp.take', options, ['axis', 'mode', 'fillValue', 'uniqueIndices', 'indicesAreSorted']);
  const y = axis === undefined || axis === null ? ravel(x) : asArray(x, 'jnp.take');
  const at = canonicalAxis(axis ?? 0, y.ndim, 'jnp.take');
  const given = asArray(indices, 'jnp.take');
  if (y.shape[at] === 0 && given.size !== 0) throw new ShapeError(`jnp.take: axis ${at} of ${formatShape(y.shape)} is empty.`);
  const [i, valid] = placed('jnp.take', given, y.shape[at], mode);
  const out = gather(y, i, at);
  return valid ? lax.select(shape.reshape(valid, [...y.shape.slice(0, at).map(() => 1), ...i.shape, ...y.shape.slice(at + 1).map(() => 1)]), out, filler(out, fillValue)) : out;
}
/** As `np.take_along_axis`: shapes broadcast outside `axis`; out of range indices as in `take`. */
export function takeAlongAxis(x: Operand, indices: Operand, options?: TakeOptions): NDArray {
  const { axis = -1, mode = 'fill', fillValue } = checkOptions('jnp.takeAlongAxis', options, ['axis', 'mode', 'fillValue']);
  const i = asArray(indices, 'jnp.takeAlongAxis');
  const y = axis === null ? ravel(x) : asArray(x, 'jnp.takeAlongAxis');
  const at = canonicalAxis(axis ?? 0, y.ndim, 'jnp.takeAlongAxis');
  if (i.ndim !== y.ndim) throw new ShapeError(`jnp.takeAlongAxis: indices of rank ${i.ndim} do not fit an array of rank ${y.ndim}.`);
  const common = y.shape.map((d, k) => (k === at ? 0 : dims.equal(d, 1) ? i.shape[k] : d));
  const withAxis = (n: number) => common.map((d, k) => (k === at ? n : d));
  const [to, valid] = placed('jnp.takeAlongAxis', i, y.shape[at], mode);
  const out = gatherAlong(shape.expandTo(y, withAxis(y.shape[at])), shape.expandTo(to, withAxis(i.shape[at])), at);
  return valid ? lax.select(valid, out, filler(out, fillValue)) : out;
}
