import { expect } from 'chai';
import { defaultBackend, deviceCount, deviceGet, devices, lax, numpy as jnp, scipy, vmap } from '../../lib/jax/index.js';
import { expectClose, numbers, onEveryEngine, thrown } from './helpers.js';

const { linalg } = scipy;

describe('compositions', () => {
  onEveryEngine('mulhi is the upper half of the product, of every integer dtype', () => {
    const edges = [0n, 1n, -1n, 3n, 12345n, -99999999n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 63n - 1n, -(2n ** 63n), 0x123456789abcdefn, -0x76543210fedcban];
    for (const [dtype, bits, signed] of [['int8', 8, true], ['uint8', 8, false], ['int16', 16, true], ['uint16', 16, false], ['int32', 32, true], ['uint32', 32, false], ['int64', 64, true], ['uint64', 64, false]] as const) {
      const values = edges.map((v) => (signed ? BigInt.asIntN(bits, v) : BigInt.asUintN(bits, v)));
      const pairs = values.flatMap((x) => values.map((y) => [x, y]));
      const given = (i: number) => (signed ? jnp.array(BigInt64Array.from(pairs, (p) => p[i])) : jnp.array(BigUint64Array.from(pairs, (p) => p[i]))).astype(dtype);
      expect((lax.mulhi(given(0), given(1)).tolist() as (number | bigint)[]).map(BigInt), dtype).to.deep.equal(pairs.map(([x, y]) => (x * y) >> BigInt(bits)));
    }
  });

  onEveryEngine('reducePrecision rounds as the narrow dtypes do', () => {
    const x = jnp.concatenate([numbers(3, [64], -70000, 70000), numbers(4, [64], -1e-4, 1e-4).mul(numbers(5, [64])), jnp.array([0, -0, Infinity, -Infinity, NaN, 65519, 65520, 3.4e38])]);
    expectClose(lax.reducePrecision(x, 8, 7), x.astype('bfloat16').astype('float32'), 0);
    // Subnormal numbers of the format become zeros.
    const half = jnp.where(jnp.less(jnp.abs(x), 2 ** -14), jnp.copysign(0, x), x).astype('float16').astype('float32');
    expectClose(lax.reducePrecision(x, 5, 10), half, 0);
  });

  it('shapes of convolutions', () => {
    expect(lax.convShapeTuple([4, 3, 9, 8], [5, 3, 3, 2], [2, 1], 'SAME', { batchGroupCount: 2 })).to.deep.equal([2, 5, 5, 8]);
    const layouts = ['NHWC', 'HWIO', 'NHWC'] as const;
    const [x, kernel] = [numbers(1, [2, 9, 8, 3]), numbers(2, [3, 2, 3, 5])];
    for (const padding of ['SAME', 'VALID', [[1, 0], [2, 3]]] as const) {
      expect(lax.convGeneralShapeTuple(x.shape, kernel.shape, [2, 1], padding, layouts)).to.deep.equal([...lax.convGeneralDilated(x, kernel, [2, 1], padding, { dimensionNumbers: layouts }).shape]);
    }
    for (const padding of ['SAME', 'VALID'] as const) {
      expect(lax.convTransposeShapeTuple(x.shape, [3, 2, 5, 3], [2, 1], padding, ['NHWC', 'HWOI', 'NHWC'])).to.deep.equal([...lax.convTranspose(x, kernel, [2, 1], padding, { dimensionNumbers: layouts }).shape]);
    }
  });

  it('matrices that are known are exact', () => {
    const h = linalg.hadamard(8).astype('float32');
    expectClose(jnp.matmul(h, h.T), jnp.eye(8).mul(8), 0);
    expectClose(jnp.matmul(linalg.helmert(5, { full: true }), linalg.helmert(5, { full: true }).T), jnp.eye(5), 1e-6);
    expectClose(jnp.matmul(linalg.pascal(6), linalg.invpascal(6)), jnp.eye(6), 0);
    expectClose(jnp.matmul(linalg.hilbert(4), linalg.invhilbert(4)), jnp.eye(4), 1e-3);
    expect(thrown(() => linalg.hadamard(6)).message).to.match(/power of 2, got 6/);
  });

  onEveryEngine('a tridiagonal system whose first diagonal elements are zero', () => {
    const [l, d, u] = [[9, 1, 2, 3], [0, 0, 1, 1], [1, 2, 1, 9]].map((x) => jnp.array(x, { dtype: 'float64' }));
    const b = numbers(2, [4, 3], -1, 1, 'float64');
    const dense = jnp.array([[0, 1, 0, 0], [1, 0, 2, 0], [0, 2, 1, 1], [0, 0, 3, 1]], { dtype: 'float64' });
    expectClose(jnp.matmul(dense, lax.linalg.tridiagonalSolve(l, d, u, b)), b, 1e-12);
  });

  onEveryEngine('polar, qrMultiply and expmFrechet are what they say', () => {
    const a = numbers(7, [2, 4, 3]);
    const [u, p] = linalg.polar(a);
    expectClose(jnp.matmul(u, p), a, 1e-5);
    expectClose(jnp.matmul(jnp.matrixTranspose(u), u), jnp.stack([jnp.eye(3), jnp.eye(3)]), 1e-5);
    const [q, r] = linalg.qrMultiply(a, jnp.eye(3), { mode: 'left' });
    expectClose(jnp.matmul(q, r), a, 1e-5);
    const [x, e] = [numbers(1, [3, 3], -1, 1, 'float64'), numbers(2, [3, 3], -1, 1, 'float64')];
    const moved = linalg.expm(x.add(e.mul(1e-5))).sub(linalg.expm(x.sub(e.mul(1e-5)))).mul(5e4);
    expectClose(linalg.expmFrechet(x, e, { computeExpm: false }), moved, 1e-8);
  });

  it('exchanges refuse positions that are not there', () => {
    const along = (f: (x: any) => any) => thrown(() => vmap(f, { axisName: 'i' })(jnp.zeros([2, 3]))).message;
    expect(along((x) => lax.ppermute(x, 'i', [[0, 2]]))).to.match(/^ppermute: .* below 2, got \[\[0,2\]\]/);
    expect(along((x) => lax.pshuffle(x, 'i', [0, 0]))).to.match(/^pshuffle: expected a permutation of 2/);
    expect(along((x) => lax.allToAll(x, 'i', 0, 0))).to.match(/^allToAll: axis 0 of f32\[3\] must have the named axis' size 2/);
  });

  it('questions about devices', () => {
    expect([deviceCount(), deviceCount('cpu'), defaultBackend()]).to.deep.equal([devices().length, 1, 'cpu']);
    expect(deviceGet({ x: [jnp.ones([2])] }).x[0].tolist()).to.deep.equal([1, 1]);
  });
  it('kinds of dtypes have names', () => {
    expect([jnp.floating, jnp.inexact, jnp.number, jnp.generic, jnp.integer, jnp.complexfloating].map((kind) => jnp.issubdtype('bfloat16', kind))).to.deep.equal([true, true, true, true, false, false]);
    expect([jnp.integer, jnp.unsignedinteger, jnp.signedinteger].map((kind) => jnp.issubdtype(jnp.uint, kind))).to.deep.equal([true, true, false]);
    expect(jnp.zeros([1], { dtype: jnp.double }).dtype).to.equal('float64');
    expect(thrown(() => jnp.dtype('int3' as any)).message).to.match(/^jnp\.dtype: unknown dtype 'int3'/);
  });
  it('frequencies, and zero in the middle', () => {
    expect(jnp.fft.fftfreq(5, { d: 0.5 }).mul(2.5).tolist()).to.deep.equal([0, 1, 2, -2, -1]);
    expect(jnp.fft.fftfreq(4).mul(4).tolist()).to.deep.equal([0, 1, -2, -1]);
    expect(jnp.fft.rfftfreq(5).shape).to.deep.equal([3]);
    expect(jnp.fft.fftshift(jnp.arange(5)).tolist()).to.deep.equal([3, 4, 0, 1, 2]);
    const x = numbers(1, [2, 3, 5]);
    expectClose(jnp.fft.ifftshift(jnp.fft.fftshift(x, { axes: [0, -1] }), { axes: [0, -1] }), x, 0);
    expect(thrown(() => jnp.fft.fftfreq(0)).message).to.match(/^jnp\.fft\.fftfreq: n must be/);
  });
});
