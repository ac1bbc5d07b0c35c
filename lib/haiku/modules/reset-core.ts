import { isArray, numpy as jnp, tree, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { module, type ModuleOptions } from '../module.js';
import { RNNCore } from './recurrent.js';

/** `reset` with axes of size 1 after its own, so that it masks the leading axes of `state`. */
function conform(reset: Array, state: Array): Array {
  if (String(reset.shape) !== String(state.shape.slice(0, reset.ndim)) || reset.ndim > state.ndim) {
    throw new ValueError(`hk.ResetCore: should_reset signal shape [${reset.shape}] is not compatible with state shape [${state.shape}]: it must be a prefix of it.`);
  }
  return jnp.reshape(reset, [...reset.shape, ...globalThis.Array<number>(state.ndim - reset.ndim).fill(1)]);
}

/**
 * Wraps a core so that its state can be reset while a sequence is unrolled: it takes `[inputs, shouldReset]`, and where
 * that is true the step begins from the initial state. `shouldReset` is one array of bools, whose shape is a prefix of the
 * shapes of all states (`[batch]`), or a tree of such arrays like the state.
 * @throws ValueError for a shape that is no prefix.
 */
@module('reset_core')
export class ResetCore extends RNNCore {
  readonly core: RNNCore;

  constructor(core: RNNCore, options?: ModuleOptions) {
    super(checkOptions('hk.ResetCore', options, ['name']).name);
    this.core = core;
  }

  override call([inputs, shouldReset]: [inputs: any, shouldReset: any], state: any): [any, any] {
    const now = tree.map(jnp.asarray, state);
    const isOne = isArray(shouldReset) || typeof shouldReset === 'boolean';
    const resets = isOne ? tree.map(() => jnp.asarray(shouldReset), now) : tree.map(jnp.asarray, shouldReset);
    const masks = tree.map(conform, resets, now);
    const batchSize = this.#isBatched(now) ? (tree.leaves(inputs)[0] as Array).shape[0] : null;
    const fresh = tree.map((s: Array, i: Array) => i.astype(s.dtype), now, this.initialState(batchSize));
    return this.core(inputs, tree.map((mask: Array, a: Array, b: Array) => jnp.where(mask, a, b), masks, fresh, now));
  }

  override initialState(batchSize: number | null): any { return this.core.initialState(batchSize); }

  #isBatched(state: any): boolean {
    const leaves = tree.leaves(state) as Array[];
    const batched = tree.leaves(this.initialState(1)) as Array[];
    // An empty state has no batch axis.
    return leaves.length > 0 && batched.every((b, i) => String(b.shape.slice(1)) === String(leaves[i].shape.slice(1)));
  }
}
