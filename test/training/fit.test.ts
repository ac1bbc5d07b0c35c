import { expect } from 'chai';
import { existsSync, promises as fs } from 'node:fs';
import { join } from 'node:path';
import * as hk from '../../lib/index.js';
import { grad, nn, numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { AbortError, DataError, LockedError, NonFiniteError, TypeError, ValueError } from '../../lib/runtime/errors.js';
import {
  CheckpointManager, TrainingSession, checkpointSteps, data, fit, generateArtifacts, gradualUnfreezing, loadCheckpoint, trainStep,
  type FitEvent, type FitOptions, type Run, type TrainTree,
} from '../../lib/training/index.js';
import { statistics } from '../../lib/training/fit-statistics.js';
import { needsTraining, temporaryFolder } from './artifacts-helpers.js';
import { ENGINES, batch, batches, bits, loss, newParams, notMiddle, rejection, type Batch } from './notebook.js';

const set = batches(6);
const params = newParams();
const adam = () => optax.adamw(1e-3);
const carried = (carry: TrainTree | null): string => bits({ ...carry });
/** Rows of all batches, to be shuffled. */
const rows = () => data.fromArrays({ x: jnp.concatenate(set.map((b) => b.x)), y: jnp.concatenate(set.map((b) => b.y)) }).shuffle({ seed: 1 }).batch(10).repeat();

const make = (more: Partial<FitOptions> = {}): FitOptions => {
  const step = trainStep({ loss, optimizer: adam(), trainable: notMiddle });
  return { step, state: step.init(params, { rng: random.PRNGKey(3) }), data: rows(), steps: 12, ...more };
};
async function events(run: Run): Promise<FitEvent[]> {
  const out: FitEvent[] = [];
  for await (const event of run) out.push(event);
  return out;
}
const failure = (options: FitOptions): Promise<Error> => rejection(events(fit(options)));
const only = <T extends FitEvent['type']>(all: FitEvent[], type: T) => all.filter((e): e is Extract<FitEvent, { type: T }> => e.type === type);

describe('fit', () => {
  const folder = temporaryFolder();

  it('makes the steps that a loop by hand makes, and says so', async () => {
    const step = trainStep({ loss: (p, b: Batch) => { const l = loss(p, b); return [l, { aux: { twice: l.mul(2), list: [b.x] } }]; }, optimizer: adam(), trainable: notMiddle });
    let carry = step.init(params, { rng: random.PRNGKey(3) });
    const losses: number[] = [];
    let i = 0;
    for await (const b of rows()) {
      const [next, result] = step(carry, b);
      carry = next;
      losses.push(result.loss.item());
      if (++i === 12) break;
    }
    const run = fit(make({ step, state: step.init(params, { rng: random.PRNGKey(3) }) }));
    const all = await events(run);
    expect(carried(run.state)).to.equal(carried(carry));
    const steps = only(all, 'step');
    expect(steps.map((e) => e.loss)).to.deep.equal(losses);
    expect(all.map((e) => e.type)).to.deep.equal(['start', ...steps.map(() => 'step'), 'end']);
    expect(all[0]).to.deep.include({ step: 0, steps: 12, engine: 'onnxruntime', device: 'cpu:0', resumed: null, frozen: ['mlp/~/linear_1/b', 'mlp/~/linear_1/w'] });
    expect(Object.entries(steps[0].metrics)).to.deep.equal([['twice', Math.fround(2 * losses[0])]]);
    expect(steps.map((e) => [e.position.epoch, e.position.batch])).to.deep.equal(losses.map((_, n) => [Math.floor(n / 6), n % 6]));
    expect(steps.at(-1)!.memory).to.be.above(1e7);
    expect(steps.at(-1)!.secondsLeft).to.equal(0);
    expect(only(all, 'end')[0]).to.deep.include({ step: 12, reason: 'steps' });
    expect(only(all, 'end')[0].state).to.equal(run.state);
  });

  it('lets the event loop have its turns while several runs make small steps', async () => {
    const weights = { line: { w: jnp.array([1, 2, 3]) } };
    const step = trainStep({ loss: (p, x: Array) => jnp.sum(p.line.w.mul(x)), optimizer: optax.sgd(1e-6) });
    step(step.init(weights), jnp.ones([3]));
    let [since, longest, training] = [0, 0, true];
    const turn = () => { longest = Math.max(longest, since); since = 0; if (training) setImmediate(turn); };
    turn();
    const x = jnp.ones([3]);
    const one = () => events(fit({ step, state: step.init(weights), steps: 2000, data: data.from([x]).repeat(), callbacks: [() => { since++; }] }));
    await Promise.all([one(), one(), one()]);
    training = false;
    await new Promise((resolve) => { setImmediate(resolve); });
    expect(longest).to.be.above(0).and.below(500);
  });

  for (const { name, missing } of ENGINES) {
    it(`goes on from a checkpoint to the same bits: ${name}`, async function () {
      if (missing) { console.log(`      pending: ${missing}`); this.skip(); }
      const step = trainStep({
        // A loss with random numbers and state, and a schedule: all of it must go on.
        loss: (p, { x, y }: Batch, { state, rng }) => [loss(p, { x: x.add(random.normal(rng!, x.shape).mul(0.01)), y }), { state: { seen: { n: (state.seen.n as Array).add(1) } } }],
        optimizer: optax.chain(optax.clipByGlobalNorm(1), optax.adam(optax.exponentialDecay(1e-2, 5, 0.5))), trainable: notMiddle,
      }, { engine: name });
      const begin = (seed = 3) => step.init(newParams(seed), { rng: random.PRNGKey(seed), state: { seen: { n: jnp.array(new Int32Array([0])) } } });
      const whole = fit({ step, state: begin(), data: rows(), steps: 20 });
      await events(whole);
      const directory = folder();
      for (const steps of [7, 8, 20]) {
        // From another tree: everything comes from the checkpoint.
        const run = fit({ step, state: steps === 7 ? begin() : begin(9), data: rows(), steps, checkpoint: { directory, every: 3 } });
        const all = await events(run);
        if (steps > 7) expect((all[0] as Extract<FitEvent, { type: 'start' }>).resumed!.path).to.equal(join(directory, String(steps === 8 ? 7 : 8).padStart(8, '0')));
        if (steps === 20) expect(carried(run.state)).to.equal(carried(whole.state));
      }
      expect(checkpointSteps(directory)).to.deep.equal([15, 18, 20]);
      // A run that is complete has nothing left to do.
      const again = await events(fit({ step, state: begin(), data: rows(), steps: 20, checkpoint: directory }));
      expect(again.map((e) => e.type)).to.deep.equal(['start', 'end']);
    });
  }

  it('goes on within a schedule of what trains', async () => {
    const step = () => trainStep({ loss, optimizer: adam(), trainable: gradualUnfreezing({ 0: 'mlp/~/linear_2', 4: 'mlp/~/linear_1', 8: { freeze: 'mlp/~/linear_1' }, 10: 'mlp/~/linear_1' }) });
    const whole = fit({ ...make({ step: step() }), state: step().init(params) });
    await events(whole);
    for (const stop of [3, 4, 6, 9, 11]) {
      const directory = folder();
      for (const steps of [stop, 12]) {
        const one = step();
        const run = fit(make({ step: one, state: one.init(params), steps, checkpoint: directory }));
        await events(run);
        if (steps === 12) expect(carried(run.state), `stopped at ${stop}`).to.equal(carried(whole.state));
      }
    }
  });

  it('says when what trains changes', async () => {
    const step = trainStep({ loss, optimizer: adam(), trainable: gradualUnfreezing({ 0: 'mlp/~/linear_2', 4: 'mlp/~/linear_1/w', 8: { unfreeze: 'mlp/~/linear_1/b', freeze: 'mlp/~/linear_2' }, 12: '**' }) });
    const all = await events(fit(make({ step, state: step.init(params) })));
    const [first, second] = [['mlp/~/linear_2/b', 'mlp/~/linear_2/w'], ['mlp/~/linear_0/b', 'mlp/~/linear_0/w', 'mlp/~/linear_1/b']];
    expect(only(all, 'trainable').map(({ time, ...rest }) => rest)).to.deep.equal([
      { type: 'trainable', step: 4, began: ['mlp/~/linear_1/w'], ended: [], trainable: ['mlp/~/linear_1/w', ...first], frozen: second },
      { type: 'trainable', step: 8, began: ['mlp/~/linear_1/b'], ended: first, trainable: ['mlp/~/linear_1/b', 'mlp/~/linear_1/w'], frozen: [...second.slice(0, 2), ...first] },
    ]);
    expect(all.map((e) => e.type).slice(4, 7)).to.deep.equal(['step', 'trainable', 'step']);
  });

  describe('sessions', () => {
    before(needsTraining);
    for (const [style, optimizer] of Object.entries({ classic: optax.adamw(1e-3), 'in-graph': optax.sgd(0.1, { momentum: 0.9 }) })) {
      it(`train, are evaluated and go on: ${style}`, async () => {
        const artifacts = folder();
        generateArtifacts({ loss, params, optimizer, trainable: notMiddle, batch: batch(0), rng: random.PRNGKey(0) }, artifacts);
        const options = (session: TrainingSession, steps: number): FitOptions => ({ step: session, data: rows(), steps, learningRate: (n) => 0.01 / (n + 1), evaluation: { data: set, every: 4 } });
        using whole = TrainingSession.load(artifacts);
        const all = await events(fit(options(whole, 12)));
        expect(only(all, 'step').map((e) => e.learningRate)).to.deep.equal(globalThis.Array.from({ length: 12 }, (_, n) => 0.01 / (n + 1)));
        expect(only(all, 'evaluation').map((e) => [e.step, e.batches])).to.deep.equal([[4, 6], [8, 6], [12, 6]]);
        expect(all[0]).to.deep.include({ engine: 'onnxruntime-training', frozen: ['mlp/~/linear_1/b', 'mlp/~/linear_1/w'] });
        const directory = folder();
        for (const steps of [5, 12]) {
          using session = TrainingSession.load(artifacts);
          const run = fit({ ...options(session, steps), checkpoint: { directory, every: 2 } });
          const some = await events(run);
          expect(run.state).to.equal(null);
          if (steps === 12) {
            expect((some[0] as { step: number }).step).to.equal(5);
            expect(bits(session.params())).to.equal(bits(whole.params()));
          }
        }
      });
    }
  });

  it('ends with the data, and where it is stopped or left', async () => {
    const all = await events(fit(make({ steps: undefined, data: set })));
    expect(only(all, 'step')).to.have.length(6);
    expect(only(all, 'step').map((e) => e.secondsLeft === null)).to.deep.equal([true, false, false, false, false, false]);
    expect(all.at(-1)).to.deep.include({ type: 'end', reason: 'data', step: 6 });

    const directory = folder();
    const stopped = fit(make({ checkpoint: directory, callbacks: [(event, run) => { if (event.step === 3) run.stop(); }] }));
    const some = await events(stopped);
    expect(some.map((e) => e.type)).to.deep.equal(['start', 'step', 'step', 'step', 'checkpoint', 'end']);
    expect(some.at(-1)).to.deep.include({ reason: 'stopped', step: 3 });
    const left = fit(make({ checkpoint: directory }));
    for await (const event of left) if (event.step === 5 && event.type === 'step') break;
    expect(checkpointSteps(directory)).to.deep.equal([3, 5]);
    expect(left.state!.step.item()).to.equal(5);
    expect(await left.next()).to.deep.equal({ done: true, value: undefined });
    await (await CheckpointManager.open(directory)).close();  // the lock was given back
  });

  it('aborts between two steps, and keeps what is there', async () => {
    const directory = folder();
    const controller = new AbortController();
    const run = fit(make({ signal: controller.signal, checkpoint: { directory, every: 2 } }));
    const error = await rejection((async () => { for await (const event of run) if (event.step === 5) controller.abort(); })());
    expect(error).to.be.instanceOf(AbortError).with.property('code', 'ABORT_ERR');
    expect(run.state!.step.item()).to.equal(5);
    // What was being written ends by itself.
    while (existsSync(join(directory, 'lock'))) await new Promise((resolve) => setImmediate(resolve));
    expect(checkpointSteps(directory)).to.deep.equal([2, 4]);
    // Data that never comes is not waited for.
    const never = new AbortController();
    const waiting = failure(make({ signal: never.signal, data: (async function* () { yield batch(0); await new Promise(() => {}); })(), callbacks: [(e) => { if (e.type === 'step') setImmediate(() => never.abort()); }] }));
    expect(await waiting).to.be.instanceOf(AbortError);
    expect(await failure(make({ signal: AbortSignal.abort() }))).to.be.instanceOf(AbortError);
  });

  it('gives copies of the parameters at any time, and the state only between steps', async () => {
    const run = fit(make());
    const copies: Promise<hk.Params>[] = [];
    let refused = 0;
    const poll = setInterval(() => {
      copies.push(run.params());
      try { void run.state; } catch (error) { refused++; expect(error).to.be.instanceOf(ValueError).with.property('message').match(/await run.params\(\)/); }
    }, 0);
    for await (const event of run) {
      if (event.type === 'step') expect(run.state!.step.item()).to.equal(event.step);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    clearInterval(poll);
    for (const copy of await Promise.all(copies)) bits(copy);
    expect(bits(await run.params())).to.equal(bits(hk.dataStructures.merge(run.state!.trainable, run.state!.nonTrainable)));
    expect(refused).to.be.at.least(0);
  });

  it('evaluates and stops early', async () => {
    const values = [3, 2, 2.5, 2.2, 1.9, 9, 9, 9];
    const metrics = (p: hk.Params, { x }: Batch) => ({ loss: jnp.mean(nn.relu(x)), norm: optax.globalNorm(p) });
    const all = await events(fit(make({ steps: 40, evaluation: { data: set, every: 2, metrics } })));
    expect(only(all, 'evaluation')).to.have.length(20);
    const [first] = only(all, 'evaluation');
    expect(first).to.deep.include({ step: 2, batches: 6, best: null });
    expect(first.metrics.loss).to.be.closeTo(0.45, 1e-6);
    // What is watched is the data's mean, so that the test decides what it is.
    let turn = 0;
    const watched = { [Symbol.iterator]: () => [{ x: jnp.array([values[turn++]]) }][Symbol.iterator]() };
    const some = await events(fit(make({ steps: 40, evaluation: { data: watched, every: 2, metrics: (_, { x }) => jnp.mean(x) }, earlyStopping: { patience: 2, minDelta: 0.05 } })));
    expect(only(some, 'evaluation').map((e) => e.best)).to.deep.equal([true, true, false, false, true, false, false, false]);
    expect(some.at(-1)).to.deep.include({ reason: 'earlyStopping', step: 16 });
    expect((await failure(make({ evaluation: { data: set, every: 1, metrics }, earlyStopping: { monitor: 'nrom' } }))).message).to.match(/gives loss, norm; did you mean 'norm'/);
    expect((await failure(make({ evaluation: { data: [], every: 1, metrics } }))).message).to.match(/gave no/);
  });

  it('gives statistics of weights and gradients', async () => {
    const all = await events(fit(make({ steps: 4, statistics: { every: 2, gradients: (p, b) => grad(loss)(p, b) as hk.Params } })));
    const [one, two] = only(all, 'statistics');
    expect([one.step, two.step]).to.deep.equal([2, 4]);
    expect(Object.keys(one.params)).to.deep.equal(Object.keys(one.gradients!)).and.have.length(6);
    expect(one.params['mlp/~/linear_1/w'].norm).to.equal(two.params['mlp/~/linear_1/w'].norm);
    expect(one.gradients!['mlp/~/linear_0/w'].norm).to.be.above(0);
    const s = await statistics(jnp.array([0, 1, 2, 5, NaN, Infinity]));
    expect(s).to.deep.include({ count: 6, nonFinite: 2, zeros: 1, mean: 2, min: 0, max: 5, norm: Math.sqrt(30), std: Math.sqrt(3.5) });
    expect(s.histogram.edges).to.have.length(33);
    expect(s.histogram.counts.reduce((a, b) => a + b)).to.equal(4);
    expect((await statistics(jnp.full([3], 2).astype('bfloat16'))).histogram.edges.slice(0, 1)).to.deep.equal([1.5]);
  });

  describe('bad input', () => {
    it('a loss that is not finite stops with batch and parameter', async () => {
      const bad = { ...batch(2), x: batch(2).x.mul(NaN) };
      const directory = folder();
      const error = await failure(make({ data: [batch(0), batch(1), bad], steps: 3, checkpoint: { directory, every: 1 } }));
      expect(error).to.be.instanceOf(NonFiniteError).with.property('message').match(/loss is NaN at step 3 \(batch 2 of epoch 0\); after it the parameter 'mlp\/~\/linear_0\/w'/);
      expect(checkpointSteps(directory)).to.deep.equal([1, 2]);
      expect(only(await events(fit(make({ data: [bad, bad], steps: 2, allowNonFinite: true }))), 'step')).to.have.length(2);
    });

    it('data that ends early, changes or fails names the batch', async () => {
      expect(await failure(make({ data: set }))).to.be.instanceOf(DataError).with.property('message').match(/ended after step 6 \(before batch 6 of epoch 0\), but steps is 12/);
      const wrong: [unknown, RegExp][] = [
        [{ x: batch(0).x, y: batch(0).y.astype('float32') }, /batch 1 of epoch 0 is not like the first one: 'y' is f32\[10\], and was i32\[10\]/],
        [{ x: batch(0).x.reshape([1, 10]), y: batch(0).y }, /'x' is f32\[1,10\], and was f32\[10,1\]/],
        [{ x: batch(0).x }, /another structure/],
        [{ x: batch(0).x, y: 3 }, /'y' is a number, and was i32\[10\]/],
        [null, /another structure/],
      ];
      for (const [second, message] of wrong) expect(await failure(make({ data: [batch(0), second] }))).to.be.instanceOf(DataError).with.property('message').match(message);
      const failing = (async function* () { yield batch(0); throw new Error('no more disk'); })();
      const error = await failure(make({ data: failing }));
      expect(error).to.be.instanceOf(DataError).with.property('message', 'The data failed at batch 1 of epoch 0: no more disk');
      expect((error.cause as Error).message).to.equal('no more disk');
      // Rows that remain may be fewer, where that was asked for.
      const kept = data.fromArrays({ x: jnp.zeros([25, 1]), y: jnp.zeros([25]).astype('int32') }).batch(10, { remainder: 'keep' }).repeat(2);
      expect(only(await events(fit(make({ data: kept, steps: undefined }))), 'step').map((e) => e.position.batch)).to.deep.equal([0, 1, 2, 0, 1, 2]);
    });

    it('callbacks that throw end the run, and nothing is lost', async () => {
      const directory = folder();
      const run = fit(make({ checkpoint: { directory, every: 2 }, callbacks: [async (e) => { if (e.step === 5) throw new RangeError('mine'); }] }));
      expect(await rejection(events(run))).to.be.instanceOf(RangeError);
      expect(run.state!.step.item()).to.equal(5);
      expect(checkpointSteps(directory)).to.deep.equal([2, 4]);
      await loadCheckpoint(directory);
      await events(fit(make({ checkpoint: directory })));
    });

    it('a checkpoint that cannot be written ends the run, and those before it stay', async () => {
      const directory = folder();
      const { rename } = fs;
      let renames = 0;
      fs.rename = (...args) => (++renames === 2 ? Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })) : rename(...args));
      try {
        const run = fit(make({ checkpoint: { directory, every: 3 } }));
        expect((await rejection(events(run))).message).to.match(/ENOSPC/);
        bits({ ...run.state });
        expect(checkpointSteps(directory)).to.deep.equal([3]);
      } finally { fs.rename = rename; }
      await loadCheckpoint(directory);
    });

    it('a folder that another run writes, other data, a newer step', async () => {
      const directory = folder();
      await using manager = await CheckpointManager.open(directory);
      expect(await failure(make({ checkpoint: directory }))).to.be.instanceOf(LockedError);
      await manager.close();
      await events(fit(make({ checkpoint: directory, steps: 2 })));
      expect((await failure(make({ checkpoint: directory, data: set }))).message).to.match(/belongs to other data/);
      expect(checkpointSteps(directory)).to.deep.equal([2]);
    });

    it('options that are none', () => {
      const step = trainStep({ loss, optimizer: adam() });
      const wrong: [unknown, RegExp][] = [
        [undefined, /expected an options object/],
        [{ ...make(), evaluatoin: 1 }, /unknown option 'evaluatoin'; did you mean 'evaluation'/],
        [{ ...make(), step: 3 }, /step must be what trainStep returned/],
        [{ step, data: set }, /state must be the tree/],
        [{ ...make(), data: undefined }, /data is missing/],
        [{ ...make(), steps: -1 }, /steps must be a whole number/],
        [{ ...make(), checkpoint: { directory: 'x', evry: 1 } }, /did you mean 'every'/],
        [{ ...make(), evaluation: { data: set, every: 0 } }, /evaluation.every must be/],
        [{ ...make(), earlyStopping: {} }, /say what is evaluated/],
        [{ ...make(), callbacks: [3] }, /list of functions/],
        [{ ...make(), signal: {} }, /AbortSignal/],
        [{ ...make(), learningRate: '1' }, /learningRate must be/],
      ];
      for (const [options, message] of wrong) expect(() => fit(options as FitOptions), String(message)).to.throw(Error, message);
      expect(() => fit({ ...make(), steps: 1.5 })).to.throw(ValueError);
      expect(() => fit(3 as never)).to.throw(TypeError);
    });
  });
});
