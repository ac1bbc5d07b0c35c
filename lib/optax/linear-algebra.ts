/** Linear algebra for optimizers, after `optax._src.linear_algebra`. */
import { lax, numpy as jnp, random, type Array } from '../jax/index.js';
import { ShapeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import type { Params, Scalar } from './base.js';
import { treeNorm, treeScale, treeSub, treeVdot } from './tree/math.js';

const normalizeTree = (x: Params): Params => treeScale(jnp.divide(1, treeNorm(x)), x);

export interface PowerIterationOptions {
  /** Where to begin: random by default, from `key`. Required where the matrix is a function. */
  v0?: Params | null;
  numIters?: number;
  errorTolerance?: number;
  key?: Array | null;
}
/**
 * The eigenvalue of largest magnitude, and its vector, of a symmetric matrix or of a linear function of trees. As
 * `optax.power_iteration`.
 *
 * @example
 * const [value, vector] = optax.powerIteration(jnp.array([[2, 1], [1, 3]]));
 */
export function powerIteration(matrix: Array | ((v: Params) => Params), options?: PowerIterationOptions): [eigenvalue: Array, eigenvector: Params] {
  const { v0 = null, numIters = 100, errorTolerance = 1e-6, key = null } = checkOptions('optax.powerIteration', options, ['v0', 'numIters', 'errorTolerance', 'key']);
  if (typeof matrix === 'function' && v0 === null) throw new ValueError('optax.powerIteration: where the matrix is a function, v0 must be given: it says of what shape its vectors are.');
  const product = typeof matrix === 'function' ? matrix : (v: Params): Params => jnp.matmul(matrix, v);
  const given = v0 ?? random.uniform(key ?? random.PRNGKey(0), [(matrix as Array).shape.at(-1)!] as number[], { dtype: (matrix as Array).dtype, minval: -1, maxval: 1 } as never);
  const first = normalizeTree(given);
  const begin = { vector: first, image: product(first), value: jnp.zeros([]), turn: jnp.zeros([], { dtype: 'int32' }) };
  const found = lax.whileLoop(
    ({ vector, image, value, turn }: typeof begin) => {
      const error = jnp.abs(treeNorm(treeSub(image, treeScale(value, vector))).div(value));
      return jnp.logicalAnd(jnp.logicalNot(error.lt(errorTolerance)), turn.lt(numIters));
    },
    ({ image, turn }: typeof begin) => {
      const vector = normalizeTree(image);
      const next = product(vector);
      return { vector, image: next, value: treeVdot(vector, next).astype('float32'), turn: turn.add(1) };
    }, begin) as typeof begin;
  return [found.value, normalizeTree(found.image)];
}

export interface InversePthRootOptions { numIters?: number; ridgeEpsilon?: number; errorTolerance?: number }
/**
 * matrix^(-1/p) of a symmetric positive matrix by a coupled Newton iteration, and its error. As
 * `optax.matrix_inverse_pth_root`. Guo and Higham, A Schur-Newton method for the matrix pth root and its inverse, 2006.
 *
 * @example
 * const [root, error] = optax.matrixInversePthRoot(jnp.array([[2, 1], [1, 3]]), 4);
 *
 * @param p 1, 2, 4 or 8
 */
export function matrixInversePthRoot(matrix: Array, p: number, options?: InversePthRootOptions): [root: Array, error: Array] {
  const { numIters = 100, ridgeEpsilon = 1e-6, errorTolerance = 1e-6 } = checkOptions('optax.matrixInversePthRoot', options, ['numIters', 'ridgeEpsilon', 'errorTolerance']);
  if (![1, 2, 4, 8].includes(p)) throw new ValueError(`optax.matrixInversePthRoot: p must be 1, 2, 4 or 8, but got ${p}.`);
  const n = matrix.shape[0]!;
  const alpha = -1 / p;
  const ridge = jnp.multiply(ridgeEpsilon, jnp.maximum(powerIteration(matrix)[0], 1e-16));
  if (n === 1) return [jnp.power(matrix.add(ridge), alpha), jnp.zeros([])];
  const identity = jnp.eye(n);
  const damped = matrix.astype('float32').add(ridge.mul(identity));
  const z = jnp.divide((1 + p) / 2, jnp.linalg.norm(damped));
  const errorOf = (m: Array): Array => jnp.max(jnp.abs(m.sub(identity)));
  const power = (m: Array): Array => { let out = m; for (let q = 1; q < p; q *= 2) out = jnp.matmul(out, out); return out; };
  const m0 = damped.mul(z);
  const h0 = identity.mul(jnp.power(z, 1 / p));
  const begin = { turn: jnp.zeros([], { dtype: 'int32' }), m: m0, h: h0, before: h0, error: errorOf(m0), good: jnp.ones([], { dtype: 'bool' }) };
  const found = lax.whileLoop(
    (s: typeof begin) => jnp.logicalAnd(s.turn.lt(numIters), jnp.logicalAnd(s.error.gt(errorTolerance), s.good)),
    (s: typeof begin) => {
      const step = identity.mul(1 - alpha).add(s.m.mul(alpha));
      const m = jnp.matmul(power(step), s.m);
      const error = errorOf(m);
      return { turn: s.turn.add(1), m, h: jnp.matmul(s.h, step), before: s.h, error, good: error.lt(s.error.mul(1.2)) };
    }, begin) as typeof begin;
  return [jnp.where(found.good, found.h, found.before).astype(matrix.dtype), errorOf(found.m)];
}

/**
 * The x ≥ 0 that makes ‖Ax - b‖ least, by `iters` accelerated projected gradient steps. As `optax.nnls`. Polyak, Accelerated
 * gradient methods revisited, 2015.
 *
 * @example
 * const x = optax.nnls(jnp.array([[1, 2], [3, 4]]), jnp.array([1, 1]), 100);
 *
 * @param a [m, n]
 * @param b [m] or [m, k]
 * @param options `l`: a bound of the eigenvalues of AᵀA; found by default
 */
export function nnls(a: Array, b: Array, iters: number, options?: { unroll?: number | boolean; l?: Scalar | null }): Array {
  const { unroll = 1, l = null } = checkOptions('optax.nnls', options, ['unroll', 'l']);
  if (a.ndim !== 2 || b.ndim < 1 || b.ndim > 2 || a.shape[0] !== b.shape[0]) throw new ShapeError(`optax.nnls: a [m, n] and b [m] or [m, k] were expected, but got [${a.shape}] and [${b.shape}].`);
  const [q, c] = [jnp.matmul(a.T, a), jnp.matmul(a.T, b)];
  const bound = l ?? (q.size === 0 ? jnp.zeros([]) : jnp.minimum(jnp.linalg.norm(q), jnp.max(jnp.sum(jnp.abs(q), { axis: 0 }))));
  const rate = jnp.where(jnp.equal(bound, 0), 1, bound);
  const x0 = jnp.zeros([a.shape[1]!, ...b.shape.slice(1)] as number[], { dtype: b.dtype });
  const [[x]] = lax.scan((([x, p, t]: [Array, Array, Array]) => {
    const next = jnp.add(1, jnp.sqrt(jnp.square(t).mul(4).add(1))).div(2);
    const xNext = jnp.maximum(p.sub(jnp.matmul(q, p).sub(c).div(rate)), 0).astype(x.dtype);
    return [[xNext, xNext.add(t.sub(1).div(next).mul(xNext.sub(x))).astype(x.dtype), next], null];
  }) as never, [x0, x0, jnp.zeros([])], null, { length: iters, unroll }) as [[Array, Array, Array], unknown];
  return x;
}

/** A normal distribution without covariances, by its mean and the logarithm of its deviations. */
export class MultiNormalDiagFromLogScale {
  constructor(readonly loc: Array, readonly logScale: Array) {}
  get params(): [Array, Array] { return [this.loc, this.logScale]; }
  /** Samples [...shape, ...parameters]. */
  sample(shape: readonly number[], key: Array): Array {
    return random.normal(key, [...shape, ...jnp.broadcastShapes(this.loc.shape, this.logScale.shape)] as number[]).mul(jnp.exp(this.logScale)).add(this.loc);
  }
  /** The logarithm of the density, summed over the parameters' axes. */
  logProb(x: Array): Array {
    const z = x.sub(this.loc).div(jnp.exp(this.logScale));
    const each = jnp.multiply(-0.5, jnp.square(z)).sub(this.logScale).sub(0.5 * Math.log(2 * Math.PI));
    const rank = jnp.broadcastShapes(this.loc.shape, this.logScale.shape).length;
    return jnp.sum(each, { axis: globalThis.Array.from({ length: rank }, (_, i) => -(i + 1)) });
  }
}
/**
 * A normal distribution with a deviation for every number. As `optax.multi_normal`; deviations are what the name says, where
 * Optax takes them for variances in `log_prob`.
 *
 * @example
 * const sample = optax.multiNormal(jnp.zeros([2]), jnp.zeros([2])).sample([3], random.PRNGKey(0));
 */
export const multiNormal = (loc: Array, logScale: Array): MultiNormalDiagFromLogScale => new MultiNormalDiagFromLogScale(loc, logScale);
