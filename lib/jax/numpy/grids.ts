/** Coordinates: grids, diagonals and triangles, flat positions. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { NDArray, Scalar, expectConcrete } from '../array.js';
import { broadcastShapes, dims, formatShape, type Shape } from '../dims.js';
import { checkDType, isInteger, type DType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo, reshape } from '../primitives/shape.js';
import { array, ones } from './creation.js';
import { stack } from './joining.js';
import { checkShape } from './promotion.js';
import { nonzero } from './searching.js';

const alone = (rank: number, axis: number, n: number): number[] => range(rank).map((i) => (i === axis ? n : 1));

export interface MeshgridOptions { indexing?: 'xy' | 'ij'; sparse?: boolean; copy?: boolean }
/** The coordinates of a grid, one array a vector: meshgrid(x, y, …, options). 'xy' has the second vector along the first axis; `sparse` leaves axes of size 1. */
export function meshgrid(...given: (Operand | MeshgridOptions)[]): NDArray[] {
  const last = given[given.length - 1];
  const has = typeof last === 'object' && last !== null && !(last instanceof NDArray);
  const { indexing = 'xy', sparse = false } = checkOptions('jnp.meshgrid', has ? (last as MeshgridOptions) : undefined, ['indexing', 'sparse', 'copy']);
  if (indexing !== 'xy' && indexing !== 'ij') throw new ValueError(`jnp.meshgrid: unknown indexing '${String(indexing)}'; expected xy or ij.`);
  const xs = (has ? given.slice(0, -1) : given).map((x) => asArray(x as Operand, 'jnp.meshgrid'));
  const wrong = xs.find((x) => x.ndim > 1);
  if (wrong) throw new ShapeError(`jnp.meshgrid: expected vectors, got shape ${formatShape(wrong.shape)}.`);
  const place = (i: number) => (indexing === 'xy' && xs.length > 1 && i < 2 ? 1 - i : i);
  const shape = range(xs.length).map((i) => xs[place(i)].size);
  return xs.map((x, i) => { const line = reshape(x, alone(xs.length, place(i), x.size)); return sparse ? line : expandTo(line, shape); });
}
/** The coordinates of all elements of a shape: one row of the first axis each, or a list of lines with `sparse`. */
export function indices(dimensions: Shape, options: { dtype?: DType; sparse: true }): NDArray[];
export function indices(dimensions: Shape, options?: { dtype?: DType; sparse?: boolean }): NDArray;
export function indices(dimensions: Shape, options?: { dtype?: DType; sparse?: boolean }): NDArray | NDArray[] {
  const { dtype = 'int32', sparse = false } = checkOptions('jnp.indices', options, ['dtype', 'sparse']);
  const shape = checkShape('jnp.indices', dimensions);
  checkDType(dtype, 'jnp.indices');
  const lines = shape.map((n, i) => reshape(iota(dtype, [n]), alone(shape.length, i, n)));
  if (sparse) return lines;
  return lines.length === 0 ? expandTo(new Scalar(0, dtype, false), [0]) : stack(lines.map((l) => expandTo(l, shape)));
}
/** Vectors as open grid for indexing: the k-th along the k-th axis; masks become the positions where they are set. */
export function ix_(...given: Operand[]): NDArray[] {
  return given.map((v, i) => {
    const x = asArray(v, 'jnp.ix_');
    if (x.ndim !== 1) throw new ShapeError(`jnp.ix_: expected vectors, got shape ${formatShape(x.shape)}.`);
    const at = x.dtype === 'bool' ? nonzero(x)[0] : x;
    return reshape(at, alone(given.length, i, at.size));
  });
}
/** The positions on the main diagonal of an array of `ndim` axes of size n: the same vector for each. */
export function diagIndices(n: number, options?: { ndim?: number }): NDArray[] {
  const { ndim = 2 } = checkOptions('jnp.diagIndices', options, ['ndim']);
  checkShape('jnp.diagIndices', [n, ndim]);
  const line = iota('int32', [n]);
  return range(ndim).map(() => line);
}
export function diagIndicesFrom(x: Operand): NDArray[] {
  const y = asArray(x, 'jnp.diagIndicesFrom');
  if (y.ndim < 2 || y.shape.some((d) => !dims.equal(d, y.shape[0]))) {
    throw new ShapeError(`jnp.diagIndicesFrom: expected axes of one size, got shape ${formatShape(y.shape)}.`);
  }
  return diagIndices(y.shape[0], { ndim: y.ndim });
}
interface TriangleOptions { k?: number; m?: number | null }
function triangle(name: string, n: number, options: TriangleOptions | undefined, inside: (row: number, column: number, k: number) => boolean): [NDArray, NDArray] {
  const { k = 0, m } = checkOptions(name, options, ['k', 'm']);
  checkShape(name, [n, m ?? n]);
  const found = range(n).flatMap((row) => range(m ?? n).filter((column) => inside(row, column, k)).map((column) => [row, column]));
  return [0, 1].map((i) => array(Int32Array.from(found, (p) => p[i]))) as [NDArray, NDArray];
}
/** [rows, columns] of the elements on and below the k-th diagonal of an [n, m] matrix. */
export const trilIndices = (n: number, options?: TriangleOptions): [NDArray, NDArray] => triangle('jnp.trilIndices', n, options, (r, c, k) => c - r <= k);
/** [rows, columns] of the elements on and above the k-th diagonal of an [n, m] matrix. */
export const triuIndices = (n: number, options?: TriangleOptions): [NDArray, NDArray] => triangle('jnp.triuIndices', n, options, (r, c, k) => c - r >= k);
const from = (name: string, f: typeof trilIndices) => (x: Operand, options?: { k?: number }): [NDArray, NDArray] => {
  const { k } = checkOptions(name, options, ['k']);
  const y = asArray(x, name);
  if (y.ndim !== 2) throw new ShapeError(`${name}: expected a matrix, got shape ${formatShape(y.shape)}.`);
  return f(y.shape[0], { ...(k !== undefined && { k }), m: y.shape[1] });
};
export const trilIndicesFrom = from('jnp.trilIndicesFrom', trilIndices);
export const triuIndicesFrom = from('jnp.triuIndicesFrom', triuIndices);
/** [rows, columns] where `maskFunc` (such as jnp.triu) leaves ones of an [n, n] matrix. */
export function maskIndices(n: number, maskFunc: (x: NDArray, k: any) => NDArray, options?: { k?: unknown; size?: number | null }): NDArray[] {
  const { k = 0, size } = checkOptions('jnp.maskIndices', options, ['k', 'size']);
  if (typeof maskFunc !== 'function') throw new TypeError(`jnp.maskIndices: expected a function, got ${typeof maskFunc}.`);
  return nonzero(maskFunc(ones([n, n]), typeof k === 'number' ? { k } : k), { size: size ?? null });
}

/** The position in a row of the element with these coordinates; those out of range are refused ('raise'), clipped or wrapped. */
export function ravelMultiIndex(multiIndex: readonly Operand[], shape: Shape, options?: { mode?: 'raise' | 'clip' | 'wrap'; order?: 'C' | 'F' }): NDArray {
  const { mode = 'raise', order = 'C' } = checkOptions('jnp.ravelMultiIndex', options, ['mode', 'order']);
  const sizes = checkShape('jnp.ravelMultiIndex', shape);
  if (multiIndex.length !== sizes.length) throw new ShapeError(`jnp.ravelMultiIndex: ${multiIndex.length} coordinates do not fit ${sizes.length} axes.`);
  if (!['raise', 'clip', 'wrap'].includes(mode)) throw new ValueError(`jnp.ravelMultiIndex: unknown mode '${String(mode)}'; expected raise, clip or wrap.`);
  if (order !== 'C' && order !== 'F') throw new ValueError(`jnp.ravelMultiIndex: unknown order '${String(order)}'; expected C or F.`);
  const coordinates = multiIndex.map((v, i) => {
    const x = asArray(v, 'jnp.ravelMultiIndex');
    if (!isInteger(x.dtype)) throw new TypeError(`jnp.ravelMultiIndex: expected integers, got ${x.dtype}; convert with astype('int32').`);
    if (mode === 'raise') {
      const bad = ([expectConcrete(x, "jnp.ravelMultiIndex with mode 'raise' (use 'clip' or 'wrap' inside jit)").tolist()] as any[]).flat(Infinity).find((k) => k < 0 || k >= sizes[i]);
      if (bad !== undefined) throw new ValueError(`jnp.ravelMultiIndex: ${bad} is out of range for axis ${i} of size ${sizes[i]}.`);
      return x;
    }
    if (mode === 'clip') return lax.min(lax.max(x, 0), sizes[i] - 1);
    const r = lax.rem(x, sizes[i]);
    return lax.select(lax.lt(r, 0), lax.add(r, sizes[i]), r);
  });
  const axes = order === 'C' ? range(sizes.length) : range(sizes.length).reverse();
  return axes.reduce<NDArray>((at, i) => lax.add(lax.mul(at, sizes[i]), coordinates[i]), convertElementType(asArray(0, 'jnp.ravelMultiIndex'), coordinates[0]?.dtype ?? 'int32'));
}
/** The coordinates of elements counted in a row; those out of range are clipped, negative ones count from the end. */
export function unravelIndex(flat: Operand, shape: Shape | number): NDArray[] {
  const sizes = checkShape('jnp.unravelIndex', shape);
  const x = asArray(flat, 'jnp.unravelIndex');
  if (!isInteger(x.dtype)) throw new TypeError(`jnp.unravelIndex: expected integers, got ${x.dtype}; convert with astype('int32').`);
  const total = dims.size(sizes);
  const at = lax.min(lax.max(lax.select(lax.lt(x, 0), lax.add(x, total), x), 0), Math.max(0, total - 1));
  let stride = total;
  return sizes.map((n) => {
    stride = n === 0 ? 1 : stride / n;
    return lax.rem(lax.div(at, Math.max(1, stride)), Math.max(1, n));
  });
}
/** NumPy's broadcast of shapes. */
const broadcastShapesOf = (...shapes: Shape[]): number[] => broadcastShapes('jnp.broadcastShapes', ...shapes.map((s) => checkShape('jnp.broadcastShapes', s)));
export { broadcastShapesOf as broadcastShapes };
