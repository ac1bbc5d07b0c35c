/** Limits on updates, after `optax.transforms._clipping`. */
import { numpy as jnp, tree } from '../jax/index.js';
import { checkScalar, initEmptyState, onArray, type GradientTransformation, type Scalar, type Update } from './base.js';
import { globalNorm } from './tree-math.js';

/** Brings every number into [-maxDelta, maxDelta]. As `optax.clip`. */
export function clip(maxDelta: Scalar): GradientTransformation {
  checkScalar('optax.clip', 'maxDelta', maxDelta);
  const least = typeof maxDelta === 'number' ? -maxDelta : jnp.negative(maxDelta);
  return {
    init: initEmptyState,
    update: (updates, state) => [tree.map((u: Update) => onArray(u, (g) => jnp.minimum(jnp.maximum(g, least), maxDelta)), updates), state],
  };
}

/**
 * Scales all updates together so that their global l2 norm is at most `maxNorm`. As `optax.clip_by_global_norm`.
 * Pascanu et al., On the difficulty of training Recurrent Neural Networks, arXiv:1211.5063.
 *
 * @example
 * const opt = optax.chain(optax.clipByGlobalNorm(1), optax.adamw(3e-4));
 */
export function clipByGlobalNorm(maxNorm: Scalar): GradientTransformation {
  checkScalar('optax.clipByGlobalNorm', 'maxNorm', maxNorm);
  return {
    init: initEmptyState,
    update(updates, state) {
      const norm = globalNorm(updates);
      const small = jnp.less(norm, maxNorm);
      return [tree.map((u: Update) => onArray(u, (g) =>
        jnp.where(small, g, jnp.multiply(jnp.divide(g, jnp.asarray(norm, { dtype: g.dtype })), maxNorm))), updates), state];
    },
  };
}
