/** LU decomposition with partial pivoting: solves, inverses and determinants. */
import { ShapeError, TypeError } from '../../../runtime/errors.js';
import { NDArray, Scalar, aval, formatAval } from '../../array.js';
import { bind } from '../../core.js';
import { add, lt, mul, neg, select, sub } from '../arithmetic.js';
import { convertElementType, stopGradient } from '../convert.js';
import { gatherAlong } from '../indexing.js';
import type { Primitive } from '../primitive.js';
import { argsort } from '../reduce.js';
import { expandTo, pad, reduceSum, slice } from '../shape.js';
import {
  column, decomposition, eachMatrix, foldColumns, identity, lowerPart, mT, matrix, onDiagonal, outputs, places, product, rightHandSides,
  squareMatrix, upperPart,
} from './common.js';
import { triangularSolve } from './triangular.js';

/** The rows of each matrix in the order of `permutation` [.., m]. */
export const permuteRows = (x: NDArray, permutation: NDArray): NDArray => gatherAlong(x, expandTo(column(permutation), x.shape), x.ndim - 2);

export const inversePermutation = (permutation: NDArray): NDArray => argsort(permutation, permutation.ndim - 1);

/** Square factors: l [m, m] and u [n, n], with the identity where `lu` [m, n] has no such column or row. */
function squareFactors(lu: NDArray): [NDArray, NDArray] {
  const [m, n] = lu.shape.slice(-2);
  const k = Math.min(m, n);
  const grown = (rows: number, columns: number, newRows: number, newColumns: number) =>
    pad(slice(lu, lu.shape.map(() => 0), [...lu.shape.slice(0, -2), rows, columns]), 0, [...lu.shape.slice(2).map(() => [0, 0, 0]), [0, newRows, 0], [0, newColumns, 0]]);
  const [i] = places(n, n);
  const one = new Scalar(1, lu.dtype, false);
  return [
    select(onDiagonal(m), one, lowerPart(grown(m, k, 0, m - k), true)),
    select(lt(i, k), upperPart(grown(k, n, n - k, 0)), convertElementType(onDiagonal(n), lu.dtype)),
  ];
}

/** [lu, pivots, permutation]: below the diagonal l, on and above it u; l·u are the rows of a in the order `permutation`. */
export const luP: Primitive<Record<string, never>> = decomposition({
  name: 'lu',
  op: () => 'Lu',
  shape: ([a]) => {
    const { lead, m, n, dtype } = matrix('lu', a);
    return [aval(a.shape, dtype), aval([...lead, Math.min(m, n)], 'int32'), aval([...lead, m], 'int32')];
  },
  // With square factors: ā = Pᵀ·l⁻ᵀ·(strictly lower part of lᵀ·c + upper part of c·uᵀ)·u⁻ᵀ, c the cotangent of l and u.
  vjp: (inputs) => {
    const results = bind(luP, inputs);
    return {
      outputs: results,
      pullback: ([ct]) => {
        if (!ct) return [null];
        const [l, u] = squareFactors(results[0]);
        const inner = add(lowerPart(product(mT(l), ct), true), upperPart(product(ct, mT(u))));
        const left = triangularSolve(l, inner, { lower: true, transposed: true, unit: true });
        const both = mT(triangularSolve(u, mT(left), { lower: false, transposed: false, unit: false }));
        return [permuteRows(both, inversePermutation(results[2]))];
      },
    };
  },
});
export const lu = (x: NDArray): [NDArray, NDArray, NDArray] => bind(luP, [x]) as [NDArray, NDArray, NDArray];

/** The order of `size` rows after step i has exchanged rows i and pivots[i]. */
export const permutationP: Primitive<{ size: number }> = decomposition({
  name: 'lu_pivots_to_permutation',
  op: () => 'Permutation',
  attributes: ({ size }) => ({ size }),
  shape: ([pivots], { size }) => {
    if (pivots.dtype !== 'int32' || pivots.shape.length === 0) throw new TypeError(`luPivotsToPermutation: expected int32 pivots, got ${formatAval(pivots)}.`);
    if (pivots.shape[pivots.shape.length - 1] > size) throw new ShapeError(`luPivotsToPermutation: ${formatAval(pivots)} are more pivots than there are rows, ${size}.`);
    return [aval([...pivots.shape.slice(0, -1), size], 'int32')];
  },
  vjp: null,
});
export const pivotsToPermutation = (pivots: NDArray, size: number): NDArray => bind(permutationP, [pivots], { size })[0];

/** x with op(a)·x = b, by the factors of `a`, which itself is an operand for the derivative only. */
export const luSolveP: Primitive<{ transposed: boolean }> = decomposition({
  name: 'lu_solve',
  op: () => 'LuSolve',
  attributes: ({ transposed }) => ({ transposed: Number(transposed) }),
  operands: ([, ...rest]) => rest,
  shape: ([a, , , b]) => [rightHandSides('solve', a, b)],
  // b̄ = op(a)⁻ᵀ·x̄ and ā = -b̄·xᵀ, or its transpose.
  vjp: (inputs, params, needed) => {
    const [x] = bind(luSolveP, inputs, params);
    const [a, factors, permutation] = inputs;
    return {
      outputs: [x],
      pullback: ([ct]) => {
        if (!ct) return inputs.map(() => null);
        const [ctB] = bind(luSolveP, [a, factors, permutation, ct], { transposed: !params.transposed });
        return [needed[0] ? neg(params.transposed ? product(x, mT(ctB)) : product(ctB, mT(x))) : null, null, null, needed[3] ? ctB : null];
      },
    };
  },
  batch: (inputs, axes, params) => foldColumns(inputs, axes, (...xs) => bind(luSolveP, xs, params)[0]),
});
/** x with a·x = b, or aᵀ·x = b. */
export function solve(a: NDArray, b: NDArray, transposed = false): NDArray {
  rightHandSides('solve', a.aval, b.aval);
  const [factors, , permutation] = lu(stopGradient(a));
  return bind(luSolveP, [a, factors, permutation, b], { transposed })[0];
}

/** The matrix of cofactors, det(a)·a⁻ᵀ, which singular matrices have too. */
export const cofactorsP: Primitive<Record<string, never>> = decomposition({
  name: 'cofactors',
  op: () => 'Cofactors',
  shape: ([a]) => { squareMatrix('det', a); return [aval(a.shape, a.dtype)]; },
  // ā = <c̄, c>·a⁻ᵀ - a⁻ᵀ·c̄ᵀ·c
  vjp: (inputs) => {
    const [c] = bind(cofactorsP, inputs);
    return {
      outputs: [c],
      pullback: ([ct]) => {
        if (!ct) return [null];
        const whole = eachMatrix(reduceSum(mul(ct, c), [c.ndim - 2, c.ndim - 1]));
        return [solve(inputs[0], sub(mul(whole, identity(c, c.shape[c.ndim - 1])), product(mT(ct), c)), true)];
      },
    };
  },
});

/** [sign, log |det|, det]; singular matrices have sign 0 and logarithm -Infinity. */
export const determinantP: Primitive<Record<string, never>> = decomposition({
  name: 'determinant',
  op: () => 'Determinant',
  shape: ([a]) => outputs(squareMatrix('det', a), [], [], []),
  // The logarithm's gradient is a⁻ᵀ, the determinant's the cofactors.
  vjp: (inputs) => {
    const results = bind(determinantP, inputs);
    return {
      outputs: results,
      pullback: ([, ctLog, ctValue]) => {
        const [a] = inputs;
        const log = ctLog && mul(eachMatrix(ctLog), solve(a, identity(a, a.shape[a.ndim - 1]), true));
        const value = ctValue && mul(eachMatrix(ctValue), bind(cofactorsP, [a])[0]);
        return [log && value ? add(log, value) : log ?? value];
      },
    };
  },
});
export const determinant = (x: NDArray): [NDArray, NDArray, NDArray] => bind(determinantP, [x]) as [NDArray, NDArray, NDArray];
