/** What the tests of this room share. */
import { expect } from 'chai';
import { tree, type Array as JaxArray } from '../../lib/jax/index.js';

/** The numbers of every leaf, in order. */
export const numbers = (t: unknown): number[] => tree.leaves(t).flatMap((x) => Array.from((x as JaxArray).data as Float32Array));

/** Each number within atol + rtol · |expected|. */
export function expectClose(actual: unknown, expected: readonly number[], { rtol = 1e-5, atol = 1e-6 } = {}): void {
  const got = numbers(actual);
  expect(got).to.have.length(expected.length);
  got.forEach((a, i) => {
    const b = expected[i]!;
    if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) return;
    expect(Math.abs(a - b), `number ${i}: ${a} instead of ${b}`).to.be.at.most(atol + rtol * Math.abs(b));
  });
}
