/** Operands of jax.numpy.linalg and jax.scipy.linalg: promoted to floats, right-hand sides brought beside their matrices. */
import { ShapeError } from '../../../runtime/errors.js';
import { range } from '../../../runtime/range.js';
import { formatAval, type NDArray } from '../../array.js';
import { broadcastShapes, dims, type Shape } from '../../dims.js';
import { column } from '../../primitives/linalg/index.js';
import type { Operand } from '../../primitives/primitive.js';
import { expandTo, reshape, transpose } from '../../primitives/shape.js';
import { inexact } from '../promotion.js';

export { inexact };

/** A matrix or a batch of them. */
export function matrices(where: string, x: Operand): NDArray {
  const [a] = inexact(where, x);
  if (a.ndim < 2) throw new ShapeError(`${where}: expected a matrix or a batch of them, got ${formatAval(a)}.`);
  return a;
}
export function squares(where: string, x: Operand): NDArray {
  const a = matrices(where, x);
  if (!dims.equal(a.shape[a.ndim - 2], a.shape[a.ndim - 1])) throw new ShapeError(`${where}: expected square matrices, got ${formatAval(a)}.`);
  return a;
}

/**
 * `solve` of `a` [.., n, n] with a vector, or with matrices `b` [.., n, k] whose leading axes broadcast with a's. Many
 * right-hand sides of one matrix become columns of one solve.
 */
export function withRightSides(where: string, a: NDArray, b: NDArray, solve: (a: NDArray, b: NDArray) => NDArray): NDArray {
  const n = a.shape[a.ndim - 1];
  const misfit = () => new ShapeError(`${where}: right-hand sides ${formatAval(b)} do not fit ${formatAval(a)}; expected [${n}] or [..,${n},k].`);
  if (b.ndim === 0 || !dims.equal(b.shape[Math.max(0, b.ndim - 2)], n)) throw misfit();
  if (b.ndim === 1) {
    const out = withRightSides(where, a, column(b), solve);
    return reshape(out, out.shape.slice(0, -1));
  }
  if (a.ndim === 2 && b.ndim > 2) {
    const order = [b.ndim - 2, ...range(b.ndim - 2), b.ndim - 1];
    const front = transpose(b, order);
    const out = solve(a, reshape(front, [n, dims.size(front.shape.slice(1))]));
    return transpose(reshape(out, front.shape), range(b.ndim).map((i) => order.indexOf(i)));
  }
  const lead = broadcastShapes(where, a.shape.slice(0, -2), b.shape.slice(0, -2));
  const widen = (x: NDArray) => expandTo(x, [...lead, ...x.shape.slice(-2)]);
  return solve(widen(a), widen(b));
}

/** The largest relative error of a rounding, JAX's `finfo(dtype).eps`. */
export const epsilon = (x: NDArray): number => ({ float64: 2 ** -52, float32: 2 ** -23, float16: 2 ** -10, bfloat16: 2 ** -7 } as Record<string, number>)[x.dtype];
/** Reduced axes come back as axes of size 1. */
export const keepAxes = (x: NDArray, shape: Shape, axes: readonly number[], keepdims: boolean): NDArray =>
  (keepdims ? reshape(x, shape.map((d, i) => (axes.includes(i) ? 1 : d))) : x);
