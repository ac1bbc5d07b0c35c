/** What happens at the edges: zeros, infinities, NaN, numbers that no dtype holds. All expected numbers are JAX's (0.10.2). */
import { expect } from 'chai';
import { grad, numpy as jnp, scipy, vmap, type Array } from '../../lib/jax/index.js';
import { flat } from './helpers.js';

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
});
