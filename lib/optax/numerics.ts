/** Norms that have a gradient at zero, and counters that do not wrap around, after `optax._src.numerics`. */
import { numpy as jnp, type Array } from '../jax/index.js';
import { isFloat } from '../jax/dtypes.js';
import { TypeError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import type { Scalar } from './base.js';

/**
 * count + 1, or the dtype's largest value where that would wrap around. As `optax.safe_increment`.
 *
 * @example
 * optax.safeIncrement(jnp.asarray(3, { dtype: 'int32' })).item(); // 4
 */
export function safeIncrement(given: Scalar): Array {
  const count = jnp.asarray(given);
  if (count.dtype === 'bool') throw new TypeError('safeIncrement: a count must be an integer or a float, but got bool.');
  const { max } = isFloat(count.dtype) ? jnp.finfo(count.dtype) : jnp.iinfo(count.dtype);
  const largest = jnp.asarray(max, { dtype: count.dtype });
  return jnp.where(jnp.less(count, largest), jnp.add(count, 1), largest);
}

/** The name that Optax used before `safeIncrement`. */
export const safeInt32Increment = safeIncrement;

/**
 * max(‖x‖, minNorm), whose gradient where that is minNorm is zero and no NaN. As `optax.safe_norm`.
 *
 * @example
 * const norm = optax.safeNorm(jnp.zeros([3]), 1e-6);
 */
export function safeNorm(x: Array, minNorm: Scalar, options?: { ord?: number | 'fro' | 'nuc' | null; axis?: number | readonly number[] | null; keepdims?: boolean }): Array {
  const { ord = null, axis = null, keepdims = false } = checkOptions('optax.safeNorm', options, ['ord', 'axis', 'keepdims']);
  const norm = jnp.linalg.norm(x, { ord, axis, keepdims: true } as never);
  const small = jnp.lessEqual(norm, minNorm);
  const masked = jnp.linalg.norm(jnp.where(small, jnp.onesLike(x), x), { ord, axis, keepdims } as never);
  return jnp.where(keepdims ? small : jnp.squeeze(small, { axis }), minNorm, masked);
}

/**
 * max(√mean(x²), minRms), whose gradient where that is minRms is zero. As `optax.safe_root_mean_squares`.
 *
 * @example
 * const rms = optax.safeRootMeanSquares(jnp.zeros([3]), 1e-3);
 */
export function safeRootMeanSquares(x: Array, minRms: Scalar): Array {
  const rms = jnp.sqrt(jnp.mean(jnp.square(x)));
  const small = jnp.lessEqual(rms, minRms);
  return jnp.where(small, minRms, jnp.sqrt(jnp.mean(jnp.square(jnp.where(small, jnp.onesLike(x), x)))));
}
