/** MobileNet, version 1 (Howard et al. 2017). */
import { nn, numpy as jnp, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { BatchNorm } from '../modules/batch-norm.js';
import { Conv2D } from '../modules/conv.js';
import { DepthwiseConv2D } from '../modules/depthwise.js';
import type { PerAxis } from '../modules/layout.js';
import { Linear } from '../modules/linear.js';
import { Flatten } from '../modules/reshape.js';

const activated = (x: Array, useBn: boolean, isTraining: boolean): Array => nn.relu(useBn ? new BatchNorm(true, true, 0.999)(x, isTraining) : x);

/** A depthwise convolution of 3×3 and one of 1×1 over the channels, each normalised and activated. */
@module('mobile_net_v1_block')
export class MobileNetV1Block extends Module<(inputs: Array, isTraining: boolean) => Array> {
  readonly channels: number;
  readonly stride: PerAxis;
  readonly useBn: boolean;

  constructor(channels: number, stride: PerAxis, options?: { useBn?: boolean } & ModuleOptions) {
    const { useBn = true, name } = checkOptions('hk.nets.MobileNetV1Block', options, ['useBn', 'name']);
    super(name);
    this.channels = channels;
    this.stride = stride;
    this.useBn = useBn;
  }

  override call(inputs: Array, isTraining: boolean): Array {
    const { channels, stride, useBn } = this;
    const depthwise = new DepthwiseConv2D(1, 3, { stride, padding: [[1, 1], [1, 1]], withBias: !useBn, name: 'depthwise_conv' });
    const pointwise = new Conv2D(channels, 1, { padding: 'VALID', withBias: !useBn, name: 'pointwise_conv' });
    return activated(pointwise(activated(depthwise(inputs), useBn, isTraining)), useBn, isTraining);
  }
}

export interface MobileNetV1Options extends ModuleOptions {
  /** Of each block; default [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]. */
  strides?: readonly PerAxis[];
  /** Of each block; default [64, 128, 128, 256, 256, six times 512, 1024, 1024]. */
  channels?: readonly number[];
  /** Default 1000. */
  numClasses?: number;
  /** Batch norms after the convolutions, which then have no biases; default true. */
  useBn?: boolean;
}

/**
 * A network of depthwise convolutions: `[N, H, W, C]` → logits `[N, numClasses]`.
 *
 * ```ts
 * const logits = new hk.nets.MobileNetV1({ numClasses: 10 })(images, isTraining);
 * ```
 * @throws ValueError where `strides` and `channels` differ in length; at the call as `BatchNorm` for `isTraining`.
 */
@module('mobile_net_v1')
export class MobileNetV1 extends Module<(inputs: Array, isTraining: boolean) => Array> {
  readonly strides: readonly PerAxis[];
  readonly channels: readonly number[];
  readonly numClasses: number;
  readonly useBn: boolean;

  constructor(options?: MobileNetV1Options) {
    const {
      strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1], channels = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024],
      numClasses = 1000, useBn = true, name,
    } = checkOptions('hk.nets.MobileNetV1', options, ['strides', 'channels', 'numClasses', 'useBn', 'name']);
    super(name);
    if (strides.length !== channels.length) throw new ValueError(`hk.nets.MobileNetV1: \`strides\` and \`channels\` must have the same length, but got ${strides.length} and ${channels.length}.`);
    this.strides = strides;
    this.channels = channels;
    this.numClasses = numClasses;
    this.useBn = useBn;
  }

  override call(inputs: Array, isTraining: boolean): Array {
    const { strides, channels, useBn } = this;
    const initial = new Conv2D(32, 3, { stride: 2, padding: 'VALID', withBias: !useBn });
    let out = activated(initial(inputs), useBn, isTraining);
    channels.forEach((width, i) => { out = new MobileNetV1Block(width, strides[i], { useBn })(out, isTraining); });
    return new Linear(this.numClasses, { name: 'logits' })(new Flatten()(jnp.mean(out, { axis: [1, 2] })));
  }
}
