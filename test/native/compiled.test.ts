/** Loops as machine code: the same bits as operation by operation, where each has its loop in C++. */
import { expect } from 'chai';
import fc from 'fast-check';
import { jit, lax, numpy as jnp, type Array, type EngineName } from '../../lib/jax/index.js';
import { engines } from '../../lib/runtime/engines.js';

type Make = (pick: (k: number) => Array) => Array;

const UNARY: ((x: Array) => Array)[] = [
  (x) => jnp.negative(x), (x) => jnp.abs(x), (x) => jnp.sign(x), (x) => jnp.floor(x), (x) => jnp.ceil(x), (x) => lax.round(x, { roundingMethod: 'TO_NEAREST_EVEN' }), (x) => jnp.sqrt(x), (x) => lax.rsqrt(x), (x) => jnp.square(x),
  // No code of this kind: cuts a loop in two.
  (x) => jnp.tanh(x),
];
const BINARY: ((x: Array, y: Array) => Array)[] = [
  (x, y) => x.add(y), (x, y) => x.sub(y), (x, y) => x.mul(y), (x, y) => x.div(y), (x, y) => jnp.maximum(x, y), (x, y) => jnp.minimum(x, y),
];
const COMPARISONS = [jnp.equal, jnp.notEqual, jnp.less, jnp.lessEqual, jnp.greater, jnp.greaterEqual];

/** An operation on values that stand earlier, chosen by three numbers. */
const operation: fc.Arbitrary<Make> = fc.tuple(fc.nat(9), fc.nat(9), fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat())).map(([kind, which, [a, b, c, d]]): Make => {
  if (kind < 3) return (pick) => UNARY[which % UNARY.length](pick(a));
  if (kind < 8) return (pick) => BINARY[which % BINARY.length](pick(a), pick(b));
  const compare = COMPARISONS[which % COMPARISONS.length];
  if (kind < 9) return (pick) => jnp.where(compare(pick(a), pick(b)), pick(c), pick(d));
  return (pick) => jnp.where(jnp.logicalAnd(compare(pick(a), pick(b)), jnp.logicalNot(jnp.less(pick(c), pick(d)))), pick(a), pick(c));
});

const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 1e-40, -1e-40, 1, -1, 3.4e38, -3.4e38, 0.5, 1.5, -2.5];

/** Ordinary numbers, with special ones at places that differ from input to input. */
function elements(n: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: n }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (i * 7 + seed) % 11 === 0 ? SPECIAL[state % SPECIAL.length] : (state / 2 ** 32 - 0.5) * 2 ** (state % 9 - 3);
  });
}

/** Bits, of which NaN has many. */
const bits = (x: Array): number[] => { const data = x.data as Float32Array; return [...new Uint32Array(data.buffer, data.byteOffset, data.length)].map((b, i) => (Number.isNaN(data[i]) ? 0x7fc00000 : b)); };

for (const { name, missing } of engines()) {
  const engine = name as EngineName;
  describe(`compiled loops on ${name}${missing ? ` (pending: ${missing})` : ''}`, function () {
    before(function () { if (missing) this.skip(); });

    it('have the bits of their operations one by one', () => {
      fc.assert(fc.property(
        fc.record({ make: fc.array(operation, { minLength: 2, maxLength: 40 }), vectors: fc.integer({ min: 1, max: 14 }), scalars: fc.nat(3), wanted: fc.array(fc.nat(), { minLength: 1, maxLength: 5 }), size: fc.constantFrom(8192, 8199, 8300), seed: fc.nat(1e6) }),
        ({ make, vectors, scalars, wanted, size, seed }) => {
          const inputs: Array[] = [
            ...globalThis.Array.from({ length: vectors }, (_, i) => jnp.array(elements(size, seed + i))),
            ...globalThis.Array.from({ length: scalars }, (_, i) => jnp.array(SPECIAL[(seed + i) % SPECIAL.length], { dtype: 'float32' })),
          ];
          const f = (...xs: Array[]): Array[] => {
            const values = [...xs];
            for (const one of make) values.push(one((k) => values[k % values.length]));
            return wanted.map((k) => jnp.broadcastTo(values[values.length - 1 - (k % make.length)], [size]));
          };
          const once = jit(f, { engine })(...inputs) as Array[];
          f(...inputs).forEach((x, k) => expect(bits(once[k])).to.deep.equal(bits(x)));
        },
      ), { numRuns: process.env.HOKKU_LONG ? 400 : 40 });
    });

    it('write in place what the loop itself has read', () => {
      const n = 20_003;
      const f = (m: Array, g: Array, p: Array): Array[] => {
        const next = m.mul(0.9).add(g);
        return [next, p.sub(next.div(jnp.sqrt(jnp.square(g)).add(1e-8))), jnp.maximum(g, m)];
      };
      const inputs = (): [Array, Array, Array] => [jnp.array(elements(n, 1)), jnp.array(elements(n, 2)), jnp.array(elements(n, 3))];
      const donated = jit(f, { engine, donateArgnums: [0, 2] })(...inputs()) as Array[];
      f(...inputs()).forEach((x, k) => expect(bits(donated[k])).to.deep.equal(bits(x)));
    });
  });
}
