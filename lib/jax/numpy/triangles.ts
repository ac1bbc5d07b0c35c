/** Triangles of matrices, and differences along an axis. */
import { ShapeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Scalar, type NDArray } from '../array.js';
import { formatShape } from '../dims.js';
import { checkDType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import type { DTypeOption } from './creation.js';

/** True where column - row <= k. */
const below = (rows: number, columns: number, k: number): NDArray => lax.le(lax.sub(iota('int32', [rows, columns], 1), iota('int32', [rows, columns], 0)), k);

/** Ones on and below a diagonal of an [n, m] matrix. */
export function tri(n: number, options?: DTypeOption & { m?: number; k?: number }): NDArray {
  const { dtype = 'float32', m = n, k = 0 } = checkOptions('jnp.tri', options, ['dtype', 'm', 'k']);
  return convertElementType(below(n, m, k), checkDType(dtype, 'jnp.tri'));
}

function triangle(name: string, x: Operand, options: { k?: number } | undefined, lower: boolean): NDArray {
  const { k = 0 } = checkOptions(name, options, ['k']);
  const a = asArray(x, name);
  if (a.ndim < 2) throw new ShapeError(`${name}: expected an array of rank 2 or more, got shape ${formatShape(a.shape)}.`);
  const [m, n] = a.shape.slice(-2);
  const zero = new Scalar(0, a.dtype, false);
  return lower ? lax.select(below(m, n, k), a, zero) : lax.select(below(m, n, k - 1), zero, a);
}
/** The matrix with zeros above its `k`-th diagonal. */
export const tril = (x: Operand, options?: { k?: number }): NDArray => triangle('jnp.tril', x, options, true);
/** The matrix with zeros below its `k`-th diagonal. */
export const triu = (x: Operand, options?: { k?: number }): NDArray => triangle('jnp.triu', x, options, false);
