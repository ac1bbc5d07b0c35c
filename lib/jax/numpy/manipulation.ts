/** Shapes, joining, splitting and indexing. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError } from '../../runtime/errors.js';
import { NDArray } from '../array.js';
import { canonicalAxes, canonicalAxis, dims, formatShape, isSymbolic, type Shape } from '../dims.js';
import { isInteger } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { gather, gatherAlong } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as shape from '../primitives/shape.js';
import { promoteOperands } from './ufuncs.js';

const range = (n: number): number[] => [...globalThis.Array(n).keys()];

/** A new shape; one size may be -1. */
export function reshape(x: Operand, to: Shape | number): NDArray {
  const y = asArray(x, 'jnp.reshape');
  const wanted = typeof to === 'number' ? [to] : [...to];
  const open = wanted.indexOf(-1);
  if (open < 0) return shape.reshape(y, wanted);
  const rest = dims.size(wanted.filter((_, i) => i !== open));
  if (wanted.lastIndexOf(-1) !== open || rest === 0) throw new ShapeError(`jnp.reshape: cannot infer a size in ${formatShape(wanted)} for an array of shape ${formatShape(y.shape)}.`);
  try {
    wanted[open] = dims.div(dims.size(y.shape), rest);
  } catch {
    throw new ShapeError(`jnp.reshape: cannot reshape ${formatShape(y.shape)} to ${formatShape(wanted)}: ${dims.size(y.shape)} is no multiple of ${rest}.`);
  }
  return shape.reshape(y, wanted);
}
export const ravel = (x: Operand): NDArray => reshape(x, [-1]);

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
export const broadcastTo = (x: Operand, to: Shape): NDArray => shape.expandTo(asArray(x, 'jnp.broadcastTo'), to);

export const concatenate = (xs: readonly Operand[], options?: { axis?: number }): NDArray =>
  shape.concatenate(promoteOperands('jnp.concatenate', ...xs), checkOptions('jnp.concatenate', options, ['axis']).axis ?? 0);
export function stack(xs: readonly Operand[], options?: { axis?: number }): NDArray {
  const { axis = 0 } = checkOptions('jnp.stack', options, ['axis']);
  const arrays = promoteOperands('jnp.stack', ...xs);
  if (arrays.length === 0) throw new ShapeError('jnp.stack: expected at least one array, got none.');
  return shape.concatenate(arrays.map((x) => expandDims(x, axis)), canonicalAxis(axis, arrays[0].ndim + 1, 'jnp.stack'));
}
/** Equal parts, or parts that begin at the given places. */
export function split(x: Operand, indicesOrSections: number | readonly number[], options?: { axis?: number }): NDArray[] {
  const { axis = 0 } = checkOptions('jnp.split', options, ['axis']);
  const y = asArray(x, 'jnp.split');
  const at = canonicalAxis(axis, y.ndim, 'jnp.split');
  const n = y.shape[at];
  if (typeof indicesOrSections === 'number' && n % indicesOrSections !== 0) throw new ShapeError(`jnp.split: axis ${at} of size ${n} cannot be split into ${indicesOrSections} equal parts.`);
  const starts = typeof indicesOrSections === 'number' ? range(indicesOrSections).map((i) => (i * n) / indicesOrSections) : [0, ...indicesOrSections];
  return starts.map((s, i) => shape.slice(y, y.shape.map((_, k) => (k === at ? s : 0)), y.shape.map((d, k) => (k === at ? starts[i + 1] ?? n : d))));
}
export function tile(x: Operand, reps: number | readonly number[]): NDArray {
  let y = asArray(x, 'jnp.tile');
  const counts = typeof reps === 'number' ? [reps] : [...reps];
  while (counts.length < y.ndim) counts.unshift(1);
  y = shape.reshape(y, [...counts.slice(y.ndim).map(() => 1), ...y.shape]);
  const apart = shape.reshape(y, y.shape.flatMap((d) => [1, d]));
  return shape.reshape(shape.expandTo(apart, y.shape.flatMap((d, i) => [counts[i], d])), y.shape.map((d, i) => d * counts[i]));
}
export function repeat(x: Operand, repeats: number, options?: { axis?: number }): NDArray {
  const { axis } = checkOptions('jnp.repeat', options, ['axis']);
  const y = axis === undefined ? ravel(x) : asArray(x, 'jnp.repeat');
  const at = canonicalAxis(axis ?? 0, y.ndim, 'jnp.repeat');
  const wide = shape.expandTo(expandDims(y, at + 1), [...y.shape.slice(0, at + 1), repeats, ...y.shape.slice(at + 1)]);
  return shape.reshape(wide, y.shape.map((d, i) => (i === at ? d * repeats : d)));
}
export function flip(x: Operand, options?: { axis?: number | readonly number[] | null }): NDArray {
  const y = asArray(x, 'jnp.flip');
  return shape.reverse(y, canonicalAxes(checkOptions('jnp.flip', options, ['axis']).axis, y.ndim, 'jnp.flip'));
}
/** Constant padding: [before, after] for every axis, or one pair for all. */
export function pad(x: Operand, width: number | readonly [number, number] | readonly (readonly [number, number])[], options?: { mode?: 'constant'; constantValues?: number }): NDArray {
  const { constantValues = 0 } = checkOptions('jnp.pad', options, ['mode', 'constantValues']);
  const y = asArray(x, 'jnp.pad');
  const pairs = typeof width === 'number' ? y.shape.map(() => [width, width]) : typeof width[0] === 'number' ? y.shape.map(() => width as readonly number[]) : (width as readonly (readonly number[])[]);
  if (pairs.length !== y.ndim) throw new ShapeError(`jnp.pad: ${pairs.length} pairs were given for an array of rank ${y.ndim}.`);
  return shape.pad(y, constantValues, pairs.map(([low, high]) => [low, high, 0]));
}

/** Slices along `axis` at `indices`; negative ones count from the end, others are brought into range. */
export function take(x: Operand, indices: Operand, options?: { axis?: number | null; mode?: 'clip' | 'wrap' }): NDArray {
  const { axis } = checkOptions('jnp.take', options, ['axis', 'mode']);
  const y = axis === undefined || axis === null ? ravel(x) : asArray(x, 'jnp.take');
  const at = canonicalAxis(axis ?? 0, y.ndim, 'jnp.take');
  return gather(y, inRange(asArray(indices, 'jnp.take'), y.shape[at], 'jnp.take'), at);
}
function inRange(indices: NDArray, n: number, where: string): NDArray {
  if (!isInteger(indices.dtype)) throw new TypeError(`${where}: indices must be integers, got ${indices.dtype}; convert them with astype('int32').`);
  const signed = indices.dtype === 'int32' || indices.dtype === 'int64' ? indices : indices.astype('int32');
  const from0 = lax.select(lax.lt(signed, 0), lax.add(signed, n), signed);
  return lax.min(lax.max(from0, 0), n - 1);
}
/** As `np.take_along_axis`: shapes broadcast outside `axis`. */
export function takeAlongAxis(x: Operand, indices: Operand, options?: { axis?: number }): NDArray {
  const { axis = -1 } = checkOptions('jnp.takeAlongAxis', options, ['axis']);
  const y = asArray(x, 'jnp.takeAlongAxis');
  const i = asArray(indices, 'jnp.takeAlongAxis');
  const at = canonicalAxis(axis, y.ndim, 'jnp.takeAlongAxis');
  if (i.ndim !== y.ndim) throw new ShapeError(`jnp.takeAlongAxis: indices of rank ${i.ndim} do not fit an array of rank ${y.ndim}.`);
  const common = y.shape.map((d, k) => (k === at ? 0 : dims.equal(d, 1) ? i.shape[k] : d));
  const withAxis = (n: number) => common.map((d, k) => (k === at ? n : d));
  return gatherAlong(shape.expandTo(y, withAxis(y.shape[at])), shape.expandTo(inRange(i, y.shape[at], 'jnp.takeAlongAxis'), withAxis(i.shape[at])), at);
}

/** One axis of an index: a number, `[start, stop, step]` or `{ start, stop, step }`, null for a new axis, '...' or an integer array. */
export type Index = number | null | '...' | { start?: number | null; stop?: number | null; step?: number | null } | NDArray;

/** Basic NumPy indexing: `index(x, 0)`, `index(x, { start: 1 }, -1)`, and one integer array. */
export function index(x: Operand, ...by: Index[]): NDArray {
  let y = asArray(x, 'index');
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
  const arrays = out.filter((o) => o.kind === 'array');
  if (arrays.length > 1) throw new TypeError('index: one integer array at a time; combine several into one index of the raveled array.');
  let at = 0;
  const sizes: number[] = [];
  let gatherAxis = -1;
  for (const o of out) {
    if (o.kind === 'new') sizes.push(1);
    else if (o.kind === 'drop') at++;
    else { if (o.kind === 'array') gatherAxis = sizes.length; sizes.push(y.shape[at++]); }
  }
  y = shape.reshape(y, sizes);
  return gatherAxis < 0 ? y : gather(y, inRange(arrays[0].array!, y.shape[gatherAxis], 'index'), gatherAxis);
}
