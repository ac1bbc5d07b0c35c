/** `jax.scipy.stats.norm`: the normal distribution with mean `loc` and standard deviation `scale`. */
import type { NDArray } from '../array.js';
import { add, div, mul, neg, square, sub } from '../primitives/arithmetic.js';
import { exp, log } from '../primitives/functions.js';
import type { Operand } from '../primitives/primitive.js';
import { inexact } from '../numpy/promotion.js';
import { logNdtr, ndtr, ndtri } from './gaussian.js';

/** The logarithm of the density. */
export function logpdf(x: Operand, loc: Operand = 0, scale: Operand = 1): NDArray {
  const [a, mean, deviation] = inexact('scipy.stats.norm.logpdf', x, loc, scale);
  const variance = square(deviation);
  return div(neg(add(log(mul(2 * Math.PI, variance)), div(square(sub(a, mean)), variance))), 2);
}
/** The density. */
export const pdf = (x: Operand, loc: Operand = 0, scale: Operand = 1): NDArray => exp(logpdf(x, loc, scale));

const standardized = (name: string, f: (x: NDArray) => NDArray, side: 1 | -1) => (x: Operand, loc: Operand = 0, scale: Operand = 1): NDArray => {
  const [a, mean, deviation] = inexact(`scipy.stats.norm.${name}`, x, loc, scale);
  return f(div(side > 0 ? sub(a, mean) : sub(mean, a), deviation));
};
/** The probability of values up to x, and its logarithm. */
export const cdf = standardized('cdf', ndtr, 1);
export const logcdf = standardized('logcdf', logNdtr, 1);
/** The probability of values above x, and its logarithm. */
export const sf = standardized('sf', ndtr, -1);
export const logsf = standardized('logsf', logNdtr, -1);
/** The value up to which, and above which, values have probability q. */
export function ppf(q: Operand, loc: Operand = 0, scale: Operand = 1): NDArray {
  const [p, mean, deviation] = inexact('scipy.stats.norm.ppf', q, loc, scale);
  return add(mul(ndtri(p), deviation), mean);
}
export function isf(q: Operand, loc: Operand = 0, scale: Operand = 1): NDArray {
  const [p, mean, deviation] = inexact('scipy.stats.norm.isf', q, loc, scale);
  return sub(mean, mul(ndtri(p), deviation));
}
