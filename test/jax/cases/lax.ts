/** Slices, gathers, scatters, sorting and scans of jax.lax. */
import { lax, numpy as jnp, type Array } from '../../../lib/jax/index.js';
import { indices, moves, type Case } from './base.js';

const { GatherDimensionNumbers: from, ScatterDimensionNumbers: into } = lax;
/** A traced index, so that starts are no constants. */
const at = (...xs: number[]) => { const i = indices(...xs); return i.index(0); };
const table = (rows: number, ...xs: number[]) => jnp.reshape(indices(...xs), [rows, -1]);

export const LAX: readonly Case[] = [
  moves('dynamicSlice', (x) => lax.dynamicSlice(x, [at(1), 1, at(9)], [2, 2, 2]), [3, 3, 4]), moves('dynamicSlice by a vector', (x) => lax.dynamicSlice(x, indices(-2, 0), [1, 3]), [3, 3]),
  moves('dynamicIndexInDim', (x) => lax.dynamicIndexInDim(x, at(-1), { axis: 1, keepdims: false }), [2, 3]), moves('dynamicSliceInDim', (x) => lax.dynamicSliceInDim(x, at(2), 2, { axis: -1 }), [2, 5]),
  moves('dynamicUpdateSlice', (x, y) => lax.dynamicUpdateSlice(x, y, [at(1), at(7), 0]), [3, 3, 2], [2, 1, 2]), moves('dynamicUpdateIndexInDim', (x, y) => lax.dynamicUpdateIndexInDim(x, y, at(1), 0), [3, 2], [2]),
  moves('dynamicUpdateSliceInDim', (x, y) => lax.dynamicUpdateSliceInDim(x, y, at(1), -1), [2, 4], [2, 2]), moves('sliceInDim', (x) => lax.sliceInDim(x, 1, -1, { stride: 2, axis: 1 }), [2, 6]), moves('indexInDim', (x) => lax.indexInDim(x, -1, { axis: 1 }), [2, 3]),
  { name: 'dynamicSlice at a value', f: (x) => lax.dynamicSliceInDim(x, jnp.argmax(x), 2), shapes: [[5]], exact: true },
  { name: 'dynamicUpdateSlice at a value', f: (x, y) => lax.dynamicUpdateSlice(x, y, [jnp.argmax(y), 0]), shapes: [[4, 3], [3, 1]], exact: true },
  { ...moves('gather of rows', (x) => lax.gather(x, table(3, 2, 0, 7), from([1], [0], [0]), [1, 3]), [4, 3]), clamps: true }, moves('gather of windows', (x) => lax.gather(x, table(2, 1, 2, 0, 5), from([0, 2], [], [1, 0]), [2, 2], { mode: 'clip' }), [3, 4]),
  moves('gather with fill', (x) => lax.gather(x, table(2, 1, 2, 0, 5), from([1, 2], [], [0, 1]), [2, 1], { mode: 'fill', fillValue: 3 }), [3, 4]),
  moves('gather of a middle axis', (x) => lax.gather(x, table(2, 2, 0), from([0, 2], [1], [1]), [2, 1, 1]), [2, 3, 2]),
  moves('gather in batches', (x) => lax.gather(x, table(2, 1, 0, 2, 2).reshape([2, 2, 1]), from([2], [1], [1], { operandBatchingDims: [0], startIndicesBatchingDims: [0] }), [1, 1, 2]), [2, 3, 2]),
  moves('indexTake', (x) => lax.indexTake(x, [indices(0, -1), indices(1, 1)], [0, 2]), [2, 3, 2]),
  moves('scatter', (x, y) => lax.scatter(x, table(3, 1, 9, 1), y, into([1], [0], [0])), [4, 3], [3, 3]), moves('scatter of windows', (x, y) => lax.scatter(x, table(2, 0, 1, 5, 5), y, into([1, 2], [], [0, 1]), { mode: 'clip' }), [4, 5], [2, 2, 2]),
  { name: 'scatterAdd', f: (x, y) => lax.scatterAdd(x, table(3, 0, 2, 2), y, into([0], [1], [1])), shapes: [[2, 3], [2, 3]], smooth: true },
  { name: 'scatterAdd of parts', f: (x, y) => lax.scatterAdd(x, table(2, 1, 0), y, into([1], [0], [0])), shapes: [[2, 3], [2, 2]], smooth: true },
  { name: 'scatterSub', f: (x, y) => lax.scatterSub(x, table(2, 0, -1), y, into([], [0], [0])), shapes: [[3], [2]], smooth: true }, { name: 'scatterMul', f: (x, y) => lax.scatterMul(x, table(2, 0, 0), y, into([], [0], [0])), shapes: [[3], [2]], smooth: true },
  { name: 'scatterMax', f: (x, y) => lax.scatterMax(x, table(2, 0, 1), y, into([], [0], [0])), shapes: [[3], [2]] }, { name: 'scatterMin', f: (x, y) => lax.scatterMin(x, table(2, 0, 1), y, into([], [0], [0])), shapes: [[3], [2]] },
  { name: 'scatterApply', f: (x) => lax.scatterApply(x, table(2, 2, 0), (v) => lax.mul(v, v), into([1], [0], [0]), { updateShape: [2, 2] }), shapes: [[3, 2]], smooth: true },
  moves('sort by two keys', (x, y, z) => jnp.concatenate(lax.sort([lax.floor(x), y, z], { numKeys: 2, dimension: 0 })), [4], [4], [4]), moves('sortKeyVal', (x, y) => lax.sortKeyVal(x, y)[1], [2, 3], [2, 3]), moves('topK', (x) => lax.topK(x, 2, { axis: 0 })[0], [4, 2]),
  ...['cumprod', 'cummax', 'cummin', 'cumlogsumexp'].map((name): Case => ({ name, f: (x) => (lax as any)[name](x, { axis: 1, reverse: true }), shapes: [[2, 5]], smooth: name === 'cumprod' || name === 'cumlogsumexp' })),
  { name: 'cumprod forwards', f: (x) => lax.cumprod(x), shapes: [[6]], smooth: true },
  { name: 'reduce by a function', f: (x) => lax.reduce(x, 1, (a: Array, b: Array) => lax.mul(lax.mul(a, b), 0.5), [0]), shapes: [[3, 2]], smooth: true }, { name: 'reduce of known functions', f: (x) => lax.add(lax.reduce(x, 0, lax.add, [1]), lax.reduce(x, 2, lax.mul, [1])), shapes: [[2, 3]], smooth: true },
  { name: 'reduce of two', f: (x, y) => lax.reduce([x, y], [-Infinity, 0], ([a, b]: Array[], [c, d]: Array[]) => [lax.max(a, c), lax.select(lax.ge(a, c), b, d)], [0])[1], shapes: [[5], [5]] },
  { name: 'clamp', f: (x, y) => lax.clamp(-0.5, x, y), shapes: [[5], [5]] }, { name: 'selectN', f: (x, y, z) => lax.selectN(indices(2, 0, 1), x, y, z), shapes: [[3], [3], [3]], exact: true },
  { name: 'integerPow', f: (x) => lax.integerPow(x, 5), shapes: [[3]], smooth: true }, { name: 'reciprocal', f: lax.reciprocal, shapes: [[3]], low: 0.5, smooth: true },
  moves('broadcastInDim', (x) => lax.broadcastInDim(x, [2, 3, 4], [1, 2]), [3, 1]), moves('collapse', (x) => lax.collapse(x, 1, { stopDimension: 3 }), [2, 3, 2, 2]), moves('split', (x) => lax.split(x, [1, 2], { axis: 1 })[1], [2, 3]), moves('lax.stack', (x, y) => lax.stack([x, y], { axis: 1 }), [2], [2]),
  moves('lax.unstack', (x) => lax.unstack(x, { axis: 1 })[1], [2, 2]), moves('lax.tile', (x) => lax.tile(x, [2, 3]), [2, 2]), { name: 'batchMatmul', f: lax.batchMatmul as Case['f'], shapes: [[2, 2, 3], [2, 3, 2]], smooth: true }, { name: 'lax.dot', f: (x, y) => lax.dot(x, y), shapes: [[2, 3], [3]], smooth: true },
];
