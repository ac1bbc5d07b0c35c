/** Sorting, and the largest elements. Signatures are JAX's, by the argument rule. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import type { NDArray } from '../array.js';
import { canonicalAxis, dims, formatShape } from '../dims.js';
import { checkDType, isInteger, type DType } from '../dtypes.js';
import { neg } from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { gatherAlong } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as reduce from '../primitives/reduce.js';
import { topKIndices } from '../primitives/sorting.js';

export interface SortOptions { dimension?: number; isStable?: boolean; numKeys?: number }

function sorted(where: string, xs: readonly NDArray[], dimension: number, numKeys: number): NDArray[] {
  const [first] = xs;
  if (!first) throw new ValueError(`${where}: expected at least one array, got none.`);
  if (first.ndim === 0) throw new ShapeError(`${where}: expected arrays of rank 1 or more, got a scalar.`);
  if (xs.some((x) => !dims.equalShapes(x.shape, first.shape))) throw new ShapeError(`${where}: the arrays must have one shape, got ${xs.map((x) => formatShape(x.shape)).join(', ')}.`);
  if (!Number.isInteger(numKeys) || numKeys < 1 || numKeys > xs.length) throw new ValueError(`${where}: numKeys must be between 1 and the number of arrays, ${xs.length}, got ${numKeys}.`);
  const axis = canonicalAxis(dimension, first.ndim, where);
  // Stable, by the last key first: so the first one decides, and among its equals the next.
  const order = xs.slice(0, numKeys).reduceRight<NDArray | null>((before, key) => {
    if (!before) return reduce.argsort(key, axis);
    return gatherAlong(before, reduce.argsort(gatherAlong(key, before, axis), axis), axis);
  }, null)!;
  return xs.map((x) => gatherAlong(x, order, axis));
}

/**
 * As `jax.lax.sort`: ascending, equal elements in their order, NaN last. Of a list, all arrays are reordered alike: by the
 * first `numKeys` of them, the first one deciding.
 */
export function sort(operand: NDArray, options?: SortOptions): NDArray;
export function sort(operand: readonly NDArray[], options?: SortOptions): NDArray[];
export function sort(operand: NDArray | readonly NDArray[], options?: SortOptions): NDArray | NDArray[] {
  const where = 'lax.sort';
  const { dimension = -1, numKeys = 1 } = checkOptions(where, options, ['dimension', 'isStable', 'numKeys']);
  const many = globalThis.Array.isArray(operand);
  const out = sorted(where, (many ? operand as readonly NDArray[] : [operand as NDArray]).map((x) => asArray(x, where)), dimension, numKeys);
  return many ? out : out[0];
}
/** As `jax.lax.sort_key_val`: [keys, values], both in the order of the keys. */
export function sortKeyVal(keys: NDArray, values: NDArray, options?: Omit<SortOptions, 'numKeys'>): [NDArray, NDArray] {
  const { dimension = -1 } = checkOptions('lax.sortKeyVal', options, ['dimension', 'isStable']);
  return sorted('lax.sortKeyVal', [asArray(keys, 'lax.sortKeyVal'), asArray(values, 'lax.sortKeyVal')], dimension, 1) as [NDArray, NDArray];
}

/** As `jax.lax.top_k`: [values, positions (int32)] of the `k` largest along `axis`, the largest first; of equal ones the first, NaN before all. */
export function topK(operand: Operand, k: number, options?: { axis?: number }): [NDArray, NDArray] {
  const { axis = -1 } = checkOptions('lax.topK', options, ['axis']);
  const x = asArray(operand, 'lax.topK');
  const at = canonicalAxis(axis, x.ndim, 'lax.topK');
  const positions = topKIndices(x, k, at);
  return [gatherAlong(x, positions, at), positions];
}

export interface ApproxOptions { reductionDimension?: number; recallTarget?: number; reductionInputSizeOverride?: number; aggregateToTopk?: boolean }
const APPROX = ['reductionDimension', 'recallTarget', 'reductionInputSizeOverride', 'aggregateToTopk'] as const;
/** As `jax.lax.approx_max_k`, exactly: `topK`. */
export function approxMaxK(operand: NDArray, k: number, options?: ApproxOptions): [NDArray, NDArray] {
  return topK(operand, k, { axis: checkOptions('lax.approxMaxK', options, APPROX).reductionDimension ?? -1 });
}
/** As `jax.lax.approx_min_k`, exactly: the smallest, the smallest first. */
export function approxMinK(operand: NDArray, k: number, options?: ApproxOptions): [NDArray, NDArray] {
  const [values, positions] = topK(neg(operand), k, { axis: checkOptions('lax.approxMinK', options, APPROX).reductionDimension ?? -1 });
  return [neg(values), positions];
}

const position = (name: string, f: (x: NDArray, axis: number) => NDArray) => (operand: Operand, axis: number, indexDtype: DType = 'int32'): NDArray => {
  const x = asArray(operand, name);
  if (!isInteger(checkDType(indexDtype, name))) throw new TypeError(`${name}: indexDtype must be an integer type, got ${indexDtype}.`);
  return convertElementType(f(x, canonicalAxis(axis, x.ndim, name)), indexDtype);
};
/** The position of the first largest element along `axis`; NaN counts as the largest. */
export const argmax = position('lax.argmax', reduce.argmax);
/** The position of the first smallest element along `axis`; NaN counts as the smallest. */
export const argmin = position('lax.argmin', reduce.argmin);
