/** What an imported model is trained for, where a name says it: the losses that need but the model's output and a target. */
import { evalShape, numpy as jnp, type Array, type DType } from '../jax/index.js';
import * as optax from '../optax/index.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { nearest } from '../runtime/nearest.js';
import { checkOptions } from '../runtime/options.js';
import type { LossContext } from '../training/specification.js';
import { originOf, type ImportedModel } from './import.js';

interface Objective { readonly loss: (output: Array, target: Array) => Array; readonly dtype: DType; readonly targetShape: (output: readonly number[]) => number[]; /** What the loss undoes: it takes what comes before. */ readonly before?: readonly string[] }
const same = (shape: readonly number[]): number[] => [...shape];

const OBJECTIVES: Readonly<Record<string, Objective>> = {
  crossEntropy: { loss: (y, t) => jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(y, t)), dtype: 'int32', targetShape: (s) => s.slice(0, -1), before: ['Softmax', 'LogSoftmax'] },
  binaryCrossEntropy: { loss: (y, t) => jnp.mean(optax.sigmoidBinaryCrossEntropy(y, t)), dtype: 'float32', targetShape: same, before: ['Sigmoid'] },
  l2: { loss: (y, t) => jnp.mean(jnp.square(y.sub(t))), dtype: 'float32', targetShape: same },
  l1: { loss: (y, t) => jnp.mean(jnp.abs(y.sub(t))), dtype: 'float32', targetShape: same },
};
/** The names of the losses. */
export const LOSSES: readonly string[] = Object.keys(OBJECTIVES);

export interface ObjectiveOptions {
  /** The output that is trained, where the model has several. */
  output?: string;
  /** Shapes of inputs that the model leaves open, by name. An open first dimension is the batch's, of 2. */
  shapes?: Readonly<Record<string, readonly number[]>>;
}

/** A loss over batches `{ …inputs by name, target }`, with zeros in the shapes of such a batch. */
export interface ModelObjective {
  readonly loss: (params: any, batch: any, context?: LossContext) => Array;
  readonly batch: Readonly<Record<string, Array>>;
  /** The tensor that the loss is taken of: the model's output, or what its last softmax or sigmoid reads. */
  readonly output: string;
}

/**
 * The loss of that name for a model: `crossEntropy` (int32 classes; of logits, also where the model ends with a softmax),
 * `binaryCrossEntropy`, `l2`, `l1`. For `trainStep` and `generateArtifacts`.
 *
 * @example
 * const { loss, batch } = objective(model, 'crossEntropy');
 * generateArtifacts({ loss, batch, params: model.params, optimizer: optax.adamw(1e-3), trainable: 'classifier' }, 'artifacts');
 *
 * @throws ValueError for an unknown loss, an open shape that nobody names, or several outputs of which none is chosen
 */
export function objective(model: ImportedModel, name: string, options?: ObjectiveOptions): ModelObjective {
  const { output: wanted, shapes = {} } = checkOptions('objective', options, ['output', 'shapes']);
  if (!Object.hasOwn(OBJECTIVES, name)) throw new ValueError(`objective: unknown loss '${name}'; expected one of ${LOSSES.join(', ')}, the nearest is '${nearest(name, LOSSES)}'.`);
  const { loss: compare, dtype, targetShape, before } = OBJECTIVES[name];
  if (wanted === undefined && model.outputs.length !== 1) throw new ValueError(`objective: the model has the outputs ${model.outputs.map((o) => `'${o.name}'`).join(', ')}; say which one is trained as { output }.`);
  const end = wanted ?? model.outputs[0].name;
  const { nodes } = originOf(model, 'objective').model.graph;
  const last = nodes.find((n) => n.outputs[0] === end);
  const output = last && before?.includes(last.op) ? last.inputs[0] : end;
  const unknown = Object.keys(shapes).find((n) => !model.inputs.some((p) => p.name === n));
  if (unknown !== undefined) throw new ValueError(`objective: the model has no input '${unknown}'; the inputs are ${model.inputs.map((p) => `'${p.name}'`).join(', ')}.`);
  const inputs = Object.fromEntries(model.inputs.map((port) => {
    const shape = Object.hasOwn(shapes, port.name) ? [...shapes[port.name]] : port.shape?.map((d, i) => (typeof d === 'number' ? d : i === 0 ? 2 : NaN));
    if (!shape || shape.some((d) => !Number.isInteger(d) || d < 0)) throw new ValueError(`objective: the shape of the input '${port.name}' is open (${port.shape?.map((d) => d ?? '?').join(', ') ?? 'of any rank'}); give it as shapes: { '${port.name}': […] }.`);
    if (port.name === 'target') throw new TypeError("objective: the model has an input 'target' itself; write the loss as a function.");
    return [port.name, jnp.zeros(shape, { dtype: port.dtype as DType })];
  }));
  const y = evalShape((params: any, x: any) => model.apply(params, x, { until: output }), model.params, inputs) as { shape: number[] };
  return {
    output, batch: { ...inputs, target: jnp.zeros(targetShape(y.shape), { dtype }) },
    loss: (params, { target, ...x }, context) => compare(model.apply(params, x, { until: output, rng: context?.rng ?? null }), target),
  };
}
