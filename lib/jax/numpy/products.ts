/** Matrix products and decompositions. */
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Scalar, type NDArray } from '../array.js';
import { broadcastShapes, canonicalAxes, canonicalAxis, formatShape } from '../dims.js';
import { toInexact } from '../dtypes.js';
import { abs, add, eq, mul, ne, pow, select } from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { dotGeneral } from '../primitives/dot.js';
import { sqrt } from '../primitives/functions.js';
import { iota } from '../primitives/indexing.js';
import * as primitives from '../primitives/linalg.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo, pad, reshape, slice, transpose } from '../primitives/shape.js';
import { max, min, sum } from './reductions.js';
import { promoteOperands } from './ufuncs.js';

const range = (n: number, from = 0): number[] => [...globalThis.Array(n).keys()].map((i) => i + from);

/** NumPy's dot: the last axis of `x` with the last but one of `y`, other axes side by side. */
export function dot(x: Operand, y: Operand): NDArray {
  const [a, b] = promoteOperands('jnp.dot', x, y);
  if (a.ndim === 0 || b.ndim === 0) return mul(a, b);
  return contracted('jnp.dot', a, b, [a.ndim - 1], [Math.max(0, b.ndim - 2)]);
}

function contracted(where: string, a: NDArray, b: NDArray, i: number[], j: number[]): NDArray {
  i.forEach((axis, k) => {
    if (typeof a.shape[axis] === 'number' && typeof b.shape[j[k]] === 'number' && a.shape[axis] !== b.shape[j[k]]) {
      throw new ShapeError(`${where}: shapes ${formatShape(a.shape)} and ${formatShape(b.shape)} do not fit: axis ${axis} of the first (${a.shape[axis]}) meets axis ${j[k]} of the second (${b.shape[j[k]]}).`);
    }
  });
  return dotGeneral(a, b, { contract: [i, j], batch: [[], []] });
}

/** Matrix product over the last two axes; leading axes broadcast. */
export function matmul(x: Operand, y: Operand): NDArray {
  const [a, b] = promoteOperands('jnp.matmul', x, y);
  if (a.ndim === 0 || b.ndim === 0) throw new ShapeError('jnp.matmul: expected arrays of rank 1 or more, got a scalar; use jnp.multiply.');
  if (b.ndim <= 2) return contracted('jnp.matmul', a, b, [a.ndim - 1], [Math.max(0, b.ndim - 2)]);
  if (a.ndim === 1) return matmulRow(a, b);
  const lead = broadcastShapes('jnp.matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [p, q] = [expandTo(a, [...lead, ...a.shape.slice(-2)]), expandTo(b, [...lead, ...b.shape.slice(-2)])];
  const batch = range(lead.length);
  return dotGeneral(p, q, { contract: [[lead.length + 1], [lead.length]], batch: [batch, batch] });
}
const matmulRow = (a: NDArray, b: NDArray): NDArray => {
  const out = matmul(reshape(a, [1, a.shape[0]]), b);
  return reshape(out, [...out.shape.slice(0, -2), out.shape[out.ndim - 1]]);
};

/** Contracts the last `axes` of `x` with the first of `y`, or the axes listed for each. */
export function tensordot(x: Operand, y: Operand, options?: { axes?: number | readonly [readonly number[], readonly number[]] }): NDArray {
  const { axes = 2 } = checkOptions('jnp.tensordot', options, ['axes']);
  const [a, b] = promoteOperands('jnp.tensordot', x, y);
  const [i, j] = typeof axes === 'number' ? [range(axes, a.ndim - axes), range(axes)] : [[...axes[0]], [...axes[1]]];
  return contracted('jnp.tensordot', a, b, i, j);
}
export const outer = (x: Operand, y: Operand): NDArray => {
  const [a, b] = promoteOperands('jnp.outer', x, y);
  return mul(reshape(a, [a.size, 1]), reshape(b, [1, b.size]));
};
export interface DiagonalOptions { offset?: number; axis1?: number; axis2?: number }
/** A diagonal, `offset` places right of the main one; it becomes the last axis. */
export function diagonal(x: Operand, options?: DiagonalOptions): NDArray {
  const { offset = 0, axis1 = 0, axis2 = 1 } = checkOptions('jnp.diagonal', options, ['offset', 'axis1', 'axis2']);
  const a = asArray(x, 'jnp.diagonal');
  if (a.ndim < 2) throw new ShapeError(`jnp.diagonal: expected an array of rank 2 or more, got shape ${formatShape(a.shape)}.`);
  const [i, j] = [canonicalAxis(axis1, a.ndim, 'jnp.diagonal'), canonicalAxis(axis2, a.ndim, 'jnp.diagonal')];
  if (i === j) throw new ShapeError(`jnp.diagonal: axis1 and axis2 are both ${i}; name two different axes.`);
  const lead = [...a.shape.keys()].filter((k) => k !== i && k !== j);
  const [m, n] = [a.shape[i], a.shape[j]];
  const length = Math.max(0, Math.min(m - Math.max(-offset, 0), n - Math.max(offset, 0)));
  const start = length === 0 ? 0 : offset >= 0 ? offset : -offset * n;
  // In row-major order neighbours on a diagonal are n + 1 elements apart.
  const flat = reshape(transpose(a, [...lead, i, j]), [...lead.map((k) => a.shape[k]), m * n]);
  return slice(flat, [...lead.map(() => 0), start], [...lead.map((k) => a.shape[k]), length === 0 ? 0 : start + (length - 1) * (n + 1) + 1], [...lead.map(() => 1), n + 1]);
}
/** A diagonal of a matrix, or a matrix with this diagonal; `k` places right of the main one. */
export function diag(x: Operand, options?: { k?: number }): NDArray {
  const { k = 0 } = checkOptions('jnp.diag', options, ['k']);
  const a = asArray(x, 'jnp.diag');
  if (a.ndim === 2) return diagonal(a, { offset: k });
  if (a.ndim !== 1) throw new ShapeError(`jnp.diag: expected a vector or a matrix, got shape ${formatShape(a.shape)}.`);
  const n = a.shape[0] + Math.abs(k);
  const wide = expandTo(reshape(pad(a, 0, [[Math.max(0, -k), Math.max(0, k), 0]]), [n, 1]), [n, n]);
  return select(eq(add(iota('int32', [n, n], 0), k), iota('int32', [n, n], 1)), wide, new Scalar(0, a.dtype, false));
}
/** The sum of a diagonal. */
export function trace(x: Operand, options?: DiagonalOptions): NDArray {
  const line = diagonal(x, checkOptions('jnp.trace', options, ['offset', 'axis1', 'axis2']));
  return sum(line, { axis: -1 });
}

type Order = number | 'fro' | null;
export interface NormOptions { ord?: Order; axis?: number | readonly number[] | null; keepdims?: boolean }
function norm(x: Operand, options?: NormOptions): NDArray {
  const { ord = null, axis = null, keepdims = false } = checkOptions('jnp.linalg.norm', options, ['ord', 'axis', 'keepdims']);
  const given = asArray(x, 'jnp.linalg.norm');
  const a = convertElementType(given, toInexact(given.dtype));
  const axes = canonicalAxes(axis, a.ndim, 'jnp.linalg.norm');
  const unsupported = () => new ValueError(`jnp.linalg.norm: ord ${String(ord)} is not supported for ${axes.length === 2 ? 'matrices' : `${axes.length} axes`}.`);
  if (ord === null || (ord === 2 && axes.length === 1) || (ord === 'fro' && axes.length === 2)) return sqrt(sum(mul(a, a), { axis: axes, keepdims }));
  if (typeof ord !== 'number') throw unsupported();
  const size = abs(a);
  if (axes.length === 1) {
    const along = { axis: axes, keepdims };
    if (ord === Infinity) return max(size, along);
    if (ord === -Infinity) return min(size, along);
    if (ord === 0) return sum(convertElementType(ne(a, 0), a.dtype), along);
    if (ord === 1) return sum(size, along);
    return pow(sum(pow(size, ord), along), 1 / ord);
  }
  // Matrices: the largest or smallest sum of a column (1) or row (∞).
  if (axes.length !== 2 || ![1, -1, Infinity, -Infinity].includes(ord)) throw unsupported();
  const [row, column] = typeof axis === 'object' && axis !== null ? axis.map((i) => canonicalAxis(i, a.ndim, 'jnp.linalg.norm')) : axes;
  const [added, left] = Math.abs(ord) === 1 ? [row, column] : [column, row];
  const out = (ord > 0 ? max : min)(sum(size, { axis: added, keepdims: true }), { axis: left, keepdims: true });
  return keepdims ? out : reshape(out, a.shape.filter((_, i) => !axes.includes(i)));
}

export const linalg = {
  /** [q, r] of a matrix or a batch of them, in reduced form. */
  qr(x: Operand): [NDArray, NDArray] {
    const a = asArray(x, 'jnp.linalg.qr');
    return primitives.qr(convertElementType(a, toInexact(a.dtype)));
  },
  /** The norm of all elements (2-norm), of vectors along one axis or of matrices along two: `ord` a number, ±Infinity or 'fro'. */
  norm,
};
