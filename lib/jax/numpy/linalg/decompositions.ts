/** Decompositions. */
import { ValueError } from '../../../runtime/errors.js';
import { checkOptions } from '../../../runtime/options.js';
import type { NDArray } from '../../array.js';
import { abs, mul, select, lt } from '../../primitives/arithmetic.js';
import { gatherAlong } from '../../primitives/indexing.js';
import * as primitives from '../../primitives/linalg/index.js';
import type { Operand } from '../../primitives/primitive.js';
import { argsort } from '../reductions.js';
import { expandTo } from '../../primitives/shape.js';
import { matrices, squares } from './common.js';

/** The lower triangular l with a = l·lᵀ, or its transpose with `upper`; NaN where a matrix is not positive definite. */
export function cholesky(x: Operand, options?: { upper?: boolean; symmetrizeInput?: boolean }): NDArray {
  const { upper = false, symmetrizeInput = true } = checkOptions('jnp.linalg.cholesky', options, ['upper', 'symmetrizeInput']);
  const a = squares('jnp.linalg.cholesky', x);
  const l = primitives.cholesky(symmetrizeInput ? primitives.symmetrize(a) : a);
  return upper ? primitives.mT(l) : l;
}

export type QRMode = 'reduced' | 'complete' | 'r' | 'full';
/** [q, r], signs as LAPACK's; q is square with mode 'complete', and 'r' gives r alone. */
export function qr(x: Operand, options: { mode: 'r' }): NDArray;
export function qr(x: Operand, options?: { mode?: QRMode }): [NDArray, NDArray];
export function qr(x: Operand, options?: { mode?: QRMode }): NDArray | [NDArray, NDArray] {
  const { mode = 'reduced' } = checkOptions('jnp.linalg.qr', options, ['mode']);
  if (!['reduced', 'complete', 'r', 'full'].includes(mode)) throw new ValueError(`jnp.linalg.qr: unknown mode '${String(mode)}'; expected reduced, complete or r.`);
  const a = matrices('jnp.linalg.qr', x);
  const out = mode === 'complete' ? primitives.qrFull(a) : primitives.qr(a);
  return mode === 'r' ? out[1] : out;
}

export interface SvdOptions { fullMatrices?: boolean; computeUv?: boolean; hermitian?: boolean }
/**
 * [u, s, vᵀ] with singular values descending, s alone without `computeUv`. u [.., m, m] and vᵀ [.., n, n], or with k =
 * min(m, n) columns and rows without `fullMatrices`. `hermitian`: by the eigenvalues of symmetric matrices.
 */
export function svd(x: Operand, options: SvdOptions & { computeUv: false }): NDArray;
export function svd(x: Operand, options?: SvdOptions): [NDArray, NDArray, NDArray];
export function svd(x: Operand, options?: SvdOptions): NDArray | [NDArray, NDArray, NDArray] {
  const where = 'jnp.linalg.svd';
  const { fullMatrices = true, computeUv = true, hermitian = false } = checkOptions(where, options, ['fullMatrices', 'computeUv', 'hermitian']);
  if (!hermitian) return computeUv ? primitives.svd(matrices(where, x), fullMatrices) : primitives.svdvals(matrices(where, x));
  const [w, v] = primitives.eigh(primitives.symmetrize(squares(where, x)));
  const order = argsort(abs(w), { descending: true });
  const s = gatherAlong(abs(w), order, w.ndim - 1);
  if (!computeUv) return s;
  const u = gatherAlong(v, expandTo(primitives.row(order), v.shape), v.ndim - 1);
  const sign = select(lt(gatherAlong(w, order, w.ndim - 1), 0), -1, 1);
  return [u, s, primitives.mT(mul(u, primitives.row(sign).astype(u.dtype)))];
}
/** Singular values, descending. */
export const svdvals = (x: Operand): NDArray => primitives.svdvals(matrices('jnp.linalg.svdvals', x));

export interface EighOptions { UPLO?: 'L' | 'U' | null; symmetrizeInput?: boolean }
function symmetric(where: string, x: Operand, options?: EighOptions): NDArray {
  const { UPLO = 'L', symmetrizeInput = true } = checkOptions(where, options, ['UPLO', 'symmetrizeInput']);
  if (UPLO !== null && UPLO !== 'L' && UPLO !== 'U') throw new ValueError(`${where}: UPLO must be 'L' or 'U', got ${String(UPLO)}.`);
  const a = squares(where, x);
  return symmetrizeInput ? primitives.symmetrize(a) : UPLO === 'U' ? primitives.mT(a) : a;
}
/** [w, v]: eigenvalues of symmetric matrices, ascending, and eigenvectors as columns. `UPLO`: the triangle that is read without `symmetrizeInput`. */
export const eigh = (x: Operand, options?: EighOptions): [NDArray, NDArray] => primitives.eigh(symmetric('jnp.linalg.eigh', x, options));
/** Eigenvalues of symmetric matrices, ascending. */
export const eigvalsh = (x: Operand, options?: EighOptions): NDArray => primitives.eigvalsh(symmetric('jnp.linalg.eigvalsh', x, options));
