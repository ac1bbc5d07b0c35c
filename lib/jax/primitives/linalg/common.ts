/** What the decompositions share: shape checks, batching, the lowering to operators of our own, and small matrix algebra. */
import type { Attribute } from '../../../lowering/graph.js';
import { ShapeError, TypeError } from '../../../runtime/errors.js';
import { range } from '../../../runtime/range.js';
import { NDArray, Scalar, aval, formatAval, type Aval } from '../../array.js';
import { bind } from '../../core.js';
import { dims, type Shape } from '../../dims.js';
import { isHalf, type DType } from '../../dtypes.js';
import { add, eq, ge, mul, select } from '../arithmetic.js';
import { convertElementType } from '../convert.js';
import { dotGeneral } from '../dot.js';
import { iota } from '../indexing.js';
import { primitive, requireFloat, type Primitive } from '../primitive.js';
import { expandTo, inFront, moveAxis, reshape, transpose } from '../shape.js';

export interface Matrix { readonly lead: Shape; readonly m: number; readonly n: number; readonly dtype: DType }
/** The batch of floating-point matrices that an operand must be. */
export function matrix(where: string, a: Aval): Matrix {
  requireFloat(where, a);
  if (a.shape.length < 2) throw new ShapeError(`${where}: expected a matrix or a batch of them, got ${formatAval(a)}.`);
  const [m, n] = a.shape.slice(-2);
  return { lead: a.shape.slice(0, -2), m, n, dtype: a.dtype };
}
export function squareMatrix(where: string, a: Aval): Matrix {
  const out = matrix(where, a);
  if (!dims.equal(out.m, out.n)) throw new ShapeError(`${where}: expected square matrices, got ${formatAval(a)}.`);
  return out;
}
/** Right-hand sides that stand beside the matrices `a`. */
export function rightHandSides(where: string, a: Aval, b: Aval): Aval {
  const { lead, n, dtype } = squareMatrix(where, a);
  const other = matrix(where, b);
  if (dtype !== other.dtype) throw new TypeError(`${where}: operands have dtypes ${dtype} and ${other.dtype}; convert one with astype.`);
  if (!dims.equalShapes(lead, other.lead) || !dims.equal(n, other.m)) {
    throw new ShapeError(`${where}: ${formatAval(b)} does not fit ${formatAval(a)}: the batch and the number of rows must be equal.`);
  }
  return b;
}
export const outputs = ({ lead, dtype }: Matrix, ...last: Shape[]): Aval[] => last.map((s) => aval([...lead, ...s], dtype));

interface Decomposition<P> {
  readonly name: string;
  /** The operator of the `hokku` domain. */
  readonly op: (params: P) => string;
  readonly attributes?: (params: P) => Record<string, Attribute>;
  /** Which inputs the operator takes; others are there for the derivative. */
  readonly operands?: (inputs: readonly string[]) => readonly string[];
  readonly shape: Primitive<P>['shape'];
  readonly vjp: Primitive<P>['vjp'];
  readonly batch?: (inputs: readonly NDArray[], axes: readonly (number | null)[], params: P) => [NDArray[], number[]] | null;
}
/** A primitive whose operands and results are batches of matrices. Half floats are computed in float32. */
export function decomposition<P>({ name, op, attributes, operands = (x) => x, shape, vjp, batch }: Decomposition<P>): Primitive<P> {
  const self: Primitive<P> = primitive({
    name, shape, vjp,
    batch: (inputs, axes, params, { size }) => {
      const special = batch?.(inputs, axes, params);
      if (special) return special;
      const out = bind(self, inputs.map((x, i) => inFront(x, axes[i], size)), params);
      return [out, out.map(() => 0)];
    },
    lower: (g, inputs, params, types) => {
      const domainOp = op(params);
      if (!g.custom) throw new TypeError(`hokku.${domainOp} has no standard form and cannot be written to a file for others.`);
      const wide = (d: DType): DType => (isHalf(d) ? 'float32' : d);
      const fed = operands(inputs.map((x, i) => (isHalf(types.inputs[i].dtype) ? g.cast(x, 'float32') : x)));
      const names = g.nodeWithOutputs(domainOp, fed, types.outputs.length, attributes?.(params), 'hokku');
      return names.map((n, i) => {
        const { dtype, shape: declared } = types.outputs[i];
        g.declare(n, wide(dtype), declared);
        return isHalf(dtype) ? g.cast(n, dtype) : n;
      });
    },
  });
  return self;
}

/** Where only right-hand sides (the last operand) are mapped, the mapped axis is more columns of one solve. */
export function foldColumns(inputs: readonly NDArray[], axes: readonly (number | null)[], solve: (...xs: NDArray[]) => NDArray): [NDArray[], number[]] | null {
  const last = inputs.length - 1;
  if (axes.some((a, i) => (a === null) === (i === last))) return null;
  const b = moveAxis(inputs[last], axes[last]!, inputs[last].ndim - 1);
  const [k, size] = b.shape.slice(-2);
  const out = solve(...inputs.slice(0, last), reshape(b, [...b.shape.slice(0, -2), dims.mul(k, size)]));
  return [[reshape(out, b.shape)], [b.ndim - 1]];
}

/** The matrices' transposes. */
export const mT = (x: NDArray): NDArray => transpose(x, [...range(x.ndim - 2), x.ndim - 1, x.ndim - 2]);
/** The product of two batches of matrices. */
export function product(x: NDArray, y: NDArray): NDArray {
  const lead = range(x.ndim - 2);
  return dotGeneral(x, y, { contract: [[x.ndim - 1], [y.ndim - 2]], batch: [lead, lead] });
}
/** Row and column numbers of an [m, n] matrix. */
export const places = (m: number, n: number): [NDArray, NDArray] => [iota('int32', [m, n], 0), iota('int32', [m, n], 1)];
export const onDiagonal = (m: number, n = m): NDArray => { const [i, j] = places(m, n); return eq(i, j); };
export const zero = (x: NDArray): NDArray => new Scalar(0, x.dtype, false);
/** The elements on and below the diagonal, zeros above; `strict`: zeros on it too. */
export function lowerPart(x: NDArray, strict = false): NDArray {
  const [i, j] = places(x.shape[x.ndim - 2], x.shape[x.ndim - 1]);
  return strict ? select(ge(j, i), zero(x), x) : select(ge(i, j), x, zero(x));
}
export function upperPart(x: NDArray, strict = false): NDArray {
  const [i, j] = places(x.shape[x.ndim - 2], x.shape[x.ndim - 1]);
  return strict ? select(ge(i, j), zero(x), x) : select(ge(j, i), x, zero(x));
}
/** Identity matrices beside those of `x`. */
export const identity = (x: NDArray, n: number): NDArray => expandTo(convertElementType(onDiagonal(n), x.dtype), [...x.shape.slice(0, -2), n, n]);
/** One number for each matrix (or row, or column) with axes of size 1 behind. */
export const column = (x: NDArray): NDArray => reshape(x, [...x.shape, 1]);
export const row = (x: NDArray): NDArray => reshape(x, [...x.shape.slice(0, -1), 1, ...x.shape.slice(-1)]);
export const eachMatrix = (x: NDArray): NDArray => reshape(x, [...x.shape, 1, 1]);
/** The mean of matrices and their transposes; what is not square stays as it is, for the primitive to refuse. */
export const symmetrize = (x: NDArray): NDArray => (x.ndim >= 2 && dims.equal(x.shape[x.ndim - 2], x.shape[x.ndim - 1]) ? mul(add(x, mT(x)), 0.5) : x);
