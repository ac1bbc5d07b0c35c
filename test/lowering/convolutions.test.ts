import { expect } from 'chai';
import { config, grad, jit, jvp, lax, makeJaxpr, nn, numpy as jnp, vmap, type Array } from '../../lib/jax/index.js';
import { buildModel } from '../../lib/jax/program.js';
import { expectClose, numbers, onEveryEngine } from '../jax/helpers.js';

const LAST: [string, string, string] = ['NHWC', 'HWIO', 'NHWC'];
const FIRST: [string, string, string] = ['NCHW', 'OIHW', 'NCHW'];
interface Options { strides?: number[]; padding?: string; layouts?: [string, string, string]; groups?: number }
const conv = (x: Array, w: Array, { strides = [1, 1], padding = 'SAME', layouts = LAST, groups = 1 }: Options = {}) =>
  lax.convGeneralDilated(x, w, strides, padding, { dimensionNumbers: layouts, featureGroupCount: groups });

/** The operators of a function's model, ours with their domain and what they take in. */
const operators = (f: (...args: any[]) => unknown, args: readonly Array[], fused = true) =>
  buildModel(makeJaxpr(f)(...args).jaxpr, new Map(), fused).graph.nodes.map(({ op, domain, inputs, attributes: { relu, depthwise, masked } }) =>
    (domain ? `hokku.${op}${depthwise ? ' depthwise' : ''}${op === 'Conv' && inputs.length === (masked ? 4 : 3) ? ' bias' : ''}${relu ? ' relu' : ''}${masked ? ' masked' : ''}` : op));

const [x, w1, b1, w2] = [numbers(1, [2, 8, 7, 3]), numbers(2, [3, 3, 3, 5]), numbers(3, [5]), numbers(4, [2, 2, 5, 4])];
const net = (x: Array, w1: Array, b1: Array, w2: Array, options: Options = {}) => conv(nn.relu(conv(x, w1, options).add(b1)), w2, { ...options, strides: [2, 2] });

describe('convolutions of our own', () => {
  it('follow each other without a transpose, with the bias and the ReLU after them', () => {
    expect(operators(net, [x, w1, b1, w2])).to.deep.equal(['hokku.Conv bias relu', 'hokku.Conv']);
    expect(operators((x, w) => nn.relu(conv(x, w)), [x, w1])).to.deep.equal(['hokku.Conv relu']);
    expect(operators((x, w, b) => { const y = conv(x, w); return [y, y.add(b)]; }, [x, w1, b1])).to.deep.equal(['hokku.Conv', 'hokku.Fused']);
    expect(operators((x, w, b) => { const y = conv(x, w).add(b); return [y, nn.relu(y)]; }, [x, w1, b1])).to.deep.equal(['hokku.Conv bias', 'hokku.Fused']);
    // A line of features is no bias.
    expect(operators((x, w, b) => conv(x, w).add(b), [x, w1, numbers(5, [7, 5])])).to.deep.equal(['hokku.Conv', 'hokku.Fused']);
  });

  it('include both gradients, with strides too', () => {
    const gradients = (x: Array, w1: Array, b1: Array, w2: Array) => grad((...args: [Array, Array, Array, Array]) => jnp.sum(jnp.tanh(net(...args))), { argnums: [0, 1, 3] })(x, w1, b1, w2);
    const all = operators(gradients, [x, w1, b1, w2]).filter((op) => op !== 'hokku.Fused');
    expect(all).to.have.members(['hokku.Conv bias relu', 'hokku.Conv', 'hokku.Conv', 'hokku.Conv masked', 'hokku.ConvKernelGradient', 'hokku.ConvKernelGradient']);
  });

  it('include one axis of space, depthwise kernels and transposed convolutions', () => {
    const line: [string, string, string] = ['NHC', 'HIO', 'NHC'];
    expect(operators((x, w) => conv(x, w, { strides: [2], layouts: line }), [numbers(1, [2, 9, 3]), numbers(2, [4, 3, 5])])).to.deep.equal(['hokku.Conv']);
    expect(operators((x, w) => conv(x, w, { groups: 3 }), [x, numbers(2, [3, 3, 1, 3])])).to.deep.equal(['hokku.Conv depthwise']);
    expect(operators((x, w) => lax.convTranspose(x, w, [2, 2], 'SAME'), [x, w1])).to.deep.equal(['hokku.Conv']);
  });

  it('leave to the engine what has its channels first, other types, groups, open dimensions and other engines', () => {
    const alone = (x: Array, w: Array, options?: Options) => operators((x, w) => conv(x, w, options), [x, w]);
    expect(alone(numbers(1, [2, 3, 8, 7]), numbers(2, [5, 3, 3, 3]), { layouts: FIRST })).to.deep.equal(['Conv']);
    for (const ops of [alone(x.astype('float64'), w1.astype('float64')), alone(numbers(1, [2, 8, 7, 4]), numbers(2, [3, 3, 2, 6]), { groups: 2 }), operators((x, w) => conv(x, w), [x, w1], false)]) {
      expect(ops.filter((op) => op.startsWith('hokku.'))).to.deep.equal([]);
    }
    const cube: [string, string, string] = ['NDHWC', 'DHWIO', 'NDHWC'];
    expect(operators((x, w) => conv(x, w, { strides: [1, 1, 1], layouts: cube }), [numbers(1, [1, 3, 4, 5, 2]), numbers(2, [2, 2, 2, 2, 3])])).to.include('Conv');
  });

  onEveryEngine('compute as the engine\'s do, forwards, backwards, in tangents and under vmap', () => {
    const on = { engine: config.engine };
    const first = (x: Array) => jnp.transpose(x, [0, 3, 1, 2]);
    const kernel = (w: Array) => jnp.transpose(w, [3, 2, 0, 1]);
    // The engine's, since everything has its channels first; transposed by programs of their own.
    const loss = (x: Array, w1: Array, b1: Array, w2: Array) => jnp.sum(jnp.tanh(net(x, w1, b1, w2)).mul(0.5));
    const lossFirst = (x: Array, w1: Array, b1: Array, w2: Array) => jnp.sum(jnp.tanh(net(x, w1, b1.reshape([5, 1, 1]), w2, { layouts: FIRST })).mul(0.5));
    const [own, engines] = [jit(grad(loss, { argnums: [0, 1, 2, 3] }), on)(x, w1, b1, w2), jit(grad(lossFirst, { argnums: [0, 1, 2, 3] }), on)(first(x), kernel(w1), b1, kernel(w2))] as unknown as [Array[], Array[]];
    [first(own[0]), kernel(own[1]), own[2], kernel(own[3])].forEach((g, i) => expectClose(g, engines[i], 1e-4, `gradient ${i}`));
    // The derivative along w1 of the gradient: gradients of kernels have derivatives themselves.
    const along = (f: (...args: Array[]) => Array, w1: Array, b1: Array, ...rest: Array[]) => jvp((w: Array) => grad(f, { argnums: 1 })(rest[0], w, b1, rest[1]), [w1], [w1])[1] as Array;
    const [second, want] = [jit((x: Array, w1: Array, b1: Array, w2: Array) => along(loss as never, w1, b1, x, w2), on)(x, w1, b1, w2), jit((x: Array, w1: Array, b1: Array, w2: Array) => along(lossFirst as never, w1, b1, x, w2), on)(first(x), kernel(w1), b1, kernel(w2))];
    expectClose(kernel(second), want, 1e-3, 'second derivative');
    // A gradient for each example, and for each of several cotangents or kernels.
    const each = (x: Array, w: Array) => grad((w: Array) => jnp.sum(jnp.tanh(conv(x.reshape([1, ...x.shape]), w))))(w) as Array;
    const mapped = jit(vmap(each, { inAxes: [0, null] }), on)(x, w1);
    for (const i of [0, 1]) expectClose(mapped.index(i), jit(each, on)(x.index(i), w1), 1e-4, `example ${i}`);
    const several = jnp.stack([w1, w1.mul(0.5)]);
    const kernels = jit(vmap((w: Array) => grad((w: Array) => jnp.sum(jnp.tanh(conv(x, w))))(w) as Array), on)(several);
    for (const i of [0, 1]) expectClose(kernels.index(i), jit(grad((w: Array) => jnp.sum(jnp.tanh(conv(x, w)))), on)(several.index(i)) as Array, 1e-4, `kernel ${i}`);
  });
});
