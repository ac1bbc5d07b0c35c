/** Differential privacy, after `optax.contrib`. */
import { random, tree, type Array } from '../../jax/index.js';
import { checkOptions } from '../../runtime/options.js';
import { checkScalar, materialize, namedTuple, type GradientTransformation, type Scalar, type ScalarOrSchedule } from '../base.js';
import { withRate } from '../optimizers/rate.js';
import { traceIf } from '../optimizers/sgd.js';
import { keyOf, noiseKey, type NoiseOptions } from '../transforms/adding.js';
import { perExampleGlobalNormClip } from '../transforms/clipping.js';
import { chain } from '../transforms/combining.js';
import { scaleByLearningRate } from '../transforms/scaling.js';

export const DifferentiallyPrivateAggregateState = namedTuple<{ rngKey: Array }>('DifferentiallyPrivateAggregateState', ['rngKey']);
/**
 * Clips the gradient of every example, adds normal noise to their sum, and takes the mean. Gradients have a leading axis of
 * examples. As `optax.contrib.differentially_private_aggregate`. Abadi et al., Deep Learning with Differential Privacy,
 * arXiv:1607.00133.
 *
 * @example
 * const tx = optax.contrib.differentiallyPrivateAggregate(1, 0.1, { key: random.PRNGKey(0) });
 * const [mean] = tx.update(tree.map((g) => jnp.stack([g, g]), grads), tx.init(params));
 */
export function differentiallyPrivateAggregate(l2NormClip: number, noiseMultiplier: number, options?: NoiseOptions): GradientTransformation {
  const where = 'optax.contrib.differentiallyPrivateAggregate';
  const key = noiseKey(where, checkOptions(where, options, ['key', 'seed']));
  checkScalar(where, 'l2NormClip', l2NormClip);
  checkScalar(where, 'noiseMultiplier', noiseMultiplier);
  return {
    init: () => new DifferentiallyPrivateAggregateState({ rngKey: key }),
    update(updates, state) {
      const [grads, structure] = tree.flatten(materialize(updates)) as [Array[], tree.TreeDef];
      const [clipped] = perExampleGlobalNormClip(grads, l2NormClip);
      const keys = random.split(state.rngKey, grads.length + 1);
      const noisy = (clipped as Array[]).map((g, i) =>
        g.add(random.normal(keys.index(i + 1), g.shape as number[], { dtype: g.dtype }).mul(l2NormClip * noiseMultiplier)).div(grads[0]!.shape[0]!));
      return [tree.unflatten(structure, noisy), new DifferentiallyPrivateAggregateState({ rngKey: keys.index(0) })];
    },
  };
}

/**
 * Gradient descent with differential privacy. As `optax.contrib.dpsgd`. Abadi et al., arXiv:1607.00133.
 *
 * @example
 * const tx = optax.contrib.dpsgd(0.1, 1, 0.1, 0);
 * const [updates] = tx.update(tree.map((g) => jnp.stack([g, g]), grads), tx.init(params));
 *
 * @param seed a whole number or a key
 * @param options `momentum`, `nesterov`
 */
export function dpsgd(learningRate: ScalarOrSchedule, l2NormClip: number, noiseMultiplier: number, seed: number | Array, options?: { momentum?: Scalar | null; nesterov?: boolean }): GradientTransformation {
  const { momentum = null, nesterov = false } = checkOptions('optax.contrib.dpsgd', options, ['momentum', 'nesterov']);
  return withRate('dpsgd', learningRate, options, (rate) => chain(
    differentiallyPrivateAggregate(l2NormClip, noiseMultiplier, { key: keyOf(seed) }), traceIf(momentum, { nesterov }), scaleByLearningRate(rate)));
}
