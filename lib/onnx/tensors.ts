/** ONNX's tensors: their types, and their elements as memory of our own. */
import type { TensorProto } from 'onnx-buf';
import { ConcreteArray, aval } from '../jax/array.js';
import { DTYPES, type DType } from '../runtime/dtypes.js';
import { encode } from '../runtime/elements.js';
import { FileFormatError, TypeError } from '../runtime/errors.js';
import { externalRange, type Folder } from './external.js';
import type { Source } from './source.js';
import type { Range } from './wire.js';

const DTYPE_OF = new Map(Object.entries(DTYPES).map(([name, { onnx }]) => [onnx as number, name as DType]));
const OTHER = ['UNDEFINED', 'STRING', 'COMPLEX64', 'COMPLEX128', 'FLOAT8E4M3FN', 'FLOAT8E4M3FNUZ', 'FLOAT8E5M2', 'FLOAT8E5M2FNUZ', 'UINT4', 'INT4', 'FLOAT4E2M1', 'FLOAT8E8M0', 'UINT2', 'INT2'];
const OTHER_OF = new Map([0, 8, 14, 15, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26].map((n, i) => [n, OTHER[i]]));

/** Our name of ONNX's element type, or undefined where we have no such arrays. */
export const dtypeOf = (onnx: number): DType | undefined => DTYPE_OF.get(onnx);
/** A name for messages. */
export const typeName = (onnx: number): string => DTYPE_OF.get(onnx) ?? OTHER_OF.get(onnx) ?? `type ${onnx}`;

/** A constant of a model. Its elements are read when they are asked for. */
export interface Tensor {
  readonly name: string;
  /** ONNX's number of the element type; `dtype` is undefined where there are no such arrays. */
  readonly type: number;
  readonly dtype: DType | undefined;
  readonly shape: readonly number[];
  readonly size: number;
  /** The message that it was read from. */
  readonly proto: TensorProto;
  /** A new array each time. */
  load(): ConcreteArray;
}

/** How many elements a shape has; the file says so, and may lie. */
function sizeOf(shape: readonly bigint[], what: string): number {
  let n = 1n;
  for (const d of shape) {
    if (d < 0n) throw new FileFormatError(`${what} has the negative dimension ${d}.`);
    n *= d;
  }
  if (n > BigInt(Number.MAX_SAFE_INTEGER) || shape.some((d) => d > 0x7fffffffffffn)) throw new FileFormatError(`${what} is said to have ${n} elements.`);
  return Number(n);
}

/** `stored`: where its elements lie, if not in the message. Checked here: that there are as many elements as the shape says. */
export function readTensor(proto: TensorProto, source: Source, folder: Folder, stored: Range | null, label = ''): Tensor {
  const name = proto.name || label;
  const what = `${source.name}: the tensor '${name}'`;
  const type = proto.dataType;
  const dtype = dtypeOf(type);
  if (!dtype && !OTHER_OF.has(type)) throw new FileFormatError(`${what} has the unknown element type ${type}.`);
  if (proto.segment) throw new FileFormatError(`${what} is written in segments, which no longer exist in ONNX.`);
  const size = sizeOf(proto.dims, what);
  const shape = proto.dims.map(Number);
  const base = { name, type, dtype, shape, size, proto };
  if (!dtype) return { ...base, load: () => { throw new TypeError(`${what} has elements of type ${typeName(type)}, which there are no arrays of.`); } };
  const expected = size * DTYPES[dtype].size;
  const wrong = (given: number, unit: string): FileFormatError => new FileFormatError(`${what} is ${dtype}[${shape.join()}], which takes ${unit === 'bytes' ? expected : size} ${unit}, but ${given} are there.`);
  const array = (buffer: ArrayBuffer): ConcreteArray => new ConcreteArray(aval(shape, dtype), buffer);
  if (proto.dataLocation === 1) {
    const { source: file, range } = externalRange(proto, folder, what, expected);
    return { ...base, load: () => array(file.copy(range.from, expected)) };
  }
  if (stored) {
    if (stored.to - stored.from !== expected) throw wrong(stored.to - stored.from, 'bytes');
    return { ...base, load: () => array(source.copy(stored.from, expected)) };
  }
  const { rawData } = proto;
  if (rawData.byteLength > 0 || expected === 0) {
    if (rawData.byteLength !== expected) throw wrong(rawData.byteLength, 'bytes');
    return { ...base, load: () => array(Uint8Array.prototype.slice.call(rawData).buffer as ArrayBuffer) };
  }
  const values: ArrayLike<number | bigint> = dtype === 'float32' ? proto.floatData : dtype === 'float64' ? proto.doubleData : dtype === 'int64' ? proto.int64Data
    : dtype === 'uint64' || dtype === 'uint32' ? proto.uint64Data : proto.int32Data;
  if (values.length !== size) throw wrong(values.length, 'elements');
  // Half floats are written as their bits.
  const bits: DType = dtype === 'float16' || dtype === 'bfloat16' ? 'uint16' : dtype;
  return { ...base, load: () => array(encode(bits, values)) };
}
