/** Products of rows in groups whose sizes are data. */
import { ShapeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Scalar, formatAval, type NDArray } from '../array.js';
import { checkDType, type DType } from '../dtypes.js';
import { bitwiseAnd, ge, lt, select, sub } from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { dotGeneral } from '../primitives/dot.js';
import { iota } from '../primitives/indexing.js';
import { requireSameDType } from '../primitives/primitive.js';
import { cumsum } from '../primitives/reduce.js';
import { expandTo, reshape } from '../primitives/shape.js';

/**
 * lhs [m, k] times rhs [groups, k, n]: the first `groupSizes[0]` rows with the first matrix, and so on; zeros where no
 * group is left. One product of groups·k terms over rows that are zero outside their group.
 */
export function raggedDot(lhs: NDArray, rhs: NDArray, groupSizes: NDArray, options?: { precision?: unknown; preferredElementType?: DType | null }): NDArray {
  const where = 'lax.raggedDot';
  const { preferredElementType } = checkOptions(where, options, ['precision', 'preferredElementType']);
  if (lhs.ndim !== 2 || rhs.ndim !== 3 || groupSizes.ndim !== 1 || lhs.shape[1] !== rhs.shape[1] || groupSizes.shape[0] !== rhs.shape[0]) {
    throw new ShapeError(`${where}: expected [m,k], [groups,k,n] and [groups], got ${formatAval(lhs)}, ${formatAval(rhs)} and ${formatAval(groupSizes)}.`);
  }
  const dtype = preferredElementType ? checkDType(preferredElementType, where) : requireSameDType(where, [lhs.aval, rhs.aval]);
  const [[m, k], groups] = [lhs.shape, rhs.shape[0]];
  const ends = cumsum(groupSizes, 0, false);
  const column = (x: NDArray) => reshape(x, [groups, 1]);
  const rows = iota(groupSizes.dtype, [groups, m], 1);
  const mine = bitwiseAnd(ge(rows, column(sub(ends, groupSizes))), lt(rows, column(ends)));
  const parted = select(reshape(mine, [groups, m, 1]), expandTo(convertElementType(lhs, dtype), [groups, m, k]), new Scalar(0, dtype, false));
  return dotGeneral(parted, convertElementType(rhs, dtype), { contract: [[0, 2], [0, 1]], batch: [[], []] });
}
