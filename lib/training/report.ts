/** What a training step will take, before it is made: what trains, and the memory of it against training everything. */
import { makeJaxpr, tree, type Array } from '../jax/index.js';
import type { NDArray } from '../jax/array.js';
import { splitVjp, toArrayLeaf, traceFlat } from '../jax/autodiff.js';
import { Literal, type Atom } from '../jax/core.js';
import { dims } from '../jax/dims.js';
import { DTYPES, isFloat, type DType } from '../jax/dtypes.js';
import { optimize } from '../jax/passes/index.js';
import { traverse, treeBytes } from '../haiku/data-structures.js';
import { formatBytes, grid } from '../haiku/summary.js';
import { ArraySpec } from '../haiku/text.js';
import type { Params, State } from '../haiku/types.js';
import type { GradientTransformation } from '../optax/index.js';
import { callLoss, join, type Specification, type Split } from './specification.js';
import { marked } from './trainable.js';

export interface TrainingReportOptions {
  /** The model's state. */
  state?: State;
  rng?: Array | null;
  /** Of a schedule of what trains, the step to report on; default 0. */
  step?: number;
}

export interface ParameterReport {
  readonly module: string;
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly size: number;
  readonly bytes: number;
  /** How many of its elements train. */
  readonly trains: number;
}

/** Bytes that training takes beside the parameters that are frozen. */
export interface TrainingBytes {
  /** Of the parameters that train. */
  readonly parameters: number;
  readonly gradients: number;
  /** Groups that a schedule froze again keep theirs. */
  readonly optimizerState: number;
  /** Of the values that the forward pass makes and the backward pass reads. */
  readonly activations: number;
}

/** What trains and what that takes. `String(report)` is a table. */
export interface TrainingReport {
  readonly parameters: readonly ParameterReport[];
  /** With what trains here. */
  readonly chosen: TrainingBytes;
  /** If everything trained. */
  readonly everything: TrainingBytes;
  toString(): string;
}

export function report(specification: Specification, init: GradientTransformation['init'], optimized: Params, split: Split, batch: unknown, { state = {}, rng = null }: TrainingReportOptions): TrainingReport {
  const params = join(split.trainable, split.nonTrainable);
  const [floats, rest] = [true, false].map((wanted) => Object.fromEntries(Object.entries(params).map(([module, bundle]) =>
    [module, Object.fromEntries(Object.entries(bundle).filter(([, x]) => isFloat(x.dtype) === wanted))])));
  const bytes = (optimizerState: number, trainable: Params, nonTrainable: Params): TrainingBytes => ({
    parameters: treeBytes(trainable),
    gradients: treeBytes(trainable),
    optimizerState,
    activations: activations(specification, trainable, nonTrainable, batch, state, rng),
  });
  const parameters = [...traverse(params)].map(([module, name, value]): ParameterReport => {
    const { shape, dtype, size } = value;
    return { module, name, shape: [...shape], dtype, size, bytes: size * DTYPES[dtype].size, trains: elements(split, module, name, value) };
  });
  const size = (by: GradientTransformation['init'], of: Params): number => makeJaxpr(by)(of).jaxpr.outputs.reduce((n, a) => n + bytesOf(a), 0);
  const chosen = bytes(size(init, optimized), split.trainable, split.nonTrainable);
  const everything = bytes(size(specification.optimizer.init, floats), floats, rest);
  return { parameters, chosen, everything, toString: () => table(parameters, chosen, everything) };
}

/** How many elements of a parameter train. */
function elements({ trainable, mask }: Split, module: string, name: string, { size }: Array): number {
  const of = (map: Params): Array | null => (Object.hasOwn(map, module) && Object.hasOwn(map[module], name) ? map[module][name] : null);
  if (!of(trainable)) return 0;
  const marks = mask && of(mask);
  return marks ? marked(marks) * (size / marks.size) : size;
}

const bytesOf = ({ aval: { shape, dtype } }: Atom): number => dims.size(shape) * DTYPES[dtype].size;

/** The same memory under another shape. */
const ALIASES = new Set(['reshape', 'stop_gradient']);

/** Bytes of the values that the forward pass hands to the backward pass, parameters and batch aside: those are there anyway. */
function activations({ loss }: Specification, trainable: Params, nonTrainable: Params, batch: unknown, state: State, rng: Array | null): number {
  const objective = (chosen: Params, others: Params, given: { batch: unknown; state: State; rng: Array | null }) => callLoss(loss, join(chosen, others), given.batch, given).loss;
  const [leaves, def] = tree.flatten([trainable, nonTrainable, { batch, state, rng }]);
  const arrays = leaves.map((x) => toArrayLeaf(x, 'trainStep.report'));
  const traced = (x: NDArray): boolean => isFloat(x.dtype);
  const { closed } = traceFlat(objective, { leaves: arrays, def }, 'trainStep.report', traced);
  const own = tree.leaves(trainable).length;
  const needed = [...closed.consts.map(() => false), ...arrays.flatMap((x, i) => (traced(x) ? [i < own] : []))];
  const { inputs, equations, outputs } = optimize(splitVjp(closed.jaxpr, needed, [true]).forward);
  const memory = new Map<Atom, Atom>();
  const of = (a: Atom): Atom => memory.get(a) ?? a;
  for (const e of equations) if (ALIASES.has(e.primitive.name)) memory.set(e.outputs[0], of(e.inputs[0]));
  const kept = new Set(outputs.slice(1).map(of).filter((a) => !(a instanceof Literal) && !inputs.includes(a)));
  return [...kept].reduce((n, a) => n + bytesOf(a), 0);
}

const count = (n: number): string => n.toLocaleString('en-US');

function table(parameters: readonly ParameterReport[], chosen: TrainingBytes, everything: TrainingBytes): string {
  const sum = (of: (p: ParameterReport) => number, list: readonly ParameterReport[]): number => list.reduce((n, p) => n + of(p), 0);
  const row = (title: string, list: readonly ParameterReport[], each: string): string[] => {
    const [size, trains] = [sum((p) => p.size, list), sum((p) => p.trains, list)];
    return [title, each, count(size), formatBytes(sum((p) => p.bytes, list)), trains === size ? 'yes' : trains === 0 ? 'no' : `${count(trains)} of ${count(size)}`];
  };
  const modules = [...new Set(parameters.map((p) => p.module))].map((module) => {
    const list = parameters.filter((p) => p.module === module);
    return row(module, list, list.map((p) => `${p.name}: ${new ArraySpec(p.shape, p.dtype)}`).join('\n'));
  });
  const line = (title: string, a: number, b: number): string[] => [title, formatBytes(a), formatBytes(b), b === 0 ? '' : `${(100 * a / b).toFixed(1)} %`];
  const total = (x: TrainingBytes): number => x.parameters + x.gradients + x.optimizerState + x.activations;
  const right = (header: string) => ({ header, right: true });
  return [
    grid([{ header: 'Module' }, { header: 'Parameters' }, right('Count'), right('Bytes'), right('Trains')], [...modules, row('all', parameters, '')]),
    grid([{ header: 'Memory' }, right('This step'), right('Everything'), right('Share')], [
      line('Parameters that train', chosen.parameters, everything.parameters),
      line('Gradients', chosen.gradients, everything.gradients),
      line('Optimizer state', chosen.optimizerState, everything.optimizerState),
      line('Activations kept for backward', chosen.activations, everything.activations),
      line('Together', total(chosen), total(everything)),
    ]),
  ].join('\n');
}
