/** What happens at the edges: zeros, infinities, NaN, numbers that no dtype holds. All expected numbers are JAX's (0.10.2). */
import { expect } from 'chai';
import { grad, jit, numpy as jnp, scipy, vmap, type Array } from '../../lib/jax/index.js';
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
    expect(flat(jnp.full([2], [1, 2]))).to.deep.equal([1, 2]);
    expect(jnp.full([2], NaN, { dtype: 'bool' }).tolist()).to.deep.equal([true, true]);
  });
});
