/** Muon: momentum whose matrices are made orthogonal, after `optax.contrib`. */
import { numpy as jnp, tree, vmap, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { initEmptyState, materialize, namedTuple, zeroCount, type GradientTransformation, type Params, type Scalar, type ScalarOrSchedule, type Updates } from '../base.js';
import { safeIncrement } from '../numerics.js';
import { signature, withDefaults } from '../options.js';
import { adamw, correctedMu } from '../optimizers/adam.js';
import { withRate } from '../optimizers/rate.js';
import { addDecayedWeights } from '../transforms/adding.js';
import { chain, partition } from '../transforms/combining.js';
import type { Mask } from '../transforms/masking.js';
import { scaleByLearningRate } from '../transforms/scaling.js';
import { treeCast } from '../tree/dtypes.js';
import { treeUpdateMoment, treeZerosLike } from '../tree/math.js';
import { DimensionNumbers, matrixView, numbersOf, type WeightDimensionNumbers } from './matrices.js';

/** Which axes of a parameter are reduced and which come out. As `optax.contrib.MuonDimensionNumbers`. */
export const MuonDimensionNumbers = DimensionNumbers;
export type Preconditioning = 'frobenius' | 'spectral' | 'aol' | 'schatten';
export type NsCoeffs = readonly number[] | readonly (readonly number[])[];

const STANDARD = [3.4445, -4.775, 2.0315];
const PRESETS: Record<string, NsCoeffs> = {
  standard: STANDARD,
  dion: [[4.0848, -6.8946, 2.927], [3.9505, -6.3029, 2.6377], [3.7418, -5.5913, 2.3037], [2.8769, -3.1427, 1.2046], [2.8366, -3.0525, 1.2012]],
};
const PRECONDITIONINGS = ['frobenius', 'spectral', 'aol', 'schatten'];

/** One turn of Newton and Schulz's iteration, c₀x + (c₁a + c₂a²)x with a = xxᵀ; the first one may scale x by what a is. */
function turn(x: Array, c: Array, scaling?: (a: Array) => Array): Array {
  let a = jnp.matmul(x, x.T);
  if (scaling) {
    const s = scaling(a);
    x = x.mul(s);
    a = a.mul(s).mul(s.T);
  }
  const [c0, c1, c2] = [0, 1, 2].map((i) => c.index(i)) as [Array, Array, Array];
  return c0.mul(x).add(jnp.matmul(c1.mul(a).add(jnp.matmul(c2.mul(a), a)), x));
}
const inverseRoot = (x: Array, eps: number): Array => jnp.divide(1, jnp.sqrt(jnp.maximum(x, eps)));
const SCALINGS: Partial<Record<Preconditioning, (a: Array) => Array>> = {
  aol: (a) => jnp.expandDims(inverseRoot(jnp.sum(jnp.abs(a), { axis: -1 }), 1e-8), -1),
  schatten: (a) => inverseRoot(jnp.linalg.norm(a), 1e-8).reshape([1, 1]),
};
function orthogonalized(x: Array, coeffs: Array, steps: number, preconditioning: Preconditioning, eps: number): Array {
  const tall = x.shape[0]! > x.shape[1]!;
  let y = tall ? x.T : x;
  if (preconditioning === 'frobenius') y = y.div(jnp.linalg.norm(y).add(eps));
  if (preconditioning === 'spectral') y = y.div(jnp.linalg.norm(y, { ord: 2 }).add(eps));
  const c = coeffs.astype(x.dtype);
  const turns = c.ndim === 1 ? steps : c.shape[0]!;
  for (let i = 0; i < turns; i++) y = turn(y, c.ndim === 1 ? c : c.index(i), i === 0 ? SCALINGS[preconditioning] : undefined);
  return tall ? y.T : y;
}

export const MuonState = namedTuple<{ count: Array; mu: Updates; nsCoeffs: Array }>('MuonState', ['count', 'mu', 'nsCoeffs']);

export interface ScaleByMuonOptions {
  /** The iteration's coefficients, three numbers or one such list a step; `standard` or `dion`. */
  nsCoeffs?: NsCoeffs | 'standard' | 'dion';
  /** Turns of the iteration (5). */
  nsSteps?: number;
  /** Decay of the momentum (0.95). */
  beta?: Scalar;
  eps?: number;
  muDtype?: DType | null;
  nesterov?: boolean;
  /** Multiplies the result by its product with the momentum (false). */
  adaptive?: boolean;
  /** What brings singular values below 1 before the iteration. */
  preconditioning?: Preconditioning;
  weightDimensionNumbers?: WeightDimensionNumbers | null;
}
const SCALE: Required<ScaleByMuonOptions> = {
  nsCoeffs: STANDARD, nsSteps: 5, beta: 0.95, eps: 1e-8, muDtype: null, nesterov: true, adaptive: false, preconditioning: 'frobenius', weightDimensionNumbers: null,
};
function coefficients(where: string, given: NsCoeffs | string, steps: number): Array {
  const list = typeof given === 'string' ? PRESETS[given] : given;
  if (list === undefined) throw new ValueError(`${where}: nsCoeffs must be numbers, 'standard' or 'dion', but got '${String(given)}'.`);
  const c = jnp.asarray(list as never, { dtype: 'float32' });
  if (c.ndim < 1 || c.ndim > 2 || c.shape.at(-1) !== 3) throw new ShapeError(`${where}: nsCoeffs must be of shape [3] or [n, 3], but got [${c.shape}].`);
  if (c.ndim === 2 && c.shape[0]! > steps) throw new ValueError(`${where}: nsCoeffs has ${c.shape[0]} lists for ${steps} steps; there may be at most one a step.`);
  return c;
}

/**
 * Momentum, made orthogonal matrix by matrix with Newton and Schulz's iteration. As `optax.contrib.scale_by_muon`. Jordan,
 * Muon: An optimizer for hidden layers in neural networks, 2024.
 *
 * @example
 * const tx = optax.contrib.scaleByMuon({ nsCoeffs: 'dion' });
 * const matrices = { w: jnp.ones([3, 2]) };
 * const [updates] = tx.update(matrices, tx.init(matrices));
 */
export function scaleByMuon(options?: ScaleByMuonOptions): GradientTransformation {
  const where = 'optax.contrib.scaleByMuon';
  const { nsCoeffs, nsSteps, beta, eps, muDtype, nesterov, adaptive, preconditioning, weightDimensionNumbers } = withDefaults(where, options, SCALE);
  if (!PRECONDITIONINGS.includes(preconditioning)) throw new ValueError(`${where}: preconditioning must be ${PRECONDITIONINGS.join(', ')}, but got '${String(preconditioning)}'.`);
  const first = coefficients(where, nsCoeffs, nsSteps);
  return {
    init: (params) => new MuonState({ count: zeroCount(), mu: treeZerosLike(params, { dtype: muDtype }), nsCoeffs: first }),
    update(given, state) {
      const updates = materialize(given);
      const mu = treeUpdateMoment(updates, state.mu, beta, 1);
      const count = safeIncrement(state.count);
      const muHat = correctedMu(mu, updates, beta, count, nesterov);
      const numbers = numbersOf(updates, weightDimensionNumbers, () => true);
      let leaf = 0;
      const out = tree.map((m: Array) => {
        const view = matrixView(where, m, numbers[leaf++] ?? new DimensionNumbers());
        const o = view.back(vmap((x: Array) => orthogonalized(x, state.nsCoeffs, nsSteps, preconditioning, eps))(view.toMatrices(m)) as Array);
        return adaptive ? jnp.sum(m.mul(o)).mul(o) : o;
      }, muHat);
      return [out, new MuonState({ count, mu: treeCast(mu, muDtype), nsCoeffs: state.nsCoeffs })];
    },
  };
}

/** √max(1, columns / rows) times each update, or √max(rows, columns) · consistentRms. */
function scaleByShape(weightDimensionNumbers: WeightDimensionNumbers | null, consistentRms: Scalar | null): GradientTransformation {
  return {
    init: initEmptyState,
    update(updates, state) {
      const numbers = numbersOf(updates, weightDimensionNumbers, () => true);
      let leaf = 0;
      return [tree.map((u: Array) => {
        const { rows, columns } = matrixView('optax.contrib.muon', u, numbers[leaf++] ?? new DimensionNumbers());
        const factor: Scalar = consistentRms === null ? Math.sqrt(Math.max(1, columns / rows)) : jnp.multiply(Math.sqrt(Math.max(rows, columns)), consistentRms);
        return jnp.multiply(factor, u);
      }, updates), state];
    },
  };
}

export interface MuonOptions extends Omit<ScaleByMuonOptions, 'weightDimensionNumbers'> {
  weightDecay?: ScalarOrSchedule;
  weightDecayMask?: Mask | null;
  /** Of AdamW, which takes what is no matrix: its rate is Muon's where left out. */
  adamB1?: Scalar;
  adamB2?: Scalar;
  adamEpsRoot?: Scalar;
  adamWeightDecay?: ScalarOrSchedule;
  adamLearningRate?: ScalarOrSchedule | null;
  /** Which axes are a matrix's; by default parameters of rank 2 are matrices, and no others. */
  muonWeightDimensionNumbers?: WeightDimensionNumbers | null;
  /** Scales updates to this root mean square, whatever a matrix's shape. */
  consistentRms?: Scalar | null;
}
const { weightDimensionNumbers: _unused, ...SHARED } = SCALE;
const MUON: Required<MuonOptions> = {
  ...SHARED, weightDecay: 0, weightDecayMask: null, adamB1: 0.9, adamB2: 0.999, adamEpsRoot: 0, adamWeightDecay: 0, adamLearningRate: null,
  muonWeightDimensionNumbers: null, consistentRms: null,
};
/**
 * Muon for matrices, AdamW for everything else. As `optax.contrib.muon`. Jordan, Muon: An optimizer for hidden layers in
 * neural networks, 2024; Liu et al., Muon is Scalable for LLM Training, arXiv:2502.16982.
 *
 * @example
 * const opt = optax.contrib.muon(0.02, { adamLearningRate: 1e-3 });
 */
export function muon(learningRate: ScalarOrSchedule, options?: MuonOptions): GradientTransformation {
  const o = withDefaults('optax.contrib.muon', options, MUON);
  const numbers = o.muonWeightDimensionNumbers;
  const labels = (params: Params): Params => {
    const kinds = numbersOf(params, numbers, (p) => p.ndim === 2);
    let leaf = 0;
    return tree.map(() => (kinds[leaf++] ? 'muon' : 'adam'), params);
  };
  // By the time that Muon sees them the others are masked away.
  const ofMatrices = numbers instanceof DimensionNumbers || numbers === null ? numbers : (params: Params) => (typeof numbers === 'function' ? numbers(params) : numbers);
  return withRate('muon', learningRate, options, (rate) => partition({
    muon: chain(
      scaleByMuon({
        nsCoeffs: o.nsCoeffs, nsSteps: o.nsSteps, beta: o.beta, eps: o.eps, muDtype: o.muDtype, nesterov: o.nesterov, adaptive: o.adaptive,
        preconditioning: o.preconditioning, weightDimensionNumbers: ofMatrices,
      }),
      scaleByShape(ofMatrices, o.consistentRms),
      addDecayedWeights({ weightDecay: o.weightDecay, mask: o.weightDecayMask }),
      scaleByLearningRate(rate),
    ),
    adam: adamw(o.adamLearningRate ?? rate, {
      b1: o.adamB1, b2: o.adamB2, eps: o.eps, epsRoot: o.adamEpsRoot, weightDecay: o.adamWeightDecay, muDtype: o.muDtype, nesterov: o.nesterov,
    }),
  }, labels));
}
signature(muon, ['learningRate'], MUON);
