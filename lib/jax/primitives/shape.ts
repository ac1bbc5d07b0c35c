/** Data movement: reshape, transpose, broadcast, slice, concatenate, pad, reverse; and sums, which are their transposes. */
import type { Graph } from '../../lowering/graph.js';
import { NDArray, Scalar, aval } from '../array.js';
import { bind, withShape } from '../core.js';
import { broadcastShapes, canonicalAxis, dims, formatShape, type Shape } from '../dims.js';
import { DTYPES, isFloat } from '../dtypes.js';
import { ShapeError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { add, eq, mul, select } from './arithmetic.js';
import { primitive, requireSameDType, thunks, type Primitive } from './primitive.js';

export const reshapeP: Primitive<{ shape: Shape }> = primitive({
  name: 'reshape',
  shape: ([a], { shape }) => {
    if (!dims.equal(dims.size(a.shape), dims.size(shape))) throw new ShapeError(`reshape: cannot reshape ${formatShape(a.shape)} (${dims.size(a.shape)} elements) to ${formatShape(shape)} (${dims.size(shape)} elements).`);
    return [withShape(a, shape)];
  },
  vjp: thunks(() => reshapeP, (ct, [x]) => [() => reshape(ct, x.shape)]),
  batch: ([x], [axis], { shape }) => [bind(reshapeP, [moveAxis(x, axis!, 0)], { shape: [x.shape[axis!], ...shape] }), [0]],
  lower: (g, [x], { shape }) => [g.reshape(x, shape)],
  view: true,
});
/** The elements in row-major order under another shape of the same size; no -1 here. */
export const reshape = (x: NDArray, shape: Shape): NDArray => (dims.equalShapes(x.shape, shape) ? x : bind(reshapeP, [x], { shape: [...shape] })[0]);

export const transposeP: Primitive<{ permutation: readonly number[] }> = primitive({
  name: 'transpose',
  shape: ([a], { permutation }) => {
    if (permutation.length !== a.shape.length || new Set(permutation).size !== permutation.length || permutation.some((p) => !(p in a.shape))) {
      throw new ShapeError(`transpose: ${formatShape(permutation)} is no permutation of the axes of ${formatShape(a.shape)}.`);
    }
    return [withShape(a, permutation.map((p) => a.shape[p]))];
  },
  vjp: thunks(() => transposeP, (ct, _inputs, _outputs, { permutation }) => [() => transpose(ct, range(permutation.length).map((i) => permutation.indexOf(i)))]),
  batch: ([x], [axis], { permutation }) => [bind(transposeP, [moveAxis(x, axis!, 0)], { permutation: [0, ...permutation.map((p) => p + 1)] }), [0]],
  lower: (g, [x], { permutation }, { inputs: [a] }) => [lowerTranspose(g, x, a.shape, permutation)],
  view: true,
});
export const transpose = (x: NDArray, permutation: readonly number[]): NDArray => (permutation.length === x.ndim && permutation.every((p, i) => p === i) ? x : bind(transposeP, [x], { permutation: [...permutation] })[0]);

/** From this size on a second node costs less than what it saves. */
const LARGE = 2 ** 16;

/**
 * The engine moves a single axis, or whole rows, many times faster than it does single elements. What is neither, such as a
 * kernel's `[space, in, out]` turned around, is rows first and then their axis.
 */
function lowerTranspose(g: Graph, x: string, shape: Shape, permutation: readonly number[]): string {
  const plain = (): string => g.node('Transpose', [x], { perm: permutation });
  if (!g.custom || !dims.isStatic(shape) || (dims.size(shape) as number) < LARGE) return plain();
  // Axes that stay together count as one, and those of one element not at all.
  const groups: number[][] = [];
  for (const axis of permutation.filter((p) => shape[p] !== 1)) {
    const between = groups.length ? range(axis).slice(groups.at(-1)!.at(-1)! + 1) : [];
    if (groups.length && axis > groups.at(-1)!.at(-1)! && between.every((p) => shape[p] === 1)) groups.at(-1)!.push(axis);
    else groups.push([axis]);
  }
  const sorted = [...groups].sort((p, q) => p[0] - q[0]);
  const order = groups.map((group) => sorted.indexOf(group));
  const sizes = sorted.map((group) => group.reduce((n, p) => n * shape[p], 1));
  const last = order.length - 1;
  const [others, place] = [order.filter((p) => p !== last), order.indexOf(last)];
  const single = order.some((axis) => { const rest = order.filter((p) => p !== axis); return rest.every((p, i) => i === 0 || p > rest[i - 1]); });
  if (place === last || single) return plain();
  const product = (ps: readonly number[]): number => ps.reduce((n, p) => n * sizes[p], 1);
  const rows = g.node('Transpose', [g.reshape(x, sizes)], { perm: [...others, last] });
  const columns = g.node('Transpose', [g.reshape(rows, [product(others.slice(0, place)), product(others.slice(place)), sizes[last]])], { perm: [0, 2, 1] });
  return g.reshape(columns, permutation.map((p) => shape[p]));
}

/** The array with one axis moved to another place. */
export function moveAxis(x: NDArray, from: number, to: number): NDArray {
  const order = range(x.ndim).filter((i) => i !== from);
  order.splice(to, 0, from);
  return transpose(x, order);
}

export const expandP: Primitive<{ shape: Shape }> = primitive({
  name: 'broadcast_to',
  shape: ([a], { shape }) => {
    if (!dims.equalShapes(broadcastShapes('broadcastTo', a.shape, shape), shape)) throw new ShapeError(`broadcastTo: ${formatShape(a.shape)} cannot be broadcast to ${formatShape(shape)}.`);
    return [withShape(a, shape)];
  },
  vjp: thunks(() => expandP, (ct, [x]) => [() => {
    const lead = ct.ndim - x.ndim;
    return reshape(reduceSum(ct, range(ct.ndim).filter((i) => i < lead || (dims.equal(x.shape[i - lead], 1) && !dims.equal(ct.shape[i], 1)))), x.shape);
  }]),
  batch: ([x], [axis], { shape }) => {
    const front = moveAxis(x, axis!, 0);
    const aligned = reshape(front, [front.shape[0], ...new globalThis.Array(shape.length - x.ndim + 1).fill(1), ...front.shape.slice(1)]);
    return [bind(expandP, [aligned], { shape: [front.shape[0], ...shape] }), [0]];
  },
  lower: (g, [x], { shape }, { inputs: [a] }) => {
    return [g.within(g.kernels.need('Expand', a.dtype), a.dtype, [x], (y) => g.node('Expand', [y, g.shapeTensor(shape)]))];
  },
});
/** NumPy's broadcast to a whole shape. */
export const expandTo = (x: NDArray, shape: Shape): NDArray => (dims.equalShapes(x.shape, shape) ? x : bind(expandP, [x], { shape: [...shape] })[0]);

/** A batch of `size` along the leading axis: the axis moved there, or the same value repeated where it has none. */
export const inFront = (x: NDArray, axis: number | null, size: number): NDArray => (axis === null ? expandTo(x, [size, ...x.shape]) : moveAxis(x, axis, 0));

/** The mapped ones among several values with their axis in front; the others as they are. */
export const mappedInFront = (inputs: readonly NDArray[], axes: readonly (number | null)[]): NDArray[] => inputs.map((x, i) => (axes[i] === null ? x : moveAxis(x, axes[i]!, 0)));

interface SliceParams { readonly starts: readonly number[]; readonly limits: readonly number[]; readonly strides: readonly number[] }
export const sliceP: Primitive<SliceParams> = primitive({
  name: 'slice',
  shape: ([a], { starts, limits, strides }) => {
    if (starts.length !== a.shape.length) throw new ShapeError(`slice: ${starts.length} starts were given for an array of rank ${a.shape.length}.`);
    return [withShape(a, a.shape.map((d, i) => {
      if (dims.equal(limits[i], d) && starts[i] === 0 && strides[i] === 1) return d;
      if (!(starts[i] >= 0 && limits[i] <= d && starts[i] <= limits[i] && strides[i] >= 1)) throw new ShapeError(`slice: [${starts[i]}:${limits[i]}:${strides[i]}] does not fit axis ${i} of ${formatShape(a.shape)}.`);
      return Math.ceil((limits[i] - starts[i]) / strides[i]);
    }))];
  },
  vjp: thunks(() => sliceP, (ct, [x], _outputs, { starts, strides }) => [() => pad(ct, 0,
    starts.map((s, i) => {
      const n = ct.shape[i];
      if (dims.equal(n, x.shape[i])) return [0, 0, 0];
      return [s, x.shape[i] - s - (n === 0 ? 0 : (n - 1) * strides[i] + 1), strides[i] - 1];
    }))]),
  batch: ([x], [axis], { starts, limits, strides }) => {
    const front = moveAxis(x, axis!, 0);
    return [bind(sliceP, [front], { starts: [0, ...starts], limits: [front.shape[0], ...limits], strides: [1, ...strides] }), [0]];
  },
  lower: (g, [x], { starts, limits, strides }, { inputs: [a] }) => {
    const axes = range(starts.length).filter((i) => !(starts[i] === 0 && strides[i] === 1 && dims.equal(limits[i], a.shape[i])));
    if (axes.length === 0) return [g.node('Identity', [x])];
    return [g.node('Slice', [x, g.ints(axes.map((i) => starts[i])), g.ints(axes.map((i) => limits[i])), g.ints(axes), g.ints(axes.map((i) => strides[i]))])];
  },
});
/** `x[starts:limits:strides]` on every axis, with bounds inside the array. As `lax.slice`. */
export const slice = (x: NDArray, starts: readonly number[], limits: readonly number[], strides: readonly number[] = starts.map(() => 1)): NDArray =>
  bind(sliceP, [x], { starts: [...starts], limits: [...limits], strides: [...strides] })[0];

export const concatenateP: Primitive<{ axis: number }> = primitive({
  name: 'concatenate',
  shape: (inputs, { axis }) => {
    requireSameDType('concatenate', inputs);
    const [first] = inputs;
    for (const a of inputs) {
      if (a.shape.length !== first.shape.length || a.shape.some((d, i) => i !== axis && !dims.equal(d, first.shape[i]))) {
        throw new ShapeError(`concatenate: shapes ${inputs.map((i) => formatShape(i.shape)).join(', ')} differ outside axis ${axis}.`);
      }
    }
    const total = inputs.length === 1 ? first.shape[axis] : inputs.reduce((n, a) => n + a.shape[axis], 0);
    return [withShape(first, first.shape.map((d, i) => (i === axis ? total : d)))];
  },
  vjp: (inputs, params, needed) => ({
    outputs: bind(concatenateP, inputs, params),
    pullback: ([ct]) => {
      let at = 0;
      return inputs.map((x, i) => {
        const from = at;
        at += x.shape[params.axis];
        if (!ct || !needed[i]) return null;
        return slice(ct, ct.shape.map((_, k) => (k === params.axis ? from : 0)), ct.shape.map((d, k) => (k === params.axis ? from + x.shape[params.axis] : d)));
      });
    },
  }),
  batch: (inputs, axes, { axis }) => {
    const size = inputs[axes.findIndex((a) => a !== null)].shape[axes.find((a) => a !== null)!];
    const front = inputs.map((x, i) => (axes[i] === null ? expandTo(x, [size, ...x.shape]) : moveAxis(x, axes[i]!, 0)));
    return [bind(concatenateP, front, { axis: axis + 1 }), [0]];
  },
  lower: (g, inputs, { axis }) => [g.node('Concat', inputs, { axis })],
});
export const concatenate = (xs: readonly NDArray[], axis: number): NDArray => {
  if (xs.length === 0) throw new ShapeError('concatenate: expected at least one array, got none.');
  return xs.length === 1 ? xs[0] : bind(concatenateP, xs, { axis: canonicalAxis(axis, xs[0].ndim, 'concatenate') })[0];
};

/** `config` has [low, high, interior] for every axis; low and high may be negative, which cuts. */
export const padP: Primitive<{ config: readonly (readonly [number, number, number])[] }> = primitive({
  name: 'pad',
  shape: ([a, value], { config }) => {
    requireSameDType('pad', [a, value]);
    if (config.length !== a.shape.length) throw new ShapeError(`pad: ${config.length} axes are configured for an array of rank ${a.shape.length}.`);
    return [withShape(a, a.shape.map((d, i) => {
      const [low, high, interior] = config[i];
      if (low === 0 && high === 0 && interior === 0) return d;
      if (!config[i].every(Number.isInteger)) throw new ShapeError(`pad: expected whole numbers [low, high, interior], got [${config[i].join()}] for axis ${i}.`);
      if (interior < 0) throw new ShapeError(`pad: the padding between elements must not be negative, got ${interior} for axis ${i}.`);
      const n = low + high + d + Math.max(0, d - 1) * interior;
      if (n < 0) throw new ShapeError(`pad: axis ${i} of ${formatShape(a.shape)} would become ${n} long.`);
      return n;
    }))];
  },
  vjp: (inputs, params, needed) => ({
    outputs: bind(padP, inputs, params),
    pullback: ([ct]) => {
      if (!ct) return [null, null];
      const [x] = inputs;
      const { config } = params;
      const unpad = (y: NDArray): NDArray => {
        const widened = pad(y, 0, config.map(([low, high]) => [Math.max(0, -low), Math.max(0, -high), 0]));
        return slice(widened, config.map(([low]) => Math.max(0, low)), widened.shape.map((d, i) => (config[i].every((c) => c === 0) ? d : d - Math.max(0, config[i][1]))), config.map(([, , interior]) => interior + 1));
      };
      return [needed[0] ? unpad(ct) : null, needed[1] ? add(reduceSum(ct, range(ct.ndim)), mul(reduceSum(unpad(ct), range(x.ndim)), -1)) : null];
    },
  }),
  batch: ([x, value], [axis, valueAxis], { config }) => {
    if (valueAxis === null) return [bind(padP, [moveAxis(x, axis!, 0), value], { config: [[0, 0, 0], ...config] }), [0]];
    // Values of its own for each: padded with anything, and chosen where a mask of ones was padded with zeros.
    const n = value.shape[0];
    const shape = axis === null ? x.shape : x.shape.filter((_, i) => i !== axis);
    const batched = axis === null ? expandTo(x, [n, ...x.shape]) : moveAxis(x, axis, 0);
    const inner = eq(pad(expandTo(new Scalar(1, 'int32', false), shape), 0, config), 1);
    const padded = pad(batched, 0, [[0, 0, 0], ...config]);
    return [[select(expandTo(inner, padded.shape), padded, expandTo(reshape(value, [n, ...shape.map(() => 1)]), padded.shape))], [0]];
  },
  lower: (g, [given, fill], { config }, { inputs: [a] }) => {
    const compute = g.kernels.need('Pad', a.dtype);
    const [x, value] = compute === a.dtype ? [given, fill] : [given, fill].map((v) => g.cast(v, compute));
    let y = x;
    config.forEach(([, , interior], axis) => {
      if (interior === 0 || a.shape[axis] <= 1) return;
      // A unit axis behind, padded, merged and cut: every element is followed by `interior` fillers.
      const shape = [...a.shape];
      config.slice(0, axis).forEach(([, , k], i) => { if (k > 0 && shape[i] > 1) shape[i] += (shape[i] - 1) * k; });
      const apart = g.reshape(y, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
      const pads = [...shape, 1].map(() => 0);
      const wide = g.node('Pad', [apart, g.ints([...pads, ...pads.map((_, i) => (i === axis + 1 ? interior : 0))]), value]);
      const merged = g.reshape(wide, shape.map((d, i) => (i === axis ? d * (interior + 1) : d)));
      y = g.node('Slice', [merged, g.ints([0]), g.ints([shape[axis] + (shape[axis] - 1) * interior]), g.ints([axis])]);
    });
    // All axes are named, or the engine takes padding into a pool behind it, as what is no element and may not be as wide as a window;
    // where only some are, it loses track of them under a transpose.
    if (config.some(([low, high]) => low !== 0 || high !== 0)) y = g.node('Pad', [y, g.ints([...config.map(([low]) => low), ...config.map(([, high]) => high)]), value, g.ints(range(config.length))]);
    if (y === x) return [g.node('Identity', [given])];
    return [compute === a.dtype ? y : g.cast(y, a.dtype)];
  },
});
/** As `lax.pad`: [low, high, interior] for every axis. */
export const pad = (x: NDArray, value: number | NDArray, config: readonly (readonly number[])[]): NDArray =>
  (config.every((c) => c.every((n) => n === 0)) ? x
    : bind(padP, [x, typeof value === 'number' ? new Scalar(value, x.dtype, false) : value], { config: config.map((c) => [...c]) })[0]);

export const reverseP: Primitive<{ axes: readonly number[] }> = primitive({
  name: 'rev',
  shape: ([a]) => [a],
  vjp: thunks(() => reverseP, (ct, _inputs, _outputs, { axes }) => [() => reverse(ct, axes)]),
  batch: ([x], [axis], { axes }) => [bind(reverseP, [moveAxis(x, axis!, 0)], { axes: axes.map((a) => a + 1) }), [0]],
  lower: (g, [x], { axes }) => [g.node('Slice', [x, g.ints(axes.map(() => -1)), g.ints(axes.map(() => -(2 ** 31))), g.ints(axes), g.ints(axes.map(() => -1))])],
});
export const reverse = (x: NDArray, axes: readonly number[]): NDArray => (axes.length === 0 ? x : bind(reverseP, [x], { axes: [...axes] })[0]);

export const reduceSumP: Primitive<{ axes: readonly number[]; keepdims?: true }> = primitive({
  name: 'reduce_sum',
  shape: ([a], { axes, keepdims }) => [withShape(a, keepdims ? a.shape.map((d, i) => (axes.includes(i) ? 1 : d)) : a.shape.filter((_, i) => !axes.includes(i)))],
  vjp: thunks(() => reduceSumP, (ct, [x], _outputs, { axes }) => [() => expandTo(ct.ndim && ct.ndim < x.ndim ? reshape(ct, x.shape.map((d, i) => (axes.includes(i) ? 1 : d))) : ct, x.shape)]),
  batch: ([x], [axis], { axes, keepdims }) => [bind(reduceSumP, [moveAxis(x, axis!, 0)], { axes: axes.map((a) => a + 1), keepdims }), [0]],
  lower: (g, [x], { axes, keepdims }, { inputs: [a], outputs: [out] }) => {
    const n = dims.size(axes.map((i) => a.shape[i]));
    // Narrow integers are exact in float64, where engines sum int64, and wrap on their way back.
    const narrow = !isFloat(a.dtype) && DTYPES[a.dtype].size < 8 && g.kernels.has('ReduceSum 53', 'int64');
    const compute = g.kernels.find('ReduceSum', a.dtype) ?? (narrow ? 'int64' : null);
    if (!compute) {
      // Products of integer matrices are exact.
      const rest = range(a.shape.length).filter((i) => !axes.includes(i));
      const rows = g.reshape(g.node('Transpose', [x], { perm: [...rest, ...axes] }), [dims.size(out.shape), n]);
      const by = g.kernels.need('MatMul', a.dtype);
      const ones = g.node('Expand', [g.constant(by, [1, 1], [1]), g.shapeTensor([n, 1])]);
      return [g.reshape(g.within(by, a.dtype, [rows], (matrix) => g.node('MatMul', [matrix, ones])), out.shape)];
    }
    return [g.within(compute, a.dtype, [x], (y) => g.node('ReduceSum', [y, g.ints(axes)], { keepdims: keepdims ? 1 : 0 }))];
  },
});
/** The sum over `axes`, which disappear. */
export const reduceSum = (x: NDArray, axes: readonly number[]): NDArray => (axes.length === 0 ? x : bind(reduceSumP, [x], { axes: [...axes] })[0]);

/** The sum over `axes`, which stay with size 1. */
export const reduceSumKept = (x: NDArray, axes: readonly number[]): NDArray => bind(reduceSumP, [x], { axes: [...axes], keepdims: true })[0];

/** The number of elements along `axes` as a scalar: a constant, or read at run time where a dimension is open. */
export const sizeP: Primitive<{ axes: readonly number[]; dtype: 'float32' | 'float64' | 'int32' }> = primitive({
  name: 'size',
  shape: (_inputs, { dtype }) => [aval([], dtype)],
  vjp: null,
  batch: ([x], [axis], { axes, dtype }) => [bind(sizeP, [moveAxis(x, axis!, 0)], { axes: axes.map((a) => a + 1), dtype }), [null]],
  lower: (g, _inputs, { axes, dtype }, { inputs: [a] }) => {
    const sizes = axes.map((i) => g.dimension(a.shape[i]));
    return [g.reshape(g.cast(sizes.reduce((m, n) => g.node('Mul', [m, n])), dtype), [])];
  },
});
