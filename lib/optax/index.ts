/** `hokku/optax`: gradient transformations, schedules and losses, as Optax has them. */
export {
  EmptyState, EmptyState as AdaptiveGradClipState, EmptyState as AddDecayedWeightsState, EmptyState as ClipByGlobalNormState, EmptyState as ClipState,
  EmptyState as ScaleByTrustRatioState, EmptyState as ScaleState,
  ZeroUpdate, identity, initEmptyState, isZeroUpdate, materialize, namedTuple, setToZero, stateless, statelessWithTreeMap, withExtraArgsSupport,
  type ExtraArgs, type GradientTransformation, type GradientTransformationExtraArgs, type NamedTuple, type OptState, type Params, type Scalar, type ScalarOrSchedule,
  type Schedule, type Updates,
} from './base.js';
export * as assignment from './assignment.js';
export * as contrib from './contrib/index.js';
export { differentiallyPrivateAggregate, DifferentiallyPrivateAggregateState, dpsgd } from './contrib/privacy.js';
export { matrixInversePthRoot, multiNormal, nnls, powerIteration, type InversePthRootOptions, type PowerIterationOptions } from './linear-algebra.js';
export { LookaheadParams, LookaheadState, lookahead } from './lookahead.js';
export * as losses from './losses/index.js';
export * from './losses/index.js';
export { safeIncrement, safeInt32Increment, safeNorm, safeRootMeanSquares } from './numerics.js';
export * from './optimizers/index.js';
export { microbatch } from './microbatching.js';
export * as microbatching from './microbatching.js';
export * as perturbations from './perturbations.js';
export * as projections from './projections.js';
export { scaleGradient } from './second-order.js';
export * as secondOrder from './second-order.js';
export * as schedules from './schedules/index.js';
export * from './schedules/index.js';
export * as transforms from './transforms/index.js';
export * from './transforms/index.js';
export { PartitionState as MultiTransformState } from './transforms/combining.js';
export {
  ScaleByScheduleState, centralize, normalizeByUpdateNorm, scale, scaleByLearningRate, scaleByParamBlockNorm, scaleByParamBlockRms, scaleBySchedule, scaleBySign,
  scaleByTrustRatio, type ScaleByTrustRatioOptions,
} from './transforms/scaling.js';
export {
  globalNorm, treeBiasCorrection as biasCorrection, treeUpdateInfinityMoment as updateInfinityMoment, treeUpdateMoment as updateMoment,
  treeUpdateMomentPerElemNorm as updateMomentPerElemNorm,
} from './tree/math.js';
export { treeMapParams } from './tree/state.js';
export * as tree from './tree/index.js';
export * as treeUtils from './tree/utils.js';
export { applyUpdates, incrementalUpdate, periodicUpdate } from './update.js';
