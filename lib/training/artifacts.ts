/**
 * Training artifacts: the four files that ONNX Runtime's own training sessions load, made from a loss, parameters and an
 * optimizer, without Python. See `ArtifactsOptions` for what goes in.
 */
import { tree, type Array } from '../jax/index.js';
import { ConcreteArray, expectConcrete, fromBytes, isArray } from '../jax/array.js';
import { toArrayLeaf } from '../jax/autodiff.js';
import { isSymbolic, type Dim } from '../jax/dims.js';
import type { Jaxpr } from '../jax/core.js';
import { traverse } from '../haiku/data-structures.js';
import type { Params, State } from '../haiku/types.js';
import type { GradientTransformation, OptState } from '../optax/index.js';
import { descriptionOf, type Description } from '../optax/describe.js';
import { sha256 } from '../runtime/builtins.js';
import type { DType } from '../runtime/dtypes.js';
import { decodeAt, encode } from '../runtime/elements.js';
import { ShapeError, TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import type { CheckpointContents, NamedTensor } from './checkpoint-file.js';
import { GradualUnfreezing } from './gradual.js';
import { checkSpecification, type Loss, type Split } from './specification.js';
import { select, type Trainable } from './trainable.js';
import { toProperties, type Manifest, type PortRecord } from './artifacts/manifest.js';
import { changed, evaluationModel, optimizerModel, storedType, trainingModel, type ClassicOptimizer } from './artifacts/models.js';
import { NameBook, labelled, pathName, plainTree } from './artifacts/names.js';
import { batchAvals, toHalves, traceEvaluation, traceTraining, type BatchInput, type Role, type Slot, type Source, type Style } from './artifacts/trace.js';
import { FILES, writeArtifacts } from './artifacts/write.js';

export type { Style } from './artifacts/trace.js';

/** What artifacts are made of. */
export interface ArtifactsOptions {
  /** `loss(params, batch, { state, rng })`, as for `trainStep`. */
  loss: Loss;
  /** The loss of the eval model, where it is another one (without dropout, with averages instead of batch statistics). */
  evalLoss?: Loss;
  params: Params;
  /** Which parameters train, as for `trainStep`; all of them where left out. A mask of single elements is written into the training model. */
  trainable?: Trainable;
  /** As for `trainStep`. */
  freezeState?: boolean;
  /** The model's state, such as moving averages. Every training step writes it, no evaluation does. */
  state?: State;
  optimizer: GradientTransformation;
  /** A batch whose shapes and dtypes are an example. Inputs are named by its paths: `[x, y]` has `x0` and `x1`. */
  batch: unknown;
  /**
   * `classic`: the engine accumulates gradients, and its SGD or AdamW updates; the default for `optax.sgd`, `adam` and
   * `adamw` with plain numbers. `in-graph`: the training model updates everything itself; for every other optimizer. (The
   * engine then still keeps a gradient buffer, unused, for each parameter that trains.) `new optax.MultiSteps(optimizer, k)`
   * of those three may be either: in-graph, where a step is one batch, or classic, where `optimizerStep` follows on k batches,
   * as `fit` does.
   */
  style?: Style;
  /** Further values of the eval model, for predictions and export: `(params, batch, { state, rng }) => tree`. */
  outputs?: (params: any, batch: any, context: { state: State; rng: Array | null }) => unknown;
  /** A key: then the loss gets `foldIn(rng, step)` in training, and the key itself in the eval model. */
  rng?: Array | null;
  /**
   * The name of the batch dimension, which is left open. Where this is left out it is open (as `batch`) if the loss can be
   * traced so, and else fixed to the example's: a loss that divides by `x.shape[0]` needs a number. Null fixes it.
   */
  batchDim?: string | null;
}
const OPTIONS = ['loss', 'evalLoss', 'params', 'trainable', 'state', 'optimizer', 'batch', 'style', 'outputs', 'rng', 'batchDim', 'freezeState'] as const;

/** What was written. */
export interface Artifacts {
  readonly style: Style;
  readonly trainable: readonly string[];
  readonly frozen: readonly string[];
  readonly inputs: readonly PortRecord[];
  /** Of the training model and of the eval model. */
  readonly outputs: readonly PortRecord[];
  readonly evalOutputs: readonly PortRecord[];
  /** Where the batch size is fixed although nobody asked for that: why it could not stay open. */
  readonly fixedBecause?: string;
}

/**
 * Writes `training_model.onnx`, `eval_model.onnx`, `optimizer_model.onnx` (classic style only) and `checkpoint`, which
 * ONNX Runtime's training API and `TrainingSession` load. Parameters that do not train cost nothing: no gradient of them is
 * in the graph, no optimizer state, and they stand in the engine's own list of frozen parameters.
 *
 * In-graph steps keep integers that change (counters) as float32, exact up to 2^24.
 *
 * @example
 * generateArtifacts({ loss, params, optimizer: optax.adamw(1e-3), trainable: 'head', batch: [x, y] }, 'run');
 * using session = TrainingSession.load('run');
 *
 * @param directory made where missing; files of an earlier run are replaced together, or not at all
 * @throws ValueError where nothing trains or names clash, TypeError for dtypes that the engine cannot train
 */
export function generateArtifacts(options: ArtifactsOptions, directory: string): Artifacts {
  checkOptions('generateArtifacts', options, OPTIONS);
  checkSpecification('generateArtifacts', options);
  if (options.batch === undefined || options.batch === null) throw new TypeError('generateArtifacts: batch must be an example of a batch, whose shapes and dtypes the model takes over.');
  if (typeof directory !== 'string' || directory === '') throw new TypeError('generateArtifacts: the second argument is the folder to write to.');
  const names = new NameBook();
  const description = descriptionOf(options.optimizer);
  if (options.trainable as unknown instanceof GradualUnfreezing) throw new ValueError('generateArtifacts: artifacts train the same parameters from their first step to the last; generate some for each phase of a schedule, or train with trainStep.');
  const split = select(options.trainable, options.params);
  const style = chooseStyle(options, description, split);
  const optState: OptState = style === 'classic' ? null : options.optimizer.init(split.trainable);
  const slots = makeSlots(options, split, optState, style, description, names);
  const batch = labelled(options.batch).map(({ labels, leaf }) => ({ name: names.claim(pathName('x', labels), 'the batch input'), array: expectConcrete(toArrayLeaf(leaf, 'generateArtifacts: batch'), 'generateArtifacts: batch') }));
  const source = (open: string | null): Source => {
    const avals = batchAvals(batch.map((b) => b.array), open);
    return {
      loss: options.loss, freezeState: options.freezeState ?? false, mask: split.mask, evalLoss: options.evalLoss ?? options.loss, outputs: options.outputs, optimizer: options.optimizer, style, share: accumulated(description)?.share ?? 1,
      ...(style === 'in-graph' && description && { description }),
      slots: slots.map((s) => ({ ...s })), stateDef: tree.structure(options.state ?? {}),
      optDef: tree.structure(optState),
      batchDef: tree.structure(options.batch),
      batch: batch.map((b, i): BatchInput => ({ name: b.name, aval: avals[i] })),
    };
  };
  const { built, fixedBecause } = buildOpen(options.batchDim, (open) => build(source(open), classicForm(description), description, names));
  writeArtifacts(directory, built.models, built.checkpoint);
  const { manifest } = built;
  const withRole = (role: Role) => manifest.tensors.filter((t) => t.role === role).map((t) => t.name);
  return {
    style, trainable: withRole('trainable'), frozen: withRole('frozen'), inputs: manifest.batch.inputs,
    outputs: manifest.train.outputs, evalOutputs: manifest.evaluation.outputs, ...(fixedBecause && { fixedBecause }),
  };
}

/** Open if that can be traced, fixed if not; only an open batch if it was asked for by name. */
function buildOpen<T>(batchDim: string | null | undefined, make: (open: string | null) => T): { built: T; fixedBecause?: string } {
  if (batchDim === null) return { built: make(null) };
  if (batchDim !== undefined && (typeof batchDim !== 'string' || !/^[A-Za-z_]\w*$/.test(batchDim))) throw new ValueError(`generateArtifacts: batchDim must be a name such as 'batch' or null, but got ${String(batchDim)}.`);
  try {
    return { built: make(batchDim ?? 'batch') };
  } catch (open) {
    // If it fails with fixed sizes too, that error is about the loss itself.
    const built = make(null);
    const why = (open as Error).message;
    if (batchDim === undefined) return { built, fixedBecause: why };
    throw open instanceof ShapeError ? open : new ShapeError(`generateArtifacts: the loss cannot be traced with an open batch (${why.replace(/\.$/, '')}); use jnp.mean instead of dividing by a size, or leave batchDim out to fix the size.`);
  }
}

/** What ORT's own optimizers can do, or undefined. */
function classicForm(description: Pick<Description, 'kind' | 'options'> | undefined): ClassicOptimizer | undefined {
  if (!description) return undefined;
  const { kind, options } = description;
  if (kind === 'sgd') return options.momentum === undefined || options.momentum === null ? { kind: 'sgd' } : undefined;
  if (kind === 'MultiSteps') return accumulated(description) && classicForm(options['of'] as Description);
  if (kind !== 'adam' && kind !== 'adamw') return undefined;
  const { b1 = 0.9, b2 = 0.999, eps = 1e-8, epsRoot = 0, muDtype, nesterov = false, mask, weightDecay = kind === 'adamw' ? 1e-4 : 0 } = options;
  if (epsRoot !== 0 || nesterov || (muDtype ?? 'float32') !== 'float32' || (mask ?? null) !== null) return undefined;
  if ([b1, b2, eps, weightDecay].some((x) => typeof x !== 'number')) return undefined;
  return { kind: 'adamw', b1: b1 as number, b2: b2 as number, eps: eps as number, weightDecay: weightDecay as number };
}

/** How many gradients the engine's buffers gather for a step, and which share of it each is; undefined where they cannot. */
function accumulated(description: Pick<Description, 'kind' | 'options'> | undefined): { every: number; share: number } | undefined {
  if (description?.kind !== 'MultiSteps') return { every: 1, share: 1 };
  const { everyKSchedule: every, useGradMean, shouldSkipUpdateFn, accumulatorDtype } = description.options as any;
  if (!Number.isInteger(every) || every < 1 || shouldSkipUpdateFn !== null || (accumulatorDtype ?? 'float32') !== 'float32') return undefined;
  return { every, share: useGradMean ? 1 / every : 1 };
}

function chooseStyle({ style }: ArtifactsOptions, description: Description | undefined, { mask }: Split): Style {
  if (style !== undefined && style !== 'classic' && style !== 'in-graph') throw new ValueError(`generateArtifacts: style must be 'classic' or 'in-graph', but got '${String(style)}'.`);
  const classic = classicForm(description) !== undefined && mask === null;
  if (style === 'classic' && mask) throw new ValueError("generateArtifacts: in classic style the engine's own optimizer updates whole parameters, but trainable has a mask of single elements; leave style out, or ask for 'in-graph'.");
  if (style === 'classic' && !classic) throw new ValueError("generateArtifacts: in classic style the engine's own optimizer updates, which is optax.sgd without momentum or optax.adam or adamw with numbers, or optax.MultiSteps of one with a number; leave style out, or ask for 'in-graph'.");
  return style ?? (classic && description!.kind !== 'MultiSteps' ? 'classic' : 'in-graph');
}

/** All tensors of the checkpoint, in the order of the graphs' inputs. */
function makeSlots({ params, state, rng }: ArtifactsOptions, { trainable: chosen }: Split, optState: OptState, style: Style, description: Description | undefined, names: NameBook): Slot[] {
  const slots: Slot[] = [];
  const add = (role: Role, what: string, name: string, path: readonly string[], array: ConcreteArray) => {
    const halves = role === 'optimizer' && array.dtype === 'uint32';
    slots.push({ name: names.claim(name, what), role, path, array: halves ? expectConcrete(toHalves(array), name) : array, ...(halves && { halves }) });
  };
  for (const [module, name, value] of traverse(params)) {
    if (!isArray(value)) throw new TypeError(`generateArtifacts: the parameter '${module}', '${name}' must be an array, but is ${typeof value}.`);
    const trains = Object.hasOwn(chosen, module) && Object.hasOwn(chosen[module], name);
    if (trains && value.dtype !== 'float32') throw new TypeError(`generateArtifacts: the parameter '${module}/${name}' is ${value.dtype}, but the engine trains float32 only; convert it, or do not train it.`);
    add(trains ? 'trainable' : 'frozen', 'the parameter', `${module}/${name}`, [module, name], expectConcrete(value, 'generateArtifacts: params'));
  }
  const addTree = (role: Role, x: unknown, what: string) => labelled(x).forEach(({ labels, leaf }) => {
    add(role, what, [role, ...labels].join('/'), labels, expectConcrete(toArrayLeaf(leaf, `generateArtifacts: ${what}`), `generateArtifacts: ${what}`));
  });
  addTree('state', state ?? {}, 'the state');
  if (style === 'in-graph') {
    addTree('optimizer', optState, 'the optimizer state');
    if (description) add('learningRate', 'the learning rate', 'optimizer/learning_rate', [], fromBytes('float32', [], new Float32Array([description.learningRate])));
  }
  if (rng) {
    add('rng', 'the key', 'rng/key', [], expectConcrete(rng, 'generateArtifacts: rng'));
    add('step', 'the step', 'rng/step', [], fromBytes('int32', [], new Int32Array(1)));
  }
  return slots;
}

interface Built { models: Map<string, Uint8Array>; checkpoint: CheckpointContents; manifest: Manifest }

function build(source: Source, classic: ClassicOptimizer | undefined, description: Description | undefined, names: NameBook): Built {
  const { slots, style } = source;
  const training = traceTraining(source);
  const writes = new Set(changed(source, training).map((w) => w.slot));
  // An optimizer that makes a parameter's update zero freezes it, however the user said so.
  if (style === 'in-graph') slots.forEach((s, i) => { if (s.role === 'trainable' && !writes.has(i)) s.role = 'frozen'; });
  if (!slots.some((s) => s.role === 'trainable')) throw new ValueError('generateArtifacts: the optimizer changes none of the parameters, so there is nothing to train.');
  const evaluation = traceEvaluation(source);
  const stored = slots.map((s, i) => storedType(s.array.dtype, writes.has(i), s.name));

  const auxNames = outputNames('aux', training.auxTree);
  const evalNames = [...outputNames('aux', evaluation.auxTree), ...outputNames('out', evaluation.outputsTree)];
  for (const outputs of [auxNames, evalNames]) checkOutputs(names, ['loss', ...outputs]);
  const models = new Map([
    [FILES.train as string, trainingModel(source, training, stored, auxNames)],
    [FILES.eval, evaluationModel(source, evaluation, stored, ['loss', ...evalNames])],
  ]);
  if (style === 'classic') models.set(FILES.optimizer, optimizerModel(classic!));

  const manifest: Manifest = {
    style,
    optimizer: { kind: description?.kind ?? 'custom', options: description?.options ?? {}, ...(style === 'classic' && { accumulate: accumulated(description)!.every }) },
    learningRate: description ? Math.fround(description.learningRate) : null,
    tensors: slots.map((s) => ({ name: s.name, role: s.role, path: s.path, dtype: s.array.dtype, shape: s.array.shape, ...(s.halves && { halves: true as const }) })),
    state: plainTree(source.stateDef, 'the state'),
    batch: { tree: plainTree(source.batchDef, 'the batch'), inputs: source.batch.map((b) => port(b.name, b.aval)) },
    train: { aux: plainTree(training.aux, 'aux'), outputs: ports(training.closed.jaxpr, ['loss', ...auxNames]) },
    evaluation: { aux: plainTree(evaluation.aux, 'aux'), values: plainTree(evaluation.outputs, 'outputs'), outputs: ports(evaluation.closed.jaxpr, ['loss', ...evalNames]) },
    models: Object.fromEntries([...models].map(([name, bytes]) => [name, sha256(bytes).toString('hex')])),
  };
  const tensors = slots.map((s, i): NamedTensor => ({ name: s.name, dtype: stored[i], shape: s.array.shape, data: bytesAs(s.array, stored[i]) }));
  const trains = (i: number): boolean => slots[i].role === 'trainable';
  return {
    models, manifest,
    checkpoint: {
      requiresGrad: tensors.filter((_, i) => trains(i)), frozen: tensors.filter((_, i) => !trains(i)),
      optimizerGroups: [], properties: toProperties(manifest),
    },
  };
}

const outputNames = (prefix: string, x: unknown): string[] => labelled(x).map(({ labels }) => pathName(prefix, labels));

function checkOutputs(names: NameBook, outputs: readonly string[]): void {
  const book = names.copy();
  for (const name of outputs) book.claim(name, 'the output');
}

const port = (name: string, { dtype, shape }: { dtype: DType; shape: readonly Dim[] }): PortRecord => ({ name, dtype, shape: shape.map((d) => (isSymbolic(d) ? String(d) : d)) });
const ports = ({ outputs }: Jaxpr, names: readonly string[]): PortRecord[] => names.map((name, i) => port(name, outputs[i].aval));

/** The elements as the checkpoint stores them. */
export function bytesAs(x: ConcreteArray, dtype: DType): Uint8Array {
  const { data } = x;
  if (dtype === x.dtype) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return new Uint8Array(encode(dtype, globalThis.Array.from({ length: data.length }, (_, i) => decodeAt(x.dtype, data, i))));
}
