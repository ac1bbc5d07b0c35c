/** What can be drawn, and its values as numbers. */
import type { DType } from '../runtime/dtypes.js';
import { decodeAt, type TypedArray } from '../runtime/elements.js';

/** An array of hokku's, or any object with a shape and its values in row-major order. */
export interface Plottable {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number | bigint | boolean>;
  /** Where the values are kept as bits: `float16` and `bfloat16`. */
  readonly dtype?: string;
}

/** Most data is numbers already, and there may be millions. */
export function numbers({ data, dtype }: Pick<Plottable, 'data' | 'dtype'>): ArrayLike<number> {
  if (dtype === 'float16' || dtype === 'bfloat16') return Float32Array.from({ length: data.length }, (_, i) => decodeAt(dtype as DType, data as TypedArray, i) as number);
  return ArrayBuffer.isView(data) && typeof data[0] === 'number' ? data as ArrayLike<number> : Float64Array.from(data as ArrayLike<number>, Number);
}
