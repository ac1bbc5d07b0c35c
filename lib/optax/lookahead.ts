/** Fast parameters that explore and slow ones that follow, after `optax._src.lookahead`. */
import { numpy as jnp, tree, type Array } from '../jax/index.js';
import { ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { checkTransformation, materialize, namedTuple, requireParams, zeroCount, type GradientTransformation, type OptState, type Params, type Scalar } from './base.js';
import { treeWhere } from './tree/math.js';

export const LookaheadState = namedTuple<{ fastState: OptState; stepsSinceSync: Array }>('LookaheadState', ['fastState', 'stepsSinceSync']);

const LookaheadPair = namedTuple<{ fast: Params; slow: Params }>('LookaheadParams', ['fast', 'slow']);
/** Both sets of parameters; `LookaheadParams.initSynced(params)` begins with the same ones in both. As `optax.LookaheadParams`. */
export const LookaheadParams = Object.assign(LookaheadPair, { initSynced: (params: Params) => new LookaheadPair({ fast: params, slow: params }) });

/**
 * Updates the fast parameters with an optimizer, and every `syncPeriod` steps moves the slow ones towards them by
 * `slowStepSize` and sets the fast ones to those. Gradients are taken at the fast ones. As `optax.lookahead`. Zhang et al.,
 * Lookahead Optimizer: k steps forward, 1 step back, arXiv:1907.08610.
 *
 * @example
 * const opt = optax.lookahead(optax.sgd(0.1), 5, 0.5);
 * const state = opt.init(optax.LookaheadParams.initSynced(params));
 *
 * @param options `resetState`: the optimizer begins anew after every synchronisation
 */
export function lookahead(fastOptimizer: GradientTransformation, syncPeriod: number, slowStepSize: Scalar, options?: { resetState?: boolean }): GradientTransformation {
  const { resetState = false } = checkOptions('optax.lookahead', options, ['resetState']);
  checkTransformation('optax.lookahead', fastOptimizer);
  if (!(syncPeriod >= 1)) throw new ValueError(`optax.lookahead: syncPeriod must be at least 1, but got ${syncPeriod}.`);
  return {
    init: (params) => new LookaheadState({ fastState: fastOptimizer.init(params instanceof LookaheadPair ? params.fast : params), stepsSinceSync: zeroCount() }),
    update(updates, state, params, extraArgs) {
      requireParams('optax.lookahead', params);
      if (!(params instanceof LookaheadPair)) throw new ValueError('optax.lookahead: the parameters must be LookaheadParams; make them with optax.LookaheadParams.initSynced(params).');
      const [inner, next] = fastOptimizer.update(updates, state.fastState, params.fast, extraArgs);
      const fast = materialize(inner);
      const sync = state.stepsSinceSync.eq(syncPeriod - 1);
      const ahead = tree.map((f: Array, u: Array, s: Array) => f.add(u).sub(s), params.fast, fast, params.slow);
      const share = (scale: Scalar) => tree.map((d: Array) => jnp.multiply(jnp.multiply(scale, sync.astype(d.dtype)), d), ahead);
      const [slow, back] = [share(slowStepSize), share(typeof slowStepSize === 'number' ? 1 - slowStepSize : jnp.subtract(1, slowStepSize))];
      return [new LookaheadPair({ fast: tree.map((u: Array, b: Array) => u.sub(b), fast, back), slow }), new LookaheadState({
        fastState: resetState ? treeWhere(sync, fastOptimizer.init(params.fast), next) : next,
        stepsSinceSync: jnp.remainder(state.stepsSinceSync.add(1), syncPeriod),
      })];
    },
  };
}
