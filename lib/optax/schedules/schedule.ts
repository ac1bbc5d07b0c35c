/**
 * Values that depend on how many updates have been made, after `optax.schedules`. Each is a function of the count (an int32
 * scalar, traced or not) and is computed in the graph.
 */
import { numpy as jnp } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { checkScalar, type Scalar, type Schedule } from '../base.js';
import { asFloat, floatAt, floating } from './numbers.js';

/**
 * The same value always. As `optax.constant_schedule`.
 *
 * @example
 * const opt = optax.sgd(optax.constantSchedule(0.1));
 */
export function constantSchedule(value: Scalar): Schedule {
  checkScalar('optax.constantSchedule', 'value', value);
  return (count) => floatAt(value, count);
}

/**
 * From `initValue` to `endValue` in `transitionSteps` steps, along (1 - step / transitionSteps)ᵖᵒʷᵉʳ. As
 * `optax.polynomial_schedule`.
 *
 * @example
 * const opt = optax.sgd(optax.polynomialSchedule(0.1, 0.01, 2, 100));
 *
 * @param options `transitionBegin` (0): the step at which the change begins
 */
export function polynomialSchedule(initValue: number, endValue: number, power: number, transitionSteps: number, options?: { transitionBegin?: number }): Schedule {
  const { transitionBegin = 0 } = checkOptions('optax.polynomialSchedule', options, ['transitionBegin']);
  for (const [name, value] of Object.entries({ initValue, endValue, power, transitionSteps, transitionBegin })) checkScalar('optax.polynomialSchedule', name, value);
  if (transitionSteps <= 0) return constantSchedule(initValue);
  const begin = Math.max(0, transitionBegin);
  return (count) => {
    const step = jnp.minimum(jnp.maximum(jnp.subtract(count, begin), 0), transitionSteps);
    const left = jnp.subtract(1, jnp.divide(asFloat(step), transitionSteps));
    return jnp.add(jnp.multiply(initValue - endValue, power === 1 ? left : jnp.power(left, power)), endValue);
  };
}

/**
 * From `initValue` to `endValue` in a straight line. As `optax.linear_schedule`.
 *
 * @example
 * const opt = optax.sgd(optax.linearSchedule(0.1, 0, 1000));
 */
export function linearSchedule(initValue: number, endValue: number, transitionSteps: number, options?: { transitionBegin?: number }): Schedule {
  return polynomialSchedule(initValue, endValue, 1, transitionSteps, options);
}

/**
 * `initValue`, multiplied at every boundary by its scale. As `optax.piecewise_constant_schedule`.
 *
 * @example
 * const opt = optax.sgd(optax.piecewiseConstantSchedule(0.1, { boundariesAndScales: { 50: 0.5, 80: 0.1 } }));
 */
export function piecewiseConstantSchedule(initValue: Scalar, options?: { boundariesAndScales?: Record<number, number> | Map<number, number> | null }): Schedule {
  const { boundariesAndScales } = checkOptions('optax.piecewiseConstantSchedule', options, ['boundariesAndScales']);
  const pairs = [...(boundariesAndScales instanceof Map ? boundariesAndScales : Object.entries(boundariesAndScales ?? {}))]
    .map(([boundary, factor]) => [Number(boundary), Number(factor)] as const).sort(([a], [b]) => a - b);
  const wrong = pairs.find(([, factor]) => !(factor >= 0));
  if (wrong) throw new ValueError(`optax.piecewiseConstantSchedule: scales must not be negative, but the one at ${wrong[0]} is ${wrong[1]}.`);
  return (count) => pairs.reduce<Scalar>((value, [boundary, factor]) =>
    jnp.multiply(value, jnp.where(jnp.less(count, boundary), 1.0, jnp.asarray(factor, { dtype: 'float32' }))), floatAt(initValue, count));
}

export interface ExponentialDecayOptions {
  /** The step at which the decay begins (0). */
  transitionBegin?: number;
  /** Decays in steps of `transitionSteps` instead of smoothly. */
  staircase?: boolean;
  /** Where the decay stops. */
  endValue?: number | null;
}
const EXPONENTIAL_OPTIONS = ['transitionBegin', 'staircase', 'endValue'] as const;

/**
 * initValue · decayRate^(count / transitionSteps). As `optax.exponential_decay`.
 *
 * @example
 * const opt = optax.adam(optax.exponentialDecay(1e-3, 100, 0.9, { staircase: true }));
 */
export function exponentialDecay(initValue: number, transitionSteps: number, decayRate: number, options?: ExponentialDecayOptions): Schedule {
  const { transitionBegin = 0, staircase = false, endValue } = checkOptions('optax.exponentialDecay', options, EXPONENTIAL_OPTIONS);
  for (const [name, value] of Object.entries({ initValue, transitionSteps, decayRate, transitionBegin })) checkScalar('optax.exponentialDecay', name, value);
  if (transitionSteps <= 0 || decayRate === 0) return constantSchedule(initValue);
  const begin = Math.max(0, transitionBegin);
  return (count) => {
    const since = jnp.subtract(count, begin);
    const smooth = jnp.divide(asFloat(since), transitionSteps);
    const decayed = jnp.multiply(initValue, jnp.power(decayRate, staircase ? jnp.floor(smooth) : smooth));
    const value = jnp.where(jnp.lessEqual(since, 0), initValue, decayed);
    if (endValue === undefined || endValue === null) return value;
    return decayRate < 1 ? jnp.maximum(value, endValue) : jnp.minimum(value, endValue);
  };
}

/**
 * Half a cosine from `initValue` down to `alpha` times it. As `optax.cosine_decay_schedule`. Loshchilov and Hutter, SGDR:
 * Stochastic Gradient Descent with Warm Restarts, arXiv:1608.03983.
 *
 * @example
 * const opt = optax.adamw(optax.cosineDecaySchedule(1e-3, 1000, { alpha: 0.1 }));
 *
 * @param options `alpha` (0): the part that is left in the end; `exponent` (1): of the cosine
 */
export function cosineDecaySchedule(initValue: number, decaySteps: number, options?: { alpha?: number; exponent?: number }): Schedule {
  const { alpha = 0, exponent = 1 } = checkOptions('optax.cosineDecaySchedule', options, ['alpha', 'exponent']);
  for (const [name, value] of Object.entries({ initValue, decaySteps, alpha, exponent })) checkScalar('optax.cosineDecaySchedule', name, value);
  if (!(decaySteps > 0)) throw new ValueError(`optax.cosineDecaySchedule: decaySteps must be positive, but got ${decaySteps}.`);
  return (count) => {
    const step = jnp.minimum(asFloat(count), decaySteps);
    const cosine = jnp.multiply(0.5, jnp.add(1, jnp.cos(jnp.divide(jnp.multiply(Math.PI, step), decaySteps))));
    const decay = jnp.add(jnp.multiply(1 - alpha, exponent === 1 ? cosine : jnp.power(cosine, exponent)), alpha);
    return jnp.multiply(initValue, decay);
  };
}

/**
 * One schedule after another: each begins at its boundary and counts from there. As `optax.join_schedules`.
 *
 * @example
 * const schedule = optax.joinSchedules([optax.linearSchedule(0, 0.1, 10), optax.constantSchedule(0.1)], [10]);
 * const opt = optax.sgd(schedule);
 */
export function joinSchedules(schedules: readonly Schedule[], boundaries: readonly number[]): Schedule {
  if (schedules.length === 0 || boundaries.length !== schedules.length - 1) {
    throw new ValueError(`optax.joinSchedules: ${schedules.length} schedules need ${Math.max(0, schedules.length - 1)} boundaries, but ${boundaries.length} were given.`);
  }
  return (count) => floating(boundaries.reduce<Scalar>(
    (value, boundary, i) => jnp.where(jnp.less(count, boundary), value, schedules[i + 1]!(jnp.subtract(count, boundary))),
    schedules[0]!(count)));
}

/**
 * Up in a straight line, then constant. As `optax.warmup_constant_schedule`.
 *
 * @example
 * const opt = optax.adam(optax.warmupConstantSchedule(0, 1e-3, 100));
 */
export const warmupConstantSchedule = (initValue: number, peakValue: number, warmupSteps: number): Schedule => linearSchedule(initValue, peakValue, warmupSteps);

/**
 * Up in a straight line for `warmupSteps`, then down along half a cosine until `decaySteps` in all. As
 * `optax.warmup_cosine_decay_schedule`.
 *
 * @example
 * const opt = optax.adamw(optax.warmupCosineDecaySchedule(0, 1e-3, 100, 1000));
 */
export function warmupCosineDecaySchedule(
  initValue: number, peakValue: number, warmupSteps: number, decaySteps: number, options?: { endValue?: number; exponent?: number },
): Schedule {
  const { endValue = 0, exponent = 1 } = checkOptions('optax.warmupCosineDecaySchedule', options, ['endValue', 'exponent']);
  return joinSchedules([
    linearSchedule(initValue, peakValue, warmupSteps),
    cosineDecaySchedule(peakValue, decaySteps - warmupSteps, { alpha: peakValue === 0 ? 0 : endValue / peakValue, exponent }),
  ], [warmupSteps]);
}

/**
 * Up in a straight line, then an exponential decay. As `optax.warmup_exponential_decay_schedule`.
 *
 * @example
 * const opt = optax.adam(optax.warmupExponentialDecaySchedule(0, 1e-3, 100, 50, 0.9));
 */
export function warmupExponentialDecaySchedule(
  initValue: number, peakValue: number, warmupSteps: number, transitionSteps: number, decayRate: number, options?: ExponentialDecayOptions,
): Schedule {
  checkOptions('optax.warmupExponentialDecaySchedule', options, EXPONENTIAL_OPTIONS);
  return joinSchedules([linearSchedule(initValue, peakValue, warmupSteps), exponentialDecay(peakValue, transitionSteps, decayRate, options)], [warmupSteps]);
}
