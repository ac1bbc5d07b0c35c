/** Exchanges along an axis that `vmap(f, { axisName })` names, composed of `allGather` and `axisIndex`. As `jax.lax.ppermute` and friends, over trees. */
import { ShapeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Scalar, formatAval, type NDArray } from '../array.js';
import { toArrayLeaf } from '../autodiff.js';
import { canonicalAxis, dims } from '../dims.js';
import { array } from '../numpy/creation.js';
import { ge, max, select } from '../primitives/arithmetic.js';
import { gather } from '../primitives/indexing.js';
import { moveAxis, reshape } from '../primitives/shape.js';
import * as tree from '../tree.js';
import { allGather, axisIndex, axisSize, psum } from './collectives.js';
import { dynamicIndexInDim, dynamicSliceInDim } from './slicing.js';

const each = (where: string, x: any, f: (leaf: NDArray) => NDArray): any => tree.map((leaf: unknown) => f(toArrayLeaf(leaf, where)), x);

/** The value of the element at `source`, everywhere along the named axis. */
export function pbroadcast(x: any, axisName: string, source: number): any {
  const from = canonicalAxis(source, axisSize(axisName), 'pbroadcast');
  return each('pbroadcast', x, (leaf) => dynamicIndexInDim(allGather(leaf, axisName), from, { keepdims: false }));
}

/** Sends values along the named axis: `perm` lists [source, destination]; who is no destination gets zeros. */
export function ppermute(x: any, axisName: string, perm: readonly (readonly [number, number])[]): any {
  const sources = new Int32Array(axisSize(axisName)).fill(-1);
  for (const [source, destination] of perm) {
    const fits = [source, destination].every((i) => Number.isInteger(i) && i >= 0 && i < sources.length);
    if (!fits || sources[destination] >= 0 || perm.filter(([other]) => other === source).length > 1) {
      throw new ValueError(`ppermute: sources and destinations must be different positions below ${sources.length}, got ${JSON.stringify(perm)}.`);
    }
    sources[destination] = source;
  }
  const mine = gather(array(sources), axisIndex(axisName), 0);
  return each('ppermute', x, (leaf) => select(ge(mine, 0), dynamicIndexInDim(allGather(leaf, axisName), max(mine, 0), { keepdims: false }), new Scalar(0, leaf.dtype, false)));
}
/** Position i along the named axis gets the value of position `perm[i]`. */
export function pshuffle(x: any, axisName: string, perm: readonly number[]): any {
  const n = axisSize(axisName);
  if (perm.length !== n || new Set(perm).size !== n) throw new ValueError(`pshuffle: expected a permutation of ${n} positions, got ${JSON.stringify(perm)}.`);
  return ppermute(x, axisName, perm.map((source, i) => [source, i]));
}

/** How long one element's part of an axis is: 1 of an axis of their number, or a share of it with `tiled`. */
function share(where: string, x: NDArray, axis: number, n: number, tiled: boolean): number {
  const d = x.shape[axis];
  if (tiled ? d % n !== 0 : !dims.equal(d, n)) throw new ShapeError(`${where}: axis ${axis} of ${formatAval(x)} must ${tiled ? 'be a multiple of' : 'have'} the named axis' size ${n}.`);
  return tiled ? d / n : 1;
}
/** The sum over the named axis, of which each element keeps its own part of `scatterDimension`: one row, or a share of the rows with `tiled`. */
export function psumScatter(x: any, axisName: string, options?: { scatterDimension?: number; tiled?: boolean }): any {
  const { scatterDimension = 0, tiled = false } = checkOptions('psumScatter', options, ['scatterDimension', 'tiled']);
  return each('psumScatter', x, (leaf) => {
    const axis = canonicalAxis(scatterDimension, leaf.ndim, 'psumScatter');
    const rows = share('psumScatter', leaf, axis, axisSize(axisName), tiled);
    const [sum, i] = [psum(leaf, axisName) as NDArray, axisIndex(axisName)];
    return tiled ? dynamicSliceInDim(sum, i.mul(rows), rows, { axis }) : dynamicIndexInDim(sum, i, { axis, keepdims: false });
  });
}

/**
 * Element i keeps part i of `splitAxis` of every element, along `concatAxis`: as a new axis in place of the split one, or,
 * with `tiled`, with both axes kept.
 */
export function allToAll(x: any, axisName: string, splitAxis: number, concatAxis: number, options?: { tiled?: boolean }): any {
  const { tiled = false } = checkOptions('allToAll', options, ['tiled']);
  return each('allToAll', x, (leaf) => {
    const [from, to] = [canonicalAxis(splitAxis, leaf.ndim, 'allToAll'), canonicalAxis(concatAxis, leaf.ndim, 'allToAll')];
    const rows = share('allToAll', leaf, from, axisSize(axisName), tiled);
    const [all, i] = [allGather(leaf, axisName) as NDArray, axisIndex(axisName)];
    if (!tiled) return moveAxis(dynamicIndexInDim(all, i, { axis: from + 1, keepdims: false }), 0, to);
    const part = dynamicSliceInDim(all, i.mul(rows), rows, { axis: from + 1 });
    const placed = moveAxis(part, 0, to);
    return reshape(placed, [...placed.shape.slice(0, to), dims.mul(placed.shape[to], placed.shape[to + 1]), ...placed.shape.slice(to + 2)]);
  });
}
/** Exchanges the named axis with an axis of the same size. */
export const pswapaxes = (x: any, axisName: string, axis: number): any => allToAll(x, axisName, axis, axis);
