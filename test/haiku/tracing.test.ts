import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { grad, jit, numpy as jnp, random, tree, type Array } from '../../lib/jax/index.js';
import { hex, numbers, refused } from './helpers.js';

const net = hk.withoutApplyRng(hk.transform((x: Array) => new hk.nets.MLP([5, 4, 3])(x)));
const x = jnp.array([[1, -2], [0.5, 3]]);
const bits = (params: hk.Params): string[] => [...hk.dataStructures.traverse(params)].map(([module, name, value]) => `${module} ${name} ${hex(value).join(' ')}`);
const close = (a: Array, b: Array): void => numbers(a).forEach((value, i) => expect(value).to.be.closeTo(numbers(b)[i], 1e-5));

describe('transformed functions under jit and grad', () => {
  it('init gives the same bits, with keys sorted', () => {
    const key = random.PRNGKey(42);
    const eager = net.init(key, x);
    const jitted = jit(net.init)(key, x);
    expect(bits(jitted)).to.deep.equal(bits(eager));
    expect(Object.keys(jitted)).to.deep.equal(['mlp/~/linear_0', 'mlp/~/linear_1', 'mlp/~/linear_2']);
  });

  it('apply gives the same', () => {
    const params = net.init(42, x);
    close(jit(net.apply)(params, x), net.apply(params, x));
  });

  it('gradients are taken with respect to one part of the parameters', () => {
    const params = net.init(42, x);
    const [trainable, frozen] = hk.dataStructures.partition((module) => module !== 'mlp/~/linear_1', params);
    const loss = (some: hk.Params, others: hk.Params): Array => jnp.sum(net.apply(hk.dataStructures.merge(some, others), x).mul(0.5));
    const grads = grad(loss)(trainable, frozen);
    expect(Object.keys(grads)).to.deep.equal(['mlp/~/linear_0', 'mlp/~/linear_2']);
    grads['mlp/~/linear_2'].b.tolist().forEach((value: number) => expect(value).to.be.closeTo(1, 1e-6));
    const whole = grad((all: hk.Params) => loss(all, {}))(params);
    for (const [module, name, value] of hk.dataStructures.traverse<Array>(grads)) close(value, whole[module][name]);
  });

  it('a step that updates the parameters is one jitted function', () => {
    const params = net.init(42, x);
    const loss = (p: hk.Params): Array => jnp.mean(net.apply(p, x).mul(net.apply(p, x)));
    const step = jit((p: hk.Params): hk.Params => tree.map((v: Array, g: Array) => v.sub(g.mul(0.05)), p, grad(loss)(p)));
    let trained: hk.Params = params;
    for (let i = 0; i < 20; i++) trained = step(trained);
    expect(loss(trained).item()).to.be.below(loss(params).item() / 2);
  });

  it('state and keys are threaded', () => {
    const counting = hk.transformWithState(() => {
      const n = hk.getState('n', [], { init: jnp.zeros });
      hk.setState('n', n.add(1));
      return hk.nextRngKey();
    });
    const [params, state] = counting.init(1);
    const [out, next] = jit(counting.apply)(params, state, random.PRNGKey(42));
    expect(next['~'].n.item()).to.equal(1);
    expect(hex(out)).to.deep.equal(['03d7b32d', 'add083f4']);
  });

  it('leave no context behind when they throw', () => {
    refused(() => jit(net.apply)({}, x), 'ValueError', /Unable to retrieve parameter 'w' of shape \[2,5\] for module 'mlp\/~\/linear_0'/);
    refused(() => hk.currentName(), 'ValueError', /must be used as part of/);
    close(jit(net.apply)(net.init(1, x), x), net.apply(net.init(1, x), x));
  });

  it('a jitted function is refused by transform', () => refused(() => hk.transform(jit((v: Array) => v)), 'ValueError', /was made by jit.*jit\(hk\.transform\(f\)\.apply\)/));

  it('dropout and hooks work on traced values', () => {
    const f = hk.transform((v: Array) => hk.customGetter((next, value) => next(value).mul(2), () => new hk.nets.MLP([4, 2])(v, { dropoutRate: 0.5, rng: hk.nextRngKey() })));
    const params = f.init(1, x);
    close(jit(f.apply)(params, random.PRNGKey(3), x), f.apply(params, random.PRNGKey(3), x));
  });

  it('several functions share modules', () => {
    const { init, apply } = hk.multiTransform(() => {
      const encoder = new hk.Linear(3, { name: 'encoder' });
      const decoder = new hk.Linear(2, { name: 'decoder' });
      return [(v: Array) => decoder(encoder(v)), { encode: (v: Array) => encoder(v), decode: (z: Array) => decoder(z) }];
    });
    const params = init(1, x);
    close(jit((p: hk.Params) => apply.decode(p, null, apply.encode(p, null, x)))(params), apply.decode(params, null, apply.encode(params, null, x)));
  });
});
