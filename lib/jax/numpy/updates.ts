/** New arrays from old ones with some elements replaced, added or left out. Arrays never change: what NumPy does in place returns the result here. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { NDArray, Scalar, expectConcrete } from '../array.js';
import { broadcastShapes, canonicalAxis, dims, formatShape } from '../dims.js';
import { isInteger } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { gather, iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { cumsum } from '../primitives/reduce.js';
import { scatter } from '../primitives/scatter.js';
import { concatenate, expandTo, moveAxis, reshape, slice } from '../primitives/shape.js';
import { array } from './creation.js';
import { cut, type Range } from './index-with.js';
import { ravel } from './manipulation.js';
import { diag } from './products.js';
import { truth } from './promotion.js';

function notInPlace(where: string, inplace: boolean | undefined): void {
  if (inplace) throw new ValueError(`${where}: arrays are immutable and cannot change in place; use the result.`);
}
const along = (y: NDArray, axis: number | null): { x: NDArray; at: number } => (axis === null ? { x: ravel(y), at: 0 } : { x: y, at: axis });

/** Which positions of an axis of size n are meant: numbers, a range, an array or a mask, whose values must be known. */
type Positions = number | readonly number[] | Range | NDArray;
function listed(where: string, obj: Positions, n: number): number[] {
  if (typeof obj === 'object' && !(obj instanceof NDArray) && !globalThis.Array.isArray(obj)) {
    const { from, limit, by, backwards } = cut(where, checkOptions(where, obj as Range, ['start', 'stop', 'step']), n);
    const forwards = range(Math.ceil((limit - from) / by)).map((i) => from + i * by);
    return backwards ? forwards.reverse() : forwards;
  }
  const given = obj instanceof NDArray ? expectConcrete(obj, `${where}: the positions`) : null;
  if (given?.dtype === 'bool') {
    if (given.ndim !== 1 || given.shape[0] !== n) throw new ShapeError(`${where}: a mask of shape ${formatShape(given.shape)} does not fit an axis of size ${n}.`);
    return (given.tolist() as boolean[]).flatMap((v, i) => (v ? [i] : []));
  }
  if (given && !isInteger(given.dtype)) throw new TypeError(`${where}: positions must be integers, got ${given.dtype}.`);
  return ([given ? given.tolist() : obj] as any[]).flat(Infinity).map((v) => {
    const i = Number(v) < 0 ? Number(v) + n : Number(v);
    if (!Number.isInteger(i) || i < 0) throw new ShapeError(`${where}: ${String(v)} is out of range for an axis of size ${n}.`);
    return i;
  });
}
/** The array without the slices at some positions along `axis` (or elements, counted in a row). */
export function deleteAt(x: Operand, obj: Positions, options?: { axis?: number | null; assumeUniqueIndices?: boolean }): NDArray {
  const { axis = null } = checkOptions('jnp.delete', options, ['axis', 'assumeUniqueIndices']);
  const y = asArray(x, 'jnp.delete');
  const { x: z, at } = along(y, axis === null ? null : canonicalAxis(axis, y.ndim, 'jnp.delete'));
  const gone = new Set(listed('jnp.delete', obj, z.shape[at]));
  const far = [...gone].find((i) => i >= z.shape[at]);
  if (far !== undefined) throw new ShapeError(`jnp.delete: ${far} is out of range for an axis of size ${z.shape[at]}.`);
  return gather(z, array(Int32Array.from(range(z.shape[at]).filter((i) => !gone.has(i)))), at);
}
export { deleteAt as delete };
/** The array with `values` put before some positions along `axis` (or among all elements in a row). */
export function insert(x: Operand, obj: Positions, values: Operand, options?: { axis?: number | null }): NDArray {
  const { axis = null } = checkOptions('jnp.insert', options, ['axis']);
  const y = asArray(x, 'jnp.insert');
  const { x: z, at } = along(y, axis === null ? null : canonicalAxis(axis, y.ndim, 'jnp.insert'));
  const n = z.shape[at];
  const places = listed('jnp.insert', obj, n);
  const far = places.find((i) => i > n);
  if (far !== undefined) throw new ShapeError(`jnp.insert: ${far} is out of range for an axis of size ${n}.`);
  const single = typeof obj === 'number' || (obj instanceof NDArray && obj.ndim === 0);
  let v = convertElementType(asArray(values, 'jnp.insert'), z.dtype);
  // One position takes all values; several take one each.
  if (single) v = moveAxis(reshape(v, [...globalThis.Array<number>(Math.max(0, z.ndim - v.ndim)).fill(1), ...v.shape]), 0, at);
  const count = single ? v.shape[at] : places.length;
  const piece = expandTo(v, z.shape.map((d, i) => (i === at ? count : d)));
  const targets = single ? range(count).map((i) => places[0] + i) : [];
  if (!single) places.map((p, i) => ({ p, i })).sort((a, b) => a.p - b.p || a.i - b.i).forEach(({ p, i }, k) => { targets[i] = p + k; });
  const source: number[] = globalThis.Array<number>(n + count).fill(-1);
  targets.forEach((t, i) => { source[t] = n + i; });
  let next = 0;
  for (let k = 0; k < source.length; k++) if (source[k] < 0) source[k] = next++;
  return gather(concatenate([z, piece], at), array(Int32Array.from(source)), at);
}
/** Elements along `axis` replaced: at each index the value beside it, shapes broadcast elsewhere. */
export function putAlongAxis(x: Operand, indices: Operand, values: Operand, axis: number | null, options?: { inplace?: boolean; mode?: string | null }): NDArray {
  notInPlace('jnp.putAlongAxis', checkOptions('jnp.putAlongAxis', options, ['inplace', 'mode']).inplace);
  const y = asArray(x, 'jnp.putAlongAxis');
  const i = asArray(indices, 'jnp.putAlongAxis');
  if (!isInteger(i.dtype)) throw new TypeError(`jnp.putAlongAxis: indices must be integers, got ${i.dtype}.`);
  const { x: z, at } = along(y, axis === null ? null : canonicalAxis(axis, y.ndim, 'jnp.putAlongAxis'));
  if (i.ndim !== z.ndim) throw new ShapeError(`jnp.putAlongAxis: indices of rank ${i.ndim} do not fit an array of rank ${z.ndim}.`);
  const n = z.shape[at];
  const shape = broadcastShapes('jnp.putAlongAxis', i.shape.map((d, k) => (k === at ? 1 : d)), z.shape.map((d, k) => (k === at ? 1 : d))).map((d, k) => (k === at ? i.shape[at] : d));
  const own = expandTo(lax.select(lax.lt(i, 0), lax.add(i, n), i), shape);
  // The position in a row of each element that is written; -1 where it is out of range.
  let flat: NDArray = new Scalar(0, 'int32', false);
  z.shape.forEach((d, k) => { flat = lax.add(lax.mul(flat, d), k === at ? convertElementType(own, 'int32') : reshape(iota('int32', [shape[k]]), shape.map((s, j) => (j === k ? s : 1)))); });
  const inside = lax.bitwiseAnd(lax.ge(own, 0), lax.lt(own, n));
  const to = lax.select(inside, expandTo(flat, shape), new Scalar(-1, 'int32', false));
  const v = expandTo(convertElementType(asArray(values, 'jnp.putAlongAxis'), z.dtype), shape);
  return reshape(scatter(reshape(z, [z.size]), reshape(to, [dims.size(shape)]), reshape(v, [dims.size(shape)]), 'set'), y.shape);
}
/** Elements, counted in a row, replaced by `v`, which is repeated as needed. Negative indices count from the end, but for 'clip'; those out of range are clipped, or wrapped. */
export function put(x: Operand, ind: Operand, v: Operand, options?: { mode?: 'clip' | 'wrap' | null; inplace?: boolean }): NDArray {
  const { mode = null, inplace } = checkOptions('jnp.put', options, ['mode', 'inplace']);
  notInPlace('jnp.put', inplace);
  if (mode !== null && mode !== 'clip' && mode !== 'wrap') throw new ValueError(`jnp.put: unknown mode '${String(mode)}'; expected clip or wrap.`);
  const y = asArray(x, 'jnp.put');
  const [at, values] = [ravel(ind), ravel(v)];
  if (!isInteger(at.dtype)) throw new TypeError(`jnp.put: indices must be integers, got ${at.dtype}.`);
  const n = y.size;
  if (at.size === 0 || values.size === 0) return y;
  const turned = (i: NDArray) => { const r = lax.rem(i, n); return lax.select(lax.lt(r, 0), lax.add(r, n), r); };
  const where = mode === 'wrap' ? turned(at) : lax.min(lax.max(mode === 'clip' ? at : lax.select(lax.lt(at, 0), lax.add(at, n), at), 0), n - 1);
  return reshape(scatter(ravel(y), convertElementType(where, 'int32'), convertElementType(repeated(values, at.size), y.dtype), 'set'), y.shape);
}
const repeated = (v: NDArray, n: number): NDArray => gather(v, lax.rem(iota('int32', [n]), new Scalar(v.size, 'int32', false)), 0);
/** Where a mask is set, `vals` one after the other, repeated as needed. */
export function place(x: Operand, mask: Operand, vals: Operand, options?: { inplace?: boolean }): NDArray {
  notInPlace('jnp.place', checkOptions('jnp.place', options, ['inplace']).inplace);
  const y = asArray(x, 'jnp.place');
  const [m, v] = [truth(asArray(mask, 'jnp.place')), ravel(vals)];
  if (m.size !== y.size) throw new ShapeError(`jnp.place: a mask of shape ${formatShape(m.shape)} does not fit ${formatShape(y.shape)}.`);
  if (v.size === 0) throw new ShapeError('jnp.place: there are no values to place.');
  const flat = convertElementType(ravel(m), 'int32');
  const rank = lax.sub(cumsum(flat, 0), 1);
  const chosen = gather(convertElementType(v, y.dtype), lax.rem(lax.max(rank, 0), new Scalar(v.size, 'int32', false)), 0);
  return lax.select(reshape(m, y.shape), reshape(chosen, y.shape), y);
}
/** The array with `val` (a number, or a vector that repeats) on its main diagonal; of tall matrices also below with `wrap`. */
export function fillDiagonal(x: Operand, val: Operand, options?: { wrap?: boolean; inplace?: boolean }): NDArray {
  const { wrap = false, inplace } = checkOptions('jnp.fillDiagonal', options, ['wrap', 'inplace']);
  notInPlace('jnp.fillDiagonal', inplace);
  const y = asArray(x, 'jnp.fillDiagonal');
  if (y.ndim < 2 || (y.ndim > 2 && y.shape.some((d) => d !== y.shape[0]))) {
    throw new ShapeError(`jnp.fillDiagonal: expected a matrix, or axes of one size, got shape ${formatShape(y.shape)}.`);
  }
  if (y.size === 0) return y;
  const columns = y.shape[1];
  const step = y.ndim === 2 ? columns + 1 : y.shape.reduce((s, _, i) => s + y.shape.slice(i + 1).reduce((a, b) => a * b, 1), 0);
  const end = y.ndim === 2 && !wrap ? Math.min(y.size, columns * columns) : y.size;
  const positions = range(Math.ceil(end / step)).map((i) => i * step);
  const v = ravel(val);
  return reshape(scatter(ravel(y), array(Int32Array.from(positions)), convertElementType(repeated(v, positions.length), y.dtype), 'set', { distinct: true }), y.shape);
}
/** A matrix with all elements of `v` on its k-th diagonal. */
export const diagflat = (v: Operand, options?: { k?: number }): NDArray => diag(ravel(v), { k: checkOptions('jnp.diagflat', options, ['k']).k ?? 0 });
/** A vector without zeros at its front ('f'), back ('b') or both; its values must be known. */
export function trimZeros(x: Operand, options?: { trim?: string }): NDArray {
  const { trim = 'fb' } = checkOptions('jnp.trimZeros', options, ['trim']);
  const y = asArray(x, 'jnp.trimZeros');
  if (y.ndim !== 1) throw new ShapeError(`jnp.trimZeros: expected a vector, got shape ${formatShape(y.shape)}.`);
  const values = [...(expectConcrete(truth(y), 'jnp.trimZeros').data as Uint8Array)];
  const [first, last] = [values.indexOf(1), values.lastIndexOf(1)];
  if (first < 0) return slice(y, [0], [0]);
  return slice(y, [/f/i.test(trim) ? first : 0], [/b/i.test(trim) ? last + 1 : y.size]);
}
