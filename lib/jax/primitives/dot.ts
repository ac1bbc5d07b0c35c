/** Matrix products: `dot_general`, of which matmul, dot and the gradients of layers are cases. */
import { NDArray, aval } from '../array.js';
import { bind } from '../core.js';
import { dims, formatShape } from '../dims.js';
import { ShapeError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import type { Graph } from '../../lowering/graph.js';
import { primitive, requireSameDType, type Primitive, type Types } from './primitive.js';
import { moveAxis, transpose } from './shape.js';

export interface DotParams {
  readonly contract: readonly [readonly number[], readonly number[]];
  readonly batch: readonly [readonly number[], readonly number[]];
}

const argsort = (xs: readonly number[]): number[] => range(xs.length).sort((a, b) => xs[a] - xs[b]);
const free = (rank: number, ...used: (readonly number[])[]): number[] => range(rank).filter((i) => !used.some((u) => u.includes(i)));

/** The cotangent of one operand (`swap`: the second), from that of the product and the other operand `y`. */
function pullbackOf(ct: NDArray, x: NDArray, y: NDArray, { contract, batch }: DotParams, swap: boolean): NDArray {
  const [xc, yc] = swap ? [contract[1], contract[0]] : contract;
  const [xb, yb] = swap ? [batch[1], batch[0]] : batch;
  const [xFree, yFree] = [free(x.ndim, xc, xb), free(y.ndim, yc, yb)];
  const ctBatch = range(xb.length);
  const first = xb.length + (swap ? 0 : xFree.length);
  const ctY = range(first, first + yFree.length);
  // The result lists y's contracted axes in increasing order; x's are matched to them.
  const xContracted = argsort(yc).map((i) => xc[i]);
  return swap
    ? transpose(dotGeneral(y, ct, { contract: [yFree, ctY], batch: [yb, ctBatch] }), argsort([...xb, ...xContracted, ...xFree]))
    : transpose(dotGeneral(ct, y, { contract: [ctY, yFree], batch: [ctBatch, yb] }), argsort([...xb, ...xFree, ...xContracted]));
}

export const dotGeneralP: Primitive<DotParams> = primitive({
  name: 'dot_general',
  shape: ([a, b], { contract, batch }) => {
    const dtype = requireSameDType('dotGeneral', [a, b]);
    const pair = (axes: readonly [readonly number[], readonly number[]], what: string) => axes[0].forEach((i, k) => {
      if (!dims.equal(a.shape[i], b.shape[axes[1][k]])) {
        throw new ShapeError(`dotGeneral: ${what} axes ${i} and ${axes[1][k]} of ${formatShape(a.shape)} and ${formatShape(b.shape)} have different sizes.`);
      }
    });
    pair(contract, 'contracted');
    pair(batch, 'batch');
    return [aval([...batch[0].map((i) => a.shape[i]), ...free(a.shape.length, contract[0], batch[0]).map((i) => a.shape[i]), ...free(b.shape.length, contract[1], batch[1]).map((i) => b.shape[i])], dtype, a.weak && b.weak)];
  },
  vjp: (inputs, params, needed) => ({
    outputs: bind(dotGeneralP, inputs, params),
    pullback: ([ct]) => {
      const [x, y] = inputs;
      return [ct && needed[0] ? pullbackOf(ct, x, y, params, false) : null, ct && needed[1] ? pullbackOf(ct, y, x, params, true) : null];
    },
  }),
  batch: ([x, y], [i, j], { contract, batch }) => {
    const shift = (axes: readonly number[], by: boolean) => axes.map((a) => (by ? a + 1 : a));
    const [fx, fy] = [i === null ? x : moveAxis(x, i, 0), j === null ? y : moveAxis(y, j, 0)];
    const params: DotParams = {
      contract: [shift(contract[0], i !== null), shift(contract[1], j !== null)],
      batch: [shift(batch[0], i !== null), shift(batch[1], j !== null)],
    };
    if (i !== null && j !== null) return [[dotGeneral(fx, fy, { ...params, batch: [[0, ...params.batch[0]], [0, ...params.batch[1]]] })], [0]];
    // Unbatched on one side: the batch axis is one more free axis.
    const out = dotGeneral(fx, fy, params);
    const at = i !== null ? batch[0].length : batch[0].length + x.ndim - batch[0].length - contract[0].length;
    return [[out], [at]];
  },
  lower: (g, [x, y], params, types) => {
    const { dtype } = types.outputs[0];
    return [g.within(g.kernels.need('MatMul', dtype), dtype, [x, y], (a, b) => lowerDot(g, a, b, params, types, g.kernels.find('Gemm', dtype) !== null))];
  },
});

/** Whether axes stand together in order at the front or the back, so that a reshape makes a matrix without moving data. */
function side(axes: readonly number[], rank: number): 'front' | 'back' | null {
  if (axes.every((a, i) => a === rank - axes.length + i)) return 'back';
  return axes.every((a, i) => a === i) ? 'front' : null;
}

function lowerDot(g: Graph, x: string, y: string, { contract, batch }: DotParams, { inputs: [a, b], outputs: [out] }: Types, floating: boolean): string {
  const [xFree, yFree] = [free(a.shape.length, contract[0], batch[0]), free(b.shape.length, contract[1], batch[1])];
  const sizes = (shape: readonly number[], axes: readonly number[]) => axes.map((i) => shape[i]);
  const product = (shape: readonly number[], axes: readonly number[]) => dims.size(sizes(shape, axes));
  if (batch[0].length === 0 && floating) {
    const [xs, ys] = [side(contract[0], a.shape.length), side(contract[1], b.shape.length)];
    // MatMul takes leading axes as they are, and is what the engine fuses with a following bias.
    if (xs === 'back' && contract[0].length === 1 && ys === 'front' && b.shape.length === 2 && a.shape.length >= 2) return g.node('MatMul', [x, y]);
    if (xs && ys) {
      const flat = (name: string, shape: readonly number[], axes: readonly number[], rest: readonly number[], where: 'front' | 'back') =>
        (axes.length === 1 && rest.length === 1 ? name : g.reshape(name, where === 'back' ? [product(shape, rest), product(shape, axes)] : [product(shape, axes), product(shape, rest)]));
      const [m, n] = [flat(x, a.shape, contract[0], xFree, xs), flat(y, b.shape, contract[1], yFree, ys)];
      const transA = xs === 'front' ? 1 : 0;
      const transB = ys === 'back' ? 1 : 0;
      const matrix = transA || transB ? g.node('Gemm', [m, n], { transA, transB }) : g.node('MatMul', [m, n]);
      return xFree.length === 1 && yFree.length === 1 ? matrix : g.reshape(matrix, out.shape);
    }
  }
  const arrange = (name: string, shape: readonly number[], groups: readonly (readonly number[])[]) => {
    const order = groups.flat();
    const moved = order.every((p, i) => p === i) ? name : g.node('Transpose', [name], { perm: order });
    const matrix = [...sizes(shape, groups[0]), product(shape, groups[1]), product(shape, groups[2])];
    return groups[1].length === 1 && groups[2].length === 1 ? moved : g.reshape(moved, matrix);
  };
  const result = g.node('MatMul', [arrange(x, a.shape, [batch[0], xFree, contract[0]]), arrange(y, b.shape, [batch[1], contract[1], yFree])]);
  return xFree.length === 1 && yFree.length === 1 ? result : g.reshape(result, out.shape);
}

/** As `lax.dot_general`: axes to contract and axes to walk together; the result has batch, then x's, then y's axes. */
export const dotGeneral = (x: NDArray, y: NDArray, params: DotParams): NDArray => bind(dotGeneralP, [x, y], params)[0];
