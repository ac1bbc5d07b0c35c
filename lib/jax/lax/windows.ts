/** Reductions of windows. Signatures are JAX's, by the argument rule. */
import { checkOptions } from '../../runtime/options.js';
import { ValueError } from '../../runtime/errors.js';
import { NDArray, Scalar } from '../array.js';
import { dims, type Shape } from '../dims.js';
import { convertElementType } from '../primitives/convert.js';
import { add, div, max, min } from '../primitives/arithmetic.js';
import { asArray, requireFloat, type Operand } from '../primitives/primitive.js';
import { expandTo, pad, slice } from '../primitives/shape.js';
import { dilate, windowMax, windowShape, windowSum, type WindowParams } from '../primitives/windows.js';
import { padPairs, perAxis, type Padding } from './convolution.js';
import { flip, initial, isNeutral, monoidOf, neutral, type Computation } from './monoids.js';

export interface WindowOptions {
  windowStrides?: readonly number[] | null | undefined;
  padding?: Padding;
  baseDilation?: readonly number[] | null | undefined;
  windowDilation?: readonly number[] | null | undefined;
}

function windowParams(where: string, shape: Shape, windowDimensions: readonly number[], options: WindowOptions | undefined): WindowParams {
  const { windowStrides, padding = 'VALID', baseDilation, windowDilation } = checkOptions(where, options, ['windowStrides', 'padding', 'baseDilation', 'windowDilation']);
  const list = (what: string, values: readonly number[] | null | undefined) => perAxis(where, what, values, shape.length);
  if (!Array.isArray(windowDimensions)) throw new ValueError(`${where}: windowDimensions must be a list with an entry for each of ${shape.length} axes, got ${String(windowDimensions)}.`);
  const [window, strides, base, between] = [list('windowDimensions', windowDimensions), list('windowStrides', windowStrides), list('baseDilation', baseDilation), list('windowDilation', windowDilation)];
  return { window, strides, padding: padPairs(where, padding, shape, window.map((k, i) => dilate(k, between[i])), strides), baseDilation: base, windowDilation: between };
}

/** Every place of the window, row by row, combined from the first to the last. `fill` is what the padding holds. */
function fold(x: NDArray, init: NDArray, fill: NDArray, computation: Computation, p: WindowParams): NDArray {
  const padded = pad(x, fill, p.padding.map(([low, high], i) => [low, high, p.baseDilation[i] - 1]));
  const out = windowShape(x.shape, p, () => String(x));
  if (out.includes(0)) return expandTo(init, out);
  const places = p.window.reduce<number[][]>((all, k) => all.flatMap((at) => [...globalThis.Array(k).keys()].map((j) => [...at, j])), [[]]);
  return places.reduce<NDArray>((sum, at) => {
    const from = at.map((j, i) => j * p.windowDilation[i]);
    const limits = from.map((f, i) => (dims.equal(out[i], padded.shape[i]) ? padded.shape[i] : f + (out[i] - 1) * p.strides[i] + 1));
    return computation(sum, slice(padded, from, limits, p.strides)) as NDArray;
  }, expandTo(init, out));
}

/**
 * As `jax.lax.reduce_window`: `computation` combines `initValue` and what lies in each window. `lax.add`, `lax.max` and
 * `lax.min` are pools; other functions are applied to whole arrays, one place of the window after the other, so they must
 * work elementwise. Every list of `options` has an entry for each axis of `operand`; padding takes no part (for other
 * functions it holds `initValue`). The derivative of a maximum goes to its first place in row-major order.
 */
export function reduceWindow(operand: Operand, initValue: Operand, computation: Computation, windowDimensions: readonly number[], options?: WindowOptions): NDArray {
  const where = 'lax.reduceWindow';
  const x = asArray(operand, where);
  const p = windowParams(where, x.shape, windowDimensions, options);
  const init = initial(where, initValue, x.dtype);
  const monoid = monoidOf(where, computation, x.dtype);
  if (monoid !== 'add' && monoid !== 'max' && monoid !== 'min') return fold(x, init, monoid ? new Scalar(neutral(monoid, x.dtype), x.dtype, false) : init, computation, p);
  const pooled = monoid === 'add' ? windowSum(x, p) : monoid === 'max' ? windowMax(x, p) : flip(windowMax(flip(x), p));
  return isNeutral(monoid, init) ? pooled : { add, max, min }[monoid](pooled, init);
}

/** As `jax.lax.reduce_window_shape_tuple`: the shape that `reduceWindow` gives, for pairs of padding. */
export function reduceWindowShapeTuple(operandShape: Shape, windowDimensions: readonly number[], windowStrides: readonly number[], padding: Padding, options?: Pick<WindowOptions, 'baseDilation' | 'windowDilation'>): number[] {
  const where = 'lax.reduceWindowShapeTuple';
  checkOptions(where, options, ['baseDilation', 'windowDilation']);
  return windowShape(operandShape, windowParams(where, operandShape, windowDimensions, { ...options, windowStrides, padding }), () => `[${operandShape.join()}]`);
}

/** The largest element of every window; one entry of each list for each axis, 1 for axes without windows. */
export function maxPool(x: NDArray, windowDimensions: readonly number[], windowStrides: readonly number[], padding: Padding): NDArray {
  const y = asArray(x, 'lax.maxPool');
  return windowMax(y, windowParams('lax.maxPool', y.shape, windowDimensions, { windowStrides, padding }));
}

/** The mean of every window, of what lies in it and is no padding. */
export function avgPool(x: NDArray, windowDimensions: readonly number[], windowStrides: readonly number[], padding: Padding): NDArray {
  const y = asArray(x, 'lax.avgPool');
  requireFloat('lax.avgPool', y.aval);
  const p = windowParams('lax.avgPool', y.shape, windowDimensions, { windowStrides, padding });
  const sum = windowSum(y, p);
  if (p.padding.every(([low, high]) => low === 0 && high === 0)) return div(sum, p.window.reduce((a, b) => a * b, 1));
  const ones = y.shape.map((d, i) => (p.window[i] === 1 && p.strides[i] === 1 && p.padding[i][0] === 0 && p.padding[i][1] === 0 ? 1 : d));
  return div(sum, convertElementType(windowSum(expandTo(new Scalar(1, 'int32', false), ones), p), y.dtype));
}
