/** `jax.scipy.stats.norm`: the normal distribution with mean `loc` and standard deviation `scale`. */
import type { NDArray } from '../array.js';
import { add, div, mul, neg, square, sub } from '../primitives/arithmetic.js';
import { exp, log } from '../primitives/functions.js';
import type { Operand } from '../primitives/primitive.js';
import { inexact } from '../numpy/promotion.js';

/** The logarithm of the density. */
export function logpdf(x: Operand, loc: Operand = 0, scale: Operand = 1): NDArray {
  const [a, mean, deviation] = inexact('scipy.stats.norm.logpdf', x, loc, scale);
  const variance = square(deviation);
  return div(neg(add(log(mul(2 * Math.PI, variance)), div(square(sub(a, mean)), variance))), 2);
}
/** The density. */
export const pdf = (x: Operand, loc: Operand = 0, scale: Operand = 1): NDArray => exp(logpdf(x, loc, scale));
