/** Averaging instead of a schedule, after `optax.contrib`. */
import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { ValueError } from '../../runtime/errors.js';
import { checkScalar, checkTransformation, materialize, namedTuple, requireParams, type GradientTransformation, type OptState, type Params, type Scalar, type ScalarOrSchedule } from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import { scaleByRms } from '../optimizers/rms.js';
import { sgd } from '../optimizers/sgd.js';
import { warmupConstantSchedule } from '../schedules/schedule.js';
import { addDecayedWeights } from '../transforms/adding.js';
import { chain } from '../transforms/combining.js';
import { scaleByLearningRate } from '../transforms/scaling.js';
import { treeCast } from '../tree/dtypes.js';
import { scalarOf } from './rate-free.js';

export const ScheduleFreeState = namedTuple<{ b1: Array; weightSum: Array; stepCount: Array; maxLr: Array; baseOptimizerState: OptState; z: Params }>(
  'ScheduleFreeState', ['b1', 'weightSum', 'stepCount', 'maxLr', 'baseOptimizerState', 'z']);

/** The averaged parameters x, of the interpolated y and of z: (y - (1 - b1) · z) / b1. */
const averageOf = (params: Params, z: Params, b1: Scalar): Params =>
  tree.map((y: Array, zi: Array) => y.sub(jnp.multiply(jnp.subtract(1, b1), zi)).div(b1), params, z);

/**
 * The parameters to evaluate a schedule-free run with, which are not those that it takes gradients at. As
 * `optax.contrib.schedule_free_eval_params`.
 *
 * @example
 * const opt = optax.contrib.scheduleFreeSgd();
 * const averaged = optax.contrib.scheduleFreeEvalParams(opt.init(params), params);
 */
export function scheduleFreeEvalParams(state: OptState, params: Params): Params {
  if (!(state instanceof ScheduleFreeState)) throw new ValueError('optax.contrib.scheduleFreeEvalParams: the first argument must be a ScheduleFreeState; find it with optax.tree.get(state, \'ScheduleFreeState\').');
  return averageOf(params, state.z, state.b1);
}

export interface ScheduleFreeOptions {
  /** How much of the average is in the parameters that gradients are taken at (0.9). */
  b1?: Scalar;
  /** Weight of a step in the average: its greatest rate to this power (2). */
  weightLrPower?: Scalar;
  /** dtype of the base's parameters; the parameters' own by default. */
  stateDtype?: DType | null;
}
const FREE: Required<ScheduleFreeOptions> = { b1: 0.9, weightLrPower: 2, stateDtype: null };
/**
 * Runs an optimizer, without momentum, on parameters z, averages them into x, and takes gradients between both: no schedule
 * is needed. As `optax.contrib.schedule_free`. Defazio et al., The Road Less Scheduled, arXiv:2405.15682.
 *
 * @example
 * const opt = optax.contrib.scheduleFree(optax.sgd(0.1), 0.1);
 */
export function scheduleFree(baseOptimizer: GradientTransformation, learningRate: ScalarOrSchedule, options?: ScheduleFreeOptions): GradientTransformation {
  const { b1, weightLrPower, stateDtype } = withDefaults('optax.contrib.scheduleFree', options, FREE);
  checkTransformation('optax.contrib.scheduleFree', baseOptimizer);
  checkScalar('optax.contrib.scheduleFree', 'the learning rate', learningRate);
  return {
    init: (params) => new ScheduleFreeState({
      b1: typeof b1 === 'number' ? scalarOf(b1, params) : b1, weightSum: scalarOf(0, params), stepCount: jnp.ones([], { dtype: 'int32' }), maxLr: scalarOf(0, params),
      baseOptimizerState: baseOptimizer.init(params), z: treeCast(params, stateDtype),
    }),
    update(grads, state, params, extraArgs) {
      requireParams('optax.contrib.scheduleFree', params);
      const { dtype } = state.maxLr;
      const rate = typeof learningRate === 'function' ? jnp.asarray(learningRate(state.stepCount), { dtype }) : learningRate;
      const maxLr = jnp.maximum(state.maxLr, rate).astype(dtype);
      const weight = jnp.power(maxLr, weightLrPower).astype(dtype);
      const weightSum = state.weightSum.add(weight);
      const share = weight.div(weightSum);
      // Nothing over nothing is nothing; what is no number itself stays so.
      const part = jnp.where(jnp.logicalOr(jnp.isnan(weight), jnp.isnan(weightSum)), NaN, jnp.where(jnp.isnan(share), 0, share));
      const [inner, baseOptimizerState] = baseOptimizer.update(grads, state.baseOptimizerState, params, extraArgs);
      const z = tree.map((zi: Array, u: Array) => zi.add(u).astype(zi.dtype), state.z, materialize(inner));
      const x = tree.map((before: Array, zi: Array) => jnp.subtract(1, part).mul(before).add(part.mul(zi)), averageOf(params, state.z, b1), z);
      const out = tree.map((xi: Array, zi: Array, p: Array) => jnp.multiply(b1, xi).add(jnp.multiply(jnp.subtract(1, b1), zi)).sub(p), x, z, params);
      return [out, new ScheduleFreeState({ b1: state.b1, weightSum, stepCount: safeIncrement(state.stepCount), maxLr, baseOptimizerState, z })];
    },
  };
}

const warmedUp = (learningRate: ScalarOrSchedule, warmupSteps: number | null): ScalarOrSchedule =>
  (warmupSteps === null ? learningRate : warmupConstantSchedule(0, learningRate as number, warmupSteps));

const SGD = { learningRate: 1 as ScalarOrSchedule, warmupSteps: null as number | null, ...FREE, weightDecay: null as ScalarOrSchedule | null };
/**
 * Schedule-free gradient descent. As `optax.contrib.schedule_free_sgd`. Defazio et al., arXiv:2405.15682.
 *
 * @example
 * const opt = optax.contrib.scheduleFreeSgd({ learningRate: 0.1, warmupSteps: 10 });
 */
export function scheduleFreeSgd(options?: Partial<typeof SGD>): GradientTransformation {
  const { learningRate, warmupSteps, weightDecay, ...rest } = withDefaults('optax.contrib.scheduleFreeSgd', options, SGD);
  const rate = warmedUp(learningRate, warmupSteps);
  const base = weightDecay === null ? sgd(rate) : chain(addDecayedWeights({ weightDecay }), sgd(rate));
  return scheduleFree(base, rate, rest);
}
signature(scheduleFreeSgd, [], SGD);

const ADAMW = { learningRate: 0.0025 as ScalarOrSchedule, warmupSteps: null as number | null, b2: 0.999 as Scalar, eps: 1e-8 as Scalar, weightDecay: 0 as ScalarOrSchedule, ...FREE };
/**
 * Schedule-free AdamW. As `optax.contrib.schedule_free_adamw`. Defazio et al., arXiv:2405.15682.
 *
 * @example
 * const opt = optax.contrib.scheduleFreeAdamw({ learningRate: 0.0025, warmupSteps: 10 });
 */
export function scheduleFreeAdamw(options?: Partial<typeof ADAMW>): GradientTransformation {
  const { learningRate, warmupSteps, b2, eps, weightDecay, ...rest } = withDefaults('optax.contrib.scheduleFreeAdamw', options, ADAMW);
  const rate = warmedUp(learningRate, warmupSteps);
  return scheduleFree(chain(
    scaleByRms({ decay: b2, eps, epsInSqrt: false, biasCorrection: true }), addDecayedWeights({ weightDecay }), scaleByLearningRate(rate),
  ), rate, rest);
}
signature(scheduleFreeAdamw, [], ADAMW);
