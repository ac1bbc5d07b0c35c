/** What a run says of itself: the typed events that `fit` yields. All are plain data, but for `aux` and `state`. */
import type { TrainTree } from './train-step.js';
import type { DataPosition } from './data/position.js';
import type { RestoreReport } from './checkpoints/report.js';

interface EventBase {
  /** Steps made when it happened, those before a resumption included. */
  readonly step: number;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** The first event: what is about to be trained, and from where. */
export interface StartEvent extends EventBase {
  readonly type: 'start';
  /** The step at which the run ends; null where the data decides. */
  readonly steps: number | null;
  readonly engine: string;
  readonly device: string;
  /** `module/name` of every parameter, sorted. */
  readonly trainable: readonly string[];
  readonly frozen: readonly string[];
  /** The checkpoint that the run goes on from, or null. */
  readonly resumed: { readonly path: string; readonly report: RestoreReport } | null;
}

/** After every step (or every `logEvery` steps). */
export interface StepEvent extends EventBase {
  readonly type: 'step';
  readonly loss: number;
  /** The scalars of the loss's `aux`, by path. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The loss's `aux` as it came. */
  readonly aux: unknown;
  /** Null where it is not known. */
  readonly learningRate: number | null;
  /** Over about the last two seconds. */
  readonly stepsPerSecond: number;
  /** Null where the data decides when the run ends, and before the second step. */
  readonly secondsLeft: number | null;
  /** Resident bytes of the process. */
  readonly memory: number;
  /** Of the batch that the step took. */
  readonly position: DataPosition;
}

/** Between two steps: a schedule (`gradualUnfreezing`) has changed what trains. */
export interface TrainableEvent extends EventBase {
  readonly type: 'trainable';
  /** `module/name` of what trains from now on, and of what does not, sorted. */
  readonly trainable: readonly string[];
  readonly frozen: readonly string[];
  /** What did not train before the change, and what did. */
  readonly began: readonly string[];
  readonly ended: readonly string[];
}

/** After an evaluation: the means over its batches. */
export interface EvaluationEvent extends EventBase {
  readonly type: 'evaluation';
  readonly metrics: Readonly<Record<string, number>>;
  readonly batches: number;
  readonly seconds: number;
  /** Whether what early stopping watches is better than ever before; null without early stopping. */
  readonly best: boolean | null;
}

/** Numbers about the values of one array. Non-finite ones are counted and left out of the rest. */
export interface Statistics {
  readonly count: number;
  readonly nonFinite: number;
  readonly zeros: number;
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
  /** The Euclidean norm. */
  readonly norm: number;
  /** Counts between `edges`; there is one edge more. */
  readonly histogram: { readonly edges: readonly number[]; readonly counts: readonly number[] };
}

/** Asked for with `statistics`: by `module/name`. */
export interface StatisticsEvent extends EventBase {
  readonly type: 'statistics';
  readonly params: Readonly<Record<string, Statistics>>;
  /** Where `statistics.gradients` gives them. */
  readonly gradients: Readonly<Record<string, Statistics>> | null;
}

/** A checkpoint is whole and on the disk. It may be of a step some time ago: training went on while it was written. */
export interface CheckpointEvent extends EventBase {
  readonly type: 'checkpoint';
  readonly path: string;
  readonly bytes: number;
  readonly seconds: number;
}

/** Why a run ended: all steps made, no data left, early stopping, or `run.stop()`. */
export type EndReason = 'steps' | 'data' | 'earlyStopping' | 'stopped';

/** The last event of a run that ends without an error. */
export interface EndEvent extends EventBase {
  readonly type: 'end';
  readonly reason: EndReason;
  readonly seconds: number;
  /** What the step carries, at the end; null for a session, which holds it itself. */
  readonly state: TrainTree | null;
}

export type FitEvent = StartEvent | StepEvent | TrainableEvent | EvaluationEvent | StatisticsEvent | CheckpointEvent | EndEvent;
