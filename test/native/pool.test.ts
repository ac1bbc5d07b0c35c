import { expect } from 'chai';
import fc from 'fast-check';
import { engines } from '../../lib/runtime/engines.js';
import { f32, operatorOn, size, values } from './one-operator.js';

// Small whole numbers: there are equal ones in every window.
const noise = (shape: readonly number[], seed: number) => Float32Array.from({ length: size(shape) }, (_, i) => Math.round(3 * Math.sin(i * 12.9898 + seed)));

interface Axis { readonly in: number; readonly window: number; readonly stride: number; readonly dilation: number; readonly low: number; readonly high: number }
interface Way { readonly n: number; readonly channels: number; readonly axes: readonly Axis[] }
const outOf = (a: Axis): number => Math.floor((a.in + a.low + a.high - ((a.window - 1) * a.dilation + 1)) / a.stride) + 1;
const imageShape = ({ n, axes, channels }: Way) => [n, ...axes.map((a) => a.in), channels];
const resultShape = ({ n, axes, channels }: Way) => [n, ...axes.map(outOf), channels];
const attributes = ({ axes }: Way) => ({
  strides: axes.map((a) => a.stride), spreads: axes.map(() => 1), dilations: axes.map((a) => a.dilation), window: axes.map((a) => a.window),
  pads: [...axes.map((a) => a.low), ...axes.map((a) => a.high)], depthwise: 1, window_last: 0,
});

/** The elements that each window sees, row by row, by the place of its result. */
function windows(w: Way): number[][] {
  const [a, b] = w.axes.length === 1 ? [{ in: 1, window: 1, stride: 1, dilation: 1, low: 0, high: 0 }, w.axes[0]] : [w.axes[0], w.axes[1]];
  const all: number[][] = [];
  for (let i = 0; i < w.n; i++) for (let y = 0; y < outOf(a); y++) for (let x = 0; x < outOf(b); x++) for (let c = 0; c < w.channels; c++) {
    const seen: number[] = [];
    for (let j = 0; j < a.window; j++) for (let k = 0; k < b.window; k++) {
      const [row, column] = [y * a.stride + j * a.dilation - a.low, x * b.stride + k * b.dilation - b.low];
      if (row >= 0 && row < a.in && column >= 0 && column < b.in) seen.push(((i * a.in + row) * b.in + column) * w.channels + c);
    }
    all.push(seen);
  }
  return all;
}

const axis = fc.record({
  in: fc.integer({ min: 1, max: 9 }), window: fc.integer({ min: 1, max: 4 }), stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 2 }), low: fc.integer({ min: -2, max: 3 }), high: fc.integer({ min: -2, max: 3 }),
}).filter((a) => outOf(a) >= 1);
// Blocks and vectors begin and end within these.
const way: fc.Arbitrary<Way> = fc.record({ n: fc.integer({ min: 1, max: 3 }), channels: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 150 })), axes: fc.array(axis, { minLength: 1, maxLength: 2 }) });
const LARGE: Way = { n: 5, channels: 70, axes: [{ in: 30, window: 3, stride: 2, dilation: 1, low: 1, high: 1 }, { in: 29, window: 3, stride: 2, dilation: 1, low: 1, high: 1 }] };

for (const info of engines()) {
  describe(`hokku.Pool on ${info.name}${info.missing ? ` (pending: ${info.missing})` : ''}`, function () {
    before(function () { if (info.missing) this.skip(); });

    const run = operatorOn(info.name);
    const pool = (w: Way, image: Float32Array, sum: boolean, threads = 1) => run('Pool', [f32(image, imageShape(w))], { ...attributes(w), sum: Number(sum) }, w.axes.length + 2, threads);
    const back = (w: Way, image: Float32Array, maxima: Float32Array, cotangent: Float32Array, threads = 1) =>
      run('MaxPoolGradient', [f32(image, imageShape(w)), f32(maxima, resultShape(w)), f32(cotangent, resultShape(w))], attributes(w), w.axes.length + 2, threads);
    const largest = (image: Float32Array, seen: number[]) => seen.reduce((m, i) => Math.max(m, image[i]), -Infinity);

    it('has the largest element and the sum of every window', () => {
      fc.assert(fc.property(way, (w) => {
        const image = noise(imageShape(w), 1);
        const out = pool(w, image, false);
        expect(out.shape).to.deep.equal(resultShape(w));
        expect([...values(out)].map((x) => x + 0)).to.deep.equal(windows(w).map((seen) => largest(image, seen) + 0));
        expect([...values(pool(w, image, true))].map((x) => x + 0)).to.deep.equal(windows(w).map((seen) => seen.reduce((s, i) => s + image[i], 0)));
      }), { numRuns: 100 });
    });

    it('gives cotangents to the first of the largest', () => {
      fc.assert(fc.property(way, (w) => {
        const [image, cotangent] = [noise(imageShape(w), 2), noise(resultShape(w), 3)];
        const want = new Float32Array(image.length);
        windows(w).forEach((seen, o) => { const at = seen.find((i) => image[i] === largest(image, seen)); if (at !== undefined) want[at] += cotangent[o]; });
        const out = back(w, image, values(pool(w, image, false)), cotangent);
        expect(out.shape).to.deep.equal(imageShape(w));
        expect([...values(out)].map((x) => x + 0)).to.deep.equal([...want].map((x) => x + 0));
      }), { numRuns: 100 });
    });

    it('gives the same bits on any number of threads', () => {
      const image = noise(imageShape(LARGE), 4).map((x, i) => x + Math.sin(i) / 7);
      const [maxima, cotangent] = [values(pool(LARGE, image, false)), noise(resultShape(LARGE), 5).map((x, i) => x + Math.cos(i) / 7)];
      const [sums, gradient] = [values(pool(LARGE, image, true)), values(back(LARGE, image, maxima, cotangent))];
      for (const threads of [2, 3]) {
        expect(values(pool(LARGE, image, false, threads))).to.deep.equal(maxima);
        expect(values(pool(LARGE, image, true, threads))).to.deep.equal(sums);
        expect(values(back(LARGE, image, maxima, cotangent, threads))).to.deep.equal(gradient);
      }
    });

    it('carries NaN to what sees it, and nowhere else', () => {
      for (const sum of [false, true]) {
        const image = noise(imageShape(LARGE), 6);
        const at = ((2 * 30 + 7) * 29 + 11) * 70 + 3;
        image[at] = NaN;
        const seen = windows(LARGE);
        values(pool(LARGE, image, sum)).forEach((x, i) => { if (Number.isNaN(x) !== seen[i].includes(at)) expect.fail(`element ${i}: ${x}`); });
      }
    });

    it("gives the cotangent of a window with NaN where JAX's gradient goes: to the largest behind its last NaN, or to that", () => {
      const image = [1, NaN, 2, 0, 3, 4, 5, 6, NaN, NaN, 0, 1, NaN, NaN, 2, 1];
      // jax.vjp of lax.reduce_window for the cotangents 1, 2, 3, …
      const table: [Omit<Axis, 'in' | 'dilation'>[], number[]][] = [
        [[{ window: 2, stride: 2, low: 0, high: 0 }, { window: 2, stride: 2, low: 0, high: 0 }], [0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 4, 0]],
        [[{ window: 2, stride: 1, low: 0, high: 0 }, { window: 2, stride: 1, low: 0, high: 0 }], [0, 0, 0, 0, 0, 1, 2, 9, 0, 4, 5, 0, 0, 7, 17, 0]],
        [[{ window: 3, stride: 2, low: 0, high: 1 }, { window: 3, stride: 2, low: 0, high: 1 }], [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 7, 0]],
      ];
      const channels = 17;
      const spread = (list: readonly number[]) => Float32Array.from({ length: list.length * channels }, (_, i) => list[Math.floor(i / channels)]);
      for (const [axes, want] of table) {
        const w: Way = { n: 1, channels, axes: axes.map((a) => ({ ...a, in: 4, dilation: 1 })) };
        const maxima = values(pool(w, spread(image), false));
        expect(values(back(w, spread(image), maxima, spread(Array.from({ length: maxima.length / channels }, (_, i) => i + 1))))).to.deep.equal(spread(want));
      }
    });

    it('refuses what does not fit', () => {
      const image = noise(imageShape(LARGE), 1);
      expect(() => run('Pool', [f32(image, imageShape(LARGE))], { ...attributes(LARGE), window: [40, 3], sum: 0 }, 4)).to.throw(/nothing may be empty/);
      const [maxima, fewer] = [noise(resultShape(LARGE), 1), [5, 14, 15, 70]];
      expect(() => run('MaxPoolGradient', [f32(image, imageShape(LARGE)), f32(maxima, resultShape(LARGE)), f32(noise(fewer, 1), fewer)], attributes(LARGE), 4)).to.throw(/do not fit/);
    });
  });
}
