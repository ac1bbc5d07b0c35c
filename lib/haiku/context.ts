/**
 * What `init` and `apply` keep while a user's function runs: parameters, state, keys, and the names given so far. One
 * frame a call, on a stack that is popped in `finally`, so that nothing outlives the call, thrown or not.
 */
import { currentFrame } from '../jax/core.js';
import { ValueError } from '../runtime/errors.js';
import { config } from './config.js';
import { JaxUsageError } from './errors.js';
import { fromStore, toStore, type Store } from './mappings.js';
import { NameTable } from './naming.js';
import type { PRNGSequence } from './rng.js';
import { Stack } from './stack.js';
import type { ModuleInstance, MutableParams, MutableState } from './types.js';
import type { Array } from '../jax/index.js';

/** The method that is running. `module` is unset in a constructor until `super()` has named the module. */
export interface ModuleState {
  module: ModuleInstance | undefined;
  readonly methodName: string;
  /** Of a constructor. */
  readonly args?: readonly unknown[];
}

/** A state entry: what `init` returns, and what it is now. */
export interface StatePair { readonly initial: unknown; readonly current: unknown }

let frameCount = 0;
/** Modules and the frame that they were made in, by its number. */
export const madeIn = new WeakMap<object, number>();
/** Frame numbers below which modules may not be used now: they were made outside the function that is lifted. */
export const closureBoundaries = new Stack<number>();
/** Lifting modules and the path under which they store what the lifted function makes. */
export const liftPrefixes = new WeakMap<object, string>();

/** One call of `init` or `apply`. */
export class Frame {
  /** The trace that was open when the frame began: what has side effects belongs there. */
  readonly trace = currentFrame();
  /** Later frames have higher numbers. */
  readonly id: number = frameCount++;
  readonly params: Store<Array>;
  readonly state: Store<StatePair>;
  /** True in `apply`: parameters are read, never made. */
  readonly frozen: boolean;
  readonly rngs: Stack<PRNGSequence | null>;
  readonly modules = new Stack<ModuleState>();
  /** One table a running method; the first belongs to the transformed function itself. */
  readonly names = new Stack(new NameTable());

  constructor(params: unknown, state: unknown, rng: PRNGSequence | null, frozen: boolean) {
    this.params = toStore('params', params, (value) => value as Array);
    this.state = toStore<StatePair>('state', state, (value) => ({ initial: value, current: value }));
    this.frozen = frozen;
    this.rngs = new Stack(rng);
  }

  /** What runs when the call of `init` or `apply` has come to its end. */
  readonly teardown: (() => void)[] = [];

  /**
   * A frame of the same call with entries and keys of its own, for a function that is traced: what it makes does not show
   * outside until it is handed out. Names given in it count outside only where they are shared.
   */
  evolve(rng: PRNGSequence | null, shareNames: boolean): Frame {
    const copy = <T>(store: Store<T>): Store<T> => new Map([...store].map(([module, bundle]) => [module, new Map(bundle)]));
    const names = shareNames ? {} : { modules: this.modules.clone(), names: this.names.clone((table) => table.clone()) };
    return Object.assign(Object.create(Frame.prototype) as Frame, this, names, { id: frameCount++, trace: currentFrame(), params: copy(this.params), state: copy(this.state), rngs: new Stack(rng) });
  }

  /** Runs `body` as (a part of) a module's method: names count afresh. */
  method<R>(state: ModuleState, body: () => R): R {
    return this.modules.with(state, () => this.names.with(new NameTable(), body));
  }

  collectParams(): MutableParams { return fromStore(this.params, (value) => value); }
  collectInitialState(): MutableState { return fromStore(this.state, (pair) => pair.initial); }
  collectCurrentState(): MutableState { return fromStore(this.state, (pair) => pair.current); }
}

export const frames = new Stack<Frame>();

/** The innermost frame. @throws ValueError outside a transform, naming the function that was called. */
export function requireFrame(symbol: string): Frame {
  const frame = frames.top;
  if (!frame) throw new ValueError(`\`hk.${symbol}\` must be used as part of an \`hk.transform\`: call it in the function that you transform.`, 'OUTSIDE_TRANSFORM');
  return frame;
}

/** As `requireFrame`, for what has a side effect. @throws JaxUsageError in a function that a raw `jax` transformation traces, where `config.checkJaxUsage` asks for that. */
export function requireEffects(symbol: string): Frame {
  const frame = requireFrame(symbol);
  if (config.checkJaxUsage && currentFrame() !== frame.trace) {
    throw new JaxUsageError(`\`hk.${symbol}\` has a side effect, but is called in a function that a jax transformation traces and takes for pure: use hk's own form of it (hk.jit, hk.vmap, hk.grad, hk.scan, hk.cond, …).`);
  }
  return frame;
}

/** The path of a module, which `super()` must have made. */
export function requireModuleName(module: ModuleInstance | undefined): string {
  if (module === undefined) {
    throw new ValueError('The super constructor must be called before you create parameters or submodules: move `super(name)` to the first line of the constructor.');
  }
  const boundary = closureBoundaries.top;
  if (boundary !== undefined && (madeIn.get(module) ?? boundary) < boundary) {
    throw new ValueError("You can't functionally close over a module which has been initialized outside of the function wrapped in hk.transparentLift or "
      + `hk.layerStack: make '${module.moduleName}' inside that function.`);
  }
  return module.moduleName;
}

/** What comes before the paths of an `init` that is lifted now, in the outermost parameters: ends in `/`; null if nothing. */
export function liftedPrefixName(): string | null {
  if (frames.top!.frozen) return null;
  const lifting = new Set(frames.items.map((frame) => frame.modules.top?.module));
  const prefixes = [...lifting].flatMap((module) => (module && liftPrefixes.get(module)) || []);
  return prefixes.length ? `${prefixes.join('/')}/` : null;
}

/** `current_name` without the check of the context. */
export function pathOf(frame: Frame): string {
  const state = frame.modules.top;
  return state ? requireModuleName(state.module) : '~';
}

/** The path under which parameters and state are stored now: a module's, or `~` outside all modules. */
export function currentName(): string { return pathOf(requireFrame('currentName')); }

/** True while `init` runs, false while `apply` does. */
export function runningInit(): boolean { return !requireFrame('runningInit').frozen; }

/** A copy of the parameters as they are now; no getter runs. */
export function getParams(): MutableParams { return requireFrame('getParams').collectParams(); }

/** A copy of the state that `init` would return. */
export function getInitialState(): MutableState { return requireFrame('getInitialState').collectInitialState(); }

/** A copy of the state as it is now. */
export function getCurrentState(): MutableState { return requireFrame('getCurrentState').collectCurrentState(); }
