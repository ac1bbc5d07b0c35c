/** Normalisation by the root of the mean square. */
import { lax, numpy as jnp, type Array } from '../../jax/index.js';
import { checkOptions } from '../../runtime/options.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { getParameter } from '../parameters.js';
import type { Initializer } from '../types.js';
import { checkAxes, distinctAxes, paramShape, resolveAxes, type Axes } from './layer-norm.js';
import { asInput, checkInit } from './layout.js';

export interface RMSNormOptions extends ModuleOptions {
  /** Added to the mean square; default 1e-5. */
  eps?: number;
  /** Default ones. */
  scaleInit?: Initializer | undefined;
  /** Default true. */
  createScale?: boolean;
  /** The axes that the scale differs along; default the last. */
  paramAxis?: Axes | undefined;
}

/**
 * Divides every example by the root of its mean square over `axis` (Zhang and Sennrich 2019): `x · scale · rsqrt(mean(x²) +
 * eps)`. Parameter, in the dtype of the input: `scale`, as that of `LayerNorm`.
 * @throws ValueError for axes that are none or out of range, and an initialiser of a scale that is not created.
 */
@module('rms_norm')
export class RMSNorm extends Module<(inputs: Array) => Array> {
  readonly axis: readonly number[] | jnp.Range;
  readonly eps: number;
  readonly scaleInit: Initializer;
  readonly createScale: boolean;
  readonly paramAxis: readonly number[] | jnp.Range;

  constructor(axis: Axes, options?: RMSNormOptions) {
    const where = 'hk.RMSNorm';
    const { eps = 1e-5, scaleInit, createScale = true, paramAxis, name } = checkOptions(where, options, ['eps', 'scaleInit', 'createScale', 'paramAxis', 'name']);
    super(name);
    checkInit(where, 'scale', createScale, scaleInit);
    this.axis = checkAxes(where, axis);
    this.eps = eps;
    this.scaleInit = scaleInit ?? jnp.ones;
    this.createScale = createScale;
    this.paramAxis = checkAxes(where, paramAxis ?? -1);
  }

  override call(inputs: Array): Array {
    const where = 'hk.RMSNorm';
    const x = asInput('hk.RMSNorm', 'inputs', inputs);
    const axis = distinctAxes(where, this.axis, x.ndim);
    const shape = paramShape(x, resolveAxes(where, this.paramAxis, x.ndim));
    const scaled = this.createScale ? x.mul(getParameter('scale', shape, { dtype: x.dtype, init: this.scaleInit })) : x;
    return scaled.mul(lax.rsqrt(jnp.mean(jnp.square(x), { axis, keepdims: true }).add(this.eps)));
  }
}
