import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { nn, numpy as jnp, tree, type Array } from '../../lib/jax/index.js';
import { inInit, numbers, paths, refused } from './helpers.js';

const x = jnp.arange(24, { dtype: 'float32' }).reshape([4, 2, 3]).div(10);
const close = (a: any, b: any): void => {
  const [as, bs] = [a, b].map((t) => (tree.leaves(t) as Array[]).flatMap(numbers));
  expect(as).to.have.length(bs.length);
  as.forEach((v, i) => expect(v).to.be.closeTo(bs[i], 1e-6));
};
const cores: Record<string, () => hk.RNNCore> = {
  VanillaRNN: () => new hk.VanillaRNN(2), LSTM: () => new hk.LSTM(2), GRU: () => new hk.GRU(2), IdentityCore: () => new hk.IdentityCore(),
  DeepRNN: () => new hk.DeepRNN([new hk.LSTM(2), nn.relu, new hk.GRU(3)]),
  skips: () => hk.deepRnnWithSkipConnections([new hk.LSTM(2), new hk.GRU(3)]),
};

describe('hk recurrent cores', () => {
  for (const [name, make] of Object.entries(cores)) {
    it(`${name}: unrolled in the program and written out, forwards, by batch, step by step`, () => {
      const f = hk.transform((sequence: Array) => {
        const core = make();
        const state = core.initialState(2);
        const batchMajor = jnp.swapaxes(sequence, 0, 1);
        const [ys, last] = hk.dynamicUnroll(core, sequence, state);
        const [byBatch, lastToo] = hk.dynamicUnroll(core, batchMajor, state, { timeMajor: false });
        return { dynamic: [ys, last], static: hk.staticUnroll(core, sequence, state), batched: [jnp.swapaxes(byBatch, 0, 1), lastToo],
          batchStatic: hk.staticUnroll(core, batchMajor, state, { timeMajor: false })[0].shape.slice(0, 2) };
      });
      const out = f.apply(f.init(1, x), null, x);
      close(out.dynamic, out.static);
      close(out.dynamic, out.batched);
      expect(out.batchStatic).to.deep.equal([2, 4]);
    });
  }
  it('gives all states, and the reverse', () => {
    const f = hk.transform((sequence: Array) => {
      const core = new hk.GRU(2);
      return [hk.dynamicUnroll(core, sequence, core.initialState(2), { returnAllStates: true }),
        hk.dynamicUnroll(core, sequence, core.initialState(2), { reverse: true }), hk.staticUnroll(core, jnp.flip(sequence, { axis: 0 }), core.initialState(2))];
    });
    const [[ys, states], reversed, flipped] = f.apply(f.init(1, x), null, x);
    close(ys, states);
    close(reversed, [jnp.flip(flipped[0], { axis: 0 }), flipped[1]]);
  });
  it('unrolls plain functions outside a transform', () => {
    const [ys, last] = hk.dynamicUnroll((input: Array, sum: Array) => [input, sum.add(input)], jnp.arange(4), jnp.zeros([], { dtype: 'int32' }));
    expect([ys.tolist(), last.item()]).to.deep.equal([[0, 1, 2, 3], 6]);
  });
  it('ResetCore begins anew where it is told to', () => {
    const run = (reset: boolean[][]) => hk.transform((sequence: Array) => {
      const core = new hk.ResetCore(new hk.LSTM(2));
      return hk.dynamicUnroll(core, [sequence, jnp.array(reset)], core.initialState(2))[0];
    });
    const params = hk.transform((s: Array) => { const c = new hk.LSTM(2); return c(s.index(0), c.initialState(2)); }).init(1, x);
    const some = run([[false, false], [false, false], [true, false], [false, false]]).apply(params, null, x);
    const none = run([[false, false], [false, false], [false, false], [false, false]]);
    close(some.index({ start: 2 }, 0), none.apply(params, null, jnp.concatenate([x.index({ start: 2 }), x.index({ start: 0, stop: 2 })])).index({ start: 0, stop: 2 }, 0));
    close(some.index({ start: null }, 1), none.apply(params, null, x).index({ start: null }, 1));
  });
  it('refuses bad ranks, flags that do not fit, and layers that are no cores', () => inInit(() => {
    refused(() => new hk.LSTM(2)(x, new hk.LSTM(2).initialState(2)), 'ValueError', /rank-1 or rank-2/);
    refused(() => new hk.GRU(2)(x, jnp.zeros([2])), 'ValueError', /rank-1 or rank-2/);
    refused(() => new hk.ResetCore(new hk.GRU(2))([x.index(0), jnp.array([true, false, true])], jnp.zeros([2, 2])), 'ValueError', /not compatible with state shape \[2,2\]/);
    refused(() => hk.deepRnnWithSkipConnections([nn.relu as never]), 'ValueError', /hk\.RNNCore/);
    refused(() => hk.staticUnroll(new hk.GRU(2), jnp.zeros([0, 2]), jnp.zeros([2])), 'ValueError', /no steps/);
  }));
});

describe('hk.MultiHeadAttention', () => {
  const wInit = new hk.initializers.VarianceScaling();
  it('names its projections, sizes its result, and looks only where the mask lets it', () => {
    expect(paths(() => new hk.MultiHeadAttention(2, 4, { wInit, modelSize: 5 })(x, x, x))).to.deep.equal(
      ['query', 'key', 'value', 'linear'].flatMap((part) => [`multi_head_attention/${part}/w`, `multi_head_attention/${part}/b`]));
    const f = hk.transform((query: Array, mask: Array | null) => new hk.MultiHeadAttention(2, 4, { wInit, valueSize: 3, modelSize: 5 })(query, query, query, mask));
    const params = f.init(1, x, null);
    const causal = jnp.tril(jnp.ones([1, 1, 2, 2]));
    expect(f.apply(params, null, x, causal).shape).to.deep.equal([4, 2, 5]);
    const [first] = [f.apply(params, null, x, causal).index({ start: null }, 0)];
    close(first, f.apply(params, null, x.index({ start: null }, { start: 0, stop: 1 }), null).index({ start: null }, 0));
  });
  it('needs an initialiser, one only, and a mask of the rank of the logits', () => inInit(() => {
    refused(() => new hk.MultiHeadAttention(2, 4), 'ValueError', /provide a weight initializer/);
    refused(() => new hk.MultiHeadAttention(2, 4, { wInit, wInitScale: 1 }), 'ValueError', /only `wInit`/);
    refused(() => new hk.MultiHeadAttention(2, 4, { wInit })(x, x, x, jnp.ones([2, 2])), 'ValueError', /Mask dimensionality 2 must match logits dimensionality 4/);
  }));
});
