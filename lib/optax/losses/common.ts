/** Checks that losses share. */
import { isArray, type Array } from '../../jax/index.js';
import { ShapeError, TypeError } from '../../runtime/errors.js';

/** Along which axis, or axes, a loss is summed (-1), and which elements count. */
export interface AxisOptions { axis?: number | readonly number[]; where?: Array | null }

export function expectDType(where: string, what: string, x: Array, fits: (dtype: Array['dtype']) => boolean, wanted: string): void {
  if (!isArray(x)) throw new TypeError(`${where}: ${what} must be an array of ${wanted === 'integers' ? wanted : `${wanted} numbers`}, but got ${x === null ? 'null' : typeof x}.`);
  if (!fits(x.dtype)) throw new TypeError(`${where}: ${what} must be ${wanted}, but got ${x.dtype}.`);
}
export function expectSameShape(where: string, x: Array, y: Array): void {
  if (x.shape.length !== y.shape.length || x.shape.some((n, i) => String(n) !== String(y.shape[i]))) {
    throw new ShapeError(`${where}: both arguments must have one shape, but got [${x.shape}] and [${y.shape}].`);
  }
}
