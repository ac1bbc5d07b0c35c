/** Reductions other than the sum, cumulative sums, and sorting. */
import { NDArray, aval, type Aval } from '../array.js';
import { bind, withShape } from '../core.js';
import { isFloat, type DType } from '../dtypes.js';
import { ShapeError } from '../../runtime/errors.js';
import { convertElementType } from './convert.js';
import { div, eq, mul } from './arithmetic.js';
import { primitive, thunks, type Primitive } from './primitive.js';
import { expandTo, moveAxis, reduceSum, reshape } from './shape.js';

type Axes = { readonly axes: readonly number[] };

const kept = (a: Aval, axes: readonly number[]): number[] => a.shape.map((d, i) => (axes.includes(i) ? 1 : d));
const batched = (self: () => Primitive<Axes>): Primitive<Axes>['batch'] => ([x], [axis], { axes }) => [bind(self(), [moveAxis(x, axis!, 0)], { axes: axes.map((a) => a + 1) }), [0]];

/** What the engine reduces in: booleans and small integers through int32. */
const computeType = (d: DType): DType => (isFloat(d) && d !== 'float64' ? 'float32' : d === 'float64' || d === 'int64' ? d : d === 'uint32' || d === 'uint64' ? 'int64' : 'int32');

function reduction(name: string, onnx: string, rule: ((ct: NDArray, x: NDArray, y: NDArray) => NDArray) | null, identity: boolean): Primitive<Axes> {
  const self: Primitive<Axes> = primitive({
    name,
    shape: ([a], { axes }) => {
      if (!identity && axes.some((i) => a.shape[i] === 0)) throw new ShapeError(`${name}: cannot reduce the empty axes of ${a.dtype}[${a.shape.join()}], which has no largest or smallest element.`);
      return [withShape(a, a.shape.filter((_, i) => !axes.includes(i)))];
    },
    vjp: rule && thunks(() => self, (ct, [x], [y], { axes }) => [() => {
      const shape = kept(x.aval, axes);
      return rule(expandTo(reshape(ct, shape), x.shape), x, expandTo(reshape(y, shape), x.shape));
    }]),
    batch: batched(() => self),
    lower: (g, [x], { axes }, { inputs: [a] }) => {
      const compute = computeType(a.dtype);
      const out = g.node(onnx, [compute === a.dtype ? x : g.cast(x, compute), g.ints(axes)], { keepdims: 0 });
      return [compute === a.dtype ? out : g.cast(out, a.dtype)];
    },
  });
  return self;
}

export const reduceProdP = reduction('reduce_prod', 'ReduceProd', (ct, x, y) => mul(ct, div(y, x)), true);

/** Equal extrema share the cotangent, as in JAX. */
function extremum(name: string, onnx: string): Primitive<Axes> {
  const self: Primitive<Axes> = {
    ...reduction(name, onnx, null, false),
    vjp: thunks(() => self, (ct, [x], [y], { axes }) => [() => {
      const shape = kept(x.aval, axes);
      const hits = convertElementType(eq(x, expandTo(reshape(y, shape), x.shape)), ct.dtype);
      return mul(hits, expandTo(reshape(div(ct, reduceSum(hits, axes)), shape), x.shape));
    }]),
    batch: batched(() => self),
  };
  return self;
}
export const reduceMaxP = extremum('reduce_max', 'ReduceMax');
export const reduceMinP = extremum('reduce_min', 'ReduceMin');

export const reduceProd = (x: NDArray, axes: readonly number[]): NDArray => (axes.length ? bind(reduceProdP, [x], { axes })[0] : x);
export const reduceMax = (x: NDArray, axes: readonly number[]): NDArray => (axes.length ? bind(reduceMaxP, [x], { axes })[0] : x);
export const reduceMin = (x: NDArray, axes: readonly number[]): NDArray => (axes.length ? bind(reduceMinP, [x], { axes })[0] : x);

/** The position of the first largest or smallest element, int32. */
function argExtremum(name: string, onnx: string): Primitive<{ axis: number }> {
  const self: Primitive<{ axis: number }> = primitive({
    name,
    shape: ([a], { axis }) => {
      if (a.shape[axis] === 0) throw new ShapeError(`${name}: axis ${axis} is empty and has no largest or smallest element.`);
      return [aval(a.shape.filter((_, i) => i !== axis), 'int32')];
    },
    vjp: null,
    batch: ([x], [at], { axis }) => [bind(self, [moveAxis(x, at!, 0)], { axis: axis + 1 }), [0]],
    lower: (g, [x], { axis }, { inputs: [a] }) => {
      const compute = a.dtype === 'bool' ? 'int32' : computeType(a.dtype) === 'int64' ? 'float64' : computeType(a.dtype);
      return [g.cast(g.node(onnx, [compute === a.dtype ? x : g.cast(x, compute)], { axis, keepdims: 0 }), 'int32')];
    },
  });
  return self;
}
export const argmaxP = argExtremum('argmax', 'ArgMax');
export const argminP = argExtremum('argmin', 'ArgMin');
export const argmax = (x: NDArray, axis: number): NDArray => bind(argmaxP, [x], { axis })[0];
export const argmin = (x: NDArray, axis: number): NDArray => bind(argminP, [x], { axis })[0];

export const cumsumP: Primitive<{ axis: number; reverse: boolean }> = primitive({
  name: 'cumsum',
  shape: ([a]) => [a],
  vjp: thunks(() => cumsumP, (ct, _inputs, _outputs, { axis, reverse: backwards }) => [() => bind(cumsumP, [ct], { axis, reverse: !backwards })[0]]),
  batch: ([x], [at], { axis, reverse: backwards }) => [bind(cumsumP, [moveAxis(x, at!, 0)], { axis: axis + 1, reverse: backwards }), [0]],
  lower: (g, [x], { axis, reverse: backwards }, { inputs: [a] }) => {
    const compute = computeType(a.dtype);
    const out = g.node('CumSum', [compute === a.dtype ? x : g.cast(x, compute), g.constant('int64', [], [axis])], { reverse: backwards ? 1 : 0 });
    return [compute === a.dtype ? out : g.cast(out, a.dtype)];
  },
});
export const cumsum = (x: NDArray, axis: number): NDArray => bind(cumsumP, [x], { axis, reverse: false })[0];

/** The permutation that sorts an axis, ascending and stable, int32. */
export const argsortP: Primitive<{ axis: number }> = primitive({
  name: 'argsort',
  shape: ([a]) => [aval(a.shape, 'int32')],
  vjp: null,
  batch: ([x], [at], { axis }) => [bind(argsortP, [moveAxis(x, at!, 0)], { axis: axis + 1 }), [0]],
  lower: (g, [x], { axis }, { inputs: [a] }) => {
    const compute = a.dtype === 'float32' || a.dtype === 'float64' ? a.dtype : isFloat(a.dtype) ? 'float32' : 'int64';
    const [, indices] = g.nodeWithOutputs('TopK', [compute === a.dtype ? x : g.cast(x, compute), g.dimension(a.shape[axis])], 2, { axis, largest: 0, sorted: 1 });
    return [g.cast(indices, 'int32')];
  },
});
export const argsort = (x: NDArray, axis: number): NDArray => bind(argsortP, [x], { axis })[0];
