/** How operands come to their common dtype; functions of one and two arrays that do so. Not part of the public API. */
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { NDArray, Scalar } from '../array.js';
import { SymbolicDim, formatShape, type Shape } from '../dims.js';
import { DTYPES, checkDType, isFloat, isInteger, isUnsigned, promote, toInexact, type DType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { asArray, type Operand } from '../primitives/primitive.js';

/** Brings operands to their common dtype; weak numbers stay weak beside each other. */
export function promoteOperands(where: string, ...xs: Operand[]): NDArray[] {
  const arrays = xs.map((x) => asArray(x, where));
  const whole = arrays.every((x) => !isFloat(x.dtype) || isWhole(x));
  const { dtype, weak } = promote(arrays.map((x) => ({ dtype: whole && isWhole(x) ? 'int32' : x.dtype, weak: x.weakType })));
  return arrays.map((x) => as(where, x, dtype, weak));
}
/** A number without fraction, such as 2³² or -0, is no reason to leave the integers. */
const isWhole = (x: NDArray): boolean => x instanceof Scalar && x.weakType && typeof x.value === 'number' && Number.isInteger(x.value);
/** Keeps JavaScript numbers weak, so that 2 · 3 · x still takes x's dtype. */
function as(where: string, x: NDArray, dtype: DType, weak: boolean): NDArray {
  if (!(x instanceof Scalar && x.weakType)) return x.dtype === dtype ? x : convertElementType(x, dtype, weak);
  if (isInteger(dtype) && typeof x.value !== 'boolean' && Math.abs(Number(x.value)) >= 2 ** (8 * DTYPES[dtype].size)) {
    throw new ValueError(`${where}: the number ${x.value} does not fit ${dtype}; convert the array to a wider dtype first.`);
  }
  return new Scalar(isFloat(dtype) ? Number(x.value) : dtype === 'bool' ? Boolean(x.value) : x.value, dtype);
}
export const inexact = (where: string, ...xs: Operand[]): NDArray[] => promoteOperands(where, ...xs).map((x) => as(where, x, toInexact(x.dtype), x.weakType));

export const binary = (name: string, f: (x: NDArray, y: NDArray) => NDArray) => (x: Operand, y: Operand): NDArray => { const [a, b] = promoteOperands(`jnp.${name}`, x, y); return f(a, b); };
/** The same of numbers: truth values count as int32. */
export const numeric = (name: string, f: (x: NDArray, y: NDArray) => NDArray) => binary(name, (x, y) => (x.dtype === 'bool' ? f(convertElementType(x, 'int32'), convertElementType(y, 'int32')) : f(x, y)));
export const float = (name: string, f: (x: NDArray) => NDArray) => (x: Operand): NDArray => f(inexact(`jnp.${name}`, x)[0]);
export const unary = (name: string, f: (x: NDArray) => NDArray) => (x: Operand): NDArray => f(asArray(x, `jnp.${name}`));

export const truth = (x: NDArray): NDArray => (x.dtype === 'bool' ? x : lax.ne(x, 0));
/** Integers by which nothing remains stand for 0, by which none can be divided. */
export const nonzeroDivisor = (y: NDArray): NDArray =>
  (isFloat(y.dtype) || (y instanceof Scalar && Number(y.value) !== 0) ? y : lax.select(lax.eq(y, 0), new Scalar(1, y.dtype, false), y));
/** `condition ? x : y`, elementwise. */
export function either(where: string, condition: Operand, x: Operand, y: Operand): NDArray {
  const [a, b] = promoteOperands(where, x, y);
  return lax.select(truth(asArray(condition, where)), a, b);
}
/** What stands for elements out of range: NaN, or the extreme of an integer dtype. */
export const filler = (x: NDArray, value: number | undefined): Scalar => {
  if (value !== undefined) return new Scalar(value, x.dtype, false);
  if (isFloat(x.dtype)) return new Scalar(NaN, x.dtype, false);
  if (x.dtype === 'bool') return new Scalar(true, 'bool', false);
  const width = BigInt(8 * DTYPES[x.dtype].size);
  return new Scalar(isUnsigned(x.dtype) ? (1n << width) - 1n : -(1n << (width - 1n)), x.dtype, false);
};

export function checkShape(where: string, shape: unknown, least = 0): Shape {
  const list = typeof shape === 'number' ? [shape] : shape;
  if (!globalThis.Array.isArray(list) || list.some((d) => !(d instanceof SymbolicDim || (Number.isInteger(d) && d >= least)))) {
    throw new ShapeError(`${where}: a shape is a list of whole numbers, got ${globalThis.Array.isArray(list) ? formatShape(list) : JSON.stringify(shape)}.`);
  }
  return list as Shape;
}

/** `precision` is taken for compatibility: products are computed in their dtype. */
export interface ProductOptions { precision?: unknown; preferredElementType?: DType | null }
export const PRODUCT = ['precision', 'preferredElementType'] as const;
/** The operands in their common dtype, or in the one wanted. */
export function factors(where: string, x: Operand, y: Operand, options: ProductOptions | undefined): NDArray[] {
  const { preferredElementType: to } = checkOptions(where, options, PRODUCT);
  if (to === undefined || to === null) return promoteOperands(where, x, y);
  return [x, y].map((v) => convertElementType(asArray(v, where), checkDType(to, where)));
}
