/** Reductions that leave NaN out. */
import { checkOptions } from '../../runtime/options.js';
import { NDArray, Scalar } from '../array.js';
import { isFloat, type DType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { sqrt } from '../primitives/functions.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { inexact, truth } from './promotion.js';
import { all, argmax, argmin, cumsum, max, mean, min, prod, sum, type ArgOptions, type ReduceOptions, type VarOptions } from './reductions.js';
import { cumprod } from './running.js';
import { isnan } from './ufuncs.js';

const without = (x: NDArray, value: number): NDArray => (isFloat(x.dtype) ? lax.select(isnan(x), new Scalar(value, x.dtype, false), x) : x);
const filled = (name: string, value: number, f: (x: Operand, options?: any) => NDArray) => (x: Operand, options?: ReduceOptions): NDArray =>
  f(without(asArray(x, `jnp.${name}`), value), options);
export const nansum = filled('nansum', 0, sum);
export const nanprod = filled('nanprod', 1, prod);
export const nancumsum: (x: Operand, options?: { axis?: number | null; dtype?: DType }) => NDArray = filled('nancumsum', 0, cumsum);
export const nancumprod: (x: Operand, options?: { axis?: number | null; dtype?: DType }) => NDArray = filled('nancumprod', 1, cumprod);

/** The extremum of what is not NaN; NaN where nothing is left. */
const extremum = (name: string, value: number, f: typeof max) => (x: Operand, options?: Omit<ReduceOptions, 'dtype'>): NDArray => {
  const { axis, keepdims, where, initial } = checkOptions(`jnp.${name}`, options, ['axis', 'keepdims', 'where', 'initial']);
  const y = asArray(x, `jnp.${name}`);
  const out = f(without(y, value), { axis, keepdims, where, initial });
  if (!isFloat(y.dtype) || initial !== undefined) return out;
  return lax.select(all(isnan(y), { axis, keepdims, where }), new Scalar(NaN, y.dtype, false), out);
};
export const nanmax = extremum('nanmax', -Infinity, max);
export const nanmin = extremum('nanmin', Infinity, min);
/** The position of the extremum of what is not NaN; -1 where nothing is left. */
const position = (name: string, value: number, f: typeof argmax) => (x: Operand, options?: ArgOptions): NDArray => {
  const y = asArray(x, `jnp.${name}`);
  if (!isFloat(y.dtype)) return f(y, options);
  const { axis, keepdims } = checkOptions(`jnp.${name}`, options, ['axis', 'keepdims']);
  return lax.select(all(isnan(y), { axis, keepdims }), new Scalar(-1, 'int32', false), f(without(y, value), { axis, keepdims }));
};
export const nanargmax = position('nanargmax', -Infinity, argmax);
export const nanargmin = position('nanargmin', Infinity, argmin);

const counted = (x: NDArray, where: Operand | undefined, name: string): NDArray => {
  const there = isFloat(x.dtype) ? lax.bitwiseNot(isnan(x)) : lax.eq(x, x);
  return where === undefined ? there : lax.bitwiseAnd(there, truth(asArray(where, name)));
};
/** The mean of what is not NaN. */
export function nanmean(x: Operand, options?: Omit<ReduceOptions, 'initial'>): NDArray {
  const { axis, keepdims, dtype, where } = checkOptions('jnp.nanmean', options, ['axis', 'keepdims', 'dtype', 'where']);
  const y = asArray(x, 'jnp.nanmean');
  return mean(without(y, 0), { axis, keepdims, dtype, where: counted(y, where, 'jnp.nanmean') });
}
/** The variance of what is not NaN; NaN where no more than `ddof` elements are left. */
export function nanvar(x: Operand, options?: VarOptions): NDArray {
  const { axis, keepdims, ddof = 0, dtype, where, mean: center = null } = checkOptions('jnp.nanvar', options, ['axis', 'keepdims', 'dtype', 'where', 'ddof', 'mean']);
  const [given] = inexact('jnp.nanvar', x);
  const y = dtype ? convertElementType(given, dtype) : given;
  const there = counted(y, where, 'jnp.nanvar');
  const plain = without(y, 0);
  const distance = lax.sub(plain, center === null ? mean(plain, { axis, keepdims: true, where: there }) : convertElementType(asArray(center, 'jnp.nanvar'), y.dtype));
  const squares = sum(lax.square(distance), { axis, keepdims, where: there });
  const n = lax.sub(convertElementType(sum(there, { axis, keepdims }), squares.dtype), ddof);
  const few = lax.le(n, 0);
  return lax.select(few, new Scalar(NaN, squares.dtype, false), lax.div(squares, lax.select(few, new Scalar(1, n.dtype, false), n)));
}
export const nanstd = (x: Operand, options?: VarOptions): NDArray => sqrt(nanvar(x, options));
