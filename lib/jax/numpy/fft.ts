/** `jnp.fft`: what of it is real, the frequencies and their order. */
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import type { NDArray } from '../array.js';
import { canonicalAxis } from '../dims.js';
import { checkDType, type DType } from '../dtypes.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { array } from './creation.js';
import { roll } from './joining.js';

interface FrequencyOptions { d?: number; dtype?: DType }
function frequencies(where: string, n: number, options: FrequencyOptions | undefined, count: number, at: (i: number) => number): NDArray {
  const { d = 1, dtype = 'float32' } = checkOptions(where, options, ['d', 'dtype']);
  if (!Number.isInteger(n) || n < 1) throw new ValueError(`${where}: n must be a whole number of at least 1, got ${String(n)}.`);
  return array(Float64Array.from({ length: count }, (_, i) => at(i) / (n * d)), { dtype: checkDType(dtype, where) });
}
/** The frequencies of n samples that are `d` apart: 0, 1, …, -2, -1 over n·d. */
export const fftfreq = (n: number, options?: FrequencyOptions): NDArray => frequencies('jnp.fft.fftfreq', n, options, n, (i) => (i < n / 2 ? i : i - n));
/** Those of them that are not negative. */
export const rfftfreq = (n: number, options?: FrequencyOptions): NDArray => frequencies('jnp.fft.rfftfreq', n, options, Math.floor(n / 2) + 1, (i) => i);

interface ShiftOptions { axes?: number | readonly number[] | null }
function shifted(where: string, x: Operand, options: ShiftOptions | undefined, by: (n: number) => number): NDArray {
  const { axes } = checkOptions(where, options, ['axes']);
  const a = asArray(x, where);
  const moved = typeof axes === 'number' ? [axes] : axes ?? [...a.shape.keys()];
  return moved.reduce((y, axis) => roll(y, by(a.shape[canonicalAxis(axis, a.ndim, where)]), { axis }), a);
}
/** Zero frequency to the middle of all axes, or of some. */
export const fftshift = (x: Operand, options?: ShiftOptions): NDArray => shifted('jnp.fft.fftshift', x, options, (n) => Math.floor(n / 2));
/** The inverse of `fftshift`. */
export const ifftshift = (x: Operand, options?: ShiftOptions): NDArray => shifted('jnp.fft.ifftshift', x, options, (n) => -Math.floor(n / 2));
