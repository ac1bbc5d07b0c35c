/** Optimizers that scale each layer by its parameters' norm: LARS, LAMB, Fromage, and distance over gradients. */
import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { checkScalar, namedTuple, onArray, requireParams, type GradientTransformation, type Params, type Scalar, type ScalarOrSchedule, type Update } from '../base.js';
import { signature, withDefaults } from '../options.js';
import { trace } from '../transforms/accumulation.js';
import { addDecayedWeights } from '../transforms/adding.js';
import { chain } from '../transforms/combining.js';
import { masked, type Mask } from '../transforms/masking.js';
import { scaleByLearningRate, scaleByTrustRatio } from '../transforms/scaling.js';
import { treeCast } from '../tree/dtypes.js';
import { MOMENTS, scaleByAdam, type DecayOptions, type MomentOptions } from './adam.js';
import { withRate } from './rate.js';

export interface LarsOptions {
  weightDecay?: ScalarOrSchedule;
  /** Where weights decay (everywhere). */
  weightDecayMask?: Mask;
  /** Times the ratio of norms (0.001). */
  trustCoefficient?: Scalar;
  eps?: Scalar;
  /** Which updates are scaled by the ratio (all). */
  trustRatioMask?: Mask;
  momentum?: Scalar;
  nesterov?: boolean;
}
const LARS: Required<LarsOptions> = { weightDecay: 0, weightDecayMask: true, trustCoefficient: 0.001, eps: 0, trustRatioMask: true, momentum: 0.9, nesterov: false };
/**
 * LARS, for large batches. As `optax.lars`. You et al., Large Batch Training of Convolutional Networks, arXiv:1708.03888.
 *
 * @example
 * const opt = optax.lars(0.1, { weightDecay: 1e-4 });
 */
export function lars(learningRate: ScalarOrSchedule, options?: LarsOptions): GradientTransformation {
  const { weightDecay, weightDecayMask, trustCoefficient, eps, trustRatioMask, momentum, nesterov } = withDefaults('optax.lars', options, LARS);
  return withRate('lars', learningRate, options, (rate) => chain(
    addDecayedWeights({ weightDecay, mask: weightDecayMask }),
    masked(scaleByTrustRatio({ trustCoefficient, eps }), trustRatioMask),
    scaleByLearningRate(rate),
    trace(momentum, { nesterov }),
  ));
}
signature(lars, ['learningRate'], LARS);

/** Adam's, with eps 1e-6, and weight decay (0). */
export interface LambOptions extends MomentOptions, DecayOptions {}
const LAMB: Required<LambOptions> = { ...MOMENTS, eps: 1e-6, weightDecay: 0, mask: null };
/**
 * LAMB, for large batches. As `optax.lamb`. You et al., Large Batch Optimization for Deep Learning: Training BERT in 76
 * minutes, arXiv:1904.00962.
 *
 * @example
 * const opt = optax.lamb(1e-3, { weightDecay: 0.01 });
 */
export function lamb(learningRate: ScalarOrSchedule, options?: LambOptions): GradientTransformation {
  const { weightDecay, mask, ...rest } = withDefaults('optax.lamb', options, LAMB);
  return withRate('lamb', learningRate, options, (rate) =>
    chain(scaleByAdam(rest), addDecayedWeights({ weightDecay, mask }), scaleByTrustRatio(), scaleByLearningRate(rate)));
}
signature(lamb, ['learningRate'], LAMB);

/**
 * Fromage, whose learning rate is a relative one. As `optax.fromage`. Bernstein et al., On the Distance between two Neural
 * Networks and the Stability of Learning, arXiv:2002.03432.
 *
 * @example
 * const opt = optax.fromage(0.01);
 *
 * @param options `minNorm` (1e-6): norms below this count as this
 */
export function fromage(learningRate: ScalarOrSchedule, options?: { minNorm?: Scalar }): GradientTransformation {
  const { minNorm } = withDefaults('optax.fromage', options, { minNorm: 1e-6 as Scalar });
  checkScalar('optax.fromage', 'the learning rate', learningRate);
  const shrink = (rate: Scalar): Scalar => (typeof rate === 'number' ? 1 / Math.sqrt(1 + rate * rate) : jnp.divide(1, jnp.sqrt(jnp.add(1, jnp.square(rate)))));
  const parts = (rate: Scalar): [Scalar, Scalar] => {
    const factor = shrink(rate);
    return typeof rate === 'number' ? [rate * (factor as number), (factor as number) - 1] : [jnp.multiply(rate, factor), jnp.subtract(factor, 1)];
  };
  return withRate('fromage', learningRate, options, (rate) => {
    const [step, decay]: [ScalarOrSchedule, ScalarOrSchedule] = typeof rate === 'function' ? [(count) => parts(rate(count))[0], (count) => parts(rate(count))[1]] : parts(rate);
    return chain(scaleByTrustRatio({ minNorm }), scaleByLearningRate(step), addDecayedWeights({ weightDecay: decay }));
  });
}
signature(fromage, ['learningRate'], { minNorm: 1e-6 });

export const ScaleByDistanceOverGradientsState = namedTuple<{ maxDist: Params; gradSumOfSquares: Params; initParams: Params }>(
  'ScaleByDistanceOverGradientsState', ['maxDist', 'gradSumOfSquares', 'initParams']);
export interface DistanceOverGradientsOptions {
  /** The first distance, relative to 1 + ‖p‖ (1e-6). */
  repsRel?: number;
  eps?: Scalar;
  /** dtype in which the first parameters are kept ('float32'). */
  paramDtype?: DType;
  globalScale?: Scalar;
}
/**
 * Scales each update by its parameter's greatest distance from the start over the root of its summed squared gradients: no
 * learning rate is needed. As `optax.scale_by_distance_over_gradients`. Ivgi et al., DoG is SGD's Best Friend,
 * arXiv:2302.12022 (layer-wise DoG).
 *
 * @example
 * const opt = optax.chain(optax.scaleByDistanceOverGradients(), optax.scale(-1));
 */
export function scaleByDistanceOverGradients(options?: DistanceOverGradientsOptions): GradientTransformation {
  const { repsRel, eps, paramDtype, globalScale } = withDefaults<Required<DistanceOverGradientsOptions>>(
    'optax.scaleByDistanceOverGradients', options, { repsRel: 1e-6, eps: 1e-8, paramDtype: 'float32', globalScale: 1 });
  const norm = (x: Array): Array => jnp.sqrt(jnp.sum(jnp.square(x)));
  return {
    init: (params) => new ScaleByDistanceOverGradientsState({
      maxDist: tree.map((p: Array) => jnp.multiply(repsRel, norm(p).add(1)), params),
      gradSumOfSquares: tree.map(() => jnp.zeros([1]), params), initParams: treeCast(params, paramDtype),
    }),
    update(updates, state, params) {
      requireParams('optax.scaleByDistanceOverGradients', params);
      const maxDist = tree.map((d: Array, p: Array, start: Array) => jnp.maximum(d, norm(p.sub(start))).astype(d.dtype), state.maxDist, params, state.initParams);
      const gradSumOfSquares = tree.map((sum: Array, u: Update) => onArray(u, (g) => sum.add(jnp.sum(jnp.square(g)))), state.gradSumOfSquares, updates);
      const scaled = tree.map((u: Update, d: Array, sum: Array) =>
        onArray(u, (g) => jnp.multiply(jnp.multiply(globalScale, d.div(jnp.sqrt(jnp.add(sum, eps)))).reshape([]), g)), updates, maxDist, gradSumOfSquares);
      return [scaled, new ScaleByDistanceOverGradientsState({ maxDist, gradSumOfSquares, initParams: state.initParams })];
    },
  };
}
