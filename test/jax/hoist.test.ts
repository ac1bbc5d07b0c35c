import { expect } from 'chai';
import { formatJaxpr, grad, jit, lax, makeJaxpr, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { expectAllClose, numbers, onEveryEngine } from './helpers.js';

type Loss = (scan: typeof lax.scan, w: Array, b: Array, xs: Array) => Array;
const rows = (xs: Array) => jnp.zeros([2, xs.shape[2]], { dtype: xs.dtype });
/** Ways in which a loop's body may use a captured matrix and a captured vector. */
const BODIES: Record<string, Loss> = {
  'a dense layer': (scan, w, b, xs) => jnp.sum(jnp.square(scan((c: Array, x: Array) => { const h = jnp.tanh(jnp.matmul(c, w).add(x).add(b)); return [h, h]; }, rows(xs), xs)[1])),
  'backwards': (scan, w, b, xs) => jnp.sum(scan((c: Array, x: Array) => { const h = jnp.tanh(jnp.matmul(c, w).add(x).add(b)); return [h, h.mul(x)]; }, rows(xs), xs, { reverse: true })[1]),
  'twice, once transposed': (scan, w, b, xs) => jnp.sum(scan((c: Array, x: Array) => { const h = jnp.sin(jnp.matmul(c, w).add(jnp.matmul(x, w.T)).add(b)); return [h, null]; }, rows(xs), xs)[0]),
  'of another matrix': (scan, w, b, xs) => jnp.sum(scan((c: Array, x: Array) => [jnp.sin(jnp.matmul(x, jnp.matmul(w, w)).add(c).mul(b)), null], rows(xs), xs)[0]),
  'by elements': (scan, w, b, xs) => jnp.sum(scan((c: Array, x: Array) => [jnp.tanh(jnp.sum(x, { axis: 0 }).mul(w).add(c)), b.mul(x)], jnp.zerosLike(w), xs)[0]),
  'with batch axes': (scan, w, b, xs) => jnp.sum(scan((c: Array, x: Array) => [jnp.sin(jnp.einsum('ij,jk->jik', c, w).sum({ axis: 0 }).add(x).add(b)), null], rows(xs), xs)[0]),
};

describe('sums after a loop', () => {
  const n = 5;
  const args = (dtype: 'float32' | 'float64', turns = 4): Array[] => [numbers(1, [n, n], -1, 1, dtype), numbers(2, [n], -1, 1, dtype), numbers(3, [turns, 2, n], -1, 1, dtype)];
  const written = ((f: any, init: any, xs: any, options?: any) => lax.scan(f, init, xs, { ...options, unroll: true })) as typeof lax.scan;

  onEveryEngine('are the sums that the loop would make, to second order', () => {
    for (const [name, loss] of Object.entries(BODIES)) {
      const of = (scan: typeof lax.scan) => grad((w: Array, b: Array, xs: Array) => loss(scan, w, b, xs), { argnums: [0, 1, 2] });
      const xs = args('float64');
      expectAllClose(jit(of(lax.scan))(...xs), jit(of(written))(...xs), 1e-12, name);
      const second = (scan: typeof lax.scan) => jit(grad((w: Array, b: Array, ys: Array) => (of(scan)(w, b, ys) as Array[]).map((g) => jnp.sum(jnp.sin(g))).reduce((a, c) => a.add(c)), { argnums: [0, 1, 2] }));
      expectAllClose(second(lax.scan)(...xs), second(written)(...xs), 1e-11, `${name}, second derivative`);
    }
  });

  it('leave no matrix in the loop where its products are smaller', () => {
    const gradient = makeJaxpr(grad((w: Array, b: Array, xs: Array) => BODIES['a dense layer'](lax.scan, w, b, xs), { argnums: [0, 1] }))(...args('float32'));
    const scans = gradient.jaxpr.equations.filter((e) => e.primitive.name === 'scan').map((e) => e.params.jaxpr);
    expect(scans.length).to.equal(2);
    const backward = scans[1];
    expect(backward.equations.flatMap((e: any) => e.outputs).filter((v: any) => v.aval.shape.join() === `${n},${n}`), formatJaxpr(backward)).to.deep.equal([]);
    expect(backward.equations.filter((e: any) => e.primitive.name === 'reduce_sum'), 'the bias').to.deep.equal([]);
    expect(gradient.jaxpr.equations.filter((e) => e.primitive.name === 'dot_general').map((e) => e.outputs[0].aval.shape)).to.deep.equal([[n, n]]);
  });

  it('are zero without turns', () => {
    for (const [name, loss] of Object.entries(BODIES)) {
      const [w, b] = jit(grad((...xs: [Array, Array, Array]) => loss(lax.scan, ...xs), { argnums: [0, 1] }))(...args('float32', 0));
      expect([...w.tolist().flat(), ...b.tolist()].every((x: number) => x === 0), name).to.equal(true);
    }
  });
});
