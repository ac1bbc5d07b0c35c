/** Limits on updates, after `optax.transforms._clipping`. */
import { numpy as jnp, tree, vmap, type Array } from '../../jax/index.js';
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { checkScalar, initEmptyState, mapping, mappingWithParams, onArray, type GradientTransformation, type Scalar, type Update, type Updates } from '../base.js';
import { signature } from '../options.js';
import { treeNorm } from '../tree/math.js';

/**
 * Brings every number into [-maxDelta, maxDelta]. As `optax.clip`.
 *
 * @example
 * const opt = optax.chain(optax.clip(1), optax.sgd(0.1));
 */
export function clip(maxDelta: Scalar): GradientTransformation {
  checkScalar('optax.clip', 'maxDelta', maxDelta);
  const least = typeof maxDelta === 'number' ? -maxDelta : jnp.negative(maxDelta);
  return mapping((g) => jnp.minimum(jnp.maximum(g, least), maxDelta));
}
signature(clip, ['maxDelta']);

/**
 * Scales each update so that its root mean square is at most `threshold`. As `optax.clip_by_block_rms`. Shazeer and Stern,
 * Adafactor, arXiv:1804.04235.
 *
 * @example
 * const opt = optax.chain(optax.clipByBlockRms(1), optax.sgd(0.1));
 */
export function clipByBlockRms(threshold: Scalar): GradientTransformation {
  checkScalar('optax.clipByBlockRms', 'threshold', threshold);
  return mapping((u) => u.div(jnp.maximum(1, jnp.sqrt(jnp.mean(jnp.square(u))).div(threshold))));
}
signature(clipByBlockRms, ['threshold']);

/**
 * Scales all updates together so that their global l2 norm is at most `maxNorm`. As `optax.clip_by_global_norm`.
 * Pascanu et al., On the difficulty of training Recurrent Neural Networks, arXiv:1211.5063.
 *
 * @example
 * const opt = optax.chain(optax.clipByGlobalNorm(1), optax.adamw(3e-4));
 */
export function clipByGlobalNorm(maxNorm: Scalar): GradientTransformation {
  checkScalar('optax.clipByGlobalNorm', 'maxNorm', maxNorm);
  return {
    init: initEmptyState,
    update(updates, state) {
      const norm = treeNorm(updates);
      const small = jnp.less(norm, maxNorm);
      return [tree.map((u: Update) => onArray(u, (g) =>
        jnp.where(small, g, jnp.multiply(jnp.divide(g, jnp.asarray(norm, { dtype: g.dtype })), maxNorm))), updates), state];
    },
  };
}
signature(clipByGlobalNorm, ['maxNorm']);

const batchSizeOf = (where: string, grads: Updates): number => {
  const shapes = (tree.leaves(grads) as Array[]).map((g) => g.shape);
  if (shapes.length === 0 || shapes.some((s) => s.length === 0 || s[0] !== shapes[0]![0])) {
    throw new ShapeError(`${where}: every gradient needs a leading axis of examples, of one size, but the shapes are ${shapes.map((s) => `[${s}]`).join(', ')}; map the gradient with vmap.`);
  }
  return shapes[0]![0]!;
};

/**
 * Clips the gradient of every example to a global norm and sums over the examples; also says how many were clipped. As
 * `optax.per_example_global_norm_clip`. Abadi et al., Deep Learning with Differential Privacy, arXiv:1607.00133.
 *
 * @example
 * const [sum, clipped] = optax.perExampleGlobalNormClip(tree.map((g) => jnp.stack([g, g]), grads), 1);
 *
 * @param grads gradients with a leading axis of examples
 */
export function perExampleGlobalNormClip(grads: Updates, l2NormClip: Scalar): [sum: Updates, clipped: Array] {
  batchSizeOf('optax.perExampleGlobalNormClip', grads);
  const norms = vmap((g: Updates) => treeNorm(g))(grads) as Array;
  const factors = jnp.nanToNum(jnp.minimum(jnp.divide(l2NormClip, norms), 1), { nan: 1 });
  return [tree.map((g: Array) => jnp.tensordot(factors, g, { axes: 1 }), grads), jnp.sum(factors.lt(1))];
}

/**
 * As `perExampleGlobalNormClip`, each leaf by itself: with `uniform` (true) all to clip / √leaves, else by their sizes. As
 * `optax.per_example_layer_norm_clip`. McMahan et al., Learning Differentially Private Recurrent Language Models,
 * arXiv:1710.06963.
 *
 * @example
 * const [sums, clipped] = optax.perExampleLayerNormClip(tree.map((g) => jnp.stack([g, g]), grads), 1);
 */
export function perExampleLayerNormClip(grads: Updates, globalL2NormClip: number, options?: { uniform?: boolean }): [sums: Updates, clipped: Updates] {
  const { uniform = true } = checkOptions('optax.perExampleLayerNormClip', options, ['uniform']);
  const batch = batchSizeOf('optax.perExampleLayerNormClip', grads);
  const [leaves, structure] = tree.flatten(grads) as [Array[], tree.TreeDef];
  const sizes = leaves.map((g) => (uniform ? 1 : g.size / batch));
  const total = sizes.reduce((a, b) => a + b);
  const results = leaves.map((g, i) => perExampleGlobalNormClip(g, globalL2NormClip * Math.sqrt(sizes[i]! / total)));
  return [tree.unflatten(structure, results.map(([sum]) => sum)), tree.unflatten(structure, results.map(([, clipped]) => clipped))];
}

/**
 * The norm of each output unit, broadcast to the shape of `x`: over everything of a vector, over the first axis of a matrix
 * (and of rank 3), over all axes but the last of rank 4 and 5, or over `axis`. As `optax.transforms.unitwise_norm`.
 *
 * @example
 * const norms = optax.transforms.unitwiseNorm(jnp.array([[3, 0], [4, 1]])); // [[5, 1], [5, 1]]
 */
export function unitwiseNorm(x: Array, options?: { axis?: number | readonly number[] | null }): Array {
  const { axis } = checkOptions('optax.transforms.unitwiseNorm', options, ['axis']);
  const long = x.shape.filter((n) => n !== 1).length;
  if ((axis ?? null) === null && long > 1 && x.ndim > 5) throw new ValueError(`optax.transforms.unitwiseNorm: a rank up to 5 was expected, but the shape is [${x.shape}]; say with axis over which axes the norm goes.`);
  const axes = axis ?? (long <= 1 ? null : x.ndim <= 3 ? 0 : x.shape.slice(1).map((_, i) => i));
  return jnp.broadcastTo(jnp.sqrt(jnp.sum(jnp.square(x), { axis: axes, keepdims: true })), x.shape);
}

/**
 * The gradient, scaled where its unit's norm is not below the largest allowed. As `optax.transforms.unitwise_clip`.
 *
 * @example
 * const clipped = optax.transforms.unitwiseClip(jnp.array([5]), jnp.array([1]), jnp.array([5]));
 */
export function unitwiseClip(gNorm: Array, maxNorm: Array, grad: Array, options?: { divEps?: number }): Array {
  const { divEps = 1e-6 } = checkOptions('optax.transforms.unitwiseClip', options, ['divEps']);
  return jnp.where(gNorm.lt(maxNorm), grad, grad.mul(maxNorm.div(jnp.maximum(gNorm, divEps))));
}

/**
 * Scales each unit's gradient to at most `clipping` times its parameters' norm. As `optax.adaptive_grad_clip`. Brock et al.,
 * High-Performance Large-Scale Image Recognition Without Normalization, arXiv:2102.06171.
 *
 * @example
 * const opt = optax.chain(optax.adaptiveGradClip(0.01), optax.sgd(0.1));
 *
 * @param options `eps` (1e-3): the smallest norm that a parameter counts with; `axis`: over which axes norms go
 */
export function adaptiveGradClip(clipping: Scalar, options?: { eps?: Scalar; axis?: number | readonly number[] | null }): GradientTransformation {
  const { eps = 1e-3, axis } = checkOptions('optax.adaptiveGradClip', options, ['eps', 'axis']);
  checkScalar('optax.adaptiveGradClip', 'clipping', clipping);
  return mappingWithParams('optax.adaptiveGradClip', (g, p) =>
    unitwiseClip(unitwiseNorm(g, { axis }), jnp.multiply(clipping, jnp.maximum(unitwiseNorm(p, { axis }), eps)), g));
}
signature(adaptiveGradClip, ['clipping'], { eps: 1e-3, axis: null });
