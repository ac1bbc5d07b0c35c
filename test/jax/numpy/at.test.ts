import { expect } from 'chai';
import { grad, jit, numpy as jnp, vmap, type Array, type DType } from '../../../lib/jax/index.js';
import { scatter, type ScatterMode } from '../../../lib/jax/primitives/scatter.js';
import { flat, onEveryEngine, thrown } from '../helpers.js';

const int = (...xs: number[]): Array => jnp.array(Int32Array.from(xs));
const f32 = (...xs: number[]): Array => jnp.array(xs);

describe('indexed updates', () => {
  onEveryEngine('scatter in every mode and dtype: the last of equal indices is set, those outside are dropped', () => {
    const expected: Record<ScatterMode, number[]> = { set: [1, 7, 3, 2], add: [1, 14, 3, 6], mul: [1, 70, 3, 8], min: [1, 2, 3, 2], max: [1, 7, 3, 4] };
    const dtypes: DType[] = ['float32', 'float64', 'float16', 'bfloat16', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'];
    for (const dtype of dtypes) {
      const [x, u] = [f32(1, 2, 3, 4).astype(dtype), f32(5, 0, 7, 2, 3).astype(dtype)];
      for (const mode of Object.keys(expected) as ScatterMode[]) {
        const out = scatter(x, int(1, -1, 1, 3, 9), u, mode);
        expect(`${out.dtype} ${flat(out)}`, mode).to.equal(`${dtype} ${expected[mode]}`);
      }
    }
    expect(scatter(jnp.array([true, false]), int(1), jnp.array([true]), 'set').tolist()).to.deep.equal([true, true]);
    expect(flat(scatter(jnp.array([2n ** 63n, 1n], { dtype: 'uint64' }), int(0), jnp.array([5n], { dtype: 'uint64' }), 'min'))).to.deep.equal([5, 1]);
  });

  it('many updates of few rows give the same in any order of threads', () => {
    const n = 200_000;
    const rows = jnp.array(Int32Array.from({ length: n }, (_, i) => i % 7));
    const last = flat(scatter(jnp.zeros([7]), rows, jnp.arange(n, { dtype: 'float32' }), 'set'));
    expect(last).to.deep.equal([...globalThis.Array(7).keys()].map((k) => n - 1 - ((((n - 1 - k) % 7) + 7) % 7)));
    expect(flat(scatter(jnp.zeros([7]), rows, jnp.ones([n]), 'add')).reduce((a, b) => a + b)).to.equal(n);
  });

  it('derivatives: none through what is replaced or overwritten, and products of all others', () => {
    const weights = f32(1, 2, 3, 4);
    const gradients = (mode: ScatterMode, u: Array) => grad((x: Array, y: Array) => jnp.sum(scatter(x, int(1, -1, 1, 3, 9), y, mode).mul(weights)), { argnums: [0, 1] })(f32(1, 2, 3, 4), u).map(flat);
    expect(gradients('set', f32(5, 0, 0, 2, 3))).to.deep.equal([[1, 0, 3, 0], [0, 0, 2, 4, 0]]);
    expect(gradients('mul', f32(5, 0, 0, 2, 3))).to.deep.equal([[1, 0, 3, 8], [0, 0, 20, 16, 0]]);
    expect(gradients('max', f32(5, 0, 5, 4, 3)), 'equal ones share').to.deep.equal([[1, 0, 3, 2], [1, 0, 1, 2, 0]]);
  });

  it('numbers, ranges, new axes, masks and arrays', () => {
    const x = jnp.arange(6, { dtype: 'float32' }).reshape([2, 3]);
    const rows: [Array, number[]][] = [
      [x.at(0).set(9), [9, 9, 9, 3, 4, 5]], [x.at(-1, 1).add(1), [0, 1, 2, 3, 5, 5]], [x.at('...', 0).set(int(8, 9)), [8, 1, 2, 9, 4, 5]], [x.at({}, { step: 2 }).multiply(2), [0, 1, 4, 6, 4, 10]], [x.at({}, { step: -1 }).set(f32(7, 8, 9)), [9, 8, 7, 9, 8, 7]],
      [x.at(null, 1).set(0), [0, 1, 2, 0, 0, 0]], [x.at(x.gt(2)).set(0), [0, 1, 2, 0, 0, 0]], [x.at(x.gt(2)).set(f32(7, 8, 9)), [0, 1, 2, 7, 8, 9]], [x.at(jnp.array([false, true])).add(f32(1, 2, 3)), [0, 1, 2, 4, 6, 8]], [x.at(int(1, 1), int(0, 0)).add(1), [0, 1, 2, 5, 4, 5]],
      [x.at(int(0, 5)).set(9), [9, 9, 9, 3, 4, 5]], [x.at(int(0, 5)).set(9, { mode: 'clip' }), [9, 9, 9, 9, 9, 9]], [x.at(7).set(9, { mode: 'drop' }), [0, 1, 2, 3, 4, 5]], [x.at({ start: 1, stop: 1 }).set(9), [0, 1, 2, 3, 4, 5]], [x.at(0).power(2), [0, 1, 4, 3, 4, 5]], [x.at(0).divide(2), [0, 0.5, 1, 3, 4, 5]],
      [x.at(0).subtract(1), [-1, 0, 1, 3, 4, 5]], [x.at(0).min(1), [0, 1, 1, 3, 4, 5]], [x.at(0).max(1), [1, 1, 2, 3, 4, 5]], [x.at(1).apply(jnp.negative), [0, 1, 2, -3, -4, -5]], [x.at(int(1, 5), 0).get({ mode: 'fill', fillValue: -1 }), [3, -1]], [x.at(int(5), 0).get(), [3]], [int(1, 2).at(0).add(2.7), [3, 2]],
    ];
    rows.forEach(([out, expected], i) => expect(flat(out), String(i)).to.deep.equal(expected));
    expect(x.at(int(5)).get({ mode: 'fill' }).tolist()).to.deep.equal([[NaN, NaN, NaN]]);
    expect(flat(jit((y: Array) => y.at(y.gt(2)).set(0))(x)), 'a mask that is traced').to.deep.equal([0, 1, 2, 0, 0, 0]);
    expect(flat(vmap((y: Array, i: Array) => y.at(i).set(9))(x, int(1, 2)))).to.deep.equal([0, 9, 2, 3, 4, 9]);
  });

  it('refuses what does not fit', () => {
    const x = jnp.zeros([2, 3]);
    const table: [() => unknown, string, RegExp][] = [
      [() => x.at(2).set(1), 'ShapeError', /at\.set: 2 is out of range for axis 0 of size 2/], [() => x.at(0).set(f32(1, 2)), 'ShapeError', /at\.set.*\[2\].*\[3\]|at\.set: cannot broadcast/], [() => x.at(f32(0)).set(1), 'TypeError', /at\.set: indices must be integers, got float32/],
      [() => x.at(0, 0, 0).add(1), 'ShapeError', /at\.add: 3 indices for an array of rank 2/], [() => x.at(0).set(1, { mode: 'wrap' as 'clip' }), 'ValueError', /at\.set: unknown mode 'wrap'/], [() => x.at(jnp.array([true])).set(1), 'ShapeError', /mask of shape \[1\] does not fit \[2,3\]/], [() => x.at({ step: 0 }).set(1), 'ShapeError', /at\.set: the step/],
      [() => x.at('...', '...').set(1), 'ShapeError', /at most one/], [() => x.at(0).set(1, { modes: 'clip' } as never), 'TypeError', /did you mean 'mode'/], [() => x.at(0).apply(1 as never), 'TypeError', /at\.apply: expected a function/],
    ];
    for (const [f, name, pattern] of table) {
      const error = thrown(f);
      expect(error.name, error.message).to.equal(name);
      expect(error.message).to.match(pattern);
    }
  });
});
