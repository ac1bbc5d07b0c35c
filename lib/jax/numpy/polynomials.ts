/** Polynomials as vectors of coefficients, the highest power first. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError } from '../../runtime/errors.js';
import { NDArray, Scalar } from '../array.js';
import { formatShape } from '../dims.js';
import * as lax from '../primitives/arithmetic.js';
import { sqrt } from '../primitives/functions.js';
import { iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo, pad, reshape, reverse, slice, transpose } from '../primitives/shape.js';
import { array } from './creation.js';
import { convolve } from './contractions.js';
import { concatenate } from './joining.js';
import { inv, lstsq } from './linalg/index.js';
import { matmul, outer } from './products.js';
import { inexact, promoteOperands } from './promotion.js';
import { sum } from './reductions.js';
import { cumprod } from './running.js';
import { finfo } from './types.js';
import { trimZeros } from './updates.js';

const vector = (where: string, p: Operand): NDArray => {
  const y = asArray(p, where);
  const line = y.ndim === 0 ? reshape(y, [1]) : y;
  if (line.ndim !== 1) throw new ShapeError(`${where}: coefficients are a vector, got shape ${formatShape(line.shape)}.`);
  return line;
};
const element = (x: NDArray, i: number): NDArray => reshape(slice(x, [i, ...x.shape.slice(1).map(() => 0)], [i + 1, ...x.shape.slice(1)]), x.shape.slice(1));

/** The polynomial's values at x, by Horner's rule. */
export function polyval(p: Operand, x: Operand, options?: { unroll?: number }): NDArray {
  checkOptions('jnp.polyval', options, ['unroll']);
  const [c, at] = promoteOperands('jnp.polyval', vector('jnp.polyval', p), x);
  let out: NDArray = expandTo(new Scalar(0, at.dtype, false), at.shape);
  for (let i = 0; i < c.shape[0]; i++) out = lax.add(lax.mul(out, at), element(c, i));
  return out;
}
/** [x^(n-1), …, x, 1] in the columns, or the other way round. */
export function vander(x: Operand, options?: { n?: number | null; increasing?: boolean }): NDArray {
  const { n = null, increasing = false } = checkOptions('jnp.vander', options, ['n', 'increasing']);
  const y = asArray(x, 'jnp.vander');
  if (y.ndim !== 1) throw new ShapeError(`jnp.vander: expected a vector, got shape ${formatShape(y.shape)}.`);
  const size = y.shape[0];
  const columns = n ?? size;
  if (!Number.isInteger(columns) || columns < 0) throw new ShapeError(`jnp.vander: expected a whole number of columns, got ${String(n)}.`);
  if (columns === 0) return slice(reshape(y, [size, 1]), [0, 0], [size, 0]);
  const ones = expandTo(new Scalar(1, y.dtype, false), [size, 1]);
  const powers = columns === 1 ? ones : concatenate([ones, cumprod(expandTo(reshape(y, [size, 1]), [size, columns - 1]), { axis: 1 })], { axis: 1 });
  return increasing ? powers : reverse(powers, [1]);
}
const wider = (x: NDArray, n: number): NDArray => pad(x, 0, [[n - x.shape[0], 0, 0]]);
const combined = (name: string, f: (x: NDArray, y: NDArray) => NDArray) => (x: Operand, y: Operand): NDArray => {
  const [a, b] = promoteOperands(`jnp.${name}`, vector(`jnp.${name}`, x), vector(`jnp.${name}`, y));
  const n = Math.max(a.shape[0], b.shape[0]);
  return f(wider(a, n), wider(b, n));
};
export const polyadd = combined('polyadd', lax.add);
export const polysub = combined('polysub', lax.sub);
interface TrimOption { trimLeadingZeros?: boolean }
/** The product of two polynomials. */
export function polymul(x: Operand, y: Operand, options?: TrimOption): NDArray {
  const { trimLeadingZeros = false } = checkOptions('jnp.polymul', options, ['trimLeadingZeros']);
  let [a, b] = inexact('jnp.polymul', vector('jnp.polymul', x), vector('jnp.polymul', y));
  if (trimLeadingZeros) [a, b] = [a, b].map(leading);
  return convolve(a, b);
}
const leading = (x: NDArray): NDArray => { const t = trimZeros(x, { trim: 'f' }); return t.size === 0 ? expandTo(new Scalar(0, x.dtype, false), [1]) : t; };
/** [quotient, rest] of two polynomials. */
export function polydiv(u: Operand, v: Operand, options?: TrimOption): [NDArray, NDArray] {
  const { trimLeadingZeros = false } = checkOptions('jnp.polydiv', options, ['trimLeadingZeros']);
  const [a, b] = inexact('jnp.polydiv', vector('jnp.polydiv', u), vector('jnp.polydiv', v));
  const [m, n] = [a.shape[0] - 1, b.shape[0] - 1];
  let rest = a;
  const quotient: NDArray[] = [];
  for (let k = 0; k <= m - n; k++) {
    const d = lax.div(element(rest, k), element(b, 0));
    quotient.push(reshape(d, [1]));
    rest = lax.sub(rest, pad(lax.mul(b, d), 0, [[k, m - n - k, 0]]));
  }
  const q = quotient.length ? concatenate(quotient) : expandTo(new Scalar(0, a.dtype, false), [1]);
  return [q, trimLeadingZeros ? leading(rest) : rest];
}
/** The m-th derivative. */
export function polyder(p: Operand, options?: { m?: number }): NDArray {
  const { m = 1 } = checkOptions('jnp.polyder', options, ['m']);
  if (!Number.isInteger(m) || m < 0) throw new ShapeError(`jnp.polyder: m must be a whole number from 0, got ${String(m)}.`);
  let [c] = inexact('jnp.polyder', vector('jnp.polyder', p));
  for (let k = 0; k < m && c.shape[0] > 0; k++) {
    const n = c.shape[0];
    c = n <= 1 ? slice(c, [0], [0]) : lax.mul(slice(c, [0], [n - 1]), lax.sub(n - 1, iota(c.dtype, [n - 1])));
  }
  return c;
}
/** The m-th antiderivative, with constants `k` of integration. */
export function polyint(p: Operand, options?: { m?: number; k?: Operand | readonly number[] | null }): NDArray {
  const { m = 1, k = null } = checkOptions('jnp.polyint', options, ['m', 'k']);
  if (!Number.isInteger(m) || m < 0) throw new ShapeError(`jnp.polyint: m must be a whole number from 0, got ${String(m)}.`);
  let [c] = inexact('jnp.polyint', vector('jnp.polyint', p));
  const given = k === null ? array([0]) : vector('jnp.polyint', globalThis.Array.isArray(k) ? array(k as number[]) : k as Operand);
  const constants = given.shape[0] === 1 ? expandTo(given, [m]) : given;
  if (constants.shape[0] !== m) throw new ShapeError(`jnp.polyint: ${constants.shape[0]} constants do not fit ${m} integrations.`);
  for (let i = 0; i < m; i++) {
    const n = c.shape[0];
    c = concatenate([lax.div(c, lax.sub(n, iota(c.dtype, [n]))), slice(constants, [i], [i + 1])]);
  }
  return c;
}
/** The polynomial with these roots. (That of a matrix is not here: its roots may be complex.) */
export function poly(roots: Operand): NDArray {
  const [r] = inexact('jnp.poly', vector('jnp.poly', roots));
  return [...globalThis.Array(r.shape[0]).keys()].reduce<NDArray>(
    (c, i) => lax.sub(pad(c, 0, [[0, 1, 0]]), lax.mul(pad(c, 0, [[1, 0, 0]]), element(r, i))), expandTo(new Scalar(1, r.dtype, false), [1]));
}

export interface PolyfitOptions { rcond?: number | null; w?: Operand | null }
interface Fit { coefficients: NDArray; residuals: NDArray; rank: NDArray; singular: NDArray; rcond: number; scale: NDArray; matrix: NDArray }
/**
 * The polynomial of degree `deg` nearest to the points (x, y), y one vector or several as columns, with weights w.
 * `full`: [coefficients, residuals, rank, singular values, rcond]; `cov`: [coefficients, their covariance].
 */
export function polyfit(x: Operand, y: Operand, deg: number, options: PolyfitOptions & ({ full: true } | { cov: true | 'unscaled' })): (NDArray | number)[];
export function polyfit(x: Operand, y: Operand, deg: number, options?: PolyfitOptions): NDArray;
export function polyfit(x: Operand, y: Operand, deg: number, options?: PolyfitOptions & { full?: boolean; cov?: boolean | 'unscaled' }): NDArray | (NDArray | number)[] {
  const { rcond, full = false, w = null, cov = false } = checkOptions('jnp.polyfit', options, ['rcond', 'full', 'w', 'cov']);
  const [a, b] = inexact('jnp.polyfit', x, y);
  const order = deg + 1;
  if (!Number.isInteger(deg) || deg < 0) throw new ShapeError(`jnp.polyfit: deg must be a whole number from 0, got ${String(deg)}.`);
  if (a.ndim !== 1 || a.size === 0 || b.ndim < 1 || b.ndim > 2 || a.shape[0] !== b.shape[0]) {
    throw new ShapeError(`jnp.polyfit: expected as many values as points, got ${formatShape(a.shape)} and ${formatShape(b.shape)}.`);
  }
  const f = leastSquares(a, b, order, rcond ?? a.size * finfo(a.dtype).eps, w);
  if (full) return [f.coefficients, f.residuals, f.rank, f.singular, f.rcond];
  if (!cov) return f.coefficients;
  if (cov !== 'unscaled' && a.size <= order) throw new ShapeError(`jnp.polyfit: a covariance needs more than ${order} points, got ${a.size}.`);
  const base = lax.div(inv(matmul(transpose(f.matrix, [1, 0]), f.matrix)), outer(f.scale, f.scale));
  const factor = cov === 'unscaled' ? expandTo(new Scalar(1, a.dtype, false), [1]) : lax.div(f.residuals, a.size - order);
  return [f.coefficients, b.ndim === 1 ? lax.mul(base, reshape(factor, [1, factor.size])) : lax.mul(reshape(base, [order, order, 1]), reshape(factor, [1, 1, factor.size]))];
}
/** Scaled columns of powers, so that they are alike in length. */
function leastSquares(a: NDArray, b: NDArray, order: number, rcond: number, w: Operand | null): Fit {
  let [lhs, rhs] = [vander(a, { n: order }), b];
  if (w !== null) {
    const [weights] = inexact('jnp.polyfit', w);
    if (weights.ndim !== 1 || weights.shape[0] !== a.shape[0]) {
      throw new ShapeError(`jnp.polyfit: weights of shape ${formatShape(weights.shape)} do not fit ${a.shape[0]} points.`);
    }
    const column = reshape(weights, [a.shape[0], 1]);
    [lhs, rhs] = [lax.mul(lhs, column), lax.mul(rhs, b.ndim === 2 ? column : weights)];
  }
  const scale = sqrt(sum(lax.mul(lhs, lhs), { axis: 0 }));
  const matrix = lax.div(lhs, scale);
  const [c, residuals, rank, singular] = lstsq(matrix, rhs, { rcond });
  return { coefficients: lax.div(c, c.ndim > 1 ? reshape(scale, [order, 1]) : scale), residuals, rank, singular, rcond, scale, matrix };
}
