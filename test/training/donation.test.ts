/** Donation changes where results lie and never what they are: random small programs, donated and not. */
import { expect } from 'chai';
import fc from 'fast-check';
import { jit, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { ENGINES, distance } from './notebook.js';

const same = (x: Array, y: Array) => x.shape.join() === y.shape.join();
/** What a program's step may do with two of the values before it: chains to fuse, views, reductions, products. */
const OPERATIONS: ((x: Array, y: Array) => Array)[] = [
  (x) => x.add(1.5),
  (x) => x.mul(0.7),
  (x) => x.reshape(x.ndim === 2 ? [6] : x.ndim === 1 ? [2, 3] : []),
  (x, y) => (same(x, y) ? x.add(y) : x.sub(0.25)),
  (x, y) => (same(x, y) ? x.mul(y).mul(0.1) : x),
  (x) => jnp.sum(x).mul(0.1),
  (x, y) => (y.ndim === 0 ? x.mul(y).mul(0.1) : x.neg()),
  (x) => (x.ndim === 2 ? jnp.matmul(jnp.matmul(x, jnp.transpose(x)), x).mul(0.01) : x.add(2)),
];

const program = fc.record({
  inputs: fc.integer({ min: 1, max: 3 }),
  steps: fc.array(fc.tuple(fc.nat(OPERATIONS.length - 1), fc.nat(99), fc.nat(99)), { minLength: 2, maxLength: 12 }),
  outputs: fc.array(fc.nat(99), { minLength: 1, maxLength: 5 }),
  donated: fc.subarray([0, 1, 2]),
});

const inputs = (n: number) => globalThis.Array.from({ length: n }, (_, i) =>
  jnp.array(Float32Array.from({ length: 6 }, (_, j) => i + j / 7 + 0.3)).reshape(i === 0 ? [2, 3] : [6]));

describe('donation', () => {
  for (const { name, missing } of ENGINES) {
    it(`changes no result, on ${name}`, function () {
      if (missing) {
        console.log(`    pending: ${missing}`);
        this.skip();
      }
      const overwrite = jit((x: Array) => x.mul(0).sub(1), { engine: name, donateArgnums: [0] });
      fc.assert(fc.property(program, ({ inputs: n, steps, outputs, donated }) => {
        const f = (...xs: Array[]) => {
          const values = [...xs];
          for (const [op, a, b] of steps) values.push(OPERATIONS[op](values[a % values.length], values[b % values.length]));
          // The last ones first: they are the ones that depend on the most.
          return outputs.map((k) => values[values.length - 1 - (k % values.length)]);
        };
        const donateArgnums = donated.filter((i) => i < n);
        const wanted = jit(f, { engine: name })(...inputs(n));
        const g = jit(f, { engine: name, donateArgnums });
        for (let round = 0; round < 2; round++) {
          const args = inputs(n);
          const got = g(...args);
          got.forEach((x, k) => expect(distance(x, wanted[k]), `result ${k}`).to.be.below(1e-5));
          inputs(n).forEach((x, i) => { if (!donateArgnums.includes(i)) expect(args[i].tolist(), `input ${i}`).to.deep.equal(x.tolist()); });
          // Each result may be donated in its turn, and no other changes: none shares memory.
          const own = got.filter((x) => !args.includes(x));
          own.forEach((x, k) => {
            overwrite(x);
            for (const y of own.slice(k + 1)) expect(distance(y, wanted[got.indexOf(y)]), 'after another was overwritten').to.be.below(1e-5);
          });
        }
      }), { numRuns: process.env['HOKKU_LONG'] ? 3000 : 60, seed: 20 });
    });
  }
});
