/** Changes of element type, and the operations that only pass a value on. */
import { NDArray, Scalar, aval, isArray, type Aval } from '../array.js';
import { bind } from '../core.js';
import { map } from '../tree.js';
import { DTYPES, integerLimits, isFloat, isHalf, isInteger, type DType } from '../dtypes.js';
import { TypeError } from '../../runtime/errors.js';
import { add, bitwiseAnd, div, eq, max, min, mul, neg, pow, select, sub } from './arithmetic.js';
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
    if (isHalf(a.dtype) || isHalf(dtype)) throw new TypeError(`bitcastConvertType: the bits of half floats are not available in programs (${a.dtype} to ${dtype}); read x.data, which holds them.`);
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
    // The engine ends at the limits of a dtype only where 32 bits of both meet, and for uint8; JAX does so everywhere.
    if (isHalf(x.dtype)) return convertElementType(convertElementType(x, 'float32'), dtype, weak);
    const ends = NARROW[dtype];
    if (ends) return convertElementType(min(max(convertElementType(x, 'int32'), ends[0]), ends[1]), dtype, weak);
  }
  return bind(convertP, [x], weak ? { dtype, weak } : { dtype })[0];
}
const NARROW: Partial<Record<DType, readonly [number, number]>> = { int8: [-128, 127], int16: [-32768, 32767], uint16: [0, 65535] };
/** Integers wrap, as their memory does later; floats end at the limits, and NaN is 0. */
function converted({ value, dtype: from }: Scalar, to: DType): number | bigint | boolean {
  if (to === 'bool') return Number(value) !== 0;
  if (isFloat(to)) return Number(value);
  if (typeof value === 'bigint') return value;
  const whole = Math.trunc(Number(value)) || 0;
  if (!isFloat(from)) return whole;
  const [least, most] = integerLimits(to);
  return whole < least ? least : whole > most ? most : whole;
}

/** The same bits read as another dtype of the same width. */
export const bitcastConvertType = (x: NDArray, dtype: DType): NDArray =>
  // Small integers are computed in wider ones, where a conversion wraps just as a bit cast does.
  (DTYPES[x.dtype].size < 4 && DTYPES[dtype].size === DTYPES[x.dtype].size && isInteger(x.dtype) && isInteger(dtype) ? convertElementType(x, dtype) : bind(bitcastP, [x], { dtype })[0]);

/** The value, an array or a tree of them, for which every derivative is zero. As `jax.lax.stop_gradient`. */
export const stopGradient = <T>(x: T): T => (isArray(x) ? bind(stopGradientP, [x])[0] as T : map((leaf) => (isArray(leaf) ? bind(stopGradientP, [leaf])[0] : leaf), x));
