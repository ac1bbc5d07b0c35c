/** Operations outside a trace: each runs at once, as a compiled program of one equation. */
import { ConcreteArray, NDArray, aval, expectConcrete, type Aval } from './array.js';
import { Var, setEvaluator, type Jaxpr } from './core.js';
import { dims, symbolicDim } from './dims.js';
import { makeProgram, execute, targetOf, eagerPrograms } from './program.js';
import { subprograms } from './programs.js';
import type { Primitive } from './primitives/primitive.js';

const open = symbolicDim('n');

function single(primitive: Primitive, avals: readonly Aval[], params: unknown): Jaxpr {
  const inputs = avals.map((a) => new Var(a));
  const outputs = primitive.shape(avals, params).map((a) => new Var(a));
  return { inputs, equations: [{ primitive, inputs, params, outputs }], outputs };
}

setEvaluator((primitive: Primitive, inputs: readonly NDArray[], params: unknown): ConcreteArray[] => {
  const arrays = inputs.map((x) => expectConcrete(x, primitive.name));
  const avals = arrays.map((x) => x.aval);
  const outputs = primitive.shape(avals, params);
  if (primitive.name === 'reshape' || primitive.name === 'stop_gradient') {
    // A copy, because two arrays on one memory could not be donated apart.
    const { memory, device } = arrays[0];
    if (memory instanceof ArrayBuffer) return [new ConcreteArray(outputs[0], memory.slice(0), device)];
  }
  if (subprograms(params as object).length) return execute(single(primitive, avals, params), arrays);
  const target = targetOf();
  const whole = avals.find((a) => a.shape.length > 0);
  // Elementwise operations on equal shapes run flat, so that one program serves every size. Scalars have but one, which can be bound.
  const alike = primitive.opcode !== undefined && whole !== undefined && avals.every((a) => a.shape.length === 0 || dims.equalShapes(a.shape, whole.shape));
  const typed = alike ? avals.map((a) => (a.shape.length ? aval([open], a.dtype, a.weak) : a)) : avals;
  const key = `${target.engine} ${target.device} ${primitive.name} ${JSON.stringify(params)} ${typed.map((a) => `${a.dtype}${a.weak ? '~' : ''}[${a.shape.join()}]`).join(' ')}`;
  const program = eagerPrograms.get(key, () => makeProgram(single(primitive, typed, params), target, [], undefined, !alike));
  if (!alike) return program.run(arrays);
  return program.runOpen(arrays.map((x) => ({ dtype: x.dtype, shape: x.ndim ? [x.size] : [], data: x.memory })), outputs.map((a) => aval(a.shape.length ? [dims.size(a.shape)] : [], a.dtype)))
    .map((x, k) => new ConcreteArray(outputs[k], x.memory, x.device));
});
