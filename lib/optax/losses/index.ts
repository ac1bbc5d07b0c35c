/** `optax.losses`. */
export * from './classification.js';
export { ctcLoss, ctcLossWithForwardProbs, type CtcOptions } from './ctc.js';
export * from './ranking.js';
export * from './regression.js';
export * from './segmentation.js';
