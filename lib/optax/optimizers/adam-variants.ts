/** Optimizers with Adam's two averages that use them otherwise: AdaBelief, RAdam, Yogi, Adan, Lion, optimistic Adam. */
import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { ValueError } from '../../runtime/errors.js';
import { materialize, namedTuple, oneMinus, zeroCount, type GradientTransformation, type Scalar, type ScalarOrSchedule, type Updates } from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import { addDecayedWeights } from '../transforms/adding.js';
import { chain } from '../transforms/combining.js';
import { scaleByLearningRate } from '../transforms/scaling.js';
import { treeCast } from '../tree/dtypes.js';
import { treeAddScale, treeBiasCorrection, treeFullLike, treeSub, treeUpdateMoment, treeZerosLike } from '../tree/math.js';
import { ADAM, MOMENTS, ScaleByAdamState, correctedMu, overRoot, scaleByAdam, type DecayOptions, type MomentOptions, type ScaleByAdamOptions } from './adam.js';
import { withRate } from './rate.js';
import { scaleByOptimisticGradient } from './sgd.js';

export const ScaleByBeliefState = namedTuple<{ count: Array; mu: Updates; nu: Updates }>('ScaleByBeliefState', ['count', 'mu', 'nu']);
/** (0.9, 0.999, 1e-16, 1e-16), and Nesterov's momentum (false). */
export interface BeliefOptions extends MomentOptions { nesterov?: boolean }
const BELIEF: Required<BeliefOptions> = { b1: 0.9, b2: 0.999, eps: 1e-16, epsRoot: 1e-16, nesterov: false };

/**
 * AdaBelief's rescaling: Adam's, with the average of (g - m)² + epsRoot. As `optax.scale_by_belief`. Zhuang et al., AdaBelief
 * Optimizer, arXiv:2010.07468.
 *
 * @example
 * const opt = optax.chain(optax.scaleByBelief(), optax.scale(-1e-3));
 */
export function scaleByBelief(options?: BeliefOptions): GradientTransformation {
  const { b1, b2, eps, epsRoot, nesterov } = withDefaults('optax.scaleByBelief', options, BELIEF);
  return {
    init: (params) => new ScaleByBeliefState({ count: zeroCount(), mu: treeZerosLike(params), nu: treeZerosLike(params) }),
    update(updates, state) {
      const mu = treeUpdateMoment(updates, state.mu, b1, 1);
      const nu = tree.map((v: Array) => jnp.add(v, epsRoot), treeUpdateMoment(treeSub(updates, mu), state.nu, b2, 2));
      const count = safeIncrement(state.count);
      return [overRoot(correctedMu(mu, updates, b1, count, nesterov), treeBiasCorrection(nu, b2, count), { eps, epsRoot: 0 }), new ScaleByBeliefState({ count, mu, nu })];
    },
  };
}
signature(scaleByBelief, [], BELIEF);

/**
 * AdaBelief. As `optax.adabelief`. Zhuang et al., AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed
 * Gradients, arXiv:2010.07468.
 *
 * @example
 * const opt = optax.adabelief(1e-3);
 */
export function adabelief(learningRate: ScalarOrSchedule, options?: BeliefOptions): GradientTransformation {
  withDefaults('optax.adabelief', options, BELIEF);
  return withRate('adabelief', learningRate, options, (rate) => chain(scaleByBelief(options), scaleByLearningRate(rate)));
}
signature(adabelief, ['learningRate'], BELIEF);

/** Adam's, Nesterov's momentum (false), and where the variance counts as known (5). */
export interface RadamOptions extends MomentOptions { threshold?: Scalar; nesterov?: boolean }
const RADAM: Required<RadamOptions> = { ...MOMENTS, threshold: 5, nesterov: false };

/**
 * Rectified Adam's rescaling: momentum alone until the variance of v̂ can be known, then Adam's times its rectification. As
 * `optax.scale_by_radam`. Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, arXiv:1908.03265.
 *
 * @example
 * const opt = optax.chain(optax.scaleByRadam(), optax.scale(-1e-3));
 */
export function scaleByRadam(options?: RadamOptions): GradientTransformation {
  const { b1, b2, eps, epsRoot, threshold, nesterov } = withDefaults('optax.scaleByRadam', options, RADAM);
  const limit = typeof b2 === 'number' ? 2 / (1 - b2) - 1 : jnp.subtract(jnp.divide(2, jnp.subtract(1, b2)), 1);
  const less = (n: number): Scalar => (typeof limit === 'number' ? limit - n : jnp.subtract(limit, n));
  return {
    init: (params) => new ScaleByAdamState({ count: zeroCount(), mu: treeZerosLike(params), nu: treeZerosLike(params) }),
    update(updates, state) {
      const mu = treeUpdateMoment(updates, state.mu, b1, 1);
      const nu = treeUpdateMoment(updates, state.nu, b2, 2);
      const count = safeIncrement(state.count);
      const decayed = jnp.power(b2, count);
      const length = jnp.subtract(limit, jnp.divide(jnp.multiply(jnp.multiply(2, count), decayed), jnp.subtract(1, decayed)));
      const known = jnp.greaterEqual(length, threshold);
      const above = jnp.multiply(jnp.multiply(jnp.subtract(length, 4), jnp.subtract(length, 2)), limit);
      const rectification = jnp.sqrt(jnp.divide(above, jnp.multiply(jnp.multiply(less(4), less(2)), length)));
      const muHat = correctedMu(mu, updates, b1, count, nesterov);
      const scaled = tree.map((m: Array, v: Array) => jnp.where(known,
        jnp.divide(jnp.multiply(rectification.astype(m.dtype), m), jnp.add(jnp.sqrt(jnp.add(v, epsRoot)), eps)), m), muHat, treeBiasCorrection(nu, b2, count));
      return [scaled, new ScaleByAdamState({ count, mu, nu })];
    },
  };
}
signature(scaleByRadam, [], RADAM);

/**
 * Rectified Adam. As `optax.radam`. Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, arXiv:1908.03265.
 *
 * @example
 * const opt = optax.radam(1e-3);
 */
export function radam(learningRate: ScalarOrSchedule, options?: RadamOptions): GradientTransformation {
  withDefaults('optax.radam', options, RADAM);
  return withRate('radam', learningRate, options, (rate) => chain(scaleByRadam(options), scaleByLearningRate(rate)));
}
signature(radam, ['learningRate'], RADAM);

/** (0.9, 0.999, 1e-3, 0), and what both averages begin with (1e-6). */
export interface ScaleByYogiOptions extends MomentOptions { initialAccumulatorValue?: Scalar }
const YOGI: Required<ScaleByYogiOptions> = { b1: 0.9, b2: 0.999, eps: 1e-3, epsRoot: 0, initialAccumulatorValue: 1e-6 };

/**
 * Yogi's rescaling: Adam's, with v moving by (1 - b2) · g² in the direction of g². As `optax.scale_by_yogi`. Zaheer et al.,
 * Adaptive Methods for Nonconvex Optimization, 2018.
 *
 * @example
 * const opt = optax.chain(optax.scaleByYogi(), optax.scale(-1e-2));
 */
export function scaleByYogi(options?: ScaleByYogiOptions): GradientTransformation {
  const { b1, b2, initialAccumulatorValue, ...eps } = withDefaults('optax.scaleByYogi', options, YOGI);
  return {
    init: (params) => new ScaleByAdamState({ count: zeroCount(), mu: treeFullLike(params, initialAccumulatorValue), nu: treeFullLike(params, initialAccumulatorValue) }),
    update(updates, state) {
      const mu = treeUpdateMoment(updates, state.mu, b1, 1);
      const nu = tree.map((g: Array, v: Array) => {
        const square = jnp.square(g);
        return v.sub(jnp.multiply(jnp.multiply(oneMinus(b2), jnp.sign(v.sub(square))), square));
      }, materialize(updates), state.nu);
      const count = safeIncrement(state.count);
      return [overRoot(treeBiasCorrection(mu, b1, count), treeBiasCorrection(nu, b2, count), eps), new ScaleByAdamState({ count, mu, nu })];
    },
  };
}
signature(scaleByYogi, [], YOGI);

export interface YogiOptions { b1?: Scalar; b2?: Scalar; eps?: Scalar }
const YOGI_ALIAS: Required<YogiOptions> = { b1: 0.9, b2: 0.999, eps: 1e-3 };
/**
 * Yogi. As `optax.yogi`. Zaheer et al., Adaptive Methods for Nonconvex Optimization, 2018.
 *
 * @example
 * const opt = optax.yogi(1e-2);
 */
export function yogi(learningRate: ScalarOrSchedule, options?: YogiOptions): GradientTransformation {
  withDefaults('optax.yogi', options, YOGI_ALIAS);
  return withRate('yogi', learningRate, options, (rate) => chain(scaleByYogi(options), scaleByLearningRate(rate)));
}
signature(yogi, ['learningRate'], YOGI_ALIAS);

export const ScaleByAdanState = namedTuple<{ m: Updates; v: Updates; n: Updates; g: Updates; t: Array }>('ScaleByAdanState', ['m', 'v', 'n', 'g', 't']);
/** Decays of gradients, of their differences and of squares (0.98, 0.92, 0.99), eps (1e-8) and epsRoot (0; 1e-8 in `adan`). */
export interface ScaleByAdanOptions extends MomentOptions { b3?: Scalar }
const ADAN: Required<ScaleByAdanOptions> = { b1: 0.98, b2: 0.92, b3: 0.99, eps: 1e-8, epsRoot: 0 };

/**
 * Adan's rescaling, with averages of gradients, of their differences and of the squared look-ahead. As `optax.scale_by_adan`.
 * Xie et al., Adan: Adaptive Nesterov Momentum Algorithm, arXiv:2208.06677.
 *
 * @example
 * const opt = optax.chain(optax.scaleByAdan(), optax.scale(-1e-3));
 */
export function scaleByAdan(options?: ScaleByAdanOptions): GradientTransformation {
  const { b1, b2, b3, eps, epsRoot } = withDefaults('optax.scaleByAdan', options, ADAN);
  return {
    init: (params) => new ScaleByAdanState({ m: treeZerosLike(params), v: treeZerosLike(params), n: treeZerosLike(params), g: treeZerosLike(params), t: zeroCount() }),
    update(updates, state) {
      const g = materialize(updates);
      const difference = tree.map((d: Array) => jnp.where(state.t.eq(0), 0, d), treeSub(g, state.g));
      const m = treeUpdateMoment(g, state.m, b1, 1);
      const v = treeUpdateMoment(difference, state.v, b2, 1);
      const n = treeUpdateMoment(treeAddScale(g, oneMinus(b2), difference), state.n, b3, 2);
      const t = safeIncrement(state.t);
      const ahead = treeAddScale(treeBiasCorrection(m, b1, t), oneMinus(b2), treeBiasCorrection(v, b2, t));
      return [overRoot(ahead, treeBiasCorrection(n, b3, t), { eps, epsRoot }), new ScaleByAdanState({ m, v, n, g, t })];
    },
  };
}
signature(scaleByAdan, [], ADAN);

const ADAN_ALIAS: Required<ScaleByAdanOptions & DecayOptions> = { ...ADAN, epsRoot: 1e-8, weightDecay: 0, mask: null };
/**
 * Adan. As `optax.adan`. Xie et al., Adan: Adaptive Nesterov Momentum Algorithm, arXiv:2208.06677.
 *
 * @example
 * const opt = optax.adan(1e-3, { weightDecay: 0.02 });
 */
export function adan(learningRate: ScalarOrSchedule, options?: ScaleByAdanOptions & DecayOptions): GradientTransformation {
  const { weightDecay, mask, ...rest } = withDefaults('optax.adan', options, ADAN_ALIAS);
  return withRate('adan', learningRate, options, (rate) => chain(scaleByAdan(rest), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(rate)));
}
signature(adan, ['learningRate'], ADAN_ALIAS);

export const ScaleByLionState = namedTuple<{ count: Array; mu: Updates }>('ScaleByLionState', ['count', 'mu']);
export interface ScaleByLionOptions {
  /** Decays: of what the sign is taken of (0.9), and of what is kept (0.99). */
  b1?: Scalar;
  b2?: Scalar;
  /** dtype in which the average is kept; the parameters' own by default. */
  muDtype?: DType | null;
  /** The sign itself (`hard`), tanh (`smooth`), or the number where it is below 1 (`refined`). */
  mode?: 'hard' | 'smooth' | 'refined';
  /** The steepness of `smooth` (1). */
  smoothBeta?: Scalar;
}
const LION: Required<ScaleByLionOptions> = { b1: 0.9, b2: 0.99, muDtype: null, mode: 'hard', smoothBeta: 1 };

/**
 * Lion's rescaling: the sign of a mix of gradient and average. As `optax.scale_by_lion`. Chen et al., Symbolic Discovery of
 * Optimization Algorithms, arXiv:2302.06675.
 *
 * @example
 * const opt = optax.chain(optax.scaleByLion(), optax.scale(-1e-4));
 */
export function scaleByLion(options?: ScaleByLionOptions): GradientTransformation {
  const { b1, b2, muDtype, mode, smoothBeta } = withDefaults('optax.scaleByLion', options, LION);
  if (mode !== 'hard' && mode !== 'smooth' && mode !== 'refined') throw new ValueError(`optax.scaleByLion: mode must be 'hard', 'smooth' or 'refined', but got '${String(mode)}'.`);
  const direction = (x: Array): Array => (mode === 'hard' ? jnp.sign(x)
    : mode === 'smooth' ? jnp.tanh(jnp.multiply(smoothBeta, x)) : jnp.where(jnp.abs(x).lt(1), x, jnp.sign(x)));
  return {
    init: (params) => new ScaleByLionState({ count: zeroCount(), mu: treeZerosLike(params, { dtype: muDtype }) }),
    update(updates, state) {
      const mu = treeCast(treeUpdateMoment(updates, state.mu, b2, 1), muDtype);
      return [tree.map(direction, treeUpdateMoment(updates, state.mu, b1, 1)), new ScaleByLionState({ count: safeIncrement(state.count), mu })];
    },
  };
}
signature(scaleByLion, [], LION);

export interface LionOptions extends DecayOptions { b1?: Scalar; b2?: Scalar; muDtype?: DType | null }
const LION_ALIAS: Required<LionOptions> = { b1: 0.9, b2: 0.99, muDtype: null, weightDecay: 1e-3, mask: null };
/**
 * Lion, with weight decay (1e-3). As `optax.lion`. Chen et al., Symbolic Discovery of Optimization Algorithms,
 * arXiv:2302.06675.
 *
 * @example
 * const opt = optax.lion(1e-4, { weightDecay: 0.01 });
 */
export function lion(learningRate: ScalarOrSchedule, options?: LionOptions): GradientTransformation {
  const { weightDecay, mask, ...rest } = withDefaults('optax.lion', options, LION_ALIAS);
  return withRate('lion', learningRate, options, (rate) => chain(scaleByLion(rest), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(rate)));
}
signature(lion, ['learningRate'], LION_ALIAS);

/** Adam's options, with Nesterov's momentum (true), and the coefficients of the optimistic gradient (1, 1). */
export interface OptimisticAdamOptions extends ScaleByAdamOptions { alpha?: Scalar; beta?: Scalar }
const OPTIMISTIC: Required<OptimisticAdamOptions> = { alpha: 1, beta: 1, ...ADAM, nesterov: true };
/**
 * Adam with optimistic gradients, for games. As `optax.optimistic_adam_v2`. Daskalakis et al., Training GANs with Optimism,
 * arXiv:1711.00141.
 *
 * @example
 * const opt = optax.optimisticAdamV2(1e-3);
 */
export function optimisticAdamV2(learningRate: ScalarOrSchedule, options?: OptimisticAdamOptions): GradientTransformation {
  const { alpha, beta, ...rest } = withDefaults('optax.optimisticAdamV2', options, OPTIMISTIC);
  return withRate('optimisticAdamV2', learningRate, options, (rate) =>
    chain(scaleByAdam(rest), scaleByOptimisticGradient({ alpha, beta }), scaleByLearningRate(rate)));
}
signature(optimisticAdamV2, ['learningRate'], OPTIMISTIC);

/**
 * The older form of `optimisticAdamV2`, whose optimism is a rate of its own. As `optax.optimistic_adam`.
 *
 * @example
 * const opt = optax.optimisticAdam(1e-3, { optimism: 5e-4 });
 */
export function optimisticAdam(learningRate: Scalar, options?: ScaleByAdamOptions & { optimism?: Scalar | null }): GradientTransformation {
  const { optimism, ...rest } = withDefaults('optax.optimisticAdam', options, { optimism: null as Scalar | null, ...ADAM, nesterov: true });
  if (typeof learningRate === 'function') throw new ValueError('optax.optimisticAdam: the learning rate must be a number; optimisticAdamV2 takes schedules.');
  return withRate('optimisticAdam', learningRate, options, (rate) =>
    chain(scaleByAdam(rest), scaleByOptimisticGradient({ alpha: rate, beta: optimism ?? rate }), scaleByLearningRate(1)));
}
signature(optimisticAdam, ['learningRate'], { optimism: null, ...ADAM, nesterov: true });
