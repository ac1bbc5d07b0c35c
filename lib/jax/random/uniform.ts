/** Random bits, and what is made of them by comparing and scaling alone. */
import { checkOptions } from '../../runtime/options.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { Scalar, isArray, type NDArray } from '../array.js';
import { DTYPES, checkDType, integerLimits, isFloat, isInteger, isUnsigned, type DType } from '../dtypes.js';
import type { Shape } from '../dims.js';
import { checkShape } from '../numpy/promotion.js';
import * as lax from '../primitives/arithmetic.js';
import { bitcastConvertType, convertElementType } from '../primitives/convert.js';
import type { Operand } from '../primitives/primitive.js';
import { checkKey, type Width } from '../primitives/random.js';
import { reshape, slice } from '../primitives/shape.js';
import { EPSILON, float, parameter, rows, shapeFor, splitKeys, together, uniformFrom, uniformIn, words, type DTypeOption } from './common.js';

/** Uniform unsigned integers of a dtype. */
export function bits(k: NDArray, shape: Shape = [], options?: DTypeOption): NDArray {
  const { dtype = 'uint32' } = checkOptions('random.bits', options, ['dtype']);
  if (!isUnsigned(dtype)) throw new TypeError(`random.bits: expected an unsigned integer dtype, got ${dtype}.`);
  checkKey('random.bits', k);
  return words(k, (DTYPES[dtype].size * 8) as Width, checkShape('random.bits', shape));
}

export interface UniformOptions { dtype?: DType; minval?: Operand; maxval?: Operand }
/** Uniform in [minval, maxval). */
export function uniform(k: NDArray, shape: Shape = [], options?: UniformOptions): NDArray {
  const { dtype = 'float32', minval = 0, maxval = 1 } = checkOptions('random.uniform', options, ['dtype', 'minval', 'maxval']);
  float('random.uniform', dtype);
  checkKey('random.uniform', k);
  const to = checkShape('random.uniform', shape);
  return together((kk, a, b) => uniformIn(kk, to, dtype, a, b), k, parameter(minval, dtype), parameter(maxval, dtype));
}

/** True with probability `p`. `mode: 'high'` spends twice the bits, for probabilities near 0. */
export function bernoulli(k: NDArray, p: Operand = 0.5, shape?: Shape | null, options?: { mode?: 'low' | 'high' }): NDArray {
  const { mode = 'low' } = checkOptions('random.bernoulli', options, ['mode']);
  if (mode !== 'low' && mode !== 'high') throw new ValueError(`random.bernoulli: unknown mode '${String(mode)}'; expected 'low' or 'high'.`);
  const dtype = isArray(p) && isFloat(p.dtype) ? p.dtype : 'float32';
  checkKey('random.bernoulli', k);
  const q = parameter(p, dtype);
  const to = shapeFor('random.bernoulli', shape, q);
  return together((kk, pp) => {
    if (mode === 'low') return lax.lt(uniformFrom(kk, to, dtype), pp);
    const [coarse, fine] = halves(uniformFrom(kk, [2, ...to], dtype));
    return lax.lt(lax.mul(fine, EPSILON[dtype]), lax.sub(pp, coarse));
  }, k, q);
}
/** Both entries of a first axis of size 2. */
export const halves = (x: NDArray): NDArray[] => [0, 1].map((i) => reshape(slice(x, x.shape.map((_, a) => (a === 0 ? i : 0)), x.shape.map((d, a) => (a === 0 ? i + 1 : d))), x.shape.slice(1)));

/** -1 or 1. */
export function rademacher(k: NDArray, shape: Shape = [], options?: DTypeOption): NDArray {
  const { dtype = 'int32' } = checkOptions('random.rademacher', options, ['dtype']);
  const signs = convertElementType(bernoulli(k, 0.5, shape), checkDType(dtype, 'random.rademacher'));
  return lax.sub(lax.mul(signs, 2), 1);
}

/** Uniform integers in [minval, maxval); a maxval beyond the type means that its largest value is drawn too. */
export function randint(k: NDArray, shape: Shape, minval: Operand, maxval: Operand, options?: DTypeOption): NDArray {
  const { dtype = 'int32' } = checkOptions('random.randint', options, ['dtype']);
  if (!isInteger(checkDType(dtype, 'random.randint'))) throw new TypeError(`random.randint: expected an integer dtype, got ${dtype}.`);
  checkKey('random.randint', k);
  const wide: DType = DTYPES[dtype].size < 4 ? 'int32' : dtype;
  const width = (DTYPES[wide].size * 8) as 32 | 64;
  const unsigned: DType = `uint${width}`;
  const [least, most] = integerLimits(dtype);
  // For narrow types the limit one above the largest value is an int32.
  const top = wide === dtype ? most : most + 1n;
  const clipped = (x: bigint, high: bigint) => (x < least ? least : x > high ? high : x);
  const limit = (x: Operand, high: bigint): NDArray => {
    if (!isArray(x)) return new Scalar(clipped(typeof x === 'bigint' ? x : BigInt(Math.trunc(Number(x))), high), wide, false);
    if (x.dtype === wide && wide === dtype) return x;
    const [from, to] = isInteger(x.dtype) ? integerLimits(x.dtype) : integerLimits('int32');
    const whole = isInteger(x.dtype) ? x : convertElementType(x, 'int32');
    const within = (v: bigint) => new Scalar(v, whole.dtype, false);
    return convertElementType(lax.min(lax.max(whole, within(least > from ? least : from)), within(high < to ? high : to)), wide);
  };
  const above = (x: NDArray): NDArray | undefined => (integerLimits(x.dtype)[1] > most ? lax.gt(x, new Scalar(most, x.dtype, false)) : undefined);
  const beyond = wide !== dtype ? undefined : isArray(maxval) ? above(maxval) : Number(maxval) > Number(most) || undefined;
  const [low, high] = [limit(minval, most), limit(maxval, top)];
  const to = shapeFor('random.randint', shape, low, high);
  const out = together((kk, lo, hi, ...over) => {
    const [higher, lower] = rows(splitKeys(kk, 2)).map((key) => words(key, width, to));
    const asBits = (x: NDArray): NDArray => (x.dtype === unsigned ? x : bitcastConvertType(x, unsigned));
    const one = new Scalar(1n, unsigned, false);
    const some = lax.gt(hi, lo);
    let span = lax.select(some, lax.sub(asBits(hi), asBits(lo)), one);
    if (beyond !== undefined) span = lax.select(over.length ? lax.bitwiseAnd(over[0], some) : some, lax.add(span, one), span);
    const rest = (x: NDArray): NDArray => (width === 64 ? remainder64(x, span) : lax.rem(x, span));
    const half = rest(new Scalar(1n << BigInt(width / 2), unsigned, false));
    const factor = rest(lax.mul(half, half));
    const offset = rest(lax.add(lax.mul(rest(higher), factor), rest(lower)));
    return lax.add(lo, wide === unsigned ? offset : bitcastConvertType(offset, wide));
  }, k, low, high, ...(isArray(beyond) ? [beyond] : []));
  return convertElementType(out, dtype);
}
/** x mod y of uint64, of which programs compute as int64: by halves of x where y is positive so, else by one subtraction. */
function remainder64(x: NDArray, y: NDArray): NDArray {
  const whole = (v: bigint) => new Scalar(v, 'int64', false);
  const [a, d] = [bitcastConvertType(x, 'int64'), bitcastConvertType(y, 'int64')];
  const positive = lax.gt(d, whole(0n));
  const r = lax.rem(bitcastConvertType(lax.shiftRightLogical(x, new Scalar(1n, 'uint64', false)), 'int64'), lax.select(positive, d, whole(1n)));
  const left = lax.sub(d, r);
  const twice = lax.add(lax.select(lax.ge(r, left), lax.sub(r, left), lax.add(r, r)), lax.bitwiseAnd(a, whole(1n)));
  const above = lax.bitwiseAnd(lax.lt(a, whole(0n)), lax.ge(a, d));
  const result = lax.select(positive, lax.select(lax.eq(twice, d), whole(0n), twice), lax.select(above, lax.sub(a, d), a));
  return bitcastConvertType(result, 'uint64');
}
