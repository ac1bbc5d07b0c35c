/** Shifts, divisors and bits of integers. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { NDArray, Scalar } from '../array.js';
import { canonicalAxis } from '../dims.js';
import { DTYPES, isInteger, isUnsigned, type DType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { populationCount } from '../primitives/bits.js';
import { convertElementType } from '../primitives/convert.js';
import { iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo, pad, reduceSum, reshape, slice } from '../primitives/shape.js';
import { binary, unary } from './promotion.js';

const width = (d: DType): number => 8 * DTYPES[d].size;
function requireIntegers(where: string, ...xs: readonly NDArray[]): void {
  const other = xs.find((x) => !isInteger(x.dtype) && x.dtype !== 'bool');
  if (other) throw new TypeError(`${where}: expected integers, got ${other.dtype}; convert with astype('int32').`);
}
const zero = (like: NDArray): Scalar => new Scalar(0, like.dtype, false);

/** Bits move in 32 or 64 of them without sign; narrower integers fit in, and wrap on their way back. */
function shifted(x: NDArray, n: NDArray, move: (x: NDArray, n: NDArray) => NDArray): NDArray {
  const bits: DType = width(x.dtype) === 64 ? 'uint64' : 'uint32';
  const amount = convertElementType(n, bits);
  const within = lax.bitwiseAnd(lax.ge(n, 0), lax.lt(n, width(x.dtype)));
  const moved = move(convertElementType(x, bits), lax.select(within, amount, zero(amount)));
  return lax.select(within, convertElementType(moved, x.dtype), zero(x));
}
const shift = (name: string, f: (x: NDArray, n: NDArray) => NDArray) => binary(name, (x, n) => {
  requireIntegers(`jnp.${name}`, x, n);
  return x.dtype === 'bool' ? f(convertElementType(x, 'int32'), convertElementType(n, 'int32')) : f(x, n);
});
/** x · 2ⁿ; 0 where all bits leave. */
export const leftShift = shift('leftShift', (x, n) => shifted(x, n, lax.shiftLeft));
/** ⌊x / 2ⁿ⌋: the sign stays. */
export const rightShift = shift('rightShift', (x, n) => {
  if (isUnsigned(x.dtype)) return shifted(x, n, lax.shiftRightLogical);
  const below = lax.lt(x, 0);
  const plain = shifted(lax.select(below, lax.bitwiseNot(x), x), n, lax.shiftRightLogical);
  return lax.select(below, lax.bitwiseNot(plain), plain);
});
export const bitwiseLeftShift = leftShift;
export const bitwiseRightShift = rightShift;
export const bitwiseNot = unary('bitwiseNot', (x) => { requireIntegers('jnp.bitwiseNot', x); return lax.bitwiseNot(x); });
export const invert = bitwiseNot;
export const bitwiseInvert = bitwiseNot;

/** How many bits of |x| are set, uint8. */
export const bitwiseCount = unary('bitwiseCount', (x) => {
  requireIntegers('jnp.bitwiseCount', x);
  return convertElementType(populationCount(x.dtype === 'bool' ? convertElementType(x, 'uint8') : isUnsigned(x.dtype) ? x : lax.abs(x)), 'uint8');
});

/** The greatest common divisor, by Euclid's steps: as many as the widest pair of the dtype needs. */
export const gcd = binary('gcd', (x, y) => {
  requireIntegers('jnp.gcd', x, y);
  const steps = Math.ceil(1.45 * width(x.dtype));
  let [a, b] = isUnsigned(x.dtype) ? [x, y] : [lax.abs(x), lax.abs(y)];
  for (let k = 0; k < steps; k++) {
    const done = lax.eq(b, 0);
    const rest = lax.rem(a, lax.select(done, new Scalar(1, b.dtype, false), b));
    [a, b] = [lax.select(done, a, b), lax.select(done, b, rest)];
  }
  return a;
});
/** The least common multiple. */
export const lcm = binary('lcm', (x, y) => {
  requireIntegers('jnp.lcm', x, y);
  const [a, b] = isUnsigned(x.dtype) ? [x, y] : [lax.abs(x), lax.abs(y)];
  const d = gcd(a, b);
  return lax.mul(lax.div(a, lax.select(lax.eq(d, 0), new Scalar(1, d.dtype, false), d)), b);
});

interface BitOptions { axis?: number | null; bitorder?: 'big' | 'little' }
function bitsOf(where: string, x: Operand, { axis, bitorder = 'big' }: BitOptions): { y: NDArray; at: number; weights: number[] } {
  if (bitorder !== 'big' && bitorder !== 'little') throw new ValueError(`${where}: unknown bitorder '${String(bitorder)}'; expected big or little.`);
  const given = asArray(x, where);
  const y = axis === undefined || axis === null ? reshape(given, [given.size]) : given;
  const weights = [1, 2, 4, 8, 16, 32, 64, 128];
  return { y, at: canonicalAxis(axis ?? 0, y.ndim, where), weights: bitorder === 'big' ? weights.reverse() : weights };
}
const weightsAlong = (order: number[], rank: number, at: number): NDArray => {
  const k = iota('int32', [8]);
  const power = lax.shiftLeft(new Scalar(1, 'uint32', false), convertElementType(order[0] === 128 ? lax.sub(7, k) : k, 'uint32'));
  return reshape(power, [...globalThis.Array(rank + 1).keys()].map((i) => (i === at + 1 ? 8 : 1)));
};
/** Eight truth values along `axis` become one uint8; zeros fill the last. */
export function packbits(x: Operand, options?: BitOptions): NDArray {
  const { y, at, weights } = bitsOf('jnp.packbits', x, checkOptions('jnp.packbits', options, ['axis', 'bitorder']));
  requireIntegers('jnp.packbits', y);
  const n = y.shape[at];
  const bits = pad(convertElementType(lax.ne(y, zero(y)), 'uint32'), 0, y.shape.map((_, i) => [0, i === at ? (8 - (n % 8)) % 8 : 0, 0]));
  const apart = reshape(bits, [...y.shape.slice(0, at), Math.ceil(n / 8), 8, ...y.shape.slice(at + 1)]);
  return convertElementType(reduceSum(lax.mul(apart, weightsAlong(weights, y.ndim, at)), [at + 1]), 'uint8');
}
/** The bits of uint8 along `axis`, as 0 and 1: `count` of them (negative: without so many at the end; zeros follow beyond). */
export function unpackbits(x: Operand, options?: BitOptions & { count?: number | null }): NDArray {
  const { count, ...rest } = checkOptions('jnp.unpackbits', options, ['axis', 'count', 'bitorder']);
  const { y, at, weights } = bitsOf('jnp.unpackbits', x, rest);
  if (y.dtype !== 'uint8') throw new TypeError(`jnp.unpackbits: expected uint8, got ${y.dtype}.`);
  const apart = reshape(convertElementType(y, 'uint32'), [...y.shape.slice(0, at + 1), 1, ...y.shape.slice(at + 1)]);
  const shape = [...y.shape.slice(0, at + 1), 8, ...y.shape.slice(at + 1)];
  const bits = convertElementType(lax.ne(lax.bitwiseAnd(expandTo(apart, shape), expandTo(weightsAlong(weights, y.ndim, at), shape)), 0), 'uint8');
  const flat = reshape(bits, y.shape.map((d, i) => (i === at ? 8 * d : d)));
  const total = flat.shape[at];
  const wanted = count === undefined || count === null ? total : count < 0 ? total + count : count;
  if (!Number.isInteger(wanted) || wanted < 0) throw new ShapeError(`jnp.unpackbits: count ${String(count)} does not fit ${total} bits.`);
  const part = slice(flat, flat.shape.map(() => 0), flat.shape.map((d, i) => (i === at ? Math.min(d, wanted) : d)));
  return pad(part, 0, flat.shape.map((_, i) => [0, i === at ? Math.max(0, wanted - total) : 0, 0]));
}
