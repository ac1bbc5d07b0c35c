/** Transformations that scale gradients by a number: a rate, a norm, a sign. After `optax._src.transform`. */
import { isArray, numpy as jnp, tree, type Array } from '../../jax/index.js';
import { checkOptions } from '../../runtime/options.js';
import {
  checkScalar, identity, mapping, mappingWithParams, namedTuple, onArray, zeroCount,
  type GradientTransformation, type Scalar, type ScalarOrSchedule, type Schedule, type Update,
} from '../base.js';
import { initEmptyState } from '../base.js';
import { safeIncrement, safeNorm, safeRootMeanSquares } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import { treeNorm } from '../tree/math.js';

/**
 * Multiplies the updates by a number. As `optax.scale`.
 *
 * @example
 * const opt = optax.chain(optax.trace(0.9), optax.scale(-0.1));
 */
export function scale(stepSize: Scalar): GradientTransformation {
  checkScalar('optax.scale', 'stepSize', stepSize);
  return mapping((g) => jnp.multiply(stepSize, g));
}
signature(scale, ['stepSize']);

export const ScaleByScheduleState = namedTuple<{ count: Array }>('ScaleByScheduleState', ['count']);

/**
 * Multiplies the updates by what the schedule says for the number of updates made so far. As `optax.scale_by_schedule`.
 *
 * @example
 * const opt = optax.chain(optax.scaleByAdam(), optax.scaleBySchedule(optax.linearSchedule(-1e-3, 0, 100)));
 */
export function scaleBySchedule(stepSizeFn: Schedule): GradientTransformation {
  return {
    init: () => new ScaleByScheduleState({ count: zeroCount() }),
    update(updates, state) {
      const stepSize = stepSizeFn(state.count);
      const scaled = tree.map((u: Update) => onArray(u, (g) => jnp.multiply(jnp.asarray(stepSize, { dtype: g.dtype }), g)), updates);
      return [scaled, new ScaleByScheduleState({ count: safeIncrement(state.count) })];
    },
  };
}

interface RateOptions { learningRate?: ScalarOrSchedule | null; flipSign?: boolean }
/**
 * Multiplies the updates by minus the learning rate, a number or a schedule. As `optax.scale_by_learning_rate`.
 *
 * @example
 * const opt = optax.chain(optax.scaleByAdam(), optax.scaleByLearningRate(1e-3));
 *
 * @param learningRate nothing is scaled where it is left out
 * @param options `flipSign` (true): false keeps the sign, for ascent
 */
export function scaleByLearningRate(learningRate?: ScalarOrSchedule | null, options?: { flipSign?: boolean }): GradientTransformation;
/** The same, all by name, as `adadelta` and `adafactor` take a learning rate that may be left out. */
export function scaleByLearningRate(options: RateOptions): GradientTransformation;
export function scaleByLearningRate(first?: ScalarOrSchedule | null | RateOptions, second?: { flipSign?: boolean }): GradientTransformation {
  const byName = typeof first === 'object' && first !== null && !isArray(first);
  const given: RateOptions = byName ? first : { learningRate: first ?? null, ...checkOptions('optax.scaleByLearningRate', second, ['flipSign']) };
  const { learningRate, flipSign = true } = checkOptions('optax.scaleByLearningRate', given, ['learningRate', 'flipSign']);
  if (learningRate === undefined || learningRate === null) return identity();
  checkScalar('optax.scaleByLearningRate', 'the learning rate', learningRate);
  const m = flipSign ? -1 : 1;
  const signed = (value: Scalar): Scalar => (typeof value === 'number' ? m * value : jnp.multiply(m, value));
  return typeof learningRate === 'function' ? scaleBySchedule((count) => signed(learningRate(count))) : scale(signed(learningRate));
}
signature(scaleByLearningRate, ['learningRate'], { flipSign: true });

/**
 * Flips nothing but signs: -1, 0 or 1 for every update. As `optax.scale_by_sign`.
 *
 * @example
 * const opt = optax.chain(optax.scaleBySign(), optax.scale(-1e-3));
 */
export const scaleBySign = (): GradientTransformation => mapping(jnp.sign);

/**
 * Multiplies each update by its parameter's norm, `minScale` at least. As `optax.scale_by_param_block_norm`.
 *
 * @example
 * const opt = optax.chain(optax.scaleByParamBlockNorm(), optax.scale(-0.01));
 */
export function scaleByParamBlockNorm(options?: { minScale?: Scalar }): GradientTransformation {
  const { minScale } = withDefaults<{ minScale: Scalar }>('optax.scaleByParamBlockNorm', options, { minScale: 1e-3 });
  return mappingWithParams('optax.scaleByParamBlockNorm', (u, p) => jnp.multiply(u, safeNorm(p, minScale)));
}

/**
 * Multiplies each update by its parameter's root mean square, `minScale` at least. As `optax.scale_by_param_block_rms`.
 *
 * @example
 * const opt = optax.chain(optax.scaleByParamBlockRms(), optax.scale(-0.01));
 */
export function scaleByParamBlockRms(options?: { minScale?: Scalar }): GradientTransformation {
  const { minScale } = withDefaults<{ minScale: Scalar }>('optax.scaleByParamBlockRms', options, { minScale: 1e-3 });
  return mappingWithParams('optax.scaleByParamBlockRms', (u, p) => jnp.multiply(u, safeRootMeanSquares(p, minScale)));
}

export interface ScaleByTrustRatioOptions {
  /** Norms below this count as this (0). */
  minNorm?: Scalar;
  /** Times the ratio (1). */
  trustCoefficient?: Scalar;
  /** Added to the update's norm (0). */
  eps?: Scalar;
}
/**
 * Multiplies each update by trustCoefficient · ‖p‖ / (‖u‖ + eps), or by 1 where a norm is zero. As
 * `optax.scale_by_trust_ratio`. You et al., Large Batch Training of Convolutional Networks, arXiv:1708.03888.
 *
 * @example
 * const opt = optax.chain(optax.scaleByAdam(), optax.scaleByTrustRatio(), optax.scale(-1e-3));
 */
export function scaleByTrustRatio(options?: ScaleByTrustRatioOptions): GradientTransformation {
  const where = 'optax.scaleByTrustRatio';
  const { minNorm, trustCoefficient, eps } = withDefaults<Required<ScaleByTrustRatioOptions>>(where, options, { minNorm: 0, trustCoefficient: 1, eps: 0 });
  return mappingWithParams(where, (u, p) => {
    const [ofParam, ofUpdate] = [safeNorm(p, minNorm), safeNorm(u, minNorm)];
    const ratio = jnp.divide(jnp.multiply(trustCoefficient, ofParam), jnp.add(ofUpdate, eps));
    const zero = jnp.logicalOr(ofParam.eq(0), ofUpdate.eq(0));
    return jnp.multiply(u, jnp.where(zero, 1, ratio).astype(jnp.promoteTypes(u.dtype, p.dtype)));
  });
}
signature(scaleByTrustRatio, [], { minNorm: 0, trustCoefficient: 1, eps: 0 });

/**
 * Divides all updates by their common norm: updates · scaleFactor / (‖updates‖ + eps). As `optax.normalize_by_update_norm`.
 *
 * @example
 * const opt = optax.normalizeByUpdateNorm({ scaleFactor: -0.1 });
 */
export function normalizeByUpdateNorm(options?: { scaleFactor?: Scalar; eps?: Scalar }): GradientTransformation {
  const { scaleFactor, eps } = withDefaults<{ scaleFactor: Scalar; eps: Scalar }>('optax.normalizeByUpdateNorm', options, { scaleFactor: 1, eps: 1e-6 });
  return {
    init: initEmptyState,
    update(updates, state) {
      const norm = jnp.divide(jnp.add(treeNorm(updates), eps), scaleFactor);
      return [tree.map((u: Update) => onArray(u, (g) => jnp.divide(g, norm)), updates), state];
    },
  };
}

/**
 * Takes from every gradient of rank 2 or more its mean over all axes but the first. As `optax.centralize`. Yong et al.,
 * Gradient Centralization, arXiv:2004.01461.
 *
 * @example
 * const opt = optax.chain(optax.centralize(), optax.sgd(0.1));
 */
export const centralize = (): GradientTransformation =>
  mapping((g) => (g.ndim > 1 ? g.sub(g.mean({ axis: g.shape.slice(1).map((_, i) => i + 1), keepdims: true })) : g));
