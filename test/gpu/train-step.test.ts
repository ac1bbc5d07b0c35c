import { expect } from 'chai';
import { ConcreteArray } from '../../lib/jax/array.js';
import { devicePut, numpy as jnp, random, tree, type Array, type EngineName } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { trainStep, type TrainStep, type TrainStepOptions, type TrainTree } from '../../lib/training/index.js';
import * as hk from '../../lib/index.js';
import { refused } from '../haiku/helpers.js';
import { MIDDLE, batches, bits, distance, loss, newParams, notMiddle } from '../training/notebook.js';
import { onGpu } from './cuda.js';

const params = newParams();
const data = batches(8);

function train(step: TrainStep, carry: TrainTree, steps: number, over: readonly unknown[] = data): [TrainTree, number[]] {
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const [next, result] = step(carry, over[i % over.length]);
    carry = next;
    losses.push(result.loss.item());
  }
  return [carry, losses];
}

onGpu('trainStep', (gpu) => {
  const there = (): TrainStepOptions => ({ engine: gpu().engine as EngineName, device: gpu() });
  const here = (): TrainStepOptions => ({ engine: gpu().engine as EngineName });
  const optimizers: Record<string, () => optax.GradientTransformation> = {
    sgd: () => optax.sgd(0.1),
    momentum: () => optax.sgd(0.1, { momentum: 0.9 }),
    'adamw and clipByGlobalNorm': () => optax.chain(optax.clipByGlobalNorm(1), optax.adamw(1e-3)),
  };
  for (const [name, make] of Object.entries(optimizers)) {
    it(`trains as the CPU does: ${name}`, () => {
      const [a, b] = [there(), here()].map((options) => {
        const step = trainStep({ loss, optimizer: make(), trainable: notMiddle }, options);
        return train(step, step.init(params, { rng: random.PRNGKey(1) }), 100);
      });
      expect(distance(a[0].trainable, b[0].trainable)).to.be.below(1e-3);
      a[1].forEach((l, i) => expect(Math.abs(l - b[1][i]), `loss ${i}`).to.be.below(1e-3));
    });
  }

  it('learns the notebook: 300 steps, the middle layer frozen', () => {
    const step = trainStep({ loss, optimizer: optax.sgd(0.1), trainable: notMiddle }, there());
    const [carry, losses] = train(step, step.init(params), 300);
    const cpu = trainStep({ loss, optimizer: optax.sgd(0.1), trainable: notMiddle }, here());
    const [, wanted] = train(cpu, cpu.init(params), 300);
    expect(losses.at(-1)!).to.be.closeTo(wanted.at(-1)!, 0.02);
    expect(bits(carry.nonTrainable[MIDDLE])).to.equal(bits(params[MIDDLE]));
  });

  it('keeps what it carries on the GPU, and takes batches from there', () => {
    const step = trainStep({ loss, optimizer: optax.adam(1e-3), trainable: notMiddle }, there());
    const start = step.init(params);
    for (const x of tree.leaves([start.trainable, start.nonTrainable, start.optState])) expect((x as ConcreteArray).device).to.equal(gpu());
    const [carry] = train(step, start, 3, devicePut(data, gpu()));
    for (const x of tree.leaves([carry.trainable, carry.nonTrainable, carry.optState])) expect((x as ConcreteArray).device).to.equal(gpu());
    refused(() => step(start, data[0]), 'DisposedError', /donated/);
  });

  it('async equals the call, and an early abort leaves the carry usable', async () => {
    const step = trainStep({ loss, optimizer: optax.adam(1e-3), trainable: notMiddle }, there());
    let carry = step.init(params);
    for (let i = 0; i < 10; i++) [carry] = await step.async(carry, data[i % data.length]);
    const [wanted] = train(step, step.init(params), 10);
    expect(distance(carry.trainable, wanted.trainable)).to.be.below(1e-6);
    let code: unknown;
    try { await step.async(carry, data[0], { signal: AbortSignal.abort() }); } catch (error) { code = (error as { code?: unknown }).code; }
    expect(code).to.equal('ABORT_ERR');
    expect(step(carry, data[0])[0].step.item()).to.equal(11);
  });

  it('makes 5000 steps in bounded memory', () => {
    const net = hk.withoutApplyRng(hk.transform((x: Array) => new hk.nets.MLP([2048, 2048, 10])(x)));
    const x = random.normal(random.PRNGKey(0), [64, 784]);
    const step = trainStep({ loss: (p, b) => jnp.mean(net.apply(p, b)), optimizer: optax.adam(1e-4) }, there());
    let carry = step.init(net.init(random.PRNGKey(0), x));
    // 23 MB of parameters and twice that of moments, each replaced in each step: 350 GB if nothing were freed.
    for (let i = 0; i < 5000; i++) [carry] = step(carry, x);
    expect(carry.step.item()).to.equal(5000);
  });
});
