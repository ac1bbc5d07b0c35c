/** Large transposes are made in two: every element is where it belongs, whatever the permutation. */
import { expect } from 'chai';
import fc from 'fast-check';
import { jit, numpy as jnp, type Array } from '../../lib/jax/index.js';

/** Element by element. */
function transposed(x: Array, permutation: readonly number[]): number[] {
  const strides = x.shape.map((_, i) => x.shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const walk = (depth: number, at: number): number[] => (depth === permutation.length ? [at]
    : [...globalThis.Array(x.shape[permutation[depth]]).keys()].flatMap((i) => walk(depth + 1, at + i * strides[permutation[depth]])));
  return walk(0, 0);
}
const nodes = (shape: number[], permutation: number[]): number => jit((x: Array) => jnp.transpose(x, permutation)).lower(jnp.zeros(shape)).nodeCounts()['Transpose'];

describe('large transposes', () => {
  it('put every element where it belongs', () => {
    const permuted = fc.integer({ min: 3, max: 5 }).chain((rank) => fc.record({
      sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: rank, maxLength: rank }),
      permutation: fc.shuffledSubarray([...globalThis.Array(rank).keys()], { minLength: rank, maxLength: rank }),
      long: fc.integer({ min: 0, max: rank - 1 }),
    }));
    fc.assert(fc.property(permuted, ({ sizes, permutation, long }) => {
      // One axis makes the array large.
      const rest = sizes.reduce((n, size, i) => (i === long ? n : n * size), 1);
      const shape = sizes.with(long, Math.ceil(2 ** 16 / rest));
      const x = jnp.arange(shape.reduce((a, b) => a * b, 1)).reshape(shape);
      expect(Buffer.from(jnp.transpose(x, permutation).data.buffer).equals(Buffer.from(Int32Array.from(transposed(x, permutation)).buffer))).to.equal(true);
    }), { numRuns: 30 });
  });
  it('take two steps where the engine would move single elements', () => {
    expect(nodes([3, 3, 128, 128], [3, 2, 0, 1])).to.equal(2);
    expect(nodes([3, 3, 8, 8], [3, 2, 0, 1])).to.equal(1);           // small
    expect(nodes([1, 1, 512, 512], [3, 2, 0, 1])).to.equal(1);       // a matrix
    expect(nodes([32, 56, 56, 64], [0, 3, 1, 2])).to.equal(1);       // one axis moves
    expect(nodes([64, 32, 16, 16], [1, 0, 2, 3])).to.equal(1);       // rows stay rows
  });
});
