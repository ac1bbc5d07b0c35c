/** Several gradients for one step of an optimizer, after `optax.MultiSteps`. */
import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { TypeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import {
  checkTransformation, gate, materialize, namedTuple, onArray, zeroCount,
  type ExtraArgs, type GradientTransformation, type OptState, type Params, type Scalar, type Update, type Updates,
} from '../base.js';
import { describe, descriptionOf } from '../describe.js';
import { safeIncrement } from '../numerics.js';
import { treeCastLike } from '../tree/dtypes.js';
import { treeNorm, treeWhere, treeZerosLike } from '../tree/math.js';

export const MultiStepsState = namedTuple<{ miniStep: Array; gradientStep: Array; innerOptState: OptState; accGrads: Updates; skipState: any }>(
  'MultiStepsState', ['miniStep', 'gradientStep', 'innerOptState', 'accGrads', 'skipState']);

/** Whether to leave a gradient out, and what to remember about that. */
export type ShouldSkipUpdateFunction = (updates: Updates, gradientStep: Array, params?: Params) => [skip: Array, state: any];

/**
 * Skips gradients in which a number is not finite. As `optax.skip_not_finite`.
 *
 * @example
 * const opt = new optax.MultiSteps(optax.adam(1e-3), 4, { shouldSkipUpdateFn: optax.skipNotFinite });
 */
export const skipNotFinite: ShouldSkipUpdateFunction = (updates) => {
  const numNotFinite = (tree.leaves(materialize(updates)) as Array[])
    .map((g) => jnp.sum(jnp.logicalNot(jnp.isfinite(g)))).reduce((a, b) => a.add(b), jnp.zeros([], { dtype: 'int32' }));
  const shouldSkip = numNotFinite.gt(0);
  return [shouldSkip, { shouldSkip, numNotFinite }];
};

/**
 * Skips gradients whose squared norm is not below a bound. As `optax.skip_large_updates`.
 *
 * @example
 * const opt = new optax.MultiSteps(optax.sgd(0.1), 2, { shouldSkipUpdateFn: (u, step, p) => optax.skipLargeUpdates(u, step, p, 100) });
 */
export function skipLargeUpdates(updates: Updates, _gradientStep: Array, _params: Params, maxSquaredNorm: Scalar): [skip: Array, state: any] {
  const normSquared = treeNorm(updates, { squared: true });
  const shouldSkip = jnp.logicalNot(normSquared.lt(maxSquaredNorm));
  return [shouldSkip, { shouldSkip, normSquared }];
}

export interface MultiStepsOptions {
  /** The mean of the gradients (true), or their sum. */
  useGradMean?: boolean;
  /** Says of a gradient whether to leave it out. */
  shouldSkipUpdateFn?: ShouldSkipUpdateFunction | null;
  /** dtype in which gradients are gathered ('float32'); null: the parameters' own. */
  accumulatorDtype?: DType | null;
}

/**
 * An optimizer that takes a step with the mean of every k gradients; in between parameters and its state stay. It is a
 * gradient transformation itself. As `optax.MultiSteps`.
 *
 * @example
 * const opt = new optax.MultiSteps(optax.adamw(1e-3), 4);
 *
 * @param everyKSchedule how many gradients make a step: a number, or a function of the steps made so far
 */
export class MultiSteps implements GradientTransformation {
  readonly #everyK: (step: Array) => Scalar;
  readonly #options: Required<MultiStepsOptions>;
  constructor(readonly innerOpt: GradientTransformation, everyKSchedule: number | ((step: Array) => Scalar), options?: MultiStepsOptions) {
    checkTransformation('optax.MultiSteps', innerOpt);
    const { useGradMean = true, shouldSkipUpdateFn = null, accumulatorDtype = 'float32' } = checkOptions('optax.MultiSteps', options, ['useGradMean', 'shouldSkipUpdateFn', 'accumulatorDtype']);
    this.#everyK = typeof everyKSchedule === 'function' ? everyKSchedule : () => everyKSchedule;
    this.#options = { useGradMean, shouldSkipUpdateFn, accumulatorDtype };
    const inner = descriptionOf(innerOpt);
    describe(this, inner && {
      kind: 'MultiSteps', learningRate: inner.learningRate,
      options: { of: { kind: inner.kind, options: inner.options }, everyKSchedule, ...this.#options },
      withLearningRate: (rate) => new MultiSteps(inner.withLearningRate(rate), everyKSchedule, options),
    });
  }

  init(params: Params): OptState {
    const { shouldSkipUpdateFn, accumulatorDtype: dtype } = this.#options;
    const skipState = shouldSkipUpdateFn ? shouldSkipUpdateFn(treeZerosLike(params), zeroCount(), params)[1] : [];
    return new MultiStepsState({
      miniStep: zeroCount(), gradientStep: zeroCount(), innerOptState: this.innerOpt.init(params), accGrads: treeZerosLike(params, { dtype }), skipState,
    });
  }

  update(updates: Updates, state: OptState, params?: Params, extraArgs?: ExtraArgs): [Updates, OptState] {
    const { shouldSkipUpdateFn, useGradMean } = this.#options;
    const grads = materialize(updates);
    const k = this.#everyK(state.gradientStep);
    const [skip, skipState] = shouldSkipUpdateFn ? shouldSkipUpdateFn(grads, state.gradientStep, params) : [null, state.skipState];
    if (skip && (skip.dtype !== 'bool' || skip.ndim !== 0)) throw new TypeError(`optax.MultiSteps: shouldSkipUpdateFn must return a boolean scalar first, but returned ${skip.dtype}[${skip.shape}].`);
    const gathered = tree.map((g: Array, sum: Array) => (useGradMean ? sum.add(g.sub(sum).div(state.miniStep.add(1))) : g.add(sum)), grads, state.accGrads);
    const [inner, innerOptState] = this.innerOpt.update(treeCastLike(gathered, grads), state.innerOptState, params, extraArgs);
    const emit = state.miniStep.eq(jnp.subtract(k, 1));
    const goesOn = jnp.logicalNot(emit);
    const stays = treeWhere(emit, innerOptState, state.innerOptState);
    const next = {
      miniStep: jnp.remainder(safeIncrement(state.miniStep), k).astype('int32'),
      gradientStep: jnp.where(emit, safeIncrement(state.gradientStep), state.gradientStep),
      innerOptState: treeCastLike(stays, state.innerOptState),
      accGrads: treeCastLike(tree.map((sum: Array) => gate(goesOn, sum), gathered), state.accGrads),
    };
    const out = tree.map((u: Update) => onArray(u, (x) => gate(emit, x)), inner);
    if (!skip) return [out, new MultiStepsState({ ...next, skipState })];
    const before = { miniStep: state.miniStep, gradientStep: state.gradientStep, innerOptState: state.innerOptState, accGrads: state.accGrads };
    return [
      tree.map((u: Update) => onArray(u, (x) => jnp.where(skip, 0, x)), out),
      new MultiStepsState({ ...treeWhere(skip, before, next), skipState }),
    ];
  }

  /** Whether the last update was a step of the optimizer. */
  hasUpdated(state: OptState): Array { return jnp.logicalAnd(state.miniStep.eq(0), state.gradientStep.gt(0)); }

  /** The same as a pair of functions. */
  gradientTransformation(): GradientTransformation {
    return describe({ init: (params) => this.init(params), update: (...args) => this.update(...args) }, descriptionOf(this));
  }
}
