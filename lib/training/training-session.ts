/** Training with ONNX Runtime's own training API, over artifacts that `generateArtifacts` or ORT's own tools wrote. */
import { dirname } from 'node:path';
import { tree, type Array } from '../jax/index.js';
import { ConcreteArray, aval, expectConcrete, formatAval, isArray } from '../jax/array.js';
import { traverse } from '../haiku/data-structures.js';
import type { MutableParams, Params, State } from '../haiku/types.js';
import type { NativeCheckpoint, NativeTrainingSession } from '../runtime/addon.js';
import { decodeAt, encode, TYPED_ARRAYS } from '../runtime/elements.js';
import { GET_TRAINING, engine as loadEngine } from '../runtime/engines.js';
import { DisposedError, EngineNotFoundError, ShapeError, TypeError, ValueError } from '../runtime/errors.js';
import { makeFolder } from '../runtime/folders.js';
import { channels, tracePromise, traceSync, type StepTrace } from '../runtime/channels.js';
import { checkOptions } from '../runtime/options.js';
import { bytesAs } from './artifacts.js';
import { checkSameModel, openFolder, readFacts, type CheckpointFacts, type Folder } from './artifacts/load.js';
import { RATE_PROPERTY, shortest, type Manifest } from './artifacts/manifest.js';
import { BatchReader, ResultReader, numbered } from './artifacts/ports.js';
import type { Style } from './artifacts/trace.js';
import { aside } from './artifacts/write.js';

type Tensor = CheckpointFacts['tensors'][number];

/** What a training step gives: for artifacts that others made, `aux` holds the other outputs by name. */
export interface SessionStepResult<Aux = any> { readonly loss: Array; readonly aux: Aux }
/** What an evaluation gives; `outputs` is the tree of the `outputs` that artifacts were generated with. */
export interface SessionEvalResult<Aux = any, Outputs = any> extends SessionStepResult<Aux> { readonly outputs: Outputs }

export interface TrainingSessionOptions {
  /** Only `onnxruntime-training`, the default, can do this. */
  engine?: 'onnxruntime-training';
  device?: 'cpu' | 'cuda';
}

interface Evaluation { readonly batch: BatchReader; readonly result: ResultReader<SessionEvalResult> }

/** One loaded checkpoint with the session that trains it. */
interface Live {
  readonly checkpoint: NativeCheckpoint;
  readonly native: NativeTrainingSession;
  readonly facts: CheckpointFacts;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/**
 * A training session. Parameters, gradients and optimizer state stay in the engine between steps.
 *
 * In classic style a step is `trainStep`, `optimizerStep`, `lazyResetGrad` (several `trainStep`s before an `optimizerStep`
 * accumulate gradients); in in-graph style `trainStep` is all of it.
 *
 * @example
 * using session = TrainingSession.load('run');
 * for (const batch of batches) {
 *   const { loss } = session.trainStep(batch);
 *   session.optimizerStep();
 *   session.lazyResetGrad();
 * }
 * const params = session.params();
 */
export class TrainingSession {
  /** How the artifacts train. */
  readonly style: Style;
  #live: Live | null;
  readonly #folder: Folder;
  readonly device: 'cpu' | 'cuda';
  #rate: number | null;
  readonly #train: { readonly batch: BatchReader; readonly result: ResultReader<SessionStepResult> };
  readonly #eval: Evaluation | null;

  /**
   * Opens a folder of training artifacts.
   * @throws FileFormatError where a file is missing, damaged, or of another model than its checkpoint
   * @throws EngineNotFoundError where the training engine is not installed, or another one is asked for
   */
  static load(directory: string, options?: TrainingSessionOptions): TrainingSession {
    const { engine = 'onnxruntime-training', device = 'cpu' } = checkOptions('TrainingSession.load', options, ['engine', 'device']);
    if (engine !== 'onnxruntime-training') {
      throw new EngineNotFoundError(`TrainingSession.load: the engine '${String(engine)}' cannot train from artifacts; only 'onnxruntime-training' can: ${GET_TRAINING}, or train with trainStep, which runs on every engine.`);
    }
    if (device !== 'cpu' && device !== 'cuda') throw new ValueError(`TrainingSession.load: device must be 'cpu' or 'cuda', but got '${String(device)}'.`);
    const { folder, facts, checkpoint } = openFolder(directory);
    return new TrainingSession(folder, device, facts, checkpoint);
  }

  private constructor(folder: Folder, device: 'cpu' | 'cuda', facts: CheckpointFacts, checkpoint: string) {
    this.#folder = folder;
    this.device = device;
    const { manifest, ports } = folder;
    this.style = manifest?.style ?? (folder.models.optimizer ? 'classic' : 'in-graph');
    this.#live = this.#open(checkpoint, facts);
    this.#rate = this.#restoreRate();
    const { native } = this.#live;
    this.#train = {
      batch: new BatchReader('trainStep', native.trainInputs, ports.train, manifest?.batch),
      result: new ResultReader(native.trainOutputs, ports.train, stepResult(manifest, native.trainOutputs)),
    };
    this.#eval = ports.eval ? {
      batch: new BatchReader('evalStep', native.evalInputs, ports.eval, manifest?.batch),
      result: new ResultReader(native.evalOutputs, ports.eval, evalResult(manifest, native.evalOutputs)),
    } : null;
  }

  #open(path: string, facts: CheckpointFacts): Live {
    const engine = loadEngine('onnxruntime-training');
    const checkpoint = engine.loadCheckpoint(path);
    try {
      const native = engine.createTrainingSession(checkpoint, this.#folder.models, this.device === 'cuda' ? { device: 'cuda' } : {});
      return { checkpoint, native, facts, tensors: new Map(facts.tensors.map((t) => [t.name, t])) };
    } catch (error) {
      checkpoint.dispose();
      throw error;
    }
  }

  /** The engine forgets the rate; here it comes back. */
  #restoreRate(): number | null {
    const { native, checkpoint, facts } = this.#session();
    const slot = rateSlot(facts);
    if (slot) return shortest(floats(checkpoint, slot)[0]);
    if (!this.#folder.models.optimizer) return null;
    if (facts.learningRate !== undefined) native.learningRate = facts.learningRate;
    return shortest(native.learningRate);
  }

  #session(): Live {
    if (!this.#live) throw new DisposedError('This training session was disposed of: load the artifacts again.');
    return this.#live;
  }

  #evaluation(): Evaluation {
    if (!this.#eval) throw new ValueError('evalStep: these artifacts have no eval model; generate them with one.');
    return this.#eval;
  }

  // ---- steps ----

  readonly #trace = (): StepTrace => ({ kind: 'session', engine: 'onnxruntime-training', device: this.device });

  /**
   * Runs the training model on a batch shaped like the one that the artifacts were generated with; for artifacts that others
   * made, a batch is the list of inputs in the model's order.
   */
  trainStep(batch: unknown): SessionStepResult {
    const { native } = this.#session();
    const inputs = this.#train.batch.read(batch);
    return this.#train.result.read(traceSync(channels.step, this.#trace, () => native.trainStep(inputs, this.#train.result.allocate())));
  }

  /** As `trainStep`, on the engine's own thread. A step in flight ends even if the session is disposed of meanwhile. */
  async trainStepAsync(batch: unknown): Promise<SessionStepResult> {
    const { native } = this.#session();
    const inputs = this.#train.batch.read(batch);
    return this.#train.result.read(await tracePromise(channels.step, this.#trace, () => native.trainStepAsync(inputs, this.#train.result.allocate())));
  }

  /** Runs the eval model; nothing changes. */
  evalStep(batch: unknown): SessionEvalResult {
    const { native } = this.#session();
    const { batch: reader, result } = this.#evaluation();
    return result.read(native.evalStep(reader.read(batch), result.allocate()));
  }

  /** As `evalStep`, on the engine's own thread. */
  async evalStepAsync(batch: unknown): Promise<SessionEvalResult> {
    const { native } = this.#session();
    const { batch: reader, result } = this.#evaluation();
    return result.read(await native.evalStepAsync(reader.read(batch), result.allocate()));
  }

  /** Says that the next `trainStep` begins new gradients instead of adding to the old ones. Nothing to do in in-graph style. */
  lazyResetGrad(): void { this.#session().native.lazyResetGrad(); }

  /** Updates the parameters with the gradients accumulated so far (classic style). */
  optimizerStep(): void {
    const { native } = this.#session();
    this.#requireOptimizer();
    native.optimizerStep();
  }

  /** As `optimizerStep`, on the engine's own thread. */
  async optimizerStepAsync(): Promise<void> {
    const { native } = this.#session();
    this.#requireOptimizer();
    await native.optimizerStepAsync();
  }

  #requireOptimizer(): void {
    if (!this.#folder.models.optimizer) throw new ValueError('optimizerStep: in in-graph style trainStep updates the parameters itself; leave optimizerStep out, or generate the artifacts in classic style.');
  }

  /** The learning rate, where it is a plain number; it is kept in checkpoints. */
  get learningRate(): number {
    this.#session();
    if (this.#rate === null) throw noRate();
    return this.#rate;
  }
  set learningRate(rate: number) {
    const { native, checkpoint, facts } = this.#session();
    if (typeof rate !== 'number' || !Number.isFinite(rate)) throw new ValueError(`learningRate must be a finite number, but got ${String(rate)}.`);
    if (this.#rate === null) throw noRate();
    const slot = rateSlot(facts);
    if (slot) checkpoint.updateParameter(slot.name, { dtype: 'float32', shape: [], data: new Float32Array([rate]).buffer });
    else native.learningRate = rate;
    checkpoint.addProperty(RATE_PROPERTY, rate);
    this.#rate = rate;
  }

  // ---- values ----

  /** All parameters, trained and frozen, as Haiku's map. Copies. */
  params(): MutableParams {
    const out: MutableParams = {};
    for (const t of this.#session().facts.tensors) {
      if (t.role === 'trainable' || t.role === 'frozen') set(out, t.path[0], t.path[1], this.#value(t));
    }
    return out;
  }

  /** The model's state, such as moving averages. Copies. */
  state(): State {
    const { facts } = this.#session();
    if (!facts.manifest) return {};
    const values = facts.tensors.filter((t) => t.role === 'state').map((t) => this.#value(t));
    return numbered(facts.manifest.state, 0)(values) as State;
  }

  #value({ name, dtype, stored, shape }: Tensor): Array {
    const { checkpoint, facts } = this.#session();
    const data = stored === 'float32' ? checkpoint.getParameter(name).data as ArrayBuffer : facts.fixed.get(name)!.slice().buffer;
    if (stored === dtype) return new ConcreteArray(aval(shape, dtype), data);
    const source = new TYPED_ARRAYS[stored](data);
    return new ConcreteArray(aval(shape, dtype), encode(dtype, globalThis.Array.from({ length: source.length }, (_, i) => decodeAt(stored, source, i))));
  }

  /**
   * Replaces one parameter.
   * @param options `allowFrozen` (false): frozen parameters are protected unless this is true
   */
  setParameter(module: string, name: string, value: Array, options?: { allowFrozen?: boolean }): void {
    this.update({ [module]: { [name]: value } }, options);
  }

  /** Replaces the parameters given, all of them or, on an error, none. Options as for `setParameter`. */
  update(params: Params, options?: { allowFrozen?: boolean }): void {
    const { allowFrozen = false } = checkOptions('update', options, ['allowFrozen']);
    const { checkpoint, facts } = this.#session();
    const writes = [...traverse(params)].map(([module, name, value]) => {
      const t = facts.tensors.find((one) => (one.role === 'trainable' || one.role === 'frozen') && one.path[0] === module && one.path[1] === name);
      const shown = `'${module}', '${name}'`;
      if (!t) throw new ValueError(`There is no parameter ${shown} in these artifacts.`);
      if (t.role === 'frozen' && !allowFrozen) throw new ValueError(`The parameter ${shown} is frozen; to change it all the same, pass { allowFrozen: true }.`);
      if (!isArray(value)) throw new TypeError(`The parameter ${shown} must be an array, but got ${typeof value}.`);
      if (value.dtype !== t.dtype) throw new TypeError(`The parameter ${shown} is ${formatAval(t)}, but got ${formatAval(value)}; convert it with astype('${t.dtype}').`);
      if (value.shape.join() !== t.shape.join()) throw new ShapeError(`The parameter ${shown} is ${formatAval(t)}, but got ${formatAval(value)}.`);
      return { t, bytes: bytesAs(expectConcrete(value, `The parameter ${shown}`), t.stored) };
    });
    for (const { t, bytes } of writes) {
      checkpoint.updateParameter(t.name, { dtype: t.stored, shape: t.shape, data: bytes.slice().buffer });
      if (t.stored !== 'float32') facts.fixed.set(t.name, bytes);
    }
  }

  /** How many gradients a step of the optimizer takes: what the artifacts were made for (classic style), else 1. `fit` follows it. */
  get accumulate(): number { return this.#folder.manifest?.optimizer.accumulate ?? 1; }

  /** `module/name` of the parameters that train, sorted. */
  get trainable(): string[] { return this.#session().facts.tensors.filter((t) => t.role === 'trainable').map((t) => t.path.join('/')).sort(); }

  /** How many elements the parameters have. */
  parametersSize(options?: { trainableOnly?: boolean }): number {
    const { trainableOnly = false } = checkOptions('parametersSize', options, ['trainableOnly']);
    const { native, facts } = this.#session();
    // The engine counts state and optimizer state too; where hokku wrote the files it knows which is which.
    if (!facts.manifest) return native.parametersSize(trainableOnly);
    return facts.tensors.filter((t) => t.role === 'trainable' || (t.role === 'frozen' && !trainableOnly)).reduce((n, t) => n + t.shape.reduce((a, b) => a * b, 1), 0);
  }

  // ---- files ----

  /**
   * Writes parameters, state, optimizer state and learning rate to a file. Gradients accumulated since the last
   * `optimizerStep` are not part of it.
   */
  saveCheckpoint(path: string): void {
    const { checkpoint } = this.#session();
    makeFolder(dirname(path));
    using file = aside(path, (temporary) => checkpoint.save(temporary, true));
    file.commit();
  }

  /**
   * Continues from a checkpoint of the same artifacts.
   * @throws FileFormatError where the file is damaged or belongs to another model; the session goes on as it was
   */
  loadCheckpoint(path: string): void {
    const before = this.#session();
    const facts = readFacts(path);
    checkSameModel(path, facts, before.facts);
    this.#live = this.#open(path, facts);
    this.#rate = this.#restoreRate();
    before.native.dispose();
    before.checkpoint.dispose();
  }

  /**
   * Writes the eval model with the present parameters in it, as a model for inference.
   * @param outputs names of its outputs; all of them but the loss where left out, or the loss if that is all there is
   */
  exportForInference(path: string, outputs?: readonly string[]): void {
    const { native } = this.#session();
    this.#evaluation();
    const known = native.evalOutputs;
    const names = outputs ?? (known.length > 1 ? known.filter((n) => n !== this.#lossName()) : known);
    const unknown = this.#folder.manifest && names.find((n) => !known.includes(n));
    if (unknown !== undefined) throw new ValueError(`exportForInference: the eval model has no output '${unknown}'; its outputs are ${known.join(', ')}.`);
    if (names.length === 0) throw new ValueError('exportForInference: name at least one output.');
    makeFolder(dirname(path));
    using file = aside(path, (temporary) => native.exportModelForInferencing(temporary, [...names]));
    file.commit();
  }

  #lossName(): string { return this.#folder.manifest ? 'loss' : this.#session().native.evalOutputs[0]; }

  /** Whether `dispose` was called. */
  get disposed(): boolean { return this.#live === null; }

  /** Frees the engine's memory. A step in flight ends first. Safe to call twice. */
  dispose(): void {
    const live = this.#live;
    this.#live = null;
    live?.native.dispose();
    live?.checkpoint.dispose();
  }
  [Symbol.dispose](): void { this.dispose(); }
}

const rateSlot = (facts: CheckpointFacts): Tensor | undefined => facts.tensors.find((t) => t.role === 'learningRate');
const noRate = (): ValueError => new ValueError('These artifacts have no learning rate of their own: the optimizer computes it in the graph, or takes it as an input.');
const floats = (checkpoint: NativeCheckpoint, t: Tensor): Float32Array => new Float32Array(checkpoint.getParameter(t.name).data as ArrayBuffer);

function set(out: MutableParams, module: string, name: string, value: Array): void {
  if (!Object.hasOwn(out, module)) out[module] = {};
  out[module][name] = value;
}

const byName = (names: readonly string[]) => (arrays: readonly ConcreteArray[]): SessionEvalResult =>
  ({ loss: arrays[0], aux: Object.fromEntries(names.slice(1).map((name, i) => [name, arrays[i + 1]])), outputs: null });

function stepResult(manifest: Manifest | undefined, names: readonly string[]): (arrays: readonly ConcreteArray[]) => SessionStepResult {
  if (!manifest) return byName(names);
  const aux = numbered(manifest.train.aux, 1);
  return (arrays) => ({ loss: arrays[0], aux: aux(arrays) });
}

function evalResult(manifest: Manifest | undefined, names: readonly string[]): (arrays: readonly ConcreteArray[]) => SessionEvalResult {
  if (!manifest) return byName(names);
  const aux = numbered(manifest.evaluation.aux, 1);
  const outputs = numbered(manifest.evaluation.values, 1 + tree.structure(manifest.evaluation.aux).size);
  return (arrays) => ({ loss: arrays[0], aux: aux(arrays), outputs: outputs(arrays) });
}
