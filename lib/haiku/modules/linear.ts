import { numpy as jnp, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { TruncatedNormal } from '../initializers.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { getParameter } from '../parameters.js';
import type { Initializer } from '../types.js';
import { asInput, checkSize } from './layout.js';

export interface LinearOptions extends ModuleOptions {
  /** Default true. */
  withBias?: boolean;
  /** Default `TruncatedNormal({ stddev: 1 / √in })`. */
  wInit?: Initializer;
  /** Default zeros. */
  bInit?: Initializer;
}

/**
 * `x · w + b` over the last axis: `[…, in]` → `[…, outputSize]`. Parameters, in the dtype of the input: `w`
 * `[in, outputSize]`, `b` `[outputSize]`.
 *
 * ```ts
 * const y = new hk.Linear(300, { withBias: false })(x);
 * ```
 * @throws ValueError for a scalar input.
 */
@module('linear')
export class Linear extends Module<(inputs: Array) => Array> {
  readonly outputSize: number;
  readonly withBias: boolean;
  readonly wInit: Initializer | undefined;
  readonly bInit: Initializer;
  /** The size of the last axis of the latest input; undefined before the first call. */
  inputSize: number | undefined;

  constructor(outputSize: number, options?: LinearOptions) {
    const { withBias = true, wInit, bInit, name } = checkOptions('hk.Linear', options, ['withBias', 'wInit', 'bInit', 'name']);
    super(name);
    this.outputSize = checkSize('hk.Linear', 'outputSize', outputSize);
    this.withBias = withBias;
    this.wInit = wInit;
    this.bInit = bInit ?? jnp.zeros;
    this.inputSize = undefined;
  }

  override call(inputs: Array): Array {
    const x = asInput('hk.Linear', 'inputs', inputs);
    if (x.ndim === 0) throw new ValueError('hk.Linear: Input must not be scalar; give it at least one axis, […, in].');
    const inputSize = x.shape.at(-1)!;
    this.inputSize = inputSize;
    const { dtype } = x;
    const wInit = this.wInit ?? new TruncatedNormal({ stddev: 1 / Math.sqrt(inputSize) });
    const out = jnp.dot(x, getParameter('w', [inputSize, this.outputSize], { dtype, init: wInit }));
    return this.withBias ? out.add(getParameter('b', [this.outputSize], { dtype, init: this.bInit })) : out;
  }
}
