/** Reductions other than the sum, cumulative sums, and sorting. */
import type { Graph } from '../../lowering/graph.js';
import { NDArray, Scalar, aval, type Aval } from '../array.js';
import { dims } from '../dims.js';
import { bind, withShape } from '../core.js';
import { isFloat } from '../dtypes.js';
import { ShapeError, TypeError } from '../../runtime/errors.js';
import { convertElementType } from './convert.js';
import { div, eq, mul } from './arithmetic.js';
import { primitive, thunks, type Primitive } from './primitive.js';
import { expandTo, moveAxis, pad, reduceSum, reshape, reverse, slice, transpose } from './shape.js';

type Axes = { readonly axes: readonly number[] };

const kept = (a: Aval, axes: readonly number[]): number[] => a.shape.map((d, i) => (axes.includes(i) ? 1 : d));
const batched = (self: () => Primitive<Axes>): Primitive<Axes>['batch'] => ([x], [axis], { axes }) => [bind(self(), [moveAxis(x, axis!, 0)], { axes: axes.map((a) => a + 1) }), [0]];

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
      const out = g.ordered(onnx, a.dtype, [x], (_compute, y) => g.node(onnx, [y, g.ints(axes)], { keepdims: 0 }));
      if (!out) throw new TypeError(`${name}: the engine has no kernel for ${a.dtype}, and integers are multiplied by halves only along fixed sizes; reduce over axes whose size is a number, or convert with astype.`);
      return [out];
    },
  });
  return self;
}

export const reduceProdP: Primitive<Axes> = {
  ...reduction('reduce_prod', 'ReduceProd', null, true),
  vjp: thunks(() => reduceProdP, (ct, [x], _outputs, { axes }) => [() => {
    const rest = [...x.shape.keys()].filter((i) => !axes.includes(i));
    const order = [...rest, ...axes];
    const last = reshape(transpose(x, order), [...rest.map((i) => x.shape[i]), dims.size(axes.map((i) => x.shape[i]))]);
    const others = mul(productOfOthers(last), reshape(ct, [...ct.shape, 1]));
    return transpose(reshape(others, order.map((i) => x.shape[i])), order.map((_, i) => order.indexOf(i)));
  }]),
  batch: batched(() => reduceProdP),
};

/** For each element of the last axis the product of all others, by halving: no division, so that zeros are no exception. */
function productOfOthers(x: NDArray): NDArray {
  const lead = x.shape.slice(0, -1);
  const n = x.shape[lead.length];
  if (n <= 1) return expandTo(new Scalar(1, x.dtype, false), x.shape);
  const even = n + (n % 2);
  const pairs = reshape(pad(x, 1, [...lead.map(() => [0, 0, 0]), [0, even - n, 0]]), [...lead, even / 2, 2]);
  const half = (i: number) => slice(pairs, pairs.shape.map((_, k) => (k === lead.length + 1 ? i : 0)), pairs.shape.map((d, k) => (k === lead.length + 1 ? i + 1 : d)));
  const above = productOfOthers(reshape(mul(half(0), half(1)), [...lead, even / 2]));
  const out = reshape(mul(reverse(pairs, [lead.length + 1]), reshape(above, [...lead, even / 2, 1])), [...lead, even]);
  return even === n ? out : slice(out, out.shape.map(() => 0), [...lead, n]);
}

/** `whole` where nothing is NaN along the axes, else `nan`: the engine's own comparisons lose NaN. */
function unlessNaN(g: Graph, x: string, axes: readonly number[], whole: string, nan: (flags: string) => string): string {
  const flags = g.cast(g.node('IsNaN', [x]), 'float32');
  return g.node('Where', [g.cast(g.node('ReduceMax', [flags, g.ints(axes)], { keepdims: 0 }), 'bool'), nan(flags), whole]);
}

/** Equal extrema share the cotangent, as in JAX; NaN wins. */
function extremum(name: string, onnx: string): Primitive<Axes> {
  const plain = reduction(name, onnx, null, false);
  const self: Primitive<Axes> = {
    ...plain,
    lower: (g, [x], params, types) => {
      const { dtype } = types.inputs[0];
      if (!isFloat(dtype)) return plain.lower(g, [x], params, types);
      const compute = g.kernels.need(onnx, dtype);
      return [g.within(compute, dtype, [x], (y) => unlessNaN(g, y, params.axes, g.node(onnx, [y, g.ints(params.axes)], { keepdims: 0 }), () => g.constant(compute, [], [NaN])))];
    },
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

export function reduceProd(x: NDArray, axes: readonly number[]): NDArray {
  if (axes.length === 0) return x;
  if (isFloat(x.dtype) || !dims.isStatic(axes.map((i) => x.shape[i]))) return bind(reduceProdP, [x], { axes })[0];
  // The engine multiplies integers in float64: halves by halves they stay exact, and wrap.
  const rest = [...x.shape.keys()].filter((i) => !axes.includes(i));
  const lead = rest.map((i) => x.shape[i]);
  let y = reshape(transpose(x, [...rest, ...axes]), [...lead, dims.size(axes.map((i) => x.shape[i]))]);
  for (let n = y.shape[lead.length]; n !== 1; n = Math.max(1, Math.ceil(n / 2))) {
    const even = Math.max(2, n + (n % 2));
    const padded = pad(y, 1, [...lead.map(() => [0, 0, 0]), [0, even - n, 0]]);
    const part = (from: number) => slice(padded, [...lead.map(() => 0), from], [...lead, from + even / 2]);
    y = mul(part(0), part(even / 2));
  }
  return reshape(y, lead);
}
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
      const int = (place: string) => [g.cast(place, 'int32')];
      const found = g.ordered(onnx, a.dtype, [x], (_compute, y) => {
        const best = g.node(onnx, [y], { axis, keepdims: 0 });
        // The first NaN, where there is one.
        return isFloat(a.dtype) ? unlessNaN(g, y, [axis], best, (flags) => g.node('ArgMax', [flags], { axis, keepdims: 0 })) : best;
      }, false);
      if (found) return int(found);
      // The first that equals the best.
      const reduce = onnx === 'ArgMax' ? 'ReduceMax' : 'ReduceMin';
      const hits = g.ordered(reduce, a.dtype, [x], (_compute, y) => g.node('Equal', [y, g.node(reduce, [y, g.ints([axis])], { keepdims: 1 })]), false);
      return int(g.node('ArgMax', [g.cast(hits!, 'int32')], { axis, keepdims: 0 }));
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
    return [g.within(g.kernels.need('CumSum', a.dtype), a.dtype, [x], (y) => g.node('CumSum', [y, g.constant('int64', [], [axis])], { reverse: backwards ? 1 : 0 }))];
  },
});
export const cumsum = (x: NDArray, axis: number, backwards = false): NDArray => bind(cumsumP, [x], { axis, reverse: backwards })[0];

/** The permutation that sorts an axis, ascending and stable, int32. */
export const argsortP: Primitive<{ axis: number }> = primitive({
  name: 'argsort',
  shape: ([a]) => [aval(a.shape, 'int32')],
  vjp: null,
  batch: ([x], [at], { axis }) => [bind(argsortP, [moveAxis(x, at!, 0)], { axis: axis + 1 }), [0]],
  lower: (g, [x], { axis }, { inputs: [a] }) => {
    const sorted = (keys: string) => g.nodeWithOutputs('TopK', [keys, g.dimension(a.shape[axis])], 2, { axis, largest: 0, sorted: 1 })[1];
    if (!isFloat(a.dtype)) return [g.cast(g.ordered('TopK', a.dtype, [x], (_compute, y) => sorted(y), false)!, 'int32')];
    // NaN goes last, behind infinity. In float64 the infinities of narrower types have numbers to stand for them.
    const y = a.dtype === 'bfloat16' ? g.cast(x, 'float32') : x;
    const nan = g.node('IsNaN', [y]);
    const last = (keys: string) => g.node('Where', [nan, g.constant('float64', [], [Infinity]), keys]);
    if (a.dtype !== 'float64') return [g.cast(sorted(last(g.node('Clip', [g.cast(y, 'float64'), g.constant('float64', [], [-1e300]), g.constant('float64', [], [1e300])]))), 'int32')];
    const first = sorted(last(y));
    const again = sorted(g.node('GatherElements', [g.cast(nan, 'float32'), first], { axis }));
    return [g.cast(g.node('GatherElements', [first, again], { axis }), 'int32')];
  },
});
export const argsort = (x: NDArray, axis: number): NDArray => bind(argsortP, [x], { axis })[0];
