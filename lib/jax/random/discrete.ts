/** Draws of indices: permutations, choices and categories. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { Scalar, isArray, type NDArray } from '../array.js';
import { canonicalAxis, dims, formatShape, type Shape } from '../dims.js';
import { checkDType, isInteger, toInexact, type DType } from '../dtypes.js';
import { zeros } from '../numpy/creation.js';
import { checkShape } from '../numpy/promotion.js';
import { searchsorted } from '../numpy/searching.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { log, log1p } from '../primitives/functions.js';
import { gather, gatherAlong, iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { checkKey } from '../primitives/random.js';
import { argmax, argsort, cumsum } from '../primitives/reduce.js';
import { moveAxis, reshape, slice } from '../primitives/shape.js';
import { parameter, rows, shapeFor, splitKeys, together, uniformFrom, words, type DTypeOption } from './common.js';
import { checkGumbelMode, gumbelOf, type GumbelMode } from './continuous.js';
import { randint } from './uniform.js';

export interface PermutationOptions { axis?: number; independent?: boolean }
/** A shuffled range, or an array shuffled along `axis`: every line on its own with `independent`. */
export function permutation(k: NDArray, x: number | NDArray, options?: PermutationOptions): NDArray {
  const { axis = 0, independent = false } = checkOptions('random.permutation', options, ['axis', 'independent']);
  checkKey('random.permutation', k);
  if (!isArray(x)) return shuffled(k, iota('int32', checkShape('random.permutation', x)), 0);
  if (x.ndim === 0) throw new ShapeError('random.permutation: expected a number or an array of rank 1 or more, got a scalar array.');
  const at = canonicalAxis(axis, x.ndim, 'random.permutation');
  return independent || x.ndim === 1 ? shuffled(k, x, at) : gather(x, shuffled(k, iota('int32', [x.shape[at]]), 0), at);
}
/** Sorts by random words, as often as makes equal words unlikely to matter. */
function shuffled(k: NDArray, x: NDArray, axis: number): NDArray {
  const rounds = Math.ceil((3 * Math.log(Math.max(1, x.size))) / Math.log(2 ** 32 - 1));
  return together((k0, x0) => {
    let [kk, y] = [k0, x0];
    for (let i = 0; i < rounds; i++) {
      const [next, own] = rows(splitKeys(kk, 2));
      kk = next;
      y = gatherAlong(y, argsort(words(own, 32, x0.shape), axis), axis);
    }
    return y;
  }, k, x);
}

/** The indices of the `n` largest elements of the last axis, the largest first. */
const largest = (x: NDArray, n: number): NDArray => {
  const order = argsort(lax.neg(x), x.ndim - 1);
  return slice(order, order.shape.map(() => 0), order.shape.map((d, i) => (i === x.ndim - 1 ? n : d)));
};

export interface ChoiceOptions { replace?: boolean; p?: NDArray | null; axis?: number; mode?: GumbelMode }
/** Elements of `a` along `axis` (of the range below a number), drawn with or without replacement, with probabilities `p`. */
export function choice(k: NDArray, a: number | NDArray, shape: Shape = [], options?: ChoiceOptions): NDArray {
  const where = 'random.choice';
  const { replace = true, p = null, axis = 0, mode = 'low' } = checkOptions(where, options, ['replace', 'p', 'axis', 'mode']);
  checkKey(where, k);
  checkGumbelMode(where, mode);
  const to = checkShape(where, shape);
  const from = isArray(a) && a.ndim > 0 ? a : null;
  const at = from ? canonicalAxis(axis, from.ndim, where) : 0;
  const n = from ? from.shape[at] : Number(isArray(a) ? a.item() : a);
  const draws = dims.size(to);
  if (!Number.isInteger(n)) throw new TypeError(`${where}: expected an array or a whole number to choose from, got ${String(a)}.`);
  const result = from ? [...from.shape.slice(0, at), ...to, ...from.shape.slice(at + 1)] : to;
  if (draws === 0) return zeros(result, { dtype: from ? from.dtype : 'int32' });
  if (n <= 0) throw new ValueError(`${where}: there is nothing to choose from; expected a positive number or a non-empty array.`);
  if (!replace && draws > n) throw new ValueError(`${where}: cannot draw ${draws} of ${n} without replacement.`);
  if (p && !dims.equalShapes(p.shape, [n])) throw new ShapeError(`${where}: p must have the shape [${n}], one probability for each, got ${formatShape(p.shape)}.`);
  const taken = (indices: NDArray): NDArray => reshape(from ? gather(from, indices, at) : indices, result);
  if (!p) {
    if (replace) return taken(randint(k, to, 0, n));
    const order = permutation(k, from ?? n, { axis: at });
    return reshape(slice(order, order.shape.map(() => 0), order.shape.map((d, i) => (i === at ? draws : d))), result);
  }
  const weights = convertElementType(p, toInexact(p.dtype));
  const indices = together((kk, w) => {
    if (!replace) return largest(lax.add(gumbelOf(kk, [n], w.dtype, mode), log(w)), draws);
    const sums = cumsum(w, 0);
    const r = lax.mul(reshape(slice(sums, [n - 1], [n]), []), lax.sub(1, uniformFrom(kk, to, w.dtype)));
    return searchsorted(sums, r);
  }, k, weights);
  return taken(convertElementType(indices, 'int32'));
}

export interface CategoricalOptions { axis?: number; replace?: boolean; mode?: GumbelMode }
/** Indices drawn with probability softmax(logits) along `axis`; `shape` ends with the logits' other axes. */
export function categorical(k: NDArray, logits: NDArray, shape?: Shape | null, options?: CategoricalOptions): NDArray {
  const where = 'random.categorical';
  const { axis = -1, replace = true, mode = 'low' } = checkOptions(where, options, ['axis', 'replace', 'mode']);
  checkKey(where, k);
  checkGumbelMode(where, mode);
  if (!isArray(logits)) throw new TypeError(`${where}: expected an array of logits, got ${typeof logits}; wrap lists in jnp.array.`);
  const at = canonicalAxis(axis, logits.ndim, where);
  const batch = logits.shape.filter((_, i) => i !== at);
  const to = shapeFor(where, shape, batch);
  const lead = to.slice(0, to.length - batch.length);
  return together((kk, x) => {
    if (replace) {
      // The axes that the batch has in `shape`, with the categories' between them.
      const own = to.slice(lead.length);
      const noise = gumbelOf(kk, [...lead, ...own.slice(0, at), x.shape[at], ...own.slice(at)], x.dtype, mode);
      return argmax(lax.add(noise, x), lead.length + at);
    }
    const n = dims.size(lead);
    if (n > x.shape[at]) throw new ValueError(`${where}: cannot draw ${n} of ${x.shape[at]} categories without replacement.`);
    const scores = moveAxis(lax.add(x, gumbelOf(kk, x.shape, x.dtype, mode)), at, x.ndim - 1);
    return reshape(moveAxis(largest(scores, n), x.ndim - 1, 0), to);
  }, k, logits);
}

/** How many trials of probability `p` it takes to succeed once. */
export function geometric(k: NDArray, p: Operand, shape?: Shape | null, options?: DTypeOption): NDArray {
  const { dtype = 'int32' } = checkOptions('random.geometric', options, ['dtype']);
  if (!isInteger(checkDType(dtype, 'random.geometric'))) throw new TypeError(`random.geometric: expected an integer dtype, got ${dtype}.`);
  checkKey('random.geometric', k);
  const of: DType = isArray(p) ? toInexact(asArray(p, 'random.geometric').dtype) : 'float32';
  const q = parameter(p, of);
  const to = shapeFor('random.geometric', shape, q);
  return together((kk, pp) => {
    const u = uniformFrom(kk, to, of);
    const some = lax.select(lax.eq(u, 0), new Scalar(1, of, false), u);
    return convertElementType(lax.add(lax.floor(lax.div(log(some), log1p(lax.neg(pp)))), 1), dtype);
  }, k, q);
}
