import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import { hex, inInit, refused } from './helpers.js';

// dm-haiku with PRNGKey(42): the first four keys of next_rng_key, reserve size 1.
const FIRST = ['03d7b32dadd083f4', '65ae5e0e3596dfce', '661615c396999bc2', '850c4f5102047342'];
const text = (key: Array | null): string => (key ? hex(key).join('') : 'none');

describe('hk.PRNGSequence', () => {
  it('gives the keys that Haiku gives', () => {
    for (const source of [42, random.PRNGKey(42), jnp.array(42, { dtype: 'int32' })]) {
      const keys = new hk.PRNGSequence(source);
      expect(FIRST.map(() => text(keys.next()))).to.deep.equal(FIRST);
    }
  });

  it('take splits once, which is not the same as next', () => {
    const split = random.split(random.PRNGKey(42), 4);
    expect(new hk.PRNGSequence(42).take(3).map(text)).to.deep.equal([1, 2, 3].map((i) => text(split.index(i))));
    const keys = new hk.PRNGSequence(42);
    keys.reserve(2);
    const [first] = keys.take(1);
    expect(text(first)).to.equal(text(random.split(random.PRNGKey(42), 3).index(1)));
    keys.reserve(0);
    expect(keys.internalState[1]).to.have.length(1);
  });

  it('follows config.rngReserveSize', () => {
    const split = random.split(random.PRNGKey(42), 6);
    hk.config.context({ rngReserveSize: 5 }, () => {
      const keys = new hk.PRNGSequence(42);
      expect([1, 2, 3, 4, 5].map(() => text(keys.next()))).to.deep.equal([1, 2, 3, 4, 5].map((i) => text(split.index(i))));
    });
    expect(hk.config.rngReserveSize).to.equal(1);
    hk.config.set({ rngReserveSize: 3 });
    expect(hk.config.rngReserveSize).to.equal(3);
    hk.config.set({ rngReserveSize: 1 });
    expect(() => hk.config.context({ rngReserveSize: 2 }, () => { throw new Error('no'); })).to.throw('no');
    expect(hk.config.rngReserveSize).to.equal(1);
    refused(() => hk.config.set({ rngReserveSize: 0 }), 'ValueError', /whole number above 0/);
    refused(() => hk.config.set({ rngReservSize: 2 } as never), 'TypeError', /did you mean 'rngReserveSize'/);
  });

  it('goes on from a state, and iterates', () => {
    const keys = new hk.PRNGSequence(42);
    keys.reserve(2);
    const state = keys.internalState;
    const next = [keys.next(), keys.next(), keys.next()].map(text);
    const again = new hk.PRNGSequence(state);
    const [a, b, c] = again;
    expect([a, b, c].map(text)).to.deep.equal(next);
    again.replaceInternalState(state);
    expect(text(again.next())).to.equal(next[0]);
  });

  it('refuses what is no key', () => {
    for (const bad of ['key', 1.5, null, {}]) refused(() => new hk.PRNGSequence(bad as never), 'ValueError', /not a JAX PRNGKey/);
    for (const bad of [jnp.ones([2]), jnp.zeros([3], { dtype: 'uint32' }), jnp.zeros([], { dtype: 'uint32' })]) {
      refused(() => new hk.PRNGSequence(bad), 'ValueError', /expected shape and\/or dtype/);
    }
    refused(() => new hk.PRNGSequence(42).replaceInternalState([jnp.ones([2]), []]), 'ValueError', /expected shape and\/or dtype/);
  });
});

describe('keys in a transform', () => {
  it('come in call order, from one sequence', () => {
    expect(inInit(() => FIRST.map(() => text(hk.nextRngKey())), 42)).to.deep.equal(FIRST);
    const f = hk.transform(() => text(hk.nextRngKey()));
    expect(f.apply({}, 42)).to.equal(FIRST[0]);
  });

  it('nextRngKeys stacks what take gives', () => inInit(() => {
    const keys = hk.nextRngKeys(3);
    expect(keys.shape).to.deep.equal([3, 2]);
    expect(text(keys)).to.equal(new hk.PRNGSequence(42).take(3).map(text).join(''));
  }, 42));

  it('can be reserved, replaced and shadowed', () => inInit(() => {
    const before = hk.maybeGetRngSequenceState()!;
    expect(hk.withRng(42, () => text(hk.nextRngKey()))).to.equal(FIRST[0]);
    expect(text(hk.nextRngKey())).to.not.equal(FIRST[0]);
    hk.replaceRngSequenceState(before);
    hk.reserveRngKeys(2);
    expect(hk.maybeGetRngSequenceState()![1]).to.have.length(2);
    hk.replaceRngSequenceState([random.PRNGKey(42), []]);
    expect(text(hk.maybeNextRngKey())).to.equal(FIRST[0]);
  }, 7));

  it('need a key', () => inInit(() => {
    for (const f of [hk.nextRngKey, () => hk.nextRngKeys(1), () => hk.reserveRngKeys(1)]) refused(f, 'MissingRNGError', /must pass a non-null PRNGKey/);
    refused(() => hk.replaceRngSequenceState([random.PRNGKey(0), []]), 'MissingRNGError', /requires a key/);
    expect([hk.maybeNextRngKey(), hk.maybeGetRngSequenceState()]).to.deep.equal([null, null]);
    refused(() => new hk.Linear(2)(jnp.ones([1, 2])), 'MissingRNGError', /must pass a non-null PRNGKey/);
  }, null));
});
