import { expect } from 'chai';
import * as hk from '../../../lib/index.js';
import { numpy as jnp, type Array } from '../../../lib/jax/index.js';
import { inInit, numbers, refused } from '../helpers.js';

describe('hk.Embed', () => {
  it('reads the nearest row out of range by index, and zeros as one-hot', () => inInit(() => {
    const embed = new hk.Embed({ embeddingMatrix: jnp.array([[1], [2], [3]]) });
    expect(numbers(embed([5, -1, 0]))).to.deep.equal([3, 3, 1]);
    expect(numbers(embed([5, -1, 0], { lookupStyle: 'one_hot' }))).to.deep.equal([0, 0, 1]);
    expect([embed.vocabSize, embed.embedDim]).to.deep.equal([3, 1]);
    refused(() => embed(jnp.ones([2])), 'ValueError', /must be an array of integers, but got float32/);
    refused(() => embed([0], { lookupStyle: 'table' }), 'ValueError', /unknown lookup style 'table'; it is one of ARRAY_INDEX, ONE_HOT/);
    refused(() => new hk.Embed({ vocabSize: 3 }), 'ValueError', /either with an initial `embeddingMatrix` or/);
    refused(() => new hk.Embed({ vocabSize: 2, embeddingMatrix: jnp.ones([3, 1]) }), 'ValueError', /not consistent/);
  }));
});

describe('hk.Bias, Reshape, Flatten', () => {
  it('refuse what does not fit', () => inInit(() => {
    refused(() => new hk.Bias()(jnp.ones([3])), 'ValueError', /rank 2 or more, but has shape \[3\]/);
    refused(() => new hk.Bias({ outputSize: [4] })(jnp.ones([2, 3])), 'ValueError', /must be \[-1,4\], not \[2,3\]/);
    refused(() => new hk.Bias({ biasDims: [0] })(jnp.ones([2, 3])), 'ValueError', /across the minibatch dimension/);
    refused(() => new hk.Bias({ biasDims: [2] })(jnp.ones([2, 3])), 'ValueError', /Dimension 2 of biasDims \[2\] is out of range for an input of rank 2/);
    refused(() => new hk.Reshape([2], { preserveDims: 0 }), 'ValueError', /non-zero/);
    refused(() => new hk.Reshape([-1, -1]), 'ValueError', /-1 can only occur once/);
  }));
  it('keep leading axes, empty ones too, and count trailing ones', () => inInit(() => {
    const shape = (module: (x: Array) => Array, x: Array): number[] => module(x).shape;
    expect(shape(new hk.Flatten(), jnp.ones([0, 2, 3]))).to.deep.equal([0, 6]);
    expect(shape(new hk.Flatten({ preserveDims: -2 }), jnp.ones([2, 3, 4, 5]))).to.deep.equal([2, 3, 20]);
    expect(shape(new hk.Reshape([2, -1], { preserveDims: 2 }), jnp.ones([2, 3, 4]))).to.deep.equal([2, 3, 2, 2]);
    expect(shape(new hk.Flatten({ preserveDims: 3 }), jnp.ones([2, 3]))).to.deep.equal([2, 3]);
  }));
});

describe('hk.BatchApply and expandApply', () => {
  it('pass numbers and null, and need one array of enough axes', () => {
    const seen: unknown[] = [];
    const f = new hk.BatchApply((x: Array, y: Array, n: number, none: null) => { seen.push(x.shape, y.shape, n, none); return { out: x }; });
    expect(f(jnp.ones([2, 3, 4]), jnp.ones([5]), 7, null).out.shape).to.deep.equal([2, 3, 4]);
    expect(seen).to.deep.equal([[6, 4], [5], 7, null]);
    refused(() => f(jnp.ones([2])), 'ValueError', /requires at least one input with 2 or more axes/);
    expect(hk.expandApply((x: Array) => { expect(x.shape).to.deep.equal([3, 1]); return x; }, { axis: -1 })(jnp.ones([3])).shape).to.deep.equal([3]);
    refused(() => hk.expandApply((x: Array) => x, { axis: 1 }), 'ValueError', /axis of 0 or -1, but got 1/);
  });
});

describe('hk.nets', () => {
  it('refuse lists of the wrong length, decays, sizes and a missing isTraining', () => inInit(() => {
    refused(() => new hk.nets.ResNet([1, 1, 1], 2), 'ValueError', /`blocksPerGroup` must be of length 4 not 3/);
    refused(() => new hk.nets.ResNet18(2)(jnp.ones([1, 8, 8, 1]), undefined as never), 'TypeError', /isTraining must be true or false/);
    refused(() => new hk.nets.ResNet18(2, { bottleneck: true } as never), 'TypeError', /hk\.nets\.ResNet18: unknown option 'bottleneck'/);
    refused(() => new hk.nets.MobileNetV1({ strides: [1, 2], channels: [4] }), 'ValueError', /got 2 and 1/);
    refused(() => new hk.nets.VectorQuantizerEMA(2, 2, 0.1, 1.5), 'ValueError', /decay must be in range \[0, 1\], but got 1.5/);
    refused(() => new hk.nets.VectorQuantizer(2, 2, 0.1)(jnp.ones([1, 3]), true), 'ValueError', /\[1,3\] must be of the embedding's size, 2/);
  }));
  it('reach the parts of a ResNet', () => {
    expect(hk.nets.ResNet.BlockV1).to.be.a('function');
    inInit(() => expect(new hk.nets.ResNet.BlockV2(4, 2, true, {}, false)(jnp.ones([1, 4, 4, 2]), true, false).shape).to.deep.equal([1, 2, 2, 4]));
  });
});

describe('what JavaScript and Python write differently', () => {
  it('takes null for an option that was left out, as Python takes None', () => inInit(() => {
    const none = null as never;
    const x = jnp.ones([2, 3]);
    expect(numbers(new hk.Linear(1, { wInit: jnp.ones, bInit: none })(x))).to.deep.equal([3, 3]);
    expect(new hk.Bias({ outputSize: none, biasDims: none, bInit: none })(x).shape).to.deep.equal([2, 3]);
    expect(new hk.GRU(2, { wIInit: none, wHInit: none, bInit: none })(x, jnp.zeros([2, 2]))[0].shape).to.deep.equal([2, 2]);
    expect(new hk.BatchNorm(true, true, 0.9, { axis: none, crossReplicaAxis: none, crossReplicaAxisIndexGroups: none })(x, true).shape).to.deep.equal([2, 3]);
    expect(new hk.Embed({ vocabSize: 2, embedDim: 1 })([0, 1], { lookupStyle: none }).shape).to.deep.equal([2, 1]);
    expect(hk.getParameter('p', [2], { dtype: none, init: jnp.ones }).dtype).to.equal('float32');
    expect(hk.vmap((y: Array) => y, { splitRng: false, axisName: none, axisSize: none })(x).shape).to.deep.equal([2, 3]);
    const mlp = new hk.nets.MLP([3, 2], { activateFinal: true });
    mlp(x, { dropoutRate: none, rng: none });
    expect(mlp.reverse({ activateFinal: none, name: none })).to.include({ activateFinal: true, name: 'mlp_reversed' });
  }));
  it('takes whole numbers for ids', () => inInit(() => {
    const embed = new hk.Embed({ embeddingMatrix: jnp.arange(3).astype('float32').reshape([3, 1]) });
    expect(numbers(embed(2))).to.deep.equal([2]);
    expect(embed([[1, 2]] as never).shape).to.deep.equal([1, 2, 1]);
  }));
});

describe('hk.avgPool', () => {
  it('sums integers in their own dtype, as JAX does', () => {
    const x = jnp.arange(12).mul(20).reshape([1, 6, 2]);
    // What dm-haiku 0.0.17 gives for a window of 3 and strides of 2.
    expect(numbers(hk.avgPool(x.astype('int32'), 3, 2, 'SAME'))).to.deep.equal([40, 60, 120, 140, 180, 200]);
    const wrapped = hk.avgPool(x.astype('uint8'), 3, 2, 'VALID');
    expect(wrapped.dtype).to.equal('float32');
    numbers(wrapped).forEach((v, i) => expect(v).to.be.closeTo([40, 60, 104 / 3, 164 / 3][i], 1e-4));
  });
});
