/** Norms that have a gradient at zero, and counters that do not wrap around, after `optax._src.numerics`. */
import { numpy as jnp, type Array } from '../jax/index.js';
import { isFloat } from '../jax/dtypes.js';
import type { DType } from '../runtime/dtypes.js';
import { TypeError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import type { Scalar } from './base.js';

const LARGEST: Partial<Record<DType, number | bigint>> = {
  int8: 127, int16: 32767, int32: 2147483647, int64: 2n ** 63n - 1n, uint8: 255, uint16: 65535, uint32: 4294967295, uint64: 2n ** 64n - 1n,
};

/**
 * count + 1, or the dtype's largest value where that would wrap around. As `optax.safe_increment`.
 *
 * @example
 * optax.safeIncrement(jnp.asarray(3, { dtype: 'int32' })).item(); // 4
 */
export function safeIncrement(given: Scalar): Array {
  const count = jnp.asarray(given);
  // A float stops growing by itself.
  if (isFloat(count.dtype)) return jnp.add(count, 1);
  const largest = LARGEST[count.dtype];
  if (largest === undefined) throw new TypeError(`safeIncrement: a count must be an integer or a float, but got ${count.dtype}.`);
  const before = typeof largest === 'bigint' ? largest - 1n : largest - 1;
  return jnp.add(jnp.minimum(count, jnp.asarray(before, { dtype: count.dtype })), 1);
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
