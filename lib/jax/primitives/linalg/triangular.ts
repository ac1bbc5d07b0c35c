/** Cholesky decomposition and solves with triangular matrices. */
import { NDArray } from '../../array.js';
import { bind } from '../../core.js';
import { mul, neg, select } from '../arithmetic.js';
import type { Primitive } from '../primitive.js';
import { decomposition, foldColumns, lowerPart, mT, onDiagonal, outputs, product, rightHandSides, squareMatrix, upperPart } from './common.js';

export interface Triangle { readonly lower: boolean; readonly transposed: boolean; readonly unit: boolean }

/** x with op(a)·x = b, of a [.., n, n] only the triangle is read; b and x are [.., n, k]. */
export const triangularSolveP: Primitive<Triangle> = decomposition({
  name: 'triangular_solve',
  op: () => 'TriangularSolve',
  attributes: ({ lower, transposed, unit }) => ({ lower: Number(lower), transposed: Number(transposed), unit: Number(unit) }),
  shape: ([a, b]) => [rightHandSides('triangularSolve', a, b)],
  // b̄ = op(a)⁻ᵀ·x̄ and ā = -b̄·xᵀ, or its transpose, within the triangle.
  vjp: (inputs, params, needed) => {
    const [x] = bind(triangularSolveP, inputs, params);
    return {
      outputs: [x],
      pullback: ([ct]) => {
        if (!ct) return [null, null];
        const ctB = triangularSolve(inputs[0], ct, { ...params, transposed: !params.transposed });
        if (!needed[0]) return [null, ctB];
        const whole = neg(params.transposed ? product(x, mT(ctB)) : product(ctB, mT(x)));
        return [(params.lower ? lowerPart : upperPart)(whole, params.unit), needed[1] ? ctB : null];
      },
    };
  },
  batch: (inputs, axes, params) => foldColumns(inputs, axes, (a, b) => triangularSolve(a, b, params)),
});
export const triangularSolve = (a: NDArray, b: NDArray, triangle: Triangle): NDArray => bind(triangularSolveP, [a, b], triangle)[0];

/** The lower triangular l with a = l·lᵀ; of a only the lower triangle is read. */
export const choleskyP: Primitive<Record<string, never>> = decomposition({
  name: 'cholesky',
  op: () => 'Cholesky',
  shape: ([a]) => { const { n, ...given } = squareMatrix('cholesky', a); return outputs({ n, ...given }, [n, n]); },
  // ā = l⁻ᵀ·Φ(lᵀ·l̄)·l⁻¹, Φ the lower triangle with half of the diagonal.
  vjp: (inputs) => {
    const [l] = bind(choleskyP, inputs);
    return {
      outputs: [l],
      pullback: ([ct]) => {
        if (!ct) return [null];
        const inner = lowerPart(product(mT(l), lowerPart(ct)));
        const half = select(onDiagonal(l.shape[l.ndim - 1]), mul(inner, 0.5), inner);
        const back = (x: NDArray) => triangularSolve(l, x, { lower: true, transposed: true, unit: false });
        return [mT(back(mT(back(half))))];
      },
    };
  },
});
export const cholesky = (x: NDArray): NDArray => bind(choleskyP, [x])[0];
