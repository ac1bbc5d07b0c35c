/** Finding elements: where, nonzero, searchsorted, and choosing among arrays. */
import { checkOptions } from '../../runtime/options.js';
import { TypeError } from '../../runtime/errors.js';
import type { NDArray } from '../array.js';
import type { Operand } from '../primitives/primitive.js';
import { either } from './promotion.js';

export interface SizeOptions { size?: number; fillValue?: Operand | readonly Operand[] | null }
/** `condition ? x : y`, elementwise. */
export function where(condition: Operand, x: Operand, y: Operand): NDArray;
export function where(condition: Operand, x?: Operand | null, y?: Operand | null, _options?: SizeOptions): NDArray | NDArray[] {
  if (x === undefined || x === null || y === undefined || y === null) throw new TypeError('jnp.where: either both or neither of x and y are given.');
  return either('jnp.where', condition, x, y);
}
void checkOptions;
