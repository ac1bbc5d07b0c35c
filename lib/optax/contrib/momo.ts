/** MoMo: step sizes from a model of the loss, after `optax.contrib`. */
import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import { materialize, namedTuple, requireParams, zeroCount, type GradientTransformation, type Params, type Scalar, type ScalarOrSchedule, type Updates } from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import { withRate } from '../optimizers/rate.js';
import { requireValue } from '../optimizers/sgd.js';
import { biasOf, treeNorm, treeVdot, treeZerosLike } from '../tree/math.js';
import { scalarOf } from './rate-free.js';

const valueAt = (x: ScalarOrSchedule, count: Array): Scalar => (typeof x === 'function' ? x(count) : x);
/** A squared norm below the precision of float32 is none. */
const TINY = 2 ** -23;

export const MomoState = namedTuple<{ expAvg: Updates; barf: Array; gamma: Array; lb: Array; count: Array }>('MomoState', ['expAvg', 'barf', 'gamma', 'lb', 'count']);
const MOMO = { learningRate: 1 as ScalarOrSchedule, beta: 0.9 as Scalar, lowerBound: 0, weightDecay: 0 as Scalar, adaptLowerBound: false };

/** The step of both: how far the model of the loss lies above its lower bound, over the squared norm of the direction. */
function stepSize(o: { alpha: Scalar; weightDecay: Scalar; barf: Array; gamma: Array; lb: Array; iprod: Array; norm: Array; bias: Array | number; lowerBound: number; adapt: boolean }): { tau: Array; shrink: Array; bound: Array } {
  const decay = jnp.multiply(o.alpha, o.weightDecay);
  const one = jnp.add(1, decay);
  const cap = one.mul(o.barf.sub(o.gamma)).add(o.iprod);
  const used = !o.adapt ? o.lb
    : jnp.where(cap.lt(jnp.multiply(one, o.bias).mul(o.lb)), jnp.maximum(cap.div(jnp.multiply(jnp.multiply(2, o.bias), one)), o.lowerBound), o.lb);
  const above = jnp.maximum(one.mul(o.barf.sub(jnp.multiply(o.bias, used)).sub(o.gamma)).add(o.iprod), 0).div(o.norm);
  const tau = jnp.minimum(jnp.divide(o.alpha, o.bias), jnp.where(o.norm.le(TINY), 0, above));
  const bound = !o.adapt ? o.lb : jnp.maximum(o.barf.add(o.iprod).sub(o.gamma).sub(tau.mul(0.5).mul(o.norm)).div(o.bias), o.lowerBound);
  return { tau, shrink: decay.div(one), bound: bound.astype(o.lb.dtype) };
}

/**
 * MoMo: momentum with a step size that a model of the loss decides, `learningRate` (1) at most. The update needs the loss,
 * `value`. As `optax.contrib.momo`. Schaipp et al., MoMo: Momentum Models for Adaptive Learning Rates, arXiv:2305.07583.
 *
 * @example
 * const tx = optax.contrib.momo({ learningRate: 0.1 });
 * const [updates] = tx.update(grads, tx.init(params), params, { value: jnp.array(0.5) });
 *
 * @param options `beta` (0.9), `lowerBound` of the loss (0), `weightDecay` (0), `adaptLowerBound` (false): whether the bound is estimated
 */
export function momo(options?: Partial<typeof MOMO>): GradientTransformation {
  const { learningRate, beta, lowerBound, weightDecay, adaptLowerBound } = withDefaults('optax.contrib.momo', options, MOMO);
  return withRate('momo', learningRate, options, (rate) => ({
    init: (params: Params) => new MomoState({ expAvg: treeZerosLike(params), barf: scalarOf(0, params), gamma: scalarOf(0, params), lb: scalarOf(lowerBound, params), count: zeroCount() }),
    update(updates, state, params, extraArgs) {
      requireParams('optax.contrib.momo', params);
      const value = jnp.asarray(requireValue('optax.contrib.momo', extraArgs?.value), { dtype: state.barf.dtype });
      const grads = materialize(updates);
      const b = jnp.where(state.count.eq(0), 0, beta);
      const mix = (before: Array, now: Array): Array => b.mul(before).add(jnp.subtract(1, b).mul(now)).astype(before.dtype);
      const barf = mix(state.barf, value);
      const expAvg = tree.map(mix, state.expAvg, grads);
      const gamma = mix(state.gamma, treeVdot(grads, params));
      const alpha = valueAt(rate as ScalarOrSchedule, state.count);
      const { tau, shrink, bound } = stepSize({
        alpha, weightDecay, barf, gamma, lb: state.lb, iprod: treeVdot(expAvg, params), norm: treeNorm(expAvg, { squared: true }), bias: 1, lowerBound, adapt: adaptLowerBound,
      });
      const out = tree.map((m: Array, p: Array) => jnp.negative(shrink).mul(p).sub(tau.mul(m)).astype(p.dtype), expAvg, params);
      return [out, new MomoState({ expAvg, barf, gamma, lb: bound, count: safeIncrement(state.count) })];
    },
  }));
}
signature(momo, [], MOMO);

export const MomoAdamState = namedTuple<{ expAvg: Updates; expAvgSq: Updates; barf: Array; gamma: Array; lb: Array; count: Array }>(
  'MomoAdamState', ['expAvg', 'expAvgSq', 'barf', 'gamma', 'lb', 'count']);
const MOMO_ADAM = { learningRate: 1e-2 as ScalarOrSchedule, b1: 0.9, b2: 0.999, eps: 1e-8 as Scalar, lowerBound: 0, weightDecay: 0 as Scalar, adaptLowerBound: false };
/**
 * MoMo with Adam's preconditioner. The update needs the loss, `value`. As `optax.contrib.momo_adam`. Schaipp et al.,
 * arXiv:2305.07583.
 *
 * @example
 * const tx = optax.contrib.momoAdam({ learningRate: 1e-2 });
 * const [updates] = tx.update(grads, tx.init(params), params, { value: jnp.array(0.5) });
 */
export function momoAdam(options?: Partial<typeof MOMO_ADAM>): GradientTransformation {
  const { learningRate, b1, b2, eps, lowerBound, weightDecay, adaptLowerBound } = withDefaults('optax.contrib.momoAdam', options, MOMO_ADAM);
  return withRate('momoAdam', learningRate, options, (rate) => ({
    init: (params: Params) => new MomoAdamState({
      expAvg: treeZerosLike(params), expAvgSq: treeZerosLike(params), barf: scalarOf(0, params), gamma: scalarOf(0, params), lb: scalarOf(lowerBound, params), count: zeroCount(),
    }),
    update(updates, state, params, extraArgs) {
      requireParams('optax.contrib.momoAdam', params);
      const { dtype } = state.barf;
      const value = jnp.asarray(requireValue('optax.contrib.momoAdam', extraArgs?.value), { dtype });
      const grads = materialize(updates);
      const count = safeIncrement(state.count);
      const mix = (before: Array, now: Array): Array => before.mul(b1).add(jnp.multiply(1 - b1, now)).astype(before.dtype);
      const barf = mix(state.barf, value);
      const expAvg = tree.map(mix, state.expAvg, grads);
      const expAvgSq = tree.map((v: Array, g: Array) => v.mul(b2).add(g.mul(1 - b2).mul(g)), state.expAvgSq, grads);
      const bias2 = biasOf(b2, count, dtype);
      const root = tree.map((v: Array) => jnp.add(eps, jnp.sqrt(v.div(bias2))), expAvgSq);
      const norm = treeVdot(expAvg, tree.map(jnp.divide, expAvg, root));
      const gamma = mix(state.gamma, treeVdot(grads, params));
      const alpha = valueAt(rate as ScalarOrSchedule, state.count);
      const { tau, shrink, bound } = stepSize({
        alpha, weightDecay, barf, gamma, lb: state.lb, iprod: treeVdot(expAvg, params), norm, bias: biasOf(b1, count, dtype), lowerBound, adapt: adaptLowerBound,
      });
      const out = tree.map((m: Array, r: Array, p: Array) => jnp.negative(shrink).mul(p).sub(tau.mul(m).div(r)).astype(p.dtype), expAvg, root, params);
      return [out, new MomoAdamState({ expAvg, expAvgSq, barf, gamma, lb: bound, count })];
    },
  }));
}
signature(momoAdam, [], MOMO_ADAM);
