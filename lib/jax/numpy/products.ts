/** Matrix products. */
import { ShapeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { range } from '../../runtime/range.js';
import { Scalar, type NDArray } from '../array.js';
import { broadcastShapes, canonicalAxis, formatShape } from '../dims.js';
import type { DType } from '../dtypes.js';
import { add, eq, mul, select } from '../primitives/arithmetic.js';
import { dotGeneral } from '../primitives/dot.js';
import { iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo, pad, reshape, slice, transpose } from '../primitives/shape.js';
import { sum } from './reductions.js';
import { PRODUCT, factors, promoteOperands, type ProductOptions } from './promotion.js';

/** NumPy's dot: the last axis of `x` with the last but one of `y`, other axes side by side. */
export function dot(x: Operand, y: Operand, options?: ProductOptions): NDArray {
  const [a, b] = factors('jnp.dot', x, y, options);
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
export function matmul(x: Operand, y: Operand, options?: ProductOptions): NDArray {
  const [a, b] = factors('jnp.matmul', x, y, options);
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

type AxisList = number | readonly number[];
/** Contracts the last `axes` of `x` with the first of `y`, or the axes listed for each. */
export function tensordot(x: Operand, y: Operand, options?: { axes?: number | readonly [AxisList, AxisList] } & ProductOptions): NDArray {
  const { axes = 2, ...rest } = checkOptions('jnp.tensordot', options, ['axes', ...PRODUCT]);
  const [a, b] = factors('jnp.tensordot', x, y, rest);
  if (typeof axes === 'number') {
    if (!Number.isInteger(axes) || axes < 0 || axes > Math.min(a.ndim, b.ndim)) {
      throw new ShapeError(`jnp.tensordot: ${axes} axes cannot be contracted of ${formatShape(a.shape)} and ${formatShape(b.shape)}.`);
    }
    return contracted('jnp.tensordot', a, b, range(a.ndim - axes, a.ndim), range(axes));
  }
  const [i, j] = axes.map((list, k) => (typeof list === 'number' ? [list] : [...list]).map((axis) => canonicalAxis(axis, (k ? b : a).ndim, 'jnp.tensordot')));
  if (axes.length !== 2 || i.length !== j.length) throw new ShapeError(`jnp.tensordot: axes must be two lists of one length, got ${JSON.stringify(axes)}.`);
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
export function trace(x: Operand, options?: DiagonalOptions & { dtype?: DType }): NDArray {
  const { dtype, ...places } = checkOptions('jnp.trace', options, ['offset', 'axis1', 'axis2', 'dtype']);
  return sum(diagonal(x, places), { axis: -1, dtype });
}
