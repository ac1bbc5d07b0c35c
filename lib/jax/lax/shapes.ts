/** Broadcasting, reshaping, choosing: small operations. Signatures are JAX's, by the argument rule. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { NDArray, Scalar, formatAval, isArray } from '../array.js';
import { broadcastShapes as broadcastOf, canonicalAxes, canonicalAxis, dims, formatShape, type Shape } from '../dims.js';
import { checkDType, isFloat, isInteger, promoteDTypes, type DType } from '../dtypes.js';
import { div, eq, max, min, mul, pow as power, select } from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { dotGeneral } from '../primitives/dot.js';
import { asArray, lift, liftAll, requireSameDType, type Operand } from '../primitives/primitive.js';
import { concatenate as join, expandTo, reshape, slice, transpose } from '../primitives/shape.js';

/** New axes in front. */
export const broadcast = (operand: Operand, sizes: Shape): NDArray => { const x = asArray(operand, 'lax.broadcast'); return expandTo(x, [...sizes, ...x.shape]); };
/** As `jax.lax.broadcast_in_dim`: the i-th axis of `operand` becomes the axis `broadcastDimensions[i]` of `shape`; those of size 1 and all others are repeated. */
export function broadcastInDim(operand: Operand, shape: Shape, broadcastDimensions: readonly number[]): NDArray {
  const where = 'lax.broadcastInDim';
  const x = asArray(operand, where);
  const fits = broadcastDimensions.length === x.ndim && broadcastDimensions.every((d, i) => d >= 0 && d < shape.length && (i === 0 || d > broadcastDimensions[i - 1]) && (dims.equal(x.shape[i], 1) || dims.equal(x.shape[i], shape[d])));
  if (!fits) throw new ShapeError(`${where}: ${formatAval(x)} cannot become ${formatShape(shape)} with its axes at ${formatShape(broadcastDimensions)}, which must increase and fit or have size 1.`);
  return expandTo(reshape(x, shape.map((_, i) => { const k = broadcastDimensions.indexOf(i); return k < 0 ? 1 : x.shape[k]; })), shape);
}
/** The shape that NumPy broadcasts shapes to. */
export const broadcastShapes = (...shapes: Shape[]): number[] => broadcastOf('lax.broadcastShapes', ...shapes);
/** `arr` broadcast to the shape of `likeArr`, with its dtype. */
export const broadcastLike = (arr: Operand, likeArr: NDArray): NDArray => expandTo(convertElementType(asArray(arr, 'lax.broadcastLike'), likeArr.dtype), likeArr.shape);
/** Unit axes in front, up to `rank`. */
export function broadcastToRank(x: NDArray, rank: number): NDArray {
  if (x.ndim > rank) throw new ShapeError(`lax.broadcastToRank: ${formatAval(x)} has more than ${rank} axes.`);
  return reshape(x, [...range(rank - x.ndim).map(() => 1), ...x.shape]);
}
/** Unit axes, which the result has at `dimensions`. */
export function expandDims(array: Operand, dimensions: readonly number[]): NDArray {
  const x = asArray(array, 'lax.expandDims');
  const rank = x.ndim + dimensions.length;
  const at = canonicalAxes(dimensions, rank, 'lax.expandDims');
  const rest = [...x.shape];
  return reshape(x, range(rank).map((i) => (at.includes(i) ? 1 : rest.shift()!)));
}
/** Without the unit axes `dimensions`. */
export function squeeze(array: Operand, dimensions: readonly number[]): NDArray {
  const x = asArray(array, 'lax.squeeze');
  const axes = canonicalAxes(dimensions, x.ndim, 'lax.squeeze');
  const other = axes.find((a) => !dims.equal(x.shape[a], 1));
  if (other !== undefined) throw new ShapeError(`lax.squeeze: axis ${other} of ${formatAval(x)} has more than one element.`);
  return reshape(x, x.shape.filter((_, i) => !axes.includes(i)));
}
/** The axes from `startDimension` to before `stopDimension` (default: all that follow) as one. */
export function collapse(operand: NDArray, startDimension: number, options?: { stopDimension?: number | null }): NDArray {
  const { stopDimension } = checkOptions('lax.collapse', options, ['stopDimension']);
  const end = (d: number) => Math.max(0, Math.min(operand.ndim, d < 0 ? d + operand.ndim : d));
  const [from, to] = [end(startDimension), end(stopDimension ?? operand.ndim)];
  if (to < from) throw new ValueError(`lax.collapse: the axes from ${startDimension} to ${String(stopDimension)} of ${formatAval(operand)} are none.`);
  return reshape(operand, [...operand.shape.slice(0, from), dims.size(operand.shape.slice(from, to)), ...operand.shape.slice(to)]);
}
/** x to the power of y, whose dtype is x's or an integer one. */
export const pow = (x: Operand, y: Operand): NDArray => power(x, isArray(x) && isFloat(x.dtype) && isArray(y) && isInteger(y.dtype) ? convertElementType(y, x.dtype) : y);
/** The elements in a new shape; with `dimensions` the axes are brought into that order first. */
function reshapeIn(operand: NDArray, newSizes: Shape, options?: { dimensions?: readonly number[] | null }): NDArray {
  const { dimensions } = checkOptions('lax.reshape', options, ['dimensions']);
  return reshape(dimensions === undefined || dimensions === null ? operand : transpose(operand, dimensions), newSizes);
}
export { reshapeIn as reshape };
export function concatenate(operands: NDArray | readonly NDArray[], dimension: number): NDArray {
  return isArray(operands) ? operands : join(operands, dimension);
}
/** Parts of the given sizes along an axis. */
export function split(operand: NDArray, sizes: readonly number[], options?: { axis?: number }): NDArray[] {
  const { axis = 0 } = checkOptions('lax.split', options, ['axis']);
  const at = canonicalAxis(axis, operand.ndim, 'lax.split');
  if (sizes.some((n) => !Number.isInteger(n) || n < 0) || sizes.reduce((a, b) => a + b, 0) !== operand.shape[at]) throw new ShapeError(`lax.split: sizes ${formatShape(sizes)} do not add up to axis ${axis} of ${formatAval(operand)}.`);
  let from = 0;
  return sizes.map((n) => slice(operand, operand.shape.map((_, i) => (i === at ? from : 0)), operand.shape.map((d, i) => (i === at ? (from += n) : d))));
}
/** Arrays of one shape along a new axis. */
export function stack(operands: readonly NDArray[], options?: { axis?: number }): NDArray {
  const { axis = 0 } = checkOptions('lax.stack', options, ['axis']);
  if (operands.length === 0) throw new ShapeError('lax.stack: expected at least one array, got none.');
  const at = canonicalAxis(axis, operands[0].ndim + 1, 'lax.stack');
  return join(operands.map((x) => expandDims(x, [at])), at);
}
/** The slices along an axis, which they lack. */
export function unstack(x: NDArray, options?: { axis?: number }): NDArray[] {
  const { axis = 0 } = checkOptions('lax.unstack', options, ['axis']);
  const at = canonicalAxis(axis, x.ndim, 'lax.unstack');
  return split(x, range(x.shape[at]).map(() => 1), { axis: at }).map((y) => squeeze(y, [at]));
}
/** `operand` repeated along each of its axes. */
export function tile(operand: NDArray, reps: readonly number[]): NDArray {
  if (reps.length !== operand.ndim || reps.some((n) => !Number.isInteger(n) || n < 0)) throw new ValueError(`lax.tile: reps must be ${operand.ndim} whole numbers, one for each axis of ${formatAval(operand)}, got ${JSON.stringify(reps)}.`);
  const paired = expandTo(reshape(operand, operand.shape.flatMap((d) => [1, d])), operand.shape.flatMap((d, i) => [reps[i], d]));
  return reshape(paired, operand.shape.map((d, i) => dims.mul(reps[i], d)));
}

/** An array full of one value; the dtype is the value's unless given. */
export function full(shape: Shape, fillValue: Operand, options?: { dtype?: DType | null }): NDArray {
  const { dtype } = checkOptions('lax.full', options, ['dtype']);
  const value = asArray(fillValue, 'lax.full');
  if (value.ndim !== 0) throw new ShapeError(`lax.full: the value must be a scalar, got ${formatAval(value)}.`);
  return expandTo(convertElementType(value, dtype ? checkDType(dtype, 'lax.full') : value.dtype), shape);
}
/** `full` with the shape and dtype of `x`, unless given. */
export function fullLike(x: Operand, fillValue: Operand, options?: { dtype?: DType | null; shape?: Shape | null }): NDArray {
  const { dtype, shape } = checkOptions('lax.fullLike', options, ['dtype', 'shape']);
  const like = asArray(x, 'lax.fullLike');
  return full(shape ?? like.shape, fillValue, { dtype: dtype ?? like.dtype });
}
/** An array whose elements are nobody's concern: zeros. */
export const empty = (shape: Shape, dtype: DType): NDArray => full(shape, 0, { dtype });

/** `x` between `min` and `max`, which are scalars or have its shape. */
export function clamp(least: Operand, x: Operand, most: Operand): NDArray {
  const [low, y, high] = liftAll('lax.clamp', least, x, most);
  for (const bound of [low, high]) if (bound.ndim !== 0 && !dims.equalShapes(bound.shape, y.shape)) throw new ShapeError(`lax.clamp: a bound must be a scalar or have the shape of ${formatAval(y)}, got ${formatAval(bound)}.`);
  return min(max(y, low), high);
}
/** As `jax.lax.select_n`: for each element that of the `cases` whose number `which` says: false and true, or 0, 1, 2, … */
export function selectN(which: Operand, ...cases: NDArray[]): NDArray {
  const where = 'lax.selectN';
  const w = asArray(which, where);
  if (cases.length === 0) throw new ValueError(`${where}: expected at least one case.`);
  const xs = liftAll(where, ...cases);
  requireSameDType(where, xs.map((x) => x.aval));
  if (xs.some((x) => !dims.equalShapes(x.shape, xs[0].shape)) || (w.ndim !== 0 && !dims.equalShapes(w.shape, xs[0].shape))) {
    throw new ShapeError(`${where}: the cases must have one shape, and which that or none, got ${[w, ...xs].map(formatAval).join(', ')}.`);
  }
  if (w.dtype === 'bool') {
    if (xs.length > 2) throw new ValueError(`${where}: a boolean chooses between two cases, but ${xs.length} were given.`);
    return xs.length === 1 ? xs[0] : select(w, xs[1], xs[0]);
  }
  if (!isInteger(w.dtype)) throw new TypeError(`${where}: which must be boolean or integers, got ${w.dtype}.`);
  return xs.slice(1).reduce((out, x, i) => select(eq(w, lift(i + 1, w.dtype)), x, out), xs[0]);
}
/** x to the power of a whole number, by repeated squaring. */
export function integerPow(x: Operand, y: number): NDArray {
  const base = asArray(x, 'lax.integerPow');
  if (!Number.isInteger(y)) throw new ValueError(`lax.integerPow: the exponent must be a whole number, got ${y}.`);
  if (y < 0) {
    if (!isFloat(base.dtype)) throw new TypeError(`lax.integerPow: integers cannot be raised to the negative power ${y}.`);
    return div(new Scalar(1, base.dtype, false), integerPow(base, -y));
  }
  if (y === 0) return expandTo(new Scalar(1, base.dtype, false), base.shape);
  const half = y > 1 ? integerPow(base, Math.floor(y / 2)) : base;
  const even = y > 1 ? mul(half, half) : base;
  return y > 1 && y % 2 ? mul(even, base) : even;
}
/** 1 / x. */
export const reciprocal = (x: Operand): NDArray => integerPow(x, -1);

interface DotOptions { dimensionNumbers?: readonly [readonly [readonly number[], readonly number[]], readonly [readonly number[], readonly number[]]] | null; precision?: unknown; preferredElementType?: DType | null }
/** As `jax.lax.dot`: products of vectors and matrices, or a `dotGeneral` with `dimensionNumbers`. */
export function dot(lhs: NDArray, rhs: NDArray, options?: DotOptions): NDArray {
  const where = 'lax.dot';
  const { dimensionNumbers, preferredElementType } = checkOptions(where, options, ['dimensionNumbers', 'precision', 'preferredElementType']);
  if (!dimensionNumbers && ![1, 2].includes(lhs.ndim) || !dimensionNumbers && ![1, 2].includes(rhs.ndim)) throw new ShapeError(`${where}: expected vectors and matrices, got ${formatAval(lhs)} and ${formatAval(rhs)}; give dimensionNumbers.`);
  const [contract, batch] = dimensionNumbers ?? [[[lhs.ndim - 1], [0]], [[], []]];
  const result = preferredElementType ? checkDType(preferredElementType, where) : requireSameDType(where, [lhs.aval, rhs.aval]);
  const wide = promoteDTypes(lhs.dtype, result);
  return convertElementType(dotGeneral(convertElementType(lhs, wide), convertElementType(rhs, wide), { contract, batch }), result);
}
/** As `jax.lax.batch_matmul`: matrices in the last two axes, equal axes before. */
export function batchMatmul(lhs: NDArray, rhs: NDArray, options?: { precision?: unknown }): NDArray {
  checkOptions('lax.batchMatmul', options, ['precision']);
  const n = lhs.ndim;
  if (n < 2 || rhs.ndim !== n) throw new ShapeError(`lax.batchMatmul: expected two arrays of one rank of at least 2, got ${formatAval(lhs)} and ${formatAval(rhs)}.`);
  return dotGeneral(lhs, rhs, { contract: [[n - 1], [n - 2]], batch: [range(n - 2), range(n - 2)] });
}
/** The shape as int32 vector. */
export const shapeAsValue = (shape: Shape): NDArray => (shape.length ? join(shape.map((d) => expandTo(new Scalar(d, 'int32', false), [1])), 0) : expandTo(new Scalar(0, 'int32', false), [0]));
/** The dtype of an array or a number. */
export const dtype = (x: Operand): DType => asArray(x, 'lax.dtype').dtype;
