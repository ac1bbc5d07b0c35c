/** `jax.nn`: activations, softmax, attention, and initializers. */
export {
  celu, elu, gelu, glu, hardSigmoid, hardSilu, hardSwish, hardTanh, identity, leakyRelu, log1mexp, logSigmoid, mish, relu, relu6, selu, sigmoid, silu, softSign,
  softplus, sparsePlus, sparseSigmoid, squareplus, swish, tanh,
} from './activations.js';
export { logSoftmax, logmeanexp, oneHot, softmax, standardize, type LogMeanExpOptions, type SoftmaxOptions, type StandardizeOptions } from './functions.js';
export { logsumexp } from '../numpy/reductions.js';
export { dotProductAttention, type DotProductAttentionOptions } from './attention.js';
export * as initializers from './initializers.js';
