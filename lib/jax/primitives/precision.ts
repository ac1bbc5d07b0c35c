/** Rounding to formats of fewer bits, in bits of integers. */
import { ValueError } from '../../runtime/errors.js';
import type { NDArray } from '../array.js';
import { bind } from '../core.js';
import type { DType } from '../dtypes.js';
import { add, bitwiseAnd, bitwiseOr, gt, le, ne, select, shiftRightLogical } from './arithmetic.js';
import { bitcastConvertType, convertElementType } from './convert.js';
import { composed } from './composed.js';
import { elementwise } from './elementwise.js';
import { asArray, lift, requireFloat, type Operand, type Primitive } from './primitive.js';

interface Format { readonly exponentBits: number; readonly mantissaBits: number }
const FORMATS: Partial<Record<DType, [stored: DType, exponent: bigint, mantissa: bigint]>> = {
  float16: ['uint16', 5n, 10n], bfloat16: ['uint16', 8n, 7n], float32: ['uint32', 8n, 23n], float64: ['uint64', 11n, 52n],
};

/** Rounds the mantissa to even, makes what is too large infinite and what is too small zero; NaN stays. */
function rounded(x: NDArray, { exponentBits, mantissaBits }: Format): NDArray {
  const [stored, exponent, mantissa] = FORMATS[x.dtype]!;
  const word: DType = stored === 'uint64' ? 'uint64' : 'uint32';
  const number = (value: bigint) => lift(value, word);
  const exponents = ((1n << exponent) - 1n) << mantissa;
  const sign = 1n << (exponent + mantissa);
  const drop = mantissa - BigInt(mantissaBits);
  let bits = convertElementType(bitcastConvertType(x, stored), word);
  const signs = bitwiseAnd(bits, number(sign));
  if (drop > 0n) {
    const odd = bitwiseAnd(shiftRightLogical(bits, number(drop)), number(1n));
    const raised = add(bits, add(odd, number((1n << (drop - 1n)) - 1n)));
    bits = bitwiseAnd(raised, number((sign << 1n) - (1n << drop)));
  }
  if (exponentBits < Number(exponent)) {
    const [bias, reach] = [(1n << (exponent - 1n)) - 1n, (1n << BigInt(exponentBits - 1)) - 1n];
    const size = bitwiseAnd(bits, number(exponents));
    bits = select(gt(size, number((bias + reach) << mantissa)), bitwiseOr(signs, number(exponents)), bits);
    bits = select(le(size, number((bias - reach) << mantissa)), signs, bits);
  }
  return select(ne(x, x), x, bitcastConvertType(convertElementType(bits, stored), x.dtype));
}

const reducePrecisionP: Primitive<Format> = elementwise({
  name: 'reduce_precision', result: ([a]) => requireFloat('lax.reducePrecision', a),
  onnx: (g, inputs, format: Format, types) => composed((x) => rounded(x, format))(g, inputs, format, types),
  rule: (ct, _inputs, _outputs, format: Format) => [() => bind(reducePrecisionP, [ct], format)[0]],
}) as Primitive<Format>;

/**
 * The nearest numbers of a format with so many bits, in the dtype given: `reducePrecision(x, 8, 7)` rounds as bfloat16
 * does. The derivative is rounded alike.
 */
export function reducePrecision(operand: Operand, exponentBits: number, mantissaBits: number): NDArray {
  if (![exponentBits, mantissaBits].every(Number.isInteger) || exponentBits < 1 || mantissaBits < 0) {
    throw new ValueError(`lax.reducePrecision: expected at least 1 exponent bit and 0 mantissa bits, got ${exponentBits} and ${mantissaBits}.`);
  }
  return bind(reducePrecisionP, [asArray(operand, 'lax.reducePrecision')], { exponentBits, mantissaBits })[0];
}
