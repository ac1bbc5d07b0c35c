/** Adam and what differs from it by a word: AdamW, NAdam, AMSGrad, Adamax. */
import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { namedTuple, oneMinus, plus, times, zeroCount, type GradientTransformation, type Params, type Scalar, type ScalarOrSchedule, type Update, type Updates } from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import { addDecayedWeights } from '../transforms/adding.js';
import { chain } from '../transforms/combining.js';
import type { Mask } from '../transforms/masking.js';
import { scaleByLearningRate } from '../transforms/scaling.js';
import { treeCast, treeCastLike } from '../tree/dtypes.js';
import { treeBiasCorrection, treeUpdateInfinityMoment, treeUpdateMoment, treeZerosLike } from '../tree/math.js';
import { withRate } from './rate.js';

export const ScaleByAdamState = namedTuple<{ count: Array; mu: Updates; nu: Updates }>('ScaleByAdamState', ['count', 'mu', 'nu']);

export interface MomentOptions {
  /** Decay of the average of gradients. */
  b1?: Scalar;
  /** Decay of the average of squared gradients. */
  b2?: Scalar;
  /** Added to the root. */
  eps?: Scalar;
  /** Added under the root. */
  epsRoot?: Scalar;
}
/** (0.9, 0.999, 1e-8, 0) */
export interface ScaleByAdamOptions extends MomentOptions {
  /** dtype in which the average of gradients is kept; the parameters' own by default. */
  muDtype?: DType | null;
  /** With Nesterov's momentum (false). */
  nesterov?: boolean;
}
export const MOMENTS = { b1: 0.9 as Scalar, b2: 0.999 as Scalar, eps: 1e-8 as Scalar, epsRoot: 0 as Scalar };
export const ADAM: Required<ScaleByAdamOptions> = { ...MOMENTS, muDtype: null, nesterov: false };

/**
 * The average of gradients without its pull towards the start; Nesterov's looks one step ahead: next step's average as far as
 * it is known, with today's gradient in it.
 */
export function correctedMu(mu: Updates, updates: Updates, b1: Scalar, count: Array, nesterov: boolean): Updates {
  if (!nesterov) return treeBiasCorrection(mu, b1, count);
  return tree.map((m: Array, g: Update) => plus(times(oneMinus(b1), g), jnp.multiply(b1, m)),
    treeBiasCorrection(mu, b1, safeIncrement(count)), treeBiasCorrection(updates, b1, count));
}
/** m / (√(v + epsRoot) + eps) */
export const overRoot = (mu: Updates, nu: Updates, { eps, epsRoot }: { eps: Scalar; epsRoot: Scalar }): Updates =>
  tree.map((m: Array, v: Array) => jnp.divide(m, jnp.add(jnp.sqrt(epsRoot === 0 ? v : jnp.add(v, epsRoot)), eps)), mu, nu);

/**
 * Adam's rescaling: m̂ / (√(v̂ + epsRoot) + eps), with bias-corrected averages m̂ of the gradients and v̂ of their squares.
 * As `optax.scale_by_adam`. Kingma and Ba, Adam: A Method for Stochastic Optimization, arXiv:1412.6980; with `nesterov`,
 * Dozat, Incorporating Nesterov Momentum into Adam, 2016.
 *
 * @example
 * const opt = optax.chain(optax.scaleByAdam({ b2: 0.99 }), optax.scale(-1e-3));
 */
export function scaleByAdam(options?: ScaleByAdamOptions): GradientTransformation {
  const { b1, b2, eps, epsRoot, muDtype, nesterov } = withDefaults('optax.scaleByAdam', options, ADAM);
  return {
    init: (params: Params) => new ScaleByAdamState({ count: zeroCount(), mu: treeZerosLike(params, { dtype: muDtype }), nu: treeZerosLike(params) }),
    update(updates, state) {
      const mu = treeUpdateMoment(updates, state.mu, b1, 1);
      const nu = treeUpdateMoment(updates, state.nu, b2, 2);
      const count = safeIncrement(state.count);
      const scaled = overRoot(correctedMu(mu, updates, b1, count, nesterov), treeBiasCorrection(nu, b2, count), { eps, epsRoot });
      return [scaled, new ScaleByAdamState({ count, mu: treeCast(mu, muDtype), nu: treeCastLike(nu, state.nu) })];
    },
  };
}
signature(scaleByAdam, [], ADAM);

/**
 * Adam. As `optax.adam`. Kingma and Ba, Adam: A Method for Stochastic Optimization, arXiv:1412.6980.
 *
 * @example
 * const opt = optax.adam(1e-3, { b2: 0.99 });
 */
export function adam(learningRate: ScalarOrSchedule, options?: ScaleByAdamOptions): GradientTransformation {
  withDefaults('optax.adam', options, ADAM);
  return withRate('adam', learningRate, options, (rate) => chain(scaleByAdam(options), scaleByLearningRate(rate)));
}
signature(adam, ['learningRate'], ADAM);

/**
 * Adam with Nesterov's momentum. As `optax.nadam`. Dozat, Incorporating Nesterov Momentum into Adam, 2016.
 *
 * @example
 * const opt = optax.nadam(1e-3);
 */
export function nadam(learningRate: ScalarOrSchedule, options?: ScaleByAdamOptions): GradientTransformation {
  return adam(learningRate, withDefaults('optax.nadam', options, { ...ADAM, nesterov: true }));
}
signature(nadam, ['learningRate'], { ...ADAM, nesterov: true });

export interface DecayOptions {
  /** How much of a parameter decays, times the learning rate; a number or a schedule. */
  weightDecay?: ScalarOrSchedule;
  /** Where weights decay: a tree of booleans, or a function of the parameters that gives one; everywhere by default. */
  mask?: Mask | null;
}
/** Adam's options, and weightDecay (1e-4). */
export interface AdamWOptions extends ScaleByAdamOptions, DecayOptions {}
const ADAMW: Required<AdamWOptions> = { ...ADAM, weightDecay: 1e-4, mask: null };

/**
 * Adam with decoupled weight decay. As `optax.adamw`. Loshchilov and Hutter, Decoupled Weight Decay Regularization,
 * arXiv:1711.05101.
 *
 * @example
 * const opt = optax.adamw(1e-3, { weightDecay: 0.01, mask: (params) => tree.map((p) => p.ndim > 1, params) });
 */
export function adamw(learningRate: ScalarOrSchedule, options?: AdamWOptions): GradientTransformation {
  const { weightDecay, mask, ...adamOptions } = withDefaults('optax.adamw', options, ADAMW);
  return withRate('adamw', learningRate, options, (rate) =>
    chain(scaleByAdam(adamOptions), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(rate)));
}
signature(adamw, ['learningRate'], ADAMW);

/**
 * `adamw` with Nesterov's momentum. As `optax.nadamw`. Dozat, Incorporating Nesterov Momentum into Adam, 2016.
 *
 * @example
 * const opt = optax.nadamw(1e-3, { weightDecay: 0.01 });
 */
export function nadamw(learningRate: ScalarOrSchedule, options?: AdamWOptions): GradientTransformation {
  return adamw(learningRate, withDefaults('optax.nadamw', options, { ...ADAMW, nesterov: true }));
}
signature(nadamw, ['learningRate'], { ...ADAMW, nesterov: true });

export const ScaleByAmsgradState = namedTuple<{ count: Array; mu: Updates; nu: Updates; nuMax: Updates }>('ScaleByAmsgradState', ['count', 'mu', 'nu', 'nuMax']);

export interface AmsgradOptions extends MomentOptions {
  /** dtype in which the average of gradients is kept; the parameters' own by default. */
  muDtype?: DType | null;
  /** Whether the averages are corrected (true, true); the paper does not. */
  biasCorrectionMu?: boolean;
  biasCorrectionNu?: boolean;
}
const AMSGRAD: Required<AmsgradOptions> = { ...MOMENTS, muDtype: null, biasCorrectionMu: true, biasCorrectionNu: true };

/**
 * AMSGrad's rescaling: Adam's, with the largest v̂ so far. As `optax.scale_by_amsgrad`. Reddi et al., On the Convergence of
 * Adam and Beyond, 2018.
 *
 * @example
 * const opt = optax.chain(optax.scaleByAmsgrad(), optax.scale(-1e-3));
 */
export function scaleByAmsgrad(options?: AmsgradOptions): GradientTransformation {
  const { b1, b2, muDtype, biasCorrectionMu, biasCorrectionNu, ...eps } = withDefaults('optax.scaleByAmsgrad', options, AMSGRAD);
  return {
    init: (params) => new ScaleByAmsgradState({ count: zeroCount(), mu: treeZerosLike(params, { dtype: muDtype }), nu: treeZerosLike(params), nuMax: treeZerosLike(params) }),
    update(updates, state) {
      const mu = treeUpdateMoment(updates, state.mu, b1, 1);
      const nu = treeUpdateMoment(updates, state.nu, b2, 2);
      const count = safeIncrement(state.count);
      const nuMax = tree.map(jnp.maximum, state.nuMax, biasCorrectionNu ? treeBiasCorrection(nu, b2, count) : nu);
      return [overRoot(biasCorrectionMu ? treeBiasCorrection(mu, b1, count) : mu, nuMax, eps), new ScaleByAmsgradState({ count, mu: treeCast(mu, muDtype), nu, nuMax })];
    },
  };
}
signature(scaleByAmsgrad, [], AMSGRAD);

/**
 * AMSGrad. As `optax.amsgrad`. Reddi et al., On the Convergence of Adam and Beyond, 2018.
 *
 * @example
 * const opt = optax.amsgrad(1e-3);
 */
export function amsgrad(learningRate: ScalarOrSchedule, options?: AmsgradOptions): GradientTransformation {
  withDefaults('optax.amsgrad', options, AMSGRAD);
  return withRate('amsgrad', learningRate, options, (rate) => chain(scaleByAmsgrad(options), scaleByLearningRate(rate)));
}
signature(amsgrad, ['learningRate'], AMSGRAD);

export interface AdamaxOptions { b1?: Scalar; b2?: Scalar; eps?: Scalar }
const ADAMAX: Required<AdamaxOptions> = { b1: 0.9, b2: 0.999, eps: 1e-8 };

/**
 * Adamax's rescaling: m̂ / u, with u the decayed maximum of |g| + eps. As `optax.scale_by_adamax`. Kingma and Ba, Adam: A
 * Method for Stochastic Optimization, arXiv:1412.6980, section 7.
 *
 * @example
 * const opt = optax.chain(optax.scaleByAdamax(), optax.scale(-2e-3));
 */
export function scaleByAdamax(options?: AdamaxOptions): GradientTransformation {
  const { b1, b2, eps } = withDefaults('optax.scaleByAdamax', options, ADAMAX);
  return {
    init: (params) => new ScaleByAdamState({ count: zeroCount(), mu: treeZerosLike(params), nu: treeZerosLike(params) }),
    update(updates, state) {
      const count = safeIncrement(state.count);
      const mu = treeUpdateMoment(updates, state.mu, b1, 1);
      const nu = treeUpdateInfinityMoment(updates, state.nu, b2, eps);
      return [tree.map(jnp.divide, treeBiasCorrection(mu, b1, count), nu), new ScaleByAdamState({ count, mu, nu })];
    },
  };
}
signature(scaleByAdamax, [], ADAMAX);

/**
 * Adamax. As `optax.adamax`. Kingma and Ba, Adam: A Method for Stochastic Optimization, arXiv:1412.6980, section 7.
 *
 * @example
 * const opt = optax.adamax(2e-3);
 */
export function adamax(learningRate: ScalarOrSchedule, options?: AdamaxOptions): GradientTransformation {
  withDefaults('optax.adamax', options, ADAMAX);
  return withRate('adamax', learningRate, options, (rate) => chain(scaleByAdamax(options), scaleByLearningRate(rate)));
}
signature(adamax, ['learningRate'], ADAMAX);

const ADAMAXW: Required<AdamaxOptions & DecayOptions> = { ...ADAMAX, weightDecay: 1e-4, mask: null };
/**
 * Adamax with decoupled weight decay (1e-4). As `optax.adamaxw`. Loshchilov and Hutter, arXiv:1711.05101.
 *
 * @example
 * const opt = optax.adamaxw(2e-3, { weightDecay: 0.01 });
 */
export function adamaxw(learningRate: ScalarOrSchedule, options?: AdamaxOptions & DecayOptions): GradientTransformation {
  const { weightDecay, mask, ...rest } = withDefaults('optax.adamaxw', options, ADAMAXW);
  return withRate('adamaxw', learningRate, options, (rate) => chain(scaleByAdamax(rest), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(rate)));
}
signature(adamaxw, ['learningRate'], ADAMAXW);
