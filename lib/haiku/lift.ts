/** Lifting: what the `init` of an inner transform makes becomes part of the parameters and state of the outer one. */
import { ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { closureBoundaries, frames, liftPrefixes, requireFrame, type Frame } from './context.js';
import { NonEmptyStateError } from './errors.js';
import { fromStore, isMapping, setInStore, type Store } from './mappings.js';
import { Module, module, type ModuleOptions } from './module.js';
import type { MutableParams, MutableState, Params, State } from './types.js';

export interface TransparentLiftOptions {
  /** Whether keys that the outer transform has already may be made again; default false. */
  allowReuse?: boolean;
}

/** How a function is lifted. `name` (default `lifted`) is that of the module under which its parameters are. */
export interface LiftOptions extends TransparentLiftOptions, ModuleOptions {}

type InitFn<A extends unknown[]> = (...args: A) => readonly [Params, State];
/** Gives the lifted function's parameters and state: at init those that it has made, at apply those stored. */
export type Lifted<A extends unknown[]> = (...args: A) => [params: MutableParams, state: MutableState];

const below = <T, U>(store: Store<T>, prefix: string, unwrap: (value: T) => U): Record<string, Record<string, U>> =>
  fromStore(new Map([...store].flatMap(([path, bundle]) => (path.startsWith(prefix) ? [[path.slice(prefix.length), bundle]] : []))), unwrap);

@module('lifting_module')
class LiftingModule extends Module<(args: unknown[]) => [MutableParams, MutableState]> {
  readonly #init: InitFn<any[]>;
  readonly #allowReuse: boolean;
  /** Ends in `/`, or is empty. */
  readonly #prefix: string;

  constructor(init: InitFn<any[]>, transparent: boolean, allowReuse: boolean, name: string) {
    super(name);
    this.#init = init;
    this.#allowReuse = allowReuse;
    const path = transparent ? this.moduleName.slice(0, Math.max(0, this.moduleName.lastIndexOf('/'))) : this.moduleName;
    this.#prefix = path && `${path}/`;
    liftPrefixes.set(this, path);
  }

  override call(args: unknown[]): [MutableParams, MutableState] {
    const frame = frames.top!;
    if (frame.frozen) return [below(frame.params, this.#prefix, (value) => value), below(frame.state, this.#prefix, (pair) => pair.current)];
    const [params, state] = this.#init(...args);
    this.#store(frame.params, params, (value) => value);
    this.#store(frame.state, state, (value) => ({ initial: value, current: value }));
    return [params, state] as [MutableParams, MutableState];
  }

  #store<T, U>(store: Store<U>, made: Readonly<Record<string, Readonly<Record<string, T>>>>, wrap: (value: T) => U): void {
    for (const [inner, bundle] of Object.entries(made)) {
      const path = this.#prefix + inner;
      if (!this.#allowReuse && store.has(path)) {
        throw new ValueError(`Key '${path}' already exists in the destination params. To prevent accidental parameter re-use during lift, you can't re-use a `
          + 'parameter already defined in the outer scope; give another name, or { allowReuse: true }.');
      }
      if (!store.has(path)) store.set(path, new Map());
      for (const [name, value] of Object.entries(bundle)) setInStore(store, path, name, wrap(value));
    }
  }
}

function withoutState<A extends unknown[]>(init: (...args: A) => Params): InitFn<A> {
  return (...args) => {
    const params: unknown = init(...args);
    if (!isMapping(params)) throw new NonEmptyStateError('For stateful lifted functions use `hk.liftWithState`: init returned [params, state].');
    return [params as Params, {}];
  };
}

/** Writes the state of a lifted function back: exactly one of its methods is called exactly once. */
export class LiftWithStateUpdater {
  readonly #prefix: string;
  readonly #call: Frame['teardown'];
  #used = false;

  /** @internal */
  constructor(frame: Frame, prefix: string) {
    this.#prefix = prefix;
    this.#call = frame.teardown;
    frame.teardown.push(() => {
      if (!this.#used) throw new ValueError('LiftWithStateUpdater (from `liftWithState`) must be used, call `.update(…)` or `.ignoreUpdate()` before it goes out of scope.');
    });
  }

  /** Says that the state does not change. */
  ignoreUpdate(): void { this.#use(); }

  /** Stores what the inner `apply` returned. @throws ValueError on second use, and outside the call of init or apply that it was made in. */
  update(state: State): void {
    const frame = this.#use();
    for (const [inner, bundle] of Object.entries(state)) {
      for (const [name, value] of Object.entries(bundle)) {
        const before = frame.state.get(this.#prefix + inner)?.get(name);
        setInStore(frame.state, this.#prefix + inner, name, { initial: before ? before.initial : value, current: value });
      }
    }
  }

  #use(): Frame {
    const frame = frames.top;
    if (this.#used) throw new ValueError('State updater must only be used once.');
    if (!frame) throw new ValueError('State updater must be used inside hk.transformWithState.');
    if (frame.teardown !== this.#call) throw new ValueError('State updater must be used within the same call to init/apply.');
    this.#used = true;
    return frame;
  }
}

function lifting<A extends unknown[]>(where: string, init: InitFn<A>, transparent: boolean, allowReuse: boolean, name: string): [Lifted<A>, () => LiftWithStateUpdater] {
  const frame = requireFrame(where);
  const lifted = new LiftingModule(init, transparent, allowReuse, name);
  const path = liftPrefixes.get(lifted)!;
  return [(...args) => lifted(args), () => new LiftWithStateUpdater(frame, path && `${path}/`)];
}

/**
 * Makes the parameters of an inner transform part of the outer one's, under `lifted/…`.
 *
 * ```ts
 * const inner = hk.transform((x: Array) => new hk.Linear(10)(x));
 * const params = hk.lift(inner.init)(hk.runningInit() ? hk.nextRngKey() : null, x); // stored as lifted/linear
 * const y = inner.apply(params, null, x);
 * ```
 * @returns a function with the arguments of `init`: in the outer init it runs that and stores its parameters, in apply it
 * reads them.
 * @throws ValueError where a key is there already; NonEmptyStateError where `init` makes state.
 */
export function lift<A extends unknown[]>(init: (...args: A) => Params, options?: LiftOptions): (...args: A) => MutableParams {
  const { allowReuse = false, name = 'lifted' } = checkOptions('hk.lift', options, ['allowReuse', 'name']);
  const [lifted] = lifting('lift', withoutState(init), false, allowReuse, name);
  return (...args) => lifted(...args)[0];
}

/** `lift` without a name of its own: the inner parameters are stored as if made here. @throws as `lift`, and where a module from outside is used. */
export function transparentLift<A extends unknown[]>(init: (...args: A) => Params, options?: TransparentLiftOptions): (...args: A) => MutableParams {
  const { allowReuse = false } = checkOptions('hk.transparentLift', options, ['allowReuse']);
  const [lifted] = lifting('transparentLift', withoutState(init), true, allowReuse, 'lifted');
  return (...args) => closureBoundaries.with(frames.top!.id + 1, () => lifted(...args)[0]);
}

/**
 * `lift` for an `init` that returns `[params, state]`.
 *
 * ```ts
 * const [lifted, updater] = hk.liftWithState(inner.init);
 * const [params, state] = lifted(key, x);
 * const [out, newState] = inner.apply(params, state, null, x);
 * updater.update(newState);
 * ```
 */
export function liftWithState<A extends unknown[]>(init: InitFn<A>, options?: LiftOptions): [Lifted<A>, LiftWithStateUpdater] {
  const { allowReuse = false, name = 'lifted' } = checkOptions('hk.liftWithState', options, ['allowReuse', 'name']);
  const [lifted, updater] = lifting('liftWithState', init, false, allowReuse, name);
  return [lifted, updater()];
}

/** `liftWithState` without a name of its own. */
export function transparentLiftWithState<A extends unknown[]>(init: InitFn<A>, options?: TransparentLiftOptions): [Lifted<A>, LiftWithStateUpdater] {
  const { allowReuse = false } = checkOptions('hk.transparentLiftWithState', options, ['allowReuse']);
  const [lifted, updater] = lifting('transparentLiftWithState', init, true, allowReuse, 'lifted');
  return [lifted, updater()];
}
