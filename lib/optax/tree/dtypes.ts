/** dtypes and random numbers of whole trees, after `optax.tree`. */
import { numpy as jnp, random, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { checkOptions } from '../../runtime/options.js';
import { ValueError } from '../../runtime/errors.js';
import { onArray, type Update, type Updates } from '../base.js';

/** Every leaf as `dtype`; as it is where that is left out. As `optax.tree.cast`. */
export const treeCast = (x: Updates, dtype: DType | null | undefined): Updates =>
  (dtype === undefined || dtype === null ? x : tree.map((leaf: Update) => onArray(leaf, (a) => jnp.asarray(a, { dtype })), x));

/** Every leaf in the dtype of the other tree's. As `optax.tree.cast_like`. */
export const treeCastLike = (x: Updates, like: Updates): Updates =>
  tree.map((leaf: Update, other: Update) => onArray(leaf, (a) => jnp.asarray(a, { dtype: other.dtype })), x, like);

/**
 * The dtype of all leaves. As `optax.tree.dtype`.
 *
 * @example
 * const dtype = optax.tree.dtype(params, { mixedDtypeHandler: 'lowest' });
 *
 * @param options `mixedDtypeHandler`: what to say of leaves of several dtypes, `promote`, `highest` or `lowest`; refused by default
 * @throws ValueError where dtypes differ, or where none is the higher one (float16 and bfloat16)
 */
export function treeDtype(x: Updates, options?: { mixedDtypeHandler?: 'promote' | 'highest' | 'lowest' | null }): DType {
  const { mixedDtypeHandler: how } = checkOptions('optax.tree.dtype', options, ['mixedDtypeHandler']);
  const dtypes = [...new Set((tree.leaves(x) as Update[]).map((leaf) => leaf.dtype))];
  if (dtypes.length === 0) return 'float32';
  if (how === undefined || how === null) {
    if (dtypes.length > 1) throw new ValueError(`optax.tree.dtype: the leaves have the dtypes ${dtypes.join(', ')}; say what to do with mixedDtypeHandler, 'promote', 'highest' or 'lowest'.`);
    return dtypes[0]!;
  }
  if (how !== 'promote' && how !== 'highest' && how !== 'lowest') throw new ValueError(`optax.tree.dtype: mixedDtypeHandler must be 'promote', 'highest' or 'lowest', but got '${String(how)}'.`);
  return dtypes.reduce((a, b) => {
    const joined = jnp.promoteTypes(a, b);
    if (how === 'promote') return joined;
    if (joined !== a && joined !== b) throw new ValueError(`optax.tree.dtype: neither ${a} nor ${b} can be promoted to the other.`);
    return (joined === a) === (how === 'highest') ? a : b;
  });
}

/** A key for every leaf. As `optax.tree.split_key_like`. */
export function treeSplitKeyLike(rngKey: Array, targetTree: Updates): Updates {
  const structure = tree.structure(targetTree);
  const keys = random.split(rngKey, structure.size);
  return tree.unflatten(structure, globalThis.Array.from({ length: structure.size }, (_, i) => keys.index(i)));
}

export type Sampler = (key: Array, shape: readonly number[], options: { dtype: DType }) => Array;
/**
 * Random numbers in the shape of every leaf. As `optax.tree.random_like`.
 *
 * @example
 * const noise = optax.tree.randomLike(random.PRNGKey(0), params, { sampler: random.uniform });
 *
 * @param options `sampler` (`random.normal`); `dtype`: each leaf's own by default
 */
export function treeRandomLike(rngKey: Array, targetTree: Updates, options?: { sampler?: Sampler; dtype?: DType | null }): Updates {
  const { sampler = random.normal as Sampler, dtype } = checkOptions('optax.tree.randomLike', options, ['sampler', 'dtype']);
  return tree.map((leaf: Update, key: Array) => sampler(key, leaf.shape, { dtype: dtype ?? leaf.dtype }), targetTree, treeSplitKeyLike(rngKey, targetTree));
}
/** The tree itself: keys are plain arrays here. As `optax.tree.unwrap_random_key_data`. */
export const treeUnwrapRandomKeyData = (x: Updates): Updates => x;
