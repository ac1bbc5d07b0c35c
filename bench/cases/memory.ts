/** What a run of 25 million parameters takes in memory; `test/training/memory.test.ts` holds it to a bound. */
import * as hk from 'hokku';
import { numpy as jnp, random, type Array } from 'hokku/jax';
import * as optax from 'hokku/optax';
import { trainStep, type TrainTree } from 'hokku/training';
import type { Variant } from '../protocol.js';

function adamw(): Variant {
  const net = hk.withoutApplyRng(hk.transform((x: Array) => new hk.nets.MLP([4096, 4096, 1220])(x)));
  const step = trainStep({ loss: (p, { x, y }) => jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(net.apply(p, x), y)), optimizer: optax.adamw(1e-3) });
  let batch: { x: Array; y: Array };
  let carry: TrainTree | undefined;
  return (steps) => {
    batch ??= { x: random.normal(random.PRNGKey(1), [8, 784]), y: jnp.zeros([8], { dtype: 'int32' }) };
    carry ??= step.init(net.init(random.PRNGKey(0), batch.x), { donate: true });
    for (let i = 0; i < steps; i++) [carry] = step(carry, batch);
  };
}

export const variants = (): Record<string, Variant> => ({ 'trainStep, adamw': adamw() });
