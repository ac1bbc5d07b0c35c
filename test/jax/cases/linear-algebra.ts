/** Decompositions and solves, and jax.scipy. */
import { lax, numpy as jnp, scipy, type Array } from '../../../lib/jax/index.js';
import { unary, type Case } from './base.js';

const { linalg } = jnp;
const smooth = (name: string, f: Case['f'], ...shapes: number[][]): Case => ({ name, f, shapes, smooth: true, own: true });
const standard = (name: string, f: Case['f'], ...shapes: number[][]): Case => ({ ...smooth(name, f, ...shapes), own: false });
/** Positive definite, well away from singular. */
const definite = (x: Array): Array => jnp.matmul(x, linalg.matrixTranspose(x)).add(jnp.eye(x.shape[x.ndim - 1], { dtype: x.dtype }));
/** Not symmetric, with eigenvalues and singular values well apart. */
const apart = (x: Array): Array => x.mul(0.2).add(jnp.diag(jnp.arange(1, x.shape[x.ndim - 1] + 1).astype(x.dtype)));
const tall = (x: Array): Array => jnp.concatenate([apart(x.index({ start: 0, stop: 2 })), x.index({ start: 2 })]);
const flat = (xs: Array[]): Array[] => xs;

export const LINEAR_ALGEBRA: readonly Case[] = [
  smooth('cholesky', (x) => linalg.cholesky(definite(x)), [3, 3]), smooth('cholesky in batches', (x) => linalg.cholesky(definite(x), { upper: true }), [2, 2, 2]),
  smooth('triangularSolve', (x, y) => lax.linalg.triangularSolve(apart(x), y, { leftSide: true }), [3, 3], [3, 2]),
  smooth('triangularSolve lower transposed', (x, y) => lax.linalg.triangularSolve(apart(x), y, { leftSide: true, lower: true, transposeA: true }), [3, 3], [3]),
  smooth('triangularSolve from the right', (x, y) => lax.linalg.triangularSolve(apart(x), y, { lower: true, unitDiagonal: true }), [3, 3], [2, 3]),
  smooth('solve', (x, y) => linalg.solve(apart(x), y), [3, 3], [3]), smooth('solve many', (x, y) => linalg.solve(apart(x), y), [2, 2], [2, 2, 3]),
  smooth('inv', (x) => linalg.inv(apart(x)), [3, 3]), smooth('det', linalg.det, [3, 3]), smooth('slogdet', (x) => linalg.slogdet(apart(x))[1], [3, 3]),
  smooth('lu', (x) => lax.linalg.lu(apart(x))[0], [3, 3]), smooth('lu of wide matrices', (x) => lax.linalg.lu(x.add(jnp.eye(2, { m: 3, dtype: x.dtype }).mul(4)))[0], [2, 3]),
  smooth('lu of tall matrices', (x) => lax.linalg.lu(tall(x.mul(0.2)))[0], [3, 2]),
  smooth('eigh', (x) => flat(linalg.eigh(apart(x))), [3, 3]), smooth('eigvalsh', (x) => linalg.eigvalsh(apart(x)), [3, 3]),
  smooth('svd', (x) => flat(linalg.svd(apart(x))), [3, 3]), smooth('svd of tall matrices', (x) => flat(linalg.svd(tall(x), { fullMatrices: false })), [4, 2]),
  smooth('svd of wide matrices', (x) => flat(linalg.svd(linalg.matrixTranspose(tall(x)), { fullMatrices: false })), [3, 2]), smooth('svdvals', (x) => linalg.svdvals(tall(x)), [3, 2]),
  smooth('pinv', (x) => linalg.pinv(tall(x)), [3, 2]), smooth('lstsq', (x, y) => linalg.lstsq(tall(x), y)[0], [3, 2], [3]), smooth('qr of square matrices', (x) => flat(linalg.qr(apart(x))), [3, 3]),
  smooth('norm nuclear', (x) => linalg.norm(tall(x), { ord: 'nuc' }), [3, 2]), standard('norm 3', (x) => linalg.vectorNorm(x.add(3), { ord: 3, axis: 1 }), [2, 3]), standard('matrixNorm', (x) => linalg.matrixNorm(x), [2, 2, 3]),
  smooth('cond', (x) => linalg.cond(apart(x)), [3, 3]), standard('matrixPower', (x) => linalg.matrixPower(x, 3), [2, 2]), smooth('matrixPower -2', (x) => linalg.matrixPower(apart(x), -2), [2, 2]),
  standard('multiDot', (x, y, z) => linalg.multiDot([x, y, z]), [2, 3], [3, 2], [2]), standard('linalg.cross', (x, y) => linalg.cross(x, y), [2, 3], [3]), standard('linalg.vecdot', (x, y) => linalg.vecdot(x, y), [2, 3], [3]),
  smooth('tensorsolve', (x, y) => linalg.tensorsolve(jnp.reshape(apart(x), [2, 2, 4]), y), [4, 4], [2, 2]),
  smooth('scipy solve', (x, y) => scipy.linalg.solve(definite(x), y, { assumeA: 'pos' }), [3, 3], [3]), smooth('choSolve', (x, y) => scipy.linalg.choSolve(scipy.linalg.choFactor(definite(x)), y), [2, 2], [2, 1]),
  smooth('expm', (x) => scipy.linalg.expm(x), [2, 2]),
  unary('logit', scipy.special.logit, 0.2, 0.8), unary('entr', scipy.special.entr, 0.2, 2), unary('ndtr', scipy.special.ndtr), unary('logNdtr', scipy.special.logNdtr, -2, 2), unary('ndtri', scipy.special.ndtri, 0.1, 0.9),
  standard('xlogy', (x, y) => scipy.special.xlogy(x, lax.exp(y)), [2, 3], [3]), standard('xlog1py', (x, y) => scipy.special.xlog1py(x, lax.exp(y)), [3], [3]),
  standard('relEntr', (x, y) => scipy.special.relEntr(lax.exp(x), lax.exp(y)), [3], [3]), standard('klDiv', (x, y) => scipy.special.klDiv(lax.exp(x), lax.exp(y)), [3], [3]),
  standard('betaln', (x, y) => scipy.special.betaln(lax.exp(x), lax.exp(y)), [3], [3]), unary('gamma function', scipy.special.gamma, 0.6, 3),
  standard('norm.logpdf', (x, y, z) => scipy.stats.norm.logpdf(x, y, lax.exp(z)), [3], [], [1]), standard('norm.cdf', (x, y) => scipy.stats.norm.cdf(x, y), [3], [3]), standard('norm.logsf', (x) => scipy.stats.norm.logsf(x, 0.5, 2), [3]),
];
