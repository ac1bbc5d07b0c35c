/** Optimizers that find their learning rate: D-Adaptation, Prodigy, DoG and DoWG, Mechanic. */
import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import {
  checkScalar, checkTransformation, identity, materialize, namedTuple, requireParams, zeroCount,
  type GradientTransformation, type OptState, type Params, type Scalar, type ScalarOrSchedule, type Updates,
} from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import type { DecayOptions } from '../optimizers/adam.js';
import { withRate } from '../optimizers/rate.js';
import { addDecayedWeights } from '../transforms/adding.js';
import { chain } from '../transforms/combining.js';
import { scaleByLearningRate } from '../transforms/scaling.js';
import { treeDtype } from '../tree/dtypes.js';
import { biasOf, treeNorm, treeScale, treeSub, treeSum, treeVdot, treeZerosLike } from '../tree/math.js';

/** The dtype of numbers that are kept for all parameters together. */
export const lowestDtype = (params: Params) => treeDtype(params, { mixedDtypeHandler: 'lowest' });
export const scalarOf = (value: number, params: Params): Array => jnp.full([], value, { dtype: lowestDtype(params) });
const valueAt = (x: ScalarOrSchedule, count: Array): Scalar => (typeof x === 'function' ? x(count) : x);
/** √(1 - b2ᵗ) / (1 - b1ᵗ) */
const adamCorrection = (b1: number, b2: number, count: Array): Array => jnp.sqrt(biasOf(b2, count, 'float32')).div(biasOf(b1, count, 'float32'));

export const DAdaptAdamWState = namedTuple<{ expAvg: Updates; expAvgSq: Updates; gradSum: Updates; estimLr: Array; numeratorWeighted: Array; count: Array }>(
  'DAdaptAdamWState', ['expAvg', 'expAvgSq', 'gradSum', 'estimLr', 'numeratorWeighted', 'count']);
const DADAPT = { learningRate: 1 as ScalarOrSchedule, betas: [0.9, 0.999] as readonly [number, number], eps: 1e-8 as Scalar, estimLr0: 1e-6, weightDecay: 0 as Scalar };
/**
 * AdamW by D-Adaptation: the learning rate grows from `estimLr0` (1e-6) to what the distance to the solution asks for. As
 * `optax.contrib.dadapt_adamw`. Defazio and Mishchenko, Learning-Rate-Free Learning by D-Adaptation, arXiv:2301.07733.
 *
 * @example
 * const opt = optax.contrib.dadaptAdamw({ weightDecay: 0.01 });
 */
export function dadaptAdamw(options?: Partial<typeof DADAPT>): GradientTransformation {
  const { learningRate, betas: [b1, b2], eps, estimLr0, weightDecay } = withDefaults('optax.contrib.dadaptAdamw', options, DADAPT);
  const sb2 = Math.sqrt(b2);
  return withRate('dadaptAdamw', learningRate, options, (rate) => ({
    init: (params) => new DAdaptAdamWState({
      expAvg: treeZerosLike(params), expAvgSq: treeZerosLike(params), gradSum: treeZerosLike(params), estimLr: scalarOf(estimLr0, params),
      numeratorWeighted: scalarOf(0, params), count: zeroCount(),
    }),
    update(updates, state, params) {
      requireParams('optax.contrib.dadaptAdamw', params);
      const grads = materialize(updates);
      const count = safeIncrement(state.count);
      const dtype = state.numeratorWeighted.dtype;
      const dlr = jnp.multiply(jnp.multiply(state.estimLr, valueAt(rate as ScalarOrSchedule, state.count)), adamCorrection(b1, b2, count)).astype(dtype);
      const weighted = tree.map((s: Array, v: Array) => s.div(jnp.add(jnp.sqrt(v), eps)), state.gradSum, state.expAvgSq);
      const gained = treeVdot(grads, weighted);
      const expAvg = tree.map((m: Array, g: Array) => m.mul(b1).add(dlr.mul(1 - b1).mul(g)).astype(m.dtype), state.expAvg, grads);
      const expAvgSq = tree.map((v: Array, g: Array) => v.mul(b2).add(jnp.multiply(1 - b2, g).mul(g)).astype(v.dtype), state.expAvgSq, grads);
      const gradSum = tree.map((s: Array, g: Array) => s.mul(sb2).add(dlr.mul(1 - sb2).mul(g)).astype(s.dtype), state.gradSum, grads);
      const numeratorWeighted = state.numeratorWeighted.mul(sb2).add(dlr.mul(1 - sb2).mul(gained)).astype(dtype);
      const estimate = numeratorWeighted.div(treeSum(tree.map(jnp.abs, gradSum)).mul(1 - sb2));
      const out = tree.map((m: Array, v: Array, p: Array) => jnp.multiply(dlr, p).mul(jnp.negative(weightDecay)).sub(m.div(jnp.add(jnp.sqrt(v), eps))), expAvg, expAvgSq, params);
      return [out, new DAdaptAdamWState({ expAvg, expAvgSq, gradSum, estimLr: jnp.maximum(state.estimLr, estimate).astype(dtype), numeratorWeighted, count })];
    },
  }));
}
signature(dadaptAdamw, [], DADAPT);

export const ProdigyState = namedTuple<{ expAvg: Updates; expAvgSq: Updates; gradSum: Updates; params0: Params; estimLr: Array; numeratorWeighted: Array; count: Array }>(
  'ProdigyState', ['expAvg', 'expAvgSq', 'gradSum', 'params0', 'estimLr', 'numeratorWeighted', 'count']);
const PRODIGY = {
  learningRate: 1 as ScalarOrSchedule, betas: [0.9, 0.999] as readonly [number, number], beta3: null as number | null, eps: 1e-8 as Scalar, estimLr0: 1e-6, estimLrCoef: 1 as Scalar,
  weightDecay: 0 as Scalar, safeguardWarmup: false,
};
/**
 * Prodigy: D-Adaptation that finds the rate faster. As `optax.contrib.prodigy`. Mishchenko and Defazio, Prodigy: An
 * Expeditiously Adaptive Parameter-Free Learner, arXiv:2306.06101.
 *
 * @example
 * const opt = optax.contrib.prodigy({ weightDecay: 0.01, safeguardWarmup: true });
 *
 * @param options `beta3` (√b2): decay of the estimate; `estimLrCoef` (1): its factor; `safeguardWarmup`: for schedules that
 * begin near zero
 */
export function prodigy(options?: Partial<typeof PRODIGY>): GradientTransformation {
  const { learningRate, betas: [b1, b2], beta3, eps, estimLr0, estimLrCoef, weightDecay, safeguardWarmup } = withDefaults('optax.contrib.prodigy', options, PRODIGY);
  const b3 = beta3 ?? Math.sqrt(b2);
  return withRate('prodigy', learningRate, options, (rate) => ({
    init: (params) => new ProdigyState({
      expAvg: treeZerosLike(params), expAvgSq: treeZerosLike(params), gradSum: treeZerosLike(params), params0: params, estimLr: scalarOf(estimLr0, params),
      numeratorWeighted: scalarOf(0, params), count: zeroCount(),
    }),
    update(updates, state, params) {
      requireParams('optax.contrib.prodigy', params);
      const grads = materialize(updates);
      const count = safeIncrement(state.count);
      const { estimLr } = state;
      const { dtype } = estimLr;
      const dlr = jnp.multiply(jnp.multiply(estimLr, valueAt(rate as ScalarOrSchedule, state.count)), adamCorrection(b1, b2, count)).astype(dtype);
      const dg = tree.map((g: Array) => estimLr.mul(g), grads);
      const gained = treeVdot(grads, treeSub(state.params0, params));
      const expAvg = tree.map((m: Array, d: Array) => m.mul(b1).add(d.mul(1 - b1)), state.expAvg, dg);
      const expAvgSq = tree.map((v: Array, d: Array) => v.mul(b2).add(d.mul(1 - b2).mul(d)), state.expAvgSq, dg);
      const gradSum = tree.map((s: Array, d: Array) => s.mul(b3).add((safeguardWarmup ? estimLr : dlr).mul(d).div(estimLr0)), state.gradSum, dg);
      const numeratorWeighted = state.numeratorWeighted.mul(b3).add(estimLr.div(estimLr0).mul(dlr).mul(gained)).astype(dtype);
      const estimate = jnp.multiply(estimLrCoef, numeratorWeighted).div(treeSum(tree.map(jnp.abs, gradSum)));
      const next = jnp.maximum(estimLr, estimate).astype(dtype);
      const out = tree.map((m: Array, v: Array, p: Array) =>
        jnp.multiply(dlr, p).mul(jnp.negative(weightDecay)).sub(dlr.mul(m).div(jnp.sqrt(v).add(next.mul(eps)))), expAvg, expAvgSq, params);
      return [out, new ProdigyState({ expAvg, expAvgSq, gradSum, params0: state.params0, estimLr: next, numeratorWeighted, count })];
    },
  }));
}
signature(prodigy, [], PRODIGY);

export const DoGState = namedTuple<{ isInitStep: Array; initParams: Params; maxDist: Array; sumSqNormGrads: Array }>('DoGState', ['isInitStep', 'initParams', 'maxDist', 'sumSqNormGrads']);
export type InitStep = readonly ['distance' | 'heuristic' | 'learning_rate', number];
function scaleByDog([kind, first]: InitStep, eps: Scalar): GradientTransformation {
  if (!['distance', 'heuristic', 'learning_rate'].includes(kind)) throw new ValueError(`optax.contrib.dog: initStep must be ['distance' | 'heuristic' | 'learning_rate', number], but begins with '${String(kind)}'.`);
  return {
    init: (params) => new DoGState({
      isInitStep: jnp.ones([], { dtype: 'bool' }), initParams: params, sumSqNormGrads: scalarOf(0, params),
      maxDist: kind === 'heuristic' ? treeNorm(params).add(1).mul(first).astype(lowestDtype(params)) : scalarOf(kind === 'distance' ? first : 0, params),
    }),
    update(updates, state, params) {
      requireParams('optax.contrib.dog', params);
      const maxDist = jnp.maximum(state.maxDist, treeNorm(treeSub(state.initParams, params))).astype(state.maxDist.dtype);
      const sumSqNormGrads = state.sumSqNormGrads.add(treeNorm(updates, { squared: true })).astype(state.sumSqNormGrads.dtype);
      const rate = maxDist.div(jnp.sqrt(jnp.add(sumSqNormGrads, eps)));
      const used = kind === 'learning_rate' ? jnp.where(state.isInitStep, first, rate) : rate;
      return [treeScale(used, updates), new DoGState({ isInitStep: jnp.zeros([], { dtype: 'bool' }), initParams: state.initParams, maxDist, sumSqNormGrads })];
    },
  };
}
const decayIf = (weightDecay: ScalarOrSchedule | null, mask: DecayOptions['mask']): GradientTransformation => (weightDecay === null ? identity() : addDecayedWeights({ weightDecay, mask }));

const DOG = { learningRate: 1 as ScalarOrSchedule, initStep: ['heuristic', 1e-6] as InitStep, eps: 1e-8 as Scalar, weightDecay: null as ScalarOrSchedule | null, mask: null as DecayOptions['mask'] };
/**
 * Distance over gradients: the step size is the greatest distance from the start over the root of summed squared gradients.
 * As `optax.contrib.dog`. Ivgi et al., DoG is SGD's Best Friend, arXiv:2302.12022.
 *
 * @example
 * const opt = optax.contrib.dog();
 *
 * @param options `initStep` (['heuristic', 1e-6]): the first distance, itself, relative to 1 + ‖params‖, or by a learning rate
 */
export function dog(options?: Partial<typeof DOG>): GradientTransformation {
  const { learningRate, initStep, eps, weightDecay, mask } = withDefaults('optax.contrib.dog', options, DOG);
  return withRate('dog', learningRate, options, (rate) => chain(decayIf(weightDecay, mask), scaleByDog(initStep, eps), scaleByLearningRate(rate)));
}
signature(dog, [], DOG);

export const DoWGState = namedTuple<{ initParams: Params; weightedSqNormGrads: Array; estimSqDist: Array }>('DoWGState', ['initParams', 'weightedSqNormGrads', 'estimSqDist']);
function scaleByDowg(initEstimSqDist: number, eps: Scalar): GradientTransformation {
  return {
    init: (params) => new DoWGState({ initParams: params, weightedSqNormGrads: scalarOf(0, params), estimSqDist: scalarOf(initEstimSqDist, params) }),
    update(updates, state, params) {
      requireParams('optax.contrib.dowg', params);
      const estimSqDist = jnp.maximum(state.estimSqDist, treeNorm(treeSub(state.initParams, params), { squared: true })).astype(state.estimSqDist.dtype);
      const weightedSqNormGrads = estimSqDist.mul(treeNorm(updates, { squared: true })).add(state.weightedSqNormGrads).astype(state.weightedSqNormGrads.dtype);
      return [treeScale(estimSqDist.div(jnp.add(jnp.sqrt(weightedSqNormGrads), eps)), updates), new DoWGState({ initParams: state.initParams, weightedSqNormGrads, estimSqDist })];
    },
  };
}
const DOWG = { learningRate: 1 as ScalarOrSchedule, initEstimSqDist: null as number | null, eps: 1e-4, weightDecay: null as ScalarOrSchedule | null, mask: null as DecayOptions['mask'] };
/**
 * Distance over weighted gradients. As `optax.contrib.dowg`. Khaled et al., DoWG Unleashed, arXiv:2305.16284.
 *
 * @example
 * const opt = optax.contrib.dowg();
 *
 * @param options `initEstimSqDist` (eps): the first squared distance
 */
export function dowg(options?: Partial<typeof DOWG>): GradientTransformation {
  const { learningRate, initEstimSqDist, eps, weightDecay, mask } = withDefaults('optax.contrib.dowg', options, DOWG);
  return withRate('dowg', learningRate, options, (rate) => chain(decayIf(weightDecay, mask), scaleByDowg(initEstimSqDist ?? eps, eps), scaleByLearningRate(rate)));
}
signature(dowg, [], DOWG);

export const MechanicState = namedTuple<{ baseOptimizerState: OptState; count: Array; r: Array; m: Array; v: Array; s: Array; x0: Params }>(
  'MechanicState', ['baseOptimizerState', 'count', 'r', 'm', 'v', 's', 'x0']);
const MECHANIC = { weightDecay: 0.01 as Scalar, eps: 1e-8 as Scalar, sInit: 1e-6, numBetas: 6 };
/**
 * Finds the factor of another optimizer's updates. As `optax.contrib.mechanize`. Cutkosky et al., Mechanic: A Learning Rate
 * Tuner, arXiv:2306.00144.
 *
 * @example
 * const opt = optax.contrib.mechanize(optax.adam(1));
 *
 * @param options `weightDecay` (0.01), `eps` (1e-8), `sInit` (1e-6): the first factor, `numBetas` (6)
 */
export function mechanize(baseOptimizer: GradientTransformation, options?: Partial<typeof MECHANIC>): GradientTransformation {
  const { weightDecay, eps, sInit, numBetas } = withDefaults('optax.contrib.mechanize', options, MECHANIC);
  checkTransformation('optax.contrib.mechanize', baseOptimizer);
  checkScalar('optax.contrib.mechanize', 'numBetas', numBetas);
  const betas = globalThis.Array.from({ length: numBetas }, (_, i) => 1 - 0.1 ** (i + 1));
  return {
    init(params) {
      const dtype = lowestDtype(params);
      const zeros = () => jnp.zeros([numBetas], { dtype });
      return new MechanicState({ baseOptimizerState: baseOptimizer.init(params), count: zeroCount(), r: zeros(), m: zeros(), v: zeros(), s: jnp.full([numBetas], sInit, { dtype }), x0: params });
    },
    update(updates, state, params, extraArgs) {
      requireParams('optax.contrib.mechanize', params);
      const { dtype } = state.s;
      const [inner, baseOptimizerState] = baseOptimizer.update(updates, state.baseOptimizerState, params, extraArgs);
      const x0 = tree.map((start: Array, p: Array) => jnp.where(state.count.eq(0), p, start), state.x0, params);
      const sum = jnp.sum(state.s);
      const decay = jnp.multiply(weightDecay, sum).mul(treeNorm(updates)).div(jnp.add(treeNorm(params), eps));
      const decayed = tree.map((g: Array, p: Array) => g.add(decay.mul(p)), materialize(updates), params);
      const before = tree.map((p: Array, start: Array) => start.sub(p).div(jnp.add(sum, eps)), params, x0);
      const delta = treeSub(before, materialize(inner));
      const h = treeVdot(decayed, before).astype(dtype);
      const b = jnp.array(betas, { dtype });
      const m = jnp.maximum(b.mul(state.m), jnp.add(jnp.abs(h), eps)).astype(dtype);
      const v = jnp.square(b).mul(state.v).add(jnp.square(h)).astype(dtype);
      const clipped = jnp.clip(h, jnp.negative(state.m), state.m);
      const r = b.mul(state.r).add(clipped.mul(state.s)).astype(dtype);
      const s = m.mul(sInit / numBetas).add(jnp.maximum(0, r)).div(jnp.add(jnp.sqrt(v), eps)).astype(dtype);
      const factor = jnp.sum(s);
      const out = tree.map((start: Array, d: Array, p: Array) => start.sub(factor.mul(d)).sub(p), x0, delta, params);
      return [out, new MechanicState({ baseOptimizerState, count: safeIncrement(state.count), r, m, v, s, x0 })];
    },
  };
}
signature(mechanize, ['baseOptimizer'], MECHANIC);
