/** Step sizes by trial: backtracking, and what the zoom line search shares with it. After `optax._src.linesearch`. */
import { lax, numpy as jnp, tree, valueAndGrad, type Array } from '../../jax/index.js';
import { isArray } from '../../jax/array.js';
import { ValueError } from '../../runtime/errors.js';
import { checkScalar, materialize, namedTuple, requireParams, type ExtraArgs, type GradientTransformation, type OptState, type Params, type Scalar, type Updates } from '../base.js';
import { withDefaults } from '../options.js';
import { treeCastLike } from '../tree/dtypes.js';
import { treeAddScale, treeScale, treeVdot, treeZerosLike } from '../tree/math.js';
import { treeGet } from '../tree/state.js';

/** What a line search is told: the loss, its gradient and its function, as `update`'s extra arguments. */
export function requireSearch(where: string, params: Params, { value, grad, valueFn }: ExtraArgs = {}): { value: Array; grad: Updates; valueFn: (params: Params) => Array } {
  requireParams(where, params);
  if (value === undefined || grad === undefined || typeof valueFn !== 'function') {
    throw new ValueError(`${where} needs the loss, its gradient and its function: call update(updates, state, params, { value, grad, valueFn }).`);
  }
  return { value: jnp.asarray(value, { dtype: dtypeOf(params) }), grad: materialize(grad), valueFn };
}
/** The dtype of the first leaf: the loss is kept in it. */
export const dtypeOf = (params: Params): Array['dtype'] => (tree.leaves(params)[0] as Array | undefined)?.dtype ?? 'float32';
export const infinite = (dtype: Array['dtype'] = 'float32'): Array => jnp.full([], Infinity, { dtype });
/** max(x, 0), and ∞ for no number. */
export const atLeastZero = (x: Array): Array => jnp.where(jnp.isnan(x), Infinity, jnp.maximum(x, 0));

export const BacktrackingLinesearchInfo = namedTuple<{ numLinesearchSteps: Array; decreaseError: Array }>('BacktrackingLinesearchInfo', ['numLinesearchSteps', 'decreaseError']);
export const ScaleByBacktrackingLinesearchState = namedTuple<{ learningRate: Array; value: Array; grad: Updates | null; info: any }>(
  'ScaleByBacktrackingLinesearchState', ['learningRate', 'value', 'grad', 'info']);

export interface BacktrackingOptions {
  /** What part of the slope's promise must be kept (1e-4). */
  slopeRtol?: Scalar;
  /** A step size's factor after a failure (0.8), and from one search to the next (1.5). */
  decreaseFactor?: Scalar;
  increaseFactor?: Scalar;
  maxLearningRate?: Scalar;
  /** How far a sufficient decrease may be missed (0, 0). */
  atol?: Scalar;
  rtol?: Scalar;
  /** Keeps the gradient at the new parameters, for `valueAndGradFromState` (false). */
  storeGrad?: boolean;
}
const BACKTRACKING: Required<BacktrackingOptions> = { slopeRtol: 1e-4, decreaseFactor: 0.8, increaseFactor: 1.5, maxLearningRate: 1, atol: 0, rtol: 0, storeGrad: false };

/**
 * Multiplies the updates by the first step size of a shrinking series that decreases the loss as much as its slope promises.
 * The update needs `value`, `grad` and `valueFn`. As `optax.scale_by_backtracking_linesearch`. Vaswani et al., Painless
 * Stochastic Gradient, arXiv:1905.09997.
 *
 * @example
 * const tx = optax.chain(optax.sgd(1), optax.scaleByBacktrackingLinesearch(15));
 * const valueFn = (p) => optax.tree.norm(p, { squared: true });
 * const [updates] = tx.update(grads, tx.init(params), params, { value: valueFn(params), grad: grads, valueFn });
 */
export function scaleByBacktrackingLinesearch(maxBacktrackingSteps: number, options?: BacktrackingOptions): GradientTransformation {
  const where = 'optax.scaleByBacktrackingLinesearch';
  const { slopeRtol, decreaseFactor, increaseFactor, maxLearningRate, atol, rtol, storeGrad } = withDefaults(where, options, BACKTRACKING);
  checkScalar(where, 'maxBacktrackingSteps', maxBacktrackingSteps);
  return {
    init(params) {
      const dtype = dtypeOf(params);
      return new ScaleByBacktrackingLinesearchState({
        learningRate: jnp.ones([], { dtype }), value: infinite(dtype), grad: storeGrad ? treeZerosLike(params) : null,
        info: new BacktrackingLinesearchInfo({ numLinesearchSteps: jnp.zeros([], { dtype: 'int32' }), decreaseError: infinite(dtype) }),
      });
    },
    update(given, state, params, extraArgs) {
      const { value, grad, valueFn } = requireSearch(where, params, extraArgs);
      const updates = materialize(given);
      const slope = treeVdot(updates, grad);
      const first = jnp.minimum(jnp.multiply(increaseFactor, state.learningRate), maxLearningRate).astype(value.dtype);
      const search = { rate: first, value, error: infinite(value.dtype), turn: jnp.zeros([], { dtype: 'int32' }) };
      const found = lax.whileLoop(
        ({ error, turn }: typeof search) => jnp.logicalAnd(jnp.logicalNot(error.le(atol)), turn.le(maxBacktrackingSteps)),
        ({ rate, turn }: typeof search) => {
          const next = jnp.where(turn.gt(0), jnp.multiply(decreaseFactor, rate), rate).astype(rate.dtype);
          const reached = valueFn(treeAddScale(params, next, updates)).astype(value.dtype);
          const error = reached.sub(jnp.multiply(jnp.add(1, rtol), value)).sub(next.mul(slopeRtol).mul(slope));
          return { rate: next, value: reached, error: atLeastZero(error).astype(value.dtype), turn: turn.add(1) };
        }, search) as typeof search;
      // Where no step gives a number, none is made.
      const learningRate = jnp.where(jnp.isinf(found.error), 0, found.rate).astype(state.learningRate.dtype);
      const newGrad = storeGrad ? treeCastLike(valueAndGrad(valueFn)(treeAddScale(params, found.rate, updates))[1], state.grad) : null;
      return [treeScale(learningRate, updates), new ScaleByBacktrackingLinesearchState({
        learningRate, value: found.value.astype(state.value.dtype), grad: newGrad,
        info: new BacktrackingLinesearchInfo({ numLinesearchSteps: found.turn, decreaseError: found.error.astype(state.info.decreaseError.dtype) }),
      })];
    },
  };
}

/**
 * As `valueAndGrad`, but value and gradient are taken from the state of a line search that has just computed them. As
 * `optax.value_and_grad_from_state`.
 *
 * @example
 * const valueFn = (p) => optax.tree.norm(p, { squared: true });
 * const [value, gradient] = optax.valueAndGradFromState(valueFn)(params, optax.lbfgs().init(params));
 */
export function valueAndGradFromState(valueFn: (params: Params, ...args: any[]) => Array): (params: Params, state: OptState, ...args: any[]) => [Array, Updates] {
  return (params, state, ...args) => {
    const [value, grad] = [treeGet(state, 'value', { filtering: (_, x) => isArray(x) }), treeGet(state, 'grad')] as [Array | null, Updates | null];
    if (value === null || grad === null) throw new ValueError('optax.valueAndGradFromState: the state holds no value and gradient; a line search keeps them, backtracking with storeGrad.');
    const known = jnp.logicalNot(jnp.logicalOr(jnp.isinf(value), jnp.isnan(value)));
    return lax.cond(known, () => [value, grad], () => {
      const [v, g] = valueAndGrad(valueFn)(params, ...args);
      return [v.astype(value.dtype), treeCastLike(g, grad)];
    }) as [Array, Updates];
  };
}
