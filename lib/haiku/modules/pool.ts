/** Pooling, as functions and as modules. */
import { lax, numpy as jnp, type Array } from '../../jax/index.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Module, module, type ModuleOptions } from '../module.js';

export interface PoolOptions {
  /** Where the channels are, which are not pooled when the window is a number; null for none. Default -1. */
  channelAxis?: number | null;
}

/** A size for every axis: a number leaves the first axis and the channels out, a short list the leading axes. */
function sizes(where: string, x: Array, size: number | readonly number[], channelAxis: number | null): number[] {
  if (typeof size === 'number') {
    if (channelAxis && Math.abs(channelAxis) >= x.ndim) throw new ValueError(`${where}: Invalid channel axis ${channelAxis} for shape [${x.shape}].`);
    const channels = channelAxis && channelAxis < 0 ? channelAxis + x.ndim : channelAxis;
    return x.shape.map((_, d) => (d === 0 || (channels && d === channels) ? 1 : size));
  }
  if (size.length > x.ndim) throw new ValueError(`${where}: a window or stride of ${size.length} axes, [${size}], is too long for shape [${x.shape}].`);
  return [...x.shape.slice(size.length).map(() => 1), ...size];
}

type Pool = (x: Array, window: readonly number[], strides: readonly number[], padding: string) => Array;
function pooled(where: string, pool: Pool, value: Array, windowShape: number | readonly number[], strides: number | readonly number[], padding: string, options?: PoolOptions): Array {
  const { channelAxis = -1 } = checkOptions(where, options, ['channelAxis']);
  if (padding !== 'SAME' && padding !== 'VALID') throw new ValueError(`${where}: Invalid padding '${String(padding)}', must be 'SAME' or 'VALID'.`);
  const x = jnp.asarray(value);
  return pool(x, sizes(where, x, windowShape, channelAxis), sizes(where, x, strides, channelAxis), padding);
}

/**
 * The largest element of every window.
 *
 * ```ts
 * const y = hk.maxPool(images, [2, 2, 1], [2, 2, 1], 'SAME');
 * ```
 * @param windowShape A number for all axes but the first and the channels, or a list for the last axes.
 * @param strides As `windowShape`.
 * @param padding 'SAME' or 'VALID'.
 * @throws ValueError for another padding, a channel axis that there is not, and a list that is too long.
 */
export const maxPool = (value: Array, windowShape: number | readonly number[], strides: number | readonly number[], padding: string, options?: PoolOptions): Array =>
  pooled('hk.maxPool', lax.maxPool, value, windowShape, strides, padding, options);

/** The mean of every window, as `maxPool`; padding counts neither in the sum nor in the number of elements. */
export const avgPool = (value: Array, windowShape: number | readonly number[], strides: number | readonly number[], padding: string, options?: PoolOptions): Array =>
  pooled('hk.avgPool', average, value, windowShape, strides, padding, options);

/** Integers are summed and counted in their own dtype, in which they may overflow, as JAX's are. */
const average: Pool = (x, window, windowStrides, padding) => {
  if (x.dtype === 'bool') throw new TypeError("hk.avgPool: expected numbers, but got bool: convert it with astype('float32').");
  if (!/int/.test(x.dtype)) return lax.avgPool(x, window, windowStrides, padding);
  const total = (y: Array): Array => lax.reduceWindow(y, 0, lax.add, window, { windowStrides, padding });
  return jnp.divide(total(x), total(jnp.onesLike(x)));
};

abstract class PoolModule extends Module<(value: Array) => Array> {
  readonly windowShape: number | readonly number[];
  readonly strides: number | readonly number[];
  readonly padding: string;
  readonly channelAxis: number | null;

  constructor(windowShape: number | readonly number[], strides: number | readonly number[], padding: string, options?: PoolOptions & ModuleOptions) {
    const { channelAxis = -1, name } = checkOptions(`hk.${new.target.name}`, options, ['channelAxis', 'name']);
    super(name);
    this.windowShape = windowShape;
    this.strides = strides;
    this.padding = padding;
    this.channelAxis = channelAxis;
  }
}

/** `maxPool` as a module. */
@module('max_pool')
export class MaxPool extends PoolModule {
  override call(value: Array): Array { return maxPool(value, this.windowShape, this.strides, this.padding, { channelAxis: this.channelAxis }); }
}

/** `avgPool` as a module. */
@module('avg_pool')
export class AvgPool extends PoolModule {
  override call(value: Array): Array { return avgPool(value, this.windowShape, this.strides, this.padding, { channelAxis: this.channelAxis }); }
}
