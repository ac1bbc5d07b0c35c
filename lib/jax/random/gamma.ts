/** The gamma distribution and what is made of it. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError } from '../../runtime/errors.js';
import { Scalar, type NDArray } from '../array.js';
import { bind, type Jaxpr } from '../core.js';
import { dims, type Shape } from '../dims.js';
import type { DType } from '../dtypes.js';
import { whileLoop } from '../lax/control-flow.js';
import { softmax } from '../primitives/softmax.js';
import { any } from '../numpy/reductions.js';
import { checkShape } from '../numpy/promotion.js';
import * as lax from '../primitives/arithmetic.js';
import { exp, log, sqrt } from '../primitives/functions.js';
import { thunks, type Operand, type Primitive } from '../primitives/primitive.js';
import { checkKey } from '../primitives/random.js';
import { expandTo, inFront, reduceSum, reshape } from '../primitives/shape.js';
import { randomGammaGrad } from '../primitives/special.js';
import { traceProgram } from '../programs.js';
import { TINY, float, parameter, rows, shapeFor, splitKeys, together, uniformFrom, type DTypeOption } from './common.js';
import { exponentialOf, sampler } from './continuous.js';
import { normalOf } from './normal.js';
import { rademacher } from './uniform.js';

/** `mask ? x : y` for values of one number, or one key, an element. */
const choose = (mask: NDArray, xs: readonly NDArray[], ys: readonly NDArray[]): NDArray[] =>
  xs.map((x, i) => lax.select(x.ndim > mask.ndim ? reshape(mask, [...mask.shape, 1]) : mask, x, ys[i]));

/** Marsaglia and Tsang's rejection method for keys [n, 2] and parameters [n], each element with its own key; JAX's order of splits. */
function rejection(keys: NDArray, a: NDArray, logSpace: boolean): NDArray {
  const { dtype, shape } = a;
  const full = (value: number) => expandTo(new Scalar(value, dtype, false), shape);
  const large = lax.ge(a, 1);
  const d = lax.sub(lax.select(large, a, lax.add(a, 1)), 1 / 3);
  const c = lax.div(1 / 3, sqrt(d));
  const rejected = ([, squares, cubes, u]: readonly NDArray[]): NDArray => lax.bitwiseAnd(
    lax.ge(u, lax.sub(1, lax.mul(0.0331, lax.square(squares)))),
    lax.ge(log(u), lax.add(lax.mul(squares, 0.5), lax.mul(d, lax.add(lax.sub(1, cubes), log(cubes))))));
  const [key, boostKey] = rows(splitKeys(keys, 2));
  const [, , accepted] = whileLoop((state: NDArray[]) => any(rejected(state)), (state: NDArray[]) => {
    const open = rejected(state);
    const [next, normalKey, uniformKey] = rows(splitKeys(state[0], 3));
    const [, x, v] = whileLoop((inner: NDArray[]) => any(lax.bitwiseAnd(open, lax.le(inner[2], 0))), (inner: NDArray[]) => {
      const [following, own] = rows(splitKeys(inner[0], 2));
      const drawn = normalOf(own, [], dtype);
      return choose(lax.le(inner[2], 0), [following, drawn, lax.add(1, lax.mul(drawn, c))], inner);
    }, [normalKey, full(0), full(-1)]) as NDArray[];
    return choose(open, [next, lax.square(x), lax.mul(lax.mul(v, v), v), uniformFrom(uniformKey, [], dtype)], state);
  }, [key, full(0), full(1), full(2)]) as NDArray[];
  // Below 1 the variate of a + 1 is multiplied with u^(1/a).
  if (!logSpace) return lax.mul(lax.mul(d, accepted), lax.select(large, full(1), lax.pow(lax.sub(1, uniformFrom(boostKey, [], dtype)), lax.div(1, a))));
  const logs = lax.neg(exponentialOf(boostKey, [], dtype));
  const boost = lax.select(lax.bitwiseOr(large, lax.eq(logs, 0)), full(0), lax.mul(logs, lax.div(1, a)));
  return lax.add(lax.add(log(d), log(accepted)), boost);
}

/**
 * Gamma variates of parameters [...b, ...rest] from keys [...b, 2]. Its program takes its place; it is a primitive for
 * the sake of its derivative, which is that of the quantile that was drawn.
 */
const randomGammaP: Primitive<{ logSpace: boolean; jaxpr: Jaxpr }> = {
  name: 'random_gamma',
  inline: true,
  shape: (_inputs, { jaxpr }) => jaxpr.outputs.map((v) => v.aval),
  vjp: thunks(() => randomGammaP, (ct, [, a], [drawn], { logSpace }) => [null, () => {
    if (!logSpace) return lax.mul(ct, randomGammaGrad(a, drawn));
    const sample = exp(drawn);
    const positive = lax.select(lax.eq(sample, 0), new Scalar(TINY[a.dtype], a.dtype, false), sample);
    return lax.mul(ct, lax.div(randomGammaGrad(a, positive), positive));
  }]),
  batch: ([keys, a], axes, { logSpace }, { size }) => [[gammaOf(inFront(keys, axes[0], size), inFront(a, axes[1], size), logSpace)], [0]],
  lower: () => { throw new Error('random_gamma is lowered as its program.'); },
};
function gammaOf(keys: NDArray, a: NDArray, logSpace: boolean): NDArray {
  const jaxpr = traceProgram([keys.aval, a.aval], (k, x) => {
    const n = dims.size(x.shape);
    const each = splitKeys(k, dims.size(x.shape.slice(k.ndim - 1)));
    return [reshape(rejection(reshape(each, [n, 2]), reshape(x, [n]), logSpace), x.shape)];
  });
  return bind(randomGammaP, [keys, a], { logSpace, jaxpr })[0];
}
const gammas = (k: NDArray, a: NDArray, shape: Shape, logSpace: boolean): NDArray => gammaOf(k, expandTo(a, shape), logSpace);
const half = (x: NDArray): NDArray => lax.div(x, 2);

/** Gamma's distribution of parameter `a` with scale 1; differentiable in `a`. */
export const gamma = (k: NDArray, a: Operand, shape?: Shape | null, options?: DTypeOption): NDArray =>
  sampler('gamma', k, [a], shape, options, (kk, to, _dtype, x) => gammas(kk, x, to, false));
/** The logarithm of a gamma variate, exact where that underflows. */
export const loggamma = (k: NDArray, a: Operand, shape?: Shape | null, options?: DTypeOption): NDArray =>
  sampler('loggamma', k, [a], shape, options, (kk, to, _dtype, x) => gammas(kk, x, to, true));
/** The beta distribution: x / (x + y), two gamma variates. */
export const beta = (k: NDArray, a: Operand, b: Operand, shape?: Shape | null, options?: DTypeOption): NDArray =>
  sampler('beta', k, [a, b], shape, options, (kk, to, _dtype, x, y) => {
    const [first, second] = rows(splitKeys(kk, 2));
    const logs = [gammas(first, x, to, true), gammas(second, y, to, true)];
    const top = lax.max(logs[0], logs[1]);
    const [p, q] = logs.map((v) => exp(lax.sub(v, top)));
    return lax.div(p, lax.add(p, q));
  });
/** Dirichlet's distribution over the last axis of `alpha`; `shape` is that of its other axes. */
export function dirichlet(k: NDArray, alpha: NDArray, shape?: Shape | null, options?: DTypeOption): NDArray {
  const { dtype = 'float32' } = checkOptions('random.dirichlet', options, ['dtype']);
  float('random.dirichlet', dtype);
  checkKey('random.dirichlet', k);
  if (alpha.ndim === 0) throw new ShapeError('random.dirichlet: expected parameters of rank 1 or more, got a scalar.');
  const n = alpha.shape[alpha.ndim - 1];
  const to = shapeFor('random.dirichlet', shape, alpha.shape.slice(0, -1));
  return together((kk, a) => softmax(gammas(kk, a, [...to, n], true), to.length), k, parameter(alpha, dtype));
}

const chisquareOf = (k: NDArray, df: NDArray, shape: Shape): NDArray => lax.mul(exp(gammas(k, half(df), shape, true)), 2);
/** χ² with `df` degrees of freedom. */
export const chisquare = (k: NDArray, df: Operand, shape?: Shape | null, options?: DTypeOption): NDArray =>
  sampler('chisquare', k, [df], shape, options, (kk, to, _dtype, n) => chisquareOf(kk, n, to));
/** Student's t with `df` degrees of freedom. */
export const t = (k: NDArray, df: Operand, shape?: Shape | null, options?: DTypeOption): NDArray =>
  sampler('t', k, [df], shape, options, (kk, to, dtype, n) => {
    const [normalKey, gammaKey] = rows(splitKeys(kk, 2));
    return lax.mul(normalOf(normalKey, to, dtype), sqrt(lax.div(half(n), gammas(gammaKey, half(n), to, false))));
  });
/** Fisher's F: the ratio of two χ², each divided by its degrees of freedom. */
export const f = (k: NDArray, dfnum: Operand, dfden: Operand, shape?: Shape | null, options?: DTypeOption): NDArray =>
  sampler('f', k, [dfnum, dfden], shape, options, (kk, to, _dtype, n, m) => {
    const [below, above] = rows(splitKeys(kk, 2));
    return lax.div(lax.div(chisquareOf(above, n, to), n), lax.div(chisquareOf(below, m, to), m));
  });

const generalizedOf = (k: NDArray, p: NDArray, shape: Shape, dtype: DType): NDArray => {
  const [gammaKey, signKey] = rows(splitKeys(k, 2));
  const inverse = lax.div(1, p);
  return lax.mul(rademacher(signKey, shape, { dtype }), lax.pow(gammas(gammaKey, inverse, shape, false), inverse));
};
/** Density in proportion to exp(-|x|ᵖ). */
export function generalizedNormal(k: NDArray, p: Operand, shape: Shape = [], options?: DTypeOption): NDArray {
  const { dtype = 'float32' } = checkOptions('random.generalizedNormal', options, ['dtype']);
  float('random.generalizedNormal', dtype);
  checkKey('random.generalizedNormal', k);
  const to = checkShape('random.generalizedNormal', shape);
  return together((kk, q) => generalizedOf(kk, q, to, dtype), k, parameter(p, dtype));
}
/** Uniform in the unit ball of the p-norm in `d` dimensions, [...shape, d]; p is 2 by default. */
export function ball(k: NDArray, d: number, shape: Shape = [], options?: DTypeOption & { p?: Operand }): NDArray {
  const { dtype = 'float32', p = 2 } = checkOptions('random.ball', options, ['dtype', 'p']);
  float('random.ball', dtype);
  checkKey('random.ball', k);
  const to = checkShape('random.ball', shape);
  checkShape('random.ball', [d]);
  return together((kk, q) => {
    const [first, second] = rows(splitKeys(kk, 2));
    const x = generalizedOf(first, q, [...to, d], dtype);
    const norm = lax.pow(lax.add(reduceSum(lax.pow(lax.abs(x), q), [to.length]), exponentialOf(second, to, dtype)), lax.div(1, q));
    return lax.div(x, reshape(norm, [...to, 1]));
  }, k, parameter(p, dtype));
}
