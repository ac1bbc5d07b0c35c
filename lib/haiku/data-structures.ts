/** `hk.dataStructures`: the two-level maps of parameters and state, split, joined and walked. */
import { tree } from '../jax/index.js';
import { DTYPES, type DType } from '../runtime/dtypes.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { labelsOf, selector, type Selection } from '../runtime/patterns.js';
import { AssertionError } from './errors.js';
import { FlatMap } from './flat-map.js';
import { copyTree, describe, fromEntries, fromStore, isMapping, setInStore, type Store } from './mappings.js';

export { FlatMap };

/** `{ module: { name: leaf } }`. A leaf may be any tree. */
export type Structure<T = any> = Readonly<Record<string, Readonly<Record<string, T>>>>;
/** A structure that is the caller's own. */
export type MutableStructure<T = any> = Record<string, Record<string, T>>;

/** By Unicode code point, as Python sorts: surrogate pairs come after everything else. */
function compareCodePoints(a: string, b: string): number {
  const [x, y] = [a[Symbol.iterator](), b[Symbol.iterator]()];
  for (;;) {
    const [p, q] = [x.next(), y.next()];
    if (p.done || q.done) return Number(q.done ?? false) - Number(p.done ?? false);
    if (p.value !== q.value) return p.value.codePointAt(0)! - q.value.codePointAt(0)!;
  }
}

/**
 * Yields `[module, name, value]` of every entry: modules sorted by code point, names within them too.
 * @throws TypeError where the structure is not a mapping of mappings.
 */
export function* traverse<T>(structure: Structure<T>): Generator<[module: string, name: string, value: T], void> {
  if (!isMapping(structure)) throw new TypeError(`hk.dataStructures: expected a structure { module: { name: value } }, but got ${describe(structure)}.`);
  for (const module of Object.keys(structure).sort(compareCodePoints)) {
    const bundle = structure[module];
    if (!isMapping(bundle)) throw new TypeError(`hk.dataStructures: expected a mapping { name: value } at '${module}', but got ${describe(bundle)}.`);
    for (const name of Object.keys(bundle).sort(compareCodePoints)) yield [module, name, bundle[name] as T];
  }
}

const plain = <T>(store: Store<T>): MutableStructure<T> => fromStore(store, (value) => value);

/**
 * Splits a structure in `n`: an entry goes where `fn(module, name, value)` says. Or in groups by name: an entry goes into the
 * first one that selects it.
 *
 * ```ts
 * const { head, norms, rest } = hk.dataStructures.partitionN({ head: 'head', norms: /\/(scale|offset)$/, rest: '**' }, params);
 * ```
 * @throws AssertionError for an index outside [0, n); ValueError for a pattern that matches nothing, and where no group has an entry.
 */
export function partitionN<T>(fn: (module: string, name: string, value: T) => number | boolean, structure: Structure<T>, n: number): MutableStructure<T>[];
export function partitionN<T, L extends string>(groups: Readonly<Record<L, Selection<T>>>, structure: Structure<T>): Record<L, MutableStructure<T>>;
export function partitionN<T>(by: ((module: string, name: string, value: T) => number | boolean) | Readonly<Record<string, Selection<T>>>, structure: Structure<T>, n = 0): MutableStructure<T>[] | Record<string, MutableStructure<T>> {
  if (typeof by !== 'function') {
    const labels = Object.keys(by);
    const entries = [...traverse(structure)];
    const found = labelsOf(by, entries, 'hk.dataStructures.partitionN').values();
    const parts = partitionN(() => labels.indexOf(found.next().value!), structure, labels.length);
    return fromEntries(labels.map((label, i) => [label, parts[i]]));
  }
  const parts = Array.from({ length: n }, (): Store<T> => new Map());
  for (const [module, name, value] of traverse(structure)) {
    const given: unknown = by(module, name, value);
    const part = typeof given === 'boolean' ? Number(given) : given; // A predicate gives the second part what it means, as in Python.
    if (typeof part !== 'number') throw new TypeError(`hk.dataStructures.partitionN: the function must give numbers, but gave ${describe(part)} for '${module}', '${name}'.`);
    if (!Number.isInteger(part) || part < 0 || part >= n) throw new AssertionError(`hk.dataStructures.partitionN: ${part} must be in range [0, ${n}), but that is what the function gave for '${module}', '${name}'.`);
    setInStore(parts[part], module, name, value);
  }
  return parts.map(plain);
}

/**
 * Splits a structure in two: the entries that are meant, and the others.
 *
 * ```ts
 * const [trainable, frozen] = hk.dataStructures.partition((module) => module !== 'mlp/~/linear_1', params);
 * const [biases, others] = hk.dataStructures.partition(/\/b$/, params);
 * ```
 * @param which A predicate, as in Haiku, or any other `Selection`.
 */
export function partition<T>(which: Selection<T>, structure: Structure<T>): [MutableStructure<T>, MutableStructure<T>] {
  const marks = selector(which, 'hk.dataStructures.partition').over([...traverse(structure)]).values();
  return partitionN(() => (marks.next().value ? 0 : 1), structure, 2) as [MutableStructure<T>, MutableStructure<T>];
}

/** The entries that are meant (a predicate or another `Selection`), in the order of `traverse`. */
export function filter<T>(which: Selection<T>, structure: Structure<T>): MutableStructure<T> {
  const out: Store<T> = new Map();
  const entries = [...traverse(structure)];
  const marks = selector(which, 'hk.dataStructures.filter').over(entries);
  entries.forEach(([module, name, value], i) => { if (marks[i]) setInStore(out, module, name, value); });
  return plain(out);
}

/** `fn(module, name, value)` of every entry, in the order of `traverse`. */
export function map<T, U>(fn: (module: string, name: string, value: T) => U, structure: Structure<T>): MutableStructure<U> {
  const out: Store<U> = new Map();
  for (const [module, name, value] of traverse(structure)) setInStore(out, module, name, fn(module, name, value));
  return plain(out);
}

/** How `merge` treats an entry that several structures have. */
export interface MergeOptions {
  /** Refuse entries of the same path with different shapes or dtypes (default false: the later one wins). */
  checkDuplicates?: boolean;
}

// Structures hold mappings, so a boolean under this key can only be the option; but a misspelt one is no structure either.
const isMergeOptions = (x: Structure | MergeOptions | undefined): x is MergeOptions =>
  isMapping(x) && Object.values(x).some((value) => typeof value === 'boolean');

type Shaped = { readonly shape: readonly number[]; readonly dtype: DType };
const isShaped = (x: any): x is Shaped => typeof x === 'object' && x !== null && Array.isArray(x.shape) && typeof x.dtype === 'string';
const shortDType = (dtype: DType): string => dtype.replace('float', 'f').replace('uint', 'u').replace('int', 's');
const format = (x: unknown): string => (isShaped(x) ? `${shortDType(x.dtype)}[${x.shape.join(',')}]` : describe(x));

/**
 * Joins structures; of entries with the same path the last wins. Their order is that of first appearance, each structure
 * walked as by `traverse`. The last argument may be `{ checkDuplicates: true }`.
 * @throws ValueError 'Duplicate array found …' where that is asked for and shapes or dtypes differ.
 */
export function merge<T = any>(...structures: [...Structure<T>[], MergeOptions] | Structure<T>[]): MutableStructure<T> {
  const last = structures.at(-1);
  const options = isMergeOptions(last) ? last : undefined;
  const { checkDuplicates = false } = checkOptions('hk.dataStructures.merge', options, ['checkDuplicates']);
  const out: Store<T> = new Map();
  for (const structure of (options ? structures.slice(0, -1) : structures) as Structure<T>[]) {
    for (const [module, name, value] of traverse(structure)) {
      if (checkDuplicates && out.get(module)?.has(name)) {
        const before = out.get(module)!.get(name);
        const same = isShaped(before) === isShaped(value) && (!isShaped(before) || format(before) === format(value));
        if (!same) throw new ValueError(`Duplicate array found with different shape/dtype for ${module}.${name}: ${format(before)} vs ${format(value)}.`);
      }
      setInStore(out, module, name, value);
    }
  }
  return plain(out);
}

/** True where every (module, name) of `subset` is in `superset`; values and modules without entries do not count. */
export function isSubset({ subset, superset }: { subset: Structure; superset: Structure }): boolean {
  const paths = new Set([...traverse(superset)].map(([module, name]) => JSON.stringify([module, name])));
  return [...traverse(subset)].every(([module, name]) => paths.has(JSON.stringify([module, name])));
}

function checkMapping(where: string, value: unknown): void {
  if (!isMapping(value)) throw new TypeError(`hk.dataStructures.${where}: expected a mapping, but got ${describe(value)}.`);
}

/** A copy as plain objects, all levels, in the same order, modules without entries included. Arrays are shared. */
export function toHaikuDict<T>(structure: Structure<T>): MutableStructure<T> {
  checkMapping('toHaikuDict', structure);
  return copyTree(structure) as MutableStructure<T>;
}

/** A frozen copy: assignments throw. Plain objects at every level become `FlatMap`s. */
export function toImmutableDict<T>(mapping: Readonly<Record<string, T>>): FlatMap<T> {
  if (mapping instanceof FlatMap) return mapping as FlatMap<T>;
  checkMapping('toImmutableDict', mapping);
  const inner = (value: unknown): unknown => (isMapping(value) ? toImmutableDict(value) : value);
  return new FlatMap(Object.entries(mapping).map(([key, value]) => [key, inner(value) as T]));
}

/** Turns `FlatMap`s at every level into plain objects. */
export function toMutableDict<T>(mapping: Readonly<Record<string, T>>): Record<string, T> {
  checkMapping('toMutableDict', mapping);
  const inner = (value: unknown): unknown => (value instanceof FlatMap ? toMutableDict(value) : value);
  return fromEntries(Object.entries(mapping).map(([key, value]) => [key, inner(value) as T]));
}

function sum(where: string, structure: unknown, of: (leaf: Shaped) => number): number {
  return tree.leaves(structure).reduce<number>((total, leaf) => {
    if (!isShaped(leaf)) throw new TypeError(`hk.dataStructures.${where} counts arrays, but a leaf is ${describe(leaf)}: give it a tree of arrays only.`);
    return total + of(leaf);
  }, 0);
}
const elements = (leaf: Shaped): number => leaf.shape.reduce((product, size) => product * size, 1);

/** The number of elements in all arrays of a tree. @throws TypeError for a leaf that is no array. */
export function treeSize(structure: unknown): number { return sum('treeSize', structure, elements); }

/** The number of bytes in all arrays of a tree. @throws TypeError for a leaf that is no array. */
export function treeBytes(structure: unknown): number { return sum('treeBytes', structure, (leaf) => elements(leaf) * DTYPES[leaf.dtype].size); }
