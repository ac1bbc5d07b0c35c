/** Gradient descent: with momentum, noise, signs, optimism, Polyak's step size. */
import { nn, numpy as jnp, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { ValueError } from '../../runtime/errors.js';
import { identity, initEmptyState, materialize, namedTuple, type GradientTransformation, type Scalar, type ScalarOrSchedule, type Updates } from '../base.js';
import { signature, withDefaults } from '../options.js';
import { ema, trace } from '../transforms/accumulation.js';
import { addNoise, type NoiseOptions } from '../transforms/adding.js';
import { chain } from '../transforms/combining.js';
import { scaleByLearningRate, scaleBySign } from '../transforms/scaling.js';
import { treeNorm, treeScale, treeZerosLike } from '../tree/math.js';
import { withRate } from './rate.js';

export interface SgdOptions {
  /** Decay of the accumulated gradients; none by default. */
  momentum?: Scalar | null;
  nesterov?: boolean;
  /** dtype of the accumulator; the parameters' own by default. */
  accumulatorDtype?: DType | null;
}
const SGD: Required<SgdOptions> = { momentum: null, nesterov: false, accumulatorDtype: null };

/** Momentum where it is asked for. */
export const traceIf = (momentum: Scalar | null, options?: { nesterov?: boolean; accumulatorDtype?: DType | null }): GradientTransformation =>
  (momentum === null ? identity() : trace(momentum, options));

/**
 * Stochastic gradient descent, with momentum if asked for. As `optax.sgd`. Sutskever et al., On the importance of
 * initialization and momentum in deep learning, 2013.
 *
 * @example
 * const opt = optax.sgd(0.1, { momentum: 0.9 });
 *
 * @param learningRate a number, or a schedule: a function of the number of updates made so far
 */
export function sgd(learningRate: ScalarOrSchedule, options?: SgdOptions): GradientTransformation {
  const { momentum, ...rest } = withDefaults('optax.sgd', options, SGD);
  return withRate('sgd', learningRate, options, (rate) => chain(traceIf(momentum, rest), scaleByLearningRate(rate)));
}
signature(sgd, ['learningRate'], SGD);

const NOISE = { eta: 0.01 as Scalar, gamma: 0.55 as Scalar, key: null as NoiseOptions['key'], seed: null as NoiseOptions['seed'] };
/**
 * Gradient descent with normal noise of variance eta / countᵍᵃᵐᵐᵃ (0.01, 0.55). As `optax.noisy_sgd`. Neelakantan et al.,
 * Adding Gradient Noise Improves Learning for Very Deep Networks, arXiv:1511.06807.
 *
 * @example
 * const opt = optax.noisySgd(0.1, { key: random.PRNGKey(1) });
 */
export function noisySgd(learningRate: ScalarOrSchedule, options?: NoiseOptions & { eta?: Scalar; gamma?: Scalar }): GradientTransformation {
  const { eta, gamma, key, seed } = withDefaults('optax.noisySgd', options, NOISE);
  return withRate('noisySgd', learningRate, options, (rate) => chain(addNoise(eta, gamma, { key, seed }), scaleByLearningRate(rate)));
}
signature(noisySgd, ['learningRate'], NOISE);

/**
 * Descent along the signs of the gradient. As `optax.sign_sgd`. Bernstein et al., signSGD, arXiv:1802.04434.
 *
 * @example
 * const opt = optax.signSgd(1e-3);
 */
export const signSgd = (learningRate: ScalarOrSchedule): GradientTransformation =>
  withRate('signSgd', learningRate, {}, (rate) => chain(scaleBySign(), scaleByLearningRate(rate)));
signature(signSgd, ['learningRate']);

const SIGNUM = { beta: 0.9 as Scalar, accumulatorDtype: null as DType | null };
/**
 * Descent along the signs of the averaged gradient. As `optax.signum`. Bernstein et al., signSGD, arXiv:1802.04434.
 *
 * @example
 * const opt = optax.signum(1e-3, { beta: 0.95 });
 */
export function signum(learningRate: ScalarOrSchedule, options?: { beta?: Scalar; accumulatorDtype?: DType | null }): GradientTransformation {
  const { beta, accumulatorDtype } = withDefaults('optax.signum', options, SIGNUM);
  return withRate('signum', learningRate, options, (rate) => chain(ema(beta, { debias: false, accumulatorDtype }), scaleBySign(), scaleByLearningRate(rate)));
}
signature(signum, ['learningRate'], SIGNUM);

export const ScaleByOptimisticGradientState = namedTuple<{ isInitialStep: Array; previousGradient: Updates }>('ScaleByOptimisticGradientState', ['isInitialStep', 'previousGradient']);
const OPTIMISM = { alpha: 1 as Scalar, beta: 1 as Scalar };
/**
 * (alpha + beta) · g - beta · the gradient before. As `optax.scale_by_optimistic_gradient`. Mokhtari et al., A Unified
 * Analysis of Extra-gradient and Optimistic Gradient Methods for Saddle Point Problems, arXiv:1901.08511.
 *
 * @example
 * const opt = optax.chain(optax.scaleByOptimisticGradient({ beta: 0.5 }), optax.scale(-0.1));
 */
export function scaleByOptimisticGradient(options?: { alpha?: Scalar; beta?: Scalar }): GradientTransformation {
  const { alpha, beta } = withDefaults('optax.scaleByOptimisticGradient', options, OPTIMISM);
  const both = typeof alpha === 'number' && typeof beta === 'number' ? alpha + beta : jnp.add(alpha, beta);
  return {
    init: (params) => new ScaleByOptimisticGradientState({ isInitialStep: jnp.ones([], { dtype: 'bool' }), previousGradient: treeZerosLike(params) }),
    update(updates, state) {
      const grads = materialize(updates);
      const out = tree.map((g: Array, before: Array) =>
        jnp.multiply(both, g).sub(jnp.multiply(beta, jnp.where(state.isInitialStep, g, before))), grads, state.previousGradient);
      return [out, new ScaleByOptimisticGradientState({ isInitialStep: jnp.zeros([], { dtype: 'bool' }), previousGradient: grads })];
    },
  };
}
signature(scaleByOptimisticGradient, [], OPTIMISM);

/**
 * Optimistic gradient descent, for games. As `optax.optimistic_gradient_descent`. Mokhtari et al., arXiv:1901.08511.
 *
 * @example
 * const opt = optax.optimisticGradientDescent(0.1, { alpha: 1, beta: 0.5 });
 */
export function optimisticGradientDescent(learningRate: ScalarOrSchedule, options?: { alpha?: Scalar; beta?: Scalar }): GradientTransformation {
  withDefaults('optax.optimisticGradientDescent', options, OPTIMISM);
  return withRate('optimisticGradientDescent', learningRate, options, (rate) => chain(scaleByOptimisticGradient(options), scaleByLearningRate(rate)));
}
signature(optimisticGradientDescent, ['learningRate'], OPTIMISM);

export interface ScaleByPolyakOptions {
  /** A lower bound of the loss (0). */
  fMin?: Scalar;
  /** The step size at most (1). */
  maxLearningRate?: Scalar;
  /** Added to the squared norm (0). */
  eps?: Scalar;
  /** `sps`, or `sps+`, which takes no step where the loss is below `fMin`. */
  variant?: 'sps' | 'sps+';
}
const POLYAK: Required<ScaleByPolyakOptions> = { fMin: 0, maxLearningRate: 1, eps: 0, variant: 'sps' };
/**
 * Multiplies the updates by min((value - fMin) / (‖g‖² + eps), maxLearningRate), where `value`, the loss, is an extra
 * argument of the update. As `optax.scale_by_polyak`. Loizou et al., Stochastic Polyak Step-size for SGD, arXiv:2002.10542.
 *
 * @example
 * const tx = optax.chain(optax.sgd(1), optax.scaleByPolyak());
 * const [updates] = tx.update(grads, tx.init(params), params, { value: jnp.array(0.5) });
 */
export function scaleByPolyak(options?: ScaleByPolyakOptions): GradientTransformation {
  const { fMin, maxLearningRate, eps, variant } = withDefaults('optax.scaleByPolyak', options, POLYAK);
  if (variant !== 'sps' && variant !== 'sps+') throw new ValueError(`optax.scaleByPolyak: variant must be 'sps' or 'sps+', but got '${String(variant)}'.`);
  return {
    init: initEmptyState,
    update(updates, state, _params, extraArgs) {
      const value = requireValue('optax.scaleByPolyak', extraArgs?.value);
      const squared = treeNorm(updates, { squared: true });
      const below = jnp.add(squared, eps);
      const difference = jnp.subtract(value, fMin).astype(squared.dtype);
      const gap = variant === 'sps+' ? nn.relu(difference) : difference;
      return [treeScale(jnp.where(below.le(2 ** -23), 0, jnp.minimum(gap.div(below), maxLearningRate)), updates), state];
    },
  };
}
signature(scaleByPolyak, [], POLYAK);

/** The loss among the extra arguments, or what to do about its absence. */
export function requireValue(where: string, value: Scalar | undefined): Scalar {
  if (value === undefined || value === null) throw new ValueError(`${where} needs the loss: call update(updates, state, params, { value }).`);
  return value;
}

const POLYAK_SGD = { maxLearningRate: 1 as Scalar, scaling: 1 as ScalarOrSchedule, fMin: 0 as Scalar, eps: 0 as Scalar, variant: 'sps' as 'sps' | 'sps+' };
/**
 * Gradient descent with Polyak's step size, which needs the loss as the extra argument `value`. As `optax.polyak_sgd`. Loizou
 * et al., Stochastic Polyak Step-size for SGD, arXiv:2002.10542.
 *
 * @example
 * const tx = optax.polyakSgd({ maxLearningRate: 0.5 });
 * const [updates] = tx.update(grads, tx.init(params), params, { value: jnp.array(0.5) });
 *
 * @param options as of `scaleByPolyak`, and `scaling` (1), a number or schedule that the step is multiplied by
 */
export function polyakSgd(options?: ScaleByPolyakOptions & { scaling?: ScalarOrSchedule }): GradientTransformation {
  const { scaling, ...rest } = withDefaults('optax.polyakSgd', options, POLYAK_SGD);
  return chain(sgd(scaling), scaleByPolyak(rest));
}
signature(polyakSgd, [], POLYAK_SGD);

export const ScaleByRpropState = namedTuple<{ stepSizes: Updates; prevUpdates: Updates }>('ScaleByRpropState', ['stepSizes', 'prevUpdates']);
export interface RpropOptions {
  /** A step size's factor where the gradient changes its sign (0.5), and where it keeps it (1.2). */
  etaMinus?: Scalar;
  etaPlus?: Scalar;
  /** Bounds of step sizes (1e-6, 50). */
  minStepSize?: Scalar;
  maxStepSize?: Scalar;
}
const RPROP: Required<RpropOptions> = { etaMinus: 0.5, etaPlus: 1.2, minStepSize: 1e-6, maxStepSize: 50 };

/**
 * Rprop's rescaling: a step size for every number, and only the gradient's sign. As `optax.scale_by_rprop`. Riedmiller and
 * Braun, A direct adaptive method for faster backpropagation learning, 1993.
 *
 * @example
 * const opt = optax.chain(optax.scaleByRprop(0.01), optax.scale(-1));
 */
export function scaleByRprop(learningRate: Scalar, options?: RpropOptions): GradientTransformation {
  const { etaMinus, etaPlus, minStepSize, maxStepSize } = withDefaults('optax.scaleByRprop', options, RPROP);
  return {
    init: (params) => new ScaleByRpropState({
      stepSizes: tree.map((p: Array) => jnp.multiply(learningRate, jnp.ones(p.shape, { dtype: p.dtype })).astype(p.dtype), params), prevUpdates: treeZerosLike(params),
    }),
    update(updates, state) {
      const grads = materialize(updates);
      const turn = tree.map(jnp.multiply, grads, state.prevUpdates);
      const stepSizes = tree.map((t: Array, size: Array) => jnp.where(t.eq(0), size,
        jnp.clip(size.mul(jnp.where(t.gt(0), etaPlus, etaMinus).astype(size.dtype)), minStepSize, maxStepSize)), turn, state.stepSizes);
      const turned = tree.map((t: Array) => t.lt(0), turn);
      const steps = tree.map((back: Array, g: Array, size: Array) => jnp.where(back, 0, size.mul(jnp.sign(g))), turned, grads, stepSizes);
      // As in Optax, what is applied now is what the gradient before decided.
      return [tree.map((back: Array, before: Array) => jnp.where(back, 0, before), turned, state.prevUpdates), new ScaleByRpropState({ stepSizes, prevUpdates: steps })];
    },
  };
}
signature(scaleByRprop, ['learningRate'], RPROP);

/**
 * Rprop. As `optax.rprop`. Riedmiller and Braun, A direct adaptive method for faster backpropagation learning, 1993.
 *
 * @example
 * const opt = optax.rprop(0.01);
 *
 * @param learningRate the step size in the beginning
 */
export const rprop = (learningRate: Scalar, options?: RpropOptions): GradientTransformation => chain(scaleByRprop(learningRate, options), scaleByLearningRate(1));
signature(rprop, ['learningRate'], RPROP);
