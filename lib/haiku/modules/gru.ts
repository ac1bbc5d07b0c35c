import { nn, numpy as jnp, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { VarianceScaling } from '../initializers.js';
import { module, type ModuleOptions } from '../module.js';
import { getParameter } from '../parameters.js';
import type { Initializer } from '../types.js';
import { asInput, checkSize } from './layout.js';
import { RNNCore, addBatch } from './recurrent.js';

export interface GRUOptions extends ModuleOptions {
  /** Default `VarianceScaling()`. */
  wIInit?: Initializer;
  /** Default `VarianceScaling()`. */
  wHInit?: Initializer;
  /** Default zeros. */
  bInit?: Initializer;
}

/**
 * Gated recurrent unit (Chung et al. 2014): with blocks z, r, a of the weights, `a = tanh(x·Wa + (r·h)·Ua + ba)` and
 * `h = (1 - z)·h + z·a`. Parameters: `w_i` `[in, 3·hidden]`, `w_h` `[hidden, 3·hidden]`, `b` `[3·hidden]`.
 * @throws ValueError for inputs of a rank other than 1 and 2.
 */
@module('gru')
export class GRU extends RNNCore<Array, Array, Array> {
  readonly hiddenSize: number;
  readonly wIInit: Initializer;
  readonly wHInit: Initializer;
  readonly bInit: Initializer;

  constructor(hiddenSize: number, options?: GRUOptions) {
    const { wIInit, wHInit, bInit, name } = checkOptions('hk.GRU', options, ['wIInit', 'wHInit', 'bInit', 'name']);
    super(name);
    this.hiddenSize = checkSize('hk.GRU', 'hiddenSize', hiddenSize);
    this.wIInit = wIInit ?? new VarianceScaling();
    this.wHInit = wHInit ?? new VarianceScaling();
    this.bInit = bInit ?? jnp.zeros;
  }

  override call(inputs: Array, state: Array): [Array, Array] {
    const [x, h] = [asInput('hk.GRU', 'inputs', inputs), asInput('hk.GRU', 'the state', state)];
    if (x.ndim !== 1 && x.ndim !== 2) throw new ValueError(`hk.GRU: GRU input must be rank-1 or rank-2, but has the shape [${x.shape}]; unroll sequences with hk.dynamicUnroll.`);
    const { hiddenSize: size } = this;
    const { dtype } = x;
    const wI = getParameter('w_i', [x.shape.at(-1)!, 3 * size], { dtype, init: this.wIInit });
    const wH = getParameter('w_h', [size, 3 * size], { dtype, init: this.wHInit });
    const b = getParameter('b', [3 * size], { dtype, init: this.bInit });
    const parts = (w: Array): Array[] => jnp.split(w, [2 * size], { axis: -1 });
    const [[zrX, aX], [wZR, wA], [bZR, bA]] = [parts(jnp.matmul(x, wI)), parts(wH), parts(b)];
    const [z, r] = jnp.split(nn.sigmoid(zrX.add(jnp.matmul(h, wZR)).add(bZR)), 2, { axis: -1 });
    const a = jnp.tanh(aX.add(jnp.matmul(r.mul(h), wA)).add(bA));
    const next = jnp.subtract(1, z).mul(h).add(z.mul(a));
    return [next, next];
  }

  override initialState(batchSize: number | null): Array { return addBatch(jnp.zeros([this.hiddenSize]), batchSize); }
}
