/** Slices whose starts are only known at run time, and writing them: each is the other's derivative. */
import type { Graph } from '../../lowering/graph.js';
import { NDArray, Scalar, type Aval } from '../array.js';
import { bind, withShape } from '../core.js';
import { dims, formatShape, type Shape } from '../dims.js';
import { ShapeError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { add, mul } from './arithmetic.js';
import { gather, iota } from './indexing.js';
import { primitive, requireSameDType, type Primitive } from './primitive.js';
import { scatter } from './scatter.js';
import { expandTo, moveAxis, reshape } from './shape.js';

const zeros = (x: NDArray, shape: Shape): NDArray => expandTo(new Scalar(0, x.dtype, false), shape);

/** Which axes have starts; these are further inputs, int32 scalars, which the caller has clamped so that all lies inside. */
interface SliceParams { readonly axes: readonly number[]; readonly sizes: readonly number[] }
interface UpdateParams { readonly axes: readonly number[] }

/** Row numbers of an array whose axes up to `last` are flattened, for every element of a block at `starts`. */
function rows(shape: Shape, block: Shape, axes: readonly number[], starts: readonly NDArray[]): NDArray {
  const last = Math.max(...axes);
  const lead = starts[0].shape;
  const grid = block.slice(0, last + 1);
  let out: NDArray = zeros(starts[0], [...lead, ...grid]);
  range(last + 1).forEach((axis) => {
    const k = axes.indexOf(axis);
    const line = iota('int32', [...lead.map(() => 1), ...grid.map((d, i) => (i === axis ? d : 1))], lead.length + axis);
    const places = k < 0 ? line : add(line, reshape(starts[k], [...lead, ...grid.map(() => 1)]));
    out = add(out, mul(places, dims.size(shape.slice(axis + 1, last + 1))));
  });
  return out;
}
/** The batch axes of starts in front, all of one length. */
const fronts = (starts: readonly NDArray[], axes: readonly (number | null)[], n: number): NDArray[] => starts.map((s, i) => (axes[i] === null ? expandTo(s, [n]) : s));
/** Row numbers shifted to those of each example of a batch of arrays. */
const apart = (index: NDArray, n: number, count: number): NDArray => add(index, mul(reshape(iota('int32', [n]), [n, ...index.shape.slice(1).map(() => 1)]), count));

export const dynamicSliceP: Primitive<SliceParams> = primitive({
  name: 'dynamic_slice',
  shape: ([a], { axes, sizes }) => [withShape(a, a.shape.map((d, i) => (axes.includes(i) ? sizes[axes.indexOf(i)] : d)))],
  vjp: (inputs, params, needed) => ({
    outputs: bind(dynamicSliceP, inputs, params),
    pullback: ([ct]) => {
      const [x, ...starts] = inputs;
      return [ct && needed[0] ? update(zeros(x, x.shape), ct, params.axes, starts) : null, ...starts.map(() => null)];
    },
  }),
  batch: ([x, ...starts], [at, ...startAxes], { axes, sizes }) => {
    if (startAxes.every((a) => a === null)) return [bind(dynamicSliceP, [moveAxis(x, at!, 0), ...starts], { axes: axes.map((a) => a + 1), sizes }), [0]];
    const n = at === null ? starts[startAxes.findIndex((a) => a !== null)].shape[0] : x.shape[at];
    const front = at === null ? x : moveAxis(x, at, 0);
    const shape = at === null ? x.shape : front.shape.slice(1);
    const last = Math.max(...axes);
    const index = rows(shape, shape.map((d, i) => (axes.includes(i) ? sizes[axes.indexOf(i)] : d)), axes, fronts(starts, startAxes, n));
    const count = dims.size(shape.slice(0, last + 1));
    const flat = reshape(front, [at === null ? count : dims.mul(n, count), ...shape.slice(last + 1)]);
    return [[gather(flat, at === null ? index : apart(index, n, count), 0)], [0]];
  },
  lower: (g, [x, ...starts], { axes, sizes }) => {
    if (axes.length === 1 && sizes[0] === 1) return [g.node('Gather', [x, g.reshape(starts[0], [1])], { axis: axes[0] })];
    const from = vector(g, starts);
    return [g.node('Slice', [x, from, g.node('Add', [from, g.ints(sizes)]), g.ints(axes)])];
  },
});
function vector(g: Graph, starts: readonly string[]): string {
  const each = starts.map((s) => g.reshape(s, [1]));
  return g.cast(each.length === 1 ? each[0] : g.node('Concat', each, { axis: 0 }), 'int64');
}

export const dynamicUpdateP: Primitive<UpdateParams> = primitive({
  name: 'dynamic_update_slice',
  shape: ([a, u], { axes }) => {
    requireSameDType('dynamicUpdateSlice', [a, u]);
    if (a.shape.length !== u.shape.length || u.shape.some((d, i) => !dims.equal(d, a.shape[i]) && (!axes.includes(i) || d > a.shape[i]))) {
      throw new ShapeError(`dynamicUpdateSlice: an update of shape ${formatShape(u.shape)} does not fit into ${formatShape(a.shape)}.`);
    }
    return [a];
  },
  vjp: (inputs, params, needed) => ({
    outputs: bind(dynamicUpdateP, inputs, params),
    pullback: ([ct]) => {
      const [x, u, ...starts] = inputs;
      if (!ct) return inputs.map(() => null);
      return [
        needed[0] ? update(ct, zeros(x, u.shape), params.axes, starts) : null,
        needed[1] ? bind(dynamicSliceP, [ct, ...starts], { axes: params.axes, sizes: params.axes.map((a) => u.shape[a]) })[0] : null,
        ...starts.map(() => null),
      ];
    },
  }),
  batch: ([x, u, ...starts], [at, uAt, ...startAxes], { axes }) => {
    const lead = [x, u, ...starts].map((v, i) => { const a = [at, uAt, ...startAxes][i]; return a === null ? null : v.shape[a]; });
    const n = lead.find((d) => d !== null)!;
    const put = (v: NDArray, a: number | null) => (a === null ? expandTo(v, [n, ...v.shape]) : moveAxis(v, a, 0));
    const [fx, fu] = [put(x, at), put(u, uAt)];
    if (startAxes.every((a) => a === null)) return [[update(fx, fu, axes.map((a) => a + 1), starts)], [0]];
    const shape = fx.shape.slice(1);
    const last = Math.max(...axes);
    const count = dims.size(shape.slice(0, last + 1));
    const index = apart(rows(shape, fu.shape.slice(1), axes, fronts(starts, startAxes, n)), n, count);
    return [[reshape(scatter(reshape(fx, [dims.mul(n, count), ...shape.slice(last + 1)]), index, fu, 'set', { distinct: true }), fx.shape)], [0]];
  },
  lower: (g, [x, u, ...starts], { axes }, { inputs: [a, b] }) => {
    if ([...b.shape].some((d) => dims.equal(d, 0))) return [g.node('Identity', [x])];
    const last = Math.max(...axes);
    const rest = a.shape.slice(last + 1);
    const grid = b.shape.slice(0, last + 1);
    // Scattered rows: the engine writes them in place where nothing else needs the array.
    const index = axes.reduce((sum, axis, k) => g.node('Add', [sum, scaled(g, g.cast(starts[k], 'int64'), dims.size(a.shape.slice(axis + 1, last + 1)))]), blockRows(g, a, grid));
    const flat = (name: string, from: Aval) => g.reshape(name, [dims.size(from.shape.slice(0, last + 1)), ...rest]);
    const out = g.node('ScatterND', [last === 0 ? x : flat(x, a), g.reshape(index, [dims.size(grid), 1]), last === 0 ? u : flat(u, b)]);
    return [last === 0 ? out : g.reshape(out, a.shape)];
  },
});
const scaled = (g: Graph, x: string, by: number): string => (dims.equal(by, 1) ? x : g.node('Mul', [x, g.reshape(g.dimension(by), [])]));
/** Row numbers of a block at the array's beginning, as a tensor of the block's rank. */
function blockRows(g: Graph, a: Aval, grid: Shape): string {
  const strides = grid.map((_, i) => dims.size(a.shape.slice(i + 1, grid.length)));
  if (dims.isStatic([...grid, ...strides]) && dims.size(grid) <= 4096) {
    const numbers = grid.reduce<number[]>((all, n, i) => all.flatMap((v) => range(n).map((k) => v + k * strides[i])), [0]);
    return g.constant('int64', grid, numbers);
  }
  return grid.map((n, i) => {
    const line = g.node('Range', [g.constant('int64', [], [0]), g.reshape(g.dimension(n), []), g.constant('int64', [], [1])]);
    return g.reshape(scaled(g, line, strides[i]), grid.map((d, k) => (k === i ? d : 1)));
  }).reduce((p, q) => g.node('Add', [p, q]));
}

/** Slices of `sizes` along `axes` from `starts` on: int32 scalars for which all lies inside. */
export const dynamicSlice = (x: NDArray, axes: readonly number[], starts: readonly NDArray[], sizes: readonly number[]): NDArray =>
  (axes.length === 0 ? x : bind(dynamicSliceP, [x, ...starts], { axes: [...axes], sizes: [...sizes] })[0]);
/** `x` with `u` written over it from `starts` on; along other axes `u` is as long as `x`. */
export const update = (x: NDArray, u: NDArray, axes: readonly number[], starts: readonly NDArray[]): NDArray =>
  (axes.length === 0 ? u : bind(dynamicUpdateP, [x, u, ...starts], { axes: [...axes] })[0]);
