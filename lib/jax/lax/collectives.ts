/** Sums and other collectives along an axis that `vmap(f, { axisName })` names. As `jax.lax.psum` and friends, over trees. */
import { ShapeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Scalar, type NDArray } from '../array.js';
import { toArrayLeaf } from '../autodiff.js';
import { bind } from '../core.js';
import { canonicalAxis } from '../dims.js';
import { div } from '../primitives/arithmetic.js';
import { allGatherP, axisIndexP, pmaxP, pminP, psumP, sizeOf, type Named } from '../primitives/collectives.js';
import type { Primitive } from '../primitives/primitive.js';
import { moveAxis, reshape } from '../primitives/shape.js';
import { isFloat } from '../dtypes.js';
import { convertElementType } from '../primitives/convert.js';
import * as tree from '../tree.js';

const over = (where: string, p: Primitive<Named>) => (x: any, axisName: string): any => {
  sizeOf(where, axisName);
  return tree.map((leaf: unknown) => bind(p, [toArrayLeaf(leaf, where)], { axisName })[0], x);
};

const sum = over('psum', psumP);
/** The sum over the named axis; of a number, that number times the axis' size, at once. */
export const psum = (x: any, axisName: string): any => (typeof x === 'number' ? x * sizeOf('psum', axisName) : sum(x, axisName));
/** The mean over the named axis. */
export const pmean = (x: any, axisName: string): any => {
  const n = sizeOf('pmean', axisName);
  return tree.map((leaf: unknown) => { const y = toArrayLeaf(leaf, 'pmean'); return div(psum(isFloat(y.dtype) ? y : convertElementType(y, 'float32'), axisName) as NDArray, n); }, x);
};
/** The largest along the named axis. */
export const pmax = over('pmax', pmaxP);
/** The smallest along the named axis. */
export const pmin = over('pmin', pminP);
/** The position along the named axis, int32. */
export const axisIndex = (axisName: string): NDArray => { sizeOf('axisIndex', axisName); return bind(axisIndexP, [], { axisName })[0]; };
/** The size of the named axis, a JavaScript number. */
export const axisSize = (axisName: string): number => sizeOf('axisSize', axisName);

/** All values along the named axis, stacked along a new axis, or joined along an existing one with `tiled`. */
export function allGather(x: any, axisName: string, options?: { axis?: number; tiled?: boolean }): any {
  const { axis = 0, tiled = false } = checkOptions('allGather', options, ['axis', 'tiled']);
  const size = sizeOf('allGather', axisName);
  return tree.map((leaf: unknown) => {
    const y = toArrayLeaf(leaf, 'allGather');
    const [all] = bind(allGatherP, [y instanceof Scalar ? convertElementType(y, y.dtype, false) : y], { axisName, size });
    if (tiled && y.ndim === 0) throw new ShapeError('allGather: a scalar cannot be tiled; leave `tiled` out.');
    const at = canonicalAxis(axis, tiled ? y.ndim : y.ndim + 1, 'allGather');
    const placed = moveAxis(all, 0, at);
    return tiled ? reshape(placed, y.shape.map((d, i) => (i === at ? d * size : d))) : placed;
  }, x);
}
