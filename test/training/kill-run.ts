/** A run that can be killed at any moment: alone (`node kill-run.js DIRECTORY`) it trains, and says what it does on its standard output. */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as hk from '../../lib/index.js';
import { fromBytes, numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { data, fit, trainStep, type Run, type Specification } from '../../lib/training/index.js';
import { bits } from './notebook.js';

export const STEPS = 24;
/** Numbers from nowhere, without a program that would have to be compiled first. */
const numbers = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * i + 1));

const x = fromBytes('float32', [40, 5], numbers(200));
const y = Int32Array.from({ length: 40 }, (_, i) => i % 3);
/** Everything that a run carries is in it: random numbers, state, a schedule, moments. */
const specification: Specification = {
  loss: (p, { x, y }, { state, rng }) => {
    const logits = x.add(random.normal(rng!, x.shape).mul(0.1)).matmul(p.head.w).add(p.head.b);
    return [jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(logits, y)), { state: { seen: { sum: (state.seen.sum as Array).add(jnp.sum(x)) } } }];
  },
  optimizer: optax.chain(optax.clipByGlobalNorm(1), optax.adam(optax.exponentialDecay(1e-2, 10, 0.5))),
  trainable: (_, name) => name === 'w',
};
export const start = () => ({
  params: { head: { w: fromBytes('float32', [5, 3], numbers(15)), b: fromBytes('float32', [3], numbers(3)) } } as hk.Params,
  state: { seen: { sum: fromBytes('float32', [], numbers(1)) } }, rng: random.PRNGKey(3),
});
/** Two epochs and more. */
export const batches = () => data.fromArrays({ x, y }).shuffle({ seed: 5 }).batch(4).repeat();

export function run(checkpoint?: { directory: string; every: number; keep: number }): Run {
  const step = trainStep(specification);
  const { params, ...rest } = start();
  return fit({ step, state: step.init(params, rest), steps: STEPS, checkpoint, data: batches() });
}

/** Runs to the end. @returns a hash of every bit of what the run carries */
export async function finish(one: Run, say: (text: string) => void = () => {}): Promise<string> {
  for await (const event of one) if (event.type !== 'end') say(`${event.type} ${event.step}\n`);
  return createHash('sha256').update(bits({ ...one.state })).digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // Written at once: a pipe of Node's own would lose what it holds when the process is killed.
  const say = (text: string) => { writeSync(1, text); };
  say(`hash ${await finish(run({ directory: process.argv[2], every: 1, keep: 2 }), say)}\n`);
}
