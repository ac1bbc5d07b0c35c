/** Masks and labels by name: the patterns of `trainable`, held against the paths of a tree's leaves. */
import { tree } from '../../jax/index.js';
import { isSelector, labelsOf, selector, type Entry, type Selection, type Selector } from '../../runtime/patterns.js';

type Pattern = string | RegExp;
/** Which leaves are meant, by their paths: a glob, a RegExp, several of them, or what `hk.selector` made of a predicate. */
export type Patterns = Pattern | readonly Pattern[] | Selector;

const isPattern = (x: unknown): x is Pattern => typeof x === 'string' || x instanceof RegExp;
export const isPatterns = (x: unknown): x is Patterns =>
  isPattern(x) || isSelector(x) || (globalThis.Array.isArray(x) && x.length > 0 && x.every(isPattern));

/** Leaves as parameters of modules: the last part of a path is the name. */
const entriesOf = (like: unknown): Entry[] => tree.leavesWithPath(like).map(([path, leaf]) => {
  const cut = path.lastIndexOf('/');
  return [path.slice(0, Math.max(cut, 0)), path.slice(cut + 1), leaf];
});
const treeOf = (like: unknown, values: readonly unknown[]): any => tree.unflatten(tree.structure(like), values);

/** The mask that patterns say. @throws ValueError where a pattern matches no leaf: it names the nearest */
export const maskByName = (where: string, patterns: Patterns, like: unknown): any =>
  treeOf(like, selector(patterns as Selection, where).over(entriesOf(like)));

/** The labels of the first group that selects each leaf. @throws ValueError where a pattern matches no leaf, or no group selects one */
export const labelsByName = (where: string, groups: Readonly<Record<string, Patterns>>, like: unknown): any =>
  treeOf(like, labelsOf(groups as Readonly<Record<string, Selection>>, entriesOf(like), where));
