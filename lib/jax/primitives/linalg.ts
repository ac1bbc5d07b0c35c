/** Matrix decompositions, by operators of our own. */
import { NDArray, Scalar, aval } from '../array.js';
import { bind } from '../core.js';
import { ShapeError, TypeError } from '../../runtime/errors.js';
import { primitive, requireFloat, type Primitive } from './primitive.js';
import { add, div, ge, neg, select } from './arithmetic.js';
import { dotGeneral } from './dot.js';
import { iota } from './indexing.js';
import { concatenate, expandTo, moveAxis, slice, transpose } from './shape.js';

const range = (n: number): number[] => [...globalThis.Array(n).keys()];

/** A matrix product over the last two axes, of transposes where told. */
function product(x: NDArray, y: NDArray, transposeX: boolean, transposeY: boolean): NDArray {
  const lead = range(x.ndim - 2);
  return dotGeneral(x, y, { contract: [[x.ndim - (transposeX ? 2 : 1)], [y.ndim - (transposeY ? 1 : 2)]], batch: [lead, lead] });
}

/** The inverse of upper triangular matrices, by halves: [A B; 0 C]⁻¹ = [A⁻¹ -A⁻¹·B·C⁻¹; 0 C⁻¹]. */
function inverseUpper(r: NDArray): NDArray {
  const n = r.shape[r.ndim - 1];
  if (n === 1) return div(1, r);
  const k = n >> 1;
  const part = (i: number, j: number, to: number, until: number) => slice(r, [...range(r.ndim - 2).map(() => 0), i, j], [...r.shape.slice(0, -2), to, until]);
  const [a, c] = [inverseUpper(part(0, 0, k, k)), inverseUpper(part(k, k, n, n))];
  const corner = neg(product(product(a, part(0, k, k, n), false, false), c, false, false));
  const zeros = expandTo(new Scalar(0, r.dtype, false), [...r.shape.slice(0, -2), n - k, k]);
  return concatenate([concatenate([a, corner], r.ndim - 1), concatenate([zeros, c], r.ndim - 1)], r.ndim - 2);
}

/** Householder QR of [.., m, n] in reduced form, signs as LAPACK's. */
export const qrP: Primitive<Record<string, never>> = primitive({
  name: 'qr',
  shape: ([a]) => {
    requireFloat('qr', a);
    if (a.shape.length < 2) throw new ShapeError(`qr: expected an array of rank 2 or more, got rank ${a.shape.length}.`);
    const [m, n] = a.shape.slice(-2);
    const k = Math.min(m, n);
    const lead = a.shape.slice(0, -2);
    return [aval([...lead, m, k], a.dtype), aval([...lead, k, n], a.dtype)];
  },
  // With M = R·R̄ᵀ - Q̄ᵀ·Q, mirrored from its lower triangle: Ā = (Q̄ + Q·mirror(M))·R⁻ᵀ.
  vjp: (inputs) => {
    const outputs = bind(qrP, inputs);
    return {
      outputs,
      pullback: ([ctQ, ctR]) => {
        const [q, r] = outputs;
        const [m, n] = q.shape.slice(-2);
        if (r.shape[r.ndim - 1] !== n) throw new TypeError(`qr: the gradient needs at least as many rows as columns, but the matrix is ${m}×${r.shape[r.ndim - 1]}.`);
        const parts = [ctR && product(r, ctR, false, true), ctQ && neg(product(ctQ, q, true, false))].filter((p) => p !== null);
        const sum = parts.length === 2 ? add(parts[0], parts[1]) : parts[0];
        const [rows, columns] = [iota('int32', [n, n], 0), iota('int32', [n, n], 1)];
        const swap = [...range(q.ndim - 2), q.ndim - 1, q.ndim - 2];
        const mirrored = select(ge(rows, columns), sum, transpose(sum, swap));
        const inner = product(q, mirrored, false, false);
        return [product(ctQ ? add(ctQ, inner) : inner, inverseUpper(r), false, true)];
      },
    };
  },
  batch: ([x], [axis]) => [bind(qrP, [moveAxis(x, axis!, 0)]), [0, 0]],
  lower: (g, inputs, _params, { outputs }) => {
    if (!g.custom) throw new TypeError('hokku.Qr has no standard form and cannot be written to a file for others.');
    const names = g.nodeWithOutputs('Qr', inputs, 2, {}, 'hokku');
    names.forEach((n, i) => g.declare(n, outputs[i].dtype, outputs[i].shape));
    return names;
  },
});
export const qr = (x: NDArray): [NDArray, NDArray] => bind(qrP, [x]) as [NDArray, NDArray];
