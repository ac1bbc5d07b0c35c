import { expect } from 'chai';
import { jit, numpy as jnp } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { ValueError } from '../../lib/runtime/errors.js';
import { expectClose } from './helpers.js';

const at = (schedule: optax.Schedule, count: number) => jnp.asarray(schedule(jnp.asarray(count, { dtype: 'int32' })));
const check = (schedule: optax.Schedule, f: (count: number) => number, upTo = 12) => {
  for (let i = 0; i <= upTo; i++) expectClose(at(schedule, i), [f(i)]);
};

describe('schedules', () => {
  it('constant', () => check(optax.constantSchedule(0.3), () => 0.3));
  it('linear', () => check(optax.linearSchedule(1, 0.1, 8, { transitionBegin: 2 }), (i) => 1 - 0.9 * Math.min(1, Math.max(0, i - 2) / 8)));
  it('polynomial', () => check(optax.polynomialSchedule(1, 0.1, 2, 8), (i) => 0.9 * (1 - Math.min(1, i / 8)) ** 2 + 0.1));
  it('piecewise constant', () => check(optax.piecewiseConstantSchedule(1, { boundariesAndScales: { 8: 0.1, 3: 0.5 } }), (i) => (i < 3 ? 1 : i < 8 ? 0.5 : 0.05)));
  it('exponential', () => {
    check(optax.exponentialDecay(1, 4, 0.5), (i) => 0.5 ** (i / 4));
    check(optax.exponentialDecay(1, 4, 0.5, { staircase: true }), (i) => 0.5 ** Math.floor(i / 4));
    check(optax.exponentialDecay(1, 4, 0.5, { transitionBegin: 3, endValue: 0.4 }), (i) => Math.max(0.4, i <= 3 ? 1 : 0.5 ** ((i - 3) / 4)));
  });
  it('cosine', () => check(optax.cosineDecaySchedule(2, 10, { alpha: 0.1, exponent: 2 }), (i) => 2 * (0.9 * (0.5 * (1 + Math.cos((Math.PI * Math.min(i, 10)) / 10))) ** 2 + 0.1)));
  it('warm-ups', () => {
    check(optax.warmupConstantSchedule(0, 1, 5), (i) => Math.min(1, i / 5));
    check(optax.warmupCosineDecaySchedule(0, 1, 4, 12, { endValue: 0.1 }), (i) => (i < 4 ? i / 4 : 0.9 * 0.5 * (1 + Math.cos((Math.PI * (i - 4)) / 8)) + 0.1));
    check(optax.warmupExponentialDecaySchedule(0, 1, 4, 2, 0.5), (i) => (i < 4 ? i / 4 : 0.5 ** ((i - 4) / 2)));
  });
  it('joined', () => check(optax.joinSchedules([optax.constantSchedule(1), optax.linearSchedule(0, 1, 4), optax.constantSchedule(7)], [3, 8]), (i) => (i < 3 ? 1 : i < 8 ? Math.min(1, (i - 3) / 4) : 7)));
  it('that cannot move stay where they begin', () => {
    check(optax.linearSchedule(0.5, 1, 0), () => 0.5);
    check(optax.exponentialDecay(0.5, 3, 0), () => 0.5);
  });
  it('are traced', () => {
    const schedule = optax.warmupCosineDecaySchedule(0, 1, 4, 12);
    expectClose(jit((count: unknown) => schedule(count as never))(jnp.asarray(2, { dtype: 'int32' })), [0.5]);
  });
  it('refuse what they cannot use', () => {
    expect(() => optax.cosineDecaySchedule(1, 0)).to.throw(ValueError, /positive/);
    expect(() => optax.linearSchedule(NaN, 1, 3)).to.throw(ValueError, /initValue/);
    expect(() => optax.joinSchedules([optax.constantSchedule(1)], [3])).to.throw(ValueError, /0 boundaries/);
    expect(() => optax.piecewiseConstantSchedule(1, { boundariesAndScales: { 3: -1 } })).to.throw(ValueError, /negative/);
  });
});
