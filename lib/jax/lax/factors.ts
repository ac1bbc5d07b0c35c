/** `jax.lax.linalg`: reflections, updates and bands, as scans and other decompositions. */
import { ShapeError } from '../../runtime/errors.js';
import { Scalar, formatAval, type NDArray } from '../array.js';
import { dims } from '../dims.js';
import { abs, div, ge, lt, mul, neg, select, sub } from '../primitives/arithmetic.js';
import { iota } from '../primitives/indexing.js';
import * as primitives from '../primitives/linalg/index.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { concatenate, expandTo, moveAxis, reduceSum, reshape, slice } from '../primitives/shape.js';
import { scan } from './control-flow.js';

const { column, identity, lowerPart, onDiagonal, product, row } = primitives;

/** The first columns of the product of reflections 1 - tauᵢ·vᵢ·vᵢᵀ, where vᵢ is column i of `a` below the diagonal and 1 on it. As LAPACK's orgqr. */
export function householderProduct(a: Operand, taus: Operand): NDArray {
  const where = 'lax.linalg.householderProduct';
  const [x, t] = [asArray(a, where), asArray(taus, where)];
  const [m, n] = x.shape.slice(-2);
  const k = t.shape[t.ndim - 1];
  if (x.ndim < 2 || t.ndim !== x.ndim - 1 || m < n || k > n) throw new ShapeError(`${where}: expected [..,m,n] with m ≥ n and [..,k] with k ≤ n, got ${formatAval(x)} and ${formatAval(t)}.`);
  const vectors = select(onDiagonal(m, n), new Scalar(1, x.dtype, false), lowerPart(x, true));
  const used = slice(vectors, x.shape.map(() => 0), [...x.shape.slice(0, -1), k]);
  const start = slice(identity(x, m), x.shape.map(() => 0), x.shape);
  const step = (q: NDArray, [v, tau]: NDArray[]): [NDArray, null] => [sub(q, product(column(mul(v, column(tau))), product(row(v), q))), null];
  return scan(step, start, [moveAxis(used, used.ndim - 1, 0), moveAxis(t, t.ndim - 1, 0)], { reverse: true })[0] as NDArray;
}

/** The upper triangular factor of rᵀ·r + w·wᵀ, diagonal not negative. */
export function choleskyUpdate(rMatrix: Operand, wVector: Operand): NDArray {
  const where = 'lax.linalg.choleskyUpdate';
  const [r, w] = [asArray(rMatrix, where), asArray(wVector, where)];
  if (r.ndim < 2 || w.ndim !== r.ndim - 1 || !dims.equalShapes(r.shape.slice(0, -1), w.shape)) throw new ShapeError(`${where}: expected [..,n,n] and [..,n], got ${formatAval(r)} and ${formatAval(w)}.`);
  const [, factor] = primitives.qr(concatenate([r, row(w)], r.ndim - 2));
  const diagonal = reduceSum(select(onDiagonal(r.shape[r.ndim - 1]), factor, new Scalar(0, factor.dtype, false)), [r.ndim - 1]);
  return select(lt(column(diagonal), 0), neg(factor), factor);
}

/**
 * x with A·x = b [.., m, k] for the tridiagonal A of `dl` (its first element is not read), `d` and `du` (its last one),
 * each [.., m]. Elimination with exchanges of neighbouring rows, as LAPACK's gtsv.
 */
export function tridiagonalSolve(dl: Operand, d: Operand, du: Operand, b: Operand): NDArray {
  const where = 'lax.linalg.tridiagonalSolve';
  const [lower, middle, upper, right] = [dl, d, du, b].map((x) => asArray(x, where));
  const bands = [lower, middle, upper];
  if (right.ndim < 2 || bands.some((x) => !dims.equalShapes(x.shape, right.shape.slice(0, -1)))) {
    throw new ShapeError(`${where}: expected three bands [..,m] and right-hand sides [..,m,k], got ${[...bands, right].map(formatAval).join(', ')}.`);
  }
  const m = middle.shape[middle.ndim - 1];
  const axis = middle.ndim - 1;
  const rows = (x: NDArray) => moveAxis(x, axis, 0);
  const cut = (x: NDArray, from: number, to: number) => slice(x, x.shape.map((_, i) => (i === 0 ? from : 0)), x.shape.map((n, i) => (i === 0 ? to : n)));
  const at = (x: NDArray, i: number) => reshape(cut(x, i, i + 1), x.shape.slice(1));
  const zero = new Scalar(0, right.dtype, false);
  const none = expandTo(zero, middle.shape.slice(0, -1));
  const [l, c, u, y] = [lower, middle, upper, right].map(rows);
  const last = expandTo(reshape(iota('int32', [m]), [m, ...none.shape.map(() => 1)]), u.shape);
  const above = select(lt(last, m - 1), u, zero);
  // The row that eliminates goes out as [diagonal, two above it, right sides]; the other one is eliminated next.
  const down = (pivot: NDArray[], next: NDArray[]): [NDArray[], NDArray[]] => {
    const [p, q, s] = pivot;
    const [nl, nd, nu, ny] = next;
    const keep = ge(abs(p), abs(nl));
    const factor = select(keep, div(nl, select(keep, p, 1)), div(p, select(keep, 1, nl)));
    const [first, second, third, sides] = [select(keep, p, nl), select(keep, q, nd), select(keep, zero, nu), select(column(keep), s, ny)];
    const [od, ou, os] = [select(keep, nd, q), select(keep, nu, zero), select(column(keep), ny, s)];
    return [[sub(od, mul(factor, second)), sub(ou, mul(factor, third)), sub(os, mul(column(factor), sides))], [first, second, third, sides]];
  };
  const [end, above2] = m > 1 ? scan(down, [at(c, 0), at(above, 0), at(y, 0)], [l, c, above, y].map((x) => cut(x, 1, m))) as [NDArray[], NDArray[]] : [[at(c, 0), none, at(y, 0)], []];
  const bottom = div(end[2], column(end[0]));
  if (m === 1) return reshape(bottom, right.shape);
  const up = ([x1, x2]: NDArray[], [p, q, s, side]: NDArray[]): [NDArray[], NDArray] => {
    const x = div(sub(sub(side, mul(column(q), x1)), mul(column(s), x2)), column(p));
    return [[x, x1], x];
  };
  const solved = scan(up, [bottom, expandTo(zero, bottom.shape)], above2, { reverse: true })[1] as NDArray;
  return moveAxis(concatenate([solved, reshape(bottom, [1, ...bottom.shape])], 0), 0, axis);
}
