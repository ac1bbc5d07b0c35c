import { expect } from 'chai';
import { grad, jit, lax, numpy as jnp, vmap, type Array } from '../../../lib/jax/index.js';
import { flat, onEveryEngine, thrown } from '../helpers.js';

const ints = (...xs: number[]) => jnp.array(Int32Array.from(xs));
const { GatherDimensionNumbers: from, ScatterDimensionNumbers: into } = lax;
const x = jnp.arange(6);

describe('lax slices', () => {
  onEveryEngine('starts of every integer type are clamped alike', () => {
    const at = (i: Array | number, options?: object) => flat(jit((v: Array) => lax.dynamicSliceInDim(x, v, 2, options))(jnp.asarray(i)));
    for (const [i, expected] of [[0, [0, 1]], [3, [3, 4]], [9, [4, 5]], [-1, [4, 5]], [-3, [3, 4]], [-99, [0, 1]]] as const) {
      for (const dtype of ['int8', 'int32', 'int64'] as const) expect(at(jnp.array(i, { dtype })), `${dtype} ${i}`).to.deep.equal(expected);
      expect(flat(lax.dynamicSlice(x, [i], [2])), `number ${i}`).to.deep.equal(expected);
    }
    expect(at(jnp.array(2 ** 32 - 1, { dtype: 'uint32' }))).to.deep.equal([4, 5]);
    expect(at(jnp.array(2n ** 40n, { dtype: 'int64' }))).to.deep.equal([4, 5]);
    expect(at(ints(-3).index(0), { allowNegativeIndices: false })).to.deep.equal([0, 1]);
  });

  onEveryEngine('each example may have its own start', () => {
    const rows = jnp.arange(12).reshape([3, 4]);
    expect(vmap((r: Array, i: Array) => lax.dynamicSlice(r, [i], [2]))(rows, ints(0, 9, -3)).tolist()).to.deep.equal([[0, 1], [6, 7], [9, 10]]);
    expect(vmap((i: Array) => lax.dynamicSlice(rows, [i, 1], [1, 2]))(ints(2, 0)).tolist()).to.deep.equal([[[9, 10]], [[1, 2]]]);
    expect(vmap((r: Array, i: Array) => lax.dynamicUpdateSlice(r, ints(-1, -2), [i]))(rows, ints(0, 9, 1)).tolist()).to.deep.equal([[-1, -2, 2, 3], [4, 5, -1, -2], [8, -1, -2, 11]]);
  });

  onEveryEngine('updates of every dtype, and empty ones', () => {
    for (const dtype of ['bool', 'uint8', 'int64', 'float16', 'bfloat16', 'float64'] as const) {
      const y = lax.dynamicUpdateSlice(jnp.zeros([2, 3], { dtype }), jnp.ones([1, 2], { dtype }), [ints(1).index(0), 1]);
      expect(flat(y.astype('int32')), dtype).to.deep.equal([0, 0, 0, 0, 1, 1]);
    }
    expect(flat(lax.dynamicUpdateSlice(x, jnp.zeros([0], { dtype: 'int32' }), [ints(2).index(0)]))).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(lax.dynamicSlice(x, [ints(2).index(0)], [0]).shape).to.deep.equal([0]);
  });

  onEveryEngine('gathers out of range', () => {
    const g = (mode?: lax.GatherScatterMode, y: Array = x) => flat(lax.gather(y, ints(7, 1).reshape([2, 1]), from([], [0], [0]), [1], mode ? { mode } : {}));
    expect([g(), g('clip'), g('promise_in_bounds'), g('fill')]).to.deep.equal([[5, 1], [5, 1], [5, 1], [-(2 ** 31), 1]]);
    expect(g('fill', x.astype('uint8'))).to.deep.equal([255, 1]);
    expect(g('fill', x.astype('float32'))[0]).to.be.NaN;
    const slope = (mode: lax.GatherScatterMode) => flat(grad((y: Array) => jnp.sum(lax.gather(y, ints(7, 1).reshape([2, 1]), from([], [0], [0]), [1], { mode })))(x.astype('float32')));
    expect([slope('clip'), slope('fill'), slope('promise_in_bounds')]).to.deep.equal([[0, 1, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]]);
  });

  onEveryEngine('scatters of integers, out of range', () => {
    const s = (f: typeof lax.scatter, mode?: lax.GatherScatterMode) => flat(f(x, ints(9, 1, 1).reshape([3, 1]), ints(10, 20, 3), into([], [0], [0]), mode ? { mode } : {}));
    expect([s(lax.scatter), s(lax.scatterAdd), s(lax.scatterMul), s(lax.scatterMin), s(lax.scatterMax), s(lax.scatterSub, 'clip')]).to.deep.equal([
      [0, 3, 2, 3, 4, 5], [0, 24, 2, 3, 4, 5], [0, 60, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], [0, 20, 2, 3, 4, 5], [0, -22, 2, 3, 4, -5]]);
  });

  it('says what does not fit', () => {
    const y = jnp.ones([2, 3]);
    const refused: [() => unknown, RegExp][] = [
      [() => lax.dynamicSlice(y, [0], [1, 1]), /an index for each of 2 axes, got 1/], [() => lax.dynamicSlice(y, [0, 0], [3, 1]), /\[3,1\] does not fit into \[2,3\]/], [() => lax.dynamicSlice(y, [0, 1.5], [1, 1]), /integers, got 1.5/],
      [() => lax.dynamicSlice(y, [0, jnp.ones([])], [1, 1]), /integers, got f32/], [() => lax.dynamicUpdateSlice(y, jnp.ones([3, 1]), [0, 0]), /\[3,1\] does not fit into \[2,3\]/], [() => lax.dynamicSlice(y, [-1, 0], [1, 1], { allowNegativeIndices: false }), /-1 is negative/],
      [() => lax.dynamicUpdateSlice(y, jnp.ones([1, 1], { dtype: 'int32' }), [0, ints(0).index(0)]), /float32 and int32/], [() => lax.indexInDim(y, 3), /index 3 is out of range/], [() => lax.gather(y, ints(1), from([0], [0], [0, 1]), [1, 3]), /2 components/],
      [() => lax.gather(y, ints(1), from([0], [0], [0]), [2, 3]), /collapsed axis 0.*got 2/], [() => lax.gather(y, ints(1), from([0], [0], [0]), [1, 3], { mode: 'wrap' as any }), /unknown mode 'wrap'/], [() => lax.scatter(y, ints(1), jnp.ones([2]), into([], [0], [0])), /do not fit/],
    ];
    for (const [f, pattern] of refused) expect(thrown(f).message, String(f)).to.match(pattern);
  });
});
