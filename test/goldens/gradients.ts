/** The loss of the goldens: the sum over all float outputs of `sum(output * cotangent)`. */
import type { Any } from './api.js';
import { isFloat } from './compare.js';
import type { Checking } from './report.js';
import { pairLeaves } from './trees.js';

/** `calls/0/outputs/a/b` → `calls/0/cotangents/a/b`. */
export const cotangentKey = (key: string): string => key.replace(/(^|\/)outputs\//, '$1cotangents/');

/** The loss of a result whose picture is `tree`. */
export function lossOf(on: Checking, tree: Any, result: Any): Any {
  const { numpy } = on.api.jax;
  const mismatch = (why: string): never => { throw new Error(why); };
  const terms = pairLeaves(tree, result, mismatch)
    .filter((leaf) => isFloat(leaf.dtype) && on.has(cotangentKey(leaf.key)))
    .map((leaf) => numpy.sum(numpy.multiply(leaf.value, on.array(cotangentKey(leaf.key)))));
  return terms.reduce((a: Any, b: Any) => numpy.add(a, b));
}

/** Checks `input_grads/<i>`, lone arrays and trees, with gradients in the order of `which`. */
export function checkInputGrads(on: Checking, prefix: string, which: readonly number[], grads: readonly Any[]): void {
  for (const [n, i] of which.entries()) {
    const key = `${prefix}input_grads/${i}`;
    if (on.has(key)) on.check(key, grads[n]);
    else for (const name of on.it.arrays.keys()) if (name.startsWith(`${key}/`)) on.check(name, descend(grads[n], name.slice(key.length + 1)));
  }
}

/** A leaf by its path, whose keys may contain slashes themselves. */
export function descend(tree: Any, path: string): Any {
  if (path === '') return tree;
  if (tree === null || typeof tree !== 'object') return undefined;
  const key = Object.keys(tree).find((k) => path === k || path.startsWith(`${k}/`));
  return key === undefined ? undefined : descend(tree[key], path.slice(key.length + 1));
}

/** The inputs for which gradients were recorded. */
export function inputsWithGrads(on: Checking, prefix: string): number[] {
  const found = new Set<number>();
  for (const key of on.it.arrays.keys()) {
    const match = key.startsWith(prefix) ? /^input_grads\/(\d+)(\/|$)/.exec(key.slice(prefix.length)) : null;
    if (match) found.add(Number(match[1]));
  }
  return [...found].sort((a, b) => a - b);
}

/** The inputs that `entries` describe: lone arrays, or trees of them. */
export function inputsOf(on: Checking, entries: readonly Any[] | undefined, build: (picture: Any, leaf: (key: string) => Any) => Any): Any[] {
  return (entries ?? []).map((entry) => (entry.tree ? build(entry.tree, (key) => on.array(key)) : on.array(entry.key)));
}
