/** Creators, getters and setters: functions of the user that see every parameter or state value made, read or set. */
import { numpy as jnp, type Array } from '../jax/index.js';
import type { DType } from '../runtime/dtypes.js';
import { ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { requireFrame } from './context.js';
import { Stack } from './stack.js';
import type { Initializer, ModuleInstance } from './types.js';

/** What a creator or getter is told of the value. */
export interface GetterContext {
  /** `module path / name`. */
  readonly fullName: string;
  readonly moduleName: string;
  readonly name: string;
  /** The module that asks, undefined outside all modules. */
  readonly module: ModuleInstance | undefined;
  readonly originalShape: readonly number[] | undefined;
  readonly originalDtype: DType;
  readonly originalInit: Initializer | undefined;
  /** In a lifted `init` (`hk.lift`): what comes before `fullName` in the outermost parameters, ending in `/`; else null. */
  readonly liftedPrefixName: string | null;
}

/** What a setter is told. Shape and dtype are trees like the value; undefined for leaves that are no arrays. */
export interface SetterContext {
  readonly fullName: string;
  readonly moduleName: string;
  readonly name: string;
  readonly module: ModuleInstance | undefined;
  readonly originalShape: any;
  readonly originalDtype: any;
  /** As in `GetterContext`. */
  readonly liftedPrefixName: string | null;
}

class DoNotStore {
  get shape(): never { throw new ValueError('DO_NOT_STORE does not have a shape: it stands for a value that is not stored.'); }
  get dtype(): never { throw new ValueError('DO_NOT_STORE does not have a dtype: it stands for a value that is not stored.'); }
}

/** Returned by an initialiser, creator or setter: nothing is stored. A getter must then supply the value. */
export const DO_NOT_STORE = Object.freeze(new DoNotStore()) as unknown as Array;

export type NextCreator = (shape: readonly number[], dtype: DType, init: Initializer) => Array;
/** Wraps the making of a value: call `next` with the same or with changed arguments, or return a value without it. */
export type Creator = (next: NextCreator, shape: readonly number[], dtype: DType, init: Initializer, context: GetterContext) => Array;
export type NextGetter = (value: any) => any;
/** Wraps every read: what it returns is what the reader gets; the stored value stays as it is. */
export type Getter = (next: NextGetter, value: any, context: GetterContext) => any;
export type NextSetter = (value: any) => any;
/** Wraps every `setState`: what it returns is what is stored. */
export type Setter = (next: NextSetter, value: any, context: SetterContext) => any;

/** To which kinds of values a creator or getter applies. */
export interface HookOptions {
  /** Default true. */
  params?: boolean;
  /** Default false. */
  state?: boolean;
}

type Kind = 'params' | 'state';
const creators = { params: new Stack<Creator>(), state: new Stack<Creator>() };
const getters = { params: new Stack<Getter>(), state: new Stack<Getter>() };
const setters = new Stack<Setter>();

function withHook<H, R>(stacks: Record<Kind, Stack<H>>, hook: H, where: string, options: HookOptions | undefined, fn: () => R): R {
  requireFrame(where);
  const { params = true, state = false } = checkOptions(`hk.${where}`, options, ['params', 'state']);
  const inner = state ? () => stacks.state.with(hook, fn) : fn;
  return params ? stacks.params.with(hook, inner) : inner();
}

/**
 * While `fn` runs, `creator` sees every parameter (with `state`, every state value) that is made. It only runs where the
 * value is missing; of several, the first entered runs first. Returns what `fn` returns.
 */
export function customCreator<R>(creator: Creator, fn: () => R, options?: HookOptions): R { return withHook(creators, creator, 'customCreator', options, fn); }

/**
 * While `fn` runs, `getter` sees every read, in init and in apply.
 *
 * ```ts
 * const half = (next, value, context) => next(context.name === 'w' ? value.astype('float16') : value);
 * hk.customGetter(half, () => net(x));
 * ```
 */
export function customGetter<R>(getter: Getter, fn: () => R, options?: HookOptions): R { return withHook(getters, getter, 'customGetter', options, fn); }

/** While `fn` runs, `setter` sees every `setState`. */
export function customSetter<R>(setter: Setter, fn: () => R): R {
  requireFrame('customSetter');
  return setters.with(setter, fn);
}

const zeros: Creator = (next, shape, dtype) => next(shape, dtype, jnp.zeros);
/** While `fn` runs, everything is made of zeros: for shapes alone. */
export const withZeros = <R>(fn: () => R): R => creators.params.with(zeros, () => creators.state.with(zeros, fn));

// Those two take their dtype in an options object, as all of `jnp` does.
const takesOptions = new Set<unknown>([jnp.zeros, jnp.ones]);

/** Calls an initialiser. */
export function runInit(init: Initializer, shape: readonly number[], dtype: DType): Array {
  return init(shape, (takesOptions.has(init) ? { dtype } : dtype) as DType & { dtype?: DType });
}

/** Runs the creators, the initialiser innermost. */
export function create(kind: Kind, shape: readonly number[], dtype: DType, init: Initializer, context: GetterContext): Array {
  const hooks = creators[kind].items;
  const from = (i: number): NextCreator => (i === hooks.length ? (s, d, f) => runInit(f, s, d) : (s, d, f) => hooks[i](from(i + 1), s, d, f, context));
  return from(0)(shape, dtype, init);
}

/** Runs the getters. */
export function read(kind: Kind, value: unknown, context: GetterContext): unknown {
  const hooks = getters[kind].items;
  const from = (i: number): NextGetter => (i === hooks.length ? (v) => v : (v) => hooks[i](from(i + 1), v, context));
  return from(0)(value);
}

/** Runs the setters; `context` is only made where there are any. */
export function write(value: unknown, context: () => SetterContext): unknown {
  const hooks = setters.items;
  if (hooks.length === 0) return value;
  const told = context();
  const from = (i: number): NextSetter => (i === hooks.length ? (v) => v : (v) => hooks[i](from(i + 1), v, told));
  return from(0)(value);
}
