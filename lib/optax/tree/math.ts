/** Arithmetic on whole trees, after `optax.tree`. Updates that are symbolically zero stay so where that is right. */
import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import { isFloat } from '../../jax/dtypes.js';
import type { DType } from '../../runtime/dtypes.js';
import { checkOptions } from '../../runtime/options.js';
import { ValueError } from '../../runtime/errors.js';
import { isZeroUpdate, materialize, onArray, oneMinus, plus, times, type Params, type Scalar, type Update, type Updates } from '../base.js';

const each2 = (f: (x: Array, y: Array) => Array) => (x: Updates, y: Updates): Updates => tree.map(f, materialize(x), materialize(y));

/** x + y + …, leaf by leaf. As `optax.tree.add`. */
export const treeAdd = (x: Updates, y: Updates, ...more: Updates[]): Updates => [y, ...more].reduce(each2(jnp.add), x);
/** x - y, leaf by leaf. As `optax.tree.sub`. */
export const treeSub = each2(jnp.subtract);
/** x · y, leaf by leaf. As `optax.tree.mul`. */
export const treeMul = each2(jnp.multiply);
/** x / y, leaf by leaf. As `optax.tree.div`. */
export const treeDiv = each2(jnp.divide);
/** scalar · x. As `optax.tree.scale`. */
export const treeScale = (scalar: Scalar, x: Updates): Updates => tree.map((u: Update) => times(scalar, u), x);
/** x + scalar · y. As `optax.tree.add_scale`. */
export const treeAddScale = (x: Updates, scalar: Scalar, y: Updates): Updates => tree.map((a: Update, b: Update) => plus(a, times(scalar, b)), x, y);
/** The real part of every leaf: the leaf. As `optax.tree.real`. */
export const treeReal = (x: Updates): Updates => x;
/** The complex conjugate of every leaf: the leaf. As `optax.tree.conj`. */
export const treeConj = (x: Updates): Updates => x;

const arraysOf = (x: Updates): Array[] => (tree.leaves(x) as Update[]).filter((leaf): leaf is Array => !isZeroUpdate(leaf));
/** Folds one number a leaf, in the order of the sorted names: the same value in every run. */
const fold = (x: Updates, each: (a: Array) => Array, join: (a: Array, b: Array) => Array, empty: number): Array => {
  const parts = arraysOf(x).map(each);
  return parts.length === 0 ? jnp.full([], empty, { dtype: 'float32' }) : parts.reduce(join);
};

/** Σ over all leaves of x · y. As `optax.tree.vdot`. */
export const treeVdot = (x: Updates, y: Updates): Array => fold(treeMul(x, y), (a) => jnp.sum(a), jnp.add, 0);
/** The sum of all elements of all leaves. As `optax.tree.sum`. */
export const treeSum = (x: Updates): Array => fold(x, (a) => jnp.sum(a), jnp.add, 0);
const notEmpty = (x: Updates): Updates => arraysOf(materialize(x)).filter((a) => a.size !== 0);
/** Begins as Optax does with a float, by which integers become floats. */
const extreme = (x: Updates, each: (a: Array) => Array, join: (a: Array, b: Array) => Array, empty: number): Array => {
  const found = fold(notEmpty(x), each, join, empty);
  return isFloat(found.dtype) ? found : found.astype('float32');
};
/** The largest element; -∞ of an empty tree. As `optax.tree.max`. */
export const treeMax = (x: Updates): Array => extreme(x, (a) => jnp.max(a), jnp.maximum, -Infinity);
/** The smallest element; ∞ of an empty tree. As `optax.tree.min`. */
export const treeMin = (x: Updates): Array => extreme(x, (a) => jnp.min(a), jnp.minimum, Infinity);
/** The number of elements of all leaves. As `optax.tree.size`. */
export const treeSize = (x: Updates): number => (tree.leaves(x) as Update[]).reduce((n, leaf) => n + (leaf.size as number), 0);

/**
 * The norm over all leaves together. Leaves that are symbolically zero add nothing and cost nothing. As `optax.tree.norm`.
 *
 * @example
 * const norm = optax.tree.norm(grads, { ord: 1 });
 *
 * @param options `ord` (2): 1, 2 or Infinity; `squared`: the norm's square
 */
export function treeNorm(x: Updates, options?: { ord?: number | 'inf' | 'infinity' | null; squared?: boolean }): Array {
  const { ord, squared = false } = checkOptions('optax.tree.norm', options, ['ord', 'squared']);
  if (ord === undefined || ord === null || ord === 2) {
    const sum = fold(x, (a) => jnp.sum(jnp.square(a)), jnp.add, 0);
    return squared ? sum : jnp.sqrt(sum);
  }
  if (ord !== 1 && ord !== Infinity && ord !== 'inf' && ord !== 'infinity') throw new ValueError(`optax.tree.norm: ord must be 1, 2 or Infinity, but got ${String(ord)}.`);
  const norm = ord === 1 ? fold(x, (a) => jnp.sum(jnp.abs(a)), jnp.add, 0) : treeMax(tree.map(jnp.abs, materialize(x)));
  return squared ? jnp.square(norm) : norm;
}
/**
 * The l2 norm of all leaves together. As `optax.global_norm`.
 *
 * @example
 * const norm = optax.globalNorm(grads);
 */
export const globalNorm = (updates: Updates): Array => treeNorm(updates);

/** Every leaf repeated along new leading axes. As `optax.tree.batch_shape`. */
export const treeBatchShape = (x: Updates, shape: readonly number[] = []): Updates => tree.map((a: Array) => jnp.broadcastTo(a, [...shape, ...a.shape]), materialize(x));

interface LikeOptions { dtype?: DType | null }
/** Every leaf replaced by one number, in its own dtype or in one given. As `optax.tree.full_like`. */
export function treeFullLike(like: Params, value: Scalar, options?: LikeOptions): Updates {
  const { dtype } = checkOptions('optax.tree.fullLike', options, ['dtype']);
  return tree.map((x: Update) => (typeof value === 'number' ? jnp.full(x.shape, value, { dtype: dtype ?? x.dtype }) : jnp.broadcastTo(value.astype(dtype ?? x.dtype), x.shape)), like);
}
/** Zeros like every leaf. As `optax.tree.zeros_like`. */
export const treeZerosLike = (like: Params, options?: LikeOptions): Updates => treeFullLike(like, 0, options);
/** Ones like every leaf. As `optax.tree.ones_like`. */
export const treeOnesLike = (like: Params, options?: LikeOptions): Updates => treeFullLike(like, 1, options);

/** Every element within [minValue, maxValue]. As `optax.tree.clip`. */
export function treeClip(x: Updates, options?: { minValue?: Scalar | null; maxValue?: Scalar | null }): Updates {
  const { minValue, maxValue } = checkOptions('optax.tree.clip', options, ['minValue', 'maxValue']);
  return tree.map((a: Array) => jnp.clip(a, minValue, maxValue), materialize(x));
}
/** x where the condition holds, else y. As `optax.tree.where`. */
export const treeWhere = (condition: Array | boolean, x: Updates, y: Updates): Updates =>
  tree.map((a: Update, b: Update) => (a === b || (isZeroUpdate(a) && isZeroUpdate(b)) ? a : jnp.where(condition, asArray(a), asArray(b))), x, y);
const asArray = (u: Update): Array => (isZeroUpdate(u) ? u.toArray() : u);

/** Whether all elements are close, as `jnp.allclose` says. As `optax.tree.allclose`. */
export function treeAllclose(x: Updates, y: Updates, options?: { rtol?: number; atol?: number; equalNan?: boolean }): Array {
  const close = checkOptions('optax.tree.allclose', options, ['rtol', 'atol', 'equalNan']);
  return tree.leaves(tree.map((a: Array, b: Array) => jnp.allclose(a, b, close), x, y)).reduce<Array>((all, leaf) => jnp.logicalAnd(all, leaf as Array), jnp.asarray(true as never));
}

/** gᵒʳᵈᵉʳ, where integers cost no logarithm. */
const power = (g: Array, order: number): Array => (order === 1 ? g : order === 2 ? jnp.square(g) : jnp.power(g, order));
/**
 * (1 - decay) · gᵒʳᵈᵉʳ + decay · moment: a moving average of the gradients or of their squares. As `optax.tree.update_moment`.
 *
 * @example
 * const average = optax.updateMoment(grads, optax.tree.zerosLike(grads), 0.9, 2);
 */
export function treeUpdateMoment(updates: Updates, moments: Updates, decay: Scalar, order: number): Updates {
  return tree.map((g: Update, t: Array) => plus(times(oneMinus(decay), onArray(g, (a) => power(a, order))), jnp.multiply(decay, t)), updates, moments);
}
/** The same as `treeUpdateMoment` of real numbers. As `optax.tree.update_moment_per_elem_norm`. */
export const treeUpdateMomentPerElemNorm = treeUpdateMoment;
/**
 * max(|g| + eps, decay · moment). As `optax.tree.update_infinity_moment`.
 *
 * @example
 * const largest = optax.updateInfinityMoment(grads, optax.tree.zerosLike(grads), 0.9, 1e-8);
 */
export const treeUpdateInfinityMoment = (updates: Updates, moments: Updates, decay: Scalar, eps: Scalar): Updates =>
  tree.map((g: Array, t: Array) => jnp.maximum(jnp.add(jnp.abs(g), eps), jnp.multiply(decay, t)), materialize(updates), moments);

/** 1 - decayᶜᵒᵘⁿᵗ, in double precision for arrays of doubles. */
export const biasOf = (decay: Scalar, count: Scalar, dtype: DType): Array =>
  jnp.subtract(1, jnp.power(decay, dtype === 'float64' ? jnp.asarray(count, { dtype }) : count)).astype(dtype);

/**
 * moment / (1 - decayᶜᵒᵘⁿᵗ): takes out the pull of a moving average towards its zero start. As `optax.tree.bias_correction`.
 *
 * @example
 * const corrected = optax.biasCorrection(grads, 0.9, jnp.array(3));
 */
export function treeBiasCorrection(moment: Updates, decay: Scalar, count: Scalar): Updates {
  const known = new Map<DType, Array>();
  const correction = (dtype: DType): Array => {
    if (!known.has(dtype)) known.set(dtype, biasOf(decay, count, dtype));
    return known.get(dtype)!;
  };
  return tree.map((t: Update) => onArray(t, (a) => jnp.divide(a, correction(a.dtype))), moment);
}
