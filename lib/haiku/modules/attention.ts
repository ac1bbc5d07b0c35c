import { nn, numpy as jnp, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { VarianceScaling } from '../initializers.js';
import { Module, module, transparent, type ModuleOptions } from '../module.js';
import type { Initializer } from '../types.js';
import { asInput } from './layout.js';
import { Linear } from './linear.js';

export interface MultiHeadAttentionOptions extends ModuleOptions {
  /** Of all four projections; this or `wInitScale` is required. */
  wInit?: Initializer;
  /** @deprecated Stands for `wInit: new VarianceScaling({ scale })`. */
  wInitScale?: number;
  /** Of all four projections; default true. */
  withBias?: boolean;
  /** Default zeros. */
  bInit?: Initializer;
  /** Of one head; default `keySize`. */
  valueSize?: number;
  /** Of the result; default `numHeads · keySize`. */
  modelSize?: number;
}

/**
 * Attention with several heads (Vaswani et al. 2017): `softmax(Q·Kᵀ / √keySize)·V` of linear projections `query`, `key`,
 * `value`, and a last one, `linear`, of all heads' results together. `[…, T', D]` and twice `[…, T, D]` → `[…, T', modelSize]`.
 *
 * ```ts
 * const causal = jnp.tril(jnp.ones([1, 1, T, T]));
 * const y = new hk.MultiHeadAttention(8, 64, { wInit: new hk.initializers.VarianceScaling({ scale: 2 }) })(x, x, x, causal);
 * ```
 * The mask, if any, broadcasts to `[…, numHeads, T', T]`; where it is false (zero) nothing is attended to.
 * @throws ValueError where none or both of `wInit` and `wInitScale` are given, and for a mask of another rank.
 */
@module('multi_head_attention')
export class MultiHeadAttention extends Module<(query: Array, key: Array, value: Array, mask?: Array | null) => Array> {
  readonly numHeads: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly modelSize: number;
  readonly wInit: Initializer;
  readonly withBias: boolean;
  readonly bInit: Initializer | undefined;

  constructor(numHeads: number, keySize: number, options?: MultiHeadAttentionOptions) {
    const { wInit, wInitScale, withBias = true, bInit, valueSize, modelSize, name }
      = checkOptions('hk.MultiHeadAttention', options, ['wInit', 'wInitScale', 'withBias', 'bInit', 'valueSize', 'modelSize', 'name']);
    super(name);
    if (wInit && wInitScale) throw new ValueError('hk.MultiHeadAttention: Please provide only `wInit`, not `wInitScale`.');
    if (!wInit && (wInitScale === undefined || wInitScale === null)) {
      throw new ValueError('hk.MultiHeadAttention: Please provide a weight initializer: `wInit`, e.g. new hk.initializers.VarianceScaling({ scale: 2 / layers }).');
    }
    this.numHeads = numHeads;
    this.keySize = keySize;
    this.valueSize = valueSize || keySize;
    this.modelSize = modelSize || keySize * numHeads;
    this.wInit = wInit ?? new VarianceScaling({ scale: wInitScale! });
    this.withBias = withBias;
    this.bInit = bInit;
  }

  override call(query: Array, key: Array, value: Array, mask?: Array | null): Array {
    for (const [name, x] of Object.entries({ query, key, value })) asInput('hk.MultiHeadAttention', name, x);
    const queries = this.project(query, this.keySize, 'query');
    const keys = this.project(key, this.keySize, 'key');
    const values = this.project(value, this.valueSize, 'value');
    let logits = jnp.einsum('...thd,...Thd->...htT', queries, keys).div(Math.sqrt(this.keySize));
    if (mask !== undefined && mask !== null) {
      if (mask.ndim !== logits.ndim) {
        throw new ValueError(`hk.MultiHeadAttention: Mask dimensionality ${mask.ndim} must match logits dimensionality ${logits.ndim}: it broadcasts to [${logits.shape}].`);
      }
      if (!mask.shape.every((size, i) => size === 1 || String(size) === String(logits.shape[i]))) throw new ValueError(`hk.MultiHeadAttention: Mask of shape [${mask.shape}] does not broadcast to the logits [${logits.shape}].`);
      logits = jnp.where(mask, logits, -1e30);
    }
    const heads = jnp.einsum('...htT,...Thd->...thd', nn.softmax(logits), values);
    return this.linear(this.modelSize)(jnp.reshape(heads, [...query.shape.slice(0, -1), this.numHeads * this.valueSize]));
  }

  /** `[…, T, D]` → `[…, T, numHeads, headSize]`. */
  @transparent
  private project(x: Array, headSize: number, name: string): Array {
    return jnp.reshape(this.linear(this.numHeads * headSize, name)(x), [...x.shape.slice(0, -1), this.numHeads, headSize]);
  }

  @transparent
  private linear(size: number, name?: string): Linear {
    const { wInit, withBias, bInit } = this;
    return new Linear(size, { wInit, withBias, ...(bInit && { bInit }), ...(name !== undefined && { name }) });
  }
}
