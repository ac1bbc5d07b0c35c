/** Transposed convolutions: `ConvNDTranspose`, and its forms with one, two and three spatial dimensions. */
import { lax, numpy as jnp, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Module, module } from '../module.js';
import type { Initializer } from '../types.js';
import { batched, checkSpatialDims, dimensionNumbers, product, weights, withBias, type ConvCallOptions, type ConvCommonOptions, type ConvFunction } from './conv.js';
import { getChannelIndex, replicate, type PerAxis } from './layout.js';
import type { PadPair } from './padding.js';

export interface ConvTransposeOptions extends ConvCommonOptions {
  /** The spatial shape of the output, for 'SAME' and 'VALID'; default as the padding makes it. */
  outputShape?: PerAxis | undefined;
  /** 'SAME' (default), 'VALID', or one pair for each axis of the input with its stride's zeros. */
  padding?: 'SAME' | 'VALID' | readonly PadPair[];
}

/** The padding of the dilated input for an output of exactly this size. */
function adjustedPadding(where: string, input: number, output: number, kernel: number, stride: number, padding: string): PadPair {
  const expected = Math.floor(padding === 'VALID' ? (output - kernel + stride) / stride : (output + stride - 1) / stride);
  if (input !== expected) {
    throw new ValueError(`${where}: An outputShape of ${output} with kernel ${kernel}, stride ${stride} and '${padding}' comes from an input size of ${expected}, which doesn't match the actual ${input}.`);
  }
  const cut = padding === 'VALID' ? 0 : Math.floor(Math.max(0, (input - 1) * stride + kernel - output) / 2);
  const low = kernel - 1 - cut;
  return [low, output + kernel - 1 - ((input - 1) * stride + 1) - low];
}

const COMMON = ['stride', 'outputShape', 'padding', 'withBias', 'wInit', 'bInit', 'dataFormat', 'mask', 'name'] as const;

/**
 * A convolution of the input with `stride` - 1 zeros between its elements; the kernel is not reversed. `[N, …space, in]`
 * or `[…space, in]` → `[…, outputChannels]`, or channels first; space grows `stride` times with 'SAME'. Parameters, in the
 * dtype of the input: `w` `[…kernel, out, in]`, `b` `[out]` (`[out, 1, …]` channels first).
 *
 * ```ts
 * const y = new hk.Conv2DTranspose(16, 4, { stride: 2 })(x);
 * ```
 * @throws ValueError for an input of another rank, a mask that is not of the weights' shape, an `outputShape` that does
 * not come from this input or stands beside pairs of padding; TypeError for lists of the wrong length.
 */
@module('conv_nd_transpose')
export class ConvNDTranspose extends Module<ConvFunction> {
  readonly numSpatialDims: number;
  readonly outputChannels: number;
  readonly kernelShape: readonly number[];
  readonly stride: readonly number[];
  readonly outputShape: readonly number[] | undefined;
  readonly padding: string | readonly PadPair[];
  readonly withBias: boolean;
  readonly wInit: Initializer | undefined;
  readonly bInit: Initializer;
  readonly dataFormat: string;
  readonly channelIndex: 1 | -1;
  readonly mask: Array | undefined;

  constructor(numSpatialDims: number, outputChannels: number, kernelShape: PerAxis, options?: ConvTransposeOptions) {
    const { stride = 1, outputShape, padding = 'SAME', withBias = true, wInit, bInit = jnp.zeros, dataFormat = 'channels_last', mask, name }
      = checkOptions('hk.ConvNDTranspose', options, COMMON);
    super(name);
    const where = `hk.${this.constructor.name}`;
    checkSpatialDims(where, numSpatialDims);
    this.numSpatialDims = numSpatialDims;
    this.outputChannels = outputChannels;
    this.kernelShape = replicate(where, 'kernelShape', kernelShape, numSpatialDims);
    this.outputShape = outputShape === undefined || outputShape === null ? undefined : replicate(where, 'outputShape', outputShape, numSpatialDims);
    if (this.outputShape && padding !== 'SAME' && padding !== 'VALID') throw new ValueError(`${where}: When specifying \`outputShape\`, ensure that padding is 'VALID' or 'SAME'.`);
    this.stride = replicate(where, 'stride', stride, numSpatialDims);
    this.padding = padding;
    this.withBias = withBias;
    this.wInit = wInit;
    this.bInit = bInit;
    this.dataFormat = dataFormat;
    this.channelIndex = getChannelIndex(dataFormat);
    this.mask = mask;
  }

  override call(inputs: Array, options?: ConvCallOptions): Array {
    const where = `hk.${this.constructor.name}`;
    checkOptions(`${where}.call`, options, ['precision']);
    const { numSpatialDims, channelIndex, outputChannels, kernelShape, stride, padding, outputShape } = this;
    return batched(where, inputs, numSpatialDims, (x) => {
      const channels = x.shape.at(channelIndex)!;
      const w = weights(where, [...kernelShape, outputChannels, channels], x, product(kernelShape) * channels, this.wInit, this.mask);
      const space = channelIndex === 1 ? x.shape.slice(2) : x.shape.slice(1, -1);
      const pads = outputShape ? space.map((size, i) => adjustedPadding(where, size, outputShape[i], kernelShape[i], stride[i], padding as string)) : padding;
      const out = lax.convTranspose(x, w, stride, pads, { dimensionNumbers: dimensionNumbers(numSpatialDims, channelIndex, 'HWOI') });
      return this.withBias ? withBias(out, outputChannels, numSpatialDims, channelIndex, this.bInit) : out;
    });
  }
}

/** `ConvNDTranspose` over one dimension: `[N, W, C]`, or with `dataFormat: 'NCW'` `[N, C, W]`. */
@module('conv1_d_transpose')
export class Conv1DTranspose extends ConvNDTranspose {
  constructor(outputChannels: number, kernelShape: PerAxis, options?: ConvTransposeOptions) {
    super(1, outputChannels, kernelShape, { dataFormat: 'NWC', ...checkOptions('hk.Conv1DTranspose', options, COMMON) });
  }
}

/** `ConvNDTranspose` over two dimensions: `[N, H, W, C]`, or with `dataFormat: 'NCHW'` `[N, C, H, W]`. */
@module('conv2_d_transpose')
export class Conv2DTranspose extends ConvNDTranspose {
  constructor(outputChannels: number, kernelShape: PerAxis, options?: ConvTransposeOptions) {
    super(2, outputChannels, kernelShape, { dataFormat: 'NHWC', ...checkOptions('hk.Conv2DTranspose', options, COMMON) });
  }
}

/** `ConvNDTranspose` over three dimensions: `[N, D, H, W, C]`, or with `dataFormat: 'NCDHW'` `[N, C, D, H, W]`. */
@module('conv3_d_transpose')
export class Conv3DTranspose extends ConvNDTranspose {
  constructor(outputChannels: number, kernelShape: PerAxis, options?: ConvTransposeOptions) {
    super(3, outputChannels, kernelShape, { dataFormat: 'NDHWC', ...checkOptions('hk.Conv3DTranspose', options, COMMON) });
  }
}
