/** Arrays as sets. The number of distinct elements depends on their values: inside a trace `size` must say it. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError } from '../../runtime/errors.js';
import { NDArray, Scalar, expectConcrete } from '../array.js';
import { canonicalAxis } from '../dims.js';
import { isFloat } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { gather, iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as reduce from '../primitives/reduce.js';
import { scatter } from '../primitives/scatter.js';
import { concatenate, expandTo, moveAxis, reduceSum, reshape, slice } from '../primitives/shape.js';
import { lexsort, nonzero, searchsorted } from './searching.js';
import { promoteOperands } from './promotion.js';
import { ravel } from './manipulation.js';
import { sort } from './reductions.js';

export interface SetOptions { size?: number | null; fillValue?: Operand | null }
export interface UniqueOptions extends SetOptions { axis?: number | null; equalNan?: boolean; sorted?: boolean }
export interface UniqueFlags { returnIndex?: boolean; returnInverse?: boolean; returnCounts?: boolean }

const count = (mask: NDArray): NDArray => reduceSum(convertElementType(mask, 'int32'), [0]);
/** How many are set: `size`, or counted now. */
const sizeOf = (where: string, mask: NDArray, size: number | null | undefined): number => size ?? (expectConcrete(count(mask), `${where} without size`).item() as number);
/** Where a sorted list of rows [n, …] has one that differs from the one before. */
function firsts(sorted: NDArray, equalNan: boolean): NDArray {
  const n = sorted.shape[0];
  const part = (from: number, to: number) => slice(sorted, sorted.shape.map((_, i) => (i ? 0 : from)), sorted.shape.map((d, i) => (i ? d : to)));
  const [next, before] = [part(Math.min(1, n), n), part(0, Math.max(0, n - 1))];
  let differ = lax.ne(next, before);
  if (equalNan && isFloat(sorted.dtype)) differ = lax.bitwiseAnd(differ, lax.bitwiseNot(lax.bitwiseAnd(lax.ne(next, next), lax.ne(before, before))));
  const rest = [...differ.shape.keys()].slice(1);
  const any = rest.length ? lax.gt(reduceSum(convertElementType(differ, 'int32'), rest), 0) : differ;
  return concatenate([expandTo(new Scalar(true, 'bool', false), [Math.min(1, n)]), any], 0);
}
/** The first `size` of the elements that a mask picks; fewer are followed by `fillValue`, or else by the first of them again. */
function picked(where: string, xs: NDArray, mask: NDArray, { size, fillValue }: SetOptions): NDArray {
  const total = sizeOf(where, mask, size);
  if (xs.shape[0] === 0) {
    if (total > 0 && (fillValue === undefined || fillValue === null)) {
      throw new ShapeError(`${where}: an empty array has no element to fill ${total} places with; give fillValue.`);
    }
    return expandTo(convertElementType(asArray(fillValue ?? 0, where), xs.dtype), [total, ...xs.shape.slice(1)]);
  }
  const [at] = nonzero(mask, { size: total });
  const there = lax.lt(iota('int32', [total]), count(mask));
  const first = fillValue === undefined || fillValue === null;
  const out = gather(xs, first && total > 0 ? lax.select(there, at, gather(at, new Scalar(0, 'int32', false), 0)) : at, 0);
  return first ? out : lax.select(reshape(there, [total, ...xs.shape.slice(1).map(() => 1)]), out, convertElementType(asArray(fillValue, where), xs.dtype));
}

interface Distinct { values: NDArray; index: NDArray; inverse: NDArray; counts: NDArray }
function distinct(where: string, x: Operand, { axis = null, equalNan = true, size, fillValue }: UniqueOptions): Distinct {
  const given = asArray(x, where);
  const at = axis === null ? 0 : canonicalAxis(axis, given.ndim, where);
  const rows = axis === null ? ravel(given) : moveAxis(given, at, 0);
  const n = rows.shape[0];
  const flat = reshape(rows, [n, rows.shape.slice(1).reduce((a, b) => a * b, 1)]);
  // Rows are sorted by their last element first, so that the first decides.
  const order = rows.ndim === 1 ? reduce.argsort(rows, 0) : flat.shape[1] === 0 ? iota('int32', [n])
    : lexsort([...globalThis.Array(flat.shape[1]).keys()].reverse().map((k) => reshape(slice(flat, [0, k], [n, k + 1]), [n])));
  const sorted = gather(rows, order, 0);
  const mask = firsts(sorted, equalNan);
  const total = sizeOf(where, mask, size);
  const values = picked(where, sorted, mask, { size: total, fillValue });
  const inverse = scatter(expandTo(new Scalar(0, 'int32', false), [n]), order, lax.sub(reduce.cumsum(convertElementType(mask, 'int32'), 0), 1), 'set', { distinct: true });
  const [starts] = n === 0 ? [expandTo(new Scalar(0, 'int32', false), [total + 1])] : nonzero(mask, { size: total + 1, fillValue: n });
  const part = (from: number, to: number) => slice(starts, [from], [to]);
  const found = total > 0 && n > 0 ? lax.select(lax.lt(part(0, total), n), part(0, total), part(0, 1)) : part(0, total);
  return {
    values: axis === null ? values : moveAxis(values, 0, at),
    index: n === 0 ? found : gather(order, found, 0),
    inverse: axis === null ? reshape(inverse, given.shape) : inverse,
    counts: lax.sub(part(1, total + 1), part(0, total)),
  };
}
const UNIQUE = ['returnIndex', 'returnInverse', 'returnCounts', 'axis', 'equalNan', 'size', 'fillValue', 'sorted'] as const;
/**
 * The distinct elements (or slices along `axis`) in order; with `returnIndex`, `returnInverse`, `returnCounts` a list that
 * also has where each comes first, which of them each element is, and how often. `size`: as many, filled with `fillValue`
 * (the smallest element).
 */
export function unique(x: Operand, options: UniqueOptions & ({ returnIndex: true } | { returnInverse: true } | { returnCounts: true }) & UniqueFlags): NDArray[];
export function unique(x: Operand, options?: UniqueOptions): NDArray;
export function unique(x: Operand, options?: UniqueOptions & UniqueFlags): NDArray | NDArray[] {
  const { returnIndex, returnInverse, returnCounts, ...rest } = checkOptions('jnp.unique', options, UNIQUE);
  const d = distinct('jnp.unique', x, rest);
  if (!returnIndex && !returnInverse && !returnCounts) return d.values;
  return [d.values, ...(returnIndex ? [d.index] : []), ...(returnInverse ? [d.inverse] : []), ...(returnCounts ? [d.counts] : [])];
}
const SET = ['size', 'fillValue'] as const;
/** Of the array API: values, first places, inverse and counts; NaN differ from each other. */
export function uniqueAll(x: Operand, options?: SetOptions): { values: NDArray; indices: NDArray; inverseIndices: NDArray; counts: NDArray } {
  const d = distinct('jnp.uniqueAll', x, { ...checkOptions('jnp.uniqueAll', options, SET), equalNan: false });
  return { values: d.values, indices: d.index, inverseIndices: d.inverse, counts: d.counts };
}
export function uniqueCounts(x: Operand, options?: SetOptions): { values: NDArray; counts: NDArray } {
  const { values, counts } = distinct('jnp.uniqueCounts', x, { ...checkOptions('jnp.uniqueCounts', options, SET), equalNan: false });
  return { values, counts };
}
export function uniqueInverse(x: Operand, options?: SetOptions): { values: NDArray; inverseIndices: NDArray } {
  const { values, inverse } = distinct('jnp.uniqueInverse', x, { ...checkOptions('jnp.uniqueInverse', options, SET), equalNan: false });
  return { values, inverseIndices: inverse };
}
export const uniqueValues = (x: Operand, options?: SetOptions): NDArray => distinct('jnp.uniqueValues', x, { ...checkOptions('jnp.uniqueValues', options, SET), equalNan: false }).values;

/** Which elements of `x` are among those of `y`. */
function among(x: NDArray, y: NDArray): NDArray {
  const n = y.size;
  if (n === 0) return expandTo(new Scalar(false, 'bool', false), x.shape);
  const sorted = sort(ravel(y));
  const at = lax.min(searchsorted(sorted, x), n - 1);
  return lax.eq(gather(sorted, at, 0), x);
}
export interface IsInOptions { assumeUnique?: boolean; invert?: boolean; method?: string }
/** Whether each element is among the test elements. */
export function isin(element: Operand, testElements: Operand, options?: IsInOptions): NDArray {
  const { invert = false } = checkOptions('jnp.isin', options, ['assumeUnique', 'invert', 'method']);
  const [x, y] = promoteOperands('jnp.isin', element, testElements);
  const hits = among(x, y);
  return invert ? lax.bitwiseNot(hits) : hits;
}
/** The elements of both, each once. */
export function union1d(x: Operand, y: Operand, options?: SetOptions): NDArray {
  const [a, b] = promoteOperands('jnp.union1d', x, y);
  return distinct('jnp.union1d', concatenate([ravel(a), ravel(b)], 0), checkOptions('jnp.union1d', options, SET)).values;
}
/** Sorted elements of `a` (each once unless they are known to be), of which `keep` says which stay. */
function chosen(where: string, a: NDArray, keep: (sorted: NDArray) => NDArray, assumeUnique: boolean, options: SetOptions): NDArray {
  const flat = ravel(a);
  const sorted = assumeUnique ? flat : sort(flat);
  const mask = assumeUnique ? keep(sorted) : lax.bitwiseAnd(firsts(sorted, true), keep(sorted));
  return picked(where, sorted, mask, options);
}
interface TwoSetsOptions extends SetOptions { assumeUnique?: boolean }
/** The elements of `x` that are not in `y`, each once and in order; as they come with `assumeUnique`. Filled with 0. */
export function setdiff1d(x: Operand, y: Operand, options?: TwoSetsOptions): NDArray {
  const { assumeUnique = false, ...rest } = checkOptions('jnp.setdiff1d', options, ['assumeUnique', ...SET]);
  const [a, b] = promoteOperands('jnp.setdiff1d', x, y);
  return chosen('jnp.setdiff1d', a, (s) => lax.bitwiseNot(among(s, b)), assumeUnique, { size: rest.size, fillValue: rest.fillValue ?? 0 });
}
/** The elements of either that are not in both, in order. */
export function setxor1d(x: Operand, y: Operand, options?: TwoSetsOptions): NDArray {
  const { assumeUnique: _known, ...rest } = checkOptions('jnp.setxor1d', options, ['assumeUnique', ...SET]);
  const [a, b] = promoteOperands('jnp.setxor1d', x, y);
  return chosen('jnp.setxor1d', concatenate([ravel(a), ravel(b)], 0), (s) => lax.ne(among(s, a), among(s, b)), false, rest);
}
/** The elements of both, in order; with `returnIndices` also where they come first in each. */
export function intersect1d(x: Operand, y: Operand, options: TwoSetsOptions & { returnIndices: true }): [NDArray, NDArray, NDArray];
export function intersect1d(x: Operand, y: Operand, options?: TwoSetsOptions): NDArray;
export function intersect1d(x: Operand, y: Operand, options?: TwoSetsOptions & { returnIndices?: boolean }): NDArray | [NDArray, NDArray, NDArray] {
  const { assumeUnique: _known, returnIndices = false, size, fillValue } = checkOptions('jnp.intersect1d', options, ['assumeUnique', 'returnIndices', ...SET]);
  const [a, b] = promoteOperands('jnp.intersect1d', x, y).map((x) => ravel(x));
  const order = reduce.argsort(a, 0);
  const sorted = gather(a, order, 0);
  const mask = lax.bitwiseAnd(firsts(sorted, true), among(sorted, b));
  const total = sizeOf('jnp.intersect1d', mask, size);
  const values = picked('jnp.intersect1d', sorted, mask, { size: total, fillValue });
  if (!returnIndices) return values;
  const there = lax.lt(iota('int32', [total]), count(mask));
  const behind = (v: NDArray, n: number) => lax.select(there, v, new Scalar(n, 'int32', false));
  const [at] = nonzero(mask, { size: total });
  const other = reduce.argsort(b, 0);
  const inB = lax.min(searchsorted(gather(b, other, 0), gather(sorted, at, 0)), Math.max(0, b.size - 1));
  return [values, behind(gather(order, at, 0), a.size), behind(gather(other, inB, 0), b.size)];
}
