import fc from 'fast-check';
import { config, grad, jit, lax, nn, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { expectClose, numbers, onEveryEngine } from '../jax/helpers.js';
import { standard } from './standard.js';

/** Choices of an operation, from one number; `kernel` makes constants. */
class Choices {
  #made = 0;
  constructor(private left: number) {}
  below(n: number): number { const digit = this.left % n; this.left = Math.floor(this.left / n); return digit; }
  of<T>(list: readonly T[]): T { return list[this.below(list.length)]; }
  kernel(shape: number[]): Array { return numbers(this.left + 31 * ++this.#made, shape, -1, 1); }
}
type Operation = (x: Array, c: Choices) => Array | null;
const image = (x: Array): boolean => x.ndim === 3 || x.ndim === 4;
const ranked = (least: number, f: Operation): Operation => (x, c) => (x.ndim >= least ? f(x, c) : null);
const along = (f: (x: Array, axis: number, c: Choices) => Array): Operation => ranked(1, (x, c) => f(x, c.below(x.ndim), c));
const each = (x: Array, f: (d: number, i: number) => [number, number, number]) => x.shape.map(f);

/** The gradient of each is tested, too. */
const SMOOTH: Record<string, Operation> = {
  pad: (x, c) => lax.pad(x, c.of([0, 0, 1.5, -2]), each(x, () => (c.below(2) ? [0, 0, 0] : [c.below(3), c.below(3), Number(c.below(4) === 3)]))),
  'pad space': ranked(3, (x, c) => lax.pad(x, c.of([0, 0, -1]), each(x, (_, i) => (i < 2 ? [0, 0, 0] : [c.below(4), c.below(4), 0])))),
  cut: (x, c) => lax.pad(x, 0, each(x, (d) => (d > 2 && c.below(2) ? [-1, c.below(2), 0] : [0, 0, 0]))),
  pool: (x, c) => {
    if (!image(x)) return null;
    const last = c.below(2);
    const busy = (i: number) => i > 0 && (last ? i < x.ndim - 1 : i > 1);
    const window = x.shape.map((d, i) => (busy(i) ? 1 + c.below(Math.min(3, d)) : 1));
    const [start, reducer] = c.of([[-Infinity, lax.max], [0, lax.add], [Infinity, lax.min]] as const);
    return lax.reduceWindow(x, start, reducer, window, {
      windowStrides: x.shape.map((_, i) => (busy(i) ? 1 + c.below(3) : 1)), padding: window.map((w): [number, number] => [c.below(w), c.below(w)]),
    });
  },
  conv: (x, c) => {
    const [last, depthwise] = [c.below(2), c.below(5) === 4];
    if (x.ndim !== 4 || x.shape[last ? 3 : 1] > 12) return null;
    const [channels, h, w] = last ? [x.shape[3], x.shape[1], x.shape[2]] : x.shape.slice(1);
    const kernel = c.kernel([depthwise ? channels : 1 + c.below(5), depthwise ? 1 : channels, 1 + c.below(Math.min(3, h)), 1 + c.below(Math.min(3, w))]).mul(0.4);
    return lax.convGeneralDilated(x, last ? jnp.transpose(kernel, [2, 3, 1, 0]) : kernel, [1 + c.below(2), 1 + c.below(2)], c.of(['SAME', 'VALID', [[2, 0], [1, 1]]] as const), {
      dimensionNumbers: last ? ['NHWC', 'HWIO', 'NHWC'] : ['NCHW', 'OIHW', 'NCHW'], featureGroupCount: depthwise ? channels : 1,
    });
  },
  affine: ranked(2, (x, c) => { const axis = c.of([1, x.ndim - 1]); const of = x.shape.map((d, i) => (i === axis ? d : 1)); return x.mul(c.kernel(of)).add(c.kernel(of)); }),
  bias: ranked(1, (x, c) => x.add(c.kernel([x.shape.at(-1)!]))),
  transpose: ranked(2, (x, c) => { const axes = x.shape.map((_, i) => i); const order = x.shape.map(() => axes.splice(c.below(axes.length), 1)[0]); return jnp.transpose(x, order); }),
  flatten: ranked(2, (x) => x.reshape([x.shape[0], -1])),
  regroup: (x, c) => { const d = c.of([2, 3, 4, 6]); return x.size % d ? null : x.reshape(c.below(2) || x.size % (2 * d) ? [d, -1] : [d, 2, -1]); },
  expand: (x, c) => (x.ndim < 4 ? jnp.expandDims(x, c.below(x.ndim + 1)) : null), squeeze: (x) => jnp.squeeze(x),
  slice: (x, c) => lax.slice(x, x.shape.map((d) => (d > 2 ? c.below(2) : 0)), x.shape, x.shape.map((d) => (d > 3 ? 1 + c.below(2) : 1))),
  flip: along((x, axis) => jnp.flip(x, { axis })), concatenate: along((x, axis, c) => jnp.concatenate([x, c.of([x, x.mul(2), jnp.flip(x, { axis })])], { axis })),
  reduce: along((x, axis, c) => jnp[c.of(['sum', 'max', 'min', 'mean'] as const)](x, { axis, keepdims: c.below(2) === 1 })),
  'reduce two': ranked(3, (x, c) => jnp[c.of(['sum', 'max', 'mean'] as const)](x, { axis: c.of([[0, 1], [1, 2], [0, 2]]), keepdims: c.below(2) === 1 })),
  cumsum: along((x, axis) => jnp.cumsum(x, { axis })), softmax: along((x, axis) => nn.softmax(x, { axis })), logSoftmax: along((x, axis) => nn.logSoftmax(x, { axis })),
  take: along((x, axis, c) => jnp.take(x, jnp.array(Int32Array.of(0, c.below(x.shape[axis]), x.shape[axis] - 1)), { axis })),
  normalise: ranked(2, (x) => { const centred = x.sub(jnp.mean(x, { axis: -1, keepdims: true })); return centred.mul(lax.rsqrt(jnp.mean(jnp.square(centred), { axis: -1, keepdims: true }).add(1e-3))); }),
  matmul: ranked(1, (x, c) => jnp.matmul(x, c.kernel([x.shape.at(-1)!, 1 + c.below(4)])).mul(0.5)),
  'matmul, turned': ranked(2, (x, c) => jnp.matmul(jnp.swapaxes(x, -1, -2), c.kernel([x.shape.at(-2)!, 1 + c.below(4)])).mul(0.5)),
  gram: ranked(2, (x) => jnp.matmul(x, jnp.swapaxes(x, -1, -2)).mul(0.2)),
  'float64 between': (x) => x.astype('float64').mul(1.5).astype('float32'),
  where: (x, c) => jnp.where(x.gt(0.2), x, c.of([0, x.mul(0.1), -1])), relu: (x) => nn.relu(x), leaky: (x) => nn.leakyRelu(x), clip: (x, c) => jnp.clip(x, c.of([-1, 0]), c.of([1, 6])),
  'hard swish': (x) => x.mul(jnp.clip(x.add(3), 0, 6)).div(6), silu: (x) => x.mul(nn.sigmoid(x)), gelu: (x, c) => nn.gelu(x, { approximate: c.below(2) === 1 }), softplus: (x) => nn.softplus(x),
  add: (x, c) => x.add(c.of([0, 1, -2.5])), mul: (x, c) => x.mul(c.of([0, 1, -1, 0.5])), div: (x, c) => x.div(c.of([1, 2, -4])), 'from one': (x) => lax.sub(jnp.ones(x.shape), x),
  square: (x) => jnp.square(x).mul(0.3), sqrt: (x) => jnp.sqrt(jnp.abs(x).add(0.1)), reciprocal: (x) => jnp.divide(1, jnp.abs(x).add(0.5)), exp: (x) => jnp.exp(jnp.clip(x, -5, 2)), log: (x) => jnp.log(jnp.abs(x).add(0.3)),
  'with itself': (x, c) => c.of([x.add(x), jnp.tanh(x).mul(x), x.sub(x.mul(0.5))]), extremes: (x, c) => c.of([jnp.maximum(x, x.mul(-0.5)), jnp.minimum(x, 1)]),
};
/** Of these the values alone, and only where no rounding before them decides. */
const STEPS: Record<string, Operation> = {
  integers: (x, c) => jnp.clip(x, -100, 100).astype(c.of(['int32', 'int8', 'int64'])).astype('float32'), sign: (x) => jnp.sign(x), round: (x, c) => c.of([jnp.floor(x), jnp.round(x)]),
  positive: (x) => x.gt(0).astype('float32'), argmax: along((x, axis) => jnp.argmax(x, { axis }).astype('float32')), sort: along((x, axis) => jnp.sort(x, { axis })),
  'equal to the largest': along((x, axis) => x.eq(jnp.max(x, { axis, keepdims: true })).astype('float32')),
};
const EXACT = new Set([...Object.keys(STEPS), 'pad', 'pad space', 'cut', 'transpose', 'flatten', 'regroup', 'expand', 'squeeze', 'slice', 'flip', 'concatenate', 'take', 'relu', 'clip']);
const ALL = { ...SMOOTH, ...STEPS };
const SHAPES = [[2, 3, 6, 5], [2, 6, 5, 3], [1, 4, 7], [3, 5], [6], [2, 2, 4, 4], [1, 1, 5, 6], [4, 1, 3, 3]];
const step = (names: string[]) => fc.tuple(fc.constantFrom(...names), fc.nat(2 ** 31));
const chain = fc.record({ shape: fc.constantFrom(...SHAPES), steps: fc.oneof(fc.array(step(Object.keys(SMOOTH)), { minLength: 1, maxLength: 5 }), fc.array(step(Object.keys(ALL)), { minLength: 1, maxLength: 5 })), seed: fc.nat(1000) });
const RUNS = process.env.HOKKU_LONG ? 20_000 : 250;

describe('chains of operations', () => {
  // The engine rewrites graphs: what it takes together, moves or leaves out must not change a number.
  onEveryEngine('compute what the engine computes node by node, with derivatives', () => {
    const { engine } = config;
    fc.assert(fc.property(chain, ({ shape, steps, seed }) => {
      const x = numbers(seed, shape, -2, 2);
      const f = (x: Array) => steps.reduce((y, [name, choices], i) => {
        const known = !Object.hasOwn(STEPS, name) || steps.slice(0, i).every(([before]) => EXACT.has(before));
        const next = known ? ALL[name](y, new Choices(choices)) : null;
        return next && next.size > 0 && next.size <= 3000 && next.ndim <= 5 ? next : y;
      }, x);
      const gradient = (x: Array) => grad((z: Array) => { const y = f(z); return jnp.sum(y.mul(jnp.cos(jnp.arange(y.size)).reshape(y.shape))); })(x) as Array;
      const programs = steps.every(([name]) => Object.hasOwn(SMOOTH, name)) ? { values: f, gradient } : { values: f };
      for (const [what, g] of Object.entries(programs)) {
        const want = standard(g, [x], { graphOptimizationLevel: 0 }).outputs[0];
        const scale = Math.max(1, ...globalThis.Array.from(want.data as Float32Array, Math.abs).filter(Number.isFinite));
        expectClose(jit(g, { engine })(x).div(scale), want.div(scale), 5e-4, what);
        expectClose(standard(g, [x], { graphOptimizationLevel: 99 }).outputs[0].div(scale), want.div(scale), 5e-4, `${what}, standard operators`);
      }
    }), { numRuns: RUNS });
  });
});
