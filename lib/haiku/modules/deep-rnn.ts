import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import type { AnyFunction } from '../callable.js';
import { describe } from '../mappings.js';
import { module, type ModuleOptions } from '../module.js';
import { RNNCore } from './recurrent.js';

const isCore = (layer: unknown): layer is RNNCore => layer instanceof RNNCore;
const joined = (arrays: readonly Array[]): Array => jnp.concatenate(arrays, { axis: -1 });

@module('__deep_rnn')
class StackedRNN extends RNNCore<any[]> {
  readonly layers: readonly AnyFunction[];
  readonly skipConnections: boolean;

  constructor(layers: Iterable<AnyFunction>, skipConnections: boolean, name?: string) {
    super(name);
    if (typeof (layers as { [Symbol.iterator]?: unknown } | undefined)?.[Symbol.iterator] !== 'function') throw new TypeError(`hk.DeepRNN: expected a list of layers, but got ${describe(layers)}.`);
    this.layers = [...layers];
    this.skipConnections = skipConnections;
    if (skipConnections && !this.layers.every(isCore)) throw new ValueError('hk.deepRnnWithSkipConnections: skip connections require all layers to be `hk.RNNCore`s; wrap others in a core, or use hk.DeepRNN.');
  }

  override call(inputs: any, state: any[]): [any, any[]] {
    let out = inputs;
    const states: any[] = [];
    const outputs: any[] = [];
    this.layers.forEach((layer, i) => {
      if (this.skipConnections && i > 0) out = tree.map((x: Array, y: Array) => joined([x, y]), inputs, out);
      if (!isCore(layer)) { out = layer(out); return; }
      const [y, next] = layer(out, state[states.length]);
      out = y;
      outputs.push(y);
      states.push(next);
    });
    return [this.skipConnections && outputs.length ? tree.map((...ys: Array[]) => joined(ys), outputs[0], ...outputs.slice(1)) : out, states];
  }

  override initialState(batchSize: number | null): any[] { return this.layers.filter(isCore).map((layer) => layer.initialState(batchSize)); }
}

/**
 * Cores one after another as one core; other functions among them are applied to what comes out of the layer before. The
 * state is a list of one entry a core.
 *
 * ```ts
 * const core = new hk.DeepRNN([new hk.LSTM(4), jax.nn.relu, new hk.LSTM(2)]);
 * ```
 */
@module('deep_rnn')
export class DeepRNN extends StackedRNN {
  constructor(layers: Iterable<AnyFunction>, options?: ModuleOptions) { super(layers, false, checkOptions('hk.DeepRNN', options, ['name']).name); }
}

/**
 * Cores one after another, of which each but the first gets the inputs joined with the outputs of the one before; the
 * outputs are those of all, joined along the last axis.
 * @throws ValueError where a layer is no core.
 */
export function deepRnnWithSkipConnections(layers: Iterable<RNNCore>, options?: ModuleOptions): RNNCore<any[]> {
  return new StackedRNN(layers, true, checkOptions('hk.deepRnnWithSkipConnections', options, ['name']).name);
}
