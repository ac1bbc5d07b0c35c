import { expect } from 'chai';
import { config, grad, jit, lax, makeJaxpr, numpy as jnp, nn, type Array } from '../../lib/jax/index.js';
import { buildModel } from '../../lib/jax/program.js';
import type { Graph } from '../../lib/lowering/graph.js';
import { addon } from '../../lib/runtime/native.js';
import { expectClose, numbers, onEveryEngine } from '../jax/helpers.js';

const written = (graph: Graph): string[] => graph.nodes.flatMap(({ op, inputs, attributes }) =>
  [`${op}${attributes.transposed ? ' transposed' : ''}${op === 'PackedProduct' && inputs.length === 3 ? ' bias' : ''}`, ...Object.values(attributes).flatMap((a) => (typeof a === 'object' && 'graph' in a ? written(a.graph) : []))]);
/** The operators of a function's model, those in loops too. */
const operators = (f: (...args: any[]) => unknown, args: readonly Array[], fused = true) => written(buildModel(makeJaxpr(f)(...args).jaxpr, new Map(), fused).graph);
const packed = (ops: readonly string[]) => ops.filter((op) => op.startsWith('Pack'));

const rnn = (xs: Array, w: Array, b: Array) => lax.scan((h: Array, x: Array) => {
  const next = jnp.tanh(jnp.matmul(jnp.concatenate([x, h], { axis: -1 }), w).add(b));
  return [next, next];
}, jnp.zeros([xs.shape[1], b.shape[0]], { dtype: xs.dtype }), xs)[1] as Array;
const [xs, w, b] = [numbers(1, [6, 3, 5]), numbers(2, [12, 7]).mul(0.3), numbers(3, [7])];

describe('products in loops', () => {
  before(function () {
    if (addon().wideVectors) return;
    console.log('      pending: this processor has neither AVX2 nor AVX-512, without which such products are the engine\'s');
    this.skip();
  });

  it('read a matrix that was packed before the loop, with the bias after them', () => {
    expect(packed(operators(rnn, [xs, w, b]))).to.deep.equal(['PackMatrix', 'PackedProduct bias']);
    const gradients = operators((xs, w, b) => grad((...args: [Array, Array, Array]) => jnp.sum(rnn(...args)), { argnums: [0, 1, 2] })(xs, w, b), [xs, w, b]);
    expect(packed(gradients)).to.have.members(['PackMatrix', 'PackedProduct bias', 'PackMatrix transposed', 'PackedProduct']);
  });

  it('pack a matrix once for several of them, and read it unpacked as well', () => {
    const twice = (xs: Array, w: Array) => lax.scan((h: Array, x: Array) => [nn.relu(jnp.matmul(jnp.matmul(h, w), w)).add(x), jnp.sum(w)], jnp.zeros([3, 5]), xs);
    expect(packed(operators(twice, [xs, numbers(4, [5, 5])]))).to.deep.equal(['PackMatrix', 'PackedProduct', 'PackedProduct']);
  });

  it('leave to others what changes, single rows, few turns, other types and other engines', () => {
    const changing = (xs: Array, w: Array) => lax.scan((m: Array, x: Array) => [m.mul(0.5), jnp.matmul(x, m)], w, xs)[1];
    expect(packed(operators(changing, [xs, numbers(4, [5, 5])]))).to.deep.equal([]);
    expect(packed(operators(rnn, [numbers(1, [6, 1, 5]), w, b]))).to.deep.equal([]);
    expect(packed(operators(rnn, [numbers(1, [3, 3, 5]), w, b]))).to.deep.equal([]);
    expect(packed(operators(rnn, [xs, w, b].map((x) => x.astype('float64'))))).to.deep.equal([]);
    expect(packed(operators(rnn, [xs, w, b], false))).to.deep.equal([]);
  });

  onEveryEngine('compute as the turns do one by one', () => {
    const on = { engine: config.engine };
    // Several tiles and panels on every machine, and columns that fill none.
    for (const [batch, inputs, hidden] of [[3, 5, 7], [33, 40, 97], [2, 1, 1]]) {
      const [xs, w, b] = [numbers(1, [5, batch, inputs]), numbers(2, [inputs + hidden, hidden]).mul(hidden ** -0.5), numbers(3, [hidden])];
      const byTurn = (xs: Array, w: Array, b: Array) => {
        let h = jnp.zeros([batch, hidden]);
        const all: Array[] = [];
        for (let t = 0; t < 5; t++) all.push(h = jnp.tanh(jnp.matmul(jnp.concatenate([xs.index(t), h], { axis: -1 }), w).add(b)));
        return jnp.stack(all);
      };
      expectClose(jit(rnn, on)(xs, w, b), jit(byTurn, on)(xs, w, b), 1e-5);
      const loss = (f: typeof rnn) => jit(grad((...args: [Array, Array, Array]) => jnp.sum(jnp.square(f(...args))), { argnums: [0, 1, 2] }) as unknown as (...args: Array[]) => Array[], on)(xs, w, b);
      const [own, want] = [loss(rnn), loss(byTurn)];
      own.forEach((g, i) => expectClose(g, want[i], 1e-4, `gradient ${i}`));
    }
  });
});
