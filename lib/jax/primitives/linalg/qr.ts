/** QR decomposition. */
import { NDArray } from '../../array.js';
import { TypeError } from '../../../runtime/errors.js';
import { range } from '../../../runtime/range.js';
import { bind } from '../../core.js';
import { add, ge, neg, select } from '../arithmetic.js';
import type { Primitive } from '../primitive.js';
import { pad, slice } from '../shape.js';
import { decomposition, mT, matrix, outputs, places, product } from './common.js';
import { triangularSolve } from './triangular.js';

/** Householder QR of [.., m, n] in reduced form, signs as LAPACK's. */
export const qrP: Primitive<Record<string, never>> = decomposition({
  name: 'qr',
  op: () => 'Qr',
  shape: ([a]) => {
    const given = matrix('qr', a);
    const k = Math.min(given.m, given.n);
    return outputs(given, [given.m, k], [k, given.n]);
  },
  // With M = R·R̄ᵀ - Q̄ᵀ·Q, mirrored from its lower triangle: Ā = (Q̄ + Q·mirror(M))·R⁻ᵀ.
  vjp: (inputs) => {
    const results = bind(qrP, inputs);
    return {
      outputs: results,
      pullback: ([ctQ, ctR]) => {
        const [q, r] = results;
        const [m, n] = q.shape.slice(-2);
        if (r.shape[r.ndim - 1] !== n) throw new TypeError(`qr: the gradient needs at least as many rows as columns, but the matrix is ${m}×${r.shape[r.ndim - 1]}.`);
        const parts = [ctR && product(r, mT(ctR)), ctQ && neg(product(mT(ctQ), q))].filter((p) => p !== null);
        const sum = parts.length === 2 ? add(parts[0], parts[1]) : parts[0];
        const [i, j] = places(n, n);
        const inner = product(q, select(ge(i, j), sum, mT(sum)));
        return [mT(triangularSolve(r, mT(ctQ ? add(ctQ, inner) : inner), { lower: false, transposed: false, unit: false }))];
      },
    };
  },
});
/** [q, r] in reduced form. */
export const qr = (x: NDArray): [NDArray, NDArray] => bind(qrP, [x]) as [NDArray, NDArray];

/** [q, r] with a square q: columns of zeros need no reflections, so they only make q complete. */
export function qrFull(x: NDArray): [NDArray, NDArray] {
  const { m, n } = matrix('qr', x.aval);
  if (m <= n) return qr(x);
  const lead = range(x.ndim - 1);
  const [q, r] = qr(pad(x, 0, [...lead.map(() => [0, 0, 0]), [0, m - n, 0]]));
  return [q, slice(r, r.shape.map(() => 0), [...x.shape.slice(0, -2), m, n])];
}
