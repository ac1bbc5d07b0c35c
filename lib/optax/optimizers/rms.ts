/** Optimizers that divide by a root of squared gradients, and no more: AdaGrad, RMSProp, Adadelta, SM3, NovoGrad. */
import { lax, numpy as jnp, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { materialize, namedTuple, oneMinus, requireParams, zeroCount, type GradientTransformation, type Params, type Scalar, type ScalarOrSchedule, type Updates } from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import { addDecayedWeights } from '../transforms/adding.js';
import { chain } from '../transforms/combining.js';
import type { Mask } from '../transforms/masking.js';
import { scale, scaleByLearningRate } from '../transforms/scaling.js';
import { treeCast } from '../tree/dtypes.js';
import { treeBiasCorrection, treeFullLike, treeUpdateMoment, treeZerosLike } from '../tree/math.js';
import { withRate } from './rate.js';
import { traceIf } from './sgd.js';

export const ScaleByRssState = namedTuple<{ sumOfSquares: Updates }>('ScaleByRssState', ['sumOfSquares']);
const RSS = { initialAccumulatorValue: 0.1 as Scalar, eps: 1e-7 as Scalar };
type RssOptions = Partial<typeof RSS>;
/** 1 / √(t + eps), and 0 for nothing. */
const inverseRoot = (t: Array, eps: Scalar): Array => jnp.where(t.gt(0), lax.rsqrt(jnp.add(t, eps)), 0);

/**
 * AdaGrad's rescaling: g / √(Σ g² + eps), where the sum begins with `initialAccumulatorValue` (0.1). As
 * `optax.scale_by_rss`. Duchi et al., Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, 2011.
 *
 * @example
 * const opt = optax.chain(optax.scaleByRss(), optax.scale(-0.1));
 */
export function scaleByRss(options?: RssOptions): GradientTransformation {
  const { initialAccumulatorValue, eps } = withDefaults('optax.scaleByRss', options, RSS);
  return {
    init: (params) => new ScaleByRssState({ sumOfSquares: treeFullLike(params, initialAccumulatorValue) }),
    update(updates, state) {
      const grads = materialize(updates);
      const sumOfSquares = tree.map((g: Array, t: Array) => jnp.square(g).add(t), grads, state.sumOfSquares);
      return [tree.map((t: Array, g: Array) => inverseRoot(t, eps).mul(g), sumOfSquares, grads), new ScaleByRssState({ sumOfSquares })];
    },
  };
}
signature(scaleByRss, [], RSS);

/**
 * AdaGrad. As `optax.adagrad`. Duchi et al., Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, 2011.
 *
 * @example
 * const opt = optax.adagrad(0.1);
 */
export function adagrad(learningRate: ScalarOrSchedule, options?: RssOptions): GradientTransformation {
  withDefaults('optax.adagrad', options, RSS);
  return withRate('adagrad', learningRate, options, (rate) => chain(scaleByRss(options), scaleByLearningRate(rate)));
}
signature(adagrad, ['learningRate'], RSS);

export const ScaleByRmsState = namedTuple<{ nu: Updates }>('ScaleByRmsState', ['nu']);
export const ScaleByRmsWithCountState = namedTuple<{ count: Array; nu: Updates }>('ScaleByRmsWithCountState', ['count', 'nu']);
export const ScaleByRStdDevState = namedTuple<{ mu: Updates; nu: Updates }>('ScaleByRStdDevState', ['mu', 'nu']);
export const ScaleByRStdDevWithCountState = namedTuple<{ count: Array; mu: Updates; nu: Updates }>('ScaleByRStdDevWithCountState', ['count', 'mu', 'nu']);

export interface ScaleByRmsOptions {
  /** Decay of the average of squares (0.9). */
  decay?: Scalar;
  /** Added under the root, or to it (1e-8). */
  eps?: Scalar;
  /** What the average begins with (0). */
  initialScale?: Scalar;
  /** Whether eps stands under the root (true). */
  epsInSqrt?: boolean;
  /** Takes out the pull towards the beginning (false). */
  biasCorrection?: boolean;
}
const RMS: Required<ScaleByRmsOptions> = { decay: 0.9, eps: 1e-8, initialScale: 0, epsInSqrt: true, biasCorrection: false };
const dividedByRoot = (squares: Updates, grads: Updates, { eps, epsInSqrt }: { eps: Scalar; epsInSqrt: boolean }): Updates =>
  tree.map((n: Array, g: Array) => jnp.multiply(epsInSqrt ? lax.rsqrt(jnp.add(n, eps)) : jnp.divide(1, jnp.add(jnp.sqrt(n), eps)), g), squares, grads);

/**
 * RMSProp's rescaling: g / √(average of g² + eps). As `optax.scale_by_rms`. Hinton, Overview of mini-batch gradient descent,
 * 2012.
 *
 * @example
 * const opt = optax.chain(optax.scaleByRms({ decay: 0.99 }), optax.scale(-0.01));
 */
export function scaleByRms(options?: ScaleByRmsOptions): GradientTransformation {
  const { decay, initialScale, biasCorrection, ...eps } = withDefaults('optax.scaleByRms', options, RMS);
  const state = (count: Array, nu: Updates) => (biasCorrection ? new ScaleByRmsWithCountState({ count, nu }) : new ScaleByRmsState({ nu }));
  return {
    init: (params) => state(zeroCount(), treeFullLike(params, initialScale)),
    update(updates, before) {
      const nu = treeUpdateMoment(updates, before.nu, decay, 2);
      const count = biasCorrection ? safeIncrement(before.count) : zeroCount();
      return [dividedByRoot(biasCorrection ? treeBiasCorrection(nu, decay, count) : nu, materialize(updates), eps), state(count, nu)];
    },
  };
}
signature(scaleByRms, [], RMS);

/**
 * RMSProp's rescaling by the deviation: g / √(average of g² - (average of g)² + eps). As `optax.scale_by_stddev`. Graves,
 * Generating Sequences With Recurrent Neural Networks, arXiv:1308.0850.
 *
 * @example
 * const opt = optax.chain(optax.scaleByStddev(), optax.scale(-0.01));
 */
export function scaleByStddev(options?: ScaleByRmsOptions): GradientTransformation {
  const { decay, initialScale, biasCorrection, ...eps } = withDefaults('optax.scaleByStddev', options, RMS);
  const state = (count: Array, mu: Updates, nu: Updates) => (biasCorrection ? new ScaleByRStdDevWithCountState({ count, mu, nu }) : new ScaleByRStdDevState({ mu, nu }));
  return {
    init: (params) => state(zeroCount(), treeZerosLike(params), treeFullLike(params, initialScale)),
    update(updates, before) {
      const mu = treeUpdateMoment(updates, before.mu, decay, 1);
      const nu = treeUpdateMoment(updates, before.nu, decay, 2);
      const count = biasCorrection ? safeIncrement(before.count) : zeroCount();
      const correct = (x: Updates) => (biasCorrection ? treeBiasCorrection(x, decay, count) : x);
      const variance = tree.map((m: Array, n: Array) => n.sub(jnp.square(m)), correct(mu), correct(nu));
      return [dividedByRoot(variance, materialize(updates), eps), state(count, mu, nu)];
    },
  };
}
signature(scaleByStddev, [], RMS);

/** RMSProp's options, the deviation instead of the root (false), and momentum. */
export interface RmspropOptions extends ScaleByRmsOptions { centered?: boolean; momentum?: Scalar | null; nesterov?: boolean }
const RMSPROP: Required<RmspropOptions> = { ...RMS, centered: false, momentum: null, nesterov: false };
/**
 * RMSProp. As `optax.rmsprop`. Hinton, Overview of mini-batch gradient descent, 2012; with `centered`, Graves,
 * arXiv:1308.0850.
 *
 * @example
 * const opt = optax.rmsprop(1e-3, { momentum: 0.9 });
 */
export function rmsprop(learningRate: ScalarOrSchedule, options?: RmspropOptions): GradientTransformation {
  const { centered, momentum, nesterov, ...rest } = withDefaults('optax.rmsprop', options, RMSPROP);
  return withRate('rmsprop', learningRate, options, (rate) =>
    chain((centered ? scaleByStddev : scaleByRms)(rest), scaleByLearningRate(rate), traceIf(momentum, { nesterov })));
}
signature(rmsprop, ['learningRate'], RMSPROP);

export const ScaleByAdaDeltaState = namedTuple<{ eG: Updates; eX: Updates }>('ScaleByAdaDeltaState', ['eG', 'eX']);
const ADADELTA = { rho: 0.9 as Scalar, eps: 1e-6 as Scalar };
/**
 * Adadelta's rescaling: g · √(average of squared updates + eps) / √(average of g² + eps). As `optax.scale_by_adadelta`.
 * Zeiler, ADADELTA: An Adaptive Learning Rate Method, arXiv:1212.5701.
 *
 * @example
 * const opt = optax.chain(optax.scaleByAdadelta(), optax.scale(-1));
 */
export function scaleByAdadelta(options?: { rho?: Scalar; eps?: Scalar }): GradientTransformation {
  const { rho, eps } = withDefaults('optax.scaleByAdadelta', options, ADADELTA);
  return {
    init: (params) => new ScaleByAdaDeltaState({ eG: treeZerosLike(params), eX: treeZerosLike(params) }),
    update(updates, state) {
      const eG = treeUpdateMoment(updates, state.eG, rho, 2);
      const scaled = tree.map((g: Array, now: Array, before: Array) => jnp.sqrt(jnp.add(before, eps)).div(jnp.sqrt(jnp.add(now, eps))).mul(g), materialize(updates), eG, state.eX);
      return [scaled, new ScaleByAdaDeltaState({ eG, eX: treeUpdateMoment(scaled, state.eX, rho, 2) })];
    },
  };
}
signature(scaleByAdadelta, [], ADADELTA);

export interface AdadeltaOptions { learningRate?: ScalarOrSchedule | null; rho?: Scalar; eps?: Scalar; weightDecay?: ScalarOrSchedule; weightDecayMask?: Mask | null }
const ADADELTA_ALIAS: Required<AdadeltaOptions> = { learningRate: null, ...ADADELTA, weightDecay: 0, weightDecayMask: null };
/**
 * Adadelta. As `optax.adadelta`. Zeiler, ADADELTA: An Adaptive Learning Rate Method, arXiv:1212.5701.
 *
 * @example
 * const opt = optax.adadelta({ learningRate: 1 });
 *
 * @param options `learningRate`: nothing is scaled, nor its sign changed, where it is left out; `rho` (0.9), `eps` (1e-6),
 * `weightDecay` (0), `weightDecayMask`
 */
export function adadelta(options?: AdadeltaOptions): GradientTransformation {
  const { learningRate, weightDecay, weightDecayMask: mask, ...rest } = withDefaults('optax.adadelta', options, ADADELTA_ALIAS);
  return withRate('adadelta', learningRate, options, (rate) => chain(addDecayedWeights({ weightDecay, mask }), scaleByAdadelta(rest), scaleByLearningRate(rate)));
}
signature(adadelta, [], ADADELTA_ALIAS);

export const ScaleBySM3State = namedTuple<{ mu: Params; nu: Updates }>('ScaleBySM3State', ['mu', 'nu']);
const SM3 = { b1: 0.9 as Scalar, b2: 1 as Scalar, eps: 1e-8 as Scalar };
/**
 * SM3's rescaling: AdaGrad's, with one accumulator a row of every axis instead of one a number. As `optax.scale_by_sm3`.
 * Anil et al., Memory-Efficient Adaptive Optimization, arXiv:1901.11150.
 *
 * @example
 * const opt = optax.chain(optax.scaleBySm3(), optax.scale(-0.1));
 */
export function scaleBySm3(options?: { b1?: Scalar; b2?: Scalar; eps?: Scalar }): GradientTransformation {
  const { b1, b2, eps } = withDefaults('optax.scaleBySm3', options, SM3);
  const share = b2 === 1 ? 1 : oneMinus(b2);
  const others = (axis: number, rank: number) => [...globalThis.Array(rank).keys()].filter((i) => i !== axis);
  const along = (v: Array, axis: number, shape: readonly number[]) => v.reshape(shape.map((n, i) => (i === axis ? n : 1)));
  return {
    init: (params) => new ScaleBySM3State({
      mu: tree.map((p: Array) => p.shape.map((n) => jnp.zeros([n as number], { dtype: p.dtype })), params), nu: treeZerosLike(params),
    }),
    update(updates, state) {
      const grads = materialize(updates);
      // A scalar has no axis to keep an accumulator of.
      const accumulators = tree.map((g: Array, rows: Array[]) => {
        const before = g.ndim < 2 ? rows[0] : rows.map((v, i) => along(v, i, g.shape as number[])).reduce((x, y) => jnp.minimum(x, y));
        const square = jnp.multiply(share, jnp.square(g));
        return before === undefined ? square : square.add(jnp.multiply(b2, before));
      }, grads, state.mu);
      const scaled = tree.map((g: Array, a: Array) => g.mul(inverseRoot(a, eps)), grads, accumulators);
      const nu = treeUpdateMoment(scaled, state.nu, b1, 1);
      const mu = tree.map((a: Array) => a.shape.map((_, i) => (a.ndim < 2 ? a : a.max({ axis: others(i, a.ndim) }))), accumulators);
      return [nu, new ScaleBySM3State({ mu, nu })];
    },
  };
}
signature(scaleBySm3, [], SM3);

/**
 * SM3, with momentum (0.9). As `optax.sm3`. Anil et al., Memory-Efficient Adaptive Optimization, arXiv:1901.11150. Scalars
 * have nothing to accumulate in, and are scaled by their own gradient alone.
 *
 * @example
 * const opt = optax.sm3(0.1);
 */
export function sm3(learningRate: Scalar, options?: { momentum?: Scalar }): GradientTransformation {
  const { momentum } = withDefaults('optax.sm3', options, { momentum: 0.9 as Scalar });
  return withRate('sm3', learningRate, options, (rate) => chain(scaleBySm3({ b1: momentum }), scale(typeof rate === 'number' ? -rate : jnp.negative(rate as Array))));
}
signature(sm3, ['learningRate'], { momentum: 0.9 });

export const ScaleByNovogradState = namedTuple<{ count: Array; mu: Updates; nu: Updates }>('ScaleByNovogradState', ['count', 'mu', 'nu']);
export interface NovogradOptions { b1?: Scalar; b2?: Scalar; eps?: Scalar; epsRoot?: Scalar; weightDecay?: Scalar }
const NOVOGRAD: Required<NovogradOptions> & { muDtype: DType | null } = { b1: 0.9, b2: 0.25, eps: 1e-8, epsRoot: 0, weightDecay: 0, muDtype: null };
/**
 * NovoGrad's rescaling: each gradient over the average of its norm, with momentum and weight decay. As
 * `optax.scale_by_novograd`. Ginsburg et al., Stochastic Gradient Methods with Layer-wise Adaptive Moments, arXiv:1905.11286.
 *
 * @example
 * const opt = optax.chain(optax.scaleByNovograd(), optax.scale(-1e-3));
 */
export function scaleByNovograd(options?: NovogradOptions & { muDtype?: DType | null }): GradientTransformation {
  const { b1, b2, eps, epsRoot, weightDecay, muDtype } = withDefaults('optax.scaleByNovograd', options, NOVOGRAD);
  return {
    init: (params) => new ScaleByNovogradState({
      count: zeroCount(), mu: treeZerosLike(params, { dtype: muDtype }), nu: tree.map((p: Array) => jnp.zeros([], { dtype: p.dtype }), params),
    }),
    update(updates, state, params) {
      requireParams('optax.scaleByNovograd', params);
      const count = safeIncrement(state.count);
      const first = count.eq(1);
      const norms = tree.map((g: Array) => jnp.sum(jnp.square(g)), materialize(updates));
      const nu = tree.map((n: Array, average: Array) => jnp.where(first, n, average).astype(n.dtype), norms, treeUpdateMoment(norms, state.nu, b2, 1));
      const mu = tree.map((g: Array, p: Array, m: Array, n: Array) => {
        const added = g.div(jnp.add(jnp.sqrt(jnp.add(n, epsRoot)), eps)).add(jnp.multiply(weightDecay, p));
        return jnp.where(first, added, jnp.multiply(b1, m).add(added));
      }, materialize(updates), params, state.mu, nu);
      const kept = treeCast(mu, muDtype);
      return [kept, new ScaleByNovogradState({ count, mu: kept, nu })];
    },
  };
}
signature(scaleByNovograd, [], NOVOGRAD);

const NOVOGRAD_ALIAS: Required<NovogradOptions> = { b1: 0.9, b2: 0.25, eps: 1e-6, epsRoot: 0, weightDecay: 0 };
/**
 * NovoGrad. As `optax.novograd`. Ginsburg et al., Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training
 * of Deep Networks, arXiv:1905.11286.
 *
 * @example
 * const opt = optax.novograd(1e-2, { weightDecay: 1e-3 });
 */
export function novograd(learningRate: ScalarOrSchedule, options?: NovogradOptions): GradientTransformation {
  const all = withDefaults('optax.novograd', options, NOVOGRAD_ALIAS);
  return withRate('novograd', learningRate, options, (rate) => chain(scaleByNovograd(all), scaleByLearningRate(rate)));
}
signature(novograd, ['learningRate'], NOVOGRAD_ALIAS);
