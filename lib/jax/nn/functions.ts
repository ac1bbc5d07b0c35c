/** Softmax, its logarithm, standardisation and one-hot vectors. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { Scalar, type NDArray } from '../array.js';
import { canonicalAxes, canonicalAxis } from '../dims.js';
import { checkDType, isHalf, type DType } from '../dtypes.js';
import { logsumexp, max, mean as meanOf, sum, type Axis } from '../numpy/reductions.js';
import { add, div, eq, max as larger, mul, ne, select, square, sub } from '../primitives/arithmetic.js';
import { convertElementType, stopGradient } from '../primitives/convert.js';
import { exp, log, rsqrt } from '../primitives/functions.js';
import { iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo, reshape } from '../primitives/shape.js';
import * as soft from '../primitives/softmax.js';
import { float } from './activations.js';

export interface SoftmaxOptions { axis?: Axis; where?: Operand | null }
const asBool = (x: Operand, where: string): NDArray => { const a = asArray(x, where); return a.dtype === 'bool' ? a : ne(a, 0); };

/** What is left of the largest element, which is 0, and the sum of exponentials. */
function shifted(x: NDArray, axes: readonly number[]): { y: NDArray; e: NDArray; total: NDArray } {
  const y = sub(x, stopGradient(max(x, { axis: axes, keepdims: true })));
  const e = exp(y);
  return { y, e, total: sum(e, { axis: axes, keepdims: true }) };
}
function softmaxLike(name: string, one: (x: NDArray, axis: number) => NDArray, several: (parts: { y: NDArray; e: NDArray; total: NDArray }) => NDArray, outside: number) {
  return (x: Operand, options?: SoftmaxOptions): NDArray => {
    const { axis = -1, where = null } = checkOptions(`nn.${name}`, options, ['axis', 'where']);
    const a = float(x, `nn.${name}`);
    const axes = canonicalAxes(axis, a.ndim, `nn.${name}`);
    const mask = where === null ? null : expandTo(asBool(where, `nn.${name}`), a.shape);
    const kept = mask ? select(mask, a, -Infinity) : a;
    const out = axes.length === 1 ? one(kept, axes[0]) : several(shifted(kept, axes));
    return mask ? select(mask, out, outside) : out;
  };
}
/** exp(x) / Σ exp(x) along `axis`, the last one by default; several axes are taken together, and `where` leaves elements out, which become 0. */
export const softmax = softmaxLike('softmax', soft.softmax, ({ e, total }) => div(e, total), 0);
/** x - log Σ exp(x), axes as for `softmax`; what `where` leaves out becomes -∞. */
export const logSoftmax = softmaxLike('logSoftmax', soft.logSoftmax, ({ y, total }) => sub(y, log(total)), -Infinity);

export interface LogMeanExpOptions { axis?: Axis; where?: Operand | null; keepdims?: boolean }
/** log of the mean of exp(x), of the elements that `where` keeps. */
export function logmeanexp(x: Operand, options?: LogMeanExpOptions): NDArray {
  const { axis, where = null, keepdims = false } = checkOptions('nn.logmeanexp', options, ['axis', 'where', 'keepdims']);
  const a = float(x, 'nn.logmeanexp');
  const mask = where === null ? null : asBool(where, 'nn.logmeanexp');
  const out = logsumexp(a, { axis, keepdims, ...(mask && { where: mask }) });
  const ones = expandTo(new Scalar(1, a.dtype, false), a.shape);
  return sub(out, log(sum(ones, { axis, keepdims, ...(mask && { where: mask }) })));
}

export interface StandardizeOptions { axis?: Axis; mean?: Operand | null; variance?: Operand | null; epsilon?: Operand; where?: Operand | null; algorithm?: 'fast' | 'stable' }
/** (x - mean) / √(variance + epsilon) along `axis`; mean and variance may be given. `fast`: E[x²] - E[x]², else E[(x - mean)²]. */
export function standardize(x: Operand, options?: StandardizeOptions): NDArray {
  const { axis = -1, mean = null, variance = null, epsilon = 1e-5, where = null, algorithm = 'fast' } =
    checkOptions('nn.standardize', options, ['axis', 'mean', 'variance', 'epsilon', 'where', 'algorithm']);
  if (algorithm !== 'fast' && algorithm !== 'stable') throw new ValueError(`nn.standardize: unknown algorithm '${String(algorithm)}'; expected 'fast' or 'stable'.`);
  const given = float(x, 'nn.standardize');
  const a = isHalf(given.dtype) ? convertElementType(given, 'float32') : given;
  const over = { axis, keepdims: true, ...(where !== null && { where }) };
  const array = (v: Operand) => { const y = asArray(v, 'nn.standardize'); return convertElementType(y, a.dtype); };
  const m = mean === null ? meanOf(a, over) : array(mean);
  const spread = (): NDArray => (algorithm === 'stable' ? meanOf(square(sub(a, m)), over) : larger(sub(meanOf(square(a), over), square(m)), 0));
  const v = variance === null ? spread() : array(variance);
  return convertElementType(mul(sub(a, m), rsqrt(add(v, typeof epsilon === 'number' ? epsilon : array(epsilon)))), given.dtype);
}

/** A last axis (or `axis`) with 1 at each index and 0 elsewhere; indices out of range give zeros. */
export function oneHot(x: Operand, numClasses: number, options?: { dtype?: DType; axis?: number }): NDArray {
  const { dtype = 'float32', axis = -1 } = checkOptions('nn.oneHot', options, ['dtype', 'axis']);
  if (!Number.isInteger(numClasses) || numClasses < 0) throw new ShapeError(`nn.oneHot: numClasses must be a whole number, got ${numClasses}.`);
  checkDType(dtype, 'nn.oneHot');
  const given = asArray(x, 'nn.oneHot');
  const a = given.dtype === 'bool' ? convertElementType(given, 'int32') : given;
  const at = canonicalAxis(axis, a.ndim + 1, 'nn.oneHot');
  const insert = (n: number) => [...a.shape.slice(0, at), n, ...a.shape.slice(at)];
  const classes = reshape(iota(a.dtype, [numClasses]), insert(numClasses).map((_, i) => (i === at ? numClasses : 1)));
  return convertElementType(eq(reshape(a, insert(1)), classes), dtype);
}
