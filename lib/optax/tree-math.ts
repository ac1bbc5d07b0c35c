/** Arithmetic on whole trees of updates, after `optax.tree`. */
import { numpy as jnp, tree, type Array } from '../jax/index.js';
import type { DType } from '../runtime/dtypes.js';
import { checkOptions } from '../runtime/options.js';
import { ValueError } from '../runtime/errors.js';
import { isZeroUpdate, oneMinus, onArray, plus, times, type Params, type Scalar, type Update, type Updates } from './base.js';

/** Zeros like every leaf, of their dtypes or of one. As `optax.tree.zeros_like`. */
export const treeZerosLike = (like: Params, { dtype }: { dtype?: DType } = {}): Updates =>
  tree.map((x: Update) => jnp.zeros(x.shape, { dtype: dtype ?? x.dtype }), like);

/** Every leaf as `dtype`; as it is where that is left out. As `optax.tree.cast`. */
export const treeCast = (x: Updates, dtype: DType | undefined): Updates =>
  (dtype === undefined ? x : tree.map((leaf: Update) => onArray(leaf, (a) => jnp.asarray(a, { dtype })), x));

/** Every leaf in the dtype of the other tree's. As `optax.tree.cast_like`. */
export const treeCastLike = (x: Updates, like: Updates): Updates =>
  tree.map((leaf: Array, other: Array) => jnp.asarray(leaf, { dtype: other.dtype }), x, like);

/** (1 - decay) · gᵒʳᵈᵉʳ + decay · moment: a moving average of the gradients or of their squares. As `optax.tree.update_moment`. */
export function treeUpdateMoment(updates: Updates, moments: Updates, decay: Scalar, order: number): Updates {
  const power = (g: Array) => (order === 1 ? g : order === 2 ? jnp.square(g) : jnp.power(g, order));
  return tree.map((g: Update, t: Array) => plus(times(oneMinus(decay), onArray(g, power)), jnp.multiply(decay, t)), updates, moments);
}

/** moment / (1 - decayᶜᵒᵘⁿᵗ): takes out the pull of a moving average towards its zero start. As `optax.tree.bias_correction`. */
export function treeBiasCorrection(moment: Updates, decay: Scalar, count: Scalar): Updates {
  const correction = jnp.subtract(1, jnp.power(decay, count));
  return tree.map((t: Update) => onArray(t, (a) => jnp.divide(a, jnp.asarray(correction, { dtype: a.dtype }))), moment);
}

/**
 * The norm over all leaves together, summed in the order of the sorted names: the same value in every run. Leaves that are
 * symbolically zero add nothing and cost nothing. As `optax.tree.norm`.
 */
export function treeNorm(x: Updates, options?: { ord?: number | null; squared?: boolean }): Array {
  const { ord, squared = false } = checkOptions('optax.tree.norm', options, ['ord', 'squared']);
  const arrays = (tree.leaves(x) as Update[]).filter((leaf): leaf is Array => !isZeroUpdate(leaf));
  const fold = (each: (a: Array) => Array, join: (a: Array, b: Array) => Array) =>
    (arrays.length === 0 ? jnp.zeros([]) : arrays.map(each).reduce(join));
  if (ord === undefined || ord === null || ord === 2) {
    const sum = fold((a) => jnp.sum(jnp.square(a)), jnp.add);
    return squared ? sum : jnp.sqrt(sum);
  }
  if (ord !== 1 && ord !== Infinity) throw new ValueError(`optax.tree.norm: ord must be 1, 2 or Infinity, but got ${ord}.`);
  const norm = ord === 1 ? fold((a) => jnp.sum(jnp.abs(a)), jnp.add) : fold((a) => jnp.max(jnp.abs(a)), jnp.maximum);
  return squared ? jnp.square(norm) : norm;
}

/** The l2 norm of all leaves together. As `optax.global_norm`. */
export const globalNorm = (updates: Updates): Array => treeNorm(updates);
