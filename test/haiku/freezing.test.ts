import { expect } from 'chai';
import fc from 'fast-check';
import * as hk from '../../lib/index.js';
import { refused } from './helpers.js';

const params = { 'mlp/~/linear_0': { w: 1, b: 2 }, 'mlp/~/linear_1': { w: 3, b: 4 }, 'mlp/~/linear_2': { w: 5, b: 6 }, head: { w: 7 } };
const { partition, merge, traverse } = hk.dataStructures;

describe('hk.freeze', () => {
  it('splits as partition does', () => {
    expect(hk.freeze(params, 'mlp/~/linear_1')).to.deep.equal(partition((module) => module !== 'mlp/~/linear_1', params));
    expect(hk.unfreeze(params, 'head')).to.deep.equal(partition('head', params));
    expect(hk.freeze(params, [])).to.deep.equal([params, {}]);
    expect(hk.freeze(params, '**')).to.deep.equal([{}, params]);
    expect(hk.freeze(params, (_module, name, value) => name === 'b' || value === 7)[1]).to.deep.equal({ head: { w: 7 }, 'mlp/~/linear_0': { b: 2 }, 'mlp/~/linear_1': { b: 4 }, 'mlp/~/linear_2': { b: 6 } });
  });

  it('goes on from a split', () => {
    const head = hk.unfreeze(params, 'head');
    const more = hk.unfreeze(head, /linear_2/);
    expect(more[0]).to.deep.equal({ head: { w: 7 }, 'mlp/~/linear_2': { w: 5, b: 6 } });
    expect(hk.freeze(more, ['**/linear_2/b', 'head'])[0]).to.deep.equal({ 'mlp/~/linear_2': { w: 5 } });
    expect(hk.freeze(more, 'mlp/~/linear_0'), 'what is frozen stays so').to.deep.equal(more);
  });

  it('and unfreeze are inverse, and lose nothing', () => {
    const pattern = fc.constantFrom('head', 'mlp', '**/b', 'mlp/~/linear_{0,2}', '!head');
    fc.assert(fc.property(pattern, pattern, (a, b) => {
      const split = hk.freeze(params, a);
      expect(hk.unfreeze(split, a)).to.deep.equal([params, {}]);
      const [trainable, frozen] = hk.unfreeze(hk.freeze(split, b), b);
      expect(merge(trainable, frozen)).to.deep.equal(params);
      expect([...traverse(merge(trainable, frozen))]).to.deep.equal([...traverse(params)]);
    }));
  });

  it('refuses patterns that match nothing, halves that share, and what is no map', () => {
    refused(() => hk.freeze(params, 'mlp/~/linear_3'), 'ValueError', /^hk\.freeze: the pattern 'mlp\/~\/linear_3' matches none of the parameters; did you mean 'mlp\/~\/linear_\d'/);
    refused(() => hk.unfreeze(params, ['head', 'tail']), 'ValueError', /^hk\.unfreeze: the pattern 'tail'/);
    refused(() => hk.freeze([params, { head: { w: 1 } }], 'head'), 'ValueError', /'head', 'w' is both trainable and frozen/);
    refused(() => hk.freeze(3 as never, 'head'), 'TypeError', /expected a structure/);
  });

  it('guards __proto__', () => {
    const hostile = JSON.parse('{ "__proto__": { "__proto__": 1 }, "m": { "w": 2 } }') as hk.dataStructures.Structure;
    const [trainable, frozen] = hk.freeze(hostile, '__proto__');
    expect([...traverse(trainable)]).to.deep.equal([['m', 'w', 2]]);
    expect([...traverse(frozen)]).to.deep.equal([['__proto__', '__proto__', 1]]);
    expect(Object.getPrototypeOf(frozen)).to.equal(Object.prototype);
  });
});

describe('groups of parameters', () => {
  it('partitionN takes them by name', () => {
    const { head, biases, rest } = hk.dataStructures.partitionN({ head: 'head', biases: '**/b', rest: '**' }, params);
    expect(head).to.deep.equal({ head: { w: 7 } });
    expect(biases).to.deep.equal({ 'mlp/~/linear_0': { b: 2 }, 'mlp/~/linear_1': { b: 4 }, 'mlp/~/linear_2': { b: 6 } });
    expect(rest).to.deep.equal({ 'mlp/~/linear_0': { w: 1 }, 'mlp/~/linear_1': { w: 3 }, 'mlp/~/linear_2': { w: 5 } });
    expect(merge(head, biases, rest)).to.deep.equal(params);
  });
  it('and refuses what no group has', () => {
    refused(() => hk.dataStructures.partitionN({ head: 'head' }, params), 'ValueError', /no group has the parameter 'mlp\/~\/linear_0\/b'/);
    refused(() => hk.dataStructures.partitionN({ head: 'heads', rest: '**' }, params), 'ValueError', /group 'head': the pattern 'heads' .* did you mean 'head'/);
  });
  it('filter and partition take selections too', () => {
    expect(hk.dataStructures.filter('**/linear_{0,1}/w', params)).to.deep.equal({ 'mlp/~/linear_0': { w: 1 }, 'mlp/~/linear_1': { w: 3 } });
    expect(hk.dataStructures.partition(/head/, params)[0]).to.deep.equal({ head: { w: 7 } });
    refused(() => hk.dataStructures.filter('heads', params), 'ValueError', /^hk\.dataStructures\.filter: .* did you mean 'head'/);
  });
});
