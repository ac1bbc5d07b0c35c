/** Functions, one for each primitive and rule, with the inputs that they are tried on. */
import { lax, nn, numpy as jnp, type Array } from '../../lib/jax/index.js';

export interface Case {
  readonly name: string;
  readonly f: (...xs: Array[]) => Array | Array[];
  readonly shapes: readonly (readonly number[])[];
  /** The inputs' range. */
  readonly low?: number;
  readonly high?: number;
  /** Has second derivatives worth comparing. */
  readonly smooth?: boolean;
  /** Only moves data: equal bits everywhere. */
  readonly exact?: boolean;
  /** Reads the nearest element for indices out of range, of which no derivative passes: no finite difference agrees. */
  readonly clamps?: boolean;
}

const unary = (name: string, f: (x: Array) => Array, low = -2, high = 2, smooth = true): Case => ({ name, f, shapes: [[2, 3]], low, high, smooth });
const binary = (name: string, f: (x: Array, y: Array) => Array, low = -2, high = 2, smooth = true): Case[] => [
  { name, f, shapes: [[2, 3], [2, 3]], low, high, smooth },
  { name: `${name} broadcast`, f, shapes: [[2, 1, 3], [2, 1]], low, high, smooth },
  { name: `${name} with a scalar`, f, shapes: [[], [4]], low, high, smooth },
];
const moves = (name: string, f: (...xs: Array[]) => Array, ...shapes: number[][]): Case => ({ name, f, shapes, exact: true });
const indices = (...xs: number[]) => jnp.array(Int32Array.from(xs));

export const CASES: readonly Case[] = [
  ...binary('add', lax.add), ...binary('sub', lax.sub), ...binary('mul', lax.mul), ...binary('div', lax.div, 0.5, 2), ...binary('pow', lax.pow, 0.5, 2),
  ...binary('max', lax.max, -2, 2, false), ...binary('min', lax.min, -2, 2, false), ...binary('rem', lax.rem, 1, 3, false), ...binary('atan2', lax.atan2, 0.5, 2),
  { name: 'fma', f: lax.fma, shapes: [[3], [3], [3]], smooth: true },
  { name: 'select', f: (x, y) => lax.select(lax.gt(x, 0), x, lax.mul(y, y)), shapes: [[5], [5]] },
  unary('neg', lax.neg), unary('abs', lax.abs, 0.1, 2), unary('sign', lax.sign, 0.5, 2, false), unary('square', lax.square), unary('floor', lax.floor, 0.1, 0.9, false),
  unary('ceil', lax.ceil, 0.1, 0.9, false), unary('round', lax.round, 0.6, 1.4, false), unary('exp', lax.exp), unary('log', lax.log, 0.5, 3), unary('log1p', lax.log1p, -0.5, 2),
  unary('expm1', lax.expm1), unary('sqrt', lax.sqrt, 0.5, 3), unary('rsqrt', lax.rsqrt, 0.5, 3), unary('tanh', lax.tanh), unary('logistic', lax.logistic), unary('sin', lax.sin),
  unary('cos', lax.cos), unary('tan', lax.tan, -1, 1), unary('erf', lax.erf), unary('erfInv', lax.erfInv, -0.8, 0.8), unary('relu', nn.relu, 0.2, 2), unary('silu', nn.silu),
  unary('power 3', (x) => jnp.power(x, 3)), unary('power -2', (x) => jnp.power(x, -2), 0.5, 2),
  unary('astype', (x) => x.astype('float64').mul(2)),
  moves('reshape', (x) => jnp.reshape(x, [3, -1]), [2, 3]), moves('transpose', (x) => jnp.transpose(x, [2, 0, 1]), [2, 3, 2]), moves('broadcastTo', (x) => jnp.broadcastTo(x, [2, 3, 2]), [3, 1]),
  moves('slice', (x) => lax.slice(x, [1, 0], [4, 3], [2, 1]), [5, 3]), moves('slice with no steps', (x) => lax.slice(x, [0, 1], [2, 3]), [2, 4]), moves('index', (x) => x.index(1, { start: 4, stop: 0, step: -2 }), [2, 5]),
  moves('concatenate', (x, y) => jnp.concatenate([x, y], { axis: 1 }), [2, 1], [2, 3]), moves('stack', (x, y) => jnp.stack([x, y], { axis: -1 }), [2, 2], [2, 2]),
  moves('pad', (x) => lax.pad(x, 0, [[1, 2, 0], [0, 1, 2]]), [2, 3]), moves('negative pad', (x) => lax.pad(x, 0, [[-1, 2, 1]]), [4]), moves('pad with a value', (x, v) => lax.pad(x, v, [[1, 1, 1]]), [3], []),
  moves('reflect pad', (x) => jnp.pad(x, [[2, 1]], { mode: 'reflect' }), [4]), moves('rev', (x) => lax.rev(x, [1]), [2, 3]), moves('tile', (x) => jnp.tile(x, [2, 1, 2]), [2, 3]), moves('repeat', (x) => jnp.repeat(x, 2, { axis: 1 }), [2, 3]),
  moves('take', (x) => jnp.take(x, indices(2, 0, 2), { axis: 0 }), [3, 2]), moves('take along the last axis', (x) => jnp.take(x, indices(1, 1), { axis: -1 }), [2, 3]), { ...moves('index out of range', (x) => x.index(indices(5, -1, -9)), [3, 2]), clamps: true },
  moves('index by two', (x) => x.index(indices(0, 1), indices(2, 0)), [2, 3]), moves('takeAlongAxis', (x) => jnp.takeAlongAxis(x, jnp.reshape(indices(1, 0, 2, 2), [2, 2]), { axis: 1 }), [2, 3]),
  moves('diag', (x) => jnp.diag(x, { k: 1 }), [3]), moves('diagonal', (x) => jnp.diagonal(x, { offset: -1 }), [3, 3]), moves('tril', (x) => jnp.tril(x), [3, 3]), moves('sort', (x) => jnp.sort(x), [2, 4]),
  { name: 'reduceSum', f: (x) => jnp.sum(x, { axis: [0, 2] }), shapes: [[2, 3, 2]], smooth: true }, { name: 'sum where', f: (x, y) => jnp.sum(x, { where: jnp.greater(y, 0) }), shapes: [[4], [4]] },
  { name: 'mean', f: (x) => jnp.mean(x, { axis: 0, keepdims: true }), shapes: [[3, 2]], smooth: true }, { name: 'var', f: (x) => jnp.var(x, { axis: 1, ddof: 1 }), shapes: [[2, 4]], smooth: true },
  { name: 'prod', f: (x) => jnp.prod(x, { axis: 1 }), shapes: [[2, 5]], smooth: true }, { name: 'max of rows', f: (x) => jnp.max(x, { axis: 1 }), shapes: [[2, 4]] }, { name: 'min of all', f: (x) => jnp.min(x), shapes: [[2, 4]] },
  { name: 'cumsum', f: (x) => lax.cumsum(x, { axis: 1, reverse: true }), shapes: [[2, 4]], smooth: true }, { name: 'logsumexp', f: (x) => nn.logsumexp(x, { axis: 0 }), shapes: [[3, 2]], smooth: true },
  { name: 'softmax', f: (x) => nn.softmax(x), shapes: [[2, 4]], smooth: true }, { name: 'softmax of two axes', f: (x) => nn.softmax(x, { axis: [0, 1] }), shapes: [[2, 3]], smooth: true },
  { name: 'logSoftmax', f: (x) => nn.logSoftmax(x, { axis: 0 }), shapes: [[3, 2]], smooth: true },
  { name: 'matmul', f: jnp.matmul, shapes: [[2, 3], [3, 4]], smooth: true }, { name: 'matmul in batches', f: jnp.matmul, shapes: [[2, 2, 3], [3, 2]], smooth: true }, { name: 'matmul broadcast', f: jnp.matmul, shapes: [[2, 1, 2, 3], [2, 3, 2]], smooth: true },
  { name: 'matrix by vector', f: jnp.matmul, shapes: [[2, 3], [3]], smooth: true }, { name: 'vector by matrix', f: jnp.matmul, shapes: [[3], [3, 2]], smooth: true }, { name: 'dot of vectors', f: jnp.dot, shapes: [[3], [3]], smooth: true },
  { name: 'dotGeneral', f: (x, y) => lax.dotGeneral(x, y, [[[1, 3], [2, 0]], [[0], [1]]]), shapes: [[2, 3, 2, 2], [2, 2, 3, 2]], smooth: true }, { name: 'dotGeneral without contraction', f: (x, y) => lax.dotGeneral(x, y, [[[], []], [[], []]]), shapes: [[2], [3]], smooth: true },
  { name: 'tensordot', f: (x, y) => jnp.tensordot(x, y, { axes: 2 }), shapes: [[2, 2, 3], [2, 3, 2]], smooth: true }, { name: 'outer', f: jnp.outer, shapes: [[2], [3]], smooth: true },
  { name: 'qr', f: (x) => jnp.linalg.qr(x), shapes: [[4, 3]], smooth: true }, { name: 'norm', f: (x) => jnp.linalg.norm(x, { axis: 1 }), shapes: [[2, 3]], smooth: true },
  { name: 'a shared value', f: (x) => { const y = lax.exp(x); return lax.add(lax.mul(y, y), jnp.sum(y)); }, shapes: [[3]], smooth: true },
];
