import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import { Probe, inInit, parameter, refused } from './helpers.js';

const linear = hk.transform((x: Array) => new hk.Linear(2, { wInit: jnp.ones })(x));
const x = jnp.ones([1, 3]);
/** Counts its calls in state. */
const counting = hk.transformWithState(() => {
  const n = hk.getState('n', [], { init: jnp.zeros });
  hk.setState('n', n.add(1));
  return n;
});

describe('hk.transform', () => {
  it('gives a pure pair', () => {
    const params = linear.init(null, x);
    expect(Object.keys(params)).to.deep.equal(['linear']);
    expect(Object.keys(params.linear)).to.deep.equal(['w', 'b']);
    expect(linear.apply(params, null, x).tolist()).to.deep.equal([[3, 3]]);
    expect(linear.apply(params, null, x.mul(2)).tolist()).to.deep.equal([[6, 6]]);
  });

  it('runs modules made by plain functions too, and passes all arguments', () => {
    const f = hk.transform((a: number, b: number) => [a, b]);
    expect(f.init(0, 1, 2)).to.deep.equal({});
    expect(f.apply({}, null, 1, 2)).to.deep.equal([1, 2]);
  });

  it('returns maps in creation order, and copies', () => {
    const f = hk.transform(() => { new Probe('z')(); new Probe('a')(); hk.getParameter('y', [], { init: jnp.zeros }); });
    const params = f.init(0);
    expect(Object.keys(params)).to.deep.equal(['z', 'a', '~']);
    const given = { ...params, unknown: { w: jnp.ones([]) } };
    f.apply(given, null);
    expect(Object.keys(given)).to.deep.equal(['z', 'a', '~', 'unknown']);
  });

  it('accepts null, undefined, keys, seeds and int32 scalars as rng', () => {
    const f = hk.transform(() => hk.maybeNextRngKey());
    for (const none of [null, undefined]) expect(f.apply({}, none)).to.equal(null);
    const keys = [42, random.PRNGKey(42), jnp.array(42, { dtype: 'int32' })].map((rng) => f.apply({}, rng)!.tolist());
    expect(keys[1]).to.deep.equal(keys[0]);
    expect(keys[2]).to.deep.equal(keys[0]);
  });

  it('refuses any other rng, naming the position', () => {
    refused(() => linear.init('key' as never, x), 'ValueError', /Init must be called with an RNG as the first argument.*string 'key'/);
    refused(() => linear.init(1.5, x), 'ValueError', /first argument/);
    refused(() => linear.apply({}, jnp.ones([3]) as never, x), 'ValueError', /Apply must be called with an RNG as the second argument/);
    refused(() => counting.apply({}, {}, 'key' as never), 'ValueError', /third argument/);
    refused(() => counting.apply({}, null, 'key' as never), 'ValueError', /second argument/);
  });

  it('refuses params and state that are no mappings', () => {
    for (const params of [3, 'params', [1], x, () => {}]) refused(() => linear.apply(params as never, null, x), 'TypeError', /params argument does not appear valid/);
    refused(() => counting.apply({}, 3 as never, null), 'TypeError', /state argument does not appear valid/);
    refused(() => linear.apply({ linear: 3 } as never, null, x), 'TypeError', /params\['linear'\] should be a mapping/);
  });

  it('takes immutable maps', () => {
    const params = hk.dataStructures.toImmutableDict(linear.init(null, x));
    expect(linear.apply(params as never, null, x).tolist()).to.deep.equal([[3, 3]]);
  });

  it('refuses async functions, promises, and what is no function', () => {
    refused(() => hk.transform(async () => {}), 'TypeError', /is async, but names/);
    refused(() => hk.transformWithState(async () => {}), 'TypeError', /is async/);
    refused(() => hk.multiTransform((async () => []) as never), 'TypeError', /is async/);
    const late = hk.transform(() => Promise.reject(new Error('late')));
    refused(() => late.init(0), 'TypeError', /returned a promise/);
    refused(() => late.apply({}, null), 'TypeError', /returned a promise/);
    refused(() => hk.transform(3 as never), 'TypeError', /needs a function/);
  });

  it('closes its context when the function throws', () => {
    const f = hk.transform(() => { new Probe(); throw new Error('no'); });
    expect(() => f.init(0)).to.throw('no');
    refused(() => hk.currentName(), 'ValueError', /must be used as part of an `hk\.transform`/);
  });

  it('nests: an inner transform has a context of its own', () => {
    const inner = hk.transform(() => new Probe()());
    const outer = hk.transform(() => { new Probe()(); return [inner.init(0), hk.currentName()]; });
    const params = outer.init(0);
    expect(Object.keys(params)).to.deep.equal(['probe']);
    expect((outer.apply(params, null)[0] as hk.Params).probe.p.item()).to.equal(0);
  });

  it('tells init from apply', () => {
    const f = hk.transform(() => hk.runningInit());
    expect(inInit(() => hk.runningInit())).to.equal(true);
    expect(f.apply({}, null)).to.equal(false);
  });

  it('names every function that is used outside', () => {
    const outside: Record<string, () => unknown> = {
      getParameter: () => parameter(), getState: () => hk.getState('s'), setState: () => hk.setState('s', 1), currentName: hk.currentName, runningInit: hk.runningInit,
      getParams: hk.getParams, getInitialState: hk.getInitialState, getCurrentState: hk.getCurrentState, nextRngKey: hk.nextRngKey, nextRngKeys: () => hk.nextRngKeys(2),
      maybeNextRngKey: hk.maybeNextRngKey, reserveRngKeys: () => hk.reserveRngKeys(1), withRng: () => hk.withRng(0, () => {}), nameScope: () => hk.nameScope('a'),
      customCreator: () => hk.customCreator(() => x, () => {}), customGetter: () => hk.customGetter(() => x, () => {}), customSetter: () => hk.customSetter(() => x, () => {}),
      maybeGetRngSequenceState: hk.maybeGetRngSequenceState, replaceRngSequenceState: () => hk.replaceRngSequenceState([x, []]),
    };
    for (const [name, f] of Object.entries(outside)) refused(f, 'ValueError', new RegExp(`\`hk\\.${name}\` must be used as part of an \`hk\\.transform\``));
  });
});

describe('state', () => {
  it('init returns initial values, apply current ones', () => {
    const [params, state] = counting.init(null);
    expect(params).to.deep.equal({});
    expect(state['~'].n.item()).to.equal(0);
    const [out, next] = counting.apply(params, state, null);
    expect([out.item(), next['~'].n.item(), state['~'].n.item()]).to.deep.equal([0, 1, 0]);
    expect(counting.apply(params, next, null)[0].item()).to.equal(1);
  });

  it('the first set fixes the initial value too', () => {
    const f = hk.transformWithState(() => { hk.setState('a', jnp.ones([])); hk.setState('a', jnp.zeros([])); return hk.getState('a'); });
    expect(f.init(0)[1]['~'].a.item()).to.equal(1);
    expect(f.apply({}, {}, null)[1]['~'].a.item()).to.equal(0);
  });

  it('keeps what apply does not touch, and takes new names and trees', () => {
    const f = hk.transformWithState(() => { hk.setState('tree', { list: [jnp.ones([]), null], n: 2 }); });
    const [, state] = f.apply({}, { other: { s: jnp.ones([]) } }, null);
    expect(Object.keys(state)).to.deep.equal(['other', '~']);
    expect(state['~'].tree.n).to.equal(2);
  });

  it('asks for init and shape', () => inInit(() => {
    refused(() => hk.getState('s'), 'ValueError', /No value for 's' in '~', perhaps set an init function\?/);
    refused(() => hk.getState('s', undefined, { init: jnp.zeros }), 'ValueError', /Must provide shape and dtype to initialize 's'/);
    expect(hk.getState('s', [2], { init: jnp.zeros, dtype: 'int32' }).dtype).to.equal('int32');
    expect(hk.getState('s').shape).to.deep.equal([2]);
  }));

  it('is seen by getInitialState and getCurrentState', () => inInit(() => {
    hk.setState('a', jnp.ones([]));
    hk.setState('a', jnp.zeros([]));
    expect(hk.getInitialState()['~'].a.item()).to.equal(1);
    expect(hk.getCurrentState()['~'].a.item()).to.equal(0);
  }));

  it('is refused by transform, dropped and added by withoutState and withEmptyState', () => {
    const without = hk.withoutState(counting);
    refused(() => without.init(null), 'NonEmptyStateError', /use `hk\.transformWithState`.*'~'/);
    refused(() => without.apply({}, null), 'NonEmptyStateError', /use `hk\.transformWithState`/);
    expect(new hk.NonEmptyStateError('')).to.be.instanceOf(Object.getPrototypeOf(hk.NonEmptyStateError));
    const withEmpty = hk.withEmptyState(linear);
    const [params, state] = withEmpty.init(null, x);
    expect(state).to.deep.equal({});
    expect(withEmpty.apply(params, null, null, x)[0].tolist()).to.deep.equal([[3, 3]]);
  });
});

describe('hk.withoutApplyRng', () => {
  it('drops the rng of all four kinds', () => {
    const params = linear.init(null, x);
    expect(hk.withoutApplyRng(linear).apply(params, x).tolist()).to.deep.equal([[3, 3]]);
    expect(hk.withoutApplyRng(counting).apply({}, {})[0].item()).to.equal(0);
    const keyless = () => [() => {}, { a: () => hk.maybeNextRngKey() }] as const;
    expect(hk.withoutApplyRng(hk.multiTransform(keyless)).apply.a({})).to.equal(null);
    expect(hk.withoutApplyRng(hk.multiTransformWithState(keyless)).apply.a({}, {})[0]).to.equal(null);
  });
  it('refuses anything else', () => refused(() => hk.withoutApplyRng({} as never), 'ValueError', /must be called with the result of `hk\.transform`/));
});

describe('hk.multiTransform', () => {
  const f = () => {
    const encoder = new hk.Linear(2, { name: 'encoder', wInit: jnp.ones });
    const decoder = new hk.Linear(3, { name: 'decoder', wInit: jnp.ones });
    return [(v: Array) => decoder(encoder(v)), { encode: (v: Array) => encoder(v), nested: [(v: Array, scale: number) => decoder(v).mul(scale)] as const }] as const;
  };
  it('makes one init, and one apply a function', () => {
    const { init, apply } = hk.multiTransform(f);
    const params = init(null, x);
    expect(Object.keys(params)).to.deep.equal(['encoder', 'decoder']);
    const z = apply.encode(params, null, x);
    expect(z.tolist()).to.deep.equal([[3, 3]]);
    expect(apply.nested[0](params, null, z, 2).tolist()).to.deep.equal([[12, 12, 12]]);
  });
  it('works with parameters in constructors, one function, and none', () => {
    const makesParameter = hk.module(class MakesParameter extends hk.Module { readonly w = hk.getParameter('w', [], { init: jnp.ones }); });
    const one = hk.multiTransform(() => { const m = new makesParameter(); return [() => m.w, () => m.w]; });
    expect((one.apply as any)(one.init(0), null).item()).to.equal(1);
    expect(hk.multiTransform(() => [() => {}, {}]).apply).to.deep.equal({});
  });
  it('threads state, which the stateless form refuses', () => {
    const g = () => [() => hk.setState('s', jnp.ones([])), { set: () => hk.setState('s', jnp.zeros([])) }] as const;
    const both = hk.multiTransformWithState(g);
    const [params, state] = both.init(0);
    expect(both.apply.set(params, state, null)[1]['~'].s.item()).to.equal(0);
    const one = hk.multiTransform(g);
    refused(() => one.init(0), 'NonEmptyStateError', /multiTransformWithState/);
    refused(() => one.apply.set({}, null), 'NonEmptyStateError', /multiTransformWithState/);
  });
  it('refuses a function that returns no pair', () => refused(() => hk.multiTransform((() => 3) as never), 'TypeError', /returns \[template, functions\]/));
});
