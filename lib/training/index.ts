/** `hokku/training`: the fused training step, ONNX Runtime's training artifacts, and sessions over them. */
export { trainStep, type StepResult, type TrainStep, type TrainStepOptions, type TrainTree } from './train-step.js';
export type { Loss, LossContext, LossExtra, Specification } from './specification.js';
export type { Mark, Trainable, TrainableMap } from './trainable.js';
export { GradualUnfreezing, gradualUnfreezing, type Unfreezing } from './gradual.js';
export type { ParameterReport, TrainingReportOptions, TrainingBytes, TrainingReport } from './report.js';
export { generateArtifacts, type Artifacts, type ArtifactsOptions, type Style } from './artifacts.js';
export type { PortRecord } from './artifacts/manifest.js';
export { TrainingSession, type SessionEvalResult, type SessionStepResult, type TrainingSessionOptions } from './training-session.js';
export type { CheckpointEvent, EndEvent, EndReason, EvaluationEvent, FitEvent, StartEvent, Statistics, StatisticsEvent, StepEvent, TrainableEvent } from './events.js';
export type { CheckpointManifest, Json } from './checkpoints/manifest.js';
export type { RestoreReport } from './checkpoints/report.js';
export * as data from './data/index.js';
export type { DataPosition } from './data/position.js';
export {
  CheckpointManager, checkpointSteps, exportOrtCheckpoint, importOrtCheckpoint, loadCheckpoint, restoreCheckpoint,
  type Checkpoint, type RestoreOptions, type Restored, type SaveOptions,
} from './checkpoints/manager.js';
export { CheckpointMismatchError } from './checkpoints/contents.js';
export { loadParams, saveParams } from './checkpoints/params.js';
export { SummaryWriter, type DataFormats, type SummaryOptions, type SummaryWriterOptions } from './watch/summary-writer.js';
export { history, readHistory, type HistoryEvent } from './watch/history.js';
export { progress, type ProgressOptions } from './watch/progress.js';
export { htmlReport, type HtmlReportOptions } from './watch/report.js';
export { tensorBoard, type TensorBoardOptions } from './watch/tensorboard.js';
export type { Watcher } from './watch/watcher.js';
export {
  fit, Run, type Batches, type Callback, type CheckpointOptions, type EarlyStoppingOptions, type EvaluationOptions, type FitOptions, type Metrics, type StatisticsOptions,
} from './fit.js';
export type { DataFile, RunConfig } from './run-config.js';
