/**
 * Pytrees: nested plain objects (keys sorted), JavaScript arrays and registered classes; null and undefined are empty;
 * everything else is a leaf. As `jax.tree`.
 */
import { ValueError } from '../runtime/errors.js';

/** The shape of a tree without its leaves. Equal structures have equal `key`s. */
export interface TreeDef {
  readonly kind: 'leaf' | 'none' | 'list' | 'dict' | 'node';
  readonly children: readonly TreeDef[];
  readonly keys?: readonly string[];
  readonly node?: NodeType;
  readonly aux?: unknown;
  readonly size: number;
  readonly key: string;
}
interface NodeType {
  readonly name: string;
  is(x: object): boolean;
  flatten(x: never): readonly [readonly unknown[], unknown];
  unflatten(aux: unknown, children: readonly unknown[]): unknown;
}

const registry = new Map<Function, NodeType>();

/** Makes instances of `cls` containers: `flatten` gives [children, aux] and `unflatten` rebuilds from (aux, children). */
export function registerPytreeNode<T>(
  cls: abstract new (...args: never[]) => T,
  flatten: (x: T) => readonly [readonly unknown[], unknown],
  unflatten: (aux: unknown, children: readonly unknown[]) => T,
): void {
  if (registry.has(cls)) throw new ValueError(`registerPytreeNode: ${cls.name} is registered already; register each class once.`);
  registry.set(cls, { name: cls.name, is: (x) => x.constructor === cls, flatten: flatten as NodeType['flatten'], unflatten });
}

const LEAF: TreeDef = { kind: 'leaf', children: [], size: 1, key: '*' };
const NONE: TreeDef = { kind: 'none', children: [], size: 0, key: '-' };

const isPlain = (x: object): boolean => {
  const prototype = Object.getPrototypeOf(x) as object | null;
  // Object.prototype of another realm (a vm context, a worker's structured clone) also counts.
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
};

/** The children of a container, or null for a leaf. */
function open(x: unknown): { def: Omit<TreeDef, 'children' | 'size' | 'key'>; prefix: string; children: readonly unknown[]; labels: readonly string[] } | null {
  if (typeof x !== 'object' || x === null) return null;
  if (globalThis.Array.isArray(x)) return { def: { kind: 'list' }, prefix: '[', children: x, labels: x.map((_, i) => String(i)) };
  const node = typeof x.constructor === 'function' ? registry.get(x.constructor) : undefined;
  if (node) {
    const [children, aux] = node.flatten(x as never);
    return { def: { kind: 'node', node, aux }, prefix: `${node.name}<${auxKey(aux)}>(`, children, labels: children.map((_, i) => String(i)) };
  }
  if (!isPlain(x)) return null;
  const keys = Object.keys(x).sort();
  return { def: { kind: 'dict', keys }, prefix: `{${keys.map((k) => JSON.stringify(k)).join()}:`, children: keys.map((k) => (x as Record<string, unknown>)[k]), labels: keys };
}

const auxIds = new WeakMap<object, number>();
let nextAuxId = 0;
function auxKey(aux: unknown): string {
  if (typeof aux === 'function' || (typeof aux === 'object' && aux !== null && !globalThis.Array.isArray(aux))) {
    if (!auxIds.has(aux)) auxIds.set(aux, nextAuxId++);
    return `#${auxIds.get(aux)}`;
  }
  return aux === undefined ? '' : JSON.stringify(aux);
}

export type IsLeaf = (x: unknown) => boolean;

/** [leaves, structure]. `isLeaf` stops the descent where it is true. */
export function flatten(tree: unknown, isLeaf?: IsLeaf): [unknown[], TreeDef] {
  const leaves: unknown[] = [];
  const walk = (x: unknown): TreeDef => {
    if (isLeaf?.(x)) { leaves.push(x); return LEAF; }
    if (x === null || x === undefined) return NONE;
    const opened = open(x);
    if (!opened) { leaves.push(x); return LEAF; }
    const children = opened.children.map(walk);
    return { ...opened.def, children, size: children.reduce((n, c) => n + c.size, 0), key: `${opened.prefix}${children.map((c) => c.key).join()})` };
  };
  const def = walk(tree);
  return [leaves, def];
}

/** `out[key] = value`, also for the one key that would set the prototype instead. */
export function setKey(out: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(out, key, { value, enumerable: true, writable: true, configurable: true });
  else out[key] = value;
}

function rebuild(def: TreeDef, next: () => unknown): unknown {
  switch (def.kind) {
    case 'leaf': return next();
    case 'none': return null;
    case 'list': return def.children.map((c) => rebuild(c, next));
    case 'node': return def.node!.unflatten(def.aux, def.children.map((c) => rebuild(c, next)));
    case 'dict': {
      const out: Record<string, unknown> = {};
      def.children.forEach((c, i) => setKey(out, def.keys![i], rebuild(c, next)));
      return out;
    }
  }
}

/** Rebuilds a tree; the number of leaves must be the structure's. */
export function unflatten(def: TreeDef, leaves: readonly unknown[]): unknown {
  if (leaves.length !== def.size) throw new ValueError(`tree.unflatten: the structure has ${def.size} leaves, but ${leaves.length} were given.`);
  let i = 0;
  return rebuild(def, () => leaves[i++]);
}

/** The leaves, in the order of sorted keys. */
export const leaves = (tree: unknown, isLeaf?: IsLeaf): unknown[] => flatten(tree, isLeaf)[0];
/** The structure alone. */
export const structure = (tree: unknown, isLeaf?: IsLeaf): TreeDef => flatten(tree, isLeaf)[1];

/** Splits `tree` along `def`, of which it may be an extension: one subtree a leaf of `def`. */
export function flattenUpTo(def: TreeDef, tree: unknown, where = 'tree.map'): unknown[] {
  const out: unknown[] = [];
  const walk = (d: TreeDef, x: unknown, path: string): void => {
    if (d.kind === 'leaf') { out.push(x); return; }
    const opened = x === null || x === undefined ? null : open(x);
    const fits = d.kind === 'none' ? x === null || x === undefined
      : opened !== null && opened.def.kind === d.kind && opened.def.node === d.node && opened.children.length === d.children.length
        && (d.keys ?? []).every((k, i) => k === opened.def.keys![i]);
    if (!fits) {
      const got = x === null ? 'null' : opened ? (opened.def.keys ? `{${opened.def.keys.join(', ')}}` : `${opened.def.kind} of ${opened.children.length}`) : typeof x;
      const want = d.keys ? `{${d.keys.join(', ')}}` : d.kind === 'node' ? d.node!.name : `${d.kind} of ${d.children.length}`;
      throw new ValueError(`${where}: the trees differ in structure at ${path || 'the root'}: expected ${want}, got ${got}.`);
    }
    d.children.forEach((c, i) => walk(c, opened!.children[i], `${path}/${opened!.labels[i]}`));
  };
  walk(def, tree, '');
  return out;
}

/** Applies `fn` to the leaves of one or more trees of the same structure. */
export function map<R = any>(fn: (...leaves: any[]) => R, tree: any, ...rest: any[]): any {
  const [first, def] = flatten(tree);
  const others = rest.map((r) => flattenUpTo(def, r));
  return unflatten(def, first.map((x, i) => fn(x, ...others.map((o) => o[i]))));
}
export { map as treeMap };

/** As `map`, with the path of the leaf ('a/b/0') first. */
export function mapWithPath<R = any>(fn: (path: string, ...leaves: any[]) => R, tree: any, ...rest: any[]): any {
  const names = paths(tree);
  let i = 0;
  return map((...xs) => fn(names[i++], ...xs), tree, ...rest);
}

/** The path of every leaf, in leaf order. */
export function paths(tree: unknown): string[] {
  const out: string[] = [];
  const walk = (x: unknown, path: string): void => {
    if (x === null || x === undefined) return;
    const opened = open(x);
    if (!opened) { out.push(path); return; }
    opened.children.forEach((c, i) => walk(c, path ? `${path}/${opened.labels[i]}` : opened.labels[i]));
  };
  walk(tree, '');
  return out;
}

/** True where every leaf is truthy. */
export const all = (tree: unknown): boolean => leaves(tree).every(Boolean);

/** Folds the leaves from the left; without `initial` the first leaf begins. */
export function reduce<A>(fn: (accumulated: A, leaf: any) => A, tree: unknown, ...initial: [] | [A]): A {
  const all = leaves(tree);
  if (initial.length === 0 && all.length === 0) throw new ValueError('tree.reduce: the tree is empty and no initial value was given.');
  return initial.length === 0 ? (all.slice(1).reduce<A>((a, x) => fn(a, x), all[0] as A)) : all.reduce<A>((a, x) => fn(a, x), initial[0]);
}
export * from './tree-paths.js';
