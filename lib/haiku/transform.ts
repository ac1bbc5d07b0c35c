/** `transform` and its kin: a function over modules becomes a pair of pure functions, `init` and `apply`. */
import { TypeError, ValueError } from '../runtime/errors.js';
import { isAsync } from './callable.js';
import { Frame, frames } from './context.js';
import { NonEmptyStateError } from './errors.js';
import { describe } from './mappings.js';
import { PRNGSequence } from './rng.js';
import type { MutableParams, MutableState, Params, RngLike, State } from './types.js';

export type Init<A extends unknown[]> = (rng: RngLike, ...args: A) => MutableParams;
export type Apply<A extends unknown[], R> = (params: Params | null | undefined, rng: RngLike, ...args: A) => R;
export type InitWithState<A extends unknown[]> = (rng: RngLike, ...args: A) => [params: MutableParams, state: MutableState];
export type ApplyWithState<A extends unknown[], R> =
  (params: Params | null | undefined, state: State | null | undefined, rng: RngLike, ...args: A) => [out: R, state: MutableState];

/** `init(rng, …args)` → params; `apply(params, rng, …args)` → what the function returns. Both are pure. */
export class Transformed<A extends unknown[] = any[], R = any> {
  constructor(readonly init: Init<A>, readonly apply: Apply<A, R>) {}
}

/** `init(rng, …args)` → [params, state]; `apply(params, state, rng, …args)` → [result, new state]. Both are pure. */
export class TransformedWithState<A extends unknown[] = any[], R = any> {
  constructor(readonly init: InitWithState<A>, readonly apply: ApplyWithState<A, R>) {}
}

const originals = new WeakMap<object, (...args: any[]) => any>();
/** The function that was transformed. */
export const originalOf = (transformed: Transformed | TransformedWithState): ((...args: any[]) => any) | undefined => originals.get(transformed);
/** @internal */
export function remember<T extends object>(transformed: T, f: ((...args: any[]) => any) | undefined): T {
  if (f) originals.set(transformed, f);
  return transformed;
}

const ASYNC = 'names, parameters and keys are tracked while the function runs, so it cannot wait; do what is asynchronous before init or apply';

/** Refuses what cannot be transformed: no function, an async function, or one that `jit` has made pure already. */
export function checkTransformable(where: string, f: unknown): void {
  if (typeof f !== 'function') throw new TypeError(`${where} needs a function, but got ${describe(f)}.`);
  if (isAsync(f)) throw new TypeError(`${where}: ${f.name || 'the function'} is async, but ${ASYNC}.`);
  if (typeof (f as { async?: unknown }).async === 'function') {
    throw new ValueError(`${where}: ${f.name || 'the function'} was made by jit. A function over modules is not pure, so it cannot be jitted; `
      + 'jit the pure init or apply that you get back: jit(hk.transform(f).apply).');
  }
}

function run<R>(frame: Frame, f: () => R): R {
  return frames.with(frame, () => {
    const out = f();
    if (typeof (out as { then?: unknown } | null | undefined)?.then === 'function') {
      // Its rejection would otherwise be reported as unhandled, beside this error.
      (out as unknown as PromiseLike<unknown>).then(undefined, () => {});
      throw new TypeError(`The transformed function returned a promise, but ${ASYNC}.`);
    }
    for (const end of frame.teardown) end();
    return out;
  });
}

function toSequence(rng: unknown, which: string, position: string, signature: string): PRNGSequence | null {
  if (rng === null || rng === undefined) return null;
  try {
    return new PRNGSequence(rng as number);
  } catch (cause) {
    throw new ValueError(`${which} must be called with an RNG as the ${position} argument, the required signature is: \`${signature}\`. `
      + `The object was of type ${describe(rng)}.`, 'BAD_RNG', { cause });
  }
}

/**
 * Transforms a function that uses modules, parameters, state and keys into pure `init` and `apply`.
 *
 * `init` runs `f` and returns the parameters and the **initial** state that it made; `apply` runs it with those given and
 * returns its result and the state as it is then. `rng` is a key, a seed, an int32 scalar or null. Maps come in creation
 * order; the caller's are never changed, and names that `f` does not ask for are ignored.
 * @throws TypeError for an async function; ValueError for a jitted one.
 */
export function transformWithState<A extends unknown[], R>(f: (...args: A) => R): TransformedWithState<A, R> {
  checkTransformable('hk.transformWithState', f);
  return remember(new TransformedWithState<A, R>(
    (rng, ...args) => {
      const frame = new Frame(null, null, toSequence(rng, 'Init', 'first', 'init(rng, …args)'), false);
      run(frame, () => f(...args));
      return [frame.collectParams(), frame.collectInitialState()];
    },
    (params, state, rng, ...args) => {
      const sequence = state === null || state === undefined
        ? toSequence(rng, 'Apply', 'second', 'apply(params, rng, …args)')
        : toSequence(rng, 'Apply', 'third', 'apply(params, state, rng, …args)');
      const frame = new Frame(params, state, sequence, true);
      const out = run(frame, () => f(...args));
      return [out, frame.collectCurrentState()];
    },
  ), f);
}

/** @internal */
export function refuseState(state: State, instead: string): void {
  const modules = Object.keys(state);
  if (modules.length === 0) return;
  throw new NonEmptyStateError(`If your transformed function uses \`hk.getState\` or \`hk.setState\` then use \`hk.${instead}\`: it made state for ${modules.map((m) => `'${m}'`).join(', ')}.`);
}

/** Drops state from arguments and results. Both functions throw NonEmptyStateError where there is some. */
export function withoutState<A extends unknown[], R>(f: TransformedWithState<A, R>): Transformed<A, R> {
  return remember(new Transformed<A, R>(
    (rng, ...args) => {
      const [params, state] = f.init(rng, ...args);
      refuseState(state, 'transformWithState');
      return params;
    },
    (params, rng, ...args) => {
      const [out, state] = f.apply(params, null, rng, ...args);
      refuseState(state, 'transformWithState');
      return out;
    },
  ), originals.get(f));
}

/** Adds a state argument, which is ignored, and an empty state to the results. */
export function withEmptyState<A extends unknown[], R>(f: Transformed<A, R>): TransformedWithState<A, R> {
  return remember(new TransformedWithState<A, R>((rng, ...args) => [f.init(rng, ...args), {}], (params, _state, rng, ...args) => [f.apply(params, rng, ...args), {}]), originals.get(f));
}

/**
 * Transforms a function without state into pure `init` and `apply`.
 *
 * ```ts
 * const net = hk.transform((x: Array) => new hk.nets.MLP([300, 100, 10])(x));
 * const params = net.init(42, jnp.zeros([10, 1]));
 * const logits = net.apply(params, null, jnp.zeros([10, 1]));
 * ```
 * @throws as `transformWithState`; both functions throw NonEmptyStateError where `f` uses state.
 */
export function transform<A extends unknown[], R>(f: (...args: A) => R): Transformed<A, R> {
  checkTransformable('hk.transform', f);
  return withoutState(transformWithState(f));
}
