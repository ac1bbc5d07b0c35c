/**
 * hokku: Haiku's programming model for Node.js. `transform` turns a function over modules into a pure pair `init` and
 * `apply`; parameters are a named map, which `dataStructures` splits and joins.
 */
export * as dataStructures from './haiku/data-structures.js';
export * as initializers from './haiku/initializers.js';
export * as training from './training/index.js';
export * as nets from './haiku/nets/index.js';
export * as pad from './haiku/modules/padding.js';

export { namedCall } from './jax/scopes.js';
export { config, type ConfigOptions } from './haiku/config.js';
export { currentName, getCurrentState, getInitialState, getParams, runningInit } from './haiku/context.js';
export { dropout, type DropoutOptions } from './haiku/dropout.js';
export { AssertionError, JaxUsageError, MissingRNGError, NonEmptyStateError } from './haiku/errors.js';
export {
  DO_NOT_STORE, customCreator, customGetter, customSetter,
  type Creator, type Getter, type GetterContext, type HookOptions, type NextCreator, type NextGetter, type NextSetter, type Setter, type SetterContext,
} from './haiku/hooks.js';
export { interceptMethods, type Interceptor, type MethodContext, type NextMethod } from './haiku/interceptors.js';
export { Module, module, nameLike, transparent, type ModuleOptions } from './haiku/module.js';
export { BatchApply, expandApply, multinomial, oneHot } from './haiku/modules/batch-apply.js';
export { BatchNorm, type BatchNormCallOptions, type BatchNormOptions } from './haiku/modules/batch-norm.js';
export { Bias, type BiasOptions } from './haiku/modules/bias.js';
export { Conv1D, Conv2D, Conv3D, ConvND, type ConvOptions } from './haiku/modules/conv.js';
export { Conv1DTranspose, Conv2DTranspose, Conv3DTranspose, ConvNDTranspose, type ConvTransposeOptions } from './haiku/modules/conv-transpose.js';
export { DepthwiseConv1D, DepthwiseConv2D, DepthwiseConv3D, SeparableDepthwiseConv2D, type DepthwiseConvOptions, type SeparableDepthwiseConvOptions } from './haiku/modules/depthwise.js';
export { Embed, EmbedLookupStyle, type EmbedCallOptions, type EmbedOptions } from './haiku/modules/embed.js';
export { GroupNorm, type GroupNormOptions } from './haiku/modules/group-norm.js';
export { InstanceNorm, LayerNorm, type Axes, type InstanceNormOptions, type LayerNormOptions } from './haiku/modules/layer-norm.js';
export { getChannelIndex } from './haiku/modules/layout.js';
export { MultiHeadAttention, type MultiHeadAttentionOptions } from './haiku/modules/attention.js';
export { Conv1DLSTM, Conv2DLSTM, Conv3DLSTM } from './haiku/modules/conv-lstm.js';
export { DeepRNN, deepRnnWithSkipConnections } from './haiku/modules/deep-rnn.js';
export { GRU, type GRUOptions } from './haiku/modules/gru.js';
export { LSTM, LSTMState } from './haiku/modules/lstm.js';
export { IdentityCore, RNNCore, VanillaRNN, type VanillaRNNOptions } from './haiku/modules/recurrent.js';
export { ResetCore } from './haiku/modules/reset-core.js';
export { dynamicUnroll, staticUnroll, type Core, type DynamicUnrollOptions, type StaticUnrollOptions } from './haiku/modules/unroll.js';
export * as experimental from './haiku/experimental.js';
export * as testing from './haiku/testing.js';
export { toDot } from './haiku/dot.js';
export * as mixedPrecision from './haiku/mixed-precision.js';
export { Deferred, type DeferredOptions } from './haiku/deferred.js';
export { layerStack, type LayerStackOptions, type LayerStackTransparencyMapping } from './haiku/layer-stack.js';
export { LiftWithStateUpdater, lift, liftWithState, transparentLift, transparentLiftWithState, type LiftOptions, type Lifted, type TransparentLiftOptions } from './haiku/lift.js';
export { cond, evalShape, foriLoop, grad, jit, map, remat, scan, switch, valueAndGrad, vmap, whileLoop, type VmapOptions } from './haiku/stateful.js';
export { Linear, type LinearOptions } from './haiku/modules/linear.js';
export { EMAParamsTree, ExponentialMovingAverage, type EMAParamsTreeOptions, type ExponentialMovingAverageOptions } from './haiku/modules/moving-averages.js';
export { AvgPool, MaxPool, avgPool, maxPool, type PoolOptions } from './haiku/modules/pool.js';
export { Flatten, Reshape, type ReshapeOptions } from './haiku/modules/reshape.js';
export { RMSNorm, type RMSNormOptions } from './haiku/modules/rms-norm.js';
export { Sequential } from './haiku/modules/sequential.js';
export { SNParamsTree, SpectralNorm, type SNParamsTreeOptions, type SpectralNormOptions } from './haiku/modules/spectral-norm.js';
export {
  MultiTransformed, MultiTransformedWithState, multiTransform, multiTransformWithState, withoutApplyRng,
  type ApplyTree, type ApplyTreeWithState, type TransformedWithStateWithoutRng, type TransformedWithoutRng,
} from './haiku/multi-transform.js';
export { freeze, unfreeze, type Split } from './haiku/freezing.js';
export { forceName } from './haiku/naming.js';
export { getParameter, getState, setState, type ValueOptions } from './haiku/parameters.js';
export {
  PRNGSequence, maybeGetRngSequenceState, maybeNextRngKey, nextRngKey, nextRngKeys, replaceRngSequenceState, reserveRngKeys, withRng,
  type PRNGSequenceState,
} from './haiku/rng.js';
export { NameScope, nameScope, type NameScopeOptions } from './haiku/scope.js';
export { toModule, type FunctionModule } from './haiku/to-module.js';
export {
  Transformed, TransformedWithState, transform, transformWithState, withEmptyState, withoutState,
  type Apply, type ApplyWithState, type Init, type InitWithState,
} from './haiku/transform.js';
export type { Initializer, ModuleInstance, ModuleInstance as ModuleProtocol, MutableParams, MutableState, Params, RngLike, State, SupportsCall } from './haiku/types.js';
export { selector, type Predicate, type Selection, type Selector } from './runtime/patterns.js';
