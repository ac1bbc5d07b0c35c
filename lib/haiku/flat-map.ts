/** The immutable dictionary of `toImmutableDict`. */
import { tree } from '../jax/index.js';

/**
 * A frozen dictionary: entries are read as properties (`m['linear'].w`) or with `Object.keys/entries`, in the order of
 * insertion; assignments throw. It is a tree node of its own, with leaves in the order of sorted keys.
 */
export class FlatMap<T = unknown> {
  [key: string]: T;
  constructor(entries: Iterable<readonly [string, T]>) {
    // defineProperty, because assigning to '__proto__' would set the prototype.
    for (const [key, value] of entries) Object.defineProperty(this, key, { value, enumerable: true });
    Object.freeze(this);
  }
}

tree.registerPytreeNode(
  FlatMap,
  (map) => {
    const keys = Object.keys(map);
    const sorted = [...keys].sort();
    return [sorted.map((key) => map[key]), keys];
  },
  (keys, children) => {
    const sorted = [...(keys as string[])].sort();
    const at = new Map(sorted.map((key, i) => [key, children[i]]));
    return new FlatMap((keys as string[]).map((key) => [key, at.get(key)]));
  },
);
