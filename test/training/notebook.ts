/** The notebook's network, small enough that a step costs microseconds: what the tests of training share. */
import * as hk from '../../lib/index.js';
import { nn, numpy as jnp, random, tree, type Array } from '../../lib/jax/index.js';
import type { EngineName } from '../../lib/jax/index.js';
import { engines } from '../../lib/runtime/engines.js';

export type Batch = { x: Array; y: Array };

const net = hk.withoutApplyRng(hk.transform((x: Array) => new hk.nets.MLP([300, 100, 10])(x)));
export const newParams = (seed = 42): hk.Params => net.init(random.PRNGKey(seed), jnp.zeros([10, 1]));
export const MIDDLE = 'mlp/~/linear_1';
export const notMiddle = (module: string): boolean => module !== MIDDLE;

export const loss = (params: hk.Params, { x, y }: Batch): Array => {
  const logits = net.apply(params, x);
  return jnp.sum(nn.oneHot(y, 10).mul(nn.logSoftmax(logits))).neg().div(10);
};

/** Ten numbers in a new order, and their classes: the numbers themselves. */
export function batch(i: number): Batch {
  const y = random.permutation(random.PRNGKey(i), 10);
  return { x: y.reshape([10, 1]).astype('float32').div(10), y };
}
export const batches = (n: number): Batch[] => globalThis.Array.from({ length: n }, (_, i) => batch(i));

/** All bytes of a tree, as text: equal only where every bit is. */
export const bits = (t: unknown): string => tree.leaves(t).map((x) => {
  const { data } = x as Array;
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
}).join(' ');

/** The largest difference between two trees, relative to the largest number of each leaf. */
export function distance(a: unknown, b: unknown): number {
  const [left, right] = [a, b].map((t) => tree.leaves(t).map((x) => globalThis.Array.from((x as Array).data as Float32Array)));
  if (left.length !== right.length) return Infinity;
  return Math.max(0, ...left.map((xs, k) => {
    const scale = xs.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-30);
    return xs.length === right[k].length ? xs.reduce((m, v, i) => Math.max(m, Math.abs(v - right[k][i]) / scale), 0) : Infinity;
  }));
}

/** Each engine, and why it cannot be tested here where that is so. */
export const ENGINES: readonly { name: EngineName; missing?: string }[] = engines().map(({ name, missing }) => ({ name, missing }));

/** What a promise was rejected with. */
export async function rejection(p: Promise<unknown>): Promise<Error> {
  try { await p; } catch (error) { return error as Error; }
  throw new Error('the promise was kept');
}
