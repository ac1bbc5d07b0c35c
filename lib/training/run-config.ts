/** What `hokku train` is told: the default export of a configuration, or a JSON file. */
import type { Array, Device, EngineName } from '../jax/index.js';
import type { Params, State } from '../haiku/types.js';
import type { GradientTransformation } from '../optax/index.js';
import type { ArtifactsOptions } from './artifacts.js';
import type { Batches, CheckpointOptions, EvaluationOptions, FitOptions } from './fit.js';
import type { Loss, Specification } from './specification.js';

/** Data as JSON can say it: the rows of a file, `.npz`, `.npy`, `.safetensors`, `.csv`, `.ndjson`, `.arrow` or `.parquet`. */
export interface DataFile {
  file: string;
  /** Another order in every epoch, from this seed; true is 0. */
  shuffle?: boolean | number;
  /** Rows of a batch. */
  batch?: number;
  /** Epochs; true is without end. */
  repeat?: boolean | number;
}

/**
 * A run: what trains (`loss`, `optimizer`, `params`; or the folder of its `artifacts`), its data, and what `fit` is told.
 * Paths are relative to the configuration's own folder.
 *
 * @example
 * export default {
 *   loss, optimizer: optax.adamw(1e-3), trainable: '!mlp/~/linear_1',
 *   params: () => net.init(random.PRNGKey(42), jnp.zeros([1, 784])),
 *   data: data.fromArrays(train).shuffle({ seed: 0 }).batch(128).repeat(), steps: 10_000,
 *   evaluation: { data: data.fromArrays(test).batch(128), every: 500, metrics },
 * } satisfies RunConfig;
 */
export interface RunConfig extends Pick<Specification, 'trainable' | 'freezeState'>, Pick<FitOptions, 'steps' | 'earlyStopping' | 'statistics' | 'learningRate' | 'logEvery' | 'allowNonFinite' | 'accumulate'> {
  loss?: Loss;
  optimizer?: GradientTransformation;
  params?: Params | (() => Params | Promise<Params>);
  /** The model's state. */
  state?: State | (() => State | Promise<State>);
  /** A key, or a seed: then the loss gets one. */
  rng?: Array | number | null;
  engine?: EngineName;
  device?: Device;

  /** Instead of loss, optimizer and params: a folder of training artifacts, trained by a TrainingSession. `hokku artifacts make` writes there. */
  artifacts?: string;

  data: Batches | DataFile;
  evaluation?: Omit<EvaluationOptions, 'data'> & { data: Batches | DataFile };
  /** How often a checkpoint is written (default every 1000 steps), and how many stay (3). */
  checkpoint?: Omit<CheckpointOptions, 'directory'>;

  /** Where everything goes; default `runs/` and the configuration's name, beside it. */
  directory?: string;
  title?: string;

  /** For `hokku artifacts make`: see `ArtifactsOptions`. An example of a batch is the first of the data where it is left out. */
  batch?: unknown;
  evalLoss?: ArtifactsOptions['evalLoss'];
  outputs?: ArtifactsOptions['outputs'];
  style?: ArtifactsOptions['style'];
  batchDim?: ArtifactsOptions['batchDim'];
}
