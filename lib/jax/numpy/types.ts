/** Questions about dtypes. */
import { TypeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { NDArray, isArray, scalar } from '../array.js';
import { DTYPES, checkDType, integerLimits, isFloat, isInteger, isUnsigned, promote, promoteDTypes, type DType } from '../dtypes.js';

// The dtypes by their names: `x.astype(jnp.float16)`.
const named = <D extends DType>(d: D): D => d;
export const [float16, bfloat16, float32, float64] = [named('float16'), named('bfloat16'), named('float32'), named('float64')];
export const [int8, int16, int32, int64] = [named('int8'), named('int16'), named('int32'), named('int64')];
export const [uint8, uint16, uint32, uint64] = [named('uint8'), named('uint16'), named('uint32'), named('uint64')];
export const bool_ = named('bool');
export { bool_ as bool };

export interface FloatInfo {
  dtype: DType; bits: number; eps: number; epsneg: number; max: number; min: number; tiny: number; smallestNormal: number; smallestSubnormal: number;
  resolution: number; precision: number; nmant: number; nexp: number;
}
/** The limits of a floating-point dtype. */
export function finfo(dtype: DType): FloatInfo {
  const parts: Partial<Record<DType, [nexp: number, nmant: number]>> = { float16: [5, 10], bfloat16: [8, 7], float32: [8, 23], float64: [11, 52] };
  const found = parts[checkDType(dtype, 'jnp.finfo')];
  if (!found) throw new TypeError(`jnp.finfo: expected a floating-point dtype, got ${dtype}; use jnp.iinfo.`);
  const [nexp, nmant] = found;
  const bias = 2 ** (nexp - 1) - 1;
  const [eps, tiny, precision] = [2 ** -nmant, 2 ** (1 - bias), Math.floor(nmant * Math.log10(2))];
  const max = (2 - eps) * 2 ** bias;
  return {
    dtype, bits: 1 + nexp + nmant, eps, epsneg: eps / 2, max, min: -max, tiny, smallestNormal: tiny, smallestSubnormal: tiny * eps, resolution: 10 ** -precision, precision, nmant, nexp,
  };
}
/** The limits of an integer dtype; bigints where numbers do not reach. */
export function iinfo(dtype: DType): { dtype: DType; bits: number; min: number | bigint; max: number | bigint } {
  if (!isInteger(checkDType(dtype, 'jnp.iinfo'))) throw new TypeError(`jnp.iinfo: expected an integer dtype, got ${dtype}; use jnp.finfo.`);
  const bits = 8 * DTYPES[dtype].size;
  const [min, max] = integerLimits(dtype);
  return { dtype, bits, min: bits === 64 ? min : Number(min), max: bits === 64 ? max : Number(max) };
}
/** What two dtypes become together. */
export const promoteTypes = (a: DType, b: DType): DType => promoteDTypes(checkDType(a, 'jnp.promoteTypes'), checkDType(b, 'jnp.promoteTypes'));
/** What arrays, numbers and dtypes become together. */
export function resultType(...operands: (NDArray | DType | number | bigint | boolean)[]): DType {
  if (operands.length === 0) throw new TypeError('jnp.resultType: expected at least one array or dtype, got none.');
  return promote(operands.map((x) => {
    if (typeof x === 'string') return { dtype: checkDType(x, 'jnp.resultType'), weak: false };
    const y = isArray(x) ? x : scalar(x);
    return { dtype: y.dtype, weak: y.weakType };
  })).dtype;
}
const KINDS: Record<string, (d: DType) => boolean> = {
  bool: (d) => d === 'bool', 'signed integer': (d) => isInteger(d) && !isUnsigned(d), 'unsigned integer': isUnsigned, integral: isInteger, 'real floating': isFloat,
  'complex floating': () => false, numeric: (d) => d !== 'bool',
};
/** Whether a dtype is of a kind ('bool', 'signed integer', 'unsigned integer', 'integral', 'real floating', 'complex floating', 'numeric'), a dtype, or one of several. */
export function isdtype(dtype: DType, kind: string | readonly string[]): boolean {
  checkDType(dtype, 'jnp.isdtype');
  return (typeof kind === 'string' ? [kind] : kind).some((k) => {
    if (Object.hasOwn(KINDS, k)) return KINDS[k](dtype);
    return checkDType(k, 'jnp.isdtype') === dtype;
  });
}
const ABSTRACT: Record<string, (d: DType) => boolean> = {
  generic: () => true, number: KINDS.numeric, integer: isInteger, signedinteger: KINDS['signed integer'], unsignedinteger: isUnsigned,
  inexact: isFloat, floating: isFloat, complexfloating: () => false,
};
/** Whether a dtype is, or belongs to, another: a dtype or generic, number, integer, signedinteger, unsignedinteger, inexact, floating, complexfloating. */
export function issubdtype(dtype: string, of: string): boolean {
  if (Object.hasOwn(ABSTRACT, of)) return dtype === of || (Object.hasOwn(ABSTRACT, dtype) ? subkinds(dtype, of) : ABSTRACT[of](checkDType(dtype, 'jnp.issubdtype')));
  return dtype === checkDType(of, 'jnp.issubdtype');
}
const subkinds = (a: string, b: string): boolean => (Object.keys(DTYPES) as DType[]).every((d) => !ABSTRACT[a](d) || ABSTRACT[b](d)) && a !== 'complexfloating';
/** Whether values of one dtype may become another: `casting` as NumPy's. */
export function canCast(from: DType, to: DType, options?: { casting?: 'no' | 'equiv' | 'safe' | 'same_kind' | 'unsafe' }): boolean {
  const { casting = 'safe' } = checkOptions('jnp.canCast', options, ['casting']);
  checkDType(from, 'jnp.canCast');
  checkDType(to, 'jnp.canCast');
  const rank = (d: DType) => (d === 'bool' ? 0 : isUnsigned(d) ? 1 : isInteger(d) ? 2 : 3);
  if (casting === 'unsafe' || from === to) return true;
  if (casting === 'no' || casting === 'equiv') return false;
  if (casting === 'same_kind' && rank(from) <= rank(to)) return true;
  const [a, b] = [DTYPES[from].size, DTYPES[to].size];
  if (rank(from) === 0) return true;
  if (rank(to) === 0 || rank(from) > rank(to)) return false;
  if (rank(from) === 3) return b > a;
  if (rank(to) === 3) return to !== 'bfloat16' ? b > a || b === 8 : a === 1;
  return rank(from) === rank(to) ? b >= a : b > a;
}
/** Whether it is a JavaScript number, bigint or boolean, or an array of rank 0. */
export const isscalar = (x: unknown): boolean => (isArray(x) ? x.ndim === 0 : typeof x === 'number' || typeof x === 'bigint' || typeof x === 'boolean');
/** Arrays here hold real numbers. */
export const isrealobj = (_x: unknown): boolean => true;
export const iscomplexobj = (_x: unknown): boolean => false;
/** Whether it has a first axis to walk along. */
export const iterable = (x: unknown): boolean => (isArray(x) ? x.ndim > 0 : typeof x === 'object' && x !== null && Symbol.iterator in x);
