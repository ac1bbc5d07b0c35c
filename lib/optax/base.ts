/**
 * What every gradient transformation is made of: the pair of pure functions, states that are trees, and updates that are
 * known to be zero without being computed. After `optax._src.base`.
 */
import { numpy as jnp, tree, type Array } from '../jax/index.js';
import type { DType } from '../jax/dtypes.js';
import { ValueError } from '../runtime/errors.js';

/** A tree of arrays: parameters. */
export type Params = any;
/** A tree like the parameters': gradients on the way in, what is to be added to the parameters on the way out. */
export type Updates = any;
/** A tree of whatever a transformation remembers from step to step. */
export type OptState = any;
/** A number that may also be computed, in a trace or outside. */
export type Scalar = number | Array;
/** A value that depends on how many updates have been made (an int32 scalar). */
export type Schedule = (count: Scalar) => Scalar;
export type ScalarOrSchedule = Scalar | Schedule;

/**
 * A pair of pure functions. `update` takes gradients and gives updates and the next state; `applyUpdates` then adds the
 * updates to the parameters. Both can be traced by `jit`.
 *
 * As `optax.GradientTransformation`.
 */
export interface GradientTransformation {
  init(params: Params): OptState;
  update(updates: Updates, state: OptState, params?: Params, extraArgs?: ExtraArgs): [Updates, OptState];
}

/**
 * What an update may be told beside gradients and parameters; a transformation takes what it knows and ignores the rest. As
 * the keyword arguments of `optax.GradientTransformationExtraArgs`. `trainStep` gives `value`, `grad` and `valueFn`.
 */
export interface ExtraArgs {
  /** The loss at the parameters. */
  value?: Scalar;
  /** The gradient at the parameters. */
  grad?: Updates;
  /** The loss as a function of parameters, for line searches and curvature. */
  valueFn?: (params: Params) => Array;
  /** Sophia's name of `valueFn`. */
  objFn?: (params: Params) => Array;
  /** The gradient as a function of parameters and the number of the call, for `contrib.sam` in opaque mode. */
  gradFn?: (params: Params, step: number) => Updates;
  [name: string]: unknown;
}
/** Every transformation here takes extra arguments. */
export type GradientTransformationExtraArgs = GradientTransformation;
/**
 * `tx` itself: every transformation takes extra arguments. As `optax.with_extra_args_support`.
 *
 * @example
 * const opt = optax.withExtraArgsSupport(optax.adam(1e-3));
 */
export const withExtraArgsSupport = (tx: GradientTransformation): GradientTransformationExtraArgs => checkTransformation('optax.withExtraArgsSupport', tx);

/** A class of named fields that is a tree: its fields are its children, in the order given. */
export type NamedTuple<T extends object> = new (fields: T) => Readonly<T>;

/**
 * Makes a class of named fields whose instances `tree.map` looks into, as JAX looks into Python's named tuples.
 *
 * @example
 * const MyState = optax.namedTuple('MyState', ['sum']);
 * const mine = tree.map((x) => x.mul(2), new MyState({ sum: params }));
 */
export function namedTuple<T extends object>(name: string, fields: readonly (keyof T & string)[]): NamedTuple<T> {
  const cls = { [name]: class {
    constructor(values: T) {
      for (const field of fields) (this as Record<string, unknown>)[field] = values[field];
    }
  } }[name] as unknown as NamedTuple<T>;
  tree.registerPytreeNode(cls,
    (x) => [fields.map((field) => x[field]), undefined],
    (_, children) => new cls(Object.fromEntries(fields.map((field, i) => [field, children[i]])) as T));
  namedTuples.add(cls);
  return cls;
}
const namedTuples = new WeakSet<object>();
/** Whether a value is an instance of a class that `namedTuple` made; its fields are its properties. */
export const isNamedTuple = (x: unknown): x is object => typeof x === 'object' && x !== null && namedTuples.has(x.constructor);

/** The state of what remembers nothing. */
export const EmptyState = namedTuple<object>('EmptyState', []);
export const initEmptyState = (): OptState => new EmptyState({});

/**
 * An update that is zero and that nobody computes: what `setToZero` gives. It is a leaf of a tree; `applyUpdates` returns
 * the very same parameter for it, so that a frozen one costs nothing and keeps even the sign of its zeros, and its gradient,
 * used nowhere, is never computed. `toArray` gives the zeros themselves.
 */
export class ZeroUpdate {
  readonly shape: readonly number[];
  readonly dtype: DType;
  constructor({ shape, dtype }: { shape: readonly number[]; dtype: DType }) {
    this.shape = shape;
    this.dtype = dtype;
  }
  get ndim(): number { return this.shape.length; }
  get size(): number { return this.shape.reduce((product, n) => product * n, 1); }
  toArray(): Array { return jnp.zeros(this.shape, { dtype: this.dtype }); }
  toString(): string { return `ZeroUpdate(${this.dtype}[${this.shape.join(',')}])`; }
}
export const isZeroUpdate = (x: unknown): x is ZeroUpdate => x instanceof ZeroUpdate;

/** One leaf of updates. */
export type Update = Array | ZeroUpdate;

/**
 * Replaces the updates that are symbolically zero by arrays of zeros, for code that needs arrays.
 *
 * @example
 * const zeros = optax.materialize(optax.setToZero().update(grads, optax.setToZero().init(params))[0]);
 */
export const materialize = (updates: Updates): Updates => tree.map((u: Update) => (isZeroUpdate(u) ? u.toArray() : u), updates);

/** A count of updates, at its beginning. */
export const zeroCount = (): Array => jnp.zeros([], { dtype: 'int32' });

/** The transformation that remembers nothing and maps each update by a function of zero value at zero. */
export const mapping = (f: (u: Array) => Array): GradientTransformation =>
  ({ init: initEmptyState, update: (updates, state) => [tree.map((u: Update) => onArray(u, f), updates), state] });

/** As `mapping`, for functions of an update and its parameter. */
export const mappingWithParams = (where: string, f: (u: Array, p: Array) => Array): GradientTransformation => ({
  init: initEmptyState,
  update(updates, state, params) {
    requireParams(where, params);
    return [tree.map((u: Update, p: Array) => onArray(u, (g) => f(g, p)), updates, params), state];
  },
});

/** x where the flag is up, zero where it is down: the flag as a factor, so that NaN stays NaN, as in Optax. */
export const gate = (flag: Array, x: Array): Array => jnp.multiply(flag.astype(x.dtype), x);

/** u + v, where zeros vanish. */
export function plus(u: Update, v: Array): Array;
export function plus(u: Update, v: Update): Update;
export function plus(u: Update, v: Update): Update {
  if (isZeroUpdate(u)) return v;
  return isZeroUpdate(v) ? u : jnp.add(u, v);
}

/** s · u; zero stays zero. */
export const times = (s: Scalar, u: Update): Update => onArray(u, (g) => jnp.multiply(s, g));

/** f(u) for a function that maps zero to zero. */
export const onArray = (u: Update, f: (u: Array) => Array): Update => (isZeroUpdate(u) ? u : f(u));

/** 1 - x, in JavaScript's precision where x is a number. */
export const oneMinus = (x: Scalar): Scalar => (typeof x === 'number' ? 1 - x : jnp.subtract(1, x));

/**
 * Passes updates through. As `optax.identity`.
 *
 * @example
 * const [updates] = optax.identity().update(grads, state); // updates === grads
 */
export function identity(): GradientTransformation {
  return { init: initEmptyState, update: (updates, state) => [updates, state] };
}

/**
 * Makes every update zero, so that the parameters stay: what freezes a part of them inside `multiTransform` or `masked`.
 * The zeros are symbolic (`ZeroUpdate`). As `optax.set_to_zero`.
 *
 * @example
 * const opt = optax.multiTransform({ train: optax.adam(1e-3), freeze: optax.setToZero() }, labels);
 */
export function setToZero(): GradientTransformation {
  return {
    init: initEmptyState,
    update: (updates, state) => [tree.map((u: Update) => new ZeroUpdate(u), updates), state],
  };
}

/**
 * A transformation without state, from a function of updates and parameters. As `optax.stateless`.
 *
 * @example
 * const opt = optax.stateless((updates) => tree.map((u) => u.mul(2), updates));
 */
export function stateless(f: (updates: Updates, params?: Params) => Updates): GradientTransformation {
  return { init: initEmptyState, update: (updates, _, params) => [f(updates, params), new EmptyState({})] };
}

/**
 * A transformation without state, from a function of one update and, where they are given, its parameter. As
 * `optax.stateless_with_tree_map`.
 *
 * @example
 * const opt = optax.statelessWithTreeMap((u, p) => u.add(p.mul(0.1)));
 */
export const statelessWithTreeMap = (f: (update: Array, param: Array | undefined) => Update): GradientTransformation =>
  stateless((updates, params) => (params === undefined || params === null
    ? tree.map((u: Array) => f(u, undefined), materialize(updates)) : tree.map(f, materialize(updates), params)));

/** Refuses a number that no optimizer can use; arrays, traced ones included, pass. */
export function checkScalar<S extends ScalarOrSchedule | undefined>(where: string, name: string, value: S): S {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new ValueError(`${where}: ${name} must be a finite number, but got ${value}.`);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') throw new ValueError(`${where}: ${name} must be a number, but got ${String(value)}.`);
  return value;
}

/** A transformation is recognised by its two functions. */
export function checkTransformation(where: string, x: unknown): GradientTransformation {
  const t = x as Partial<GradientTransformation> | null | undefined;
  if (typeof t?.init !== 'function' || typeof t.update !== 'function') {
    throw new ValueError(`${where}: expected a gradient transformation (an object with init and update), but got ${typeof x === 'function' ? 'a function; call it first' : String(x)}.`);
  }
  return t as GradientTransformation;
}

/** What `update` says when it needs the parameters and was not given them. */
export function requireParams(where: string, params: Params): void {
  if (params === undefined || params === null) throw new ValueError(`${where} needs the parameters: call update(updates, state, params).`);
}
