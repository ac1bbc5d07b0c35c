/** What happens at the edges: zeros, infinities, NaN, numbers that no dtype holds. All expected numbers are JAX's (0.10.2). */
import { expect } from 'chai';
import { checkGrads, grad, jit, lax, numpy as jnp, random, scipy, valueAndGrad, vjp, vmap, type Array } from '../../lib/jax/index.js';
import { ValueError } from '../../lib/runtime/errors.js';
import { flat, thrown } from './helpers.js';

const I = Infinity;
/** The same numbers to float32's accuracy and NaN where NaN is, with the sign of a zero. */
function expectNumbers(actual: Array, expected: readonly number[], what: string): void {
  flat(actual).forEach((v, i) => {
    const same = Number.isFinite(v) && v !== 0 ? Math.abs(v - expected[i]) <= 1e-6 * Math.abs(expected[i]) : Object.is(v, expected[i]);
    if (!same) expect.fail(`${what}: element ${i} is ${v} instead of ${expected[i]}`);
  });
}

describe('values and gradients at the edges', () => {
  it('x·log(y) and what is made of it, at zeros, infinities, NaN and negative numbers', () => {
    const [xs, ys] = [[0, -0, 2, I, NaN, -1], [0, -0, 1, I, NaN, -1, -3]];
    const [x, y] = [jnp.array(xs.flatMap((v) => ys.map(() => v))), jnp.array(xs.flatMap(() => ys))];
    // The values, then the derivatives with respect to x and to y.
    const table: [string, (x: Array, y: Array) => Array, ...number[][]][] = [
      ['xlogy', scipy.special.xlogy,
        [0, 0, 0, 0, NaN, 0, 0, 0, 0, 0, 0, NaN, 0, 0, -I, -I, 0, I, NaN, NaN, NaN, -I, -I, NaN, I, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, I, I, -0, -I, NaN, NaN, NaN],
        [-I, -I, 0, I, NaN, NaN, NaN, -I, -I, 0, I, NaN, NaN, NaN, -I, -I, 0, I, NaN, NaN, NaN, -I, -I, 0, I, NaN, NaN, NaN, -I, -I, 0, I, NaN, NaN, NaN, -I, -I, 0, I, NaN, NaN, NaN],
        [NaN, NaN, 0, 0, NaN, -0, -0, NaN, NaN, -0, -0, NaN, 0, 0, I, -I, 2, 0, NaN, -2, -0.6666667, I, -I, I, NaN, NaN, -I, -I, NaN, NaN, NaN, NaN, NaN, NaN, NaN, -I, I, -1, -0, NaN, 1, 0.33333334]],
      ['xlog1py', scipy.special.xlog1py,
        [0, 0, 0, 0, NaN, 0, 0, 0, 0, 0, 0, NaN, 0, 0, 0, -0, 1.3862944, I, NaN, -I, NaN, NaN, NaN, I, I, NaN, -I, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, -0, 0, -0.6931472, -I, NaN, I, NaN],
        [0, -0, 0.6931472, I, NaN, -I, NaN, 0, -0, 0.6931472, I, NaN, -I, NaN, 0, -0, 0.6931472, I, NaN, -I, NaN, 0, -0, 0.6931472, I, NaN, -I, NaN, 0, -0, 0.6931472, I, NaN, -I, NaN, 0, -0, 0.6931472, I, NaN, -I, NaN],
        [0, 0, 0, 0, NaN, NaN, -0, -0, -0, -0, -0, NaN, NaN, 0, 2, 2, 1, 0, NaN, I, -1, I, I, I, NaN, NaN, I, -I, NaN, NaN, NaN, NaN, NaN, NaN, NaN, -1, -1, -0.5, -0, NaN, -I, 0.5]],
      ['relEntr', scipy.special.relEntr,
        [0, 0, 0, 0, I, I, I, 0, 0, 0, 0, I, I, I, I, I, 1.3862944, -I, I, I, I, I, I, NaN, NaN, I, I, I, I, I, I, I, I, I, I, I, I, I, I, I, I, I],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1.6931472, -I, 0, 0, 0, 0, 0, I, NaN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -2, -0, 0, 0, 0, 0, 0, -I, NaN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
      ['klDiv', scipy.special.klDiv,
        [0, 0, 1, I, NaN, I, I, 0, 0, 1, I, NaN, I, I, I, I, 0.38629436, NaN, NaN, I, I, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, I, I, I, I, NaN, I, I],
        [-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0.6931472, -I, -1, -1, -1, -1, -1, I, NaN, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1],
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, 1, 1, 1, 1, 1, 1, -I, NaN, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
    ];
    for (const [name, f, value, dx, dy] of table) {
      expectNumbers(f(x, y), value, name);
      expectNumbers(vmap(grad(f))(x, y), dx, `∂${name}/∂x`);
      expectNumbers(vmap(grad(f, { argnums: 1 }))(x, y), dy, `∂${name}/∂y`);
    }
    const { entr } = scipy.special;
    const p = jnp.array([0, -0, 1, 2, I, NaN, -1]);
    expectNumbers(entr(p), [-0, -0, -0, -1.3862944, -I, NaN, -I], 'entr');
    expectNumbers(vmap(grad(entr))(p), [I, I, -1, -1.6931472, -I, NaN, NaN], 'entr′');
    expectNumbers(vmap(grad(grad(entr)))(p), [-I, I, -1, -0.5, -0, NaN, 0], 'entr″');
  });

  it('numbers and elements that an integer dtype does not hold', () => {
    const [dtypes, values] = [['uint8', 'int8', 'int32', 'uint32'] as const, [-1.5, -1, 300, 300.7, 1e10, I, -I, NaN, -0]];
    // Fractions, infinities and what is above 32 bits end at the limits; NaN is 0; whole numbers wrap.
    const filled = {
      uint8: [0, 255, 44, 255, 255, 255, 0, 0, 0], int8: [-1, -1, 44, 127, 127, 127, -128, 0, 0],
      int32: [-1, -1, 300, 300, 2147483647, 2147483647, -2147483648, 0, 0], uint32: [0, 4294967295, 300, 300, 4294967295, 4294967295, 0, 0, 0],
    };
    // From float32 everything ends at the limits; from int32 it wraps.
    const floats = jnp.array([-1.5, -1, 300, 300.7, 1e10, I, -I, NaN, -0, 70000, -70000]);
    const fromFloats = {
      uint8: [0, 0, 255, 255, 255, 255, 0, 0, 0, 255, 0], int8: [-1, -1, 127, 127, 127, 127, -128, 0, 0, 127, -128],
      int32: [-1, -1, 300, 300, 2147483647, 2147483647, -2147483648, 0, 0, 70000, -70000], uint32: [0, 0, 300, 300, 4294967295, 4294967295, 0, 0, 0, 70000, 0],
    };
    const integers = jnp.array([-1, 300, 70000, -70000], { dtype: 'int32' });
    const fromIntegers = { uint8: [255, 44, 112, 144], int8: [-1, 44, 112, -112], int32: [-1, 300, 70000, -70000], uint32: [4294967295, 300, 70000, 4294897296] };
    const refused = { uint8: [-1.5, -1, 300, 300.7, 1e10, I, -I, NaN], int8: [300, 300.7, 1e10, I, -I, NaN], int32: [1e10, I, -I, NaN], uint32: [-1.5, -1, 1e10, I, -I, NaN] };
    for (const dtype of dtypes) {
      const ones = jnp.ones([2], { dtype });
      values.forEach((v, i) => {
        for (const x of [jnp.full([], v, { dtype }), jnp.full([2], v, { dtype }).index(1), jnp.fullLike(ones, v).index(0), jnp.fullLike([0.5], v, { dtype }).index(0), jit(() => jnp.full([2], v, { dtype }))().index(0)]) {
          expect(x.dtype).to.equal(dtype);
          expect(x.item(), `full ${v} ${dtype}`).to.equal(filled[dtype][i]);
        }
        for (const make of [() => jnp.array([1, v], { dtype }).index(1), () => jnp.asarray(v, { dtype })]) {
          if (refused[dtype].includes(v)) expect(thrown(make)).to.be.instanceOf(ValueError).with.property('message').that.matches(new RegExp(`jnp.array: ${v} does not fit ${dtype}`));
          else expect(make().item(), `array ${v} ${dtype}`).to.equal(Math.trunc(v) + 0);
        }
      });
      expect(flat(floats.astype(dtype)), dtype).to.deep.equal(fromFloats[dtype]);
      expect(flat(jit((x: Array) => x.astype(dtype))(floats)), dtype).to.deep.equal(fromFloats[dtype]);
      expect(flat(jnp.array(floats, { dtype })), dtype).to.deep.equal(fromFloats[dtype]);
      expect(flat(integers.astype(dtype)), dtype).to.deep.equal(fromIntegers[dtype]);
      expect(flat(jnp.array(integers.data as Int32Array, { dtype })), dtype).to.deep.equal(fromIntegers[dtype]);
      expect(flat(jnp.full([2], jnp.array([-1.5, 300]), { dtype })), dtype).to.deep.equal([fromFloats[dtype][0], fromFloats[dtype][2]]);
    }
    const bytes = jnp.ones([2], { dtype: 'uint8' });
    expect(jnp.max(bytes, { initial: -1.5 }).item()).to.equal(1);
    expect(jnp.max(bytes, { initial: 300 }).item()).to.equal(44);
    expect(flat(jnp.pad(bytes, 1, { constantValues: -1.5 }))).to.deep.equal([0, 1, 1, 0]);
    expect(flat(bytes.at(0).set(Infinity))).to.deep.equal([255, 1]);
    expect(flat(jnp.linspace(-300, 300, 5, { dtype: 'uint8' }))).to.deep.equal([0, 0, 0, 150, 255]);
    expect(flat(jnp.full([2], [1, 2]))).to.deep.equal([1, 2]);
    expect(jnp.full([2], NaN, { dtype: 'bool' }).tolist()).to.deep.equal([true, true]);
  });

  it('refusals that were none', () => {
    const [x, key] = [jnp.arange(4), random.key(0)];
    const table: [() => unknown, string, RegExp][] = [
      [() => jnp.ones([4]).index(1.5), 'TypeError', /indices must be integers, got 1.5/], [() => lax.pad(x, 0, [[0, 0, -1]]), 'ShapeError', /pad: the padding between elements/],
      [() => random.bernoulli(key, 'a' as never), 'TypeError', /random: expected an array or a number, got string/], [() => random.gamma(key, [1, 2] as never), 'TypeError', /random: expected an array or a number/],
    ];
    for (const [f, name, message] of table) expect(thrown(f)).to.include({ name }).with.property('message').that.matches(message);
  });

  it('bits of half floats', () => {
    const x = jnp.array([1, -2, 0.5, I, 65504, 6e-8, -0, -3e-5, NaN]);
    const bits = { float16: [15360, 49152, 14336, 31744, 31743, 1, 32768, 33271, 32256], bfloat16: [16256, 49152, 16128, 32640, 18304, 13185, 32768, 47100, 32704] };
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const half = x.astype(dtype);
      const [unsigned, signed] = [lax.bitcastConvertType(half, 'uint16'), lax.bitcastConvertType(half, 'int16')];
      expect(flat(unsigned)).to.deep.equal(bits[dtype]);
      expect(flat(signed)).to.deep.equal(bits[dtype].map((v) => (v < 32768 ? v : v - 65536)));
      for (const back of [unsigned, signed]) expectNumbers(lax.bitcastConvertType(back, dtype), flat(half), dtype);
      expect(lax.bitcastConvertType(half, dtype)).to.equal(half);
      // Every half there is, there and back.
      const all = jnp.array(Uint16Array.from({ length: 65536 }, (_, i) => i));
      const halves = lax.bitcastConvertType(all, dtype);
      const numbers = jnp.logicalNot(jnp.isnan(halves));
      expect(flat(jnp.where(numbers, lax.bitcastConvertType(halves, 'uint16'), all))).to.deep.equal([...globalThis.Array(65536).keys()]);
      expect(flat(numbers).filter((v) => !v).length).to.equal(dtype === 'float16' ? 2046 : 254);
    }
    expectNumbers(lax.bitcastConvertType(jnp.array([1, -2, 0.5], { dtype: 'float16' }), 'bfloat16'), [0.0078125, -2, 3.0517578125e-05], 'float16 as bfloat16');
  });

  it('vjp with what it carries along, and the gradient of a definite solution', () => {
    const f = (x: Array, y: Array) => [jnp.multiply(jnp.sin(x), y), { a: jnp.multiply(x, 2) }];
    const check = (x: Array, y: Array) => {
      const [value, pull, aux] = vjp(f, x, y, { hasAux: true });
      return [value, ...pull(1), aux.a];
    };
    const one = jnp.array(1);
    for (const got of [check(one, jnp.array(2)), jit(check)(one, jnp.array(2))]) expectNumbers(jnp.stack(got), [1.6829419, 1.0806046, 0.84147096, 2], 'vjp');
    // A number is a float where it is differentiated, as for grad.
    const [value, pull] = vjp((x: Array) => jnp.square(x), 3);
    expect([value.item(), pull(1)[0].item(), grad(jnp.square)(3).item()]).to.deep.equal([9, 6, 6]);
    expect(thrown(() => vjp((x: Array) => x, jnp.array(1), { hasAux: true }))).to.include({ name: 'TypeError' }).with.property('message').that.matches(/hasAux.*\[outputs, aux\]/);
    const [a, b, weights] = [jnp.array([[4, 1, 0.5], [1, 3, 0.2], [0.5, 0.2, 2]]), jnp.array([1, 2, 3]), jnp.array([1, 2, 3])];
    const da = [-0.006679548416286707, 0.048753026872873306, 0.11938733607530594, 0.048753026872873306, -0.35584110021591187, -0.8713904023170471, 0.11938733607530594, -0.8713904023170471, -2.1338772773742676];
    const above = jnp.array([[4, 9, 0.5], [1, 3, 0.2], [0.5, 0.2, 2]]);
    for (const [m, lower] of [[a, false], [a, true], [above, true]] as const) {
      const loss = (p: Array, q: Array) => jnp.sum(jnp.multiply(scipy.linalg.solve(p, q, { assumeA: 'pos', lower }), weights));
      const [value, [ofA, ofB]] = valueAndGrad(loss, { argnums: [0, 1] })(m, b);
      expect(value.item()).to.be.closeTo(5.493659, 1e-5);
      flat(ofA).forEach((v, i) => expect(v).to.be.closeTo(da[i], 2e-6));
      flat(ofB).forEach((v, i) => expect(v).to.be.closeTo([-0.0817285031080246, 0.596524178981781, 1.4607796669006348][i], 2e-6));
    }
    const both = jnp.stack([a, jnp.eye(3)]);
    const solved = vmap(grad((p: Array) => jnp.sum(scipy.linalg.solve(p, b, { assumeA: 'pos' }))))(both);
    flat(solved.index(1)).forEach((v, i) => expect(v).to.be.closeTo(-[1, 2, 3][i % 3], 1e-6));
    checkGrads((p: Array) => scipy.linalg.solve(jnp.add(p, p.T), b.astype('float64'), { assumeA: 'pos' }), [a.astype('float64')], { order: 2 });
  });
});
