/** Norms, and what singular values tell. */
import { ShapeError, ValueError } from '../../../runtime/errors.js';
import { checkOptions } from '../../../runtime/options.js';
import { range } from '../../../runtime/range.js';
import { formatAval, type NDArray } from '../../array.js';
import { canonicalAxis, type Shape } from '../../dims.js';
import { abs, bitwiseAnd, bitwiseNot, div, gt, mul, ne, pow, select } from '../../primitives/arithmetic.js';
import { convertElementType } from '../../primitives/convert.js';
import { sqrt } from '../../primitives/functions.js';
import * as primitives from '../../primitives/linalg/index.js';
import { asArray, type Operand } from '../../primitives/primitive.js';
import { reshape, slice, transpose } from '../../primitives/shape.js';
import { any, max, min, sum } from '../reductions.js';
import { epsilon, inexact, keepAxes, matrices, squares } from './common.js';
import { inv } from './solving.js';

export type Order = number | 'fro' | 'f' | 'nuc' | null;
type Axes = number | readonly number[] | null;

function vectorOrder(where: string, a: NDArray, ord: Order, axis: readonly number[], keepdims: boolean): NDArray {
  const along = { axis, keepdims };
  if (ord === null || ord === 2) return sqrt(sum(mul(a, a), along));
  if (typeof ord !== 'number') throw new ValueError(`${where}: ord '${ord}' is no norm of vectors; give a number, Infinity or -Infinity.`);
  if (ord === 0) return sum(convertElementType(ne(a, 0), a.dtype), along);
  const size = abs(a);
  if (ord === Infinity) return max(size, { ...along, initial: 0 });
  if (ord === -Infinity) return min(size, along);
  if (ord === 1) return sum(size, along);
  return pow(sum(pow(size, ord), along), 1 / ord);
}

function matrixOrder(where: string, a: NDArray, ord: Order, [row, column]: readonly number[], keepdims: boolean): NDArray {
  const axes = [row, column];
  if (ord === null || ord === 'fro' || ord === 'f') return sqrt(sum(mul(a, a), { axis: axes, keepdims }));
  // The largest or smallest sum of a column (1) or row (∞).
  if (ord === 1 || ord === -1 || ord === Infinity || ord === -Infinity) {
    const [added, left] = Math.abs(ord) === 1 ? [row, column] : [column, row];
    const out = (ord > 0 ? max : min)(sum(abs(a), { axis: added, keepdims: true }), { axis: left, keepdims: true });
    return keepdims ? out : reshape(out, a.shape.filter((_, i) => !axes.includes(i)));
  }
  if (ord !== 'nuc' && ord !== 2 && ord !== -2) throw new ValueError(`${where}: ord ${String(ord)} is no norm of matrices; give 1, -1, 2, -2, Infinity, -Infinity, 'fro' or 'nuc'.`);
  const values = primitives.svdvals(transpose(a, [...range(a.ndim).filter((i) => !axes.includes(i)), row, column]));
  return keepAxes((ord === 'nuc' ? sum : ord > 0 ? max : min)(values, { axis: -1 }), a.shape, axes, keepdims);
}

export interface NormOptions { ord?: Order; axis?: Axes; keepdims?: boolean }
/**
 * The norm of all elements (the 2-norm), of vectors along one axis or of matrices along two: `ord` is a number,
 * ±Infinity, 'fro' or 'nuc'. As `jax.numpy.linalg.norm`.
 */
export function norm(x: Operand, options?: NormOptions): NDArray {
  const where = 'jnp.linalg.norm';
  const { ord = null, axis = null, keepdims = false } = checkOptions(where, options, ['ord', 'axis', 'keepdims']);
  const [a] = inexact(where, x);
  if (axis === null && ord === null) return vectorOrder(where, a, null, range(a.ndim), keepdims);
  const axes = (axis === null ? range(a.ndim) : typeof axis === 'number' ? [axis] : axis).map((i) => canonicalAxis(i, a.ndim, where));
  if (axes.length === 1) return vectorOrder(where, a, ord, axes, keepdims);
  if (axes.length === 2 && axes[0] !== axes[1]) return matrixOrder(where, a, ord, axes, keepdims);
  throw new ShapeError(`${where}: ord ${String(ord)} needs one axis or two different ones, got ${axes.length ? `[${axes}]` : 'none'} for ${formatAval(a)}.`);
}
/** The norm of vectors along `axis`, or of all elements of several axes as one vector. */
export function vectorNorm(x: Operand, options?: NormOptions): NDArray {
  const where = 'jnp.linalg.vectorNorm';
  const { ord = 2, axis = null, keepdims = false } = checkOptions(where, options, ['ord', 'axis', 'keepdims']);
  const [a] = inexact(where, x);
  return vectorOrder(where, a, ord, (axis === null ? range(a.ndim) : typeof axis === 'number' ? [axis] : axis).map((i) => canonicalAxis(i, a.ndim, where)), keepdims);
}
/** The norm of the matrices in the last two axes. */
export function matrixNorm(x: Operand, options?: { ord?: Order; keepdims?: boolean }): NDArray {
  const { ord = 'fro', keepdims = false } = checkOptions('jnp.linalg.matrixNorm', options, ['ord', 'keepdims']);
  const a = matrices('jnp.linalg.matrixNorm', x);
  return matrixOrder('jnp.linalg.matrixNorm', a, ord, [a.ndim - 2, a.ndim - 1], keepdims);
}

const nonEmpty = (where: string, a: NDArray): NDArray => {
  if (a.shape.slice(-2).includes(0)) throw new ShapeError(`${where}: the matrices are empty, ${formatAval(a)}.`);
  return a;
};
/** Element `i` of the last axis. */
const at = (x: NDArray, i: number): NDArray => {
  const lead: Shape = x.shape.slice(0, -1);
  return reshape(slice(x, [...lead.map(() => 0), i], [...lead, i + 1]), lead);
};
/** The condition number: the ratio of singular values (`p` null, 2 or -2), or of another matrix norm with that of the inverse. */
export function cond(x: Operand, options?: { p?: Order }): NDArray {
  const where = 'jnp.linalg.cond';
  const { p = null } = checkOptions(where, options, ['p']);
  const a = nonEmpty(where, matrices(where, x));
  const values = () => { const s = primitives.svdvals(a); return [at(s, 0), at(s, s.shape[s.ndim - 1] - 1)]; };
  if (p === null || p === 2) return div(...values() as [NDArray, NDArray]);
  const axis = [-2, -1];
  const ratio = p === -2 ? div(...values().reverse() as [NDArray, NDArray]) : mul(norm(squares(where, a), { ord: p, axis }), norm(inv(a), { ord: p, axis }));
  const nan = (y: NDArray) => ne(y, y);
  return select(bitwiseAnd(nan(ratio), bitwiseNot(any(nan(a), { axis }))), Infinity, ratio);
}

/**
 * How many singular values are larger than `rtol`, an absolute bound as in JAX; by default the largest one times the
 * larger size times the dtype's epsilon. int32.
 */
export function matrixRank(x: Operand, options?: { rtol?: Operand; hermitian?: boolean; tol?: Operand }): NDArray {
  const where = 'jnp.linalg.matrixRank';
  const { rtol, hermitian = false, tol } = checkOptions(where, options, ['rtol', 'hermitian', 'tol']);
  if (rtol !== undefined && tol !== undefined) throw new ValueError(`${where}: rtol and tol are the same; give one of them.`);
  const [a] = inexact(where, x);
  if (a.ndim < 2) return convertElementType(any(ne(a, 0)), 'int32');
  const s = primitives.svdvals(hermitian ? primitives.symmetrize(squares(where, a)) : a);
  const given = rtol ?? tol;
  const bound = given !== undefined ? convertElementType(asArray(given, where), s.dtype)
    : mul(max(s, { axis: -1 }), Math.max(...a.shape.slice(-2)) * epsilon(a));
  return sum(gt(s, primitives.column(bound)), { axis: -1 });
}
