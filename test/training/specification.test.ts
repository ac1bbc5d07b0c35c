import { expect } from 'chai';
import { numpy as jnp } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { callLoss, checkSpecification, join } from '../../lib/training/specification.js';
import type { Params } from '../../lib/index.js';
import { refused } from '../haiku/helpers.js';

const w = jnp.ones([2]);
const params: Params = { line: { w } };

describe('specifications', () => {
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

  it('join halves, and refuse what is in both', () => {
    expect(join({ a: { w } }, { a: { b: w }, c: { w } })).to.deep.equal(Object.assign(Object.create(null), { a: Object.assign(Object.create(null), { w, b: w }), c: Object.assign(Object.create(null), { w }) }));
    refused(() => join(params, params), 'ValueError', /'line', 'w' is both trainable and not/);
  });

  it('are checked before anything is traced', () => {
    refused(() => checkSpecification('here', { loss: 3 as never, optimizer: optax.sgd(1) }), 'TypeError', /^here: loss must be a function .* got number/);
    refused(() => checkSpecification('here', { loss: (() => w) as never, optimizer: null as never }), 'TypeError', /got null/);
    refused(() => checkSpecification('here', { loss: () => w, optimizer: optax.sgd(1), freezeState: 1 as never }), 'TypeError', /^here: freezeState must be true or false, got number/);
    checkSpecification('here', { loss: () => w, optimizer: optax.sgd(1) });
  });
});
