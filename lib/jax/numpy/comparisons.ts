/** Whole arrays compared, and numbers within a tolerance. */
import { checkOptions } from '../../runtime/options.js';
import { NDArray, Scalar } from '../array.js';
import { broadcastShapes, dims } from '../dims.js';
import { isFloat } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { inexact } from './promotion.js';
import { all } from './reductions.js';
import { equal, isnan } from './ufuncs.js';

export interface CloseOptions { rtol?: Operand; atol?: Operand; equalNan?: boolean }
/** |x - y| ≤ atol + rtol · |y|, elementwise. */
export function isclose(x: Operand, y: Operand, options?: CloseOptions): NDArray {
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = checkOptions('jnp.isclose', options, ['rtol', 'atol', 'equalNan']);
  const [a, b] = inexact('jnp.isclose', x, y);
  const finite = lax.bitwiseAnd(lax.isFinite(a), lax.isFinite(b));
  const near = lax.bitwiseAnd(finite, lax.le(lax.abs(lax.sub(a, b)), lax.add(lax.mul(lax.abs(b), rtol), atol)));
  const close = lax.bitwiseOr(near, lax.eq(a, b));
  return equalNan ? lax.bitwiseOr(close, lax.bitwiseAnd(isnan(a), isnan(b))) : close;
}
export const allclose = (x: Operand, y: Operand, options?: CloseOptions): NDArray => all(isclose(x, y, checkOptions('jnp.allclose', options, ['rtol', 'atol', 'equalNan'])));

const no = (): NDArray => new Scalar(false, 'bool', false).concrete;
function same(x: NDArray, y: NDArray, equalNan: boolean): NDArray {
  const hits = equal(x, y);
  return all(equalNan && isFloat(x.dtype) && isFloat(y.dtype) ? lax.bitwiseOr(hits, lax.bitwiseAnd(isnan(x), isnan(y))) : hits);
}
/** Whether shapes and elements are equal. */
export function arrayEqual(x: Operand, y: Operand, options?: { equalNan?: boolean }): NDArray {
  const { equalNan = false } = checkOptions('jnp.arrayEqual', options, ['equalNan']);
  const [a, b] = [asArray(x, 'jnp.arrayEqual'), asArray(y, 'jnp.arrayEqual')];
  return dims.equalShapes(a.shape, b.shape) ? same(a, b, equalNan) : no();
}
/** Whether elements are equal after broadcasting. */
export function arrayEquiv(x: Operand, y: Operand): NDArray {
  const [a, b] = [asArray(x, 'jnp.arrayEquiv'), asArray(y, 'jnp.arrayEquiv')];
  try { broadcastShapes('jnp.arrayEquiv', a.shape, b.shape); } catch { return no(); }
  return same(a, b, false);
}
