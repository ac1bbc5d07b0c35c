/** Determinants, inverses, equations, powers and chains of products. */
import { ShapeError, TypeError, ValueError } from '../../../runtime/errors.js';
import { checkOptions } from '../../../runtime/options.js';
import { formatAval, type NDArray } from '../../array.js';
import { dims } from '../../dims.js';
import { bitwiseAnd, ge, gt, mul, square, sub } from '../../primitives/arithmetic.js';
import { convertElementType } from '../../primitives/convert.js';
import * as primitives from '../../primitives/linalg/index.js';
import { asArray, type Operand } from '../../primitives/primitive.js';
import { expandTo, reshape } from '../../primitives/shape.js';
import { moveaxis } from '../manipulation.js';
import { matmul } from '../products.js';
import { sum } from '../reductions.js';
import { promoteOperands } from '../promotion.js';
import { epsilon, inexact, matrices, squares, withRightSides } from './common.js';

/** Determinants. */
export const det = (x: Operand): NDArray => primitives.determinant(squares('jnp.linalg.det', x))[2];
/** [sign, log |det|]: sign 0 and logarithm -Infinity where a matrix is singular. */
export function slogdet(x: Operand): [NDArray, NDArray] {
  const [sign, logarithm] = primitives.determinant(squares('jnp.linalg.slogdet', x));
  return [sign, logarithm];
}

/** x with a·x = b: b is a vector [n], or matrices [.., n, k] whose leading axes broadcast with a's [.., n, n]. */
export function solve(a: Operand, b: Operand): NDArray {
  const [p, q] = inexact('jnp.linalg.solve', a, b);
  return withRightSides('jnp.linalg.solve', squares('jnp.linalg.solve', p), q, (x, y) => primitives.solve(x, y));
}
/** Inverses. */
export function inv(x: Operand): NDArray {
  const a = squares('jnp.linalg.inv', x);
  return primitives.solve(a, primitives.identity(a, a.shape[a.ndim - 1]));
}
export interface PinvOptions { rtol?: Operand; hermitian?: boolean; rcond?: Operand }
/** Pseudo-inverses: singular values up to `rtol` (by default 10·max(m, n)·eps) times the largest count as 0. */
export function pinv(x: Operand, options?: PinvOptions): NDArray {
  const where = 'jnp.linalg.pinv';
  const { rtol, hermitian = false, rcond } = checkOptions(where, options, ['rtol', 'hermitian', 'rcond']);
  if (rtol !== undefined && rcond !== undefined) throw new ValueError(`${where}: rtol and rcond are the same; give one of them.`);
  const a = hermitian ? primitives.symmetrize(squares(where, x)) : matrices(where, x);
  const bound = asArray(rtol ?? rcond ?? 10 * Math.max(...a.shape.slice(-2)) * epsilon(a), where);
  return primitives.pinv(a, expandTo(convertElementType(bound, a.dtype), a.shape.slice(0, -2)));
}

/**
 * [x, residuals, rank, s]: the x of least length among those with the least ‖a·x - b‖, the squared distances, a's rank
 * and singular values. a is [m, n], b [m] or [m, k]; singular values below `rcond` times the largest count as 0.
 */
export function lstsq(a: Operand, b: Operand, options?: { rcond?: number | null }): [NDArray, NDArray, NDArray, NDArray] {
  const where = 'jnp.linalg.lstsq';
  const { rcond = null } = checkOptions(where, options, ['rcond']);
  const [p, q] = inexact(where, a, b);
  if (p.ndim !== 2 || q.ndim === 0 || q.ndim > 2 || !dims.equal(p.shape[0], q.shape[0])) {
    throw new ShapeError(`${where}: expected a matrix and a right-hand side with as many rows, got ${formatAval(p)} and ${formatAval(q)}.`);
  }
  const bound = rcond === null ? epsilon(p) * Math.max(...p.shape) : rcond < 0 ? epsilon(p) : rcond;
  const s = primitives.svdvals(p);
  const largest = expandTo(sum(s.index({ start: 0, stop: 1 })), s.shape);
  const rank = sum(bitwiseAnd(gt(s, 0), ge(s, mul(largest, bound))));
  const rhs = q.ndim === 1 ? primitives.column(q) : q;
  const x = primitives.product(pinv(p, { rtol: bound }), rhs);
  const residuals = sum(square(sub(rhs, primitives.product(p, x))), { axis: 0 });
  return [q.ndim === 1 ? reshape(x, [x.shape[0]]) : x, residuals, rank, s];
}

/** Square matrices multiplied by themselves `n` times; negative powers are those of the inverse. */
export function matrixPower(x: Operand, n: number): NDArray {
  const where = 'jnp.linalg.matrixPower';
  const given = asArray(x, where);
  if (!Number.isInteger(n)) throw new TypeError(`${where}: the exponent must be a whole number, got ${String(n)}.`);
  if (given.ndim < 2 || !dims.equal(given.shape[given.ndim - 2], given.shape[given.ndim - 1])) throw new ShapeError(`${where}: expected square matrices, got ${formatAval(given)}.`);
  if (n === 0) return primitives.identity(given, given.shape[given.ndim - 1]);
  let result: NDArray | null = null;
  for (let base = n < 0 ? inv(given) : given, k = Math.abs(n); ; base = primitives.product(base, base)) {
    if (k % 2 === 1) result = result ? primitives.product(result, base) : base;
    k = Math.floor(k / 2);
    if (k === 0) return result!;
  }
}

/** The product of a chain of matrices (the first and last may be vectors), in the order that takes the fewest multiplications. */
export function multiDot(arrays: readonly Operand[]): NDArray {
  const where = 'jnp.linalg.multiDot';
  if (!Array.isArray(arrays) || arrays.length < 2) throw new ValueError(`${where}: expected a list of at least two arrays.`);
  const xs = promoteOperands(where, ...arrays as Operand[]);
  const last = xs.length - 1;
  xs.forEach((x, i) => {
    if (x.ndim !== 2 && !(x.ndim === 1 && (i === 0 || i === last))) throw new ShapeError(`${where}: array ${i} of the chain must be a matrix, got ${formatAval(x)}.`);
    const before = i > 0 ? xs[i - 1] : null;
    if (before && !dims.equal(before.shape[before.ndim - 1], x.shape[0])) throw new ShapeError(`${where}: ${formatAval(before)} and ${formatAval(x)} do not fit; the last size of one must be the first of the next.`);
  });
  // sizes[i] and sizes[i + 1] are array i's. cost[i][j]: the fewest multiplications for the arrays i to j, split after at[i][j].
  const sizes = [xs[0].ndim === 1 ? 1 : xs[0].shape[0], ...xs.map((x, i) => (i === last && x.ndim === 1 ? 1 : x.shape[x.ndim - 1]))];
  const cost = xs.map(() => xs.map(() => 0));
  const at = xs.map(() => xs.map(() => 0));
  for (let span = 1; span <= last; span++) {
    for (let i = 0; i + span <= last; i++) {
      const j = i + span;
      cost[i][j] = Infinity;
      for (let k = i; k < j; k++) {
        const total = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1];
        if (total < cost[i][j]) [cost[i][j], at[i][j]] = [total, k];
      }
    }
  }
  const chain = (i: number, j: number): NDArray => (i === j ? xs[i] : matmul(chain(i, at[i][j]), chain(at[i][j] + 1, j)));
  return chain(0, last);
}

/** The inverse of `tensordot(a, ·)` over all but the first `ind` axes. */
export function tensorinv(x: Operand, options?: { ind?: number }): NDArray {
  const { ind = 2 } = checkOptions('jnp.linalg.tensorinv', options, ['ind']);
  const [a] = inexact('jnp.linalg.tensorinv', x);
  if (!Number.isInteger(ind) || ind <= 0) throw new ValueError(`jnp.linalg.tensorinv: ind must be a positive whole number, got ${String(ind)}.`);
  const [front, back] = [a.shape.slice(0, ind), a.shape.slice(ind)];
  const [m, n] = [dims.size(front), dims.size(back)];
  if (!dims.equal(m, n)) throw new ShapeError(`jnp.linalg.tensorinv: the first ${ind} sizes and the others of ${formatAval(a)} have different products, ${m} and ${n}.`);
  return reshape(inv(reshape(a, [m, n])), [...back, ...front]);
}
/** x with `tensordot(a, x, x.ndim)` = b; `axes` of a are moved to its end first. */
export function tensorsolve(a: Operand, b: Operand, options?: { axes?: readonly number[] | null }): NDArray {
  const { axes = null } = checkOptions('jnp.linalg.tensorsolve', options, ['axes']);
  const [given, q] = inexact('jnp.linalg.tensorsolve', a, b);
  const p = axes === null ? given : moveaxis(given, [...axes], axes.map((_, i) => given.ndim - axes.length + i));
  const shape = p.shape.slice(q.ndim);
  const n = dims.size(shape);
  if (!dims.equalShapes(p.shape.slice(0, q.ndim), q.shape) || !dims.equal(dims.size(q.shape), n)) {
    throw new ShapeError(`jnp.linalg.tensorsolve: ${formatAval(q)} does not fit ${formatAval(p)}: the first ${q.ndim} sizes must be its own, and the others have the same product.`);
  }
  return reshape(solve(reshape(p, [n, n]), reshape(q, [n])), shape);
}
