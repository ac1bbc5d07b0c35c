/** What all elementwise primitives share: NumPy broadcasting, the batching rule, and both lowerings. */
import type { Attribute, Graph } from '../../lowering/graph.js';
import type { OpCode } from '../../lowering/opcodes.js';
import { NDArray, Scalar, aval, type Aval } from '../array.js';
import { bind } from '../core.js';
import { broadcastShapes, dims, type Shape } from '../dims.js';
import type { DType } from '../dtypes.js';
import { liftAll, requireSameDType, thunks, type Operand, type Primitive, type Types } from './primitive.js';
import { expandTo, moveAxis, reduceSum, reshape } from './shape.js';

/** Sums a cotangent over the axes along which an operand was broadcast. */
export function unbroadcast(ct: NDArray, shape: Shape): NDArray {
  if (dims.equalShapes(ct.shape, shape)) return ct;
  const lead = ct.ndim - shape.length;
  const axes = [...ct.shape.keys()].filter((i) => i < lead || (dims.equal(shape[i - lead], 1) && !dims.equal(ct.shape[i], 1)));
  const summed = axes.length ? reduceSum(ct, axes) : ct;
  return dims.equalShapes(summed.shape, shape) ? summed : reshape(summed, shape);
}

/** Batched operands get their batch axis in front, unit axes behind it, so that ranks line up. */
export function alignBatch(inputs: readonly NDArray[], axes: readonly (number | null)[]): NDArray[] {
  const rank = Math.max(...inputs.map((x, i) => x.ndim - (axes[i] === null ? 0 : 1)));
  return inputs.map((x, i) => {
    if (axes[i] === null) return x;
    const front = moveAxis(x, axes[i]!, 0);
    return reshape(front, [front.shape[0], ...new globalThis.Array(rank - (x.ndim - 1)).fill(1), ...front.shape.slice(1)]);
  });
}

type Rule = (ct: NDArray, inputs: readonly NDArray[], outputs: readonly NDArray[], params: any) => readonly (null | (() => NDArray))[];

export interface ElementwiseDefinition {
  readonly name: string;
  /** Its instruction; without one the lowering is a program of others. */
  readonly opcode?: OpCode | ((params: any, types: Types) => OpCode);
  /** The ONNX operator, or a function that writes several. */
  readonly onnx: string | ((g: Graph, inputs: readonly string[], params: any, types: Types) => string);
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** The dtype of the result; throws where the operands' do not fit. By default they must be equal and stay. */
  readonly result?: (inputs: readonly Aval[], params: any) => DType;
  /** Whether the first operand only chooses: then it has no part in whether the result is weakly typed. */
  readonly chooses?: true;
  readonly rule: Rule | null;
  readonly constants?: readonly number[];
}

export function elementwise(d: ElementwiseDefinition): Primitive {
  const self: Primitive = {
    name: d.name,
    shape: (inputs, params) => {
      const dtype = d.result ? d.result(inputs, params) : requireSameDType(d.name, inputs);
      return [aval(broadcastShapes(d.name, ...inputs.map((a) => a.shape)), dtype, (d.chooses ? inputs.slice(1) : inputs).every((a) => a.weak))];
    },
    vjp: d.rule && thunks(() => self, (ct, inputs, outputs, params) =>
      d.rule!(ct, inputs, outputs, params).map((f, i) => f && (() => unbroadcast(f(), inputs[i].shape)))),
    batch: (inputs, axes, params) => [bind(self, alignBatch(inputs, axes), params), [0]],
    opcode: typeof d.opcode === 'string' ? () => d.opcode as OpCode : d.opcode,
    lower: (g, inputs, params, types) => {
      if (typeof d.onnx === 'function') return [d.onnx(g, inputs, params, types)];
      const from = types.inputs[types.inputs.length - 1].dtype;
      const compute = g.kernels.need(d.onnx, from);
      const cast = inputs.map((x, i) => (types.inputs[i].dtype === from && compute !== from ? g.cast(x, compute) : x));
      const out = g.node(d.onnx, cast, d.attributes);
      return [compute !== from && types.outputs[0].dtype === from ? g.cast(out, from) : out];
    },
    constants: d.constants,
  };
  return self;
}

/** A function of one array, from its primitive. */
export function unaryFunction(p: Primitive) { return (x: Operand): NDArray => bind(p, liftAll(p.name, x))[0]; }
/** A function of two arrays of one dtype; numbers take the other's. `fold` computes two scalars without a program. */
export function binaryFunction(p: Primitive, fold?: (x: number, y: number) => number) {
  return (x: Operand, y: Operand): NDArray => {
    const [a, b] = liftAll(p.name, x, y);
    // For + - · / of float32 numbers a double rounded to float32 is the correctly rounded result.
    if (fold && a instanceof Scalar && b instanceof Scalar && a.dtype === 'float32' && b.dtype === 'float32') return new Scalar(Math.fround(fold(Math.fround(Number(a.value)), Math.fround(Number(b.value)))), 'float32', a.weakType && b.weakType);
    return bind(p, [a, b])[0];
  };
}

/** An array full of one value with the shape and dtype of `like`. */
export const fullLike = (like: NDArray, value: number): NDArray => expandTo(new Scalar(value, like.dtype), like.shape);
