/** Spectral normalisation of matrices and of trees of parameters. */
import { lax, numpy as jnp, stopGradient, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { RandomNormal } from '../initializers.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { getState, setState } from '../parameters.js';
import type { MutableParams, Params } from '../types.js';
import { ignorePattern, mapParams, type UpdateStatsOptions } from './moving-averages.js';

export interface SpectralNormOptions extends ModuleOptions {
  /** Added to squared lengths; default 1e-4. */
  eps?: number;
  /** Steps of power iteration in each call; default 1. */
  nSteps?: number;
}

export interface SpectralNormCallOptions extends UpdateStatsOptions {
  /** Refuse what is no matrix instead of flattening its leading axes; default false. */
  errorOnNonMatrix?: boolean;
}

/**
 * Divides a matrix by an estimate of its largest singular value, from power iteration (Miyato et al. 2018). Of more than
 * two dimensions all but the last are taken as rows. State: `u0` `[1, last]`, normally distributed, and `sigma`.
 *
 * ```ts
 * const w = new hk.SpectralNorm()(hk.getParameter('w', [4, 4], { init }), { updateStats: isTraining });
 * ```
 * @throws ValueError for fewer than two dimensions, for more with `errorOnNonMatrix`, and for no steps.
 */
@module('spectral_norm')
export class SpectralNorm extends Module<(value: Array, options?: SpectralNormCallOptions) => Array> {
  readonly eps: number;
  readonly nSteps: number;

  constructor(options?: SpectralNormOptions) {
    const { eps = 1e-4, nSteps = 1, name } = checkOptions('hk.SpectralNorm', options, ['eps', 'nSteps', 'name']);
    super(name);
    if (!(Number.isInteger(nSteps) && nSteps > 0)) throw new ValueError(`hk.SpectralNorm: nSteps must be a whole number of at least 1, but got ${nSteps}.`);
    this.eps = eps;
    this.nSteps = nSteps;
  }

  override call(value: Array, options?: SpectralNormCallOptions): Array {
    const { updateStats = true, errorOnNonMatrix = false } = checkOptions('hk.SpectralNorm.call', options, ['updateStats', 'errorOnNonMatrix']);
    const w = jnp.asarray(value);
    if (w.ndim <= 1) throw new ValueError(`hk.SpectralNorm: Spectral normalization is not well defined for scalars and vectors, but got shape [${w.shape}].`);
    if (w.ndim > 2 && errorOnNonMatrix) throw new ValueError(`hk.SpectralNorm: the input has ${w.ndim} dimensions, [${w.shape}], but errorOnNonMatrix is true.`);
    const matrix = w.ndim > 2 ? w.reshape([-1, w.shape.at(-1)!]) : w;
    const unit = (x: Array): Array => x.mul(lax.rsqrt(jnp.sum(jnp.square(x), { keepdims: true }).add(this.eps)));
    let u = getState('u0', [1, matrix.shape[1]], { dtype: w.dtype, init: new RandomNormal() }) as Array;
    let v = u;
    for (let step = 0; step < this.nSteps; step++) {
      v = unit(jnp.matmul(u, jnp.transpose(matrix)));
      u = unit(jnp.matmul(v, matrix));
    }
    [u, v] = [stopGradient(u), stopGradient(v)];
    const sigma = jnp.matmul(jnp.matmul(v, matrix), jnp.transpose(u)).reshape([]);
    if (updateStats) {
      setState('u0', u);
      setState('sigma', sigma);
    }
    return w.div(sigma);
  }

  /** The estimate of the right singular vector, `[1, last]`. */
  get u0(): Array { return getState('u0') as Array; }
  /** The estimate of the largest singular value; 1 before the first call. */
  get sigma(): Array { return getState('sigma', [], { init: jnp.ones }) as Array; }
}

export interface SNParamsTreeOptions extends SpectralNormOptions {
  /** What begins with a match of it, as `module/name`, is passed through; default nothing. */
  ignoreRegex?: string | RegExp;
}

/**
 * `SpectralNorm` of every entry of a map of parameters. Its state is kept by path, with `__` for `/` and `_tilde` for `~`.
 *
 * ```ts
 * const sn = hk.transformWithState((params: hk.Params) => new hk.SNParamsTree({ ignoreRegex: '.*b$' })(params));
 * ```
 */
@module('sn_params_tree')
export class SNParamsTree extends Module<(tree: Params, options?: UpdateStatsOptions) => MutableParams> {
  readonly eps: number;
  readonly nSteps: number;
  readonly ignoreRegex: string | RegExp;

  constructor(options?: SNParamsTreeOptions) {
    const { eps = 1e-4, nSteps = 1, ignoreRegex = '', name } = checkOptions('hk.SNParamsTree', options, ['eps', 'nSteps', 'ignoreRegex', 'name']);
    super(name);
    this.eps = eps;
    this.nSteps = nSteps;
    this.ignoreRegex = ignoreRegex;
  }

  override call(tree: Params, options?: UpdateStatsOptions): MutableParams {
    const { updateStats = true } = checkOptions('hk.SNParamsTree.call', options, ['updateStats']);
    const { eps, nSteps } = this;
    return mapParams(tree, ignorePattern(this.ignoreRegex), (path, value) => {
      const name = path.replaceAll('/', '__').replaceAll('~', '_tilde');
      return new SpectralNorm({ eps, nSteps, name })(value, { updateStats });
    });
  }
}
