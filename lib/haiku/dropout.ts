import { isArray, numpy as jnp, random, type Array } from '../jax/index.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { describe } from './mappings.js';
import { checkList } from './modules/layout.js';

/** How `dropout` treats the axes. */
export interface DropoutOptions {
  /** Axes along which all elements are kept or dropped together. */
  broadcastDims?: readonly number[];
}

/**
 * Sets elements of `x` to zero with probability `rate`, and divides the others by `1 - rate` (Srivastava et al. 2014).
 * With rate 0 it is `x` itself and nothing is drawn.
 *
 * ```ts
 * x = hk.dropout(hk.nextRngKey(), 0.5, x);
 * ```
 * @param rng A key.
 * @param rate In [0, 1); an array scalar, traced or not, is not checked.
 * @throws ValueError for a rate or an axis out of range.
 */
export function dropout(rng: Array, rate: number | Array, x: Array, options?: DropoutOptions): Array {
  const { broadcastDims = [] } = checkOptions('hk.dropout', options, ['broadcastDims']);
  if (!isArray(rate)) {
    if (!(rate >= 0 && rate < 1)) throw new ValueError(`hk.dropout: rate must be in [0, 1), but got ${rate}.`);
    if (rate === 0) return x;
  }
  if (!isArray(rng)) throw new TypeError(`hk.dropout: the first argument is a key, such as hk.nextRngKey(), but got ${describe(rng)}.`);
  const shape = [...x.shape];
  checkList('hk.dropout', 'broadcastDims', broadcastDims);
  for (const dim of broadcastDims) {
    if (!(dim >= -shape.length && dim < shape.length)) throw new ValueError(`hk.dropout: Broadcast dimension does not exist. Got dimension ${dim} for shape [${x.shape}].`);
    shape[dim < 0 ? dim + shape.length : dim] = 1;
  }
  const keepRate = isArray(rate) ? jnp.subtract(1, rate) : 1 - rate;
  const keep = random.bernoulli(rng, keepRate, shape);
  // XLA multiplies by the reciprocal, rounded once; and what is dropped is +0 even where x is not finite.
  const scaled = isArray(keepRate) ? x.div(keepRate) : x.mul(1 / Math.fround(keepRate));
  return jnp.where(keep, scaled, 0);
}
