/** `jax.ops`: sums and other joins of the rows that belong to the same segment. */
import { ShapeError, TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { Scalar, expectConcrete, formatAval, type NDArray } from './array.js';
import { dims, formatShape } from './dims.js';
import { isInteger } from './dtypes.js';
import { neutral } from './lax/monoids.js';
import { max, min } from './primitives/arithmetic.js';
import { asArray, type Operand } from './primitives/primitive.js';
import { scatter, type ScatterMode } from './primitives/scatter.js';
import { expandTo } from './primitives/shape.js';

export interface SegmentOptions {
  /** How many segments there are; by default one more than the largest id, which then must be known. */
  numSegments?: number;
  indicesAreSorted?: boolean;
  uniqueIndices?: boolean;
  /** Ids out of range are dropped; with 'clip' they count for the nearest segment. */
  mode?: 'drop' | 'fill' | 'clip' | 'promise_in_bounds' | null;
}
const MODES = ['drop', 'fill', 'clip', 'promise_in_bounds'];

const joined = (name: string, mode: Exclude<ScatterMode, 'set'>) => (data: Operand, segmentIds: Operand, options?: SegmentOptions): NDArray => {
  const where = `ops.${name}`;
  const { numSegments, mode: bounds = null } = checkOptions(where, options, ['numSegments', 'indicesAreSorted', 'uniqueIndices', 'mode']);
  if (bounds !== null && !MODES.includes(bounds)) throw new ValueError(`${where}: unknown mode '${String(bounds)}'; expected ${MODES.join(', ')}.`);
  const [x, ids] = [asArray(data, where), asArray(segmentIds, where)];
  if (!isInteger(ids.dtype)) throw new TypeError(`${where}: segment ids must be integers, got ${formatAval(ids)}.`);
  if (!dims.equalShapes(ids.shape, x.shape.slice(0, ids.ndim))) throw new ShapeError(`${where}: ids of shape ${formatShape(ids.shape)} do not fit data of shape ${formatShape(x.shape)}.`);
  const n = numSegments ?? Number(globalThis.Array.from(expectConcrete(ids, `${where} without numSegments`).data as Int32Array).reduce((a, b) => Math.max(a, Number(b)), -1)) + 1;
  if (!Number.isInteger(n) || n < 0) throw new ValueError(`${where}: numSegments must be a whole number, got ${n}.`);
  const places = bounds === 'clip' ? max(min(ids, n - 1), 0) : ids;
  return scatter(expandTo(new Scalar(neutral(mode, x.dtype), x.dtype, false), [n, ...x.shape.slice(ids.ndim)]), places, x, mode);
};

/** Sums of the rows of each segment. As `jax.ops.segment_sum`. Ids out of range are dropped. */
export const segmentSum = joined('segmentSum', 'add');
/** Products of the rows of each segment. As `jax.ops.segment_prod`. */
export const segmentProd = joined('segmentProd', 'mul');
/** The largest of each segment; the least value of the dtype where it is empty. As `jax.ops.segment_max`. */
export const segmentMax = joined('segmentMax', 'max');
/** The smallest of each segment. As `jax.ops.segment_min`. */
export const segmentMin = joined('segmentMin', 'min');
