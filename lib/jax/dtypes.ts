/** Type promotion, JAX's lattice, in one table; and the typed arrays behind each dtype. */
import { DTYPES, type DType } from '../runtime/dtypes.js';
import { TypeError } from '../runtime/errors.js';

export { DTYPES, type DType };

const UNSIGNED: DType[] = ['uint8', 'uint16', 'uint32', 'uint64'];
const SIGNED: DType[] = ['int8', 'int16', 'int32', 'int64'];
const FLOATS: DType[] = ['float16', 'bfloat16', 'float32', 'float64'];

export const isFloat = (d: DType): boolean => FLOATS.includes(d);
export const isInteger = (d: DType): boolean => UNSIGNED.includes(d) || SIGNED.includes(d);
export const isUnsigned = (d: DType): boolean => UNSIGNED.includes(d);
/** The least and the greatest value of an integer dtype. */
export function integerLimits(d: DType): [bigint, bigint] {
  const bits = BigInt(8 * DTYPES[d].size);
  return isUnsigned(d) ? [0n, (1n << bits) - 1n] : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
}
/** A float as an integer of `to`: cut, what is out of range is its end, and NaN is 0. */
export function toInteger(x: number, to: DType): number | bigint {
  const whole = Math.trunc(x) || 0;
  const [least, most] = integerLimits(to);
  return whole < least ? least : whole > most ? most : whole;
}
export const isHalf = (d: DType): boolean => d === 'float16' || d === 'bfloat16';

const SHORT: Record<DType, string> = {
  float32: 'f32', float64: 'f64', float16: 'f16', bfloat16: 'bf16', int8: 'i8', int16: 'i16', int32: 'i32', int64: 'i64',
  uint8: 'u8', uint16: 'u16', uint32: 'u32', uint64: 'u64', bool: 'bool',
};
/** `f32`, `i64`, …: how JAX prints a dtype. */
export const shortName = (d: DType): string => SHORT[d];

export function checkDType(d: unknown, where: string): DType {
  if (typeof d !== 'string' || !(d in DTYPES)) throw new TypeError(`${where}: unknown dtype '${String(d)}'; expected one of ${Object.keys(DTYPES).join(', ')}.`);
  return d as DType;
}

/** What two strongly typed arrays become together (JAX's promotion lattice). */
export function promoteDTypes(a: DType, b: DType): DType {
  if (a === b) return a;
  if (a === 'bool') return b;
  if (b === 'bool') return a;
  if (isFloat(a) || isFloat(b)) {
    if (!isFloat(a)) return b;
    if (!isFloat(b)) return a;
    if (isHalf(a) && isHalf(b)) return 'float32';
    return FLOATS.indexOf(a) > FLOATS.indexOf(b) ? a : b;
  }
  if (isUnsigned(a) === isUnsigned(b)) return DTYPES[a].size >= DTYPES[b].size ? a : b;
  const [u, s] = isUnsigned(a) ? [a, b] : [b, a];
  // 64 bits only where an operand has them, as in JAX without x64: uint32 with int32 is int32.
  const size = Math.max(DTYPES[s].size, 2 * DTYPES[u].size);
  if (size === 8 && DTYPES[s].size < 8) return 'int32';
  // uint64 with a signed type has no common integer; JAX answers with its float.
  return size > 8 ? 'float32' : SIGNED[Math.log2(size)];
}

const kind = (d: DType): number => (d === 'bool' ? 0 : isFloat(d) ? 2 : 1);

/** Promotion with weak types: a weak operand only decides where it is of a higher kind (bool < integer < float). */
export function promote(operands: readonly { dtype: DType; weak: boolean }[]): { dtype: DType; weak: boolean } {
  const join = (xs: readonly { dtype: DType }[]) => xs.map((x) => x.dtype).reduce(promoteDTypes);
  const strong = operands.filter((x) => !x.weak);
  if (strong.length === 0) return { dtype: join(operands), weak: true };
  const dtype = join(strong);
  const weak = operands.filter((x) => x.weak && kind(x.dtype) > kind(dtype));
  return weak.length === 0 ? { dtype, weak: false } : { dtype: join(weak), weak: kind(dtype) === 1 || kind(dtype) === 0 };
}

/** The dtype in which a floating-point function of `d` is computed. */
export const toInexact = (d: DType): DType => (isFloat(d) ? d : 'float32');

export { TYPED_ARRAYS, decodeAt, dtypeOfTypedArray, encode, type TypedArray } from '../runtime/elements.js';
