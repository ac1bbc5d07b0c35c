/** A program as an ONNX graph. */
import type { Aval } from '../jax/array.js';
import type { Atom, Equation, Jaxpr, Literal, Var } from '../jax/core.js';
import type { DType } from '../runtime/dtypes.js';
import { TYPED_ARRAYS, decodeAt, encode } from '../runtime/elements.js';
import { inlineCalls } from '../jax/programs.js';
import { placeChannelsLast } from './convolutions.js';
import { encodeFused, isLiteral, planFusion, type InPlace } from './fusion.js';
import type { Graph } from './graph.js';
import { packForLoops } from './loops.js';
import { gatherProducts } from './products.js';
import { gatherSegmentSums } from './segments.js';

export interface Lowered {
  /** The graph's name of every output, in the program's order; null where the value is written in place. */
  readonly outputs: readonly (string | null)[];
  /** Which outputs are written into which inputs' memory. */
  readonly inPlace: InPlace;
  /** An output that makes the in-place writer part of the graph's results. */
  readonly token: string | null;
}

/** The dtype in which the fused operator computes: half floats in float32, small integers in int32 and wrapped back. */
const fusedType = (d: DType): DType => (d === 'float16' || d === 'bfloat16' ? 'float32' : d === 'int8' || d === 'int16' || d === 'uint16' ? 'int32' : d === 'uint64' ? 'int64' : d);

/** A constant is rounded or wrapped by its own dtype before it is computed with in a wider one. */
const asElement = (dtype: DType, value: number | bigint | boolean): number | bigint | boolean => decodeAt(dtype, new TYPED_ARRAYS[dtype](encode(dtype, [value])), 0);

const isEmpty = (a: Aval): boolean => a.shape.some((d) => d === 0);
const widen = (a: Aval): Aval => ({ ...a, dtype: fusedType(a.dtype) });

/** Names and values of a program on their way into a graph. */
export class Lowering {
  readonly #names = new Map<Var, string>();
  constructor(readonly graph: Graph) {}

  bind(v: Var, name: string): void { this.#names.set(v, name); }

  name(a: Atom): string {
    if (isLiteral(a)) return this.graph.constant(a.aval.dtype, [], [(a as Literal).value]);
    const name = this.#names.get(a);
    if (!name) throw new Error('A program uses a value before it is made.');
    return name;
  }

  equation({ primitive, inputs, params, outputs }: Equation): void {
    const types = { inputs: inputs.map((a) => a.aval), outputs: outputs.map((v) => v.aval) };
    const narrow = [...types.inputs, ...types.outputs].some((a) => fusedType(a.dtype) !== a.dtype);
    const own = this.graph.fused ? narrow && primitive.name !== 'convert_element_type' : NOT_STANDARD.has(primitive.name);
    if (this.graph.custom && primitive.opcode && own) {
      this.bind(outputs[0], this.#widened(primitive, inputs, params, outputs[0]));
      return;
    }
    if (outputs.length > 0 && types.outputs.every(isEmpty)) {
      // Nothing is to be computed; some of the engine's kernels divide by the sizes of empty arrays.
      outputs.forEach((v) => this.bind(v, this.graph.node('Identity', [this.graph.constant(v.aval.dtype, v.aval.shape, [])])));
      return;
    }
    primitive.lower(this.graph, inputs.map((a) => this.name(a)), params, types).forEach((name, i) => {
      this.bind(outputs[i], name);
      // What the engine cannot infer, our operators would take for a scalar.
      if (this.graph.isOpen) this.graph.declareOnce(name, types.outputs[i].dtype, types.outputs[i].shape);
    });
  }

  /** One elementwise equation as a fused node of its own, between casts where the operator has no such dtype. */
  #widened(primitive: Equation['primitive'], inputs: readonly Atom[], params: unknown, output: Var): string {
    const wide = (a: Atom): Atom => (isLiteral(a) ? { value: asElement(a.aval.dtype, a.value), aval: widen(a.aval) } : { aval: widen(a.aval) }) as Atom;
    const casts = new Map<Atom, string>();
    const atoms = inputs.map((a) => {
      const w = wide(a);
      if (!isLiteral(a)) casts.set(w, w.aval.dtype === a.aval.dtype ? this.name(a) : this.graph.cast(this.name(a), w.aval.dtype));
      return w;
    });
    const result = wide(output) as Var;
    const { inputs: used, program } = encodeFused([{ equations: [{ primitive, inputs: atoms, params, outputs: [result] }], stores: [{ atom: result }] }], []);
    const fed = used.length ? used.map((a) => casts.get(a)!) : [this.graph.constant('bool', [], [true])];
    const name = this.graph.node('Fused', fed, { program }, 'hokku');
    this.graph.declare(name, result.aval.dtype, result.aval.shape);
    return result.aval.dtype === output.aval.dtype ? name : this.graph.cast(name, output.aval.dtype);
  }
}

/** Elementwise operations that ONNX lacks. Where nothing is fused each is a node of its own, which a GPU leaves to the CPU. */
const NOT_STANDARD = new Set(['atan2', 'bitcast_convert_type', 'nextafter']);

/** Adds a program to a graph whose inputs are declared and named already. */
export function lowerProgram(graph: Graph, program: Jaxpr, inputNames: readonly string[], wanted: InPlace = new Map()): Lowered {
  const plain = inlineCalls(program);
  const jaxpr = graph.fused ? gatherProducts(gatherSegmentSums(placeChannelsLast(packForLoops(plain)))) : plain;
  const lowering = new Lowering(graph);
  jaxpr.inputs.forEach((v, i) => lowering.bind(v, inputNames[i]));
  if (!graph.fused) {
    jaxpr.equations.forEach((e) => lowering.equation(e));
    return { outputs: jaxpr.outputs.map((a) => lowering.name(a)), inPlace: new Map(), token: null };
  }
  const { steps, inPlace } = planFusion(jaxpr, wanted);
  let token: string | null = null;
  for (const step of steps) {
    if (step.kind === 'equation') { lowering.equation(step.equation); continue; }
    const { inputs, outputs, program } = encodeFused(step.loops, step.barrier);
    const writes = step.loops.some((l) => l.stores.some((s) => s.inPlace));
    // A group made of literals alone still needs an input: operators without one are refused.
    const fed = inputs.length ? inputs.map((a) => lowering.name(a)) : [graph.constant('bool', [], [true])];
    const names = graph.nodeWithOutputs('Fused', fed, outputs.length + (writes ? 1 : 0), { program }, 'hokku');
    outputs.forEach((a, i) => { lowering.bind(a as Var, names[i]); graph.declare(names[i], a.aval.dtype, a.aval.shape); });
    if (writes) token = names[outputs.length];
  }
  return { outputs: jaxpr.outputs.map((a, k) => (inPlace.has(k) ? null : lowering.name(a))), inPlace, token };
}
