/** Distributions of counts: rejection and inversion in loops, JAX's algorithms and order of splits. */
import { checkOptions } from '../../runtime/options.js';
import { TypeError } from '../../runtime/errors.js';
import { Scalar, isArray, type NDArray } from '../array.js';
import { checkDType, isInteger, promoteDTypes, toInexact, type DType } from '../dtypes.js';
import type { Shape } from '../dims.js';
import { scan, whileLoop } from '../lax/control-flow.js';
import { any } from '../numpy/reductions.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { log, log1p, sqrt } from '../primitives/functions.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { checkKey } from '../primitives/random.js';
import { cumsum } from '../primitives/reduce.js';
import { expandTo, moveAxis } from '../primitives/shape.js';
import { lgamma } from '../primitives/special.js';
import { float, parameter, rows, shapeFor, splitKeys, together, uniformFrom, type DTypeOption } from './common.js';

const { abs, add, bitwiseAnd: and, bitwiseNot: not, bitwiseOr: or, ceil, div, eq, floor, ge, gt, le, lt, mul, ne, neg, select, square, sub } = lax;
const full = (shape: Shape, value: number | boolean, dtype: DType): NDArray => expandTo(new Scalar(value, dtype, false), shape);
type State = NDArray[];

/** Knuth: uniform numbers are multiplied until they fall below exp(-lam). */
function poissonByProducts(key: NDArray, lam: NDArray, dtype: DType): NDArray {
  const { shape } = lam;
  const open = (logs: NDArray): NDArray => gt(logs, neg(lam));
  const [count] = whileLoop(([, , logs]: State) => any(open(logs)), ([n, k, logs]: State) => {
    const [next, own] = rows(splitKeys(k, 2));
    return [select(open(logs), add(n, 1), n), next, add(logs, log(uniformFrom(own, shape, 'float32')))];
  }, [full(shape, 0, dtype), key, full(shape, 0, 'float32')]) as State;
  return sub(count, 1);
}
/** Hörmann's transformed rejection (PTRS). */
function poissonByRejection(key: NDArray, lam: NDArray, dtype: DType): NDArray {
  const { shape } = lam;
  const logLam = log(lam);
  const b = add(0.931, mul(2.53, sqrt(lam)));
  const a = add(-0.059, mul(0.02483, b));
  const inverseAlpha = add(1.1239, div(1.1328, sub(b, 3.4)));
  const limit = sub(0.9277, div(3.6224, sub(b, 2)));
  const [out] = whileLoop(([, done]: State) => any(not(done)), ([found, done, key0]: State) => {
    const [next, first, second] = rows(splitKeys(key0, 3));
    const [u, v] = [sub(uniformFrom(first, shape, 'float32'), 0.5), uniformFrom(second, shape, 'float32')];
    const us = sub(0.5, abs(u));
    const n = floor(add(add(mul(add(div(mul(2, a), us), b), u), lam), 0.43));
    const s = log(div(mul(v, inverseAlpha), add(div(a, square(us)), b)));
    const density = sub(add(neg(lam), mul(n, logLam)), lgamma(add(n, 1)));
    const reject = or(lt(n, 0), and(lt(us, 0.013), gt(v, us)));
    const accept = or(and(ge(us, 0.07), le(v, limit)), and(not(reject), le(s, density)));
    return [select(accept, n, found), or(done, accept), next];
  }, [full(shape, -1, 'float32'), full(shape, false, 'bool'), key]) as State;
  return convertElementType(out, dtype);
}
/** Poisson's distribution with mean `lam`. */
export function poisson(k: NDArray, lam: Operand, shape?: Shape | null, options?: DTypeOption): NDArray {
  const { dtype = 'int32' } = checkOptions('random.poisson', options, ['dtype']);
  if (!isInteger(checkDType(dtype, 'random.poisson'))) throw new TypeError(`random.poisson: expected an integer dtype, got ${dtype}.`);
  checkKey('random.poisson', k);
  const mean = parameter(lam, 'float32');
  const to = shapeFor('random.poisson', shape, mean);
  return together((kk, given) => {
    const m = expandTo(given, to);
    const small = or(ne(m, m), lt(m, 10));
    const result = select(small, poissonByProducts(kk, select(small, m, 0), dtype), poissonByRejection(kk, select(small, 1e5, m), dtype));
    return select(eq(m, 0), new Scalar(0, dtype, false), result);
  }, k, mean);
}

/** What Stirling's formula leaves out of log k!: its values up to 9, then three terms of its series. */
function stirlingTail(k: NDArray): NDArray {
  const table = [
    0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211, 0.0138761288230707,
    0.0118967099458917, 0.010411265261972, 0.00925546218271273, 0.00833056343336287,
  ];
  const clamped = lax.min(lax.max(k, 0), 9);
  const squares = square(add(clamped, 1));
  const series = div(sub(1 / 12, div(sub(1 / 360, div(1 / 1260, squares)), squares)), add(clamped, 1));
  const whole = floor(clamped);
  const known = table.reduceRight<NDArray>((value, v, i) => select(eq(whole, i), new Scalar(v, k.dtype, false), value), new Scalar(0, k.dtype, false));
  return select(le(k, 9), known, series);
}
/** Sums of geometric numbers until they pass `count`. */
function binomialByInversion(key: NDArray, count: NDArray, p: NDArray): NDArray {
  const { dtype, shape } = p;
  const scale = log1p(neg(p));
  const [trials] = whileLoop(([, total]: State) => any(le(total, count)), ([n, total, key0]: State) => {
    const [own, next] = rows(splitKeys(key0, 2));
    return [select(le(total, count), add(n, 1), n), add(total, ceil(div(log(uniformFrom(own, shape, dtype)), scale))), next];
  }, [full(shape, 0, dtype), full(shape, 0, dtype), key]) as State;
  return sub(trials, 1);
}
/** Hörmann's transformed rejection (BTRS). */
function binomialByRejection(key: NDArray, count: NDArray, p: NDArray): NDArray {
  const { dtype, shape } = p;
  const q = sub(1, p);
  const deviation = sqrt(mul(mul(count, p), q));
  const b = add(1.15, mul(2.53, deviation));
  const a = add(add(-0.0873, mul(0.0248, b)), mul(0.01, p));
  const c = add(mul(count, p), 0.5);
  const limit = sub(0.92, div(4.2, b));
  const r = div(p, q);
  const alpha = mul(add(2.83, div(5.1, b)), deviation);
  const m = floor(mul(add(count, 1), p));
  const [out] = whileLoop(([, done]: State) => any(not(done)), ([found, done, key0]: State) => {
    const [next, first, second] = rows(splitKeys(key0, 3));
    const [u, v] = [sub(uniformFrom(first, shape, dtype), 0.5), uniformFrom(second, shape, dtype)];
    const us = sub(0.5, abs(u));
    const n = floor(add(mul(add(div(mul(2, a), us), b), u), c));
    const reject = or(lt(n, 0), gt(n, count));
    const s = log(div(mul(v, alpha), add(div(a, square(us)), b)));
    const [failuresM, failuresN] = [sub(count, m), sub(count, n)];
    const bound = [
      mul(add(m, 0.5), log(div(add(m, 1), mul(r, add(failuresM, 1))))),
      mul(add(count, 1), log(div(add(failuresM, 1), add(failuresN, 1)))),
      mul(add(n, 0.5), log(div(mul(r, add(failuresN, 1)), add(n, 1)))),
      stirlingTail(m), stirlingTail(failuresM), neg(stirlingTail(n)), neg(stirlingTail(failuresN)),
    ].reduce((x, y) => add(x, y));
    const accept = or(and(ge(us, 0.07), le(v, limit)), and(not(reject), le(s, bound)));
    return [select(accept, n, found), or(done, accept), next];
  }, [full(shape, -1, dtype), full(shape, false, 'bool'), key]) as State;
  return out;
}
function binomialOf(key: NDArray, given: NDArray, p: NDArray): NDArray {
  const { dtype } = p;
  const nan = new Scalar(NaN, dtype, false);
  const below = lt(p, 0.5);
  const rare = select(below, p, sub(1, p));
  const badCount = or(ne(given, given), lt(given, 0));
  const infinite = eq(abs(given), Infinity);
  const badP = or(ne(rare, rare), lt(rare, 0));
  const q = select(badP, 0.01, rare);
  const few = or(badCount, le(mul(given, q), 10));
  const count = floor(given);
  let out = select(few, binomialByInversion(key, select(few, count, 0), q), binomialByRejection(key, select(few, 1e4, count), select(few, 0.5, q)));
  const invalid = or(badP, badCount);
  out = select(invalid, nan, out);
  out = select(and(infinite, not(invalid)), new Scalar(Infinity, dtype, false), out);
  return select(or(or(below, badCount), or(ne(rare, rare), infinite)), out, sub(count, out));
}
/** How many of `n` trials of probability `p` succeed, as floating-point numbers. */
export function binomial(k: NDArray, n: Operand, p: Operand, shape?: Shape | null, options?: DTypeOption): NDArray {
  const { dtype = 'float32' } = checkOptions('random.binomial', options, ['dtype']);
  float('random.binomial', dtype);
  checkKey('random.binomial', k);
  const of = isArray(p) ? toInexact(p.dtype) : 'float32';
  const [count, q] = [parameter(n, of), parameter(p, of)];
  const to = shapeFor('random.binomial', shape, count, q);
  return together((kk, c, pp) => convertElementType(binomialOf(kk, expandTo(c, to), expandTo(pp, to)), dtype), k, count, q);
}
/** How often each category of the last axis of `p` comes up in `n` trials: binomial counts of what the former ones left. */
export function multinomial(k: NDArray, n: Operand, p: NDArray, shape?: Shape | null, options?: DTypeOption): NDArray {
  const { dtype = 'float32' } = checkOptions('random.multinomial', options, ['dtype']);
  float('random.multinomial', dtype);
  checkKey('random.multinomial', k);
  const given = asArray(n, 'random.multinomial');
  const of = toInexact(isArray(n) && !given.weakType ? promoteDTypes(given.dtype, p.dtype) : p.dtype);
  const to = shapeFor('random.multinomial', shape, p.shape);
  return together((kk, trials, weights) => {
    const probabilities = moveAxis(expandTo(weights, to), to.length - 1, 0);
    const remaining = cumsum(probabilities, 0, true);
    const ratios = lax.min(lax.max(div(probabilities, select(eq(remaining, 0), 1, remaining)), 0), 1);
    const [, counts] = scan((left: NDArray, [ratio, key]: NDArray[]) => {
      const count = binomialOf(key, left, ratio);
      return [sub(left, count), count];
    }, expandTo(trials, to.slice(0, -1)), [ratios, splitKeys(kk, to[to.length - 1])]) as [NDArray, NDArray];
    return convertElementType(moveAxis(counts, 0, to.length - 1), dtype);
  }, k, parameter(n, of), convertElementType(p, of));
}
