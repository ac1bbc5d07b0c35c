/** Fourier transforms and windows of signals: a transform is a product with a matrix of cosines and sines. */
import { lax, numpy as jnp, type Array } from '../../jax/index.js';
import { canonicalAxis } from '../../jax/dims.js';
import type { DType } from '../../jax/dtypes.js';
import { Known } from '../values.js';
import { checkLength, indices as range } from '../budget.js';
import type { Call, Operators } from '../call.js';

/** cos or sin of 2π·i·k / n, for i below `rows` and k below `columns`. */
function table(dtype: DType, f: (x: number) => number, n: number, rows: number, columns: number): Array {
  checkLength(rows * columns);
  return new Known(dtype, [rows, columns], range(rows).flatMap((i) => range(columns).map((k) => f((2 * Math.PI * ((i * k) % n)) / n)))).array;
}
const dot = (x: Array, m: Array): Array => lax.dotGeneral(x, m, [[[x.ndim - 1], [0]], [[], []]]);

/** The transform along the last axis of real and imaginary parts (null: none), of which `bins` are wanted. */
function fourier(re: Array, im: Array | null, length: number, bins: number, sign: 1 | -1): [Array, Array] {
  const [cos, sin] = [Math.cos, Math.sin].map((f) => table(re.dtype, f, length, re.shape[re.ndim - 1], bins));
  const signed = (x: Array): Array => (sign === 1 ? x : lax.neg(x));
  if (!im) return [dot(re, cos), signed(dot(re, sin))];
  return [lax.sub(dot(re, cos), signed(dot(im, sin))), lax.add(dot(im, cos), signed(dot(re, sin)))];
}

/** As long as the transform: cut, or filled up with zeros. */
const fitted = (x: Array, length: number): Array => lax.pad(x, 0, x.shape.map((d, i): [number, number, number] => [0, i === x.ndim - 1 ? length - d : 0, 0]));

function dft(c: Call): Array {
  const x = c.x(0);
  const axis = canonicalAxis(c.version < 20 ? c.int('axis', 1) : Number(c.number(2) ?? -2), x.ndim, c.where);
  const length = Number(c.number(1) ?? x.shape[axis]);
  const inverse = c.int('inverse', 0) === 1;
  const oneSided = c.int('onesided', 0) === 1;
  const part = (i: number): Array => jnp.moveaxis(lax.squeeze(lax.sliceInDim(x, i, i + 1, { axis: x.ndim - 1 }), [x.ndim - 1]), axis, -1);
  let re = part(0);
  let im = x.shape[x.ndim - 1] === 2 ? part(1) : null;
  if (inverse && oneSided && im) {
    // The other side is the mirror image, with the imaginary part turned around.
    const n = Number(c.number(1) ?? 2 * (re.shape[re.ndim - 1] - 1));
    const from = n - re.shape[re.ndim - 1];
    const mirror = (v: Array): Array => lax.rev(lax.sliceInDim(v, 1, from + 1, { axis: v.ndim - 1 }), [v.ndim - 1]);
    [re, im] = [lax.concatenate([re, mirror(re)], re.ndim - 1), lax.concatenate([im, lax.neg(mirror(im))], im.ndim - 1)];
    const [real] = fourier(re, im, n, n, 1);
    return lax.expandDims(jnp.moveaxis(lax.div(real, n), -1, axis), [x.ndim - 1]);
  }
  const [a, b] = fourier(fitted(re, length), im && fitted(im, length), length, oneSided ? Math.floor(length / 2) + 1 : length, inverse ? 1 : -1);
  const scaled = (v: Array): Array => jnp.moveaxis(inverse ? lax.div(v, length) : v, -1, axis);
  return lax.stack([scaled(a), scaled(b)], { axis: -1 });
}

function stft(c: Call): Array {
  const signal = c.ranked(0, 2, 3);
  const step = Number(c.given(1)[0]);
  const window = c.opt(2);
  const length = Number(c.number(3) ?? (window ?? c.x(3)).shape[0]);
  const complex = signal.ndim === 3 && signal.shape[2] === 2;
  const flat = (i: number): Array => (signal.ndim === 2 ? signal : lax.squeeze(lax.sliceInDim(signal, i, i + 1, { axis: 2 }), [2]));
  const frames = Math.floor((signal.shape[1] - length) / step) + 1;
  checkLength(frames * length);
  const index = new Known('int64', [frames, length], range(frames).flatMap((f) => range(length).map((i) => f * step + i))).array;
  const framed = (v: Array): Array => { const y = jnp.take(v, index, { axis: 1, mode: 'clip' }); return window ? lax.mul(y, window) : y; };
  const bins = c.int('onesided', 1) === 1 && !complex ? Math.floor(length / 2) + 1 : length;
  return lax.stack(fourier(framed(flat(0)), complex ? framed(flat(1)) : null, length, bins, -1), { axis: -1 });
}

const windowed = (f: (x: number) => number) => ({
  statics: [0],
  run: (c: Call): Known => {
    const n = Number(c.given(0)[0]);
    const over = c.int('periodic', 1) === 1 ? n : n - 1;
    const dtype = c.dtype('output_datatype', 'float32');
    return new Known(dtype, [n], range(n).map((i) => f((2 * Math.PI * i) / over)));
  },
});

/** Triangles on the scale of pitch, one column each, over the bins of a spectrum. */
function melWeightMatrix(c: Call): Known {
  const [bands, length, rate, low, high] = range(5).map((i) => Number(c.given(i)[0]));
  const bins = Math.floor(length / 2) + 1;
  checkLength(bins * bands);
  const mel = (f: number): number => 2595 * Math.log10(1 + f / 700);
  const step = (mel(high) - mel(low)) / (bands + 2);
  const edges = range(bands + 2).map((i) => Math.floor(((length + 1) * 700 * (10 ** ((i * step + mel(low)) / 2595) - 1)) / rate));
  const values = range(bins).map(() => globalThis.Array<number>(bands).fill(0));
  for (const i of range(bands)) {
    const [from, middle, to] = [edges[i], edges[i + 1], edges[i + 2]];
    if (middle === from) values[middle][i] = 1;
    else for (let j = from; j <= middle; j++) values[j][i] = (j - from) / (middle - from);
    if (to > middle) for (let j = middle; j < to; j++) values[j][i] = (to - j) / (to - middle);
  }
  return new Known(c.dtype('output_datatype', 'float32'), [bins, bands], values.flat());
}

export const SIGNAL: Operators = {
  DFT: { run: dft, statics: [1, 2] }, STFT: { run: stft, statics: [1, 3] }, MelWeightMatrix: { run: melWeightMatrix, statics: [0, 1, 2, 3, 4] },
  HannWindow: windowed((x) => 0.5 - 0.5 * Math.cos(x)), HammingWindow: windowed((x) => 25 / 46 - (21 / 46) * Math.cos(x)),
  BlackmanWindow: windowed((x) => 0.42 - 0.5 * Math.cos(x) + 0.08 * Math.cos(2 * x)),
};
