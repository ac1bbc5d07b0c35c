/**
 * `jax.random`: counter-based random numbers, equal to JAX's in every bit for bits, uniforms and what is made of them
 * (both threefry modes; `config.threefryPartitionable`). Each sampler is one compiled program: its elementwise part is
 * fused behind the bits.
 */
import { checkOptions } from '../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../runtime/errors.js';
import { NDArray, Scalar, isArray } from './array.js';
import { config } from './config.js';
import { bind, currentFrame, trace } from './core.js';
import { DTYPES, TYPED_ARRAYS, checkDType, decodeAt, encode, isFloat, isHalf, isUnsigned, type DType } from './dtypes.js';
import { broadcastShapes, canonicalAxis, formatShape, type Shape } from './dims.js';
import { apply } from './autodiff.js';
import { array } from './numpy/creation.js';
import { checkShape } from './numpy/promotion.js';
import * as lax from './primitives/arithmetic.js';
import { bitcastConvertType, convertElementType } from './primitives/convert.js';
import { erf, erfInv, log } from './primitives/functions.js';
import { gather, gatherAlong, iota } from './primitives/indexing.js';
import type { Operand } from './primitives/primitive.js';
import { argmax as argmaxAxis, argsort } from './primitives/reduce.js';
import { randomBitsP, randomFoldInP, randomSplitP, type Width } from './primitives/random.js';
import { concatenate, expandTo, reshape, slice } from './primitives/shape.js';

/** A key from a whole number: uint32[2], as `jax.random.PRNGKey`. Only the low 32 bits count. */
export function PRNGKey(seed: number | bigint | NDArray): NDArray {
  if (isArray(seed)) {
    if (seed.ndim !== 0 || isFloat(seed.dtype)) throw new TypeError(`random.PRNGKey: the seed must be a whole number or an integer scalar, got ${seed}.`);
    const low = reshape(convertElementType(seed, 'uint32'), [1]);
    return concatenate([expandTo(new Scalar(0, 'uint32', false), [1]), low], 0);
  }
  if (typeof seed !== 'bigint' && !Number.isSafeInteger(seed)) throw new TypeError(`random.PRNGKey: the seed must be a whole number, got ${String(seed)}.`);
  return array(new Uint32Array([0, Number(BigInt.asUintN(32, BigInt(seed)))]));
}
/** As `PRNGKey`: keys are plain arrays here. */
export const key = PRNGKey;

const mode = () => config.threefryPartitionable;

/** `num` new keys: uint32[num, 2], or [...num, 2] where `num` is a shape. */
export function split(k: NDArray, num: number | Shape = 2): NDArray {
  const shape = typeof num === 'number' ? [num] : [...num];
  if (shape.some((n) => !Number.isInteger(n) || n < 0)) throw new ValueError(`random.split: num must be a whole number or a list of them, got ${String(num)}.`);
  return reshape(bind(randomSplitP, [k], { num: shape.reduce((a, b) => a * b, 1), partitionable: mode() })[0], [...shape, 2]);
}
/** A key from a key and an integer. */
export function foldIn(k: NDArray, data: number | NDArray): NDArray {
  const d = isArray(data) ? convertElementType(data, 'uint32') : new Scalar(Number(BigInt.asUintN(32, BigInt(data))), 'uint32', false);
  return bind(randomFoldInP, [k, d])[0];
}

/** Runs a sampler as one program where no trace is open. */
function together(f: (...xs: NDArray[]) => NDArray, ...inputs: NDArray[]): NDArray {
  if (currentFrame()) return f(...inputs);
  // Numbers stay numbers, so that what follows from them alone is computed here.
  const arrays = inputs.filter((x) => !(x instanceof Scalar));
  return apply(trace((...xs) => { let at = 0; return [f(...inputs.map((x) => (x instanceof Scalar ? x : xs[at++])))]; }, arrays.map((x) => x.aval)), arrays)[0];
}

const words = (k: NDArray, width: Width, shape: Shape): NDArray => bind(randomBitsP, [k], { shape, width, partitionable: mode() })[0];

/** Uniform unsigned integers of a dtype. */
export function bits(k: NDArray, shape: Shape = [], options?: { dtype?: DType }): NDArray {
  const { dtype = 'uint32' } = checkOptions('random.bits', options, ['dtype']);
  if (!isUnsigned(dtype)) throw new TypeError(`random.bits: expected an unsigned integer dtype, got ${dtype}.`);
  return words(k, (DTYPES[dtype].size * 8) as Width, checkShape('random.bits', shape));
}

function float(where: string, dtype: DType): DType {
  if (!isFloat(checkDType(dtype, where))) throw new TypeError(`${where}: expected a floating-point dtype, got ${dtype}.`);
  return dtype;
}

/** Multiples of 2⁻ᵐ in [0, 1), m the mantissa bits. */
function unit(k: NDArray, shape: Shape, dtype: DType): NDArray {
  switch (dtype) {
    case 'float32': return lax.sub(bitcastConvertType(lax.bitwiseOr(lax.shiftRightLogical(words(k, 32, shape), 9), 0x3f800000), 'float32'), 1);
    case 'float64': {
      const mantissa = convertElementType(bind(lax.shiftRightLogicalP, [words(k, 64, shape), new Scalar(12n, 'uint64', false)])[0], 'float64');
      return lax.mul(mantissa, 2 ** -52);
    }
    // The mantissa times its unit: exact, and needs no half-precision bit patterns.
    case 'float16': return convertElementType(lax.mul(convertElementType(lax.shiftRightLogical(convertElementType(words(k, 16, shape), 'uint32'), 6), 'float32'), 2 ** -10), 'float16');
    default: return convertElementType(lax.mul(convertElementType(lax.shiftRightLogical(convertElementType(words(k, 8, shape), 'uint32'), 1), 'float32'), 2 ** -7), 'bfloat16');
  }
}

const bound = (x: Operand, dtype: DType): NDArray => (isArray(x) ? convertElementType(x, dtype) : new Scalar(rounded(Number(x), dtype), dtype, false));
/** A number as the nearest of `dtype`. */
function rounded(x: number, dtype: DType): number {
  return Number(decodeAt(dtype, new TYPED_ARRAYS[dtype](encode(dtype, [x])), 0));
}

/** max(low, unit·(high - low) + low); the product and sum are rounded once, but in half precision each, as XLA does. */
function uniformIn(k: NDArray, shape: Shape, dtype: DType, low: NDArray, high: NDArray): NDArray {
  const span = low instanceof Scalar && high instanceof Scalar ? new Scalar(rounded(Number(high.value) - Number(low.value), dtype), dtype, false) : lax.sub(high, low);
  const u = unit(k, shape, dtype);
  return lax.max(low, isHalf(dtype) ? lax.add(lax.mul(u, span), low) : lax.fma(u, span, low));
}

export interface UniformOptions { dtype?: DType; minval?: Operand; maxval?: Operand }
/** Uniform in [minval, maxval). */
export function uniform(k: NDArray, shape: Shape = [], options?: UniformOptions): NDArray {
  const { dtype = 'float32', minval = 0, maxval = 1 } = checkOptions('random.uniform', options, ['dtype', 'minval', 'maxval']);
  float('random.uniform', dtype);
  const to = checkShape('random.uniform', shape);
  return together((kk, a, b) => uniformIn(kk, to, dtype, a, b), k, bound(minval, dtype), bound(maxval, dtype));
}

/** The number next to `x` towards `to`, both of `dtype`. */
function nextAfter(x: number, to: number, dtype: DType): number {
  if (x === to) return x;
  const step = (data: { [i: number]: number | bigint }, up: boolean) => { data[0] = typeof data[0] === 'bigint' ? data[0] + (up ? 1n : -1n) : (data[0] as number) + (up ? 1 : -1); };
  if (dtype === 'float64') { const f = new Float64Array([x]); step(new BigInt64Array(f.buffer), x < to === x > 0); return f[0]; }
  if (dtype === 'float32') { const f = new Float32Array([x]); step(new Int32Array(f.buffer), x < to === x > 0); return f[0]; }
  const raw = new Uint16Array(encode(dtype, [x]));
  step(raw, x < to === x > 0);
  return Number(decodeAt(dtype, raw, 0));
}

/** Standard normal: √2·erf⁻¹(u), u uniform in (-1, 1). */
export function normal(k: NDArray, shape: Shape = [], options?: { dtype?: DType }): NDArray {
  const { dtype = 'float32' } = checkOptions('random.normal', options, ['dtype']);
  float('random.normal', dtype);
  const to = checkShape('random.normal', shape);
  const low = new Scalar(nextAfter(-1, 0, dtype), dtype, false);
  return together((kk) => lax.mul(erfInv(uniformIn(kk, to, dtype, low, new Scalar(1, dtype, false))), rounded(Math.SQRT2, dtype)), k);
}

/** Standard normal within (lower, upper), by inversion. */
export function truncatedNormal(k: NDArray, lower: Operand, upper: Operand, shape?: Shape, options?: { dtype?: DType }): NDArray {
  const { dtype = 'float32' } = checkOptions('random.truncatedNormal', options, ['dtype']);
  float('random.truncatedNormal', dtype);
  const [lo, hi] = [bound(lower, dtype), bound(upper, dtype)];
  const to = checkShape('random.truncatedNormal', shape ?? broadcastShapes('random.truncatedNormal', lo.shape, hi.shape));
  const root2 = new Scalar(rounded(Math.SQRT2, dtype), dtype, false);
  return together((kk, l, h) => {
    const [a, b] = [l, h].map((x) => erf(lax.div(x, root2)));
    const out = lax.mul(root2, erfInv(uniformIn(kk, to, dtype, a, b)));
    return lax.min(lax.max(out, inside(l, Infinity)), inside(h, -Infinity));
  }, k, lo, hi);
}
/** The bound's neighbour towards the inside. */
function inside(x: NDArray, towards: number): NDArray {
  if (x instanceof Scalar) return new Scalar(nextAfter(Number(x.value), towards, x.dtype), x.dtype, false);
  if (!isHalf(x.dtype)) return lax.nextafter(x, new Scalar(towards, x.dtype, false));
  // A half float's last bit is this one of the float32 that holds it; near zero steps are of one size.
  const [step, normal, tiny] = x.dtype === 'bfloat16' ? [1 << 16, 2 ** -126, 2 ** -133] : [1 << 13, 2 ** -14, 2 ** -24];
  const wide = convertElementType(x, 'float32');
  const bits = bitcastConvertType(wide, 'int32');
  const up = lax.eq(lax.ge(bits, 0), new Scalar(towards > 0, 'bool', false));
  const next = bitcastConvertType(lax.select(up, lax.add(bits, step), lax.sub(bits, step)), 'float32');
  return convertElementType(lax.select(lax.lt(lax.abs(wide), normal), lax.add(wide, Math.sign(towards) * tiny), next), x.dtype);
}

/** True with probability `p`. */
export function bernoulli(k: NDArray, p: Operand = 0.5, shape?: Shape): NDArray {
  const q = isArray(p) ? p : bound(p, 'float32');
  const dtype = isFloat(q.dtype) ? q.dtype : 'float32';
  const to = checkShape('random.bernoulli', shape ?? q.shape);
  return together((kk, pp) => lax.lt(uniformIn(kk, to, dtype, new Scalar(0, dtype, false), new Scalar(1, dtype, false)), pp), k, convertElementType(q, dtype));
}

/** Uniform integers in [minval, maxval). */
export function randint(k: NDArray, shape: Shape, minval: Operand, maxval: Operand, options?: { dtype?: DType }): NDArray {
  const { dtype = 'int32' } = checkOptions('random.randint', options, ['dtype']);
  if (isFloat(checkDType(dtype, 'random.randint')) || dtype === 'bool') throw new TypeError(`random.randint: expected an integer dtype, got ${dtype}.`);
  const wide: DType = dtype === 'int64' || dtype === 'uint64' ? dtype : isUnsigned(dtype) && DTYPES[dtype].size === 4 ? 'uint32' : 'int32';
  if (wide === 'int64' || wide === 'uint64') throw new TypeError(`random.randint: ${dtype} is not supported; draw int32 or uint32.`);
  const to = checkShape('random.randint', shape);
  const [least, most] = DTYPES[dtype].size < 4 ? (isUnsigned(dtype) ? [0, 2 ** (8 * DTYPES[dtype].size) - 1] : [-(2 ** (8 * DTYPES[dtype].size - 1)), 2 ** (8 * DTYPES[dtype].size - 1) - 1]) : wide === 'uint32' ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1];
  // A maxval beyond the type means that its largest value is drawn too.
  const beyond = !isArray(maxval) && Number(maxval) > most;
  const limit = (x: Operand) => (isArray(x) ? convertElementType(x, wide) : new Scalar(Math.min(most, Math.max(least, Number(x))), wide, false));
  const out = together((kk, lo, hi) => {
    const keys = split(kk, 2);
    const row = (i: number) => reshape(slice(keys, [i, 0], [i + 1, 2]), [2]);
    const [high, low] = [words(row(0), 32, to), words(row(1), 32, to)];
    const span0 = lax.sub(asUnsigned(hi), asUnsigned(lo));
    const span1 = lax.select(lax.le(hi, lo), new Scalar(1, 'uint32', false), span0);
    const span = beyond ? lax.select(lax.gt(hi, lo), lax.add(span1, 1), span1) : span1;
    const m = lax.rem(new Scalar(65536, 'uint32', false), span);
    const factor = lax.rem(lax.mul(m, m), span);
    const offset = lax.rem(lax.add(lax.mul(lax.rem(high, span), factor), lax.rem(low, span)), span);
    return lax.add(lo, wide === 'uint32' ? offset : bitcastConvertType(offset, 'int32'));
  }, k, limit(minval), limit(maxval));
  return convertElementType(out, dtype);
}
const asUnsigned = (x: NDArray): NDArray => (x.dtype === 'uint32' ? x : bitcastConvertType(x, 'uint32'));

export interface PermutationOptions { axis?: number; independent?: boolean }
/** A shuffled range, or an array shuffled along `axis`: every line on its own with `independent`. */
export function permutation(k: NDArray, x: number | NDArray, options?: PermutationOptions): NDArray {
  const { axis = 0, independent = false } = checkOptions('random.permutation', options, ['axis', 'independent']);
  if (!isArray(x)) return shuffled(k, iota('int32', checkShape('random.permutation', x)), 0);
  if (x.ndim === 0) throw new ShapeError('random.permutation: expected a number or an array of rank 1 or more, got a scalar array.');
  const at = canonicalAxis(axis, x.ndim, 'random.permutation');
  return independent || x.ndim === 1 ? shuffled(k, x, at) : gather(x, shuffled(k, iota('int32', [x.shape[at]]), 0), at);
}
/** Sorts by random words, as often as makes equal words unlikely to matter. */
function shuffled(k: NDArray, x: NDArray, axis: number): NDArray {
  const rounds = Math.ceil((3 * Math.log(Math.max(1, x.size))) / Math.log(2 ** 32 - 1));
  return together((k0, x0) => {
    let [kk, y] = [k0, x0];
    for (let i = 0; i < rounds; i++) {
      const keys = split(kk, 2);
      kk = reshape(slice(keys, [0, 0], [1, 2]), [2]);
      y = gatherAlong(y, argsort(words(reshape(slice(keys, [1, 0], [2, 2]), [2]), 32, x0.shape), axis), axis);
    }
    return y;
  }, k, x);
}

const TINY: Partial<Record<DType, number>> = { float32: 2 ** -126, float64: 2 ** -1022, float16: 2 ** -14, bfloat16: 2 ** -126 };
/** Standard Gumbel: -log(-log(u)). */
export function gumbel(k: NDArray, shape: Shape = [], options?: { dtype?: DType }): NDArray {
  const { dtype = 'float32' } = checkOptions('random.gumbel', options, ['dtype']);
  float('random.gumbel', dtype);
  const to = checkShape('random.gumbel', shape);
  return together((kk) => lax.neg(log(lax.neg(log(uniformIn(kk, to, dtype, new Scalar(TINY[dtype]!, dtype, false), new Scalar(1, dtype, false)))))), k);
}
/** Indices drawn with probability softmax(logits) along `axis`; `shape` ends with the logits' other axes. */
export function categorical(k: NDArray, logits: NDArray, shape?: Shape, options?: { axis?: number }): NDArray {
  const { axis = -1 } = checkOptions('random.categorical', options, ['axis']);
  const at = canonicalAxis(axis, logits.ndim, 'random.categorical');
  const batch = logits.shape.filter((_, i) => i !== at);
  const to = shape === undefined ? batch : checkShape('random.categorical', shape);
  const lead = to.slice(0, Math.max(0, to.length - batch.length));
  if (formatShape([...lead, ...batch]) !== formatShape(to)) throw new ShapeError(`random.categorical: the shape ${formatShape(to)} must end with ${formatShape(batch)}, the axes of the logits other than axis ${at}.`);
  const noise = gumbel(k, [...lead, ...logits.shape], { dtype: logits.dtype });
  return argmaxAxis(lax.add(noise, logits), at + lead.length);
}
