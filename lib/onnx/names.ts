/**
 * Parameters' names. An initializer that carries its module's path in its name keeps it (`layer1.0.conv1.weight` becomes
 * `layer1/0/conv1`, `weight`); one that an exporter made up (`onnx::MatMul_42`) is called after the first node that reads it.
 */
import { isFloat } from '../jax/dtypes.js';
import { operatorOf } from './operators/index.js';
import type { Graph, Node } from './graph.js';
import type { Tensor } from './tensors.js';

/** `initializer`: what the value is called in its graph; it may also be made by a Constant, and lie in a graph within a node. */
export interface Parameter { readonly module: string; readonly name: string; readonly initializer: string; readonly tensor: Tensor }
interface Use { readonly node: Node; readonly input: number }

/** Names that say nothing. */
const MADE_UP = /^(?:onnx::|_?v(?:al)?_?\d*$|\d+$|const(?:ant)?[_.:\d]|c_\d+$|tensor\d*$|w\d+$)|Constant(?:_\d+)?(?:_output_\d+)?$|__\d+$/i;
const segments = (name: string): string[] => name.split(/[/.]/).filter(Boolean);

/** The module that a node is part of: `/layer1/layer1.0/conv1/Conv` is in `layer1/0/conv1`. */
export function scopeOf(node: Pick<Node, 'name' | 'op' | 'index'>): string {
  const parts = node.name.split('/').filter(Boolean);
  if (parts.length === 0) return `${node.op}_${node.index}`;
  const lone = parts.length === 1;
  if (!lone && new RegExp(`^${node.op.replace(/\W/g, '')}(?:_\\d+)?$`, 'i').test(parts[parts.length - 1])) parts.pop();
  // PyTorch repeats what is around a module in the module's own name.
  const own = parts.map((p, i) => (i > 0 && p.startsWith(`${parts[i - 1]}.`) ? p.slice(parts[i - 1].length + 1) : p));
  return own.flatMap(segments).join('/');
}

const ROLES: Readonly<Record<string, readonly string[]>> = {
  Conv: ['input', 'weight', 'bias'], ConvTranspose: ['input', 'weight', 'bias'], Gemm: ['weight', 'weight', 'bias'], MatMul: ['weight', 'weight'],
  FusedMatMul: ['weight', 'weight'], LSTM: ['input', 'weight', 'recurrence', 'bias', 'lengths', 'initial_h', 'initial_c', 'peephole'],
  GRU: ['input', 'weight', 'recurrence', 'bias', 'lengths', 'initial_h'], RNN: ['input', 'weight', 'recurrence', 'bias', 'lengths', 'initial_h'],
  BatchNormalization: ['input', 'scale', 'bias', 'mean', 'variance'], InstanceNormalization: ['input', 'scale', 'bias'], GroupNormalization: ['input', 'scale', 'bias'],
  LayerNormalization: ['input', 'scale', 'bias'], Gather: ['embedding'], PRelu: ['input', 'slope'], Add: ['bias', 'bias'], Sub: ['bias', 'bias'], Mul: ['scale', 'scale'], Div: ['scale', 'scale'],
};

function pathOf(initializer: string, uses: readonly Use[]): [string, string] {
  const plain = initializer.replace(/:\d+$/, '');
  const parts = segments(plain);
  if (!MADE_UP.test(plain) && parts.length > 1) return [parts.slice(0, -1).join('/'), parts[parts.length - 1]];
  const [use] = uses;
  if (!use) return ['~', plain];
  const scope = scopeOf(use.node);
  return [scope, MADE_UP.test(plain) || parts.length === 0 ? (ROLES[use.node.op]?.[use.input] ?? 'value') : plain];
}

/** Who reads the values of a graph, graphs within its nodes included. */
function usesIn(graph: Graph, uses = new Map<string, Use[]>()): Map<string, Use[]> {
  for (const node of graph.nodes) {
    node.inputs.forEach((name, input) => {
      if (!name) return;
      const known = uses.get(name);
      if (known) known.push({ node, input });
      else uses.set(name, [{ node, input }]);
    });
    for (const g of node.graphs.values()) usesIn(g, uses);
  }
  return uses;
}

/** Every tensor that a graph names, with those who read it: initializers and constants, graphs within nodes included. */
function* tensorsOf(graph: Graph): Generator<{ value: string; tensor: Tensor; users: readonly Use[]; constant: boolean }> {
  const uses = usesIn(graph);
  const of = (value: string): readonly Use[] => uses.get(value) ?? [];
  for (const [value, tensor] of graph.constants) yield { value, tensor, users: of(value), constant: false };
  for (const node of graph.nodes) {
    const tensor = node.op === 'Constant' ? node.tensors.get('value') : undefined;
    if (tensor && node.outputs[0]) yield { value: node.outputs[0], tensor, users: of(node.outputs[0]), constant: true };
    for (const g of node.graphs.values()) yield* tensorsOf(g);
  }
}

/** The tensors that nodes need: `names` are those that the main graph's own must have. */
export function neededTensors(graph: Graph, nodes: readonly Node[], names: ReadonlySet<string>): Set<Tensor> {
  const found = new Set<Tensor>();
  for (const [name, tensor] of graph.constants) if (names.has(name)) found.add(tensor);
  const walk = (list: readonly Node[]): void => {
    for (const node of list) {
      for (const t of node.tensors.values()) found.add(t);
      for (const g of node.graphs.values()) { for (const t of g.constants.values()) found.add(t); walk(g.nodes); }
    }
  };
  walk(nodes);
  return found;
}

const isStatistic = ({ node, input }: Use): boolean => node.op === 'BatchNormalization' && input >= 3;
const isStatic = ({ node, input }: Use): boolean => operatorOf(node)?.statics?.includes(input) ?? false;

/** What is trained or at least could be, and what BatchNormalization keeps. Everything else is a constant. */
export function nameParameters(graph: Graph): { parameters: Parameter[]; statistics: Parameter[] } {
  const taken = new Set<string>();
  const [parameters, statistics]: [Parameter[], Parameter[]] = [[], []];
  for (const { value: initializer, tensor, users, constant } of tensorsOf(graph)) {
    if (!tensor.dtype || !isFloat(tensor.dtype) || users.length === 0) continue;
    // A single number without a name of its own is an epsilon or a factor; so is a vector that only says sizes.
    if (users.every(isStatic) || (tensor.size <= 1 && (constant || MADE_UP.test(initializer) || tensor.shape.length === 0 && segments(initializer).length < 2))) continue;
    const [module, base] = pathOf(initializer, users);
    let name = base;
    for (let k = 1; taken.has(JSON.stringify([module, name])); k++) name = `${base}_${k}`;
    taken.add(JSON.stringify([module, name]));
    (users.every(isStatistic) ? statistics : parameters).push({ module, name, initializer, tensor });
  }
  return { parameters, statistics };
}
