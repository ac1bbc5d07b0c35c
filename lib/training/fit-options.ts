/** What `fit` is given, checked before anything begins. */
import type { Params, State } from '../haiku/types.js';
import type { Scalar } from '../optax/index.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import type { Dataset } from './data/dataset.js';
import type { Stream } from './data/stages.js';
import type { FitEvent } from './events.js';
import type { Run } from './fit.js';
import type { Metrics } from './fit-trainer.js';
import type { TrainStep, TrainTree } from './train-step.js';
import type { TrainingSession } from './training-session.js';

/** Batches: a pipeline, or anything that can be iterated. */
export type Batches = Dataset | Stream;
/** Called with every event before the run goes on; a promise is waited for. An error ends the run. */
export type Callback = (event: FitEvent, run: Run) => unknown;

export interface CheckpointOptions {
  /** A folder of its own for every run. Where it has checkpoints, the run goes on from the newest, to the same bits. */
  directory: string;
  /** Steps between two checkpoints (default 1000). There is always one at the end. */
  every?: number;
  /** How many stay (default 3). */
  keep?: number;
}
export interface EvaluationOptions {
  /** Read from its beginning each time. */
  data: Batches;
  /** Steps between two evaluations. */
  every: number;
  /** What is measured, averaged over the batches; for a session, whose artifacts have an eval model, left out. A lone array is the `loss`. */
  metrics?: Metrics;
}
/** Ends the run when what is watched has not become better for so many evaluations. As Keras' `EarlyStopping`. */
export interface EarlyStoppingOptions {
  /** A metric of the evaluation (default `loss`). */
  monitor?: string;
  /** Whether smaller is better (`min`, the default) or larger. */
  mode?: 'min' | 'max';
  /** Evaluations without a better value before the run ends (default 0: the first one ends it). */
  patience?: number;
  /** By how much it must be better to count (default 0). */
  minDelta?: number;
}
export interface StatisticsOptions {
  /** Steps between two. */
  every: number;
  /** Gradients like the parameters, for the batch of the step, such as `grad(loss)`. */
  gradients?: (params: any, batch: any, context: { state: State; rng: null }) => Params;
}

export interface FitOptions {
  /** What trains: what `trainStep` returned, or a `TrainingSession`. */
  step: TrainStep | TrainingSession;
  /** What the step carries, used up by the run; a session has its own. */
  state?: TrainTree;
  data: Batches;
  /** The step at which the run ends, those before a resumption included; where left out it ends with the data. */
  steps?: number;
  /** Aborts between two steps: the run ends with an AbortError, and nothing more is saved. See `Run.stop` for a gentle end. */
  signal?: AbortSignal;
  /** A folder, or more about it. */
  checkpoint?: string | CheckpointOptions;
  evaluation?: EvaluationOptions;
  earlyStopping?: EarlyStoppingOptions;
  statistics?: StatisticsOptions;
  /**
   * The learning rate after so many steps. A session is set to it; a training step computes its own in its graph, and this
   * is only what events say. Optax's schedules fit.
   */
  learningRate?: number | ((step: number) => Scalar);
  /**
   * Batches of a step, for a session of classic artifacts: their gradients are gathered, and then the optimizer makes its
   * step. Left out, what the artifacts were made for: those of `new optax.MultiSteps(optimizer, k)` take the mean of k, and
   * all others 1; given for those, gradients are added up, as the engine does. The loss of such a step is the mean of its
   * batches', everything else of the last. A training step gathers by `optax.MultiSteps`.
   */
  accumulate?: number;
  callbacks?: readonly Callback[];
  /** Steps between two `step` events (default 1). */
  logEvery?: number;
  /** Go on after a loss that is not finite (default false), for optimizers that skip such steps. */
  allowNonFinite?: boolean;
}
const OPTIONS = ['step', 'state', 'data', 'steps', 'signal', 'checkpoint', 'evaluation', 'earlyStopping', 'statistics', 'learningRate', 'callbacks', 'logEvery', 'allowNonFinite', 'accumulate'] as const;

export type CheckedOptions = FitOptions & { checkpoint?: Required<CheckpointOptions>; earlyStopping?: Required<EarlyStoppingOptions>; callbacks: readonly Callback[]; logEvery: number };

function count(what: string, value: unknown, least = 1): void {
  if (!Number.isSafeInteger(value) || (value as number) < least) throw new ValueError(`fit: ${what} must be a whole number of at least ${least}, but got ${String(value)}.`);
}

export function checkFitOptions(options: FitOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null) throw new TypeError('fit: expected an options object: fit({ step, state, data, steps }).');
  checkOptions('fit', options, OPTIONS);
  const { steps, evaluation, statistics, callbacks = [], logEvery = 1, signal, learningRate } = options;
  if (options.data === undefined || options.data === null) throw new TypeError('fit: data is missing; pass batches, such as data.fromArrays({ x, y }).shuffle().batch(32).repeat().');
  if (steps !== undefined) count('steps', steps, 0);
  count('logEvery', logEvery);
  if (options.accumulate !== undefined) count('accumulate', options.accumulate);
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') throw new TypeError('fit: signal must be an AbortSignal.');
  if (learningRate !== undefined && typeof learningRate !== 'number' && typeof learningRate !== 'function') throw new TypeError(`fit: learningRate must be a number or a function of the step, but got ${typeof learningRate}.`);
  if (!Array.isArray(callbacks) || callbacks.some((c) => typeof c !== 'function')) throw new TypeError('fit: callbacks must be a list of functions (event, run).');
  const checkpoint = options.checkpoint === undefined ? undefined : typeof options.checkpoint === 'string' ? { directory: options.checkpoint } : checkOptions('fit, checkpoint', options.checkpoint, ['directory', 'every', 'keep']);
  if (checkpoint?.every !== undefined) count('checkpoint.every', checkpoint.every);
  if (evaluation) {
    checkOptions('fit, evaluation', evaluation, ['data', 'every', 'metrics']);
    count('evaluation.every', evaluation.every);
  }
  if (statistics) {
    checkOptions('fit, statistics', statistics, ['every', 'gradients']);
    count('statistics.every', statistics.every);
  }
  const { monitor = 'loss', mode = 'min', patience = 0, minDelta = 0 } = checkOptions('fit, earlyStopping', options.earlyStopping, ['monitor', 'mode', 'patience', 'minDelta']);
  if (options.earlyStopping) {
    if (!evaluation) throw new ValueError('fit: earlyStopping watches evaluations, so say what is evaluated: evaluation: { data, every, metrics }.');
    if (mode !== 'min' && mode !== 'max') throw new ValueError(`fit: earlyStopping.mode must be 'min' or 'max', but got '${String(mode)}'.`);
    count('earlyStopping.patience', patience, 0);
    if (!(minDelta >= 0)) throw new ValueError(`fit: earlyStopping.minDelta must be a number of at least 0, but got ${String(minDelta)}.`);
  }
  return {
    ...options, callbacks, logEvery,
    checkpoint: checkpoint && { every: 1000, keep: 3, ...checkpoint },
    earlyStopping: options.earlyStopping && { monitor, mode, patience, minDelta },
  };
}
