/** Elementwise functions of floating-point numbers beyond arithmetic. */
import { checkOptions } from '../../runtime/options.js';
import { TypeError } from '../../runtime/errors.js';
import { NDArray, Scalar, formatAval } from '../array.js';
import { isFloat, isHalf, isUnsigned, type DType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import * as functions from '../primitives/functions.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo } from '../primitives/shape.js';
import { besselI0e } from '../primitives/special.js';
import { binary, either, float, inexact, numeric, nonzeroDivisor, unary } from './promotion.js';
import { isnan } from './ufuncs.js';

const constant = (value: number, like: NDArray): Scalar => new Scalar(value, like.dtype, false);
const filled = (condition: NDArray, value: number, otherwise: NDArray): NDArray => lax.select(condition, constant(value, otherwise), otherwise);
const inexactBinary = (name: string, f: (x: NDArray, y: NDArray) => NDArray) => (x: Operand, y: Operand): NDArray => { const [a, b] = inexact(`jnp.${name}`, x, y); return f(a, b); };

/** sqrt(x² + y²) without overflow on the way. */
export const hypot = inexactBinary('hypot', (x, y) => {
  const [a, b] = [lax.abs(x), lax.abs(y)];
  const larger = lax.ge(a, b);
  const [most, least] = [lax.select(larger, a, b), lax.select(larger, b, a)];
  const safe = filled(lax.bitwiseOr(lax.eq(most, 0), lax.eq(most, Infinity)), 1, most);
  const length = lax.mul(most, functions.sqrt(lax.add(1, lax.square(lax.div(least, safe)))));
  return lax.select(lax.eq(most, 0), most, filled(lax.bitwiseOr(lax.eq(a, Infinity), lax.eq(b, Infinity)), Infinity, length));
});

/** log(eˣ + eʸ): the larger one and what the other adds. Choices, not extrema, so that equal operands have their derivatives too. */
function logSum(x: NDArray, y: NDArray, base: number): NDArray {
  const larger = lax.ge(x, y);
  const [most, least] = [lax.select(larger, x, y), lax.select(larger, y, x)];
  // Equal infinities are the only ones whose difference is no number.
  const difference = filled(lax.bitwiseAnd(lax.eq(most, least), lax.bitwiseNot(lax.isFinite(most))), 0, lax.sub(least, most));
  const more = functions.log1p(functions.exp(base === 1 ? difference : lax.mul(difference, base)));
  return lax.add(most, base === 1 ? more : lax.div(more, base));
}
export const logaddexp = inexactBinary('logaddexp', (x, y) => logSum(x, y, 1));
/** log₂(2ˣ + 2ʸ). */
export const logaddexp2 = inexactBinary('logaddexp2', (x, y) => logSum(x, y, Math.LN2));

/** sin(πx)/(πx), by its series at 0. */
export const sinc = float('sinc', (x) => {
  const angle = lax.mul(x, Math.PI);
  const zero = lax.eq(x, 0);
  const safe = filled(zero, 1, angle);
  const square = lax.square(angle);
  const series = lax.sub(1, lax.mul(square, lax.sub(1 / 6, lax.mul(square, 1 / 120))));
  return lax.select(zero, series, lax.div(functions.sin(safe), safe));
});

/** Whether the sign bit is set: also of -0. */
const negative = (x: NDArray): NDArray => {
  if (x.dtype === 'bool' || isUnsigned(x.dtype)) return lax.ne(x, x);
  return isFloat(x.dtype) ? lax.bitwiseOr(lax.lt(x, 0), lax.lt(lax.div(1, x), 0)) : lax.lt(x, 0);
};
export const signbit = unary('signbit', negative);
/** |x| with y's sign. */
export const copysign = inexactBinary('copysign', (x, y) => { const size = lax.abs(x); return lax.select(negative(y), lax.neg(size), size); });
/** 0 where x < 0, y where x = 0, 1 where x > 0; NaN stays. */
export const heaviside = inexactBinary('heaviside', (x, y) => lax.select(isnan(x), x, lax.select(lax.lt(x, 0), constant(0, x), filled(lax.gt(x, 0), 1, y))));
/** The larger one; NaN only where both are. */
export const fmax = binary('fmax', (x, y) => lax.select(isFloat(x.dtype) ? lax.bitwiseOr(lax.gt(x, y), isnan(y)) : lax.gt(x, y), x, y));
/** The smaller one; NaN only where both are. */
export const fmin = binary('fmin', (x, y) => lax.select(isFloat(x.dtype) ? lax.bitwiseOr(lax.lt(x, y), isnan(y)) : lax.lt(x, y), x, y));
/** C's remainder, which has x's sign; of integers divided by 0 it is 0. */
export const fmod = numeric('fmod', (x, y) => lax.rem(x, nonzeroDivisor(y)));
/** The next number from x towards y. Half floats have no neighbours here. */
export const nextafter = inexactBinary('nextafter', lax.nextafter);
/** The distance to the next number away from 0. */
export const spacing = float('spacing', (x) => {
  const size = lax.abs(x);
  const gap = lax.sub(lax.nextafter(size, Infinity), size);
  return filled(lax.eq(size, Infinity), NaN, lax.select(negative(x), lax.neg(gap), gap));
});

/** 2ⁿ in two steps, so that neither overflows where the product does not. */
function scaled(x: NDArray, n: NDArray): NDArray {
  const bound = x.dtype === 'float64' ? 2200 : 320;
  const whole = lax.max(lax.min(convertElementType(n, 'int32'), bound), -bound);
  const first = lax.div(whole, 3);
  const step = (k: NDArray) => lax.pow(constant(2, x), convertElementType(k, x.dtype));
  return lax.mul(lax.mul(lax.mul(x, step(first)), step(first)), step(lax.sub(whole, lax.mul(first, 2))));
}
/** Half floats are taken apart in float32. */
const wide = (x: NDArray): NDArray => (isHalf(x.dtype) ? convertElementType(x, 'float32') : x);
/** x · 2ⁿ. */
export function ldexp(x: Operand, n: Operand): NDArray {
  const [a] = inexact('jnp.ldexp', x);
  const exponents = asArray(n, 'jnp.ldexp');
  const whole = exponents instanceof Scalar ? Number.isInteger(Number(exponents.value)) : !isFloat(exponents.dtype);
  if (!whole) throw new TypeError(`jnp.ldexp: exponents must be integers, got ${formatAval(exponents)}; convert them with astype('int32').`);
  return convertElementType(scaled(wide(a), exponents), a.dtype);
}
/** [m, n] with x = m · 2ⁿ and ½ ≤ |m| < 1; n is int32. */
export function frexp(x: Operand): [NDArray, NDArray] {
  const [a] = inexact('jnp.frexp', x);
  const y = wide(a);
  const plain = lax.bitwiseAnd(lax.isFinite(y), lax.ne(y, 0));
  const size = filled(lax.bitwiseNot(plain), 0.5, lax.abs(y));
  // The logarithm may be one off next to powers of two.
  let n = convertElementType(lax.add(lax.floor(lax.div(functions.log(size), Math.LN2)), 1), 'int32');
  const first = scaled(size, lax.neg(n));
  n = lax.sub(lax.add(n, convertElementType(lax.ge(first, 1), 'int32')), convertElementType(lax.lt(first, 0.5), 'int32'));
  const mantissa = lax.select(plain, scaled(y, lax.neg(n)), y);
  return [convertElementType(mantissa, a.dtype), filled(lax.bitwiseNot(plain), 0, n)];
}
/** [fraction, whole part], both with x's sign. */
export function modf(x: Operand): [NDArray, NDArray] {
  const [a] = inexact('jnp.modf', x);
  const whole = lax.truncate(a);
  return [lax.sub(a, whole), whole];
}

export const fabs = float('fabs', lax.abs);
export const rint = float('rint', lax.round);
export const positive = unary('positive', (x) => x);
export const deg2rad = float('deg2rad', (x) => lax.mul(x, Math.PI / 180));
export const rad2deg = float('rad2deg', (x) => lax.mul(x, 180 / Math.PI));
export const radians = deg2rad;
export const degrees = rad2deg;
const infinite = (name: string, value: number) => unary(name, (x) => (isFloat(x.dtype) ? lax.eq(x, value) : lax.ne(x, x)));
export const isposinf = infinite('isposinf', Infinity);
export const isneginf = infinite('isneginf', -Infinity);

/** The modified Bessel function of order 0. x · sign x is |x| with the derivative 0 at 0 that goes with the other factor's. */
export const i0 = float('i0', (x) => lax.mul(besselI0e(x), functions.exp(lax.mul(x, lax.sign(x)))));

const LARGEST: Partial<Record<DType, number>> = { float16: 65504, bfloat16: 3.3895313892515355e38, float32: 3.4028234663852886e38, float64: Number.MAX_VALUE };
/** Changes NaN and infinities to numbers: to 0 and the largest of the dtype where nothing else is said. */
export function nanToNum(x: Operand, options?: { nan?: Operand; posinf?: Operand; neginf?: Operand }): NDArray {
  const y = asArray(x, 'jnp.nanToNum');
  const most = LARGEST[y.dtype] ?? 0;
  const { nan = 0, posinf = most, neginf = -most } = checkOptions('jnp.nanToNum', options, ['nan', 'posinf', 'neginf']);
  if (!isFloat(y.dtype)) return y;
  return [[isnan(y), nan], [lax.eq(y, Infinity), posinf], [lax.eq(y, -Infinity), neginf]].reduce((z, [at, value]) => convertElementType(either('jnp.nanToNum', at, value, z), y.dtype), y);
}

// Real numbers as complex ones see them.
export const real = unary('real', (x) => x);
export const conjugate = real;
export const conj = real;
export const imag = unary('imag', (x) => expandTo(constant(0, x), x.shape));
export const isreal = unary('isreal', (x) => lax.eq(lax.ne(x, x), lax.ne(x, x)));
export const iscomplex = unary('iscomplex', (x) => lax.ne(lax.ne(x, x), lax.ne(x, x)));
/** 0, or π for negative numbers. */
export function angle(z: Operand, options?: { deg?: boolean }): NDArray {
  const { deg = false } = checkOptions('jnp.angle', options, ['deg']);
  const [x] = inexact('jnp.angle', z);
  return lax.select(isnan(x), x, lax.select(negative(x), constant(deg ? 180 : Math.PI, x), constant(0, x)));
}
