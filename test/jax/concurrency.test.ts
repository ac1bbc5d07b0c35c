import { expect } from 'chai';
import { jit, numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { data, fit, trainStep } from '../../lib/training/index.js';
import { crossEntropy, makeBatch, makeParams, type Batch } from '../training/artifacts-helpers.js';

describe('one compiled program, several runs at once', () => {
  it('gives each its own results, on this thread too', async () => {
    const f = jit((x: Array, y: Array) => jnp.tanh(jnp.matmul(x, y)).mul(2));
    const inputs = globalThis.Array.from({ length: 8 }, (_, i) => [random.normal(random.PRNGKey(i), [64, 64]), random.normal(random.PRNGKey(100 + i), [64, 64])] as const);
    const expected = inputs.map(([x, y]) => f(x, y).tolist());
    const running = inputs.map(([x, y]) => f.async(x, y));
    expect(f(inputs[3][0], inputs[3][1]).tolist(), 'meanwhile').to.deep.equal(expected[3]);
    expect((await Promise.all(running)).map((r) => r.tolist())).to.deep.equal(expected);
  });

  it('trains two models of one kind side by side, to the bits of one after another', async () => {
    const train = async (seed: number): Promise<unknown> => {
      const step = trainStep({ loss: crossEntropy, optimizer: optax.adam(0.01) });
      const batches: Batch[] = [0, 1, 2].map((i) => makeBatch(seed + i));
      const run = fit({ step, state: step.init(makeParams()), data: data.from(batches).repeat(), steps: 40 });
      for await (const event of run) void event;
      const { trainable } = run.state!;
      return Object.values(trainable).map((bundle) => Object.values(bundle).map((x) => (x as Array).tolist()));
    };
    const apart = [await train(0), await train(10)];
    expect(await Promise.all([train(0), train(10)])).to.deep.equal(apart);
  });
});
