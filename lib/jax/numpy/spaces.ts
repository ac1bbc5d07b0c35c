/** Evenly spaced numbers, and window functions. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError } from '../../runtime/errors.js';
import { NDArray, Scalar, isArray } from '../array.js';
import { canonicalAxis, broadcastShapes } from '../dims.js';
import { checkDType, isFloat, type DType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { exp, log, sqrt } from '../primitives/functions.js';
import { iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { concatenate, expandTo, moveAxis, reshape, slice } from '../primitives/shape.js';
import { array } from './creation.js';
import { i0 } from './floats.js';
import { inexact } from './promotion.js';

export interface SpaceOptions { endpoint?: boolean; dtype?: DType; axis?: number }
const KEYS = ['endpoint', 'dtype', 'axis'] as const;
function checkCount(where: string, num: number): void {
  if (!Number.isInteger(num) || num < 0) throw new ShapeError(`${where}: num must be a whole number from 0, got ${JSON.stringify(num)}.`);
}
/** Values of a function of the share 0 … 1 of the way, computed in float64. */
const steps = (num: number, endpoint: boolean, f: (share: number) => number, last: number): number[] => {
  const count = endpoint ? num - 1 : num;
  return globalThis.Array.from({ length: num }, (_, i) => (count === 0 ? f(0) : i === count ? last : f(i / count)));
};
/** Rounded down for integer dtypes, and ending at their limits. */
const made = (values: readonly number[], dtype: DType): NDArray =>
  array(isFloat(dtype) ? values : values.map((v) => (convertElementType(new Scalar(Math.floor(v), 'float64'), dtype) as Scalar).value), { dtype });
const numeric = (...xs: Operand[]): boolean => xs.every((x) => typeof x === 'number');
const rounded = (x: NDArray, dtype: DType): NDArray => (isFloat(dtype) ? convertElementType(x, dtype) : convertElementType(lax.floor(x), dtype));

/** `num` evenly spaced values from `start` to `stop`, both included unless `endpoint` is false; arrays give a new axis. With `retstep` also the step. */
export function linspace(start: Operand, stop: Operand, num: number | undefined, options: SpaceOptions & { retstep: true }): [NDArray, NDArray];
export function linspace(start: Operand, stop: Operand, num?: number, options?: SpaceOptions & { retstep?: boolean }): NDArray;
export function linspace(start: Operand, stop: Operand, num = 50, options?: SpaceOptions & { retstep?: boolean }): NDArray | [NDArray, NDArray] {
  const { endpoint = true, dtype, axis = 0, retstep = false } = checkOptions('jnp.linspace', options, [...KEYS, 'retstep']);
  checkCount('jnp.linspace', num);
  if (dtype !== undefined) checkDType(dtype, 'jnp.linspace');
  const count = endpoint ? num - 1 : num;
  if (numeric(start, stop)) {
    const [a, b] = [start as number, stop as number];
    const values = steps(num, endpoint, (t) => a + (b - a) * t, b);
    const out = made(values, dtype ?? 'float32');
    return retstep ? [out, array(count > 0 ? (b - a) / count : NaN)] : out;
  }
  const [from, to] = inexact('jnp.linspace', start, stop);
  const shape = broadcastShapes('jnp.linspace', from.shape, to.shape);
  const at = canonicalAxis(axis, shape.length + 1, 'jnp.linspace');
  const unit = shape.map(() => 1);
  const share = reshape(lax.div(iota(from.dtype, [num]), Math.max(1, count)), [num, ...unit]);
  let out = expandTo(lax.add(lax.mul(from, lax.sub(1, share)), lax.mul(to, share)), [num, ...shape]);
  if (endpoint && num > 1) out = concatenate([slice(out, out.shape.map(() => 0), [num - 1, ...shape]), expandTo(to, [1, ...shape])], 0);
  const moved = rounded(moveAxis(out, 0, at), dtype ?? from.dtype);
  return retstep ? [moved, lax.div(lax.sub(to, from), count > 0 ? count : NaN)] : moved;
}
/** Powers of `base` with evenly spaced exponents. */
export function logspace(start: Operand, stop: Operand, num = 50, options?: SpaceOptions & { base?: Operand }): NDArray {
  const { endpoint = true, dtype, axis = 0, base = 10 } = checkOptions('jnp.logspace', options, [...KEYS, 'base']);
  checkCount('jnp.logspace', num);
  if (dtype !== undefined) checkDType(dtype, 'jnp.logspace');
  if (numeric(start, stop, base)) {
    const [a, b] = [start as number, stop as number];
    const values = steps(num, endpoint, (t) => (base as number) ** (a + (b - a) * t), (base as number) ** b);
    return made(values, dtype ?? 'float32');
  }
  const exponents = linspace(isArray(start) ? start : asArray(start, 'jnp.logspace'), stop, num, { endpoint, axis });
  const [b, x] = inexact('jnp.logspace', base, exponents);
  return rounded(lax.pow(b, x), dtype ?? x.dtype);
}
/** Values with a constant ratio from `start` to `stop`, which have the same sign. */
export function geomspace(start: Operand, stop: Operand, num = 50, options?: SpaceOptions): NDArray {
  const { endpoint = true, dtype, axis = 0 } = checkOptions('jnp.geomspace', options, KEYS);
  checkCount('jnp.geomspace', num);
  if (dtype !== undefined) checkDType(dtype, 'jnp.geomspace');
  if (numeric(start, stop)) {
    const [a, b] = [start as number, stop as number];
    const values = steps(num, endpoint, (t) => (t === 0 ? a : a * (b / a) ** t), b);
    return made(values, dtype ?? 'float32');
  }
  const [a, b] = inexact('jnp.geomspace', start, stop);
  const shape = broadcastShapes('jnp.geomspace', a.shape, b.shape);
  const at = canonicalAxis(axis, shape.length + 1, 'jnp.geomspace');
  const sign = reshape(expandTo(lax.sign(a), shape), [...shape.slice(0, at), 1, ...shape.slice(at)]);
  const out = exp(linspace(log(lax.abs(a)), log(lax.abs(b)), num, { endpoint, axis: at }));
  return rounded(lax.mul(sign, out), dtype ?? a.dtype);
}

const window = (name: string, f: (angle: number) => number) => (m: number): NDArray => {
  checkCount(`jnp.${name}`, m);
  return array(m === 1 ? [1] : globalThis.Array.from({ length: m }, (_, i) => f(i / (m - 1))), { dtype: 'float32' });
};
const turn = (t: number, times = 1): number => Math.cos(2 * Math.PI * t * times);
/** Window functions of `m` points. */
export const bartlett = window('bartlett', (t) => 1 - Math.abs(2 * t - 1));
export const blackman = window('blackman', (t) => 0.42 - 0.5 * turn(t) + 0.08 * turn(t, 2));
export const hamming = window('hamming', (t) => 0.54 - 0.46 * turn(t));
export const hanning = window('hanning', (t) => 0.5 - 0.5 * turn(t));
/** Kaiser's window, the narrower the larger `beta`. */
export function kaiser(m: number, beta: Operand): NDArray {
  checkCount('jnp.kaiser', m);
  if (m === 1) return array([1]);
  const [b] = inexact('jnp.kaiser', beta);
  const x = lax.sub(lax.mul(iota(b.dtype, [m]), 2 / Math.max(1, m - 1)), 1);
  return lax.div(i0(lax.mul(b, sqrt(lax.max(lax.sub(1, lax.mul(x, x)), 0)))), i0(b));
}
