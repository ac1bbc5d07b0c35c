/** Schedules of several pieces, after `optax.schedules`. */
import { numpy as jnp } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import type { Scalar, Schedule } from '../base.js';
import { withDefaults } from '../options.js';
import { floating } from './numbers.js';
import { joinSchedules, warmupCosineDecaySchedule } from './schedule.js';

export type Boundaries = Record<number, number> | ReadonlyMap<number, number>;
/** [boundary, factor] in the order of the boundaries; negative factors are refused. */
export function sortedBoundaries(where: string, boundaries: Boundaries | null | undefined): [number, number][] {
  const pairs = [...(boundaries instanceof Map ? boundaries : Object.entries(boundaries ?? {}))]
    .map(([boundary, factor]): [number, number] => [Number(boundary), Number(factor)]).sort(([a], [b]) => a - b);
  const wrong = pairs.find(([, factor]) => !(factor >= 0));
  if (wrong) throw new ValueError(`${where}: scales must not be negative, but the one at ${wrong[0]} is ${wrong[1]}.`);
  return pairs;
}

/**
 * From value to value along straight lines or half cosines: at every boundary the value is the one before times the
 * boundary's factor. As `optax.piecewise_interpolate_schedule`.
 *
 * @example
 * const schedule = optax.piecewiseInterpolateSchedule('cosine', 0.1, { boundariesAndScales: { 100: 2, 500: 0.1 } });
 *
 * @param interpolateType `linear` or `cosine`
 */
export function piecewiseInterpolateSchedule(interpolateType: 'linear' | 'cosine', initValue: number, options?: { boundariesAndScales?: Boundaries | null }): Schedule {
  const where = 'optax.piecewiseInterpolateSchedule';
  const { boundariesAndScales } = checkOptions(where, options, ['boundariesAndScales']);
  if (interpolateType !== 'linear' && interpolateType !== 'cosine') throw new ValueError(`${where}: interpolateType must be 'linear' or 'cosine', but got '${String(interpolateType)}'.`);
  let value = Math.fround(initValue);
  const knots = [[0, value] as const, ...sortedBoundaries(where, boundariesAndScales).map(([at, factor]) => [at, value = Math.fround(value * Math.fround(factor))] as const)];
  const between = (start: number, end: number, part: Scalar): Scalar => (interpolateType === 'linear'
    ? jnp.add(jnp.multiply(end - start, part), start)
    : jnp.add(end, jnp.multiply((start - end) / 2, jnp.add(jnp.cos(jnp.multiply(Math.PI, part)), 1))));
  return (count) => {
    // Before 0 there is no piece, and the value is 0, as in Optax.
    let result: Scalar = jnp.where(jnp.lessEqual(0, count), knots[0]![1], 0);
    knots.forEach(([at, start], i) => {
      const next = knots[i + 1];
      if (!next) { result = jnp.where(jnp.lessEqual(at, count), start, result); return; }
      const part = jnp.divide(jnp.asarray(jnp.subtract(count, at), { dtype: 'float32' }), Math.max(next[0] - at, 1));
      result = jnp.where(jnp.lessEqual(at, count), between(start, next[1], part), result);
    });
    return floating(result);
  };
}

interface OnecycleOptions { pctStart?: number; divFactor?: number; finalDivFactor?: number }
const checkSteps = (where: string, transitionSteps: number): void => {
  if (!(transitionSteps > 0)) throw new ValueError(`${where}: transitionSteps must be positive, but got ${transitionSteps}.`);
};

/**
 * Up in a straight line to the peak, down the same way, and further down in the end. As `optax.linear_onecycle_schedule`.
 * Smith and Topin, Super-Convergence, arXiv:1708.07120.
 *
 * @example
 * const opt = optax.sgd(optax.linearOnecycleSchedule(1000, 0.1));
 *
 * @param options `pctStart` (0.3) and `pctFinal` (0.85): where the peak and the last part begin; `divFactor` (25): how much
 * lower than the peak it begins; `finalDivFactor` (1e4): how much lower than the beginning it ends
 */
export function linearOnecycleSchedule(transitionSteps: number, peakValue: number, options?: OnecycleOptions & { pctFinal?: number }): Schedule {
  const where = 'optax.linearOnecycleSchedule';
  const { pctStart, pctFinal, divFactor, finalDivFactor } = withDefaults(where, options, { pctStart: 0.3, pctFinal: 0.85, divFactor: 25, finalDivFactor: 1e4 });
  checkSteps(where, transitionSteps);
  return piecewiseInterpolateSchedule('linear', peakValue / divFactor, { boundariesAndScales: new Map([
    [Math.trunc(pctStart * transitionSteps), divFactor], [Math.trunc(pctFinal * transitionSteps), 1 / divFactor], [transitionSteps, 1 / finalDivFactor],
  ]) });
}

/**
 * Up along half a cosine to the peak, down along another. As `optax.cosine_onecycle_schedule`. Smith and Topin,
 * Super-Convergence, arXiv:1708.07120.
 *
 * @example
 * const opt = optax.adam(optax.cosineOnecycleSchedule(1000, 1e-3));
 */
export function cosineOnecycleSchedule(transitionSteps: number, peakValue: number, options?: OnecycleOptions): Schedule {
  const where = 'optax.cosineOnecycleSchedule';
  const { pctStart, divFactor, finalDivFactor } = withDefaults(where, options, { pctStart: 0.3, divFactor: 25, finalDivFactor: 1e4 });
  checkSteps(where, transitionSteps);
  return piecewiseInterpolateSchedule('cosine', peakValue / divFactor, { boundariesAndScales: new Map([
    [Math.trunc(pctStart * transitionSteps), divFactor], [Math.trunc(transitionSteps), 1 / (divFactor * finalDivFactor)],
  ]) });
}

/** The arguments of one `warmupCosineDecaySchedule` by name. */
export interface CosineCycle { initValue: number; peakValue: number; warmupSteps: number; decaySteps: number; endValue?: number; exponent?: number }
/**
 * Warm-up and cosine decay, again and again. As `optax.sgdr_schedule`. Loshchilov and Hutter, SGDR: Stochastic Gradient
 * Descent with Warm Restarts, arXiv:1608.03983.
 *
 * @example
 * const schedule = optax.sgdrSchedule([0.1, 0.05].map((peakValue) => ({ initValue: 0, peakValue, warmupSteps: 10, decaySteps: 100 })));
 */
export function sgdrSchedule(cosineKwargs: readonly CosineCycle[]): Schedule {
  let steps = 0;
  const ends = cosineKwargs.map(({ decaySteps }) => steps += decaySteps);
  return joinSchedules(cosineKwargs.map(({ initValue, peakValue, warmupSteps, decaySteps, ...options }) =>
    warmupCosineDecaySchedule(initValue, peakValue, warmupSteps, decaySteps, options)), ends.slice(0, -1));
}
