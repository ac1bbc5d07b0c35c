/** Hyperparameters in the optimizer's state, where they can be seen, changed and scheduled. After `optax.schedules._inject`. */
import { isArray, numpy as jnp, type Array } from '../../jax/index.js';
import { isFloat } from '../../jax/dtypes.js';
import type { DType } from '../../runtime/dtypes.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { namedTuple, zeroCount, type ExtraArgs, type GradientTransformation, type OptState, type Params, type Scalar, type Schedule } from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signatureOf } from '../options.js';
import { treeDtype } from '../tree/dtypes.js';

/** A schedule with a state of its own, which also sees the update's extra arguments. As `optax.schedules.StatefulSchedule`. */
export interface StatefulSchedule {
  init(): any;
  update(state: any, extraArgs: ExtraArgs): any;
  /** The value at a state. */
  call(state: any, extraArgs: ExtraArgs): Scalar;
}
const WrappedScheduleState = namedTuple<{ count: Array }>('WrappedScheduleState', ['count']);
/** A plain schedule as a stateful one, which counts. As `optax.schedules.WrappedSchedule`. */
export class WrappedSchedule implements StatefulSchedule {
  constructor(readonly scheduleFn: Schedule) {}
  init(): any { return new WrappedScheduleState({ count: zeroCount() }); }
  update(state: any): any { return new WrappedScheduleState({ count: safeIncrement(state.count) }); }
  call(state: any): Scalar { return this.scheduleFn(state.count); }
}

export const InjectStatefulHyperparamsState = namedTuple<{ count: Array; hyperparams: Record<string, Array>; hyperparamsStates: Record<string, any>; innerState: OptState }>(
  'InjectStatefulHyperparamsState', ['count', 'hyperparams', 'hyperparamsStates', 'innerState']);
export const InjectHyperparamsState = namedTuple<{ count: Array; hyperparams: Record<string, Array>; innerState: OptState }>('InjectHyperparamsState', ['count', 'hyperparams', 'innerState']);

export interface InjectOptions {
  /** Names of arguments that stay as they are: functions that are no schedules, numbers that are sizes. */
  staticArgs?: string | readonly string[];
  /** dtype of the hyperparameters; the parameters' highest by default. */
  hyperparamDtype?: DType | null;
}
/** Names may also be spelt as Optax spells them. */
const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
/** Arguments that are whole numbers: they stay integers in the state. */
const WHOLE: ReadonlySet<string> = new Set(['seed', 'key', 'k', 'minDimSizeToFactor', 'decayOffset', 'stepOffset']);
/** A mask that is a function takes parameters; Optax, unless `staticArgs` names it, takes it for a schedule. */
const isMask = (name: string): boolean => /mask$/i.test(name);
const isStateful = (x: any): x is StatefulSchedule => typeof x === 'object' && x !== null && typeof x.init === 'function' && typeof x.update === 'function' && typeof x.call === 'function';
const isOptions = (x: unknown): x is Record<string, unknown> =>
  typeof x === 'object' && x !== null && !isArray(x) && (Object.getPrototypeOf(x) === Object.prototype || Object.getPrototypeOf(x) === null);

/**
 * A factory whose optimizers keep their numbers in the state: `state.hyperparams.learningRate` may be read, replaced
 * (`optax.tree.set`), or follow a schedule, whichever argument it is. As `optax.inject_hyperparams`.
 *
 * A factory of your own takes its hyperparameters by name, in one object.
 *
 * @example
 * const opt = optax.injectHyperparams(optax.adam)(optax.linearSchedule(1e-3, 0, 100), { b1: optax.linearSchedule(0.8, 0.95, 50) });
 * const mine = optax.injectHyperparams(({ rate }) => optax.chain(optax.clip(1), optax.sgd(rate)))({ rate: 0.1 });
 */
export function injectHyperparams(innerFactory: (...args: any[]) => GradientTransformation, options?: InjectOptions): (...args: any[]) => GradientTransformation {
  const { staticArgs = [], hyperparamDtype } = checkOptions('optax.injectHyperparams', options, ['staticArgs', 'hyperparamDtype']);
  const fixed = new Set([staticArgs].flat().map(camelCase));
  const { positional, defaults } = signatureOf(innerFactory) ?? { positional: [], defaults: {} };
  const known = signatureOf(innerFactory) && [...positional, ...Object.keys(defaults)];
  const unknown = known && [...fixed].find((name) => !known.includes(name));
  if (unknown !== undefined) throw new ValueError(`optax.injectHyperparams: staticArgs names '${unknown}', but the arguments are ${known!.join(', ')}.`);
  return (...args) => {
    const last = isOptions(args.at(-1)) ? args.at(-1) as Record<string, unknown> : {};
    const given = last === args.at(-1) ? args.slice(0, -1) : args;
    if (given.length > positional.length) {
      throw new TypeError(`optax.injectHyperparams: ${given.length} arguments were given before the options, but ${positional.length} are known by name${positional.length ? ` (${positional.join(', ')})` : ''}; give hyperparameters by name in one object.`);
    }
    const named: Record<string, unknown> = { ...Object.fromEntries(given.map((value, i) => [positional[i]!, value])), ...defaults, ...last };
    const wrong = known && Object.keys(last).find((name) => !known.includes(name));
    if (wrong !== undefined) throw new TypeError(`optax.injectHyperparams: unknown argument '${wrong}'; the arguments are ${known!.join(', ')}.`);
    const schedules: Record<string, StatefulSchedule> = {};
    const numbers: Record<string, number | Array> = {};
    for (const [name, value] of Object.entries(named)) {
      if (fixed.has(name) || (typeof value === 'function' && isMask(name))) continue;
      if (typeof value === 'function') schedules[name] = new WrappedSchedule(value as Schedule);
      else if (isStateful(value)) schedules[name] = value;
      else if (typeof value === 'number' || isArray(value)) numbers[name] = value;
    }
    const inner = (values: Record<string, Array>): GradientTransformation => {
      const all = { ...named, ...values };
      // A key is no number to compute with: its dtype tells.
      return innerFactory(...positional.map((name) => all[name]), ...(Object.keys(all).length > positional.length || positional.length === 0
        ? [Object.fromEntries(Object.entries(all).filter(([name]) => !positional.includes(name)))] : []));
    };
    const dtypeFor = (params: Params): DType => hyperparamDtype ?? (params === undefined || params === null ? 'float32' : treeDtype(params, { mixedDtypeHandler: 'highest' }));
    const scheduled = (name: string, state: any, extra: ExtraArgs): Scalar => {
      const value = schedules[name].call(state, extra);
      if (typeof value === 'number' || isArray(value)) return value;
      throw new TypeError(`optax.injectHyperparams: '${name}' is a function and was called as a schedule, but gave no number or array; name it in staticArgs if it is none.`);
    };
    const typed = (x: Scalar, dtype: DType): Array => (typeof x === 'number' || (x.weakType && isFloat(x.dtype)) ? jnp.asarray(x, { dtype }) : x);
    const each = <T, R>(things: Record<string, T>, f: (thing: T, name: string) => R): Record<string, R> =>
      Object.fromEntries(Object.entries(things).map(([name, thing]) => [name, f(thing, name)]));
    return {
      init(params) {
        const dtype = dtypeFor(params);
        const hyperparamsStates = each(schedules, (s) => s.init());
        const hyperparams = {
          ...each(numbers, (x, name) => typed(x, WHOLE.has(name) && Number.isInteger(x) ? 'int32' : dtype)),
          ...each(schedules, (_, name) => typed(scheduled(name, hyperparamsStates[name], {}), dtype)),
        };
        return new InjectStatefulHyperparamsState({ count: zeroCount(), hyperparams, hyperparamsStates, innerState: inner(hyperparams).init(params) });
      },
      update(updates, state, params, extraArgs) {
        const extra = extraArgs ?? {};
        const kept = state.hyperparams as Record<string, Scalar>;
        // Without parameters the state knows in which dtype its hyperparameters are.
        const dtypeOf = (name: string): DType => hyperparamDtype ?? (isArray(kept[name]) ? (kept[name] as Array).dtype : dtypeFor(params));
        const hyperparams: Record<string, Array> = {
          ...each(kept, (x, name) => typed(x, dtypeOf(name))),
          ...each(schedules, (_, name) => typed(scheduled(name, state.hyperparamsStates[name], extra), dtypeOf(name))),
        };
        const hyperparamsStates = each(schedules, (s, name) => s.update(state.hyperparamsStates[name], extra));
        const [next, innerState] = inner(hyperparams).update(updates, state.innerState, params, extraArgs);
        return [next, new InjectStatefulHyperparamsState({ count: safeIncrement(state.count), hyperparams, hyperparamsStates, innerState })];
      },
    };
  };
}
/** The older name of `injectHyperparams`. */
export const injectStatefulHyperparams = injectHyperparams;
