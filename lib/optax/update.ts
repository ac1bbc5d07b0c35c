/** From updates to parameters, after `optax._src.update`. */
import { numpy as jnp, tree, type Array } from '../jax/index.js';
import { isZeroUpdate, oneMinus, type Params, type Scalar, type Update, type Updates } from './base.js';

/**
 * params + updates, in the parameters' dtypes. For an update that is symbolically zero the very same array is returned: a
 * frozen parameter is neither computed nor copied, and not even the sign of a zero in it changes. As `optax.apply_updates`.
 *
 * @example
 * const [updates, nextState] = opt.update(grads, opt.init(params), params);
 * const nextParams = optax.applyUpdates(params, updates);
 */
export function applyUpdates<P = Params>(params: P, updates: Updates): P {
  return tree.map((p: Array, u: Update) => (isZeroUpdate(u) ? p : jnp.asarray(jnp.add(p, u), { dtype: p.dtype })), params, updates);
}

/**
 * stepSize · new + (1 - stepSize) · old: a moving average of parameters. As `optax.incremental_update`.
 *
 * @example
 * const average = optax.incrementalUpdate(params, params, 0.1);
 */
export const incrementalUpdate = <P = Params>(newTensors: P, oldTensors: P, stepSize: Scalar): P =>
  tree.map((a: Array, b: Array) => jnp.add(jnp.multiply(stepSize, a), jnp.multiply(oneMinus(stepSize), b)), newTensors, oldTensors);

/**
 * The new tensors at every step that is a multiple of `updatePeriod`, else the old ones. As `optax.periodic_update`.
 *
 * @example
 * const target = optax.periodicUpdate(params, params, jnp.array(6).astype('int32'), 3);
 */
export function periodicUpdate<P = Params>(newTensors: P, oldTensors: P, steps: Scalar, updatePeriod: number): P {
  const due = jnp.equal(jnp.remainder(steps, updatePeriod), 0);
  return tree.map((a: Array, b: Array) => jnp.where(due, a, b), newTensors, oldTensors);
}
