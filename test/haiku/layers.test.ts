import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import { hex, inInit, numbers, refused } from './helpers.js';

describe('hk.Linear', () => {
  it('begins with the very bits of Haiku', () => {
    const params = hk.transform((x: Array) => new hk.Linear(3)(x)).init(random.PRNGKey(42), jnp.ones([1, 2]));
    expect(hex(params.linear.w)).to.deep.equal(['3ed01eb2', '3f089b0b', 'bf1ad5f7', 'beda1e15', 'bf4d3ceb', 'bf0e2405']);
    expect(hex(params.linear.b)).to.deep.equal(['00000000', '00000000', '00000000']);
  });
  it('computes x·w + b over the last axis', () => inInit(() => {
    const linear = new hk.Linear(2, { wInit: jnp.ones, bInit: new hk.initializers.Constant(0.5) });
    expect(linear(jnp.array([1, 2])).tolist()).to.deep.equal([3.5, 3.5]);
    expect(linear(jnp.ones([4, 5, 2])).shape).to.deep.equal([4, 5, 2]);
    expect([linear.inputSize, linear.outputSize]).to.deep.equal([2, 2]);
  }));
  it('takes the dtype of its input, and may have no bias', () => {
    const params = hk.transform((x: Array) => new hk.Linear(2, { withBias: false })(x)).init(0, jnp.ones([1, 2], { dtype: 'float16' }));
    expect(Object.keys(params.linear)).to.deep.equal(['w']);
    expect(params.linear.w.dtype).to.equal('float16');
  });
  it('refuses scalars, integers at init, and unknown options', () => inInit(() => {
    refused(() => new hk.Linear(2)(jnp.ones([])), 'ValueError', /Input must not be scalar/);
    refused(() => new hk.Linear(2)(jnp.ones([1, 2], { dtype: 'int32' })), 'TypeError', /floating point numbers, but int32/);
    refused(() => new hk.Linear(2, { with_bias: false } as never), 'TypeError', /unknown option 'with_bias'; did you mean 'withBias'\?/);
    refused(() => new hk.Linear(2, false as never), 'TypeError', /the last argument is an options object/);
  }));
});

describe('hk.Sequential', () => {
  it('gives further arguments to the first layer', () => inInit(() => {
    const net = new hk.Sequential([(x: number, y: number) => x + y, (x: number) => 2 * x]);
    expect(net(1, 2)).to.equal(6);
    expect(new hk.Sequential([])(3)).to.equal(3);
  }));
});

describe('hk.nets.MLP', () => {
  const x = jnp.ones([2, 4]);
  it('activates between layers, and at the end if asked', () => {
    let calls = 0;
    const activation = (y: Array) => { calls++; return y; };
    inInit(() => {
      const net = new hk.nets.MLP([3, 2], { activation });
      expect(net(x).shape).to.deep.equal([2, 2]);
      expect([calls, net.outputSize, net.layers.length]).to.deep.equal([1, 2, 2]);
      new hk.nets.MLP([3, 2], { activation, activateFinal: true })(x);
      expect(calls).to.equal(3);
      expect(new hk.nets.MLP([])(x)).to.equal(x);
    });
  });
  it('drops before each activation, one key a layer', () => inInit(() => {
    const key = random.PRNGKey(7);
    const net = new hk.nets.MLP([3, 3, 2], { wInit: jnp.ones });
    const keys = new hk.PRNGSequence(key);
    const expected = net.layers.reduce((out, layer, i) => { const y = layer(out); return i < 2 ? net.activation(hk.dropout(keys.next(), 0.4, y)) : y; }, x);
    expect(net(x, { dropoutRate: 0.4, rng: key }).tolist()).to.deep.equal(expected.tolist());
  }));
  it('reverses the sizes', () => {
    const params = hk.transform(() => { const net = new hk.nets.MLP([3, 2]); net(x); net.reverse()(jnp.ones([2, 2])); net.reverse({ name: 'dec' })(jnp.ones([2, 2])); }).init(0);
    expect(Object.keys(params).slice(2)).to.deep.equal([
      'mlp/~reverse/mlp_reversed/~/linear_0', 'mlp/~reverse/mlp_reversed/~/linear_1', 'mlp/~reverse/dec/~/linear_0', 'mlp/~reverse/dec/~/linear_1']);
    expect(params['mlp/~reverse/mlp_reversed/~/linear_1'].w.shape).to.deep.equal([3, 4]);
  });
  it('refuses what does not go together', () => inInit(() => {
    refused(() => new hk.nets.MLP([3], { withBias: false, bInit: jnp.zeros }), 'ValueError', /withBias=false bInit must not be set/);
    refused(() => new hk.nets.MLP([3])(x, { dropoutRate: 0.5 }), 'ValueError', /an rng key must be passed/);
    refused(() => new hk.nets.MLP([3])(x, { rng: hk.nextRngKey() }), 'ValueError', /only be passed when using dropout/);
    refused(() => new hk.nets.MLP([3, 2]).reverse(), 'ValueError', /cannot reverse an MLP until it has been called/);
  }));
});

describe('hk.dropout', () => {
  const key = random.PRNGKey(3);
  it('keeps the mean, scales what it keeps, and drops whole slices along broadcast dims', () => {
    const out = numbers(hk.dropout(key, 0.25, jnp.ones([1000])));
    const kept = out.filter((v) => v !== 0);
    expect(kept.length).to.be.within(700, 800);
    expect(new Set(kept)).to.deep.equal(new Set([Math.fround(1 / 0.75)]));
    const rows = hk.dropout(key, 0.5, jnp.ones([8, 3]), { broadcastDims: [-1] }).tolist() as number[][];
    for (const row of rows) expect(new Set(row).size).to.equal(1);
  });
  it('gives +0 where it drops, even what is not finite', () => {
    const out = numbers(hk.dropout(key, 0.5, jnp.full([64], NaN)));
    expect(out.filter((v) => Object.is(v, 0)).length).to.equal(out.filter((v) => !Number.isNaN(v)).length).and.above(10);
  });
  it('does nothing at rate 0, and checks rate and dims', () => {
    const x = jnp.ones([2]);
    expect(hk.dropout(key, 0, x)).to.equal(x);
    for (const rate of [1, -0.1, NaN]) refused(() => hk.dropout(key, rate, x), 'ValueError', /rate must be in \[0, 1\)/);
    refused(() => hk.dropout(key, 0.5, x, { broadcastDims: [1] }), 'ValueError', /Broadcast dimension does not exist/);
  });
});
