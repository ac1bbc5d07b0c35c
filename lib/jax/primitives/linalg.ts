/** Matrix decompositions, by operators of our own. */
import { NDArray, aval } from '../array.js';
import { bind } from '../core.js';
import { ShapeError, TypeError } from '../../runtime/errors.js';
import { primitive, requireFloat, type Primitive } from './primitive.js';
import { moveAxis } from './shape.js';

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
  vjp: null,
  batch: ([x], [axis]) => [bind(qrP, [moveAxis(x, axis!, 0)]), [0, 0]],
  lower: (g, inputs, _params, { outputs }) => {
    if (!g.custom) throw new TypeError('hokku.Qr has no standard form and cannot be written to a file for others.');
    const names = g.nodeWithOutputs('Qr', inputs, 2, {}, 'hokku');
    names.forEach((n, i) => g.declare(n, outputs[i].dtype, outputs[i].shape));
    return names;
  },
});
export const qr = (x: NDArray): [NDArray, NDArray] => bind(qrP, [x]) as [NDArray, NDArray];
