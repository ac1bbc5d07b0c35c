/** The optimizers by their usual names, and the rescalings that they are chained of. */
export * from './adafactor.js';
export {
  ScaleByAdamState, ScaleByAmsgradState, adam, adamax, adamaxw, adamw, amsgrad, nadam, nadamw, scaleByAdam, scaleByAdamax, scaleByAmsgrad,
  type AdamWOptions, type AdamaxOptions, type AmsgradOptions, type DecayOptions, type MomentOptions, type ScaleByAdamOptions,
} from './adam.js';
export * from './adam-variants.js';
export {
  ScaleByAdaDeltaState, ScaleByNovogradState, ScaleByRStdDevState, ScaleByRStdDevWithCountState, ScaleByRmsState, ScaleByRmsWithCountState, ScaleByRssState, ScaleBySM3State,
  adadelta, adagrad, novograd, rmsprop, scaleByAdadelta, scaleByNovograd, scaleByRms, scaleByRss, scaleBySm3, scaleByStddev, sm3,
  type AdadeltaOptions, type NovogradOptions, type RmspropOptions, type ScaleByRmsOptions,
} from './rms.js';
export {
  ScaleByOptimisticGradientState, ScaleByRpropState, noisySgd, optimisticGradientDescent, polyakSgd, rprop, scaleByOptimisticGradient, scaleByPolyak, scaleByRprop, sgd, signSgd,
  signum, type RpropOptions, type ScaleByPolyakOptions, type SgdOptions,
} from './sgd.js';
export * from './trust.js';
export { ScaleByLBFGSState, lbfgs, scaleByLbfgs, type LbfgsOptions, type ScaleByLbfgsOptions } from './lbfgs.js';
export {
  BacktrackingLinesearchInfo, ScaleByBacktrackingLinesearchState, scaleByBacktrackingLinesearch, valueAndGradFromState, type BacktrackingOptions,
} from './linesearch.js';
export { ScaleByZoomLinesearchState, ZoomLinesearchInfo, scaleByZoomLinesearch, type ZoomOptions } from './zoom.js';
