import { nn, numpy as jnp, type Array } from '../../jax/index.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { describe } from '../mappings.js';
import { module, type ModuleOptions } from '../module.js';
import { asInput, checkSize } from './layout.js';
import { Linear } from './linear.js';
import { RNNCore, addBatch } from './recurrent.js';

/** The state of `LSTM` and of the convolutional LSTMs. */
export interface LSTMState { hidden: Array; cell: Array }
/** A plain object of both. */
export const LSTMState = (hidden: Array, cell: Array): LSTMState => ({ hidden, cell });

/** A state as arrays. @throws TypeError for what is none. */
export function checkState(where: string, state: LSTMState): LSTMState {
  if (!state?.hidden || !state.cell) throw new TypeError(`${where}: the state must be { hidden, cell }, as initialState(batchSize) makes it, but got ${describe(state)}.`);
  return { hidden: jnp.asarray(state.hidden), cell: jnp.asarray(state.cell) };
}

/** One step from the gates, in the order i, g, f, o along the last axis: `c = σ(f + 1)·c + σ(i)·tanh(g)`, `h = σ(o)·tanh(c)`. */
export function lstmStep(gates: Array, cell: Array): [Array, LSTMState] {
  const [i, g, f, o] = jnp.split(gates, 4, { axis: -1 });
  const next = nn.sigmoid(f.add(1)).mul(cell).add(nn.sigmoid(i).mul(jnp.tanh(g)));
  const hidden = nn.sigmoid(o).mul(jnp.tanh(next));
  return [hidden, { hidden, cell: next }];
}

/**
 * Long short-term memory (Zaremba et al. 2014), the forget gate's bias 1 higher (Jozefowicz et al. 2015). One product of
 * inputs and hidden state together: `linear/w` `[in + hidden, 4·hidden]`, `linear/b`.
 *
 * ```ts
 * const core = new hk.LSTM(128);
 * const [outputs, state] = hk.dynamicUnroll(core, sequence, core.initialState(batchSize));
 * ```
 * @throws ValueError for inputs of a rank other than 1 and 2.
 */
@module('lstm')
export class LSTM extends RNNCore<LSTMState, Array, Array> {
  readonly hiddenSize: number;

  constructor(hiddenSize: number, options?: ModuleOptions) {
    super(checkOptions('hk.LSTM', options, ['name']).name);
    this.hiddenSize = checkSize('hk.LSTM', 'hiddenSize', hiddenSize);
  }

  override call(inputs: Array, state: LSTMState): [Array, LSTMState] {
    const x = asInput('hk.LSTM', 'inputs', inputs);
    if (x.ndim !== 1 && x.ndim !== 2) throw new ValueError(`hk.LSTM: LSTM input must be rank-1 or rank-2, but has the shape [${x.shape}]; unroll sequences with hk.dynamicUnroll.`);
    const { hidden, cell } = checkState('hk.LSTM', state);
    const wanted = [...x.shape.slice(0, -1), this.hiddenSize];
    if (String(hidden.shape) !== String(wanted)) throw new ValueError(`hk.LSTM: inputs of the shape [${x.shape}] go with a hidden state of the shape [${wanted}], but it is [${hidden.shape}]: make it with initialState(${x.ndim === 1 ? 'null' : x.shape[0]}).`);
    return lstmStep(new Linear(4 * this.hiddenSize)(jnp.concatenate([x, hidden], { axis: -1 })), cell);
  }

  override initialState(batchSize: number | null): LSTMState {
    return addBatch({ hidden: jnp.zeros([this.hiddenSize]), cell: jnp.zeros([this.hiddenSize]) }, batchSize);
  }
}
