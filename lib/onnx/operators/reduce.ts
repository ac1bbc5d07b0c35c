/** Operators that reduce axes, and those that normalise along one by its sum. */
import { lax, nn, numpy as jnp, type Array } from '../../jax/index.js';
import { dims } from '../../jax/dims.js';
import { isFloat } from '../../jax/dtypes.js';
import { indices as range } from '../budget.js';
import type { Call, Operators } from '../call.js';


/** A reduction of axes that are an attribute or an input; without any, of all, or of none if the node says so. */
const reduction = (f: (x: Array, axes: number[], keepdims: boolean) => Array, idle: (x: Array) => Array = (x) => x) => ({
  statics: [1],
  run: (c: Call): Array => {
    const x = c.x(0);
    const keepdims = c.int('keepdims', 1) === 1;
    const given = c.axes(1, x.ndim);
    if (!given?.length && c.int('noop_with_empty_axes', 0) === 1) return idle(x);
    return f(x, given?.length ? given : range(x.ndim), keepdims);
  },
});
const keep = (x: Array, axes: readonly number[], y: Array, keepdims: boolean): Array => (keepdims ? lax.reshape(y, x.shape.map((d, i) => (axes.includes(i) ? 1 : d))) : y);
const empty = (x: Array, axes: readonly number[]): boolean => axes.some((a) => dims.equal(x.shape[a], 0));

const sum = (x: Array, axis: number[], keepdims: boolean): Array => keep(x, axis, lax.reduceSum(x, axis), keepdims);
const extremum = (f: (x: Array, axes: number[]) => Array, neutral: number) => (x: Array, axes: number[], keepdims: boolean): Array => {
  if (empty(x, axes) && x.dtype !== 'bool') return jnp.full(x.shape.flatMap((d, i) => (axes.includes(i) ? (keepdims ? [1] : []) : [d])), isFloat(x.dtype) ? neutral : jnp.iinfo(x.dtype)[neutral < 0 ? 'min' : 'max'], { dtype: x.dtype });
  if (x.dtype === 'bool') return lax.eq(extremum(f, neutral < 0 ? 0 : 1)(lax.convertElementType(x, 'int32'), axes, keepdims), 1);
  return keep(x, axes, f(x, axes), keepdims);
};
const mean = (x: Array, axis: number[], keepdims: boolean): Array => (isFloat(x.dtype) ? jnp.mean(x, { axis, keepdims }) : lax.div(sum(x, axis, keepdims), dims.size(axis.map((a) => x.shape[a]))));

const positions = (f: typeof jnp.argmax) => (c: Call): Array => {
  const x = c.x(0);
  const axis = c.axis('axis', 0);
  const keepdims = c.int('keepdims', 1) === 1;
  const last = c.int('select_last_index', 0) === 1;
  const at = f(last ? lax.rev(x, [axis]) : x, { axis, keepdims });
  return lax.convertElementType(last ? lax.sub(x.shape[axis] - 1, at) : at, 'int64');
};

/** Before version 13 all axes from `axis` on were taken together. */
const normalised = (f: (x: Array, axis: number) => Array) => (c: Call): Array => {
  const x = c.x(0);
  if (c.version >= 13) return f(x, c.axis('axis', -1));
  const axis = c.axis('axis', 1);
  if (axis === x.ndim - 1) return f(x, axis);
  return lax.reshape(f(lax.reshape(x, [dims.size(x.shape.slice(0, axis)), dims.size(x.shape.slice(axis))]), 1), x.shape);
};
const hardmax = (x: Array, axis: number): Array => {
  const first = lax.expandDims(lax.argmax(x, axis), [axis]);
  return lax.convertElementType(lax.eq(lax.broadcastedIota('int32', x.shape, axis), first), x.dtype);
};

function cumulative(c: Call, run: (x: Array, options: { axis: number; reverse: boolean }) => Array, neutral: number): Array {
  const x = c.x(0);
  const axis = Number(c.given(1)[0]);
  const at = axis < 0 ? axis + x.ndim : axis;
  const reverse = c.int('reverse', 0) === 1;
  const all = run(x, { axis: at, reverse });
  if (!c.int('exclusive', 0)) return all;
  // What comes before each element: all moved on by one place.
  const width = (low: number, high: number): [number, number, number][] => x.shape.map((_, i) => (i === at ? [low, high, 0] : [0, 0, 0]));
  return lax.pad(all, c.scalar(neutral, x), reverse ? width(-1, 1) : width(1, -1));
}

export const REDUCE: Operators = {
  ReduceSum: reduction(sum), ReduceMean: reduction(mean),
  ReduceMax: reduction(extremum(lax.reduceMax, -Infinity)), ReduceMin: reduction(extremum(lax.reduceMin, Infinity)),
  ReduceProd: reduction((x, axes, keepdims) => keep(x, axes, lax.reduceProd(x, axes), keepdims)),
  ReduceL1: reduction((x, axes, keepdims) => sum(lax.abs(x), axes, keepdims), lax.abs),
  ReduceL2: reduction((x, axes, keepdims) => { const s = sum(lax.square(x), axes, keepdims); return isFloat(x.dtype) ? lax.sqrt(s) : lax.convertElementType(lax.sqrt(lax.convertElementType(s, 'float32')), x.dtype); }, lax.abs),
  ReduceSumSquare: reduction((x, axes, keepdims) => sum(lax.square(x), axes, keepdims), lax.square),
  ReduceLogSum: reduction((x, axes, keepdims) => lax.log(sum(x, axes, keepdims)), lax.log),
  ReduceLogSumExp: reduction((x, axis, keepdims) => (isFloat(x.dtype) ? jnp.logsumexp(x, { axis, keepdims }) : lax.convertElementType(jnp.logsumexp(x, { axis, keepdims }), x.dtype))),
  ArgMax: positions(jnp.argmax), ArgMin: positions(jnp.argmin),
  Softmax: normalised((x, axis) => nn.softmax(x, { axis })), LogSoftmax: normalised((x, axis) => nn.logSoftmax(x, { axis })), Hardmax: normalised(hardmax),
  CumSum: { run: (c) => cumulative(c, lax.cumsum, 0), statics: [1] },
  CumProd: { run: (c) => cumulative(c, lax.cumprod, 1), statics: [1] },
};
