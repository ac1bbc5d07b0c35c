/** Changes of element type, and the operations that only pass a value on. */
import { NDArray, Scalar, aval, isArray, type Aval } from '../array.js';
import { bind } from '../core.js';
import { map } from '../tree.js';
import { DTYPES, isFloat, isHalf, isInteger, toInteger, type DType } from '../dtypes.js';
import { TypeError } from '../../runtime/errors.js';
import { abs, add, bitwiseAnd, bitwiseXor, div, eq, ge, lt, max, min, mul, neg, pow, select, shiftLeft, shiftRightLogical, sub } from './arithmetic.js';
import { composed } from './composed.js';
import { elementwise } from './elementwise.js';
import { primitive, type Primitive } from './primitive.js';

const convert = elementwise({
  name: 'convert_element_type', opcode: 'CONVERT',
  result: (_inputs, { dtype }) => dtype,
  rule: (ct, [x]) => [isFloat(x.dtype) && isFloat(ct.dtype) ? () => convertElementType(ct, x.dtype) : null],
  onnx: (g, [x], { dtype }) => g.cast(x, dtype),
});

/** `weak`: an array that takes part in promotion like a number, as JAX has it for int32[n] + 1.5. */
export const convertP: Primitive<{ dtype: DType; weak?: true }> = Object.assign(convert, {
  shape: ([a]: readonly Aval[], { dtype, weak }: { dtype: DType; weak?: true }) => [aval(a.shape, dtype, weak ?? false)],
});

export const bitcastP = elementwise({
  name: 'bitcast_convert_type', opcode: 'BITCAST', rule: null,
  result: ([a], { dtype }) => {
    if (DTYPES[a.dtype].size !== DTYPES[dtype as DType].size) throw new TypeError(`bitcastConvertType: ${a.dtype} and ${dtype} differ in size; choose a dtype of ${DTYPES[a.dtype].size} bytes.`);
    return dtype;
  },
  onnx: (g, inputs, params, types) => {
    const [from, to] = [types.inputs[0].dtype, types.outputs[0].dtype];
    if (isInteger(from) && isInteger(to)) return g.cast(inputs[0], to);
    if (!isInteger(from) || to !== 'float32') throw new TypeError(`bitcastConvertType from ${from} to ${to} has no ONNX operator in this opset and cannot be written to a file for others.`);
    return composed(floatOfBits)(g, inputs, params, types);
  },
});

/** The float32 of which these are the bits, by its sign, exponent and mantissa; float64 holds all of them exactly. */
function floatOfBits(bits: NDArray): NDArray {
  const lift = (n: number): NDArray => new Scalar(BigInt(n), 'int64', false);
  const word = bitwiseAnd(convertElementType(bits, 'int64'), lift(0xffffffff));
  const [sign, exponent, mantissa] = [div(word, lift(2 ** 31)), bitwiseAnd(div(word, lift(2 ** 23)), lift(255)), bitwiseAnd(word, lift(2 ** 23 - 1))];
  const double = (x: NDArray): NDArray => convertElementType(x, 'float64');
  const small = eq(exponent, lift(0));
  const size = mul(double(select(small, mantissa, add(mantissa, lift(2 ** 23)))), pow(new Scalar(2, 'float64', false), double(sub(max(exponent, lift(1)), lift(150)))));
  const special = select(eq(mantissa, lift(0)), new Scalar(Infinity, 'float64', false), new Scalar(NaN, 'float64', false));
  const value = select(eq(exponent, lift(255)), special, size);
  return convertElementType(select(eq(sign, lift(0)), value, neg(value)), 'float32');
}

/** The same value of which no derivative passes. */
export const stopGradientP: Primitive = primitive({
  name: 'stop_gradient',
  shape: ([a]) => [a],
  vjp: null,
  batch: (inputs, axes) => [bind(stopGradientP, inputs), [axes[0]]],
  lower: (g, [x]) => [g.node('Identity', [x])],
  view: true,
});

/** The elements as `dtype`; the array itself where it has that dtype already and `weak` does not say otherwise. */
export function convertElementType(x: NDArray, dtype: DType, weak?: boolean): NDArray {
  if (x.dtype === dtype && (x instanceof Scalar ? x.weakType === (weak ?? false) : weak === undefined || x.weakType === weak)) return x;
  if (x instanceof Scalar) return new Scalar(converted(x, dtype), dtype, weak ?? false);
  if (isFloat(x.dtype) && isInteger(dtype)) {
    // Our kernels end at the limits of a dtype, as JAX does; the engine, which has the conversions that they lack, does not.
    if (isHalf(x.dtype)) return convertElementType(convertElementType(x, 'float32'), dtype, weak);
    const ends = NARROW[dtype];
    if (ends) return convertElementType(min(max(convertElementType(x, 'int32'), ends[0]), ends[1]), dtype, weak);
    if (dtype === 'uint64') {
      const upper = bitwiseXor(convertElementType(sub(x, 2 ** 63), 'int64'), new Scalar(-(2n ** 63n), 'int64', false));
      return convertElementType(select(ge(x, 2 ** 63), upper, convertElementType(max(x, 0), 'int64')), dtype, weak);
    }
  }
  return bind(convertP, [x], weak ? { dtype, weak } : { dtype })[0];
}
const NARROW: Partial<Record<DType, readonly [number, number]>> = { int8: [-128, 127], int16: [-32768, 32767], uint16: [0, 65535] };
/** Integers wrap, as their memory does later; floats end at the limits, and NaN is 0. */
function converted({ value, dtype: from }: Scalar, to: DType): number | bigint | boolean {
  if (to === 'bool') return Number(value) !== 0;
  if (isFloat(to)) return Number(value);
  if (typeof value === 'bigint') return value;
  return isFloat(from) ? toInteger(Number(value), to) : Math.trunc(Number(value)) || 0;
}

/** The 16 bits of half floats as int32, from those of float32, which holds every half. */
function bitsOfHalf(x: NDArray): NDArray {
  const wide = convertElementType(x, 'float32');
  const word = bitcastConvertType(wide, 'int32');
  const top = bitwiseAnd(shiftRightLogical(word, 16), 0xffff);
  if (x.dtype === 'bfloat16') return top;
  // float16: 5 bits of exponent around 15, not 8 around 127, and 13 fewer bits behind the point.
  const [exponent, mantissa] = [bitwiseAnd(shiftRightLogical(word, 23), 255), shiftRightLogical(bitwiseAnd(word, 2 ** 23 - 1), 13)];
  const denormal = convertElementType(mul(abs(select(lt(exponent, 113), wide, 0)), 2 ** 24), 'int32');
  const size = select(lt(exponent, 113), denormal, add(shiftLeft(select(eq(exponent, 255), 31, sub(exponent, 112)), 10), mantissa));
  return add(bitwiseAnd(top, 0x8000), size);
}
/** Half floats from their bits. */
function halfOfBits(x: NDArray, dtype: DType): NDArray {
  const bits = bitwiseAnd(convertElementType(x, 'int32'), 0xffff);
  if (dtype === 'bfloat16') return convertElementType(bitcastConvertType(shiftLeft(bits, 16), 'float32'), dtype);
  const [negative, exponent, mantissa] = [ge(bits, 0x8000), bitwiseAnd(shiftRightLogical(bits, 10), 31), bitwiseAnd(bits, 1023)];
  const word = add(shiftLeft(select(eq(exponent, 31), 255, add(exponent, 112)), 23), shiftLeft(mantissa, 13));
  const size = select(eq(exponent, 0), mul(convertElementType(mantissa, 'float32'), 2 ** -24), bitcastConvertType(word, 'float32'));
  return convertElementType(select(negative, neg(size), size), dtype);
}
/** The same bits read as another dtype of the same width. */
export function bitcastConvertType(x: NDArray, dtype: DType): NDArray {
  if (x.dtype !== dtype && DTYPES[x.dtype].size === 2 && DTYPES[dtype].size === 2) {
    if (isHalf(x.dtype)) return bitcastConvertType(convertElementType(bitsOfHalf(x), 'uint16'), dtype);
    if (isHalf(dtype)) return halfOfBits(x, dtype);
  }
  // Small integers are computed in wider ones, where a conversion wraps just as a bit cast does.
  if (DTYPES[x.dtype].size < 4 && DTYPES[dtype].size === DTYPES[x.dtype].size && isInteger(x.dtype) && isInteger(dtype)) return convertElementType(x, dtype);
  return x.dtype === dtype ? x : bind(bitcastP, [x], { dtype })[0];
}

/** The value, an array or a tree of them, for which every derivative is zero. As `jax.lax.stop_gradient`. */
export const stopGradient = <T>(x: T): T => (isArray(x) ? bind(stopGradientP, [x])[0] as T : map((leaf) => (isArray(leaf) ? bind(stopGradientP, [leaf])[0] : leaf), x));
