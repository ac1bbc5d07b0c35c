/** Optimizers with Adam's averages, otherwise arranged: ACProp, AdEMAMix, ADOPT, MADGRAD, COCOB. */
import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import {
  checkScalar, materialize, namedTuple, requireParams, zeroCount, type GradientTransformation, type Params, type Scalar, type ScalarOrSchedule, type Schedule, type Updates,
} from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import { ScaleByBeliefState } from '../optimizers/adam-variants.js';
import { MOMENTS, ScaleByAdamState, overRoot, type DecayOptions, type MomentOptions } from '../optimizers/adam.js';
import { withRate } from '../optimizers/rate.js';
import { addDecayedWeights } from '../transforms/adding.js';
import { chain } from '../transforms/combining.js';
import { scaleByLearningRate } from '../transforms/scaling.js';
import { treeCast } from '../tree/dtypes.js';
import { treeAddScale, treeBiasCorrection, treeFullLike, treeMul, treeSub, treeUpdateMoment, treeZerosLike } from '../tree/math.js';

/** A number, or what a schedule says at a count. */
const valueAt = (x: ScalarOrSchedule, count: Array): Scalar => (typeof x === 'function' ? x(count) : x);

const ACPROP: Required<MomentOptions> = { b1: 0.9, b2: 0.999, eps: 1e-16, epsRoot: 1e-16 };
/**
 * ACProp's rescaling: g over the root of the variance known before it. As `optax.contrib.scale_by_acprop`. Zhuang et al.,
 * Momentum Centering and Asynchronous Update for Adaptive Gradient Methods, arXiv:2110.05454.
 *
 * @example
 * const opt = optax.chain(optax.contrib.scaleByAcprop(), optax.scale(-1e-3));
 */
export function scaleByAcprop(options?: MomentOptions): GradientTransformation {
  const { b1, b2, eps, epsRoot } = withDefaults('optax.contrib.scaleByAcprop', options, ACPROP);
  return {
    init: (params) => new ScaleByBeliefState({ count: zeroCount(), mu: treeZerosLike(params), nu: treeZerosLike(params) }),
    update(updates, state) {
      const grads = materialize(updates);
      const nu = tree.map((v: Array) => jnp.add(v, epsRoot), treeUpdateMoment(treeSub(grads, state.mu), state.nu, b2, 2));
      const first = state.count.eq(0);
      const count = safeIncrement(state.count);
      const known = tree.map((v: Array) => jnp.where(first, 1, v), treeBiasCorrection(state.nu, b2, jnp.where(first, count, state.count)));
      return [overRoot(grads, known, { eps, epsRoot: 0 }), new ScaleByBeliefState({ count, mu: treeUpdateMoment(grads, state.mu, b1, 1), nu })];
    },
  };
}
signature(scaleByAcprop, [], ACPROP);

const ACPROP_ALIAS: Required<MomentOptions & DecayOptions> = { ...ACPROP, weightDecay: 0, mask: null };
/**
 * ACProp. As `optax.contrib.acprop`. Zhuang et al., arXiv:2110.05454.
 *
 * @example
 * const opt = optax.contrib.acprop(1e-3);
 */
export function acprop(learningRate: ScalarOrSchedule, options?: MomentOptions & DecayOptions): GradientTransformation {
  const { weightDecay, mask, ...rest } = withDefaults('optax.contrib.acprop', options, ACPROP_ALIAS);
  return withRate('acprop', learningRate, options, (rate) => chain(scaleByAcprop(rest), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(rate)));
}
signature(acprop, ['learningRate'], ACPROP_ALIAS);

export const ScaleByAdemamixState = namedTuple<{ count: Array; countM2: Array; m1: Updates; m2: Updates; nu: Updates }>('ScaleByAdemamixState', ['count', 'countM2', 'm1', 'm2', 'nu']);
export interface AdemamixOptions extends MomentOptions {
  /** Decay of the slow average (0.9999), and its weight (6; 5 in `ademamix`); numbers or schedules. */
  b3?: ScalarOrSchedule;
  alpha?: ScalarOrSchedule;
  muDtype?: DType | null;
}
const ADEMAMIX: Required<AdemamixOptions> = { ...MOMENTS, b3: 0.9999, alpha: 6, muDtype: null };
/**
 * AdEMAMix's rescaling: Adam's, with a second, slow average of gradients. As `optax.contrib.scale_by_ademamix`. Pagliardini et
 * al., The AdEMAMix Optimizer, arXiv:2409.03137.
 *
 * @example
 * const opt = optax.chain(optax.contrib.scaleByAdemamix({ alpha: optax.linearSchedule(0, 6, 100) }), optax.scale(-1e-3));
 */
export function scaleByAdemamix(options?: AdemamixOptions): GradientTransformation {
  const { b1, b2, b3, alpha, muDtype: dtype, ...eps } = withDefaults('optax.contrib.scaleByAdemamix', options, ADEMAMIX);
  return {
    init: (params) => new ScaleByAdemamixState({
      count: zeroCount(), countM2: zeroCount(), m1: treeZerosLike(params, { dtype }), m2: treeZerosLike(params, { dtype }), nu: treeZerosLike(params, { dtype }),
    }),
    update(updates, state) {
      const m1 = treeUpdateMoment(updates, state.m1, b1, 1);
      const m2 = treeUpdateMoment(updates, state.m2, valueAt(b3, state.countM2), 1);
      const nu = treeUpdateMoment(updates, state.nu, b2, 2);
      const count = safeIncrement(state.count);
      const mixed = treeAddScale(treeBiasCorrection(m1, b1, count), valueAt(alpha, state.countM2), m2);
      // As in Optax, averages that began in a narrower dtype than the gradients' go on in theirs.
      return [overRoot(mixed, treeBiasCorrection(nu, b2, count), eps), new ScaleByAdemamixState({ count, countM2: safeIncrement(state.countM2), m1, m2, nu })];
    },
  };
}
signature(scaleByAdemamix, [], ADEMAMIX);

const ADEMAMIX_ALIAS: Required<AdemamixOptions & DecayOptions> = { ...ADEMAMIX, alpha: 5, weightDecay: 0, mask: null };
/**
 * AdEMAMix. As `optax.contrib.ademamix`. Pagliardini et al., The AdEMAMix Optimizer, arXiv:2409.03137.
 *
 * @example
 * const opt = optax.contrib.ademamix(1e-3);
 */
export function ademamix(learningRate: ScalarOrSchedule, options?: AdemamixOptions & DecayOptions): GradientTransformation {
  const { weightDecay, mask, ...rest } = withDefaults('optax.contrib.ademamix', options, ADEMAMIX_ALIAS);
  return withRate('ademamix', learningRate, options, (rate) => chain(scaleByAdemamix(rest), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(rate)));
}
signature(ademamix, ['learningRate'], ADEMAMIX_ALIAS);

export const ScaleBySimplifiedAdEMAMixState = namedTuple<{ t: Array; m: Updates; n: Updates }>('ScaleBySimplifiedAdEMAMixState', ['t', 'm', 'n']);
/** (0.99, 0.95, 1e-8, 0), and the weight of today's gradient (0), a number or a schedule. */
export interface SimplifiedAdemamixOptions extends MomentOptions { alpha?: ScalarOrSchedule }
const SIMPLIFIED: Required<SimplifiedAdemamixOptions> = { b1: 0.99, b2: 0.95, alpha: 0, eps: 1e-8, epsRoot: 0 };
/**
 * Simplified AdEMAMix's rescaling: a sum of gradients, and today's gradient once more. As
 * `optax.contrib.scale_by_simplified_ademamix`. Morwani et al., Connections between Schedule-Free Optimizers, AdEMAMix, and
 * Accelerated SGD Variants, arXiv:2502.02431.
 *
 * @example
 * const opt = optax.chain(optax.contrib.scaleBySimplifiedAdemamix({ alpha: 10 }), optax.scale(-1e-4));
 */
export function scaleBySimplifiedAdemamix(options?: SimplifiedAdemamixOptions): GradientTransformation {
  const { b1, b2, alpha, ...eps } = withDefaults('optax.contrib.scaleBySimplifiedAdemamix', options, SIMPLIFIED);
  return {
    init: (params) => new ScaleBySimplifiedAdEMAMixState({ t: zeroCount(), m: treeZerosLike(params), n: treeZerosLike(params) }),
    update(updates, state) {
      const g = materialize(updates);
      const squares = treeMul(g, g);
      const m = treeAddScale(g, b1, state.m);
      const n = treeAddScale(squares, b2, treeSub(state.n, squares));
      const t = safeIncrement(state.t);
      return [overRoot(treeAddScale(m, valueAt(alpha, state.t), g), treeBiasCorrection(n, b2, t), eps), new ScaleBySimplifiedAdEMAMixState({ t, m, n })];
    },
  };
}
signature(scaleBySimplifiedAdemamix, [], SIMPLIFIED);

const SIMPLIFIED_ALIAS: Required<SimplifiedAdemamixOptions & DecayOptions> = { ...SIMPLIFIED, weightDecay: 0, mask: null };
/**
 * Simplified AdEMAMix. As `optax.contrib.simplified_ademamix`. Morwani et al., arXiv:2502.02431.
 *
 * @example
 * const opt = optax.contrib.simplifiedAdemamix(1e-4, { alpha: 10 });
 */
export function simplifiedAdemamix(learningRate: ScalarOrSchedule, options?: SimplifiedAdemamixOptions & DecayOptions): GradientTransformation {
  const { weightDecay, mask, ...rest } = withDefaults('optax.contrib.simplifiedAdemamix', options, SIMPLIFIED_ALIAS);
  return withRate('simplifiedAdemamix', learningRate, options, (rate) =>
    chain(scaleBySimplifiedAdemamix(rest), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(rate)));
}
signature(simplifiedAdemamix, ['learningRate'], SIMPLIFIED_ALIAS);

export interface AdoptOptions {
  b1?: Scalar;
  b2?: Scalar;
  eps?: Scalar;
  muDtype?: DType | null;
  nesterov?: boolean;
  /** Limits what enters the average (true), to what the function says of the count (count^¼). */
  useClipping?: boolean;
  clipValueFn?: Schedule;
}
const ADOPT: Required<AdoptOptions> = {
  b1: 0.9, b2: 0.9999, eps: 1e-6, muDtype: null, nesterov: false, useClipping: true, clipValueFn: (count) => jnp.power(jnp.asarray(count, { dtype: 'float32' }), 0.25),
};
/**
 * ADOPT's rescaling: gradients are divided by the root known before them, then averaged. As `optax.contrib.scale_by_adopt`.
 * Taniguchi et al., ADOPT: Modified Adam Can Converge with Any β2 with the Optimal Rate, arXiv:2411.02853.
 *
 * @example
 * const opt = optax.chain(optax.contrib.scaleByAdopt(), optax.scale(-1e-3));
 */
export function scaleByAdopt(options?: AdoptOptions): GradientTransformation {
  const { b1, b2, eps, muDtype, nesterov, useClipping, clipValueFn } = withDefaults('optax.contrib.scaleByAdopt', options, ADOPT);
  return {
    init: (params) => new ScaleByAdamState({ count: zeroCount(), mu: treeZerosLike(params, { dtype: muDtype }), nu: treeZerosLike(params) }),
    update(updates, state) {
      const begun = state.count.gt(0);
      const [decay1, decay2] = [jnp.where(begun, b1, 1), jnp.where(begun, b2, 0)];
      const grads = materialize(updates);
      const nu = treeUpdateMoment(grads, state.nu, decay2, 2);
      const limit = useClipping ? clipValueFn(state.count) : null;
      const scaled = tree.map((g: Array, v: Array) => {
        const ratio = g.div(jnp.maximum(jnp.sqrt(v), eps));
        return limit === null ? ratio : jnp.clip(ratio, jnp.negative(jnp.asarray(limit, { dtype: ratio.dtype })), jnp.asarray(limit, { dtype: ratio.dtype }));
      }, grads, state.nu);
      const mu = treeUpdateMoment(scaled, state.mu, decay1, 1);
      const out = nesterov ? treeUpdateMoment(scaled, mu, decay1, 1) : mu;
      return [out, new ScaleByAdamState({ count: safeIncrement(state.count), mu: treeCast(mu, muDtype), nu })];
    },
  };
}
signature(scaleByAdopt, [], ADOPT);

/**
 * ADOPT. As `optax.contrib.adopt`. Taniguchi et al., arXiv:2411.02853.
 *
 * @example
 * const opt = optax.contrib.adopt(1e-3);
 */
export function adopt(learningRate: ScalarOrSchedule, options?: AdoptOptions): GradientTransformation {
  withDefaults('optax.contrib.adopt', options, ADOPT);
  return withRate('adopt', learningRate, options, (rate) => chain(scaleByAdopt(options), scaleByLearningRate(rate)));
}
signature(adopt, ['learningRate'], ADOPT);

export const MadgradState = namedTuple<{ count: Array; gradSumSq: Updates; s: Updates; x0: Params }>('MadgradState', ['count', 'gradSumSq', 's', 'x0']);
const MADGRAD = { momentum: 0.9 as Scalar, eps: 1e-6 as Scalar };
/**
 * MADGRAD's updates: dual averaging of gradients from the first parameters, over the cube root of summed squares. As
 * `optax.contrib.scale_by_madgrad`. Defazio and Jelassi, Adaptivity without Compromise, arXiv:2101.11075.
 *
 * @example
 * const opt = optax.contrib.scaleByMadgrad(0.01);
 */
export function scaleByMadgrad(learningRate: ScalarOrSchedule, options?: { momentum?: Scalar; eps?: Scalar }): GradientTransformation {
  const { momentum, eps } = withDefaults('optax.contrib.scaleByMadgrad', options, MADGRAD);
  checkScalar('optax.contrib.scaleByMadgrad', 'the learning rate', learningRate);
  return {
    init: (params) => new MadgradState({ count: zeroCount(), gradSumSq: treeZerosLike(params), s: treeZerosLike(params), x0: params }),
    update(updates, state, params) {
      requireParams('optax.contrib.scaleByMadgrad', params);
      const grads = materialize(updates);
      const weight = jnp.multiply(jnp.add(valueAt(learningRate, state.count), eps), jnp.sqrt(state.count.add(1).astype('float32')));
      const gradSumSq = tree.map((sum: Array, g: Array) => sum.add(jnp.multiply(weight, jnp.square(g)).astype(g.dtype)), state.gradSumSq, grads);
      const s = tree.map((sum: Array, g: Array) => sum.add(jnp.multiply(weight, g).astype(g.dtype)), state.s, grads);
      const out = tree.map((x0: Array, sum: Array, squares: Array, p: Array) => {
        const z = x0.sub(sum.div(jnp.add(jnp.cbrt(squares), eps)));
        return jnp.multiply(jnp.subtract(1, momentum), z).add(jnp.multiply(momentum, p)).sub(p);
      }, state.x0, s, gradSumSq, params);
      return [out, new MadgradState({ count: safeIncrement(state.count), gradSumSq, s, x0: state.x0 })];
    },
  };
}
signature(scaleByMadgrad, ['learningRate'], MADGRAD);

const MADGRAD_ALIAS = { ...MADGRAD, weightDecay: 0 as ScalarOrSchedule };
/**
 * MADGRAD. As `optax.contrib.madgrad`. Defazio and Jelassi, Adaptivity without Compromise, arXiv:2101.11075.
 *
 * @example
 * const opt = optax.contrib.madgrad(0.01, { weightDecay: 1e-4 });
 */
export function madgrad(learningRate: ScalarOrSchedule, options?: { momentum?: Scalar; weightDecay?: ScalarOrSchedule; eps?: Scalar }): GradientTransformation {
  const { weightDecay, ...rest } = withDefaults('optax.contrib.madgrad', options, MADGRAD_ALIAS);
  return withRate('madgrad', learningRate, options, (rate) => chain(addDecayedWeights({ weightDecay }), scaleByMadgrad(rate, rest)));
}
signature(madgrad, ['learningRate'], MADGRAD_ALIAS);

export const COCOBState = namedTuple<{ initParticles: Params; cumulativeGradients: Updates; scale: Updates; subgradients: Updates; reward: Updates }>(
  'COCOBState', ['initParticles', 'cumulativeGradients', 'scale', 'subgradients', 'reward']);
const COCOB = { alpha: 100 as Scalar, eps: 1e-8 as Scalar };
/**
 * COCOB's updates: bets on the sign of every gradient with what was won so far; there is no learning rate. As
 * `optax.contrib.scale_by_cocob`. Orabona and Tommasi, Training Deep Networks without Learning Rates Through Coin Betting,
 * arXiv:1705.07795.
 *
 * @example
 * const opt = optax.contrib.scaleByCocob();
 */
export function scaleByCocob(options?: { alpha?: Scalar; eps?: Scalar }): GradientTransformation {
  const { alpha, eps } = withDefaults('optax.contrib.scaleByCocob', options, COCOB);
  return {
    init: (params) => new COCOBState({
      initParticles: params, cumulativeGradients: treeZerosLike(params), scale: treeFullLike(params, eps), subgradients: treeZerosLike(params), reward: treeZerosLike(params),
    }),
    update(updates, state, params) {
      requireParams('optax.contrib.scaleByCocob', params);
      const grads = materialize(updates);
      const scale = tree.map((l: Array, c: Array) => jnp.maximum(l, jnp.abs(c)), state.scale, grads);
      const subgradients = tree.map((sum: Array, c: Array) => sum.add(jnp.abs(c)), state.subgradients, grads);
      const reward = tree.map((r: Array, c: Array, p: Array, p0: Array) => jnp.maximum(r.sub(c.mul(p.sub(p0))), 0), state.reward, grads, params, state.initParticles);
      const cumulativeGradients = treeSub(state.cumulativeGradients, grads);
      const out = tree.map((p: Array, p0: Array, c: Array, l: Array, g: Array, r: Array) => {
        const bet = c.div(l.mul(jnp.maximum(g.add(l), jnp.multiply(alpha, l)))).mul(l.add(r));
        return p0.add(bet).sub(p);
      }, params, state.initParticles, cumulativeGradients, scale, subgradients, reward);
      return [out, new COCOBState({ initParticles: state.initParticles, cumulativeGradients, scale, subgradients, reward })];
    },
  };
}
signature(scaleByCocob, [], COCOB);

const COCOB_ALIAS: Required<{ learningRate: ScalarOrSchedule } & DecayOptions> & typeof COCOB = { learningRate: 1, ...COCOB, weightDecay: 0, mask: null };
/**
 * COCOB. As `optax.contrib.cocob`. Orabona and Tommasi, arXiv:1705.07795.
 *
 * @example
 * const opt = optax.contrib.cocob();
 *
 * @param options `learningRate` (1) scales the gradients, `alpha` (100), `eps` (1e-8), `weightDecay` (0), `mask`
 */
export function cocob(options?: { learningRate?: ScalarOrSchedule; alpha?: Scalar; eps?: Scalar } & DecayOptions): GradientTransformation {
  const { learningRate, weightDecay, mask, ...rest } = withDefaults('optax.contrib.cocob', options, COCOB_ALIAS);
  return withRate('cocob', learningRate, options, (rate) =>
    chain(addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(rate, { flipSign: false }), scaleByCocob(rest)));
}
signature(cocob, [], COCOB_ALIAS);
