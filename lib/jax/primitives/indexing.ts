/** Reading and adding at positions given by arrays: gather, scatter-add, and counting. */
import { NDArray, Scalar, aval } from '../array.js';
import { bind, withShape } from '../core.js';
import { dims, formatShape, type Shape } from '../dims.js';
import type { DType } from '../dtypes.js';
import { ShapeError } from '../../runtime/errors.js';
import { add, bitwiseAnd, ge, lt, max, min, mul, select, sub } from './arithmetic.js';
import { stopGradientP } from './convert.js';
import { primitive, requireSameDType, type Primitive } from './primitive.js';
import { scatter } from './scatter.js';
import { expandTo, inFront, moveAxis, reshape, transpose } from './shape.js';

const zerosLike = (x: NDArray): NDArray => expandTo(new Scalar(0, x.dtype, false), x.shape);
const sizeOf = (xs: readonly NDArray[], axes: readonly (number | null)[]): number => {
  const i = axes.findIndex((a) => a !== null);
  return xs[i].shape[axes[i]!];
};

/** 0, 1, 2, … along `axis`. */
export const iotaP: Primitive<{ dtype: DType; shape: Shape; axis: number }> = primitive({
  name: 'iota',
  shape: (_inputs, { dtype, shape }) => [aval(shape, dtype)],
  vjp: null,
  batch: (_inputs, _axes, params) => [bind(iotaP, [], params), [null]],
  lower: (g, _inputs, { dtype, shape, axis }) => {
    const n = shape[axis];
    const line = typeof n === 'number' && n <= 4096
      ? g.constant(dtype, [n], [...globalThis.Array(n).keys()])
      : g.cast(g.node('Range', [g.constant('int64', [], [0]), g.reshape(g.dimension(n), []), g.constant('int64', [], [1])]), dtype);
    if (shape.length === 1) return [line];
    return [g.node('Expand', [g.reshape(line, shape.map((d, i) => (i === axis ? d : 1))), g.shapeTensor(shape)])];
  },
});
export const iota = (dtype: DType, shape: Shape, axis = 0): NDArray => bind(iotaP, [], { dtype, shape: [...shape], axis })[0];

interface GatherParams {
  readonly axis: number;
  /** Indices may be any: negative ones count from the end, those out of range read the nearest element and pass no derivative. */
  readonly clamp?: true;
}
/** Negative indices count from the end. */
const counted = (i: NDArray, n: number): NDArray => select(lt(i, 0), add(i, n), i);
/** Where indices of `clamp` lead, and which of them were in range. */
function clamped(i: NDArray, n: number): [NDArray, NDArray] {
  const at = counted(i, n);
  return [min(max(at, 0), sub(n, 1)), bitwiseAnd(ge(at, 0), lt(at, n))];
}
/** The indices' mask beside a gathered array. */
const beside = (mask: NDArray, rank: number, axis: number): NDArray => reshape(mask, [...globalThis.Array(axis).fill(1), ...mask.shape, ...globalThis.Array(rank - axis - mask.ndim).fill(1)]);

/** Slices of `x` along `axis` at `indices`, which must lie within unless `clamp` is set. */
export const gatherP: Primitive<GatherParams> = primitive({
  name: 'gather',
  shape: ([a, i], { axis }) => [withShape(a, [...a.shape.slice(0, axis), ...i.shape, ...a.shape.slice(axis + 1)])],
  vjp: (inputs, params, needed) => ({
    outputs: bind(gatherP, inputs, params),
    pullback: ([ct]) => {
      if (!ct || !needed[0]) return [null, null];
      const [x] = inputs;
      const { axis } = params;
      const indices = inputs[1];
      // The gathered axes go to the front, where scatters work.
      const rank = indices.ndim;
      const order = [...[...globalThis.Array(rank).keys()].map((k) => axis + k), ...[...ct.shape.keys()].filter((k) => k < axis || k >= axis + rank)];
      const [into, updates] = [zerosLike(moveAxis(x, axis, 0)), transpose(ct, order)];
      const sum = params.clamp ? scatter(into, counted(indices, x.shape[axis]), updates, 'add') : scatterAdd(into, indices, updates);
      return [moveAxis(sum, 0, axis), null];
    },
  }),
  batch: ([x, indices], [i, j], { axis, clamp }) => {
    if (j === null) return [bind(gatherP, [moveAxis(x, i!, 0), indices], { axis: axis + 1, ...(clamp && { clamp }) }), [0]];
    if (i === null) return [bind(gatherP, [x, moveAxis(indices, j, 0)], { axis, ...(clamp && { clamp }) }), [axis]];
    // Both: the batch is folded into the gathered axis.
    const front = moveAxis(moveAxis(x, i, 0), axis + 1, 1);
    const [n, d, ...rest] = front.shape;
    const given = moveAxis(indices, j, 0);
    const [index, valid] = clamp ? clamped(given, d) : [given, null];
    const offset = reshape(mul(iota(index.dtype, [n]), d), [n, ...index.shape.slice(1).map(() => 1)]);
    let out = gather(reshape(front, [dims.mul(n, d), ...rest]), add(index, offset), 0);
    if (valid) out = select(beside(valid, out.ndim, 0), out, bind(stopGradientP, [out])[0]);
    for (let k = 0; k < index.ndim - 1; k++) out = moveAxis(out, 1, axis + index.ndim - 1);
    return [[out], [0]];
  },
  lower: (g, [x, indices], { axis, clamp }, { inputs: [a, i] }) => {
    if (!clamp) return [g.node('Gather', [x, indices], { axis })];
    const scalar = (name: string) => g.reshape(g.cast(name, i.dtype), []);
    const n = g.dimension(a.shape[axis]);
    return [g.node('Gather', [x, g.node('Clip', [indices, scalar(g.node('Neg', [n])), scalar(g.node('Sub', [n, g.ints([1])]))])], { axis })];
  },
});
export const gather = (x: NDArray, indices: NDArray, axis: number): NDArray => bind(gatherP, [x, indices], { axis })[0];
/** As `gather`, for indices that may be negative or out of range. */
export const gatherClamped = (x: NDArray, indices: NDArray, axis: number): NDArray => bind(gatherP, [x, indices], { axis, clamp: true })[0];

/** Adds `updates` (shape: indices', then x's without its first axis) to the rows of `x` at `indices`. */
export const scatterAddP: Primitive<Record<string, never>> = primitive({
  name: 'scatter_add',
  shape: ([a, i, u]) => {
    requireSameDType('scatterAdd', [a, u]);
    if (!dims.equalShapes(u.shape, [...i.shape, ...a.shape.slice(1)])) throw new ShapeError(`scatterAdd: updates of shape ${formatShape(u.shape)} do not fit ${formatShape([...i.shape, ...a.shape.slice(1)])}.`);
    return [a];
  },
  vjp: (inputs, params) => ({
    outputs: bind(scatterAddP, inputs, params),
    pullback: ([ct]) => [ct, null, ct && gather(ct, inputs[1], 0)],
  }),
  batch: (inputs, axes) => {
    const n = sizeOf(inputs, axes);
    const [x, indices, updates] = inputs.map((v, k) => inFront(v, axes[k], n));
    const [, d, ...rest] = x.shape;
    const offset = reshape(mul(iota(indices.dtype, [n]), d), [n, ...indices.shape.slice(1).map(() => 1)]);
    return [[reshape(scatterAdd(reshape(x, [dims.mul(n, d), ...rest]), add(indices, offset), updates), x.shape)], [0]];
  },
  lower: (g, [x, indices, updates], _params, { inputs: [{ dtype }, i] }) => {
    const rows = g.reshape(g.cast(indices, 'int64'), [...i.shape, 1]);
    return [g.within(g.kernels.need('ScatterND add', dtype), dtype, [x, updates], (into, from) => g.node('ScatterND', [into, rows, from], { reduction: 'add' }))];
  },
});
export const scatterAdd = (x: NDArray, indices: NDArray, updates: NDArray): NDArray => bind(scatterAddP, [x, indices, updates])[0];

/** `out[i][j][k] = x[i][indices[i][j][k]][k]` for axis 1: as `take_along_axis`, with indices inside and shapes equal elsewhere. */
export const gatherAlongP: Primitive<{ axis: number }> = primitive({
  name: 'gather_along',
  shape: ([a, i], { axis }) => {
    if (a.shape.length !== i.shape.length || i.shape.some((d, k) => k !== axis && !dims.equal(d, a.shape[k]))) {
      throw new ShapeError(`takeAlongAxis: indices of shape ${formatShape(i.shape)} do not fit ${formatShape(a.shape)} outside axis ${axis}.`);
    }
    return [withShape(a, i.shape)];
  },
  vjp: (inputs, params, needed) => ({
    outputs: bind(gatherAlongP, inputs, params),
    pullback: ([ct]) => [ct && needed[0] ? scatterAlongAdd(zerosLike(inputs[0]), inputs[1], ct, params.axis) : null, null],
  }),
  batch: (inputs, axes, { axis }) => {
    const n = sizeOf(inputs, axes);
    const [x, i] = inputs.map((v, k) => inFront(v, axes[k], n));
    return [[gatherAlong(x, i, axis + 1)], [0]];
  },
  lower: (g, inputs, { axis }) => [g.node('GatherElements', inputs, { axis })],
});
export const gatherAlong = (x: NDArray, indices: NDArray, axis: number): NDArray => bind(gatherAlongP, [x, indices], { axis })[0];

/** The transpose of `gatherAlong`. */
export const scatterAlongAddP: Primitive<{ axis: number }> = primitive({
  name: 'scatter_along_add',
  shape: ([a]) => [a],
  vjp: (inputs, params) => ({
    outputs: bind(scatterAlongAddP, inputs, params),
    pullback: ([ct]) => [ct, null, ct && gatherAlong(ct, inputs[1], params.axis)],
  }),
  batch: (inputs, axes, { axis }) => {
    const n = sizeOf(inputs, axes);
    const [x, i, u] = inputs.map((v, k) => inFront(v, axes[k], n));
    return [[scatterAlongAdd(x, i, u, axis + 1)], [0]];
  },
  lower: (g, [x, indices, updates], { axis }, { inputs: [{ dtype }] }) =>
    [g.within(g.kernels.need('ScatterElements add', dtype), dtype, [x, updates], (into, from) => g.node('ScatterElements', [into, indices, from], { axis, reduction: 'add' }))],
});
export const scatterAlongAdd = (x: NDArray, indices: NDArray, updates: NDArray, axis: number): NDArray => bind(scatterAlongAddP, [x, indices, updates], { axis })[0];
