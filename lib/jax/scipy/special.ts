/** `jax.scipy.special`, as far as models and losses use it. */
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Scalar, type NDArray } from '../array.js';
import { customJvp } from '../custom.js';
import * as soft from '../nn/index.js';
import { abs, add, bitwiseAnd, bitwiseOr, div, eq, floor, ge, gt, lt, mul, ne, neg, rem, select, sub } from '../primitives/arithmetic.js';
import * as functions from '../primitives/functions.js';
import * as special from '../primitives/special.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo } from '../primitives/shape.js';
import { broadcastShapes } from '../dims.js';
import { inexact } from '../numpy/promotion.js';
import * as gaussian from './gaussian.js';
import type { Axis } from '../numpy/reductions.js';

export { logsumexp } from '../numpy/reductions.js';
export * from './special-compositions.js';

const unary = (name: string, f: (x: NDArray) => NDArray) => (x: Operand): NDArray => f(inexact(`scipy.special.${name}`, x)[0]);
/** Both operands in one dtype and shape. */
function pair(name: string, x: Operand, y: Operand): [NDArray, NDArray] {
  const [a, b] = inexact(`scipy.special.${name}`, x, y);
  const shape = broadcastShapes(`scipy.special.${name}`, a.shape, b.shape);
  return [expandTo(a, shape), expandTo(b, shape)];
}

export const erf = unary('erf', functions.erf);
export const erfc = unary('erfc', special.erfc);
export const erfinv = unary('erfinv', functions.erfInv);
/** 1/(1 + e⁻ˣ). */
export const expit = unary('expit', functions.logistic);
/** log(x/(1 - x)), the inverse of `expit`. */
export const logit = unary('logit', (x) => functions.log(div(x, sub(1, x))));

/** Φ, the standard normal distribution function. */
export const ndtr = unary('ndtr', gaussian.ndtr);
/** Its logarithm, exact far below 0 too. */
export const logNdtr = unary('logNdtr', gaussian.logNdtr);
/** Φ⁻¹; ±Infinity at 0 and 1, NaN outside. */
export const ndtri = unary('ndtri', gaussian.ndtri);

/** log |Γ(x)|. */
export const gammaln = unary('gammaln', special.lgamma);
/** log Γ(x), NaN where Γ is not positive throughout. */
export const loggamma = unary('loggamma', (x) => select(gt(x, 0), special.lgamma(select(gt(x, 0), x, 1)), NaN));
/** The sign of Γ(x), NaN at its poles. */
export const gammasgn = unary('gammasgn', (x) => {
  const below = floor(x);
  const odd = ne(rem(below, 2), 0);
  const pole = bitwiseAnd(lt(x, 0), eq(x, below));
  const negative = bitwiseOr(bitwiseAnd(lt(x, 0), odd), eq(div(1, x), -Infinity));
  const one = new Scalar(1, x.dtype, false);
  return select(bitwiseOr(pole, ne(x, x)), NaN, select(negative, neg(one), one));
});
const gammaFunction = unary('gamma', (x) => mul(gammasgn(x), functions.exp(special.lgamma(x))));
/** Γ(x). */
export { gammaFunction as gamma };
/** n!, 0 below 0. */
export const factorial = unary('factorial', (n) => {
  const some = ge(n, 0);
  return select(some, functions.exp(special.lgamma(add(select(some, n, 0), 1))), new Scalar(0, n.dtype, false));
});
export const digamma = unary('digamma', special.digamma);
/** The n-th derivative of `digamma`. */
export const polygamma = (n: Operand, x: Operand): NDArray => special.polygamma(...pair('polygamma', n, x));
/** Hurwitz's zeta function. */
export const zeta = (x: Operand, q: Operand): NDArray => special.zeta(...pair('zeta', x, q));
/** The regularized incomplete gamma functions, from below and from above. */
export const gammainc = (a: Operand, x: Operand): NDArray => special.igamma(...pair('gammainc', a, x));
export const gammaincc = (a: Operand, x: Operand): NDArray => special.igammac(...pair('gammaincc', a, x));
/** log |B(a, b)|. */
export function betaln(a: Operand, b: Operand): NDArray {
  const [x, y] = pair('betaln', a, b);
  return add(special.lgamma(x), sub(special.lgamma(y), special.lgamma(add(x, y))));
}
/** B(a, b). */
export function beta(a: Operand, b: Operand): NDArray {
  const [x, y] = pair('beta', a, b);
  return mul(mul(gammasgn(x), mul(gammasgn(y), gammasgn(add(x, y)))), functions.exp(betaln(x, y)));
}
/** The regularized incomplete beta function. */
export const betainc = (a: Operand, b: Operand, x: Operand): NDArray => special.betainc(...inexact('scipy.special.betainc', a, b, x) as [NDArray, NDArray, NDArray]);
/** log of the gamma function of `d` dimensions. */
export const multigammaln = (a: Operand, d: number): NDArray => {
  if (!Number.isInteger(d) || d < 1) throw new ValueError(`scipy.special.multigammaln: the dimension must be a whole number above 0, got ${String(d)}.`);
  const [x] = inexact('scipy.special.multigammaln', a);
  const constant: NDArray = new Scalar(d * (d - 1) / 4 * Math.log(Math.PI), x.dtype);
  return [...globalThis.Array(d).keys()].map((i) => special.lgamma(sub(x, i / 2))).reduce((p, q) => add(p, q), constant);
};
/** Modified Bessel functions of order 0 and 1; with `e`, times exp(-|x|). */
export const i0e = unary('i0e', special.besselI0e);
export const i1e = unary('i1e', special.besselI1e);
export const i0 = unary('i0', (x) => mul(functions.exp(abs(x)), special.besselI0e(x)));
export const i1 = unary('i1', (x) => mul(functions.exp(abs(x)), special.besselI1e(x)));

/** `f` where x is not 0 (or y is NaN), else 0. */
const whereSome = (x: NDArray, y: NDArray, f: NDArray): NDArray => select(bitwiseOr(ne(x, 0), ne(y, y)), f, new Scalar(0, x.dtype, false));
// The derivatives are log(y) and x/y where x is 0 too: there the gradient of a selection would be 0 instead.
const xlogyOf = customJvp((x: NDArray, y: NDArray) => whereSome(x, y, mul(x, functions.log(y))));
xlogyOf.defjvp(([x, y], [dx, dy]) => [xlogyOf(x, y), add(mul(dx, functions.log(y)), div(mul(dy, x), y))]);
const xlog1pyOf = customJvp((x: NDArray, y: NDArray) => whereSome(x, y, mul(x, functions.log1p(y))));
xlog1pyOf.defjvp(([x, y], [dx, dy]) => [xlog1pyOf(x, y), add(mul(dx, functions.log1p(y)), div(mul(dy, x), add(1, y)))]);
/** x·log(x) with the derivative log(x) + 1, of which a part alone may be infinite. */
const xlogx = customJvp((x: NDArray) => xlogyOf(x, x));
xlogx.defjvp(([x], [dx]) => [xlogx(x), mul(dx, add(functions.log(x), 1))]);

/** x·log(y), 0 where x is 0. */
export const xlogy = (x: Operand, y: Operand): NDArray => xlogyOf(...pair('xlogy', x, y));
/** x·log(1 + y), 0 where x is 0. */
export const xlog1py = (x: Operand, y: Operand): NDArray => xlog1pyOf(...pair('xlog1py', x, y));
/** -x·log(x), 0 at 0 and -Infinity below. */
export const entr = unary('entr', (x) => select(lt(x, 0), -Infinity, neg(xlogx(x))));
/** p·log(p/q), 0 where p is 0 and Infinity where either is negative. */
export function relEntr(p: Operand, q: Operand): NDArray {
  const [a, b] = pair('relEntr', p, q);
  const inside = bitwiseAnd(gt(a, 0), gt(b, 0));
  const [x, y] = [select(inside, a, 1), select(inside, b, 1)];
  return select(inside, sub(xlogx(x), xlogyOf(x, y)), select(bitwiseAnd(eq(a, 0), ge(b, 0)), new Scalar(0, a.dtype, false), Infinity));
}
/** p·log(p/q) - p + q. */
export function klDiv(p: Operand, q: Operand): NDArray {
  const [a, b] = pair('klDiv', p, q);
  return add(sub(relEntr(a, b), a), b);
}
const whole = (name: string, f: typeof soft.softmax) => (x: Operand, options?: { axis?: Axis }): NDArray => {
  const { axis = null } = checkOptions(`scipy.special.${name}`, options, ['axis']);
  const a = asArray(x, `scipy.special.${name}`);
  return f(a, { axis: axis ?? [...a.shape.keys()] });
};
/** eˣ in shares of 1 along `axis`, of all elements by default. */
export const softmax = whole('softmax', soft.softmax);
/** Its logarithm. */
export const logSoftmax = whole('logSoftmax', soft.logSoftmax);
