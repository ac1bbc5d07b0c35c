/** Two-level maps `{ module: { name: leaf } }`: how they are recognised, copied, and kept while a context is open. */
import { isArray, tree } from '../jax/index.js';
import { TypeError } from '../runtime/errors.js';
import { FlatMap } from './flat-map.js';

/** A plain object (of any realm) or a `FlatMap`: what Python calls a mapping. */
export function isMapping(x: unknown): x is Readonly<Record<string, unknown>> {
  if (typeof x !== 'object' || x === null || globalThis.Array.isArray(x)) return false;
  const prototype = Object.getPrototypeOf(x) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null || x instanceof FlatMap;
}

/** Sets an own property, also where the key is `__proto__`: names come from files. */
export function setOwn<T>(target: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}

/** A plain object with the same entries; unlike `Object.fromEntries` it takes any iterable of pairs and types them. */
export function fromEntries<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  const out: Record<string, T> = {};
  for (const [key, value] of entries) setOwn(out, key, value);
  return out;
}

/** Copies the containers and shares the arrays; mappings become plain objects that keep their order. */
export function copyTree(value: unknown): unknown {
  if (isArray(value) || typeof value !== 'object' || value === null) return value;
  if (globalThis.Array.isArray(value)) return value.map(copyTree);
  if (isMapping(value)) return fromEntries(Object.entries(value).map(([key, inner]) => [key, copyTree(inner)]));
  const [leaves, structure] = tree.flatten(value);
  return tree.unflatten(structure, leaves);
}

/** Two levels in insertion order, for use inside a context: no name in it can be mistaken for a property of objects. */
export type Store<T> = Map<string, Map<string, T>>;

/** Copies a caller's map into a store. @throws TypeError where it is not a mapping of mappings. */
export function toStore<T>(what: 'params' | 'state', structure: unknown, wrap: (value: unknown) => T): Store<T> {
  const refuse = (where: string, value: unknown): never => {
    throw new TypeError(`${where} should be a mapping ({ module: { name: value } }), but is ${describe(value)}. For reference, the arguments `
      + 'are `apply(params, rng, …)` for `hk.transform` and `apply(params, state, rng, …)` for `hk.transformWithState`.');
  };
  if (structure === null || structure === undefined) return new Map();
  if (!isMapping(structure)) return refuse(`The ${what} argument does not appear valid: it`, structure);
  return new Map(Object.entries(structure).map(([module, bundle]) => {
    if (!isMapping(bundle)) return refuse(`${what}['${module}']`, bundle);
    return [module, new Map(Object.entries(bundle).map(([name, value]) => [name, wrap(copyTree(value))]))];
  }));
}

/** The plain object of a store: containers copied, arrays shared. */
export function fromStore<T, U>(store: Store<T>, unwrap: (value: T) => U): Record<string, Record<string, U>> {
  const bundle = (names: Map<string, T>): Record<string, U> => fromEntries([...names].map(([name, value]) => [name, copyTree(unwrap(value)) as U]));
  return fromEntries([...store].map(([module, names]) => [module, bundle(names)]));
}

/** Sets an entry, and makes its module's bundle where it is the first. */
export function setInStore<T>(store: Store<T>, module: string, name: string, value: T): void {
  const bundle = store.get(module);
  if (bundle) bundle.set(name, value);
  else store.set(module, new Map([[name, value]]));
}

/** What a value is, in words for an error: `string 'abc'`, `f32[2,3]`, `Float32Array`. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (isArray(value)) return `an array ${value.toString()}`; // String(value) is refused while it is traced
  if (typeof value === 'string') return `string '${value}'`;
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
  if (typeof value !== 'object') return `${typeof value} ${String(value)}`;
  if (isMapping(value)) return `an object with the keys ${Object.keys(value).map((key) => `'${key}'`).join(', ') || '(none)'}`;
  return `an instance of ${value.constructor?.name ?? 'an unknown class'}`;
}
