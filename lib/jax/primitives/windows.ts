/** Sums and maxima of windows. Where the engine has no pool for a dtype they are folded axis by axis. */
import type { Graph } from '../../lowering/graph.js';
import { NDArray, Scalar, aval, formatAval, type Aval } from '../array.js';
import { bind, withShape } from '../core.js';
import { dims } from '../dims.js';
import { DTYPES, isFloat, isHalf, isUnsigned, type DType } from '../dtypes.js';
import { ShapeError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { add, eq, lowerExtremum, select } from './arithmetic.js';
import { composed } from './composed.js';
import { primitive, thunks, type Primitive, type Types } from './primitive.js';
import { concatenate, expandTo, inFront, moveAxis, pad, padP, reduceSum, reshape, slice } from './shape.js';

/** Windows longer than this are folded by doubling, in a number of steps that is their logarithm, where there are several. */
const LONG = 64;
export const foldable = (window: readonly number[], out: readonly number[]): boolean => window.some((k, i) => k > LONG && out[i] > 1);

/** Every list has an entry for each axis. */
export interface WindowParams {
  readonly window: readonly number[];
  readonly strides: readonly number[];
  /** What the padding holds takes no part: zeros of a sum, the smallest value of a maximum. */
  readonly padding: readonly (readonly [number, number])[];
  readonly baseDilation: readonly number[];
  readonly windowDilation: readonly number[];
}
type Kind = 'max' | 'sum';
const POOLS = { max: 'MaxPool', sum: 'AveragePool' } as const;

export const dilate = (n: number, by: number): number => (n === 0 ? 0 : (n - 1) * by + 1);
/** Whether anything happens along an axis. */
const idle = (p: WindowParams, i: number): boolean => p.window[i] === 1 && p.strides[i] === 1 && p.baseDilation[i] === 1 && p.padding[i][0] === 0 && p.padding[i][1] === 0;
const busy = (p: WindowParams): number[] => range(p.window.length).filter((i) => !idle(p, i));

/** The smallest value of a dtype: what a maximum starts from. */
export const lowest = (d: DType): number | bigint => (isFloat(d) ? -Infinity : isUnsigned(d) || d === 'bool' ? 0 : d === 'int64' ? -(2n ** 63n) : -(2 ** (8 * DTYPES[d].size - 1)));
const identity = (kind: Kind, d: DType): number | bigint => (kind === 'sum' ? 0 : lowest(d));

export function windowShape(shape: readonly number[], p: WindowParams, what: () => string): number[] {
  return shape.map((d, i) => {
    if (idle(p, i)) return d;
    const padded = dilate(d, p.baseDilation[i]) + p.padding[i][0] + p.padding[i][1];
    if (padded < 0) throw new ShapeError(`reduceWindow: the padding [${p.padding[i]}] cuts more than there is along axis ${i} of ${what()}.`);
    return Math.max(0, Math.floor((padded - dilate(p.window[i], p.windowDilation[i])) / p.strides[i]) + 1);
  });
}

/** The same windows of an array with one more axis in front. */
const behind = (p: WindowParams): WindowParams =>
  ({ window: [1, ...p.window], strides: [1, ...p.strides], padding: [[0, 0], ...p.padding], baseDilation: [1, ...p.baseDilation], windowDilation: [1, ...p.windowDilation] });
/** The windows along one axis alone. */
function only(p: WindowParams, axis: number): WindowParams {
  const at = (xs: readonly number[]): number[] => xs.map((v, i) => (i === axis ? v : 1));
  return { window: at(p.window), strides: at(p.strides), padding: p.padding.map((v, i) => (i === axis ? v : [0, 0])), baseDilation: at(p.baseDilation), windowDilation: at(p.windowDilation) };
}

function windows(kind: Kind, pullback: (ct: NDArray, x: NDArray, y: NDArray, p: WindowParams) => NDArray): Primitive<WindowParams> {
  const self: Primitive<WindowParams> = primitive({
    name: `reduce_window_${kind}`,
    shape: ([a], p) => [withShape(a, windowShape(a.shape, p, () => formatAval(a)))],
    vjp: ([x], p) => {
      const [y] = bind(self, [x], p);
      const empty = y.shape.some((d) => dims.equal(d, 0));
      return { outputs: [y], pullback: ([ct]) => [ct && !empty ? pullback(ct, x, y, p) : null] };
    },
    batch: ([x], [axis], p) => [bind(self, [moveAxis(x, axis!, 0)], behind(p)), [0]],
    lower: (g, [x], p, types) => {
      const { inputs: [a], outputs: [out] } = types;
      if ([...a.shape, ...out.shape].some((d) => dims.equal(d, 0))) {
        return [g.filled(a.dtype, out.shape, identity(kind, a.dtype))];
      }
      const axes = busy(p);
      const pool = isFloat(a.dtype) && axes.length > 0 && axes.length <= 3 && !foldable(p.window, out.shape) ? g.kernels.find(POOLS[kind], a.dtype) : null;
      // Many halves are added up in float32.
      const compute = pool ?? (kind === 'sum' ? g.kernels.need('Add', isHalf(a.dtype) ? 'float32' : a.dtype) : g.kernels.find('Max', a.dtype) ?? g.kernels.need('Greater', a.dtype));
      const wide: Types = { inputs: [{ ...a, dtype: compute }], outputs: [{ ...out, dtype: compute }] };
      const fill = g.constant(compute, [], [identity(kind, a.dtype)]);
      return [g.within(compute, a.dtype, [x], (y) => (pool ? lowerPool : lowerFold)(g, kind, y, fill, p, wide))];
    },
  });
  return self;
}

export const windowSumP = windows('sum', (ct, x, _y, p) => {
  const axes = busy(p);
  if (axes.every((i) => p.window[i] === p.strides[i] && p.windowDilation[i] === 1 && p.baseDilation[i] === 1)) {
    // Windows side by side: every element gets the cotangent of its own.
    let out = ct;
    for (const i of axes) {
      const shape = [...out.shape];
      const [before, after] = [shape.slice(0, i + 1), shape.slice(i + 1)];
      out = reshape(expandTo(reshape(out, [...before, 1, ...after]), [...before, p.window[i], ...after]), shape.map((d, k) => (k === i ? d * p.window[i] : d)));
    }
    return pad(out, 0, p.padding.map(([low], i) => (axes.includes(i) ? [-low, x.shape[i] + low - out.shape[i], 0] : [0, 0, 0])));
  }
  const padding = p.padding.map(([low], i): [number, number] => {
    if (idle(p, i)) return [0, 0];
    const before = dilate(p.window[i], p.windowDilation[i]) - 1 - low;
    return [before, dilate(x.shape[i], p.baseDilation[i]) - dilate(ct.shape[i], p.strides[i]) + low];
  });
  return windowSum(ct, { ...p, strides: p.baseDilation, baseDilation: p.strides, padding });
});

export const windowMaxP = windows('max', (ct, x, y, p) => bind(windowMaxGradientP, [x, y, ct], p)[0]);

/** The cotangent of an image from it, the maxima of its windows, and their cotangents: the first of equal maxima in row-major order gets it. */
export const windowMaxGradientP: Primitive<WindowParams> = primitive({
  name: 'reduce_window_max_gradient',
  shape: ([x]) => [aval(x.shape, x.dtype)],
  vjp: thunks(() => windowMaxGradientP, (c, [x, y], _outputs, p) => [null, null, () => steps(x, y, p).reduce((out, [from, to, axis]) => takeAlong(out, from, to, p, axis), c)]),
  batch: (inputs, axes, p, { size }) => [bind(windowMaxGradientP, inputs.map((x, i) => inFront(x, axes[i], size)), behind(p)), [0]],
  lower: (g, inputs, p, types) => [composed((x, y, ct) => steps(x, y, p).reduceRight((out, [from, to, axis]) => giveAlong(out, from, to, p, axis), ct))(g, inputs, p, types)],
});

/** Maxima of maxima, one axis after the other, the last one first: what each step starts from and comes to, and its axis. */
function steps(x: NDArray, y: NDArray, p: WindowParams): [NDArray, NDArray, number][] {
  const axes = busy(p).reverse();
  let from = x;
  return axes.map((axis, k) => {
    const to = k === axes.length - 1 ? y : windowMax(from, only(p, axis));
    const step: [NDArray, NDArray, number] = [from, to, axis];
    from = to;
    return step;
  });
}

/** Along one axis: which place of each window is the first that equals its maximum, and what the windows see of an array like the image at a place. */
function firstAlong(x: NDArray, y: NDArray, p: WindowParams, axis: number) {
  const at = (list: readonly number[], value: number): number[] => list.map((v, i) => (i === axis ? value : v));
  const config = (low: number, high: number, interior = 0) => x.shape.map((_, i) => (i === axis ? [low, high, interior] : [0, 0, 0]));
  const [[low, high], base, step] = [p.padding[axis], p.baseDilation[axis], p.windowDilation[axis]];
  const padded = (z: NDArray, fill: number | bigint) => pad(z, new Scalar(fill, z.dtype, false), config(low, high, base - 1));
  const m = y.shape[axis];
  // A single window may be taken for one of many side by side, whose places interleave without being added.
  const stride = m === 1 ? dilate(p.window[axis], step) : p.strides[axis];
  const taps = range(p.window[axis]);
  const zeros = x.shape.map(() => 0);
  const seen = (of: NDArray, j: number) => slice(of, at(zeros, j * step), at(of.shape, j * step + (m - 1) * stride + 1), at(zeros.map(() => 1), stride));
  const none: NDArray = new Scalar(-1, 'int32', false);
  const source = padded(x, lowest(x.dtype));
  const first = taps.reduceRight((rest, j) => select(eq(seen(source, j), y), expandTo(new Scalar(j, 'int32', false), y.shape), rest), expandTo(none, y.shape));
  return { first, padded, seen, taps, stride, step, base, low, high, m, n: source.shape[axis], at, config, zeros };
}

/** What stands where the maxima are. */
function takeAlong(c: NDArray, x: NDArray, y: NDArray, p: WindowParams, axis: number): NDArray {
  const { first, padded, seen, taps } = firstAlong(x, y, p, axis);
  const source = padded(c, 0);
  return taps.map((j) => select(eq(first, j), seen(source, j), new Scalar(0, c.dtype, false))).reduce(add);
}

/** Gives the cotangents of maxima along one axis to the first element of each window that equals its maximum. */
function giveAlong(ct: NDArray, x: NDArray, y: NDArray, p: WindowParams, axis: number): NDArray {
  const { first, taps, stride, step, base, low, high, m, n, at, config, zeros } = firstAlong(x, y, p, axis);
  // Elements whose places agree modulo the stride are added up; then the places interleave.
  const rounds = Math.ceil(n / stride);
  const phases: (NDArray | undefined)[] = range(stride).map(() => undefined);
  for (const j of taps) {
    const [phase, shift] = [(j * step) % stride, Math.floor((j * step) / stride)];
    const part = pad(select(eq(first, j), ct, new Scalar(0, ct.dtype, false)), 0, config(shift, rounds - m - shift));
    phases[phase] = phases[phase] ? add(phases[phase], part) : part;
  }
  const zero = () => expandTo(new Scalar(0, ct.dtype, false), at(ct.shape, rounds));
  const apart = phases.map((v) => { const part = v ?? zero(); return reshape(part, [...part.shape.slice(0, axis + 1), 1, ...part.shape.slice(axis + 1)]); });
  const whole = stride === 1 ? phases[0]! : reshape(concatenate(apart, axis + 1), at(ct.shape, rounds * stride));
  const cut = pad(whole, 0, config(-low, n - high - rounds * stride));
  return base === 1 ? cut : slice(cut, zeros, cut.shape, at(zeros.map(() => 1), base));
}

function lowerPad(g: Graph, x: string, fill: string, a: Aval, p: WindowParams): string {
  const config = p.padding.map(([low, high], i): [number, number, number] => [low, high, p.baseDilation[i] - 1]);
  return config.every((c) => c.every((n) => n === 0)) ? x : padP.lower(g, [x, fill], { config }, { inputs: [a, aval([], a.dtype)], outputs: [] })[0];
}

/** The engine's pools: the axes with windows go last. */
function lowerPool(g: Graph, kind: Kind, x: string, fill: string, p: WindowParams, { inputs: [a], outputs: [out] }: Types): string {
  const axes = busy(p);
  const rest = range(a.shape.length).filter((i) => !axes.includes(i));
  const order = [...rest, ...axes];
  // Pads that reach beyond the window, cuts, and gaps are made before.
  const odd = axes.some((i) => p.baseDilation[i] > 1 || p.padding[i].some((n) => n < 0 || n >= p.window[i]));
  const source = odd ? lowerPad(g, x, fill, a, p) : x;
  const inner = a.shape.map((d, i) => (odd && axes.includes(i) ? dilate(d, p.baseDilation[i]) + p.padding[i][0] + p.padding[i][1] : d));
  const moved = (name: string, by: readonly number[]) => (by.every((v, i) => v === i) ? name : g.node('Transpose', [name], { perm: by }));
  const lead = rest.map((i) => a.shape[i]);
  const images = [lead[0] ?? 1, dims.size(lead.slice(1))];
  const pick = (xs: readonly number[]) => axes.map((i) => xs[i]);
  const shaped = rest.length === 2 ? moved(source, order) : g.reshape(moved(source, order), [...images, ...pick(inner)]);
  const pads = odd ? axes.flatMap(() => [0, 0]) : [...axes.map((i) => p.padding[i][0]), ...axes.map((i) => p.padding[i][1])];
  const attributes = { kernel_shape: pick(p.window), strides: pick(p.strides), dilations: pick(p.windowDilation), pads };
  const pool = (z: string): string => g.node(POOLS[kind], [z], kind === 'max' ? attributes : { ...attributes, count_include_pad: 1 });
  const back = (y: string): string => moved(rest.length === 2 ? y : g.reshape(y, order.map((i) => out.shape[i])), order.map((_, i) => order.indexOf(i)));
  if (kind === 'sum') return g.node('Mul', [back(pool(shaped)), g.constant(a.dtype, [], [pick(p.window).reduce((m, n) => m * n, 1)])]);
  // Where all are -∞ the engine gives the smallest finite number, and it loses NaN.
  const largest = pool(shaped);
  const finite = g.constant(a.dtype, [], [a.dtype === 'float64' ? -Number.MAX_VALUE : a.dtype === 'float16' ? -65504 : -3.4028234663852886e38]);
  const nan = g.node('Greater', [pool(g.cast(g.node('IsNaN', [shaped]), 'float32')), g.constant('float32', [], [0])]);
  return back(g.node('Where', [nan, g.constant(a.dtype, [], [NaN]), g.node('Where', [g.node('LessOrEqual', [largest, finite]), fill, largest])]));
}

/** Axis by axis: the slices that each place of the window sees, combined. */
function lowerFold(g: Graph, kind: Kind, x: string, fill: string, p: WindowParams, { inputs: [a], outputs: [out] }: Types): string {
  const combine = (u: string, v: string) => (kind === 'sum' ? g.node('Add', [u, v]) : lowerExtremum(g, 'Max', a.dtype, u, v));
  let y = lowerPad(g, x, fill, a, p);
  const axes = busy(p).filter((i) => p.window[i] > 1 || p.strides[i] > 1);
  for (const axis of [...axes].reverse()) {
    const [k, step, stride, m] = [p.window[axis], p.windowDilation[axis], p.strides[axis], out.shape[axis]];
    const part = (of: string, from: number, count: number, by: number) => g.node('Slice', [of, g.ints([from]), g.ints([from + (count - 1) * by + 1]), g.ints([axis]), g.ints([by])]);
    if (k <= 4 || k <= 2 * stride * Math.log2(k)) {
      y = range(k).map((j) => part(y, j * step, m, stride)).reduce(combine);
      continue;
    }
    // Windows of 1, 2, 4, … elements, of which those are combined that make up k.
    const length = (m - 1) * stride + 1;
    let [power, size, done, result] = [y, 1, 0, ''];
    for (let bits = k; ; size *= 2) {
      if (bits & 1) {
        const piece = part(power, done * step, length, 1);
        result = result ? combine(result, piece) : piece;
        done += size;
      }
      if ((bits >>= 1) === 0) break;
      const span = length + (k - 2 * size) * step;
      power = combine(part(power, 0, span, 1), part(power, size * step, span, 1));
    }
    y = stride === 1 ? result : part(result, 0, m, stride);
  }
  return y === x ? g.node('Identity', [x]) : y;
}

const applied = (self: Primitive<WindowParams>, x: NDArray, p: WindowParams): NDArray => (busy(p).length === 0 ? x : bind(self, [x], p)[0]);
/** The largest element of every window. */
export const windowMax = (x: NDArray, params: WindowParams): NDArray => applied(windowMaxP, x, params);
/** The sum of every window. */
export function windowSum(x: NDArray, params: WindowParams): NDArray {
  const axes = busy(params);
  const whole = axes.every((i) => params.window[i] === x.shape[i] && params.windowDilation[i] === 1 && params.baseDilation[i] === 1 && params.padding[i].every((n) => n === 0));
  return whole ? reshape(reduceSum(x, axes), x.shape.map((d, i) => (axes.includes(i) ? 1 : d))) : applied(windowSumP, x, params);
}
