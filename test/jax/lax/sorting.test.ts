import { expect } from 'chai';
import { lax, numpy as jnp, type Array } from '../../../lib/jax/index.js';
import { flat, onEveryEngine, thrown } from '../helpers.js';

const ints = (...xs: number[]) => jnp.array(Int32Array.from(xs));
const floats = (...xs: number[]) => jnp.array(Float32Array.from(xs));

describe('lax sorting and reductions', () => {
  onEveryEngine('several keys, stable, NaN last', () => {
    const [a, b, c] = lax.sort([ints(1, 0, 1, 0), ints(2, 5, 2, 4), ints(0, 1, 2, 3)], { numKeys: 2 });
    expect([flat(a), flat(b), flat(c)]).to.deep.equal([[0, 0, 1, 1], [4, 5, 2, 2], [3, 1, 0, 2]]);
    const [keys, order] = lax.sortKeyVal(floats(NaN, 1, Infinity, -Infinity, 0), ints(0, 1, 2, 3, 4));
    expect([flat(keys), flat(order)]).to.deep.equal([[-Infinity, 0, 1, Infinity, NaN], [3, 4, 1, 2, 0]]);
    expect(flat(lax.sort(jnp.array([2n ** 63n, 5n], { dtype: 'uint64' })))).to.deep.equal([5, 2 ** 63]);
  });

  onEveryEngine('the largest elements, the first of equals, NaN before all', () => {
    for (const dtype of ['float32', 'float64'] as const) {
      const [values, positions] = lax.topK(floats(NaN, 1, Infinity, NaN, 1, 3).astype(dtype), 5);
      expect([values.dtype, positions.dtype, flat(values), flat(positions)]).to.deep.equal([dtype, 'int32', [NaN, NaN, Infinity, 3, 1], [0, 3, 2, 5, 1]]);
    }
    for (const dtype of ['uint8', 'uint64', 'int64'] as const) expect(flat(lax.topK(ints(5, 200, 3, 200).astype(dtype), 3)[1]), dtype).to.deep.equal([1, 3, 0]);
    expect(lax.topK(jnp.ones([2, 3]), 0)[0].shape).to.deep.equal([2, 0]);
    expect(flat(lax.approxMinK(floats(3, 1, 2), 2)[1])).to.deep.equal([1, 2]);
    expect([lax.argmax(floats(1, NaN, 3), 0, 'int8').dtype, lax.argmax(floats(1, NaN, 3), 0, 'int8').item()]).to.deep.equal(['int8', 1]);
  });

  onEveryEngine('running results of integers', () => {
    const x = ints(3, 1, 4, 1, 5, 9);
    expect([flat(lax.cummax(x)), flat(lax.cumprod(x)), flat(lax.cummin(x, { reverse: true }))]).to.deep.equal([[3, 3, 4, 4, 5, 9], [3, 3, 12, 12, 60, 540], [1, 1, 1, 1, 5, 9]]);
    expect(flat(lax.cumlogsumexp(floats(-Infinity, 0, 0)))[0]).to.equal(-Infinity);
  });

  onEveryEngine('reductions of bits and by any function', () => {
    const x = ints(3, 1, 4, 1, 5, 9);
    expect([lax.reduceAnd(x, [0]), lax.reduceOr(x, [0]), lax.reduceXor(x, [0]), lax.reduceXor(lax.gt(x, 2), [0])].map((v) => Number(v.tolist()))).to.deep.equal([0, 15, 11, 0]);
    expect(flat(lax.reduceAnd(jnp.zeros([0, 2], { dtype: 'uint8' }), [0]))).to.deep.equal([255, 255]);
    expect(lax.reduce(x, -1, lax.bitwiseAnd, [0]).item()).to.equal(0);
    const [most, at] = lax.reduce([x, jnp.arange(6)], [-(2 ** 31), 0], ([a, i]: Array[], [b, j]: Array[]) => [lax.max(a, b), lax.select(lax.ge(a, b), i, j)], [0]);
    expect([most.item(), at.item()]).to.deep.equal([9, 5]);
    expect(flat(lax.reduce(jnp.ones([0, 2]), 3, lax.add, [0]))).to.deep.equal([3, 3]);
  });

  it('choices', () => {
    expect(flat(lax.selectN(jnp.array([true, false]), jnp.zeros([2]), jnp.ones([2])))).to.deep.equal([1, 0]);
    expect(flat(lax.clamp(ints(1, 1), ints(0, 5), 3))).to.deep.equal([1, 3]);
    expect([flat(lax.integerPow(ints(3, -2), 3)), flat(lax.integerPow(floats(2), -2))]).to.deep.equal([[27, -8], [0.25]]);
  });

  it('says what does not fit', () => {
    const x = jnp.ones([2, 3]);
    const refused: [() => unknown, RegExp][] = [
      [() => lax.sort([x, jnp.ones([3])]), /one shape, got \[2,3\], \[3\]/], [() => lax.sort([x], { numKeys: 2 }), /numKeys.*1, got 2/], [() => lax.sort(jnp.ones([])), /rank 1/], [() => lax.topK(x, 4), /cannot take 4/], [() => lax.argmax(x, 0, 'float32'), /integer type/],
      [() => lax.reduceAnd(x, [0]), /integers or bool/], [() => lax.squeeze(x, [0]), /axis 0 of f32\[2,3\]/], [() => lax.dot(x, jnp.ones([1, 2, 3])), /vectors and matrices/], [() => lax.broadcastInDim(x, [2, 4], [0, 1]), /cannot become \[2,4\]/], [() => lax.split(x, [1, 2]), /do not add up/],
      [() => lax.clamp(jnp.ones([2]), x, 1), /a bound/], [() => lax.selectN(x, x, x), /boolean or integers/], [() => lax.integerPow(ints(2), -1), /negative power/], [() => lax.reduce(x, jnp.ones([2]), lax.add, [0]), /scalar initial value/],
    ];
    for (const [f, pattern] of refused) expect(thrown(f).message, String(f)).to.match(pattern);
  });
});
