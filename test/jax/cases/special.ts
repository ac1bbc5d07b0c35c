/** Special functions. */
import { lax } from '../../../lib/jax/index.js';
import { unary, type Case } from './base.js';

const own = (c: Case): Case => ({ ...c, own: true });

export const SPECIAL: readonly Case[] = [
  unary('asin', lax.asin, -0.8, 0.8), unary('acos', lax.acos, -0.8, 0.8), unary('atan', lax.atan), unary('sinh', lax.sinh), unary('cosh', lax.cosh), unary('asinh', lax.asinh),
  unary('acosh', lax.acosh, 1.5, 3), unary('atanh', lax.atanh, -0.8, 0.8), unary('cbrt', lax.cbrt, 0.5, 3), unary('exp2', lax.exp2), unary('erfc', lax.erfc),
  unary('lgamma', lax.lgamma, 0.6, 4), unary('lgamma of negative numbers', lax.lgamma, -0.8, -0.2), unary('digamma', lax.digamma, 0.6, 4), unary('polygamma', (x) => lax.polygamma(2, x), 0.6, 3), unary('zeta', (x) => lax.zeta(2.5, x), 0.6, 3),
  own({ name: 'igamma', f: lax.igamma, shapes: [[3], [3]], low: 0.5, high: 4 }),
  own({ name: 'igammac', f: lax.igammac, shapes: [[2, 3], [3]], low: 0.5, high: 4 }),
  own(unary('betainc', (x) => lax.betainc(2, 1.5, x), 0.1, 0.9)),
  own(unary('besselI0e', lax.besselI0e, 0.3, 3)), own(unary('besselI1e', lax.besselI1e, 0.3, 3)),
];
