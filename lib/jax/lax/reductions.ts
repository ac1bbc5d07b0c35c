/** Reductions along axes. Signatures are JAX's, by the argument rule. */
import { TypeError, ValueError } from '../../runtime/errors.js';
import { NDArray, isArray } from '../array.js';
import { vmap } from '../batching.js';
import { canonicalAxes, dims } from '../dims.js';
import { isFloat } from '../dtypes.js';
import { add, bitwiseAnd, bitwiseOr, bitwiseXor, max, min, mul } from '../primitives/arithmetic.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as reduce_ from '../primitives/reduce.js';
import { concatenate, expandTo, reduceSum as sum, reshape, slice, transpose } from '../primitives/shape.js';
import * as tree from '../tree.js';
import { initial, isNeutral, monoidOf, type Computation, type Monoid } from './monoids.js';

type Axes = readonly number[];
/** The axes last, as one. */
function flattened(x: NDArray, axes: Axes): NDArray {
  const rest = [...x.shape.keys()].filter((i) => !axes.includes(i));
  return reshape(transpose(x, [...rest, ...axes]), [...rest.map((i) => x.shape[i]), dims.size(axes.map((i) => x.shape[i]))]);
}
/** Halves are combined until one element is left along the last axis. */
function halve(xs: readonly NDArray[], combine: (a: readonly NDArray[], b: readonly NDArray[]) => readonly NDArray[]): NDArray[] {
  let ys = [...xs];
  const last = ys[0].ndim - 1;
  const part = (y: NDArray, from: number, to: number) => slice(y, [...y.shape.slice(0, last).map(() => 0), from], [...y.shape.slice(0, last), to]);
  for (let n = ys[0].shape[last]; n > 1; n = Math.ceil(n / 2)) {
    const half = Math.floor(n / 2);
    const folded = combine(ys.map((y) => part(y, 0, half)), ys.map((y) => part(y, half, 2 * half)));
    ys = folded.map((y, i) => (n % 2 ? concatenate([y, part(ys[i], n - 1, n)], last) : y));
  }
  return ys.map((y) => reshape(y, y.shape.slice(0, last)));
}
const bits = (name: string, f: (x: NDArray, y: NDArray) => NDArray, neutral: 0 | -1) => (operand: Operand, axes: Axes): NDArray => {
  const x = asArray(operand, name);
  if (isFloat(x.dtype)) throw new TypeError(`${name}: expected integers or bool, got ${x.dtype}.`);
  const flat = flattened(x, canonicalAxes(axes, x.ndim, name));
  if (dims.equal(flat.shape[flat.ndim - 1], 0)) return expandTo(initial(name, x.dtype === 'bool' ? neutral !== 0 : x.dtype.startsWith('uint') && neutral ? 2n ** BigInt(x.dtype.slice(4)) - 1n : neutral, x.dtype), flat.shape.slice(0, -1));
  return halve([flat], ([a], [b]) => [f(a, b)])[0];
};

const reduction = (name: string, f: (x: NDArray, axes: Axes) => NDArray) => (operand: Operand, axes: Axes): NDArray => {
  const x = asArray(operand, name);
  return f(x, canonicalAxes(axes, x.ndim, name));
};
export const reduceSum = reduction('lax.reduceSum', sum);
export const reduceProd = reduction('lax.reduceProd', reduce_.reduceProd);
/** The largest elements; NaN wins. */
export const reduceMax = reduction('lax.reduceMax', reduce_.reduceMax);
/** The smallest elements; NaN wins. */
export const reduceMin = reduction('lax.reduceMin', reduce_.reduceMin);
/** `and` of booleans, or of all bits. */
export const reduceAnd = bits('lax.reduceAnd', bitwiseAnd, -1);
/** `or` of booleans, or of all bits. */
export const reduceOr = bits('lax.reduceOr', bitwiseOr, 0);
/** `xor` of booleans, or of all bits. */
export const reduceXor = bits('lax.reduceXor', bitwiseXor, 0);

const KNOWN: Readonly<Record<Monoid, (x: NDArray, axes: Axes) => NDArray>> =
  { add: reduceSum, mul: reduceProd, max: reduceMax, min: reduceMin, and: reduceAnd, or: reduceOr, xor: reduceXor };
const COMBINE: Readonly<Record<Monoid, (x: NDArray, y: NDArray) => NDArray>> = { add, mul, max, min, and: bitwiseAnd, or: bitwiseOr, xor: bitwiseXor };

/**
 * As `jax.lax.reduce`: `computation(x, y)` combines elements along `dimensions`, and `initValues` with the result; it must be
 * associative, and `initValues` change nothing. `operands` may be a tree: then `computation` takes and gives such trees.
 */
export function reduce(operands: any, initValues: any, computation: Computation, dimensions: Axes): any {
  const where = 'lax.reduce';
  const [leaves, def] = tree.flatten(operands);
  const xs = leaves.map((x) => asArray(x as Operand, where));
  if (xs.length === 0) throw new ValueError(`${where}: expected at least one array, got none.`);
  const inits = tree.flattenUpTo(def, initValues, `${where}: initValues`).map((v, i) => initial(where, v, xs[i].dtype));
  const axes = canonicalAxes(dimensions, xs[0].ndim, where);
  const monoid = isArray(operands) ? monoidOf(where, computation, xs[0].dtype) : null;
  const empty = axes.some((a) => dims.equal(xs[0].shape[a], 0));
  if (monoid && !empty) {
    const out = KNOWN[monoid](xs[0], axes);
    return isNeutral(monoid, inits[0]) ? out : COMBINE[monoid](out, inits[0]);
  }
  const flat = xs.map((x) => flattened(x, axes));
  const shape = flat[0].shape.slice(0, -1);
  const starts = inits.map((v) => expandTo(v, shape));
  if (empty) return tree.unflatten(def, starts);
  // The computation knows scalars only: it is mapped over all elements in a row.
  const combine = (a: readonly NDArray[], b: readonly NDArray[]): NDArray[] => {
    const row = (v: NDArray) => reshape(v, [dims.size(v.shape)]);
    const mapped = vmap((p: NDArray[], q: NDArray[]) => tree.leaves(computation(tree.unflatten(def, p), tree.unflatten(def, q))))(a.map(row), b.map(row)) as NDArray[];
    return mapped.map((y) => reshape(y, a[0].shape));
  };
  return tree.unflatten(def, combine(starts, halve(flat, combine)));
}
