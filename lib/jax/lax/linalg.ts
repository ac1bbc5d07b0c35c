/** `jax.lax.linalg`: decompositions without promotion. */
import { ShapeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { formatAval, type NDArray } from '../array.js';
import { add, mul } from '../primitives/arithmetic.js';
import * as primitives from '../primitives/linalg/index.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { reshape } from '../primitives/shape.js';

export * from './factors.js';

const { mT, symmetrize } = primitives;

/** The lower triangular l with a = l·lᵀ, of (a + aᵀ)/2 or, without `symmetrizeInput`, of a's lower triangle. */
export function cholesky(x: Operand, options?: { symmetrizeInput?: boolean }): NDArray {
  const { symmetrizeInput = true } = checkOptions('lax.linalg.cholesky', options, ['symmetrizeInput']);
  const a = asArray(x, 'lax.linalg.cholesky');
  return primitives.cholesky(symmetrizeInput ? symmetrize(a) : a);
}
export interface TriangularSolveOptions { leftSide?: boolean; lower?: boolean; transposeA?: boolean; unitDiagonal?: boolean; conjugateA?: boolean }
/**
 * x with op(a)·x = b, or x·op(a) = b without `leftSide`; op is the transpose with `transposeA`. Of a [.., n, n] only the
 * triangle is read, and its diagonal counts as ones with `unitDiagonal`. b may lack its last axis, or the last but one.
 * `conjugateA` changes nothing in real numbers.
 */
export function triangularSolve(a: Operand, b: Operand, options?: TriangularSolveOptions): NDArray {
  const where = 'lax.linalg.triangularSolve';
  const { leftSide = false, lower = false, transposeA = false, unitDiagonal = false } = checkOptions(where, options, ['leftSide', 'lower', 'transposeA', 'unitDiagonal', 'conjugateA']);
  const [p, q] = [asArray(a, where), asArray(b, where)];
  const vectors = q.ndim === p.ndim - 1;
  const rhs = !vectors ? q : leftSide ? primitives.column(q) : primitives.row(q);
  const solve = (y: NDArray, transposed: boolean) => primitives.triangularSolve(p, y, { lower, transposed, unit: unitDiagonal });
  if (rhs.ndim < 2) throw new ShapeError(`${where}: right-hand sides ${formatAval(q)} do not fit ${formatAval(p)}.`);
  const out = leftSide ? solve(rhs, transposeA) : mT(solve(mT(rhs), !transposeA));
  return vectors ? reshape(out, q.shape) : out;
}

/** [q, r], signs as LAPACK's; q is square with `fullMatrices`. */
export function qr(x: Operand, options?: { fullMatrices?: boolean }): [NDArray, NDArray] {
  const { fullMatrices = true } = checkOptions('lax.linalg.qr', options, ['fullMatrices']);
  const a = asArray(x, 'lax.linalg.qr');
  return fullMatrices ? primitives.qrFull(a) : primitives.qr(a);
}
/** [lu, pivots, permutation]: below the diagonal l, on and above it u; step i exchanged rows i and pivots[i], and l·u are the rows of a in the order `permutation`. */
export const lu = (x: Operand): [NDArray, NDArray, NDArray] => primitives.lu(asArray(x, 'lax.linalg.lu'));

/** The order of `permutationSize` rows after step i has exchanged rows i and pivots[i]. int32. */
export const luPivotsToPermutation = (pivots: Operand, permutationSize: number): NDArray =>
  primitives.pivotsToPermutation(asArray(pivots, 'lax.linalg.luPivotsToPermutation'), permutationSize);

export interface EighOptions { lower?: boolean; symmetrizeInput?: boolean }
/** [v, w]: eigenvectors as columns and eigenvalues, ascending, of symmetric matrices. `lower`: the triangle read without `symmetrizeInput`. */
export function eigh(x: Operand, options?: EighOptions): [NDArray, NDArray] {
  const { lower = true, symmetrizeInput = true } = checkOptions('lax.linalg.eigh', options, ['lower', 'symmetrizeInput']);
  const a = asArray(x, 'lax.linalg.eigh');
  const [w, v] = primitives.eigh(symmetrizeInput ? symmetrize(a) : lower || a.ndim < 2 ? a : mT(a));
  return [v, w];
}
export interface SvdOptions { fullMatrices?: boolean; computeUv?: boolean }
/** [u, s, vᵀ] with singular values descending, s alone without `computeUv`. */
export function svd(x: Operand, options: SvdOptions & { computeUv: false }): NDArray;
export function svd(x: Operand, options?: SvdOptions): [NDArray, NDArray, NDArray];
export function svd(x: Operand, options?: SvdOptions): NDArray | [NDArray, NDArray, NDArray] {
  const { fullMatrices = true, computeUv = true } = checkOptions('lax.linalg.svd', options, ['fullMatrices', 'computeUv']);
  const a = asArray(x, 'lax.linalg.svd');
  return computeUv ? primitives.svd(a, fullMatrices) : primitives.svdvals(a);
}
/** alpha·a·aᵀ + beta·c. */
export function symmetricProduct(a: Operand, c: Operand, options?: { alpha?: number; beta?: number; symmetrizeOutput?: boolean }): NDArray {
  const where = 'lax.linalg.symmetricProduct';
  const { alpha = 1, beta = 0, symmetrizeOutput = false } = checkOptions(where, options, ['alpha', 'beta', 'symmetrizeOutput']);
  const [p, q] = [asArray(a, where), asArray(c, where)];
  if (p.ndim < 2 || q.ndim !== p.ndim) throw new ShapeError(`${where}: ${formatAval(p)} and ${formatAval(q)} do not fit; expected [..,n,k] and [..,n,n].`);
  const out = add(mul(primitives.product(p, mT(p)), alpha), mul(q, beta));
  return symmetrizeOutput ? add(primitives.lowerPart(out), mT(primitives.lowerPart(out, true))) : out;
}
