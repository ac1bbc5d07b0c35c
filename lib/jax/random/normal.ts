/** The normal distribution and what is made of it. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { Scalar, type NDArray } from '../array.js';
import { broadcastShapes, dims, formatShape, type Shape } from '../dims.js';
import { isHalf, promoteDTypes, toInexact, type DType } from '../dtypes.js';
import { checkShape } from '../numpy/promotion.js';
import * as linalg from '../numpy/linalg/index.js';
import { matmul } from '../numpy/products.js';
import * as lax from '../primitives/arithmetic.js';
import { bitcastConvertType, convertElementType, stopGradient } from '../primitives/convert.js';
import { erf, erfInv, exp, sqrt } from '../primitives/functions.js';
import type { Operand } from '../primitives/primitive.js';
import { checkKey } from '../primitives/random.js';
import { expandTo, moveAxis, reduceSum, reshape } from '../primitives/shape.js';
import { constant, float, nextAfter, parameter, rows, shapeFor, splitKeys, together, uniformFrom, uniformIn, type DTypeOption } from './common.js';
import { sampler } from './continuous.js';
import { rademacher } from './uniform.js';

/** √2·erf⁻¹(u), u uniform in (-1, 1), `shape` for each key. */
export const normalOf = (keys: NDArray, shape: Shape, dtype: DType): NDArray =>
  lax.mul(erfInv(uniformIn(keys, shape, dtype, new Scalar(nextAfter(-1, 0, dtype), dtype, false), constant(1, dtype))), constant(Math.SQRT2, dtype));
/** Standard normal. */
export function normal(k: NDArray, shape: Shape = [], options?: DTypeOption): NDArray {
  const { dtype = 'float32' } = checkOptions('random.normal', options, ['dtype']);
  float('random.normal', dtype);
  checkKey('random.normal', k);
  const to = checkShape('random.normal', shape);
  return together((kk) => normalOf(kk, to, dtype), k);
}

/** Standard normal within (lower, upper), by inversion. */
export function truncatedNormal(k: NDArray, lower: Operand, upper: Operand, shape?: Shape | null, options?: DTypeOption): NDArray {
  const { dtype = 'float32' } = checkOptions('random.truncatedNormal', options, ['dtype']);
  float('random.truncatedNormal', dtype);
  checkKey('random.truncatedNormal', k);
  const [lo, hi] = [parameter(lower, dtype), parameter(upper, dtype)];
  const to = shapeFor('random.truncatedNormal', shape, lo, hi);
  const root2 = constant(Math.SQRT2, dtype);
  return together((kk, l, h) => {
    const [a, b] = [l, h].map((x) => erf(lax.div(x, root2)));
    const out = lax.mul(root2, erfInv(uniformIn(kk, to, dtype, a, b)));
    return lax.min(lax.max(out, inside(l, Infinity)), inside(h, -Infinity));
  }, k, lo, hi);
}
/** The bound's neighbour towards the inside. */
function inside(bound: NDArray, towards: number): NDArray {
  if (bound instanceof Scalar) return new Scalar(nextAfter(Number(bound.value), towards, bound.dtype), bound.dtype, false);
  const x = stopGradient(bound);
  if (!isHalf(x.dtype)) return lax.nextafter(x, new Scalar(towards, x.dtype, false));
  // A half float's last bit is this one of the float32 that holds it; near zero steps are of one size.
  const [step, normal, tiny] = x.dtype === 'bfloat16' ? [1 << 16, 2 ** -126, 2 ** -133] : [1 << 13, 2 ** -14, 2 ** -24];
  const wide = convertElementType(x, 'float32');
  const bits = bitcastConvertType(wide, 'int32');
  const up = lax.eq(lax.ge(bits, 0), new Scalar(towards > 0, 'bool', false));
  const next = bitcastConvertType(lax.select(up, lax.add(bits, step), lax.sub(bits, step)), 'float32');
  return convertElementType(lax.select(lax.lt(lax.abs(wide), normal), lax.add(wide, Math.sign(towards) * tiny), next), x.dtype);
}

/** exp(sigma · normal). */
export function lognormal(k: NDArray, shape?: Shape | null, options?: DTypeOption & { sigma?: Operand }): NDArray {
  const { sigma = 1, ...rest } = checkOptions('random.lognormal', options, ['dtype', 'sigma']);
  return sampler('lognormal', k, [sigma], shape, rest, (kk, to, dtype, by) => exp(lax.mul(normalOf(kk, to, dtype), by)));
}
const maxwellOf = (k: NDArray, shape: Shape, dtype: DType): NDArray => sqrt(reduceSum(lax.square(normalOf(k, [...shape, 3], dtype)), [shape.length]));
/** The length of a vector of three normal numbers. */
export function maxwell(k: NDArray, shape: Shape = [], options?: DTypeOption): NDArray {
  const { dtype = 'float32' } = checkOptions('random.maxwell', options, ['dtype']);
  float('random.maxwell', dtype);
  checkKey('random.maxwell', k);
  const to = checkShape('random.maxwell', shape);
  return together((kk) => maxwellOf(kk, to, dtype), k);
}
/** Maxwell's distribution with a random sign, scaled and moved. As in JAX the parameters' shape comes behind `shape`. */
export function doubleSidedMaxwell(k: NDArray, loc: Operand, scale: Operand, shape: Shape = [], options?: DTypeOption): NDArray {
  const { dtype = 'float32' } = checkOptions('random.doubleSidedMaxwell', options, ['dtype']);
  float('random.doubleSidedMaxwell', dtype);
  checkKey('random.doubleSidedMaxwell', k);
  const [l, s] = [parameter(loc, dtype), parameter(scale, dtype)];
  const own = broadcastShapes('random.doubleSidedMaxwell', l.shape, s.shape);
  const given = checkShape('random.doubleSidedMaxwell', shape);
  const to = [...(given.length ? given : own), ...own];
  return together((kk, at, by) => {
    const [length, sign] = rows(splitKeys(kk, 2));
    return lax.add(lax.mul(lax.mul(rademacher(sign, to, { dtype }), maxwellOf(length, to, dtype)), by), at);
  }, k, l, s);
}
/** Wald's (inverse Gaussian) distribution with a mean, by the transformation of Michael, Schucany and Haas. */
export const wald = (k: NDArray, mean: Operand, shape?: Shape | null, options?: DTypeOption): NDArray =>
  sampler('wald', k, [mean], shape, options, (kk, to, dtype, m) => {
    const [first, second] = rows(splitKeys(kk, 2));
    const [y, z] = [lax.square(normalOf(first, to, dtype)), uniformFrom(second, to, dtype)];
    const squares = lax.square(m);
    const root = sqrt(lax.add(lax.mul(lax.mul(4, m), y), lax.mul(squares, lax.square(y))));
    const x = lax.sub(lax.add(m, lax.div(lax.mul(squares, y), 2)), lax.mul(lax.div(m, 2), root));
    return lax.select(lax.le(z, lax.div(m, lax.add(m, x))), x, lax.div(squares, x));
  });

export interface MultivariateNormalOptions { dtype?: DType; method?: 'cholesky' | 'eigh' | 'svd' }
/** Normal vectors of mean[…, n] and covariance[…, n, n]: `shape` of them, by default as many as the parameters' leading axes say. */
export function multivariateNormal(k: NDArray, mean: NDArray, cov: NDArray, shape?: Shape | null, options?: MultivariateNormalOptions): NDArray {
  const where = 'random.multivariateNormal';
  const { dtype = toInexact(promoteDTypes(mean.dtype, cov.dtype)), method = 'cholesky' } = checkOptions(where, options, ['dtype', 'method']);
  float(where, dtype);
  checkKey(where, k);
  if (method !== 'cholesky' && method !== 'eigh' && method !== 'svd') throw new ValueError(`${where}: unknown method '${String(method)}'; expected 'cholesky', 'eigh' or 'svd'.`);
  const n = mean.shape[mean.ndim - 1];
  if (mean.ndim < 1 || cov.ndim < 2 || !dims.equalShapes(cov.shape.slice(-2), [n, n]))
    throw new ShapeError(`${where}: expected a mean [...,n] and a covariance [...,n,n], got ${formatShape(mean.shape)} and ${formatShape(cov.shape)}.`);
  const to = shapeFor(where, shape, mean.shape.slice(0, -1), cov.shape.slice(0, -2));
  return together((kk, m, c) => {
    const scaled = (vectors: NDArray, squares: NDArray) => lax.mul(vectors, reshape(sqrt(squares), [...squares.shape.slice(0, -1), 1, n]));
    const factor = (): NDArray => {
      if (method === 'cholesky') return linalg.cholesky(c);
      if (method === 'eigh') { const [values, vectors] = linalg.eigh(c); return scaled(vectors, values); }
      const [u, s] = linalg.svd(c);
      return scaled(u, s);
    };
    const samples = normalOf(kk, [...to, n], dtype);
    return lax.add(m, reshape(matmul(factor(), reshape(samples, [...to, n, 1])), [...to, n]));
  }, k, convertElementType(mean, dtype), convertElementType(cov, dtype));
}

/** Matrices with orthonormal columns [...shape, n, m] (rows where n < m), uniform by Haar's measure; m is n by default. */
export function orthogonal(k: NDArray, n: number, shape: Shape = [], options?: DTypeOption & { m?: number | null }): NDArray {
  const { dtype = 'float32', m: given = null } = checkOptions('random.orthogonal', options, ['dtype', 'm']);
  float('random.orthogonal', dtype);
  checkKey('random.orthogonal', k);
  const to = checkShape('random.orthogonal', shape);
  const m = given ?? n;
  checkShape('random.orthogonal', [n, m]);
  return together((kk) => {
    const [q, r] = linalg.qr(normalOf(kk, [...to, Math.max(n, m), Math.min(n, m)], dtype));
    const signs = lax.sign(linalg.diagonal(r));
    const x = lax.mul(q, expandTo(reshape(signs, [...to, 1, Math.min(n, m)]), q.shape));
    return n < m ? moveAxis(x, x.ndim - 1, x.ndim - 2) : x;
  }, k);
}
