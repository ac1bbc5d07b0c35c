/** Batch normalisation. */
import { isArray, lax, numpy as jnp, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { getParameter } from '../parameters.js';
import type { Initializer } from '../types.js';
import { asInput, checkGiven, checkInit, checkIsTraining, checkList, checkNumber, getChannelIndex } from './layout.js';
import { ExponentialMovingAverage } from './moving-averages.js';

export interface BatchNormOptions extends ModuleOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** Default ones. */
  scaleInit?: Initializer | undefined;
  /** Default zeros. */
  offsetInit?: Initializer | undefined;
  /** The axes that are averaged over; default all but the channels. */
  axis?: readonly number[] | undefined;
  /** Names of mapped axes (`jax.vmap` with `axisName`) that the statistics are averaged over too. */
  crossReplicaAxis?: string | readonly string[] | undefined;
  /** Groups of positions along the mapped axis, each averaged by itself. */
  crossReplicaAxisIndexGroups?: readonly (readonly number[])[] | undefined;
  /** Default `channels_last`. */
  dataFormat?: string;
}

export interface BatchNormCallOptions {
  /** Normalise with the statistics of this batch outside training too, and leave the averages; default false. */
  testLocalStats?: boolean;
}

/**
 * The mean over axes, one after another: the error of a float32 sum grows with the number of its terms, and E[x²] - E[x]²
 * magnifies it. Halves are summed in float32 anyway, and would be rounded at each step.
 */
function meanOver(x: Array, axis: readonly number[]): Array {
  if (x.dtype !== 'float32') return jnp.mean(x, { axis, keepdims: true });
  return [...axis].sort((a, b) => b - a).reduce<Array>((y, one) => jnp.mean(y, { axis: one, keepdims: true }), x);
}

/** The mean over mapped axes; with groups, over the positions that share one with this one. */
function crossReplicaMean(x: Array, axes: readonly string[], groups: readonly (readonly number[])[] | undefined): Array {
  if (!groups) return axes.reduce<Array>((mean, name) => lax.pmean(mean, name) as Array, x);
  const size = lax.axisSize(axes[0]);
  const shares = globalThis.Array.from({ length: size }, () => new globalThis.Array<number>(size).fill(0));
  for (const group of groups) for (const i of group) for (const j of group) shares[i][j] = 1 / group.length;
  const mine = jnp.array(shares, { dtype: x.dtype }).index(lax.axisIndex(axes[0]));
  return jnp.tensordot(mine, lax.allGather(x, axes[0]) as Array, { axes: 1 });
}

/**
 * Normalises by the mean and variance of the batch (Ioffe and Szegedy 2015): `(x - mean) · scale · rsqrt(var + eps) +
 * offset`, over all axes but the channels. In training by those of this batch, which also go into moving averages; else by
 * these averages. Parameters, in the dtype of the input: `scale`, `offset`, of the input's rank with 1 for the averaged
 * axes. State: two averages under `~/mean_ema` and `~/var_ema`.
 *
 * ```ts
 * const bn = new hk.BatchNorm(true, true, 0.9);
 * const y = bn(x, isTraining);                                     // or bn(x, false, { testLocalStats: true })
 * const z = new hk.BatchNorm(false, false, 0.9)(x, isTraining, scale, offset);
 * ```
 * @throws ValueError outside training where there are no averages yet (init runs with `isTraining` true), for an
 * initialiser of what is not created, a value of what is, groups without an axis; TypeError without `isTraining`.
 */
@module('batch_norm')
export class BatchNorm extends Module<(inputs: Array, isTraining: boolean, scale?: Array | BatchNormCallOptions, offset?: Array, options?: BatchNormCallOptions) => Array> {
  readonly createScale: boolean;
  readonly createOffset: boolean;
  readonly eps: number;
  readonly scaleInit: Initializer;
  readonly offsetInit: Initializer;
  readonly axis: readonly number[] | undefined;
  readonly crossReplicaAxis: readonly string[];
  readonly crossReplicaAxisIndexGroups: readonly (readonly number[])[] | undefined;
  readonly channelIndex: 1 | -1;
  readonly meanEma: ExponentialMovingAverage;
  readonly varEma: ExponentialMovingAverage;

  constructor(createScale: boolean, createOffset: boolean, decayRate: number, options?: BatchNormOptions) {
    const where = 'hk.BatchNorm';
    const { eps = 1e-5, scaleInit, offsetInit, axis, crossReplicaAxis, crossReplicaAxisIndexGroups, dataFormat = 'channels_last', name } = checkOptions(where, options,
      ['eps', 'scaleInit', 'offsetInit', 'axis', 'crossReplicaAxis', 'crossReplicaAxisIndexGroups', 'dataFormat', 'name']);
    super(name);
    checkNumber(where, 'decayRate', decayRate);
    checkInit(where, 'scale', createScale, scaleInit);
    checkInit(where, 'offset', createOffset, offsetInit);
    this.crossReplicaAxis = typeof crossReplicaAxis === 'string' ? [crossReplicaAxis] : crossReplicaAxis ?? [];
    if (crossReplicaAxisIndexGroups && this.crossReplicaAxis.length !== 1) throw new ValueError(`${where}: the name of one \`crossReplicaAxis\` must be given if \`crossReplicaAxisIndexGroups\` are used.`);
    this.createScale = createScale;
    this.createOffset = createOffset;
    this.eps = eps;
    this.scaleInit = scaleInit ?? jnp.ones;
    this.offsetInit = offsetInit ?? jnp.zeros;
    this.axis = axis ? checkList(where, 'axis', axis) : undefined;
    this.crossReplicaAxisIndexGroups = crossReplicaAxisIndexGroups ?? undefined;
    this.channelIndex = getChannelIndex(dataFormat);
    this.meanEma = new ExponentialMovingAverage(decayRate, { name: 'mean_ema' });
    this.varEma = new ExponentialMovingAverage(decayRate, { name: 'var_ema' });
  }

  override call(inputs: Array, isTraining: boolean, scaleOrOptions?: Array | BatchNormCallOptions, offset?: Array, options?: BatchNormCallOptions): Array {
    const where = 'hk.BatchNorm';
    checkIsTraining(where, isTraining, 'bn(x, isTraining)');
    const early = scaleOrOptions !== undefined && scaleOrOptions !== null && !isArray(scaleOrOptions);
    const scale = early ? undefined : (scaleOrOptions as Array | undefined);
    const { testLocalStats = false } = checkOptions(`${where}.call`, early ? (scaleOrOptions as BatchNormCallOptions) : options, ['testLocalStats']);
    checkGiven(where, 'scale', this.createScale, scale);
    checkGiven(where, 'offset', this.createOffset, offset);

    const x = asInput(where, 'inputs', inputs);
    const { dtype, ndim } = x;
    const channel = this.channelIndex < 0 ? ndim - 1 : this.channelIndex;
    const axis = this.axis ?? x.shape.map((_, i) => i).filter((i) => i !== channel);
    const [mean, variance] = isTraining || testLocalStats ? this.#moments(x, axis) : [this.meanEma.average.astype(dtype), this.varEma.average.astype(dtype)];
    if (isTraining) {
      this.meanEma(mean);
      this.varEma(variance);
    }
    const shape = x.shape.map((size, i) => (axis.includes(i) ? 1 : size));
    const scaled = this.createScale ? getParameter('scale', shape, { dtype, init: this.scaleInit }) : scale;
    const shift = this.createOffset ? getParameter('offset', shape, { dtype, init: this.offsetInit }) : offset;
    const inverse = lax.rsqrt(variance.add(this.eps));
    const out = x.sub(mean).mul(scaled ? jnp.multiply(scaled, inverse) : inverse);
    return shift ? out.add(shift) : out;
  }

  #moments(x: Array, axis: readonly number[]): [mean: Array, variance: Array] {
    const average = (y: Array): Array => {
      const mean = meanOver(y, axis);
      return this.crossReplicaAxis.length ? crossReplicaMean(mean, this.crossReplicaAxis, this.crossReplicaAxisIndexGroups) : mean;
    };
    const mean = average(x);
    return [mean, average(jnp.square(x)).sub(jnp.square(mean))];
  }
}
