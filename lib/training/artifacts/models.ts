/**
 * The three models of artifacts as ONNX files, from traced programs. Standard operators and ORT's own only, so that any
 * ONNX Runtime with training runs them.
 */
import type { Aval } from '../../jax/array.js';
import { Literal, type Atom, type ClosedJaxpr, type Jaxpr } from '../../jax/core.js';
import { Graph } from '../../lowering/graph.js';
import { roundingKernels } from '../../lowering/kernels.js';
import { lowerProgram } from '../../lowering/lower.js';
import { serialize } from '../../lowering/model.js';
import type { DType } from '../../runtime/dtypes.js';
import { TypeError } from '../../runtime/errors.js';
import { RESET, accumulatedName, bufferName } from './names.js';
import type { EvalProgram, Source, TrainProgram } from './trace.js';

const MICROSOFT = 'com.microsoft';

/** How a slot lies in the checkpoint: what is written in place must be float32, and halves cannot be stored at all. */
export function storedType(dtype: DType, written: boolean, name: string): DType {
  if (dtype === 'float16' || dtype === 'bfloat16') return 'float32';
  if (!written) return dtype;
  if (dtype === 'int64' || dtype === 'uint64' || dtype === 'uint32' || dtype === 'float64') {
    throw new TypeError(`generateArtifacts: '${name}' is ${dtype} and changes in every step, but the engine can only write float32 in place; keep it as float32 or as a smaller integer.`);
  }
  return 'float32';
}

/** A model under construction: its inputs declared, its program lowered. */
class ModelBuilder {
  readonly graph = new Graph(false, false, roundingKernels());
  readonly slotNames: string[];

  constructor(readonly source: Source, readonly stored: readonly DType[], readonly closed: ClosedJaxpr) {
    for (const { name, aval } of source.batch) this.graph.input(name, aval.dtype, aval.shape);
    this.slotNames = source.slots.map((s, i) => this.graph.input(s.name, stored[i], s.array.shape));
  }

  /** Names of the program's outputs. Inputs stored in another type are converted where they are read. */
  lower(outputs: readonly Atom[]): readonly string[] {
    const { graph, source, stored, closed: { jaxpr, consts } } = this;
    const used = new Set<Atom>([...jaxpr.equations.flatMap((e) => e.inputs), ...outputs]);
    const constants = consts.map((x) => { const { buffer, byteOffset, byteLength } = x.data; return graph.constantBytes(x.dtype, x.shape, new Uint8Array(buffer, byteOffset, byteLength)); });
    const slots = source.slots.map((s, i) => (stored[i] === s.array.dtype || !used.has(jaxpr.inputs[consts.length + i]) ? s.name : graph.cast(s.name, s.array.dtype)));
    const inner: Jaxpr = { ...jaxpr, outputs };
    return lowerProgram(graph, inner, [...constants, ...slots, ...source.batch.map((b) => b.name)]).outputs as string[];
  }

  /** Gives a value the name of an output. */
  output(value: string, name: string, { dtype, shape }: Aval): string {
    this.graph.nodeWithOutputs('Identity', [value], [name]);
    this.graph.output(name, dtype, shape);
    return name;
  }
}

/** Operators that pass memory on, or that the engine removes where they do nothing. */
const MOVES = new Set(['broadcast_to', 'slice', 'concatenate', 'pad', 'rev', 'convert_element_type']);
const ARITHMETIC = new Set(['add', 'sub', 'mul', 'div', 'pow']);

/** Values that may lie in the memory of an input. */
function aliases({ jaxpr, consts }: ClosedJaxpr): Set<Atom> {
  const found = new Set<Atom>(jaxpr.inputs);
  const constants = new Set<Atom>(jaxpr.inputs.slice(0, consts.length));
  // x + 0 and x * 1 are removed by the engine.
  const isConstant = (a: Atom): boolean => a instanceof Literal || constants.has(a);
  for (const { primitive, inputs, outputs } of jaxpr.equations) {
    const passes = primitive.view || MOVES.has(primitive.name) || (ARITHMETIC.has(primitive.name) && inputs.some(isConstant));
    if (passes && inputs.some((a) => found.has(a))) outputs.forEach((v) => found.add(v));
  }
  return found;
}

/** Slots that a step really changes: where a new value is the old one, nothing is written. */
export function changed(source: Source, { closed: { jaxpr, consts }, updates }: TrainProgram): { slot: number; output: number }[] {
  return updates.filter(({ slot, output }) => jaxpr.outputs[output] !== jaxpr.inputs[consts.length + slot]);
}

/**
 * The training model. Gradients go into the engine's buffers; everything else that changes is written into the memory of
 * its own input. ONNX Runtime does not run nodes in file order, so every writer waits for a barrier: a node that depends on
 * all outputs, all gradients and all new values, and so on everything that reads the old ones.
 */
export function trainingModel(source: Source, program: TrainProgram, stored: readonly DType[], auxNames: readonly string[]): Uint8Array {
  const { closed } = program;
  const { outputs } = closed.jaxpr;
  const builder = new ModelBuilder(source, stored, closed);
  const { graph } = builder;
  const trainable = source.slots.flatMap((s, i) => (s.role === 'trainable' ? [i] : []));
  for (const i of trainable) graph.input(bufferName(source.slots[i].name), 'float32', source.slots[i].array.shape);
  graph.input(RESET, 'bool', [1]);

  const writes = changed(source, program);
  const wanted = [...new Set([...['loss', ...auxNames].keys(), ...program.gradients.map((g) => g.output), ...writes.map((w) => w.output)])];
  const lowered = builder.lower(wanted.map((k) => outputs[k]));
  const value = (k: number): string => lowered[wanted.indexOf(k)];

  const before = ['loss', ...auxNames].map((name, k) => builder.output(value(k), name, outputs[k].aval));
  for (const { slot, output } of program.gradients) {
    const { name } = source.slots[slot];
    const accumulated = accumulatedName(name);
    graph.nodeWithOutputs('InPlaceAccumulatorV2', [bufferName(name), value(output), RESET], [accumulated], {}, MICROSOFT);
    graph.output(accumulated, 'bool', [1]);
    before.push(accumulated);
  }
  const shared = aliases(closed);
  const news = writes.map(({ slot, output }) => {
    const atom = outputs[output];
    let name = value(output);
    if (source.slots[slot].array.dtype !== 'float32') name = graph.cast(name, 'float32');
    // A value in another input's memory may be overwritten before it is read: Max of one operand copies, and stays.
    if (!(atom instanceof Literal) && shared.has(atom)) name = graph.node('Max', [name]);
    return { slot, name };
  });
  if (news.length > 0) {
    const barrier = graph.node('Group', [...before, ...news.map((n) => n.name)], {}, MICROSOFT);
    graph.declare(barrier, 'bool', [1]);
    for (const { slot, name } of news) graph.node('InPlaceAccumulatorV2', [source.slots[slot].name, name, barrier], {}, MICROSOFT);
  }
  return serialize(graph, 'training');
}

/** The eval model: it declares every tensor in the training model's order, because the engine feeds them by position. */
export function evaluationModel(source: Source, { closed }: EvalProgram, stored: readonly DType[], names: readonly string[]): Uint8Array {
  const builder = new ModelBuilder(source, stored, closed);
  const lowered = builder.lower(closed.jaxpr.outputs);
  names.forEach((name, k) => builder.output(lowered[k], name, closed.jaxpr.outputs[k].aval));
  return serialize(builder.graph, 'evaluation');
}

/** What ORT's own optimizer operators do. */
export type ClassicOptimizer =
  | { readonly kind: 'sgd' }
  | { readonly kind: 'adamw'; readonly b1: number; readonly b2: number; readonly eps: number; readonly weightDecay: number };

/** The optimizer model of classic artifacts: one node over all trainable parameters. */
export function optimizerModel(optimizer: ClassicOptimizer): Uint8Array {
  const graph = new Graph(false);
  const rate = graph.input('learning_rate', 'float32', [1]);
  graph.input('step', 'int64', [1]);
  const [params, gradients, first] = ['params', 'gradients', 'first_order_moments'].map((name) => graph.sequenceInput(name, 'float32'));
  let updated: string;
  if (optimizer.kind === 'sgd') {
    // The operator's inferred shape is a scalar, its result is not: said explicitly, the engine does not warn.
    updated = graph.node('Reshape', [graph.node('SGDOptimizerV2', [rate, params, gradients], {}, MICROSOFT), graph.ints([1])]);
  } else {
    const second = graph.sequenceInput('second_order_moments', 'float32');
    const { b1, b2, eps, weightDecay } = optimizer;
    // Mode 0 is the order of operations of Optax and PyTorch.
    updated = graph.node('AdamWOptimizer', [rate, 'step', params, gradients, first, second], {
      alpha: { float: b1 }, beta: { float: b2 }, epsilon: { float: eps }, weight_decay: { float: weightDecay }, adam_mode: 0, correct_bias: 1,
    }, MICROSOFT);
  }
  graph.output(updated, 'bool', [1]);
  return serialize(graph, 'optimizer');
}
