/** Numbers of arrays, and how they are compared. */
import { DTYPES, type DType } from '../../lib/runtime/dtypes.js';
import type { Any } from './api.js';
import type { Tolerance } from './cases.js';
import type { NamedTensor } from '../../lib/training/checkpoint-file.js';

const scratch = new DataView(new ArrayBuffer(4));

/** IEEE half precision from its bits. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 from its bits: the upper half of a float32. */
function fromBfloat(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

const READERS: Record<DType, (view: DataView, at: number) => number> = {
  float32: (v, i) => v.getFloat32(i, true),
  float64: (v, i) => v.getFloat64(i, true),
  float16: (v, i) => fromHalf(v.getUint16(i, true)),
  bfloat16: (v, i) => fromBfloat(v.getUint16(i, true)),
  bool: (v, i) => v.getUint8(i),
  int8: (v, i) => v.getInt8(i),
  int16: (v, i) => v.getInt16(i, true),
  int32: (v, i) => v.getInt32(i, true),
  int64: (v, i) => Number(v.getBigInt64(i, true)),
  uint8: (v, i) => v.getUint8(i),
  uint16: (v, i) => v.getUint16(i, true),
  uint32: (v, i) => v.getUint32(i, true),
  uint64: (v, i) => Number(v.getBigUint64(i, true)),
};

/** One array as it lies in a file: little-endian numbers in row-major order. */
export type RawArray = Omit<NamedTensor, 'name'>;

/** The elements of recorded bytes as doubles. */
export function numbersOf(raw: RawArray): Float64Array {
  const view = new DataView(raw.data.buffer, raw.data.byteOffset, raw.data.byteLength);
  const { size } = DTYPES[raw.dtype];
  const read = READERS[raw.dtype];
  return Float64Array.from({ length: raw.data.byteLength / size }, (_, i) => read(view, i * size));
}

export const isArray = (x: Any): boolean => typeof x === 'object' && x !== null && typeof x.dtype === 'string' && Array.isArray(x.shape) && 'data' in Object(x);

/** An array of the public API as raw bytes. */
export function rawOf(x: Any): RawArray {
  const data = x.data as ArrayBufferView;
  return { dtype: x.dtype, shape: x.shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

export const isFloat = (dtype: string): boolean => /float/.test(dtype);
const text = (x: { dtype: string; shape: readonly number[] }): string => `${x.dtype}[${x.shape.join()}]`;

/** One comparison that failed: `error` is the largest |a - b|, NaN where there is no number for it. */
export interface Mismatch { readonly what: string; readonly why: string; readonly error: number }

/** Compares elements: the farthest beyond its tolerance is reported. */
export function compareNumbers(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: Tolerance): Mismatch | null {
  let worst = -1;
  let worstExcess = 0;
  let error = 0;
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i];
    const b = expected[i];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const difference = Math.abs(a - b);
    const allowed = tolerance.exact ? 0 : (tolerance.atol ?? 0) + (tolerance.rtol ?? 0) * Math.abs(b);
    if (difference > error) error = difference;
    // A NaN or an infinity on one side only is beyond any tolerance.
    const excess = Number.isFinite(difference) ? difference - allowed : Infinity;
    if (excess > worstExcess) [worst, worstExcess] = [i, excess];
  }
  if (worst < 0) return null;
  return { what, why: `at ${worst}: ${actual[worst]} instead of ${expected[worst]}`, error };
}

/** Compares an array, or a JavaScript number or boolean in its place, with the recorded one. */
export function compareArray(what: string, actual: Any, expected: RawArray, tolerance: Tolerance): Mismatch | null {
  const wanted = numbersOf(expected);
  const exact = isFloat(expected.dtype) ? tolerance : { exact: true };
  if (typeof actual === 'number' || typeof actual === 'boolean' || typeof actual === 'bigint') {
    if (expected.shape.length > 0) return { what, why: `a number instead of ${text(expected)}`, error: NaN };
    return compareNumbers(what, [Number(actual)], wanted, exact);
  }
  if (!isArray(actual)) return { what, why: `${describe(actual)} instead of ${text(expected)}`, error: NaN };
  if (actual.dtype !== expected.dtype || actual.shape.join() !== expected.shape.join()) {
    return { what, why: `${text(actual)} instead of ${text(expected)}`, error: NaN };
  }
  return compareNumbers(what, numbersOf(rawOf(actual)), wanted, exact);
}

/** A value in a few words, for messages. */
export function describe(value: Any): string {
  if (value === null || typeof value !== 'object') return typeof value === 'function' ? 'a function' : String(value);
  if (isArray(value)) return text(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return `an object with the keys ${Object.keys(value).join(', ') || '(none)'}`;
}
