/** Elementwise functions with NumPy's promotion. */
import { TypeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { NDArray, Scalar } from '../array.js';
import { isFloat, isInteger, promote, toInexact, type DType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import * as functions from '../primitives/functions.js';
import { asArray, type Operand } from '../primitives/primitive.js';

/** Brings operands to their common dtype; weak numbers stay weak beside each other. */
export function promoteOperands(where: string, ...xs: Operand[]): NDArray[] {
  const arrays = xs.map((x) => asArray(x, where));
  const { dtype } = promote(arrays.map((x) => ({ dtype: x.dtype, weak: x.weakType })));
  return arrays.map((x) => as(x, dtype));
}
/** Keeps JavaScript numbers weak, so that 2 · 3 · x still takes x's dtype. */
const as = (x: NDArray, dtype: DType): NDArray => (x instanceof Scalar && x.weakType ? new Scalar(isFloat(dtype) ? Number(x.value) : x.value, dtype) : convertElementType(x, dtype));
const inexact = (where: string, ...xs: Operand[]): NDArray[] => promoteOperands(where, ...xs).map((x) => as(x, toInexact(x.dtype)));

const binary = (name: string, f: (x: NDArray, y: NDArray) => NDArray) => (x: Operand, y: Operand): NDArray => { const [a, b] = promoteOperands(`jnp.${name}`, x, y); return f(a, b); };
const float = (name: string, f: (x: NDArray) => NDArray) => (x: Operand): NDArray => f(inexact(`jnp.${name}`, x)[0]);
const unary = (name: string, f: (x: NDArray) => NDArray) => (x: Operand): NDArray => f(asArray(x, `jnp.${name}`));

export const add = binary('add', (x, y) => (x.dtype === 'bool' ? lax.bitwiseOr(x, y) : lax.add(x, y)));
export const subtract = binary('subtract', lax.sub);
export const multiply = binary('multiply', (x, y) => (x.dtype === 'bool' ? lax.bitwiseAnd(x, y) : lax.mul(x, y)));
/** True division: integers become float32. */
export const divide = (x: Operand, y: Operand): NDArray => { const [a, b] = inexact('jnp.divide', x, y); return lax.div(a, b); };
export const trueDivide = divide;
export const floorDivide = binary('floorDivide', (x, y) => {
  if (isFloat(x.dtype)) return lax.floor(lax.div(x, y));
  const q = lax.div(x, y);
  const inexactNegative = lax.bitwiseAnd(lax.ne(lax.sign(x), lax.sign(y)), lax.ne(lax.rem(x, y), 0));
  return lax.select(inexactNegative, lax.sub(q, 1), q);
});
/** Python's `%`: the result has the divisor's sign. */
export const remainder = binary('remainder', (x, y) => {
  const r = lax.rem(x, y);
  return lax.select(lax.bitwiseAnd(lax.ne(r, 0), lax.ne(lax.lt(r, 0), lax.lt(y, 0))), lax.add(r, y), r);
});
export const mod = remainder;
/** Whole-number exponents of numbers multiply; others use `pow`. */
export function power(x: Operand, y: Operand): NDArray {
  if (typeof y === 'number' && Number.isInteger(y)) return integerPower(asArray(x, 'jnp.power'), y);
  const [a, b] = promoteOperands('jnp.power', x, y);
  if (!isFloat(a.dtype)) {
    const [p, q] = inexact('jnp.power', x, y);
    return convertElementType(lax.round(lax.pow(p, q)), a.dtype);
  }
  return lax.pow(a, b);
}
function integerPower(x: NDArray, n: number): NDArray {
  if (n === 0) return lax.add(lax.mul(x, 0), 1);
  if (n < 0) {
    if (!isFloat(x.dtype)) throw new TypeError('jnp.power: integers to negative powers are not integers; convert with astype first.');
    return lax.div(1, integerPower(x, -n));
  }
  let result: NDArray | null = null;
  for (let base = x, k = n; ; base = lax.square(base)) {
    if (k & 1) result = result ? lax.mul(result, base) : base;
    if ((k >>= 1) === 0) return result!;
  }
}
export const floatPower = (x: Operand, y: Operand): NDArray => { const [a, b] = inexact('jnp.floatPower', x, y); return lax.pow(a, b); };
export const maximum = binary('maximum', lax.max);
export const minimum = binary('minimum', lax.min);
export const equal = binary('equal', lax.eq);
export const notEqual = binary('notEqual', lax.ne);
export const less = binary('less', lax.lt);
export const lessEqual = binary('lessEqual', lax.le);
export const greater = binary('greater', lax.gt);
export const greaterEqual = binary('greaterEqual', lax.ge);
export const arctan2 = (x: Operand, y: Operand): NDArray => { const [a, b] = inexact('jnp.arctan2', x, y); return lax.atan2(a, b); };
export const bitwiseAnd = binary('bitwiseAnd', lax.bitwiseAnd);
export const bitwiseOr = binary('bitwiseOr', lax.bitwiseOr);
export const bitwiseXor = binary('bitwiseXor', lax.bitwiseXor);
const truth = (x: NDArray): NDArray => (x.dtype === 'bool' ? x : lax.ne(x, 0));
export const logicalAnd = (x: Operand, y: Operand): NDArray => lax.bitwiseAnd(truth(asArray(x, 'jnp.logicalAnd')), truth(asArray(y, 'jnp.logicalAnd')));
export const logicalOr = (x: Operand, y: Operand): NDArray => lax.bitwiseOr(truth(asArray(x, 'jnp.logicalOr')), truth(asArray(y, 'jnp.logicalOr')));
export const logicalXor = (x: Operand, y: Operand): NDArray => lax.bitwiseXor(truth(asArray(x, 'jnp.logicalXor')), truth(asArray(y, 'jnp.logicalXor')));
export const logicalNot = (x: Operand): NDArray => lax.bitwiseNot(truth(asArray(x, 'jnp.logicalNot')));

export const negative = unary('negative', lax.neg);
export const absolute = unary('abs', (x) => (x.dtype === 'bool' ? x : lax.abs(x)));
export const abs = absolute;
export const sign = unary('sign', lax.sign);
export const square = unary('square', lax.square);
export const floor = unary('floor', (x) => (isInteger(x.dtype) ? x : lax.floor(x)));
export const ceil = unary('ceil', (x) => (isInteger(x.dtype) ? x : lax.ceil(x)));
export const round = unary('round', (x) => (isInteger(x.dtype) ? x : lax.round(x)));
export const trunc = unary('trunc', lax.truncate);
export const exp = float('exp', functions.exp);
export const log = float('log', functions.log);
export const log1p = float('log1p', functions.log1p);
export const expm1 = float('expm1', functions.expm1);
export const log2 = float('log2', (x) => lax.div(functions.log(x), Math.LN2));
export const log10 = float('log10', (x) => lax.div(functions.log(x), Math.LN10));
export const sqrt = float('sqrt', functions.sqrt);
export const tanh = float('tanh', functions.tanh);
export const sin = float('sin', functions.sin);
export const cos = float('cos', functions.cos);
export const tan = float('tan', functions.tan);
export const reciprocal = float('reciprocal', (x) => lax.div(1, x));
export const isfinite = unary('isfinite', (x) => (isFloat(x.dtype) ? lax.isFinite(x) : lax.eq(x, x)));
export const isnan = unary('isnan', (x) => lax.ne(x, x));
export const isinf = unary('isinf', (x) => lax.eq(lax.abs(x), Infinity));

/** `condition ? x : y`, elementwise. */
export function where(condition: Operand, x: Operand, y: Operand): NDArray {
  const [a, b] = promoteOperands('jnp.where', x, y);
  return lax.select(truth(asArray(condition, 'jnp.where')), a, b);
}

/** Limits values to [min, max]; either may be null. */
export function clip(x: Operand, min?: Operand | null, max?: Operand | null): NDArray {
  let y = asArray(x, 'jnp.clip');
  if (min !== null && min !== undefined) y = maximum(y, min);
  return max !== null && max !== undefined ? minimum(y, max) : y;
}

/** Changes NaN and infinities to numbers. */
export function nanToNum(x: Operand, options?: { nan?: number; posinf?: number; neginf?: number }): NDArray {
  const { nan = 0, posinf = 3.4028234663852886e38, neginf = -3.4028234663852886e38 } = checkOptions('jnp.nanToNum', options, ['nan', 'posinf', 'neginf']);
  const y = asArray(x, 'jnp.nanToNum');
  return where(isnan(y), nan, where(equal(y, Infinity), posinf, where(equal(y, -Infinity), neginf, y)));
}
