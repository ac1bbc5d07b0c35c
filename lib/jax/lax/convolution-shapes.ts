/** Shapes of convolutions without computing them. */
import { ShapeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import type { Shape } from '../dims.js';
import { convDimensionNumbers, padPairs, type Padding } from './convolution.js';

type LayoutStrings = readonly [string, string, string];
const pick = (shape: Shape, order: readonly number[]): number[] => order.map((i) => shape[i]);
const place = (shape: Shape, order: readonly number[]): number[] => order.map((_, i) => shape[order.indexOf(i)]);

/** The axes of each layout string as [batch, feature, …space], of the kernel's [out, in, …space]; space is in the kernel's order. */
export function convGeneralPermutations(dimensionNumbers: LayoutStrings): [number[], number[], number[]] {
  const shape = globalThis.Array<number>(dimensionNumbers[0].length).fill(1);
  const { lhsSpec, rhsSpec, outSpec } = convDimensionNumbers(shape, shape, dimensionNumbers);
  return [[...lhsSpec], [...rhsSpec], [...outSpec]];
}

/** The result's shape of a convolution of [batch, feature, …space] with a kernel [out, in, …space]. */
export function convShapeTuple(lhsShape: Shape, rhsShape: Shape, strides: readonly number[], pads: Padding, options?: { batchGroupCount?: number }): number[] {
  const { batchGroupCount = 1 } = checkOptions('lax.convShapeTuple', options, ['batchGroupCount']);
  const [space, window] = [lhsShape.slice(2), rhsShape.slice(2)];
  const pairs = padPairs('lax.convShapeTuple', pads, space, window, strides);
  const padded = space.map((d, i) => d + pairs[i][0] + pairs[i][1]);
  if (padded.some((d) => d < 0)) throw new ShapeError(`lax.convShapeTuple: the padding ${JSON.stringify(pairs)} cuts more than there is of ${JSON.stringify(space)}.`);
  return [lhsShape[0] / batchGroupCount, rhsShape[0], ...padded.map((d, i) => Math.max(0, Math.floor((d - window[i]) / strides[i]) + 1))];
}
/** As `convShapeTuple`, of any layout. */
export function convGeneralShapeTuple(lhsShape: Shape, rhsShape: Shape, windowStrides: readonly number[], padding: Padding, dimensionNumbers: LayoutStrings): number[] {
  const [lhs, rhs, out] = convGeneralPermutations(dimensionNumbers);
  return place(convShapeTuple(pick(lhsShape, lhs), pick(rhsShape, rhs), windowStrides, padding), out);
}
/** The result's shape of a transposed convolution. */
export function convTransposeShapeTuple(lhsShape: Shape, rhsShape: Shape, windowStrides: readonly number[], padding: Padding, dimensionNumbers: LayoutStrings): number[] {
  const [lhs, rhs, out] = convGeneralPermutations(dimensionNumbers);
  const [x, kernel] = [pick(lhsShape, lhs), pick(rhsShape, rhs)];
  // What 'SAME' and 'VALID' add to the windows' reach in the transpose.
  const added = (k: number, s: number, i: number): number =>
    (typeof padding !== 'string' ? padding[i][0] + padding[i][1] : padding === 'SAME' ? k + s - 2 : k + s - 2 + Math.max(k - s, 0));
  return place([x[0], kernel[0], ...x.slice(2).map((d, i) => (d - 1) * windowStrides[i] - kernel[i + 2] + 2 + added(kernel[i + 2], windowStrides[i], i))], out);
}
