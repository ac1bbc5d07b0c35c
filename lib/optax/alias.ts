/** The optimizers by their usual names: chains of transformations, as in `optax._src.alias`. */
import type { DType } from '../runtime/dtypes.js';
import { checkOptions } from '../runtime/options.js';
import { identity, type GradientTransformation, type Scalar, type ScalarOrSchedule } from './base.js';
import { chain } from './combine.js';
import { describe } from './describe.js';
import type { Mask } from './masking.js';
import { ADAM_OPTIONS, addDecayedWeights, scaleByAdam, scaleByLearningRate, trace, type ScaleByAdamOptions } from './transform.js';

export interface SgdOptions {
  /** Decay of the accumulated gradients; none by default. */
  momentum?: Scalar | null;
  nesterov?: boolean;
  /** dtype of the accumulator; the parameters' own by default. */
  accumulatorDtype?: DType | null;
}

/**
 * Stochastic gradient descent, with momentum if asked for. As `optax.sgd`. Sutskever et al., On the importance of
 * initialization and momentum in deep learning, 2013.
 *
 * @example
 * const opt = optax.sgd(0.1, { momentum: 0.9 });
 * let state = opt.init(params);
 * const [updates, next] = opt.update(grads, state);
 *
 * @param learningRate a number, or a schedule: a function of the number of updates made so far
 */
export function sgd(learningRate: ScalarOrSchedule, options?: SgdOptions): GradientTransformation {
  const { momentum, nesterov = false, accumulatorDtype } = checkOptions('optax.sgd', options, ['momentum', 'nesterov', 'accumulatorDtype']);
  const made = chain(
    momentum === undefined || momentum === null ? identity() : trace(momentum, { nesterov, accumulatorDtype }),
    scaleByLearningRate(learningRate),
  );
  return named('sgd', made, learningRate, { ...options }, (rate) => sgd(rate, options));
}

/** Optimizers with a number as rate can be written down, and made again at another rate. */
function named(kind: string, made: GradientTransformation, learningRate: ScalarOrSchedule, options: Record<string, unknown>, withLearningRate: (rate: Scalar) => GradientTransformation): GradientTransformation {
  return describe(made, typeof learningRate === 'number' ? { kind, options, learningRate, withLearningRate } : undefined);
}

/**
 * Adam. As `optax.adam`. Kingma and Ba, Adam: A Method for Stochastic Optimization, arXiv:1412.6980.
 *
 * @example
 * const opt = optax.adam(1e-3, { b2: 0.99 });
 */
export function adam(learningRate: ScalarOrSchedule, options?: ScaleByAdamOptions): GradientTransformation {
  checkOptions('optax.adam', options, ADAM_OPTIONS);
  return named('adam', chain(scaleByAdam(options), scaleByLearningRate(learningRate)), learningRate, { ...options }, (rate) => adam(rate, options));
}

/** Adam with Nesterov's momentum. As `optax.nadam`. */
export function nadam(learningRate: ScalarOrSchedule, options?: Omit<ScaleByAdamOptions, 'nesterov'>): GradientTransformation {
  checkOptions('optax.nadam', options, ['b1', 'b2', 'eps', 'epsRoot', 'muDtype']);
  return adam(learningRate, { ...options, nesterov: true });
}

export interface AdamWOptions extends ScaleByAdamOptions {
  /** How much of a parameter decays, times the learning rate (1e-4); a number or a schedule. */
  weightDecay?: ScalarOrSchedule;
  /** Where weights decay: a tree of booleans, or a function of the parameters that gives one; everywhere by default. */
  mask?: Mask | null;
}

/**
 * Adam with decoupled weight decay. As `optax.adamw`. Loshchilov and Hutter, Decoupled Weight Decay Regularization,
 * arXiv:1711.05101.
 *
 * @example
 * const opt = optax.adamw(1e-3, { weightDecay: 0.01, mask: (params) => tree.map((p) => p.ndim > 1, params) });
 */
export function adamw(learningRate: ScalarOrSchedule, options?: AdamWOptions): GradientTransformation {
  const { weightDecay = 1e-4, mask, ...adamOptions } = checkOptions('optax.adamw', options, [...ADAM_OPTIONS, 'weightDecay', 'mask']);
  const made = chain(scaleByAdam(adamOptions), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(learningRate));
  return named('adamw', made, learningRate, { ...options }, (rate) => adamw(rate, options));
}

/** `adamw` with Nesterov's momentum. As `optax.nadamw`. */
export function nadamw(learningRate: ScalarOrSchedule, options?: Omit<AdamWOptions, 'nesterov'>): GradientTransformation {
  checkOptions('optax.nadamw', options, ['b1', 'b2', 'eps', 'epsRoot', 'muDtype', 'weightDecay', 'mask']);
  return adamw(learningRate, { ...options, nesterov: true });
}
