/** Residual networks (He et al. 2015, and with pre-activations 2016). */
import { nn, numpy as jnp, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { BatchNorm, type BatchNormCallOptions, type BatchNormOptions } from '../modules/batch-norm.js';
import { Conv2D, type ConvOptions } from '../modules/conv.js';
import type { PerAxis } from '../modules/layout.js';
import { Linear, type LinearOptions } from '../modules/linear.js';
import { maxPool } from '../modules/pool.js';

/** Of all batch norms: options of `BatchNorm` and its required arguments. */
export interface ResNetBatchNormConfig extends Omit<BatchNormOptions, 'name'> { createScale?: boolean; createOffset?: boolean; decayRate?: number }
/** Of the first convolution: options of `Conv2D` and its required arguments. */
export interface ResNetConvConfig extends ConvOptions { outputChannels?: number; kernelShape?: PerAxis }

type Body = (inputs: Array, isTraining: boolean, testLocalStats: boolean) => Array;

function batchNorm(config: ResNetBatchNormConfig, name: string, options?: BatchNormOptions): BatchNorm {
  const { createScale = true, createOffset = true, decayRate = 0.999, ...rest } = config;
  return new BatchNorm(createScale, createOffset, decayRate, { ...options, ...rest, name });
}

const convolution = (channels: number, kernel: number, stride: PerAxis, name: string): Conv2D =>
  new Conv2D(channels, kernel, { stride, withBias: false, padding: 'SAME', name });

/** The convolutions of a block with their strides: one of 3×3 between two of 1×1, or two of 3×3. */
function blockConvolutions(channels: number, stride: PerAxis, bottleneck: boolean): { channels: number; kernel: number; stride: PerAxis }[] {
  const inner = Math.floor(channels / 4);
  return bottleneck
    ? [{ channels: inner, kernel: 1, stride: 1 }, { channels: inner, kernel: 3, stride }, { channels, kernel: 1, stride: 1 }]
    : [{ channels, kernel: 3, stride }, { channels, kernel: 3, stride: 1 }];
}

/** A residual block of the first version: convolution, norm and relu in turn, and relu after the shortcut is added. */
@module('block_v1')
export class BlockV1 extends Module<Body> {
  readonly shortcut: readonly [Conv2D, BatchNorm] | undefined;
  readonly layers: readonly (readonly [Conv2D, BatchNorm])[];

  constructor(channels: number, stride: PerAxis, useProjection: boolean, bnConfig: ResNetBatchNormConfig, bottleneck: boolean, options?: ModuleOptions) {
    super(checkOptions('hk.nets.ResNet.BlockV1', options, ['name']).name);
    this.shortcut = useProjection ? [convolution(channels, 1, stride, 'shortcut_conv'), batchNorm(bnConfig, 'shortcut_batchnorm')] : undefined;
    // With its last scale zero, a bottleneck begins as the identity.
    this.layers = blockConvolutions(channels, stride, bottleneck).map((c, i) =>
      [convolution(c.channels, c.kernel, c.stride, `conv_${i}`), batchNorm(bnConfig, `batchnorm_${i}`, i === 2 ? { scaleInit: jnp.zeros } : {})]);
  }

  override call(inputs: Array, isTraining: boolean, testLocalStats: boolean): Array {
    const norm = (bn: BatchNorm, x: Array): Array => bn(x, isTraining, { testLocalStats });
    const shortcut = this.shortcut ? norm(this.shortcut[1], this.shortcut[0](inputs)) : inputs;
    const out = this.layers.reduce((x, [conv, bn], i) => (i === 0 ? norm(bn, conv(x)) : norm(bn, conv(nn.relu(x)))), inputs);
    return nn.relu(out.add(shortcut));
  }
}

/** A residual block of the second version: norm, relu and convolution in turn; the shortcut projects what is activated. */
@module('block_v2')
export class BlockV2 extends Module<Body> {
  readonly shortcut: Conv2D | undefined;
  readonly layers: readonly (readonly [Conv2D, BatchNorm])[];

  constructor(channels: number, stride: PerAxis, useProjection: boolean, bnConfig: ResNetBatchNormConfig, bottleneck: boolean, options?: ModuleOptions) {
    super(checkOptions('hk.nets.ResNet.BlockV2', options, ['name']).name);
    this.shortcut = useProjection ? convolution(channels, 1, stride, 'shortcut_conv') : undefined;
    this.layers = blockConvolutions(channels, stride, bottleneck).map((c, i) =>
      [convolution(c.channels, c.kernel, c.stride, `conv_${i}`), batchNorm(bnConfig, `batchnorm_${i}`)]);
  }

  override call(inputs: Array, isTraining: boolean, testLocalStats: boolean): Array {
    let shortcut = inputs;
    let out = inputs;
    for (const [i, [conv, bn]] of this.layers.entries()) {
      out = nn.relu(bn(out, isTraining, { testLocalStats }));
      if (i === 0 && this.shortcut) shortcut = this.shortcut(out);
      out = conv(out);
    }
    return out.add(shortcut);
  }
}

/** Blocks of the same width; the first has the stride and may project its shortcut. */
@module('block_group')
export class BlockGroup extends Module<Body> {
  readonly blocks: readonly (BlockV1 | BlockV2)[];

  constructor(channels: number, numBlocks: number, stride: PerAxis, bnConfig: ResNetBatchNormConfig, resnetV2: boolean, bottleneck: boolean, useProjection: boolean, options?: ModuleOptions) {
    super(checkOptions('hk.nets.ResNet.BlockGroup', options, ['name']).name);
    const Block = resnetV2 ? BlockV2 : BlockV1;
    this.blocks = globalThis.Array.from({ length: numBlocks }, (_, i) =>
      new Block(channels, i ? 1 : stride, i === 0 && useProjection, bnConfig, bottleneck, { name: `block_${i}` }));
  }

  override call(inputs: Array, isTraining: boolean, testLocalStats: boolean): Array {
    return this.blocks.reduce((out, block) => block(out, isTraining, testLocalStats), inputs);
  }
}

/** The options of the networks of a given depth. */
export interface ResNetDepthOptions extends ModuleOptions {
  /** Of all batch norms; default scale, offset, decay 0.9 and eps 1e-5. */
  bnConfig?: ResNetBatchNormConfig | undefined;
  /** Norms and activations before the convolutions instead of after; default false. */
  resnetV2?: boolean;
  /** Of the last layer; default weights of zero, and the name `logits`. */
  logitsConfig?: LinearOptions | undefined;
  /** Of the first convolution; default 7×7, stride 2, 64 channels, no bias. */
  initialConvConfig?: ResNetConvConfig | undefined;
  /** Of the four groups; default [1, 2, 2, 2]. */
  strides?: readonly PerAxis[];
}
export interface ResNetOptions extends ResNetDepthOptions {
  /** Blocks of 1×1, 3×3 and 1×1 convolutions instead of two of 3×3; default true. */
  bottleneck?: boolean;
  /** Default [256, 512, 1024, 2048]. */
  channelsPerGroup?: readonly number[];
  /** Whether the first shortcut of each group is a convolution; default always. */
  useProjection?: readonly boolean[];
}

const DEPTH_OPTIONS = ['bnConfig', 'resnetV2', 'logitsConfig', 'initialConvConfig', 'strides', 'name'] as const;

function checkLength(name: string, value: readonly unknown[]): void {
  if (value.length !== 4) throw new ValueError(`hk.nets.ResNet: \`${name}\` must be of length 4 not ${value.length}: there are four groups of blocks.`);
}

/**
 * A residual network: `[N, H, W, C]` → logits `[N, numClasses]`. Its weights begin as Haiku's: with zeros in the last
 * layer, so that all logits are zero before training.
 *
 * ```ts
 * const net = hk.transformWithState((x: Array, isTraining: boolean) => new hk.nets.ResNet50(1000)(x, isTraining));
 * const logits = new hk.nets.ResNet([1, 1, 1, 1], 10, { bottleneck: false, channelsPerGroup: [16, 32, 64, 64] })(x, true);
 * ```
 * @param blocksPerGroup Four numbers.
 * @throws ValueError for a list that is not of length 4; at the call as `BatchNorm` for `isTraining`.
 */
@module('res_net')
export class ResNet extends Module<(inputs: Array, isTraining: boolean, options?: BatchNormCallOptions) => Array> {
  static readonly BlockGroup = BlockGroup;
  static readonly BlockV1 = BlockV1;
  static readonly BlockV2 = BlockV2;

  readonly resnetV2: boolean;
  readonly initialConv: Conv2D;
  /** Undefined in the second version. */
  readonly initialBatchnorm: BatchNorm | undefined;
  readonly blockGroups: readonly BlockGroup[];
  /** Undefined in the first version. */
  readonly finalBatchnorm: BatchNorm | undefined;
  readonly logits: Linear;

  constructor(blocksPerGroup: readonly number[], numClasses: number, options?: ResNetOptions) {
    const {
      bnConfig, resnetV2 = false, bottleneck = true, channelsPerGroup = [256, 512, 1024, 2048], useProjection = [true, true, true, true],
      logitsConfig, initialConvConfig, strides = [1, 2, 2, 2], name,
    } = checkOptions('hk.nets.ResNet', options, [...DEPTH_OPTIONS, 'bottleneck', 'channelsPerGroup', 'useProjection']);
    super(name);
    this.resnetV2 = resnetV2;
    const norms: ResNetBatchNormConfig = { decayRate: 0.9, eps: 1e-5, ...bnConfig };
    for (const [what, list] of Object.entries({ blocksPerGroup, channelsPerGroup, useProjection, strides })) checkLength(what, list);
    const { outputChannels = 64, kernelShape = 7, ...rest } = initialConvConfig ?? {};
    this.initialConv = new Conv2D(outputChannels, kernelShape, { stride: 2, withBias: false, padding: 'SAME', name: 'initial_conv', ...rest });
    this.initialBatchnorm = resnetV2 ? undefined : batchNorm(norms, 'initial_batchnorm');
    this.blockGroups = strides.map((stride, i) =>
      new BlockGroup(channelsPerGroup[i], blocksPerGroup[i], stride, norms, resnetV2, bottleneck, useProjection[i], { name: `block_group_${i}` }));
    this.finalBatchnorm = resnetV2 ? batchNorm(norms, 'final_batchnorm') : undefined;
    this.logits = new Linear(numClasses, { wInit: jnp.zeros, name: 'logits', ...logitsConfig });
  }

  override call(inputs: Array, isTraining: boolean, options?: BatchNormCallOptions): Array {
    const { testLocalStats = false } = checkOptions('hk.nets.ResNet.call', options, ['testLocalStats']);
    const activated = (bn: BatchNorm | undefined, x: Array): Array => (bn ? nn.relu(bn(x, isTraining, { testLocalStats })) : x);
    const first = activated(this.initialBatchnorm, this.initialConv(inputs));
    const pooled = maxPool(first, [1, 3, 3, 1], [1, 2, 2, 1], 'SAME');
    const out = this.blockGroups.reduce((x, group) => group(x, isTraining, testLocalStats), pooled);
    return this.logits(jnp.mean(activated(this.finalBatchnorm, out), { axis: [1, 2] }));
  }
}

const PLAIN = { bottleneck: false, channelsPerGroup: [64, 128, 256, 512], useProjection: [false, true, true, true] };

/** `ResNet` of 18 layers: plain blocks, 11.7 million parameters for 1000 classes. */
@module('res_net18')
export class ResNet18 extends ResNet {
  constructor(numClasses: number, options?: ResNetDepthOptions) {
    super([2, 2, 2, 2], numClasses, { ...checkOptions('hk.nets.ResNet18', options, DEPTH_OPTIONS), ...PLAIN });
  }
}

/** `ResNet` of 34 layers: plain blocks, 21.8 million parameters for 1000 classes. */
@module('res_net34')
export class ResNet34 extends ResNet {
  constructor(numClasses: number, options?: ResNetDepthOptions) {
    super([3, 4, 6, 3], numClasses, { ...checkOptions('hk.nets.ResNet34', options, DEPTH_OPTIONS), ...PLAIN });
  }
}

/** `ResNet` of 50 layers: 25.6 million parameters for 1000 classes. */
@module('res_net50')
export class ResNet50 extends ResNet {
  constructor(numClasses: number, options?: ResNetDepthOptions) { super([3, 4, 6, 3], numClasses, checkOptions('hk.nets.ResNet50', options, DEPTH_OPTIONS)); }
}

/** `ResNet` of 101 layers: 44.5 million parameters for 1000 classes. */
@module('res_net101')
export class ResNet101 extends ResNet {
  constructor(numClasses: number, options?: ResNetDepthOptions) { super([3, 4, 23, 3], numClasses, checkOptions('hk.nets.ResNet101', options, DEPTH_OPTIONS)); }
}

/** `ResNet` of 152 layers: 60.2 million parameters for 1000 classes. */
@module('res_net152')
export class ResNet152 extends ResNet {
  constructor(numClasses: number, options?: ResNetDepthOptions) { super([3, 8, 36, 3], numClasses, checkOptions('hk.nets.ResNet152', options, DEPTH_OPTIONS)); }
}

/** `ResNet` of 200 layers: 64.7 million parameters for 1000 classes. */
@module('res_net200')
export class ResNet200 extends ResNet {
  constructor(numClasses: number, options?: ResNetDepthOptions) { super([3, 24, 36, 3], numClasses, checkOptions('hk.nets.ResNet200', options, DEPTH_OPTIONS)); }
}
