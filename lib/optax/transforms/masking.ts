/** Applying a transformation to a part of the parameters, after `optax.transforms._masking` and `_freezing`. */
import { tree } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { describe, describeOneOf } from '../describe.js';
import { checkTransformation, namedTuple, setToZero, type GradientTransformation, type OptState, type Params } from '../base.js';
import { ParamsPlaceholder } from '../tree/state.js';
import { isPatterns, maskByName, type Patterns } from './names.js';

/**
 * A tree of booleans (or one whose leaves stand for whole subtrees), a function that gives one, or the names of what is meant,
 * as for `trainable`: `'head'`, `/\/w$/`, `['encoder', '!**\/b']`. Patterns are held against what the transformation is given:
 * where others were masked away before, against the rest.
 */
export type Mask = any | Patterns | ((params: Params) => any);

export interface MaskedOptions { maskCompatibleExtraArgs?: boolean }

export const MaskedState = namedTuple<{ innerState: OptState }>('MaskedState', ['innerState']);

/** Stands where a leaf or subtree is left out: a tree without leaves, so that nothing is computed for it. */
export const MaskedNode = namedTuple<object>('MaskedNode', []);

/** f(marker, subtree, …) at every leaf of the tree of markers, which may end above the leaves of the others. */
export function mapPrefix<M>(where: string, f: (marker: M, ...subtrees: any[]) => unknown, markers: unknown, ...trees: unknown[]): any {
  const [leaves, structure] = tree.flatten(markers);
  const parts = trees.map((t) => tree.flattenUpTo(structure, t, where));
  return tree.unflatten(structure, leaves.map((marker, i) => f(marker as M, ...parts.map((p) => p[i]))));
}

/** The mask as a tree. */
export function resolveMask(where: string, mask: Mask, like: unknown): unknown {
  if (isPatterns(mask)) return maskByName(where, mask, like);
  const markers: unknown = typeof mask === 'function' ? mask(like) : mask;
  const wrong = tree.leaves(markers).find((m) => typeof m !== 'boolean');
  if (wrong !== undefined) throw new ValueError(`${where}: a mask's leaves are true or false, but one is ${String(wrong)}.`);
  return markers;
}

/**
 * Applies `inner` where the mask is true; elsewhere updates pass through unchanged (to freeze parameters, let a masked
 * `setToZero` follow, or use `multiTransform`). State is kept for the chosen part only. As `optax.masked`.
 *
 * @example
 * const onlyMatrices = (params) => tree.map((p) => p.ndim > 1, params);
 * const opt = optax.masked(optax.addDecayedWeights({ weightDecay: 1e-3 }), onlyMatrices);
 * const byName = optax.masked(optax.addDecayedWeights({ weightDecay: 1e-3 }), '**\/w');
 *
 * @param inner what to apply
 * @param mask a tree of booleans like the parameters or a prefix of them, a function that gives one for parameters or updates, or patterns
 * @param options `maskCompatibleExtraArgs`: extra arguments that are trees like the parameters are masked too
 */
export function masked(inner: GradientTransformation, mask: Mask, options?: MaskedOptions): GradientTransformation {
  const { maskCompatibleExtraArgs = false } = checkOptions('optax.masked', options, ['maskCompatibleExtraArgs']);
  checkTransformation('optax.masked', inner);
  const choose = (markers: unknown, x: unknown) => mapPrefix<boolean>('optax.masked', (m, part) => (m ? part : new MaskedNode({})), markers, x);
  return describe({
    init: (params) => new MaskedState({ innerState: inner.init(params instanceof ParamsPlaceholder ? params : choose(resolveMask('optax.masked', mask, params), params)) }),
    update(updates, state, params, extraArgs) {
      const markers = resolveMask('optax.masked', mask, updates);
      const like = tree.structure(updates).key;
      const extra = maskCompatibleExtraArgs && extraArgs
        ? Object.fromEntries(Object.entries(extraArgs).map(([k, x]) => [k, tree.structure(x).key === like ? choose(markers, x) : x])) : extraArgs;
      const [inside, innerState] = inner.update(
        choose(markers, updates), state.innerState, params === undefined || params === null ? undefined : choose(markers, params), extra);
      const merged = mapPrefix<boolean>('optax.masked', (m, changed, old) => (m ? changed : old), markers, inside, updates);
      return [merged, new MaskedState({ innerState })];
    },
  }, describeOneOf('masked', [inner], ([part]) => masked(part!, mask, options)));
}

/**
 * Makes the updates zero where the mask is true, and passes the others through. As `optax.freeze`.
 *
 * @example
 * const opt = optax.chain(optax.sgd(0.1), optax.freeze({ 'mlp/~/linear_0': false, 'mlp/~/linear_1': true }));
 * const byName = optax.chain(optax.sgd(0.1), optax.freeze('mlp/~/linear_1'));
 */
export const freeze = (mask: Mask): GradientTransformation => masked(setToZero(), mask);
