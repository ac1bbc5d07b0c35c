/** `jax.nn`: activations and the like. */
import { checkOptions } from '../runtime/options.js';
import { ShapeError } from '../runtime/errors.js';
import type { NDArray } from './array.js';
import { canonicalAxes, canonicalAxis } from './dims.js';
import { toInexact, type DType } from './dtypes.js';
import { max, sum, type Axis } from './numpy/reductions.js';
import { div, eq, mul, ne, select, sub } from './primitives/arithmetic.js';
import { convertElementType, stopGradient } from './primitives/convert.js';
import * as functions from './primitives/functions.js';
import { iota } from './primitives/indexing.js';
import { asArray, type Operand } from './primitives/primitive.js';
import { reshape } from './primitives/shape.js';
import * as soft from './primitives/softmax.js';

export { logsumexp } from './numpy/reductions.js';

const float = (x: Operand, where: string): NDArray => { const a = asArray(x, where); return convertElementType(a, toInexact(a.dtype)); };

/** max(x, 0); the derivative at 0 is 0. */
export const relu = (x: Operand): NDArray => functions.relu(asArray(x, 'nn.relu'));
/** 1 / (1 + exp(-x)). */
export const sigmoid = (x: Operand): NDArray => functions.logistic(float(x, 'nn.sigmoid'));
export const tanh = (x: Operand): NDArray => functions.tanh(float(x, 'nn.tanh'));
/** x · sigmoid(x). */
export const silu = (x: Operand): NDArray => { const a = float(x, 'nn.silu'); return mul(a, functions.logistic(a)); };
export const swish = silu;

export interface SoftmaxOptions { axis?: Axis; where?: Operand }
/** The last axis by default; several axes are taken together, and `where` leaves elements out. */
function softmaxLike(name: string, one: (x: NDArray, axis: number) => NDArray, several: (shifted: NDArray, options: { axis: number[]; where: Operand | undefined }) => NDArray, outside: number) {
  return (x: Operand, options?: SoftmaxOptions): NDArray => {
    const { axis = -1, where } = checkOptions(`nn.${name}`, options, ['axis', 'where']);
    const a = float(x, `nn.${name}`);
    const axes = canonicalAxes(axis, a.ndim, `nn.${name}`);
    if (axes.length === 1 && where === undefined) return one(a, axes[0]);
    const top = stopGradient(max(a, { axis: axes, keepdims: true, ...(where !== undefined && { where, initial: -Infinity }) }));
    const out = several(sub(a, top), { axis: axes, where });
    return where === undefined ? out : select(asBool(where, `nn.${name}`), out, outside);
  };
}
const asBool = (x: Operand, where: string): NDArray => { const a = asArray(x, where); return a.dtype === 'bool' ? a : ne(a, 0); };
/** exp(x) / Σ exp(x). */
export const softmax = softmaxLike('softmax', soft.softmax, (y, options) => { const e = functions.exp(y); return div(e, sum(e, { ...options, keepdims: true })); }, 0);
/** x - log Σ exp(x). */
export const logSoftmax = softmaxLike('logSoftmax', soft.logSoftmax, (y, options) => sub(y, functions.log(sum(functions.exp(y), { ...options, keepdims: true }))), -Infinity);

/** A last axis (or `axis`) with 1 at each index and 0 elsewhere; indices out of range give zeros. */
export function oneHot(x: Operand, numClasses: number, options?: { dtype?: DType; axis?: number }): NDArray {
  const { dtype = 'float32', axis = -1 } = checkOptions('nn.oneHot', options, ['dtype', 'axis']);
  if (!Number.isInteger(numClasses) || numClasses < 0) throw new ShapeError(`nn.oneHot: numClasses must be a whole number, got ${numClasses}.`);
  const a = asArray(x, 'nn.oneHot');
  const at = canonicalAxis(axis, a.ndim + 1, 'nn.oneHot');
  const insert = (n: number) => [...a.shape.slice(0, at), n, ...a.shape.slice(at)];
  const classes = reshape(iota(a.dtype === 'bool' ? 'int32' : a.dtype, [numClasses]), insert(numClasses).map((_, i) => (i === at ? numClasses : 1)));
  return convertElementType(eq(reshape(a.dtype === 'bool' ? convertElementType(a, 'int32') : a, insert(1)), classes), dtype);
}
