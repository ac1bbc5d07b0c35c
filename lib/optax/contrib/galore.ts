/** GaLore: another optimizer in a low-rank subspace of every matrix, after `optax.contrib`. */
import { lax, numpy as jnp, tree, type Array } from '../../jax/index.js';
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { materialize, namedTuple, zeroCount, type GradientTransformation, type OptState, type Params, type Scalar, type ScalarOrSchedule, type Updates } from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import { scaleByAdam, type DecayOptions } from '../optimizers/adam.js';
import { withRate } from '../optimizers/rate.js';
import { addDecayedWeights } from '../transforms/adding.js';
import { chain } from '../transforms/combining.js';
import { scaleByLearningRate } from '../transforms/scaling.js';
import { DimensionNumbers, matrixView, numbersOf, type MatrixView, type WeightDimensionNumbers } from './matrices.js';

/** Which axes of a parameter are rows and which columns. As `optax.contrib.GaLoreDimensionNumbers`. */
export const GaLoreDimensionNumbers = DimensionNumbers;
export const GaLoreState = namedTuple<{ count: Array; baseOptimizerState: OptState; projector: Params }>('GaLoreState', ['count', 'baseOptimizerState', 'projector']);

export interface GaloreOptions {
  /** Of the subspace (128), and every how many steps it is found anew (200). */
  rank?: number;
  updateProjGap?: number;
  /** Multiplies the updates of matrices (1). */
  scale?: Scalar;
  /** What runs in the subspace (`scaleByAdam()`). */
  baseOptimizer?: GradientTransformation | null;
  weightDimensionNumbers?: WeightDimensionNumbers | null;
}
const GALORE: Required<GaloreOptions> = { rank: 128, updateProjGap: 200, scale: 1, baseOptimizer: null, weightDimensionNumbers: null };

/**
 * Projects the gradients of matrices on the first singular vectors of one of them, lets another optimizer rescale what is
 * left, and projects back: its moments are small. As `optax.contrib.scale_by_galore`. Zhao et al., GaLore: Memory-Efficient
 * LLM Training by Gradient Low-Rank Projection, arXiv:2403.03507.
 *
 * @example
 * const opt = optax.chain(optax.contrib.scaleByGalore({ rank: 2 }), optax.scale(-1e-2));
 */
export function scaleByGalore(options?: GaloreOptions): GradientTransformation {
  const where = 'optax.contrib.scaleByGalore';
  const { rank, updateProjGap, scale, baseOptimizer, weightDimensionNumbers } = withDefaults(where, options, GALORE);
  if (!(Number.isInteger(rank) && rank > 0)) throw new ValueError(`${where}: rank must be a whole number above 0, but got ${String(rank)}.`);
  const base = baseOptimizer ?? scaleByAdam();
  interface Matrix { readonly view: MatrixView; readonly left: boolean; readonly rank: number }
  const matricesOf = (params: Params): (Matrix | null)[] => {
    const leaves = tree.leaves(params) as Array[];
    const isMatrix = weightDimensionNumbers instanceof DimensionNumbers ? (p: Array) => p.ndim >= 2 : (p: Array) => p.ndim === 2;
    return numbersOf(params, weightDimensionNumbers, isMatrix).map((numbers, i) => {
      if (!numbers) return null;
      const view = matrixView(where, leaves[i]!, numbers);
      if (view.rows * view.columns !== leaves[i]!.size) throw new ShapeError(`${where}: every axis of a parameter [${leaves[i]!.shape}] must be in reductionAxis or outputAxis.`);
      return { view, left: view.rows >= view.columns, rank: Math.min(rank, view.rows, view.columns) };
    });
  };
  const toMatrix = ({ view }: Matrix, x: Array): Array => view.toMatrices(x).reshape([view.rows, view.columns]);
  return {
    init(params) {
      const [leaves, structure] = tree.flatten(params) as [Array[], tree.TreeDef];
      const matrices = matricesOf(params);
      const zeros = (shape: number[], p: Array): Array => jnp.zeros(shape, { dtype: p.dtype });
      const projector = leaves.map((p, i) => { const m = matrices[i]; return zeros(m ? [m.left ? m.view.rows : m.view.columns, m.rank] : [0, 0], p); });
      const small = leaves.map((p, i) => { const m = matrices[i]; return zeros(!m ? p.shape as number[] : m.left ? [m.rank, m.view.columns] : [m.view.rows, m.rank], p); });
      return new GaLoreState({ count: zeroCount(), baseOptimizerState: base.init(tree.unflatten(structure, small)), projector: tree.unflatten(structure, projector) });
    },
    update(given, state, _params, extraArgs) {
      const [grads, structure] = tree.flatten(materialize(given)) as [Array[], tree.TreeDef];
      const matrices = matricesOf(given);
      const due = jnp.remainder(state.count, updateProjGap).eq(0);
      const projectors = (tree.leaves(state.projector) as Array[]).map((before, i) => {
        const m = matrices[i];
        if (!m) return before;
        return lax.cond(due, () => {
          const [u, , vh] = jnp.linalg.svd(toMatrix(m, grads[i]!).astype('float32'), { fullMatrices: false });
          return (m.left ? u.index('...', { stop: m.rank }) : vh.index({ stop: m.rank }).T).astype(before.dtype);
        }, () => before) as Array;
      });
      const small = grads.map((g, i) => { const m = matrices[i]; return !m ? g : m.left ? projectors[i]!.T.matmul(toMatrix(m, g)) : toMatrix(m, g).matmul(projectors[i]!); });
      const [scaled, baseOptimizerState] = base.update(tree.unflatten(structure, small), state.baseOptimizerState, undefined, extraArgs);
      const out = (tree.leaves(materialize(scaled)) as Array[]).map((u, i): Updates => {
        const m = matrices[i];
        if (!m) return u;
        return jnp.multiply(scale, m.view.back(m.left ? projectors[i]!.matmul(u) : u.matmul(projectors[i]!.T))).astype(grads[i]!.dtype);
      });
      return [tree.unflatten(structure, out), new GaLoreState({ count: safeIncrement(state.count), baseOptimizerState, projector: tree.unflatten(structure, projectors) })];
    },
  };
}

const GALORE_ALIAS: Required<GaloreOptions & DecayOptions> = { ...GALORE, weightDecay: 0, mask: null };
/**
 * Adam in low-rank subspaces. As `optax.contrib.galore`. Zhao et al., GaLore, arXiv:2403.03507.
 *
 * @example
 * const opt = optax.contrib.galore(1e-2, { rank: 2 });
 */
export function galore(learningRate: ScalarOrSchedule, options?: GaloreOptions & DecayOptions): GradientTransformation {
  const { weightDecay, mask, ...rest } = withDefaults('optax.contrib.galore', options, GALORE_ALIAS);
  return withRate('galore', learningRate, options, (rate) => chain(scaleByGalore(rest), addDecayedWeights({ weightDecay, mask }), scaleByLearningRate(rate)));
}
signature(galore, ['learningRate'], GALORE_ALIAS);
