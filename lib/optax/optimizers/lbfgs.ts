/** L-BFGS, after `optax.lbfgs`. */
import { lax, numpy as jnp, stopGradient, tree, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { identity, materialize, namedTuple, requireParams, zeroCount, type GradientTransformation, type Params, type ScalarOrSchedule, type Updates } from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import { chain } from '../transforms/combining.js';
import { scale, scaleByLearningRate } from '../transforms/scaling.js';
import { treeCastLike } from '../tree/dtypes.js';
import { treeAddScale, treeNorm, treeScale, treeSub, treeVdot, treeWhere, treeZerosLike } from '../tree/math.js';
import { scaleByZoomLinesearch } from './zoom.js';

export const ScaleByLBFGSState = namedTuple<{ count: Array; params: Params; updates: Updates; diffParamsMemory: Params; diffUpdatesMemory: Params; weightsMemory: Array }>(
  'ScaleByLBFGSState', ['count', 'params', 'updates', 'diffParamsMemory', 'diffUpdatesMemory', 'weightsMemory']);

export interface ScaleByLbfgsOptions {
  /** How many steps are remembered (10). */
  memorySize?: number;
  /** Begins from a multiple of the identity that fits the last step (true). */
  scaleInitPrecond?: boolean;
}
const LBFGS: Required<ScaleByLbfgsOptions> = { memorySize: 10, scaleInitPrecond: true };

/**
 * Multiplies the gradient by an estimate of the inverse Hessian, made of the last steps and what they changed in the
 * gradient. As `optax.scale_by_lbfgs`. Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989;
 * Nocedal and Wright, Numerical Optimization, algorithm 7.4.
 *
 * @example
 * const opt = optax.chain(optax.scaleByLbfgs({ memorySize: 5 }), optax.scale(-0.1));
 */
export function scaleByLbfgs(options?: ScaleByLbfgsOptions): GradientTransformation {
  const { memorySize: size, scaleInitPrecond } = withDefaults('optax.scaleByLbfgs', options, LBFGS);
  if (!(size >= 1)) throw new ValueError(`optax.scaleByLbfgs: memorySize must be at least 1, but got ${size}.`);
  const stored = (params: Params): Params => tree.map((p: Array) => jnp.zeros([size, ...(p.shape as number[])], { dtype: p.dtype }), params);
  const at = (memory: Params, i: Array): Params => tree.map((m: Array) => lax.dynamicIndexInDim(m, i, { axis: 0, keepdims: false } as never), memory);
  const put = (memory: Array, x: Array, i: Array): Array => lax.dynamicUpdateSlice(memory, jnp.expandDims(x.astype(memory.dtype), 0), [i, ...x.shape.map(() => 0)] as never);
  return {
    init: (params) => new ScaleByLBFGSState({
      count: zeroCount(), params: treeZerosLike(params), updates: treeZerosLike(params), diffParamsMemory: stored(params), diffUpdatesMemory: stored(params),
      weightsMemory: jnp.zeros([size]),
    }),
    update(given, state, params) {
      requireParams('optax.scaleByLbfgs', params);
      const updates = materialize(given);
      const begun = state.count.gt(0);
      // What the last step did; nothing at the first one.
      const [dParams, dUpdates] = [treeSub(params, state.params), treeSub(updates, state.updates)].map((d) => treeWhere(begun, d, treeZerosLike(d))) as [Params, Updates];
      const product = treeVdot(dUpdates, dParams);
      const weight = jnp.where(product.eq(0), 0, jnp.divide(1, product));
      const place = jnp.remainder(state.count.sub(1), size);
      const [paramsMemory, updatesMemory] = [[state.diffParamsMemory, dParams], [state.diffUpdatesMemory, dUpdates]]
        .map(([memory, d]) => tree.map((m: Array, x: Array) => put(m, x, place), memory, d)) as [Params, Params];
      const weights = put(state.weightsMemory, weight, place);

      const order = jnp.remainder(jnp.remainder(state.count, size).add(jnp.arange(size)), size);
      const [right, alphas] = lax.scan(((vector: Updates, i: Array) => {
        const alpha = lax.dynamicIndexInDim(weights, i, { keepdims: false } as never).mul(treeVdot(at(paramsMemory, i), vector));
        return [treeCastLike(treeAddScale(vector, jnp.negative(alpha), at(updatesMemory, i)), vector), alpha];
      }) as never, updates, order, { reverse: true });
      const left = treeCastLike(treeScale(scaleInitPrecond ? firstScale() : 1, right), right);
      const [direction] = lax.scan(((vector: Updates, [i, alpha]: [Array, Array]) => {
        const beta = lax.dynamicIndexInDim(weights, i, { keepdims: false } as never).mul(treeVdot(at(updatesMemory, i), vector));
        return [treeCastLike(treeAddScale(vector, alpha.sub(beta), at(paramsMemory, i)), vector), beta];
      }) as never, left, [order, alphas]);
      return [direction, new ScaleByLBFGSState({
        count: safeIncrement(state.count), params, updates, diffParamsMemory: paramsMemory, diffUpdatesMemory: updatesMemory, weightsMemory: weights,
      })];

      /** ⟨Δu, Δw⟩ / ‖Δu‖²; at the first step the gradient is brought to a norm of 1 at most. */
      function firstScale(): Array {
        const below = treeNorm(dUpdates, { squared: true });
        const fitted = jnp.where(below.gt(0), product.div(below), 1);
        return jnp.where(begun, fitted, jnp.minimum(1, jnp.divide(1, treeNorm(tree.map(stopGradient, updates)))));
      }
    },
  };
}
signature(scaleByLbfgs, [], LBFGS);

export interface LbfgsOptions extends ScaleByLbfgsOptions {
  /** Multiplies the direction before the search (1). */
  learningRate?: ScalarOrSchedule | null;
  /** How the step size is found: `scaleByZoomLinesearch(20, { initialGuessStrategy: 'one' })`; null takes the whole step. */
  linesearch?: GradientTransformation | null;
}
/**
 * L-BFGS with a line search, whose updates need `value`, `grad` and `valueFn`; `trainStep` gives them. As `optax.lbfgs`. Liu
 * and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
 *
 * @example
 * const tx = optax.lbfgs();
 * const valueFn = (p) => optax.tree.norm(p, { squared: true });
 * const [updates] = tx.update(grads, tx.init(params), params, { value: valueFn(params), grad: grads, valueFn });
 */
export function lbfgs(options?: LbfgsOptions): GradientTransformation {
  const { linesearch = scaleByZoomLinesearch(20, { initialGuessStrategy: 'one' }), ...rest } = options ?? {};
  const { learningRate, ...memory } = withDefaults('optax.lbfgs', rest as Omit<LbfgsOptions, 'linesearch'>, { learningRate: null as ScalarOrSchedule | null, ...LBFGS });
  return chain(scaleByLbfgs(memory), learningRate === null ? scale(-1) : scaleByLearningRate(learningRate), linesearch ?? identity());
}
