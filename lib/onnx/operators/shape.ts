/** Operators that move elements: none of them computes with one. */
import { lax, numpy as jnp, type Array } from '../../jax/index.js';
import { Scalar, formatAval } from '../../jax/array.js';
import { canonicalAxis, dims } from '../../jax/dims.js';
import { isFloat } from '../../jax/dtypes.js';
import { Adapted, Known, arrayOf, type Value } from '../values.js';
import { indices as range } from '../budget.js';
import type { Call, Operators } from '../call.js';

function reshape(c: Call): Array {
  const x = c.x(0);
  const given = c.list('shape') ?? c.numbers(1) ?? [];
  const keepZero = c.int('allowzero', 0) === 1;
  if (!keepZero && given.some((d, i) => d === 0 && i >= x.ndim)) throw c.fail(`takes an axis over from ${formatAval(x)} that it does not have`);
  return jnp.reshape(x, given.map((d, i) => (d === 0 && !keepZero ? x.shape[i] : d)));
}

function flatten(c: Call): Array {
  const x = c.x(0);
  const axis = c.int('axis', 1);
  const at = axis < 0 ? axis + x.ndim : axis;
  return lax.reshape(x, [dims.size(x.shape.slice(0, at)), dims.size(x.shape.slice(at))]);
}

function squeeze(c: Call): Array {
  const x = c.x(0);
  const axes = c.axes(1, x.ndim) ?? range(x.ndim).filter((i) => dims.equal(x.shape[i], 1));
  return lax.squeeze(x, axes);
}
function unsqueeze(c: Call): Array {
  const axes = c.list('axes') ?? c.numbers(1) ?? [];
  return lax.expandDims(c.x(0), axes);
}

function slice(c: Call): Array {
  const x = c.x(0);
  const [starts, ends] = c.version < 10 ? [c.list('starts'), c.list('ends')] : [c.numbers(1), c.numbers(2)];
  if (!starts || !ends) throw c.fail('does not say where its slice starts and ends');
  const axes = c.axes(3, x.ndim) ?? range(starts.length);
  const steps = (c.version < 10 ? null : c.numbers(4)) ?? axes.map(() => 1);
  const [from, to, by] = [x.shape.map(() => 0), [...x.shape], x.shape.map(() => 1)];
  const reversed: number[] = [];
  axes.forEach((axis, k) => {
    const n = x.shape[axis];
    const [start, end, step] = [starts[k], ends[k], steps[k]];
    if (typeof n !== 'number' || typeof start !== 'number' || typeof end !== 'number') {
      // All of an open dimension.
      if (start === 0 && step === 1 && (dims.equal(end, n) || (typeof end === 'number' && end > 2 ** 31 - 2))) return;
      throw c.fail(`cuts the open dimension '${String(n)}'; fix it to a number`);
    }
    const clamp = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + n : v, low), high);
    if (step > 0) [from[axis], to[axis], by[axis]] = [clamp(start, 0, n), Math.max(clamp(start, 0, n), clamp(end, 0, n)), step];
    else {
      // Backwards from `first` to above `last`: forwards in the reversed array.
      const [first, last] = [clamp(start, -1, n - 1), clamp(end, -1, n - 1)];
      reversed.push(axis);
      [from[axis], to[axis], by[axis]] = [n - 1 - first, Math.max(n - 1 - first, n - 1 - last), -step];
    }
  });
  return lax.slice(lax.rev(x, reversed), from, to, by);
}

/** Indices from 0 on, where they may count from the end. */
function counted(c: Call, i: number, n: number): Array {
  const given = c.value(i);
  if (given instanceof Known && given.values.every((v) => typeof v === 'number')) {
    const values = (given.values as number[]).map((v) => (v < 0 ? v + n : v));
    if (values.some((v) => v < 0 || v >= n)) throw c.fail(`reads at ${values.find((v) => v < 0 || v >= n)} of an axis of ${n} elements`);
    return new Known(given.dtype, given.shape, values).array;
  }
  const index = c.x(i);
  return lax.select(lax.lt(index, 0), lax.add(index, n), index);
}

function gather(c: Call): Array {
  const x = c.x(0);
  const axis = c.axis('axis', 0);
  const index = counted(c, 1, x.shape[axis]);
  const one = c.value(1);
  if (one instanceof Known && one.values.length === 1) {
    // One place is a slice, whose derivative is a padding.
    const at = Number(index.item());
    const part = lax.sliceInDim(x, at, at + 1, { axis });
    return lax.reshape(part, [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)]);
  }
  return jnp.take(x, index, { axis, mode: 'clip' });
}

function gatherElements(c: Call): Array {
  const [x, index] = [c.x(0), c.x(1)];
  const axis = c.axis('axis', 0);
  // Along other axes the indices may have fewer places than the array.
  const seen = lax.slice(x, x.shape.map(() => 0), x.shape.map((d, i) => (i === axis ? d : index.shape[i])));
  return jnp.takeAlongAxis(seen, lax.select(lax.lt(index, 0), lax.add(index, x.shape[axis]), index), { axis, mode: 'clip' });
}

/** Index vectors along the last axis, over axes from `first` on, as numbers of rows. */
function rowNumbers(index: Array, shape: readonly number[], first: number): Array {
  const depth = index.shape[index.ndim - 1];
  const lead = index.shape.slice(0, -1);
  let rows: Array | null = null;
  for (let k = 0; k < depth; k++) {
    const column = lax.reshape(lax.sliceInDim(index, k, k + 1, { axis: -1 }), lead);
    const n = shape[first + k];
    const at = lax.select(lax.lt(column, 0), lax.add(column, n), column);
    rows = rows ? lax.add(lax.mul(rows, n), at) : at;
  }
  return rows ?? jnp.zeros(lead, { dtype: index.dtype });
}

function gatherND(c: Call): Array {
  const [x, index] = [c.x(0), c.x(1)];
  const batch = c.int('batch_dims', 0);
  const depth = index.shape[index.ndim - 1];
  const [lead, inner, rest] = [x.shape.slice(0, batch), x.shape.slice(batch, batch + depth), x.shape.slice(batch + depth)];
  const [b, n] = [dims.size(lead), dims.size(inner)];
  const places = index.shape.slice(batch, -1);
  let rows = lax.reshape(rowNumbers(index, x.shape, batch), [b, dims.size(places)]);
  if (batch > 0) rows = lax.add(rows, lax.mul(lax.broadcastedIota(rows.dtype, [b, 1], 0), n));
  return lax.reshape(jnp.take(lax.reshape(x, [dims.mul(b, n), ...rest]), rows, { axis: 0, mode: 'clip' }), [...lead, ...places, ...rest]);
}

const SCATTER = { none: lax.scatter, add: lax.scatterAdd, mul: lax.scatterMul, max: lax.scatterMax, min: lax.scatterMin } as const;
/** Writes rows of a flattened array. */
function scatterRows(c: Call, flat: Array, rows: Array, updates: Array): Array {
  const how = c.text('reduction', 'none');
  const scatter = Object.hasOwn(SCATTER, how) ? SCATTER[how as keyof typeof SCATTER] : null;
  if (!scatter) throw c.fail(`has the unknown reduction '${how}'`);
  const numbers = lax.ScatterDimensionNumbers(range(flat.ndim).slice(1), [0], [0]);
  return scatter(flat, lax.reshape(rows, [rows.size, 1]), updates, numbers);
}

function scatterElements(c: Call): Array {
  const [x, index, updates] = [c.x(0), c.x(1), c.x(2)];
  const axis = c.axis('axis', 0);
  const at = lax.select(lax.lt(index, 0), lax.add(index, x.shape[axis]), index);
  const rows = range(x.ndim).reduce<Array | null>((sum, i) => {
    const one = i === axis ? at : lax.broadcastedIota(index.dtype, index.shape, i);
    return sum ? lax.add(lax.mul(sum, x.shape[i]), one) : one;
  }, null)!;
  return lax.reshape(scatterRows(c, lax.reshape(x, [x.size]), lax.reshape(rows, [rows.size]), lax.reshape(updates, [updates.size])), x.shape);
}

function scatterND(c: Call): Array {
  const [x, index, updates] = [c.x(0), c.x(1), c.x(2)];
  const depth = index.shape[index.ndim - 1];
  const [inner, rest] = [x.shape.slice(0, depth), x.shape.slice(depth)];
  const rows = rowNumbers(index, x.shape, 0);
  const flat = scatterRows(c, lax.reshape(x, [dims.size(inner), ...rest]), lax.reshape(rows, [rows.size]), lax.reshape(updates, [rows.size, ...rest]));
  return lax.reshape(flat, x.shape);
}

function concat(c: Call): Array { return lax.concatenate(c.xs(), c.axis('axis', 1)); }

/** The sizes of the parts that an axis is split into. */
export function splitSizes(c: Call, n: number, parts: number): number[] {
  const given = c.list('split') ?? c.numbers(1);
  if (given && c.version >= 2) return given;
  const size = c.version >= 18 ? Math.ceil(n / parts) : n / parts;
  return range(parts).map((i) => Math.min(size, n - i * size));
}
function split(c: Call): Array[] {
  const x = c.x(0);
  const axis = c.axis('axis', 0);
  return lax.split(x, splitSizes(c, x.shape[axis], c.node.outputs.length), { axis });
}

function transpose(c: Call): Array | Adapted {
  const v = c.value(0);
  if (v instanceof Adapted && (c.list('perm') ?? [1, 0])[0] === 1) return v.transposed;
  const x = c.x(0);
  return lax.transpose(x, c.list('perm') ?? range(x.ndim).reverse());
}

function expand(c: Call): Array {
  const x = c.x(0);
  return jnp.broadcastTo(x, lax.broadcastShapes(x.shape, c.numbers(1) ?? []));
}

function tile(c: Call): Array {
  const x = c.x(0);
  const reps = c.given(1);
  if (reps.length !== x.ndim) throw c.fail(`repeats ${reps.length} axes of ${formatAval(x)}`);
  const paired = jnp.broadcastTo(lax.reshape(x, x.shape.flatMap((d) => [1, d])), x.shape.flatMap((d, i) => [reps[i], d]));
  return lax.reshape(paired, x.shape.map((d, i) => dims.mul(reps[i], d)));
}

function pad(c: Call): Array {
  const x = c.x(0);
  const pads = (c.version < 11 ? c.list('pads') : c.numbers(1)) ?? [];
  const axes = (c.has(3) ? c.given(3).map((a) => canonicalAxis(a, x.ndim, c.where)) : null) ?? range(x.ndim);
  const width = x.shape.map((): [number, number] => [0, 0]);
  if (pads.length !== 2 * axes.length) throw c.fail(`pads ${axes.length} axes by ${pads.length} numbers, but needs two for each`);
  axes.forEach((a, k) => { width[a] = [pads[k], pads[k + axes.length]]; });
  const mode = c.text('mode', 'constant');
  if (mode === 'constant') return lax.pad(x, c.has(2) ? lax.reshape(c.x(2), []) : c.scalar(c.float('value', 0), x), width.map(([a, b]) => [a, b, 0]));
  // Negative widths cut, whatever the mode.
  const grown = jnp.pad(x, width.map(([a, b]) => [Math.max(a, 0), Math.max(b, 0)] as const), { mode: mode as 'edge' });
  return lax.pad(grown, c.scalar(0, x), width.map(([a, b]) => [Math.min(a, 0), Math.min(b, 0), 0]));
}

function centerCropPad(c: Call): Array {
  const x = c.x(0);
  const axes = c.axes(-1, x.ndim) ?? range(x.ndim);
  const to = c.given(1);
  if (to.length !== axes.length) throw c.fail(`crops ${axes.length} axes to ${to.length} sizes`);
  const width = x.shape.map((): [number, number, number] => [0, 0, 0]);
  axes.forEach((a, k) => {
    const more = to[k] - x.shape[a];
    const low = more > 0 ? Math.floor(more / 2) : -Math.floor(-more / 2);
    width[a] = [low, more - low, 0];
  });
  return lax.pad(x, c.scalar(0, x), width);
}

function constantOfShape(c: Call): Array {
  const shape = c.numbers(0) ?? [];
  const fill = c.tensor('value');
  return lax.reshape(jnp.broadcastTo(fill ? lax.reshape(arrayOf(fill), []) : new Scalar(0, c.run.float, false), shape), shape);
}

function rangeOf(c: Call): Array {
  const [from, to, step] = [0, 1, 2].map((i) => c.given(i)[0]);
  const { dtype } = c.x(0);
  const n = Math.max(0, Math.ceil((to - from) / step));
  if (step === 0 || Number.isNaN(n)) throw c.fail(`counts from ${from} to ${to} in steps of ${step}`);
  return lax.add(lax.mul(lax.iota(dtype, n), c.scalar(step, c.x(0))), c.scalar(from, c.x(0)));
}

function oneHot(c: Call): Array {
  const [given, values] = [c.x(0), c.x(2)];
  const depth = Number(c.given(1)[0]);
  if (!(Number.isInteger(depth) && depth >= 0)) throw c.fail(`has a depth of ${depth}`);
  const axis = canonicalAxis(c.int('axis', -1), given.ndim + 1, c.where);
  const index = isFloat(given.dtype) ? lax.convertElementType(given, 'int64') : given;
  const at = lax.select(lax.lt(index, 0), lax.add(index, depth), index);
  const insert = (n: number) => [...at.shape.slice(0, axis), n, ...at.shape.slice(axis)];
  const hit = lax.eq(lax.reshape(at, insert(1)), lax.broadcastedIota(at.dtype, insert(depth).map((d, i) => (i === axis ? d : 1)), axis));
  const [off, on] = [0, 1].map((i) => lax.reshape(lax.sliceInDim(values, i, i + 1), []));
  return lax.select(hit, on, off);
}

/** Below or above a diagonal. */
function trilu(c: Call): Array {
  const x = c.x(0);
  const k = c.has(1) ? Number(c.number(1)) : 0;
  return c.int('upper', 1) ? jnp.triu(x, { k }) : jnp.tril(x, { k });
}

function eyeLike(c: Call): Array {
  const x = c.ranked(0, 2);
  return jnp.eye(x.shape[0], { m: x.shape[1], k: c.int('k', 0), dtype: c.dtype('dtype', x.dtype) });
}

function depthToSpace(c: Call): Array {
  const x = c.ranked(0, 4);
  const b = c.int('blocksize', 1);
  const [n, d, h, w] = x.shape;
  const depth = dims.div(d, b * b);
  const parts = c.text('mode', 'DCR') === 'DCR'
    ? lax.transpose(lax.reshape(x, [n, b, b, depth, h, w]), [0, 3, 4, 1, 5, 2])
    : lax.transpose(lax.reshape(x, [n, depth, b, b, h, w]), [0, 1, 4, 2, 5, 3]);
  return lax.reshape(parts, [n, depth, dims.mul(h, b), dims.mul(w, b)]);
}
function spaceToDepth(c: Call): Array {
  const x = c.ranked(0, 4);
  const b = c.int('blocksize', 1);
  const [n, d, h, w] = x.shape;
  const order = c.text('mode', 'DCR') === 'DCR' ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4];
  const parts = lax.transpose(lax.reshape(x, [n, d, dims.div(h, b), b, dims.div(w, b), b]), order);
  return lax.reshape(parts, [n, dims.mul(d, b * b), dims.div(h, b), dims.div(w, b)]);
}

function reverseSequence(c: Call): Array {
  const [x, lengths] = [c.x(0), c.x(1)];
  const [time, batch] = [c.int('time_axis', 0), c.int('batch_axis', 1)];
  const t = lax.broadcastedIota('int64', x.shape, time);
  const len = lax.broadcastInDim(lengths, x.shape, [batch]);
  return jnp.takeAlongAxis(x, lax.select(lax.lt(t, len), lax.sub(lax.sub(len, t), 1), t), { axis: time, mode: 'clip' });
}

/** [values, positions] of the k largest or smallest. */
function topK(c: Call): Array[] {
  const x = c.x(0);
  const axis = c.axis('axis', -1);
  const k = c.version < 10 ? c.int('k', 1) : Number(c.given(1)[0]);
  const flipped = c.version >= 11 && c.int('largest', 1) === 0;
  const order = flipped ? (isFloat(x.dtype) ? lax.neg(x) : lax.sub(c.scalar(-1, x), x)) : x;
  const [, positions] = lax.topK(order, k, { axis });
  return [jnp.takeAlongAxis(x, positions, { axis, mode: 'clip' }), lax.convertElementType(positions, 'int64')];
}

function compress(c: Call): Array {
  const x = c.x(0);
  const flags = c.given(1);
  const at = flags.flatMap((v, i) => (v ? [i] : []));
  const index = new Known('int64', [at.length], at).array;
  return c.attribute('axis') ? jnp.take(x, index, { axis: c.axis('axis', 0), mode: 'clip' }) : jnp.take(lax.reshape(x, [x.size]), index, { axis: 0, mode: 'clip' });
}

/** Positions of what is not 0: their number is the data's, which must be known. */
function nonZero(c: Call): Array {
  c.value(0);
  const x = c.known(0)!;
  const steps = x.shape.map((_, i) => dims.size(x.shape.slice(i + 1)));
  const at = x.values.flatMap((v, i) => (v ? [i] : []));
  return new Known('int64', [x.shape.length, at.length], steps.flatMap((s, axis) => at.map((i) => Math.floor(i / s) % x.shape[axis]))).array;
}

function constant(c: Call): Value {
  const t = c.tensor('value');
  if (t) return t;
  if (c.attribute('value_float')) return new Known(c.run.float, [], [c.float('value_float', 0)]);
  if (c.attribute('value_int')) return new Known('int64', [], [c.int('value_int', 0)]);
  const [floats, ints] = [c.floats('value_floats'), c.list('value_ints')];
  if (floats) return new Known(c.run.float, [floats.length], floats);
  if (ints) return new Known('int64', [ints.length], ints);
  throw c.fail('holds text or a sparse tensor, which there are no arrays of');
}

function tensorScatter(c: Call): Array {
  const [past, update] = [c.x(0), c.x(1)];
  const axis = canonicalAxis(c.int('axis', -2), past.ndim, c.where);
  const n = past.shape[axis];
  const t = lax.broadcastedIota('int64', update.shape, axis);
  const start = c.opt(2) ?? jnp.zeros([past.shape[0]], { dtype: 'int64' });
  const moved = lax.add(t, lax.broadcastInDim(start, update.shape, [0]));
  const at = c.text('mode', 'linear') === 'circular' ? jnp.mod(moved, n) : moved;
  const rows = range(past.ndim).reduce<Array | null>((sum, i) => {
    const one = i === axis ? at : lax.broadcastedIota('int64', update.shape, i);
    return sum ? lax.add(lax.mul(sum, past.shape[i]), one) : one;
  }, null)!;
  return lax.reshape(scatterRows(c, lax.reshape(past, [past.size]), lax.reshape(rows, [rows.size]), lax.reshape(update, [update.size])), past.shape);
}

export const SHAPE: Operators = {
  Reshape: { run: reshape, statics: [1] }, Flatten: flatten, Squeeze: { run: squeeze, statics: [1] }, Unsqueeze: { run: unsqueeze, statics: [1] },
  Slice: { run: slice, statics: [1, 2, 3, 4] }, Gather: gather, GatherElements: gatherElements, GatherND: gatherND,
  ScatterElements: scatterElements, Scatter: scatterElements, ScatterND: scatterND, TensorScatter: tensorScatter,
  Concat: concat, Split: { run: split, statics: [1] }, Transpose: transpose, Expand: { run: expand, statics: [1] }, Tile: { run: tile, statics: [1] },
  Pad: { run: pad, statics: [1, 2, 3] }, CenterCropPad: { run: centerCropPad, statics: [1] },
  Constant: constant, ConstantOfShape: { run: constantOfShape, statics: [0] }, Range: { run: rangeOf, statics: [0, 1, 2] }, EyeLike: eyeLike,
  OneHot: { run: oneHot, statics: [1, 2] }, Trilu: { run: trilu, statics: [1] }, DepthToSpace: depthToSpace, SpaceToDepth: spaceToDepth,
  ReverseSequence: reverseSequence, TopK: { run: topK, statics: [1] }, Compress: { run: compress, statics: [1] }, NonZero: nonZero,
  Shape: (c) => new Known('int64', [c.x(0).ndim], c.x(0).shape), Size: (c) => new Known('int64', [], [c.x(0).size]),
};
