/** `hokku/optax`: gradient transformations, schedules and losses, as Optax has them. */
export {
  EmptyState, ZeroUpdate, identity, isZeroUpdate, materialize, namedTuple, setToZero, stateless,
  type GradientTransformation, type NamedTuple, type OptState, type Params, type Scalar, type ScalarOrSchedule, type Schedule, type Updates,
} from './base.js';
export { adam, adamw, nadam, nadamw, sgd, type AdamWOptions, type SgdOptions } from './alias.js';
export { clip, clipByGlobalNorm } from './clipping.js';
export { PartitionState, chain, multiTransform, namedChain, partition, selectiveTransform, type ParamLabels } from './combine.js';
export * as losses from './losses.js';
export * from './losses.js';
export { MaskedNode, MaskedState, freeze, masked, type Mask } from './masking.js';
export { safeIncrement, safeInt32Increment } from './numerics.js';
export * as schedules from './schedule.js';
export * from './schedule.js';
export {
  ScaleByAdamState, ScaleByScheduleState, TraceState, WeightDecaySchedule, addDecayedWeights, scale, scaleByAdam, scaleByLearningRate,
  scaleBySchedule, scaleBySign, trace, type ScaleByAdamOptions,
} from './transform.js';
export { globalNorm } from './tree-math.js';
export * as tree from './tree.js';
export * as treeUtils from './tree-utils.js';
export { applyUpdates, incrementalUpdate, periodicUpdate } from './update.js';
