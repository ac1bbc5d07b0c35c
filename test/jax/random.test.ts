import { expect } from 'chai';
import { config, jit, numpy as jnp, random, vmap, type Array, type DType } from '../../lib/jax/index.js';
import { expectClose, flat, onEveryEngine, thrown } from './helpers.js';

type Words = [number, number];
const rotate = (x: number, r: number): number => ((x << r) | (x >>> (32 - r))) >>> 0;
/** Threefry-2x32 with twenty rounds, word for word as published. */
function threefry([k0, k1]: Words, [c0, c1]: Words): Words {
  const ks = [k0, k1, (k0 ^ k1 ^ 0x1bd11bda) >>> 0];
  let [x0, x1] = [(c0 + k0) >>> 0, (c1 + k1) >>> 0];
  for (let g = 0; g < 5; g++) {
    for (const r of g % 2 ? [17, 29, 16, 24] : [13, 15, 26, 6]) {
      x0 = (x0 + x1) >>> 0;
      x1 = (rotate(x1, r) ^ x0) >>> 0;
    }
    x0 = (x0 + ks[(g + 1) % 3]) >>> 0;
    x1 = (x1 + ks[(g + 2) % 3] + g + 1) >>> 0;
  }
  return [x0, x1];
}
/** The older mode: a list is hashed in two halves. */
function hashList(key: Words, n: number): number[] {
  const half = Math.ceil(n / 2);
  const at = (i: number) => (i < n ? i : 0);
  const out = [...globalThis.Array(half).keys()].map((i) => threefry(key, [at(i), at(half + i)]));
  return [...out.map((w) => w[0]), ...out.map((w) => w[1])].slice(0, n);
}
function expectedBits(key: Words, n: number, width: number, partitionable: boolean): bigint[] {
  const range = [...globalThis.Array(n).keys()];
  if (partitionable) {
    return range.map((i) => {
      const [a, b] = threefry(key, [0, i]);
      return width === 64 ? (BigInt(a) << 32n) | BigInt(b) : BigInt.asUintN(width, BigInt((a ^ b) >>> 0));
    });
  }
  if (width === 64) { const w = hashList(key, 2 * n); return range.map((i) => (BigInt(w[i]) << 32n) | BigInt(w[n + i])); }
  const per = 32 / width;
  const words = hashList(key, Math.ceil(n / per));
  return range.map((i) => BigInt.asUintN(width, BigInt(words[Math.floor(i / per)]) >> BigInt(width * (i % per))));
}
const wordsOf = (k: Array): Words => flat(k) as Words;
const hex = (k: Array): string => flat(k).map((w) => w.toString(16).padStart(8, '0')).join(' ');
function inMode<T>(partitionable: boolean, f: () => T): T {
  config.threefryPartitionable = partitionable;
  try { return f(); } finally { config.threefryPartitionable = true; }
}

describe('random', () => {
  it('keys', () => {
    expect(wordsOf(random.PRNGKey(42))).to.deep.equal([0, 42]);
    expect(wordsOf(random.PRNGKey(2 ** 40 + 5))).to.deep.equal([0, 5]);
    expect(wordsOf(random.PRNGKey(-1))).to.deep.equal([0, 0xffffffff]);
    expect(wordsOf(random.PRNGKey(2n ** 63n + 7n))).to.deep.equal([0, 7]);
    expect(wordsOf(random.PRNGKey(jnp.array(Int32Array.of(-1)).reshape([])))).to.deep.equal([0, 0xffffffff]);
    expect(wordsOf(jit((s: Array) => random.PRNGKey(s))(jnp.array(Int32Array.of(9)).reshape([])))).to.deep.equal([0, 9]);
    for (const bad of [1.5, NaN, '1', null]) expect(thrown(() => random.PRNGKey(bad as never)).name).to.equal('TypeError');
  });

  it('the keys that Haiku takes from PRNGKey(42)', () => {
    let key = random.PRNGKey(42);
    const taken: string[] = [];
    for (let i = 0; i < 4; i++) {
      const pair = random.split(key);
      key = pair.index(0);
      taken.push(hex(pair.index(1)));
    }
    expect(taken).to.deep.equal(['03d7b32d add083f4', '65ae5e0e 3596dfce', '661615c3 96999bc2', '850c4f51 02047342']);
    expect(inMode(false, () => hex(random.split(random.PRNGKey(42)).index(1)))).to.equal('0f38d913 0ff68959');
    expect(hex(random.foldIn(random.PRNGKey(0), 0)), 'the published answer for zeros').to.equal('6b200159 99ba4efe');
  });

  for (const partitionable of [true, false]) {
    onEveryEngine(`bits, split and foldIn in the ${partitionable ? 'partitionable' : 'original'} mode`, () => {
      inMode(partitionable, () => {
        for (const seed of [0, 1, 0xdeadbeef]) {
          const key = random.PRNGKey(seed);
          const words = wordsOf(key);
          for (const n of [0, 1, 2, 3, 7, 64, 1001]) {
            for (const width of [8, 16, 32, 64]) {
              const dtype = `uint${width}` as DType;
              const got = [...(random.bits(key, [n], { dtype }).data as Uint32Array)].map(BigInt);
              expect(got, `${width} bits, ${n} of them`).to.deep.equal(expectedBits(words, n, width, partitionable));
            }
            const children = [...globalThis.Array(n).keys()].map((i) => (partitionable ? threefry(words, [0, i]) : hashList(words, 2 * n).slice(2 * i, 2 * i + 2)));
            expect(random.split(key, n).tolist()).to.deep.equal(children);
          }
          for (const data of [0, 1, 2 ** 31, jnp.array(-1, { dtype: 'int32' })]) expect(wordsOf(random.foldIn(key, data))).to.deep.equal(threefry(words, [0, typeof data === 'number' ? data : 2 ** 32 - 1]));
          expect(random.bits(key, [3, 5]).tolist()).to.deep.equal(random.bits(key, [15]).reshape([3, 5]).tolist());
        }
      });
    });
  }

  onEveryEngine('jit, vmap and eager draw the same bits', () => {
    const key = random.PRNGKey(3);
    const samplers: [string, (k: Array) => Array][] = [
      ['uniform', (k) => random.uniform(k, [33], { minval: -2, maxval: 3 })], ['normal', (k) => random.normal(k, [33])], ['normal float64', (k) => random.normal(k, [5], { dtype: 'float64' })], ['normal bfloat16', (k) => random.normal(k, [9], { dtype: 'bfloat16' })],
      ['truncatedNormal', (k) => random.truncatedNormal(k, -1, 2, [33])], ['bernoulli', (k) => random.bernoulli(k, 0.3, [33])], ['randint', (k) => random.randint(k, [33], -5, 17)], ['permutation', (k) => random.permutation(k, 20)],
      ['gumbel', (k) => random.gumbel(k, [33])], ['categorical', (k) => random.categorical(k, jnp.array([0.1, 2, -1]), [33])], ['split', (k) => random.split(k, 3)], ['foldIn', (k) => random.foldIn(k, 3)],
    ];
    for (const [name, f] of samplers) {
      const eager = f(key);
      expectClose(jit(f)(key), eager, 0, name);
      const keys = random.split(key, 3);
      const batch = vmap(f)(keys);
      for (let i = 0; i < 3; i++) expectClose(batch.index(i), f(keys.index(i)), 0, `${name} mapped`);
    }
  });

  it('distributions keep to their bounds and moments', () => {
    const key = random.PRNGKey(0);
    const n = 20000;
    const mean = (x: Array) => jnp.mean(x.astype('float32')).item();
    const sd = (x: Array) => jnp.std(x.astype('float32')).item();
    const u = random.uniform(key, [n], { minval: 2, maxval: 4 });
    expect(jnp.min(u).item()).to.be.at.least(2);
    expect(jnp.max(u).item()).to.be.lessThan(4);
    expect(mean(u)).to.be.closeTo(3, 0.02);
    expect(mean(random.normal(key, [n]))).to.be.closeTo(0, 0.02);
    expect(sd(random.normal(key, [n]))).to.be.closeTo(1, 0.02);
    for (const dtype of ['float16', 'bfloat16', 'float32', 'float64'] as const) {
      const t = random.truncatedNormal(key, -1, 0.5, [n], { dtype });
      expect(jnp.max(t.astype('float32')).item(), dtype).to.be.lessThan(0.5);
      expect(jnp.min(t.astype('float32')).item(), dtype).to.be.greaterThan(-1);
      const bounds = random.truncatedNormal(key, jnp.array([-1, -2]).astype(dtype), jnp.array([0, 1]).astype(dtype), [n / 2, 2], { dtype });
      expect(flat(jnp.max(bounds.astype('float32'), { axis: 0 })).map((v, i) => v < [0, 1][i]), `${dtype} bounds from arrays`).to.deep.equal([true, true]);
      const unit = random.uniform(key, [n], { dtype });
      expect(jnp.max(unit.astype('float32')).item(), dtype).to.be.lessThan(1);
    }
    expect(mean(random.bernoulli(key, 0.25, [n]))).to.be.closeTo(0.25, 0.01);
    const r = random.randint(key, [n], -3, 4);
    expect([jnp.min(r).item(), jnp.max(r).item()]).to.deep.equal([-3, 3]);
    expect(flat(random.permutation(key, 100)).sort((a, b) => a - b)).to.deep.equal([...globalThis.Array(100).keys()]);
    const rows = random.permutation(key, jnp.arange(12).reshape([3, 4]), { axis: 1, independent: true });
    expect(jnp.sort(rows, { axis: 1 }).tolist()).to.deep.equal([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]);
    expect(random.categorical(key, jnp.zeros([3, 5]), undefined, { axis: 0 }).shape).to.deep.equal([5]);
    expect(random.split(key, [2, 3]).shape).to.deep.equal([2, 3, 2]);
    expect(random.split(key, [2, 3]).reshape([6, 2]).tolist()).to.deep.equal(random.split(key, 6).tolist());
  });

  it('refuses what makes no sense', () => {
    const key = random.PRNGKey(0);
    expect(thrown(() => random.bits(jnp.ones([2]))).message).to.match(/expected a key.*float32\[2\]/);
    expect(thrown(() => random.split(key, -1)).name).to.equal('ValueError');
    expect(thrown(() => random.split(key, 1.5)).name).to.equal('ValueError');
    expect(thrown(() => random.bits(key, [2], { dtype: 'int32' })).message).to.match(/unsigned.*int32/);
    expect(thrown(() => random.normal(key, [2], { dtype: 'int32' })).message).to.match(/floating-point dtype.*int32/);
    expect(thrown(() => random.normal(key, [2], { std: 1 } as never)).message).to.match(/unknown option 'std'/);
    expect(thrown(() => random.normal(key, 'x' as never)).name).to.equal('ShapeError');
  });
});
