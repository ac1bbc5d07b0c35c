/** Bits of integers. */
import type { NDArray } from '../array.js';
import { DTYPES, isInteger, isUnsigned, type DType } from '../dtypes.js';
import { TypeError } from '../../runtime/errors.js';
import { add, bitwiseAnd, bitwiseNot, bitwiseOr, lt, min, mul, select, shiftRightLogical, sub } from './arithmetic.js';
import { composed } from './composed.js';
import { convertElementType } from './convert.js';
import { binaryFunction, elementwise } from './elementwise.js';
import { asArray, lift, requireSameDType, type Operand } from './primitive.js';

const width = (d: DType): number => 8 * DTYPES[d].size;
function requireInteger(where: string, d: DType): DType {
  if (!isInteger(d)) throw new TypeError(`${where}: expected integers, got ${d}; convert with astype('int32').`);
  return d;
}
/** The unsigned type in which bits of `d` move; a narrower negative number brings its sign along. */
const unsigned = (d: DType): DType => (width(d) === 64 ? 'uint64' : 'uint32');
/** The bits of `x`, zeros in front of those of a narrow number. */
function bitsOf(x: NDArray): NDArray {
  const wide = convertElementType(x, unsigned(x.dtype));
  return width(x.dtype) < 32 && !isUnsigned(x.dtype) ? bitwiseAnd(wide, 2 ** width(x.dtype) - 1) : wide;
}

export const shiftRightArithmeticP = elementwise({
  name: 'shift_right_arithmetic', opcode: 'SHR_ARITH', rule: null, result: (inputs) => requireInteger('shiftRightArithmetic', requireSameDType('shiftRightArithmetic', inputs)),
  // ~(~x >> n) for negative numbers, so that only bits without a sign are moved.
  onnx: composed((x, n) => {
    const signed = convertElementType(x, `int${width(x.dtype)}` as DType);
    const below = lt(signed, 0);
    const amount = min(convertElementType(n, unsigned(n.dtype)), width(x.dtype) - 1);
    const moved = convertElementType(shiftRightLogical(convertElementType(select(below, bitwiseNot(signed), signed), unsigned(x.dtype)), amount), signed.dtype);
    return convertElementType(select(below, bitwiseNot(moved), moved), x.dtype);
  }),
});
/** x · 2⁻ⁿ rounded down: copies of the sign bit come in. */
export const shiftRightArithmetic = binaryFunction(shiftRightArithmeticP);

/** How many bits are set. Pairs, fours, … of bits are added side by side. */
export function populationCount(operand: Operand): NDArray {
  const x = asArray(operand, 'lax.populationCount');
  let y = bitsOf(x.dtype === 'bool' ? x : (requireInteger('lax.populationCount', x.dtype), x));
  const wide = y.dtype === 'uint64';
  for (const [shift, mask] of [[1n, 0x5555555555555555n], [2n, 0x3333333333333333n], [4n, 0x0f0f0f0f0f0f0f0fn], [8n, 0x00ff00ff00ff00ffn], [16n, 0x0000ffff0000ffffn], [32n, 0x00000000ffffffffn]]) {
    if (!wide && shift === 32n) break;
    const [by, m] = [lift(shift, y.dtype), lift(wide ? mask : mask & 0xffffffffn, y.dtype)];
    y = add(bitwiseAnd(y, m), bitwiseAnd(shiftRightLogical(y, by), m));
  }
  return convertElementType(y, x.dtype);
}

/** How many bits in front of the highest one are zero. */
export function clz(operand: Operand): NDArray {
  const x = asArray(operand, 'lax.clz');
  requireInteger('lax.clz', x.dtype);
  let y = bitsOf(x);
  // Every bit behind the highest one is set; the others are counted.
  for (let shift = 1; shift < width(x.dtype); shift *= 2) y = bitwiseOr(y, shiftRightLogical(y, lift(BigInt(shift), y.dtype)));
  return sub(lift(width(x.dtype), x.dtype), convertElementType(populationCount(y), x.dtype));
}

/** The upper half of the product of two integers, which has twice their bits. */
export function mulhi(x: Operand, y: Operand): NDArray {
  const [a, b] = [asArray(x, 'lax.mulhi'), asArray(y, 'lax.mulhi')];
  const dtype = requireInteger('lax.mulhi', requireSameDType('lax.mulhi', [a.aval, b.aval]));
  const bits = width(dtype);
  if (bits < 64) {
    const wide: DType = isUnsigned(dtype) ? 'uint64' : 'int64';
    const product = mul(convertElementType(a, wide), convertElementType(b, wide));
    return convertElementType((isUnsigned(dtype) ? shiftRightLogical : shiftRightArithmetic)(product, lift(BigInt(bits), wide)), dtype);
  }
  const word = (v: bigint) => lift(v, 'uint64');
  const low = (v: NDArray) => bitwiseAnd(v, word(0xffffffffn));
  const high = (v: NDArray) => shiftRightLogical(v, word(32n));
  const [p, q] = [bitsOf(a), bitsOf(b)];
  const middle = add(mul(high(p), low(q)), high(mul(low(p), low(q))));
  const carry = add(mul(low(p), high(q)), low(middle));
  const upper = add(add(mul(high(p), high(q)), high(middle)), high(carry));
  if (isUnsigned(dtype)) return upper;
  // A negative factor was 2⁶⁴ too large.
  const excess = (s: NDArray, other: NDArray) => select(lt(s, lift(0n, dtype)), other, lift(0n, dtype));
  return sub(sub(convertElementType(upper, dtype), excess(a, b)), excess(b, a));
}
