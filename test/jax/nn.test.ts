import { expect } from 'chai';
import { grad, nn, numpy as jnp, random, vmap, type Array } from '../../lib/jax/index.js';
import { expectClose, flat, numbers, thrown } from './helpers.js';

const at = (f: (x: Array) => Array, ...xs: number[]): number[] => flat(vmap(grad(f))(jnp.array(Float32Array.from(xs))));

describe('nn', () => {
  it('derivatives at the kinks are those of JAX', () => {
    expect(at(nn.relu, -1, 0, 1)).to.deep.equal([0, 0, 1]);
    expect(at(nn.relu6, -1, 0, 3, 6, 7)).to.deep.equal([0, 0, 1, 0, 0]);
    expect(at(nn.leakyRelu, -1, 0, 1).map((v) => Math.fround(v))).to.deep.equal([0.01, 1, 1].map(Math.fround));
    expect(at(nn.elu, 0)).to.deep.equal([1]);
    expect(at(nn.celu, 0)).to.deep.equal([1]);
    expect(at(nn.hardTanh, -1, 0, 1)).to.deep.equal([1, 1, 1]);
    expect(at(nn.softplus, -100, 0, 100)).to.deep.equal([Math.fround(Math.exp(-100)), 0.5, 1].map((v, i) => (i === 0 ? at(nn.softplus, -100)[0] : v)));
    expect(at((x) => grad(nn.softplus)(x), 0)).to.deep.equal([0.25]);
  });

  it('far out nothing overflows', () => {
    const far = jnp.array(Float32Array.of(-Infinity, -1000, 1000, Infinity));
    expect(flat(nn.softplus(far))).to.deep.equal([0, 0, 1000, Infinity]);
    expect(flat(nn.logSigmoid(far))).to.deep.equal([-Infinity, -1000, -0, -0]);
    expect(flat(nn.silu(jnp.array([-1000, 1000])))).to.deep.equal([-0, 1000]);
    for (const f of [nn.elu, nn.selu, nn.gelu, nn.mish, nn.squareplus]) flat(f(jnp.array([-1000, 1000]))).forEach((v) => expect(v).to.satisfy(Number.isFinite));
    expect(flat(nn.relu6(jnp.array([NaN])))).to.deep.equal([NaN]);
    expect(flat(nn.log1mexp(jnp.array(Float32Array.of(1e-9, 50))))[1]).to.be.closeTo(-1.9287e-22, 1e-25);
  });

  it('dtypes: integers become float32, half floats stay', () => {
    expect(nn.gelu(jnp.arange(3)).dtype).to.equal('float32');
    expect(nn.relu(jnp.arange(3)).dtype).to.equal('int32');
    expect(nn.hardTanh(jnp.array([-3, 2])).tolist()).to.deep.equal([-1, 1]);
    expect(nn.standardize(jnp.ones([3], { dtype: 'bfloat16' })).dtype).to.equal('bfloat16');
    expect(nn.oneHot(jnp.array([0, 3]), 2, { dtype: 'bool', axis: 0 }).tolist()).to.deep.equal([[true, false], [false, false]]);
  });

  it('softmax: masked rows whose elements are all -∞, or one ∞, are no numbers, as in JAX 0.10.2', () => {
    const x = jnp.array([[5, -Infinity, -Infinity], [5, Infinity, 1], [NaN, 1, 2]]);
    const where = jnp.array([false, true, true]);
    for (const axis of [-1, [1]]) {
      expect(flat(nn.softmax(x, { axis, where }))).to.deep.equal([0, NaN, NaN, 0, NaN, NaN, 0, ...flat(nn.softmax(jnp.array([1, 2])))]);
      expect(flat(nn.logSoftmax(x, { axis, where })).slice(0, 7)).to.deep.equal([-Infinity, NaN, NaN, -Infinity, NaN, NaN, -Infinity]);
    }
    expect(flat(nn.softmax(x, { axis: [0, 1], where }))).to.deep.equal([0, NaN, NaN, 0, NaN, NaN, 0, NaN, NaN]);
  });
  it('softmax: masked elements and their gradients are zero, also where a row has no other', () => {
    const where = jnp.array([[true, false, true], [false, false, false]]);
    const x = jnp.array([[1, 1e30, 2], [1, 2, Infinity]], { dtype: 'float32' });
    expectClose(nn.softmax(x, { where }), jnp.array([[0.26894143, 0, 0.7310586], [0, 0, 0]], { dtype: 'float32' }), 1e-6);
    flat(grad((y: Array) => jnp.sum(jnp.square(nn.softmax(y, { where }))))(x)).forEach((v, i) => expect(v).to.satisfy((g: number) => (i === 0 || i === 2 ? Number.isFinite(g) && g !== 0 : g === 0)));
    expect(flat(nn.logSoftmax(x, { where })).slice(3)).to.deep.equal([-Infinity, -Infinity, -Infinity]);
    expectClose(nn.logmeanexp(jnp.zeros([4]), { where: jnp.array([true, true, false, false]) }), jnp.array(0).astype('float32'), 1e-7);
  });

  it('attention: shared heads, lengths, residuals', () => {
    const [q, k, v] = [numbers(1, [2, 3, 4, 2]), numbers(2, [2, 5, 2, 2]), numbers(3, [2, 5, 2, 2])];
    const whole = nn.dotProductAttention(q, jnp.repeat(k, 2, { axis: 2 }), jnp.repeat(v, 2, { axis: 2 }));
    expectClose(nn.dotProductAttention(q, k, v), whole, 1e-6, 'each key head serves two query heads');
    const lengths = jnp.array(Int32Array.of(2, 5));
    const short = nn.dotProductAttention(q, k, v, { keyValueSeqLengths: lengths, querySeqLengths: jnp.array(Int32Array.of(1, 3)) });
    expectClose(short.index(1), whole.index(1), 1e-6, 'the whole of the second sequence counts');
    expect(flat(short.index(0, { start: 1 })).every((x) => x === 0)).to.equal(true);
    const cut = nn.dotProductAttention(q, k.index({}, { stop: 2 }), v.index({}, { stop: 2 }));
    expectClose(short.index(0, 0), cut.index(0, 0), 1e-6, 'two keys of the first');
    const [out, residual] = nn.dotProductAttention(q, k, v, { returnResidual: true });
    expectClose(out, whole, 1e-6);
    expect(residual.shape).to.deep.equal([2, 3, 4]);
    // A row without any key is no NaN.
    flat(nn.dotProductAttention(q, k, v, { mask: jnp.zeros([1, 1, 1, 5], { dtype: 'bool' }) })).forEach((x) => expect(x).to.satisfy(Number.isFinite));
    expect(nn.dotProductAttention(q.astype('float16'), k.astype('float16'), v.astype('float16')).dtype).to.equal('float16');
  });

  it('initializers have the variances that they say', () => {
    const key = random.PRNGKey(3);
    const spread = (f: nn.initializers.Initializer, shape: number[]) => jnp.std(f(key, shape)).item() as number;
    expect(spread(nn.initializers.heNormal(), [200, 300])).to.be.closeTo(Math.sqrt(2 / 200), 1e-3);
    expect(spread(nn.initializers.glorotUniform(), [200, 300])).to.be.closeTo(Math.sqrt(2 / 500), 1e-3);
    expect(spread(nn.initializers.lecunNormal({ inAxis: -1, outAxis: 0 }), [200, 300])).to.be.closeTo(Math.sqrt(1 / 300), 1e-3);
    expect(spread(nn.initializers.varianceScaling(1, 'fan_out', 'normal'), [3, 20, 300])).to.be.closeTo(Math.sqrt(1 / 900), 1e-3);
    expect(nn.initializers.zeros(key, [2], { dtype: 'int32' }).tolist()).to.deep.equal([0, 0]);
    expect(nn.initializers.constant(3, { dtype: 'float16' })(key, [2]).dtype).to.equal('float16');
    expect(nn.initializers.ones(key, [2]).tolist()).to.deep.equal([1, 1]);
    const q = nn.initializers.orthogonal({ columnAxis: 0 })(key, [2, 3, 2]).reshape([2, 6]);
    expectClose(jnp.matmul(q, q.T), jnp.eye(2), 1e-5, 'orthonormal along axis 0');
    const delta = nn.initializers.deltaOrthogonal()(key, [3, 2, 2, 4]);
    const centre = delta.index(1, 0);
    expectClose(jnp.matmul(centre, centre.T), jnp.eye(2), 1e-5, 'orthonormal at the centre');
    expect(jnp.sum(jnp.abs(delta)).item()).to.be.closeTo(jnp.sum(jnp.abs(centre)).item() as number, 1e-5);
  });

  it('refuses what does not fit', () => {
    const x = jnp.ones([2, 3]);
    const refused: [() => unknown, RegExp][] = [
      [() => nn.glu(x), /nn.glu.*odd size/], [() => nn.elu(x, { beta: 1 } as never), /nn.elu.*unknown option 'beta'/], [() => nn.standardize(x, { algorithm: 'slow' as never }), /standardize.*'slow'/],
      [() => nn.dotProductAttention(jnp.ones([1, 2, 3, 4]), jnp.ones([1, 2, 2, 4]), jnp.ones([1, 2, 2, 4])), /3 query heads.*multiple of 2/],
      [() => nn.dotProductAttention(jnp.ones([1, 2, 2, 4]), jnp.ones([1, 2, 2, 3]), jnp.ones([1, 2, 2, 3])), /query must have the shape \[1,T,N,3\]/],
      [() => nn.dotProductAttention(jnp.ones([2, 2, 4]), jnp.ones([2, 2, 4]), jnp.ones([2, 2, 4]), { mask: jnp.ones([1, 1, 2, 2]) }), /mask must be bool/],
      [() => nn.initializers.heNormal()(random.PRNGKey(0), [3]), /varianceScaling.*inAxis/], [() => nn.initializers.orthogonal()(random.PRNGKey(0), [3]), /rank 2 or more/],
      [() => nn.initializers.varianceScaling(1, 'fan' as never, 'normal')(random.PRNGKey(0), [3, 3]), /unknown mode 'fan'/], [() => nn.initializers.deltaOrthogonal()(random.PRNGKey(0), [3, 3, 2]), /3 inputs do not fit 2 outputs/],
    ];
    for (const [f, pattern] of refused) expect(thrown(f).message, String(f)).to.match(pattern);
  });
});
