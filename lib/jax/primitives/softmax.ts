/** Softmax and its logarithm, as coarse as ONNX has them. */
import type { NDArray } from '../array.js';
import { bind } from '../core.js';
import { mul, sub } from './arithmetic.js';
import { exp } from './functions.js';
import { primitive, requireFloat, thunks, type Primitive } from './primitive.js';
import { moveAxis, reduceSumKept } from './shape.js';

type Axis = { readonly axis: number };

function softmaxLike(name: string, onnx: string, rule: (ct: NDArray, y: NDArray, axis: number) => NDArray): Primitive<Axis> {
  const self: Primitive<Axis> = primitive({
    name,
    shape: ([a]) => { requireFloat(name, a); return [a]; },
    vjp: thunks(() => self, (ct, _inputs, [y], { axis }) => [() => rule(ct, y, axis)]),
    batch: ([x], [at], { axis }) => [bind(self, [moveAxis(x, at!, 0)], { axis: axis + 1 }), [0]],
    lower: (g, [x], { axis }, { inputs: [a] }) =>
      [g.within(g.kernels.need(onnx, a.dtype), a.dtype, [x], (y) => g.node(onnx, [y], { axis }))],
  });
  return self;
}

// d softmax: y·(ct - Σ ct·y)
export const softmaxP = softmaxLike('softmax', 'Softmax', (ct, y, axis) => mul(y, sub(ct, reduceSumKept(mul(ct, y), [axis]))));
// d log softmax: ct - exp(y)·Σ ct
export const logSoftmaxP = softmaxLike('log_softmax', 'LogSoftmax', (ct, y, axis) => sub(ct, mul(exp(y), reduceSumKept(ct, [axis]))));
export const softmax = (x: NDArray, axis: number): NDArray => bind(softmaxP, [x], { axis })[0];
export const logSoftmax = (x: NDArray, axis: number): NDArray => bind(logSoftmaxP, [x], { axis })[0];
