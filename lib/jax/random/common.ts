/** What the samplers share. */
import { ShapeError, TypeError } from '../../runtime/errors.js';
import { NDArray, Scalar, isArray } from '../array.js';
import { apply } from '../autodiff.js';
import { config } from '../config.js';
import { bind, currentFrame, trace } from '../core.js';
import { broadcastShapes, dims, formatShape, type Shape } from '../dims.js';
import { TYPED_ARRAYS, checkDType, decodeAt, encode, isFloat, isHalf, type DType } from '../dtypes.js';
import { checkShape } from '../numpy/promotion.js';
import * as lax from '../primitives/arithmetic.js';
import { bitcastConvertType, convertElementType } from '../primitives/convert.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { randomBitsP, randomSplitP, type Width } from '../primitives/random.js';
import { reshape, slice } from '../primitives/shape.js';

export interface DTypeOption { dtype?: DType }

/** Runs a sampler as one program where no trace is open. */
export function together(f: (...xs: NDArray[]) => NDArray, ...inputs: NDArray[]): NDArray {
  if (currentFrame()) return f(...inputs);
  // Numbers stay numbers, so that what follows from them alone is computed here.
  const arrays = inputs.filter((x) => !(x instanceof Scalar));
  return apply(trace((...xs) => { let at = 0; return [f(...inputs.map((x) => (x instanceof Scalar ? x : xs[at++])))]; }, arrays.map((x) => x.aval)), arrays)[0];
}

/** `num` keys of each key: uint32[…, num, 2]. */
export const splitKeys = (keys: NDArray, num: number): NDArray => bind(randomSplitP, [keys], { num, partitionable: config.threefryPartitionable })[0];
/** The keys that a split gave, one by one. */
export const rows = (keys: NDArray): NDArray[] => {
  const at = keys.ndim - 2;
  return [...globalThis.Array(keys.shape[at]).keys()].map((i) => reshape(
    slice(keys, keys.shape.map((_, k) => (k === at ? i : 0)), keys.shape.map((d, k) => (k === at ? i + 1 : d))), [...keys.shape.slice(0, at), 2]));
};
/** Random words, of `shape` for each key. */
export const words = (keys: NDArray, width: Width, shape: Shape): NDArray => bind(randomBitsP, [keys], { shape, width, partitionable: config.threefryPartitionable })[0];

export function float(where: string, dtype: DType): DType {
  if (!isFloat(checkDType(dtype, where))) throw new TypeError(`${where}: expected a floating-point dtype, got ${dtype}.`);
  return dtype;
}

/** Machine numbers of the float types: 2^-mantissa bits, and the smallest normal number. */
export const EPSILON = { float16: 2 ** -10, bfloat16: 2 ** -7, float32: 2 ** -23, float64: 2 ** -52 } as Readonly<Record<DType, number>>;
export const TINY = { float16: 2 ** -14, bfloat16: 2 ** -126, float32: 2 ** -126, float64: 2 ** -1022 } as Readonly<Record<DType, number>>;

/** A number as the nearest of `dtype`. */
export const rounded = (x: number, dtype: DType): number => Number(decodeAt(dtype, new TYPED_ARRAYS[dtype](encode(dtype, [x])), 0));
export const constant = (x: number, dtype: DType): Scalar => new Scalar(rounded(x, dtype), dtype, false);
/** A parameter as an array of `dtype`; numbers stay numbers. */
export const parameter = (x: Operand, dtype: DType): NDArray => (isArray(x) && !(x instanceof Scalar) ? convertElementType(x, dtype) : constant(Number((asArray(x, 'random') as Scalar).value), dtype));

/** The shape asked for, which the parameters must broadcast to; else their own. */
export function shapeFor(where: string, shape: Shape | null | undefined, ...parameters: readonly (NDArray | Shape)[]): Shape {
  const shapes = parameters.map((p) => (p instanceof NDArray ? p.shape : p));
  if (shape === undefined || shape === null) return broadcastShapes(where, ...shapes);
  const to = checkShape(where, shape);
  if (!dims.equalShapes(broadcastShapes(where, to, ...shapes), to))
    throw new ShapeError(`${where}: parameters of shapes ${shapes.map(formatShape).join(', ')} do not broadcast to the shape ${formatShape(to)}.`);
  return to;
}

/** Multiples of 2⁻ᵐ in [0, 1), m the mantissa bits. */
function unit(keys: NDArray, shape: Shape, dtype: DType): NDArray {
  switch (dtype) {
    case 'float32': return lax.sub(bitcastConvertType(lax.bitwiseOr(lax.shiftRightLogical(words(keys, 32, shape), 9), 0x3f800000), 'float32'), 1);
    case 'float64': {
      const mantissa = convertElementType(bind(lax.shiftRightLogicalP, [words(keys, 64, shape), new Scalar(12n, 'uint64', false)])[0], 'float64');
      return lax.mul(mantissa, 2 ** -52);
    }
    // The mantissa times its unit: exact, and needs no half-precision bit patterns.
    case 'float16': return convertElementType(lax.mul(convertElementType(lax.shiftRightLogical(convertElementType(words(keys, 16, shape), 'uint32'), 6), 'float32'), 2 ** -10), 'float16');
    default: return convertElementType(lax.mul(convertElementType(lax.shiftRightLogical(convertElementType(words(keys, 8, shape), 'uint32'), 1), 'float32'), 2 ** -7), 'bfloat16');
  }
}

/** max(low, unit·(high - low) + low), `shape` for each key; the product and sum are rounded once, but in half precision each, as XLA does. */
export function uniformIn(keys: NDArray, shape: Shape, dtype: DType, low: NDArray, high: NDArray): NDArray {
  const span = low instanceof Scalar && high instanceof Scalar ? constant(Number(high.value) - Number(low.value), dtype) : lax.sub(high, low);
  const u = unit(keys, shape, dtype);
  return lax.max(low, isHalf(dtype) ? lax.add(lax.mul(u, span), low) : lax.fma(u, span, low));
}
/** Uniform in [low, 1). */
export const uniformFrom = (keys: NDArray, shape: Shape, dtype: DType, low = 0): NDArray => uniformIn(keys, shape, dtype, constant(low, dtype), constant(1, dtype));

/** The smallest positive numbers. */
const SMALLEST: Partial<Record<DType, number>> = { float64: Number.MIN_VALUE, float32: 2 ** -149, float16: 2 ** -24, bfloat16: 2 ** -133 };

/** The number next to `x` towards `to`, both of `dtype`. */
export function nextAfter(x: number, to: number, dtype: DType): number {
  if (x === to) return x;
  if (x === 0) return Math.sign(to) * SMALLEST[dtype]!;
  const step = (data: { [i: number]: number | bigint }, up: boolean) => { data[0] = typeof data[0] === 'bigint' ? data[0] + (up ? 1n : -1n) : (data[0] as number) + (up ? 1 : -1); };
  if (dtype === 'float64') { const f = new Float64Array([x]); step(new BigInt64Array(f.buffer), x < to === x > 0); return f[0]; }
  if (dtype === 'float32') { const f = new Float32Array([x]); step(new Int32Array(f.buffer), x < to === x > 0); return f[0]; }
  const raw = new Uint16Array(encode(dtype, [x]));
  step(raw, x < to === x > 0);
  return Number(decodeAt(dtype, raw, 0));
}
