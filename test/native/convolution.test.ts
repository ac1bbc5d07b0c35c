import { expect } from 'chai';
import fc from 'fast-check';
import { engines } from '../../lib/runtime/engines.js';
import { f32, operatorOn, size, values } from './one-operator.js';

const noise = (shape: readonly number[], seed: number) => Float32Array.from({ length: size(shape) }, (_, i) => Math.sin(i * 12.9898 + seed) * 2 ** (i % 5));

interface Axis { readonly in: number; readonly window: number; readonly stride: number; readonly spread: number; readonly dilation: number; readonly low: number; readonly high: number }
interface Way { readonly n: number; readonly channels: number; readonly features: number; readonly axes: readonly Axis[]; readonly depthwise: boolean; readonly mirrored: boolean; readonly windowLast?: boolean }

const outOf = (a: Axis): number => Math.floor(((a.in - 1) * a.spread + 1 + a.low + a.high - ((a.window - 1) * a.dilation + 1)) / a.stride) + 1;
const imageShape = ({ n, axes, channels }: Way) => [n, ...axes.map((a) => a.in), channels];
function kernelShape({ axes, channels, features, depthwise, mirrored, windowLast }: Way): number[] {
  const [slow, fast] = depthwise ? [1, channels] : mirrored ? [features, channels] : [channels, features];
  const window = axes.map((a) => a.window);
  return windowLast ? [fast, slow, ...window] : [...window, slow, fast];
}
const resultShape = ({ n, axes, channels, features, depthwise }: Way) => [n, ...axes.map(outOf), depthwise ? channels : features];
const attributes = ({ axes, depthwise, windowLast }: Way) => ({
  strides: axes.map((a) => a.stride), spreads: axes.map((a) => a.spread), dilations: axes.map((a) => a.dilation),
  pads: [...axes.map((a) => a.low), ...axes.map((a) => a.high)], depthwise: Number(depthwise), window_last: Number(windowLast ?? false),
});

/** Calls `f` with the places in image, kernel and result of every product that a convolution adds up. */
function products(way: Way, f: (image: number, kernel: number, result: number) => void): void {
  const { n, channels, depthwise, mirrored } = way;
  const features = depthwise ? channels : way.features;
  const places = size(way.axes.map((a) => a.window));
  const [slow, fast] = depthwise ? [1, channels] : mirrored ? [features, channels] : [channels, features];
  const kernelAt = (tap: number, i: number, j: number): number => (way.windowLast ? (j * slow + i) * places + tap : (tap * slow + i) * fast + j);
  const [a, b] = way.axes.length === 1 ? [{ in: 1, window: 1, stride: 1, spread: 1, dilation: 1, low: 0, high: 0 }, way.axes[0]] : [way.axes[0], way.axes[1]];
  const seen = (axis: Axis, out: number, k: number): number => {
    const at = out * axis.stride + k * axis.dilation - axis.low;
    return at % axis.spread === 0 && at >= 0 && at / axis.spread < axis.in ? at / axis.spread : -1;
  };
  for (let i = 0; i < n; i++) for (let y = 0; y < outOf(a); y++) for (let x = 0; x < outOf(b); x++) {
    for (let ky = 0; ky < a.window; ky++) for (let kx = 0; kx < b.window; kx++) {
      const [row, column] = [seen(a, y, ky), seen(b, x, kx)];
      if (row < 0 || column < 0) continue;
      const tap = mirrored ? (a.window - 1 - ky) * b.window + b.window - 1 - kx : ky * b.window + kx;
      const [from, to] = [((i * a.in + row) * b.in + column) * channels, ((i * outOf(a) + y) * outOf(b) + x) * features];
      for (let c = 0; c < channels; c++) {
        if (depthwise) f(from + c, kernelAt(tap, 0, c), to + c);
        else for (let o = 0; o < features; o++) f(from + c, mirrored ? kernelAt(tap, o, c) : kernelAt(tap, c, o), to + o);
      }
    }
  }
}

/** Fails where sums are further from float64's than rounding explains. */
function check(got: Float32Array, length: number, add: (sum: (at: number, x: number) => void) => void): void {
  const [sums, sizes, counts] = [new Float64Array(length), new Float64Array(length), new Float64Array(length)];
  add((at, x) => { sums[at] += x; sizes[at] += Math.abs(x); counts[at]++; });
  expect(got.length).to.equal(length);
  got.forEach((x, i) => { if (!(Math.abs(x - sums[i]) <= (counts[i] + 16) * 2 ** -24 * sizes[i])) expect.fail(`element ${i}: ${x}, want ${sums[i]}`); });
}

const axis = (spread: boolean) => fc.record({
  in: fc.integer({ min: 1, max: 9 }), window: fc.integer({ min: 1, max: 4 }), stride: spread ? fc.constant(1) : fc.integer({ min: 1, max: 3 }),
  spread: spread ? fc.integer({ min: 1, max: 3 }) : fc.constant(1), dilation: fc.integer({ min: 1, max: 2 }), low: fc.integer({ min: -2, max: 3 }), high: fc.integer({ min: -2, max: 3 }),
}).filter((a) => outOf(a) >= 1);
// Vectors, tiles and panels of every instruction set begin and end within these.
const channels = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 70 }));
const way = (spread: fc.Arbitrary<boolean>): fc.Arbitrary<Way> => spread.chain((s) => fc.record({
  n: fc.integer({ min: 1, max: 3 }), channels, features: channels, axes: fc.array(axis(s), { minLength: 1, maxLength: 2 }), depthwise: fc.boolean(), mirrored: s ? fc.boolean() : fc.constant(false), windowLast: fc.boolean(),
}));

for (const info of engines()) {
  describe(`hokku.Conv on ${info.name}${info.missing ? ` (pending: ${info.missing})` : ''}`, function () {
    before(function () { if (info.missing) this.skip(); });

    const run = operatorOn(info.name);
    interface Endings { scale?: Float32Array; bias?: Float32Array; added?: Float32Array; mask?: Float32Array; relu?: boolean; threads?: number }
    const convolve = (w: Way, image: Float32Array, kernel: Float32Array, { scale, bias, added, mask, relu = false, threads = 1 }: Endings = {}) => {
      const vectors = [scale, bias].flatMap((v) => (v ? [f32(v, [v.length])] : []));
      return run('Conv', [f32(image, imageShape(w)), f32(kernel, kernelShape(w)), ...vectors, ...[added, mask].flatMap((v) => (v ? [f32(v, resultShape(w))] : []))],
        { ...attributes(w), mirrored: Number(w.mirrored), scaled: Number(scale !== undefined), added: Number(added !== undefined), masked: Number(mask !== undefined), relu: Number(relu) }, w.axes.length + 2, threads);
    };
    const toKernel = (w: Way, image: Float32Array, cotangent: Float32Array, threads = 1) =>
      run('ConvKernelGradient', [f32(image, imageShape(w)), f32(cotangent, resultShape(w))], { ...attributes(w), window: w.axes.map((a) => a.window) }, w.axes.length + 2, threads);

    it('has the numbers of float64 to rounding, with strides, dilations, zeros around and between, and cuts', () => {
      fc.assert(fc.property(way(fc.boolean()), (w) => {
        const [image, kernel] = [noise(imageShape(w), 1), noise(kernelShape(w), 2)];
        const out = convolve(w, image, kernel);
        expect(out.shape).to.deep.equal(resultShape(w));
        check(values(out), size(out.shape), (sum) => products(w, (i, k, o) => sum(o, image[i] * kernel[k])));
      }), { numRuns: 150 });
    });

    it('so has the gradient of the kernel', () => {
      fc.assert(fc.property(way(fc.constant(false)), (w) => {
        const [image, cotangent] = [noise(imageShape(w), 3), noise(resultShape(w), 4)];
        const out = toKernel(w, image, cotangent);
        expect(out.shape).to.deep.equal(kernelShape(w));
        check(values(out), size(out.shape), (sum) => products(w, (i, k, o) => sum(k, image[i] * cotangent[o])));
      }), { numRuns: 150 });
    });

    it('adds a bias and cuts off below zero', () => {
      fc.assert(fc.property(way(fc.boolean()), (w) => {
        const [image, kernel, bias] = [noise(imageShape(w), 1), noise(kernelShape(w), 2), noise([w.depthwise ? w.channels : w.features], 5)];
        const plain = values(convolve(w, image, kernel));
        const biased = plain.map((x, i) => Math.fround(x + bias[i % bias.length]));
        expect(values(convolve(w, image, kernel, { bias }))).to.deep.equal(biased);
        expect(values(convolve(w, image, kernel, { bias, relu: true })).map((x) => x + 0)).to.deep.equal(biased.map((x) => (x < 0 ? 0 : x + 0)));
      }), { numRuns: 40 });
    });

    it('takes denormal numbers for zero, as XLA does', () => {
      for (const w of LARGE) {
        const [tiny, kernel] = [noise(imageShape(w), 1).map((x) => x * 1e-40), noise(kernelShape(w), 2).map((x) => x * 1e30)];
        expect(values(convolve(w, tiny, kernel)).every((x) => x === 0)).to.equal(true);
      }
    });

    it('scales, and adds another image', () => {
      fc.assert(fc.property(way(fc.boolean()), (w) => {
        const [image, kernel, added] = [noise(imageShape(w), 1), noise(kernelShape(w), 2), noise(resultShape(w), 11)];
        const [bias, scale] = [5, 12].map((seed) => noise([w.depthwise ? w.channels : w.features], seed));
        const plain = values(convolve(w, image, kernel));
        const biased = plain.map((x, i) => Math.fround(x + bias[i % bias.length]));
        expect(values(convolve(w, image, kernel, { added }))).to.deep.equal(plain.map((x, i) => Math.fround(x + added[i])));
        expect(values(convolve(w, image, kernel, { bias, added }))).to.deep.equal(biased.map((x, i) => Math.fround(x + added[i])));
        const mask = noise(resultShape(w), 12);
        expect(values(convolve(w, image, kernel, { mask }))).to.deep.equal(plain.map((x, i) => (mask[i] > 0 ? x : 0)));
        expect(values(convolve(w, image, kernel, { bias, added, mask }))).to.deep.equal(biased.map((x, i) => (mask[i] > 0 ? Math.fround(x + added[i]) : 0)));
        // With a fused multiplication or without.
        values(convolve(w, image, kernel, { scale, bias, added, relu: true })).forEach((x, i) => {
          const [product, b] = [plain[i] * scale[i % bias.length], bias[i % bias.length]];
          const rounding = 2 ** -22 * (Math.abs(product) + Math.abs(b) + Math.abs(added[i]));
          if (!(Math.abs(x - Math.max(0, product + b + added[i])) <= rounding)) expect.fail(`element ${i}: ${x}, want ${product + b + added[i]}`);
        });
      }), { numRuns: 40 });
    });

    const square = (side: number, window: number, stride: number, spread = 1): Axis => ({ in: side, window, stride, spread, dilation: 1, low: 1, high: 1 });
    const both = (a: Axis) => [a, a];
    // Several tasks, blocks, panels and groups of rows.
    const LARGE: readonly Way[] = [
      { n: 5, channels: 20, features: 70, axes: both(square(20, 3, 1)), depthwise: false, mirrored: false },
      { n: 5, channels: 40, features: 70, axes: both(square(14, 3, 2)), depthwise: false, mirrored: false, windowLast: true },
      { n: 4, channels: 40, features: 40, axes: both(square(12, 3, 1, 2)), depthwise: false, mirrored: true, windowLast: true },
      { n: 9, channels: 130, features: 70, axes: both(square(4, 3, 1)), depthwise: false, mirrored: false },
      { n: 4, channels: 24, features: 40, axes: both(square(12, 3, 1, 2)), depthwise: false, mirrored: true },
      { n: 6, channels: 70, features: 70, axes: both(square(30, 3, 2)), depthwise: true, mirrored: false },
    ];
    it('gives the same bits on any number of threads, and to an example alone', () => {
      for (const w of LARGE) {
        const [image, kernel, cotangent] = [noise(imageShape(w), 6), noise(kernelShape(w), 7), noise(resultShape(w), 8)];
        const [first, back] = [values(convolve(w, image, kernel)), w.mirrored ? null : values(toKernel(w, image, cotangent))];
        check(first, size(resultShape(w)), (sum) => products(w, (i, k, o) => sum(o, image[i] * kernel[k])));
        if (back) check(back, size(kernelShape(w)), (sum) => products(w, (i, k, o) => sum(k, image[i] * cotangent[o])));
        for (const threads of [2, 3]) {
          expect(values(convolve(w, image, kernel, { threads }))).to.deep.equal(first);
          if (back) expect(values(toKernel(w, image, cotangent, threads))).to.deep.equal(back);
        }
        const one = { ...w, n: 1 };
        expect(values(convolve(one, image.slice(0, size(imageShape(one))), kernel))).to.deep.equal(first.slice(0, size(resultShape(one))));
      }
    });

    it('carries NaN to what sees it, and nowhere else', () => {
      const w = LARGE[0];
      const [image, kernel] = [noise(imageShape(w), 9), noise(kernelShape(w), 10)];
      image[((2 * 20 + 7) * 20 + 11) * 20 + 3] = NaN;
      const reached = new Set<number>();
      products(w, (i, _k, o) => { if (Number.isNaN(image[i])) reached.add(o); });
      values(convolve(w, image, kernel)).forEach((x, i) => { if (Number.isNaN(x) !== reached.has(i)) expect.fail(`element ${i}: ${x}`); });
      values(convolve(w, image, kernel, { relu: true })).forEach((x, i) => { if (Number.isNaN(x) !== reached.has(i)) expect.fail(`element ${i} after the ReLU: ${x}`); });
    });

    it('refuses what does not fit', () => {
      const w = LARGE[0];
      const [image, kernel] = [noise(imageShape(w), 1), noise(kernelShape(w), 2)];
      expect(() => convolve(w, image, noise([3, 3, 19, 70], 1).slice(0, 3 * 3 * 19 * 70))).to.throw();
      expect(() => run('Conv', [f32(image, imageShape(w)), f32(noise([3, 3, 19, 70], 1), [3, 3, 19, 70])], { ...attributes(w), mirrored: 0, scaled: 0, added: 0, masked: 0, relu: 0 }, 4)).to.throw(/does not take the image's channels/);
      expect(() => convolve(w, image, kernel, { bias: noise([69], 1) })).to.throw(/a scale or bias does not fit/);
      expect(() => convolve(w, image, kernel, { scale: noise([70], 1) })).to.throw(/inputs do not fit the attributes/);
      expect(() => run('Conv', [f32(image, imageShape(w)), f32(kernel, kernelShape(w)), f32(noise([5, 20, 19, 70], 1), [5, 20, 19, 70])], { ...attributes(w), mirrored: 0, scaled: 0, added: 1, masked: 0, relu: 0 }, 4)).to.throw(/what is added does not fit/);
      expect(() => run('Conv', [f32(image, imageShape(w)), f32(kernel, kernelShape(w)), f32(noise([5, 20, 19, 70], 1), [5, 20, 19, 70])], { ...attributes(w), mirrored: 0, scaled: 0, added: 0, masked: 1, relu: 0 }, 4)).to.throw(/the mask does not fit/);
      expect(() => convolve({ ...w, axes: both({ ...square(20, 3, 2, 2) }) }, image, kernel)).to.throw(/a stride or a spread of 1/);
      expect(() => run('ConvKernelGradient', [f32(image, imageShape(w)), f32(noise([5, 19, 20, 70], 1), [5, 19, 20, 70])], { ...attributes(w), window: [3, 3] }, 4)).to.throw(/the cotangent does not fit/);
    });
  });
}
