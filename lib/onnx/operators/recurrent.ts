/** RNN, GRU and LSTM: one scan a direction. The products with the inputs are taken for all steps at once. */
import { lax, nn, numpy as jnp, type Array } from '../../jax/index.js';
import { indices } from '../budget.js';
import type { Call, Operators } from '../call.js';

type Activation = (x: Array) => Array;

function activation(c: Call, name: string, alpha: number | undefined, beta: number | undefined): Activation {
  switch (name.toLowerCase()) {
    case 'sigmoid': return lax.logistic;
    case 'tanh': return lax.tanh;
    case 'relu': return nn.relu;
    case 'affine': return (x) => lax.add(lax.mul(x, alpha ?? 1), beta ?? 0);
    case 'leakyrelu': return (x) => nn.leakyRelu(x, { negativeSlope: alpha ?? 0.01 });
    case 'thresholdedrelu': return (x) => lax.select(lax.gt(x, c.scalar(alpha ?? 1, x)), x, c.scalar(0, x));
    case 'scaledtanh': return (x) => lax.mul(lax.tanh(lax.mul(x, beta ?? 1)), alpha ?? 1);
    case 'hardsigmoid': return (x) => lax.max(lax.min(lax.add(lax.mul(x, alpha ?? 0.2), beta ?? 0.5), 1), 0);
    case 'elu': return (x) => nn.elu(x, { alpha: alpha ?? 1 });
    case 'softsign': return nn.softSign;
    case 'softplus': return nn.softplus;
    default: throw c.fail(`has the unknown activation '${name}'`);
  }
}

interface Cell {
  /** How many matrices stand above each other in W and R. */
  readonly gates: number;
  readonly defaults: readonly string[];
  /** The numbers of the inputs that hold the first states. */
  readonly states: readonly number[];
  /** One step: `input` is what the inputs contribute, biases included, of shape [batch, gates · hidden]. */
  make(c: Call, d: Direction): (input: Array, states: readonly Array[]) => Array[];
}
interface Direction { readonly index: number; readonly f: readonly Activation[]; readonly hidden: number; readonly r: Array; readonly rb: Array | null; readonly clip: (x: Array) => Array }

const dot = (x: Array, w: Array): Array => lax.dotGeneral(x, w, [[[1], [1]], [[], []]]);
/** Gate `k` of several that lie side by side. */
const gate = (x: Array, k: number, hidden: number): Array => lax.sliceInDim(x, k * hidden, (k + 1) * hidden, { axis: x.ndim - 1 });
const rows = (x: Array, from: number, to: number): Array => lax.sliceInDim(x, from, to);

const RNN_CELL: Cell = {
  gates: 1, defaults: ['Tanh'], states: [5],
  make: (_c, { f, r, rb, clip }) => (input, [h]) => { const sum = lax.add(input, dot(h, r)); return [f[0](clip(rb ? lax.add(sum, rb) : sum))]; },
};

const GRU_CELL: Cell = {
  gates: 3, defaults: ['Sigmoid', 'Tanh'], states: [5],
  make: (c, { f, r, rb, hidden, clip }) => {
    const after = c.int('linear_before_reset', 0) === 1;
    const [rzr, rh] = [rows(r, 0, 2 * hidden), rows(r, 2 * hidden, 3 * hidden)];
    const [bzr, bh] = rb ? [rows(rb, 0, 2 * hidden), rows(rb, 2 * hidden, 3 * hidden)] : [null, null];
    const biased = (x: Array, b: Array | null): Array => (b ? lax.add(x, b) : x);
    return (input, [h]) => {
      const both = biased(lax.add(lax.sliceInDim(input, 0, 2 * hidden, { axis: 1 }), dot(h, rzr)), bzr);
      const [z, reset] = [f[0](clip(gate(both, 0, hidden))), f[0](clip(gate(both, 1, hidden)))];
      const recurrent = after ? lax.mul(reset, biased(dot(h, rh), bh)) : biased(dot(lax.mul(reset, h), rh), bh);
      const n = f[1](clip(lax.add(gate(input, 2, hidden), recurrent)));
      return [lax.add(lax.mul(lax.sub(1, z), n), lax.mul(z, h))];
    };
  },
};

const LSTM_CELL: Cell = {
  gates: 4, defaults: ['Sigmoid', 'Tanh', 'Tanh'], states: [5, 6],
  make: (c, { index, f, r, rb, hidden, clip }) => {
    const coupled = c.int('input_forget', 0) === 1;
    const peepholes = c.opt(7);
    const own = peepholes && lax.squeeze(rows(peepholes, index, index + 1), [0]);
    const peep = (k: number): Array | null => own && rows(own, k * hidden, (k + 1) * hidden);
    const [pi, po, pf] = [peep(0), peep(1), peep(2)];
    const seen = (x: Array, cell: Array, p: Array | null): Array => (p ? lax.add(x, lax.mul(p, cell)) : x);
    return (input, [h, cell]) => {
      const sum = lax.add(input, dot(h, r));
      const all = rb ? lax.add(sum, rb) : sum;
      const i = f[0](clip(seen(gate(all, 0, hidden), cell, pi)));
      const forget = coupled ? lax.sub(1, i) : f[0](clip(seen(gate(all, 2, hidden), cell, pf)));
      const next = lax.add(lax.mul(forget, cell), lax.mul(i, f[1](clip(gate(all, 3, hidden)))));
      const o = f[0](clip(seen(gate(all, 1, hidden), next, po)));
      return [lax.mul(o, f[2](next)), next];
    };
  },
};

const recurrent = (cell: Cell) => (c: Call): (Array | null)[] => {
  const batchFirst = c.int('layout', 0) === 1;
  const x = batchFirst ? lax.transpose(c.ranked(0, 3), [1, 0, 2]) : c.ranked(0, 3);
  const [w, r, b, lengths] = [c.ranked(1, 3), c.ranked(2, 3), c.opt(3), c.opt(4)];
  const [steps, batch] = x.shape;
  const hidden = r.shape[2];
  const count = w.shape[0];
  const way = c.text('direction', 'forward');
  const [names, alphas, betas] = [c.texts('activations') ?? globalThis.Array(count).fill(cell.defaults).flat() as string[], c.floats('activation_alpha') ?? [], c.floats('activation_beta') ?? []];
  const bound = c.float('clip', 0);
  const clip = (v: Array): Array => (bound > 0 ? lax.clamp(-bound, v, bound) : v);
  const one = (v: Array, d: number): Array => lax.squeeze(lax.sliceInDim(v, d, d + 1), [0]);
  const mask = lengths && lax.lt(lax.broadcastedIota(lengths.dtype, [steps, batch, 1], 0), lax.reshape(lengths, [1, batch, 1]));
  const n = cell.defaults.length;

  const directions = indices(count).map((d) => {
    const width = cell.gates * hidden;
    const bias = b && one(b, d);
    const input = lax.dotGeneral(x, one(w, d), [[[2], [1]], [[], []]]);
    const step = cell.make(c, {
      index: d, hidden, clip, r: one(r, d), rb: bias && rows(bias, width, 2 * width),
      f: names.slice(d * n, (d + 1) * n).map((name, i) => activation(c, name, alphas[d * n + i], betas[d * n + i])),
    });
    const given = (i: number): Array => (c.has(i) ? one(batchFirst ? lax.transpose(c.x(i), [1, 0, 2]) : c.x(i), d) : jnp.zeros([batch, hidden], { dtype: x.dtype }));
    const first = cell.states.map(given);
    const inputs = bias ? lax.add(input, rows(bias, 0, width)) : input;
    const [last, ys] = lax.scan((states: Array[], xs: Array[]) => {
      const news = step(xs[0], states);
      // Behind the end of its sequence a row keeps its state and gives zeros.
      const kept = mask ? news.map((v, i) => lax.select(jnp.broadcastTo(xs[1], v.shape), v, states[i])) : news;
      return [kept, mask ? lax.select(jnp.broadcastTo(xs[1], news[0].shape), news[0], c.scalar(0, news[0])) : news[0]];
    }, first, mask ? [inputs, mask] : [inputs], { reverse: way === 'reverse' || d === 1 });
    return { last: last as Array[], ys: ys as Array };
  });
  const y = lax.stack(directions.map(({ ys }) => ys), { axis: 1 });
  const lasts = cell.states.map((_, i) => lax.stack(directions.map(({ last }) => last[i])));
  return batchFirst ? [lax.transpose(y, [2, 0, 1, 3]), ...lasts.map((v) => lax.transpose(v, [1, 0, 2]))] : [y, ...lasts];
};

export const RECURRENT: Operators = {
  RNN: recurrent(RNN_CELL), GRU: recurrent(GRU_CELL), LSTM: recurrent(LSTM_CELL),
};
