/** Single operations inside `jit`: forward, and forward with the pullback of a given cotangent. `haiku_ops.py` and `torch_ops.py` are its twins. */
import { evalShape, jit, lax, nn, numpy as jnp, random, vjp, type Array } from 'hokku/jax';
import * as optax from 'hokku/optax';
import type { Variant } from '../protocol.js';

type Fn = (...xs: Array[]) => Array;
/** What an operation takes, and which of it gets gradients: all, where `wanted` is left out. */
interface Op { make: () => Array[], f: Fn, wanted?: number[] }

let seed = 0;
const normal = (shape: number[], scale = 1): Array => random.normal(random.PRNGKey(seed++), shape).mul(scale);
const ids = (shape: number[], below: number): Array => random.randint(random.PRNGKey(seed++), shape, 0, below);

const conv = (image: number[], kernel: number[], stride = 1, layouts: [string, string, string] = ['NHWC', 'HWIO', 'NHWC'], groups = 1): Op => ({
  make: () => [normal(image), normal(kernel, 0.05)],
  f: (x, w) => lax.convGeneralDilated(x, w, [stride, stride], 'SAME', { dimensionNumbers: layouts, featureGroupCount: groups }),
});

/** One turn of an LSTM, gates in Haiku's order: input, cell, forget, output. */
function lstm(xs: Array, w: Array, b: Array): Array {
  const [batch, hidden] = [xs.shape[1], w.shape[1] / 4];
  const turn = ([h, c]: [Array, Array], x: Array) => {
    const [i, g, f, o] = jnp.split(jnp.matmul(jnp.concatenate([x, h], { axis: -1 }), w).add(b), 4, { axis: -1 });
    const cell = nn.sigmoid(f.add(1)).mul(c).add(nn.sigmoid(i).mul(jnp.tanh(g)));
    const out = nn.sigmoid(o).mul(jnp.tanh(cell));
    return [[out, cell], out];
  };
  const zeros = jnp.zeros([batch, hidden]);
  return lax.scan(turn, [zeros, zeros], xs)[1];
}

function layerNorm(x: Array, scale: Array, offset: Array): Array {
  const centred = x.sub(jnp.mean(x, { axis: -1, keepdims: true }));
  const variance = jnp.mean(centred.mul(centred), { axis: -1, keepdims: true });
  return centred.mul(lax.rsqrt(variance.add(1e-5))).mul(scale).add(offset);
}

/** Sixteen operations on every element, none of them dear. */
function chain(x: Array, y: Array): Array {
  let z = x;
  for (let i = 0; i < 4; i++) z = jnp.maximum(z.mul(y).add(0.5), -1).sub(x);
  return z;
}

const OPS: Record<string, Op> = {
  'matmul 512': { make: () => [normal([512, 512]), normal([512, 512])], f: (x, y) => jnp.matmul(x, y) },
  'matmul 32 of 128': { make: () => [normal([32, 128, 128]), normal([32, 128, 128])], f: (x, y) => jnp.matmul(x, y) },
  'conv 3x3': conv([32, 32, 32, 32], [3, 3, 32, 64]),
  'conv 3x3 NCHW': conv([32, 32, 32, 32], [64, 32, 3, 3], 1, ['NCHW', 'OIHW', 'NCHW']),
  'conv 3x3 stride 2': conv([32, 32, 32, 32], [3, 3, 32, 64], 2),
  'conv depthwise': conv([32, 32, 32, 32], [3, 3, 1, 32], 1, undefined, 32),
  'conv 1x1': conv([32, 32, 32, 32], [1, 1, 32, 64]),
  softmax: { make: () => [normal([4096, 1000])], f: (x) => nn.softmax(x) },
  'layer norm': { make: () => [normal([4096, 768]), normal([768]), normal([768])], f: layerNorm },
  embedding: { make: () => [normal([50000, 256]), ids([32, 128], 50000)], f: (table, i) => table.slice(i), wanted: [0] },
  'LSTM 100 turns': { make: () => [normal([100, 32, 256]), normal([512, 1024], 0.04), normal([1024], 0.04)], f: lstm },
  attention: { make: () => [0, 0, 0].map(() => normal([8, 128, 8, 64])), f: (q, k, v) => nn.dotProductAttention(q, k, v) },
  'chain of 16': { make: () => [normal([25_000_000]), normal([25_000_000])], f: chain },
};

/** Inputs are made on the first step, so that a run of a few variants does not hold all of them. */
function repeat(f: (...xs: Array[]) => unknown, make: () => Array[]): Variant {
  const step = jit(f);
  let inputs: Array[] | undefined;
  return (steps) => {
    inputs ??= make();
    for (let i = 0; i < steps; i++) step(...inputs);
  };
}

/** The result and, for a cotangent that is the last input, the gradients. */
function withGradients(f: Fn, wanted: number[] | undefined) {
  return (...args: Array[]) => {
    const [xs, ct] = [args.slice(0, -1), args.at(-1)!];
    const chosen = wanted ?? xs.map((_, i) => i);
    const [y, pull] = vjp((...own: Array[]) => f(...xs.map((x, i) => (chosen.includes(i) ? own[chosen.indexOf(i)] : x))), ...chosen.map((i) => xs[i]));
    return [y, pull(ct)];
  };
}

function adamw(): Variant {
  const opt = optax.adamw(1e-3);
  const step = jit((params: Array[], state: optax.OptState, grads: Array[]) => {
    const [updates, next] = opt.update(grads, state, params);
    return [optax.applyUpdates(params, updates), next];
  }, { donateArgnums: [0, 1] });
  const make = () => [[784, 4096], [4096, 4096], [4096, 1220]].map((shape) => normal(shape));
  let carry: [Array[], optax.OptState, Array[]] | undefined;
  return (steps) => {
    if (!carry) { const params = make(); carry = [params, opt.init(params), make()]; }
    const [, , grads] = carry;
    for (let i = 0; i < steps; i++) carry = [...step(...carry) as [Array[], optax.OptState], grads];
  };
}

export function variants(): Record<string, Variant> {
  const all: Record<string, Variant> = {};
  for (const [name, { make, f, wanted }] of Object.entries(OPS)) {
    all[name] = repeat(f, make);
    all[`${name}, grad`] = repeat(withGradients(f, wanted), () => { const xs = make(); return [...xs, normal([...evalShape(f, ...xs).shape])]; });
  }
  return { ...all, 'AdamW 25 M': adamw() };
}
