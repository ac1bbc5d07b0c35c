/** Transposed convolutions: `ConvNDTranspose`, and its forms with one, two and three spatial dimensions. */
import { lax, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { module } from '../module.js';
import { ConvBase, batched, dimensionNumbers, product, weights, type ConvCallOptions, type ConvCommonOptions } from './conv.js';
import { checkSize, replicate, type PerAxis } from './layout.js';
import { createFromPadfn, namedPadding, same, valid, type PadPair } from './padding.js';

export interface ConvTransposeOptions extends ConvCommonOptions {
  /** The spatial shape of the output, for 'SAME' and 'VALID'; default as the padding makes it. */
  outputShape?: PerAxis | undefined;
  /** 'SAME' (default), 'VALID', or one pair for each axis of the input with its stride's zeros. */
  padding?: string | readonly PadPair[];
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
export class ConvNDTranspose extends ConvBase {
  readonly outputChannels: number;
  readonly outputShape: readonly number[] | undefined;
  readonly padding: string | readonly PadPair[];
  readonly mask: Array | undefined;

  constructor(numSpatialDims: number, outputChannels: number, kernelShape: PerAxis, options?: ConvTransposeOptions) {
    const { outputShape, padding = 'SAME', mask, ...common } = checkOptions('hk.ConvNDTranspose', options, COMMON);
    super(numSpatialDims, kernelShape, common);
    const { where } = this;
    this.outputChannels = checkSize(where, 'outputChannels', outputChannels);
    this.outputShape = outputShape === undefined || outputShape === null ? undefined : replicate(where, 'outputShape', outputShape, numSpatialDims);
    const name = typeof padding === 'string' ? namedPadding(where, padding, ['SAME', 'VALID']) : undefined;
    const small = name !== undefined && name !== padding;
    if (small && (this.outputShape || this.stride.some((step) => step > 1))) throw new ValueError(`${where}: '${padding as string}' in small letters goes without strides and an \`outputShape\` only: write '${name}'.`);
    // In small letters JAX takes the name for that of a plain convolution, which is another for kernels of an even size.
    this.padding = small ? createFromPadfn(name === 'SAME' ? same : valid, this.kernelShape, 1, numSpatialDims) : padding;
    if (this.outputShape && typeof padding !== 'string') throw new ValueError(`${where}: When specifying \`outputShape\`, ensure that padding is 'VALID' or 'SAME'.`);
    this.mask = mask;
  }

  override call(inputs: Array, options?: ConvCallOptions): Array {
    checkOptions(`${this.where}.call`, options, ['precision']);
    const { where, numSpatialDims, channelIndex, outputChannels, kernelShape, stride, padding, outputShape } = this;
    return batched(where, inputs, numSpatialDims, (x) => {
      const channels = x.shape.at(channelIndex)!;
      const w = weights(where, [...kernelShape, outputChannels, channels], x, product(kernelShape) * channels, this.wInit, this.mask);
      const space = channelIndex === 1 ? x.shape.slice(2) : x.shape.slice(1, -1);
      const pads = outputShape ? space.map((size, i) => adjustedPadding(where, size, outputShape[i], kernelShape[i], stride[i], padding as string)) : padding;
      const out = lax.convTranspose(x, w, stride, pads, { dimensionNumbers: dimensionNumbers(numSpatialDims, channelIndex, 'HWOI') });
      return this.biased(out, outputChannels);
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
