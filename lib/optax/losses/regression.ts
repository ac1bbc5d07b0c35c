/** Losses for numbers, after `optax.losses._regression`. */
import { numpy as jnp, type Array } from '../../jax/index.js';
import { isFloat } from '../../jax/dtypes.js';
import { ShapeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import type { Scalar } from '../base.js';
import { expectDType, expectSameShape, type AxisOptions } from './common.js';

const errorsOf = (where: string, predictions: Array, targets: Array | null | undefined): Array => {
  expectDType(where, 'predictions', predictions, isFloat, 'floating point');
  return targets === undefined || targets === null ? predictions : predictions.sub(targets);
};

const sizeAlong = (x: Array, axis: number | readonly number[] | null): number => (axis === null ? x.shape : [axis].flat().map((a) => {
  const n = x.shape.at(a);
  if (n === undefined) throw new ShapeError(`optax.smoothLabels: axis ${a} is out of range for labels of rank ${x.ndim}.`);
  return n;
})).reduce((product, n) => product * (n as number), 1);

/**
 * (predictions - targets)². As `optax.squared_error`.
 *
 * @example
 * const loss = jnp.mean(optax.squaredError(jnp.array([1, 2]), jnp.array([0, 4])));
 *
 * @param targets zeros where left out
 */
export function squaredError(predictions: Array, targets?: Array | null): Array {
  if (targets !== undefined && targets !== null) expectSameShape('optax.squaredError', predictions, targets);
  return jnp.square(errorsOf('optax.squaredError', predictions, targets));
}
/**
 * Half the squared error. As `optax.l2_loss`.
 *
 * @example
 * const loss = jnp.mean(optax.l2Loss(jnp.array([1, 2]), jnp.array([0, 4])));
 */
export const l2Loss = (predictions: Array, targets?: Array | null): Array => jnp.multiply(0.5, squaredError(predictions, targets));

/**
 * Half the squared error up to `delta` (1), and linear from there. As `optax.huber_loss`. Huber, Robust Estimation of a
 * Location Parameter, 1964.
 *
 * @example
 * const loss = jnp.mean(optax.huberLoss(jnp.array([1, 2]), jnp.array([0, 4]), { delta: 0.5 }));
 */
export function huberLoss(predictions: Array, targets?: Array | null, options?: { delta?: Scalar }): Array {
  const { delta = 1 } = checkOptions('optax.huberLoss', options, ['delta']);
  const size = jnp.abs(errorsOf('optax.huberLoss', predictions, targets));
  const quadratic = jnp.minimum(size, delta);
  return jnp.multiply(0.5, jnp.square(quadratic)).add(jnp.multiply(delta, size.sub(quadratic)));
}

/**
 * log cosh(predictions - targets): quadratic where small, linear where large, and smooth. As `optax.log_cosh`. Chen et al.,
 * Log Hyperbolic Cosine Loss Improves Variational Auto-Encoder, 2019.
 *
 * @example
 * const loss = jnp.mean(optax.logCosh(jnp.array([1, 2]), jnp.array([0, 4])));
 */
export function logCosh(predictions: Array, targets?: Array | null): Array {
  const errors = errorsOf('optax.logCosh', predictions, targets);
  return jnp.logaddexp(errors, jnp.negative(errors)).sub(Math.LN2);
}

const COSINE = ['epsilon', 'axis', 'where'] as const;
export interface CosineOptions extends AxisOptions { /** The smallest squared norm that is divided by (0). */ epsilon?: Scalar }
/**
 * The cosine of the angle between predictions and targets. As `optax.cosine_similarity`.
 *
 * @example
 * const similarity = optax.cosineSimilarity(jnp.array([[1, 2]]), jnp.array([[2, 1]]), { epsilon: 1e-8 });
 */
export function cosineSimilarity(predictions: Array, targets: Array, options?: CosineOptions): Array {
  const { epsilon = 0, axis = -1, where } = checkOptions('optax.cosineSimilarity', options, COSINE);
  expectDType('optax.cosineSimilarity', 'predictions', predictions, isFloat, 'floating point');
  expectDType('optax.cosineSimilarity', 'targets', targets, isFloat, 'floating point');
  const over = { axis, ...(where && { where }) };
  const unit = (x: Array): Array => x.div(jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(x), { ...over, keepdims: true }), epsilon)));
  return jnp.sum(unit(predictions).mul(unit(targets)), over);
}
/**
 * 1 - `cosineSimilarity`. As `optax.cosine_distance`.
 *
 * @example
 * const distance = optax.cosineDistance(jnp.array([[1, 2]]), jnp.array([[2, 1]]));
 */
export const cosineDistance = (predictions: Array, targets: Array, options?: CosineOptions): Array => jnp.subtract(1, cosineSimilarity(predictions, targets, options));

/**
 * Labels moved towards the uniform distribution: (1 - alpha) · labels + alpha / classes. As `optax.smooth_labels`. Müller et
 * al., When does label smoothing help?, arXiv:1906.02629.
 *
 * @example
 * const smooth = optax.smoothLabels(nn.oneHot(labels, 3), 0.1);
 */
export function smoothLabels(labels: Array, alpha: Scalar, options?: AxisOptions): Array {
  const { axis = -1, where } = checkOptions('optax.smoothLabels', options, ['axis', 'where']);
  expectDType('optax.smoothLabels', 'labels', labels, isFloat, 'floating point');
  const classes = where ? jnp.sum(where, { axis, keepdims: true }) : sizeAlong(labels, axis);
  return jnp.multiply(jnp.subtract(1, alpha).astype(labels.dtype), labels).add(jnp.divide(alpha, classes).astype(labels.dtype));
}
