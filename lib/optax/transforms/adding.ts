/** What adds to gradients: weight decay and noise. After `optax.transforms._adding`. */
import { numpy as jnp, random, tree, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import {
  EmptyState, checkScalar, namedTuple, plus, requireParams, zeroCount, type GradientTransformation, type Scalar, type ScalarOrSchedule, type Update,
} from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature } from '../options.js';
import { treeRandomLike } from '../tree/dtypes.js';
import { treeAddScale } from '../tree/math.js';
import { masked, type Mask } from './masking.js';

export const WeightDecaySchedule = namedTuple<{ count: Array }>('WeightDecaySchedule', ['count']);

export interface AddDecayedWeightsOptions {
  /** A number or a schedule (0). */
  weightDecay?: ScalarOrSchedule;
  /** Where weights decay: a tree of booleans, or a function of the parameters that gives one; everywhere by default. */
  mask?: Mask | null;
}
/**
 * Adds `weightDecay` times the parameters to the updates. As `optax.add_decayed_weights`.
 *
 * @example
 * const opt = optax.chain(optax.scaleByAdam(), optax.addDecayedWeights({ weightDecay: 1e-2 }), optax.scale(-1e-3));
 */
export function addDecayedWeights(options?: AddDecayedWeightsOptions): GradientTransformation {
  const { weightDecay = 0, mask } = checkOptions('optax.addDecayedWeights', options, ['weightDecay', 'mask']);
  checkScalar('optax.addDecayedWeights', 'weightDecay', weightDecay);
  const scheduled = typeof weightDecay === 'function';
  const decay: GradientTransformation = {
    init: () => (scheduled ? new WeightDecaySchedule({ count: zeroCount() }) : new EmptyState({})),
    update(updates, state, params) {
      requireParams('optax.addDecayedWeights', params);
      const next = scheduled ? new WeightDecaySchedule({ count: safeIncrement(state.count) }) : state;
      if (weightDecay === 0) return [updates, next];
      const s = scheduled ? weightDecay(state.count) : weightDecay;
      return [tree.map((g: Update, p: Array) => plus(g, jnp.multiply(s, p)), updates, params), next];
    },
  };
  return mask === undefined || mask === null ? decay : masked(decay, mask);
}
signature(addDecayedWeights, [], { weightDecay: 0, mask: null });

export const AddNoiseState = namedTuple<{ count: Array; rngKey: Array }>('AddNoiseState', ['count', 'rngKey']);

export interface NoiseOptions {
  /** A key, or a whole number to make one of (0). */
  key?: Array | number | null;
  /** The older name of `key`. */
  seed?: Array | number | null;
}
/** A key, from a key or a whole number. */
export const keyOf = (key: Array | number): Array => (typeof key === 'number' || key.ndim === 0 ? random.PRNGKey(key) : key);
/** The key that options ask for; they may call it `seed`, but not both. */
export function noiseKey(where: string, { key, seed }: NoiseOptions): Array {
  if ((key ?? null) !== null && (seed ?? null) !== null) throw new ValueError(`${where}: give key or seed, not both.`);
  return keyOf(key ?? seed ?? 0);
}

/**
 * Adds normal noise of variance eta / countᵍᵃᵐᵐᵃ to the updates; its key is part of the state. As `optax.add_noise`.
 * Neelakantan et al., Adding Gradient Noise Improves Learning for Very Deep Networks, arXiv:1511.06807.
 *
 * @example
 * const opt = optax.chain(optax.addNoise(0.01, 0.55, { key: random.PRNGKey(1) }), optax.scale(-0.1));
 */
export function addNoise(eta: Scalar, gamma: Scalar, options?: NoiseOptions): GradientTransformation {
  const rngKey = noiseKey('optax.addNoise', checkOptions('optax.addNoise', options, ['key', 'seed']));
  checkScalar('optax.addNoise', 'eta', eta);
  checkScalar('optax.addNoise', 'gamma', gamma);
  return {
    init: () => new AddNoiseState({ count: zeroCount(), rngKey }),
    update(updates, state) {
      const count = safeIncrement(state.count);
      const deviation = jnp.sqrt(jnp.divide(eta, jnp.power(count, gamma)));
      const keys = random.split(state.rngKey);
      const noisy = treeAddScale(updates, deviation, treeRandomLike(keys.index(1), updates));
      return [noisy, new AddNoiseState({ count, rngKey: keys.index(0) })];
    },
  };
}
signature(addNoise, ['eta', 'gamma'], { key: null, seed: null });
