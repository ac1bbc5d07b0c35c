/** Transformations that scale gradients, after `optax.transforms` and `optax._src.transform`. */
import { numpy as jnp, tree, type Array } from '../jax/index.js';
import type { DType } from '../runtime/dtypes.js';
import { checkOptions } from '../runtime/options.js';
import {
  EmptyState, checkScalar, identity, initEmptyState, isZeroUpdate, namedTuple, onArray, plus, requireParams, times,
  type GradientTransformation, type Params, type Scalar, type ScalarOrSchedule, type Schedule, type Update, type Updates,
} from './base.js';
import { masked, type Mask } from './masking.js';
import { safeIncrement } from './numerics.js';
import { treeBiasCorrection, treeCast, treeCastLike, treeUpdateMoment, treeZerosLike } from './tree-math.js';

const zeroCount = (): Array => jnp.zeros([], { dtype: 'int32' });

/**
 * Multiplies the updates by a number. As `optax.scale`.
 *
 * @example
 * const opt = optax.chain(optax.trace(0.9), optax.scale(-0.1));
 */
export function scale(stepSize: Scalar): GradientTransformation {
  checkScalar('optax.scale', 'stepSize', stepSize);
  return { init: initEmptyState, update: (updates, state) => [tree.map((g: Update) => times(stepSize, g), updates), state] };
}

export const ScaleByScheduleState = namedTuple<{ count: Array }>('ScaleByScheduleState', ['count']);

/** Multiplies the updates by what the schedule says for the number of updates made so far. As `optax.scale_by_schedule`. */
export function scaleBySchedule(stepSizeFn: Schedule): GradientTransformation {
  return {
    init: () => new ScaleByScheduleState({ count: zeroCount() }),
    update(updates, state) {
      const stepSize = stepSizeFn(state.count);
      const scaled = tree.map((u: Update) => onArray(u, (g) => jnp.multiply(jnp.asarray(stepSize, { dtype: g.dtype }), g)), updates);
      return [scaled, new ScaleByScheduleState({ count: safeIncrement(state.count) })];
    },
  };
}

/**
 * Multiplies the updates by minus the learning rate, a number or a schedule. As `optax.scale_by_learning_rate`.
 *
 * @param options `flipSign` (true): false keeps the sign, for ascent
 */
export function scaleByLearningRate(learningRate?: ScalarOrSchedule | null, options?: { flipSign?: boolean }): GradientTransformation {
  const { flipSign = true } = checkOptions('optax.scaleByLearningRate', options, ['flipSign']);
  if (learningRate === undefined || learningRate === null) return identity();
  checkScalar('optax.scaleByLearningRate', 'the learning rate', learningRate);
  const m = flipSign ? -1 : 1;
  const signed = (value: Scalar): Scalar => (typeof value === 'number' ? m * value : jnp.multiply(m, value));
  return typeof learningRate === 'function' ? scaleBySchedule((count) => signed(learningRate(count))) : scale(signed(learningRate));
}

export const ScaleByAdamState = namedTuple<{ count: Array; mu: Updates; nu: Updates }>('ScaleByAdamState', ['count', 'mu', 'nu']);

export interface ScaleByAdamOptions {
  /** Decay of the average of gradients (0.9). */
  b1?: Scalar;
  /** Decay of the average of squared gradients (0.999). */
  b2?: Scalar;
  /** Added to the root (1e-8). */
  eps?: Scalar;
  /** Added under the root (0). */
  epsRoot?: Scalar;
  /** dtype in which the average of gradients is kept; the parameters' own by default. */
  muDtype?: DType | null;
  /** With Nesterov's momentum. */
  nesterov?: boolean;
}
export const ADAM_OPTIONS = ['b1', 'b2', 'eps', 'epsRoot', 'muDtype', 'nesterov'] as const;

/**
 * Adam's rescaling: m̂ / (√(v̂ + epsRoot) + eps), with bias-corrected averages m̂ of the gradients and v̂ of their squares.
 * As `optax.scale_by_adam`. Kingma and Ba, Adam: A Method for Stochastic Optimization, arXiv:1412.6980; with `nesterov`,
 * Dozat, Incorporating Nesterov Momentum into Adam, 2016.
 */
export function scaleByAdam(options?: ScaleByAdamOptions): GradientTransformation {
  const { b1 = 0.9, b2 = 0.999, eps = 1e-8, epsRoot = 0, muDtype, nesterov = false } = checkOptions('optax.scaleByAdam', options, ADAM_OPTIONS);
  for (const [name, value] of Object.entries({ b1, b2, eps, epsRoot })) checkScalar('optax.scaleByAdam', name, value);
  const dtype = muDtype ?? undefined;
  return {
    init: (params: Params) => new ScaleByAdamState({ count: zeroCount(), mu: treeZerosLike(params, { dtype }), nu: treeZerosLike(params) }),
    update(updates, state) {
      const mu = treeUpdateMoment(updates, state.mu, b1, 1);
      const nu = treeUpdateMoment(updates, state.nu, b2, 2);
      const count = safeIncrement(state.count);
      // Nesterov looks one step ahead: next step's average as far as it is known, with today's gradient in it.
      const muHat = nesterov
        ? treeUpdateMoment(treeBiasCorrection(updates, b1, count), treeBiasCorrection(mu, b1, safeIncrement(count)), b1, 1)
        : treeBiasCorrection(mu, b1, count);
      const nuHat = treeBiasCorrection(nu, b2, count);
      const scaled = tree.map((m: Array, v: Array) => jnp.divide(m, jnp.add(jnp.sqrt(jnp.add(v, epsRoot)), eps)), muHat, nuHat);
      return [scaled, new ScaleByAdamState({ count, mu: treeCast(mu, dtype), nu: treeCastLike(nu, state.nu) })];
    },
  };
}

export const TraceState = namedTuple<{ trace: Params }>('TraceState', ['trace']);

/**
 * Momentum: t ← g + decay · t, and the updates are t (with `nesterov` g + decay · t once more). As `optax.trace`.
 *
 * @param options `accumulatorDtype`: dtype in which t is kept; the parameters' own by default
 */
export function trace(decay: Scalar, options?: { nesterov?: boolean; accumulatorDtype?: DType | null }): GradientTransformation {
  const { nesterov = false, accumulatorDtype } = checkOptions('optax.trace', options, ['nesterov', 'accumulatorDtype']);
  checkScalar('optax.trace', 'decay', decay);
  const dtype = accumulatorDtype ?? undefined;
  const accumulate = (g: Update, t: Array): Array => plus(g, jnp.multiply(decay, t));
  return {
    init: (params: Params) => new TraceState({ trace: treeZerosLike(params, { dtype }) }),
    update(updates, state) {
      const next = tree.map(accumulate, updates, state.trace);
      const out = nesterov ? tree.map(accumulate, updates, next) : next;
      return [out, new TraceState({ trace: treeCast(next, dtype) })];
    },
  };
}

export const WeightDecaySchedule = namedTuple<{ count: Array }>('WeightDecaySchedule', ['count']);

/**
 * Adds `weightDecay` times the parameters to the updates. As `optax.add_decayed_weights`.
 *
 * @param options `weightDecay` (0): a number or a schedule; `mask`: a tree of booleans, or a function of the parameters that
 * gives one, which says where weights decay
 */
export function addDecayedWeights(options?: { weightDecay?: ScalarOrSchedule; mask?: Mask | null }): GradientTransformation {
  const { weightDecay = 0, mask } = checkOptions('optax.addDecayedWeights', options, ['weightDecay', 'mask']);
  checkScalar('optax.addDecayedWeights', 'weightDecay', weightDecay);
  const scheduled = typeof weightDecay === 'function';
  const decay: GradientTransformation = {
    init: () => (scheduled ? new WeightDecaySchedule({ count: zeroCount() }) : new EmptyState({})),
    update(updates, state, params) {
      requireParams('optax.addDecayedWeights', params);
      const next = scheduled ? new WeightDecaySchedule({ count: safeIncrement(state.count) }) : state;
      if (weightDecay === 0) return [updates, next];
      const s = scheduled ? weightDecay(state.count) : weightDecay;
      return [tree.map((g: Update, p: Array) => plus(g, jnp.multiply(s, p)), updates, params), next];
    },
  };
  return mask === undefined || mask === null ? decay : masked(decay, mask);
}

/** Flips nothing but signs: -1, 0 or 1 for every update. As `optax.scale_by_sign`. */
export function scaleBySign(): GradientTransformation {
  return { init: initEmptyState, update: (updates, state) => [tree.map((u: Update) => (isZeroUpdate(u) ? u : jnp.sign(u)), updates), state] };
}
