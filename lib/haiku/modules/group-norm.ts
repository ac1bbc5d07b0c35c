/** Normalisation over groups of channels. */
import { lax, numpy as jnp, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { getParameter } from '../parameters.js';
import type { Initializer } from '../types.js';
import { checkAxes, distinctAxes, resolveAxes, type Axes } from './layer-norm.js';
import { asInput, checkGiven, checkInit, getChannelIndex } from './layout.js';

export interface GroupNormOptions extends ModuleOptions {
  /**
   * The axes that are averaged over; default all but the first. Negative ones count, as in Haiku, after the channels were
   * split in groups and a group's own channels: with channels last -1 are the latter, -2 the groups, -3 the last spatial
   * axis; channels first each is one further on, so that -1 is the first axis.
   */
  axis?: Axes;
  /** Default true. */
  createScale?: boolean;
  /** Default true. */
  createOffset?: boolean;
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** Default ones. */
  scaleInit?: Initializer | undefined;
  /** Default zeros. */
  offsetInit?: Initializer | undefined;
  /** Default `channels_last`. */
  dataFormat?: string;
}

/** What the first call fixes. */
interface Grouping { readonly axis: readonly number[]; readonly groupShape: readonly number[]; readonly inputShape: readonly number[] }

/**
 * Normalises every example by the mean and variance of each of its groups of channels (Wu and He 2018). Parameters, in the
 * dtype of the input: `scale`, `offset`, `[C]`, or `[C, 1, …]` channels first; where they are not created they can be
 * given at the call. The rank, and all sizes but the first, are fixed by the first call.
 *
 * ```ts
 * const y = new hk.GroupNorm(32)(x);
 * ```
 * @throws ValueError for channels that the groups do not divide, another rank than before, axes that are none, an
 * initialiser of what is not created, a value of what is.
 */
@module('group_norm')
export class GroupNorm extends Module<(x: Array, scale?: Array, offset?: Array) => Array> {
  readonly groups: number;
  readonly axis: readonly number[] | jnp.Range;
  readonly createScale: boolean;
  readonly createOffset: boolean;
  readonly eps: number;
  readonly scaleInit: Initializer;
  readonly offsetInit: Initializer;
  readonly channelIndex: 1 | -1;
  #grouping: Grouping | undefined;

  constructor(groups: number, options?: GroupNormOptions) {
    const where = 'hk.GroupNorm';
    const { axis = { start: 1 }, createScale = true, createOffset = true, eps = 1e-5, scaleInit, offsetInit, dataFormat = 'channels_last', name }
      = checkOptions(where, options, ['axis', 'createScale', 'createOffset', 'eps', 'scaleInit', 'offsetInit', 'dataFormat', 'name']);
    super(name);
    this.axis = checkAxes(where, axis);
    checkInit(where, 'scale', createScale, scaleInit);
    checkInit(where, 'offset', createOffset, offsetInit);
    this.groups = groups;
    this.createScale = createScale;
    this.createOffset = createOffset;
    this.eps = eps;
    this.scaleInit = scaleInit ?? jnp.ones;
    this.offsetInit = offsetInit ?? jnp.zeros;
    this.channelIndex = getChannelIndex(dataFormat);
  }

  override call(inputs: Array, scale?: Array, offset?: Array): Array {
    const where = 'hk.GroupNorm';
    const x = asInput('hk.GroupNorm', 'inputs', inputs);
    const known = this.#grouping;
    if (known && known.inputShape.length !== x.ndim) throw new ValueError(`${where}: The rank of the inputs cannot change between calls: it was ${known.inputShape.length}, and is ${x.ndim}.`);
    checkGiven(where, 'scale', this.createScale, scale);
    checkGiven(where, 'offset', this.createOffset, offset);
    const channels = x.shape.at(this.channelIndex)!;
    if (channels % this.groups !== 0) throw new ValueError(`${where}: The number of channels must be divisible by the number of groups, but got ${channels} channels and ${this.groups} groups.`);
    const { axis, groupShape, inputShape } = (this.#grouping ??= this.#group(x, channels));
    const shape = this.channelIndex === -1 ? [channels] : [channels, ...x.shape.slice(2).map(() => 1)];
    const scaled = this.createScale ? getParameter('scale', shape, { dtype: x.dtype, init: this.scaleInit }) : scale;
    const shift = this.createOffset ? getParameter('offset', shape, { dtype: x.dtype, init: this.offsetInit }) : offset;
    const grouped = x.reshape(groupShape);
    const mean = jnp.mean(grouped, { axis, keepdims: true });
    const variance = jnp.var(grouped, { axis, keepdims: true });
    let out = grouped.sub(mean).mul(lax.rsqrt(variance.add(this.eps))).reshape(inputShape);
    if (scaled) out = out.mul(scaled);
    return shift ? out.add(shift) : out;
  }

  /** The channels become two axes, the groups and a group's own channels, and axes move as in Haiku. */
  #group(x: Array, channels: number): Grouping {
    const { groups, channelIndex } = this;
    const split = [groups, channels / groups];
    const given = 'length' in this.axis ? this.axis : resolveAxes('hk.GroupNorm', this.axis, x.ndim);
    const moved = given.map((a) => (channelIndex === -1 ? (a === x.ndim - 1 ? a + 1 : a) : a === 0 ? 0 : a + 1));
    return {
      axis: distinctAxes('hk.GroupNorm, its channels split in groups', moved, x.ndim + 1),
      groupShape: [-1, ...(channelIndex === -1 ? [...x.shape.slice(1, -1), ...split] : [...split, ...x.shape.slice(2)])],
      inputShape: [-1, ...x.shape.slice(1)],
    };
  }
}
