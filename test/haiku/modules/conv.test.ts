import { expect } from 'chai';
import * as hk from '../../../lib/index.js';
import { aval } from '../../../lib/jax/array.js';
import { trace } from '../../../lib/jax/core.js';
import { numpy as jnp, symbolicDim, type Array } from '../../../lib/jax/index.js';
import { inInit, numbers, refused } from '../helpers.js';

describe('hk.Conv and its kin', () => {
  it('refuses wrong ranks, masks, groups and options', () => inInit(() => {
    const x = jnp.ones([1, 4, 4, 3]);
    refused(() => new hk.Conv2D(1, 3)(jnp.ones([4])), 'ValueError', /hk\.Conv2D: Input needs to have rank 3 \(unbatched\) or 4, but it has shape \[4\]/);
    refused(() => new hk.Conv2D(1, 3, { mask: jnp.ones([3, 3]) })(x), 'ValueError', /mask needs to have the same shape as the weights, \[3,3,3,1\], but has \[3,3\]/);
    refused(() => new hk.Conv2D(4, 3, { featureGroupCount: 2 })(x), 'ValueError', /3 channels should be a multiple of featureGroupCount, 2/);
    refused(() => new hk.Conv2D(1, [1, 2, 3]), 'TypeError', /kernelShape must be one value, or a list of 1 or 2/);
    refused(() => new hk.ConvND(0, 1, 1), 'ValueError', /greater than 0/);
    refused(() => new hk.Conv2D(1, 3, { data_format: 'NCHW' } as never), 'TypeError', /hk\.Conv2D: unknown option 'data_format'; did you mean 'dataFormat'/);
    refused(() => new hk.DepthwiseConv1D(1, 3)(x), 'ValueError', /hk\.DepthwiseConv1D: Input needs to have rank 3/);
    refused(() => new hk.Conv1DTranspose(1, 3, { stride: 2, outputShape: 9 })(jnp.ones([1, 4, 1])), 'ValueError', /comes from an input size of 5/);
    refused(() => new hk.Conv1DTranspose(1, 3, { outputShape: 4, padding: [[1, 1]] }), 'ValueError', /ensure that padding is 'VALID' or 'SAME'/);
  }));
  it('accepts a precision, and gives depthwise convolutions their bias channels first in any rank', () => inInit(() => {
    expect(new hk.Conv1D(2, 3)(jnp.ones([1, 5, 1]), { precision: 'highest' }).shape).to.deep.equal([1, 5, 2]);
    expect(new hk.DepthwiseConv1D(2, 3, { dataFormat: 'NCW' })(jnp.ones([1, 3, 5])).shape).to.deep.equal([1, 6, 5]);
    expect(new hk.DepthwiseConv3D(1, 1, { dataFormat: 'NCDHW' })(jnp.ones([1, 2, 3, 3, 3])).shape).to.deep.equal([1, 2, 3, 3, 3]);
  }));
  it('takes the names of paddings in small letters, and no channels, as Haiku does', () => inInit(() => {
    const x = jnp.ones([1, 5, 5, 1]);
    for (const Conv of [hk.Conv2D, hk.Conv2DTranspose, hk.DepthwiseConv2D]) {
      const plain = Conv === hk.Conv2DTranspose ? hk.Conv2D : Conv;
      for (const padding of ['SAME', 'VALID']) expect(new Conv(2, 3, { padding: padding.toLowerCase() })(x).shape).to.deep.equal(new plain(2, 3, { padding })(x).shape);
      expect(new Conv(0, 3)(x).shape).to.deep.equal([1, 5, 5, 0]);
    }
  }));
  it("takes 'same' in small letters for a plain convolution's where it is transposed, as Haiku does", () => inInit(() => {
    const row = jnp.arange(3).astype('float32').reshape([1, 3, 1]);
    const out = (padding: string): number[] => numbers(new hk.Conv1DTranspose(1, 2, { padding, wInit: (shape) => jnp.arange(2).astype('float32').add(1).reshape(shape) })(row));
    // What dm-haiku 0.0.17 gives.
    expect(out('SAME')).to.deep.equal([0, 2, 5]);
    expect(out('same')).to.deep.equal([2, 5, 2]);
  }));
  it('may have an open batch size', () => {
    const f = hk.transform((x: Array) => new hk.Flatten()(hk.avgPool(new hk.Conv2D(2, 3, { stride: 2 })(x), 2, 1, 'SAME')));
    const params = f.init(0, jnp.ones([3, 4, 4, 1]));
    const { jaxpr } = trace((x) => [f.apply(params, null, x)], [aval([symbolicDim('batch'), 4, 4, 1], 'float32')]);
    expect(jaxpr.outputs.map((a) => a.aval.shape.join())).to.deep.equal(['batch,8']);
  });
});

describe('hk.pad', () => {
  it('tells functions from pairs, and checks lengths', () => {
    expect([hk.pad.isPadfn(hk.pad.same), hk.pad.isPadfn([hk.pad.full]), hk.pad.isPadfn([[1, 1]])]).to.deep.equal([true, true, false]);
    refused(() => hk.pad.create([hk.pad.same, hk.pad.same], 3, 1, 3), 'TypeError', /list of 1 or 3/);
    refused(() => hk.pad.createFromTuple([], 2), 'ValueError', /must not be empty/);
    refused(() => hk.pad.createFromTuple([[1, 1], [1, 1], [1, 1]], 2), 'TypeError', /list of 1 or 2 pairs/);
  });
});

describe('hk.getChannelIndex', () => {
  it('knows the formats, minding case', () => {
    expect(['NCHW', 'channels_first', 'NHWC', 'BTD', 'TBHWD', 'NC'].map(hk.getChannelIndex)).to.deep.equal([1, 1, -1, -1, -1, 1]);
    for (const format of ['nchw', 'NCC', 'CHWN', 'BTDD', '']) refused(() => hk.getChannelIndex(format), 'ValueError', /Unable to extract channel information/);
  });
});

describe('pooling', () => {
  it('leaves out the first axis and the channels of a window that is a number', () => {
    const x = jnp.arange(16).reshape([1, 4, 4, 1]).astype('float32');
    expect(numbers(hk.maxPool(x, 2, 2, 'VALID'))).to.deep.equal([5, 7, 13, 15]);
    expect(hk.avgPool(x, 2, 2, 'VALID', { channelAxis: null }).shape).to.deep.equal([1, 2, 2, 0]);
    refused(() => hk.maxPool(x, 2, 2, 'same'), 'ValueError', /must be 'SAME' or 'VALID'/);
    refused(() => hk.maxPool(x, 2, 2, 'SAME', { channelAxis: 4 }), 'ValueError', /Invalid channel axis 4/);
    refused(() => hk.maxPool(x, [1, 1, 2, 2, 1], 1, 'SAME'), 'ValueError', /too long/);
    inInit(() => refused(() => new hk.MaxPool(2, 2, 'SAME', { axis: 1 } as never), 'TypeError', /hk\.MaxPool: unknown option 'axis'/));
  });
});
