import { expect } from 'chai';
import { grad, jit, lax, numpy as jnp, type Array } from '../../../lib/jax/index.js';
import { flat, onEveryEngine, thrown } from '../helpers.js';

const int = (dtype: 'int8' | 'int64' | 'uint32' | 'uint64' | 'int32', ...xs: (number | bigint)[]) => jnp.array(xs as number[], { dtype });

describe('lax windows', () => {
  onEveryEngine('integers of every width', () => {
    expect(flat(lax.reduceWindow(int('int8', 1, 5, 2, -7), -128, lax.max, [2], { padding: 'SAME' }))).to.deep.equal([5, 5, 2, -7]);
    expect(flat(lax.reduceWindow(int('uint32', 4294967295, 3, 2), 0, lax.max, [2]))).to.deep.equal([4294967295, 3]);
    expect(flat(lax.reduceWindow(int('uint32', 4294967295, 3, 2), 4294967295, lax.min, [2]))).to.deep.equal([3, 2]);
    expect(flat(lax.maxPool(int('int64', 4294967295n, 3n, -5000000000n), [2], [1], 'VALID'))).to.deep.equal([4294967295, 3]);
    expect(lax.maxPool(int('uint64', 2n ** 63n, 3n), [2], [1], 'VALID').tolist()).to.deep.equal([2n ** 63n]);
    expect(flat(lax.reduceWindow(int('int8', 100, 100, 1), 0, lax.add, [2]))).to.deep.equal([-56, 101]);
    expect(flat(lax.reduceWindow(int('int32', 6, 3, 5), -1, lax.bitwiseAnd, [2]))).to.deep.equal([2, 1]);
  });

  onEveryEngine('the first of equal maxima gets the cotangent', () => {
    const first = grad((x: Array) => jnp.sum(lax.reduceWindow(x, -Infinity, lax.max, [2, 2])))(jnp.ones([3, 3]));
    expect(flat(first)).to.deep.equal([1, 1, 0, 1, 1, 0, 0, 0, 0]);
    const side = grad((x: Array) => jnp.sum(lax.maxPool(x, [2, 2], [2, 2], 'SAME')))(jnp.array([[0, 1, 2], [1, 1, 2], [0, 0, 0]], { dtype: 'float32' }));
    expect(flat(side)).to.deep.equal([0, 1, 1, 0, 0, 0, 1, 0, 1]);
  });

  onEveryEngine('infinities stay, and empty arrays are empty', () => {
    const none = jnp.full([1, 16, 4], -Infinity);
    expect(flat(lax.maxPool(none, [1, 1, 2], [1, 1, 2], 'VALID')).every((v) => v === -Infinity)).to.equal(true);
    expect(lax.reduceWindow(jnp.ones([0, 3]), 0, lax.add, [1, 2]).shape).to.deep.equal([0, 2]);
    expect(lax.reduceWindow(jnp.ones([2]), 0, lax.add, [3]).shape).to.deep.equal([0]);
  });

  onEveryEngine('the largest is NaN where there is one, and -∞ where nothing is', () => {
    for (const dtype of ['float32', 'float64', 'float16', 'bfloat16'] as const) for (const lead of [[], [1], [1, 2], [2, 1, 2]]) {
      const row = jnp.array([0, 1, NaN, 3, -Infinity, -Infinity], { dtype });
      const x = jnp.broadcastTo(row, [...lead, 6]);
      const at = <T>(rest: T, last: T): T[] => [...lead.map(() => rest), last];
      const largest = (z: Array) => lax.reduceWindow(z, -Infinity, lax.max, at(1, 2), { windowStrides: at(1, 2), padding: at([0, 0], [0, 2]) });
      expect([...jit(largest)(x).astype('float32').data].slice(0, 4), `${dtype} ${lead}`).to.deep.equal([1, NaN, -Infinity, -Infinity]);
    }
  });

  onEveryEngine('means leave the padding out', () => {
    expect(flat(lax.avgPool(jnp.ones([3, 3]), [2, 2], [2, 2], 'SAME'))).to.deep.equal([1, 1, 1, 1]);
    expect(flat(lax.avgPool(jnp.array([1, 2, 6], { dtype: 'float64' }), [3], [1], 'SAME'))).to.deep.equal([1.5, 3, 4]);
  });

  it('an initial value takes part once', () => {
    expect(flat(lax.reduceWindow(jnp.array([1, 2, 3], { dtype: 'float32' }), 2, lax.max, [2], { padding: [[1, 0]] }))).to.deep.equal([2, 2, 3]);
    expect(flat(lax.reduceWindow(jnp.array([1, 2, 3], { dtype: 'float32' }), 10, lax.add, [2]))).to.deep.equal([13, 15]);
    expect(lax.reduceWindowShapeTuple([5, 5], [2, 3], [1, 2], 'SAME')).to.deep.equal([5, 3]);
  });

  it('says what does not fit', () => {
    const x = jnp.ones([3, 3]);
    const refused: [() => unknown, RegExp][] = [
      [() => lax.reduceWindow(x, 0, lax.add, [2]), /windowDimensions must be 2 whole numbers/], [() => lax.reduceWindow(x, 0, lax.add, [2, 2], { windowStrides: [0, 1] }), /windowStrides.*at least 1/],
      [() => lax.reduceWindow(x, jnp.ones([2]), lax.add, [2, 2]), /scalar initial value/], [() => lax.reduceWindow(x, 0, 'add' as any, [2, 2]), /function of two scalars/],
      [() => lax.reduceWindow(x, 0, lax.add, [2, 2], { padding: [[1, 1]] }), /2 pairs/], [() => lax.maxPool(x, [2, 2], [1, 1], 'FULL'), /unknown padding 'FULL'/], [() => lax.avgPool(x.astype('int32'), [2, 2], [1, 1], 'SAME'), /floating-point/],
    ];
    for (const [f, pattern] of refused) expect(thrown(f).message, String(f)).to.match(pattern);
  });
});
