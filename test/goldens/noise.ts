/**
 * Gradients that are zero in exact arithmetic: of a bias before a batch norm, for instance, which subtracts it again. In
 * float32 they are rounding noise, the recorded ones too, and a tolerance made from the recorded numbers says nothing.
 */
import type { Any } from './api.js';
import { isArray, isFloat, numbersOf, rawOf } from './compare.js';

/** Less than this part of the largest gradient of the case is rounding, in float32 and in float64. */
const ROUNDING = { float32: 1e-5, float64: 1e-12 };
const largest = (numbers: ArrayLike<number>): number => globalThis.Array.from(numbers).reduce((m, x) => Math.max(m, Math.abs(x)), 0);

/**
 * Whether a gradient agrees as noise does with noise: float64 says that it is zero, the recorded one is as small beside the
 * largest gradient (`scale`) as rounding makes it, and ours is no larger than four times the recorded one.
 */
export function isNoise(actual: ArrayLike<number>, recorded: ArrayLike<number>, exact: ArrayLike<number>, scale: number): boolean {
  return largest(exact) <= ROUNDING.float64 * scale && largest(recorded) <= ROUNDING.float32 * scale && largest(actual) <= 4 * largest(recorded);
}

/** A tree with its floating-point arrays in float64. */
export const inFloat64 = (tree: { map(f: (x: Any) => Any, value: Any): Any }, value: Any): Any => tree.map((x: Any) => (isArray(x) && isFloat(x.dtype) ? x.astype('float64') : x), value);

export const numbersIn = (x: Any): Float64Array => numbersOf(rawOf(x));
export { largest };
