/** A model as plain data: checked, its nodes in an order in which they can run. */
import type { AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import type { DType } from '../runtime/dtypes.js';
import { FileFormatError } from '../runtime/errors.js';
import { dtypeOf, typeName, type Tensor } from './tensors.js';

export interface Node {
  /** The place in the file, among the nodes of its graph. */
  readonly index: number;
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  /** The version of the operator set that the operator comes from. */
  readonly version: number;
  /** Empty where left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeProto>;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly graphs: ReadonlyMap<string, Graph>;
  /** What the node stands for, where the model defines the operator itself. */
  readonly body?: Graph;
  /** Names of outer values that its graphs read. */
  readonly captures: readonly string[];
}

/** An input or output as a model declares it: a number, a name or null for each dimension; a null shape says nothing. */
export interface Port { readonly name: string; readonly dtype: DType | string | null; readonly shape: readonly (number | string | null)[] | null }

export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly captures: readonly string[];
}

/** How a node is called in messages. */
export const labelOf = (n: Pick<Node, 'name' | 'op' | 'index' | 'outputs'>): string => (n.name ? `'${n.name}' (${n.op})` : `${n.op} number ${n.index}${n.outputs[0] ? `, which makes '${n.outputs[0]}'` : ''}`);

export function portOf({ name, type }: ValueInfoProto): Port {
  const v = type?.value;
  if (v?.case !== 'tensorType') return { name, dtype: v?.case ? v.case.replace('Type', '') : null, shape: null };
  const shape = v.value.shape?.dim.map(({ value: d }) => (d.case === 'dimValue' ? Number(d.value) : d.case === 'dimParam' && d.value !== '' ? d.value : null)) ?? null;
  return { name, dtype: dtypeOf(v.value.elemType) ?? typeName(v.value.elemType), shape };
}

/** What reading a graph needs to know of the model around it. */
export interface Reading {
  readonly what: string;
  /** The tensor of a message; `initializer` is its number in the model's own graph, -1 elsewhere. */
  tensor(proto: TensorProto, initializer: number, label: string): Tensor;
  version(domain: string, label: string): number;
  /** The graph behind a node of an operator that the model defines. */
  body(node: NodeProto, attributes: ReadonlyMap<string, AttributeProto>): Graph | undefined;
  /** What stands for an attribute of the function that is being read. */
  attribute(name: string): AttributeProto | undefined;
}

/** ONNX's own operators have two names for their domain. */
export const plainDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

function readNode(proto: NodeProto, index: number, reading: Reading): Node {
  const base = { index, name: proto.name, op: proto.opType, domain: plainDomain(proto.domain), inputs: proto.input, outputs: proto.output };
  const label = labelOf(base);
  if (!proto.opType) throw new FileFormatError(`${reading.what}: node ${index} ('${proto.name}') does not say its operator.`);
  const attributes = new Map<string, AttributeProto>();
  const [tensors, graphs] = [new Map<string, Tensor>(), new Map<string, Graph>()];
  for (const given of proto.attribute) {
    const a = given.refAttrName ? reading.attribute(given.refAttrName) : given;
    if (!a) continue;
    if (attributes.has(given.name)) throw new FileFormatError(`${reading.what}: the node ${label} has the attribute '${given.name}' twice.`);
    attributes.set(given.name, a);
    if (a.t) tensors.set(given.name, reading.tensor(a.t, -1, `${proto.name || proto.output[0]}/${given.name}`));
    if (a.g) graphs.set(given.name, readGraph(a.g, reading, false));
  }
  const body = reading.body(proto, attributes);
  const captures = [...new Set([...graphs.values()].flatMap((g) => g.captures))];
  return { ...base, version: body ? 0 : reading.version(base.domain, label), attributes, tensors, graphs, captures, ...(body && { body }) };
}

/** `main`: the model's own graph, which has nothing around it. */
export function readGraph(proto: Pick<GraphProto, 'name' | 'node' | 'input' | 'output' | 'initializer' | 'sparseInitializer'>, reading: Reading, main: boolean): Graph {
  const { what } = reading;
  const constants = new Map<string, Tensor>();
  proto.initializer.forEach((t, i) => {
    if (!t.name) throw new FileFormatError(`${what}: initializer ${i} has no name.`);
    if (constants.has(t.name)) throw new FileFormatError(`${what}: there are two initializers '${t.name}'.`);
    constants.set(t.name, reading.tensor(t, main ? i : -1, ''));
  });
  if (proto.sparseInitializer.length) throw new FileFormatError(`${what} has sparse initializers ('${proto.sparseInitializer[0].values?.name ?? ''}', …), which are not read; write them dense.`);
  // In old files every initializer is an input too: its default.
  const inputs = proto.input.map(portOf).filter((p) => !constants.has(p.name));
  const nodes = proto.node.map((n, i) => readNode(n, i, reading));
  const makers = new Map<string, string>([...constants.keys()].map((n) => [n, 'an initializer']));
  const define = (name: string, by: string): void => {
    const before = makers.get(name);
    if (before !== undefined) throw new FileFormatError(`${what}: the value '${name}' is made twice, by ${before} and by ${by}.`);
    makers.set(name, by);
  };
  for (const { name } of inputs) {
    if (!name) throw new FileFormatError(`${what}: an input of the graph '${proto.name}' has no name.`);
    define(name, 'an input');
  }
  for (const n of nodes) for (const out of n.outputs) if (out) define(out, labelOf(n));
  const captures = new Set<string>();
  const needs = (n: Node): string[] => [...n.inputs.filter(Boolean), ...n.captures];
  for (const n of nodes) for (const name of needs(n)) if (!makers.has(name)) {
    if (main) throw new FileFormatError(`${what}: the node ${labelOf(n)} reads '${name}', which nothing makes.`);
    captures.add(name);
  }
  const outputs = proto.output.map(portOf);
  const seen = new Set<string>();
  for (const { name } of outputs) {
    if (!makers.has(name)) {
      if (main) throw new FileFormatError(`${what}: the output '${name}' is made by nothing.`);
      captures.add(name);
    }
    if (main && seen.has(name)) throw new FileFormatError(`${what}: there are two outputs '${name}'.`);
    seen.add(name);
  }
  if (main && outputs.length === 0) throw new FileFormatError(`${what}: the graph has no outputs.`);
  return { name: proto.name, nodes: inOrder(nodes, needs, what), inputs, outputs, constants, captures: [...captures] };
}

/** The nodes so that each stands behind what it reads; as in the file where that is so already. */
function inOrder(nodes: readonly Node[], needs: (n: Node) => string[], what: string): Node[] {
  const maker = new Map<string, number>();
  nodes.forEach((n, i) => { for (const out of n.outputs) if (out) maker.set(out, i); });
  const before = nodes.map((n) => [...new Set(needs(n).flatMap((name) => maker.get(name) ?? []))]);
  if (before.every((list, i) => list.every((j) => j < i))) return [...nodes];
  const users: number[][] = nodes.map(() => []);
  before.forEach((list, i) => list.forEach((j) => users[j].push(i)));
  const left = before.map((list) => list.length);
  const ready = left.flatMap((n, i) => (n === 0 ? [i] : []));
  for (let k = 0; k < ready.length; k++) for (const u of users[ready[k]]) if (--left[u] === 0) ready.push(u);
  if (ready.length < nodes.length) {
    // Going back from a node that is left, one comes to a cycle.
    const path: number[] = [];
    let at = left.findIndex((n) => n > 0);
    while (!path.includes(at)) { path.push(at); at = before[at].find((j) => left[j] > 0)!; }
    const around = path.slice(path.indexOf(at)).reverse();
    const first = around.indexOf(Math.min(...around));
    const cycle = [...around.slice(first), ...around.slice(0, first)];
    throw new FileFormatError(`${what}: the graph has a cycle: ${cycle.slice(0, 5).map((i) => labelOf(nodes[i])).join(' → ')}${cycle.length > 5 ? ` → … (${cycle.length} nodes)` : ''}.`);
  }
  return ready.map((i) => nodes[i]);
}
