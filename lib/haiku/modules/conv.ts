/** Convolutions: `ConvND`, and its forms with one, two and three spatial dimensions. */
import { lax, numpy as jnp, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { TruncatedNormal } from '../initializers.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { getParameter } from '../parameters.js';
import type { Initializer } from '../types.js';
import { asInput, checkSize, getChannelIndex, replicateSize, type PerAxis } from './layout.js';
import { createFromPadfn, createFromTuple, isPadfn, namedPadding, type PadFn, type PadPair } from './padding.js';

export interface ConvCallOptions {
  /** Accepted as in JAX; convolutions are always exact here. */
  precision?: unknown;
}
export type ConvFunction = (inputs: Array, options?: ConvCallOptions) => Array;

/** What all convolutions over several input channels have. */
export interface ConvCommonOptions extends ModuleOptions {
  /** Default 1. */
  stride?: PerAxis;
  /** Default true. */
  withBias?: boolean;
  /** Default `TruncatedNormal({ stddev: 1 / √fan_in })`. */
  wInit?: Initializer | undefined;
  /** Default zeros. */
  bInit?: Initializer | undefined;
  /** `channels_last`, `channels_first`, `N…C` or `NC…`; default channels last. */
  dataFormat?: string;
  /** Multiplied into the weights, of their shape. */
  mask?: Array | undefined;
}

export interface ConvOptions extends ConvCommonOptions {
  /** The kernel's dilation; default 1. */
  rate?: PerAxis;
  /** 'SAME' (default), 'VALID', pairs of numbers, or functions of `hk.pad`. */
  padding?: string | PadPair | readonly PadPair[] | PerAxis<PadFn>;
  /** Default 1. */
  featureGroupCount?: number;
}

/** The axes of the image, [batch, channels, …space], and of the kernel, in JAX's order for `dimensionNumbers`. */
export function dimensionNumbers(spatialDims: number, channelIndex: 1 | -1, kernel: 'HWIO' | 'HWOI'): { lhsSpec: number[]; rhsSpec: number[]; outSpec: number[] } {
  const axes = (from: number) => globalThis.Array.from({ length: spatialDims }, (_, i) => from + i);
  const image = channelIndex === -1 ? [0, spatialDims + 1, ...axes(1)] : [0, 1, ...axes(2)];
  const features = kernel === 'HWIO' ? [spatialDims + 1, spatialDims] : [spatialDims, spatialDims + 1];
  return { lhsSpec: image, rhsSpec: [...features, ...axes(0)], outSpec: image };
}

export const product = (sizes: readonly number[]): number => sizes.reduce((total, size) => total * size, 1);

/** Calls `f` with a batched input; takes the batch axis away again where there was none. */
export function batched(where: string, inputs: Array, spatialDims: number, f: (x: Array) => Array): Array {
  const x = asInput(where, 'inputs', inputs);
  if (x.ndim === spatialDims + 2) return f(x);
  if (x.ndim !== spatialDims + 1) throw new ValueError(`${where}: Input needs to have rank ${spatialDims + 1} (unbatched) or ${spatialDims + 2}, but it has shape [${x.shape}].`);
  return jnp.squeeze(f(jnp.expandDims(x, 0)), { axis: 0 });
}

/** The parameter `w` of a convolution with its mask. */
export function weights(where: string, shape: number[], x: Array, fanIn: number, wInit: Initializer | undefined, mask?: Array): Array {
  if (mask && (mask.shape.length !== shape.length || mask.shape.some((size, i) => size !== shape[i]))) {
    throw new ValueError(`${where}: The mask needs to have the same shape as the weights, [${shape}], but has [${mask.shape}].`);
  }
  const w = getParameter('w', shape, { dtype: x.dtype, init: wInit ?? new TruncatedNormal({ stddev: 1 / Math.sqrt(fanIn) }) });
  return mask ? w.mul(mask) : w;
}

/** What every convolution has: a kernel's shape, strides, a bias. It has no path of its own, so it needs no decorator. */
export abstract class ConvBase extends Module<ConvFunction> {
  protected readonly where: string;
  readonly numSpatialDims: number;
  readonly kernelShape: readonly number[];
  readonly stride: readonly number[];
  readonly withBias: boolean;
  readonly wInit: Initializer | undefined;
  readonly bInit: Initializer;
  readonly dataFormat: string;
  readonly channelIndex: 1 | -1;

  constructor(numSpatialDims: number, kernelShape: PerAxis, { stride = 1, withBias = true, wInit, bInit, dataFormat = 'channels_last', name }: Omit<ConvCommonOptions, 'mask'>) {
    super(name);
    this.where = `hk.${this.constructor.name}`;
    if (!(Number.isInteger(numSpatialDims) && numSpatialDims > 0)) throw new ValueError(`${this.where}: We only support convolution operations for \`numSpatialDims\` greater than 0, received ${numSpatialDims}.`);
    this.numSpatialDims = numSpatialDims;
    this.kernelShape = replicateSize(this.where, 'kernelShape', kernelShape, numSpatialDims);
    this.stride = replicateSize(this.where, 'stride', stride, numSpatialDims);
    this.withBias = withBias;
    this.wInit = wInit;
    this.bInit = bInit ?? jnp.zeros;
    this.dataFormat = dataFormat;
    this.channelIndex = getChannelIndex(dataFormat);
  }

  /** Adds the parameter `b`, in a shape that broadcasts over the output. */
  protected biased(out: Array, channels: number): Array {
    if (!this.withBias) return out;
    const shape = this.channelIndex === -1 ? [channels] : [channels, ...this.kernelShape.map(() => 1)];
    return out.add(getParameter('b', shape, { dtype: out.dtype, init: this.bInit }));
  }
}

const COMMON = ['stride', 'rate', 'padding', 'withBias', 'wInit', 'bInit', 'dataFormat', 'mask', 'featureGroupCount', 'name'] as const;

/**
 * A convolution over `numSpatialDims` dimensions (the kernel is not reversed): `[N, …space, in]` or `[…space, in]` →
 * `[…, outputChannels]`, or channels first. Parameters, in the dtype of the input: `w` `[…kernel, in / groups, out]`, `b`
 * `[out]` (`[out, 1, …]` channels first).
 *
 * ```ts
 * const y = new hk.Conv2D(32, 3, { stride: 2 })(images);
 * ```
 * @throws ValueError for an input of another rank, channels that the groups do not divide, and a mask that is not of the
 * weights' shape; TypeError for lists of the wrong length.
 */
@module('conv_nd')
export class ConvND extends ConvBase {
  readonly outputChannels: number;
  readonly kernelDilation: readonly number[];
  readonly padding: string | readonly PadPair[];
  readonly mask: Array | undefined;
  readonly featureGroupCount: number;

  constructor(numSpatialDims: number, outputChannels: number, kernelShape: PerAxis, options?: ConvOptions) {
    const { rate = 1, padding = 'SAME', mask, featureGroupCount = 1, ...common } = checkOptions('hk.ConvND', options, COMMON);
    super(numSpatialDims, kernelShape, common);
    this.outputChannels = checkSize(this.where, 'outputChannels', outputChannels);
    this.kernelDilation = replicateSize(this.where, 'rate', rate, numSpatialDims);
    this.mask = mask;
    this.featureGroupCount = featureGroupCount;
    this.padding = typeof padding === 'string' ? namedPadding(this.where, padding)
      : isPadfn(padding) ? createFromPadfn(padding, this.kernelShape, this.kernelDilation, numSpatialDims) : createFromTuple(padding, numSpatialDims);
  }

  override call(inputs: Array, options?: ConvCallOptions): Array {
    const { where, numSpatialDims, channelIndex, outputChannels, featureGroupCount } = this;
    checkOptions(`${where}.call`, options, ['precision']);
    return batched(where, inputs, numSpatialDims, (x) => {
      const channels = x.shape.at(channelIndex)!;
      if (channels % featureGroupCount !== 0) throw new ValueError(`${where}: The input's ${channels} channels should be a multiple of featureGroupCount, ${featureGroupCount}.`);
      const shape = [...this.kernelShape, channels / featureGroupCount, outputChannels];
      const w = weights(where, shape, x, product(shape.slice(0, -1)), this.wInit, this.mask);
      const out = lax.convGeneralDilated(x, w, this.stride, this.padding,
        { rhsDilation: this.kernelDilation, dimensionNumbers: dimensionNumbers(numSpatialDims, channelIndex, 'HWIO'), featureGroupCount });
      return this.biased(out, outputChannels);
    });
  }
}

/** `ConvND` over one dimension: `[N, W, C]`, or with `dataFormat: 'NCW'` `[N, C, W]`. */
@module('conv1_d')
export class Conv1D extends ConvND {
  constructor(outputChannels: number, kernelShape: PerAxis, options?: ConvOptions) {
    super(1, outputChannels, kernelShape, { dataFormat: 'NWC', ...checkOptions('hk.Conv1D', options, COMMON) });
  }
}

/** `ConvND` over two dimensions: `[N, H, W, C]`, or with `dataFormat: 'NCHW'` `[N, C, H, W]`. */
@module('conv2_d')
export class Conv2D extends ConvND {
  constructor(outputChannels: number, kernelShape: PerAxis, options?: ConvOptions) {
    super(2, outputChannels, kernelShape, { dataFormat: 'NHWC', ...checkOptions('hk.Conv2D', options, COMMON) });
  }
}

/** `ConvND` over three dimensions: `[N, D, H, W, C]`, or with `dataFormat: 'NCDHW'` `[N, C, D, H, W]`. */
@module('conv3_d')
export class Conv3D extends ConvND {
  constructor(outputChannels: number, kernelShape: PerAxis, options?: ConvOptions) {
    super(3, outputChannels, kernelShape, { dataFormat: 'NDHWC', ...checkOptions('hk.Conv3D', options, COMMON) });
  }
}
