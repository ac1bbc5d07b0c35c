/** Losses over lists, pairs and triples: ranking, contrast, Fenchel and Young. After `optax.losses`. */
import { nn, numpy as jnp, stopGradient as stop, type Array } from '../../jax/index.js';
import { isFloat } from '../../jax/dtypes.js';
import { ShapeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import type { Scalar } from '../base.js';
import { expectDType } from './common.js';
import { cosineSimilarity } from './regression.js';

export interface RankingOptions {
  /** Which items count. */
  where?: Array | null;
  /** A weight for every item. */
  weights?: Array | null;
  /** How the lists' losses become one (`jnp.mean`); null leaves them. */
  reduceFn?: ((x: Array, options?: { where?: Array }) => Array) | null;
}
/**
 * -Σ labels · log softmax(logits) of lists of items, whose labels say how relevant they are. As
 * `optax.losses.ranking_softmax_loss`. Cao et al., Learning to Rank: From Pairwise Approach to Listwise Approach, 2007.
 *
 * @example
 * const loss = optax.losses.rankingSoftmaxLoss(logits, nn.oneHot(labels, 3));
 */
export function rankingSoftmaxLoss(logits: Array, labels: Array, options?: RankingOptions): Array {
  const name = 'optax.losses.rankingSoftmaxLoss';
  const { where, weights, reduceFn = jnp.mean } = checkOptions(name, options, ['where', 'weights', 'reduceFn']);
  expectDType(name, 'logits', logits, isFloat, 'floating point');
  const mask = where ?? null;
  const relevance = mask === null ? labels.astype(logits.dtype) : jnp.where(mask, labels.astype(logits.dtype), 0);
  const weighted = weights === undefined || weights === null ? relevance : relevance.mul(weights);
  const terms = weighted.mul(nn.logSoftmax(mask === null ? logits : jnp.where(mask, logits, -Infinity), { axis: -1 }));
  const loss = jnp.negative(jnp.sum(terms, { axis: -1, ...(mask !== null && { where: mask }) }));
  const lists = mask === null ? null : jnp.any(mask, { axis: -1 });
  if (reduceFn === null) return lists === null ? loss : jnp.where(lists, loss, 0);
  const reduced = reduceFn(loss, lists === null ? undefined : { where: lists });
  if (reduceFn !== jnp.mean) return reduced;
  // The mean of no list at all is 0, unless a loss itself is no number.
  return jnp.where(jnp.logicalAnd(jnp.isnan(reduced), jnp.logicalNot(jnp.any(jnp.isnan(loss)))), 0, reduced);
}

/**
 * The normalised temperature-scaled cross entropy of pairs with equal labels against all others. As `optax.ntxent`. Chen et
 * al., A Simple Framework for Contrastive Learning of Visual Representations, arXiv:2002.05709.
 *
 * @example
 * const loss = optax.ntxent(jnp.array([[1, 0], [0.9, 0.1], [0, 1]]), jnp.array([0, 0, 1]));
 *
 * @param embeddings [n, features]
 * @param labels [n]
 * @param options `temperature` (0.07)
 */
export function ntxent(embeddings: Array, labels: Array, options?: { temperature?: Scalar }): Array {
  const { temperature = 0.07 } = checkOptions('optax.ntxent', options, ['temperature']);
  expectDType('optax.ntxent', 'embeddings', embeddings, isFloat, 'floating point');
  if (embeddings.ndim < 2) throw new ShapeError(`optax.ntxent: embeddings [n, features] were expected, but got [${embeddings.shape}].`);
  if (labels.shape[0] !== embeddings.shape[0]) throw new ShapeError(`optax.ntxent: labels and embeddings must have one leading size, but have ${labels.shape[0]} and ${embeddings.shape[0]}.`);
  const n = embeddings.shape[0]!;
  const epsilon = { float64: 2 ** -52, float16: 2 ** -10, bfloat16: 2 ** -7 }[embeddings.dtype as string] ?? 2 ** -23;
  const similarity = cosineSimilarity(jnp.expandDims(embeddings, 0), jnp.expandDims(embeddings, 1), { epsilon }).div(temperature);
  const same = jnp.expandDims(labels, 1).eq(jnp.expandDims(labels, 0));
  const pairs = jnp.logicalAnd(same, jnp.logicalNot(jnp.eye(n, { dtype: 'bool' })));
  const [others, partners] = [jnp.where(same, -Infinity, similarity), jnp.where(pairs, similarity, -Infinity)];
  const top = stop(jnp.max(jnp.concatenate([others, partners], { axis: -1 }), { axis: 1, keepdims: true }));
  const numerator = partners.sub(top);
  const denominator = jnp.sum(jnp.exp(others.sub(top)), { axis: 1, keepdims: true }).add(jnp.exp(numerator));
  return jnp.negative(jnp.sum(jnp.where(pairs, numerator.sub(jnp.log(denominator)), 0))).div(jnp.sum(pairs));
}

/**
 * max(0, d(anchor, positive) - d(anchor, negative) + margin). As `optax.losses.triplet_margin_loss`. Schroff et al.,
 * FaceNet, arXiv:1503.03832.
 *
 * @example
 * const loss = optax.losses.tripletMarginLoss(jnp.array([[1, 0]]), jnp.array([[1, 0.1]]), jnp.array([[0, 1]]), { margin: 0.5 });
 *
 * @param options `axis` (-1), `normDegree` (2), `margin` (1), `eps` (1e-6)
 */
export function tripletMarginLoss(anchors: Array, positives: Array, negatives: Array, options?: { axis?: number; normDegree?: number; margin?: Scalar; eps?: Scalar }): Array {
  const name = 'optax.losses.tripletMarginLoss';
  const { axis = -1, normDegree = 2, margin = 1, eps = 1e-6 } = checkOptions(name, options, ['axis', 'normDegree', 'margin', 'eps']);
  for (const [what, x] of Object.entries({ anchors, positives, negatives })) expectDType(name, what, x, isFloat, 'floating point');
  const power = (x: Array): Array => (normDegree === 2 ? jnp.square(x) : jnp.power(x, normDegree));
  const distance = (to: Array): Array => jnp.power(jnp.sum(power(anchors.sub(to)), { axis }).add(eps), 1 / normDegree);
  return jnp.maximum(distance(positives).sub(distance(negatives)).add(margin), 0);
}

/**
 * The loss max(scores) - ⟨targets, scores⟩ of a function of vectors, whose gradient is that function's less the targets. As
 * `optax.losses.make_fenchel_young_loss`. Blondel et al., Learning with Fenchel-Young Losses, arXiv:1901.02324.
 *
 * @example
 * const crossEntropy = optax.losses.makeFenchelYoungLoss(nn.logsumexp);
 * const loss = crossEntropy(logits, nn.oneHot(labels, 3));
 *
 * @param maxFun from a vector of scores to a number; it is mapped over all axes but the last
 */
export function makeFenchelYoungLoss(maxFun: (scores: Array, ...args: any[]) => Array): (scores: Array, targets: Array, ...args: any[]) => Array {
  return (scores, targets, ...args) => {
    const max = jnp.vectorize((row: Array) => maxFun(row, ...args), { signature: '(n)->()' })(scores) as Array;
    return max.sub(jnp.sum(targets.mul(scores), { axis: -1 }));
  };
}
