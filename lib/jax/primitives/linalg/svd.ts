/** Singular value decomposition, and the pseudo-inverse. */
import { NDArray, aval } from '../../array.js';
import { bind } from '../../core.js';
import { ShapeError, TypeError } from '../../../runtime/errors.js';
import { add, div, eq, mul, neg, select, sub } from '../arithmetic.js';
import { dims, formatShape } from '../../dims.js';
import { requireSameDType, type Primitive } from '../primitive.js';
import { column, decomposition, mT, matrix, onDiagonal, outputs, product, row, zero } from './common.js';

/** 1/x, and 0 where x is 0. */
const inverseOrZero = (x: NDArray): NDArray => { const none = eq(x, 0); return select(none, zero(x), div(1, select(none, 1, x))); };
const total = (...parts: (NDArray | null)[]): NDArray | null => parts.reduce((a, b) => (a && b ? add(a, b) : a ?? b), null);

/** The cotangent of a = u·s·vᵀ in reduced form, of those of u, s and vᵀ. */
function svdPullback([u, s, vt]: readonly NDArray[], [ctU, ctS, ctVt]: readonly (NDArray | null)[]): NDArray | null {
  const [m, n, k] = [u.shape[u.ndim - 2], vt.shape[vt.ndim - 1], s.shape[s.ndim - 1]];
  const squares = mul(s, s);
  // Fᵢⱼ = 1/(sⱼ² - sᵢ²), 0 where both are equal
  const skew = (x: NDArray) => mul(inverseOrZero(sub(row(squares), column(squares))), sub(x, mT(x)));
  // u·(diag(s̄) + F∘(uᵀ·ū - ūᵀ·u)·s + s·F∘(vᵀ·v̄ - v̄ᵀ·v))·vᵀ
  const inner = total(
    ctS && select(onDiagonal(k), column(ctS), zero(s)),
    ctU && mul(skew(product(mT(u), ctU)), row(s)),
    ctVt && mul(column(s), skew(product(vt, mT(ctVt)))),
  );
  const within = inner && product(product(u, inner), vt);
  const inverse = inverseOrZero(s);
  // (1 - u·uᵀ)·ū·s⁻¹·vᵀ and u·s⁻¹·v̄ᵀ·(1 - v·vᵀ): what leaves the space that u, or v, spans
  const beyondU = ctU && m > k ? mul(ctU, row(inverse)) : null;
  const beyondV = ctVt && n > k ? mul(ctVt, column(inverse)) : null;
  return total(
    within,
    beyondU && product(sub(beyondU, product(u, product(mT(u), beyondU))), vt),
    beyondV && product(u, sub(beyondV, product(product(beyondV, mT(vt)), vt))),
  );
}

/** [u, s, vᵀ] with singular values descending, u and v in reduced or full form; s alone without `vectors`. */
export const svdP: Primitive<{ vectors: boolean; full: boolean }> = decomposition({
  name: 'svd',
  op: ({ vectors }) => (vectors ? 'Svd' : 'Svdvals'),
  attributes: ({ vectors, full }): Record<string, number> => (vectors ? { full: Number(full) } : {}),
  shape: ([a], { vectors, full }) => {
    const given = matrix('svd', a);
    const { m, n } = given;
    const k = Math.min(m, n);
    return vectors ? outputs(given, [m, full ? m : k], [k], [full ? n : k, n]) : outputs(given, [k]);
  },
  vjp: (inputs, { vectors, full }) => {
    const [m, n] = inputs[0].shape.slice(-2);
    const square = m === n;
    const results = bind(svdP, inputs, { vectors: true, full: vectors && full && !square });
    return {
      outputs: vectors ? results : [results[1]],
      pullback: (cts) => {
        if (!vectors) return [svdPullback(results, [null, cts[0], null])];
        if (!full || square) return [svdPullback(results, cts)];
        if (cts[0] || cts[2]) throw new TypeError(`svd: all singular vectors of ${m}×${n} matrices have no derivative; use fullMatrices: false.`);
        return [svdPullback(bind(svdP, inputs, { vectors: true, full: false }), cts)];
      },
    };
  },
});
/** [u, s, vᵀ]. */
export const svd = (x: NDArray, full: boolean): [NDArray, NDArray, NDArray] => bind(svdP, [x], { vectors: true, full }) as [NDArray, NDArray, NDArray];
export const svdvals = (x: NDArray): NDArray => bind(svdP, [x], { vectors: false, full: false })[0];

/** The pseudo-inverse; singular values up to `rtol` (one for each matrix) times the largest count as 0. */
export const pinvP: Primitive<Record<string, never>> = decomposition({
  name: 'pinv',
  op: () => 'Pinv',
  shape: ([a, rtol]) => {
    const { lead, m, n } = matrix('pinv', a);
    if (!dims.equalShapes(rtol.shape, lead)) throw new ShapeError(`pinv: rtol has shape ${formatShape(rtol.shape)}; it must have one number for each matrix, ${formatShape(lead)}.`);
    return [aval([...lead, n, m], requireSameDType('pinv', [a, rtol]))];
  },
  // ā = -pᵀ·p̄·pᵀ + (1 - a·p)·p̄ᵀ·p·pᵀ + pᵀ·p·p̄ᵀ·(1 - p·a), as long as the rank stays
  vjp: (inputs) => {
    const [p] = bind(pinvP, inputs);
    return {
      outputs: [p],
      pullback: ([ct]) => {
        if (!ct) return [null, null];
        const [a] = inputs;
        const [pt, left, right] = [mT(p), product(product(mT(ct), p), mT(p)), product(mT(p), product(p, mT(ct)))];
        const sum = add(sub(left, product(a, product(p, left))), sub(right, product(product(right, p), a)));
        return [add(neg(product(product(pt, ct), pt)), sum), null];
      },
    };
  },
});
export const pinv = (x: NDArray, rtol: NDArray): NDArray => bind(pinvP, [x, rtol])[0];
