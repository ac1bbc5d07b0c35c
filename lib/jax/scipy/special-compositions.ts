/** `jax.scipy.special`: power transforms and counts. */
import { checkOptions } from '../../runtime/options.js';
import { Scalar, type NDArray } from '../array.js';
import { inexact } from '../numpy/promotion.js';
import { add, bitwiseAnd, div, eq, ge, le, mul, select, sub } from '../primitives/arithmetic.js';
import { exp, expm1, log, log1p } from '../primitives/functions.js';
import type { Operand } from '../primitives/primitive.js';
import { lgamma } from '../primitives/special.js';
import { gamma } from './special.js';

/** (e^(λ·y) - 1)/λ, y where λ is 0. */
function transformed(y: NDArray, lambda: NDArray): NDArray {
  const none = eq(lambda, 0);
  const safe = select(none, 1, lambda);
  return select(none, y, div(expm1(mul(safe, y)), safe));
}
/** (xᵏ - 1)/k for k = `lmbda`, log(x) where that is 0. */
export function boxcox(x: Operand, lmbda: Operand): NDArray {
  const [a, k] = inexact('scipy.special.boxcox', x, lmbda);
  return transformed(log(a), k);
}
/** ((1 + x)ᵏ - 1)/k for k = `lmbda`, log(1 + x) where that is 0. */
export function boxcox1p(x: Operand, lmbda: Operand): NDArray {
  const [a, k] = inexact('scipy.special.boxcox1p', x, lmbda);
  return transformed(log1p(a), k);
}

/** How many ways there are to take k of N things, each as often as one likes with `repetition`; 0 outside 0 ≤ k ≤ N. */
export function comb(N: Operand, k: Operand, options?: { repetition?: boolean }): NDArray {
  const { repetition = false } = checkOptions('scipy.special.comb', options, ['repetition']);
  const [n, m] = inexact('scipy.special.comb', N, k);
  const one = new Scalar(1, n.dtype, false);
  if (repetition) return select(bitwiseAnd(eq(m, 0), ge(n, 0)), one, comb(sub(add(n, m), 1), m));
  const some = bitwiseAnd(bitwiseAnd(le(m, n), ge(n, 0)), ge(m, 0));
  const [from, take] = [select(some, n, 0), select(some, m, 0)];
  const logarithm = sub(sub(lgamma(add(from, 1)), lgamma(add(take, 1))), lgamma(add(sub(from, take), 1)));
  return select(some, exp(logarithm), new Scalar(0, n.dtype, false));
}
/** The rising factorial Γ(z + m)/Γ(z). */
export function poch(z: Operand, m: Operand): NDArray {
  const [a, b] = inexact('scipy.special.poch', z, m);
  return select(eq(b, 0), new Scalar(1, a.dtype, false), div(gamma(add(a, b)), gamma(a)));
}
