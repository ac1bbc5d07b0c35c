/** Elementwise functions with NumPy's promotion. */
import { TypeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { NDArray, Scalar } from '../array.js';
import { broadcastShapes } from '../dims.js';
import { isFloat } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import * as functions from '../primitives/functions.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo } from '../primitives/shape.js';
import { binary, float, inexact, numeric, nonzeroDivisor, promoteOperands, truth, unary } from './promotion.js';

export const add = binary('add', (x, y) => (x.dtype === 'bool' ? lax.bitwiseOr(x, y) : lax.add(x, y)));
export const subtract = binary('subtract', lax.sub);
export const multiply = binary('multiply', (x, y) => (x.dtype === 'bool' ? lax.bitwiseAnd(x, y) : lax.mul(x, y)));
/** True division: integers become float32. */
export const divide = (x: Operand, y: Operand): NDArray => { const [a, b] = inexact('jnp.divide', x, y); return lax.div(a, b); };
export const trueDivide = divide;
export const floorDivide = numeric('floorDivide', (x, y) => {
  if (isFloat(x.dtype)) {
    // As Python: (x - x mod y) / y, rounded to the whole number that it is up to errors.
    const r = lax.rem(x, y);
    // Where y is 0 there is no remainder, and x / y is an infinity.
    const q = lax.div(lax.select(lax.eq(y, 0), x, lax.sub(x, r)), y);
    const below = lax.bitwiseAnd(lax.ne(r, 0), lax.ne(lax.sign(y), lax.sign(r)));
    return lax.round(lax.select(below, lax.sub(q, 1), q));
  }
  const q = lax.div(x, y);
  const inexactNegative = lax.bitwiseAnd(lax.ne(lax.sign(x), lax.sign(y)), lax.ne(lax.rem(x, y), 0));
  return lax.select(inexactNegative, lax.sub(q, 1), q);
});
/** Python's `%`: the result has the divisor's sign; of integers divided by 0 it is 0. */
export const remainder = numeric('remainder', (x, given) => {
  const y = nonzeroDivisor(given);
  const r = lax.rem(x, y);
  return lax.select(lax.bitwiseAnd(lax.ne(r, 0), lax.ne(lax.lt(r, 0), lax.lt(y, 0))), lax.add(r, y), r);
});
export const mod = remainder;
/** [floorDivide, remainder]. */
export const divmod = (x: Operand, y: Operand): [NDArray, NDArray] => [floorDivide(x, y), remainder(x, y)];
/** Whole-number exponents of numbers multiply; others use `pow`. */
export function power(x: Operand, y: Operand): NDArray {
  const counted = (v: NDArray): NDArray => (v.dtype === 'bool' ? convertElementType(v, 'int32') : v);
  if (typeof y === 'number' && Number.isInteger(y)) return integerPower(counted(asArray(x, 'jnp.power')), y);
  const [a, b] = promoteOperands('jnp.power', x, y).map(counted);
  if (!isFloat(a.dtype)) {
    // Squares by the bits of the exponent: exact, and wrapping as integers do.
    const one = new Scalar(1, a.dtype);
    let [result, base]: NDArray[] = [expandTo(new Scalar(1, a.dtype, false), broadcastShapes('jnp.power', a.shape, b.shape)), a];
    for (let k = 0; k < 6; k++) {
      result = lax.mul(result, lax.select(lax.ne(lax.bitwiseAnd(b, 1 << k), 0), base, one));
      base = lax.mul(base, base);
    }
    return result;
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
export { power as pow };
export const floatPower = (x: Operand, y: Operand): NDArray => { const [a, b] = inexact('jnp.floatPower', x, y); return lax.pow(a, b); };
export const maximum = binary('maximum', lax.max);
export const minimum = binary('minimum', lax.min);
export const equal = binary('equal', lax.eq);
export const notEqual = binary('notEqual', lax.ne);
export const less = binary('less', lax.lt);
export const lessEqual = binary('lessEqual', lax.le);
export const greater = binary('greater', lax.gt);
export const greaterEqual = binary('greaterEqual', lax.ge);
/** The angle of the point (y, x): the ordinate comes first. */
export const arctan2 = (x: Operand, y: Operand): NDArray => { const [a, b] = inexact('jnp.arctan2', x, y); return lax.atan2(a, b); };
export { arctan2 as atan2 };
export const bitwiseAnd = binary('bitwiseAnd', lax.bitwiseAnd);
export const bitwiseOr = binary('bitwiseOr', lax.bitwiseOr);
export const bitwiseXor = binary('bitwiseXor', lax.bitwiseXor);
export const logicalAnd = (x: Operand, y: Operand): NDArray => lax.bitwiseAnd(truth(asArray(x, 'jnp.logicalAnd')), truth(asArray(y, 'jnp.logicalAnd')));
export const logicalOr = (x: Operand, y: Operand): NDArray => lax.bitwiseOr(truth(asArray(x, 'jnp.logicalOr')), truth(asArray(y, 'jnp.logicalOr')));
export const logicalXor = (x: Operand, y: Operand): NDArray => lax.bitwiseXor(truth(asArray(x, 'jnp.logicalXor')), truth(asArray(y, 'jnp.logicalXor')));
export const logicalNot = (x: Operand): NDArray => lax.bitwiseNot(truth(asArray(x, 'jnp.logicalNot')));

export const negative = unary('negative', lax.neg);
export const absolute = unary('abs', (x) => (x.dtype === 'bool' ? x : lax.abs(x)));
export const abs = absolute;
export const sign = unary('sign', lax.sign);
export const square = unary('square', (x) => lax.square(x.dtype === 'bool' ? convertElementType(x, 'int32') : x));
export const floor = unary('floor', (x) => (isFloat(x.dtype) ? lax.floor(x) : x));
export const ceil = unary('ceil', (x) => (isFloat(x.dtype) ? lax.ceil(x) : x));
/** To the nearest whole number or multiple of 10^-decimals; ties go to the even one. */
export function round(x: Operand, options?: { decimals?: number }): NDArray {
  const { decimals = 0 } = checkOptions('jnp.round', options, ['decimals']);
  const y = asArray(x, 'jnp.round');
  if (!Number.isInteger(decimals)) throw new TypeError(`jnp.round: decimals must be a whole number, got ${String(decimals)}.`);
  if (!isFloat(y.dtype)) {
    if (decimals < 0) throw new TypeError('jnp.round: integers cannot be rounded to tens; convert them with astype first.');
    return y;
  }
  if (decimals === 0) return lax.round(y);
  const wide = convertElementType(y, y.dtype === 'float64' ? 'float64' : 'float32');
  return convertElementType(lax.div(lax.round(lax.mul(wide, 10 ** decimals)), 10 ** decimals), y.dtype);
}
export { round as around };
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
export const sinh = float('sinh', functions.sinh);
export const cosh = float('cosh', functions.cosh);
export const arcsin = float('arcsin', functions.asin);
export const arccos = float('arccos', functions.acos);
export const arctan = float('arctan', functions.atan);
export const arcsinh = float('arcsinh', functions.asinh);
export const arccosh = float('arccosh', functions.acosh);
export const arctanh = float('arctanh', functions.atanh);
export { arcsin as asin, arccos as acos, arctan as atan, arcsinh as asinh, arccosh as acosh, arctanh as atanh };
export const cbrt = float('cbrt', functions.cbrt);
export const exp2 = float('exp2', functions.exp2);
export const reciprocal = float('reciprocal', (x) => lax.div(1, x));
export const isfinite = unary('isfinite', (x) => (isFloat(x.dtype) ? lax.isFinite(x) : lax.eq(x, x)));
export const isnan = unary('isnan', (x) => lax.ne(x, x));
export const isinf = unary('isinf', (x) => (isFloat(x.dtype) ? lax.eq(lax.abs(x), Infinity) : lax.ne(x, x)));

/** Limits values to [min, max]; either may be null. */
export function clip(x: Operand, min?: Operand | null, max?: Operand | null): NDArray {
  let y = asArray(x, 'jnp.clip');
  if (min !== null && min !== undefined) y = maximum(y, min);
  return max !== null && max !== undefined ? minimum(y, max) : y;
}
