/** Convolutions in any layout: transposes around the primitive's own. Signatures are JAX's, by the argument rule. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { NDArray, formatAval } from '../array.js';
import { dims, type Shape } from '../dims.js';
import { DTYPES, checkDType, isFloat, promoteDTypes, type DType } from '../dtypes.js';
import { eq } from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { conv as bindConv, type ConvParams } from '../primitives/convolution.js';
import { dotGeneral } from '../primitives/dot.js';
import { iota } from '../primitives/indexing.js';
import { requireSameDType } from '../primitives/primitive.js';
import { expandTo, moveAxis, reshape, slice, transpose } from '../primitives/shape.js';

/** 'SAME', 'SAME_LOWER', 'VALID', or how much before and after each spatial axis; negative cuts. */
export type Padding = string | readonly (readonly [number, number])[];
/** Which axes are [batch, feature, …space] of the input and the result, and [features out, features in, …space] of the kernel. */
export interface ConvDimensionNumbers { readonly lhsSpec: readonly number[]; readonly rhsSpec: readonly number[]; readonly outSpec: readonly number[] }
/** Three layout strings like ['NHWC', 'HWIO', 'NHWC'], or the axes themselves. */
export type Layouts = readonly [string, string, string] | ConvDimensionNumbers | null;

interface Common { dimensionNumbers?: Layouts | undefined; precision?: unknown; preferredElementType?: DType | null | undefined }
export interface ConvOptions extends Common {
  lhsDilation?: readonly number[] | null | undefined;
  rhsDilation?: readonly number[] | null | undefined;
  featureGroupCount?: number;
  batchGroupCount?: number;
}

const ones = (n: number): number[] => range(n).map(() => 1);
const inverse = (order: readonly number[]): number[] => order.map((_, i) => order.indexOf(i));

/** The padding of windows as pairs. As `jax.lax.padtype_to_pads`. */
export function padtypeToPads(inShape: Shape, windowShape: readonly number[], windowStrides: readonly number[], padding: string, where = 'lax.padtypeToPads'): [number, number][] {
  const kind = typeof padding === 'string' ? padding.toUpperCase() : padding;
  if (kind === 'VALID') return inShape.map(() => [0, 0]);
  if (kind !== 'SAME' && kind !== 'SAME_LOWER') throw new ValueError(`${where}: unknown padding '${String(padding)}'; expected 'SAME', 'SAME_LOWER', 'VALID' or pairs of numbers.`);
  return inShape.map((d, i) => {
    if (dims.equal(windowShape[i], 1) && windowStrides[i] === 1) return [0, 0];
    const total = Math.max(0, (Math.ceil(d / windowStrides[i]) - 1) * windowStrides[i] + windowShape[i] - d);
    const less = Math.floor(total / 2);
    return kind === 'SAME' ? [less, total - less] : [total - less, less];
  });
}

/** One whole number of at least `least` for each of `n` axes; ones where it is left out. */
export function perAxis(where: string, what: string, values: readonly number[] | null | undefined, n: number, least = 1): number[] {
  if (values === undefined || values === null) return ones(n);
  if (!Array.isArray(values) || values.length !== n || values.some((v) => !Number.isInteger(v) || v < least)) {
    throw new ValueError(`${where}: ${what} must be ${n} whole numbers of at least ${least}, got ${JSON.stringify(values)}.`);
  }
  return [...values];
}

/** Pairs as they are, or from the name of a padding. */
export function padPairs(where: string, padding: Padding, shape: Shape, window: readonly number[], strides: readonly number[]): [number, number][] {
  if (typeof padding === 'string') return padtypeToPads(shape, window, strides, padding, where);
  if (!Array.isArray(padding) || padding.length !== shape.length || padding.some((p) => !Array.isArray(p) || p.length !== 2 || !p.every(Number.isInteger))) {
    throw new ValueError(`${where}: padding must be 'SAME', 'SAME_LOWER', 'VALID' or ${shape.length} pairs of whole numbers, got ${JSON.stringify(padding)}.`);
  }
  return padding.map(([low, high]) => [low, high]);
}

/** As `jax.lax.conv_dimension_numbers`: layouts resolved to axes. Spatial axes are in the order of the kernel's string. */
export function convDimensionNumbers(lhsShape: Shape, rhsShape: Shape, dimensionNumbers: Layouts | undefined): ConvDimensionNumbers {
  const where = 'lax.convDimensionNumbers';
  if (lhsShape.length !== rhsShape.length) throw new ShapeError(`${where}: the input has ${lhsShape.length} axes and the kernel ${rhsShape.length}; they must have equally many.`);
  if (lhsShape.length < 2) throw new ShapeError(`${where}: expected arrays with a batch and a feature axis, got rank ${lhsShape.length}.`);
  if (dimensionNumbers === null || dimensionNumbers === undefined) return { lhsSpec: range(lhsShape.length), rhsSpec: range(lhsShape.length), outSpec: range(lhsShape.length) };
  if ('lhsSpec' in dimensionNumbers) return dimensionNumbers;
  if (!Array.isArray(dimensionNumbers) || dimensionNumbers.length !== 3 || dimensionNumbers.some((s) => typeof s !== 'string')) {
    throw new TypeError(`${where}: expected three layout strings like ['NHWC', 'HWIO', 'NHWC'], got ${JSON.stringify(dimensionNumbers)}.`);
  }
  const [lhs, rhs, out] = dimensionNumbers as readonly [string, string, string];
  const space = [...rhs].filter((c) => c !== 'O' && c !== 'I');
  const axes = (layout: string, first: string, second: string): number[] => {
    const order = [first, second, ...space];
    if (layout.length !== lhsShape.length || new Set(layout).size !== layout.length || order.some((c) => !layout.includes(c))) {
      throw new ValueError(`${where}: the layout '${layout}' must name each of ${order.join(', ')} once for arrays of rank ${lhsShape.length}.`);
    }
    return order.map((c) => layout.indexOf(c));
  };
  return { lhsSpec: axes(lhs, 'N', 'C'), rhsSpec: axes(rhs, 'O', 'I'), outSpec: axes(out, 'N', 'C') };
}

function operands(where: string, lhs: NDArray, rhs: NDArray, preferred: DType | null | undefined): { x: NDArray; w: NDArray; result: DType } {
  const dtype = requireSameDType(where, [lhs.aval, rhs.aval]);
  if (preferred === undefined || preferred === null) return { x: lhs, w: rhs, result: dtype };
  const result = checkDType(preferred, where);
  if (isFloat(result) !== isFloat(dtype) || (!isFloat(dtype) && DTYPES[result].size < DTYPES[dtype].size)) throw new TypeError(`${where}: preferredElementType ${result} does not hold products of ${dtype}.`);
  const wide = promoteDTypes(dtype, result);
  return { x: convertElementType(lhs, wide), w: convertElementType(rhs, wide), result };
}

/** A convolution with everything resolved; `mirrored` as in the primitive. */
function convolve(where: string, lhs: NDArray, rhs: NDArray, dn: ConvDimensionNumbers, p: ConvParams, batchGroups: number, preferred: DType | null | undefined): NDArray {
  const { x, w, result } = operands(where, lhs, rhs, preferred);
  const space = p.strides.length;
  const still = (spec: readonly number[]) => spec.every((a, i) => a === (i === 0 ? 0 : i === 1 ? spec.length - 1 : i - 1));
  const pointwise = p.groups === 1 && batchGroups === 1 && dn.rhsSpec.slice(2).every((a) => dims.equal(w.shape[a], 1))
    && p.padding.every((pair) => pair[0] === 0 && pair[1] === 0) && p.lhsDilation.every((d) => d === 1);
  if (pointwise && space > 0 && still(dn.lhsSpec) && still(dn.outSpec)) {
    // A window of one element over features that lie together is a matrix product.
    const [o, i] = p.mirrored ? [dn.rhsSpec[1], dn.rhsSpec[0]] : dn.rhsSpec;
    if (!dims.equal(x.shape[space + 1], w.shape[i])) throw new ShapeError(`${where}: the input ${formatAval(x)} has ${x.shape[space + 1]} features, but the kernel ${formatAval(w)} takes ${w.shape[i]}.`);
    const seen = p.strides.every((s) => s === 1) ? x : slice(x, x.shape.map(() => 0), x.shape, [1, ...p.strides, 1]);
    const matrix = reshape(w, [w.shape[Math.min(o, i)], w.shape[Math.max(o, i)]]);
    return convertElementType(dotGeneral(seen, matrix, { contract: [[space + 1], [i < o ? 0 : 1]], batch: [[], []] }), result);
  }
  let image = transpose(x, dn.lhsSpec);
  const kernel = transpose(w, dn.rhsSpec);
  if (batchGroups > 1) {
    // Each part of the batch has features of its own: they become groups of channels.
    const [n, c, ...rest] = image.shape;
    image = reshape(moveAxis(reshape(image, [batchGroups, dims.div(n, batchGroups), c, ...rest]), 0, 1), [dims.div(n, batchGroups), batchGroups * c, ...rest]);
  }
  const out = bindConv(image, kernel, batchGroups > 1 ? { ...p, groups: batchGroups } : p);
  return convertElementType(transpose(out, inverse(dn.outSpec)), result);
}

/**
 * As `jax.lax.conv_general_dilated`: `rhs` slides over `lhs` (it is not reversed). Both have one dtype and equally many
 * axes: batch and features, and space. The n-th stride, padding and dilation belong to the n-th spatial axis in the kernel's
 * layout. `featureGroupCount` divides the features, `batchGroupCount` the batch into parts with kernels of their own.
 * Throws ShapeError, TypeError or ValueError where shapes, dtypes or options do not fit.
 */
export function convGeneralDilated(lhs: NDArray, rhs: NDArray, windowStrides: readonly number[], padding: Padding, options?: ConvOptions): NDArray {
  const where = 'lax.convGeneralDilated';
  const { dimensionNumbers, preferredElementType, featureGroupCount = 1, batchGroupCount = 1, ...dilation } = checkOptions(where, options,
    ['lhsDilation', 'rhsDilation', 'dimensionNumbers', 'featureGroupCount', 'batchGroupCount', 'precision', 'preferredElementType']);
  const dn = convDimensionNumbers(lhs.shape, rhs.shape, dimensionNumbers);
  const space = lhs.ndim - 2;
  const strides = perAxis(where, 'windowStrides', windowStrides, space);
  const lhsDilation = perAxis(where, 'lhsDilation', dilation.lhsDilation, space);
  const rhsDilation = perAxis(where, 'rhsDilation', dilation.rhsDilation, space);
  if (typeof padding === 'string' && lhsDilation.some((d) => d > 1)) throw new ValueError(`${where}: with lhsDilation the padding must be pairs of numbers, got '${padding}'; lax.convTranspose takes a name.`);
  for (const [name, count] of [['featureGroupCount', featureGroupCount], ['batchGroupCount', batchGroupCount]] as const) {
    if (!Number.isInteger(count) || count < 1) throw new ValueError(`${where}: ${name} must be a whole number of at least 1, got ${count}.`);
  }
  if (featureGroupCount > 1 && batchGroupCount > 1) throw new ValueError(`${where}: featureGroupCount (${featureGroupCount}) and batchGroupCount (${batchGroupCount}) cannot both be more than 1.`);
  const window = dn.rhsSpec.slice(2).map((a, i) => (rhs.shape[a] === 0 ? 0 : (rhs.shape[a] - 1) * rhsDilation[i] + 1));
  const pads = padPairs(where, padding, dn.lhsSpec.slice(2).map((a) => lhs.shape[a]), window, strides);
  if (batchGroupCount > 1 && rhs.shape[dn.rhsSpec[0]] % batchGroupCount !== 0) throw new ShapeError(`${where}: the kernel's ${rhs.shape[dn.rhsSpec[0]]} features cannot be divided into ${batchGroupCount} parts of the batch.`);
  return convolve(where, lhs, rhs, dn, { strides, padding: pads, lhsDilation, rhsDilation, groups: featureGroupCount }, batchGroupCount, preferredElementType);
}

type BareOptions = Pick<ConvOptions, 'precision' | 'preferredElementType'>;
/** As `jax.lax.conv`: with batch, features and space in this order. */
export function conv(lhs: NDArray, rhs: NDArray, windowStrides: readonly number[], padding: string, options?: BareOptions): NDArray {
  checkOptions('lax.conv', options, ['precision', 'preferredElementType']);
  return convGeneralDilated(lhs, rhs, windowStrides, padding, options);
}
/** As `jax.lax.conv_with_general_padding`: `conv` with dilations. */
export function convWithGeneralPadding(lhs: NDArray, rhs: NDArray, windowStrides: readonly number[], padding: Padding, lhsDilation: readonly number[] | null, rhsDilation: readonly number[] | null, options?: BareOptions): NDArray {
  checkOptions('lax.convWithGeneralPadding', options, ['precision', 'preferredElementType']);
  return convGeneralDilated(lhs, rhs, windowStrides, padding, { ...options, lhsDilation, rhsDilation });
}

export interface ConvTransposeOptions extends Common { rhsDilation?: readonly number[] | null; transposeKernel?: boolean; useConsistentPadding?: boolean }
const DEFAULT_LAYOUTS: readonly (readonly [string, string, string])[] = [['NC', 'IO', 'NC'], ['NHC', 'HIO', 'NHC'], ['NHWC', 'HWIO', 'NHWC'], ['NHWDC', 'HWDIO', 'NHWDC']];

/** The padding of the dilated input under which a convolution undoes one with this kernel size, stride and padding. */
function transposePadding(k: number, s: number, padding: string | readonly [number, number]): [number, number] {
  if (typeof padding !== 'string') return [k - padding[0] - 1, k - padding[1] - 1];
  const total = k + s - 2 + (padding === 'VALID' ? Math.max(k - s, 0) : 0);
  const low = padding === 'VALID' || s > k - 1 ? k - 1 : Math.ceil(total / 2);
  return [low, total - low];
}

/**
 * As `jax.lax.conv_transpose`: a convolution of the input with `strides` - 1 zeros between its elements. Without
 * `dimensionNumbers` the layout is NHWC and HWIO (fewer or more letters for other ranks). `padding` as names is that of the
 * convolution it undoes; pairs pad the input, or are that of the undone convolution too with `useConsistentPadding`.
 * `transposeKernel`: the kernel is that of the undone convolution, so that this is its gradient.
 */
export function convTranspose(lhs: NDArray, rhs: NDArray, strides: readonly number[], padding: Padding, options?: ConvTransposeOptions): NDArray {
  const where = 'lax.convTranspose';
  const { rhsDilation: dilation, dimensionNumbers, transposeKernel = false, useConsistentPadding = false, preferredElementType } = checkOptions(where, options,
    ['rhsDilation', 'dimensionNumbers', 'transposeKernel', 'precision', 'preferredElementType', 'useConsistentPadding']);
  const layouts = dimensionNumbers ?? DEFAULT_LAYOUTS[lhs.ndim - 2];
  if (!layouts) throw new ShapeError(`${where}: there is no default layout for rank ${lhs.ndim}; give dimensionNumbers.`);
  const dn = convDimensionNumbers(lhs.shape, rhs.shape, layouts as Layouts);
  const space = lhs.ndim - 2;
  const lhsDilation = perAxis(where, 'strides', strides, space);
  const rhsDilation = perAxis(where, 'rhsDilation', dilation, space);
  const named = typeof padding === 'string';
  if (named && padding !== 'SAME' && padding !== 'VALID') throw new ValueError(`${where}: unknown padding '${padding}'; expected 'SAME', 'VALID' or pairs of numbers.`);
  const given = named ? null : padPairs(where, padding, range(space), [], []);
  const pads = lhsDilation.map((s, i): [number, number] => {
    if (given && !useConsistentPadding) return given[i];
    const k = (rhs.shape[dn.rhsSpec[i + 2]] - 1) * rhsDilation[i] + 1;
    return transposePadding(k, s, given ? given[i] : (padding as string));
  });
  return convolve(where, lhs, rhs, dn, { strides: ones(space), padding: pads, lhsDilation, rhsDilation, groups: 1, ...(transposeKernel && { mirrored: true }) }, 1, preferredElementType);
}

/**
 * As `jax.lax.conv_general_dilated_patches`: what each window sees, as features: all positions in the window for the first
 * feature, then for the next.
 */
export function convGeneralDilatedPatches(lhs: NDArray, filterShape: readonly number[], windowStrides: readonly number[], padding: Padding,
  options?: Omit<ConvOptions, 'featureGroupCount' | 'batchGroupCount'>): NDArray {
  const where = 'lax.convGeneralDilatedPatches';
  const { dimensionNumbers, ...rest } = checkOptions(where, options, ['lhsDilation', 'rhsDilation', 'dimensionNumbers', 'precision', 'preferredElementType']);
  const space = lhs.ndim - 2;
  const window = perAxis(where, 'filterShape', filterShape, space);
  const dn = convDimensionNumbers(lhs.shape, range(lhs.ndim), dimensionNumbers);
  const size = window.reduce((a, b) => a * b, 1);
  const features = lhs.shape[dn.lhsSpec[1]];
  const eye = convertElementType(eq(iota('int32', [size, size], 0), iota('int32', [size, size], 1)), lhs.dtype);
  const kernel = reshape(expandTo(eye, [features, size, size]), [features * size, 1, ...window]);
  return convGeneralDilated(lhs, transpose(kernel, inverse(dn.rhsSpec)), windowStrides, padding, { ...rest, dimensionNumbers: dn, featureGroupCount: features });
}

/** As `jax.lax.conv_general_dilated_local`: a kernel of its own at every position of the result; space in `rhs` is that of the result. */
export function convGeneralDilatedLocal(lhs: NDArray, rhs: NDArray, windowStrides: readonly number[], padding: Padding, filterShape: readonly number[],
  options?: Omit<ConvOptions, 'featureGroupCount' | 'batchGroupCount' | 'preferredElementType'>): NDArray {
  const where = 'lax.convGeneralDilatedLocal';
  checkOptions(where, options, ['lhsDilation', 'rhsDilation', 'dimensionNumbers', 'precision']);
  const dn = convDimensionNumbers(lhs.shape, rhs.shape, options?.dimensionNumbers);
  const patches = transpose(convGeneralDilatedPatches(lhs, filterShape, windowStrides, padding, { ...options, dimensionNumbers: dn }), dn.outSpec);
  const kernels = transpose(rhs, dn.rhsSpec);
  const space = range(lhs.ndim - 2).map((i) => i + 2);
  const out = dotGeneral(kernels, patches, { contract: [[1], [1]], batch: [space, space] });
  const last = out.ndim - 1;
  return transpose(transpose(out, [last, last - 1, ...space.map((_, i) => i)]), inverse(dn.outSpec));
}
