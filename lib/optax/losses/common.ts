/** Checks that losses share. */
import { isArray, type Array } from '../../jax/index.js';
import { ShapeError, TypeError } from '../../runtime/errors.js';

/** Along which axis, or axes, a loss is summed (-1, null for all), and which elements count. */
export interface AxisOptions { axis?: number | readonly number[] | null; where?: Array | null }

export function expectDType(where: string, what: string, x: Array, fits: (dtype: Array['dtype']) => boolean, wanted: string): void {
  if (!isArray(x)) throw new TypeError(`${where}: ${what} must be an array of ${wanted === 'integers' ? wanted : `${wanted} numbers`}, but got ${x === null ? 'null' : typeof x}.`);
  if (!fits(x.dtype)) throw new TypeError(`${where}: ${what} must be ${wanted}, but got ${x.dtype}.`);
}
export function expectSameShape(where: string, x: Array, y: Array | number): void {
  const [a, b] = [x, y].map((z) => (isArray(z) ? z.shape : [])) as [Array['shape'], Array['shape']];
  if (a.length !== b.length || a.some((n, i) => String(n) !== String(b[i]))) {
    throw new ShapeError(`${where}: both arguments must have one shape, but got [${a}] and [${b}].`);
  }
}
