import { expect } from 'chai';
import { tracingChannel } from 'node:diagnostics_channel';
import { jit, numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { engines } from '../../lib/runtime/engines.js';
import { CheckpointManager, TrainingSession, generateArtifacts, loadCheckpoint, trainStep } from '../../lib/training/index.js';
import { crossEntropy, makeBatch, makeParams, temporaryFolder } from '../training/artifacts-helpers.js';

/** What a channel says while something is done: names of events, each with its context. */
async function listen(channel: string, work: () => unknown): Promise<[event: string, context: any][]> {
  const said: [string, any][] = [];
  const hear = (event: string) => (context: any) => { said.push([event, context]); };
  const subscribers = { start: hear('start'), end: hear('end'), asyncStart: hear('asyncStart'), asyncEnd: hear('asyncEnd'), error: hear('error') };
  const tracing = tracingChannel(channel);
  tracing.subscribe(subscribers);
  try {
    await work();
  } catch { /* seen on the channel */ } finally {
    tracing.unsubscribe(subscribers);
  }
  return said;
}
const events = (said: [string, any][]): string[] => said.map(([event]) => event);

describe('diagnostics channels', () => {
  const fresh = temporaryFolder();
  const optimizer = optax.sgd(0.1);

  it('trace steps, on this thread and on the engine\'s', async () => {
    const step = trainStep({ loss: crossEntropy, optimizer });
    let carry = step.init(makeParams());
    [carry] = step(carry, makeBatch(0));
    const here = await listen('hokku:step', () => { [carry] = step(carry, makeBatch(1)); });
    expect(events(here)).to.deep.equal(['start', 'end']);
    expect(here[0][1]).to.include({ kind: 'trainStep', engine: 'onnxruntime', device: 'cpu:0' });
    expect(here[1][1]).to.equal(here[0][1]);
    const there = await listen('hokku:step', async () => { [carry] = await step.async(carry, makeBatch(2)); });
    expect(events(there)).to.deep.equal(['start', 'end', 'asyncStart', 'asyncEnd']);
    const failed = await listen('hokku:step', () => step(carry, [jnp.zeros([2, 3]), jnp.zeros([2])]));
    expect(events(failed)).to.deep.equal(['start', 'error', 'end']);
    expect(failed[1][1].error).to.be.an.instanceOf(Error);
    expect(carry.step.item()).to.equal(3);
  });

  it('trace the steps of sessions', async function () {
    const missing = engines().find(({ name }) => name === 'onnxruntime-training')?.missing;
    if (missing) {
      console.log(`    pending: ${missing}`);
      this.skip();
    }
    const folder = fresh();
    generateArtifacts({ loss: crossEntropy, params: makeParams(), optimizer, batch: makeBatch(0) }, folder);
    using session = TrainingSession.load(folder);
    const said = await listen('hokku:step', async () => { session.trainStep(makeBatch(0)); await session.trainStepAsync(makeBatch(1)); });
    expect(events(said)).to.deep.equal(['start', 'end', 'start', 'end', 'asyncStart', 'asyncEnd']);
    expect(said[0][1]).to.include({ kind: 'session', engine: 'onnxruntime-training', device: 'cpu' });
  });

  it('trace compilations: of what is not known yet', async () => {
    const f = jit((x: Array) => jnp.sum(jnp.sin(x.mul(1.2345678))));
    const x = random.normal(random.PRNGKey(0), [3]);
    const said = await listen('hokku:compile', () => { f(x); f(x); });
    expect(events(said)).to.deep.equal(['start', 'end']);
    expect(said[0][1]).to.include({ engine: 'onnxruntime', device: 'cpu:0', equations: 3 });
    expect(said[0][1].modelBytes).to.be.above(50);
  });

  it('trace checkpoints, written and read', async () => {
    const folder = fresh();
    const step = trainStep({ loss: crossEntropy, optimizer });
    const said = await listen('hokku:checkpoint', async () => {
      await using manager = await CheckpointManager.open(folder);
      const path = await manager.save(step.init(makeParams()));
      await loadCheckpoint(path);
    });
    expect(events(said).filter((e) => e === 'start' || e === 'asyncEnd')).to.deep.equal(['start', 'asyncEnd', 'start', 'asyncEnd']);
    expect(said[0][1]).to.include({ action: 'save', step: 0 });
    expect(said.at(-1)![1]).to.include({ action: 'restore', step: 0, path: said[0][1].path });
  });
});
