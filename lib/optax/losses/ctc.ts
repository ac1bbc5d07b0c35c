/** Connectionist temporal classification, after `optax.losses`. */
import { lax, nn, numpy as jnp, type Array } from '../../jax/index.js';
import { ShapeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { expectSameShape } from './common.js';

export interface CtcOptions {
  /** The class that stands for nothing (0). */
  blankId?: number;
  /** The logarithm of an impossibility (-1e5). */
  logEpsilon?: number;
}

/**
 * `ctcLoss` with the logarithms of the forward probabilities, of blanks [frames, batch, labels + 1] and of labels [frames,
 * batch, labels]. As `optax.ctc_loss_with_forward_probs`. Graves et al., Connectionist Temporal Classification, 2006.
 *
 * @example
 * const [loss, blanks, emissions] = optax.ctcLossWithForwardProbs(jnp.zeros([1, 4, 3]), jnp.zeros([1, 4]), jnp.array([[1, 2]]).astype('int32'), jnp.zeros([1, 2]));
 *
 * @param logits [batch, frames, classes]
 * @param logitPaddings [batch, frames], 1 where a frame does not count
 * @param labels integers [batch, labels]
 * @param labelPaddings [batch, labels], 1 where a label does not count; padding stands on the right
 */
export function ctcLossWithForwardProbs(logits: Array, logitPaddings: Array, labels: Array, labelPaddings: Array, options?: CtcOptions): [loss: Array, logAlphaPhi: Array, logAlphaEmit: Array] {
  const where = 'optax.ctcLoss';
  const { blankId = 0, logEpsilon = -1e5 } = checkOptions(where, options, ['blankId', 'logEpsilon']);
  if (logits.ndim !== 3 || labels.ndim !== 2) throw new ShapeError(`${where}: logits [batch, frames, classes] and labels [batch, labels] were expected, but got [${logits.shape}] and [${labels.shape}].`);
  expectSameShape(`${where}, labels and labelPaddings`, labels, labelPaddings);
  if (logitPaddings.ndim !== 2 || [0, 1].some((i) => logits.shape[i] !== logitPaddings.shape[i])) throw new ShapeError(`${where}: logitPaddings must be [${logits.shape.slice(0, 2)}], but is [${logitPaddings.shape}].`);
  const [batch, , classes] = logits.shape as [number, number, number];
  const [batchOfLabels, length] = labels.shape as [number, number];
  if (batchOfLabels !== batch) throw new ShapeError(`${where}: the batch of labels must be that of the logits, ${batch}, but is ${batchOfLabels}.`);
  // Probabilities of half precision are added up in float32, as in Optax.
  const dtype = jnp.promoteTypes(logits.dtype, 'float32');
  const logProbs = nn.logSoftmax(logits, { axis: -1 }).astype(dtype);
  // Between equal labels a blank must come.
  const same = labels.index('...', { stop: -1 }).eq(labels.index('...', { start: 1 })).astype(dtype);
  const repeat = jnp.pad(same, [[0, 0], [0, 1]]);
  const ofBlank = jnp.transpose(logProbs.index('...', { start: blankId, stop: blankId + 1 }), [1, 0, 2]);
  const ofLabels = jnp.transpose(jnp.einsum('btk,bnk->btn', logProbs, nn.oneHot(labels, classes, { dtype })), [1, 0, 2]);
  const begin = [
    jnp.concatenate([jnp.zeros([batch, 1], { dtype }), jnp.full([batch, length], logEpsilon, { dtype })], { axis: 1 }),
    jnp.full([batch, length], logEpsilon, { dtype }),
  ];
  const withScore = (phi: Array, score: Array): Array =>
    jnp.concatenate([phi.index('...', { stop: 1 }), jnp.logaddexp(phi.index('...', { start: 1 }), score)], { axis: -1 });
  const frame = ([phi, emit]: [Array, Array], [probEmit, probPhi, pad]: [Array, Array, Array]) => {
    const reached = withScore(phi, emit.add(repeat.mul(logEpsilon)));
    const emitted = jnp.logaddexp(reached.index('...', { stop: -1 }).add(probEmit), emit.add(probEmit));
    const blank = withScore(reached.add(probPhi), emit.add(probPhi).add(jnp.subtract(1, repeat).mul(logEpsilon)));
    const padded = pad.reshape([batch, 1]);
    const kept = (before: Array, after: Array): Array => padded.mul(before).add(jnp.subtract(1, padded).mul(after));
    const next = [kept(phi, blank), kept(emit, emitted)];
    return [next, next];
  };
  const [[phi, emit], [allPhi, allEmit]] = lax.scan(frame as never, begin, [ofLabels, ofBlank, jnp.transpose(logitPaddings.astype(dtype))]) as [[Array, Array], [Array, Array]];
  const last = withScore(phi, emit);
  const lengths = jnp.subtract(length, jnp.sum(labelPaddings, { axis: 1 }).astype('int32'));
  const loss = jnp.negative(jnp.sum(last.mul(nn.oneHot(lengths, length + 1, { dtype })), { axis: -1 }));
  return [loss, jnp.concatenate([allPhi.index({ stop: -1 }), jnp.expandDims(last, 0)], { axis: 0 }), allEmit];
}

/**
 * The negative logarithm of the probability of label sequences, whatever their alignment with the frames. As
 * `optax.ctc_loss`. Graves et al., Connectionist Temporal Classification, 2006. Arguments as of `ctcLossWithForwardProbs`.
 *
 * @example
 * const loss = optax.ctcLoss(jnp.zeros([1, 4, 3]), jnp.zeros([1, 4]), jnp.array([[1, 2]]).astype('int32'), jnp.zeros([1, 2]));
 */
export const ctcLoss = (logits: Array, logitPaddings: Array, labels: Array, labelPaddings: Array, options?: CtcOptions): Array =>
  ctcLossWithForwardProbs(logits, logitPaddings, labels, labelPaddings, options)[0];
