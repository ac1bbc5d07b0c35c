import { expect } from 'chai';
import { grad, jit, makeJaxpr, numpy as jnp, tree, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { ValueError } from '../../lib/runtime/errors.js';
import { expectClose, numbers } from './helpers.js';

const params = () => ({ first: { b: jnp.asarray([-0, 1]), w: jnp.asarray([2]) }, second: { w: jnp.asarray([3]) } });
const grads = () => ({ first: { b: jnp.asarray([1, 1]), w: jnp.asarray([1]) }, second: { w: jnp.asarray([1]) } });
const once = (opt: optax.GradientTransformation, p: unknown = params(), g: unknown = grads()) => opt.update(g, opt.init(p), p)[0];

describe('setToZero', () => {
  it('gives updates that nobody computes, and applyUpdates returns the very same arrays', () => {
    const p = params();
    const updates = once(optax.setToZero(), p);
    expect(tree.leaves(updates).every(optax.isZeroUpdate)).to.equal(true);
    const next = optax.applyUpdates(p, updates);
    expect(next.first.b).to.equal(p.first.b);
    expect(next.second.w).to.equal(p.second.w);
    expect(Object.is(numbers(next.first.b)[0], -0)).to.equal(true);
  });

  it('can be had as zeros', () => {
    const zero = once(optax.setToZero()).first.b as optax.ZeroUpdate;
    expect(zero.shape).to.deep.equal([2]);
    expect(zero.dtype).to.equal('float32');
    expect([zero.ndim, zero.size]).to.deep.equal([1, 2]);
    expect(numbers(zero.toArray())).to.deep.equal([0, 0]);
    expect(numbers(optax.materialize(once(optax.setToZero())))).to.deep.equal([0, 0, 0, 0]);
  });

  it('passes through every transformation', () => {
    const zero = optax.setToZero();
    for (const opt of [optax.scale(2), optax.sgd(0.1), optax.sgd(() => 0.1), optax.clip(1), optax.clipByGlobalNorm(1), optax.identity(), optax.scaleBySign()]) {
      expect(tree.leaves(once(optax.chain(zero, opt))).every(optax.isZeroUpdate)).to.equal(true);
    }
    expectClose(once(optax.chain(zero, optax.adam(0.1))), [0, 0, 0, 0]);
    expectClose(once(optax.chain(zero, optax.adam(0.1, { nesterov: true }))), [0, 0, 0, 0]);
    expectClose(once(optax.chain(zero, optax.sgd(0.1, { momentum: 0.9, nesterov: true }))), [0, 0, 0, 0]);
    expectClose(once(optax.chain(zero, optax.addDecayedWeights({ weightDecay: 0.5 }))), [0, 0.5, 1, 1.5]);
    expectClose(optax.globalNorm(once(zero)), [0]);
    expectClose(optax.globalNorm({ a: new optax.ZeroUpdate({ shape: [2], dtype: 'float32' }), b: jnp.asarray([3, 4]) }), [5]);
  });

  it('freezes and unfreezes: a moment decays while its gradient is zero', () => {
    const opt = optax.scaleByAdam({ b1: 0.5 });
    let state = opt.init({ w: jnp.asarray([1]) });
    state = opt.update({ w: jnp.asarray([8]) }, state)[1];
    state = opt.update({ w: new optax.ZeroUpdate({ shape: [1], dtype: 'float32' }) }, state)[1];
    expectClose(state.mu, [2]);
  });
});

describe('masked', () => {
  it('transforms where the mask is true and passes the rest through', () => {
    expectClose(once(optax.masked(optax.scale(10), { first: { b: true, w: false }, second: { w: true } })), [10, 10, 1, 10]);
  });

  it('takes a prefix of the tree, a function, and a single boolean', () => {
    expectClose(once(optax.masked(optax.scale(10), { first: false, second: true })), [1, 1, 1, 10]);
    expectClose(once(optax.masked(optax.scale(10), (p: unknown) => tree.map((x: Array) => x.size > 1, p))), [10, 10, 1, 1]);
    expectClose(once(optax.masked(optax.scale(10), true)), [10, 10, 10, 10]);
    expectClose(once(optax.masked(optax.scale(10), false)), [1, 1, 1, 1]);
  });

  it('keeps state for the chosen part only', () => {
    const state = optax.masked(optax.adam(0.1), { first: { b: false, w: true }, second: false }).init(params());
    expect(state).to.be.instanceOf(optax.MaskedState);
    const { mu } = state.innerState[0];
    expect(mu.first.b).to.be.instanceOf(optax.MaskedNode);
    expect(mu.second).to.be.instanceOf(optax.MaskedNode);
    expect(tree.leaves(state)).to.have.length(3);
  });

  it('freezes the chosen part with freeze', () => {
    const updates = once(optax.chain(optax.sgd(1), optax.freeze({ first: true, second: false })));
    expect(optax.isZeroUpdate(updates.first.w)).to.equal(true);
    expectClose(updates.second, [-1]);
  });

  it('refuses other masks', () => {
    expect(() => once(optax.masked(optax.scale(1), { first: true }))).to.throw(ValueError, /optax.masked.*structure/);
    expect(() => once(optax.masked(optax.scale(1), { first: { b: true, w: true, c: true }, second: true }))).to.throw(ValueError, /first/);
    expect(() => once(optax.masked(optax.scale(1), { first: 1, second: 0 }))).to.throw(ValueError, /true or false/);
    expect(() => optax.masked(optax.scale as never, true)).to.throw(ValueError, /call it first/);
  });
});

describe('multiTransform', () => {
  const labels = { first: { b: 'freeze', w: 'train' }, second: { w: 'train' } };
  const transforms = () => ({ train: optax.sgd(1), freeze: optax.setToZero() });

  it('applies to each parameter the transformation of its label', () => {
    const p = params();
    const next = optax.applyUpdates(p, once(optax.multiTransform(transforms(), labels), p));
    expect(next.first.b).to.equal(p.first.b);
    expectClose([next.first.w, next.second.w], [1, 2]);
  });

  it('takes a prefix of labels, or a function', () => {
    const p = params();
    for (const some of [{ first: 'freeze', second: 'train' }, (x: object) => Object.fromEntries(Object.keys(x).map((k) => [k, k === 'first' ? 'freeze' : 'train']))]) {
      const next = optax.applyUpdates(p, once(optax.multiTransform(transforms(), some), p));
      expect(next.first.w).to.equal(p.first.w);
      expectClose(next.second, [2]);
    }
  });

  it('keeps state per label, as Optax', () => {
    const state = optax.multiTransform({ a: optax.adam(0.1), b: optax.sgd(0.1, { momentum: 0.9 }) }, { first: 'a', second: 'b' }).init(params());
    expect(state).to.be.instanceOf(optax.PartitionState);
    expect(Object.keys(state.innerStates)).to.deep.equal(['a', 'b']);
    expect(state.innerStates.a).to.be.instanceOf(optax.MaskedState);
    expect(tree.leaves(state.innerStates.a)).to.have.length(5);
    expect(tree.leaves(state.innerStates.b)).to.have.length(1);
  });

  it('allows labels that no parameter has', () => {
    expectClose(once(optax.multiTransform({ ...transforms(), unused: optax.adam(1) }, { first: 'train', second: 'train' })), [-1, -1, -1, -1]);
  });

  it('refuses unknown labels and trees of another structure', () => {
    expect(() => once(optax.multiTransform(transforms(), { first: 'trian', second: 'train' }))).to.throw(ValueError, /'trian'.*did you mean 'train'.*train, freeze/);
    expect(() => once(optax.multiTransform(transforms(), { first: 'train' }))).to.throw(ValueError, /structure/);
    expect(() => optax.multiTransform({ a: null as never }, 'a')).to.throw(ValueError, /label 'a'/);
  });

  it('selectiveTransform freezes where the mask is true', () => {
    const p = params();
    const next = optax.applyUpdates(p, once(optax.selectiveTransform(optax.sgd(1), { freezeMask: { first: true, second: false } }), p));
    expect(next.first.b).to.equal(p.first.b);
    expectClose(next.second, [2]);
  });

  it('inside jit leaves frozen parameters bit for bit as they are', () => {
    const opt = optax.multiTransform(transforms(), labels);
    const loss = (p: ReturnType<typeof params>) => jnp.sum(jnp.multiply(jnp.multiply(p.first.b, p.first.w), p.second.w));
    const step = jit((p: ReturnType<typeof params>, state: unknown) => {
      const [updates, next] = opt.update(grad(loss)(p), state, p);
      return [optax.applyUpdates(p, updates), next];
    });
    const p = params();
    const [next] = step(p, opt.init(p)) as [ReturnType<typeof params>, unknown];
    expect(numbers(next.first.b).map((x) => Object.is(x, -0))).to.deep.equal([true, false]);
    expectClose([next.first.w, next.second.w], [2 - 3, 3 - 2]);
  });
});

describe('frozen parameters cost nothing', () => {
  type Net = Record<'a' | 'b' | 'c', { w: Array }>;
  const net = (): Net => ({ a: { w: jnp.ones([4, 8]) }, b: { w: jnp.ones([8, 8]) }, c: { w: jnp.ones([8, 2]) } });
  const x = jnp.ones([3, 4]);
  const loss = (p: Net) => jnp.sum(jnp.matmul(jnp.tanh(jnp.matmul(jnp.tanh(jnp.matmul(x, p.a.w)), p.b.w)), p.c.w));
  const equations = (f: (p: Net) => unknown) => makeJaxpr(f)(net()).jaxpr.equations.length;

  const stepOf = (make: () => optax.GradientTransformation) => (p: Net) => {
    const opt = make();
    return optax.applyUpdates(p, opt.update(grad(loss)(p), opt.init(p), p)[0]);
  };
  /** The same step, where the frozen parameters are not differentiated at all. */
  const split = (trained: (keyof Net)[]) => (p: Net) => {
    const opt = optax.sgd(0.1);
    const part = Object.fromEntries(trained.map((k) => [k, p[k]]));
    const gradient = grad((t: object) => loss({ ...p, ...t } as Net))(part);
    return { ...p, ...optax.applyUpdates(part, opt.update(gradient, opt.init(part), part)[0]) };
  };

  for (const trained of [['a', 'c'], ['c'], ['b'], []] as (keyof Net)[][]) {
    const frozen = { a: !trained.includes('a'), b: !trained.includes('b'), c: !trained.includes('c') };
    it(`with ${trained.join(' and ') || 'nothing'} trained the program is as short as if the others were no arguments of grad`, () => {
      const expected = trained.length > 0 ? equations(split(trained)) : 0;
      const labels = Object.fromEntries(Object.entries(frozen).map(([k, f]) => [k, f ? 'freeze' : 'train']));
      expect(equations(stepOf(() => optax.multiTransform({ train: optax.sgd(0.1), freeze: optax.setToZero() }, labels)))).to.equal(expected);
      expect(equations(stepOf(() => optax.chain(optax.sgd(0.1), optax.freeze(frozen))))).to.equal(expected);
      expect(equations(stepOf(() => optax.selectiveTransform(optax.sgd(0.1), { freezeMask: frozen })))).to.equal(expected);
    });
  }

  it('while masked alone lets the gradients through, as in Optax', () => {
    const masked = equations(stepOf(() => optax.masked(optax.sgd(0.1), { a: false, b: false, c: true })));
    expect(masked).to.be.greaterThan(equations(split(['c'])));
  });

  it('Adam keeps no moments for them', () => {
    const state = optax.multiTransform({ train: optax.adam(0.1), freeze: optax.setToZero() }, { a: 'freeze', b: 'freeze', c: 'train' }).init(net());
    expect(tree.leaves(state).map((leaf) => (leaf as Array).shape)).to.deep.equal([[], [8, 2], [8, 2]]);
  });
});

describe('chains', () => {
  it('apply in order', () => {
    expectClose(once(optax.chain(optax.scale(2), optax.clip(1.5))), [1.5, 1.5, 1.5, 1.5]);
    expectClose(once(optax.chain(optax.clip(1.5), optax.scale(2))), [2, 2, 2, 2]);
  });

  it('namedChain keeps each state under its name', () => {
    const opt = optax.namedChain(['clip', optax.clip(1)], ['opt', optax.adam(0.1)]);
    const state = opt.init(params());
    expect(Object.keys(state)).to.deep.equal(['clip', 'opt']);
    expect(numbers(opt.update(grads(), state, params())[1].opt[0].count)).to.deep.equal([1]);
    expect(() => optax.namedChain(['a', optax.clip(1)], ['a', optax.clip(1)])).to.throw(ValueError, /'a' occurs twice/);
  });

  it('stateless makes a transformation from a function', () => {
    expectClose(once(optax.stateless((g, p) => tree.map((a: Array, b: Array) => jnp.add(a, b), g, p))), [1, 2, 3, 4]);
  });
});
