/** Slices at known and at traced positions, and general gathers. Signatures are JAX's, by the argument rule. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { NDArray, Scalar, formatAval, isArray } from '../array.js';
import { canonicalAxis, dims, formatShape, type Shape } from '../dims.js';
import { DTYPES, isFloat, isInteger, isUnsigned, type DType } from '../dtypes.js';
import { add, bitwiseAnd, ge, le, lt, max, min, mul, select } from '../primitives/arithmetic.js';
import { convertElementType, stopGradient } from '../primitives/convert.js';
import { dynamicSlice as bindSlice, update as bindUpdate } from '../primitives/dynamic-slice.js';
import { gather as gatherRows, iota } from '../primitives/indexing.js';
import { asArray, lift, type Operand } from '../primitives/primitive.js';
import { lowest } from '../primitives/windows.js';
import { concatenate, expandTo, reshape, slice, transpose } from '../primitives/shape.js';

export interface NegativeOption { allowNegativeIndices?: boolean | readonly boolean[] }
const int32 = (value: number): NDArray => new Scalar(value, 'int32', false);

/** Positions of any integer dtype as int32, those beyond its range at its ends. */
function narrow(where: string, i: NDArray): NDArray {
  if (!isInteger(i.dtype)) throw new TypeError(`${where}: indices must be integers, got ${formatAval(i)}.`);
  const { size } = DTYPES[i.dtype];
  if (i instanceof Scalar || size < 4 || i.dtype === 'int32') return convertElementType(i, 'int32');
  const end = (v: number) => new Scalar(DTYPES[i.dtype].size === 8 ? BigInt(v) : v, i.dtype, false);
  const below = min(i, end(2 ** 31 - 1));
  return convertElementType(isUnsigned(i.dtype) ? below : max(below, end(-(2 ** 31))), 'int32');
}

/** A start as a number where it is one, else as a traced int32; clamped so that `size` elements lie inside. */
function clampStart(where: string, start: Operand, length: number, size: number, negative: boolean): number | NDArray {
  if (isArray(start) && !isInteger(start.dtype)) throw new TypeError(`${where}: indices must be integers, got ${formatAval(start)}.`);
  const known = isArray(start) ? (start instanceof Scalar ? Number(start.value) : null) : Number(start);
  if (known !== null) {
    if (!Number.isInteger(known)) throw new TypeError(`${where}: indices must be integers, got ${known}.`);
    if (known < 0 && !negative) throw new ValueError(`${where}: index ${known} is negative, which allowNegativeIndices: false forbids.`);
    return Math.max(0, Math.min(known < 0 ? known + length : known, length - size));
  }
  const array = start as NDArray;
  if (array.ndim !== 0) throw new ShapeError(`${where}: indices must be scalars, got ${formatAval(array)}.`);
  const i = narrow(where, array);
  const counted = negative && !isUnsigned(array.dtype) ? select(lt(i, 0), add(i, length), i) : i;
  return max(min(counted, length - size), 0);
}

function startList(where: string, starts: NDArray | readonly Operand[], rank: number): Operand[] {
  const list = isArray(starts) ? (starts.ndim === 1 ? range(starts.shape[0]).map((k) => reshape(slice(starts, [k], [k + 1]), [])) : null) : [...starts];
  if (!list || list.length !== rank) throw new ShapeError(`${where}: expected an index for each of ${rank} axes, got ${list ? list.length : formatAval(starts as NDArray)}.`);
  return list;
}
const negatives = (where: string, options: NegativeOption | undefined, rank: number): boolean[] => {
  const { allowNegativeIndices = true } = checkOptions(where, options, ['allowNegativeIndices']);
  return typeof allowNegativeIndices === 'boolean' ? range(rank).map(() => allowNegativeIndices) : [...allowNegativeIndices];
};

function sliceAt(where: string, x: NDArray, starts: readonly Operand[], sizes: readonly number[], negative: readonly boolean[]): NDArray {
  const places = x.shape.map((d, i) => {
    if (dims.equal(sizes[i], d)) return 0;
    if (!Number.isInteger(sizes[i]) || sizes[i] < 0 || sizes[i] > d) throw new ShapeError(`${where}: a slice of shape ${formatShape(sizes)} does not fit into ${formatShape(x.shape)}.`);
    return clampStart(where, starts[i], d, sizes[i], negative[i]);
  });
  const fixed = places.map((p) => (typeof p === 'number' ? p : 0));
  const limits = x.shape.map((d, i) => (typeof places[i] === 'number' ? (dims.equal(sizes[i], d) ? d : fixed[i] + sizes[i]) : d));
  const cut = limits.every((l, i) => dims.equal(l, x.shape[i])) && fixed.every((f) => f === 0) ? x : slice(x, fixed, limits);
  const axes = range(x.ndim).filter((i) => typeof places[i] !== 'number');
  return bindSlice(cut, axes, axes.map((i) => places[i] as NDArray), axes.map((i) => sizes[i]));
}

function updateAt(where: string, x: NDArray, u: NDArray, starts: readonly Operand[], negative: readonly boolean[]): NDArray {
  if (u.ndim !== x.ndim || u.shape.some((d, i) => !dims.equal(d, x.shape[i]) && d > x.shape[i])) throw new ShapeError(`${where}: an update of shape ${formatShape(u.shape)} does not fit into ${formatShape(x.shape)}.`);
  const axes = range(x.ndim).filter((i) => !dims.equal(u.shape[i], x.shape[i]));
  return bindUpdate(x, u, axes, axes.map((i) => { const s = clampStart(where, starts[i], x.shape[i], u.shape[i], negative[i]); return typeof s === 'number' ? int32(s) : s; }));
}

/** As `jax.lax.dynamic_slice`: a part of shape `sliceSizes`, from traced indices on; they count from the end where negative and are clamped so that all lies inside. */
export function dynamicSlice(operand: NDArray, startIndices: NDArray | readonly Operand[], sliceSizes: Shape, options?: NegativeOption): NDArray {
  const where = 'lax.dynamicSlice';
  const x = asArray(operand, where);
  if (sliceSizes.length !== x.ndim) throw new ShapeError(`${where}: expected a size for each of ${x.ndim} axes, got ${sliceSizes.length}.`);
  return sliceAt(where, x, startList(where, startIndices, x.ndim), sliceSizes, negatives(where, options, x.ndim));
}
/** As `jax.lax.dynamic_update_slice`: `operand` with `update` written over it, positions as in `dynamicSlice`. */
export function dynamicUpdateSlice(operand: NDArray, update: Operand, startIndices: NDArray | readonly Operand[], options?: NegativeOption): NDArray {
  const where = 'lax.dynamicUpdateSlice';
  const x = asArray(operand, where);
  return updateAt(where, x, lift(update, x.dtype), startList(where, startIndices, x.ndim), negatives(where, options, x.ndim));
}

const oneAxis = <T>(rank: number, axis: number, value: T, other: (i: number) => T): T[] => range(rank).map((i) => (i === axis ? value : other(i)));
/** `dynamicSlice` along one axis. */
export function dynamicSliceInDim(operand: NDArray, startIndex: Operand, sliceSize: number, options?: NegativeOption & { axis?: number }): NDArray {
  const where = 'lax.dynamicSliceInDim';
  const { axis = 0, ...rest } = checkOptions(where, options, ['axis', 'allowNegativeIndices']);
  const x = asArray(operand, where);
  const at = canonicalAxis(axis, x.ndim, where);
  return sliceAt(where, x, oneAxis<Operand>(x.ndim, at, startIndex, () => 0), oneAxis(x.ndim, at, sliceSize, (i) => x.shape[i]), negatives(where, rest, x.ndim));
}
/** One element along an axis, which stays with size 1 unless `keepdims` is false. */
export function dynamicIndexInDim(operand: NDArray, index: Operand, options?: NegativeOption & { axis?: number; keepdims?: boolean }): NDArray {
  const where = 'lax.dynamicIndexInDim';
  const { axis = 0, keepdims = true, ...rest } = checkOptions(where, options, ['axis', 'keepdims', 'allowNegativeIndices']);
  const at = canonicalAxis(axis, operand.ndim, where);
  const out = dynamicSliceInDim(operand, index, 1, { axis: at, ...rest });
  return keepdims ? out : reshape(out, out.shape.filter((_, i) => i !== at));
}
/** `dynamicUpdateSlice` along one axis. */
export function dynamicUpdateSliceInDim(operand: NDArray, update: Operand, startIndex: Operand, axis: number, options?: NegativeOption): NDArray {
  const where = 'lax.dynamicUpdateSliceInDim';
  const x = asArray(operand, where);
  const at = canonicalAxis(axis, x.ndim, where);
  return updateAt(where, x, lift(update, x.dtype), oneAxis<Operand>(x.ndim, at, startIndex, () => 0), negatives(where, options, x.ndim));
}
/** Writes one element along an axis; `update` may lack that axis. */
export function dynamicUpdateIndexInDim(operand: NDArray, update: Operand, index: Operand, axis: number, options?: NegativeOption): NDArray {
  const where = 'lax.dynamicUpdateIndexInDim';
  const x = asArray(operand, where);
  const at = canonicalAxis(axis, x.ndim, where);
  const u = lift(update, x.dtype);
  return dynamicUpdateSliceInDim(x, u.ndim === x.ndim ? u : reshape(u, [...u.shape.slice(0, at), 1, ...u.shape.slice(at)]), index, at, options);
}

/** `slice` along one axis; null is the axis' end, negative positions count from there. */
export function sliceInDim(operand: NDArray, startIndex: number | null, limitIndex: number | null, options?: { stride?: number; axis?: number }): NDArray {
  const where = 'lax.sliceInDim';
  const { stride = 1, axis = 0 } = checkOptions(where, options, ['stride', 'axis']);
  const at = canonicalAxis(axis, operand.ndim, where);
  const length = operand.shape[at];
  const from = startIndex === null ? 0 : startIndex < 0 ? startIndex + length : startIndex;
  const to = limitIndex === null ? length : limitIndex < 0 ? limitIndex + length : limitIndex;
  return slice(operand, oneAxis(operand.ndim, at, from, () => 0), oneAxis(operand.ndim, at, to, (i) => operand.shape[i]), oneAxis(operand.ndim, at, stride, () => 1));
}
/** One element along an axis, which stays with size 1 unless `keepdims` is false. */
export function indexInDim(operand: NDArray, index: number, options?: { axis?: number; keepdims?: boolean }): NDArray {
  const where = 'lax.indexInDim';
  const { axis = 0, keepdims = true } = checkOptions(where, options, ['axis', 'keepdims']);
  const at = canonicalAxis(axis, operand.ndim, where);
  const length = operand.shape[at];
  const i = index < 0 ? index + length : index;
  if (!(Number.isInteger(i) && i >= 0 && i < length)) throw new ValueError(`${where}: index ${index} is out of range for axis ${axis} of size ${length}.`);
  const out = sliceInDim(operand, i, i + 1, { axis: at });
  return keepdims ? out : reshape(out, out.shape.filter((_, k) => k !== at));
}

export interface GatherDimensionNumbers {
  /** Axes of the result that run over the slices. */
  readonly offsetDims: readonly number[];
  /** Axes of the operand, of slice size 1, that the result lacks. */
  readonly collapsedSliceDims: readonly number[];
  /** The operand's axes that the components of an index belong to. */
  readonly startIndexMap: readonly number[];
  /** Axes of the operand that run together with those of the indices listed in `startIndicesBatchingDims`. */
  readonly operandBatchingDims?: readonly number[];
  readonly startIndicesBatchingDims?: readonly number[];
}
type Batching<K extends string> = { operandBatchingDims?: readonly number[] } & { [k in K]?: readonly number[] };
export const GatherDimensionNumbers = (offsetDims: readonly number[], collapsedSliceDims: readonly number[], startIndexMap: readonly number[], options?: Batching<'startIndicesBatchingDims'>): GatherDimensionNumbers =>
  ({ offsetDims, collapsedSliceDims, startIndexMap, ...checkOptions('lax.GatherDimensionNumbers', options, ['operandBatchingDims', 'startIndicesBatchingDims']) });

/** What is out of range: 'clip' moves slices inside, 'fill' and 'drop' answer with a fill value or write nothing. Without a promise kept, gathers clip and scatters drop. */
export type GatherScatterMode = 'clip' | 'fill' | 'drop' | 'promise_in_bounds';
export interface GatherOptions { uniqueIndices?: boolean; indicesAreSorted?: boolean; mode?: GatherScatterMode | null; fillValue?: number | null }
/** @internal Whether slices out of range are left out; `unsaid` where the mode leaves it open. */
export function drops(where: string, mode: GatherScatterMode | null | undefined, unsaid: boolean): boolean {
  if (mode === undefined || mode === null || mode === 'promise_in_bounds') return unsaid;
  if (mode === 'clip') return false;
  if (mode === 'fill' || mode === 'drop') return true;
  throw new ValueError(`${where}: unknown mode '${String(mode)}'; expected 'clip', 'fill', 'drop' or 'promise_in_bounds'.`);
}

/**
 * @internal Blocks of `sizes` at `indices` ([…batch, component], of `axes`) as row numbers of the array with the axes `order`
 * flattened: [...batch, ...sizes of order]. Starts are clamped; `inside` says which were in range ([…batch]).
 */
export function blockRows(where: string, shape: Shape, indices: NDArray, axes: readonly number[], sizes: readonly number[], order: readonly number[]): { rows: NDArray; inside: NDArray | null } {
  const lead = indices.shape.slice(0, -1);
  const wide = narrow(where, indices);
  let inside: NDArray | null = null;
  const grid = order.map((a) => sizes[a]);
  const rows = order.map((axis, at): NDArray => {
    const k = axes.indexOf(axis);
    const line = grid[at] === 1 ? null : iota('int32', [...lead.map(() => 1), ...grid.map((d, i) => (i === at ? d : 1))], lead.length + at);
    const stride = dims.size(order.slice(at + 1).map((a) => shape[a]));
    if (k < 0) return mul(line ?? int32(0), stride);
    const start = reshape(slice(wide, [...lead.map(() => 0), k], [...lead, k + 1]), lead);
    const end = shape[axis] - sizes[axis];
    const valid = bitwiseAnd(ge(start, 0), le(start, end));
    inside = inside ? bitwiseAnd(inside, valid) : valid;
    const clamped = reshape(max(min(start, end), 0), [...lead, ...grid.map(() => 1)]);
    return mul(line ? add(clamped, line) : clamped, stride);
  }).reduce(add, int32(0));
  return { rows: expandTo(rows, [...lead, ...grid]), inside };
}

/** @internal Batching axes are components that count up along an axis of the indices. */
export function withBatching(where: string, indices: NDArray, axes: readonly number[], operandBatching: readonly number[] = [], indexBatching: readonly number[] = []): { indices: NDArray; axes: number[] } {
  if (operandBatching.length !== indexBatching.length) throw new ValueError(`${where}: the operand has ${operandBatching.length} batching axes and the indices ${indexBatching.length}; there must be equally many.`);
  if (operandBatching.length === 0) return { indices, axes: [...axes] };
  const column = [...indices.shape.slice(0, -1), 1];
  return { indices: concatenate([narrow(where, indices), ...indexBatching.map((a) => iota('int32', column, a))], indices.ndim - 1), axes: [...axes, ...operandBatching] };
}

/**
 * As `jax.lax.gather`: a slice of `sliceSizes` for every index along the last axis of `startIndices`. Slices that reach
 * out are moved inside, or with mode 'fill' filled with `fillValue` (NaN; the smallest integer; the largest of unsigned ones).
 * Only with 'clip' a derivative passes to what was moved inside.
 */
export function gather(operand: NDArray, startIndices: NDArray, dimensionNumbers: GatherDimensionNumbers, sliceSizes: Shape, options?: GatherOptions): NDArray {
  const where = 'lax.gather';
  const { mode, fillValue } = checkOptions(where, options, ['uniqueIndices', 'indicesAreSorted', 'mode', 'fillValue']);
  const x = asArray(operand, where);
  const { offsetDims, operandBatchingDims = [], startIndicesBatchingDims } = dimensionNumbers;
  const collapsed = [...dimensionNumbers.collapsedSliceDims, ...operandBatchingDims];
  if (sliceSizes.length !== x.ndim) throw new ShapeError(`${where}: expected a slice size for each of ${x.ndim} axes, got ${formatShape(sliceSizes)}.`);
  sliceSizes.forEach((s, i) => {
    if (!dims.equal(s, x.shape[i]) && !(Number.isInteger(s) && s >= 0 && s <= x.shape[i])) throw new ShapeError(`${where}: slice sizes ${formatShape(sliceSizes)} do not fit ${formatAval(x)}.`);
    if (collapsed.includes(i) && s !== 1) throw new ShapeError(`${where}: the collapsed axis ${i} must have slice size 1, got ${s}.`);
  });
  if (startIndices.ndim < 1 || startIndices.shape[startIndices.ndim - 1] !== dimensionNumbers.startIndexMap.length) {
    throw new ShapeError(`${where}: the last axis of the indices ${formatAval(startIndices)} must have the ${dimensionNumbers.startIndexMap.length} components of startIndexMap.`);
  }
  const kept = range(x.ndim).filter((i) => !collapsed.includes(i));
  if (kept.length !== offsetDims.length) throw new ShapeError(`${where}: offsetDims must name ${kept.length} axes of the result, one for each axis of the slices, got ${formatShape(offsetDims)}.`);
  const { indices, axes } = withBatching(where, startIndices, dimensionNumbers.startIndexMap, operandBatchingDims, startIndicesBatchingDims);
  const lead = indices.shape.slice(0, -1);
  const order = [...axes].sort((a, b) => a - b);
  // Along other axes slices begin at 0.
  const source = range(x.ndim).every((i) => axes.includes(i) || dims.equal(sliceSizes[i], x.shape[i])) ? x : slice(x, x.shape.map(() => 0), x.shape.map((d, i) => (axes.includes(i) ? d : sliceSizes[i])));
  const { rows, inside } = blockRows(where, source.shape, indices, axes, sliceSizes, order);
  // Axes that stand together are flattened where they are; others go to the front.
  const first = order.length > 0 && order.every((a, k) => a === order[0] + k) ? order[0] : 0;
  const others = range(x.ndim).filter((i) => !order.includes(i));
  const [before, after] = [others.slice(0, first), others.slice(first)];
  const flat = reshape(transpose(source, [...before, ...order, ...after]), [...before.map((i) => source.shape[i]), dims.size(order.map((i) => source.shape[i])), ...after.map((i) => source.shape[i])]);
  const found = gatherRows(flat, rows, first);
  // The result's axes: those of `before`, of the indices, of the flattened ones and of `after`.
  const places = [...before.map((i) => ({ axis: i })), ...lead.map((_, k) => ({ batch: k })), ...order.map((i) => ({ axis: i })), ...after.map((i) => ({ axis: i }))] as { axis?: number; batch?: number }[];
  const stay = places.filter((p) => p.axis === undefined || !collapsed.includes(p.axis));
  const thin = reshape(found, stay.map((p) => (p.batch !== undefined ? lead[p.batch] : sliceSizes[p.axis!])));
  const batchDims = range(lead.length + kept.length).filter((i) => !offsetDims.includes(i));
  const target = stay.map((p) => (p.batch !== undefined ? batchDims[p.batch] : offsetDims[kept.indexOf(p.axis!)]));
  const out = transpose(thin, target.map((_, i) => target.indexOf(i)));
  const fills = drops(where, mode, false);
  if (!inside || (!fills && (mode === 'clip' || !isFloat(x.dtype)))) return out;
  const mask = reshape(inside as NDArray, out.shape.map((d, i) => (batchDims.includes(i) ? d : 1)));
  // Without a mode what is out of range is read where it was moved to, but no derivative passes.
  return select(mask, out, fills ? new Scalar(fillValue ?? fillOf(x.dtype), x.dtype, false) : stopGradient(out));
}
const fillOf = (d: DType): number | bigint => (isFloat(d) ? NaN : d === 'bool' ? 1 : isUnsigned(d) ? (d === 'uint64' ? 2n ** 64n - 1n : 2 ** (8 * DTYPES[d].size) - 1) : lowest(d));

/** As `jax.lax.index_take`: elements along `axes` at positions given by as many index vectors; negative ones count from the end. */
export function indexTake(src: NDArray, idxs: readonly NDArray[], axes: readonly number[]): NDArray {
  const where = 'lax.indexTake';
  const columns = idxs.map((i, k) => { const at = narrow(where, i); return reshape(select(lt(at, 0), add(at, src.shape[axes[k]]), at), [i.size, 1]); });
  const dn = GatherDimensionNumbers(range(src.ndim - axes.length).map((i) => i + 1), axes, axes);
  return gather(src, concatenate(columns, 1), dn, src.shape.map((d, i) => (axes.includes(i) ? 1 : d)));
}
