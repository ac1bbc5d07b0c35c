import { expect } from 'chai';
import { grad, jit, lax, numpy as jnp, scipy, vmap, type Array } from '../../lib/jax/index.js';
import { expectAllClose, expectClose, flat, numbers, onEveryEngine, thrown } from './helpers.js';

const { linalg } = jnp;
const T = linalg.matrixTranspose;
const square = (seed: number, n = 3) => numbers(seed, [n, n], -1, 1, 'float64').add(jnp.eye(n, { dtype: 'float64' }).mul(2));
const f64 = (rows: number[][]): Array => jnp.array(rows, { dtype: 'float64' });
const shapes = (xs: Array[]): string => xs.map(String).join(' ');

describe('linear algebra', () => {
  onEveryEngine('decompositions put their matrices together again', () => {
    for (const [m, n] of [[3, 3], [4, 2], [2, 4]]) {
      const a = numbers(m * n, [2, m, n], -1, 1, 'float64');
      const k = Math.min(m, n);
      const [u, s, vt] = linalg.svd(a);
      expect(shapes([u, s, vt])).to.equal(`f64[2,${m},${m}] f64[2,${k}] f64[2,${n},${n}]`);
      const part = (x: Array, rows: number, columns: number) => lax.slice(x, [0, 0, 0], [2, rows, columns]);
      expectClose(jnp.matmul(jnp.multiply(part(u, m, k), jnp.expandDims(s, 1)), part(vt, k, n)), a, 1e-13);
      for (const mode of ['reduced', 'complete'] as const) {
        const [q, r] = linalg.qr(a, { mode });
        expect(shapes([q, r])).to.equal(mode === 'reduced' ? `f64[2,${m},${k}] f64[2,${k},${n}]` : `f64[2,${m},${m}] f64[2,${m},${n}]`);
        expectClose(jnp.matmul(q, r), a, 1e-13);
        expectClose(jnp.matmul(T(q), q), jnp.broadcastTo(jnp.eye(q.shape[2], { dtype: 'float64' }), [2, q.shape[2], q.shape[2]]), 1e-13);
      }
      const [p, l, upper] = scipy.linalg.lu(a.index(1));
      expectClose(jnp.matmul(p, jnp.matmul(l, upper)), a.index(1), 1e-13);
      expectClose(jnp.matmul(...scipy.linalg.lu(a.index(1), { permuteL: true })), a.index(1), 1e-13);
    }
    const a = square(3);
    expectAllClose(jit(lax.linalg.lu)(a), lax.linalg.lu(a), 0);
    const [lu, pivots, permutation] = lax.linalg.lu(jnp.stack([a, T(a)]));
    expect(shapes([lu, pivots, permutation])).to.equal('f64[2,3,3] i32[2,3] i32[2,3]');
    expectClose(lax.linalg.luPivotsToPermutation(pivots, 3), permutation, 0);
    const [v, w] = lax.linalg.eigh(a);
    expectAllClose([w, v], linalg.eigh(a), 0);
    expectAllClose(linalg.svd(a.add(T(a)).sub(6), { hermitian: true })[1], linalg.svdvals(a.add(T(a)).sub(6)), 1e-13);
  });

  it('solves: vectors, batches of matrices, transposes, factors', () => {
    const [a, b] = [square(5), numbers(6, [2, 3, 2], -1, 1, 'float64')];
    expect(shapes([linalg.solve(a, b), linalg.solve(a, b.index(0)), linalg.solve(jnp.stack([a, a]), jnp.ones(3))])).to.equal('f64[2,3,2] f64[3,2] f64[2,3]');
    expectClose(jnp.matmul(a, linalg.solve(a, b)), b, 1e-13);
    for (const trans of [0, 1] as const) {
      expectClose(jnp.matmul(trans ? T(a) : a, scipy.linalg.luSolve(scipy.linalg.luFactor(a), b, { trans })), b, 1e-13);
      for (const lower of [false, true]) {
        const triangle = lower ? jnp.tril(a) : jnp.triu(a);
        expectClose(jnp.matmul(trans ? T(triangle) : triangle, scipy.linalg.solveTriangular(a, b, { lower, trans: trans ? 'T' : 'N' })), b, 1e-13);
        const left = lax.linalg.triangularSolve(a, T(b.index(0)), { lower, transposeA: trans === 1 });
        expectClose(jnp.matmul(left, trans ? T(triangle) : triangle), T(b.index(0)), 1e-13);
      }
    }
    const definite = jnp.matmul(a, T(a));
    for (const lower of [false, true]) {
      const factor = scipy.linalg.choFactor(definite, { lower });
      expectClose(scipy.linalg.choSolve(factor, b.index(1)), linalg.solve(definite, b.index(1)), 1e-12);
      expectClose(scipy.linalg.solve(definite, jnp.ones(3), { assumeA: 'pos', lower }), linalg.solve(definite, jnp.ones(3)), 1e-12);
    }
    // Of a Cholesky factor only its triangle is read, and upper factors are transposes of lower ones.
    expectClose(scipy.linalg.cholesky(jnp.triu(definite)), T(linalg.cholesky(definite)), 1e-13);
    // Two vectors for two matrices, and a batch of right-hand sides that becomes columns.
    const stacked = jnp.stack([a, T(a)]);
    expectClose(scipy.linalg.solveTriangular(stacked, b.index(0).reshape([3, 2]).transpose(), { lower: true }).index(1), scipy.linalg.solveTriangular(T(a), T(b.index(0)).index(1), { lower: true }), 1e-14);
    expectClose(vmap(linalg.solve, { inAxes: [null, 0] })(a, b), linalg.solve(a, b), 1e-14);
  });

  it('least squares, ranks and conditions', () => {
    const a = f64([[1, 1], [1, 1], [1, 1]]);
    const [x, residuals, rank, s] = linalg.lstsq(a, jnp.array([1, 2, 3]).astype('float64'));
    expectClose(x, jnp.array([1, 1]).astype('float64'), 1e-14);
    expectClose(residuals, jnp.array([2]).astype('float64'), 1e-14);
    expect([rank.item(), s.shape]).to.deep.equal([1, [2]]);
    expect(flat(linalg.matrixRank(jnp.stack([a, a.add(jnp.eye(3, { m: 2, dtype: 'float64' }))])))).to.deep.equal([1, 2]);
    expect(linalg.matrixRank(jnp.array([0, 0])).item()).to.equal(0);
    expect(linalg.matrixRank(jnp.diag(jnp.array([3, 0.5, 1])), { rtol: 0.9 }).item()).to.equal(2);
    expect([undefined, 2, -2, 1, Infinity, 'fro' as const].map((p) => Math.round(linalg.cond(jnp.diag(jnp.array([4, 2])), { p }).item() * 100))).to.deep.equal([200, 200, 50, 200, 200, 250]);
    expect(linalg.cond(f64([[1, 1], [1, 1]]), { p: 1 }).item()).to.equal(Infinity);
    expect(linalg.pinv(a, { rtol: 1e-3 }).index(0, 0).item()).to.be.closeTo(1 / 6, 1e-15);
  });

  it('norms', () => {
    const a = f64([[3, -4], [1, 2]]);
    const values: [Parameters<typeof linalg.norm>[1], number][] = [
      [{}, Math.sqrt(30)], [{ ord: 1 }, 6], [{ ord: -1 }, 4], [{ ord: Infinity }, 7], [{ ord: -Infinity }, 3], [{ ord: 'fro' }, Math.sqrt(30)], [{ ord: 2 }, linalg.svdvals(a).index(0).item()],
      [{ ord: -2 }, linalg.svdvals(a).index(1).item()], [{ ord: 'nuc' }, jnp.sum(linalg.svdvals(a)).item()],
    ];
    for (const [options, expected] of values) {
      expect(linalg.norm(a, options).item(), JSON.stringify(options)).to.be.closeTo(expected, 1e-14);
      expect(linalg.norm(jnp.stack([a, a]), { ord: options!.ord ?? 'fro', axis: [1, 2], keepdims: true }).shape).to.deep.equal([2, 1, 1]);
    }
    expect([0, 1, 2, 3, Infinity, -Infinity].map((ord) => flat(linalg.norm(jnp.array([0, 3, -4]), { ord }))[0].toFixed(3))).to.deep.equal(['2.000', '7.000', '5.000', '4.498', '4.000', '0.000']);
    expect(flat(linalg.norm(a, { axis: 0, ord: 1 }))).to.deep.equal([4, 6]);
    expect(linalg.vectorNorm(a, { axis: [0, 1], keepdims: true }).shape).to.deep.equal([1, 1]);
    expect(linalg.vectorNorm(jnp.zeros([0]), { ord: Infinity }).item()).to.equal(0);
  });

  it('what is singular, not definite, empty or no number', () => {
    expect(flat(linalg.cholesky(f64([[1, 2], [2, 1]])))).to.deep.equal([NaN, 0, NaN, NaN]);
    const singular = f64([[1, 2, 3, 4], [2, 4, 6, 8], [1, 0, 1, 0], [0, 1, 0, 2]]);
    expect(linalg.det(singular).item()).to.equal(0);
    expect(linalg.slogdet(singular).map((x) => x.item())).to.deep.equal([0, -Infinity]);
    // The gradient of a determinant are cofactors, which singular matrices have too.
    const cofactor = linalg.det(f64([[4, 6, 8], [0, 1, 0], [1, 0, 2]])).item();
    expect(flat(grad(linalg.det)(singular))[0]).to.be.closeTo(cofactor, 1e-12);
    expect(flat(linalg.inv(jnp.zeros([1, 1])))).to.deep.equal([Infinity]);
    expect(linalg.det(jnp.zeros([2, 0, 0])).tolist()).to.deep.equal([1, 1]);
    expect(shapes([linalg.inv(jnp.zeros([0, 0])), linalg.solve(jnp.zeros([0, 2, 2]), jnp.ones(2)), ...linalg.eigh(jnp.zeros([0, 0])), ...linalg.svd(jnp.zeros([2, 0]))])).to.equal('f32[0,0] f32[0,2] f32[0] f32[0,0] f32[2,2] f32[0] f32[0,0]');
    expect(flat(linalg.eigvalsh(f64([[NaN, 0], [0, 1]])))).to.deep.equal([NaN, NaN]);
    // Where only singular values have a derivative, they have it also beside vectors that are not asked for.
    expectClose(grad((x: Array) => jnp.sum(linalg.svd(x)[1]))(square(2).index({ start: 0, stop: 2 })), grad((x: Array) => linalg.norm(x, { ord: 'nuc' }))(square(2).index({ start: 0, stop: 2 })), 1e-13);
  });

  it('integers become floats, half floats stay', () => {
    const whole = jnp.array(Int32Array.of(2, 1, 1, 3)).reshape([2, 2]);
    expect(shapes([linalg.det(whole), linalg.inv(whole), linalg.norm(whole), ...linalg.eigh(whole)])).to.equal('f32[] f32[2,2] f32[] f32[2] f32[2,2]');
    expect(linalg.matrixPower(whole, 2).tolist()).to.deep.equal([[5, 5], [5, 10]]);
    expect(shapes([linalg.matrixPower(whole, 0), linalg.solve(whole.astype('bfloat16'), jnp.ones(2).astype('bfloat16')), linalg.det(whole.astype('float16')), scipy.linalg.expm(whole.astype('float16'))])).to.equal('i32[2,2] bf16[2] f16[] f16[2,2]');
  });

  it('products, tensors and blocks', () => {
    const [x, y] = [numbers(1, [2, 3, 6]), numbers(2, [2, 3])];
    expectClose(jnp.tensordot(x, linalg.tensorsolve(x, y), { axes: 1 }), y, 1e-4);
    expectClose(jnp.tensordot(linalg.tensorinv(x), y, { axes: 2 }), linalg.tensorsolve(x, y), 1e-4);
    expect(linalg.multiDot([jnp.ones(2), jnp.ones([2, 3]), jnp.ones([3, 4]), jnp.ones(4)]).item()).to.equal(24);
    expect(linalg.cross(jnp.array([1, 0, 0]), f64([[0, 1, 0], [0, 0, 1]])).tolist()).to.deep.equal([[0, 0, 1], [0, -1, 0]]);
    expect(linalg.vecdot(jnp.ones([3, 2]), jnp.ones([3, 1]), { axis: 0 }).tolist()).to.deep.equal([3, 3]);
    expect(linalg.trace(jnp.ones([2, 3, 4]), { offset: 2 }).tolist()).to.deep.equal([2, 2]);
    expect(scipy.linalg.blockDiag(f64([[1, 2]]), 3, jnp.array([4])).tolist()).to.deep.equal([[1, 2, 0, 0], [0, 0, 3, 0], [0, 0, 0, 4]]);
    expectClose(lax.linalg.symmetricProduct(y, jnp.eye(2), { alpha: 2, beta: 3, symmetrizeOutput: true }), jnp.matmul(y, T(y)).mul(2).add(jnp.eye(2).mul(3)), 1e-6);
    expectClose(scipy.linalg.expm(f64([[0, 30], [-30, 0]])), f64([[Math.cos(30), Math.sin(30)], [-Math.sin(30), Math.cos(30)]]), 1e-12);
    expect(flat(scipy.linalg.expm(jnp.eye(2).mul(1e6), { maxSquarings: 3 }))).to.deep.equal([NaN, NaN, NaN, NaN]);
  });

  it('scipy.special and the normal distribution', () => {
    const { special, stats } = scipy;
    expect(flat(special.xlogy(jnp.array([0, 0, 0, 2]), jnp.array([0, -1, NaN, 1])))).to.deep.equal([0, 0, NaN, 0]);
    expect(flat(special.xlog1py(jnp.array([0, 1]), jnp.array([-1, 0])))).to.deep.equal([0, 0]);
    expect(flat(special.entr(jnp.array([0, 1, -1]))).map((v) => v + 0)).to.deep.equal([0, 0, -Infinity]);
    expect(flat(special.relEntr(jnp.array([0, 1, 1, -1]), jnp.array([1, 1, 0, 1])))).to.deep.equal([0, 0, Infinity, Infinity]);
    expect(flat(grad((x: Array) => jnp.sum(special.xlogy(x, 3)))(jnp.array([0, 2])))[0]).to.be.closeTo(Math.log(3), 1e-6);
    expect(flat(special.klDiv(0.5, 0.25))[0]).to.be.closeTo(0.5 * Math.log(2) - 0.25, 1e-6);
    expect(jnp.sum(special.softmax(jnp.ones([2, 3]))).item()).to.be.closeTo(1, 1e-6);
    expectClose(special.expit(special.logit(jnp.array([0.2, 0.7]))), jnp.array([0.2, 0.7]), 1e-6);
    expect(stats.norm.pdf(1, 1, 2).item()).to.be.closeTo(0.19947114, 1e-7);
    for (const dtype of ['float32', 'float64'] as const) {
      // Probabilities far into the tail, there and back.
      const x = jnp.array([-30, -10, -8, -5, -1, 0, 2], { dtype });
      expectClose(special.ndtri(lax.exp(special.logNdtr(x.index({ start: 1 })))), x.index({ start: 1 }), dtype === 'float32' ? 2e-5 : 1e-12);
      expectClose(special.logNdtr(x).index({ stop: 2 }), jnp.array([-454.3212439563432, -53.23128515051248], { dtype }), 1e-7);
      expectClose(stats.norm.logcdf(x), stats.norm.logsf(jnp.negative(x)), 0);
      expect(flat(special.ndtri(jnp.array([0, 1, 0.5, -0.1, NaN], { dtype }))).map((v) => v + 0)).to.deep.equal([-Infinity, Infinity, 0, NaN, NaN]);
      expectClose(stats.norm.isf(jnp.array([0.2], { dtype }), 1, 2), stats.norm.ppf(jnp.array([0.8], { dtype }), 1, 2), 1e-6);
    }
    expect(flat(special.gammasgn(jnp.array([-2.5, -1.5, -1, 0, 3])))).to.deep.equal([-1, 1, NaN, 1, 1]);
    expect(flat(special.factorial(jnp.array([0, 3, -2]))).map(Math.round)).to.deep.equal([1, 6, 0]);
  });

  it('what does not fit is refused by name', () => {
    const wide = jnp.ones([2, 3]);
    const whole = jnp.array(Int32Array.of(1, 2, 3, 4)).reshape([2, 2]);
    const cases: [() => unknown, RegExp, string][] = [
      [() => linalg.cholesky(wide), /jnp.linalg.cholesky: expected square matrices, got f32\[2,3\]/, 'SHAPE'], [() => linalg.det(jnp.ones(3)), /jnp.linalg.det: expected a matrix or a batch of them, got f32\[3\]/, 'SHAPE'],
      [() => lax.linalg.cholesky(whole), /cholesky: expected a floating-point array, got int32/, 'TYPE'], [() => lax.linalg.lu(jnp.ones(3)), /lu: expected a matrix/, 'SHAPE'],
      [() => lax.linalg.triangularSolve(square(1), jnp.ones([3, 1]), { leftSide: true }), /dtypes float64 and float32/, 'TYPE'], [() => lax.linalg.triangularSolve(jnp.eye(3), jnp.ones([2, 1]), { leftSide: true }), /f32\[2,1\] does not fit f32\[3,3\]/, 'SHAPE'],
      [() => linalg.solve(jnp.eye(3), jnp.ones([2, 1])), /jnp.linalg.solve: right-hand sides f32\[2,1\] do not fit f32\[3,3\]/, 'SHAPE'], [() => linalg.norm(wide, { ord: 3 }), /ord 3 is no norm of matrices/, 'VALUE'],
      [() => linalg.norm(jnp.ones(3), { ord: 'fro' }), /'fro' is no norm of vectors/, 'VALUE'], [() => linalg.norm(jnp.ones([2, 2, 2]), { ord: 1 }), /needs one axis or two different ones/, 'SHAPE'],
      [() => linalg.qr(wide, { mode: 'raw' as never }), /unknown mode 'raw'/, 'VALUE'], [() => linalg.eigh(wide), /jnp.linalg.eigh: expected square/, 'SHAPE'], [() => linalg.eigh(jnp.eye(2), { UPLO: 'X' as never }), /UPLO must be/, 'VALUE'],
      [() => linalg.matrixPower(jnp.eye(2), 0.5), /whole number, got 0.5/, 'TYPE'], [() => linalg.multiDot([wide, wide]), /f32\[2,3\] and f32\[2,3\] do not fit/, 'SHAPE'], [() => linalg.multiDot([wide]), /at least two arrays/, 'VALUE'],
      [() => linalg.lstsq(wide, jnp.ones(3)), /as many rows, got f32\[2,3\] and f32\[3\]/, 'SHAPE'], [() => linalg.cross(wide, jnp.ones(2)), /broadcast|3 elements/, 'SHAPE'], [() => linalg.tensorinv(wide, { ind: 1 }), /different products, 2 and 3/, 'SHAPE'],
      [() => linalg.tensorsolve(jnp.ones([2, 3, 6]), wide.reshape([3, 2])), /does not fit/, 'SHAPE'], [() => linalg.cond(jnp.ones([0, 2])), /empty/, 'SHAPE'], [() => linalg.pinv(wide, { rtol: 1, rcond: 1 }), /the same; give one/, 'VALUE'],
      [() => linalg.svd(wide, { fullMatrice: true } as never), /did you mean 'fullMatrices'/, 'TYPE'], [() => scipy.linalg.choSolve(jnp.eye(2) as never, jnp.ones(2)), /as choFactor gives it/, 'VALUE'],
      [() => scipy.linalg.solveTriangular(jnp.eye(2), jnp.ones(2), { trans: 3 as never }), /trans must be/, 'VALUE'], [() => lax.linalg.luPivotsToPermutation(jnp.ones(2), 2), /expected int32 pivots, got f32\[2\]/, 'TYPE'],
      [() => grad((x: Array) => jnp.sum(linalg.svd(x)[0]))(wide), /have no derivative; use fullMatrices: false/, 'TYPE'], [() => grad((x: Array) => jnp.sum(linalg.qr(x)[0]))(wide), /at least as many rows/, 'TYPE'],
    ];
    for (const [f, pattern, code] of cases) {
      const error = thrown(f);
      expect(error.message, String(f)).to.match(pattern);
      expect(error.code, String(f)).to.equal(code);
    }
  });
});
