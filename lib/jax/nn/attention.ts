/** Scaled dot-product attention. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError } from '../../runtime/errors.js';
import { Scalar, type NDArray } from '../array.js';
import { dims, formatShape } from '../dims.js';
import { promoteDTypes } from '../dtypes.js';
import { matmul } from '../numpy/products.js';
import { logsumexp } from '../numpy/reductions.js';
import { add, bitwiseAnd, ge, le, lt, mul, select, sub } from '../primitives/arithmetic.js';
import { convertElementType, stopGradient } from '../primitives/convert.js';
import { iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo, reshape, transpose } from '../primitives/shape.js';
import { softmax } from '../primitives/softmax.js';

export interface DotProductAttentionOptions {
  /** Added to the logits; broadcasts to [B, N, T, S]. */
  bias?: Operand | null;
  /** bool, broadcasts to [B, N, T, S]: which keys each query sees. */
  mask?: Operand | null;
  /** 1 / √H by default. */
  scale?: number | null;
  /** Each query sees the keys up to its own position. */
  isCausal?: boolean;
  /** int32[B]: how many queries of each sequence count; the others give zeros. */
  querySeqLengths?: Operand | null;
  /** int32[B]: how many keys of each sequence count. */
  keyValueSeqLengths?: Operand | null;
  /** How many keys to the left and to the right of its own position a query sees. */
  localWindowSize?: number | readonly [number, number] | null;
  returnResidual?: boolean;
}

const NAME = 'nn.dotProductAttention';
/** What a key that is not seen gets for a logit: far below others, and finite so that rows without any key give no NaN. */
const HIDDEN = -0.7 * 3.4028234663852886e38;

function fourDimensional(x: Operand): NDArray {
  const a = asArray(x, NAME);
  if (a.ndim > 4) throw new ShapeError(`${NAME}: expected arrays of rank 4 or less, got ${formatShape(a.shape)}.`);
  return reshape(a, [...globalThis.Array(4 - a.ndim).fill(1), ...a.shape]);
}
function expectShape(what: string, x: NDArray, expected: readonly (number | string)[]): void {
  const fits = x.ndim === expected.length && expected.every((d, i) => typeof d === 'string' || dims.equal(d, x.shape[i]));
  if (!fits) throw new ShapeError(`${NAME}: ${what} must have the shape [${expected.join(',')}], got ${formatShape(x.shape)}.`);
}
function lengths(what: string, x: Operand, batch: number): NDArray {
  const a = asArray(x, NAME);
  expectShape(what, a, [batch]);
  if (a.dtype !== 'int32') throw new TypeError(`${NAME}: ${what} must be int32, got ${a.dtype}.`);
  return reshape(a, [batch, 1, 1, 1]);
}

/**
 * softmax(scale · query · keyᵀ + bias) · value. query: [B, T, N, H], key and value: [B, S, K, H], where K divides N and
 * each key head serves N / K query heads; without a batch axis too. Logits and softmax are computed in float32 at least.
 * Gives [B, T, N, H]; with `returnResidual` also the logarithm of each softmax's sum, [B, T, N]. As
 * `jax.nn.dot_product_attention`.
 */
export function dotProductAttention(query: Operand, key: Operand, value: Operand, options: DotProductAttentionOptions & { returnResidual: true }): [NDArray, NDArray];
export function dotProductAttention(query: Operand, key: Operand, value: Operand, options?: DotProductAttentionOptions): NDArray;
export function dotProductAttention(query: Operand, key: Operand, value: Operand, options?: DotProductAttentionOptions): NDArray | [NDArray, NDArray] {
  const { bias = null, mask = null, scale = null, isCausal = false, querySeqLengths = null, keyValueSeqLengths = null, localWindowSize = null, returnResidual = false } =
    checkOptions(NAME, options, ['bias', 'mask', 'scale', 'isCausal', 'querySeqLengths', 'keyValueSeqLengths', 'localWindowSize', 'returnResidual']);
  const [q, k, v] = [query, key, value].map(fourDimensional);
  const [B, S, K, H] = k.shape;
  expectShape('value', v, [B, S, K, H]);
  expectShape('query', q, [B, 'T', 'N', H]);
  const other = [q, v].find((x) => x.dtype !== k.dtype);
  if (other) throw new TypeError(`${NAME}: query, key and value must have one dtype, got ${k.dtype} and ${other.dtype}.`);
  const [, T, N] = q.shape;
  if (N % K !== 0) throw new ShapeError(`${NAME}: ${N} query heads are no multiple of ${K} key heads.`);
  // Query heads that share a key head stand one below the other.
  const rows = dims.mul(N / K, T);
  const dtype = promoteDTypes(k.dtype, 'float32');
  const heads = (x: NDArray, order: readonly number[]) => convertElementType(transpose(x, order), dtype);
  let logits = reshape(matmul(reshape(heads(q, [0, 2, 1, 3]), [B, K, rows, H]), heads(k, [0, 2, 3, 1])), [B, N, T, S]);
  logits = mul(logits, scale ?? 1 / Math.sqrt(H));
  if (bias !== null) logits = add(logits, convertElementType(fourDimensional(bias), dtype));

  const at = (n: number, axis: 2 | 3) => reshape(iota('int32', [n]), axis === 2 ? [1, 1, n, 1] : [1, 1, 1, n]);
  const [row, column] = [at(T, 2), at(S, 3)];
  const seen: NDArray[] = [];
  if (mask !== null) {
    const m = fourDimensional(mask);
    if (m.dtype !== 'bool') throw new TypeError(`${NAME}: the mask must be bool, got ${m.dtype}; compare it with 0 first.`);
    seen.push(m);
  }
  if (isCausal) seen.push(ge(row, column));
  if (localWindowSize !== null) {
    const [left, right] = typeof localWindowSize === 'number' ? [localWindowSize, localWindowSize] : localWindowSize;
    seen.push(le(row, add(column, left)), ge(row, sub(column, right)));
  }
  const queries = querySeqLengths === null ? null : lt(row, lengths('querySeqLengths', querySeqLengths, B));
  if (queries) seen.push(queries);
  if (keyValueSeqLengths !== null) seen.push(lt(column, lengths('keyValueSeqLengths', keyValueSeqLengths, B)));
  if (seen.length) logits = select(seen.reduce(bitwiseAnd), logits, HIDDEN);

  const weights = reshape(convertElementType(softmax(logits, 3), k.dtype), [B, K, rows, S]);
  let out = reshape(matmul(weights, transpose(v, [0, 2, 1, 3])), [B, N, T, H]);
  if (queries) out = select(expandTo(queries, [B, N, T, H]), out, new Scalar(0, out.dtype, false));
  const { shape } = asArray(query, NAME);
  const encoded = reshape(transpose(out, [0, 2, 1, 3]), shape);
  if (!returnResidual) return encoded;
  const residual = convertElementType(logsumexp(logits, { axis: -1 }), k.dtype);
  return [encoded, stopGradient(reshape(transpose(residual, [0, 2, 1]), shape.slice(0, -1)))];
}
