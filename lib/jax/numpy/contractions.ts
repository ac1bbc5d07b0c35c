/** Products of vectors and of lists of them; convolutions of vectors. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, ValueError } from '../../runtime/errors.js';
import type { NDArray } from '../array.js';
import { broadcastShapes, canonicalAxis, dims, formatShape } from '../dims.js';
import { checkDType } from '../dtypes.js';
import { mul, neg, sub } from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { conv } from '../primitives/convolution.js';
import { dotGeneral } from '../primitives/dot.js';
import type { Operand } from '../primitives/primitive.js';
import { expandTo, moveAxis, reduceSum, reshape, reverse, slice } from '../primitives/shape.js';
import { concatenate } from './joining.js';
import { matmul } from './products.js';
import { PRODUCT, factors, inexact, promoteOperands, type ProductOptions } from './promotion.js';

/** Σ x·y over the last axis of both; other axes side by side. */
export function inner(x: Operand, y: Operand, options?: ProductOptions): NDArray {
  const [a, b] = factors('jnp.inner', x, y, options);
  if (a.ndim === 0 || b.ndim === 0) return mul(a, b);
  const [i, j] = [a.ndim - 1, b.ndim - 1];
  if (!dims.equal(a.shape[i], b.shape[j])) {
    throw new ShapeError(`jnp.inner: the last axes of ${formatShape(a.shape)} and ${formatShape(b.shape)} have different sizes.`);
  }
  return dotGeneral(a, b, { contract: [[i], [j]], batch: [[], []] });
}
/** Σ x·y of all elements in a row. */
export function vdot(x: Operand, y: Operand, options?: ProductOptions): NDArray {
  const [a, b] = factors('jnp.vdot', x, y, options);
  if (!dims.equal(a.size, b.size)) throw new ShapeError(`jnp.vdot: ${formatShape(a.shape)} and ${formatShape(b.shape)} have different numbers of elements.`);
  return dotGeneral(reshape(a, [a.size]), reshape(b, [b.size]), { contract: [[0], [0]], batch: [[], []] });
}
/** Σ x·y along `axis`; other axes broadcast. */
export function vecdot(x: Operand, y: Operand, options?: { axis?: number } & ProductOptions): NDArray {
  const { axis = -1, ...rest } = checkOptions('jnp.vecdot', options, ['axis', ...PRODUCT]);
  const [a, b] = factors('jnp.vecdot', x, y, rest).map((v) => moveAxis(v, canonicalAxis(axis, v.ndim, 'jnp.vecdot'), v.ndim - 1));
  if (!dims.equal(a.shape[a.ndim - 1], b.shape[b.ndim - 1])) {
    throw new ShapeError(`jnp.vecdot: axis ${axis} has ${a.shape[a.ndim - 1]} and ${b.shape[b.ndim - 1]} elements.`);
  }
  if (a.ndim === 1 && b.ndim === 1) return dotGeneral(a, b, { contract: [[0], [0]], batch: [[], []] });
  const product = mul(a, b);
  return reduceSum(product, [product.ndim - 1]);
}
/** Matrices by vectors: [..., m, n] and [..., n] to [..., m]. */
export function matvec(x: Operand, y: Operand): NDArray {
  const [a, b] = promoteOperands('jnp.matvec', x, y);
  if (a.ndim < 2 || b.ndim < 1) throw new ShapeError(`jnp.matvec: expected matrices and vectors, got shapes ${formatShape(a.shape)} and ${formatShape(b.shape)}.`);
  const out = matmul(a, reshape(b, [...b.shape, 1]));
  return reshape(out, out.shape.slice(0, -1));
}
/** Vectors by matrices: [..., n] and [..., n, m] to [..., m]. */
export function vecmat(x: Operand, y: Operand): NDArray {
  const [a, b] = promoteOperands('jnp.vecmat', x, y);
  if (a.ndim < 1 || b.ndim < 2) throw new ShapeError(`jnp.vecmat: expected vectors and matrices, got shapes ${formatShape(a.shape)} and ${formatShape(b.shape)}.`);
  const out = matmul(reshape(a, [...a.shape.slice(0, -1), 1, a.shape[a.ndim - 1]]), b);
  return reshape(out, [...out.shape.slice(0, -2), out.shape[out.ndim - 1]]);
}
/** Kronecker's product: every element of `x` times all of `y`. */
export function kron(x: Operand, y: Operand): NDArray {
  const [a, b] = promoteOperands('jnp.kron', x, y);
  const rank = Math.max(a.ndim, b.ndim);
  const [s, t] = [a, b].map((v) => [...globalThis.Array<number>(rank - v.ndim).fill(1), ...v.shape]);
  return reshape(mul(reshape(a, s.flatMap((d) => [d, 1])), reshape(b, t.flatMap((d) => [1, d]))), s.map((d, i) => dims.mul(d, t[i])));
}
export interface CrossOptions { axisa?: number; axisb?: number; axisc?: number; axis?: number | null }
/** The cross product of vectors of two or three elements along an axis of each; two of two elements give a number. */
export function cross(x: Operand, y: Operand, options?: CrossOptions): NDArray {
  const { axisa = -1, axisb = -1, axisc = -1, axis = null } = checkOptions('jnp.cross', options, ['axisa', 'axisb', 'axisc', 'axis']);
  const [a, b] = promoteOperands('jnp.cross', x, y).map((v, i) => moveAxis(v, canonicalAxis(axis ?? (i ? axisb : axisa), v.ndim, 'jnp.cross'), v.ndim - 1));
  const [m, n] = [a.shape[a.ndim - 1], b.shape[b.ndim - 1]];
  if (![2, 3].includes(m) || ![2, 3].includes(n)) throw new ShapeError(`jnp.cross: vectors must have 2 or 3 elements, got ${m} and ${n}.`);
  const element = (v: NDArray, k: number) => {
    const lead = v.shape.slice(0, -1);
    return reshape(slice(v, [...lead.map(() => 0), k], [...lead, k + 1]), lead);
  };
  const minor = (i: number, j: number) => sub(mul(element(a, i), element(b, j)), mul(element(a, j), element(b, i)));
  if (m === 2 && n === 2) return minor(0, 1);
  const lead = broadcastShapes('jnp.cross', a.shape.slice(0, -1), b.shape.slice(0, -1));
  // A missing third element is 0.
  const third = (i: number, sign: 1 | -1) => {
    if (m === 3 && n === 3) return sign > 0 ? minor(i, 2) : minor(2, i);
    const one = m === 3 ? neg(mul(element(a, 2), element(b, i))) : mul(element(a, i), element(b, 2));
    return sign > 0 ? one : neg(one);
  };
  const parts = [third(1, 1), third(0, -1), minor(0, 1)].map((v) => reshape(expandTo(v, lead), [...lead, 1]));
  const out = concatenate(parts, { axis: lead.length });
  return moveAxis(out, lead.length, canonicalAxis(axis ?? axisc, out.ndim, 'jnp.cross'));
}

export interface ConvolveOptions extends ProductOptions { mode?: 'full' | 'same' | 'valid' }
function slide(where: string, x: Operand, y: Operand, options: ConvolveOptions | undefined, otherwise: 'full' | 'valid', turned: boolean): NDArray {
  const { mode = otherwise, preferredElementType } = checkOptions(where, options, ['mode', ...PRODUCT]);
  if (!['full', 'same', 'valid'].includes(mode)) throw new ValueError(`${where}: unknown mode '${String(mode)}'; expected full, same or valid.`);
  let [a, b] = inexact(where, x, y);
  if (preferredElementType) [a, b] = [a, b].map((v) => convertElementType(v, checkDType(preferredElementType, where)));
  if (a.ndim !== 1 || b.ndim !== 1 || a.size === 0 || b.size === 0) {
    throw new ShapeError(`${where}: expected two vectors that are not empty, got shapes ${formatShape(a.shape)} and ${formatShape(b.shape)}.`);
  }
  // The shorter one slides; a correlation of the two in the other order reads backwards.
  const swapped = a.size < b.size;
  if (swapped) [a, b] = [b, a];
  const k = b.size;
  const padding: [number, number] = mode === 'valid' ? [0, 0] : mode === 'full' ? [k - 1, k - 1] : [Math.floor(k / 2), k - Math.floor(k / 2) - 1];
  const params = { strides: [1], padding: [padding], lhsDilation: [1], rhsDilation: [1], groups: 1 };
  const out = conv(reshape(a, [1, 1, a.size]), reshape(turned ? reverse(b, [0]) : b, [1, 1, k]), params);
  const line = reshape(out, [out.size]);
  return swapped && !turned ? reverse(line, [0]) : line;
}
/** Σⱼ x[j]·y[i - j] of two vectors: all places ('full'), as many as the longer has ('same'), or where both overlap whole ('valid'). */
export const convolve = (x: Operand, y: Operand, options?: ConvolveOptions): NDArray => slide('jnp.convolve', x, y, options, 'full', true);
/** Σⱼ x[i + j]·y[j] of two vectors, by default where both overlap whole. */
export const correlate = (x: Operand, y: Operand, options?: ConvolveOptions): NDArray => slide('jnp.correlate', x, y, options, 'valid', false);
