/** The two things that `fit` can train, behind one interface: a training step with the tree it carries, and a session. */
import { fromBytes, jit, tree, type Array, type Device, type EngineName } from '../jax/index.js';
import { NDArray } from '../jax/array.js';
import { clone } from '../jax/devices.js';
import { traverse } from '../haiku/data-structures.js';
import type { Params, State } from '../haiku/types.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { labelled } from './artifacts/names.js';
import { Carry } from './carry.js';
import { checkpointSteps, restoreCheckpoint, type Restored } from './checkpoints/manager.js';
import { join } from './specification.js';
import type { StepResult, TrainStep, TrainTree } from './train-step.js';
import { TrainingSession } from './training-session.js';

/** A measure of parameters on a batch: an array, or several by name. Traced and compiled. */
export type Metrics = (params: any, batch: any, context: { state: State; rng: null }) => Array | Readonly<Record<string, Array>>;

export interface Trainer {
  /** What is saved and restored. */
  readonly holder: TrainTree | TrainingSession;
  /** Steps made. */
  readonly step: number;
  /** The learning rate, where what trains knows it. */
  learningRate: number | null;
  /** Batches of a step. */
  readonly batches: number;
  /** One step, on the engine's own thread. Not before the one before has ended. */
  run(batches: readonly unknown[]): Promise<StepResult>;
  /** The arrays themselves: good until the next step. */
  params(): Params;
  /** Copies. */
  copyParams(): Params;
  trainable(): string[];
  /** Whether the latest step was the last with what trained in it. */
  readonly resorted: boolean;
  place(batch: unknown): { name: string; device: string };
  /** Metrics by name. @param metrics null: a session's own eval model */
  evaluator(metrics: Metrics | null): (batch: unknown) => Promise<Record<string, number>>;
  restore(directory: string): Promise<Restored<unknown>>;
}

/** The scalars of a tree by path; a lone array is the `loss`. */
export function scalars(x: unknown): Record<string, number> {
  const out: Record<string, number> = Object.create(null);
  for (const { labels, leaf } of labelled(x)) if (leaf instanceof NDArray && leaf.size === 1) out[labels.join('/') || 'loss'] = Number(leaf.item());
  return out;
}

const mean = (losses: readonly Array[]): Array => fromBytes('float32', [], Float32Array.of(losses.reduce((sum, x) => sum + Number(x.item()), 0) / losses.length));

export function trainerOf(step: TrainStep | TrainingSession, state: TrainTree | undefined, accumulate?: number): Trainer {
  if (step instanceof TrainingSession) {
    if (state !== undefined) throw new TypeError('fit: a session holds its state itself; leave state out.');
    return new SessionTrainer(step, accumulate);
  }
  if (typeof step !== 'function' || typeof step.async !== 'function' || typeof step.init !== 'function') throw new TypeError(`fit: step must be what trainStep returned, or a TrainingSession, but got ${step === null ? 'null' : typeof step}.`);
  if (typeof state !== 'object' || state === null || !('optState' in state)) throw new TypeError('fit: state must be the tree that step.init or a step returned: fit({ step, state: step.init(params), … }).');
  if (accumulate !== undefined && accumulate !== 1) throw new TypeError(`fit: accumulate is for sessions of classic artifacts; a training step gathers gradients by its optimizer: new optax.MultiSteps(optimizer, ${accumulate}).`);
  return new StepTrainer(step, state);
}

class StepTrainer implements Trainer {
  readonly #step: TrainStep;
  #carry: TrainTree;
  #made: number;
  #target: { engine: EngineName; device: Device } | null = null;
  #injected: boolean | undefined;

  constructor(step: TrainStep, carry: TrainTree) {
    this.#step = step;
    this.#carry = carry;
    this.#made = carry.step.item();
  }
  get holder(): TrainTree { return this.#carry; }
  get step(): number { return this.#made; }
  /** Optax keeps it in its state where it is injected. */
  get learningRate(): number | null {
    if (!(this.#injected ??= labelled(this.#carry.optState).some(({ labels }) => labels.at(-2) === 'hyperparams'))) return null;
    for (const { labels, leaf } of labelled(this.#carry.optState)) if (labels.at(-2) === 'hyperparams' && labels.at(-1) === 'learningRate' && leaf.size === 1) return leaf.item();
    return null;
  }
  set learningRate(_: number | null) { /* The step computes its own, in its graph. */ }
  get batches(): number { return 1; }
  async run([batch]: readonly unknown[]): Promise<StepResult> {
    const [carry, result] = await this.#step.async(this.#carry, batch);
    this.#carry = carry;
    this.#made++;
    return result;
  }
  params(): Params { return join(this.#carry.trainable, this.#carry.nonTrainable); }
  copyParams(): Params { return clone(this.params()); }
  trainable(): string[] { return [...traverse(this.#carry.trainable)].map(([module, name]) => `${module}/${name}`).sort(); }
  /** A tree that is not a step's own has been sorted anew for the next one. */
  get resorted(): boolean { return !(this.#carry instanceof Carry); }
  #place(batch: unknown): { engine: EngineName; device: Device } { return (this.#target ??= this.#step.lower(this.#carry, batch).target); }
  place(batch: unknown): { name: string; device: string } {
    const { engine, device } = this.#place(batch);
    return { name: engine, device: String(device) };
  }
  evaluator(metrics: Metrics | null): (batch: unknown) => Promise<Record<string, number>> {
    if (typeof metrics !== 'function') throw new TypeError('fit: evaluation.metrics must be a function (params, batch, { state }) that returns an array or several by name.');
    const measure = jit((params: Params, state: State, batch: unknown) => metrics(params, batch, { state, rng: null }), this.#target ?? {});
    return async (batch) => scalars(await measure.async(this.params(), this.#carry.state, batch));
  }
  async restore(directory: string): Promise<Restored<unknown>> {
    // What trains may depend on the step.
    const restored = await restoreCheckpoint(directory, this.#step.adopt(this.#carry, { step: checkpointSteps(directory).at(-1)! }));
    this.#carry = restored.state;
    this.#made = this.#carry.step.item();
    return restored;
  }
}

class SessionTrainer implements Trainer {
  readonly holder: TrainingSession;
  #made = 0;
  readonly batches: number;
  constructor(session: TrainingSession, accumulate = session.accumulate) {
    this.holder = session;
    this.batches = accumulate;
    if (accumulate === session.accumulate) return;
    if (session.style !== 'classic') throw new TypeError(`fit: accumulate is for classic artifacts, but these update their parameters within every trainStep; make them with new optax.MultiSteps(optimizer, ${accumulate}).`);
    if (session.accumulate > 1) throw new ValueError(`fit: these artifacts take the mean of ${session.accumulate} gradients, but accumulate is ${accumulate}; leave it out, or generate them again.`);
  }
  get step(): number { return this.#made; }
  get learningRate(): number | null {
    try { return this.holder.learningRate; } catch (error) { if (error instanceof ValueError) return null; throw error; }
  }
  set learningRate(rate: number | null) { if (rate !== null && rate !== this.holder.learningRate) this.holder.learningRate = rate; }
  async run(batches: readonly unknown[]): Promise<StepResult> {
    const session = this.holder;
    const results: StepResult[] = [];
    try {
      for (const batch of batches) results.push(await session.trainStepAsync(batch));
      if (session.style === 'classic') await session.optimizerStepAsync();
    } finally {
      // After an error too: half a sum belongs to no step.
      if (session.style === 'classic' && !session.disposed) session.lazyResetGrad();
    }
    this.#made++;
    const { loss, aux } = results.at(-1)!;
    return { loss: results.length === 1 ? loss : mean(results.map((r) => r.loss)), aux };
  }
  params(): Params { return this.holder.params(); }
  copyParams(): Params { return this.holder.params(); }
  trainable(): string[] { return this.holder.trainable; }
  readonly resorted = false;
  place(): { name: string; device: string } { return { name: 'onnxruntime-training', device: this.holder.device }; }
  evaluator(metrics: Metrics | null): (batch: unknown) => Promise<Record<string, number>> {
    if (metrics) throw new TypeError('fit: a session is evaluated by its eval model, made of the evalLoss of generateArtifacts; leave evaluation.metrics out.');
    return async (batch) => {
      const { loss, aux } = await this.holder.evalStepAsync(batch);
      return { ...scalars(loss), ...(tree.leaves(aux).length ? scalars(aux) : {}) };
    };
  }
  async restore(directory: string): Promise<Restored<unknown>> {
    const restored = await restoreCheckpoint(directory, this.holder);
    this.#made = restored.manifest.step;
    return restored;
  }
}
