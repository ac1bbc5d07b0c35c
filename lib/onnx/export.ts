/** Models back to files: an imported one with new weights, or a function of ours as a model. */
import type { GraphProto, NodeProto, TensorProto } from 'onnx-buf';
import { isArray, tree, type Array } from '../jax/index.js';
import { ConcreteArray, aval, expectConcrete, formatAval, type Aval, type NDArray } from '../jax/array.js';
import { toArrayLeaf } from '../jax/autodiff.js';
import { trace, type ClosedJaxpr } from '../jax/core.js';
import { dims, symbolicDim } from '../jax/dims.js';
import { convertElementType } from '../jax/primitives/convert.js';
import type { Params, State } from '../haiku/types.js';
import { Graph } from '../lowering/graph.js';
import { lowerProgram } from '../lowering/lower.js';
import { messages, serialize } from '../lowering/model.js';
import { DTYPES } from '../runtime/dtypes.js';
import { ShapeError, TypeError, ValueError } from '../runtime/errors.js';
import { nearest } from '../runtime/nearest.js';
import { checkOptions } from '../runtime/options.js';
import { externalRange } from './external.js';
import { checkMap, originOf, type ImportedModel } from './import.js';
import type { Parameter } from './names.js';
import { mergeLora } from './lora.js';
import { BytesSource } from './source.js';
import { typeName } from './tensors.js';
import { layoutOf } from './wire.js';
import { checkByEngine, modelBytes, writeModel, type NewTensor, type Recipe, type WriteOptions } from './write.js';

export interface ExportOptions extends WriteOptions {
  /** What BatchNormalization keeps; the model's own where left out. */
  state?: State;
}

const bytesOf = (x: ConcreteArray): Uint8Array => new Uint8Array(x.memory instanceof ArrayBuffer ? x.memory : (x.data.buffer as ArrayBuffer));
const bare = (proto: TensorProto): TensorProto => {
  const { onnx, protobuf } = messages();
  const copy = protobuf.create(onnx.TensorProtoSchema, { dims: proto.dims, dataType: proto.dataType, name: proto.name, docString: proto.docString, metadataProps: proto.metadataProps });
  return copy;
};

/** The new value of a parameter, in the type and shape that the model has; null where it is the model's own. */
function newValue(map: Params | State, own: Params | State, p: Parameter, where: string): ConcreteArray | null {
  const value = Object.hasOwn(map, p.module) && Object.hasOwn(map[p.module], p.name) ? (map[p.module] as Record<string, unknown>)[p.name] : undefined;
  if (value === undefined || value === own[p.module][p.name]) return null;
  if (!isArray(value)) throw new TypeError(`exportModel: '${p.module}', '${p.name}' of ${where} must be an array, got ${typeof value}.`);
  if (!dims.equalShapes((value as NDArray).shape, p.tensor.shape)) throw new ShapeError(`exportModel: '${p.module}', '${p.name}' is ${formatAval({ dtype: p.tensor.dtype!, shape: p.tensor.shape })} in the model, but ${String(value)} was given.`);
  return expectConcrete(convertElementType(value as NDArray, p.tensor.dtype!, false), 'exportModel');
}

/** Names that the model does not have would be lost. */
function refuseUnknown(map: Params | State, known: readonly Parameter[], where: string): void {
  const names = new Set(known.map((p) => `${p.module}/${p.name}`));
  for (const [module, bundle] of Object.entries(map)) for (const name of Object.keys(bundle)) {
    if (names.has(`${module}/${name}`)) continue;
    const near = nearest(`${module}/${name}`, names);
    throw new ValueError(`exportModel: ${where} has '${module}', '${name}', but the model does not${near ? `; the nearest that it has is '${near}'` : ''}. A model with other parts is a function: use exportFunction.`);
  }
}

/**
 * The model that was imported, with new weights: nodes, names, metadata, operator sets and open dimensions as they were,
 * byte by byte.
 *
 * @example
 * exportModel(model, carry.params, 'fine-tuned.onnx');
 *
 * @param params the whole map, or the part of it that changed; adapters are merged
 * @param path where to; left out: the bytes are returned
 * @throws ValueError for names that the model does not have, ShapeError, and EngineError where ONNX Runtime refuses the file
 */
export function exportModel(model: ImportedModel, params: Params, path: string, options?: ExportOptions): void;
export function exportModel(model: ImportedModel, params: Params, path?: undefined, options?: ExportOptions): Uint8Array;
export function exportModel(model: ImportedModel, params: Params, path?: string, options?: ExportOptions): Uint8Array | void {
  const { state = model.state, ...write } = checkOptions('exportModel', options, ['state', 'externalData', 'check']);
  const { model: { source, layout, proto, folder }, parameters, statistics } = originOf(model, 'exportModel');
  checkMap(params, 'exportModel: params');
  checkMap(state, 'exportModel: state');
  const merged = mergeLora(params);
  refuseUnknown(merged, parameters, 'params');
  refuseUnknown(state, statistics, 'the state');
  const initializers = proto.graph!.initializer;
  const place = new Map(initializers.map((t, i) => [t.name, i]));
  const replaced = new Map<number, NewTensor>();
  const inside = new Map<TensorProto, Uint8Array>();
  const replace = (p: Parameter, value: ConcreteArray | null): void => {
    if (!value) return;
    const i = place.get(p.initializer);
    if (i !== undefined && initializers[i] === p.tensor.proto) replaced.set(i, { proto: bare(initializers[i]), elements: bytesOf(value) });
    else inside.set(p.tensor.proto, bytesOf(value));
  };
  for (const p of parameters) replace(p, newValue(merged, model.params, p, 'params'));
  for (const p of statistics) replace(p, newValue(state, model.state, p, 'the state'));
  // Elements in other files come along, since the new model may lie elsewhere.
  initializers.forEach((t, i) => {
    if (t.dataLocation !== 1 || replaced.has(i)) return;
    const type = Object.values(DTYPES).find((d) => d.onnx === t.dataType);
    if (!type) throw new TypeError(`exportModel: the tensor '${t.name}' has elements of type ${typeName(t.dataType)} in another file, which cannot be brought along; write them into the model first.`);
    const size = t.dims.reduce((n, d) => n * Number(d), 1) * type.size;
    const { source: file, range } = externalRange(t, folder, t.name, size);
    replaced.set(i, { proto: bare(t), elements: { source: file, ...range } });
  });
  const nodes = new Map(proto.graph!.node.flatMap((n, i) => { const changed = withTensors(n, inside); return changed === n ? [] : [[i, changed] as const]; }));
  const recipe: Recipe = { source, layout, replaced, nodes, added: [], stored: (i) => ({ proto: bare(initializers[i]), elements: { source, ...layout.initializers[i].data! } }) };
  return deliver(recipe, path, write);
}

/** A node with new elements in the tensors that it holds, at any depth; itself where there are none. */
function withTensors(node: NodeProto, elements: ReadonlyMap<TensorProto, Uint8Array>): NodeProto {
  if (elements.size === 0) return node;
  const tensor = (t: TensorProto): TensorProto => (elements.has(t) ? { ...bare(t), rawData: elements.get(t)! as Uint8Array<ArrayBuffer> } : t);
  const graph = (g: GraphProto): GraphProto => {
    const [nodes, initializer] = [g.node.map((n) => withTensors(n, elements)), g.initializer.map(tensor)];
    return nodes.some((n, i) => n !== g.node[i]) || initializer.some((t, i) => t !== g.initializer[i]) ? { ...g, node: nodes, initializer } : g;
  };
  const attribute = node.attribute.map((a) => {
    const [t, g] = [a.t && tensor(a.t), a.g && graph(a.g)];
    return t === a.t && g === a.g ? a : { ...a, ...(t && { t }), ...(g && { g }) };
  });
  return attribute.some((a, i) => a !== node.attribute[i]) ? { ...node, attribute } : node;
}

function deliver(recipe: Recipe, path: string | undefined, write: WriteOptions): Uint8Array | void {
  if (path !== undefined) return writeModel(recipe, path, write);
  const bytes = modelBytes(recipe);
  if (write.check !== false) checkByEngine(bytes);
  return bytes;
}

export interface ExportFunctionOptions extends WriteOptions {
  /** The name of the open batch dimension; null fixes it. Left out: open, as `batch`, if the function can be traced so. */
  batchDim?: string | null;
  metadata?: Readonly<Record<string, string>>;
}
type InputTree = Readonly<Record<string, Array>>;

/**
 * A function `f(params, inputs)` as a model of standard operators: `params` become initializers named by their paths, `inputs`
 * (examples, by name) its inputs, and what it returns, an array or arrays by name, its outputs.
 *
 * @example
 * exportFunction((params, { image }) => head(params, model.apply(params, image, { until: 'pool' })), params, { image }, 'new.onnx');
 *
 * @throws ShapeError where an open batch was asked for by name and cannot be traced, TypeError for what has no standard operator
 */
export function exportFunction(f: (params: any, inputs: any) => any, params: unknown, inputs: InputTree, path: string, options?: ExportFunctionOptions): void;
export function exportFunction(f: (params: any, inputs: any) => any, params: unknown, inputs: InputTree, path?: undefined, options?: ExportFunctionOptions): Uint8Array;
export function exportFunction(f: (params: any, inputs: any) => any, params: unknown, inputs: InputTree, path?: string, options?: ExportFunctionOptions): Uint8Array | void {
  const { batchDim, metadata = {}, ...write } = checkOptions('exportFunction', options, ['batchDim', 'metadata', 'externalData', 'check']);
  if (typeof f !== 'function') throw new TypeError(`exportFunction: the first argument must be a function (params, inputs), got ${typeof f}.`);
  if (typeof inputs !== 'object' || inputs === null || isArray(inputs)) throw new TypeError(`exportFunction: the third argument must be example inputs by name, { name: array }, got ${inputs === null ? 'null' : isArray(inputs) ? String(inputs) : typeof inputs}.`);
  const [leaves, def] = tree.flatten(params);
  const arrays = leaves.map((x) => expectConcrete(toArrayLeaf(x, 'exportFunction: params'), 'exportFunction: params'));
  const names = pathsOf(params);
  const examples = Object.entries(inputs).map(([name, x]) => ({ name, aval: toArrayLeaf(x, `exportFunction: the input '${name}'`).aval }));
  let outNames: string[] = [];
  const traced = (open: string | null): { closed: ClosedJaxpr; avals: Aval[] } => {
    const size = examples.find((e) => e.aval.shape.length)?.aval.shape[0];
    const avals = examples.map(({ aval: a }) => (open !== null && a.shape.length && a.shape[0] === size ? aval([symbolicDim(open), ...a.shape.slice(1)], a.dtype) : aval(a.shape, a.dtype)));
    const closed = trace((...xs) => {
      const result = f(tree.unflatten(def, xs.slice(0, arrays.length)), Object.fromEntries(examples.map((e, i) => [e.name, xs[arrays.length + i]])));
      if (typeof result !== 'object' || result === null || typeof (result as PromiseLike<unknown>).then === 'function' || Object.keys(result).length === 0) throw new TypeError(`exportFunction: the function must return an array or arrays by name, got ${result === null ? 'null' : typeof result !== 'object' ? typeof result : 'then' in result ? 'a promise' : 'nothing'}.`);
      const entries: [string, unknown][] = isArray(result) ? [['output', result]] : Object.entries(result as object);
      outNames = entries.map(([name]) => name);
      const twice = outNames.find((name) => Object.hasOwn(inputs, name) || names.includes(name));
      if (twice !== undefined) throw new ValueError(`exportFunction: the output '${twice}' has the name of an input or parameter; return it under another.`);
      return entries.map(([name, x]) => toArrayLeaf(x, `exportFunction: the output '${name}'`));
    }, [...arrays.map((x) => aval(x.shape, x.dtype)), ...avals]);
    return { closed, avals };
  };
  const { closed, avals } = openIfPossible(batchDim, traced);
  const graph = new Graph(false);
  examples.forEach((e, i) => graph.input(e.name, avals[i].dtype, avals[i].shape));
  // Declared as inputs they have their names to themselves; the file has them as initializers.
  const inputCount = graph.inputs.length;
  arrays.forEach((x, i) => graph.input(names[i], x.dtype, x.shape));
  const constants = closed.consts.map((x) => graph.constantBytes(x.dtype, x.shape, bytesOf(expectConcrete(x, 'exportFunction'))));
  const lowered = lowerProgram(graph, closed.jaxpr, [...constants, ...names, ...examples.map((e) => e.name)]).outputs as string[];
  graph.inputs.length = inputCount;
  outNames.forEach((name, k) => {
    const a = closed.jaxpr.outputs[k].aval;
    graph.nodeWithOutputs('Identity', [lowered[k]], [name]);
    graph.output(name, a.dtype, a.shape);
  });
  const bytes = serialize(graph, 'hokku', metadata);
  const source = new BytesSource(bytes, 'the function');
  const { onnx, protobuf } = messages();
  const used = new Set(graph.nodes.flatMap((n) => usedBy(n)));
  const added = arrays.flatMap((x, i): NewTensor[] => (used.has(names[i]) ? [{ proto: protobuf.create(onnx.TensorProtoSchema, { name: names[i], dims: x.shape.map(BigInt), dataType: DTYPES[x.dtype].onnx }), elements: bytesOf(x) }] : []));
  return deliver({ source, layout: layoutOf(source), replaced: new Map(), nodes: new Map(), added, stored: () => { throw new Error('A function has no stored tensors.'); } }, path, write);
}

/** What a node reads, graphs within it included. */
const usedBy = (n: Graph['nodes'][number]): string[] => [...n.inputs, ...Object.values(n.attributes).flatMap((a) => (typeof a === 'object' && 'graph' in a ? [...a.graph.nodes.flatMap(usedBy), ...a.graph.outputs.map((o) => o.name)] : []))];

/** `module/name`, or whatever keys lead to a leaf. */
function pathsOf(x: unknown, prefix: readonly string[] = []): string[] {
  if (isArray(x) || typeof x !== 'object' || x === null) return [prefix.join('/') || 'params'];
  return globalThis.Array.isArray(x) ? x.flatMap((v, i) => pathsOf(v, [...prefix, String(i)])) : Object.keys(x).sort().flatMap((k) => pathsOf((x as Record<string, unknown>)[k], [...prefix, k]));
}

function openIfPossible<T>(batchDim: string | null | undefined, make: (open: string | null) => T): T {
  if (batchDim === null) return make(null);
  try {
    return make(batchDim ?? 'batch');
  } catch (error) {
    if (batchDim !== undefined) throw error;
    return make(null);
  }
}
