import { numpy as jnp, type Array } from '../../jax/index.js';
import { checkOptions } from '../../runtime/options.js';
import { module, type ModuleOptions } from '../module.js';
import { ConvND } from './conv.js';
import { checkState, lstmStep, type LSTMState } from './lstm.js';
import { RNNCore, addBatch } from './recurrent.js';

/**
 * An LSTM whose products are convolutions (Shi et al. 2015), channels last, padding SAME: `[batch, …inputShape, in]` →
 * `[batch, …inputShape, outputChannels]`. Parameters: `input_to_hidden/{w, b}` and `hidden_to_hidden/{w, b}`.
 */
@module('conv_ndlstm')
class ConvNDLSTM extends RNNCore<LSTMState, Array, Array> {
  readonly numSpatialDims: number;
  readonly inputShape: readonly number[];
  readonly outputChannels: number;
  readonly kernelShape: number | readonly number[];

  constructor(numSpatialDims: number, inputShape: Iterable<number>, outputChannels: number, kernelShape: number | readonly number[], name?: string) {
    super(name);
    this.numSpatialDims = numSpatialDims;
    this.inputShape = [...inputShape];
    this.outputChannels = outputChannels;
    this.kernelShape = kernelShape;
  }

  override call(inputs: Array, state: LSTMState): [Array, LSTMState] {
    const [fromInput, fromHidden] = ['input_to_hidden', 'hidden_to_hidden'].map((name) => new ConvND(this.numSpatialDims, 4 * this.outputChannels, this.kernelShape, { name }));
    const { hidden, cell } = checkState(`hk.${this.constructor.name}`, state);
    return lstmStep(fromInput(inputs).add(fromHidden(hidden)), cell);
  }

  override initialState(batchSize: number | null): LSTMState {
    const shape = [...this.inputShape, this.outputChannels];
    return addBatch({ hidden: jnp.zeros(shape), cell: jnp.zeros(shape) }, batchSize);
  }
}

const nameIn = (where: string, options: ModuleOptions | undefined): string | undefined => checkOptions(where, options, ['name']).name;

/** A convolutional LSTM over `[…, width, channels]`; `inputShape` is `[width]`. */
@module('conv1_dlstm')
export class Conv1DLSTM extends ConvNDLSTM {
  constructor(inputShape: readonly number[], outputChannels: number, kernelShape: number | readonly number[], options?: ModuleOptions) {
    super(1, inputShape, outputChannels, kernelShape, nameIn('hk.Conv1DLSTM', options));
  }
}

/** A convolutional LSTM over `[…, height, width, channels]`; `inputShape` is `[height, width]`. */
@module('conv2_dlstm')
export class Conv2DLSTM extends ConvNDLSTM {
  constructor(inputShape: readonly number[], outputChannels: number, kernelShape: number | readonly number[], options?: ModuleOptions) {
    super(2, inputShape, outputChannels, kernelShape, nameIn('hk.Conv2DLSTM', options));
  }
}

/** A convolutional LSTM over `[…, depth, height, width, channels]`; `inputShape` is `[depth, height, width]`. */
@module('conv3_dlstm')
export class Conv3DLSTM extends ConvNDLSTM {
  constructor(inputShape: readonly number[], outputChannels: number, kernelShape: number | readonly number[], options?: ModuleOptions) {
    super(3, inputShape, outputChannels, kernelShape, nameIn('hk.Conv3DLSTM', options));
  }
}
