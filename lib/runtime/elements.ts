/** Elements as bytes: typed arrays, the half-precision formats, and JavaScript values in and out. */
import { DTYPES, type DType } from './dtypes.js';

type TypedArrayConstructor = { new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray; readonly BYTES_PER_ELEMENT: number };
export type TypedArray = Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

/** float16 and bfloat16 are kept as their bits, bool as bytes of 0 and 1. */
export const TYPED_ARRAYS: Record<DType, TypedArrayConstructor> = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array, bfloat16: Uint16Array, int8: Int8Array, int16: Int16Array,
  int32: Int32Array, int64: BigInt64Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array, bool: Uint8Array,
} as Record<DType, TypedArrayConstructor>;

/** The dtype of a typed array, or undefined. */
export function dtypeOfTypedArray(x: unknown): DType | undefined {
  if (x instanceof Uint8ClampedArray) return 'uint8';
  return (Object.keys(TYPED_ARRAYS) as DType[]).find((d) => d !== 'float16' && d !== 'bfloat16' && d !== 'bool' && x instanceof (TYPED_ARRAYS[d] as never));
}

const scratch = new DataView(new ArrayBuffer(8));
function floatBits(x: number): number { scratch.setFloat32(0, x); return scratch.getUint32(0); }

/** Round to nearest even, from float64 through float32's bits. */
export function toBfloat16(x: number): number {
  const bits = floatBits(x);
  if (x !== x) return 0x7fc0;
  // A double that is not a float32 would round twice: make the float32 odd where it was inexact.
  const sticky = Math.fround(x) === x ? bits : (Math.abs(Math.fround(x)) > Math.abs(x) ? bits - 1 : bits) | 1;
  return ((sticky + 0x7fff + ((sticky >>> 16) & 1)) >>> 16) & 0xffff;
}
export function fromBfloat16(bits: number): number { scratch.setUint32(0, bits << 16); return scratch.getFloat32(0); }

export function toFloat16(x: number): number {
  const sign = Object.is(x, -0) || x < 0 ? 0x8000 : 0;
  const a = Math.abs(x);
  if (a !== a) return 0x7e00;
  if (a >= 65520) return sign | 0x7c00;
  const exponent = a < 2 ** -14 ? -14 : Math.floor(Math.log2(a));
  const e = a < 2 ** -14 ? -14 : a >= 2 ** (exponent + 1) ? exponent + 1 : a < 2 ** exponent ? exponent - 1 : exponent;
  const scaled = a * 2 ** (10 - e);
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const mantissa = floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0);
  return sign | (a < 2 ** -14 ? mantissa : ((e + 14) << 10) + mantissa);
}
export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const e = (bits >> 10) & 31;
  const m = bits & 1023;
  if (e === 31) return m ? NaN : sign * Infinity;
  return sign * (e === 0 ? m * 2 ** -24 : (1 + m / 1024) * 2 ** (e - 15));
}

/** Writes JS numbers, bigints or booleans as elements of `dtype`. */
export function encode(dtype: DType, values: ArrayLike<number | bigint | boolean>): ArrayBuffer {
  const buffer = new ArrayBuffer(values.length * DTYPES[dtype].size);
  const out = new TYPED_ARRAYS[dtype](buffer) as unknown as (number | bigint)[];
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (dtype === 'int64' || dtype === 'uint64') out[i] = typeof v === 'bigint' ? v : BigInt(Math.trunc(Number(v)));
    else if (dtype === 'bool') out[i] = v ? 1 : 0;
    else if (dtype === 'float16') out[i] = toFloat16(Number(v));
    else if (dtype === 'bfloat16') out[i] = toBfloat16(Number(v));
    else out[i] = Number(v);
  }
  return buffer;
}

/** One element as a JS value: number, bigint for 64-bit integers, boolean for bool. */
export function decodeAt(dtype: DType, data: TypedArray, i: number): number | bigint | boolean {
  const v = data[i];
  if (dtype === 'bool') return v !== 0;
  if (dtype === 'float16') return fromFloat16(v as number);
  if (dtype === 'bfloat16') return fromBfloat16(v as number);
  return v;
}
