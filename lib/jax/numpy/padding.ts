/** `pad` in every mode. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { NDArray } from '../array.js';
import { isInteger } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { gather, iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as shape from '../primitives/shape.js';
import { array } from './creation.js';
import { promoteOperands } from './promotion.js';
import { max, mean, min } from './reductions.js';
import { median } from './statistics.js';
import { round } from './ufuncs.js';

/** One value for all, [before, after] for all axes, or such a pair for each axis. */
type Pairs<T> = T | readonly [T] | readonly [T, T] | readonly (readonly [T] | readonly [T, T])[];
export type PadWidth = Pairs<number>;
const WRAPPED = {
  edge: (i: number, n: number) => Math.min(Math.max(i, 0), n - 1),
  wrap: (i: number, n: number) => ((i % n) + n) % n,
  reflect: (i: number, n: number) => { const period = Math.max(1, 2 * (n - 1)); const j = ((i % period) + period) % period; return j < n ? j : period - j; },
  symmetric: (i: number, n: number) => { const j = ((i % (2 * n)) + 2 * n) % (2 * n); return j < n ? j : 2 * n - 1 - j; },
};
const STATISTICS = { maximum: max, minimum: min, mean, median };
const MODES = ['constant', 'empty', 'linear_ramp', ...Object.keys(WRAPPED), ...Object.keys(STATISTICS)];
export interface PadOptions {
  mode?: 'constant' | 'empty' | 'linear_ramp' | keyof typeof WRAPPED | keyof typeof STATISTICS;
  constantValues?: Pairs<Operand>;
  /** linear_ramp: what the ramps end with. */
  endValues?: Pairs<Operand>;
  /** Statistics: of how many elements at the edge; all where left out. */
  statLength?: Pairs<number> | null;
  /** reflect and symmetric: 'odd' mirrors the values at the edge too. */
  reflectType?: 'even' | 'odd';
}
function pairs<T>(where: string, given: Pairs<T>, rank: number): [T, T][] {
  const pair = (p: readonly unknown[]): [T, T] => {
    if (p.length !== 1 && p.length !== 2) throw new ShapeError(`${where}: expected pairs [before, after], got ${p.length} values.`);
    return [p[0] as T, p[p.length - 1] as T];
  };
  if (!globalThis.Array.isArray(given)) return globalThis.Array.from({ length: rank }, () => [given as T, given as T]);
  const list = given as readonly unknown[];
  if (rank === 0 && list.length === 0) return [];
  if (!list.some((p) => globalThis.Array.isArray(p))) { const p = pair(list); return globalThis.Array.from({ length: rank }, () => p); }
  if (list.length !== 1 && list.length !== rank) throw new ShapeError(`${where}: ${list.length} pairs were given for an array of rank ${rank}.`);
  return globalThis.Array.from({ length: rank }, (_, i) => pair(list[list.length === 1 ? 0 : i] as unknown[]));
}
const part = (x: NDArray, axis: number, from: number, to: number): NDArray => shape.slice(x, x.shape.map((_, i) => (i === axis ? from : 0)), x.shape.map((d, i) => (i === axis ? to : d)));
const repeated = (x: NDArray, axis: number, n: number): NDArray => shape.expandTo(x, x.shape.map((d, i) => (i === axis ? n : d)));

/** x mirrored at an edge, and its values at the edge's: 2·edge - x, as often as the width takes. */
function mirrored(x: NDArray, axis: number, width: number, before: boolean, skip: number): NDArray {
  let z = x;
  const n = x.shape[axis];
  const offset = n > 1 ? skip : 0;
  for (let left = width; left > 0;) {
    const size = z.shape[axis];
    const now = Math.min(left, n - offset);
    left -= now;
    const edge = before ? part(z, axis, 0, 1) : part(z, axis, size - 1, size);
    const inner = before ? part(z, axis, offset, offset + now) : part(z, axis, size - offset - now, size - offset);
    const piece = lax.sub(lax.mul(edge, 2), shape.reverse(inner, [axis]));
    z = shape.concatenate(before ? [piece, z] : [z, piece], axis);
  }
  return z;
}
/** From `end` up to (but without) `edge` in n steps. */
function ramp(end: Operand, edge: NDArray, axis: number, n: number): NDArray {
  const whole = isInteger(edge.dtype);
  const [from, to] = promoteOperands('jnp.pad', whole ? convertElementType(asArray(end, 'jnp.pad'), 'float32') : end, whole ? convertElementType(edge, 'float32') : edge);
  const steps = shape.reshape(lax.div(iota(to.dtype, [n]), n), edge.shape.map((_, i) => (i === axis ? n : 1)));
  const values = lax.add(lax.mul(lax.sub(1, steps), from), lax.mul(steps, to));
  return convertElementType(whole ? lax.floor(values) : values, edge.dtype);
}

/** Padding by [before, after] for every axis: with constants, ramps, statistics, or from the array itself. */
export function pad(x: Operand, width: PadWidth, options?: PadOptions): NDArray {
  const { mode = 'constant', constantValues = 0, endValues = 0, statLength = null, reflectType = 'even' } =
    checkOptions('jnp.pad', options, ['mode', 'constantValues', 'endValues', 'statLength', 'reflectType']);
  const y = asArray(x, 'jnp.pad');
  if (!MODES.includes(mode)) throw new ValueError(`jnp.pad: unknown mode '${String(mode)}'; expected ${MODES.join(', ')}.`);
  if (reflectType !== 'even' && reflectType !== 'odd') throw new ValueError(`jnp.pad: unknown reflectType '${String(reflectType)}'; expected even or odd.`);
  const widths = pairs<number>('jnp.pad', width instanceof NDArray ? width.tolist() as PadWidth : width, y.ndim);
  if (widths.some((p) => p.some((n) => !Number.isInteger(n) || n < 0))) {
    throw new ShapeError(`jnp.pad: expected pairs of whole numbers, got ${JSON.stringify(width)}.`);
  }
  const constant = (v: Operand) => convertElementType(asArray(v, 'jnp.pad'), y.dtype);
  if (y.ndim === 0) return y;
  if (mode === 'constant' && !globalThis.Array.isArray(constantValues)) return shape.pad(y, constant(constantValues as Operand), widths.map(([low, high]) => [low, high, 0]));
  const values = pairs<Operand>('jnp.pad: constantValues', constantValues, y.ndim);
  const ends = pairs<Operand>('jnp.pad: endValues', endValues, y.ndim);
  const lengths = statLength === null ? null : pairs<number>('jnp.pad: statLength', statLength, y.ndim);
  return widths.reduce((z, [low, high], axis) => {
    const n = y.shape[axis];
    if (low === 0 && high === 0) return z;
    const both = (before: NDArray, after: NDArray) => shape.concatenate([...(low ? [before] : []), z, ...(high ? [after] : [])], axis);
    const only = (k: number, l: number, h: number) => z.shape.map((_, i) => (i === axis ? [l, h, 0] : [0, 0, 0]).map((v) => v * k));
    if (mode === 'constant') return shape.pad(shape.pad(z, constant(values[axis][0]), only(1, low, 0)), constant(values[axis][1]), only(1, 0, high));
    if (mode === 'empty') return shape.pad(z, 0, only(1, low, high));
    if (n === 0) throw new ShapeError(`jnp.pad: axis ${axis} is empty and has nothing to pad with in mode '${mode}'.`);
    if (mode === 'linear_ramp') {
      return both(ramp(ends[axis][0], part(z, axis, 0, 1), axis, low), shape.reverse(ramp(ends[axis][1], part(z, axis, n - 1, n), axis, high), [axis]));
    }
    if (Object.hasOwn(STATISTICS, mode)) {
      const statistic = (from: number, to: number) => {
        if (from === to) throw new ValueError('jnp.pad: a statLength of 0 leaves nothing to pad with.');
        const v = STATISTICS[mode as keyof typeof STATISTICS](part(z, axis, from, to), { axis, keepdims: true });
        return convertElementType(isInteger(z.dtype) ? round(v) : v, z.dtype);
      };
      const [a, b] = lengths ? lengths[axis].map((l) => Math.min(l, n)) : [n, n];
      return both(repeated(statistic(0, a), axis, low), repeated(statistic(n - b, n), axis, high));
    }
    if (reflectType === 'odd' && (mode === 'reflect' || mode === 'symmetric')) {
      const skip = mode === 'reflect' ? 1 : 0;
      return mirrored(mirrored(z, axis, low, true, skip), axis, high, false, skip);
    }
    const source = WRAPPED[mode as keyof typeof WRAPPED];
    return gather(z, array(Int32Array.from({ length: low + n + high }, (_, i) => source(i - low, n))), axis);
  }, y);
}
