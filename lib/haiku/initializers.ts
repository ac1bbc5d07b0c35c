/** `hk.initializers`: how parameters begin. Each takes one key from the running `init`, those without randomness none. */
import { isArray, numpy as jnp, random, type Array } from '../jax/index.js';
import { together } from '../jax/random/common.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import type { DType } from '../runtime/dtypes.js';
import { checkOptions } from '../runtime/options.js';
import { Callable } from './callable.js';
import { describe } from './mappings.js';
import { nextRngKey } from './rng.js';
import type { Initializer } from './types.js';

export type { Initializer };

/** A number, or an array that is broadcast. */
export type Value = number | Array;

const product = (sizes: readonly number[]): number => sizes.reduce((total, size) => total * size, 1);
/** Numbers take the other operand's dtype by themselves. */
const asDType = (value: Value, dtype: DType): Value => (isArray(value) ? value.astype(dtype) : value);

/** Significant bits of the float types. */
const PRECISION: Partial<Record<DType, number>> = { bfloat16: 8, float16: 11, float32: 24, float64: 53 };

function checkFloat(where: string, dtype: DType): number {
  const bits = PRECISION[dtype];
  if (bits === undefined) throw new TypeError(`hk.initializers.${where} makes floating point numbers, but ${dtype} was asked for: cast the input first (x.astype('float32')), or give the module an init of its own.`);
  return bits;
}

/** A constant, broadcast to the shape. */
export class Constant extends Callable<Initializer> {
  constructor(readonly constant: Value | boolean) {
    super();
    if (typeof constant !== 'number' && typeof constant !== 'boolean' && !isArray(constant)) throw new TypeError(`hk.initializers.Constant: expected a number or an array, but got ${describe(constant)}.`);
  }
  override call(shape: readonly number[], dtype: DType): Array {
    if (!isArray(this.constant)) return jnp.full(shape, this.constant, { dtype });
    return jnp.broadcastTo(this.constant, shape).astype(dtype);
  }
}

export interface RandomNormalOptions { stddev?: Value; mean?: Value }
/** Normally distributed: `mean + stddev · normal`. Defaults 1 and 0. */
export class RandomNormal extends Callable<Initializer> {
  readonly stddev: Value;
  readonly mean: Value;
  constructor(options?: RandomNormalOptions) {
    super();
    ({ stddev: this.stddev = 1, mean: this.mean = 0 } = checkOptions('hk.initializers.RandomNormal', options, ['stddev', 'mean']));
  }
  override call(shape: readonly number[], dtype: DType): Array {
    checkFloat('RandomNormal', dtype);
    return together((key) => random.normal(key, shape, { dtype }).mul(asDType(this.stddev, dtype)).add(asDType(this.mean, dtype)), nextRngKey());
  }
}

export interface TruncatedNormalOptions { stddev?: Value; mean?: Value; lower?: Value; upper?: Value }
/**
 * Normally distributed within `[lower, upper]` standard deviations (defaults ±2): `stddev · truncated + mean`. The
 * variance lost by the truncation is not made up for.
 */
export class TruncatedNormal extends Callable<Initializer> {
  readonly stddev: Value;
  readonly mean: Value;
  readonly lower: Value;
  readonly upper: Value;
  constructor(options?: TruncatedNormalOptions) {
    super();
    ({ stddev: this.stddev = 1, mean: this.mean = 0, lower: this.lower = -2, upper: this.upper = 2 }
      = checkOptions('hk.initializers.TruncatedNormal', options, ['stddev', 'mean', 'lower', 'upper']));
  }
  override call(shape: readonly number[], dtype: DType): Array {
    checkFloat('TruncatedNormal', dtype);
    return together((key) => {
      const unscaled = random.truncatedNormal(key, this.lower, this.upper, shape, { dtype });
      return unscaled.mul(asDType(this.stddev, dtype)).add(asDType(this.mean, dtype));
    }, nextRngKey());
  }
}

export interface RandomUniformOptions { minval?: Value; maxval?: Value }
/** Uniformly distributed over `[minval, maxval)`, defaults 0 and 1. */
export class RandomUniform extends Callable<Initializer> {
  readonly minval: Value;
  readonly maxval: Value;
  constructor(options?: RandomUniformOptions) {
    super();
    ({ minval: this.minval = 0, maxval: this.maxval = 1 } = checkOptions('hk.initializers.RandomUniform', options, ['minval', 'maxval']));
  }
  override call(shape: readonly number[], dtype: DType): Array {
    return random.uniform(nextRngKey(), shape, { dtype, minval: this.minval, maxval: this.maxval });
  }
}

/** The number of inputs and outputs that one weight of a layer connects, by the shape of its weights. */
function computeFans(shape: readonly number[], fanInAxes: readonly number[] | undefined): [fanIn: number, fanOut: number] {
  if (shape.length === 0) return [1, 1];
  if (shape.length === 1) return [shape[0], shape[0]];
  if (shape.length === 2) return [shape[0], shape[1]];
  if (fanInAxes) {
    // As in Haiku, a negative axis counts for the fan-in, and stays in the fan-out.
    return [product(fanInAxes.map((axis) => shape.at(axis)!)), product(shape.filter((_, axis) => !fanInAxes.includes(axis)))];
  }
  // A convolution's kernel: […space, in, out].
  const receptive = product(shape.slice(0, -2));
  return [receptive * shape.at(-2)!, receptive * shape.at(-1)!];
}

export interface VarianceScalingOptions {
  /** Default 1. */
  scale?: number;
  /** Which fan the scale is divided by; default `fan_in`. */
  mode?: 'fan_in' | 'fan_out' | 'fan_avg';
  /** Default `truncated_normal`. */
  distribution?: 'normal' | 'truncated_normal' | 'uniform';
  /** The axes whose sizes make the fan-in; only for shapes of more than two dimensions. */
  fanInAxes?: readonly number[];
}
/** The standard deviation of a standard normal distribution truncated to ±2 (`scipy.stats.truncnorm.std`). */
const TRUNCATED_STDDEV = 0.87962566103423978;

/**
 * Scaled by the number of inputs or outputs: variance `scale / max(1, fan)`, after LeCun (fan_in, 1), Glorot and Bengio
 * 2010 (fan_avg, 1) and He et al. 2015 (fan_in, 2).
 * @throws ValueError for a negative scale, an unknown mode or distribution.
 */
export class VarianceScaling extends Callable<Initializer> {
  readonly scale: number;
  readonly mode: 'fan_in' | 'fan_out' | 'fan_avg';
  readonly distribution: 'normal' | 'truncated_normal' | 'uniform';
  readonly fanInAxes: readonly number[] | undefined;
  constructor(options?: VarianceScalingOptions) {
    super();
    const { scale = 1, mode = 'fan_in', distribution = 'truncated_normal', fanInAxes }
      = checkOptions('hk.initializers.VarianceScaling', options, ['scale', 'mode', 'distribution', 'fanInAxes']);
    if (!(scale >= 0)) throw new ValueError(`hk.initializers.VarianceScaling: \`scale\` must be a positive float, but got ${scale}.`);
    const known = (name: string, value: string, values: readonly string[]): void => {
      if (!values.includes(value)) throw new ValueError(`hk.initializers.VarianceScaling: Invalid \`${name}\` argument: '${value}'; it is one of ${values.join(', ')}.`);
    };
    known('mode', mode, ['fan_in', 'fan_out', 'fan_avg']);
    if (typeof distribution !== 'string') throw new TypeError(`hk.initializers.VarianceScaling: \`distribution\` must be a name, but got ${describe(distribution)}.`);
    known('distribution', distribution.toLowerCase(), ['normal', 'truncated_normal', 'uniform']);
    this.scale = scale;
    this.mode = mode;
    this.distribution = distribution.toLowerCase() as typeof distribution;
    if (fanInAxes && !globalThis.Array.isArray(fanInAxes)) throw new TypeError(`hk.initializers.VarianceScaling: \`fanInAxes\` must be a list of axes, but got ${describe(fanInAxes)}.`);
    this.fanInAxes = fanInAxes ?? undefined;
  }
  override call(shape: readonly number[], dtype: DType): Array {
    const bits = checkFloat('VarianceScaling', dtype);
    const [fanIn, fanOut] = computeFans(shape, this.fanInAxes);
    const fan = { fan_in: fanIn, fan_out: fanOut, fan_avg: (fanIn + fanOut) / 2 }[this.mode];
    const variance = this.scale / Math.max(1, fan);
    if (this.distribution === 'normal') return new RandomNormal({ stddev: Math.sqrt(variance) })(shape, dtype);
    if (this.distribution === 'uniform') {
      const limit = Math.sqrt(3 * variance);
      return new RandomUniform({ minval: -limit, maxval: limit })(shape, dtype);
    }
    // As Haiku divides: in float64, but by the constant rounded to the parameter's dtype. It lies in [½, 1).
    const lost = Math.round(TRUNCATED_STDDEV * 2 ** bits) / 2 ** bits;
    return new TruncatedNormal({ stddev: Math.sqrt(variance) / lost })(shape, dtype);
  }
}

/** Uniformly distributed in `±scale · √(3 / fan_in)`, fan_in being the product of all sizes but the last. */
export class UniformScaling extends Callable<Initializer> {
  readonly scale: number;
  constructor(options?: { scale?: number }) {
    super();
    ({ scale: this.scale = 1 } = checkOptions('hk.initializers.UniformScaling', options, ['scale']));
  }
  override call(shape: readonly number[], dtype: DType): Array {
    const limit = Math.sqrt(3 / product(shape.slice(0, -1))) * this.scale;
    return new RandomUniform({ minval: -limit, maxval: limit })(shape, dtype);
  }
}

/**
 * A matrix with orthonormal rows or columns, whichever there are fewer of: Q of the QR decomposition of normal numbers,
 * with the signs of R's diagonal, so that it is uniformly distributed (Saxe et al. 2013). `axis` (default -1) is the one
 * that makes the rows; the others are flattened into columns.
 * @throws ValueError for a shape of fewer than two dimensions.
 */
export class Orthogonal extends Callable<Initializer> {
  readonly scale: Value;
  readonly axis: number;
  constructor(options?: { scale?: Value; axis?: number }) {
    super();
    ({ scale: this.scale = 1, axis: this.axis = -1 } = checkOptions('hk.initializers.Orthogonal', options, ['scale', 'axis']));
  }
  override call(shape: readonly number[], dtype: DType): Array {
    if (shape.length < 2) throw new ValueError(`Orthogonal initializer requires at least a 2D shape, but got [${shape}].`);
    checkFloat('Orthogonal', dtype);
    const axis = this.axis < 0 ? this.axis + shape.length : this.axis;
    if (!(axis >= 0 && axis < shape.length)) throw new ValueError(`Orthogonal initializer: axis ${this.axis} is out of range for the shape [${shape}].`);
    const rows = shape[axis];
    const others = shape.filter((_, i) => i !== axis);
    const columns = product(others);
    const normal = random.normal(nextRngKey(), rows > columns ? [rows, columns] : [columns, rows], { dtype });
    const [q, r] = jnp.linalg.qr(normal);
    const signed = q.mul(jnp.sign(jnp.diagonal(r)));
    const matrix = rows < columns ? jnp.transpose(signed) : signed;
    return jnp.moveaxis(matrix.reshape([rows, ...others]), 0, axis).mul(asDType(this.scale, dtype));
  }
}

/**
 * `gain` (default 1) times the identity in the last two dimensions, repeated over the others.
 * @throws ValueError for a shape of fewer than two dimensions.
 */
export class Identity extends Callable<Initializer> {
  readonly gain: Value;
  constructor(options?: { gain?: Value }) {
    super();
    ({ gain: this.gain = 1 } = checkOptions('hk.initializers.Identity', options, ['gain']));
  }
  override call(shape: readonly number[], dtype: DType): Array {
    if (shape.length < 2) throw new ValueError(`Identity initializer requires at least a 2D shape, but got [${shape}].`);
    const eye = jnp.eye(shape.at(-2)!, { m: shape.at(-1)!, dtype });
    // A number too: it may be a fraction where integers are asked for.
    return jnp.broadcastTo(eye, shape).mul(jnp.asarray(this.gain).astype(dtype));
  }
}
