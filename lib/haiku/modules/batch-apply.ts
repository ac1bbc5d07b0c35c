/** Small functions on arrays: `BatchApply`, `expandApply`, `oneHot`, `multinomial`. */
import { dims } from '../../jax/dims.js';
import { isArray, nn, numpy as jnp, random, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { checkFunction } from '../../jax/autodiff.js';
import { Callable, type AnyFunction } from '../callable.js';
import { describe } from '../mappings.js';

/**
 * A function whose arguments' leading `numDims` axes (default 2) are made one, and split again in its results. Arrays of
 * fewer axes, numbers and null pass as they are. It is no module, so `f` keeps its own path.
 *
 * ```ts
 * const y = new hk.BatchApply(new hk.Linear(3))(x);   // [T, B, D] → [T, B, 3]
 * ```
 * The call throws ValueError where no argument has so many axes.
 */
export class BatchApply extends Callable<AnyFunction> {
  readonly numDims: number;

  constructor(private readonly f: AnyFunction, options?: { numDims?: number }) {
    super();
    checkFunction(f, 'hk.BatchApply');
    ({ numDims: this.numDims = 2 } = checkOptions('hk.BatchApply', options, ['numDims']));
  }

  override call(...args: any[]): any {
    const { numDims } = this;
    const mergeable = (x: unknown): x is Array => isArray(x) && x.ndim >= numDims;
    const example = tree.leaves(args).find(mergeable);
    if (!example) throw new ValueError(`hk.BatchApply requires at least one input with ${numDims} or more axes.`);
    const leading = example.shape.slice(0, numDims);
    const merged = tree.map((x: unknown) => (mergeable(x) ? x.reshape([dims.size(x.shape.slice(0, numDims)), ...x.shape.slice(numDims)]) : x), args) as any[];
    return tree.map((x: Array) => {
      if (!isArray(x)) throw new TypeError(`hk.BatchApply: the function must return arrays, but gave ${describe(x)}.`);
      return x.reshape([...leading, ...x.shape.slice(1)]);
    }, this.f(...merged));
  }
}

/**
 * `f` with an axis of size one added to all arguments, and taken from its results.
 *
 * ```ts
 * const y = hk.expandApply(new hk.Linear(3))(x);   // [D] → [3] through [1, D]
 * ```
 * @param options `axis`: 0 (default) or -1; ValueError for any other.
 */
export function expandApply<F extends AnyFunction>(f: F, options?: { axis?: number }): F {
  const { axis = 0 } = checkOptions('hk.expandApply', options, ['axis']);
  if (axis !== 0 && axis !== -1) throw new ValueError(`hk.expandApply currently only supports an axis of 0 or -1, but got ${axis}.`);
  const wrapped = (...args: any[]): any => {
    const expanded = tree.map((x: Array) => jnp.expandDims(x, axis), args) as any[];
    return tree.map((x: Array) => jnp.squeeze(x, { axis }), f(...expanded));
  };
  return wrapped as F;
}

/** One-hot vectors of integers. @deprecated As in Haiku: use `jax.nn.oneHot`. */
export function oneHot(x: Array, numClasses: number, options?: { dtype?: DType }): Array {
  const { dtype = 'float32' } = checkOptions('hk.oneHot', options, ['dtype']);
  return nn.oneHot(x, numClasses, { dtype });
}

/** Samples of a categorical distribution: `[…, K]` → `[…, numSamples]`. @deprecated As in Haiku: use `jax.random.categorical`. */
export function multinomial(rng: Array, logits: Array, numSamples: number): Array {
  if (numSamples === 1) return jnp.expandDims(random.categorical(rng, logits), -1);
  return jnp.moveaxis(random.categorical(rng, logits, [numSamples, ...logits.shape.slice(0, -1)]), 0, -1);
}
