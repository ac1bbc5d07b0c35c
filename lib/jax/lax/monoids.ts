/** What a function of two scalars combines: the known ones are found in its program. */
import { TypeError } from '../../runtime/errors.js';
import { ConcreteArray, NDArray, Scalar, aval, isArray, scalar } from '../array.js';
import { trace } from '../core.js';
import { DTYPES, isFloat, isUnsigned, type DType } from '../dtypes.js';
import { bitwiseNot, neg } from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { lowest } from '../primitives/windows.js';

export type Computation = (x: any, y: any) => any;
export type Monoid = 'add' | 'mul' | 'max' | 'min' | 'and' | 'or' | 'xor';
const KNOWN = new Set<string>(['add', 'mul', 'max', 'min', 'and', 'or', 'xor']);

/** The operation that `computation` is on scalars of `dtype`, null where it is none of the known ones. */
export function monoidOf(where: string, computation: Computation, dtype: DType): Monoid | null {
  if (typeof computation !== 'function') throw new TypeError(`${where}: expected a function of two scalars, got ${typeof computation}.`);
  const { jaxpr, consts } = trace((x, y) => [asArray(computation(x, y) as Operand, where)], [aval([], dtype), aval([], dtype)]);
  const [equation, ...others] = jaxpr.equations;
  if (consts.length > 0 || !equation || others.length > 0 || jaxpr.outputs[0] !== equation.outputs[0] || !KNOWN.has(equation.primitive.name)) return null;
  const [x, y] = jaxpr.inputs;
  const [a, b] = equation.inputs;
  return (a === x && b === y) || (a === y && b === x) ? (equation.primitive.name as Monoid) : null;
}

/** The largest value of a dtype: what a minimum starts from. */
const highest = (d: DType): number | bigint => (isFloat(d) ? Infinity : d === 'bool' ? 1 : d === 'int64' ? 2n ** 63n - 1n : d === 'uint64' ? 2n ** 64n - 1n : 2 ** (8 * DTYPES[d].size - (isUnsigned(d) ? 0 : 1)) - 1);
/** What changes nothing. */
export function neutral(monoid: Monoid, d: DType): number | bigint {
  if (monoid === 'max') return lowest(d);
  if (monoid === 'min') return highest(d);
  if (monoid === 'and') return d === 'bool' ? 1 : isUnsigned(d) ? highest(d) : d === 'int64' ? -1n : -1;
  return monoid === 'mul' ? 1 : 0;
}
export const isNeutral = (monoid: Monoid, init: NDArray): boolean =>
  (init instanceof Scalar || init instanceof ConcreteArray) && (init instanceof Scalar ? Number(init.value) : init.item()) == Number(neutral(monoid, init.dtype));

/** An initial value as a scalar of the operand's dtype. */
export function initial(where: string, init: unknown, dtype: DType): NDArray {
  const value = isArray(init) ? init : typeof init === 'number' || typeof init === 'bigint' || typeof init === 'boolean' ? scalar(init) : null;
  if (!value || value.ndim !== 0) throw new TypeError(`${where}: expected a scalar initial value, got ${value ? String(value) : typeof init}.`);
  if (value.dtype !== dtype && !value.weakType && isArray(init)) throw new TypeError(`${where}: the initial value is ${value.dtype}, but the operand ${dtype}; convert one with astype.`);
  return isArray(init) ? convertElementType(value, dtype) : new Scalar(init as number, dtype, false);
}

/** An order-reversing exact map, its own inverse: minima are maxima under it. */
export const flip = (x: NDArray): NDArray => (isFloat(x.dtype) ? neg(x) : bitwiseNot(x));
