import { expect } from 'chai';
import { grad, jit, lax, numpy as jnp, tree, vjp, vmap, type Array } from '../../lib/jax/index.js';
import { registerPytreeNode } from '../../lib/jax/tree.js';
import { expectClose, flat, numbers, thrown } from './helpers.js';

describe('vmap', () => {
  const [x, v] = [numbers(1, [2, 3]), numbers(2, [4])];

  it('axes of arguments and results', () => {
    const [a, b] = vmap((p: Array, q: Array) => [p, q], { inAxes: [0, null], outAxes: [1, null] })(x, v);
    expectClose(a, x.T, 0);
    expectClose(b, v, 0);
    expectClose(vmap((p: Array) => jnp.sum(p), { inAxes: -1 })(x), jnp.sum(x, { axis: 0 }), 1e-6);
    expectClose(vmap((d: any) => d.a.add(d.b[0]), { inAxes: [{ a: 0, b: null }] })({ a: x, b: [jnp.ones([3])] }), x.add(1), 0);
    expectClose(vmap((p: Array, k: any) => p.mul(k), { inAxes: [0, null] })(x, 3), x.mul(3), 0);
    expectClose(vmap(() => jnp.ones([2]))(x), jnp.ones([2, 2]), 0);
    expectClose(vmap(vmap((p: Array, q: Array) => p.mul(q), { inAxes: [0, null] }), { inAxes: [null, 0] })(v, v), jnp.outer(v, v), 0);
    expectClose(jit(vmap((p: Array) => jnp.matmul(p, x.T)))(x), jnp.matmul(x, x.T), 1e-6);
  });

  it('refuses what does not fit', () => {
    expect(thrown(() => vmap((p: Array, k: any) => p.mul(k))(x, 3)).message).to.match(/scalar has no axes/);
    expect(thrown(() => vmap((p: Array) => p, { inAxes: null })(x)).message).to.match(/at least one/);
    expect(thrown(() => vmap((p: Array, q: Array) => p.add(q))(x, v)).message).to.match(/different sizes: 2, 4/);
    expect(thrown(() => vmap((p: Array) => p, { outAxes: null })(x)).message).to.match(/output 0.*depends/);
    expect(thrown(() => vmap((p: Array) => p, { inAxes: 2 })(x)).message).to.match(/axis 2/);
  });
});

describe('derivatives', () => {
  it('at the edges are JAX\'s', () => {
    const at = (f: (x: Array) => Array, ...xs: number[]) => flat(grad((x: Array) => jnp.sum(f(x)))(jnp.array(xs)));
    expect(at(jnp.abs, -2, 0, 3)).to.deep.equal([-1, 1, 1]);
    expect(at((x) => jnp.maximum(x, 0), -1, 0, 1)).to.deep.equal([0, 0.5, 1]);
    expect(at((x) => jnp.clip(x, 0, 1), -1, 0, 0.5, 1, 2)).to.deep.equal([0, 0.5, 1, 0.5, 0]);
    expect(at((x) => jnp.prod(x), 0, 2, 3)).to.deep.equal([6, 0, 0]);
    expect(at((x) => jnp.prod(x), 0, 2, 0)).to.deep.equal([0, 0, 0]);
    expect(at((x) => jnp.max(x), 3, 3, 1)).to.deep.equal([0.5, 0.5, 0]);
    expect(at((x) => jnp.where(jnp.greater(x, 0), jnp.log(jnp.where(jnp.greater(x, 0), x, 1)), 0), -1, 0, 2)).to.deep.equal([0, 0, 0.5]);
    expect(at((x) => jnp.power(x, 0), 0, 2)).to.deep.equal([0, 0]);
    expect(at((x) => jnp.power(x, 2), 0, 2)).to.deep.equal([0, 4]);
    expect(at(jnp.sqrt, 0)).to.deep.equal([Infinity]);
    expect(at((x) => x.index(jnp.array(Int32Array.of(5, 0, -1)))  , 1, 2)).to.deep.equal([1, 1]);
    expect(at((x) => jnp.take(x, jnp.array(Int32Array.of(1, 7)), { fillValue: 0 }), 1, 2)).to.deep.equal([0, 1]);
    expect(at((x) => jnp.multiply(lax.stopGradient(x), x), 3)).to.deep.equal([3]);
    const third = grad(grad(grad((x: Array) => jnp.prod(jnp.stack([x, x, x])))));
    expect(third(jnp.array(0)).item(), 'the third derivative of x³ at 0').to.equal(6);
  });

  it('follow the dtype of each argument', () => {
    const gs = grad((x: Array, y: Array) => jnp.sum(x.mul(y)), { argnums: [0, 1] })(jnp.ones([2], { dtype: 'bfloat16' }), jnp.ones([2]));
    expect(gs.map((g: Array) => g.dtype)).to.deep.equal(['bfloat16', 'float32']);
    expect(grad((x: Array) => x.mul(x))(3 as unknown as Array).item()).to.equal(6);
    expect(grad((x: Array, y: Array) => jnp.sum(x.mul(y)), { argnums: -1 })(jnp.ones([2]), jnp.full([2], 3)).tolist()).to.deep.equal([1, 1]);
    const a = jnp.full([2], 3);
    expect(grad((x: Array, y: Array) => jnp.sum(x.mul(y)), { argnums: [0, 1] })(a, a).map(flat)).to.deep.equal([[3, 3], [3, 3]]);
    expect(grad((x: Array, i: Array) => jnp.sum(x.index(i)))(jnp.ones([3]), jnp.array([true, false, true])).tolist(), 'a mask keeps its values').to.deep.equal([1, 0, 1]);
  });

  it('vjp checks its cotangents', () => {
    const [, pull] = vjp((x: Array, n: Array) => ({ y: x.mul(2), n }), jnp.ones([2]), jnp.array(Int32Array.of(1)));
    const [gx, gn] = pull({ y: jnp.array([1, 2]), n: jnp.array(Int32Array.of(0)) });
    expect(gx.tolist()).to.deep.equal([2, 4]);
    expect([gn.dtype, gn.tolist()]).to.deep.equal(['int32', [0]]);
    expect(thrown(() => pull({ y: jnp.ones([3]), n: jnp.array(Int32Array.of(0)) })).message).to.match(/cotangent 1 must be f32\[2\].*f32\[3\]/);
    expect(thrown(() => pull({ y: jnp.ones([2], { dtype: 'float64' }), n: jnp.array(Int32Array.of(0)) })).message).to.match(/f32\[2\].*f64\[2\]/);
    expect(thrown(() => pull(jnp.ones([2]))).message).to.match(/structure/);
    expect(vjp((x: Array) => jnp.sum(x), jnp.ones([2]))[1](2)[0].tolist(), 'a number').to.deep.equal([2, 2]);
  });
});

describe('trees', () => {
  class Pair { constructor(readonly left: unknown, readonly right: unknown, readonly name: string) {} }
  registerPytreeNode(Pair, (p) => [[p.left, p.right], p.name], (name, [left, right]) => new Pair(left, right, name as string));

  it('go through every transformation', () => {
    const f = (p: any) => new Pair(p.left.mul(2), [p.right, null], 'out');
    const given = new Pair(jnp.ones([2]), { b: jnp.zeros([1]), a: jnp.array(3) }, 'in');
    for (const g of [f, jit(f)]) {
      const out = g(given) as any;
      expect(out).to.be.instanceOf(Pair);
      expect(out.name).to.equal('out');
      expect(out.left.tolist()).to.deep.equal([2, 2]);
      expect(Object.keys(out.right[0])).to.deep.equal(g === f ? ['b', 'a'] : ['a', 'b']);
      expect(out.right[1]).to.equal(null);
    }
    const gradient = grad((p: any) => jnp.sum(p.left).mul(p.right.a))(given);
    expect(gradient).to.be.instanceOf(Pair);
    expect([gradient.left.tolist(), gradient.right.a.item(), gradient.right.b.tolist()]).to.deep.equal([[3, 3], 2, [0]]);
    expect(jit((p: any) => p.left)(new Pair(jnp.ones([1]), 1, 'x')).tolist()).to.deep.equal([1]);
  });

  it('reduce, map and their errors', () => {
    expect(tree.reduce((a: number, b: number) => a + b, { z: 1, a: [2, 3] })).to.equal(6);
    expect(tree.reduce((a: string, b: number) => a + b, { z: 1, a: [2, 3] }, '')).to.equal('231');
    expect(thrown(() => tree.reduce((a: number, b: number) => a + b, {})).message).to.match(/empty/);
    expect(tree.map((a: number, b: number) => a + b, { a: [1], b: 2 }, { b: 20, a: [10] })).to.deep.equal({ a: [11], b: 22 });
    expect(thrown(() => tree.map((a: number, b: number) => a + b, { a: 1 }, { b: 1 })).message).to.match(/differ in structure.*\{a\}.*\{b\}/);
    expect(tree.leaves({ b: 1, a: null, c: [undefined, 2] })).to.deep.equal([1, 2]);
  });
});
