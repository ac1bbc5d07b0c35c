/** `hk.freeze` and `hk.unfreeze`: a parameter map in two, what trains and what does not. */
import { selector, type Selection } from '../runtime/patterns.js';
import { ValueError } from '../runtime/errors.js';
import { traverse, type MutableStructure, type Structure } from './data-structures.js';
import { fromStore, setInStore, type Store } from './mappings.js';

/** What trains and what does not, as `dataStructures.partition` gives it; `dataStructures.merge` joins it again. */
export type Split<T = any> = [trainable: MutableStructure<T>, frozen: MutableStructure<T>];

/**
 * Splits parameters in `[trainable, frozen]`: frozen is what the selection means, or was frozen before.
 *
 * ```ts
 * const [trainable, frozen] = hk.freeze(params, 'mlp/~/linear_1');
 * const loss = (trainable, x) => f(hk.dataStructures.merge(trainable, frozen), x);   // grad takes it by the first argument
 * ```
 * @param params A map, of which all trains so far, or what `freeze` or `unfreeze` returned.
 * @param selection A glob, a RegExp, a predicate or a list of these: see `Selection`.
 * @throws ValueError for a pattern that matches nothing, with the nearest name.
 */
export function freeze<T>(params: Structure<T> | Readonly<Split<T>>, selection: Selection<T>): Split<T> {
  return split('hk.freeze', params, selection, (trained, meant) => trained && !meant, true);
}

/**
 * The inverse of `freeze`: trainable is what the selection means, or was trainable before. Of a map, of which nothing is
 * split yet, all the rest is frozen.
 *
 * ```ts
 * const [head, trunk] = hk.unfreeze(params, 'head');
 * const [more, less] = hk.unfreeze([head, trunk], 'resnet/~/block_group_3');
 * ```
 */
export function unfreeze<T>(params: Structure<T> | Readonly<Split<T>>, selection: Selection<T>): Split<T> {
  return split('hk.unfreeze', params, selection, (trained, meant) => trained || meant, false);
}

function split<T>(where: string, params: Structure<T> | Readonly<Split<T>>, selection: Selection<T>, trains: (trained: boolean, meant: boolean) => boolean, first: boolean): Split<T> {
  const halves: readonly Structure<T>[] = Array.isArray(params) ? params : first ? [params as Structure<T>, {}] : [{}, params as Structure<T>];
  const entries = halves.flatMap((half, i) => [...traverse(half)].map((entry) => ({ entry, trained: i === 0 })));
  const meant = selector(selection, where).over(entries.map(({ entry }) => entry));
  const parts: [Store<T>, Store<T>] = [new Map(), new Map()];
  entries.forEach(({ entry: [module, name, value], trained }, i) => {
    if (parts.some((part) => part.get(module)?.has(name))) throw new ValueError(`${where}: the parameter '${module}', '${name}' is both trainable and frozen; keep each in one half.`);
    setInStore(parts[trains(trained, meant[i]) ? 0 : 1], module, name, value);
  });
  return parts.map((part) => fromStore(part, (value) => value)) as Split<T>;
}
