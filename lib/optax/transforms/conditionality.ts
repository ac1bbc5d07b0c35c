/** Transformations that work at some steps only, after `optax.transforms._conditionality`. */
import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import { checkOptions } from '../../runtime/options.js';
import { checkTransformation, materialize, namedTuple, onArray, zeroCount, type ExtraArgs, type GradientTransformation, type OptState, type Update, type Updates } from '../base.js';
import { safeIncrement } from '../numerics.js';
import { treeCastLike } from '../tree/dtypes.js';
import { treeWhere } from '../tree/math.js';

/** Whether to transform at a step; with `forwardExtraArgs` it is given the update's extra arguments too. */
export type ConditionFn = (step: Array, extraArgs: ExtraArgs) => Array | boolean;
export interface ConditionOptions { forwardExtraArgs?: boolean }

/** Both ways are computed, and where chooses: so an elementwise update stays one loop over memory. */
const chosen = (condition: Array | boolean, inner: OptState, before: OptState): OptState => treeCastLike(treeWhere(condition, inner, before), before);
const orZero = (condition: Array | boolean, updates: Updates): Updates => tree.map((u: Update) => onArray(u, (x) => jnp.where(condition, x, 0)), updates);

export const ConditionallyTransformState = namedTuple<{ innerState: OptState; step: Array }>('ConditionallyTransformState', ['innerState', 'step']);
/**
 * Applies `inner` at the steps where the function says so; at others updates pass through and the inner state stays. As
 * `optax.conditionally_transform`.
 *
 * @example
 * const opt = optax.chain(optax.conditionallyTransform(optax.clip(0.1), (step) => step.lt(100)), optax.sgd(0.1));
 */
export function conditionallyTransform(inner: GradientTransformation, shouldTransformFn: ConditionFn, options?: ConditionOptions): GradientTransformation {
  const { forwardExtraArgs = false } = checkOptions('optax.conditionallyTransform', options, ['forwardExtraArgs']);
  checkTransformation('optax.conditionallyTransform', inner);
  return {
    init: (params) => new ConditionallyTransformState({ innerState: inner.init(params), step: zeroCount() }),
    update(updates, state, params, extraArgs) {
      const condition = shouldTransformFn(state.step, forwardExtraArgs ? extraArgs ?? {} : {});
      const [transformed, innerState] = inner.update(updates, state.innerState, params, extraArgs);
      return [treeWhere(condition, transformed, updates), new ConditionallyTransformState({
        innerState: chosen(condition, innerState, state.innerState), step: safeIncrement(state.step),
      })];
    },
  };
}

export const ConditionallyMaskState = namedTuple<{ step: Array; innerState: OptState }>('ConditionallyMaskState', ['step', 'innerState']);
/**
 * Applies `inner` at the steps where the function says so; at others updates are zero and the inner state stays. As
 * `optax.conditionally_mask`.
 *
 * @example
 * const opt = optax.conditionallyMask(optax.sgd(0.1), (step) => jnp.remainder(step, 2).eq(0));
 */
export function conditionallyMask(inner: GradientTransformation, shouldTransformFn: ConditionFn, options?: ConditionOptions): GradientTransformation {
  const { forwardExtraArgs = false } = checkOptions('optax.conditionallyMask', options, ['forwardExtraArgs']);
  checkTransformation('optax.conditionallyMask', inner);
  return {
    init: (params) => new ConditionallyMaskState({ step: zeroCount(), innerState: inner.init(params) }),
    update(updates, state, params, extraArgs) {
      const condition = shouldTransformFn(state.step, forwardExtraArgs ? extraArgs ?? {} : {});
      const [transformed, innerState] = inner.update(updates, state.innerState, params, extraArgs);
      return [orZero(condition, transformed), new ConditionallyMaskState({
        step: safeIncrement(state.step), innerState: chosen(condition, innerState, state.innerState),
      })];
    },
  };
}

export const ApplyIfFiniteState = namedTuple<{ notfiniteCount: Array; lastFinite: Array; totalNotfinite: Array; innerState: OptState }>(
  'ApplyIfFiniteState', ['notfiniteCount', 'lastFinite', 'totalNotfinite', 'innerState']);
/**
 * Leaves out updates in which a number is not finite, but gives up after more than `maxConsecutiveErrors` of them. As
 * `optax.apply_if_finite`.
 *
 * @example
 * const opt = optax.applyIfFinite(optax.adam(1e-3), 5);
 */
export function applyIfFinite(inner: GradientTransformation, maxConsecutiveErrors: number): GradientTransformation {
  checkTransformation('optax.applyIfFinite', inner);
  return {
    init: (params) => new ApplyIfFiniteState({
      notfiniteCount: zeroCount(), lastFinite: jnp.ones([], { dtype: 'bool' }), totalNotfinite: zeroCount(), innerState: inner.init(params),
    }),
    update(updates, state, params, extraArgs) {
      const finite = (tree.leaves(materialize(updates)) as Array[]).map((g) => jnp.all(jnp.isfinite(g))).reduce((a, b) => jnp.logicalAnd(a, b), jnp.ones([], { dtype: 'bool' }));
      const notfiniteCount = jnp.where(finite, 0, safeIncrement(state.notfiniteCount));
      const apply = jnp.logicalOr(finite, notfiniteCount.gt(maxConsecutiveErrors));
      const [transformed, innerState] = inner.update(updates, state.innerState, params, extraArgs);
      return [orZero(apply, transformed), new ApplyIfFiniteState({
        notfiniteCount, lastFinite: finite, totalNotfinite: jnp.where(finite, state.totalNotfinite, safeIncrement(state.totalNotfinite)),
        innerState: chosen(apply, innerState, state.innerState),
      })];
    },
  };
}
