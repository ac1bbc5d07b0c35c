/** Writing at positions given by an array: set, add, multiply, and the smaller or larger of both. */
import type { Graph } from '../../lowering/graph.js';
import { NDArray, Scalar } from '../array.js';
import { bind } from '../core.js';
import { dims, formatShape } from '../dims.js';
import { DTYPES, isFloat, isUnsigned, type DType } from '../dtypes.js';
import { ShapeError } from '../../runtime/errors.js';
import { add, bitwiseAnd, div, eq, ge, lt, max, mul, select, sub } from './arithmetic.js';
import { convertElementType } from './convert.js';
import { gatherClamped, iota } from './indexing.js';
import { primitive, requireSameDType, type Primitive } from './primitive.js';
import { expandTo, moveAxis, reshape } from './shape.js';

export type ScatterMode = 'set' | 'add' | 'mul' | 'min' | 'max';
export interface ScatterParams {
  readonly mode: ScatterMode;
  /** The caller knows that all indices lie in the array and no two are equal. */
  readonly distinct?: true;
}

const constant = (value: number, like: NDArray): Scalar => new Scalar(value, like.dtype, false);
const zerosLike = (x: NDArray): NDArray => expandTo(constant(0, x), x.shape);
/** A mask over the indices beside a slice of every update. */
const beside = (mask: NDArray, updates: NDArray): NDArray => reshape(mask, [...mask.shape, ...updates.shape.slice(mask.ndim).map(() => 1)]);
const inside = (i: NDArray, n: number): NDArray => bitwiseAnd(ge(i, 0), lt(i, n));
/** The indices, -1 where they lie outside: such an update is dropped and no cotangent comes from there. */
const read = (ct: NDArray, i: NDArray): NDArray => {
  const out = gatherClamped(ct, i, 0);
  return select(beside(inside(i, ct.shape[0]), out), out, constant(0, out));
};
/** Which updates are the last ones at their position. */
function winners(i: NDArray, n: number): NDArray {
  const order = reshape(iota('int32', [i.size]), i.shape);
  return eq(gatherClamped(scatter(expandTo(new Scalar(-1, 'int32', false), [n]), i, order, 'max'), i, 0), order);
}

export const scatterP: Primitive<ScatterParams> = primitive({
  name: 'scatter',
  shape: ([a, i, u]) => {
    requireSameDType('scatter', [a, u]);
    if (a.shape.length === 0) throw new ShapeError('scatter: expected an array of rank 1 or more, got a scalar.');
    if (!dims.equalShapes(u.shape, [...i.shape, ...a.shape.slice(1)])) {
      throw new ShapeError(`scatter: updates of shape ${formatShape(u.shape)} do not fit ${formatShape([...i.shape, ...a.shape.slice(1)])}.`);
    }
    return [a];
  },
  vjp: (inputs, params, needed) => {
    const outputs = bind(scatterP, inputs, params);
    const [x, i, u] = inputs;
    const [y] = outputs;
    return {
      outputs,
      pullback: ([ct]) => {
        const both = (ofX: () => NDArray, ofU: () => NDArray) => [needed[0] ? ofX() : null, null, needed[2] ? ofU() : null];
        if (!ct) return [null, null, null];
        if (params.mode === 'add') return both(() => ct, () => read(ct, i));
        if (params.mode === 'set') {
          // Of equal indices only the last one has been written.
          const last = (g: NDArray) => (params.distinct ? g : select(beside(winners(i, x.shape[0]), g), g, constant(0, g)));
          return both(() => bind(scatterP, [ct, i, zerosLike(u)], params)[0], () => last(read(ct, i)));
        }
        if (params.mode === 'mul') {
          // The product of all others: of what is not zero, where no other is.
          return both(() => bind(scatterP, [ct, i, u], params)[0], () => {
            const zero = eq(u, 0);
            const rest = select(zero, constant(1, u), u);
            const [product, zeros] = [scatter(x, i, rest, 'mul'), scatter(zerosLike(x), i, convertElementType(zero, u.dtype), 'add')];
            const others = sub(read(zeros, i), convertElementType(zero, u.dtype));
            return select(eq(others, 0), div(read(mul(ct, product), i), rest), constant(0, u));
          });
        }
        // All that equal the extremum share its cotangent.
        const [mine, theirs] = [eq(x, y), bitwiseAnd(eq(u, gatherClamped(y, i, 0)), expandTo(beside(inside(i, x.shape[0]), u), u.shape))];
        const ties = scatter(convertElementType(mine, ct.dtype), i, convertElementType(theirs, ct.dtype), 'add');
        const share = div(ct, max(ties, 1));
        return both(() => select(mine, share, constant(0, ct)), () => select(theirs, gatherClamped(share, i, 0), constant(0, ct)));
      },
    };
  },
  batch: (inputs, axes, params) => {
    const at = axes.findIndex((a) => a !== null);
    const n = inputs[at].shape[axes[at]!];
    const put = (k: number, to: number): NDArray => {
      const x = inputs[k];
      return axes[k] === null ? expandTo(reshape(x, [...x.shape.slice(0, to), 1, ...x.shape.slice(to)]), [...x.shape.slice(0, to), n, ...x.shape.slice(to)]) : moveAxis(x, axes[k]!, to);
    };
    // Common indices: the batch is one more axis of the slices. Others: it is folded into the first axis.
    if (axes[1] === null) return [bind(scatterP, [put(0, 1), inputs[1], put(2, inputs[1].ndim)], params), [1]];
    const [x, i, u] = [put(0, 0), put(1, 0), put(2, 0)];
    const [, d, ...rest] = x.shape;
    const offset = reshape(mul(iota(i.dtype, [n]), d), [n, ...i.shape.slice(1).map(() => 1)]);
    const index = select(inside(i, d), add(i, offset), new Scalar(-1, i.dtype, false));
    return [[reshape(bind(scatterP, [reshape(x, [dims.mul(n, d), ...rest]), index, u], params)[0], x.shape)], [0]];
  },
  lower: (g, [given, indices, values], { mode, distinct }, { inputs: [a, i] }) => {
    const name = `ScatterND ${mode === 'set' ? 'none' : mode}`;
    return [g.ordered(name, a.dtype, [given, values], (compute, x, updates) => {
      const long = g.cast(indices, 'int64');
      const c = (v: number) => g.constant('int64', [], [v]);
      const rows = (index: string) => g.reshape(index, [...i.shape, 1]);
      const scattered = (index: string, update: string) => g.node('ScatterND', [x, rows(index), update], { reduction: mode === 'set' ? 'none' : mode });
      const wide = (mask: string) => g.reshape(mask, [...i.shape, ...a.shape.slice(1).map(() => 1)]);
      if (distinct) return scattered(long, updates);
      const n = g.reshape(g.dimension(a.shape[0]), []);
      const valid = g.node('And', [g.node('GreaterOrEqual', [long, c(0)]), g.node('Less', [long, n])]);
      const index = g.node('Where', [valid, long, c(0)]);
      // What is outside changes nothing in the first row.
      if (mode !== 'set') return scattered(index, where(g, compute, wide(valid), updates, g.constant(compute, [], [neutral(mode, compute)])));
      // For equal indices every update is replaced by the last one, so that any order of writing gives the same.
      const count = dims.size(i.shape);
      const order = g.node('Range', [c(0), g.reshape(g.dimension(count), []), c(1)]);
      const flat = g.reshape(index, [count]);
      const ranked = g.node('Where', [g.reshape(valid, [count]), order, c(-1)]);
      const none = g.node('Expand', [c(-1), g.shapeTensor([a.shape[0]])]);
      const last = g.node('Gather', [g.node('ScatterND', [none, g.reshape(flat, [count, 1]), ranked], { reduction: 'max' }), flat], { axis: 0 });
      const source = g.node('Gather', [g.reshape(updates, [count, ...a.shape.slice(1)]), g.node('Max', [last, c(0)])], { axis: 0 });
      const written = g.reshape(g.node('GreaterOrEqual', [last, c(0)]), [count, ...a.shape.slice(1).map(() => 1)]);
      const kept = g.node('Gather', [x, flat], { axis: 0 });
      return scattered(index, g.reshape(where(g, compute, written, source, kept), [...i.shape, ...a.shape.slice(1)]));
    })!];
  },
});

function neutral(mode: ScatterMode, dtype: DType): number | bigint {
  if (mode === 'add') return 0;
  if (mode === 'mul') return 1;
  if (isFloat(dtype)) return mode === 'min' ? Infinity : -Infinity;
  const [bits, low] = [BigInt(8 * DTYPES[dtype].size), isUnsigned(dtype) ? 0n : -(1n << BigInt(8 * DTYPES[dtype].size - 1))];
  return mode === 'min' ? low + (1n << bits) - 1n : low;
}
const where = (g: Graph, dtype: DType, mask: string, x: string, y: string): string => g.within(g.kernels.need('Where', dtype), dtype, [x, y], (a, b) => g.node('Where', [mask, a, b]));

/**
 * Writes `updates` (shape: indices', then x's without its first axis) into the slices of `x` at `indices` along its first
 * axis; several index arrays are one over flattened leading axes. Indices below 0 or from x.shape[0] on are dropped. Of
 * equal indices 'set' keeps the last, the others combine all. `distinct`: the indices are known to lie inside and to
 * differ, which saves the checks. Derivatives as JAX's scatter; 'mul' has them for equal indices too.
 */
export const scatter = (x: NDArray, indices: NDArray, updates: NDArray, mode: ScatterMode, options: { distinct?: boolean } = {}): NDArray =>
  (indices.size === 0 || x.shape[0] === 0 ? x : bind(scatterP, [x, indices, updates], { mode, ...(options.distinct && { distinct: true }) })[0]);
