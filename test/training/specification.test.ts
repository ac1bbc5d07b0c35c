import { expect } from 'chai';
import { numpy as jnp, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { callLoss, checkSpecification, join, select } from '../../lib/training/specification.js';
import type { Params } from '../../lib/index.js';
import { refused } from '../haiku/helpers.js';

const w = jnp.ones([2]);
const params: Params = { 'mlp/~/linear_0': { w, b: w }, 'mlp/~/linear_1': { w, b: w }, 'a.b': { w }, constructor: { w } };
const names = (p: Params) => Object.entries(p).flatMap(([module, bundle]) => Object.keys(bundle).map((name) => `${module}/${name}`));

describe('specifications', () => {
  describe('select', () => {
    const chosen = (trainable: Parameters<typeof select>[0]) => names(select(trainable, params)[0]);
    it('takes everything where nothing is said', () => expect(chosen(undefined)).to.have.members(names(params)));
    it('takes predicates, as Haiku does', () => {
      expect(chosen((module) => module.endsWith('_0'))).to.have.members(['mlp/~/linear_0/w', 'mlp/~/linear_0/b']);
      expect(chosen((_, name) => name === 'b')).to.have.members(['mlp/~/linear_0/b', 'mlp/~/linear_1/b']);
      expect(chosen((_m, _n, value: Array) => value.ndim === 1)).to.have.length(6);
    });
    it('takes patterns of modules and of single parameters', () => {
      expect(chosen('mlp/~/linear_0')).to.have.members(['mlp/~/linear_0/w', 'mlp/~/linear_0/b']);
      expect(chosen('*/b')).to.have.members(['mlp/~/linear_0/b', 'mlp/~/linear_1/b']);
      expect(chosen(['*_0/w', 'mlp*_1'])).to.have.members(['mlp/~/linear_0/w', 'mlp/~/linear_1/w', 'mlp/~/linear_1/b']);
    });
    it('takes every other character as it is', () => {
      expect(chosen('a.b')).to.have.members(['a.b/w']);
      expect(() => chosen('a?b')).to.throw(/selects none/);
      expect(() => chosen('mlp')).to.throw(/selects none/);
      expect(chosen('constructor')).to.have.members(['constructor/w']);
    });
    it('splits and joins without loss', () => {
      const [chosen, rest] = select('*/w', params);
      const whole = join(chosen, rest);
      expect(names(whole).sort()).to.deep.equal(names(params).sort());
      expect(whole['a.b'].w).to.equal(w);
      refused(() => join(chosen, chosen), 'ValueError', /is both trainable and not/);
    });
    it('refuses to choose nothing, and says what there is', () => {
      refused(() => select([], params), 'ValueError', /the modules are mlp\/~\/linear_0, mlp\/~\/linear_1, a\.b, constructor\./);
      refused(() => select('x', {}), 'ValueError', /selects none/);
      const many = Object.fromEntries(globalThis.Array.from({ length: 9 }, (_, i) => [`m${i}`, { w }]));
      refused(() => select('x', many), 'ValueError', /m7, …\./);
    });
    it('refuses what is neither', () => refused(() => select(null as never, params), 'TypeError', /got null/));
  });

  describe('callLoss', () => {
    const context = { state: { s: { n: w } }, rng: null };
    const call = (result: unknown) => callLoss((() => result) as never, params, null, context);
    const scalar = jnp.sum(w);
    it('brings all forms to one', () => {
      expect(call(scalar)).to.deep.equal({ loss: scalar, state: context.state, aux: null });
      expect(call([scalar, { aux: 3 }])).to.deep.equal({ loss: scalar, state: context.state, aux: 3 });
      const state = { s: { n: scalar } };
      expect(call([scalar, { state }])).to.deep.equal({ loss: scalar, state, aux: null });
    });
    it('refuses the others', () => {
      refused(() => call(3), 'TypeError', /but returned number/);
      refused(() => call(undefined), 'TypeError', /but returned undefined/);
      refused(() => call(Promise.resolve()), 'TypeError', /a promise/);
      refused(() => call(w), 'TypeError', /must be a scalar, but is f32\[2\]/);
      refused(() => call([scalar, { states: {} }]), 'TypeError', /put 'states' into aux/);
    });
  });

  it('are checked before anything is traced', () => {
    refused(() => checkSpecification('here', { loss: 3 as never, optimizer: optax.sgd(1) }), 'TypeError', /^here: loss must be a function .* got number/);
    refused(() => checkSpecification('here', { loss: (() => w) as never, optimizer: null as never }), 'TypeError', /got null/);
    checkSpecification('here', { loss: () => w, optimizer: optax.sgd(1) });
  });
});
