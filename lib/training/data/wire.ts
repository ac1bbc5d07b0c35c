/** Elements between threads: arrays as their bytes, everything else as structured cloning has it. */
import type { DType } from '../../runtime/dtypes.js';

const ARRAY = '$hokku.array';
interface WireArray { [ARRAY]: true; dtype: DType; shape: number[]; bytes: Uint8Array }
export type FromBytes = (dtype: DType, shape: readonly number[], bytes: Uint8Array) => unknown;
export interface Request { readonly id: number; readonly element: unknown; readonly info: unknown }
export interface Response { readonly id: number; readonly result?: unknown; readonly error?: { readonly message: string; readonly stack?: string } }

const isPlain = (x: object): boolean => { const p = Object.getPrototypeOf(x) as object | null; return p === null || Object.getPrototypeOf(p) === null; };

export function encodeWire(x: unknown): unknown {
  if (typeof x !== 'object' || x === null || ArrayBuffer.isView(x)) return x;
  if (Array.isArray(x)) return x.map(encodeWire);
  if ('dtype' in x && 'shape' in x && 'data' in x) {
    const { dtype, shape, data } = x as { dtype: DType; shape: number[]; data: Uint8Array };
    return { [ARRAY]: true, dtype, shape: [...shape], bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) } satisfies WireArray;
  }
  return isPlain(x) ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, encodeWire(v)])) : x;
}

export const hasArrays = (x: unknown): boolean => typeof x === 'object' && x !== null && !ArrayBuffer.isView(x) && (Object.hasOwn(x, ARRAY) || Object.values(x).some(hasArrays));

export function decodeWire(x: unknown, fromBytes: FromBytes): unknown {
  if (typeof x !== 'object' || x === null || ArrayBuffer.isView(x)) return x;
  if (Array.isArray(x)) return x.map((y) => decodeWire(y, fromBytes));
  if (Object.hasOwn(x, ARRAY)) { const { dtype, shape, bytes } = x as WireArray; return fromBytes(dtype, shape, bytes); }
  return isPlain(x) ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, decodeWire(v, fromBytes)])) : x;
}
