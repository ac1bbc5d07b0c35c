/** Activations and attention. */
import { lax, nn, numpy as jnp } from '../../../lib/jax/index.js';
import { unary, type Case } from './base.js';

const attention = (name: string, options?: nn.DotProductAttentionOptions, shapes: readonly (readonly number[])[] = [[1, 3, 2, 2], [1, 4, 1, 2], [1, 4, 1, 2]]): Case =>
  ({ name: `attention ${name}`, f: (q, k, v) => nn.dotProductAttention(q, k, v, options), shapes, smooth: true });
const kept = () => jnp.array([true, false, true, true]);

export const NN: readonly Case[] = [
  unary('relu6', nn.relu6, 0.2, 8, false), unary('sigmoid', nn.sigmoid), unary('softplus', nn.softplus), unary('logSigmoid', nn.logSigmoid), unary('mish', nn.mish), unary('softSign', nn.softSign, 0.2, 2),
  unary('sparsePlus', nn.sparsePlus, -0.9, 0.9), unary('sparseSigmoid', nn.sparseSigmoid, -0.9, 0.9, false), unary('squareplus', nn.squareplus), unary('elu', (x) => nn.elu(x, { alpha: 0.5 }), -2, -0.1),
  unary('selu', nn.selu, 0.1, 2), unary('celu', (x) => nn.celu(x, { alpha: 0.5 }), -2, -0.1), unary('gelu', nn.gelu), unary('exact gelu', (x) => nn.gelu(x, { approximate: false })),
  unary('leakyRelu', nn.leakyRelu, -2, -0.1, false), unary('hardTanh', nn.hardTanh, -0.9, 0.9, false), unary('hardSigmoid', nn.hardSigmoid, -2, 2, false), unary('hardSilu', nn.hardSilu),
  unary('log1mexp', nn.log1mexp, 0.3, 2), { name: 'glu', f: (x) => nn.glu(x, { axis: 0 }), shapes: [[4, 2]], smooth: true },
  { name: 'softmax where', f: (x) => nn.softmax(x, { where: kept() }), shapes: [[2, 4]], smooth: true },
  { name: 'logSoftmax where', f: (x) => lax.slice(nn.logSoftmax(x, { where: kept() }), [0, 2], [2, 4]), shapes: [[2, 4]], smooth: true },
  { name: 'logmeanexp', f: (x) => nn.logmeanexp(x, { axis: 1, where: kept() }), shapes: [[2, 4]], smooth: true },
  { name: 'standardize', f: (x) => nn.standardize(x), shapes: [[2, 4]], smooth: true }, { name: 'standardize in two passes', f: (x) => nn.standardize(x, { axis: 0, algorithm: 'stable', epsilon: 0.1, where: jnp.reshape(kept(), [4, 1]) }), shapes: [[4, 2]], smooth: true },
  { name: 'logsumexp with weights', f: (x, b) => nn.logsumexp(x, { axis: 1, b, keepdims: true }), shapes: [[2, 3], [2, 3]], low: 0.5, high: 2, smooth: true },
  attention('of shared key heads'), attention('causal', { isCausal: true, scale: 0.3 }), attention('with a mask', { mask: jnp.reshape(kept(), [1, 1, 1, 4]) }),
  attention('in a window without a batch', { localWindowSize: [1, 0] }, [[3, 1, 2], [3, 1, 2], [3, 1, 2]]),
  attention('of lengths', { querySeqLengths: jnp.array(Int32Array.of(2, 1)), keyValueSeqLengths: jnp.array(Int32Array.of(1, 3)) }, [[2, 2, 1, 2], [2, 3, 1, 2], [2, 3, 1, 2]]),
  { name: 'attention with a bias', f: (q, k, b) => nn.dotProductAttention(q, k, k, { bias: b }), shapes: [[1, 2, 2, 2], [1, 3, 2, 2], [1, 2, 2, 3]], smooth: true },
];
