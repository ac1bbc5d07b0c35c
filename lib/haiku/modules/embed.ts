/** Embeddings of integers. */
import { isArray, nn, numpy as jnp, type Array } from '../../jax/index.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { TruncatedNormal } from '../initializers.js';
import { describe } from '../mappings.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { getParameter } from '../parameters.js';
import type { Initializer } from '../types.js';

/** How rows are looked up: by index, or as a product with one-hot vectors. */
export const EmbedLookupStyle = { ARRAY_INDEX: 'ARRAY_INDEX', ONE_HOT: 'ONE_HOT' } as const;
export type EmbedLookupStyle = keyof typeof EmbedLookupStyle;

function checkStyle(style: string): EmbedLookupStyle {
  if (typeof style !== 'string') throw new TypeError(`hk.Embed: the lookup style is a name, but got ${describe(style)}.`);
  const known = style.toUpperCase();
  if (!Object.hasOwn(EmbedLookupStyle, known)) throw new ValueError(`hk.Embed: unknown lookup style '${style}'; it is one of ${Object.keys(EmbedLookupStyle).join(', ')}.`);
  return known as EmbedLookupStyle;
}

/** Numbers and lists of them that are whole are integers, though JavaScript does not tell them from others. */
function integers(ids: Array | number | readonly unknown[]): Array {
  if (isArray(ids)) return ids;
  const whole = (globalThis.Array.isArray(ids) ? ids.flat(Infinity) : [ids]).every(Number.isInteger);
  return jnp.array(ids as number[], whole ? { dtype: 'int32' } : {});
}

export interface EmbedCallOptions {
  /** Default that of the constructor. */
  lookupStyle?: string | undefined;
  /** Accepted as in JAX; products are always exact here. */
  precision?: unknown;
}
export interface EmbedOptions extends ModuleOptions, EmbedCallOptions {
  /** The number of rows. */
  vocabSize?: number | undefined;
  /** The size of a row. */
  embedDim?: number | undefined;
  /** The initial rows, `[vocabSize, embedDim]`, instead of the sizes and `wInit`. */
  embeddingMatrix?: Array | undefined;
  /** Default `TruncatedNormal()`. */
  wInit?: Initializer | undefined;
}

/**
 * A row of a matrix for each integer: `[…]` → `[…, embedDim]`. Parameter: `embeddings` `[vocabSize, embedDim]`, float32.
 * By index, negative integers count from the end and those out of range take the nearest row; as one-hot vectors, both give
 * zeros.
 *
 * ```ts
 * const x = new hk.Embed({ vocabSize: 256, embedDim: 64 })(tokens);
 * ```
 * @throws ValueError where neither sizes nor a matrix are given or they differ, for an unknown lookup style, and for ids
 * that are no integers.
 */
@module('embed')
export class Embed extends Module<(ids: Array | number | readonly number[], options?: EmbedCallOptions) => Array> {
  readonly vocabSize: number;
  readonly embedDim: number;
  readonly lookupStyle: string;
  readonly wInit: Initializer;

  constructor(options?: EmbedOptions) {
    const { vocabSize, embedDim, embeddingMatrix, wInit, lookupStyle = EmbedLookupStyle.ARRAY_INDEX, name }
      = checkOptions('hk.Embed', options, ['vocabSize', 'embedDim', 'embeddingMatrix', 'wInit', 'lookupStyle', 'precision', 'name']);
    super(name);
    const matrix = embeddingMatrix === undefined || embeddingMatrix === null ? undefined : jnp.asarray(embeddingMatrix);
    if (!matrix && !(vocabSize && embedDim)) throw new ValueError('hk.Embed must be supplied either with an initial `embeddingMatrix` or with `embedDim` and `vocabSize`.');
    if (matrix && matrix.ndim !== 2) throw new ValueError(`hk.Embed: the embeddingMatrix must be [vocabSize, embedDim], but has shape [${matrix.shape}].`);
    if (matrix && vocabSize && matrix.shape[0] !== vocabSize) throw new ValueError(`hk.Embed: the \`vocabSize\` of ${vocabSize} is not consistent with the embeddingMatrix's shape [${matrix.shape}].`);
    if (matrix && embedDim && matrix.shape[1] !== embedDim) throw new ValueError(`hk.Embed: the \`embedDim\` of ${embedDim} is not consistent with the embeddingMatrix's shape [${matrix.shape}].`);
    [this.vocabSize, this.embedDim] = matrix ? (matrix.shape as [number, number]) : [vocabSize!, embedDim!];
    this.wInit = matrix ? () => matrix : wInit ?? new TruncatedNormal();
    this.lookupStyle = lookupStyle;
  }

  get embeddings(): Array { return getParameter('embeddings', [this.vocabSize, this.embedDim], { init: this.wInit }); }

  override call(ids: Array | number | readonly number[], options?: EmbedCallOptions): Array {
    const style = checkOptions('hk.Embed.call', options, ['lookupStyle', 'precision']).lookupStyle ?? this.lookupStyle;
    const rows = integers(ids);
    if (!/^u?int/.test(rows.dtype)) throw new ValueError(`hk.Embed: the ids must be an array of integers, but got ${rows.dtype}: x.astype('int32').`);
    return checkStyle(style) === 'ARRAY_INDEX' ? this.embeddings.index(rows) : jnp.dot(nn.oneHot(rows, this.vocabSize), this.embeddings);
  }
}
