/** `jax.lax`: operations as the primitives are, without promotion. Signatures are JAX's, by the argument rule. */
import { checkOptions } from '../../runtime/options.js';
import { ValueError } from '../../runtime/errors.js';
import type { NDArray } from '../array.js';
import { canonicalAxis, type Shape } from '../dims.js';
import { checkDType, type DType } from '../dtypes.js';
import * as arithmetic from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { dotGeneral as dotGeneralOf } from '../primitives/dot.js';
import { iota as iotaOf } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { cumsum as cumsumOf } from '../primitives/reduce.js';

export {
  abs, add, atan2, bitwiseAnd, bitwiseNot, bitwiseOr, bitwiseXor, ceil, div, eq, floor, fma, ge, gt, isFinite, le, lt, max, min, mul, ne, neg,
  nextafter, rem, select, shiftLeft, shiftRightLogical, sign, square, sub,
} from '../primitives/arithmetic.js';
export {
  acos, acosh, asin, asinh, atan, atanh, cbrt, cos, cosh, erf, erfInv, exp, exp2, expm1, log, log1p, logistic, rsqrt, sin, sinh, sqrt, tan, tanh,
} from '../primitives/functions.js';
export { besselI0e, besselI1e, betainc, digamma, erfc, igamma, igammac, igammaGradA, lgamma, polygamma, randomGammaGrad, zeta } from '../primitives/special.js';
export { clz, mulhi, populationCount, shiftRightArithmetic } from '../primitives/bits.js';
export { reducePrecision } from '../primitives/precision.js';
export { bitcastConvertType, convertElementType, stopGradient } from '../primitives/convert.js';
export { pad, reverse as rev, slice, transpose } from '../primitives/shape.js';

export * as linalg from './linalg.js';
export {
  conv, convDimensionNumbers, convGeneralDilated, convGeneralDilatedLocal, convGeneralDilatedPatches, convTranspose, convWithGeneralPadding,
  padtypeToPads, type Padding, type ConvDimensionNumbers, type Layouts, type ConvOptions, type ConvTransposeOptions,
} from './convolution.js';
export * from './shapes.js';
export * from './reductions.js';
export * from './cumulative.js';
export * from './sorting.js';
export * from './scatter.js';
export {
  GatherDimensionNumbers, dynamicIndexInDim, dynamicSlice, dynamicSliceInDim, dynamicUpdateIndexInDim, dynamicUpdateSlice, dynamicUpdateSliceInDim,
  gather, indexInDim, indexTake, sliceInDim, type NegativeOption, type GatherScatterMode, type GatherOptions,
} from './slicing.js';
export * from './windows.js';

/** 0, 1, 2, … `size - 1`. */
export const iota = (dtype: DType, size: number): NDArray => iotaOf(checkDType(dtype, 'lax.iota'), [size]);
/** 0, 1, 2, … along one dimension of a shape. */
export const broadcastedIota = (dtype: DType, shape: Shape, dimension: number): NDArray =>
  iotaOf(checkDType(dtype, 'lax.broadcastedIota'), shape, canonicalAxis(dimension, shape.length, 'lax.broadcastedIota'));

/** Running sums along an axis, from its end with `reverse`. */
export function cumsum(x: Operand, options?: { axis?: number; reverse?: boolean }): NDArray {
  const { axis = 0, reverse = false } = checkOptions('lax.cumsum', options, ['axis', 'reverse']);
  const y = asArray(x, 'lax.cumsum');
  return cumsumOf(y, canonicalAxis(axis, y.ndim, 'lax.cumsum'), reverse);
}

/** To whole numbers; ties go away from zero, or to the even one. */
export function round(x: Operand, options?: { roundingMethod?: 'AWAY_FROM_ZERO' | 'TO_NEAREST_EVEN' }): NDArray {
  const { roundingMethod = 'AWAY_FROM_ZERO' } = checkOptions('lax.round', options, ['roundingMethod']);
  const y = asArray(x, 'lax.round');
  if (roundingMethod === 'TO_NEAREST_EVEN') return arithmetic.round(y);
  if (roundingMethod !== 'AWAY_FROM_ZERO') throw new ValueError(`lax.round: unknown roundingMethod '${String(roundingMethod)}'; expected AWAY_FROM_ZERO or TO_NEAREST_EVEN.`);
  const whole = arithmetic.truncate(y);
  return arithmetic.select(arithmetic.ge(arithmetic.abs(arithmetic.sub(y, whole)), 0.5), arithmetic.add(whole, arithmetic.sign(y)), whole);
}

type AxisPair = readonly [readonly number[], readonly number[]];
export interface DotGeneralOptions { preferredElementType?: DType; precision?: unknown }
/** `dimensionNumbers`: [[axes of x, axes of y] to contract, [axes of x, axes of y] to walk together]. The result has batch, then x's, then y's axes. */
export function dotGeneral(x: NDArray, y: NDArray, dimensionNumbers: readonly [AxisPair, AxisPair], options?: DotGeneralOptions): NDArray {
  const { preferredElementType: to } = checkOptions('lax.dotGeneral', options, ['preferredElementType', 'precision']);
  const axes = (of: NDArray, list: readonly number[]) => list.map((a) => canonicalAxis(a, of.ndim, 'lax.dotGeneral'));
  const pair = (p: AxisPair, what: string): [number[], number[]] => {
    if (!Array.isArray(p) || p.length !== 2 || p[0].length !== p[1].length) throw new ValueError(`lax.dotGeneral: the ${what} must be two lists of equally many axes, got ${JSON.stringify(p)}.`);
    return [axes(x, p[0]), axes(y, p[1])];
  };
  const [a, b] = to ? [convertElementType(x, to), convertElementType(y, to)] : [x, y];
  return dotGeneralOf(a, b, { contract: pair(dimensionNumbers[0], 'contracted dimensions'), batch: pair(dimensionNumbers[1], 'batch dimensions') });
}
export { associativeScan, cond, foriLoop, map, scan, switch, whileLoop, type ScanOptions } from './control-flow.js';
export { allGather, axisIndex, axisSize, pmax, pmean, pmin, psum } from './collectives.js';
export * from './exchanges.js';
export * from './convolution-shapes.js';
export * from './ragged.js';
