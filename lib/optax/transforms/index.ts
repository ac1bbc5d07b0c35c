/** `optax.transforms`: what optimizers are chained of, and what wraps them. */
export { ApplyEvery, EmaState, TraceState, applyEvery, ema, trace, type EmaOptions, type TraceOptions } from './accumulation.js';
export { AddNoiseState, WeightDecaySchedule, addDecayedWeights, addNoise, type AddDecayedWeightsOptions, type NoiseOptions } from './adding.js';
export {
  adaptiveGradClip, clip, clipByBlockRms, clipByGlobalNorm, perExampleGlobalNormClip, perExampleLayerNormClip, unitwiseClip, unitwiseNorm,
} from './clipping.js';
export { PartitionState, chain, multiTransform, namedChain, partition, selectiveTransform, type ParamLabels } from './combining.js';
export {
  ApplyIfFiniteState, ConditionallyMaskState, ConditionallyTransformState, applyIfFinite, conditionallyMask, conditionallyTransform,
  type ConditionFn, type ConditionOptions,
} from './conditionality.js';
export { NonNegativeParamsState, ZeroNansState, flatten, keepParamsNonnegative, zeroNans } from './constraining.js';
export { MaskedNode, MaskedState, freeze, masked, type Mask, type MaskedOptions } from './masking.js';
export { MonitorState, SnapshotState, measureWithEma, monitor, snapshot, type Measure } from './monitoring.js';
export { MultiSteps, MultiStepsState, skipLargeUpdates, skipNotFinite, type MultiStepsOptions, type ShouldSkipUpdateFunction } from './multi-steps.js';
