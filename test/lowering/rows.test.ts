import { expect } from 'chai';
import fc from 'fast-check';
import { config, grad, jit, makeJaxpr, numpy as jnp, lax, nn, type Array } from '../../lib/jax/index.js';
import { buildModel } from '../../lib/jax/program.js';
import { expectClose, numbers, onEveryEngine } from '../jax/helpers.js';

const operators = (f: (...args: any[]) => unknown, args: readonly Array[]) =>
  buildModel(makeJaxpr(f)(...args).jaxpr, new Map(), true).graph.nodes.map(({ op }) => op);

function layerNorm(x: Array, scale: Array, offset: Array): Array {
  const centred = x.sub(jnp.mean(x, { axis: -1, keepdims: true }));
  const variance = jnp.mean(centred.mul(centred), { axis: -1, keepdims: true });
  return centred.mul(lax.rsqrt(variance.add(1e-5))).mul(scale).add(offset);
}
const rmsNorm = (x: Array): Array => x.mul(lax.rsqrt(jnp.mean(x.mul(x), { axis: -1, keepdims: true }).add(1e-3)));
const shares = (x: Array): Array => { const e = jnp.exp(x); return e.div(jnp.sum(e, { axis: -1, keepdims: true })); };
const twoAxes = (x: Array): Array => { const y = x.reshape([-1, 2, x.shape[1]]); return y.sub(jnp.mean(y, { axis: [1, 2], keepdims: true })).mul(y); };
/** Beside what is normalised, what was found out about the rows, and something that needs all of them. */
const more = (x: Array): Array[] => {
  const s = jnp.sum(jnp.tanh(x), { axis: -1, keepdims: true });
  const y = jnp.tanh(x).mul(s);
  return [y, s, jnp.sum(y), jnp.sum(y, { axis: 0 }), jnp.sum(x.mul(2), { axis: -1 })];
};

describe('fused nodes over the same rows', () => {
  it('are one', () => {
    const [x, v] = [numbers(1, [64, 768]), numbers(2, [768])];
    expect(operators(layerNorm, [x, v, v])).to.deep.equal(['Fused']);
    expect(operators(rmsNorm, [x])).to.deep.equal(['Fused']);
    expect(operators(shares, [x])).to.deep.equal(['Fused']);
    expect(operators(twoAxes, [x]).filter((op) => op !== 'Reshape')).to.deep.equal(['Fused']);
  });

  it('stay apart where rows are few and long, or something else stands between them', () => {
    expect(operators(rmsNorm, [numbers(1, [2, 50000])]).length).to.be.greaterThan(1);
    const through = (x: Array, w: Array): Array => { const s = jnp.sum(jnp.exp(x), { axis: -1, keepdims: true }); return jnp.exp(x).mul(jnp.matmul(s, w)); };
    expect(operators(through, [numbers(1, [64, 80]), numbers(2, [1, 80])]).length).to.be.greaterThan(2);
    const columns = (x: Array): Array => { const s = jnp.sum(jnp.exp(x), { axis: -1 }); return jnp.exp(x).mul(s); };
    expect(operators(columns, [numbers(1, [64, 64])]).length).to.be.greaterThan(1);
  });

  onEveryEngine('compute as operation by operation, with derivatives', () => {
    const on = { engine: config.engine };
    const dim = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(40, 257, 600));
    fc.assert(fc.property(dim, dim, fc.integer(), (rows, width, seed) => {
      const [x, v] = [numbers(seed, [2 * rows, width]), numbers(seed + 1, [width])];
      const check = (name: string, f: (...xs: Array[]) => Array | Array[], ...args: Array[]): void => {
        const [got, want] = [jit(f, on)(...args), f(...args)].map((r) => (r instanceof globalThis.Array ? r : [r]) as Array[]);
        got.forEach((y, k) => expectClose(y, want[k], 2e-4, `${name} of [${2 * rows},${width}], ${k}`));
      };
      check('layerNorm', layerNorm, x, v, v);
      check('rmsNorm', rmsNorm, x);
      check('shares', shares, x);
      check('twoAxes', twoAxes, x);
      check('more', more, x);
      check('gradient', (a, b) => grad((a: Array, b: Array) => jnp.sum(jnp.sin(layerNorm(a, b, b))), { argnums: [0, 1] })(a, b) as Array[], x, v);
      check('standardize', (a) => nn.standardize(a), x);
    }), { numRuns: Number(process.env.HOKKU_RUNS ?? 8), seed: 6 });
  });

  onEveryEngine('read donated memory before it is overwritten', () => {
    const [x, want] = [numbers(3, [64, 600]), layerNorm(numbers(3, [64, 600]), jnp.ones([600]), jnp.zeros([600]))];
    const step = jit((x: Array) => [layerNorm(x, jnp.ones([600]), jnp.zeros([600])), jnp.sum(x), jnp.sum(x, { axis: 1 })], { engine: config.engine, donateArgnums: [0] });
    const [total, rows] = [jnp.sum(x), jnp.sum(x, { axis: 1 })];
    const [y, sum, sums] = step(x) as Array[];
    expectClose(y, want, 1e-4);
    expectClose(sum, total, 1e-3);
    expectClose(sums, rows, 1e-3);
  });
});
