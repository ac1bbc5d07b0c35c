/** Dice losses, after `optax.losses._segmentation`. */
import { nn, numpy as jnp, type Array } from '../../jax/index.js';
import { ConcreteArray } from '../../jax/array.js';
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import type { Scalar } from '../base.js';
import { expectSameShape } from './common.js';

export interface DiceOptions {
  /** [classes] */
  classWeights?: Array | null;
  /** Added above and below (1). */
  smooth?: Scalar;
  /** Weights of what was predicted wrongly (0.5) and of what was missed (0.5). */
  alpha?: Scalar;
  beta?: Scalar;
  /** Whether predictions are logits (true): of one class their sigmoid is taken, else the softmax. */
  applySoftmax?: boolean;
  /** Over the classes: `mean`, `sum` or `none`. */
  reduction?: 'mean' | 'sum' | 'none';
  /** Leaves class 0 out (false). */
  ignoreBackground?: boolean;
  /** Over which axes overlaps are counted: all but the first and the last by default. */
  axis?: number | readonly number[] | null;
}
/**
 * 1 - the overlap of predictions and targets, per class, by Tversky's index; with equal weights it is Dice's. As
 * `optax.losses.dice_loss`. Milletari et al., V-Net, arXiv:1606.04797; Salehi et al., Tversky loss function, arXiv:1706.05721.
 *
 * @example
 * const loss = optax.losses.diceLoss(jnp.ones([2, 4, 4, 3]), jnp.ones([2, 4, 4, 3]), { ignoreBackground: true });
 *
 * @param predictions [batch, ..., classes]
 * @param targets of the same shape, or without the axis of classes where there is one
 */
export function diceLoss(predictions: Array, targets: Array, options?: DiceOptions): Array {
  const where = 'optax.losses.diceLoss';
  const { classWeights, smooth = 1, alpha = 0.5, beta = 0.5, applySoftmax = true, reduction = 'mean', ignoreBackground = false, axis } =
    checkOptions(where, options, ['classWeights', 'smooth', 'alpha', 'beta', 'applySoftmax', 'reduction', 'ignoreBackground', 'axis']);
  if (reduction !== 'mean' && reduction !== 'sum' && reduction !== 'none') throw new ValueError(`${where}: reduction must be 'mean', 'sum' or 'none', but got '${String(reduction)}'.`);
  const x = predictions.ndim === targets.ndim - 1 ? jnp.expandDims(predictions, -1) : predictions;
  const y = targets.ndim === x.ndim - 1 ? jnp.expandDims(targets, -1) : targets;
  expectSameShape(where, x, y);
  if (!applySoftmax && x instanceof ConcreteArray) {
    const sums = jnp.sum(x, { axis: -1 });
    if (!jnp.allclose(sums, 1, { rtol: 1e-5 }).item()) throw new ValueError(`${where}: without applySoftmax predictions must be probabilities that sum to 1 over the classes, but sums go from ${sums.min().item()} to ${sums.max().item()}.`);
  }
  const classes = x.shape.at(-1)!;
  const probabilities = !applySoftmax ? x : classes === 1 ? nn.sigmoid(x) : nn.softmax(x, { axis: -1 });
  const over = { axis: axis ?? x.shape.slice(1, -1).map((_, i) => i + 1) };
  const [both, predicted, wanted] = [jnp.sum(probabilities.mul(y), over), jnp.sum(probabilities, over), jnp.sum(y, over)] as const;
  const below = both.add(jnp.multiply(alpha, predicted.sub(both))).add(jnp.multiply(beta, wanted.sub(both))).add(smooth);
  let loss = jnp.subtract(1, both.add(smooth).div(below));
  if (classWeights !== undefined && classWeights !== null) {
    if (classWeights.ndim !== 1) throw new ShapeError(`${where}: classWeights must be a vector, but got [${classWeights.shape}].`);
    loss = loss.mul(classWeights);
  }
  if (ignoreBackground && classes > 1) loss = loss.index('...', { start: 1 });
  return reduction === 'none' ? loss : reduction === 'mean' ? jnp.mean(loss, { axis: -1 }) : jnp.sum(loss, { axis: -1 });
}

/**
 * `diceLoss` with classes weighted by the inverse square of how often they occur. As
 * `optax.losses.multiclass_generalized_dice_loss`. Sudre et al., Generalised Dice overlap, arXiv:1707.03237.
 *
 * @example
 * const loss = optax.losses.multiclassGeneralizedDiceLoss(jnp.ones([2, 4, 4, 3]), jnp.ones([2, 4, 4, 3]));
 */
export function multiclassGeneralizedDiceLoss(predictions: Array, targets: Array, options?: Pick<DiceOptions, 'smooth' | 'applySoftmax' | 'ignoreBackground'>): Array {
  checkOptions('optax.losses.multiclassGeneralizedDiceLoss', options, ['smooth', 'applySoftmax', 'ignoreBackground']);
  expectSameShape('optax.losses.multiclassGeneralizedDiceLoss', predictions, targets);
  const frequencies = jnp.sum(targets, { axis: targets.shape.slice(1).map((_, i) => i) });
  const inverse = jnp.divide(1, jnp.square(frequencies).add(1e-7));
  const classWeights = inverse.div(jnp.sum(inverse)).mul(inverse.shape[0]!);
  return jnp.mean(diceLoss(predictions, targets, { ...options, classWeights, reduction: 'none' }));
}

/**
 * `diceLoss` of one class. As `optax.losses.binary_dice_loss`. Milletari et al., V-Net, arXiv:1606.04797.
 *
 * @example
 * const loss = optax.losses.binaryDiceLoss(jnp.ones([2, 4, 4]), jnp.ones([2, 4, 4]));
 */
export function binaryDiceLoss(predictions: Array, targets: Array, options?: { smooth?: Scalar; applySigmoid?: boolean }): Array {
  const { smooth, applySigmoid = true } = checkOptions('optax.losses.binaryDiceLoss', options, ['smooth', 'applySigmoid']);
  const flat = predictions.ndim === targets.ndim && predictions.shape.at(-1) !== 1;
  const [x, y] = flat ? [jnp.expandDims(predictions, -1), jnp.expandDims(targets, -1)] : [predictions, targets];
  return diceLoss(x, y, { smooth, applySoftmax: applySigmoid });
}
