/** Running products and sums, and their differences. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError } from '../../runtime/errors.js';
import { NDArray, Scalar } from '../array.js';
import { canonicalAxis, dims, formatShape } from '../dims.js';
import type { DType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo, pad, reduceSum, reshape, slice } from '../primitives/shape.js';
import { concatenate } from './joining.js';
import { inexact, promoteOperands } from './promotion.js';
import { cumsum } from './reductions.js';
import { ravel } from './manipulation.js';
import { divide } from './ufuncs.js';

const part = (x: NDArray, axis: number, from: number, to: number): NDArray => slice(x, x.shape.map((_, i) => (i === axis ? from : 0)), x.shape.map((d, i) => (i === axis ? to : d)));

/** Products of the first 1, 2, 3, … elements: each step multiplies with what stands 1, 2, 4, … places before. */
export function cumprod(x: Operand, options?: { axis?: number | null; dtype?: DType }): NDArray {
  const { axis, dtype } = checkOptions('jnp.cumprod', options, ['axis', 'dtype']);
  const given = asArray(x, 'jnp.cumprod');
  const typed = dtype ? convertElementType(given, dtype) : given.dtype === 'bool' ? convertElementType(given, 'int32') : given;
  const y = axis === undefined || axis === null ? reshape(typed, [dims.size(typed.shape)]) : typed;
  const at = canonicalAxis(axis ?? 0, y.ndim, 'jnp.cumprod');
  let z = y;
  for (let k = 1; k < y.shape[at]; k *= 2) z = lax.mul(z, pad(part(z, at, 0, y.shape[at] - k), 1, y.shape.map((_, i) => [i === at ? k : 0, 0, 0])));
  return z;
}
interface CumulativeOptions { axis?: number | null; dtype?: DType; includeInitial?: boolean }
const cumulative = (name: string, f: typeof cumsum, first: number) => (x: Operand, options?: CumulativeOptions): NDArray => {
  const { axis = null, dtype, includeInitial = false } = checkOptions(`jnp.${name}`, options, ['axis', 'dtype', 'includeInitial']);
  const y = asArray(x, `jnp.${name}`);
  if (y.ndim === 0 || (axis === null && y.ndim > 1)) throw new ShapeError(`jnp.${name}: expected a vector, or an axis, got shape ${formatShape(y.shape)}.`);
  const at = canonicalAxis(axis ?? 0, y.ndim, `jnp.${name}`);
  const out = f(y, { axis: at, ...(dtype && { dtype }) });
  return includeInitial ? concatenate([expandTo(new Scalar(first, out.dtype, false), out.shape.map((d, i) => (i === at ? 1 : d))), out], { axis: at }) : out;
};
/** Running sums along `axis`; with `includeInitial` after a 0. */
export const cumulativeSum = cumulative('cumulativeSum', cumsum, 0);
/** Running products along `axis`; with `includeInitial` after a 1. */
export const cumulativeProd = cumulative('cumulativeProd', cumprod, 1);

/** Differences of neighbours along `axis`, `n` times over; `prepend` and `append` are put before and behind first. */
export function diff(x: Operand, options?: { n?: number; axis?: number; prepend?: Operand | null; append?: Operand | null }): NDArray {
  const { n = 1, axis = -1, prepend = null, append = null } = checkOptions('jnp.diff', options, ['n', 'axis', 'prepend', 'append']);
  let y = asArray(x, 'jnp.diff');
  if (!Number.isInteger(n) || n < 0) throw new ShapeError(`jnp.diff: n must be a whole number from 0, got ${String(n)}.`);
  const at = canonicalAxis(axis, y.ndim, 'jnp.diff');
  const beside = (v: Operand | null): Operand[] => {
    if (v === null) return [];
    const z = asArray(v, 'jnp.diff');
    return [z.ndim === 0 ? expandTo(z, y.shape.map((d, i) => (i === at ? 1 : d))) : z];
  };
  const around = [...beside(prepend), y, ...beside(append)];
  if (n > 0 && around.length > 1) y = concatenate(around, { axis: at });
  for (let i = 0; i < n; i++) {
    const size = y.shape[at];
    const [next, before] = [part(y, at, Math.min(1, size), size), part(y, at, 0, Math.max(0, size - 1))];
    y = y.dtype === 'bool' ? lax.ne(next, before) : lax.sub(next, before);
  }
  return y;
}
/** Differences of neighbours of all elements in a row, with values put before and behind them. */
export function ediff1d(x: Operand, options?: { toEnd?: Operand | null; toBegin?: Operand | null }): NDArray {
  const { toEnd = null, toBegin = null } = checkOptions('jnp.ediff1d', options, ['toEnd', 'toBegin']);
  const y = diff(ravel(x));
  const list = (v: Operand | null) => (v === null ? [] : [convertElementType(ravel(v), y.dtype)]);
  return concatenate([...list(toBegin), y, ...list(toEnd)]);
}

/** Derivatives by central differences inside and one-sided ones at the edges: one array, or a list for several axes. `spacing`: a step for all or each axis, or coordinates along it. */
export function gradient(f: Operand, ...rest: (Operand | { axis?: number | readonly number[] | null })[]): NDArray | NDArray[] {
  const last = rest[rest.length - 1];
  const given = typeof last === 'object' && !(last instanceof NDArray) ? (rest.pop() as { axis?: number | readonly number[] | null }) : undefined;
  const { axis = null } = checkOptions('jnp.gradient', given, ['axis']);
  const [y] = inexact('jnp.gradient', f);
  const axes = (axis === null ? [...y.shape.keys()] : typeof axis === 'number' ? [axis] : [...axis]).map((a) => canonicalAxis(a, y.ndim, 'jnp.gradient'));
  const spacing = (rest as Operand[]).map((h) => asArray(h, 'jnp.gradient'));
  if (![0, 1, axes.length].includes(spacing.length)) throw new ShapeError(`jnp.gradient: ${spacing.length} spacings do not fit ${axes.length} axes.`);
  const out = axes.map((at, k) => {
    const n = y.shape[at];
    if (n < 2) throw new ShapeError(`jnp.gradient: axis ${at} of ${formatShape(y.shape)} needs two elements or more.`);
    const h = convertElementType(spacing.length === 0 ? asArray(1, 'jnp.gradient') : spacing[spacing.length === 1 ? 0 : k], y.dtype);
    const cut = (from: number, to: number) => part(y, at, from, to);
    if (h.ndim === 0) {
      const inner = n > 2 ? [lax.mul(lax.sub(cut(2, n), cut(0, n - 2)), 0.5)] : [];
      return lax.div(concatenate([lax.sub(cut(1, 2), cut(0, 1)), ...inner, lax.sub(cut(n - 1, n), cut(n - 2, n - 1))], { axis: at }), h);
    }
    if (h.ndim !== 1 || h.shape[0] !== n) throw new ShapeError(`jnp.gradient: coordinates of shape ${formatShape(h.shape)} do not fit axis ${at} of size ${n}.`);
    // With steps a before and b behind: (a²·f₊ - b²·f₋ + (b² - a²)·f) / (a·b·(a + b)).
    const step = reshape(diff(h), y.shape.map((_, i) => (i === at ? n - 1 : 1)));
    const [a, b] = [part(step, at, 0, n - 2), part(step, at, 1, n - 1)];
    const slope = lax.div(diff(y, { axis: at }), step);
    const inner = n > 2 ? [lax.div(lax.add(lax.mul(a, part(slope, at, 1, n - 1)), lax.mul(b, part(slope, at, 0, n - 2))), lax.add(a, b))] : [];
    return concatenate([part(slope, at, 0, 1), ...inner, part(slope, at, n - 2, n - 1)], { axis: at });
  });
  return typeof axis === 'number' || (axis === null && y.ndim === 1) ? out[0] : out;
}

/** The integral along `axis` by trapezoids: with coordinates x, or steps `dx`. */
export function trapezoid(y: Operand, x?: Operand | null, options?: { dx?: Operand; axis?: number }): NDArray {
  const { dx = 1, axis = -1 } = checkOptions('jnp.trapezoid', options, ['dx', 'axis']);
  const [f, coordinates] = x === undefined || x === null ? [...inexact('jnp.trapezoid', y), null] : inexact('jnp.trapezoid', y, x);
  const at = canonicalAxis(axis, f!.ndim, 'jnp.trapezoid');
  const n = f!.shape[at];
  const stepsOf = (c: NDArray) => (c.ndim === 1 ? reshape(diff(c), f!.shape.map((_, i) => (i === at ? n - 1 : 1))) : diff(c, { axis: at }));
  const steps = coordinates === null ? asArray(dx, 'jnp.trapezoid') : stepsOf(coordinates);
  const [h, sums] = promoteOperands('jnp.trapezoid', steps, lax.add(part(f!, at, 1, n), part(f!, at, 0, n - 1)));
  const terms = lax.mul(h, sums);
  return lax.mul(reduceSum(terms, [at]), 0.5);
}

/** Adds multiples of `period` so that neighbours along `axis` differ by no more than `discont`. */
export function unwrap(p: Operand, options?: { discont?: Operand | null; axis?: number; period?: number }): NDArray {
  const { discont = null, axis = -1, period = 2 * Math.PI } = checkOptions('jnp.unwrap', options, ['discont', 'axis', 'period']);
  const y = asArray(p, 'jnp.unwrap');
  const x = divide(y, 1);
  const at = canonicalAxis(axis, x.ndim, 'jnp.unwrap');
  if (x.shape[at] === 0) return x;
  const half = period / 2;
  const steps = diff(x, { axis: at });
  const turned = lax.sub(lax.sub(lax.add(steps, half), lax.mul(lax.floor(lax.div(lax.add(steps, half), period)), period)), half);
  const wrapped = lax.select(lax.bitwiseAnd(lax.eq(turned, -half), lax.gt(steps, 0)), new Scalar(half, x.dtype, false), turned);
  const limit = discont === null ? asArray(half, 'jnp.unwrap') : asArray(discont, 'jnp.unwrap');
  const correction = lax.select(lax.lt(lax.abs(steps), limit), new Scalar(0, x.dtype, false), lax.sub(wrapped, steps));
  return concatenate([part(x, at, 0, 1), lax.add(part(x, at, 1, x.shape[at]), cumsum(correction, { axis: at }))], { axis: at });
}
