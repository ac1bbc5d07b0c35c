/** What gathers gradients over steps: momentum, moving averages, every k-th step. After `optax.transforms._accumulation`. */
import { numpy as jnp, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { checkOptions } from '../../runtime/options.js';
import { checkScalar, gate, materialize, namedTuple, plus, zeroCount, type GradientTransformation, type Params, type Scalar, type Update, type Updates } from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature } from '../options.js';
import { treeCast } from '../tree/dtypes.js';
import { treeBiasCorrection, treeUpdateMoment, treeZerosLike } from '../tree/math.js';

export const TraceState = namedTuple<{ trace: Params }>('TraceState', ['trace']);

export interface TraceOptions {
  nesterov?: boolean;
  /** dtype in which the sum is kept; the parameters' own by default. */
  accumulatorDtype?: DType | null;
}
/**
 * Momentum: t ← g + decay · t, and the updates are t (with `nesterov` g + decay · t once more). As `optax.trace`.
 *
 * @example
 * const opt = optax.chain(optax.trace(0.9, { nesterov: true }), optax.scale(-0.1));
 */
export function trace(decay: Scalar, options?: TraceOptions): GradientTransformation {
  const { nesterov = false, accumulatorDtype: dtype } = checkOptions('optax.trace', options, ['nesterov', 'accumulatorDtype']);
  checkScalar('optax.trace', 'decay', decay);
  const accumulate = (g: Update, t: Array): Array => plus(g, jnp.multiply(decay, t));
  return {
    init: (params: Params) => new TraceState({ trace: treeZerosLike(params, { dtype }) }),
    update(updates, state) {
      const next = tree.map(accumulate, updates, state.trace);
      const out = nesterov ? tree.map(accumulate, updates, next) : next;
      return [out, new TraceState({ trace: treeCast(next, dtype) })];
    },
  };
}
signature(trace, ['decay'], { nesterov: false, accumulatorDtype: null });

export const EmaState = namedTuple<{ count: Array; ema: Params }>('EmaState', ['count', 'ema']);

export interface EmaOptions {
  /** Takes out the pull towards the zero start (true). */
  debias?: boolean;
  /** dtype in which the average is kept; the parameters' own by default. */
  accumulatorDtype?: DType | null;
}
/**
 * Replaces gradients by their moving average. As `optax.ema`.
 *
 * @example
 * const opt = optax.chain(optax.ema(0.99), optax.scale(-0.1));
 */
export function ema(decay: Scalar, options?: EmaOptions): GradientTransformation {
  const { debias = true, accumulatorDtype: dtype } = checkOptions('optax.ema', options, ['debias', 'accumulatorDtype']);
  checkScalar('optax.ema', 'decay', decay);
  return {
    init: (params: Params) => new EmaState({ count: zeroCount(), ema: treeZerosLike(params, { dtype }) }),
    update(updates, state) {
      const next = treeUpdateMoment(updates, state.ema, decay, 1);
      const count = safeIncrement(state.count);
      return [debias ? treeBiasCorrection(next, decay, count) : next, new EmaState({ count, ema: treeCast(next, dtype) })];
    },
  };
}
signature(ema, ['decay'], { debias: true, accumulatorDtype: null });

export const ApplyEvery = namedTuple<{ count: Array; gradAcc: Updates }>('ApplyEvery', ['count', 'gradAcc']);

/**
 * Adds gradients up and lets their sum through every k-th step, zero in between. The states of what stands beside it in a
 * chain move on at every step; `MultiSteps` holds them still. As `optax.apply_every`.
 *
 * @example
 * const opt = optax.chain(optax.sgd(0.1), optax.applyEvery({ k: 4 }));
 */
export function applyEvery(options?: { k?: number }): GradientTransformation {
  const { k = 1 } = checkOptions('optax.applyEvery', options, ['k']);
  checkScalar('optax.applyEvery', 'k', k);
  return {
    init: (params) => new ApplyEvery({ count: zeroCount(), gradAcc: treeZerosLike(params) }),
    update(updates, state) {
      const at = jnp.remainder(state.count, k);
      const gradAcc = tree.map((g: Array, sum: Array) => gate(at.ne(0), sum).add(g), materialize(updates), state.gradAcc);
      const emit = at.eq(k - 1);
      return [tree.map((sum: Array) => gate(emit, sum), gradAcc), new ApplyEvery({ count: jnp.remainder(safeIncrement(state.count), k), gradAcc })];
    },
  };
}
