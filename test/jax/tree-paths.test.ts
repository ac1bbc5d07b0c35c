import { expect } from 'chai';
import { tree } from '../../lib/jax/index.js';
import { thrown } from './helpers.js';

describe('trees within trees', () => {
  it('leaves with paths', () => {
    const [flat, def] = tree.flattenWithPath({ b: [1, null], a: { c: 2 } });
    expect(flat).to.deep.equal([['a/c', 2], ['b/0', 1]]);
    expect(tree.unflatten(def, [5, 6])).to.deep.equal({ a: { c: 5 }, b: [6, null] });
    expect(tree.leavesWithPath(7)).to.deep.equal([['', 7]]);
  });
  it('broadcast repeats the leaves of a prefix', () => {
    expect(tree.broadcast({ a: 1, b: 2 }, { a: [7, { c: 8 }], b: 9 })).to.deep.equal({ a: [1, { c: 1 }], b: 2 });
    expect(thrown(() => tree.broadcast([1, 2], [3])).message).to.match(/^tree\.broadcast: the trees differ/);
  });
  it('transpose turns outer and inner structures around', () => {
    const [outer, inner] = [tree.structure([0, 0, 0]), tree.structure({ x: 0, y: [0] })];
    const given = [1, 2, 3].map((k) => ({ x: k, y: [10 * k] }));
    const expected = { x: [1, 2, 3], y: [[10, 20, 30]] };
    expect(tree.transpose(outer, inner, given)).to.deep.equal(expected);
    expect(tree.transpose(outer, null, given)).to.deep.equal(expected);
    expect(thrown(() => tree.transpose(tree.structure([]), null, [])).message).to.match(/inner structure must be given/);
  });
  it('reduceAssociative keeps the order', () => {
    const join = (x: string, y: string) => `(${x}${y})`;
    expect(tree.reduceAssociative(join, ['a', ['b', 'c'], { d: 'd', e: 'e' }])).to.equal('(((ab)(cd))e)');
    expect(tree.reduceAssociative(join, [], { identity: '' })).to.equal('');
    expect(thrown(() => tree.reduceAssociative(join, [null])).message).to.match(/empty/);
  });
});
