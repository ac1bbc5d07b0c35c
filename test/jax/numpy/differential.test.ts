/** Corners where hokku once differed from JAX 0.10.2; the numbers are JAX's. */
import { expect } from 'chai';
import { checkpoint, grad, jit, jvp, lax, nn, numpy as jnp, ops, random, vmap, type Array } from '../../../lib/jax/index.js';
import { integerLimits } from '../../../lib/jax/dtypes.js';
import { expectClose } from '../helpers.js';

const f32 = (...values: number[]): Array => jnp.array(values, { dtype: 'float32' });
const int = (...values: number[]): Array => jnp.array(values, { dtype: 'int32' });
const bools = (...values: boolean[]): Array => jnp.array(values, { dtype: 'bool' });
const m = jnp.arange(6).reshape([2, 3]);

describe('JAX in its corners', () => {
  describe('shapes', () => {
    it('orders: reshape, ravel and lax.reshape', () => {
      expect(jnp.reshape(m, [3, -1], { order: 'F' }).tolist()).to.deep.equal([[0, 4], [3, 2], [1, 5]]);
      expect(jnp.ravel(m, { order: 'F' }).tolist()).to.deep.equal([0, 3, 1, 4, 2, 5]);
      expect(lax.reshape(m, [3, 2], { dimensions: [1, 0] }).tolist()).to.deep.equal([[0, 3], [1, 4], [2, 5]]);
      expect(() => jnp.reshape(m, [6], { order: 'A' as 'C' })).to.throw(/unknown order 'A'/);
    });
    it('methods take sizes and axes one by one', () => {
      expect(m.reshape(3, 2).tolist()).to.deep.equal([[0, 1], [2, 3], [4, 5]]);
      expect(m.transpose(1, 0).tolist()).to.deep.equal([[0, 3], [1, 4], [2, 5]]);
      expect(() => jnp.transpose(m, [0])).to.throw(/no permutation/);
    });
    it('an array is joined as the list of its slices', () => {
      expect(jnp.concatenate(m).tolist()).to.deep.equal([0, 1, 2, 3, 4, 5]);
      expect(jnp.stack(m, { axis: 1 }).tolist()).to.deep.equal([[0, 3], [1, 4], [2, 5]]);
    });
    it('splits refuse places that decrease or lie outside', () => {
      for (const places of [[2, 9], [-2], [3, 1]]) expect(() => jnp.split(jnp.zeros([5]), places), String(places)).to.throw(/must not decrease/);
      expect(jnp.split(jnp.zeros([5]), [0, 5]).map((x) => x.size)).to.deep.equal([0, 5, 0]);
    });
    it('rollaxis, one count for all, a traced roll', () => {
      expect(jnp.rollaxis(jnp.zeros([2, 3, 4]), 1, -1).shape).to.deep.equal([2, 3, 4]);
      expect(jnp.repeat(f32(1, 2), int(2)).tolist()).to.deep.equal([1, 1, 2, 2]);
      expect((jit((x: Array, n: Array) => jnp.roll(x, n))(f32(1, 2, 3), jnp.array(-4, { dtype: 'int32' })) as Array).tolist()).to.deep.equal([2, 3, 1]);
    });
  });

  describe('dtypes', () => {
    it('floats end at the limits of integers, NaN is 0', () => {
      const x = f32(300, -300, NaN, Infinity, -Infinity, 70000, -1.5);
      for (const y of [x, x.astype('float16')]) {
        expect(y.astype('int8').tolist()).to.deep.equal([127, -128, 0, 127, -128, 127, -1]);
        expect(y.astype('int16').tolist()).to.deep.equal([300, -300, 0, 32767, -32768, 32767, -1]);
        expect(y.astype('uint16').tolist()).to.deep.equal([300, 0, 0, 65535, 0, 65535, 0]);
        expect(y.astype('uint8').tolist()).to.deep.equal([255, 0, 0, 255, 0, 255, 0]);
      }
      expect(f32(Infinity).astype('float16').astype('int32').tolist()).to.deep.equal([2147483647]);
    });
    it('so they do from every float to every integer, inside jit and outside', () => {
      const x = jnp.array([300, -300, NaN, Infinity, -Infinity, 70000, -1.5, 2 ** 63, 3 * 2 ** 62], { dtype: 'float64' });
      for (const from of ['float64', 'float32', 'float16', 'bfloat16'] as const) for (const to of ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'] as const) {
        const y = x.astype(from);
        const [low, high] = integerLimits(to);
        const want = [...y.astype('float64').data].map((v) => (Number.isNaN(v) ? 0 : v >= Number(high) ? high : v <= Number(low) ? low : BigInt(Math.trunc(Number(v))))).map(String);
        const converted = (z: Array) => z.astype(to);
        for (const out of [converted(y), jit(converted)(y), jit((z: Array) => z.astype('float32').astype(to))(y)]) expect([...out.data].map(String), `${from} to ${to}`).to.deep.equal(want);
      }
    });
    it('truth values count as int32, or stay', () => {
      const [a, b] = [bools(true, false, true), bools(true, true, true)];
      for (const [y, values] of [[jnp.square(a), [1, 0, 1]], [jnp.floorDivide(a, b), [1, 0, 1]], [jnp.remainder(a, b), [0, 0, 0]], [jnp.fmod(a, b), [0, 0, 0]],
        [jnp.power(a, b), [1, 0, 1]], [jnp.power(a, 1), [1, 0, 1]], [nn.relu(a), [1, 0, 1]], [nn.hardTanh(a), [1, 0, 1]]] as const) {
        expect([y.dtype, y.tolist()]).to.deep.equal(['int32', values]);
      }
      for (const y of [jnp.floor(a), jnp.ceil(a)]) expect([y.dtype, y.tolist()]).to.deep.equal(['bool', [true, false, true]]);
      expect(jnp.isinf(a).tolist()).to.deep.equal([false, false, false]);
      expect(jnp.imag(f32(NaN, 1)).tolist()).to.deep.equal([0, 0]);
    });
    it('refuses what JAX refuses', () => {
      for (const f of [nn.sigmoid, nn.silu, nn.glu]) expect(() => f(int(1, 2)), f.name).to.throw(/logistic: expected a floating-point array, got int32/);
      expect(() => jnp.ldexp(f32(1), f32(2))).to.throw(/exponents must be integers/);
      for (const n of [-1, 2 ** 32, 1.5]) expect(() => random.foldIn(random.PRNGKey(0), n)).to.throw(/whole number from 0/);
    });
    it('lax.pow takes integer exponents', () => expect(lax.pow(f32(2, 3), int(3, 2)).tolist()).to.deep.equal([8, 9]));
  });

  describe('values and derivatives', () => {
    it('division by zero, heaviside of NaN', () => {
      expect(jnp.floorDivide(f32(1, -1, 0), f32(0, 0, 0)).tolist()).to.deep.equal([Infinity, -Infinity, NaN]);
      expect(jnp.heaviside(f32(NaN, 0), 0.5).tolist()).to.deep.equal([NaN, 0.5]);
    });
    it('the cube root is infinitely steep at 0', () => expect((grad((x: Array) => jnp.cbrt(x))(jnp.array(0)) as Array).item()).to.equal(Infinity));
    it('sorted backwards, equal elements change places', () => {
      const weigh = (x: Array) => jnp.sum(jnp.sort(x, { descending: true }).mul(f32(1, 2, 3)));
      expect((grad(weigh)(f32(5, 5, 1)) as Array).tolist()).to.deep.equal([2, 1, 3]);
    });
    it('reads clipped into the array pass derivatives, others out of range do not', () => {
      const of = (mode?: 'clip') => (grad((x: Array) => jnp.sum(x.at(int(-6, 1, 7)).get(mode && { mode }).mul(f32(1, 2, 3))))(f32(1, 1, 1, 1)) as Array).tolist();
      expect(of('clip')).to.deep.equal([1, 2, 0, 3]);
      expect(of()).to.deep.equal([0, 2, 0, 0]);
    });
    it('single positions out of range are a slice at the border, derivative and all', () => {
      const x = f32(1, 2, 4, 0, 0, 0).reshape([2, 3]);
      expect((grad((y: Array) => y.index(jnp.array(5, { dtype: 'int32' }), jnp.array(-9, { dtype: 'int32' })))(x) as Array).tolist()).to.deep.equal([[0, 0, 0], [1, 0, 0]]);
      expect((grad((y: Array) => jnp.sum(y.index(jnp.array(5, { dtype: 'int32' }))))(x) as Array).tolist()).to.deep.equal([[0, 0, 0], [1, 1, 1]]);
      const each = vmap(grad((y: Array, i: Array) => y.index(i)) as (y: Array, i: Array) => Array, { inAxes: [null, 0] });
      expect((each(f32(0, 1, 2), int(7, -9, 1)) as Array).tolist()).to.deep.equal([[0, 0, 1], [1, 0, 0], [0, 1, 0]]);
    });
    it('variances about a given mean; none where nothing is left', () => {
      expect(jnp.var(f32(1, 3), { mean: f32(0) }).item()).to.equal(5);
      expect(jnp.std(f32(1, 3), { ddof: 2 }).item()).to.be.NaN;
    });
    it('segments clip; weights of bins have derivatives; traces have dtypes', () => {
      expect(ops.segmentSum(f32(1, 2, 4), int(0, 5, -1), { numSegments: 2, mode: 'clip' }).tolist()).to.deep.equal([5, 2]);
      expect(() => ops.segmentSum(f32(1), int(0), { mode: 'wrap' as 'clip' })).to.throw(/unknown mode 'wrap'/);
      expect((grad((w: Array) => jnp.sum(jnp.bincount(int(0, 2), { weights: w }).mul(f32(1, 2, 3))))(f32(1, 1)) as Array).tolist()).to.deep.equal([1, 3]);
      expect(jnp.trace(int(1, 2, 3, 4).reshape(2, 2), { dtype: 'float32' }).dtype).to.equal('float32');
    });
    it('stopGradient takes trees, jvp auxiliary results', () => {
      const [a, { b }] = lax.stopGradient([f32(1), { b: f32(2) }] as const);
      expect([a.item(), b.item()]).to.deep.equal([1, 2]);
      const [value, tangent, aux] = jvp((x: Array) => [x.mul(2), x], [f32(3)], [f32(1)], { hasAux: true });
      expect([value, tangent, aux].map((x: Array) => x.tolist())).to.deep.equal([[6], [2], [3]]);
    });
  });

  it('truncated normals may begin or end at 0, as in JAX', () => {
    const key = random.PRNGKey(0);
    expectClose(random.truncatedNormal(key, 0, 2, [4]) as Array, jnp.array([1.6673131, 1.8387917, 0.40860736, 0.5937848]), 1e-6);
    expectClose(random.truncatedNormal(key, -1, 0, [3]) as Array, jnp.array([-0.04479236, -0.0183286, -0.6065307]), 1e-6);
  });

  it('checkpoint takes one static argument as a number', () => {
    const f = checkpoint((x: Array, n: number) => x.mul(n), { staticArgnums: 1 });
    expect(f(jnp.array(3), 2).item()).to.equal(6);
  });
});
