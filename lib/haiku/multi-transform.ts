/** `multiTransform`: several functions over the same modules, one `init`, one `apply` each. */
import { evalShape, random, tree } from '../jax/index.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { describe } from './mappings.js';
import {
  Transformed, TransformedWithState, checkTransformable, originalOf, refuseState, remember, transformWithState,
  type Apply, type ApplyWithState, type Init, type InitWithState,
} from './transform.js';
import type { Params, RngLike, State } from './types.js';

/** The tree of functions, each turned into its `apply`. */
export type ApplyTree<T> = T extends (...args: infer A) => infer R ? Apply<A, R> : { [K in keyof T]: ApplyTree<T[K]> };
/** The tree of functions, each turned into its `apply` with state. */
export type ApplyTreeWithState<T> = T extends (...args: infer A) => infer R ? ApplyWithState<A, R> : { [K in keyof T]: ApplyTreeWithState<T[K]> };

/** `init(rng, …args)` → params; `apply` is the tree of functions, each as `apply(params, rng, …args)`. */
export class MultiTransformed<A extends unknown[] = any[], T = any> {
  constructor(readonly init: Init<A>, readonly apply: ApplyTree<T>) {}
}

/** `init(rng, …args)` → [params, state]; `apply` is the tree of functions, each as `apply(params, state, rng, …args)`. */
export class MultiTransformedWithState<A extends unknown[] = any[], T = any> {
  constructor(readonly init: InitWithState<A>, readonly apply: ApplyTreeWithState<T>) {}
}

type AnyApply = (...args: any[]) => any;

/**
 * As `multiTransform`, with state: every `apply` takes and returns it.
 */
export function multiTransformWithState<A extends unknown[], T>(
  f: () => readonly [template: (...args: A) => unknown, functions: T],
): MultiTransformedWithState<A, T> {
  checkTransformable('hk.multiTransform', f);
  const checked = (): readonly [(...args: A) => unknown, T] => {
    const parts = f();
    if (!Array.isArray(parts) || parts.length !== 2 || typeof parts[0] !== 'function') {
      throw new TypeError(`hk.multiTransform: the function returns [template, functions], where template is a function that init runs, but it returned ${describe(parts)}.`);
    }
    return parts as unknown as readonly [(...args: A) => unknown, T];
  };

  // Modules may make parameters in their constructors, so the tree is found inside a transform. Run abstractly, with
  // whatever key: nothing is computed.
  let structure = tree.structure(null);
  evalShape(() => {
    const key = random.PRNGKey(42);
    const functions = transformWithState(() => tree.structure(checked()[1]));
    const [params, state] = functions.init(key);
    [structure] = functions.apply(params, state, key);
    return [];
  });

  const applyOf = (i: number): AnyApply => transformWithState((...args: unknown[]) => (tree.leaves(checked()[1])[i] as AnyApply)(...args)).apply;
  const leaves = globalThis.Array.from({ length: structure.size }, (_, i) => applyOf(i));
  return new MultiTransformedWithState<A, T>(
    transformWithState((...args: A) => checked()[0](...args)).init,
    tree.unflatten(structure, leaves) as ApplyTreeWithState<T>,
  );
}

/**
 * Transforms several functions that share modules. `f` makes the modules and returns `[template, functions]`: `init`
 * runs the template, which should use all of them; `apply` is the same tree as `functions`, with one pure function each.
 *
 * ```ts
 * const { init, apply } = hk.multiTransform(() => {
 *   const encoder = new hk.Linear(8, { name: 'encoder' });
 *   const decoder = new hk.Linear(4, { name: 'decoder' });
 *   const encode = (x: Array) => jnp.tanh(encoder(x));
 *   return [(x: Array) => decoder(encode(x)), { encode, decode: (z: Array) => decoder(z) }];
 * });
 * const z = apply.encode(init(42, x), null, x);
 * ```
 * `f` runs again in each call, so its modules get the same names each time; and once, abstractly, here.
 * @throws ValueError from each function where state is used.
 */
export function multiTransform<A extends unknown[], T>(f: () => readonly [template: (...args: A) => unknown, functions: T]): MultiTransformed<A, T> {
  const both = multiTransformWithState(f);
  return new MultiTransformed<A, T>(
    (rng, ...args) => {
      const [params, state] = both.init(rng, ...args);
      refuseState(state, 'multiTransformWithState');
      return params;
    },
    tree.map((apply: AnyApply) => (params: Params, rng: RngLike, ...args: unknown[]) => {
      const [out, state] = apply(params, null, rng, ...args) as [unknown, State];
      refuseState(state, 'multiTransformWithState');
      return out;
    }, both.apply) as ApplyTree<T>,
  );
}

type WithoutRng<F> = F extends (params: infer P, state: infer S, rng: any, ...args: infer A) => infer R ? (params: P, state: S, ...args: A) => R : never;
type WithoutRngTree<T> = T extends (...args: infer A) => infer R
  ? (params: Params | null | undefined, ...args: A) => R : { [K in keyof T]: WithoutRngTree<T[K]> };
type WithoutRngTreeWithState<T> = T extends (...args: infer A) => infer R
  ? WithoutRng<ApplyWithState<A, R>> : { [K in keyof T]: WithoutRngTreeWithState<T[K]> };

/** What `withoutApplyRng` makes of a `Transformed`. */
export interface TransformedWithoutRng<A extends unknown[], R> { readonly init: Init<A>; readonly apply: (params: Params | null | undefined, ...args: A) => R }
/** What `withoutApplyRng` makes of a `TransformedWithState`. */
export interface TransformedWithStateWithoutRng<A extends unknown[], R> { readonly init: InitWithState<A>; readonly apply: WithoutRng<ApplyWithState<A, R>> }

/**
 * Drops the `rng` argument of `apply` (null is used): `apply(params, …args)` or `apply(params, state, …args)`.
 * @throws ValueError for anything but the result of one of the four transforms.
 */
export function withoutApplyRng<A extends unknown[], R>(f: Transformed<A, R>): TransformedWithoutRng<A, R>;
export function withoutApplyRng<A extends unknown[], R>(f: TransformedWithState<A, R>): TransformedWithStateWithoutRng<A, R>;
export function withoutApplyRng<A extends unknown[], T>(f: MultiTransformed<A, T>): { readonly init: Init<A>; readonly apply: WithoutRngTree<T> };
export function withoutApplyRng<A extends unknown[], T>(f: MultiTransformedWithState<A, T>): { readonly init: InitWithState<A>; readonly apply: WithoutRngTreeWithState<T> };
export function withoutApplyRng(f: unknown): unknown {
  const stateless = (apply: AnyApply): AnyApply => (params, ...args) => apply(params, null, ...args);
  const stateful = (apply: AnyApply): AnyApply => (params, state, ...args) => apply(params, state, null, ...args);
  if (f instanceof Transformed) return remember(new Transformed(f.init, stateless(f.apply)), originalOf(f));
  if (f instanceof TransformedWithState) return remember(new TransformedWithState(f.init, stateful(f.apply)), originalOf(f));
  if (f instanceof MultiTransformed) return new MultiTransformed(f.init, tree.map(stateless, f.apply));
  if (f instanceof MultiTransformedWithState) return new MultiTransformedWithState(f.init, tree.map(stateful, f.apply));
  throw new ValueError('hk.withoutApplyRng must be called with the result of `hk.transform`, `hk.multiTransform`, `hk.transformWithState` or '
    + `\`hk.multiTransformWithState\`, but was called with ${describe(f)}.`);
}
