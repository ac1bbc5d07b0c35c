/** What recurrent cores have in common, and the plain ones: `VanillaRNN` and `IdentityCore`. */
import { nn, numpy as jnp, tree, type Array } from '../../jax/index.js';
import { checkOptions } from '../../runtime/options.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { asInput, checkSize } from './layout.js';
import { Linear } from './linear.js';

/**
 * The base of all recurrent cores: a core is called with one step's inputs and the state before it, and returns
 * `[outputs, state]`.
 */
@module('rnn_core')
export abstract class RNNCore<State = any, Inputs = any, Outputs = any> extends Module<(inputs: any, state: any) => [outputs: any, state: any]> {
  abstract override call(inputs: Inputs, state: State): [outputs: Outputs, state: State];
  /** The state before the first step, zeros: for `batchSize` sequences, or without a batch axis where it is null. */
  abstract initialState(batchSize: number | null): State;
}

/** The arrays of `nest` repeated along a new leading axis; as they are where `batchSize` is null. */
export function addBatch<T>(nest: T, batchSize: number | null | undefined): T {
  return batchSize === null || batchSize === undefined ? nest : tree.map((x: Array) => jnp.broadcastTo(x, [batchSize, ...x.shape]), nest) as T;
}

export interface VanillaRNNOptions extends ModuleOptions {
  /** Whether the product with the state has a bias too; default true. */
  doubleBias?: boolean;
}

/** `relu(linear(x) + linear_1(h))`: outputs and state are that, `[batch, hiddenSize]` or `[hiddenSize]`. */
@module('vanilla_rnn')
export class VanillaRNN extends RNNCore<Array, Array, Array> {
  readonly hiddenSize: number;
  readonly doubleBias: boolean;

  constructor(hiddenSize: number, options?: VanillaRNNOptions) {
    const { doubleBias = true, name } = checkOptions('hk.VanillaRNN', options, ['doubleBias', 'name']);
    super(name);
    this.hiddenSize = checkSize('hk.VanillaRNN', 'hiddenSize', hiddenSize);
    this.doubleBias = doubleBias;
  }

  override call(inputs: Array, state: Array): [Array, Array] {
    const inputToHidden = new Linear(this.hiddenSize);
    const hiddenToHidden = new Linear(this.hiddenSize, { withBias: this.doubleBias });
    const out = nn.relu(inputToHidden(asInput('hk.VanillaRNN', 'inputs', inputs)).add(hiddenToHidden(asInput('hk.VanillaRNN', 'the state', state))));
    return [out, out];
  }

  override initialState(batchSize: number | null): Array { return addBatch(jnp.zeros([this.hiddenSize]), batchSize); }
}

/** Hands inputs and state on as they are; its initial state is empty. */
@module('identity_core')
export class IdentityCore extends RNNCore {
  constructor(options?: ModuleOptions) { super(checkOptions('hk.IdentityCore', options, ['name']).name); }
  override call(inputs: any, state: any): [any, any] { return [inputs, state]; }
  override initialState(_batchSize: number | null): [] { return []; }
}
