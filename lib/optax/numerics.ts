/** Counters that do not wrap around, after `optax._src.numerics`. */
import { numpy as jnp, type Array } from '../jax/index.js';
import { isFloat } from '../jax/dtypes.js';
import type { DType } from '../runtime/dtypes.js';
import { TypeError } from '../runtime/errors.js';

const LARGEST: Partial<Record<DType, number | bigint>> = {
  int8: 127, int16: 32767, int32: 2147483647, int64: 2n ** 63n - 1n, uint8: 255, uint16: 65535, uint32: 4294967295, uint64: 2n ** 64n - 1n,
};

/**
 * count + 1, or the dtype's largest value where that would wrap around. As `optax.safe_increment`.
 *
 * @example
 * optax.safeIncrement(jnp.asarray(3, { dtype: 'int32' })).item(); // 4
 */
export function safeIncrement(count: Array): Array {
  // A float stops growing by itself.
  if (isFloat(count.dtype)) return jnp.add(count, 1);
  const largest = LARGEST[count.dtype];
  if (largest === undefined) throw new TypeError(`safeIncrement: a count must be an integer or a float, but got ${count.dtype}.`);
  const before = typeof largest === 'bigint' ? largest - 1n : largest - 1;
  return jnp.add(jnp.minimum(count, jnp.asarray(before, { dtype: count.dtype })), 1);
}

/** The name that Optax used before `safeIncrement`. */
export const safeInt32Increment = safeIncrement;
