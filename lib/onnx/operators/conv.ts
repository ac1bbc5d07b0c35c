/** Convolutions and pools. All are in ONNX's layout: batch, features, space. */
import { lax, numpy as jnp, type Array } from '../../jax/index.js';
import { dims, isSymbolic } from '../../jax/dims.js';
import { Known } from '../values.js';
import { checkLength, indices } from '../budget.js';
import type { Call, Operators } from '../call.js';

type Pairs = [number, number][];
interface Window { readonly kernel: number[]; readonly strides: number[]; readonly dilations: number[]; readonly pads: Pairs }

const ones = (n: number): number[] => globalThis.Array<number>(n).fill(1);
const pairs = (list: readonly number[]): Pairs => list.slice(0, list.length / 2).map((low, i) => [low, list[i + list.length / 2]]);

/** What is said of the windows, with automatic padding worked out. */
function windowOf(c: Call, space: readonly number[], kernel = c.listOf('kernel_shape', space.length)): Window {
  const n = space.length;
  if (!kernel) throw c.fail("lacks its attribute 'kernel_shape'");
  const strides = c.listOf('strides', n) ?? ones(n);
  const dilations = c.listOf('dilations', n) ?? ones(n);
  const auto = c.text('auto_pad', 'NOTSET');
  let pads = pairs(c.listOf('pads', 2 * n) ?? globalThis.Array<number>(2 * n).fill(0));
  if (auto === 'VALID') pads = space.map(() => [0, 0]);
  else if (auto !== 'NOTSET') pads = lax.padtypeToPads(space, kernel.map((k, i) => (k - 1) * dilations[i] + 1), strides, auto === 'SAME_LOWER' ? 'SAME_LOWER' : 'SAME') as Pairs;
  return { kernel, strides, dilations, pads };
}

/** One value a feature, in front of the space. */
export const perFeature = (x: Array, rank: number): Array => lax.reshape(x, [x.size, ...ones(rank - 2)]);
const withBias = (y: Array, bias: Array | null): Array => (bias ? lax.add(y, perFeature(bias, y.ndim)) : y);

export function conv(c: Call): Array {
  const x = c.ranked(0, 3, Infinity);
  const w = c.ranked(1, x.ndim);
  const { strides, pads, dilations } = windowOf(c, x.shape.slice(2), w.shape.slice(2));
  return withBias(lax.convGeneralDilated(x, w, strides, pads, { rhsDilation: dilations, featureGroupCount: c.int('group', 1) }), c.opt(2));
}

/** A convolution of each feature by itself, over what lies behind; the last places are kept for the next call (version 27 on). */
function causalConv(c: Call): Array[] {
  const [x, w] = [c.ranked(0, 3), c.ranked(1, 3)];
  const reach = w.shape[2] - 1;
  const past = c.opt(3) ?? jnp.zeros([x.shape[0], x.shape[1], reach], { dtype: x.dtype });
  const seen = lax.concatenate([past, x], 2);
  const y = withBias(lax.convGeneralDilated(seen, w, [1], [[0, 0]], { featureGroupCount: x.shape[1] }), c.opt(2));
  const length = seen.shape[2];
  return [c.text('activation', 'none') === 'none' ? y : lax.mul(y, lax.logistic(y)), lax.sliceInDim(seen, length - reach, length, { axis: 2 })];
}

/** The mirror image of a convolution: its input spread out by the strides, under the kernel turned around. */
function convTranspose(c: Call): Array {
  const x = c.ranked(0, 3, Infinity);
  const w = c.ranked(1, x.ndim);
  const group = c.int('group', 1);
  const [space, kernel] = [x.shape.slice(2), w.shape.slice(2)];
  const n = space.length;
  const strides = c.listOf('strides', n) ?? ones(n);
  const dilations = c.listOf('dilations', n) ?? ones(n);
  const more = c.listOf('output_padding', n) ?? globalThis.Array<number>(n).fill(0);
  const reach = kernel.map((k, i) => (k - 1) * dilations[i] + 1);
  const wanted = c.list('output_shape')?.slice(-n);
  const auto = c.text('auto_pad', 'NOTSET');
  let pads = pairs(c.listOf('pads', 2 * n) ?? globalThis.Array<number>(2 * n).fill(0));
  if (wanted || auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    pads = space.map((d, i): [number, number] => {
      const total = strides[i] * (d - 1) + more[i] + reach[i] - (wanted?.[i] ?? d * strides[i]);
      // More than there is: the end stays empty.
      if (total < 0) return [0, total];
      const less = Math.floor(total / 2);
      return auto === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
    });
  }
  const [channels, perGroup] = w.shape;
  const turned = lax.rev(w, kernel.map((_, i) => i + 2));
  const apart = lax.reshape(turned, [group, channels / group, perGroup, ...kernel]);
  const mirrored = lax.reshape(lax.transpose(apart, [0, 2, 1, ...kernel.map((_, i) => i + 3)]), [group * perGroup, channels / group, ...kernel]);
  const padding = pads.map(([low, high], i): [number, number] => [reach[i] - 1 - low, reach[i] - 1 - high + more[i]]);
  return withBias(lax.convGeneralDilated(x, mirrored, ones(n), padding, { lhsDilation: strides, rhsDilation: dilations, featureGroupCount: group }), c.opt(2));
}

/**
 * With `ceil_mode` the last window may reach over the end, unless it would begin there; without it that is so where there is only one
 * window, and the image not much smaller. Gives the padding that this takes.
 */
function ceiled(c: Call, space: readonly number[], w: Window): Pairs {
  return w.pads.map(([low, high], i) => {
    if (isSymbolic(space[i])) return [low, high];
    const reach = (w.kernel[i] - 1) * w.dilations[i] + 1;
    const rest = space[i] + low + high - reach;
    // The engine divides as C does, to the zero.
    if (!c.int('ceil_mode', 0)) return [low, rest < 0 && -rest < w.strides[i] ? high - rest : high];
    let out = Math.ceil(rest / w.strides[i]) + 1;
    if ((out - 1) * w.strides[i] >= space[i] + low) out -= 1;
    return [low, Math.max(high, (out - 1) * w.strides[i] + reach - space[i] - low)];
  });
}
const pooled = (x: Array, init: number, f: typeof lax.max, w: Window, pads: Pairs): Array => lax.reduceWindow(x, init, f, [1, 1, ...w.kernel], {
  windowStrides: [1, 1, ...w.strides], windowDilation: [1, 1, ...w.dilations], padding: [[0, 0], [0, 0], ...pads],
});

const least = (x: Array): number => (x.dtype === 'uint8' ? 0 : x.dtype === 'int8' ? -128 : -Infinity);

function maxPool(c: Call): Array | Array[] {
  const x = c.ranked(0, 3, Infinity);
  const space = x.shape.slice(2);
  const w = windowOf(c, space);
  const pads = ceiled(c, space, w);
  const y = pooled(x, least(x), lax.max, w, pads);
  return c.wants(1) ? [y, positionsOf(c, x, y, w, pads)] : y;
}

/** Where the largest element of each window lies in the whole array, the first of equals. */
function positionsOf(c: Call, x: Array, y: Array, w: Window, pads: Pairs): Array {
  const space = x.shape.slice(2);
  const order = c.int('storage_order', 0) ? [...space.keys()] : [...space.keys()].reverse();
  let step = 1;
  const steps = new Map(order.map((i) => { const s = step; step *= space[i]; return [i, s]; }));
  const padded = lax.pad(x, least(x), [[0, 0, 0], [0, 0, 0], ...pads.map(([a, b]): [number, number, number] => [a, b, 0])]);
  const places = w.kernel.reduce<number[][]>((all, k) => all.flatMap((at) => indices(k).map((j) => [...at, j])), [[]]);
  let best = jnp.full(y.shape, -1, { dtype: 'int64' });
  for (const at of places.reverse()) {
    const from = at.map((j, i) => j * w.dilations[i]);
    const seen = lax.slice(padded, [0, 0, ...from], [...x.shape.slice(0, 2), ...from.map((f, i) => f + (y.shape[i + 2] - 1) * w.strides[i] + 1)], [1, 1, ...w.strides]);
    const here = space.map((_, i) => {
      const line = lax.add(lax.mul(lax.broadcastedIota('int64', y.shape, i + 2), w.strides[i]), from[i] - pads[i][0]);
      return lax.mul(line, steps.get(i)!);
    }).reduce(lax.add);
    best = lax.select(lax.eq(seen, y), here, best);
  }
  const images = lax.add(lax.mul(lax.broadcastedIota('int64', y.shape, 0), x.shape[1]), lax.broadcastedIota('int64', y.shape, 1));
  return lax.add(best, lax.mul(images, dims.size(space)));
}

/** How many elements each window holds; `padded`: those of the declared padding count. */
function counts(x: Array, w: Window, out: readonly number[], padded: boolean): Array {
  const lines = w.kernel.map((k, i) => {
    const [low, high] = w.pads[i];
    const [from, to] = padded ? [-low, x.shape[i + 2] + high] : [0, x.shape[i + 2]];
    checkLength(out[i] * k);
    const taps = indices(k);
    const values = indices(out[i]).map((o) => taps.filter((j) => { const at = o * w.strides[i] - low + j * w.dilations[i]; return at >= from && at < to; }).length);
    return new Known(x.dtype, [1, 1, ...out.map((n, a) => (a === i ? n : 1))], values);
  });
  if (lines.every((l) => l.values.every((v) => v === l.values[0]))) return jnp.array(lines.reduce((n, l) => n * (l.values[0] as number), 1), { dtype: x.dtype });
  return lines.map((l) => l.array as Array).reduce(lax.mul);
}

function averagePool(c: Call): Array {
  const x = c.ranked(0, 3, Infinity);
  const space = x.shape.slice(2);
  const w = windowOf(c, space);
  const sum = pooled(x, 0, lax.add, w, ceiled(c, space, w));
  return lax.div(sum, counts(x, w, sum.shape.slice(2), c.int('count_include_pad', 0) === 1));
}

const root = (x: Array, p: number): Array => (p === 1 ? x : p === 2 ? lax.sqrt(x) : lax.pow(x, jnp.array(1 / p, { dtype: x.dtype })));
const power = (x: Array, p: number): Array => (p === 1 ? lax.abs(x) : p === 2 ? lax.square(x) : lax.integerPow(lax.abs(x), p));
function lpPool(c: Call): Array {
  const x = c.ranked(0, 3, Infinity);
  const space = x.shape.slice(2);
  const p = c.int('p', 2);
  const w = windowOf(c, space);
  return root(pooled(power(x, p), 0, lax.add, w, ceiled(c, space, w)), p);
}

const overSpace = (f: (x: Array, axis: number[]) => Array) => (c: Call): Array => {
  const x = c.x(0);
  return f(x, [...x.shape.keys()].slice(2));
};
const kept = (f: (x: Array, axes: number[]) => Array) => overSpace((x, axes) => lax.expandDims(f(x, axes), axes));

/** Puts elements back where the pool that gave these positions took them from. */
function maxUnpool(c: Call): Array {
  const [x, at] = [c.ranked(0, 3, Infinity), c.x(1)];
  const w = windowOf(c, x.shape.slice(2));
  const natural = x.shape.slice(2).map((d, i) => (d - 1) * w.strides[i] + w.kernel[i] - w.pads[i][0] - w.pads[i][1]);
  const wanted = c.numbers(2) ?? [...x.shape.slice(0, 2), ...natural];
  const flat = jnp.zeros([dims.size([...x.shape.slice(0, 2), ...natural])], { dtype: x.dtype });
  const numbers = lax.ScatterDimensionNumbers([], [0], [0]);
  const image = lax.reshape(lax.scatter(flat, lax.reshape(at, [at.size, 1]), lax.reshape(x, [x.size]), numbers), [...x.shape.slice(0, 2), ...natural]);
  return lax.pad(image, 0, wanted.map((d, i): [number, number, number] => [0, d - image.shape[i], 0]));
}

/** Columns added up where they came from: the mirror image of taking patches. */
function col2Im(c: Call): Array {
  const x = c.ranked(0, 3);
  const [image, block] = [c.given(1), c.given(2)];
  const n = image.length;
  const [strides, dilations] = [c.listOf('strides', n) ?? ones(n), c.listOf('dilations', n) ?? ones(n)];
  const pads = pairs(c.listOf('pads', 2 * n) ?? globalThis.Array<number>(2 * n).fill(0));
  if (block.length !== n) throw c.fail(`has blocks of ${block.length} axes, but an image of ${n}`);
  const channels = x.shape[1] / dims.size(block);
  const padded = image.map((d, i) => d + pads[i][0] + pads[i][1]);
  const places = padded.map((d, i) => Math.floor((d - (block[i] - 1) * dilations[i] - 1) / strides[i]) + 1);
  const cols = lax.reshape(x, [x.shape[0], channels, dims.size(block), ...places]);
  const taps = block.reduce<number[][]>((all, k) => all.flatMap((at) => indices(k).map((j) => [...at, j])), [[]]);
  const sum = taps.map((at, k) => {
    const part = lax.squeeze(lax.sliceInDim(cols, k, k + 1, { axis: 2 }), [2]);
    return lax.pad(part, 0, [[0, 0, 0], [0, 0, 0], ...at.map((j, i): [number, number, number] => {
      const low = j * dilations[i];
      return [low, padded[i] - low - ((places[i] - 1) * strides[i] + 1), strides[i] - 1];
    })]);
  }).reduce(lax.add);
  return lax.pad(sum, 0, [[0, 0, 0], [0, 0, 0], ...pads.map(([a, b]): [number, number, number] => [-a, -b, 0])]);
}

export const CONV: Operators = {
  Conv: conv, CausalConvWithState: causalConv, ConvTranspose: convTranspose, MaxPool: maxPool, AveragePool: averagePool, LpPool: lpPool,
  GlobalAveragePool: overSpace((x, axis) => jnp.mean(x, { axis, keepdims: true })), GlobalMaxPool: kept(lax.reduceMax),
  GlobalLpPool: (c) => { const p = c.int('p', 2); return kept((x, axes) => root(lax.reduceSum(power(x, p), axes), p))(c); },
  MaxUnpool: { run: maxUnpool, statics: [2] }, Col2Im: { run: col2Im, statics: [1, 2] },
};
