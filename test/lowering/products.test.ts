import { expect } from 'chai';
import { config, grad, jit, makeJaxpr, nn, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { buildModel } from '../../lib/jax/program.js';
import { addon } from '../../lib/runtime/native.js';
import { expectClose, numbers, onEveryEngine } from '../jax/helpers.js';

/** The operators of a function's model, products with what they take in. */
const operators = (f: (...args: any[]) => unknown, args: readonly Array[], fused = true) =>
  buildModel(makeJaxpr(f)(...args).jaxpr, new Map(), fused).graph.nodes.map(({ op, inputs, attributes: { transA, transB, relu, masked } }) =>
    (op === 'Product' ? `Product${inputs.length === (masked ? 4 : 3) ? ' bias' : ''}${relu ? ' relu' : ''}${transA ? ' transA' : ''}${transB ? ' transB' : ''}${masked ? ' masked' : ''}` : op));

const [x, w, b] = [numbers(1, [10, 30]), numbers(2, [30, 20]), numbers(3, [20])];
const dense = (x: Array, w: Array, b: Array) => nn.relu(jnp.matmul(x, w).add(b));

describe('products of our own', () => {
  it('are one node with the bias and the ReLU after them', () => {
    expect(operators(dense, [x, w, b])).to.deep.equal(['Product bias relu']);
    expect(operators((x, w, b) => jnp.add(b, jnp.matmul(x, w)), [x, w, b])).to.deep.equal(['Product bias']);
    expect(operators((x, w) => nn.relu(jnp.matmul(x, w)), [x, w])).to.deep.equal(['Product relu']);
    expect(operators((x, w) => jnp.matmul(x, w.T), [x, w.T])).to.deep.equal(['Product transB']);
    expect(operators((x, w) => jnp.matmul(x.T, w), [x, numbers(5, [10, 4])])).to.deep.equal(['Product transA']);
    expect(operators((x, w) => [jnp.matmul(x, w.T), w.T], [x, w.T])).to.have.members(['Transpose', 'Product transB']);
  });

  it('are written alone where somebody else needs them', () => {
    expect(operators((x, w, b) => { const y = jnp.matmul(x, w); return [y, y.add(b)]; }, [x, w, b])).to.deep.equal(['Product', 'Fused']);
    expect(operators((x, w, b) => { const y = jnp.matmul(x, w).add(b); return [y, nn.relu(y)]; }, [x, w, b])).to.deep.equal(['Product bias', 'Fused']);
    expect(operators((x, w) => { const y = jnp.matmul(x, w); return y.add(y); }, [x, w])).to.deep.equal(['Product', 'Fused']);
    // A row of rows is no bias.
    expect(operators((x, w, b) => jnp.matmul(x, w).add(b), [x, w, numbers(4, [10, 1])])).to.deep.equal(['Product', 'Fused']);
  });

  it('include the gradients of both operands', () => {
    const gradients = (x: Array, w: Array, b: Array) => grad((x: Array, w: Array) => jnp.sum(jnp.tanh(jnp.matmul(x, w).add(b))), { argnums: [0, 1] })(x, w);
    expect(operators(gradients, [numbers(1, [10, 30]), numbers(2, [30, 16]), numbers(3, [16])]).filter((op) => op !== 'Fused'))
      .to.have.members(['Product bias', 'Product transB', 'Product transA']);
  });

  const deep = (x: Array, w: Array, v: Array) => jnp.sum(jnp.tanh(jnp.matmul(nn.relu(jnp.matmul(x, w)), v)));

  it('take in the gradient of the ReLU that they pass backwards', () => {
    const [w, v] = [numbers(2, [30, 16]), numbers(4, [16, 20])];
    const gradients = (x: Array, w: Array, v: Array) => grad(deep, { argnums: 1 })(x, w, v);
    expect(operators(gradients, [x, w, v])).to.deep.equal(['Product relu', 'Product', 'Fused', 'Product transB masked', 'Product transA']);
    // What else is left of the ReLU's argument counts too.
    const pass = (fill: number) => (x: Array, w: Array, h: Array) => jnp.where(h.gt(0), jnp.matmul(x, w), fill);
    const h = numbers(5, [10, 16]);
    expect(operators(pass(0), [x, w, h])).to.deep.equal(['Product masked']);
    expect(operators(pass(1), [x, w, h])).to.deep.equal(['Product', 'Fused']);
    expect(operators((x, w, h) => jnp.where(h.ge(0), jnp.matmul(x, w), 0), [x, w, h])).to.include('Product');
    expect(operators((x, w, h) => jnp.where(h.gt(0), 0, jnp.matmul(x, w)), [x, w, h])).to.include('Product');
    expect(operators(pass(0), [x, w, h.slice(0)])).to.include('Product');
  });

  const product = (m: number, k: number, n: number, dtype: 'float32' | 'float64' = 'float32') => operators(jnp.matmul, [jnp.zeros([m, k], { dtype }), jnp.zeros([k, n], { dtype })]);

  it('leave what fits into caches, other types and other engines to the engine', () => {
    expect(product(16, 1024, 1024)).to.deep.equal(['Product']);
    for (const [m, k, n] of [[17, 30, 30], [1, 30, 30], [1, 2048, 2048], [16, 1025, 1024], [512, 512, 512], [2048, 2048, 63], [2048, 63, 2048]]) expect(product(m, k, n)).to.deep.equal(['MatMul']);
    expect(product(10, 30, 20, 'float64')).to.deep.equal(['MatMul']);
    expect(product(128, 2048, 2048, 'float64')).to.deep.equal(['MatMul']);
    expect(operators(dense, [x, w, b], false)).to.deep.equal(['MatMul', 'Add', 'Relu']);
  });

  it('are all three of a wide layer', function () {
    if (!addon().wideVectors) {
      console.log('      pending: this processor has neither AVX2 nor AVX-512, without which large products are the engine\'s');
      this.skip();
    }
    const [x, w, b] = [[128, 784], [784, 2048], [2048]].map((shape) => jnp.zeros(shape));
    expect(operators(dense, [x, w, b])).to.deep.equal(['Product bias relu']);
    const gradients = (x: Array, w: Array, b: Array) => grad((x: Array, w: Array) => jnp.sum(jnp.tanh(jnp.matmul(x, w).add(b))), { argnums: [0, 1] })(x, w);
    expect(operators(gradients, [x, w, b]).filter((op) => op !== 'Fused')).to.have.members(['Product bias', 'Product transB', 'Product transA']);
  });

  onEveryEngine('compute as the engine\'s do', () => {
    // 20 rows are the engine's.
    const [few, many] = [x, jnp.concatenate([x, x])].map((x) => jit(dense, { engine: config.engine })(x, w, b).tolist() as number[][]);
    expectClose(jnp.array(few), jnp.array(many.slice(0, 10)), 1e-5);
    // The gradient through a ReLU against that of rows that are the engine's.
    const v = numbers(4, [20, 16]);
    const through = jit((x: Array, v: Array) => grad(deep, { argnums: 0 })(x, w, v) as unknown as Array, { engine: config.engine });
    expectClose(through(x, v), jnp.split(through(jnp.concatenate([x, x]), v), 2)[0], 1e-5);
    // The gradient of a wide layer against that of its parts, which are the engine's.
    const [x2, w2] = [numbers(6, [64, 512]), numbers(7, [512, 2048])];
    const gradients = (x: Array, w: Array) => grad((x: Array, w: Array) => jnp.sum(jnp.tanh(jnp.matmul(x, w).mul(0.1))), { argnums: [0, 1] })(x, w) as unknown as Array[];
    const whole = jit(gradients, { engine: config.engine })(x2, w2);
    const parts = jnp.split(w2, 4, { axis: 1 }).map((w) => jit(gradients, { engine: config.engine })(x2, w));
    expectClose(whole[0], parts.map(([dx]) => dx).reduce((a, b) => a.add(b)), 1e-4);
    expectClose(whole[1], jnp.concatenate(parts.map(([, dw]) => dw), { axis: 1 }), 1e-5);
  });
});
