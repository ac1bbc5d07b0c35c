/** Losses for classes, after `optax.losses._classification`. Each gives one value an example; take `jnp.mean` of them. */
import { customJvp, nn, numpy as jnp, vmap, type Array } from '../../jax/index.js';
import { isFloat, isInteger } from '../../jax/dtypes.js';
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import type { Scalar } from '../base.js';
import { projectionSimplex } from '../projections.js';
import { expectDType, expectSameShape, type AxisOptions } from './common.js';

export interface SoftmaxCrossEntropyOptions {
  /** The axis of the classes (-1), or several that together count the classes; null for all. */
  axis?: number | readonly number[] | null;
  /** Which classes take part: true for those that do. */
  where?: Array | null;
}

type Axis = number | readonly number[] | null;
const axesOf = (axis: Axis, ndim: number): number[] => (axis === null ? globalThis.Array.from({ length: ndim }, (_, i) => i) : [axis].flat()).map((a) => (a < 0 ? a + ndim : a));

/** Logits with the classes in one last axis, whatever axes they were in. */
function classesLast(x: Array, axis: Axis): Array {
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
 * const loss = jnp.mean(optax.softmaxCrossEntropy(logits, nn.oneHot(labels, 3)));
 */
export function softmaxCrossEntropy(logits: Array, labels: Array, options?: SoftmaxCrossEntropyOptions): Array {
  const { axis = -1, where } = checkOptions('optax.softmaxCrossEntropy', options, ['axis', 'where']);
  expectDType('optax.softmaxCrossEntropy', 'logits', logits, isFloat, 'floating point');
  const target = classesLast(labels.ndim === logits.ndim ? labels : jnp.broadcastTo(labels, logits.shape), axis);
  const x = classesLast(logits, axis);
  const mask = maskLike(logits, { axis, where });
  // Where a class takes no part its log-probability is -∞, as in Optax: the gradient for its label is no number there.
  const terms = jnp.multiply(target, nn.logSoftmax(x, { axis: -1, where: mask }));
  return jnp.negative(jnp.sum(mask ? jnp.where(mask, terms, 0) : terms, { axis: -1 }));
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
  if (axis === null) throw new ValueError(`${name}: axis must be a number or several, but got null.`);
  const x = classesLast(logits, axis);
  const mask = maskLike(logits, { axis, where });
  if (!mask) return jnp.negative(logOfLabel(x, labels) as Array);
  // The label's own logit counts whether its class takes part or not, and an example without classes costs nothing.
  const loss = jnp.subtract(nn.logsumexp(x, { axis: -1, where: mask }), ofLabel(x, labels));
  return jnp.where(jnp.any(mask, { axis: -1 }), loss, 0);
}
const ofLabel = (values: Array, labels: Array): Array => jnp.squeeze(jnp.takeAlongAxis(values, jnp.expandDims(labels, -1), { axis: -1 }), { axis: -1 });
/**
 * log softmax(x)[label]. Its derivative is written out: where there is no such label the value is NaN, and the logarithm of the
 * sum keeps its derivative, as in Optax, which computes that by itself. It takes the logarithms of all classes because the engine
 * has a kernel for them, three times as fast.
 */
const logOfLabel = customJvp((x: Array, labels: Array) => ofLabel(nn.logSoftmax(x, { axis: -1 }), labels));
logOfLabel.defjvp((...given: any[]) => {
  const [[x, labels], [dx]] = given as [[Array, Array], [Array]];
  const logs = nn.logSoftmax(x, { axis: -1 });
  const classes = x.shape.at(-1)!;
  const wide = labels.astype(jnp.promoteTypes(labels.dtype, 'int32'));
  const oneHot = nn.oneHot(jnp.where(wide.lt(0), wide.add(classes), wide), classes, { dtype: x.dtype });
  return [ofLabel(logs, labels), jnp.sum(oneHot.sub(jnp.exp(logs)).mul(dx), { axis: -1 })];
});

/**
 * -Σ labels · log softmax(logits), where a label of 0 costs nothing even if its logit is -∞. As
 * `optax.safe_softmax_cross_entropy`.
 *
 * @example
 * const loss = optax.safeSoftmaxCrossEntropy(jnp.array([[1, -Infinity, 0]]), jnp.array([[1, 0, 0]]));
 */
export function safeSoftmaxCrossEntropy(logits: Array, labels: Array): Array {
  expectDType('optax.safeSoftmaxCrossEntropy', 'logits', logits, isFloat, 'floating point');
  return jnp.negative(jnp.sum(weightedLogSoftmax(logits, labels) as Array, { axis: -1 }));
}
const weighted = (x: Array, weights: Array): Array => jnp.where(weights.ne(0), weights.mul(nn.logSoftmax(x, { axis: -1 })), 0);
/** Its derivative in x is written out: that of the logarithm alone would be 0 · ∞ where a logit is -∞. */
const weightedLogSoftmax = customJvp(weighted);
weightedLogSoftmax.defjvp((...given: any[]) => {
  const [[x, weights], [dx, dWeights]] = given as [[Array, Array], [Array, Array]];
  const mean = dx.mul(nn.softmax(x, { axis: -1 })).sum({ axis: -1, keepdims: true });
  return [weighted(x, weights), weights.mul(dx).sub(weights.mul(mean)).add(dWeights.mul(nn.logSoftmax(x, { axis: -1 })))];
});

/**
 * Binary cross entropy of each label, which may be a probability, against the logit of its class. As
 * `optax.sigmoid_binary_cross_entropy`.
 *
 * @example
 * const loss = jnp.mean(optax.sigmoidBinaryCrossEntropy(jnp.array([2, -1]), jnp.array([1, 0])));
 */
export function sigmoidBinaryCrossEntropy(logits: Array, labels: Array): Array {
  expectDType('optax.sigmoidBinaryCrossEntropy', 'logits', logits, isFloat, 'floating point');
  const target = labels.astype(logits.dtype);
  return jnp.negative(target).mul(nn.logSigmoid(logits)).sub(jnp.subtract(1, target).mul(nn.logSigmoid(jnp.negative(logits))));
}

/**
 * Binary cross entropy with less weight on what is known well: times (1 - p)ᵍᵃᵐᵐᵃ, with p the probability of the label. As
 * `optax.sigmoid_focal_loss`. Lin et al., Focal Loss for Dense Object Detection, arXiv:1708.02002.
 *
 * @example
 * const loss = jnp.mean(optax.sigmoidFocalLoss(jnp.array([2, -1]), jnp.array([1, 0]), { alpha: 0.25 }));
 *
 * @param options `gamma` (2); `alpha`: the weight of label 1, where 1 - alpha is that of label 0
 */
export function sigmoidFocalLoss(logits: Array, labels: Array, options?: { alpha?: Scalar | null; gamma?: Scalar }): Array {
  const { alpha = null, gamma = 2 } = checkOptions('optax.sigmoidFocalLoss', options, ['alpha', 'gamma']);
  expectDType('optax.sigmoidFocalLoss', 'logits', logits, isFloat, 'floating point');
  const target = labels.astype(logits.dtype);
  const rest = jnp.subtract(1, target);
  const both = jnp.stack([nn.logSigmoid(logits), nn.logSigmoid(jnp.negative(logits))], { axis: -1 });
  const logMissed = nn.logsumexp(both, { axis: -1, b: jnp.stack([rest, target], { axis: -1 }) });
  const loss = sigmoidBinaryCrossEntropy(logits, target).mul(jnp.exp(jnp.multiply(gamma, logMissed)));
  return alpha === null ? loss : jnp.multiply(alpha, target).add(jnp.multiply(jnp.subtract(1, alpha), rest)).mul(loss);
}

/**
 * max(0, 1 - output · target), for targets -1 and 1. As `optax.hinge_loss`.
 *
 * @example
 * const loss = optax.hingeLoss(jnp.array([0.5, -2]), jnp.array([1, -1]));
 */
export const hingeLoss = (predictorOutputs: Array, targets: Array): Array => jnp.maximum(0, jnp.subtract(1, predictorOutputs.mul(targets)));

/**
 * max(0, -output · target), for targets -1 and 1. As `optax.perceptron_loss`.
 *
 * @example
 * const loss = optax.losses.perceptronLoss(jnp.array([0.5, -2]), jnp.array([1, 1]));
 */
export function perceptronLoss(predictorOutputs: Array, targets: Array): Array {
  expectSameShape('optax.perceptronLoss', predictorOutputs, targets);
  return jnp.maximum(0, jnp.negative(predictorOutputs).mul(targets));
}

/**
 * The binary sparsemax loss, for labels 0 and 1. As `optax.sparsemax_loss`. Blondel et al., Learning with Fenchel-Young
 * Losses, arXiv:1901.02324.
 *
 * @example
 * const loss = optax.losses.sparsemaxLoss(jnp.array([0.5, -2]), jnp.array([1, 0]));
 */
export const sparsemaxLoss = (logits: Array, labels: Array): Array =>
  nn.sparsePlus(jnp.where(labels.dtype === 'bool' ? labels : labels.ne(0), jnp.negative(logits), logits));

const scoreOf = (scores: Array, oneHot: Array): Array => jnp.sum(scores.mul(oneHot), { axis: -1 });
/**
 * The largest score, with 1 added to those of wrong classes, less the label's. As `optax.multiclass_hinge_loss`. Crammer and
 * Singer, On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines, 2001.
 *
 * @example
 * const loss = optax.losses.multiclassHingeLoss(logits, labels);
 */
export function multiclassHingeLoss(scores: Array, labels: Array): Array {
  const oneHot = nn.oneHot(labels, scores.shape.at(-1)!);
  return jnp.max(scores.add(1).sub(oneHot), { axis: -1 }).sub(scoreOf(scores, oneHot));
}
/**
 * The largest score less the label's. As `optax.multiclass_perceptron_loss`. Collins, Discriminative Training Methods for
 * Hidden Markov Models, 2002.
 *
 * @example
 * const loss = optax.losses.multiclassPerceptronLoss(logits, labels);
 */
export const multiclassPerceptronLoss = (scores: Array, labels: Array): Array =>
  jnp.max(scores, { axis: -1 }).sub(scoreOf(scores, nn.oneHot(labels, scores.shape.at(-1)!)));

/**
 * The sparsemax loss of several classes: labels are class numbers. As `optax.multiclass_sparsemax_loss`. Martins and
 * Astudillo, From Softmax to Sparsemax, arXiv:1602.02068.
 *
 * @example
 * const loss = optax.losses.multiclassSparsemaxLoss(logits, labels);
 */
export function multiclassSparsemaxLoss(scores: Array, labels: Array): Array {
  if (scores.ndim !== 2 || labels.ndim !== 1) throw new ShapeError(`optax.multiclassSparsemaxLoss: scores [n, classes] and labels [n] were expected, but got [${scores.shape}] and [${labels.shape}].`);
  return vmap((row: Array, label: Array) => {
    const probabilities = projectionSimplex(row) as Array;
    // Indexing says what becomes of labels that there are none of.
    const gaps = row.sub(row.index(label)).at(label).set(0);
    return jnp.sum(probabilities.mul(jnp.where(probabilities.ne(0), gaps, 0))).add(jnp.multiply(0.5, jnp.subtract(1, jnp.sum(jnp.square(probabilities)))));
  })(scores, labels) as Array;
}

/**
 * Cross entropy plus epsilon (2) times 1 - p, the first term of the loss's polynomial expansion. As
 * `optax.poly_loss_cross_entropy`. Leng et al., PolyLoss, arXiv:2204.12511.
 *
 * @example
 * const loss = optax.losses.polyLossCrossEntropy(logits, nn.oneHot(labels, 3), { epsilon: 1 });
 */
export function polyLossCrossEntropy(logits: Array, labels: Array, options?: SoftmaxCrossEntropyOptions & { epsilon?: Scalar }): Array {
  const { epsilon = 2, axis = -1, where } = checkOptions('optax.polyLossCrossEntropy', options, ['epsilon', 'axis', 'where']);
  expectDType('optax.polyLossCrossEntropy', 'logits', logits, isFloat, 'floating point');
  expectDType('optax.polyLossCrossEntropy', 'labels', labels, isFloat, 'floating point');
  const missed = labels.mul(jnp.subtract(1, nn.softmax(logits, { axis, where })));
  return softmaxCrossEntropy(logits, labels, { axis, where }).add(jnp.multiply(epsilon, jnp.sum(missed, { axis, ...(where && { where }) })));
}

const logAndTargets = (where: string, logPredictions: Array, targets: Array): void => {
  expectDType(where, 'logPredictions', logPredictions, isFloat, 'floating point');
  expectDType(where, 'targets', targets, isFloat, 'floating point');
};
const sumOver = (x: Array, { axis = -1, where }: AxisOptions): Array => jnp.sum(x, { axis, ...(where && { where }) });
const AXIS = ['axis', 'where'] as const;

/**
 * Σ targets · (log targets - logPredictions), the Kullback-Leibler divergence. As `optax.kl_divergence`.
 *
 * @example
 * const loss = optax.klDivergence(nn.logSoftmax(logits), nn.oneHot(labels, 3));
 */
export function klDivergence(logPredictions: Array, targets: Array, options?: AxisOptions): Array {
  checkOptions('optax.klDivergence', options, AXIS);
  logAndTargets('optax.klDivergence', logPredictions, targets);
  const logTargets = jnp.where(targets.eq(0), 0, jnp.log(targets));
  return sumOver(targets.mul(logTargets.sub(logPredictions)), options ?? {});
}
/**
 * `klDivergence` for targets that are logarithms. As `optax.losses.kl_divergence_with_log_targets`.
 *
 * @example
 * const loss = optax.losses.klDivergenceWithLogTargets(nn.logSoftmax(logits), nn.logSoftmax(logits.mul(2)));
 */
export function klDivergenceWithLogTargets(logPredictions: Array, logTargets: Array, options?: AxisOptions): Array {
  checkOptions('optax.klDivergenceWithLogTargets', options, AXIS);
  logAndTargets('optax.klDivergenceWithLogTargets', logPredictions, logTargets);
  return sumOver(jnp.exp(logTargets).mul(logTargets.sub(logPredictions)), options ?? {});
}
/**
 * `klDivergence` plus Σ exp(logPredictions) - targets, for measures that do not sum to 1. As
 * `optax.generalized_kl_divergence`.
 *
 * @example
 * const loss = optax.generalizedKlDivergence(nn.logSoftmax(logits), nn.oneHot(labels, 3));
 */
export const generalizedKlDivergence = (logPredictions: Array, targets: Array, options?: AxisOptions): Array =>
  klDivergence(logPredictions, targets, options).add(sumOver(jnp.exp(logPredictions).sub(targets), options ?? {}));
/** The older name of `generalizedKlDivergence`. */
export const convexKlDivergence = generalizedKlDivergence;
