import { expect } from 'chai';
import fc from 'fast-check';
import { dataStructures as ds } from '../../lib/index.js';
import { numpy as jnp, tree } from '../../lib/jax/index.js';
import { refused } from './helpers.js';

const scalars = { b_mod: { z: 1, a: 2 }, a_mod: { w: 3, b: -4 }, '~': { top: 5 } };
const order = (structure: ds.Structure): string[] => Object.entries(structure).flatMap(([module, bundle]) => Object.keys(bundle).map((name) => `${module} ${name}`));
const anyStructure = fc.dictionary(fc.string({ minLength: 1 }), fc.dictionary(fc.string({ minLength: 1 }), fc.integer(), { minKeys: 1 }));

describe('hk.dataStructures', () => {
  it('traverse walks modules and names by code point', () => {
    expect([...ds.traverse(scalars)]).to.deep.equal([['a_mod', 'b', -4], ['a_mod', 'w', 3], ['b_mod', 'a', 2], ['b_mod', 'z', 1], ['~', 'top', 5]]);
    const names = ['l~', 'l_2', 'l', 'l_10', 'l/~/x', 'L', '\u{1f600}', '\uff5e'];
    expect([...ds.traverse(Object.fromEntries(names.map((name) => [name, { w: 0 }])))].map(([module]) => module))
      .to.deep.equal(['L', 'l', 'l/~/x', 'l_10', 'l_2', 'l~', '\uff5e', '\u{1f600}']);
    expect([...ds.traverse({})]).to.deep.equal([]);
    refused(() => [...ds.traverse(3 as never)], 'TypeError', /expected a structure/);
    refused(() => [...ds.traverse({ a: 3 } as never)], 'TypeError', /expected a mapping \{ name: value \} at 'a'/);
  });

  it('partition splits by truth', () => {
    const [yes, no] = ds.partition((_module, name) => name === 'w' || name === 'a', scalars);
    expect([yes, no]).to.deep.equal([{ a_mod: { w: 3 }, b_mod: { a: 2 } }, { a_mod: { b: -4 }, b_mod: { z: 1 }, '~': { top: 5 } }]);
    expect(ds.partition((module) => /_mod$/.exec(module), scalars)[1]).to.deep.equal({ '~': { top: 5 } });
  });

  it('partitionN splits in n, and checks the index', () => {
    const parts = ds.partitionN((_module, name) => (name === 'w' ? 0 : name === 'b' ? 1 : 2), scalars, 3);
    expect(parts.map(order)).to.deep.equal([['a_mod w'], ['a_mod b'], ['b_mod a', 'b_mod z', '~ top']]);
    expect(ds.partitionN((_module, name) => name === 'w', scalars, 2).map(order)).to.deep.equal([['a_mod b', 'b_mod a', 'b_mod z', '~ top'], ['a_mod w']]);
    for (const index of [2, -1, 0.5]) refused(() => ds.partitionN(() => index, scalars, 2), 'AssertionError', /must be in range \[0, 2\)/);
  });

  it('filter and map give the order of traverse, without empty modules', () => {
    expect(order(ds.filter((_module, _name, value) => value > 1, scalars))).to.deep.equal(['a_mod w', 'b_mod a', '~ top']);
    expect(ds.filter((module) => module === '~', scalars)).to.deep.equal({ '~': { top: 5 } });
    expect(ds.map((module, name, value) => `${module}.${name}=${value}`, scalars)['~']).to.deep.equal({ top: '~.top=5' });
    expect(ds.filter(() => true, { empty: {} })).to.deep.equal({});
  });

  it('merge lets the later win, in the order of first appearance', () => {
    const merged = ds.merge({ linear: { w: 1 }, x: { a: 0 } }, { linear: { w: 7 }, y: { a: 3 } });
    expect(merged).to.deep.equal({ linear: { w: 7 }, x: { a: 0 }, y: { a: 3 } });
    expect(order(ds.merge({ z: { b: 1 } }, { a: { b: 1 } }, { z: { a: 1 } }))).to.deep.equal(['z b', 'z a', 'a b']);
    expect(ds.merge()).to.deep.equal({});
    expect(ds.merge({ checkDuplicates: true })).to.deep.equal({});
  });

  it('merge can check shapes and dtypes', () => {
    const one = (value: unknown): ds.Structure => ({ l: { w: value } });
    const check = { checkDuplicates: true };
    const f23 = jnp.ones([2, 3]);
    refused(() => ds.merge(one(f23), one(jnp.ones([2, 4])), check), 'ValueError', /Duplicate array found with different shape\/dtype for l\.w: f32\[2,3\] vs f32\[2,4\]/);
    refused(() => ds.merge(one(jnp.ones([3])), one(jnp.ones([3], { dtype: 'int32' })), check), 'ValueError', /f32\[3\] vs s32\[3\]/);
    refused(() => ds.merge(one(jnp.ones([2])), one(jnp.ones([2], { dtype: 'bfloat16' })), check), 'ValueError', /f32\[2\] vs bf16\[2\]/);
    refused(() => ds.merge(one(jnp.ones([2])), one(3), check), 'ValueError', /f32\[2\] vs number 3/);
    expect(ds.merge(one(f23), one(jnp.zeros([2, 3])), check).l.w.tolist()[0]).to.deep.equal([0, 0, 0]);
    expect(ds.merge(one(1), one('two'), check)).to.deep.equal(one('two'));
    expect(ds.merge(one(f23), one(3)).l.w).to.equal(3);
    refused(() => ds.merge(one(1), { checkDuplicate: true } as never), 'TypeError', /did you mean 'checkDuplicates'/);
  });

  it('partition and merge are inverse', () => {
    fc.assert(fc.property(anyStructure, fc.func(fc.boolean()), (structure, predicate) => {
      const parts = ds.partition((module, name) => predicate(module, name), structure);
      expect(ds.merge(...parts)).to.deep.equal(ds.toHaikuDict(structure));
      expect([...ds.traverse(ds.merge(...parts))]).to.deep.equal([...ds.traverse(structure)]);
    }));
  });

  it('isSubset compares paths only', () => {
    expect(ds.isSubset({ subset: { a: { w: 1 } }, superset: { a: { w: 2, b: 3 } } })).to.equal(true);
    expect(ds.isSubset({ subset: { a: { w: 1, b: 0 } }, superset: { a: { w: 2 } } })).to.equal(false);
    expect(ds.isSubset({ subset: { empty: {} }, superset: {} })).to.equal(true);
    expect(ds.isSubset({ subset: { 'a': { 'b c': 1 } }, superset: { 'a b': { c: 1 } } })).to.equal(false);
  });

  it('toHaikuDict copies containers, shares arrays, keeps empty modules', () => {
    const w = jnp.ones([2]);
    const given = { b: {}, a: { w, list: [w, { x: null }] } };
    const copy = ds.toHaikuDict<any>(given);
    expect(Object.keys(copy)).to.deep.equal(['b', 'a']);
    expect(copy.a.w).to.equal(w);
    expect(copy.a.list).to.deep.equal(given.a.list);
    expect(copy.a.list).to.not.equal(given.a.list);
    refused(() => ds.toHaikuDict(3 as never), 'TypeError', /expected a mapping/);
  });

  it('results do not share containers with arguments', () => {
    const leaf = [1, { x: 2 }];
    const [part] = ds.partition(() => true, { m: { leaf } });
    expect(part.m.leaf).to.deep.equal(leaf);
    expect(part.m.leaf).to.not.equal(leaf);
    expect(part.m.leaf[1]).to.not.equal(leaf[1]);
  });

  it('toImmutableDict freezes all levels; toMutableDict thaws them', () => {
    const frozen = ds.toImmutableDict<any>(scalars);
    expect(frozen).to.be.instanceOf(ds.FlatMap);
    expect(frozen.b_mod).to.be.instanceOf(ds.FlatMap);
    expect(order(frozen as never)).to.deep.equal(order(scalars));
    expect(() => { frozen.b_mod = 1; }).to.throw(TypeError);
    expect(() => { frozen.b_mod.z = 1; }).to.throw(TypeError);
    expect(ds.toImmutableDict(frozen)).to.equal(frozen);
    const thawed = ds.toMutableDict(frozen);
    expect(thawed).to.deep.equal(scalars);
    expect(Object.getPrototypeOf(thawed.b_mod)).to.equal(Object.prototype);
    expect(order(thawed)).to.deep.equal(order(scalars));
    expect(ds.merge(frozen as never)).to.deep.equal(ds.merge(scalars));
  });

  it('a FlatMap is a tree with leaves by sorted key', () => {
    const frozen = ds.toImmutableDict<any>(scalars);
    expect(tree.leaves(frozen)).to.deep.equal([-4, 3, 2, 1, 5]);
    const doubled = tree.map((n: number) => 2 * n, frozen);
    expect(doubled).to.be.instanceOf(ds.FlatMap);
    expect(order(doubled)).to.deep.equal(order(scalars));
    expect(doubled.b_mod.z).to.equal(2);
  });

  it('guards __proto__ everywhere', () => {
    const hostile = JSON.parse('{ "__proto__": { "__proto__": 1 }, "m": { "__proto__": 2 } }') as ds.Structure;
    for (const result of [ds.toHaikuDict(hostile), ds.filter(() => true, hostile), ds.merge(hostile), ds.map((_m, _n, v) => v, hostile), ds.toMutableDict(ds.toImmutableDict(hostile))]) {
      expect([...ds.traverse(result as ds.Structure)]).to.deep.equal([['__proto__', '__proto__', 1], ['m', '__proto__', 2]]);
      expect(Object.getPrototypeOf(result)).to.equal(Object.prototype);
    }
  });

  it('treeSize and treeBytes count arrays', () => {
    const params = { a: { w: jnp.ones([2, 3]), b: jnp.ones([3], { dtype: 'float16' }) }, c: { s: jnp.ones([]), none: null } };
    expect([ds.treeSize(params), ds.treeBytes(params)]).to.deep.equal([10, 34]);
    expect([ds.treeSize({}), ds.treeBytes([])]).to.deep.equal([0, 0]);
    refused(() => ds.treeSize(scalars), 'TypeError', /a leaf is number/);
  });
});
