/** Lowerings written with the operations themselves: what an operator without a kernel is made of instead. */
import { lowerProgram } from '../../lowering/lower.js';
import type { Graph } from '../../lowering/graph.js';
import type { NDArray } from '../array.js';
import { trace } from '../core.js';
import { convertElementType } from './convert.js';
import type { Types } from './primitive.js';

type Lower = (g: Graph, inputs: readonly string[], params: any, types: Types) => string;

/** Writes the program of `f` in place of one operator. */
export const composed = (f: (...xs: NDArray[]) => NDArray): Lower => (g, inputs, _params, types) =>
  lowerProgram(g, trace((...xs) => [f(...xs)], types.inputs).jaxpr, inputs).outputs[0]!;

/** `f` computed in float64 whatever the floats are: for formulas that lose digits which only float64 has to spare. */
export const inFloat64 = (f: (...xs: NDArray[]) => NDArray): Lower =>
  composed((...xs) => convertElementType(f(...xs.map((x) => convertElementType(x, 'float64'))), xs[0].dtype));

/** An ONNX operator that not every engine has for float64; there it is what `double` computes. */
export const single = (op: string, double: (...xs: NDArray[]) => NDArray): Lower => (g, inputs, params, types) => {
  const { dtype } = types.outputs[0];
  const compute = g.kernels.find(op, dtype);
  return compute ? g.within(compute, dtype, inputs, (...xs) => g.node(op, xs)) : composed(double)(g, inputs, params, types);
};
