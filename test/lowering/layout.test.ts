import { expect } from 'chai';
import fc from 'fast-check';
import { config, grad, jit, jvp, lax, makeJaxpr, nn, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { buildModel } from '../../lib/jax/program.js';
import { expectClose, leavesOf, numbers, onEveryEngine } from '../jax/helpers.js';
import { standard } from './standard.js';

const operators = (f: (...args: any[]) => unknown, args: readonly Array[]) =>
  buildModel(makeJaxpr(f)(...args).jaxpr, new Map(), true).graph.nodes.map(({ op, domain, inputs, attributes: { scaled, added, relu } }) =>
    (domain ? ['hokku', op, ...(op === 'Conv' ? [scaled && 'scaled', inputs.length > 2 + Number(scaled) + Number(added) && 'bias', added && 'added', relu && 'relu'].filter(Boolean) : [])].join(' ') : op));

const conv = (x: Array, w: Array, strides = [1, 1]) => lax.convGeneralDilated(x, w, strides, 'SAME');
const line = (v: Array) => v.reshape([v.size, 1, 1]);
const maxPool = (x: Array) => lax.reduceWindow(x, -Infinity, lax.max, [1, 1, 3, 3], { windowStrides: [1, 1, 2, 2], padding: [[0, 0], [0, 0], [1, 1], [1, 1]] });
const C = 40;
const [x, w1, w2, w3] = [numbers(1, [2, C, 9, 8]), numbers(2, [C, C, 3, 3], -0.1, 0.1), numbers(3, [C, C, 3, 3], -0.1, 0.1), numbers(4, [C, C, 3, 3], -0.1, 0.1)];
const [s, b] = [numbers(5, [C]), numbers(6, [C])];
const net = (x: Array, w1: Array, w2: Array, w3: Array, s: Array, b: Array) => {
  const first = maxPool(nn.relu(conv(x, w1).mul(line(s)).add(line(b))));
  const second = nn.relu(conv(nn.relu(conv(first, w2).add(line(b))), w3).mul(line(s)).add(line(b)).add(first));
  return jnp.mean(second, { axis: [2, 3] });
};
const args = [x, w1, w2, w3, s, b];

/** Within a part of the largest: gradients here are sums of much larger numbers. */
function expectNear(actual: Array, want: Array, what: string): void {
  const most = Number(jnp.max(jnp.abs(want)).item());
  expectClose(actual.div(most), want.div(most), 2e-5, what);
}

describe('channels last in programs that have them first', () => {
  it('go from the first convolution to the last, with what is around them', () => {
    expect(operators(net, args).filter((op) => !['Reshape', 'hokku Fused'].includes(op))).to.deep.equal(
      ['Transpose', 'hokku Conv scaled bias relu', 'hokku Pool', 'hokku Conv bias relu', 'hokku Conv scaled bias added relu', 'ReduceSum']);
  });

  it('leave a convolution alone that is worth no transposes, and a scale without a bias', () => {
    expect(operators(conv, [numbers(1, [2, 3, 8, 7]), numbers(2, [5, 3, 3, 3])])).to.deep.equal(['Conv']);
    expect(operators((x, w) => lax.convGeneralDilated(x, w, [1, 1], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] }).mul(s), [numbers(1, [2, 8, 7, 3]), numbers(2, [3, 3, 3, C])]))
      .to.deep.equal(['hokku Conv', 'hokku Fused']);
  });

  it('take pools of programs that have them last, but for windows that are better folded', () => {
    const pooled = (window: number[], reducer = lax.max as typeof lax.add) => (x: Array) => lax.reduceWindow(x, reducer === lax.add ? 0 : -Infinity, reducer, [1, ...window, 1], { windowStrides: [1, ...window.map(() => 2), 1] });
    const images = numbers(1, [2, 9, 8, 3]);
    expect(operators(pooled([2, 3]), [images])).to.deep.equal(['hokku Pool']);
    expect(operators(pooled([3], lax.add), [numbers(1, [2, 9, 3])])).to.deep.equal(['hokku Pool']);
    expect(operators((x) => jnp.sum(grad((z: Array) => jnp.sum(lax.square(pooled([2, 3])(z))))(x) as Array), [images]).filter((op) => /Pool/.test(op))).to.deep.equal(['hokku Pool', 'hokku MaxPoolGradient']);
    expect(operators(pooled([70], lax.add), [numbers(1, [2, 99, 3])]).filter((op) => /Pool/.test(op))).to.deep.equal([]);
    expect(operators(pooled([2, 2, 2]), [numbers(1, [2, 4, 4, 4, 3])])).to.include('MaxPool');
  });

  onEveryEngine('pools with channels last compute as standard operators do, and carry NaN', () => {
    const on = { engine: config.engine };
    const pools = fc.record({
      dims: fc.array(fc.record({ size: fc.integer({ min: 3, max: 9 }), window: fc.integer({ min: 1, max: 3 }), stride: fc.integer({ min: 1, max: 3 }), low: fc.integer({ min: 0, max: 2 }), high: fc.integer({ min: 0, max: 2 }) }), { minLength: 1, maxLength: 2 }),
      largest: fc.boolean(),
    });
    fc.assert(fc.property(pools, ({ dims, largest }) => {
      const own = <T>(of: (d: (typeof dims)[number]) => T, rest: T): T[] => [rest, ...dims.map(of), rest];
      const f = (x: Array) => lax.reduceWindow(x, largest ? -Infinity : 0, largest ? lax.max : lax.add, own((d) => d.window, 1), { windowStrides: own((d) => d.stride, 1), padding: own((d): [number, number] => [d.low, d.high], [0, 0]) });
      const x = numbers(7, own((d) => d.size, 5));
      const gradient = (x: Array) => grad((z: Array) => { const y = f(z); return jnp.sum(jnp.where(y.gt(-100), lax.square(y), 0)); })(x) as Array;
      expectClose(jit(f, on)(x), standard(f, [x]).outputs[0], 1e-6, 'values');
      expectNear(jit(gradient, on)(x), standard(gradient, [x]).outputs[0], 'gradient');
    }), { numRuns: 25 });
    const largest = jit((x: Array) => lax.reduceWindow(x, -Infinity, lax.max, [1, 2, 2, 1], { windowStrides: [1, 2, 2, 1] }), on);
    expect([...largest(jnp.array([[[[NaN], [1]], [[2], [3]]], [[[4], [5]], [[6], [7]]]])).data]).to.deep.equal([NaN, 7]);
  });

  it('add only what is there by then', () => {
    // Each of the two could add the other; neither may need itself.
    const both = (x: Array, w1: Array, w2: Array) => nn.relu(conv(x, w1).add(conv(x, w2)));
    expect(operators(both, [x, w1, w2]).filter((op) => op.startsWith('hokku Conv'))).to.have.members(['hokku Conv', 'hokku Conv added relu']);
    const twice = (x: Array, w1: Array) => { const y = conv(x, w1); return y.add(y); };
    expect(operators(twice, [x, numbers(2, [C, C, 5, 5])]).filter((op) => op.startsWith('hokku'))).to.deep.equal(['hokku Conv', 'hokku Fused']);
  });

  onEveryEngine('compute as standard operators do, forwards and backwards', () => {
    const on = { engine: config.engine };
    expectClose(jit(net, on)(...args as [Array, Array, Array, Array, Array, Array]), standard(net as never, args).outputs[0], 1e-4);
    const loss = (...xs: Array[]) => jnp.sum(lax.square(net(...xs as [Array, Array, Array, Array, Array, Array])));
    const gradients = grad(loss, { argnums: [0, 1, 2, 3, 4, 5] }) as (...xs: Array[]) => Array[];
    const want = standard(gradients, args).outputs;
    expect(operators(gradients, args).filter((op) => /Conv|Pool/.test(op) && !op.startsWith('hokku'))).to.deep.equal([]);
    jit(gradients, on)(...args).forEach((g, i) => expectNear(g, want[i], `gradient ${i}`));
    // The gradient of a pool has a derivative of its own.
    const along = (x: Array) => jvp((y: Array) => grad((z: Array) => jnp.sum(lax.square(conv(maxPool(conv(z, w1)), w2))))(y) as Array, [x], [jnp.cos(x)])[1] as Array;
    expectNear(jit(along, on)(x), standard(along as never, [x]).outputs[0], 'second derivative');
  });

  // What may stand between two convolutions: some of it knows channels last, some does not.
  const BETWEEN: Record<string, (x: Array) => Array> = {
    'elementwise, with numbers': (x) => jnp.tanh(x.mul(0.5)).add(1),
    'with itself turned around': (x) => x.add(jnp.flip(x, { axis: 1 })),
    'one value a channel': (x) => x.mul(line(b)), 'one value an image': (x) => x.mul(jnp.mean(x, { axis: [1, 2, 3], keepdims: true })),
    'a map without channels': (x) => x.mul(jnp.sin(x.index(0).index(0))), 'a line': (x) => x.add(jnp.cos(x.index(0).index(0).index(0))),
    normalised: (x) => x.sub(jnp.mean(x, { axis: [0, 2, 3], keepdims: true })).mul(line(s)),
    'padded and cut': (x) => lax.slice(lax.pad(x, 0.5, [[0, 0, 0], [0, 0, 0], [1, 2, 1], [0, 1, 0]]), [0, 0, 1, 0], [2, C, 9, 6], [1, 1, 2, 1]),
    'channels beside each other': (x) => lax.concatenate([x, x.mul(2)], 1).reshape([x.shape[0], 2, C, x.shape[2], x.shape[3]]).sum({ axis: 1 }),
    'images beside each other': (x) => lax.concatenate([x, jnp.abs(x)], 0), 'images above each other': (x) => lax.concatenate([x, jnp.abs(x)], 2),
    'the largest of a window': maxPool, 'sums of windows': (x) => lax.reduceWindow(x, 0, lax.add, [1, 1, 2, 2], { padding: 'SAME' }),
    'sums over channels': (x) => x.mul(jnp.sum(x, { axis: 1, keepdims: true })), 'the largest of an image': (x) => x.sub(jnp.max(x, { axis: [2, 3], keepdims: true })),
    'over lines': (x) => x.add(jnp.sum(x, { axis: 2 }).reshape([x.shape[0], x.shape[1], 1, x.shape[3]])), 'windows over channels': (x) => lax.reduceWindow(x, 0, lax.add, [1, 3, 1, 1], { padding: 'SAME' }),
    chosen: (x) => jnp.where(jnp.greater(x, 0), x, x.mul(line(b))), transposed: (x) => jnp.transpose(x, [0, 1, 3, 2]), 'read as other': (x) => x.reshape([x.shape[0], C, -1]).reshape(x.shape),
  };
  onEveryEngine('whatever stands between convolutions', () => {
    fc.assert(fc.property(fc.shuffledSubarray(Object.keys(BETWEEN), { minLength: 1, maxLength: 3 }), (names) => {
      const f = (x: Array, w1: Array, w2: Array) => { const y = names.reduce((z, name) => BETWEEN[name](z), conv(x, w1)); return [conv(jnp.tanh(y), w2), jnp.sum(jnp.abs(y), { axis: [0, 2, 3] })]; };
      const loss = (...xs: Array[]) => leavesOf(f(xs[0], xs[1], xs[2])).map((y) => jnp.mean(lax.square(y))).reduce((a, c) => a.add(c));
      const both = (...xs: Array[]) => [...f(xs[0], xs[1], xs[2]), ...grad(loss, { argnums: [0, 1, 2] })(...xs) as unknown as Array[]];
      const want = standard(both, [x, w1, w2]).outputs;
      (jit(both, { engine: config.engine })(x, w1, w2) as Array[]).forEach((y, i) => expectNear(y, want[i], `${names.join(', ')}: ${i}`));
    }), { numRuns: Number(process.env.HOKKU_RUNS ?? 25), seed: 6 });
  });

  it('lines of features too', () => {
    const [x, w] = [numbers(1, [2, C, 30]), numbers(2, [C, C, 9], -0.1, 0.1)];
    const f = (x: Array, w: Array) => lax.convGeneralDilated(nn.relu(lax.convGeneralDilated(x, w, [1], 'SAME')), w, [2], 'SAME');
    expect(operators(f, [x, w])).to.deep.equal(['Transpose', 'hokku Conv relu', 'hokku Conv', 'Transpose']);
    expectClose(jit(f)(x, w), standard(f as never, [x, w]).outputs[0], 1e-4);
  });
});
