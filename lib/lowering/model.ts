/** An ONNX graph as the bytes of a model file. */
import { createRequire } from 'node:module';
import { DTYPES } from '../runtime/dtypes.js';
import type * as Messages from './messages.js';
import { Graph, type Attribute, type GraphConstant, type GraphNode, type GraphValue } from './graph.js';

// Loaded at the first compilation, so that importing the library stays cheap.
const require = createRequire(import.meta.url);
let loaded: typeof Messages | undefined;
export const messages = (): typeof Messages => (loaded ??= require('./messages.js') as typeof Messages);

export const OPSET = 21;
export const IR_VERSION = 10;

function attribute(name: string, value: Attribute) {
  const { AttributeProto_AttributeType: T } = messages().onnx;
  if (typeof value === 'number') return { name, type: T.INT, i: BigInt(value) };
  if (typeof value === 'string') return { name, type: T.STRING, s: new TextEncoder().encode(value) };
  if ('message' in value) return { ...value.message, name };
  if ('graph' in value) return { name, type: T.GRAPH, g: graphOf(value.graph, name) };
  if ('float' in value) return { name, type: T.FLOAT, f: value.float };
  if ('floats' in value) return { name, type: T.FLOATS, floats: [...value.floats] };
  return { name, type: T.INTS, ints: Array.from(value, BigInt) };
}

const node = (n: GraphNode) => ({
  opType: n.op, domain: n.domain, input: [...n.inputs], output: [...n.outputs], name: n.name,
  attribute: Object.entries(n.attributes).map(([k, v]) => attribute(k, v)),
});

const value = (v: GraphValue) => (v.sequence ? {
  name: v.name,
  type: { value: { case: 'sequenceType' as const, value: { elemType: { value: { case: 'tensorType' as const, value: { elemType: DTYPES[v.dtype].onnx } } } } } },
} : {
  name: v.name,
  type: {
    value: {
      case: 'tensorType' as const,
      value: {
        elemType: DTYPES[v.dtype].onnx,
        shape: { dim: v.shape.map((d) => ({ value: typeof d === 'number' ? { case: 'dimValue' as const, value: BigInt(d) } : { case: 'dimParam' as const, value: String(d) } })) },
      },
    },
  },
});

const constant = (c: GraphConstant) => ({ name: c.name, dataType: DTYPES[c.dtype].onnx, dims: c.shape.map(BigInt), rawData: c.bytes as Uint8Array<ArrayBuffer> });

const graphOf = (graph: Graph, name: string): object => ({
  name,
  node: graph.nodes.map(node),
  initializer: graph.constants.map(constant),
  input: graph.inputs.map(value),
  output: graph.outputs.map(value),
  valueInfo: graph.values.map(value),
});

/** The domains of a graph's nodes, at every depth. */
function domainsOf(graph: Graph): string[] {
  return graph.nodes.flatMap((n) => [n.domain, ...Object.values(n.attributes).flatMap((a) => (typeof a === 'object' && 'graph' in a ? domainsOf(a.graph) : []))]);
}

/** The bytes of a ModelProto. Domains other than ONNX's own are imported where a node uses them. */
export function serialize(graph: Graph, name = 'hokku', metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const { onnx, protobuf } = messages();
  const domains = [...new Set(domainsOf(graph))].filter(Boolean).sort();
  const init = (schema: never, x: unknown) => protobuf.create(schema, x as never);
  const model = init(onnx.ModelProtoSchema as never, {
    irVersion: BigInt(IR_VERSION),
    producerName: 'hokku',
    opsetImport: [{ domain: '', version: BigInt(OPSET) }, ...domains.map((domain) => ({ domain, version: 1n }))],
    metadataProps: Object.entries(metadata).map(([key, v]) => ({ key, value: v })),
    graph: graphOf(graph, name),
  });
  return protobuf.toBinary(onnx.ModelProtoSchema as never, model);
}
