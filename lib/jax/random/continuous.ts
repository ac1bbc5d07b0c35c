/** Distributions by inversion: one uniform number makes one of theirs. Parameters come before the shape, which is theirs by default. */
import { checkOptions } from '../../runtime/options.js';
import { ValueError } from '../../runtime/errors.js';
import { Scalar, type NDArray } from '../array.js';
import type { DType } from '../dtypes.js';
import type { Shape } from '../dims.js';
import { checkShape } from '../numpy/promotion.js';
import * as lax from '../primitives/arithmetic.js';
import { clz } from '../primitives/bits.js';
import { bitcastConvertType, convertElementType } from '../primitives/convert.js';
import { exp, log, log1p, sqrt, tan } from '../primitives/functions.js';
import type { Operand } from '../primitives/primitive.js';
import { checkKey } from '../primitives/random.js';
import { EPSILON, TINY, float, parameter, shapeFor, together, uniformFrom, words, type DTypeOption } from './common.js';
import { halves } from './uniform.js';

/** A sampler without parameters. */
const standard = (name: string, sample: (k: NDArray, shape: Shape, dtype: DType) => NDArray) => (k: NDArray, shape: Shape = [], options?: DTypeOption): NDArray => {
  const where = `random.${name}`;
  const { dtype = 'float32' } = checkOptions(where, options, ['dtype']);
  float(where, dtype);
  checkKey(where, k);
  const to = checkShape(where, shape);
  return together((kk) => sample(kk, to, dtype), k);
};
/** A sampler whose parameters broadcast with the shape. */
export function sampler(
  name: string, k: NDArray, parameters: readonly Operand[], shape: Shape | null | undefined, options: DTypeOption | undefined,
  sample: (k: NDArray, shape: Shape, dtype: DType, ...parameters: NDArray[]) => NDArray,
): NDArray {
  const where = `random.${name}`;
  const { dtype = 'float32' } = checkOptions(where, options, ['dtype']);
  float(where, dtype);
  checkKey(where, k);
  const given = parameters.map((p) => parameter(p, dtype));
  const to = shapeFor(where, shape, ...given);
  return together((kk, ...ps) => sample(kk, to, dtype, ...ps), k, ...given);
}

export const exponentialOf = (k: NDArray, shape: Shape, dtype: DType): NDArray => lax.neg(log1p(lax.neg(uniformFrom(k, shape, dtype))));
/** Exponential with rate 1: -log(1 - u). */
export const exponential = standard('exponential', exponentialOf);
/** Laplace's distribution around 0 with scale 1. */
export const laplace = standard('laplace', (k, shape, dtype) => {
  const u = uniformFrom(k, shape, dtype, EPSILON[dtype] / 2 - 1);
  return lax.mul(lax.sign(u), log1p(lax.neg(lax.abs(u))));
});
/** The logistic distribution: log(u / (1 - u)). */
export const logistic = standard('logistic', (k, shape, dtype) => { const u = uniformFrom(k, shape, dtype, TINY[dtype]); return lax.sub(log(u), log1p(lax.neg(u))); });
/** Cauchy's distribution: tan(π(u - ½)). */
export const cauchy = standard('cauchy', (k, shape, dtype) => tan(lax.mul(Math.PI, lax.sub(uniformFrom(k, shape, dtype, EPSILON[dtype]), 0.5))));

export type GumbelMode = 'low' | 'high' | 'highest';
/** -log(-log(u)). The other modes spend twice the bits, for a longer upper tail. */
export function gumbelOf(k: NDArray, shape: Shape, dtype: DType, mode: GumbelMode): NDArray {
  const tail = (x: NDArray): NDArray => lax.neg(log(lax.neg(x)));
  if (mode === 'low') return tail(log(uniformFrom(k, shape, dtype, TINY[dtype])));
  if (mode === 'highest' && dtype === 'float32') {
    // 64 random bits as a fraction in (0, ½], mirrored for the upper half.
    const random = words(k, 32, [2, ...shape]);
    const [high, low] = halves(random);
    const below = lax.lt(high, new Scalar(2 ** 31, 'uint32', false));
    const carry = convertElementType(lax.eq(lax.bitwiseNot(low), new Scalar(2 ** 32 - 1, 'uint32', false)), 'uint32');
    const x = fraction(lax.select(below, high, lax.add(lax.bitwiseNot(high), carry)), lax.select(below, low, lax.add(lax.bitwiseNot(low), 1)));
    return lax.select(below, tail(log1p(lax.neg(x))), tail(log(x)));
  }
  const [high, low] = halves(uniformFrom(k, [2, ...shape], dtype));
  const x = lax.select(lax.ge(high, 0.5), high, lax.add(lax.add(high, lax.mul(low, EPSILON[dtype])), TINY[dtype]));
  return tail(log1p(lax.neg(x)));
}
/** (high·2³² + low)·2⁻⁶⁴ as float32, cut off behind its mantissa. */
function fraction(high: NDArray, low: NDArray): NDArray {
  const [zeros, zerosBelow] = [clz(high), clz(low)];
  const empty = lax.eq(zeros, 32);
  const lead = lax.bitwiseOr(lax.shiftLeft(high, zeros), lax.select(empty, lax.shiftLeft(low, zerosBelow), lax.shiftRightLogical(low, lax.sub(32, zeros))));
  const mantissa = lax.bitwiseAnd(lax.shiftRightLogical(lead, 8), 2 ** 23 - 1);
  const exponent = lax.shiftLeft(lax.sub(126, lax.select(empty, lax.add(zerosBelow, 32), zeros)), 23);
  return bitcastConvertType(lax.bitwiseOr(lax.bitwiseAnd(exponent, 2 ** 30 - 2 ** 22), mantissa), 'float32');
}
export function checkGumbelMode(where: string, mode: unknown): GumbelMode {
  if (mode !== 'low' && mode !== 'high' && mode !== 'highest') throw new ValueError(`${where}: unknown mode '${String(mode)}'; expected 'low', 'high' or 'highest'.`);
  return mode;
}
/** Gumbel's distribution around 0 with scale 1. */
export function gumbel(k: NDArray, shape: Shape = [], options?: DTypeOption & { mode?: GumbelMode }): NDArray {
  const { dtype = 'float32', mode = 'low' } = checkOptions('random.gumbel', options, ['dtype', 'mode']);
  float('random.gumbel', dtype);
  checkGumbelMode('random.gumbel', mode);
  checkKey('random.gumbel', k);
  const to = checkShape('random.gumbel', shape);
  return together((kk) => gumbelOf(kk, to, dtype, mode), k);
}

/** Pareto's distribution from 1 on with exponent `b`. */
export const pareto = (k: NDArray, b: Operand, shape?: Shape | null, options?: DTypeOption): NDArray =>
  sampler('pareto', k, [b], shape, options, (kk, to, dtype, by) => exp(lax.div(exponentialOf(kk, to, dtype), by)));
/** Rayleigh's distribution of a scale. */
export const rayleigh = (k: NDArray, scale: Operand, shape?: Shape | null, options?: DTypeOption): NDArray =>
  sampler('rayleigh', k, [scale], shape, options, (kk, to, dtype, by) => lax.mul(by, sqrt(lax.mul(log(uniformFrom(kk, to, dtype)), -2))));
/** Weibull's distribution. */
export const weibullMin = (k: NDArray, scale: Operand, concentration: Operand, shape: Shape = [], options?: DTypeOption): NDArray => {
  const { dtype = 'float32' } = checkOptions('random.weibullMin', options, ['dtype']);
  float('random.weibullMin', dtype);
  checkKey('random.weibullMin', k);
  const to = checkShape('random.weibullMin', shape);
  return together((kk, by, power) => lax.mul(lax.pow(exponentialOf(kk, to, dtype), lax.div(1, power)), by), k, parameter(scale, dtype), parameter(concentration, dtype));
};
/** The triangular distribution between `left` and `right` with its peak at `mode`. */
export const triangular = (k: NDArray, left: Operand, mode: Operand, right: Operand, shape?: Shape | null, options?: DTypeOption): NDArray =>
  sampler('triangular', k, [left, mode, right], shape, options, (kk, to, dtype, l, m, r) => {
    const u = uniformFrom(kk, to, dtype);
    const width = lax.sub(r, l);
    const rising = lax.add(l, sqrt(lax.mul(lax.mul(u, width), lax.sub(m, l))));
    const falling = lax.sub(r, sqrt(lax.mul(lax.mul(lax.sub(1, u), width), lax.sub(r, m))));
    return lax.select(lax.lt(u, lax.div(lax.sub(m, l), width)), rising, falling);
  });
