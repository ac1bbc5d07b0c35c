import { expect } from 'chai';
import { numpy as jnp, tree, type Array } from '../../lib/jax/index.js';
import type { Params } from '../../lib/index.js';
import { join } from '../../lib/training/specification.js';
import { select, type Trainable } from '../../lib/training/trainable.js';
import { refused } from '../haiku/helpers.js';

const w = jnp.ones([2]);
const params: Params = { 'mlp/~/linear_0': { w, b: w }, 'mlp/~/linear_1': { w, b: w }, 'a.b': { w }, constructor: { w } };
const names = (p: Params) => Object.entries(p).flatMap(([module, bundle]) => Object.keys(bundle).map((name) => `${module}/${name}`));

describe('trainable', () => {
  const chosen = (trainable: Trainable | undefined) => names(select(trainable, params).trainable);
  it('is everything where nothing is said', () => expect(chosen(undefined)).to.have.members(names(params)));
  it('takes predicates, as Haiku does', () => {
    expect(chosen((module: string) => module.endsWith('_0'))).to.have.members(['mlp/~/linear_0/w', 'mlp/~/linear_0/b']);
    expect(chosen((_module: string, name: string) => name === 'b')).to.have.members(['mlp/~/linear_0/b', 'mlp/~/linear_1/b']);
    expect(chosen((_m: string, _n: string, value: Array) => value.ndim === 1)).to.have.length(6);
  });
  it('takes patterns of modules and of single parameters', () => {
    expect(chosen('mlp/~/linear_0')).to.have.members(['mlp/~/linear_0/w', 'mlp/~/linear_0/b']);
    expect(chosen('**/b')).to.have.members(['mlp/~/linear_0/b', 'mlp/~/linear_1/b']);
    expect(chosen(['**/*_0/w', 'mlp/~/*_1'])).to.have.members(['mlp/~/linear_0/w', 'mlp/~/linear_1/w', 'mlp/~/linear_1/b']);
    expect(chosen(['!mlp', /^a/])).to.have.members(['a.b/w']);
    expect(chosen('constructor')).to.have.members(['constructor/w']);
  });
  it('takes a map of marks', () => {
    expect(chosen({ 'a.b': true, 'mlp/~/linear_0': { b: true, w: false }, constructor: false })).to.have.members(['a.b/w', 'mlp/~/linear_0/b']);
  });
  it('splits without loss', () => {
    const { trainable, nonTrainable, mask } = select('**/w', params);
    const whole = join(trainable, nonTrainable);
    expect(names(whole).sort()).to.deep.equal(names(params).sort());
    expect(whole['a.b'].w).to.equal(w);
    expect(mask).to.equal(null);
  });
  it('refuses to choose nothing, and says what there is', () => {
    refused(() => select([], params), 'ValueError', /nothing to train; the modules are a\.b, constructor, mlp\/~\/linear_0, mlp\/~\/linear_1\./);
    refused(() => select({}, params), 'ValueError', /selects none/);
    refused(() => select(undefined, {}), 'ValueError', /selects none/);
    const many = Object.fromEntries(globalThis.Array.from({ length: 9 }, (_, i) => [`m${i}`, { w }]));
    refused(() => select(() => false, many), 'ValueError', /m7, …\./);
    refused(() => select('mlp/~/linear_2', params), 'ValueError', /^trainable: the pattern 'mlp\/~\/linear_2' matches none of the parameters; did you mean 'mlp\/~\/linear_/);
  });
  it('refuses what is neither', () => {
    refused(() => select(null as never, params), 'TypeError', /^trainable: .* got null/);
    refused(() => select(3 as never, params), 'TypeError', /got number/);
    refused(() => select(async () => true, params), 'TypeError', /async/);
  });

  describe('masks', () => {
    const table = { embed: { table: jnp.ones([3, 2]) }, head: { w } };
    const rows = jnp.array([true, false, true]).reshape([3, 1]);
    it('mark elements, by a function or a map', () => {
      for (const trainable of [(module: string) => (module === 'embed' ? rows : true), { embed: { table: rows }, head: true }]) {
        const { trainable: chosen, nonTrainable, mask } = select(trainable, table);
        expect([names(chosen), names(nonTrainable)]).to.deep.equal([['embed/table', 'head/w'], []]);
        expect(tree.map((x: Array) => x.tolist(), mask)).to.deep.equal({ embed: { table: [[true], [false], [true]] } });
      }
    });
    it('of all or no elements are none', () => {
      const all = select({ embed: { table: jnp.ones([3, 2], { dtype: 'bool' }) } }, table);
      expect([names(all.trainable), all.mask]).to.deep.equal([['embed/table'], null]);
      const none = select({ embed: { table: jnp.zeros([3, 1], { dtype: 'bool' }) }, head: true }, table);
      expect([names(none.trainable), none.mask]).to.deep.equal([['head/w'], null]);
    });
    it('must have the type of their parameter', () => {
      const of = (mask: unknown) => () => select({ embed: { table: mask as Array } }, table);
      refused(of(jnp.ones([3, 3], { dtype: 'bool' })), 'ShapeError', /^trainable: the mask of 'embed', 'table' must be bool\[3,2\], or have 1 where it is the same along an axis, but is bool\[3,3\]\./);
      refused(of(jnp.ones([3], { dtype: 'bool' })), 'ShapeError', /bool\[3\]; reshape it to \[3, 1\] for whole rows/);
      refused(of(jnp.ones([2, 3], { dtype: 'bool' })), 'ShapeError', /but is bool\[2,3\]/);
      refused(of(jnp.ones([3, 2])), 'TypeError', /must be bool\[3,2\], but is f32\[3,2\]; compare/);
      refused(of([true, false, true]), 'TypeError', /must be true, false or a boolean array/);
      refused(of('yes'), 'TypeError', /got string 'yes'/);
      refused(() => select([() => rows], table), 'TypeError', /answers with an array \(bool\[3,1\]\), but whole parameters are chosen/);
    });
    it('must name what there is', () => {
      refused(() => select({ embd: true }, table), 'ValueError', /'embd' must be a module of the parameters/);
      refused(() => select({ embed: { tabel: true } }, table), 'ValueError', /no parameter 'embed', 'tabel'/);
      refused(() => select({ embed: 3 as never }, table), 'ValueError', /but got number 3/);
    });
  });
});
