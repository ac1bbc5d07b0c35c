/** A bias alone. */
import { numpy as jnp, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { getParameter } from '../parameters.js';
import type { Initializer } from '../types.js';
import { asInput, checkList } from './layout.js';

export interface BiasOptions extends ModuleOptions {
  /** The shape that inputs must have after the first axis; default any. */
  outputSize?: readonly number[] | undefined;
  /** The axes that the bias differs along; default all but the first, `[]` for one number. */
  biasDims?: readonly number[] | undefined;
  /** Default zeros. */
  bInit?: Initializer | undefined;
}

function biasShape(shape: readonly number[], biasDims: readonly number[] | undefined): number[] {
  if (!biasDims) return shape.slice(1);
  const axes = biasDims.map((dim) => (dim < 0 ? ((dim % shape.length) + shape.length) % shape.length : dim));
  for (const [i, axis] of axes.entries()) {
    if (axis === 0) throw new ValueError('hk.Bias: Cannot apply bias across the minibatch dimension.');
    if (!(axis < shape.length)) throw new ValueError(`hk.Bias: Dimension ${biasDims[i]} of biasDims [${biasDims}] is out of range for an input of rank ${shape.length}.`);
  }
  const full = shape.map((size, i) => (axes.includes(i) ? size : 1));
  const first = full.findIndex((size) => size !== 1);
  return first < 0 ? [] : full.slice(first);
}

/**
 * `x + b · multiplier`. Parameter, in the dtype of the input: `b`, of the input's shape without the first axis; with
 * `biasDims` 1 along all others, and without leading ones.
 *
 * ```ts
 * const y = new hk.Bias({ biasDims: [-1] })(x);
 * ```
 * @throws ValueError for inputs of rank below 2 or another shape than `outputSize`, and axes that are the first or none.
 */
@module('bias')
export class Bias extends Module<(inputs: Array, multiplier?: Array | number) => Array> {
  readonly outputSize: readonly number[] | undefined;
  readonly biasDims: readonly number[] | undefined;
  readonly bInit: Initializer;
  /** The shape of the latest bias; undefined before the first call. */
  biasShape: readonly number[] | undefined;
  /** The shape of the latest input after the first axis; undefined before the first call. */
  inputSize: readonly number[] | undefined;

  constructor(options?: BiasOptions) {
    const { outputSize, biasDims, bInit, name } = checkOptions('hk.Bias', options, ['outputSize', 'biasDims', 'bInit', 'name']);
    super(name);
    this.outputSize = outputSize ? checkList('hk.Bias', 'outputSize', outputSize) : undefined;
    this.biasDims = biasDims ? checkList('hk.Bias', 'biasDims', biasDims) : undefined;
    this.bInit = bInit ?? jnp.zeros;
    this.biasShape = undefined;
    this.inputSize = undefined;
  }

  override call(inputs: Array, multiplier?: Array | number): Array {
    const x = asInput('hk.Bias', 'inputs', inputs);
    if (x.ndim < 2) throw new ValueError(`hk.Bias: Input must have rank 2 or more, but has shape [${x.shape}].`);
    const size = x.shape.slice(1);
    if (this.outputSize && (this.outputSize.length !== size.length || this.outputSize.some((s, i) => s !== size[i]))) {
      throw new ValueError(`hk.Bias: Input shape must be [-1,${this.outputSize}], not [${x.shape}].`);
    }
    this.biasShape = biasShape(x.shape, this.biasDims);
    this.inputSize = size;
    const b = getParameter('b', this.biasShape, { dtype: x.dtype, init: this.bInit });
    return x.add(multiplier === undefined || multiplier === null ? b : jnp.broadcastTo(b, x.shape).mul(multiplier));
  }
}
