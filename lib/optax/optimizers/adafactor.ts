/** Adafactor: second moments of matrices as one row and one column. After `optax._src.factorized`. */
import { isArray, numpy as jnp, tree, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { materialize, namedTuple, oneMinus, requireParams, zeroCount, type GradientTransformation, type Params, type Scalar, type ScalarOrSchedule } from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import { ema } from '../transforms/accumulation.js';
import { addDecayedWeights } from '../transforms/adding.js';
import { clipByBlockRms } from '../transforms/clipping.js';
import { chain } from '../transforms/combining.js';
import type { Mask } from '../transforms/masking.js';
import { scale, scaleByLearningRate, scaleByParamBlockRms } from '../transforms/scaling.js';
import { withRate } from './rate.js';

export const FactoredState = namedTuple<{ count: Array; vRow: Params; vCol: Params; v: Params }>('FactoredState', ['count', 'vRow', 'vCol', 'v']);

export interface FactoredOptions {
  /** Rows and columns instead of whole moments (true). */
  factored?: boolean;
  /** Exponent of the decay (0.8). */
  decayRate?: Scalar;
  /** Where the step counter of the decay begins (0). */
  stepOffset?: Scalar;
  /** Only where two axes have at least this size (128). */
  minDimSizeToFactor?: Scalar;
  /** Added to squared gradients (1e-30). */
  epsilon?: Scalar;
  /** The decay at a step: 1 - (step + 1)⁻ʳᵃᵗᵉ by default. */
  decayRateFn?: (step: Array, decayRate: Scalar) => Scalar;
}
const decayPow = (step: Array, rate: Scalar): Array => jnp.subtract(1, jnp.power(step.add(1).astype('float32'), typeof rate === 'number' ? -rate : jnp.negative(rate)));
const FACTORED: Required<FactoredOptions> = { factored: true, decayRate: 0.8, stepOffset: 0, minDimSizeToFactor: 128, epsilon: 1e-30, decayRateFn: decayPow };

/** The two largest axes [columns' mean, rows' mean], or null where a moment stays whole. */
function factoredAxes(shape: readonly number[], factored: boolean, least: number): [number, number] | null {
  if (!factored || shape.length < 2) return null;
  const order = shape.map((_, i) => i).sort((a, b) => shape[a]! - shape[b]! || a - b);
  const [second, first] = order.slice(-2) as [number, number];
  return shape[second]! < least ? null : [second, first];
}
const without = (shape: readonly number[], axis: number): number[] => shape.filter((_, i) => i !== axis);

/**
 * Divides gradients by the root of an average of their squares, which for matrices is the product of a row and a column. As
 * `optax.scale_by_factored_rms`. Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost,
 * arXiv:1804.04235.
 *
 * @example
 * const opt = optax.chain(optax.scaleByFactoredRms({ minDimSizeToFactor: 2 }), optax.scale(-0.01));
 */
export function scaleByFactoredRms(options?: FactoredOptions): GradientTransformation {
  const { factored, decayRate, stepOffset, minDimSizeToFactor, epsilon, decayRateFn } = withDefaults('optax.scaleByFactoredRms', options, FACTORED);
  const axesOf = (p: Array) => factoredAxes(p.shape as number[], factored, isArray(minDimSizeToFactor) ? Number(minDimSizeToFactor.item()) : minDimSizeToFactor);
  // What a leaf does not need is one zero, so that all trees have the parameters' structure.
  const none = (dtype: DType) => jnp.zeros([1], { dtype });
  return {
    init(params) {
      const zeros = (p: Array, shape: number[] | null) => (shape ? jnp.zeros(shape, { dtype: p.dtype }) : none(p.dtype));
      const each = (shapeOf: (p: Array, axes: [number, number] | null) => number[] | null) => tree.map((p: Array) => zeros(p, shapeOf(p, axesOf(p))), params);
      return new FactoredState({
        count: zeroCount(), vRow: each((p, axes) => axes && without(p.shape as number[], axes[1])), vCol: each((p, axes) => axes && without(p.shape as number[], axes[0])),
        v: each((p, axes) => (axes ? null : p.shape as number[])),
      });
    },
    update(updates, state, params) {
      requireParams('optax.scaleByFactoredRms', params);
      const decay = decayRateFn(jnp.subtract(state.count, stepOffset), decayRate);
      const average = (before: Array, now: Array, dtype: DType): Array => jnp.multiply(decay, before).add(jnp.multiply(oneMinus(decay), now)).astype(dtype);
      const [grads, structure] = tree.flatten(materialize(updates)) as [Array[], tree.TreeDef];
      const [rows, columns, whole, ps] = [state.vRow, state.vCol, state.v, params].map((t) => tree.leaves(t) as Array[]) as [Array[], Array[], Array[], Array[]];
      const results = grads.map((g, i) => {
        const { dtype } = ps[i]!;
        const axes = axesOf(ps[i]!);
        const squares = jnp.add(jnp.square(g), epsilon);
        if (!axes) {
          const v = average(whole[i]!, squares, dtype);
          return { update: g.mul(jnp.power(v, -0.5)), row: none(dtype), column: none(dtype), v };
        }
        const [second, first] = axes;
        const row = average(rows[i]!, squares.mean({ axis: first }), dtype);
        const column = average(columns[i]!, squares.mean({ axis: second }), dtype);
        const mean = row.mean({ axis: second > first ? second - 1 : second, keepdims: true });
        const factors = [jnp.expandDims(jnp.power(row.div(mean), -0.5), first), jnp.expandDims(jnp.power(column, -0.5), second)] as const;
        return { update: g.mul(factors[0]).mul(factors[1]), row, column, v: none(dtype) };
      });
      const treeOf = (part: 'update' | 'row' | 'column' | 'v') => tree.unflatten(structure, results.map((r) => r[part]));
      return [treeOf('update'), new FactoredState({ count: safeIncrement(state.count), vRow: treeOf('row'), vCol: treeOf('column'), v: treeOf('v') })];
    },
  };
}
signature(scaleByFactoredRms, [], FACTORED);

export interface AdafactorOptions {
  /** Without one only the parameters' scale decides. */
  learningRate?: ScalarOrSchedule | null;
  minDimSizeToFactor?: Scalar;
  decayRate?: Scalar;
  decayOffset?: Scalar;
  /** Steps relative to the parameters' root mean square (true). */
  multiplyByParameterScale?: boolean;
  /** Clips each update's root mean square (1); null does not. */
  clippingThreshold?: Scalar | null;
  momentum?: Scalar | null;
  dtypeMomentum?: DType;
  weightDecayRate?: Scalar | null;
  eps?: Scalar;
  factored?: boolean;
  weightDecayMask?: Mask | null;
}
const ADAFACTOR: Required<AdafactorOptions> = {
  learningRate: null, minDimSizeToFactor: 128, decayRate: 0.8, decayOffset: 0, multiplyByParameterScale: true, clippingThreshold: 1, momentum: null,
  dtypeMomentum: 'float32', weightDecayRate: null, eps: 1e-30, factored: true, weightDecayMask: null,
};
/**
 * Adafactor, whose state is much smaller than the parameters. As `optax.adafactor`. Shazeer and Stern, Adafactor: Adaptive
 * Learning Rates with Sublinear Memory Cost, arXiv:1804.04235.
 *
 * @example
 * const opt = optax.adafactor({ learningRate: 1e-2, momentum: 0.9 });
 */
export function adafactor(options?: AdafactorOptions): GradientTransformation {
  const o = withDefaults('optax.adafactor', options, ADAFACTOR, ['clippingThreshold']);
  return withRate('adafactor', o.learningRate, options, (rate) => chain(
    scaleByFactoredRms({ factored: o.factored, decayRate: o.decayRate, stepOffset: o.decayOffset, minDimSizeToFactor: o.minDimSizeToFactor, epsilon: o.eps }),
    ...(o.clippingThreshold !== null ? [clipByBlockRms(o.clippingThreshold)] : []),
    ...(rate !== null && rate !== undefined ? [scaleByLearningRate(rate, { flipSign: false })] : []),
    ...(o.multiplyByParameterScale ? [scaleByParamBlockRms()] : []),
    ...(o.momentum !== null ? [ema(o.momentum, { debias: false, accumulatorDtype: o.dtypeMomentum })] : []),
    ...(o.weightDecayRate !== null ? [addDecayedWeights({ weightDecay: o.weightDecayRate, mask: o.weightDecayMask })] : []),
    scale(-1),
  ));
}
signature(adafactor, [], ADAFACTOR);
