/** Losses, after `optax.losses`. Each gives one value per example; take `jnp.mean` of them. */
import { nn, numpy as jnp, type Array } from '../jax/index.js';
import { isFloat, isInteger } from '../jax/dtypes.js';
import { TypeError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';

export interface SoftmaxCrossEntropyOptions {
  /** The axis of the classes (-1), or several that together count the classes. */
  axis?: number | readonly number[];
  /** Which classes take part: true for those that do. */
  where?: Array | null;
}

function expectDType(where: string, what: string, x: Array, fits: (dtype: Array['dtype']) => boolean, wanted: string): void {
  if (!fits(x.dtype)) throw new TypeError(`${where}: ${what} must be ${wanted}, but got ${x.dtype}.`);
}

const axesOf = (axis: number | readonly number[], ndim: number): number[] => [axis].flat().map((a) => (a < 0 ? a + ndim : a));

/** Logits with the classes in one last axis, whatever axes they were in. */
function classesLast(x: Array, axis: number | readonly number[]): Array {
  const axes = axesOf(axis, x.ndim);
  if (axes.length === 1 && axes[0] === x.ndim - 1) return x;
  const batch = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const moved = jnp.transpose(x, [...batch, ...axes]);
  return axes.length === 1 ? moved : jnp.reshape(moved, [...batch.map((i) => x.shape[i]!), -1]);
}

function maskLike(logits: Array, { axis = -1, where }: SoftmaxCrossEntropyOptions): Array | null {
  if (where === undefined || where === null) return null;
  const whole = where.ndim === logits.ndim ? where : axesOf(axis, logits.ndim).sort((a, b) => a - b).reduce((m, a) => jnp.expandDims(m, a), where);
  return classesLast(jnp.broadcastTo(whole, logits.shape), axis);
}

/**
 * -Σ labels · log softmax(logits), for labels that are probabilities. As `optax.softmax_cross_entropy`.
 *
 * @example
 * const loss = jnp.mean(optax.softmaxCrossEntropy(logits, nn.oneHot(labels, 10)));
 */
export function softmaxCrossEntropy(logits: Array, labels: Array, options?: SoftmaxCrossEntropyOptions): Array {
  const { axis = -1, where } = checkOptions('optax.softmaxCrossEntropy', options, ['axis', 'where']);
  expectDType('optax.softmaxCrossEntropy', 'logits', logits, isFloat, 'floating point');
  const target = classesLast(labels.ndim === logits.ndim ? labels : jnp.broadcastTo(labels, logits.shape), axis);
  const x = classesLast(logits, axis);
  const mask = maskLike(logits, { axis, where });
  if (!mask) return jnp.negative(jnp.sum(jnp.multiply(target, nn.logSoftmax(x, { axis: -1 })), { axis: -1 }));
  // Where a class takes no part its log-probability is -∞, as in Optax: the gradient for its label is no number there.
  const terms = jnp.multiply(target, nn.logSoftmax(jnp.where(mask, x, -Infinity), { axis: -1 }));
  return jnp.negative(jnp.sum(jnp.where(mask, terms, 0), { axis: -1 }));
}

/**
 * -log softmax(logits)[label], for labels that are class numbers: the same as `softmaxCrossEntropy` of one-hot labels,
 * without making them. As `optax.softmax_cross_entropy_with_integer_labels`.
 *
 * @example
 * const loss = jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(logits, labels));
 *
 * @param logits [..., classes]
 * @param labels integers of the shape of `logits` without the axis of the classes
 */
export function softmaxCrossEntropyWithIntegerLabels(logits: Array, labels: Array, options?: SoftmaxCrossEntropyOptions): Array {
  const name = 'optax.softmaxCrossEntropyWithIntegerLabels';
  const { axis = -1, where } = checkOptions(name, options, ['axis', 'where']);
  expectDType(name, 'logits', logits, isFloat, 'floating point');
  expectDType(name, 'labels', labels, isInteger, 'integers');
  const x = classesLast(logits, axis);
  const ofLabel = (values: Array) => jnp.squeeze(jnp.takeAlongAxis(values, jnp.expandDims(labels, -1), { axis: -1 }), { axis: -1 });
  const mask = maskLike(logits, { axis, where });
  if (!mask) return jnp.negative(ofLabel(nn.logSoftmax(x, { axis: -1 })));
  // The label's own logit counts whether its class takes part or not, and an example without classes costs nothing.
  const loss = jnp.subtract(nn.logsumexp(jnp.where(mask, x, -Infinity), { axis: -1 }), ofLabel(x));
  return jnp.where(jnp.any(mask, { axis: -1 }), loss, 0);
}
