/** Alone (`node memory-run.js ENGINE`): trains with AdamW, and writes how much memory that took beside the process itself. */
import { readFileSync } from 'node:fs';
import * as hk from '../../lib/index.js';
import { config, numpy as jnp, random, tree, type Array, type EngineName } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { trainStep } from '../../lib/training/index.js';

config.engine = process.argv[2] as EngineName;
const resident = (key: 'VmRSS' | 'VmHWM'): number => 1024 * Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'latin1'))![1]);

/** @returns the bytes of the parameters */
function train(sizes: readonly number[]): number {
  const [inputs, ...outputs] = sizes;
  const net = hk.withoutApplyRng(hk.transform((x: Array) => new hk.nets.MLP(outputs)(x)));
  const batch = { x: random.normal(random.PRNGKey(1), [8, inputs]), y: jnp.zeros([8], { dtype: 'int32' }) };
  const params = net.init(random.PRNGKey(0), batch.x);
  const bytes = tree.leaves(params).reduce((sum: number, x) => sum + 4 * (x as Array).size, 0);
  const step = trainStep({
    loss: (p, { x, y }) => jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(net.apply(p, x), y)),
    optimizer: optax.adamw(1e-3),
  });
  let carry = step.init(params, { donate: true });
  for (let i = 0; i < 8; i++) [carry] = step(carry, batch);
  return bytes;
}

// The engine, the code and the heap that training takes whatever its size.
train([32, 16, 12, 10]);
const base = resident('VmRSS');
const parameters = train([784, 4096, 4096, 1220]);
console.log(JSON.stringify({ parameters, peak: resident('VmHWM') - base, now: resident('VmRSS') - base }));
