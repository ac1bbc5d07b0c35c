/** Running products, extrema and log-sums. Signatures are JAX's, by the argument rule. */
import { checkOptions } from '../../runtime/options.js';
import type { NDArray } from '../array.js';
import { canonicalAxis } from '../dims.js';
import { logaddexp } from '../numpy/floats.js';
import { max, min, mul } from '../primitives/arithmetic.js';
import { asArray, requireFloat, type Operand } from '../primitives/primitive.js';
import { concatenate, reshape, reverse, slice } from '../primitives/shape.js';

export interface CumulativeOptions { axis?: number; reverse?: boolean }
type Combine = (x: NDArray, y: NDArray) => NDArray;

/** Neighbours are combined, the half as many results run, and each place in between gets its own element added. */
function running(x: NDArray, axis: number, combine: Combine): NDArray {
  const n = x.shape[axis];
  if (n < 2) return x;
  const part = (of: NDArray, from: number, to: number, step = 1) =>
    slice(of, of.shape.map((_, i) => (i === axis ? from : 0)), of.shape.map((d, i) => (i === axis ? to : d)), of.shape.map((_, i) => (i === axis ? step : 1)));
  const odd = running(combine(part(x, 0, n - 1, 2), part(x, 1, n, 2)), axis, combine);
  const half = odd.shape[axis];
  if (n === 2) return concatenate([part(x, 0, 1), odd], axis);
  const before = n % 2 ? odd : part(odd, 0, half - 1);
  const even = concatenate([part(x, 0, 1), combine(before, part(x, 2, n, 2))], axis);
  const beside = (y: NDArray) => reshape(y, [...y.shape.slice(0, axis + 1), 1, ...y.shape.slice(axis + 1)]);
  const paired = concatenate([beside(part(even, 0, half)), beside(odd)], axis + 1);
  const whole = reshape(paired, x.shape.map((d, i) => (i === axis ? 2 * half : d)));
  return n % 2 ? concatenate([whole, part(even, half, half + 1)], axis) : whole;
}

const cumulative = (name: string, combine: Combine, floating = false) => (operand: Operand, options?: CumulativeOptions): NDArray => {
  const { axis = 0, reverse: backwards = false } = checkOptions(name, options, ['axis', 'reverse']);
  const x = asArray(operand, name);
  if (floating) requireFloat(name, x.aval);
  const at = canonicalAxis(axis, x.ndim, name);
  return backwards ? reverse(running(reverse(x, [at]), at, combine), [at]) : running(x, at, combine);
};
/** As `jax.lax.cumprod`: running products along `axis`, from its end with `reverse`. */
export const cumprod = cumulative('lax.cumprod', mul);
/** As `jax.lax.cummax`: the largest so far. */
export const cummax = cumulative('lax.cummax', max);
/** As `jax.lax.cummin`: the smallest so far. */
export const cummin = cumulative('lax.cummin', min);
/** As `jax.lax.cumlogsumexp`: log of the running sums of exponentials. */
export const cumlogsumexp = cumulative('lax.cumlogsumexp', logaddexp, true);
