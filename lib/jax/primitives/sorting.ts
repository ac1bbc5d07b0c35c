/** The positions of the largest elements. */
import { NDArray, Scalar, aval, formatAval } from '../array.js';
import { bind } from '../core.js';

import { isFloat } from '../dtypes.js';
import { ShapeError } from '../../runtime/errors.js';
import { expandTo, moveAxis } from './shape.js';
import { primitive, type Primitive } from './primitive.js';

/** int32, the largest first; of equal elements the one that stands before. NaN counts as larger than all numbers. */
export const topKP: Primitive<{ k: number; axis: number }> = primitive({
  name: 'top_k',
  shape: ([a], { k, axis }) => {
    if (!Number.isInteger(k) || k < 0 || k > a.shape[axis]) throw new ShapeError(`topK: cannot take ${k} elements along axis ${axis} of ${formatAval(a)}.`);
    return [aval(a.shape.map((d, i) => (i === axis ? k : d)), 'int32')];
  },
  vjp: null,
  batch: ([x], [at], { k, axis }) => [bind(topKP, [moveAxis(x, at!, 0)], { k, axis: axis + 1 }), [0]],
  lower: (g, [x], { k, axis }, { inputs: [a] }) => {
    const top = (keys: string, n: string) => g.nodeWithOutputs('TopK', [keys, n], 2, { axis, largest: 1, sorted: 1 })[1];
    const found = (positions: string) => [g.cast(positions, 'int32')];
    if (!isFloat(a.dtype)) return found(g.ordered('TopK', a.dtype, [x], (_compute, y) => top(y, g.ints([k])), false)!);
    const y = a.dtype === 'bfloat16' ? g.cast(x, 'float32') : x;
    const nan = g.node('IsNaN', [y]);
    const first = (keys: string) => g.node('Where', [nan, g.constant('float64', [], [Infinity]), keys]);
    // In float64 the infinities of narrower types have numbers to stand for them, so that NaN comes before.
    if (a.dtype !== 'float64') return found(top(first(g.node('Clip', [g.cast(y, 'float64'), g.constant('float64', [], [-1e300]), g.constant('float64', [], [1e300])])), g.ints([k])));
    const order = top(first(y), g.dimension(a.shape[axis]));
    const again = top(g.node('GatherElements', [g.cast(nan, 'float32'), order], { axis }), g.ints([k]));
    return found(g.node('GatherElements', [order, again], { axis }));
  },
});
export const topKIndices = (x: NDArray, k: number, axis: number): NDArray =>
  (k === 0 ? expandTo(new Scalar(0, 'int32', false), x.shape.map((d, i) => (i === axis ? 0 : d))) : bind(topKP, [x], { k, axis })[0]);
