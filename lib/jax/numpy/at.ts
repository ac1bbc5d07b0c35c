/** JAX's functional updates: `x.at(index).set(v)` is an array like `x` with one part changed. */
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { NDArray, Scalar } from '../array.js';
import { broadcastShapes, dims, formatShape } from '../dims.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { scatter, type ScatterMode } from '../primitives/scatter.js';
import * as shape from '../primitives/shape.js';
import { array, onesLike } from './creation.js';
import { box, clipped, combined, cuts, index, indexedInFront, placed, planIndex, read, type Index, type IndexPlan } from './index-with.js';
import { either, filler, promoteOperands } from './promotion.js';
import { add, divide, maximum, minimum, multiply, negative, power } from './ufuncs.js';

/** What happens at indices out of range: updates are dropped ('drop', 'fill') or go to the nearest element ('clip'); reads as `GetOptions` say. */
export type IndexMode = 'clip' | 'drop' | 'fill' | 'promise_in_bounds';
export interface UpdateOptions { mode?: IndexMode; uniqueIndices?: boolean; indicesAreSorted?: boolean }
/** Reads: the nearest element, or with 'fill' (or 'drop') `fillValue`: NaN, or the extreme of an integer dtype. */
export interface GetOptions extends UpdateOptions { fillValue?: number }

/** A part of an array, to be read or replaced. Of equal indices `set` keeps the last update; `add`, `multiply`, `min` and `max` combine all. */
export interface IndexUpdate {
  get(options?: GetOptions): NDArray;
  set(values: Operand, options?: UpdateOptions): NDArray;
  add(values: Operand, options?: UpdateOptions): NDArray;
  subtract(values: Operand, options?: UpdateOptions): NDArray;
  multiply(values: Operand, options?: UpdateOptions): NDArray;
  /** The same as `multiply`. */
  mul(values: Operand, options?: UpdateOptions): NDArray;
  divide(values: Operand, options?: UpdateOptions): NDArray;
  power(values: Operand, options?: UpdateOptions): NDArray;
  min(values: Operand, options?: UpdateOptions): NDArray;
  max(values: Operand, options?: UpdateOptions): NDArray;
  /** The part becomes `f` of itself, once also where an index repeats. */
  apply(f: (part: NDArray) => NDArray, options?: UpdateOptions): NDArray;
}

const UPDATE = ['mode', 'uniqueIndices', 'indicesAreSorted'] as const;
const MODES = ['clip', 'drop', 'fill', 'promise_in_bounds'];
const COMBINE = { set: (_x: NDArray, v: NDArray) => v, add, mul: multiply, min: minimum, max: maximum } satisfies Record<ScatterMode, (x: NDArray, v: NDArray) => NDArray>;

function checkMode(name: string, mode: IndexMode | undefined): void {
  if (mode !== undefined && !MODES.includes(mode)) throw new ValueError(`${name}: unknown mode '${String(mode)}'; expected ${MODES.join(', ')}.`);
}

/** The box of a plan in `x` replaced by `part`, which has the plan's shape. */
function replaceBox(x: NDArray, plan: IndexPlan, part: NDArray): NDArray {
  const { starts, limits, strides } = plan;
  const size = starts.map((s, i) => (s === 0 && strides[i] === 1 && dims.equal(limits[i], x.shape[i]) ? x.shape[i] : Math.ceil((limits[i] - s) / strides[i])));
  const piece = shape.reverse(shape.reshape(part, size), plan.reversed);
  if (!cuts(x, plan)) return piece;
  if (size.includes(0)) return x;
  const axes = [...starts.keys()].filter((i) => !dims.equal(size[i], x.shape[i]));
  if (axes.length === 1 && strides[axes[0]] === 1) {
    const [axis] = axes;
    const slab = (from: number, to: number) => (from === to ? [] : [shape.slice(x, starts.map((_, i) => (i === axis ? from : 0)), x.shape.map((d, i) => (i === axis ? to : d)))]);
    return shape.concatenate([...slab(0, starts[axis]), piece, ...slab(limits[axis], x.shape[axis])], axis);
  }
  const config = x.shape.map((d, i) => (dims.equal(size[i], d) ? [0, 0, 0] : [starts[i], d - starts[i] - (size[i] - 1) * strides[i] - 1, strides[i] - 1]));
  const inner = lax.eq(shape.pad(shape.expandTo(new Scalar(1, 'int32', false), size), 0, config), 1);
  return lax.select(inner, shape.pad(piece, 0, config), x);
}

/** `values` written to (or combined with) what a plan's arrays pick from `part`. */
function scatterPart(name: string, part: NDArray, plan: IndexPlan, values: NDArray, mode: ScatterMode, clip: boolean): NDArray {
  const { arrays, axes, target } = plan;
  const sizes = axes.map((a) => part.shape[a]);
  const { at, valid, common } = combined(name, arrays, sizes);
  const kept = [...part.shape.keys()].filter((k) => !axes.includes(k));
  const rest = kept.map((k) => part.shape[k]);
  const result = [...rest.slice(0, target), ...common, ...rest.slice(target)];
  const updates = placed(fit(name, values, result), target, common.length, 0);
  const indices = clip ? at : lax.select(valid, at, new Scalar(-1, at.dtype, false));
  const flat = scatter(indexedInFront(part, axes), indices, updates, mode);
  const order = [...axes, ...kept];
  return shape.transpose(shape.reshape(flat, order.map((k) => part.shape[k])), order.map((_, k) => order.indexOf(k)));
}
function fit(name: string, values: NDArray, to: readonly number[]): NDArray {
  // As NumPy assigns: leading axes of size 1 more than the part has do no harm.
  const extra = Math.max(0, values.ndim - to.length);
  const v = extra && values.shape.slice(0, extra).every((d) => d === 1) ? shape.reshape(values, values.shape.slice(extra)) : values;
  if (v.ndim > to.length || !dims.equalShapes(broadcastShapes(name, v.shape, to), to)) {
    throw new ShapeError(`${name}: values of shape ${formatShape(values.shape)} do not fit the indexed part of shape ${formatShape(to)}.`);
  }
  return shape.expandTo(v, to);
}

/** A mask alone as index, which values that are the same for all its elements can be written through where it is traced too. */
function loneMask(x: NDArray, given: readonly Index[]): NDArray | null {
  const [mask, ...rest] = given;
  if (!(mask instanceof NDArray) || mask.dtype !== 'bool' || mask.ndim === 0 || rest.some((r) => r !== '...')) return null;
  if (mask.ndim > x.ndim || !dims.equalShapes(mask.shape, x.shape.slice(0, mask.ndim))) {
    throw new ShapeError(`at: a mask of shape ${formatShape(mask.shape)} does not fit ${formatShape(x.shape)}.`);
  }
  return mask;
}

/** The part of `x` at an index (numbers, ranges, null, '...', integer arrays, a mask), to be updated functionally. As `jax.Array.at`. */
export function at(x: NDArray, ...given: Index[]): IndexUpdate {
  const y = asArray(x, 'at');
  // With an explicit mode numbers out of range are as arrays out of range.
  const lenient = (mode: IndexMode | undefined) => (mode === undefined ? given : given.map((b) => (typeof b === 'number' ? array(Int32Array.of(b)).reshape([]) : b)));
  const update = (name: string, values: Operand, how: ScatterMode, options?: UpdateOptions): NDArray => {
    const { mode } = checkOptions(`at.${name}`, options, UPDATE);
    checkMode(`at.${name}`, mode);
    // Computed in the common dtype; the result has the array's.
    const [wide, v] = promoteOperands(`at.${name}`, y, values);
    const out = (z: NDArray) => convertElementType(z, y.dtype);
    const mask = loneMask(y, given);
    if (mask && v.ndim <= y.ndim - mask.ndim) {
      const rest = y.shape.slice(mask.ndim);
      return out(either('at', shape.reshape(mask, [...mask.shape, ...rest.map(() => 1)]), COMBINE[how](wide, fit(`at.${name}`, v, rest)), wide));
    }
    const plan = planIndex(`at.${name}`, y.shape, lenient(mode));
    const part = box(wide, plan);
    const changed = plan.arrays.length ? scatterPart(`at.${name}`, part, plan, v, how, mode === 'clip') : COMBINE[how](part, fit(`at.${name}`, v, part.shape));
    return out(replaceBox(wide, plan, changed));
  };
  const self: IndexUpdate = {
    get(options) {
      const { mode, fillValue } = checkOptions('at.get', options, [...UPDATE, 'fillValue']);
      checkMode('at.get', mode);
      const by = lenient(mode);
      if (mode === 'clip') return read(y, clipped(planIndex('at.get', y.shape, by)));
      const out = index(y, ...by);
      if (mode !== 'fill' && mode !== 'drop') return out;
      const plan = planIndex('at.get', y.shape, by);
      if (plan.arrays.length === 0) return out;
      const { valid, common } = combined('at.get', plan.arrays, plan.axes.map((a) => plan.shape[a]));
      const seen = shape.reshape(valid, [...common, ...globalThis.Array(out.ndim - plan.target - common.length).fill(1)]);
      return lax.select(seen, out, filler(out, fillValue));
    },
    set: (values, options) => update('set', values, 'set', options),
    add: (values, options) => update('add', values, 'add', options),
    subtract: (values, options) => update('subtract', negative(values), 'add', options),
    multiply: (values, options) => update('multiply', values, 'mul', options),
    mul: (values, options) => self.multiply(values, options),
    divide: (values, options) => convertElementType(divide(y, at(onesLike(y), ...given).multiply(values, options)), y.dtype),
    power: (values, options) => convertElementType(power(y, at(onesLike(y), ...given).multiply(values, options)), y.dtype),
    min: (values, options) => update('min', values, 'min', options),
    max: (values, options) => update('max', values, 'max', options),
    apply(f, options) {
      if (typeof f !== 'function') throw new TypeError(`at.apply: expected a function, got ${typeof f}.`);
      return self.set(f(index(y, ...given)), options);
    },
  };
  return self;
}
