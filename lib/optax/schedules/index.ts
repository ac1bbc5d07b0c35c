/** `optax.schedules`: values that depend on how many updates have been made. */
export type { Schedule } from '../base.js';
export {
  InjectHyperparamsState, InjectStatefulHyperparamsState, WrappedSchedule, injectHyperparams, injectStatefulHyperparams, type InjectOptions, type StatefulSchedule,
} from './inject.js';
export { cosineOnecycleSchedule, linearOnecycleSchedule, piecewiseInterpolateSchedule, sgdrSchedule, type CosineCycle } from './piecewise.js';
export * from './schedule.js';
