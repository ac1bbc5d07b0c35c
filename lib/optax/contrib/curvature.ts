/** Optimizers that look at the loss around the parameters: Sophia, SAM, and a rate that falls on plateaus. */
import { grad, jvp, lax, numpy as jnp, random, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import {
  EmptyState, checkTransformation, initEmptyState, materialize, namedTuple, onArray, requireParams, zeroCount,
  type GradientTransformation, type OptState, type Params, type Scalar, type ScalarOrSchedule, type Update, type Updates,
} from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import { withRate } from '../optimizers/rate.js';
import { requireValue } from '../optimizers/sgd.js';
import { addDecayedWeights } from '../transforms/adding.js';
import { chain } from '../transforms/combining.js';
import type { Mask } from '../transforms/masking.js';
import { scaleByLearningRate } from '../transforms/scaling.js';
import { treeCast, treeCastLike, treeDtype, treeRandomLike, type Sampler } from '../tree/dtypes.js';
import { treeBiasCorrection, treeNorm, treeUpdateMoment, treeWhere, treeZerosLike } from '../tree/math.js';
import { applyUpdates } from '../update.js';
import { scalarOf } from './rate-free.js';

export const HutchinsonState = namedTuple<{ key: Array }>('HutchinsonState', ['key']);
/**
 * Estimates the diagonal of the Hessian by one product with random signs. The update needs the loss's function, `objFn` (or
 * `valueFn`). As `optax.contrib.hutchinson_estimator_diag_hessian`.
 *
 * @example
 * const tx = optax.contrib.hutchinsonEstimatorDiagHessian({ randomSeed: random.PRNGKey(1) });
 * const [diagonal] = tx.update(grads, tx.init(params), params, { objFn: (p) => optax.tree.norm(p, { squared: true }) });
 *
 * @param options `randomSeed`: a key (that of 0)
 */
export function hutchinsonEstimatorDiagHessian(options?: { randomSeed?: Array | null }): GradientTransformation {
  const { randomSeed } = checkOptions('optax.contrib.hutchinsonEstimatorDiagHessian', options, ['randomSeed']);
  return {
    init: () => new HutchinsonState({ key: randomSeed ?? random.PRNGKey(0) }),
    update(_updates, state, params, extraArgs) {
      const where = 'optax.contrib.hutchinsonEstimatorDiagHessian';
      requireParams(where, params);
      const loss = extraArgs?.objFn ?? extraArgs?.valueFn;
      if (typeof loss !== 'function') throw new ValueError(`${where} needs the loss as a function: call update(updates, state, params, { objFn }).`);
      const keys = random.split(state.key);
      const signs = treeCastLike(treeRandomLike(keys.index(1), params, { sampler: random.rademacher as Sampler, dtype: 'float32' }), params);
      const [, product] = jvp((p: Params) => grad(loss)(p), [params], [signs]);
      return [tree.map(jnp.multiply, product, signs), new HutchinsonState({ key: keys.index(0) })];
    },
  };
}

export const SophiaState = namedTuple<{ count: Array; mu: Updates; nu: Updates; hessianFnState: OptState }>('SophiaState', ['count', 'mu', 'nu', 'hessianFnState']);
export interface SophiaOptions {
  b1?: Scalar;
  b2?: Scalar;
  eps?: Scalar;
  weightDecay?: ScalarOrSchedule;
  weightDecayMask?: Mask | null;
  /** The smaller, the more often a step is clipped (0.01). */
  gamma?: Scalar;
  /** Limit of every number before the rate (1); null does not limit. */
  clipThreshold?: Scalar | null;
  /** Every how many steps the Hessian is estimated (10), and by what. */
  updateInterval?: number;
  hessianDiagonalFn?: GradientTransformation | null;
  muDtype?: DType | null;
}
const SOPHIA: Required<SophiaOptions> = {
  b1: 0.965, b2: 0.99, eps: 1e-8, weightDecay: 1e-4, weightDecayMask: null, gamma: 0.01, clipThreshold: 1, updateInterval: 10, hessianDiagonalFn: null, muDtype: null,
};
/**
 * Sophia: momentum over an average of the Hessian's diagonal, clipped. The update needs the loss's function, `objFn` (or
 * `valueFn`, which `trainStep` gives). As `optax.contrib.sophia`. Liu et al., Sophia: A Scalable Stochastic Second-order
 * Optimizer for Language Model Pre-training, arXiv:2305.14342.
 *
 * @example
 * const tx = optax.contrib.sophia(1e-3);
 * const [updates] = tx.update(grads, tx.init(params), params, { objFn: (p) => optax.tree.norm(p, { squared: true }) });
 */
export function sophia(learningRate: ScalarOrSchedule, options?: SophiaOptions): GradientTransformation {
  const where = 'optax.contrib.sophia';
  const o = withDefaults(where, options, SOPHIA, ['clipThreshold']);
  const hessian = o.hessianDiagonalFn ?? hutchinsonEstimatorDiagHessian();
  const scaleBySophia: GradientTransformation = {
    init: (params) => new SophiaState({ count: zeroCount(), mu: treeZerosLike(params, { dtype: o.muDtype }), nu: treeZerosLike(params), hessianFnState: hessian.init(params) }),
    update(updates, state, params, extraArgs) {
      requireParams(where, params);
      const count = safeIncrement(state.count);
      const mu = treeUpdateMoment(updates, state.mu, o.b1, 1);
      const limit = o.clipThreshold;
      const scaled = tree.map((m: Array, h: Array) => {
        const u = m.div(jnp.maximum(jnp.multiply(o.gamma, h), o.eps));
        return limit === null ? u : jnp.clip(u, jnp.negative(limit), limit);
      }, treeBiasCorrection(mu, o.b1, count), state.nu);
      const due = jnp.remainder(state.count, o.updateInterval).eq(0);
      const [hessianFnState, nu] = lax.cond(due, () => {
        const [diagonal, next] = hessian.update(updates, state.hessianFnState, params, extraArgs);
        return [next, treeCastLike(treeUpdateMoment(diagonal, state.nu, o.b2, 1), state.nu)];
      }, () => [state.hessianFnState, state.nu]) as [OptState, Updates];
      return [scaled, new SophiaState({ count, mu: treeCast(mu, o.muDtype), nu, hessianFnState })];
    },
  };
  return withRate('sophia', learningRate, options, (rate) =>
    chain(scaleBySophia, addDecayedWeights({ weightDecay: o.weightDecay, mask: o.weightDecayMask }), scaleByLearningRate(rate)));
}
signature(sophia, ['learningRate'], SOPHIA);

export const NormalizeState = EmptyState;
/**
 * Divides all updates by their common norm, without protection from zero. As `optax.contrib.normalize`.
 *
 * @example
 * const opt = optax.chain(optax.contrib.normalize(), optax.scale(-0.1));
 */
export const normalize = (): GradientTransformation => ({
  init: initEmptyState,
  update(updates, state) {
    const norm = treeNorm(updates);
    return [tree.map((u: Update) => onArray(u, (g) => g.div(norm)), updates), state];
  },
});

export const SAMState = namedTuple<{ stepsSinceSync: Array; optState: OptState; advState: OptState; cache: Params | null }>('SAMState', ['stepsSinceSync', 'optState', 'advState', 'cache']);
export interface SamOptions {
  /** Adversarial steps and the step itself, together (2). */
  syncPeriod?: number;
  /** The adversary begins anew after every step (true). */
  resetState?: boolean;
  /** Makes all of them in one update, which then needs `gradFn(params, i)` (false). */
  opaqueMode?: boolean;
}
/**
 * Sharpness-aware minimisation: climbs with the one optimizer, and takes the other one's step from where it began, with the
 * gradient from above. As `optax.contrib.sam`. Foret et al., Sharpness-Aware Minimization for Efficiently Improving
 * Generalization, arXiv:2010.01412.
 *
 * @example
 * const opt = optax.contrib.sam(optax.sgd(0.1), optax.chain(optax.contrib.normalize(), optax.sgd(0.05)));
 */
export function sam(optimizer: GradientTransformation, advOptimizer: GradientTransformation, options?: SamOptions): GradientTransformation {
  const where = 'optax.contrib.sam';
  const { syncPeriod = 2, resetState = true, opaqueMode = false } = checkOptions(where, options, ['syncPeriod', 'resetState', 'opaqueMode']);
  for (const t of [optimizer, advOptimizer]) checkTransformation(where, t);
  if (!(syncPeriod >= 1)) throw new ValueError(`${where}: syncPeriod must be at least 1, but got ${syncPeriod}.`);
  const climb = (updates: Updates, state: OptState, params: Params): [Updates, OptState] => {
    const [u, next] = advOptimizer.update(updates, state, params);
    return [tree.map((x: Array) => jnp.negative(x), materialize(u)), next];
  };
  return {
    init: (params) => new SAMState({ stepsSinceSync: zeroCount(), optState: optimizer.init(params), advState: advOptimizer.init(params), cache: opaqueMode ? null : params }),
    update(updates, state, params, extraArgs) {
      requireParams(where, params);
      if (opaqueMode) {
        const gradFn = extraArgs?.gradFn;
        if (typeof gradFn !== 'function') throw new ValueError(`${where}: in opaque mode the update needs the gradient as a function: call update(updates, state, params, { gradFn }).`);
        let [grads, advState, at] = [updates, state.advState, params];
        for (let i = 0; i < syncPeriod - 1; i++) {
          const [up, next] = climb(grads, advState, at);
          [advState, at] = [next, applyUpdates(at, up)];
          grads = gradFn(at, i);
        }
        const [out, optState] = optimizer.update(grads, state.optState, params);
        return [out, new SAMState({ stepsSinceSync: zeroCount(), optState, advState: resetState ? advOptimizer.init(params) : advState, cache: null })];
      }
      const first = state.stepsSinceSync.eq(0);
      const last = state.stepsSinceSync.eq(syncPeriod - 1);
      const [up, advState] = climb(updates, state.advState, params);
      const [step, optState] = optimizer.update(updates, state.optState, state.cache);
      const down = tree.map((c: Array, p: Array, u: Array) => c.sub(p).add(u), state.cache, params, materialize(step));
      return [treeWhere(last, down, up), new SAMState({
        stepsSinceSync: jnp.remainder(state.stepsSinceSync.add(1), syncPeriod),
        optState: treeWhere(last, optState, state.optState),
        advState: treeWhere(last, resetState ? advOptimizer.init(params) : state.advState, advState),
        cache: treeWhere(first, params, state.cache),
      })];
    },
  };
}

export const ReduceLROnPlateauState = namedTuple<{ scale: Array; bestValue: Array; plateauCount: Array; cooldownCount: Array; count: Array; avgValue: Array }>(
  'ReduceLROnPlateauState', ['scale', 'bestValue', 'plateauCount', 'cooldownCount', 'count', 'avgValue']);
export interface PlateauOptions {
  /** The scale's factor (0.1), after this many values without improvement (10). */
  factor?: number;
  patience?: number;
  /** What counts as an improvement (1e-4 relative, 0 absolute). */
  rtol?: number;
  atol?: number;
  /** How many values after a reduction do not count (0). */
  cooldown?: number;
  /** How many losses make a value (1). */
  accumulationSize?: number;
  minScale?: number;
}
const PLATEAU: Required<PlateauOptions> = { factor: 0.1, patience: 10, rtol: 1e-4, atol: 0, cooldown: 0, accumulationSize: 1, minScale: 0 };
/**
 * Scales updates down where the loss, the extra argument `value`, does not fall any more. As
 * `optax.contrib.reduce_on_plateau`.
 *
 * @example
 * const tx = optax.chain(optax.adam(1e-3), optax.contrib.reduceOnPlateau({ patience: 3 }));
 * const [updates] = tx.update(grads, tx.init(params), params, { value: jnp.array(0.5) });
 */
export function reduceOnPlateau(options?: PlateauOptions): GradientTransformation {
  const where = 'optax.contrib.reduceOnPlateau';
  const { factor, patience, rtol, atol, cooldown, accumulationSize, minScale } = withDefaults(where, options, PLATEAU);
  if (!(factor > 0 && factor < 1)) throw new ValueError(`${where}: factor must lie between 0 and 1, but is ${factor}.`);
  if (!(rtol >= 0 && rtol <= 1 && atol >= 0 && rtol + atol > 0)) throw new ValueError(`${where}: rtol (up to 1) and atol must not be negative, and one of them must be positive, but they are ${rtol} and ${atol}.`);
  const int = (n: number): Array => jnp.full([], n, { dtype: 'int32' });
  return {
    init(params) {
      const highest = treeDtype(params, { mixedDtypeHandler: 'highest' });
      return new ReduceLROnPlateauState({
        scale: scalarOf(1, params), bestValue: jnp.full([], Infinity, { dtype: highest }), plateauCount: int(0), cooldownCount: int(0), count: int(0),
        avgValue: jnp.zeros([], { dtype: highest }),
      });
    },
    update(updates, state, _params, extraArgs) {
      const { dtype } = state.avgValue;
      const value = jnp.asarray(requireValue(where, extraArgs?.value), { dtype });
      const count = safeIncrement(state.count);
      const avgValue = state.count.astype(dtype).mul(state.avgValue).add(value).div(count.astype(dtype)).astype(dtype);
      const improved = avgValue.lt(jnp.multiply(1 - rtol, state.bestValue).sub(atol));
      const waited = jnp.where(improved, 0, safeIncrement(state.plateauCount));
      const cooling = state.cooldownCount.gt(0);
      const reduce = jnp.logicalAnd(jnp.logicalNot(cooling), waited.eq(patience));
      const counted = count.eq(accumulationSize);
      const lowered: Array = state.scale.mul(factor);
      const next = {
        scale: jnp.where(cooling, state.scale as Array, jnp.maximum(jnp.where(reduce, lowered, state.scale as Array), minScale)).astype(state.scale.dtype),
        bestValue: jnp.where(improved, avgValue, state.bestValue), plateauCount: jnp.where(jnp.logicalOr(cooling, reduce), 0, waited),
        cooldownCount: jnp.where(cooling, state.cooldownCount.sub(1), jnp.where(reduce, int(cooldown), int(0))), count: int(0), avgValue: jnp.zeros([], { dtype }),
      };
      const { scale, bestValue, plateauCount, cooldownCount } = state;
      const chosen = treeWhere(counted, next, { scale, bestValue, plateauCount, cooldownCount, count, avgValue });
      return [tree.map((u: Update) => onArray(u, (g) => jnp.multiply(chosen.scale, g)), updates), new ReduceLROnPlateauState(chosen)];
    },
  };
}
