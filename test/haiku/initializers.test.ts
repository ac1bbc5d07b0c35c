import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import { inInit, numbers, refused } from './helpers.js';

const { initializers } = hk;
const key = new hk.PRNGSequence(5).next();
/** What `init` makes with the first key of the seed 5. */
const make = (init: hk.Initializer, shape: number[], dtype: Parameters<hk.Initializer>[1] = 'float32'): Array => inInit(() => init(shape, dtype), 5);

describe('hk.initializers', () => {
  it('are callable instances', () => {
    const init = new initializers.Constant(2);
    expect(init).to.be.a('function').and.instanceOf(initializers.Constant);
    expect(init.constant).to.equal(2);
  });
  it('Constant broadcasts numbers and arrays', () => {
    expect(make(new initializers.Constant(1.5), [2]).tolist()).to.deep.equal([1.5, 1.5]);
    expect(make(new initializers.Constant(jnp.array([1, 2])), [2, 2]).tolist()).to.deep.equal([[1, 2], [1, 2]]);
    expect(make(new initializers.Constant(3), [], 'int32').dtype).to.equal('int32');
  });
  it('random ones take one key each, the others none', () => {
    const randoms = [new initializers.RandomNormal(), new initializers.TruncatedNormal(), new initializers.RandomUniform(), new initializers.VarianceScaling(),
      new initializers.UniformScaling(), new initializers.Orthogonal()];
    const after = (init: hk.Initializer): unknown => inInit(() => { init([2, 2], 'float32'); return hk.nextRngKey().tolist(); }, 5);
    const keys = new hk.PRNGSequence(5);
    const [first, second] = [keys.next().tolist(), keys.next().tolist()];
    for (const init of randoms) expect(after(init)).to.deep.equal(second);
    for (const init of [new initializers.Constant(1), new initializers.Identity()]) expect(after(init)).to.deep.equal(first);
  });
  it('RandomNormal, TruncatedNormal and RandomUniform scale and shift', () => {
    expect(make(new initializers.RandomNormal({ stddev: 0.5, mean: 2 }), [3]).tolist()).to.deep.equal(random.normal(key, [3]).mul(0.5).add(2).tolist());
    expect(make(new initializers.TruncatedNormal({ stddev: 0.5 }), [3]).tolist()).to.deep.equal(random.truncatedNormal(key, -2, 2, [3]).mul(0.5).add(0).tolist());
    expect(make(new initializers.RandomUniform({ minval: 1, maxval: 3 }), [3]).tolist()).to.deep.equal(random.uniform(key, [3], { minval: 1, maxval: 3 }).tolist());
  });
  it('VarianceScaling divides by the fan', () => {
    const stddev = (options: object, shape: number[]): unknown => make(new initializers.VarianceScaling({ distribution: 'normal', ...options }), shape).tolist();
    const expected = (scale: number, shape: number[]): unknown => random.normal(key, shape).mul(Math.sqrt(scale)).add(0).tolist();
    expect(stddev({}, [4, 2])).to.deep.equal(expected(1 / 4, [4, 2]));
    expect(stddev({ mode: 'fan_out', scale: 2 }, [4, 2])).to.deep.equal(expected(2 / 2, [4, 2]));
    expect(stddev({ mode: 'fan_avg' }, [4, 2])).to.deep.equal(expected(1 / 3, [4, 2]));
    expect(stddev({}, [3, 3, 2, 5])).to.deep.equal(expected(1 / 18, [3, 3, 2, 5]));
    expect(stddev({ mode: 'fan_out' }, [3, 3, 2, 5])).to.deep.equal(expected(1 / 45, [3, 3, 2, 5]));
    expect(stddev({ fanInAxes: [0] }, [3, 2, 5])).to.deep.equal(expected(1 / 3, [3, 2, 5]));
    expect(stddev({}, [])).to.deep.equal(expected(1, []));
    expect(stddev({}, [6])).to.deep.equal(expected(1 / 6, [6]));
    const limit = Math.sqrt(3 / 4);
    expect(make(new initializers.VarianceScaling({ distribution: 'uniform' }), [4, 2]).tolist()).to.deep.equal(random.uniform(key, [4, 2], { minval: -limit, maxval: limit }).tolist());
    const truncated = 0.5 / Math.fround(0.87962566103423978);
    expect(make(new initializers.VarianceScaling(), [4, 2]).tolist()).to.deep.equal(random.truncatedNormal(key, -2, 2, [4, 2]).mul(truncated).add(0).tolist());
  });
  it('UniformScaling uses all sizes but the last', () => {
    const limit = Math.sqrt(3 / 6) * 2;
    expect(make(new initializers.UniformScaling({ scale: 2 }), [2, 3, 4]).tolist()).to.deep.equal(random.uniform(key, [2, 3, 4], { minval: -limit, maxval: limit }).tolist());
  });
  it('Orthogonal makes orthonormal rows or columns', () => {
    const check = (w: Array, rows: number, columns: number, scale: number): void => {
      const m = w.reshape([rows, columns]);
      const gram = rows < columns ? m.matmul(jnp.transpose(m)) : jnp.transpose(m).matmul(m);
      (gram.tolist() as number[][]).forEach((row, i) => row.forEach((value, j) => expect(value).to.be.closeTo(i === j ? scale ** 2 : 0, 1e-5)));
    };
    check(make(new initializers.Orthogonal({ axis: 0 }), [3, 5]), 3, 5, 1);
    check(make(new initializers.Orthogonal({ axis: 0, scale: 2 }), [7, 2]), 7, 2, 2);
    check(jnp.transpose(make(new initializers.Orthogonal(), [3, 5])), 5, 3, 1);
    check(jnp.moveaxis(make(new initializers.Orthogonal(), [2, 3, 4]), -1, 0), 4, 6, 1);
  });
  it('Identity repeats over the leading axes', () => {
    expect(make(new initializers.Identity({ gain: 2 }), [2, 3]).tolist()).to.deep.equal([[2, 0, 0], [0, 2, 0]]);
    expect(make(new initializers.Identity(), [2, 2, 2]).tolist()).to.deep.equal([[[1, 0], [0, 1]], [[1, 0], [0, 1]]]);
  });
  it('leave negative axes of the fan-in in the fan-out, as Haiku does', () => {
    const limit = (fanInAxes: number[]): number => {
      const w = make(new initializers.VarianceScaling({ mode: 'fan_out', distribution: 'uniform', fanInAxes }), [30, 20, 2]);
      return Math.max(...numbers(w).map(Math.abs));
    };
    expect(limit([0, 1])).to.be.closeTo(Math.sqrt(3 / 2), 0.01);
    expect(limit([0, -2])).to.be.closeTo(Math.sqrt(3 / 40), 0.001);
  });
  it('make an identity of any type', () => {
    expect(make(new initializers.Identity(), [2, 2], 'bool')).to.include({ dtype: 'bool' });
    expect(numbers(make(new initializers.Identity({ gain: 2.5 }), [2, 2], 'int32'))).to.deep.equal([2, 0, 0, 2]);
  });
  it('refuse what they cannot do', () => {
    refused(() => new initializers.VarianceScaling({ scale: -1 }), 'ValueError', /`scale` must be a positive float/);
    refused(() => new initializers.VarianceScaling({ mode: 'fan' as never }), 'ValueError', /Invalid `mode` argument: 'fan'/);
    refused(() => new initializers.VarianceScaling({ distribution: 'gamma' as never }), 'ValueError', /Invalid `distribution` argument: 'gamma'/);
    refused(() => make(new initializers.Orthogonal(), [3]), 'ValueError', /Orthogonal initializer requires at least a 2D shape/);
    refused(() => make(new initializers.Orthogonal({ axis: 2 }), [3, 3]), 'ValueError', /axis 2 is out of range/);
    refused(() => make(new initializers.Identity(), [3]), 'ValueError', /Identity initializer requires at least a 2D shape/);
    refused(() => make(new initializers.TruncatedNormal(), [3], 'int32'), 'TypeError', /floating point/);
    refused(() => new initializers.RandomNormal({ stdev: 1 } as never), 'TypeError', /did you mean 'stddev'/);
  });
});
