import { expect } from 'chai';
import fc from 'fast-check';
import { numpy as jnp, type Array } from '../../../lib/jax/index.js';
import { DataError, ShapeError, TypeError, ValueError } from '../../../lib/runtime/errors.js';
import { data, type DataPosition } from '../../../lib/training/index.js';
import { permutation } from '../../../lib/training/data/shuffle.js';
import { rejection } from '../notebook.js';

const shown = (x: unknown): unknown => JSON.parse(JSON.stringify(x, (_, v: unknown) => (typeof v === 'bigint' ? Number(v) : typeof (v as Array)?.tolist === 'function' ? (v as Array).tolist() : v)));
async function all(set: AsyncIterable<unknown>, most = Infinity): Promise<unknown[]> {
  const out: unknown[] = [];
  if (most > 0) for await (const x of set) { out.push(shown(x)); if (out.length === most) break; }
  return out;
}
const count = (n: number): number[] => globalThis.Array.from({ length: n }, (_, i) => i);
const x = jnp.array(count(12)).reshape([6, 2]);
const MAPPING = new URL('./mapping.js', import.meta.url);

describe('data', () => {
  it('orders every epoch by a permutation', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 300 }), fc.maxSafeNat(), fc.nat(100), (n, seed, epoch) => {
      const at = permutation(n, seed, epoch);
      expect(new Set(count(n).map(at)).size).to.equal(n);
      expect(Math.max(...count(n).map(at))).to.equal(n - 1);
    }));
    // Every element comes first about as often as any other: chi squared with 9 degrees of freedom.
    const first = new Uint32Array(10);
    for (let seed = 0; seed < 10_000; seed++) first[permutation(10, seed, 3)(0)]++;
    expect([...first].reduce((sum, k) => sum + (k - 1000) ** 2 / 1000, 0)).to.be.below(35);
    const at = permutation(1e9, 7, 0);
    expect([0, 1, 999_999_999].every((i) => at(i) < 1e9)).to.equal(true);
  });

  describe('reads', () => {
    it('rows of trees of arrays', async () => {
      expect(await all(data.fromArrays({ x, y: new Int32Array(6).fill(4) }), 2)).to.deep.equal([{ x: [0, 1], y: 4 }, { x: [2, 3], y: 4 }]);
      expect(await all(data.fromArrays([x]).batch(4))).to.deep.equal([[[[0, 1], [2, 3], [4, 5], [6, 7]]]]);
      expect(() => data.fromArrays({ x, y: [jnp.zeros([5])] })).to.throw(ShapeError, /'x' has 6 elements and 'y\/0' has 5/);
      expect(() => data.fromArrays({ x: 'a' })).to.throw(TypeError, /'x' is string/);
      expect(() => data.fromArrays({ x: 3 })).to.throw(ShapeError, /scalar/);
      expect(() => data.fromArrays({})).to.throw(TypeError, /none/);
    });

    it('lists, iterables, iterators, functions and sets of the caller\'s own', async () => {
      expect(await all(data.from(count(3)))).to.deep.equal([0, 1, 2]);
      expect(await all(data.from(new Set([1, 2])).repeat(2))).to.deep.equal([1, 2, 1, 2]);
      const generate = async function* (n: number) { yield* count(n); };
      expect(await all(data.from((epoch) => generate(epoch + 1)).repeat(3))).to.deep.equal([0, 0, 1, 0, 1, 2]);
      expect(await all(data.from(generate(3)))).to.deep.equal([0, 1, 2]);
      expect((await rejection(all(data.from(generate(3)).repeat(2)))).message).to.match(/batch 0 of epoch 1: .*read once/);
      const set = { length: 4, at: async (i: number) => i * 10 };
      expect((await all(data.from(set).shuffle())).sort()).to.deep.equal([0, 10, 20, 30]);
      expect(() => data.from(3 as never)).to.throw(TypeError, /expected an iterable/);
    });
  });

  describe('batches', () => {
    it('trees of numbers and arrays, and keeps dtypes', async () => {
      const set = data.from(count(4).map((i) => ({ a: i, b: [new Uint8Array([i, i]), jnp.array([i]).astype('bfloat16')], c: BigInt(i), d: i > 1, e: [[i, 1], [2, 3]], f: null })));
      const [batch] = await (async () => { for await (const b of set.batch(4)) return [b]; return []; })();
      expect(shown(batch)).to.deep.equal(shown({
        a: jnp.array(count(4)), b: [jnp.array(new Uint8Array([0, 0, 1, 1, 2, 2, 3, 3])).reshape([4, 2]), jnp.array([[0], [1], [2], [3]])],
        c: jnp.array(count(4)), d: jnp.array([false, false, true, true]), e: jnp.array(count(4).map((i) => [[i, 1], [2, 3]])), f: null,
      }));
      expect([batch.a, batch.b[0], batch.b[1], batch.c, batch.d].map((v) => v.dtype)).to.deep.equal(['float32', 'uint8', 'bfloat16', 'int64', 'bool']);
    });

    it('drops, pads or keeps the remainder', async () => {
      const set = data.fromArrays({ y: new Float32Array(count(5)) });
      expect(await all(set.batch(2))).to.deep.equal([{ y: [0, 1] }, { y: [2, 3] }]);
      expect((await all(set.batch(2, { remainder: 'keep' }))).at(-1)).to.deep.equal({ y: [4] });
      expect((await all(set.batch(2, { remainder: 'pad' }))).slice(1)).to.deep.equal([{ y: [2, 3], mask: [true, true] }, { y: [4, 0], mask: [true, false] }]);
      expect((await all(data.from(count(3)).map((i) => ({ i })).batch(2, { remainder: 'pad' }))).at(-1)).to.deep.equal({ i: [2, 0], mask: [true, false] });
      expect(['drop', 'pad', 'keep'].map((remainder) => set.batch(2, { remainder } as object).length)).to.deep.equal([2, 3, 3]);
      expect((await rejection(all(data.from(count(2)).batch(2, { remainder: 'pad' })))).message).to.match(/must be objects/);
      expect((await rejection(all(data.fromArrays({ mask: x }).batch(2, { remainder: 'pad' })))).message).to.match(/have one already/);
    });

    it('refuses elements that differ, by name', async () => {
      const wrong: [unknown[], RegExp][] = [
        [[jnp.zeros([2]), jnp.zeros([3])], /Element 1 cannot be batched with element 0: it is f32\[3\] there and f32\[2\] here/],
        [[{ a: 1 }, { a: 'x' }], /'a' is the text "x" there and a number here/],
        [[{ a: 1 }, { b: 1 }], /has the keys b there and a here/],
        [[[1, 'a'], [1, 'a']], /'1' is the text "a", which is no number/],
        [[[jnp.zeros([1])], []], /list of 0 there and a list of 1/],
        [[jnp.zeros([1]), jnp.zeros([1]).astype('int32')], /i32\[1\] there and f32\[1\]/],
        [[1, null], /missing there/],
      ];
      for (const [list, message] of wrong) {
        const error = await rejection(all(data.from(list).batch(2)));
        expect(error).to.be.instanceOf(DataError).with.property('message').match(message);
        expect(error.message).to.match(/^The data failed at batch 0 of epoch 0: /);
      }
    });
  });

  describe('maps', () => {
    it('with functions, which may take their time', async () => {
      expect(await all(data.fromArrays(x).map((row: Array, { index }: { index: number }) => [row.shape, row.tolist(), index]), 2)).to.deep.equal([[[2], [0, 1], 0], [[2], [2, 3], 1]]);
      expect(await all(data.from(count(3)).map(async (i: number) => i + 1))).to.deep.equal([1, 2, 3]);
      expect((await rejection(all(data.from(count(3)).map((i) => { if (i === 2) throw new Error('no'); return i; })))).message).to.equal('The data failed at batch 2 of epoch 0: no');
    });

    it('in worker threads, in order', async () => {
      const set = data.from(count(12)).shuffle({ seed: 4 }).map(MAPPING, { workers: 2 }).repeat(2);
      const here = data.from(count(12)).shuffle({ seed: 4 }).map((i: number, { index, epoch }) => ({ value: 2 * i, index, epoch })).repeat(2);
      expect(await all(set)).to.deep.equal(await all(here));
      const back = shown((await all(data.fromArrays(x).map(MAPPING), 2))[1]);
      expect(back).to.deep.equal({ sum: 5, rank: 1, array: [2, 3] });
    });

    it('names what fails in a worker thread', async () => {
      expect((await rejection(all(data.from([1, 13]).map(MAPPING)))).message).to.match(/batch 1 of epoch 0: The mapping .*mapping.js failed: unlucky/);
      expect((await rejection(all(data.from([1, 666]).map(MAPPING)))).message).to.match(/ended with exit code 3/);
      expect((await rejection(all(data.from([1]).map(new URL('./nowhere.js', MAPPING))))).message).to.match(/nowhere.js/);
      expect((await rejection(all(data.from([1]).map(new URL('./dataset.test.js', MAPPING))))).message).to.match(/dataset.test.js failed/);
    });
  });

  describe('goes on with exactly the next batch', () => {
    const pipelines: Record<string, () => data.Dataset> = {
      'arrays': () => data.fromArrays({ x, y: jnp.arange(6) }).shuffle({ seed: 3 }).batch(2).repeat(3),
      'remainders kept': () => data.from(count(7)).shuffle({ seed: 1 }).batch(3, { remainder: 'keep' }).repeat(3),
      'a stream': () => data.from((epoch) => count(6 + epoch)).shuffle({ seed: 5, buffer: 3 }).map((i, { epoch, index }) => ({ i, epoch, index })).batch(2).repeat(3),
      'batches shuffled': () => data.from(count(9)).batch(2).shuffle({ seed: 5, buffer: 2 }).repeat(2),
      'prefetched': () => data.fromArrays(x).shuffle({ seed: 9 }).map(async (r: Array) => r).batch(2).prefetch(3).repeat(2),
      'workers': () => data.from(count(8)).shuffle({ seed: 9 }).map(MAPPING, { workers: 2 }).batch(2).repeat(2),
    };
    for (const [name, make] of Object.entries(pipelines)) {
      it(name, async () => {
        const whole = await all(make());
        const places = name === 'workers' ? [1, 5] : count(whole.length + 1);
        for (const place of places) {
          const iterator = make().iterator();
          for (let i = 0; i < place; i++) await iterator.next();
          // As a checkpoint keeps it.
          const position = JSON.parse(JSON.stringify(iterator.position)) as DataPosition;
          await iterator.return();
          expect(await all(make().iterator(position)), `after ${place}`).to.deep.equal(whole.slice(place));
        }
      });
    }

    it('but not with other data', () => {
      const { start } = data.from(count(8)).shuffle({ seed: 9 }).batch(2);
      expect(start).to.deep.equal({ epoch: 0, batch: 0, seed: 9, pipeline: 'list[8] > shuffle(9) > batch(2, drop)' });
      expect(() => data.from(count(8)).shuffle({ seed: 8 }).batch(2).iterator(start)).to.throw(ValueError, /belongs to other data/);
    });
  });

  it('has another order in every epoch, the same for a seed', async () => {
    const set = data.from(count(20)).shuffle({ seed: 2 }).repeat(2);
    const order = await all(set) as number[];
    expect(order.slice(0, 20)).to.not.deep.equal(order.slice(20));
    expect([...order.slice(0, 20)].sort((a, b) => a - b)).to.deep.equal(count(20));
    expect(await all(set)).to.deep.equal(order);
    const buffered = await all(data.from(new Set(count(50))).shuffle({ seed: 2, buffer: 10 })) as number[];
    expect([...buffered].sort((a, b) => a - b)).to.deep.equal(count(50));
    expect(buffered.every((v, i) => v <= i + 10)).to.equal(true);
    expect(buffered).to.not.deep.equal(count(50));
  });

  it('does not wait for ever on an empty epoch, and closes what it read', async () => {
    expect((await rejection(all(data.from([]).repeat()))).message).to.match(/an epoch gave nothing/);
    expect((await rejection(all(data.from(count(3)).batch(5).repeat()))).message).to.match(/an epoch gave nothing/);
    let closed = 0;
    const generate = async function* () { try { yield* count(9); } finally { closed++; } };
    await all(data.from(generate).prefetch(2), 2);
    expect(closed).to.equal(1);
  });

  it('refuses options that are none', () => {
    const set = data.from(count(3));
    expect(() => set.shuffle({ sead: 1 } as never)).to.throw(TypeError, /did you mean 'seed'/);
    expect(() => set.shuffle({ seed: 0.5 })).to.throw(ValueError, /whole number/);
    expect(() => set.map((i) => i).shuffle()).to.throw(ValueError, /buffer: 10000/);
    expect(() => set.shuffle().shuffle()).to.throw(ValueError, /buffer/);
    expect(() => set.batch(0)).to.throw(ValueError, /size must be a positive/);
    expect(() => set.batch(2, { remainder: 'droop' as never })).to.throw(ValueError, /'drop', 'pad' or 'keep'/);
    expect(() => set.repeat(-1)).to.throw(ValueError);
    expect(() => set.prefetch(0.5)).to.throw(ValueError);
    expect(() => set.map(3 as never)).to.throw(TypeError, /expected a function/);
    expect(() => set.map((i) => i, { workers: 2 })).to.throw(TypeError, /worker threads/);
  });
});
