import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { jit, numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import { numbers, paths, refused } from './helpers.js';

const one = jnp.ones([2]);
/** Adds one to the state `n`, and returns it as it was. */
const count = (): Array => {
  const n = hk.getState('n', [], { dtype: 'int32', init: jnp.zeros }) as Array;
  hk.setState('n', n.add(1));
  return n;
};
const applied = (f: () => any, rng: number | null = 7): [any, any] => {
  const g = hk.transformWithState(f);
  const [params, state] = g.init(3);
  return g.apply(params, state, rng);
};

describe('transformations of functions over modules', () => {
  it('thread state through loops, at init and at apply', () => {
    const [[carry, ys], state] = applied(() => hk.scan((c: Array, v: Array) => [c.add(v), count()], jnp.zeros([]), jnp.arange(4, { dtype: 'float32' })));
    expect([carry.item(), ys.tolist(), state['~'].n.item()]).to.deep.equal([6, [0, 1, 2, 3], 4]);
    expect(applied(() => hk.foriLoop(0, 5, (_i: Array, v: Array) => { count(); return v.mul(2); }, jnp.ones([])))[1]['~'].n.item()).to.equal(5);
    expect(applied(() => hk.map((v: Array) => v.add(count()), jnp.arange(3))) [0].tolist()).to.deep.equal([0, 2, 4]);
    const [value, left] = applied(() => (hk.runningInit() ? count() : hk.whileLoop((v: Array) => v.lt(3), (v: Array) => { count(); return v.add(1); }, jnp.zeros([]))));
    expect([value.item(), left['~'].n.item()]).to.deep.equal([3, 3]);
  });
  it('scan: any length, no arrays, reverse, and no parameters after the first turn', () => {
    const f = (length: number) => () => { const linear = new hk.Linear(2); return hk.scan((c: Array) => [linear(c), c], one, null, { length, reverse: true }); };
    for (const n of [1, 2, 5]) expect(applied(f(n))[0][1].shape).to.deep.equal([n, 2]);
    expect(applied(() => hk.scan((c: Array, v: Array) => [new hk.Linear(2)(c.add(v)), c], one, jnp.zeros([0, 2])))[0][1].shape).to.deep.equal([0, 2]);
    let turn = 0;
    const late = () => hk.scan((c: Array) => { if (turn++) hk.getParameter('late', [], { init: jnp.zeros }); return [c, null]; }, one, null, { length: 3 });
    refused(() => hk.transform(late).init(0), 'AssertionError', /~\/late/);
  });
  it('give loops the keys of straight code', () => {
    const keys = (loop: boolean) => applied(() => {
      if (loop) return hk.scan((c: null) => [c, hk.nextRngKey()], null, null, { length: 3 })[1];
      return jnp.stack([hk.nextRngKey(), hk.nextRngKey(), hk.nextRngKey()]);
    })[0].tolist();
    expect(keys(true)).to.deep.equal(keys(false));
  });
  it('cond and switch run one branch, with its state', () => {
    const body = (which: number) => () => {
      const branches = [() => jnp.zeros([], { dtype: 'int32' }), count, () => { count(); return count(); }];
      if (hk.runningInit()) { branches.forEach((b) => b()); return null; }
      return hk.switch(jnp.array(which, { dtype: 'int32' }), branches);
    };
    expect([0, 1, 2].map((k) => applied(body(k))[1]['~'].n.item())).to.deep.equal([0, 1, 2]);
    const both = (p: boolean) => hk.transform((a: Array, b: Array) => [hk.cond(jnp.array(p), (v: Array) => v.mul(2), (v: Array) => v.mul(3), a),
      hk.cond(jnp.array(p), a, (v: Array) => v.add(1), b, (v: Array) => v.add(2))]).apply({}, null, one, one.mul(5)).map(numbers);
    expect(both(true)).to.deep.equal([[2, 2], [2, 2]]);
    expect(both(false)).to.deep.equal([[3, 3], [7, 7]]);
    refused(() => hk.transform(() => hk.cond(jnp.array(true), (v: Array) => new hk.Linear(2)(v), (v: Array) => v, one)).init(0), 'TypeError', /branches leave different parameters/);
  });
  it('vmap shares parameters and state; keys as told', () => {
    const draw = (splitRng: boolean) => applied(() => (hk.runningInit() ? null : hk.vmap(() => hk.nextRngKey(), { splitRng })(one)))[0];
    expect(draw(false).index(0).tolist()).to.deep.equal(draw(false).index(1).tolist());
    expect(draw(true).index(0).tolist()).to.not.deep.equal(draw(true).index(1).tolist());
    expect(paths(() => hk.vmap((v: Array) => new hk.Linear(3)(v), { splitRng: false })(jnp.ones([4, 2]))).sort()).to.deep.equal(['linear/b', 'linear/w']);
    refused(() => hk.vmap((v: Array) => v, {} as hk.VmapOptions), 'TypeError', /splitRng is required/);
    refused(() => hk.vmap((v: Array) => v, { inAxes: null, splitRng: false }), 'ValueError', /at least one non-null/);
    refused(() => hk.transform(() => hk.vmap((v: Array) => new hk.Linear(3)(v), { splitRng: true })(jnp.ones([4, 2]))).init(0), 'ValueError', /runningInit/);
  });
  it('grad, remat, jit and evalShape keep or drop what the function does', () => {
    const square = (v: Array): Array => { count(); return v.mul(v).sum(); };
    const [[value, gradient], state] = applied(() => hk.valueAndGrad(square)(one.mul(3)));
    expect([value.item(), gradient.tolist(), state['~'].n.item()]).to.deep.equal([18, [6, 6], 1]);
    expect(applied(() => hk.grad(square)(one))[1]['~'].n.item()).to.equal(1);
    for (const wrap of [hk.remat, hk.jit]) {
      expect(paths(() => { new hk.Linear(1)(one); wrap((v: Array) => new hk.Linear(2)(v))(one); new hk.Linear(3)(one); }).sort())
        .to.deep.equal(['linear/b', 'linear/w', 'linear_1/b', 'linear_1/w', 'linear_2/b', 'linear_2/w']);
      expect(applied(() => { wrap(count)(); return wrap(count)(); })[1]['~'].n.item()).to.equal(2);
    }
    let shape;
    expect(hk.transform(() => { ({ shape } = hk.evalShape((v: Array) => new hk.Linear(4)(v), one)); }).init(0)).to.deep.equal({});
    expect(shape).to.deep.equal([4]);
  });
  it('work in jitted inits and applies', () => {
    const f = hk.transformWithState((v: Array) => { const linear = new hk.Linear(2); return hk.scan((c: Array) => { count(); return [linear(c), c]; }, v, null, { length: 4 })[0]; });
    const [params, state] = jit(f.init)(random.PRNGKey(0), one) as [any, any];
    const [out, left] = jit(f.apply)(params, state, null, one) as [Array, any];
    expect([out.shape, left['~'].n.item()]).to.deep.equal([[2], 4]);
  });
  it('refuse to run outside a transform, and whileLoop at init and with effects in its condition', () => {
    for (const f of [() => hk.scan((c: any) => c, 0, one), () => hk.cond(true, () => 1, () => 2), () => hk.remat(() => one), () => hk.grad(() => one), () => hk.evalShape(() => one), () => hk.jit(() => one)]) {
      refused(f, 'ValueError', /must be used as part of an `hk\.transform`/);
    }
    refused(() => hk.transform(() => hk.whileLoop((v: Array) => v.lt(1), (v: Array) => v.add(1), jnp.zeros([]))).init(0), 'ValueError', /does not support initialization/);
    refused(() => applied(() => (hk.runningInit() ? count() : hk.whileLoop((v: Array) => count().lt(v), (v: Array) => v, one.sum()))), 'ValueError', /in `cond`/);
  });
});
