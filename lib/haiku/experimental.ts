/** `hk.experimental`: summaries, and Haiku's experimental names for what has become public since. */
export { checkJaxUsage, moduleAutoRepr, rngReserveSize } from './config.js';
export { currentName, getCurrentState, getInitialState, getParams } from './context.js';
export { DO_NOT_STORE, customCreator, customGetter, customSetter, type GetterContext, type GetterContext as ParamContext, type SetterContext } from './hooks.js';
export { toDot, toDot as abstractToDot } from './dot.js';
export * as jaxprInfo from './jaxpr-info/index.js';
export { interceptMethods, type MethodContext } from './interceptors.js';
export { layerStack, type LayerStackTransparencyMapping } from './layer-stack.js';
export { LiftWithStateUpdater, lift, liftWithState, transparentLift, transparentLiftWithState } from './lift.js';
export { nameLike } from './module.js';
export { forceName } from './naming.js';
export { optimizeRngUse } from './optimize-rng.js';
export { maybeGetRngSequenceState, replaceRngSequenceState } from './rng.js';
export { nameScope } from './scope.js';
export { fastEvalShape } from './stateful.js';
export { evalSummary, tabulate, type MethodInvocation, type ModuleDetails, type TabulateOptions } from './summary.js';
export { ArraySpec } from './text.js';
