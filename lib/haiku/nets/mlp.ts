import { nn, type Array } from '../../jax/index.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { checkFunction } from '../../jax/autodiff.js';
import { checkOptions } from '../../runtime/options.js';
import { dropout } from '../dropout.js';
import { describe } from '../mappings.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { Linear } from '../modules/linear.js';
import { PRNGSequence } from '../rng.js';
import type { Initializer } from '../types.js';

export interface MLPOptions extends ModuleOptions {
  /** Of every layer; default as `Linear`. */
  wInit?: Initializer;
  /** Of every layer; default zeros. */
  bInit?: Initializer;
  /** Default true. */
  withBias?: boolean;
  /** Default relu. */
  activation?: (x: Array) => Array;
  /** Whether the last layer is activated too; default false. */
  activateFinal?: boolean;
}

/** How one call of an `MLP` drops elements; both or neither. */
export interface MLPCallOptions {
  dropoutRate?: number | Array;
  rng?: Array;
}

/**
 * Linear layers with an activation between them: `[…, in]` → `[…, outputSizes.at(-1)]`. Parameters are under
 * `~/linear_0`, `~/linear_1`, …
 *
 * ```ts
 * const logits = new hk.nets.MLP([300, 100, 10])(x, { dropoutRate: 0.1, rng: hk.nextRngKey() });
 * ```
 * Dropout comes before each activation, and takes one key an activated layer from a sequence on `rng`.
 * @throws ValueError for `bInit` without bias, and where only one of `dropoutRate` and `rng` is given.
 */
@module('mlp')
export class MLP extends Module<(inputs: Array, options?: MLPCallOptions) => Array> {
  readonly layers: readonly Linear[];
  /** Undefined where there are no layers. */
  readonly outputSize: number | undefined;
  readonly wInit: Initializer | undefined;
  readonly bInit: Initializer | undefined;
  readonly withBias: boolean;
  readonly activation: (x: Array) => Array;
  readonly activateFinal: boolean;

  constructor(outputSizes: Iterable<number>, options?: MLPOptions) {
    const { wInit, bInit, withBias = true, activation = nn.relu, activateFinal = false, name }
      = checkOptions('hk.nets.MLP', options, ['wInit', 'bInit', 'withBias', 'activation', 'activateFinal', 'name']);
    if (!withBias && bInit) throw new ValueError('hk.nets.MLP: When withBias=false bInit must not be set.');
    super(name);
    this.withBias = withBias;
    this.wInit = wInit;
    this.bInit = bInit;
    checkFunction(activation, 'hk.nets.MLP: activation');
    this.activation = activation;
    this.activateFinal = activateFinal;
    if (typeof (outputSizes as { [Symbol.iterator]?: unknown } | undefined)?.[Symbol.iterator] !== 'function') throw new TypeError(`hk.nets.MLP: outputSizes must be a list of whole numbers, but got ${describe(outputSizes)}.`);
    const sizes = [...outputSizes];
    this.layers = sizes.map((size, i) => new Linear(size, { wInit, bInit, withBias, name: `linear_${i}` }));
    this.outputSize = sizes.at(-1);
  }

  override call(inputs: Array, options?: MLPCallOptions): Array {
    const { dropoutRate, rng } = checkOptions('hk.nets.MLP.call', options, ['dropoutRate', 'rng']);
    const drops = dropoutRate !== undefined && dropoutRate !== null;
    if (drops && !rng) throw new ValueError('hk.nets.MLP: When using dropout an rng key must be passed: { dropoutRate, rng: hk.nextRngKey() }.');
    if (!drops && rng) throw new ValueError('hk.nets.MLP: RNG should only be passed when using dropout: give a dropoutRate, or no rng.');
    const keys = rng && new PRNGSequence(rng);
    let out = inputs;
    this.layers.forEach((layer, i) => {
      out = layer(out);
      if (i === this.layers.length - 1 && !this.activateFinal) return;
      if (keys) out = dropout(keys.next(), dropoutRate!, out);
      out = this.activation(out);
    });
    return out;
  }

  /**
   * A new MLP with the layers' input sizes as output sizes, last first: it maps this one's outputs to its inputs' shape.
   * Its name is `{name}_reversed` unless given.
   * @throws ValueError before the first call, when the input sizes are not known yet.
   */
  reverse(options?: { activateFinal?: boolean } & ModuleOptions): MLP {
    const given = checkOptions('hk.nets.MLP.reverse', options, ['activateFinal', 'name']);
    const [activateFinal, name] = [given.activateFinal ?? this.activateFinal, given.name ?? `${this.name}_reversed`];
    const sizes = this.layers.map((layer) => layer.inputSize).reverse();
    if (sizes.includes(undefined)) throw new ValueError('hk.nets.MLP: You cannot reverse an MLP until it has been called.');
    const { wInit, bInit, withBias, activation } = this;
    return new MLP(sizes as number[], { wInit, bInit, withBias, activation, activateFinal, name });
  }
}
