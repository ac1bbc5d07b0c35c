/** Matrix products and decompositions. */
import { ShapeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import type { NDArray } from '../array.js';
import { broadcastShapes, formatShape } from '../dims.js';
import { toInexact } from '../dtypes.js';
import { eq, mul } from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { dotGeneral } from '../primitives/dot.js';
import { sqrt } from '../primitives/functions.js';
import { iota } from '../primitives/indexing.js';
import * as primitives from '../primitives/linalg.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo, reduceSum, reshape } from '../primitives/shape.js';
import { sum } from './reductions.js';
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
/** The main diagonal of a matrix. */
export function diagonal(x: Operand): NDArray {
  const a = asArray(x, 'jnp.diagonal');
  if (a.ndim !== 2) throw new ShapeError(`jnp.diagonal: expected a matrix, got shape ${formatShape(a.shape)}.`);
  const n = Math.min(...a.shape);
  const on = convertElementType(eq(iota('int32', a.shape, 0), iota('int32', a.shape, 1)), a.dtype);
  const line = reduceSum(mul(a, on), [a.shape[0] <= a.shape[1] ? 1 : 0]);
  return line.shape[0] === n ? line : reshape(line, [n]);
}
/** The diagonal of a matrix, or a matrix with this diagonal. */
export function diag(x: Operand): NDArray {
  const a = asArray(x, 'jnp.diag');
  if (a.ndim === 2) return diagonal(a);
  const n = a.shape[0];
  return mul(reshape(a, [n, 1]), convertElementType(eq(iota('int32', [n, n], 0), iota('int32', [n, n], 1)), a.dtype));
}
/** The sum of the diagonal. */
export const trace = (x: Operand): NDArray => reduceSum(diagonal(x), [0]);

export const linalg = {
  /** [q, r] of a matrix or a batch of them, in reduced form. */
  qr(x: Operand): [NDArray, NDArray] {
    const a = asArray(x, 'jnp.linalg.qr');
    return primitives.qr(convertElementType(a, toInexact(a.dtype)));
  },
  /** The 2-norm of all elements, or along an axis. */
  norm(x: Operand, options?: { axis?: number; keepdims?: boolean }): NDArray {
    const { axis, keepdims } = checkOptions('jnp.linalg.norm', options, ['axis', 'keepdims']);
    const a = asArray(x, 'jnp.linalg.norm');
    const f = convertElementType(a, toInexact(a.dtype));
    return sqrt(sum(mul(f, f), { axis, keepdims }));
  },
};
