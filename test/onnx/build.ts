/** Models written by hand, for tests. */
import { create, toBinary } from '@bufbuild/protobuf';
import { AttributeProtoSchema, AttributeProto_AttributeType as T, GraphProtoSchema, ModelProtoSchema, NodeProtoSchema, TensorProtoSchema, ValueInfoProtoSchema, type GraphProto, type ModelProto, type NodeProto, type TensorProto, type ValueInfoProto } from 'onnx-buf';
import { DTYPES, type DType } from '../../lib/runtime/dtypes.js';
import { encode } from '../../lib/runtime/elements.js';

type AttributeValue = number | { readonly float: number } | string | readonly number[] | GraphProto | TensorProto;
const isGraph = (v: object): v is GraphProto => (v as GraphProto).$typeName === 'onnx.GraphProto';

function attribute(name: string, v: AttributeValue) {
  const of = (init: object) => create(AttributeProtoSchema, { name, ...init });
  if (typeof v === 'number') return of({ type: T.INT, i: BigInt(v) });
  if (typeof v === 'string') return of({ type: T.STRING, s: new TextEncoder().encode(v) });
  if (Array.isArray(v)) return of({ type: T.INTS, ints: v.map(BigInt) });
  if ('float' in v) return of({ type: T.FLOAT, f: v.float });
  return isGraph(v as object) ? of({ type: T.GRAPH, g: v }) : of({ type: T.TENSOR, t: v });
}

export const node = (opType: string, input: string[], output: string[], attributes: Record<string, AttributeValue> = {}, more: { name?: string; domain?: string } = {}): NodeProto =>
  create(NodeProtoSchema, { opType, input, output, name: more.name ?? '', domain: more.domain ?? '', attribute: Object.entries(attributes).map(([k, v]) => attribute(k, v)) });

export const tensor = (name: string, dtype: DType, dims: number[], values: ArrayLike<number | bigint>): TensorProto =>
  create(TensorProtoSchema, { name, dataType: DTYPES[dtype].onnx, dims: dims.map(BigInt), rawData: new Uint8Array(encode(dtype, values)) });

export const port = (name: string, dtype: DType = 'float32', shape?: readonly (number | string)[]): ValueInfoProto =>
  create(ValueInfoProtoSchema, { name, type: { value: { case: 'tensorType', value: { elemType: DTYPES[dtype].onnx, ...(shape && { shape: { dim: shape.map((d) => ({ value: typeof d === 'number' ? { case: 'dimValue' as const, value: BigInt(d) } : { case: 'dimParam' as const, value: d } })) } }) } } } });

export const graph = (nodes: NodeProto[], inputs: ValueInfoProto[], outputs: ValueInfoProto[], initializers: TensorProto[] = []): GraphProto =>
  create(GraphProtoSchema, { name: 'test', node: nodes, input: inputs, output: outputs, initializer: initializers });

export const message = (g: GraphProto, more: Partial<Record<keyof ModelProto, unknown>> = {}): ModelProto =>
  create(ModelProtoSchema, { irVersion: 10n, opsetImport: [{ domain: '', version: 21n }, { domain: 'com.microsoft', version: 1n }], graph: g, ...more } as never);
export const bytes = (m: ModelProto): Uint8Array => toBinary(ModelProtoSchema, m);
/** The bytes of a model with this graph. */
export const model = (g: GraphProto, more: Partial<Record<keyof ModelProto, unknown>> = {}): Uint8Array => bytes(message(g, more));
