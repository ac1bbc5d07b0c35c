/** `jax.scipy.linalg`: matrices of given structure, of vectors or batches of vectors. */
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { formatAval, type NDArray } from '../array.js';
import { broadcastShapes } from '../dims.js';
import { checkDType, type DType } from '../dtypes.js';
import { array } from '../numpy/creation.js';
import { inexact, promoteOperands } from '../numpy/promotion.js';
import { abs, div, neg, sub } from '../primitives/arithmetic.js';
import { gather } from '../primitives/indexing.js';
import { column, row } from '../primitives/linalg/index.js';
import { type Operand } from '../primitives/primitive.js';
import { concatenate, expandTo, pad, reshape, slice } from '../primitives/shape.js';

type Entry = (i: number, j: number) => number;
const table = <T extends Int32Array | Float64Array>(rows: number, columns: number, of: new (length: number) => T, entry: Entry): T => {
  const out = new of(rows * columns);
  for (let k = 0; k < out.length; k++) out[k] = entry(Math.floor(k / columns), k % columns);
  return out;
};
/** The matrix whose entry (i, j) is the element `at(i, j)` of the last axis; 0 where that is none. */
function placed(x: NDArray, rows: number, columns: number, at: Entry): NDArray {
  const n = x.shape[x.ndim - 1];
  const inside: Entry = (i, j) => { const k = at(i, j); return k >= 0 && k < n ? k : n; };
  return gather(pad(x, 0, x.shape.map((_, axis) => [0, axis === x.ndim - 1 ? 1 : 0, 0])), reshape(array(table(rows, columns, Int32Array, inside)), [rows, columns]), x.ndim - 1);
}
const atLeast1d = (x: NDArray): NDArray => (x.ndim === 0 ? reshape(x, [1]) : x);
const length = (x: NDArray): number => x.shape[x.ndim - 1];
function vector(where: string, x: NDArray, least = 1): NDArray {
  const y = atLeast1d(x);
  if (length(y) < least) throw new ShapeError(`scipy.linalg.${where}: expected at least ${least} element${least > 1 ? 's' : ''} along the last axis, got ${formatAval(x)}.`);
  return y;
}
/** Vectors behind each other along the last axis, their leading axes broadcast. */
function behind(where: string, ...xs: NDArray[]): NDArray {
  const lead = broadcastShapes(`scipy.linalg.${where}`, ...xs.map((x) => x.shape.slice(0, -1)));
  return concatenate(xs.map((x) => expandTo(x, [...lead, length(x)])), lead.length);
}
const rest = (x: NDArray): NDArray => slice(x, x.shape.map((_, i) => (i === x.ndim - 1 ? 1 : 0)), x.shape);
const first = (x: NDArray): NDArray => slice(x, x.shape.map(() => 0), x.shape.map((d, i) => (i === x.ndim - 1 ? 1 : d)));

/** Constant diagonals: `c` is the first column and `r`, by default the same, the first row, whose first element is not read. */
export function toeplitz(c: Operand, r: Operand = c): NDArray {
  const [x, y] = promoteOperands('scipy.linalg.toeplitz', c, r).map(atLeast1d);
  const [n, m] = [length(x), length(y)];
  return placed(behind('toeplitz', x, y), n, m, (i, j) => (i >= j ? i - j : n + j - i));
}
/** Constant antidiagonals: `c` is the first column and `r`, by default zeros, the last row, whose first element is not read. */
export function hankel(c: Operand, r?: Operand): NDArray {
  const [x, y] = promoteOperands('scipy.linalg.hankel', c, r ?? c).map(atLeast1d);
  const [n, m] = [length(x), length(y)];
  return r === undefined ? placed(x, n, n, (i, j) => i + j) : placed(behind('hankel', x, y), n, m, (i, j) => (i + j < n ? i + j : i + j + 1));
}
/** Columns that are `c`, each moved down by one more, around the end. */
export function circulant(c: Operand): NDArray {
  const x = vector('circulant', promoteOperands('scipy.linalg.circulant', c)[0]);
  const n = length(x);
  return placed(x, n, n, (i, j) => (i - j + n) % n);
}
/** |aᵢ - aⱼ|. */
export function fiedler(a: Operand): NDArray {
  const x = atLeast1d(promoteOperands('scipy.linalg.fiedler', a)[0]);
  return abs(sub(column(x), row(x)));
}
/** -a[k]/a[0] for k = 1…, and then 1. */
const monic = (x: NDArray): NDArray => pad(neg(div(rest(x), first(x))), 1, x.shape.map((_, i) => [0, i === x.ndim - 1 ? 1 : 0, 0]));
/** The companion matrix of a polynomial, coefficients from the highest: its eigenvalues are the roots. */
export function companion(a: Operand): NDArray {
  const x = vector('companion', inexact('scipy.linalg.companion', a)[0], 2);
  const n = length(x) - 1;
  return placed(monic(x), n, n, (i, j) => (i === 0 ? j : i === j + 1 ? n : -1));
}
/** The companion matrix with five diagonals. */
export function fiedlerCompanion(a: Operand): NDArray {
  const x = vector('fiedlerCompanion', inexact('scipy.linalg.fiedlerCompanion', a)[0]);
  const n = length(x) - 1;
  return placed(monic(x), n, n, (i, j) => {
    if (j === 0) return i === 0 ? 0 : i === 1 ? n : -1;
    if (j % 2 === 1) return i === j - 1 || i === j + 1 ? i === j - 1 ? j : j + 1 : i === j + 2 ? n : -1;
    return i === j - 2 ? n : -1;
  });
}
/** Fecundities `f` as the first row, survival rates `s` below the diagonal. */
export function leslie(f: Operand, s: Operand): NDArray {
  const given = promoteOperands('scipy.linalg.leslie', f, s);
  const [x, y] = [vector('leslie', given[0], 2), atLeast1d(given[1])];
  const n = length(x);
  if (length(y) !== n - 1) throw new ShapeError(`scipy.linalg.leslie: expected one survival rate less than fecundities, got ${formatAval(x)} and ${formatAval(y)}.`);
  return placed(behind('leslie', x, y), n, n, (i, j) => (i === 0 ? j : i === j + 1 ? n + j : -1));
}
/** The matrix that convolves `a` with a vector of `n` elements, in `jnp.convolve`'s modes. */
export function convolutionMatrix(a: Operand, n: number, options?: { mode?: 'full' | 'valid' | 'same' }): NDArray {
  const { mode = 'full' } = checkOptions('scipy.linalg.convolutionMatrix', options, ['mode']);
  const size = order('convolutionMatrix', n);
  const x = vector('convolutionMatrix', promoteOperands('scipy.linalg.convolutionMatrix', a)[0]);
  if (!['full', 'valid', 'same'].includes(mode)) throw new ValueError(`scipy.linalg.convolutionMatrix: mode must be full, valid or same, got ${String(mode)}.`);
  const overlap = Math.min(size, length(x)) - 1;
  const [top, cut] = mode === 'full' ? [0, 0] : mode === 'valid' ? [overlap, 2 * overlap] : [Math.floor(overlap / 2), overlap];
  return placed(x, length(x) + size - 1 - cut, size, (i, j) => i + top - j);
}

const order = (where: string, n: number): number => {
  if (!Number.isInteger(n) || n < 1) throw new ValueError(`scipy.linalg.${where}: n must be a whole number of at least 1, got ${String(n)}.`);
  return n;
};
/** A matrix of numbers that are known now, float32. */
const known = (rows: number, columns: number, entry: Entry, dtype: DType = 'float32'): NDArray => reshape(array(table(rows, columns, Float64Array, entry), { dtype }), [rows, columns]);
const ones = (k: number): number => (k === 0 ? 0 : (k & 1) + ones(k >>> 1));
const choose = (n: number, k: number): number => { let out = 1; for (let i = 1; i <= k; i++) out = Math.round((out * (n - k + i)) / i); return k > n || k < 0 ? 0 : out; };

/** Orthogonal rows of 1 and -1; n is a power of 2. */
export function hadamard(n: number, options?: { dtype?: DType }): NDArray {
  const { dtype = 'int32' } = checkOptions('scipy.linalg.hadamard', options, ['dtype']);
  if (!Number.isInteger(Math.log2(order('hadamard', n)))) throw new ValueError(`scipy.linalg.hadamard: n must be a power of 2, got ${n}.`);
  return known(n, n, (i, j) => 1 - 2 * (ones(i & j) % 2), checkDType(dtype, 'scipy.linalg.hadamard'));
}
/** Orthonormal contrasts, one row less than columns; with `full` behind a row of 1/√n. */
export function helmert(n: number, options?: { full?: boolean }): NDArray {
  const { full = false } = checkOptions('scipy.linalg.helmert', options, ['full']);
  const before = full ? 0 : 1;
  return known(order('helmert', n) - before, n, (i, j) => {
    const k = i + before;
    return k === 0 ? 1 / Math.sqrt(n) : j < k ? 1 / Math.sqrt(k * (k + 1)) : j === k ? -k / Math.sqrt(k * (k + 1)) : 0;
  });
}
/** 1/(i + j + 1). */
export const hilbert = (n: number): NDArray => known(order('hilbert', n), n, (i, j) => 1 / (i + j + 1));
/** The inverse of `hilbert`: whole numbers. */
export const invhilbert = (n: number): NDArray =>
  known(order('invhilbert', n), n, (i, j) => (-1) ** (i + j) * (i + j + 1) * choose(n + i, n - j - 1) * choose(n + j, n - i - 1) * choose(i + j, i) ** 2);

type Pascal = { kind?: 'symmetric' | 'lower' | 'upper' | null };
function ofKind(where: string, options: Pascal | undefined, n: number, lower: Entry, symmetric: Entry): NDArray {
  const kind = checkOptions(`scipy.linalg.${where}`, options, ['kind']).kind ?? 'symmetric';
  if (!['symmetric', 'lower', 'upper'].includes(kind)) throw new ValueError(`scipy.linalg.${where}: kind must be symmetric, lower or upper, got ${String(kind)}.`);
  return known(order(where, n), n, kind === 'symmetric' ? symmetric : kind === 'lower' ? lower : (i, j) => lower(j, i));
}
/** Binomial coefficients: i over j below the diagonal, their product with the transpose, or the transpose. */
export const pascal = (n: number, options?: Pascal): NDArray => ofKind('pascal', options, n, choose, (i, j) => choose(i + j, i));
/** The inverses of `pascal`. */
export function invpascal(n: number, options?: Pascal): NDArray {
  const lower: Entry = (i, j) => (j > i ? 0 : (-1) ** (i - j) * choose(i, j));
  return ofKind('invpascal', options, n, lower, (i, j) => [...globalThis.Array(n).keys()].reduce((sum, k) => sum + lower(k, i) * lower(k, j), 0));
}
