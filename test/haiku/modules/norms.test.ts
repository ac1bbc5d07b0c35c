import { expect } from 'chai';
import * as hk from '../../../lib/index.js';
import { numpy as jnp, type Array } from '../../../lib/jax/index.js';
import { inInit, numbers, refused } from '../helpers.js';

const x = jnp.array([[1, 2, 3], [4, 6, 9]]);

describe('hk.BatchNorm', () => {
  it('needs isTraining, and averages where it is false', () => inInit(() => {
    const bn = new hk.BatchNorm(true, true, 0.9);
    refused(() => bn(x, undefined as never), 'TypeError', /isTraining must be true or false, but got undefined/);
    refused(() => bn(x, false), 'ValueError', /No value for 'average' in 'batch_norm\/~\/mean_ema'/);
    refused(() => bn(x, true, { testLocalStat: true } as never), 'TypeError', /did you mean 'testLocalStats'/);
    refused(() => bn(x, true, jnp.ones([3])), 'ValueError', /Cannot pass `scale` at call time/);
    refused(() => new hk.BatchNorm(false, true, 0.9, { scaleInit: jnp.ones }), 'ValueError', /Cannot set `scaleInit` if `createScale` is false/);
    refused(() => new hk.BatchNorm(true, true, 0.9, { crossReplicaAxisIndexGroups: [[0]] }), 'ValueError', /`crossReplicaAxis` must be given/);
  }));
  it('takes its options after any operands, and leaves the averages with local statistics', () => {
    const f = hk.transformWithState((y: Array) => new hk.BatchNorm(true, true, 0.9)(y, true));
    const local = hk.transformWithState((y: Array) => new hk.BatchNorm(true, true, 0.9)(y, false, { testLocalStats: true }));
    const late = hk.transformWithState((y: Array) => new hk.BatchNorm(true, true, 0.9)(y, false, undefined, undefined, { testLocalStats: true }));
    const [params, state] = f.init(0, x);
    const [trained] = f.apply(params, state, null, x);
    for (const g of [local, late]) {
      const [out, after] = g.apply(params, state, null, x);
      expect(numbers(out)).to.deep.equal(numbers(trained));
      expect(after['batch_norm/~/mean_ema'].counter.item()).to.equal(0);
    }
  });
  it('begins with the average of its init', () => {
    const [, state] = hk.transformWithState((y: Array) => new hk.BatchNorm(false, false, 0.9)(y, true)).init(0, x);
    expect(numbers(state['batch_norm/~/mean_ema'].hidden)).to.deep.equal([0, 0, 0]);
    expect(numbers(state['batch_norm/~/mean_ema'].average).map((v) => v.toFixed(4))).to.deep.equal(['2.5000', '4.0000', '6.0000']);
  });
});

describe('norms within an example', () => {
  it('refuse axes that are none or out of range, and a changed rank', () => inInit(() => {
    refused(() => new hk.LayerNorm('x' as never, true, true), 'ValueError', /`axis` should be an integer, a list of integers or/);
    refused(() => new hk.LayerNorm(2, true, true)(x), 'ValueError', /axis 2 is out of range for an input of rank 2/);
    refused(() => new hk.RMSNorm([0.5] as never), 'ValueError', /hk\.RMSNorm: `axis` should be/);
    refused(() => new hk.GroupNorm(2)(x), 'ValueError', /3 channels and 2 groups/);
    const group = new hk.GroupNorm(3);
    group(x);
    refused(() => group(jnp.ones([2, 2, 3])), 'ValueError', /rank of the inputs cannot change between calls: it was 2, and is 3/);
    expect(group(jnp.ones([5, 3])).shape).to.deep.equal([5, 3]);
  }));
  it('average over negative axes of groups as Haiku does, after the channels are split', () => inInit(() => {
    const wave = jnp.sin(jnp.arange(96).astype('float32').reshape([2, 3, 4, 4]).mul(0.7));
    const first = (axis: hk.Axes, dataFormat: string): number[] => {
      const y = dataFormat === 'channels_first' ? jnp.transpose(wave, [0, 3, 1, 2]) : wave;
      return numbers(new hk.GroupNorm(2, { axis, dataFormat, createScale: false, createOffset: false })(y)).slice(0, 3);
    };
    // What dm-haiku 0.0.17 gives.
    const rows: [hk.Axes, string, number[]][] = [
      [-3, 'channels_last', [-0.2588, 1.3237, 1.1776]],
      [[1, -2], 'channels_last', [0.3279, 0.8737, 1.7865]],
      [[-1, -2], 'channels_last', [-1.6399, 0.0553, 0.9532]],
      [-2, 'channels_first', [-0.2588, 0.3624, -1.4295]],
      [[-1, -2], 'channels_first', [-0.081, 0.3587, -0.9097]],
    ];
    for (const [axis, format, expected] of rows) first(axis, format).forEach((v, i) => expect(v, `${String(axis)} ${format}`).to.be.closeTo(expected[i], 1e-4));
  }));
  it('take ranges of axes as Python does', () => inInit(() => {
    const y = jnp.arange(24).reshape([2, 3, 4]).astype('float32');
    const norm = (axis: hk.Axes): number[] => numbers(new hk.LayerNorm(axis, false, false)(y));
    expect(norm({ start: 1 })).to.deep.equal(norm([1, 2]));
    expect(norm({ stop: 0, step: -1 })).to.deep.equal(norm([-1, -2]));
    expect(norm({ start: -2, stop: -1 })).to.deep.equal(norm(1));
  }));
});

describe('moving averages and spectral norm', () => {
  it('average what they are given, and can be initialized', () => inInit(() => {
    const ema = new hk.ExponentialMovingAverage(0.5);
    refused(() => ema.average, 'ValueError', /No value for 'average'/);
    ema.initialize([]);
    expect(ema.average.item()).to.equal(0);
    expect([ema(3).item(), ema(6, { updateStats: false }).item(), ema(6).item(), ema.average.item()]).to.deep.equal([3, 5, 5, 5]);
    refused(() => new hk.ExponentialMovingAverage(0.5, { warmupLength: -1, zeroDebias: false }), 'ValueError', /should be non-negative/);
    refused(() => new hk.ExponentialMovingAverage(0.5, { warmupLength: 1 }), 'ValueError', /zeroDebias/);
  }));
  it('ignore by what matches at the beginning', () => inInit(() => {
    const params = { 'net/~/a': { w: jnp.full([2, 2], 4), b: jnp.ones([2]) } };
    expect(Object.keys(new hk.EMAParamsTree(0.9, { ignoreRegex: /.*b$/g })(params)['net/~/a'])).to.deep.equal(['w', 'b']);
    new hk.SNParamsTree({ ignoreRegex: '.*b' })(params);
    expect(Object.keys(hk.getCurrentState())).to.deep.equal(['ema_params_tree/net___tilde___a__w', 'sn_params_tree/net___tilde__a__w']);
  }));
  it('find the largest singular value', () => inInit(() => {
    const sn = new hk.SpectralNorm({ nSteps: 20 });
    expect(sn.sigma.item()).to.equal(1);
    expect(sn(jnp.eye(3).mul(4)).at(0, 0).get().item()).to.be.closeTo(1, 1e-3);
    expect(sn.sigma.item()).to.be.closeTo(4, 1e-3);
    refused(() => sn(jnp.ones([2, 2, 3]), { errorOnNonMatrix: true }), 'ValueError', /has 3 dimensions/);
    refused(() => new hk.SNParamsTree({ ignoreRegex: 'b' })({ 'net/~/a': { b: jnp.ones([2]) } }), 'ValueError', /not well defined for scalars and vectors, but got shape \[2\]/);
    refused(() => new hk.SpectralNorm({ nSteps: 0 }), 'ValueError', /at least 1/);
  }));
});
