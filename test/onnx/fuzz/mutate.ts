/** Mutants of a model: of its bytes, and of what they say. */
import { create, fromBinary, toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { AttributeProtoSchema, AttributeProto_AttributeType as T, FunctionProtoSchema, GraphProtoSchema, ModelProtoSchema, NodeProtoSchema, type AttributeProto, type GraphProto, type ModelProto, type NodeProto, type TensorProto } from 'onnx-buf';
import { domains, operatorNames } from '../../../lib/onnx/operators/index.js';
import { graph, node, port, tensor } from '../build.js';
import type { Draw } from './random.js';

const SIZES = [0n, 1n, 2n, 3n, 7n, 64n, 65536n, 1000000n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n, -1n, -2n, -(2n ** 31n), -(2n ** 63n)];
const NAMES = ['', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '.', '/', '..', 'a/../b', '\0', '\u202e', '🜚', 'x'.repeat(300), 'onnx::MatMul_7', 'y_lora_a'];
const NUMBERS = [0, -0, 1, -1, 0.5, NaN, Infinity, -Infinity, 1e-45, 3e38];
const TEXTS = ['', 'constant', 'reflect', 'nearest', 'linear', 'cubic', 'SAME_UPPER', 'VALID', 'NOTSET', 'reverse', 'bidirectional', 'sum', 'ij->ji', 'ii', '...', 'i,i->', 'mean', '\0'];
const ATTRIBUTES = ['axis', 'axes', 'perm', 'to', 'keepdims', 'kernel_shape', 'pads', 'strides', 'dilations', 'group', 'mode', 'value', 'hidden_size', 'direction', 'num_heads', 'alpha', 'epsilon', 'blocksize', 'equation', 'body', 'then_branch', 'ceil_mode', 'auto_pad', 'split', 'num_outputs', 'allowzero', 'batch_dims', 'exclusive', 'block_size', 'output_shape', 'output_padding', 'num_scan_inputs', 'sizes', 'layout', 'noop_with_empty_axes', 'start', 'end', 'training_mode', 'seed', 'transA', 'k'];
/** Where external data may be said to lie; the fuzzer's folder has all of these, and a secret outside. */
export const PLACES = ['w.bin', '../secret.bin', '/etc/passwd', 'link.bin', 'hard.bin', 'up/secret.bin', 'folder', './w.bin', 'folder/../w.bin', '..\\secret.bin', 'C:\\w.bin', '', '\0', 'w.bin\0', 'missing.bin', '.', '..', '/dev/zero', '/proc/self/mem', 'fifo'];

/** Of messages that are no longer valid, too. */
const copyOf = <S extends DescMessage>(schema: S, m: MessageShape<S>): MessageShape<S> => fromBinary(schema, toBinary(schema, m), { recursionLimit: 10_000 });

type Change = (m: ModelProto, d: Draw) => void;

const graphsOf = (g: GraphProto): GraphProto[] => [g, ...g.node.flatMap((n) => n.attribute.flatMap((a) => (a.g ? graphsOf(a.g) : [])))];
const someGraph = (m: ModelProto, d: Draw): GraphProto => d.of(graphsOf(m.graph!));
const nodesOf = (m: ModelProto): NodeProto[] => [...graphsOf(m.graph!).flatMap((g) => g.node), ...m.functions.flatMap((f) => f.node)];
const valuesOf = (g: GraphProto): string[] => [...g.input, ...g.initializer, ...g.output].map((v) => v.name).concat(g.node.flatMap((n) => [...n.input, ...n.output]));
const someNode = (m: ModelProto, d: Draw, then: (n: NodeProto) => void): void => { const list = nodesOf(m); if (list.length) then(d.of(list)); };
const someAttribute = (m: ModelProto, d: Draw, then: (a: AttributeProto, n: NodeProto) => void): void => someNode(m, d, (n) => { if (n.attribute.length) then(d.of(n.attribute), n); });
const someTensor = (m: ModelProto, d: Draw, then: (t: TensorProto) => void): void => {
  const list = [...graphsOf(m.graph!).flatMap((g) => g.initializer), ...nodesOf(m).flatMap((n) => n.attribute.flatMap((a) => (a.t ? [a.t] : [])))];
  if (list.length) then(d.of(list));
};
const place = <X>(list: X[], d: Draw, value: X): void => { if (list.length && d.chance(0.7)) list[d.below(list.length)] = value; else list.splice(d.below(list.length + 1), 0, value); };

function attribute(d: Draw, m: ModelProto): AttributeProto {
  const name = d.chance(0.95) ? d.of(ATTRIBUTES) : d.of(NAMES);
  const type = d.of([T.INT, T.INTS, T.FLOAT, T.FLOATS, T.STRING, T.TENSOR, T.GRAPH]);
  const initializers = m.graph!.initializer;
  return create(AttributeProtoSchema, {
    name, type, ...(type === T.INT && { i: d.of(SIZES) }), ...(type === T.INTS && { ints: Array.from({ length: d.below(6) }, () => d.of(SIZES)) }), ...(type === T.FLOAT && { f: d.of(NUMBERS) }),
    ...(type === T.FLOATS && { floats: Array.from({ length: d.below(5) }, () => d.of(NUMBERS)) }), ...(type === T.STRING && { s: new TextEncoder().encode(d.of(TEXTS)) }),
    ...(type === T.TENSOR && initializers.length && { t: d.of(initializers) }), ...(type === T.GRAPH && { g: copyOf(GraphProtoSchema, m.graph!) }),
  } as never);
}

/** Integers of a tensor, changed where they lie. */
function changeElements(t: TensorProto, d: Draw): void {
  const raw = t.rawData.slice();
  const view = new DataView(raw.buffer);
  if (t.dataType === 7 && raw.length >= 8) view.setBigInt64(8 * d.below(raw.length >> 3), d.of(SIZES), true);
  else if (t.dataType === 1 && raw.length >= 4) view.setFloat32(4 * d.below(raw.length >> 2), d.of(NUMBERS), true);
  else if (raw.length) raw[d.below(raw.length)] = d.below(256);
  t.rawData = raw;
}

export const CHANGES: Readonly<Record<string, Change>> = {
  dims: (m, d) => someTensor(m, d, (t) => place(t.dims, d, d.of(SIZES))),
  rank: (m, d) => someTensor(m, d, (t) => { if (d.chance(0.5)) t.dims.splice(d.below(t.dims.length + 1), 1); else for (let k = d.of([1, 5, 40]); k > 0; k--) t.dims.push(1n); }),
  type: (m, d) => someTensor(m, d, (t) => { t.dataType = d.below(30) - 1; }),
  elements: (m, d) => someTensor(m, d, (t) => changeElements(t, d)),
  lessElements: (m, d) => someTensor(m, d, (t) => { t.rawData = d.chance(0.5) ? t.rawData.slice(0, d.below(t.rawData.length + 1)) : Buffer.concat([t.rawData, new Uint8Array(d.below(20))]); }),
  otherElements: (m, d) => someTensor(m, d, (t) => { if (d.chance(0.5)) t.rawData = new Uint8Array(0); const n = d.below(6); t.floatData = Array.from({ length: n }, () => d.of(NUMBERS)); if (d.chance(0.5)) t.int64Data = Array.from({ length: n }, () => d.of(SIZES)); }),
  external: (m, d) => someTensor(m, d, (t) => {
    if (d.chance(0.8)) t.dataLocation = 1;
    const entries = { location: d.chance(0.95) ? d.of(PLACES) : d.of(NAMES), ...(d.chance(0.5) && { offset: d.of(['0', '-1', '16', '1e3', '99999999999999999999', '4096', '', '0x10', String(d.of(SIZES))]) }), ...(d.chance(0.5) && { length: d.of(['16', '0', '-16', '9999999999', 'NaN', String(d.of(SIZES))]) }) };
    t.externalData = Object.entries(entries).map(([key, value]) => ({ $typeName: 'onnx.StringStringEntryProto', key, value }));
  }),
  tensorName: (m, d) => someTensor(m, d, (t) => { t.name = d.chance(0.5) ? d.of(NAMES) : d.of(valuesOf(m.graph!)); }),
  wire: (m, d) => someNode(m, d, (n) => place(n.input, d, d.chance(0.8) ? d.of(valuesOf(someGraph(m, d)).concat('')) : d.of(NAMES))),
  wireOut: (m, d) => someNode(m, d, (n) => place(n.output, d, d.chance(0.8) ? d.of(valuesOf(someGraph(m, d)).concat('')) : d.of(NAMES))),
  lessWires: (m, d) => someNode(m, d, (n) => { const list = d.chance(0.7) ? n.input : n.output; list.splice(d.below(list.length + 1), 1 + d.below(2)); }),
  manyWires: (m, d) => someNode(m, d, (n) => { for (let k = d.of([2, 100, 2000]); k > 0; k--) (d.chance(0.9) ? n.input : n.output).push(n.input[0] ?? 'x'); }),
  rename: (m, d) => { const g = m.graph!; const [from, to] = [d.of(valuesOf(g)), d.of(NAMES)]; const turn = (list: string[]): void => list.forEach((name, i) => { if (name === from) list[i] = to; }); for (const n of nodesOf(m)) { turn(n.input); turn(n.output); } for (const v of [...g.input, ...g.output, ...g.initializer]) if (v.name === from) v.name = to; },
  nodeName: (m, d) => someNode(m, d, (n) => { n.name = d.chance(0.5) ? d.of(NAMES) : d.of(nodesOf(m)).name; }),
  operator: (m, d) => someNode(m, d, (n) => { const domain = d.of(domains()); n.domain = d.chance(0.95) ? domain : d.of(['ai.onnx', 'own', '__proto__', 'hokku']); n.opType = d.chance(0.95) ? d.of(operatorNames(domain)) : d.of(['', 'toString', '__proto__', 'Foo', 'Inner']); if (domain && !m.opsetImport.some((o) => o.domain === domain)) m.opsetImport.push({ $typeName: 'onnx.OperatorSetIdProto', domain, version: 1n }); }),
  integer: (m, d) => someAttribute(m, d, (a) => { if (a.ints.length) place(a.ints, d, d.of(SIZES)); else a.i = d.of(SIZES); }),
  number: (m, d) => someAttribute(m, d, (a) => { if (a.floats.length) place(a.floats, d, d.of(NUMBERS)); else a.f = d.of(NUMBERS); }),
  text: (m, d) => someAttribute(m, d, (a) => { a.s = new TextEncoder().encode(d.of(TEXTS)); }),
  attributeType: (m, d) => someAttribute(m, d, (a) => { a.type = d.below(16); if (d.chance(0.3)) { a.ints = []; a.i = 0n; } }),
  attributeName: (m, d) => someAttribute(m, d, (a) => { a.name = d.chance(0.8) ? d.of(ATTRIBUTES) : d.of(NAMES); }),
  reference: (m, d) => someAttribute(m, d, (a) => { a.refAttrName = d.of(['alpha', 'beta', '__proto__']); }),
  lessAttributes: (m, d) => someAttribute(m, d, (a, n) => { n.attribute.splice(n.attribute.indexOf(a), 1); }),
  moreAttributes: (m, d) => someNode(m, d, (n) => { n.attribute.push(d.chance(0.9) || !n.attribute.length ? attribute(d, m) : d.of(n.attribute)); }),
  opset: (m, d) => { place(m.opsetImport, d, { $typeName: 'onnx.OperatorSetIdProto', domain: d.of(['', '', '', 'ai.onnx', 'com.microsoft', 'own']), version: d.chance(0.8) ? BigInt(d.below(30)) : d.of(SIZES) }); },
  ir: (m, d) => { m.irVersion = d.chance(0.8) ? BigInt(d.below(24)) : d.of(SIZES); },
  port: (m, d) => { const list = d.chance(0.7) ? m.graph!.input : m.graph!.output; if (list.length) list[d.below(list.length)] = port(d.chance(0.8) ? d.of(list).name : d.of(NAMES), d.of(['float32', 'float16', 'int64', 'bool', 'float64']), d.chance(0.3) ? undefined : Array.from({ length: d.below(5) }, () => (d.chance(0.3) ? d.of(['n', '', '__proto__']) : Number(d.of(SIZES.slice(0, 8)))))); },
  ports: (m, d) => { const g = someGraph(m, d); const list = d.chance(0.5) ? g.input : g.output; if (d.chance(0.5)) list.splice(d.below(list.length + 1), 1); else list.push(port(d.of(valuesOf(g).concat(NAMES)))); },
  noType: (m) => { for (const v of m.graph!.input) v.type = undefined; },
  dropNode: (m, d) => { const g = someGraph(m, d); g.node.splice(d.below(g.node.length + 1), 1); },
  doubleNode: (m, d) => { const g = someGraph(m, d); if (g.node.length) g.node.splice(d.below(g.node.length), 0, copyOf(NodeProtoSchema, d.of(nodesOf(m)))); },
  orderNodes: (m, d) => { const g = someGraph(m, d); const at = d.below(g.node.length + 1); g.node = [...g.node.slice(at), ...g.node.slice(0, at)]; },
  longChain: (m, d) => { const g = m.graph!; const [out] = g.output; if (!out) return; let from = out.name; for (let k = d.of([20, 100]); k > 0; k--) { g.node.push(node('Neg', [from], [`chain${k}`])); from = `chain${k}`; } out.name = from; },
  dropInitializer: (m, d) => { const g = someGraph(m, d); g.initializer.splice(d.below(g.initializer.length + 1), 1); },
  doubleInitializer: (m, d) => { const g = someGraph(m, d); if (g.initializer.length) someGraph(m, d).initializer.push(d.of(g.initializer)); },
  nested: (m, d) => { let g = graph([node('Neg', ['x'], ['y'])], [], [port('y')]); for (let k = d.of([2, 20, 90, 200]); k > 0; k--) g = graph([node('If', ['yes'], ['y'], { then_branch: g, else_branch: graph([], [], [port('x')]) })], [], [port('y')]); m.graph!.node.push(...g.node.map((n) => ({ ...n, output: ['nested'] }))); },
  selfCall: (m) => { m.functions.push(create(FunctionProtoSchema, { domain: 'own', name: 'Self', input: ['a'], output: ['b'], node: [node('Self', ['a'], ['b'], {}, { domain: 'own' })] })); m.graph!.node.push(node('Self', ['x'], ['self'], {}, { domain: 'own' })); },
  manyCalls: (m, d) => {
    const depth = d.of([3, 12, 30]);
    for (let k = 0; k <= depth; k++) m.functions.push(create(FunctionProtoSchema, { domain: 'own', name: `F${k}`, input: ['a'], output: ['b'], opsetImport: [{ domain: '', version: 21n }], node: k === 0 ? [node('Neg', ['a'], ['b'])] : [node(`F${k - 1}`, ['a'], ['c'], {}, { domain: 'own' }), node(`F${k - 1}`, ['c'], ['b'], {}, { domain: 'own' })] }));
    m.graph!.node.push(node(`F${depth}`, ['x'], ['calls'], {}, { domain: 'own' }));
    m.graph!.output.push(port('calls'));
  },
  /** Any operator, of inputs and attributes as they come. */
  anyOperator: (m, d) => {
    const g = m.graph!;
    const domain = d.of(domains());
    if (domain && !m.opsetImport.some((o) => o.domain === domain)) m.opsetImport.push({ $typeName: 'onnx.OperatorSetIdProto', domain, version: 1n });
    const inputs = Array.from({ length: d.below(6) }, (_, k) => {
      if (d.chance(0.4)) return d.of(valuesOf(g).concat('x', 'x'));
      const dims = Array.from({ length: d.below(5) }, () => d.of([1, 1, 2, 2, 3, 0]));
      const dtype = d.of(['float32', 'float32', 'int64', 'int64', 'int32', 'bool', 'uint8'] as const);
      g.initializer.push(tensor(`any${k}`, dtype, dims, Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => { const v = d.of([0, 1, 1, 2, 3]); return dtype === 'int64' ? BigInt(v) : v; })));
      return `any${k}`;
    });
    const made = node(d.of(operatorNames(domain)), inputs, Array.from({ length: 1 + d.below(3) }, (_, k) => `anything${k}`), {}, { domain });
    made.attribute = Array.from({ length: d.below(4) }, () => attribute(d, m));
    g.node.push(made);
    g.output.push(port('anything0'));
  },
  metadata: (m, d) => { m.metadataProps.push({ $typeName: 'onnx.StringStringEntryProto', key: d.of(NAMES), value: d.of(NAMES) }); },
};
const KINDS = Object.keys(CHANGES);

function changeBytes(bytes: Uint8Array, d: Draw): Uint8Array {
  const at = d.below(bytes.length + 1);
  const n = d.of([1, 1, 2, 4, 9, 100]);
  const noise = Uint8Array.from({ length: n }, () => (d.chance(0.3) ? 255 : d.below(256)));
  switch (d.below(7)) {
    case 0: { const out = bytes.slice(); if (at < out.length) out[at] ^= 1 << d.below(8); return out; }
    case 1: { const out = bytes.slice(); out.set(noise.subarray(0, Math.max(0, out.length - at)), at); return out; }
    case 2: return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]);
    case 3: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + n))]);
    case 4: return bytes.slice(0, at);
    case 5: { const from = d.below(bytes.length + 1); return Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, from + d.of([4, 30, 400])), bytes.subarray(at)]); }
    // A length or number of up to ten bytes in place of one.
    default: return Buffer.concat([bytes.subarray(0, at), Uint8Array.from({ length: d.below(10) }, () => 128 | d.below(128)), Uint8Array.of(d.below(128)), bytes.subarray(at + 1)]);
  }
}

export interface Mutant { readonly bytes: Uint8Array; readonly changes: readonly string[] }

/** One mutant, by one to four changes. */
export function mutate(seed: Uint8Array, d: Draw): Mutant {
  const changes: string[] = [];
  let bytes = seed;
  if (d.chance(0.6)) {
    const m = fromBinary(ModelProtoSchema, seed);
    for (let k = 1 + d.below(d.of([1, 2, 4])); k > 0; k--) {
      const kind = d.of(KINDS);
      changes.push(kind);
      CHANGES[kind](m, d);
    }
    bytes = toBinary(ModelProtoSchema, m);
  }
  if (changes.length === 0 || d.chance(0.1)) for (let k = 1 + d.below(d.of([1, 2, 4])); k > 0; k--) { changes.push('bytes'); bytes = changeBytes(bytes, d); }
  return { bytes, changes };
}
