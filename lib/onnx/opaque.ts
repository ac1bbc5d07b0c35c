/**
 * Nodes that have no form in our operations and run as they are, forwards only: the node is copied into whatever graph is
 * made. Its results' types are found by having the engine run it once, on zeros.
 */
import type { AttributeProto } from 'onnx-buf';
import { ConcreteArray, NDArray, aval, expectConcrete, formatAval, type Aval } from '../jax/array.js';
import { config } from '../jax/config.js';
import { bind, currentFrame } from '../jax/core.js';
import { dims } from '../jax/dims.js';
import * as lax from '../jax/lax/index.js';
import type { Primitive } from '../jax/primitives/primitive.js';
import { inFront } from '../jax/primitives/shape.js';
import { IR_VERSION, OPSET, messages } from '../lowering/model.js';
import type { NativeSession, NativeTensor } from '../runtime/addon.js';
import { DTYPES } from '../runtime/dtypes.js';
import { engine } from '../runtime/engines.js';
import { ShapeError, ValueError } from '../runtime/errors.js';
import { charge } from './budget.js';
import { UnknownValueError, type Call, type Operator } from './call.js';
import { labelOf, type Node } from './graph.js';

/** `present`: which of the node's inputs are given. `results`: how many outputs are taken. */
interface OpaqueParams { readonly node: Node; readonly present: readonly boolean[]; readonly results: number; readonly attributes: readonly AttributeProto[] }

const sessions = new WeakMap<Node, Map<string, NativeSession>>();

/** The node alone, as a session. */
function sessionOf({ node, present, results, attributes }: OpaqueParams, types: readonly Aval[]): NativeSession {
  const key = `${config.engine} ${types.map((a) => `${a.dtype}${a.shape.length}`).join()}`;
  if (!sessions.has(node)) sessions.set(node, new Map());
  const known = sessions.get(node)!;
  let session = known.get(key);
  if (session) return session;
  const { onnx, protobuf } = messages();
  let at = 0;
  const names = present.map((p, i) => (p ? `i${i}` : ''));
  const input = names.filter(Boolean).map((name) => ({ name, type: { value: { case: 'tensorType' as const, value: { elemType: DTYPES[types[at].dtype].onnx, shape: { dim: types[at++].shape.map((_, k) => ({ value: { case: 'dimParam' as const, value: `${name}_${k}` } })) } } } } }));
  const output = node.outputs.slice(0, results).map((_, i) => `o${i}`);
  const model = protobuf.create(onnx.ModelProtoSchema, {
    irVersion: BigInt(IR_VERSION), opsetImport: [{ domain: '', version: BigInt(OPSET) }, ...(node.domain ? [{ domain: node.domain, version: 1n }] : [])],
    graph: { name: 'node', node: [{ opType: node.op, domain: node.domain, name: node.name, input: names, output, attribute: [...attributes] }], input, output: output.map((name) => ({ name })) },
  } as never);
  session = engine(config.engine).createSession(protobuf.toBinary(onnx.ModelProtoSchema, model), { intraOpNumThreads: 1 });
  known.set(key, session);
  return session;
}

const run = (params: OpaqueParams, tensors: readonly NativeTensor[], types: readonly Aval[]): NativeTensor[] => sessionOf(params, types).run([...tensors]);
const bytes = (a: Aval): number => dims.size(a.shape) * DTYPES[a.dtype].size;

const opaqueP: Primitive<OpaqueParams> = {
  name: 'onnx_node',
  shape: (types, params) => {
    const open = types.find((a) => !dims.isStatic(a.shape));
    if (open) throw new ShapeError(`The node ${labelOf(params.node)} runs as it is, and so needs fixed shapes, but ${formatAval(open)} has an open dimension.`);
    const zeros = types.map((a) => ({ dtype: a.dtype, shape: a.shape, data: new ArrayBuffer(bytes(a)) }));
    return run(params, zeros, types).map((t) => aval(t.shape, t.dtype));
  },
  vjp: (inputs, params, needed) => {
    if (needed.includes(true)) throw new ValueError(`The node ${labelOf(params.node)} has no derivative here: train only what comes after it, or use stopGradient.`);
    return { outputs: bind(opaqueP, inputs, params), pullback: () => inputs.map(() => null) };
  },
  batch: (inputs, axes, params, { size }) => {
    const rows = inputs.flatMap((x, i) => (axes[i] === null ? [] : [inFront(x, axes[i], size)]));
    const outputs = lax.map((each: NDArray[]) => { let at = 0; return bind(opaqueP, inputs.map((x, i) => (axes[i] === null ? x : each[at++])), params); }, rows) as NDArray[];
    return [outputs, outputs.map(() => 0)];
  },
  lower: (g, inputs, { node, present, results, attributes }, types) => {
    let at = 0;
    const names = g.nodeWithOutputs(node.op, present.map((p) => (p ? inputs[at++] : '')), results, Object.fromEntries(attributes.map((a) => [a.name, { message: a }])), node.domain);
    types.outputs.forEach((a, i) => g.declare(names[i], a.dtype, a.shape));
    return names;
  },
};

/** What an element takes at most. */
const WIDEST = 8;

/** An operator that runs as it is. `dataShape`: the data decides the results' shapes; `extra`: attributes that older versions meant; `size`: elements that attributes and values ask for, counted before the engine makes them. */
export const opaque = ({ dataShape = false, extra, size }: { dataShape?: boolean; extra?: (c: Call) => AttributeProto[]; size?: (c: Call) => number } = {}): Operator => ({
  noGradient: 'it runs as it is, without a derivative',
  run: (c) => {
    const given = c.xs();
    const results = c.node.outputs.findLastIndex(Boolean) + 1;
    const params: OpaqueParams = { node: c.node, present: c.inputs.map((v) => v !== null), results, attributes: [...c.node.attributes.values(), ...(extra?.(c) ?? [])] };
    const concrete = currentFrame() === null;
    if (dataShape && !concrete) throw new UnknownValueError(`The node ${c.where} gives as many elements as its data says, which is not known while the function is traced; call it without jit, or stop before it with { until }.`);
    if (size) charge(size(c) * WIDEST);
    if (!concrete) return bind(opaqueP, given, params);
    const arrays = given.map((x) => expectConcrete(x, c.where));
    const types = arrays.map((x) => x.aval);
    return run(params, arrays.map((x) => ({ dtype: x.dtype, shape: x.shape, data: x.memory instanceof ArrayBuffer ? x.memory : (x.data.buffer as ArrayBuffer) })), types)
      .map((t) => new ConcreteArray(aval(t.shape, t.dtype), t.data));
  },
});
