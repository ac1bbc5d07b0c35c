/**
 * Convolutions in one layout: images [n, channels, …space], kernels [channels out, channels in / groups, …space]. Other
 * layouts are transposes around this. Where the engine has no kernel for a dtype it is a matrix product with the slices of the
 * input that each position of the kernel sees.
 */
import type { Graph } from '../../lowering/graph.js';
import { NDArray, Scalar, aval, formatAval, type Aval } from '../array.js';
import { bind } from '../core.js';
import { dims, isSymbolic, type Shape } from '../dims.js';
import { ShapeError, TypeError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { dotGeneral } from './dot.js';
import { composed } from './composed.js';
import { primitive, requireSameDType, thunks, type Primitive, type Types } from './primitive.js';
import { concatenate, expandTo, moveAxis, pad, padP, reduceSum, reshape, slice, transpose } from './shape.js';

export interface ConvParams {
  readonly strides: readonly number[];
  /** Zeros before and after each spatial axis; negative ones cut. */
  readonly padding: readonly (readonly [number, number])[];
  readonly lhsDilation: readonly number[];
  readonly rhsDilation: readonly number[];
  readonly groups: number;
  /** The kernel is given as that of the convolution whose transpose this is: [channels in, channels out / groups, …space], read backwards. */
  readonly mirrored?: true;
}

const product = (xs: readonly number[]): number => xs.reduce((a, b) => a * b, 1);
const dilated = (n: number, by: number): number => (n === 0 ? 0 : (n - 1) * by + 1);
const plain = (p: ConvParams): ConvParams => ({ strides: p.strides, padding: p.padding, lhsDilation: p.lhsDilation, rhsDilation: p.rhsDilation, groups: p.groups });
/** Channels of the result. */
const outChannels = (w: Shape, { groups, mirrored }: ConvParams): number => (mirrored ? w[1] * groups : w[0]);
const outSpace = (x: Shape, w: Shape, p: ConvParams): number[] => p.strides.map((s, i) => {
  const room = dilated(x[i + 2], p.lhsDilation[i]) + p.padding[i][0] + p.padding[i][1] - dilated(w[i + 2], p.rhsDilation[i]);
  return room < 0 ? 0 : Math.floor(room / s) + 1;
});

/** The convolution that takes a cotangent back to an input of shape `x`: strides and dilations change places. */
function transposed(p: ConvParams, x: Shape, w: Shape, out: Shape): ConvParams {
  const padding = p.padding.map(([low], i): [number, number] => {
    const reach = dilated(w[i + 2], p.rhsDilation[i]) - 1;
    return [reach - low, dilated(x[i + 2], p.lhsDilation[i]) - dilated(out[i + 2], p.strides[i]) + low];
  });
  return { ...plain(p), strides: p.lhsDilation, lhsDilation: p.strides, padding, ...(!p.mirrored && { mirrored: true }) };
}

/** All positions of a kernel, row by row. */
function positions(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>((all, k) => all.flatMap((at) => range(k).map((i) => [...at, i])), [[]]);
}

/** About how many elements of copied slices are held at a time. */
const CHUNK = 2 ** 25;

/** As slices side by side and one batched product, which are faster than a convolution of transposes. */
function kernelGradientAsProduct(x: NDArray, ct: NDArray, p: KernelGradientParams): NDArray {
  const { groups: g, kernel: w } = p;
  const [n, c] = x.shape;
  const space = ct.shape.slice(2);
  const kernel = w.slice(2);
  const size = product(space);
  if (size === 0 || product(kernel) === 0 || dims.equal(n, 0)) return expandTo(new Scalar(0, x.dtype, false), w);
  const padded = pad(x, 0, [[0, 0, 0], [0, 0, 0], ...p.padding.map(([low, high], i) => [low, high, p.lhsDilation[i] - 1])]);
  // One product an example, unless its results would be more to add up than the slices are to copy.
  const apart = ct.shape[1] / g <= size;
  const source = apart ? padded : moveAxis(padded, 0, 1);
  const seen = (at: number[]): NDArray => {
    const from = at.map((i, k) => i * p.rhsDilation[k]);
    const part = slice(source, [0, 0, ...from], [...source.shape.slice(0, 2), ...from.map((f, k) => f + (space[k] - 1) * p.strides[k] + 1)], [1, 1, ...p.strides]);
    return apart ? reshape(part, [n, g, c / g, 1, size]) : reshape(part, [g, c / g, 1, dims.mul(n, size)]);
  };
  const all = positions(kernel);
  const each = dims.mul(dims.mul(n, c), size);
  const count = Math.ceil(all.length / (typeof each === 'number' ? Math.ceil((all.length * each) / CHUNK) : 1));
  const cts = apart ? reshape(ct, [n, g, ct.shape[1] / g, size]) : reshape(moveAxis(ct, 0, 1), [g, ct.shape[1] / g, dims.mul(n, size)]);
  const parts: NDArray[] = [];
  for (let i = 0; i < all.length; i += count) {
    const columns = concatenate(all.slice(i, i + count).map(seen), apart ? 3 : 2);
    const matrix = reshape(columns, [...columns.shape.slice(0, apart ? 2 : 1), (c / g) * Math.min(count, all.length - i), columns.shape[columns.ndim - 1]]);
    const out = apart ? reduceSum(dotGeneral(matrix, cts, { contract: [[3], [3]], batch: [[0, 1], [0, 1]] }), [0]) : dotGeneral(matrix, cts, { contract: [[2], [2]], batch: [[0], [0]] });
    parts.push(reshape(out, [g, c / g, Math.min(count, all.length - i), ct.shape[1] / g]));
  }
  return reshape(transpose(concatenate(parts, 2), [0, 3, 1, 2]), w);
}

export interface KernelGradientParams extends ConvParams {
  /** The kernel's shape. */
  readonly kernel: Shape;
}

/**
 * The cotangent of an unmirrored kernel from the image and the cotangent of the result: for every position in it, the product of
 * what it sees with the cotangent, summed over examples and space.
 */
export const kernelGradientP: Primitive<KernelGradientParams> = primitive({
  name: 'conv_kernel_gradient',
  shape: ([x], { kernel }) => [aval(kernel, x.dtype)],
  vjp: thunks(() => kernelGradientP, (cw, [x, ct], _outputs, { kernel, ...p }) => [
    () => conv(ct, cw, transposed(p, x.shape, kernel, ct.shape)),
    () => conv(x, cw, p),
  ]),
  batch: ([x, ct], [i, j], { kernel, ...p }) => {
    const { groups: g } = p;
    const n = i === null ? ct.shape[j!] : x.shape[i];
    if (isSymbolic(n)) throw new ShapeError(`convGeneralDilated: the gradient of a kernel for each example needs a fixed number of examples, but vmap maps over the open dimension '${String(n)}'; give that axis a number.`);
    const [o, c, ...space] = kernel;
    /** [examples, groups, batch, channels of a group, …space], and the channels as one axis. */
    const beside = (y: NDArray, axis: number): NDArray => {
      const front = moveAxis(moveAxis(y, axis, 0), 0, 1);
      const [m, , all, ...rest] = front.shape;
      return reshape(moveAxis(reshape(front, [m, n, g, all / g, ...rest]), 1, 2), [m, n * all, ...rest]);
    };
    if (j === null) {
      const out = kernelGradient(beside(x, i!), ct, [o, n * c, ...space], p);
      return [[moveAxis(reshape(out, [o, n, c, ...space]), 1, 0)], [0]];
    }
    if (i === null) {
      const out = kernelGradient(x, beside(ct, j), [n * o, c, ...space], p);
      return [[reshape(moveAxis(reshape(out, [g, n, o / g, c, ...space]), 1, 0), [n, o, c, ...space])], [0]];
    }
    const all = { ...p, groups: g * n };
    const out = kernelGradient(beside(x, i), beside(ct, j), [n * o, c, ...space], all);
    return [[reshape(moveAxis(reshape(out, [g, n, o / g, c, ...space]), 1, 0), [n, o, c, ...space])], [0]];
  },
  lower: (g, inputs, params, types) => [composed((x, ct) => kernelGradientAsProduct(x, ct, params))(g, inputs, params, types)],
});
const kernelGradient = (x: NDArray, ct: NDArray, kernel: Shape, p: ConvParams): NDArray => bind(kernelGradientP, [x, ct], { ...plain(p), kernel: [...kernel] })[0];

export const convP: Primitive<ConvParams> = primitive({
  name: 'conv_general_dilated',
  shape: ([x, w], p) => {
    const dtype = requireSameDType('convGeneralDilated', [x, w]);
    if (dtype === 'bool') throw new TypeError('convGeneralDilated: expected numbers, got bool; convert with astype.');
    const channels = p.mirrored ? w.shape[0] : dims.mul(w.shape[1], p.groups);
    if (!dims.equal(x.shape[1], channels)) throw new ShapeError(`convGeneralDilated: the input ${formatAval(x)} has ${x.shape[1]} channels, but the kernel ${formatAval(w)} in ${p.groups} feature group${p.groups === 1 ? '' : 's'} takes ${channels} (shapes with channels first).`);
    if (w.shape[0] % p.groups !== 0) throw new ShapeError(`convGeneralDilated: the ${w.shape[0]} features of the kernel ${formatAval(w)} cannot be divided into ${p.groups} groups (shapes with channels first).`);
    return [aval([x.shape[0], outChannels(w.shape, p), ...outSpace(x.shape, w.shape, p)], dtype)];
  },
  vjp: (inputs, p, needed) => {
    const [x, w] = inputs;
    const outputs = bind(convP, inputs, p);
    return {
      outputs,
      pullback: ([ct]) => {
        if (!ct) return [null, null];
        const back = transposed(p, x.shape, w.shape, ct.shape);
        return [
          needed[0] ? conv(ct, w, back) : null,
          // The roles of input and result are exchanged in a mirrored convolution.
          !needed[1] ? null : p.mirrored ? kernelGradient(ct, x, w.shape, back) : kernelGradient(x, ct, w.shape, p),
        ];
      },
    };
  },
  batch: ([x, w], [i, j], p) => {
    const { groups: g } = p;
    if (j === null) {
      const front = moveAxis(x, i!, 0);
      const out = conv(reshape(front, [dims.mul(front.shape[0], front.shape[1]), ...front.shape.slice(2)]), w, p);
      return [[reshape(out, [front.shape[0], front.shape[1], ...out.shape.slice(1)])], [0]];
    }
    const kernels = moveAxis(w, j, 0);
    const [b, first, second, ...space] = kernels.shape;
    if (isSymbolic(b)) throw new ShapeError(`convGeneralDilated: a kernel of its own for each example needs a fixed number of examples, but vmap maps over the open dimension '${String(b)}'; share the kernel, or give that axis a number.`);
    if (i === null) {
      // More features of the same groups: group, batch, feature.
      const merged = p.mirrored
        ? reshape(moveAxis(kernels, 0, 1), [first, b * second, ...space])
        : reshape(moveAxis(reshape(kernels, [b, g, first / g, second, ...space]), 0, 1), [b * first, second, ...space]);
      const out = conv(x, merged, p);
      const apart = reshape(out, [out.shape[0], g, b, out.shape[1] / g / b, ...out.shape.slice(2)]);
      return [[reshape(moveAxis(apart, 2, 0), [b, out.shape[0], out.shape[1] / b, ...out.shape.slice(2)])], [0]];
    }
    // Each with its own kernel: groups of their own.
    const side = moveAxis(moveAxis(x, i, 0), 0, 1);
    const out = conv(reshape(side, [side.shape[0], b * side.shape[2], ...side.shape.slice(3)]), reshape(kernels, [b * first, second, ...space]), { ...p, groups: g * b });
    return [[reshape(out, [out.shape[0], b, out.shape[1] / b, ...out.shape.slice(2)])], [1]];
  },
  lower: (g, [x, w], p, types) => {
    const { inputs: [a, b], outputs: [out] } = types;
    if ([...a.shape, ...b.shape, ...out.shape].some((d) => dims.equal(d, 0))) {
      return [g.filled(out.dtype, out.shape, 0)];
    }
    const own = p.strides.length >= 1 && p.strides.length <= 3 && g.kernels.find('ConvTranspose', out.dtype) ? g.kernels.find('Conv', out.dtype) : null;
    const compute = own ?? g.kernels.need('MatMul', out.dtype);
    const widened: Types = { inputs: [{ ...a, dtype: compute }, { ...b, dtype: compute }], outputs: [{ ...out, dtype: compute }] };
    return [g.within(compute, out.dtype, [x, w], (image, kernel) => (own ? lowerConv : lowerAsProduct)(g, image, kernel, p, widened))];
  },
});

/** The kernel of the other kind: channels in and out exchanged inside each group, and space reversed. */
function turned(g: Graph, w: string, shape: Shape, groups: number): string {
  const [first, second, ...space] = shape;
  const order = [0, 2, 1, ...space.map((_, i) => i + 3)];
  const swapped = g.reshape(g.node('Transpose', [g.reshape(w, [groups, first / groups, second, ...space])], { perm: order }), [groups * second, first / groups, ...space]);
  const axes = range(space.length).filter((i) => space[i] > 1);
  return axes.length === 0 ? swapped : g.node('Slice', [swapped, g.ints(axes.map(() => -1)), g.ints(axes.map(() => -(2 ** 31))), g.ints(axes.map((i) => i + 2)), g.ints(axes.map(() => -1))]);
}

/** The input with zeros around and, with `dilation`, between its elements. */
function lowerPad(g: Graph, x: string, a: Aval, padding: readonly (readonly [number, number])[], dilation: readonly number[]): string {
  const config = [[0, 0, 0], [0, 0, 0], ...padding.map(([low, high], i) => [low, high, dilation[i] - 1])] as [number, number, number][];
  if (config.every((c) => c.every((n) => n === 0))) return x;
  return padP.lower(g, [x, g.constant(a.dtype, [], [0])], { config }, { inputs: [a, aval([], a.dtype)], outputs: [] })[0];
}

/** Weights read backwards cost a copy, which pays where each is used often enough. */
const OFTEN = 2048;

function lowerConv(g: Graph, x: string, w: string, p: ConvParams, { inputs: [a, b], outputs: [out] }: Types): string {
  const { strides, padding, lhsDilation, rhsDilation, groups, mirrored } = p;
  const spread = lhsDilation.some((d) => d > 1);
  const uses = dims.size([out.shape[0], ...out.shape.slice(2)]);
  if (strides.every((s) => s === 1) && (spread || (mirrored && typeof uses === 'number' && uses < OFTEN))) {
    const reach = b.shape.slice(2).map((k, i) => dilated(k, rhsDilation[i]) - 1);
    const cut = padding.map((pair, i) => pair.map((n) => Math.max(0, reach[i] - n)));
    // Where more is asked for than the transpose reaches, there are zeros.
    const beyond = padding.map((pair, i) => pair.map((n) => Math.max(0, n - reach[i])) as [number, number]);
    if (out.shape.slice(2).some((d, i) => typeof d === 'number' && d <= beyond[i][0] + beyond[i][1])) return g.filled(out.dtype, out.shape, 0);
    const attributes = { strides: lhsDilation, dilations: rhsDilation, group: groups, pads: [...cut.map(([l]) => l), ...cut.map(([, h]) => h)] };
    const y = g.node('ConvTranspose', [x, mirrored ? w : turned(g, w, b.shape, groups)], attributes);
    return lowerPad(g, y, out, beyond, lhsDilation.map(() => 1));
  }
  const negative = padding.some((pair) => pair.some((n) => n < 0));
  const source = spread || negative ? lowerPad(g, x, a, padding, lhsDilation) : x;
  const pads = spread || negative ? padding.map(() => [0, 0]) : padding;
  const kernel = mirrored ? turned(g, w, b.shape, groups) : w;
  return g.node('Conv', [source, kernel], { strides, dilations: rhsDilation, group: groups, pads: [...pads.map(([l]) => l), ...pads.map(([, h]) => h)] });
}

/** Slices that every position of the kernel sees, side by side, and one matrix product a group. */
function lowerAsProduct(g: Graph, x: string, w: string, p: ConvParams, { inputs: [a, b], outputs: [out] }: Types): string {
  const { groups, strides, rhsDilation } = p;
  const space = out.shape.slice(2);
  const kernel = b.shape.slice(2);
  const [n, c] = a.shape;
  const [size, taps] = [product(space), product(kernel)];
  const padded = lowerPad(g, x, a, p.padding, p.lhsDilation);
  const axes = range(space.length).map((i) => i + 2);
  const columns = positions(kernel).map((at) => {
    const from = at.map((i, k) => i * rhsDilation[k]);
    const part = axes.length ? g.node('Slice', [padded, g.ints(from), g.ints(from.map((f, k) => f + (space[k] - 1) * strides[k] + 1)), g.ints(axes), g.ints(strides)]) : padded;
    return g.reshape(part, [n, groups, c / groups, 1, size]);
  });
  const matrix = g.reshape(columns.length === 1 ? columns[0] : g.node('Concat', columns, { axis: 3 }), [n, groups, (c / groups) * taps, size]);
  const o = out.shape[1];
  const weights = g.reshape(p.mirrored ? turned(g, w, b.shape, groups) : w, [groups, o / groups, (c / groups) * taps]);
  return g.reshape(g.node('MatMul', [weights, matrix]), out.shape);
}

export const conv = (x: NDArray, w: NDArray, params: ConvParams): NDArray => bind(convP, [x, w], params)[0];
