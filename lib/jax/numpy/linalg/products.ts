/** The array API's products, over the last axes. */
import { ShapeError } from '../../../runtime/errors.js';
import { checkOptions } from '../../../runtime/options.js';
import { formatAval, type NDArray } from '../../array.js';
import { canonicalAxis, broadcastShapes, dims } from '../../dims.js';
import type { DType } from '../../dtypes.js';
import { mul, sub } from '../../primitives/arithmetic.js';
import { convertElementType } from '../../primitives/convert.js';
import { mT } from '../../primitives/linalg/index.js';
import { asArray, type Operand } from '../../primitives/primitive.js';
import { concatenate, expandTo, moveAxis, slice } from '../../primitives/shape.js';
import * as products from '../products.js';
import { sum } from '../reductions.js';
import { promoteOperands } from '../promotion.js';

export { matmul, tensordot } from '../products.js';

/** The products of all pairs of elements of two vectors. */
export function outer(x: Operand, y: Operand): NDArray {
  const [a, b] = promoteOperands('jnp.linalg.outer', x, y);
  if (a.ndim !== 1 || b.ndim !== 1) throw new ShapeError(`jnp.linalg.outer: expected two vectors, got ${formatAval(a)} and ${formatAval(b)}.`);
  return products.outer(a, b);
}
const lastTwo = { axis1: -2, axis2: -1 };
/** The diagonals of the matrices in the last two axes. */
export function diagonal(x: Operand, options?: { offset?: number }): NDArray {
  return products.diagonal(x, { ...checkOptions('jnp.linalg.diagonal', options, ['offset']), ...lastTwo });
}
/** Their sums. */
export function trace(x: Operand, options?: { offset?: number; dtype?: DType }): NDArray {
  const { offset = 0, dtype } = checkOptions('jnp.linalg.trace', options, ['offset', 'dtype']);
  const a = asArray(x, 'jnp.linalg.trace');
  return sum(products.diagonal(dtype ? convertElementType(a, dtype) : a, { offset, ...lastTwo }), { axis: -1 });
}
/** The matrices' transposes. */
export function matrixTranspose(x: Operand): NDArray {
  const a = asArray(x, 'jnp.linalg.matrixTranspose');
  if (a.ndim < 2) throw new ShapeError(`jnp.linalg.matrixTranspose: expected a matrix or a batch of them, got ${formatAval(a)}.`);
  return mT(a);
}
/** Both operands broadcast, with `axis` last. */
function along(where: string, x: Operand, y: Operand, axis: number): [NDArray, NDArray] {
  const [a, b] = promoteOperands(where, x, y).map((v) => moveAxis(v, canonicalAxis(axis, v.ndim, where), v.ndim - 1));
  const shape = broadcastShapes(where, a.shape, b.shape);
  return [expandTo(a, shape), expandTo(b, shape)];
}
/** Inner products of vectors along `axis`; the other axes broadcast. */
export function vecdot(x: Operand, y: Operand, options?: { axis?: number }): NDArray {
  const { axis = -1 } = checkOptions('jnp.linalg.vecdot', options, ['axis']);
  const [a, b] = along('jnp.linalg.vecdot', x, y, axis);
  return convertElementType(sum(mul(a, b), { axis: -1 }), a.dtype);
}
/** Vector products of 3-dimensional vectors along `axis`; the other axes broadcast. */
export function cross(x: Operand, y: Operand, options?: { axis?: number }): NDArray {
  const { axis = -1 } = checkOptions('jnp.linalg.cross', options, ['axis']);
  const [a, b] = along('jnp.linalg.cross', x, y, axis);
  const last = a.ndim - 1;
  if (!dims.equal(a.shape[last], 3)) throw new ShapeError(`jnp.linalg.cross: expected vectors of 3 elements, got ${formatAval(a)} and ${formatAval(b)}.`);
  // Elements 1, 2, 0 and 2, 0, 1.
  const turned = (v: NDArray, by: number) => {
    const part = (from: number, to: number) => slice(v, [...v.shape.slice(0, -1).map(() => 0), from], [...v.shape.slice(0, -1), to]);
    return concatenate([part(by, 3), part(0, by)], last);
  };
  const out = sub(mul(turned(a, 1), turned(b, 2)), mul(turned(a, 2), turned(b, 1)));
  return moveAxis(out, last, canonicalAxis(axis, out.ndim, 'jnp.linalg.cross'));
}
