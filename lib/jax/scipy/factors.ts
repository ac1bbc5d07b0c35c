/** `jax.scipy.linalg`: what follows from its decompositions. */
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { formatAval, type NDArray } from '../array.js';
import { broadcastShapes, dims } from '../dims.js';
import { inexact, matrices, squares } from '../numpy/linalg/common.js';
import { mul } from '../primitives/arithmetic.js';
import * as primitives from '../primitives/linalg/index.js';
import type { Operand } from '../primitives/primitive.js';
import { concatenate, expandTo, pad, reshape, slice } from '../primitives/shape.js';
import { expm } from './linalg.js';

const { column, mT, product, row } = primitives;

/** [u, p] with a = u·p, u orthogonal and p symmetric and not negative; a = p·u with side 'left'. */
export function polar(a: Operand, options?: { side?: 'right' | 'left' }): [NDArray, NDArray] {
  const { side = 'right' } = checkOptions('scipy.linalg.polar', options, ['side']);
  if (side !== 'right' && side !== 'left') throw new ValueError(`scipy.linalg.polar: side must be right or left, got ${String(side)}.`);
  const [u, s, v] = primitives.svd(matrices('scipy.linalg.polar', a), false);
  return [product(u, v), side === 'right' ? product(mT(v), mul(column(s), v)) : product(mul(u, row(s)), mT(u))];
}

/** [c·q, r], or [q·c, r] with mode 'left', from a = q·r in reduced form. */
export function qrMultiply(a: Operand, c: Operand, options?: { mode?: 'right' | 'left' }): [NDArray, NDArray] {
  const where = 'scipy.linalg.qrMultiply';
  const { mode = 'right' } = checkOptions(where, options, ['mode']);
  if (mode !== 'right' && mode !== 'left') throw new ValueError(`${where}: mode must be right or left, got ${String(mode)}.`);
  const [x, y] = inexact(where, a, c);
  const [q, r] = primitives.qr(matrices(where, x));
  const [left, one] = [mode === 'left', y.ndim === 1];
  const other = one ? (left ? column(y) : row(y)) : y;
  const fits = other.ndim >= 2 && dims.equal(left ? other.shape[other.ndim - 2] : other.shape[other.ndim - 1], q.shape[left ? q.ndim - 1 : q.ndim - 2]);
  if (!fits) throw new ShapeError(`${where}: ${formatAval(y)} does not fit the orthogonal factor ${formatAval(q)}.`);
  const lead = broadcastShapes(where, q.shape.slice(0, -2), other.shape.slice(0, -2));
  const [p, s] = [q, other].map((z) => expandTo(z, [...lead, ...z.shape.slice(-2)]));
  const out = left ? product(p, s) : product(s, p);
  return [one ? reshape(out, left ? out.shape.slice(0, -1) : [...out.shape.slice(0, -2), out.shape[out.ndim - 1]]) : out, expandTo(r, [...lead, ...r.shape.slice(-2)])];
}

/** [eᴬ, its derivative along E], the derivative alone without `computeExpm`: blocks of the exponential of [[A, E], [0, A]]. */
export function expmFrechet(A: Operand, E: Operand, options: { computeExpm: false }): NDArray;
export function expmFrechet(A: Operand, E: Operand, options?: { computeExpm?: boolean }): [NDArray, NDArray];
export function expmFrechet(A: Operand, E: Operand, options?: { computeExpm?: boolean }): NDArray | [NDArray, NDArray] {
  const where = 'scipy.linalg.expmFrechet';
  const { computeExpm = true } = checkOptions(where, options, ['computeExpm']);
  const [a, e] = inexact(where, A, E).map((x) => squares(where, x));
  if (!dims.equalShapes(a.shape, e.shape)) throw new ShapeError(`${where}: expected two matrices of one shape, got ${formatAval(a)} and ${formatAval(e)}.`);
  const [rank, n] = [a.ndim, a.shape[a.ndim - 1]];
  const below = pad(a, 0, a.shape.map((_, i) => [i === rank - 1 ? n : 0, 0, 0]));
  const both = expm(concatenate([concatenate([a, e], rank - 1), below], rank - 2));
  const block = (j: number) => slice(both, a.shape.map((_, i) => (i === rank - 1 ? j * n : 0)), a.shape.map((size, i) => (i === rank - 1 ? (j + 1) * n : size)));
  return computeExpm ? [block(0), block(1)] : block(1);
}
