/** Eigenvalues and eigenvectors of symmetric matrices. */
import { NDArray } from '../../array.js';
import { bind } from '../../core.js';
import { add, div, mul, select, sub } from '../arithmetic.js';
import { convertElementType } from '../convert.js';
import type { Primitive } from '../primitive.js';
import { column, decomposition, mT, onDiagonal, outputs, product, row, squareMatrix, zero } from './common.js';

/** [w, v]: eigenvalues, ascending, and with `vectors` eigenvectors as columns; of a only the lower triangle is read. */
export const eighP: Primitive<{ vectors: boolean }> = decomposition({
  name: 'eigh',
  op: ({ vectors }) => (vectors ? 'Eigh' : 'Eigvalsh'),
  shape: ([a], { vectors }) => {
    const given = squareMatrix('eigh', a);
    return outputs(given, [given.n], ...(vectors ? [[given.n, given.n]] : []));
  },
  // ā = v·(diag(w̄) + F∘(vᵀ·v̄))·vᵀ, Fᵢⱼ = 1/(wⱼ - wᵢ) off the diagonal
  vjp: (inputs, { vectors }) => {
    const [w, v] = bind(eighP, inputs, { vectors: true });
    return {
      outputs: vectors ? [w, v] : [w],
      pullback: ([ctW, ctV]) => {
        if (!ctV) return [ctW && product(mul(v, row(ctW)), mT(v))];
        const diagonal = onDiagonal(w.shape[w.ndim - 1]);
        const turning = div(product(mT(v), ctV), add(sub(row(w), column(w)), convertElementType(diagonal, w.dtype)));
        return [product(product(v, select(diagonal, ctW ? column(ctW) : zero(w), turning)), mT(v))];
      },
    };
  },
});
export const eigh = (x: NDArray): [NDArray, NDArray] => bind(eighP, [x], { vectors: true }) as [NDArray, NDArray];
export const eigvalsh = (x: NDArray): NDArray => bind(eighP, [x], { vectors: false })[0];
