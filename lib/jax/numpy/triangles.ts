/** Triangles of matrices, and differences along an axis. */
import { ShapeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Scalar, type NDArray } from '../array.js';
import { canonicalAxis, formatShape } from '../dims.js';
import { checkDType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { slice } from '../primitives/shape.js';
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

/** Differences of neighbours along `axis`, `n` times over. */
export function diff(x: Operand, options?: { n?: number; axis?: number }): NDArray {
  const { n = 1, axis = -1 } = checkOptions('jnp.diff', options, ['n', 'axis']);
  let y = asArray(x, 'jnp.diff');
  const at = canonicalAxis(axis, y.ndim, 'jnp.diff');
  for (let i = 0; i < n; i++) {
    const size = y.shape[at];
    const part = (from: number, to: number) => slice(y, y.shape.map((_, k) => (k === at ? from : 0)), y.shape.map((d, k) => (k === at ? to : d)));
    const [next, before] = [part(Math.min(1, size), size), part(0, Math.max(0, size - 1))];
    y = y.dtype === 'bool' ? lax.ne(next, before) : lax.sub(next, before);
  }
  return y;
}
