import { expect } from 'chai';
import { grad, jit, lax, makeJaxpr, numpy as jnp, vmap, type Array } from '../../lib/jax/index.js';
import { expectClose, flat, numbers, onEveryEngine, thrown } from './helpers.js';

const cumulate = (xs: Array) => lax.scan((c: Array, x: Array) => { const s = jnp.add(c, x); return [s, s]; }, jnp.zeros([]), xs);

describe('control flow', () => {
  it('a scan is one node, however long', () => {
    const model = jit(cumulate).lower(jnp.ones([1000]));
    expect(model.modelBytes).to.be.lessThan(4000);
    expect(cumulate(jnp.ones([1000]))[1].index(-1).item()).to.equal(1000);
  });

  it('trees, no slices, no turns, and numbers that become arrays', () => {
    const [{ a, b }, ys] = lax.scan(({ a, b }: any, [x]: Array[]) => [{ a: jnp.add(a, x), b: jnp.multiply(b, 2) }, { x, twice: jnp.add(x, x) }], { a: jnp.zeros([2]), b: 1 }, [jnp.ones([3, 2])]);
    expect([a.tolist(), b.item(), ys.twice.shape]).to.deep.equal([[3, 3], 8, [3, 2]]);
    expect(lax.scan((c: Array) => [jnp.add(c, 1), null], 0, null, { length: 4 })[0].item()).to.equal(4);
    const [c, none] = lax.scan((x: Array, y: Array) => [x, y], jnp.ones([2]), jnp.zeros([0, 3]));
    expect([c.tolist(), none.shape]).to.deep.equal([[1, 1], [0, 3]]);
    const [float] = lax.scan((x: Array, y: Array) => [jnp.add(x, y), null], 0, jnp.array([0.5, 1]));
    expect([float.dtype, float.item()]).to.deep.equal(['float32', 1.5]);
  });

  onEveryEngine('loops, branches and their gradients inside jit', () => {
    const x = numbers(3, [4], 0.5, 1);
    const f = jit((v: Array, n: Array) => lax.foriLoop(0, n, (_i: Array, y: Array) => jnp.multiply(y, v), jnp.onesLike(v)));
    expectClose(f(x, jnp.array(3, { dtype: 'int32' })), jnp.power(x, 3), 1e-6);
    const g = jit(grad((v: Array) => jnp.sum(lax.foriLoop(0, 3, (_i: Array, y: Array) => lax.cond(jnp.greater(jnp.sum(y), 0), (z: Array) => jnp.multiply(z, v), (z: Array) => z, y), jnp.onesLike(v)))));
    expectClose(g(x), jnp.multiply(3, jnp.square(x)), 1e-5);
  });

  it('what every turn hands on as it came is no carry, and what follows it needs no loop', () => {
    const xs = jnp.arange(4, { dtype: 'float32' });
    const f = (a: Array, b: Array): any => lax.scan(([still, sum]: any, x: any) => [[still, sum.add(x.mul(still))], still], [a, b], xs);
    const { jaxpr } = makeJaxpr((a: Array, b: Array) => f(a, b)[0][0])(jnp.array(2), jnp.array(0));
    expect(jaxpr.equations).to.have.length(0);
    const [[still, sum], ys] = f(jnp.array(2), jnp.array(1));
    expect([still.item(), sum.item(), ys.tolist()]).to.deep.equal([2, 13, [2, 2, 2, 2]]);
    expect(grad((a: Array) => f(a, jnp.array(1))[0][1])(jnp.array(2)).item()).to.equal(6);
  });
  it('a while loop under vmap stops each element by itself', () => {
    const halve = (x: Array) => lax.whileLoop(([v]: Array[]) => jnp.greater(v, 1), ([v, n]: Array[]) => [jnp.divide(v, 2), jnp.add(n, 1)], [x, 0]);
    const [values, turns] = vmap(halve)(jnp.array([1, 8, 100]));
    expect(turns.tolist()).to.deep.equal([0, 3, 7]);
    expect(flat(values)).to.deep.equal([1, 1, 0.78125]);
  });

  it('cond runs one branch, and all of them where the predicate is mapped', () => {
    const f = (p: Array, x: Array) => lax.cond(p, (v: Array) => jnp.log(v), (v: Array) => jnp.negative(v), x);
    expect(vmap(f)(jnp.array([true, false]), jnp.array([1, 5])).tolist()).to.deep.equal([0, -5]);
    expect(lax.switch(7, [() => 1, () => 2.5]).item()).to.equal(2.5);
    expect(lax.switch(-1, [() => 1, () => 2]).dtype).to.equal('int32');
  });

  it('captured arrays of an outer trace, and donation beside a loop', () => {
    const step = jit((w: Array, xs: Array) => jnp.subtract(w, grad((v: Array) => jnp.sum(lax.scan((c: Array, x: Array) => [jnp.tanh(jnp.add(jnp.matmul(c, v), x)), null], jnp.zeros([3]), xs)[0]))(w)), { donateArgnums: 0 });
    const plain = jit((w: Array, xs: Array) => jnp.subtract(w, grad((v: Array) => jnp.sum(lax.scan((c: Array, x: Array) => [jnp.tanh(jnp.add(jnp.matmul(c, v), x)), null], jnp.zeros([3]), xs)[0]))(w)));
    const xs = numbers(2, [5, 3]);
    expectClose(step(numbers(1, [3, 3]), xs), plain(numbers(1, [3, 3]), xs), 1e-6);
  });

  it('what does not fit is named', () => {
    const refused = (f: () => unknown, message: RegExp) => expect(thrown(f).message).to.match(message);
    refused(() => lax.scan((c: Array) => [jnp.concatenate([c, c]), null], jnp.ones([2]), null, { length: 2 }), /scan: the body must return a carry of the types.*f32\[2\].*f32\[4\]/);
    refused(() => lax.scan((c: Array) => c as any, jnp.ones([2]), null, { length: 2 }), /must return \[carry, y\]/);
    refused(() => lax.scan((c: Array) => [c, null], 0, null), /options\.length/);
    refused(() => lax.scan((c: Array) => [c, null], 0, [jnp.ones([2]), jnp.ones([3])]), /different sizes: 2, 3/);
    refused(() => lax.scan((c: Array) => [c, null], 0, jnp.ones([])), /leading axis/);
    refused(() => lax.scan((c: Array) => [c, null], 0, null, { lenght: 2 } as any), /length/);
    refused(() => lax.whileLoop(() => jnp.ones([2]), (x: Array) => x, jnp.ones([2])), /must return one bool/);
    refused(() => lax.cond(jnp.array([true]), () => 1, () => 2), /predicate must be a scalar/);
    refused(() => lax.cond(true, () => jnp.ones([2]), () => jnp.ones([3])), /same types/);
    refused(() => lax.cond(true, () => [1], () => 1), /same structure/);
    refused(() => lax.switch(0, []), /list of one function or more/);
    refused(() => lax.foriLoop(0, jnp.ones([]), (_i: Array, x: Array) => x, 0), /integer scalars/);
    // JAX takes an unroll of 0, and bounds in either order.
    for (const unroll of [-1, 2.5, 'a', null]) refused(() => lax.scan((c: Array) => [c, null], 0, null, { length: 2, unroll } as any), /unroll must be a boolean or a whole number from 0/);
    for (const unroll of [0, 3, true, false]) expect(lax.scan((c: Array) => [jnp.add(c, 1), null], 0, null, { length: 2, unroll })[0].item()).to.equal(2);
    for (const length of [-1, 2.5, true]) refused(() => lax.scan((c: Array) => [c, null], 0, null, { length } as any), /length must be a whole number from 0/);
    for (const bound of [2.5, NaN, 2 ** 31]) refused(() => lax.foriLoop(0, bound, (_i: Array, x: Array) => x, 0), /bounds must be whole numbers of 32 bits/);
    refused(() => lax.foriLoop(0, 2, (_i: Array, x: Array) => x, 0, { unroll: -1 }), /unroll/);
    refused(() => lax.foriLoop(0, jnp.array([2], { dtype: 'int32' }).index(0), (_i: Array, x: Array) => x, 0, { unroll: 2 }), /unroll needs bounds that are numbers/);
    expect(lax.foriLoop(0, 3, (i: Array, x: Array) => jnp.add(x, i), 0, { unroll: true }).item()).to.equal(3);
    expect(lax.foriLoop(2, 0, (i: Array, x: Array) => jnp.add(x, i), 5).item()).to.equal(5);
    refused(() => lax.scan(async () => [0, null] as any, 0, null, { length: 1 }), /async functions cannot be traced/);
  });
});
