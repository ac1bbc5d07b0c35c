/** Making arrays. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { ConcreteArray, NDArray, Scalar, aval, fromBytes, isArray, scalar, type NestedList } from '../array.js';
import { dims, formatShape, type Shape } from '../dims.js';
import { checkShape, promoteOperands } from './promotion.js';
import { checkDType, dtypeOfTypedArray, encode, integerLimits, isInteger, DTYPES, type DType, type TypedArray } from '../dtypes.js';
import { convertElementType } from '../primitives/convert.js';
import { iota } from '../primitives/indexing.js';
import { add, eq, mul } from '../primitives/arithmetic.js';
import type { Operand } from '../primitives/primitive.js';
import { concatenate, expandTo, reshape } from '../primitives/shape.js';

export interface DTypeOption { dtype?: DType }
/** What becomes an array. */
export type ArrayLike = NDArray | NestedList | TypedArray | Uint8ClampedArray | readonly ArrayLike[];

/**
 * An array from nested lists (of numbers, or arrays of one shape), a number, a typed array or an array, by copy.
 * `jnp.array([1, 2])` is float32; typed arrays keep their dtype. `ndmin`: unit axes come in front up to that rank.
 */
export function array(data: ArrayLike, options?: DTypeOption & { copy?: boolean; ndmin?: number }): NDArray {
  const { dtype, copy = true, ndmin = 0 } = checkOptions('jnp.array', options, ['dtype', 'copy', 'ndmin']);
  if (dtype !== undefined) checkDType(dtype, 'jnp.array');
  const x = made(data, dtype, copy);
  return x.ndim < ndmin ? reshape(x, [...globalThis.Array<number>(ndmin - x.ndim).fill(1), ...x.shape]) : x;
}
const holdsArrays = (data: unknown): boolean => globalThis.Array.isArray(data) && data.some((x) => isArray(x) || holdsArrays(x));
/** Lists of arrays side by side; numbers beside them take their dtype. */
function stacked(list: readonly ArrayLike[]): NDArray {
  const part = (x: ArrayLike): Operand => {
    if (holdsArrays(x)) return stacked(x as readonly ArrayLike[]);
    return globalThis.Array.isArray(x) || ArrayBuffer.isView(x) ? array(x) : (x as Operand);
  };
  const parts = promoteOperands('jnp.array', ...list.map(part));
  const other = parts.find((x) => !dims.equalShapes(x.shape, parts[0].shape));
  if (other) throw new ShapeError(`jnp.array: a list holds arrays of shapes ${formatShape(parts[0].shape)} and ${formatShape(other.shape)}; they must be the same.`);
  return concatenate(parts.map((x) => reshape(x, [1, ...x.shape])), 0);
}
function made(data: ArrayLike, dtype: DType | undefined, copy: boolean): NDArray {
  if (isArray(data)) return convertElementType(data instanceof Scalar && !dtype ? new Scalar(data.value, data.dtype, false) : data, dtype ?? data.dtype);
  if (holdsArrays(data)) { const x = stacked(data as readonly ArrayLike[]); return dtype ? convertElementType(x, dtype) : x; }
  const kept = dtypeOfTypedArray(data);
  if (kept) return typed(data as TypedArray, kept, dtype, copy);
  if (ArrayBuffer.isView(data)) throw new TypeError('jnp.array: this kind of view has no dtype; pass a typed array.');
  const flat: (number | bigint | boolean)[] = [];
  const shape: number[] = [];
  const walk = (x: NestedList, depth: number): void => {
    if (globalThis.Array.isArray(x)) {
      if (shape.length === depth) {
        if (flat.length) throw new ShapeError('jnp.array: the nested lists have different depths.');
        shape.push(x.length);
      } else if (shape[depth] !== x.length) throw new ShapeError(`jnp.array: the nested lists have different lengths at depth ${depth}: ${shape[depth]} and ${x.length}.`);
      x.forEach((y) => walk(y, depth + 1));
      return;
    }
    if (depth !== shape.length) throw new ShapeError('jnp.array: the nested lists have different depths.');
    if (typeof x !== 'number' && typeof x !== 'bigint' && typeof x !== 'boolean') {
      throw new TypeError(`jnp.array: expected numbers, bigints or booleans, got ${x === null ? 'null' : typeof x}.`);
    }
    flat.push(x);
  };
  walk(data as NestedList, 0);
  const natural: DType = flat.length && flat.every((x) => typeof x === 'boolean') ? 'bool' : flat.some((x) => typeof x === 'bigint') ? 'int64' : 'float32';
  const chosen = dtype ?? natural;
  if (isInteger(chosen)) checkFits(flat, chosen);
  return new ConcreteArray(aval(shape, chosen), encode(chosen, flat));
}

/** Elements of arrays wrap or end at the limits when they are converted; numbers that somebody wrote are mistakes then. */
function checkFits(values: readonly (number | bigint | boolean)[], dtype: DType): void {
  const limits = integerLimits(dtype);
  // Comparisons of numbers with bigints are slow, and needed for 64 bits only.
  const [least, most] = DTYPES[dtype].size < 8 ? limits.map(Number) : limits;
  for (const v of values) {
    const whole = typeof v === 'bigint' ? v : Math.trunc(Number(v));
    if (!(whole >= least && whole <= most)) throw new ValueError(`jnp.array: ${v} does not fit ${dtype} (${least} to ${most}); choose a wider dtype, or convert an array with astype.`);
  }
}

function typed(data: TypedArray, kept: DType, dtype: DType | undefined, copy: boolean): NDArray {
  const { buffer } = data;
  const shape = [data.length];
  const whole = buffer instanceof ArrayBuffer && !buffer.resizable && data.byteOffset === 0 && data.byteLength === buffer.byteLength;
  // Taking over detaches the caller's buffer; shared and resizable ones are always copied.
  const result = !copy && whole ? new ConcreteArray(aval(shape, kept), structuredClone(buffer, { transfer: [buffer] })) : fromBytes(kept, shape, data);
  return dtype && dtype !== kept ? convertElementType(result, dtype) : result;
}

/** As `array`, but an array of the wanted dtype is returned as it is. */
export const asarray = (data: ArrayLike, options?: DTypeOption): NDArray => {
  const { dtype } = checkOptions('jnp.asarray', options, ['dtype']);
  return isArray(data) && !(data instanceof Scalar) && (!dtype || data.dtype === dtype) ? data : array(data, { dtype });
};

/** An array full of one value; float32 unless a dtype is given or the value is an array or boolean. */
export function full(shape: Shape | number, value: ArrayLike | boolean, options?: DTypeOption): NDArray {
  const { dtype } = checkOptions('jnp.full', options, ['dtype']);
  const to = checkShape('jnp.full', shape);
  const v = value instanceof Scalar ? value.value : value;
  if (typeof v === 'object') return expandTo(asarray(v, { dtype }), to);
  const chosen = checkDType(dtype ?? (typeof v === 'boolean' ? 'bool' : 'float32'), 'jnp.full');
  return filled(v, chosen, to);
}
const filled = (value: number | bigint | boolean, dtype: DType, shape: Shape): NDArray => {
  const s = convertElementType(scalar(value), dtype, false);
  return shape.length === 0 ? array(s) : expandTo(s, shape);
};

export const zeros = (shape: Shape | number, options?: DTypeOption): NDArray => full(shape, 0, { dtype: checkDType(checkOptions('jnp.zeros', options, ['dtype']).dtype ?? 'float32', 'jnp.zeros') });
export const ones = (shape: Shape | number, options?: DTypeOption): NDArray => full(shape, 1, { dtype: 'float32', ...checkOptions('jnp.ones', options, ['dtype']) });
export const empty = (shape: Shape | number, options?: DTypeOption): NDArray => full(shape, 0, { dtype: 'float32', ...checkOptions('jnp.empty', options, ['dtype']) });
/** What stands before the options: a shape of its own, if any. */
function likeness(name: string, x: ArrayLike, shape: Shape | number | DTypeOption | null | undefined, options: DTypeOption | undefined): { dtype: DType; shape: Shape } {
  const given = typeof shape === 'object' && shape !== null && !globalThis.Array.isArray(shape);
  const { dtype } = checkOptions(`jnp.${name}`, given ? (shape as DTypeOption) : options, ['dtype']);
  const y = asarray(x);
  return { dtype: dtype === undefined ? y.dtype : checkDType(dtype, `jnp.${name}`), shape: given || shape === undefined || shape === null ? y.shape : checkShape(`jnp.${name}`, shape) };
}
type LikeArguments = [options?: DTypeOption] | [shape: Shape | number | null | undefined, options?: DTypeOption];
const like = (name: string, value: number) => (x: ArrayLike, ...[shape, options]: LikeArguments): NDArray => {
  const to = likeness(name, x, shape, options);
  return filled(value, to.dtype, to.shape);
};
/** Zeros in the shape and dtype of `x`, or in those given. */
export const zerosLike = like('zerosLike', 0);
export const onesLike = like('onesLike', 1);
export const emptyLike = like('emptyLike', 0);
/** One value in the shape and dtype of `x`, or in those given. */
export function fullLike(x: ArrayLike, value: ArrayLike | boolean, ...[shape, options]: LikeArguments): NDArray {
  const to = likeness('fullLike', x, shape, options);
  const v = value instanceof Scalar ? value.value : value;
  return typeof v === 'object' ? expandTo(convertElementType(asarray(v), to.dtype), to.shape) : filled(v, to.dtype, to.shape);
}

/** `start, start + step, …` below `stop`; one argument is `stop`. Whole numbers give int32, others float32. */
export function arange(start: number, stop?: number | DTypeOption, step: number | DTypeOption = 1, options?: DTypeOption): NDArray {
  const numbers = [start, stop, step].filter((x): x is number => typeof x === 'number');
  const given = [stop, step, options].find((x) => typeof x === 'object') as DTypeOption | undefined;
  const { dtype } = checkOptions('jnp.arange', given, ['dtype']);
  const [from, to, by] = typeof stop === 'number' ? [start, stop, typeof step === 'number' ? step : 1] : [0, start, 1];
  if (by === 0 || numbers.some((x) => !Number.isFinite(x))) {
    throw new ShapeError(`jnp.arange: start, stop and step must be finite and step not 0, got ${from}, ${to}, ${by}.`);
  }
  const n = Math.max(0, Math.ceil((to - from) / by));
  const chosen = checkDType(dtype ?? (numbers.every(Number.isInteger) ? 'int32' : 'float32'), 'jnp.arange');
  // Fractions are computed in float64 and rounded once, as NumPy does; whole numbers need no memory until they run.
  if (!(Number.isInteger(from) && Number.isInteger(by))) return array(globalThis.Array.from({ length: n }, (_, i) => from + i * by), { dtype: chosen });
  const index = iota(chosen, [n]);
  const counted = by === 1 ? index : mul(index, by);
  return from === 0 ? counted : add(counted, from);
}

/** Ones on the diagonal of an [n, m] matrix. */
export function eye(n: number, options?: DTypeOption & { m?: number; k?: number }): NDArray {
  const { dtype = 'float32', m = n, k = 0 } = checkOptions('jnp.eye', options, ['dtype', 'm', 'k']);
  const shape = checkShape('jnp.eye', [n, m]);
  return convertElementType(eq(add(iota('int32', shape, 0), k), iota('int32', shape, 1)), checkDType(dtype, 'jnp.eye'));
}
export const identity = (n: number, options?: DTypeOption): NDArray => eye(n, options);
