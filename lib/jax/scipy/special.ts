/** `jax.scipy.special`, as far as models and losses use it. */
import { checkOptions } from '../../runtime/options.js';
import { Scalar, type NDArray } from '../array.js';
import * as soft from '../nn.js';
import { add, bitwiseAnd, bitwiseOr, div, eq, ge, gt, le, lt, mul, neg, select, sub } from '../primitives/arithmetic.js';
import * as functions from '../primitives/functions.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo } from '../primitives/shape.js';
import { broadcastShapes } from '../dims.js';
import { inexact } from '../numpy/promotion.js';
import type { Axis } from '../numpy/reductions.js';

export { logsumexp } from '../numpy/reductions.js';

const unary = (name: string, f: (x: NDArray) => NDArray) => (x: Operand): NDArray => f(inexact(`scipy.special.${name}`, x)[0]);
/** Both operands in one dtype and shape. */
function pair(name: string, x: Operand, y: Operand): [NDArray, NDArray] {
  const [a, b] = inexact(`scipy.special.${name}`, x, y);
  const shape = broadcastShapes(`scipy.special.${name}`, a.shape, b.shape);
  return [expandTo(a, shape), expandTo(b, shape)];
}

export const erf = unary('erf', functions.erf);
export const erfinv = unary('erfinv', functions.erfInv);
/** 1/(1 + e⁻ˣ). */
export const expit = unary('expit', functions.logistic);
/** log(x/(1 - x)), the inverse of `expit`. */
export const logit = unary('logit', (x) => functions.log(div(x, sub(1, x))));

const nowhere = (x: NDArray, y: NDArray): NDArray => bitwiseAnd(bitwiseAnd(eq(x, 0), eq(y, y)), le(y, 0));
/** x·log(y), 0 where x is 0. */
export function xlogy(x: Operand, y: Operand): NDArray {
  const [a, b] = pair('xlogy', x, y);
  // The logarithm of 1 stands where log(y) is no number that a zero x would make 0; NaN passes.
  return mul(a, functions.log(select(bitwiseOr(nowhere(a, b), bitwiseAnd(eq(a, 0), eq(b, Infinity))), 1, b)));
}
/** x·log(1 + y), 0 where x is 0. */
export function xlog1py(x: Operand, y: Operand): NDArray {
  const [a, b] = pair('xlog1py', x, y);
  return mul(a, functions.log1p(select(bitwiseOr(nowhere(a, add(b, 1)), bitwiseAnd(eq(a, 0), eq(b, Infinity))), 0, b)));
}
/** -x·log(x), 0 at 0 and -Infinity below. */
export const entr = unary('entr', (x) => {
  const below = lt(x, 0);
  const safe = select(below, 1, x);
  return select(below, -Infinity, neg(xlogy(safe, safe)));
});
/** p·log(p/q), 0 where p is 0 and Infinity where either is negative. */
export function relEntr(p: Operand, q: Operand): NDArray {
  const [a, b] = pair('relEntr', p, q);
  const inside = bitwiseAnd(gt(a, 0), gt(b, 0));
  const [x, y] = [select(inside, a, 1), select(inside, b, 1)];
  return select(inside, sub(xlogy(x, x), xlogy(x, y)), select(bitwiseAnd(eq(a, 0), ge(b, 0)), new Scalar(0, a.dtype, false), Infinity));
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
