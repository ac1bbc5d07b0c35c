import { expect } from 'chai';
import { checkGrads, checkpoint, customJvp, customVjp, formatJaxpr, grad, hessian, jacfwd, jacrev, jit, jvp, lax, linearize, makeJaxpr, numpy as jnp, vmap, type Array } from '../../lib/jax/index.js';
import { CASES } from './cases/index.js';
import { expectAllClose, expectClose, flat, leavesOf, numbers, thrown } from './helpers.js';

const f = (x: Array) => jnp.multiply(lax.sin(x), x);

describe('forward mode', () => {
  it('agrees with reverse mode for every operation', () => {
    for (const c of CASES) {
      const xs = c.shapes.map((s, i) => numbers(i + 3, s, c.low, c.high, 'float64'));
      const ts = c.shapes.map((s, i) => numbers(i + 50, s, -1, 1, 'float64'));
      const weights = leavesOf(c.f(...xs)).map((x, i) => numbers(i + 70, x.shape, 0.5, 1.5, 'float64'));
      const weigh = (out: any) => leavesOf(out).map((x, i) => jnp.sum(jnp.multiply(x, weights[i]))).reduce((a, b) => jnp.add(a, b));
      const forward = weigh(jvp((...ys: Array[]) => c.f(...ys), xs, ts)[1]);
      const gradient = grad((...ys: Array[]) => weigh(c.f(...ys)), { argnums: xs.map((_, i) => i) })(...xs);
      const reverse = gradient.map((g: Array, i: number) => jnp.sum(jnp.multiply(g, ts[i]))).reduce((a: Array, b: Array) => jnp.add(a, b));
      expectClose(forward, reverse, 1e-9, c.name);
    }
  });

  it('jvp of a while loop', () => {
    const g = (x: Array) => lax.whileLoop(([v]: Array[]) => jnp.less(jnp.sum(v), 100), ([v, n]: Array[]) => [jnp.multiply(v, x), jnp.add(n, 1)], [x, 0]);
    const x = jnp.array([2, 3], { dtype: 'float64' });
    const [[value, turns], [tangent]] = jvp(g, [x], [jnp.array([1, 0], { dtype: 'float64' })]);
    expect(flat(value)).to.deep.equal([32, 243]);
    expect(turns.item()).to.equal(4);
    expect(flat(tangent)).to.deep.equal([80, 0]);
    expect(thrown(() => grad((y: Array) => jnp.sum(g(y)[0]))(x)).message).to.match(/whileLoop: reverse-mode/);
  });

  it('linearize computes the point once', () => {
    const x = numbers(1, [3], 0.5, 1, 'float64');
    const [y, push] = linearize(f, x);
    expectClose(y, f(x), 1e-12);
    const t = numbers(2, [3], -1, 1, 'float64');
    expectClose(push(t), jvp(f, [x], [t])[1], 1e-12);
    expect(formatJaxpr(makeJaxpr((v: Array) => push(v))(t).jaxpr)).to.not.match(/sin|cos/);
  });

  it('Jacobians of trees', () => {
    const g = ({ a, b }: { a: Array; b: Array }) => [jnp.multiply(a, b), jnp.sum(lax.square(b))];
    const at = { a: numbers(1, [2], 0, 1, 'float64'), b: numbers(2, [2], 0, 1, 'float64') };
    const [fwd, rev] = [jacfwd(g)(at), jacrev(g)(at)];
    for (const k of ['a', 'b'] as const) expectAllClose(fwd.map((r: any) => r[k]), rev.map((r: any) => r[k]), 1e-12, k);
    expect(fwd[0].a.shape).to.deep.equal([2, 2]);
    expectClose(hessian((x: Array) => jnp.sum(jnp.multiply(x, lax.square(x))))(at.a), jnp.diag(at.a.mul(6)), 1e-12);
    expectClose(hessian((x: Array, y: Array) => jnp.sum(jnp.multiply(lax.square(x), y)), { argnums: [0, 1] })(at.a, at.b)[0][1], jnp.diag(at.a.mul(2)), 1e-12);
  });

  it('checkGrads finds a wrong rule', () => {
    const x = numbers(4, [3], 0.5, 1, 'float64');
    checkGrads(f, [x], { order: 2 });
    const wrong = customVjp((y: Array) => lax.sin(y));
    wrong.defvjp((y: Array) => [lax.sin(y), y], (y: Array, ct: Array) => [jnp.multiply(ct, lax.sin(y))]);
    expect(thrown(() => checkGrads(wrong, [x], { order: 1, modes: ['rev'] })).message).to.match(/checkGrads: the derivative by vjp/);
  });
});

describe('custom rules', () => {
  const clipped = customVjp((x: Array) => x);
  clipped.defvjp((x: Array) => [x, null], (_: null, ct: Array) => [jnp.clip(ct, -0.5, 0.5)]);
  const x = jnp.array([1, 2, 3], { dtype: 'float64' });

  it('customVjp under grad, jit, vmap and scan', () => {
    const loss = (y: Array) => jnp.sum(jnp.multiply(clipped(y), jnp.array([0.1, 1, -7], { dtype: 'float64' })));
    expect(flat(grad(loss)(x))).to.deep.equal([0.1, 0.5, -0.5]);
    expect(flat(jit(grad(loss))(x))).to.deep.equal([0.1, 0.5, -0.5]);
    const both = jnp.stack([x, x]);
    expect(flat(vmap(grad(loss))(both))).to.deep.equal([0.1, 0.5, -0.5, 0.1, 0.5, -0.5]);
    expect(flat(grad((ys: Array) => jnp.sum(vmap(loss)(ys)))(both))).to.deep.equal([0.1, 0.5, -0.5, 0.1, 0.5, -0.5]);
    expect(flat(grad((y: Array) => jnp.sum(lax.scan((c: Array) => [clipped(jnp.multiply(c, 2)), null], y, null, { length: 2 })[0]))(x))).to.deep.equal([1, 1, 1]);
    expect(clipped(x).tolist()).to.deep.equal([1, 2, 3]);
  });

  it('customJvp serves both modes', () => {
    const g = customJvp((y: Array) => lax.exp(y));
    g.defjvp(([y]: Array[], [t]: Array[]) => [lax.exp(y), jnp.multiply(jnp.multiply(t, y), 3)]);
    expectClose(grad((y: Array) => jnp.sum(g(y)))(x), x.mul(3), 1e-12);
    expectClose(jvp(g, [x], [jnp.onesLike(x)])[1], x.mul(3), 1e-12);
    expectClose(vmap(grad(g))(x), x.mul(3), 1e-12);
    expectClose(grad((ys: Array) => jnp.sum(vmap(g)(ys)))(x), x.mul(3), 1e-12);
    const h = customJvp((y: Array, z: Array) => jnp.multiply(y, z));
    h.defjvps((t: Array, _out: Array, _y: Array, z: Array) => jnp.multiply(jnp.multiply(t, z), 2), null);
    expectAllClose(grad((y: Array, z: Array) => jnp.sum(h(y, z)), { argnums: [0, 1] })(x, x), [x.mul(2), jnp.zerosLike(x)], 1e-12);
  });

  it('nondiffArgnums and missing rules', () => {
    const g = customVjp((by: (y: Array) => Array, y: Array) => by(y), { nondiffArgnums: [0] });
    expect(thrown(() => g(lax.sin, x)).message).to.match(/defvjp/);
    g.defvjp((by: any, y: Array) => [by(y), y], (_by: any, y: Array, ct: Array) => [jnp.multiply(ct, y)]);
    expectClose(grad((y: Array) => jnp.sum(g(lax.sin, y)))(x), x, 1e-12);
  });
});

describe('checkpoint', () => {
  const layer = (w: Array, y: Array) => lax.tanh(jnp.matmul(y, w));
  const w = numbers(1, [4, 4], -1, 1, 'float64');
  const y = numbers(2, [3, 4], -1, 1, 'float64');

  it('gives the same gradients to any order', () => {
    const plain = (v: Array) => jnp.sum(layer(v, layer(v, y)));
    const kept = (v: Array) => jnp.sum(checkpoint(layer)(v, checkpoint(layer)(v, y)));
    expectClose(grad(kept)(w), grad(plain)(w), 1e-12);
    expectClose(hessian(kept)(w), hessian(plain)(w), 1e-10);
    expectClose(vmap(grad(kept))(jnp.stack([w, w])).index(1), grad(plain)(w), 1e-12);
  });

  it('computes again what it did not keep', () => {
    const count = (g: (v: Array) => Array) => (formatJaxpr(makeJaxpr(grad(g))(w).jaxpr).match(/= tanh/g) ?? []).length;
    expect(count((v) => jnp.sum(layer(v, layer(v, y))))).to.equal(2);
    expect(count((v) => jnp.sum(checkpoint((u: Array) => layer(u, layer(u, y)))(v)))).to.be.greaterThan(1);
    expect(formatJaxpr(makeJaxpr(grad((v: Array) => jnp.sum(checkpoint((u: Array) => layer(u, layer(u, y)))(v))))(w).jaxpr)).to.match(/optimization_barrier/);
  });
});

describe('named axes', () => {
  const xs = jnp.array([[1, 2], [3, 4], [5, 6]]);
  it('sums, means, extremes, gathers and positions', () => {
    const along = (g: (x: Array) => any, options = {}) => vmap(g, { axisName: 'batch', ...options })(xs);
    expect(along((x) => lax.psum(x, 'batch')).tolist()).to.deep.equal([[9, 12], [9, 12], [9, 12]]);
    expect(along((x) => jnp.subtract(x, lax.pmean(x, 'batch'))).tolist()).to.deep.equal([[-2, -2], [0, 0], [2, 2]]);
    expect(along((x) => lax.pmax(jnp.sum(x), 'batch'), { outAxes: null }).item()).to.equal(11);
    expect(along(() => lax.axisIndex('batch')).tolist()).to.deep.equal([0, 1, 2]);
    expect(along((x) => lax.allGather(x, 'batch')).shape).to.deep.equal([3, 3, 2]);
    expect(along((x) => lax.allGather(x, 'batch', { tiled: true })).index(1).tolist()).to.deep.equal([1, 2, 3, 4, 5, 6]);
    expect(along((x) => jnp.add(x, lax.psum(1, 'batch'))).tolist()).to.deep.equal([[4, 5], [6, 7], [8, 9]]);
  });
  it('nest, go through gradients and loops, and are refused where nobody maps them', () => {
    const both = vmap(vmap((x: Array) => lax.psum(lax.psum(x, 'rows'), 'columns'), { axisName: 'columns' }), { axisName: 'rows' })(xs);
    expect(both.tolist()).to.deep.equal([[21, 21], [21, 21], [21, 21]]);
    const g = vmap(grad((x: Array) => lax.psum(jnp.sum(lax.square(x)), 'batch')), { axisName: 'batch' })(xs);
    expect(g.tolist()).to.deep.equal([[6, 12], [18, 24], [30, 36]]);
    const looped = vmap((x: Array) => lax.scan((c: Array, row: Array) => [lax.psum(jnp.add(c, row), 'batch'), null], jnp.zeros([]), x)[0], { axisName: 'batch' })(xs);
    expect(flat(looped)).to.deep.equal([39, 39, 39]);
    expect(thrown(() => lax.psum(xs, 'batch')).message).to.match(/no mapped axis is called 'batch'/);
  });
});
