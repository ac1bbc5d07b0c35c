/** What keeps parameters or updates where they may be, after `optax.transforms._constraining` and `_layouts`. */
import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import { EmptyState, checkTransformation, isZeroUpdate, mappingWithParams, materialize, namedTuple, type GradientTransformation, type Params, type Update, type Updates } from '../base.js';

export const NonNegativeParamsState = EmptyState;
/**
 * Changes updates so that no parameter becomes negative; those that would become 0. As `optax.keep_params_nonnegative`.
 *
 * @example
 * const opt = optax.chain(optax.sgd(0.1), optax.keepParamsNonnegative());
 */
export const keepParamsNonnegative = (): GradientTransformation =>
  mappingWithParams('optax.keepParamsNonnegative', (u, p) => jnp.where(p.add(u).lt(0), jnp.negative(p), u));

export const ZeroNansState = namedTuple<{ foundNan: Params }>('ZeroNansState', ['foundNan']);
/**
 * Makes NaNs in the updates zero, and says in its state of every leaf whether there were any. As `optax.zero_nans`.
 *
 * @example
 * const opt = optax.chain(optax.zeroNans(), optax.sgd(0.1));
 */
export function zeroNans(): GradientTransformation {
  return {
    init: (params) => new ZeroNansState({ foundNan: tree.map(() => jnp.zeros([], { dtype: 'bool' }), params) }),
    update: (updates) => [
      tree.map((u: Update) => (isZeroUpdate(u) ? u : jnp.where(jnp.isnan(u), 0, u)), updates),
      new ZeroNansState({ foundNan: tree.map((u: Update) => (isZeroUpdate(u) ? jnp.zeros([], { dtype: 'bool' }) : jnp.any(jnp.isnan(u))), updates) }),
    ],
  };
}

const ravel = (x: Updates): Array => {
  const parts = (tree.leaves(materialize(x)) as Array[]).map((leaf) => leaf.ravel());
  return parts.length === 0 ? jnp.zeros([0]) : jnp.concatenate(parts);
};
/** The pieces of a flat array, in the shapes and dtypes of a tree's leaves. */
export const unravelLike = (like: Updates, flat: Array): Updates => {
  let at = 0;
  return tree.map((x: Update) => flat.index({ start: at, stop: at += x.size as number }).reshape(x.shape as number[]).astype(x.dtype), like);
};
export { ravel as ravelTree };

/**
 * Runs `inner` on all parameters in one flat array: less overhead for many small ones. As `optax.flatten`.
 *
 * @example
 * const opt = optax.flatten(optax.adam(1e-3));
 */
export function flatten(inner: GradientTransformation): GradientTransformation {
  checkTransformation('optax.flatten', inner);
  return {
    init: (params) => inner.init(ravel(params)),
    update(updates, state, params, extraArgs) {
      const [flat, next] = inner.update(ravel(updates), state, params === undefined || params === null ? undefined : ravel(params), extraArgs);
      return [isZeroUpdate(flat) ? tree.map((u: Update) => jnp.zeros(u.shape, { dtype: u.dtype }), updates) : unravelLike(updates, flat as Array), next];
    },
  };
}
