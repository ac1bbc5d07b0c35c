/** Depthwise convolutions: every channel by itself. */
import { lax, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Module, module, type ModuleOptions } from '../module.js';
import type { Initializer } from '../types.js';
import { ConvBase, dimensionNumbers, product, weights } from './conv.js';
import { asInput, checkSize, replicate, replicateSize, type PerAxis } from './layout.js';
import { namedPadding, type PadPair } from './padding.js';

export interface SeparableDepthwiseConvOptions extends ModuleOptions {
  /** Default 1. */
  stride?: PerAxis;
  /** 'SAME' (default), 'VALID', or one pair for each axis. */
  padding?: string | readonly PadPair[];
  /** Default true. */
  withBias?: boolean;
  /** Default `TruncatedNormal({ stddev: 1 / √kernel size })`. */
  wInit?: Initializer | undefined;
  /** Default zeros. */
  bInit?: Initializer | undefined;
  /** Default channels last. */
  dataFormat?: string;
}
export interface DepthwiseConvOptions extends SeparableDepthwiseConvOptions {
  /** The kernel's dilation; default 1. */
  rate?: PerAxis;
}

const COMMON = ['stride', 'rate', 'padding', 'withBias', 'wInit', 'bInit', 'dataFormat', 'name'] as const;

/**
 * The base of the depthwise convolutions. Every channel is convolved with `channelMultiplier` kernels of its own:
 * `[N, …space, C]` → `[N, …space, channelMultiplier · C]`, or channels first. Parameters, in the dtype of the input: `w`
 * `[…kernel, 1, channelMultiplier · C]`, `b` `[channelMultiplier · C]` (with a 1 for each spatial axis channels first).
 * @throws ValueError for an input of another rank; TypeError for lists of the wrong length.
 */
@module('depthwise_conv_nd')
export class DepthwiseConvND extends ConvBase {
  readonly channelMultiplier: number;
  readonly kernelDilation: readonly number[];
  readonly padding: string | readonly PadPair[];

  constructor(channelMultiplier: number, kernelShape: PerAxis, numSpatialDims: number, dataFormat: string, options?: Omit<DepthwiseConvOptions, 'dataFormat'>) {
    const { rate = 1, padding = 'SAME', ...common }
      = checkOptions<Omit<DepthwiseConvOptions, 'dataFormat'>>('hk.DepthwiseConvND', options, ['stride', 'rate', 'padding', 'withBias', 'wInit', 'bInit', 'name']);
    super(numSpatialDims, kernelShape, { ...common, dataFormat });
    this.channelMultiplier = checkSize(this.where, 'channelMultiplier', channelMultiplier);
    this.kernelDilation = replicateSize(this.where, 'rate', rate, numSpatialDims);
    this.padding = typeof padding === 'string' ? namedPadding(this.where, padding) : padding;
  }

  override call(inputs: Array): Array {
    const { where, numSpatialDims, channelIndex, kernelShape } = this;
    const x = asInput(where, 'inputs', inputs);
    if (x.ndim !== numSpatialDims + 2) throw new ValueError(`${where}: Input needs to have rank ${numSpatialDims + 2}, but it has shape [${x.shape}].`);
    const channels = x.shape.at(channelIndex)!;
    const outputs = this.channelMultiplier * channels;
    const w = weights(where, [...kernelShape, 1, outputs], x, product(kernelShape), this.wInit);
    const out = lax.convGeneralDilated(x, w, this.stride, this.padding,
      { rhsDilation: this.kernelDilation, dimensionNumbers: dimensionNumbers(numSpatialDims, channelIndex, 'HWIO'), featureGroupCount: channels });
    return this.biased(out, outputs);
  }
}

/** Takes the data format out of the options of a form with fixed spatial dimensions. */
function split(where: string, options: DepthwiseConvOptions | undefined, otherwise: string): [dataFormat: string, rest: Omit<DepthwiseConvOptions, 'dataFormat'>] {
  const { dataFormat = otherwise, ...rest } = checkOptions(where, options, COMMON);
  return [dataFormat, rest];
}

/** `DepthwiseConvND` over one dimension: `[N, W, C]`, or with `dataFormat: 'NCW'` `[N, C, W]`. */
@module('depthwise_conv1_d')
export class DepthwiseConv1D extends DepthwiseConvND {
  constructor(channelMultiplier: number, kernelShape: PerAxis, options?: DepthwiseConvOptions) {
    super(channelMultiplier, kernelShape, 1, ...split('hk.DepthwiseConv1D', options, 'NWC'));
  }
}

/** `DepthwiseConvND` over two dimensions: `[N, H, W, C]`, or with `dataFormat: 'NCHW'` `[N, C, H, W]`. */
@module('depthwise_conv2_d')
export class DepthwiseConv2D extends DepthwiseConvND {
  constructor(channelMultiplier: number, kernelShape: PerAxis, options?: DepthwiseConvOptions) {
    super(channelMultiplier, kernelShape, 2, ...split('hk.DepthwiseConv2D', options, 'NHWC'));
  }
}

/** `DepthwiseConvND` over three dimensions: `[N, D, H, W, C]`, or with `dataFormat: 'NCDHW'` `[N, C, D, H, W]`. */
@module('depthwise_conv3_d')
export class DepthwiseConv3D extends DepthwiseConvND {
  constructor(channelMultiplier: number, kernelShape: PerAxis, options?: DepthwiseConvOptions) {
    super(channelMultiplier, kernelShape, 3, ...split('hk.DepthwiseConv3D', options, 'NDHWC'));
  }
}

/**
 * A depthwise convolution with a kernel of one column, strided and without bias, then one with a kernel of one row:
 * `[N, H, W, C]` → `[N, …, channelMultiplier · C]`. Parameters are under `~/depthwise_conv2_d` and
 * `~/depthwise_conv2_d_1`.
 */
@module('separable_depthwise_conv2_d')
export class SeparableDepthwiseConv2D extends Module<(inputs: Array) => Array> {
  readonly vertical: DepthwiseConv2D;
  readonly horizontal: DepthwiseConv2D;

  constructor(channelMultiplier: number, kernelShape: PerAxis, options?: SeparableDepthwiseConvOptions) {
    const where = 'hk.SeparableDepthwiseConv2D';
    const { stride = 1, withBias = true, name, ...rest } = checkOptions(where, options, ['stride', 'padding', 'withBias', 'wInit', 'bInit', 'dataFormat', 'name']);
    super(name);
    const [height, width] = replicate(where, 'kernelShape', kernelShape, 2);
    this.vertical = new DepthwiseConv2D(channelMultiplier, [height, 1], { ...rest, stride, withBias: false });
    this.horizontal = new DepthwiseConv2D(1, [1, width], { ...rest, withBias });
  }

  override call(inputs: Array): Array { return this.horizontal(this.vertical(inputs)); }
}
