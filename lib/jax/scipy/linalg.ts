/** `jax.scipy.linalg`. */
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Scalar, formatAval, isArray, type NDArray } from '../array.js';
import { customJvp } from '../custom.js';
import { dims } from '../dims.js';
import { add, ceil, div, eq, gt, lt, max, mul, neg, pow, select, sub } from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { log } from '../primitives/functions.js';
import { iota } from '../primitives/indexing.js';
import * as primitives from '../primitives/linalg/index.js';
import type { Operand } from '../primitives/primitive.js';
import { concatenate, pad, reshape, slice } from '../primitives/shape.js';
import * as numpy from '../numpy/linalg/index.js';
import { inexact, matrices, squares, withRightSides } from '../numpy/linalg/common.js';
import { promoteOperands } from '../numpy/promotion.js';

export { det, inv } from '../numpy/linalg/solving.js';
export * from './structured.js';
export * from './factors.js';

const { mT, product, column, identity, lowerPart, upperPart, onDiagonal, eachMatrix } = primitives;

/** The triangular factor of positive definite matrices, upper unless `lower`, of which only that triangle is read. */
export function cholesky(a: Operand, options?: { lower?: boolean }): NDArray {
  const { lower = false } = checkOptions('scipy.linalg.cholesky', options, ['lower']);
  const x = squares('scipy.linalg.cholesky', a);
  return lower ? primitives.cholesky(x) : mT(primitives.cholesky(mT(x)));
}
/** What `choSolve` takes: the Cholesky factor, and whether it is the lower one. */
export function choFactor(a: Operand, options?: { lower?: boolean }): [NDArray, boolean] {
  const { lower = false } = checkOptions('scipy.linalg.choFactor', options, ['lower']);
  return [cholesky(a, { lower }), lower];
}

/**
 * As `withRightSides`, and a b with one axis less than `a` whose last size fits is a batch of vectors.
 */
function solving(where: string, a: Operand, b: Operand, f: (a: NDArray, b: NDArray) => NDArray): NDArray {
  const [p, q] = inexact(where, a, b);
  squares(where, p);
  const vectors = q.ndim > 1 && p.ndim === q.ndim + 1 && dims.equal(p.shape[p.ndim - 1], q.shape[q.ndim - 1]);
  const out = withRightSides(where, p, vectors ? column(q) : q, f);
  return vectors ? reshape(out, out.shape.slice(0, -1)) : out;
}
const triangular = (lower: boolean, transposed: boolean, unit = false) => (a: NDArray, b: NDArray): NDArray => primitives.triangularSolve(a, b, { lower, transposed, unit });

/** x with a·x = b, from `choFactor(a)`. */
export function choSolve(cAndLower: readonly [Operand, boolean], b: Operand): NDArray {
  if (!Array.isArray(cAndLower) || cAndLower.length !== 2) throw new ValueError('scipy.linalg.choSolve: expected [factor, lower] as choFactor gives it.');
  const [c, lower] = cAndLower as [Operand, boolean];
  return solving('scipy.linalg.choSolve', c, b, (p, q) => triangular(lower, lower)(p, triangular(lower, !lower)(p, q)));
}
export interface SolveTriangularOptions { trans?: 0 | 1 | 2 | 'N' | 'T' | 'C'; lower?: boolean; unitDiagonal?: boolean }
/** x with a·x = b (or aᵀ·x = b, `trans`) for triangular a, upper unless `lower`. */
export function solveTriangular(a: Operand, b: Operand, options?: SolveTriangularOptions): NDArray {
  const { trans = 0, lower = false, unitDiagonal = false } = checkOptions('scipy.linalg.solveTriangular', options, ['trans', 'lower', 'unitDiagonal']);
  if (![0, 1, 2, 'N', 'T', 'C'].includes(trans)) throw new ValueError(`scipy.linalg.solveTriangular: trans must be 0, 1, 2, 'N', 'T' or 'C', got ${String(trans)}.`);
  return solving('scipy.linalg.solveTriangular', a, b, triangular(lower, trans !== 0 && trans !== 'N', unitDiagonal));
}
/** x with a·x = b for positive definite a. The gradient is that of the solution of a·x = b, and so one of all of a, not of a triangle. */
const solveDefinite = (lower: boolean) => {
  const plain = (a: NDArray, b: NDArray): NDArray => {
    const c = lower ? primitives.cholesky(a) : mT(primitives.cholesky(mT(a)));
    return triangular(lower, lower)(c, triangular(lower, !lower)(c, b));
  };
  const solve = customJvp(plain);
  solve.defjvp(([a, b], [da, db]) => { const x = solve(a, b); return [x, plain(a, sub(db, product(da, x)))]; });
  return solve;
};
const [definiteUpper, definiteLower] = [solveDefinite(false), solveDefinite(true)];
/** x with a·x = b. `assumeA: 'pos'`: a is positive definite, and of it only the triangle that `lower` names is read. */
export function solve(a: Operand, b: Operand, options?: { lower?: boolean; assumeA?: 'gen' | 'sym' | 'her' | 'pos' }): NDArray {
  const { lower = false, assumeA = 'gen' } = checkOptions('scipy.linalg.solve', options, ['lower', 'assumeA']);
  if (!['gen', 'sym', 'her', 'pos'].includes(assumeA)) throw new ValueError(`scipy.linalg.solve: assumeA must be gen, sym, her or pos, got ${String(assumeA)}.`);
  return assumeA === 'pos' ? solving('scipy.linalg.solve', a, b, lower ? definiteLower : definiteUpper) : numpy.solve(a, b);
}

/** [p, l, u] with a = p·l·u, or [p·l, u] with `permuteL`. */
export function lu(a: Operand, options: { permuteL: true }): [NDArray, NDArray];
export function lu(a: Operand, options?: { permuteL?: boolean }): [NDArray, NDArray, NDArray];
export function lu(a: Operand, options?: { permuteL?: boolean }): NDArray[] {
  const { permuteL = false } = checkOptions('scipy.linalg.lu', options, ['permuteL']);
  const x = matrices('scipy.linalg.lu', a);
  const [factors, , permutation] = primitives.lu(x);
  const [m, n] = x.shape.slice(-2);
  const k = Math.min(m, n);
  const part = (rows: number, columns: number) => slice(factors, x.shape.map(() => 0), [...x.shape.slice(0, -2), rows, columns]);
  const l = select(onDiagonal(m, k), new Scalar(1, x.dtype, false), lowerPart(part(m, k), true));
  const p = convertElementType(eq(primitives.row(permutation), column(iota('int32', [m]))), x.dtype);
  const u = upperPart(part(k, n));
  return permuteL ? [product(p, l), u] : [p, l, u];
}
/** [lu, pivots] for `luSolve`. */
export function luFactor(a: Operand): [NDArray, NDArray] {
  const [factors, pivots] = primitives.lu(squares('scipy.linalg.luFactor', a));
  return [factors, pivots];
}
/** x with a·x = b, or aᵀ·x = b with `trans` 1 or 2, from `luFactor(a)`. */
export function luSolve(luAndPiv: readonly [Operand, NDArray], b: Operand, options?: { trans?: 0 | 1 | 2 }): NDArray {
  const where = 'scipy.linalg.luSolve';
  const { trans = 0 } = checkOptions(where, options, ['trans']);
  if (trans !== 0 && trans !== 1 && trans !== 2) throw new ValueError(`${where}: trans must be 0, 1 or 2, got ${String(trans)}.`);
  if (!Array.isArray(luAndPiv) || luAndPiv.length !== 2 || !isArray(luAndPiv[1])) throw new ValueError(`${where}: expected [lu, pivots] as luFactor gives it.`);
  const [factors, pivots] = luAndPiv as [Operand, NDArray];
  return solving(where, factors, b, (p, q) => {
    const order = primitives.pivotsToPermutation(pivots, p.shape[p.ndim - 1]);
    const [l, u] = [triangular(true, trans !== 0, true), triangular(false, trans !== 0)];
    if (trans === 0) return u(p, l(p, primitives.permuteRows(q, order)));
    return primitives.permuteRows(l(p, u(p, q)), primitives.inversePermutation(order));
  });
}

/** [w, v] of symmetric matrices: eigenvalues, ascending, and eigenvectors as columns; w alone with `eigvalsOnly`. */
export function eigh(a: Operand, options: { lower?: boolean; eigvalsOnly: true }): NDArray;
export function eigh(a: Operand, options?: { lower?: boolean; eigvalsOnly?: boolean }): [NDArray, NDArray];
export function eigh(a: Operand, options?: { lower?: boolean; eigvalsOnly?: boolean }): NDArray | [NDArray, NDArray] {
  const { lower = true, eigvalsOnly = false } = checkOptions('scipy.linalg.eigh', options, ['lower', 'eigvalsOnly']);
  const UPLO = lower ? 'L' : 'U';
  return eigvalsOnly ? numpy.eigvalsh(a, { UPLO }) : numpy.eigh(a, { UPLO });
}
/** [u, s, vᵀ], s alone without `computeUv`. As `jnp.linalg.svd`. */
export function svd(a: Operand, options: { fullMatrices?: boolean; computeUv: false }): NDArray;
export function svd(a: Operand, options?: { fullMatrices?: boolean; computeUv?: boolean }): [NDArray, NDArray, NDArray];
export function svd(a: Operand, options?: { fullMatrices?: boolean; computeUv?: boolean }): NDArray | [NDArray, NDArray, NDArray] {
  const { fullMatrices = true, computeUv = true } = checkOptions('scipy.linalg.svd', options, ['fullMatrices', 'computeUv']);
  const x = matrices('scipy.linalg.svd', a);
  return computeUv ? primitives.svd(x, fullMatrices) : primitives.svdvals(x);
}
/** [q, r]: q square with mode 'full', in reduced form with 'economic'; [r] with 'r'. */
export function qr(a: Operand, options?: { mode?: 'full' | 'economic' | 'r' }): NDArray[] {
  const { mode = 'full' } = checkOptions('scipy.linalg.qr', options, ['mode']);
  if (!['full', 'economic', 'r'].includes(mode)) throw new ValueError(`scipy.linalg.qr: mode must be full, economic or r, got ${String(mode)}.`);
  const x = matrices('scipy.linalg.qr', a);
  const [q, r] = mode === 'economic' ? primitives.qr(x) : primitives.qrFull(x);
  return mode === 'r' ? [r] : [q, r];
}
/** A matrix with these matrices along its diagonal; scalars are 1×1, vectors single rows. */
export function blockDiag(...arrs: Operand[]): NDArray {
  const blocks = (arrs.length ? promoteOperands('scipy.linalg.blockDiag', ...arrs) : []).map((x) => {
    if (x.ndim > 2) throw new ShapeError(`scipy.linalg.blockDiag: expected matrices, got ${formatAval(x)}.`);
    return reshape(x, x.ndim === 2 ? x.shape : [1, x.size]);
  });
  if (blocks.length === 0) throw new ValueError('scipy.linalg.blockDiag: expected at least one array.');
  const width = blocks.reduce((n, x) => n + x.shape[1], 0);
  let before = 0;
  return concatenate(blocks.map((x) => {
    const from = before;
    before += x.shape[1];
    return pad(x, 0, [[0, 0, 0], [from, width - before, 0]]);
  }), 0);
}

// Coefficients of the diagonal Padé approximants of e^x, and the largest 1-norm up to which they are exact to rounding.
const PADE = {
  float32: { norm: 3.925724783138660, coefficients: [17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1] },
  float64: {
    norm: 5.371920351148152,
    coefficients: [
      64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600, 670442572800, 33522128640,
      1323241920, 40840800, 960960, 16380, 182, 1,
    ],
  },
};
/**
 * e to the power of square matrices, by a Padé approximant of a ½ˢ-fold matrix, squared s times. NaN where more than
 * `maxSquarings` were needed. `upperTriangular` matrices take a cheaper solve.
 */
export function expm(a: Operand, options?: { upperTriangular?: boolean; maxSquarings?: number }): NDArray {
  const { upperTriangular = false, maxSquarings = 16 } = checkOptions('scipy.linalg.expm', options, ['upperTriangular', 'maxSquarings']);
  const given = squares('scipy.linalg.expm', a);
  const x = convertElementType(given, given.dtype === 'float64' ? 'float64' : 'float32');
  const { norm, coefficients } = PADE[x.dtype as 'float32' | 'float64'];
  const size = numpy.norm(x, { ord: 1, axis: [-2, -1] });
  const squarings = max(ceil(div(log(div(size, norm)), Math.LN2)), 0);
  const scaled = div(x, eachMatrix(pow(new Scalar(2, x.dtype), squarings)));
  // p(x) = even + odd and p(-x) = even - odd, by powers of x²; the largest coefficient is divided out.
  const square = product(scaled, scaled);
  const powers = [identity(x, x.shape[x.ndim - 1]), square];
  while (powers.length * 2 < coefficients.length) powers.push(product(powers[powers.length - 1], square));
  const sum = (parity: number) => powers.map((p, i) => mul(p, coefficients[2 * i + parity] / coefficients[0])).reduce((p, q) => add(p, q));
  const [even, odd] = [sum(0), product(scaled, sum(1))];
  const [p, q] = [add(even, odd), add(even, neg(odd))];
  let result = upperTriangular ? triangular(false, false)(q, p) : primitives.solve(q, p);
  for (let i = 0; i < maxSquarings; i++) result = select(eachMatrix(lt(new Scalar(i, x.dtype), squarings)), product(result, result), result);
  return convertElementType(select(eachMatrix(gt(squarings, maxSquarings)), NaN, result), given.dtype);
}
