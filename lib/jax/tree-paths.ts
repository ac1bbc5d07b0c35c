/** `jax.tree`: trees within trees, and leaves with their paths. */
import { ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { flatten, flattenUpTo, leaves, paths, structure, unflatten, type IsLeaf, type TreeDef } from './tree.js';

/** [[path, leaf] of every leaf, structure]; paths are strings like 'a/b/0'. */
export function flattenWithPath(tree: unknown): [[string, unknown][], TreeDef] {
  const [flat, def] = flatten(tree);
  const names = paths(tree);
  return [flat.map((leaf, i) => [names[i], leaf]), def];
}
/** [path, leaf] of every leaf. */
export const leavesWithPath = (tree: unknown): [string, unknown][] => flattenWithPath(tree)[0];

/** A tree of the structure of `fullTree`, where each leaf of `prefixTree` stands for the whole subtree at its place. */
export function broadcast(prefixTree: unknown, fullTree: unknown, isLeaf?: IsLeaf): any {
  const [values, def] = flatten(prefixTree, isLeaf);
  const parts = flattenUpTo(def, fullTree, 'tree.broadcast');
  return unflatten(def, values.map((value, i) => {
    const within = structure(parts[i], isLeaf);
    return unflatten(within, globalThis.Array(within.size).fill(value));
  }));
}

/**
 * A tree of structure `inner` with trees of structure `outer` as leaves, from the other way around. `inner` null is the
 * structure of the first inner tree.
 */
export function transpose(outer: TreeDef, inner: TreeDef | null, tree: unknown): any {
  const parts = flattenUpTo(outer, tree, 'tree.transpose');
  if (inner === null && parts.length === 0) throw new ValueError('tree.transpose: the outer structure has no leaves, so the inner structure must be given.');
  const def = inner ?? structure(parts[0]);
  const rows = parts.map((part) => flattenUpTo(def, part, 'tree.transpose'));
  return unflatten(def, globalThis.Array.from({ length: def.size }, (_, i) => unflatten(outer, rows.map((row) => row[i]))));
}

/** The leaves put together in pairs, pairs of pairs and so on, in their order; `identity` is the result of an empty tree. */
export function reduceAssociative<T>(operation: (x: T, y: T) => T, tree: unknown, options?: { identity?: T; isLeaf?: IsLeaf }): T {
  const { identity, isLeaf } = checkOptions('tree.reduceAssociative', options, ['identity', 'isLeaf']);
  let values = leaves(tree, isLeaf) as T[];
  if (values.length === 0) {
    if (identity === undefined) throw new ValueError('tree.reduceAssociative: the tree is empty and no identity was given.');
    return identity;
  }
  while (values.length > 1) values = values.flatMap((x, i) => (i % 2 ? [] : i + 1 < values.length ? [operation(x, values[i + 1])] : [x]));
  return values[0];
}
