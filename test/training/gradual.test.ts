import { expect } from 'chai';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as hk from '../../lib/index.js';
import { grad, jit, numpy as jnp, tree, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { packageRoot } from '../../lib/runtime/native.js';
import { CheckpointManager, generateArtifacts, gradualUnfreezing, trainStep, type Loss, type TrainStep, type TrainTree } from '../../lib/training/index.js';
import { refused } from '../haiku/helpers.js';
import { temporaryFolder } from './artifacts-helpers.js';
import { ENGINES, MIDDLE, batches, bits, distance, loss as classify, newParams } from './notebook.js';

// Made by gradual/reference.py.
const reference = JSON.parse(readFileSync(join(packageRoot(), 'test/training/gradual/reference.json'), 'utf8')) as {
  params: Record<string, Record<string, never>>; x: never; y: never; runs: Record<string, { loss: number; params: Record<string, Record<string, never>> }[]>;
};
const arrays = (p: Record<string, Record<string, never>>): hk.Params => hk.dataStructures.map((_m, _n, v) => jnp.array(v), p);
const start = arrays(reference.params);
const [x, y] = [jnp.array(reference.x), jnp.array(reference.y)];
const loss: Loss = ({ trunk, head }) => {
  const hidden = jnp.tanh(jnp.matmul(x, trunk.w).add(trunk.b));
  return jnp.mean(jnp.square(jnp.matmul(hidden, head.w).add(head.b).sub(y)));
};
const OPTIMIZERS: Record<string, () => optax.GradientTransformation> = {
  'adam with a schedule': () => optax.adam(optax.exponentialDecay(0.05, 2, 0.8)),
  'adam with a warm-up': () => optax.adam(optax.warmupConstantSchedule(0, 0.05, 4)),
  'sgd with momentum and a schedule': () => optax.sgd(optax.linearSchedule(0.2, 0.02, 6), { momentum: 0.9, nesterov: true }),
  'adamw behind a clip': () => optax.chain(optax.clipByGlobalNorm(0.05), optax.adamw(0.03, { weightDecay: 0.1 })),
};
const schedule = () => gradualUnfreezing({ 0: 'head', 5: 'trunk', 9: { freeze: 'head' }, 12: 'head' });

/** The tree after each of so many steps, plain and in memory of its own. */
function run(step: TrainStep, from: TrainTree, steps: number, batch: unknown = null): { losses: number[]; trees: TrainTree[] } {
  const [losses, trees]: [number[], TrainTree[]] = [[], []];
  for (let i = 0, carry = from; i < steps; i++) {
    const [next, result] = step(carry, batch);
    carry = next;
    losses.push(result.loss.item());
    trees.push(copied(next));
  }
  return { losses, trees };
}
const copied = (carry: TrainTree): TrainTree => tree.map((a: Array) => jnp.array(a.data).reshape(a.shape), { ...carry });
const whole = ({ trainable, nonTrainable }: TrainTree): hk.Params => hk.dataStructures.merge(trainable, nonTrainable);

describe('gradual unfreezing', () => {
  for (const { name: engine, missing } of ENGINES) {
    for (const [name, make] of Object.entries(OPTIMIZERS)) {
      it(`is Optax's multiTransform whose group starts late: ${name}, on ${engine}`, function () {
        if (missing) {
          console.log(`      pending: ${missing}`);
          this.skip();
        }
        const wanted = reference.runs[name];
        const step = trainStep({ loss, optimizer: make(), trainable: schedule() }, { engine });
        const { losses, trees } = run(step, step.init(start), wanted.length);
        wanted.forEach((w, i) => {
          expect(losses[i], `the loss of step ${i}`).to.be.closeTo(w.loss, 2e-6);
          expect(distance(whole(trees[i]), arrays(w.params)), `the parameters after step ${i}`).to.be.below(1e-5);
        });
      });
    }
  }

  it('moves no bit of what is frozen, before and again, nor of the optimizer state that it keeps', () => {
    const step = trainStep({ loss, optimizer: optax.adamw(0.03, { weightDecay: 0.1 }), trainable: schedule() });
    const { trees } = run(step, step.init(start), 16);
    for (let i = 0; i < 4; i++) expect(bits(trees[i].nonTrainable)).to.equal(bits({ trunk: start.trunk }));
    for (let i = 8; i < 12; i++) {
      expect(bits(whole(trees[i]).head)).to.equal(bits(whole(trees[8]).head));
      expect(bits(trees[i].optState.innerStates['0-9,12-'])).to.equal(bits(trees[8].optState.innerStates['0-9,12-']));
    }
    // A tree is split as the step that comes next.
    expect(trees.map((t) => Object.keys(t.trainable).join())).to.deep.equal([...globalThis.Array(4).fill('head'), ...globalThis.Array(4).fill('head,trunk'), ...globalThis.Array(3).fill('trunk'), ...globalThis.Array(5).fill('head,trunk')]);
    expect(Object.keys(trees[3].optState.innerStates)).to.deep.equal(['0-9,12-']);
    expect(Object.keys(trees[4].optState.innerStates)).to.deep.equal(['0-9,12-', '5-']);
    expect(trees[15].optState.innerStates['0-9,12-'][0].count.item()).to.equal(13);
    expect(trees[15].optState.innerStates['5-'][0].count.item()).to.equal(11);
    expect(bits(start), 'what init was given').to.equal(bits(arrays(reference.params)));
  });

  it('computes in each phase what a step of its own computes', () => {
    const params = newParams();
    const [batch] = batches(1);
    const optimizer = optax.adam(1e-3);
    const step = trainStep({ loss: classify, optimizer, trainable: gradualUnfreezing({ 0: '**/linear_2', 2: MIDDLE, 4: { unfreeze: '**/linear_0', freeze: MIDDLE } }) });
    const { trees } = run(step, step.init(params), 5, batch);
    const products = (s: TrainStep, carry: TrainTree): number => ['MatMul', 'Gemm', 'hokku.SmallGemm'].reduce((n, op) => n + (s.lower(carry, batch).nodeCounts()[op] ?? 0), 0);
    for (const [at, trainable] of [[0, '**/linear_2'], [2, '!**/linear_0'], [4, ['**/linear_0', '**/linear_2']]] as const) {
      const alone = trainStep({ loss: classify, optimizer, trainable: trainable as string });
      const carry = at === 0 ? step.init(params) : trees[at - 1];
      expect(products(step, carry), `from step ${at} on`).to.equal(products(alone, alone.init(params)));
      // Two groups count twice, which may make one node more; the gradient of a group that is frozen would make several.
      if (at === 0) expect(step.lower(carry, batch).nodeCounts()).to.deep.equal(alone.lower(alone.init(params), batch).nodeCounts());
    }
  });

  it('compiles once for each set of what trains', () => {
    const step = trainStep({ loss, optimizer: optax.adam(0.1), trainable: gradualUnfreezing({ 0: ['trunk', 'head'], 1: { freeze: 'trunk' }, 2: 'trunk', 3: { freeze: 'trunk' } }) });
    const [one, two] = [0, 1].map(() => {
      let carry = step.init(start);
      return [0, 1, 2, 3, 4].map(() => { const program = step.lower(carry, null); [carry] = step(carry, null); return program; });
    });
    expect(one[2]).to.equal(one[0]);
    expect(one[3]).to.equal(one[1]);
    expect(one[4]).to.equal(one[1]);
    expect(one[1]).not.to.equal(one[0]);
    expect(two).to.deep.equal(one);
  });

  it('goes on from a plain copy of the tree at any step, to the bit, also asynchronously', async () => {
    const step = trainStep({ loss, optimizer: OPTIMIZERS['adam with a schedule'](), trainable: schedule() });
    const { trees } = run(step, step.init(start), 14);
    for (let i = 0; i < 13; i++) {
      const again = trainStep({ loss, optimizer: OPTIMIZERS['adam with a schedule'](), trainable: schedule() });
      const [next] = i % 2 ? again(copied(trees[i]), null) : await again.async(copied(trees[i]), null);
      expect(bits({ ...next }), `after step ${i}`).to.equal(bits(trees[i + 1]));
    }
  });

  it('is restored from a checkpoint, to the bit: into the tree that the schedule has at its step', async () => {
    const step = trainStep({ loss, optimizer: OPTIMIZERS['adamw behind a clip'](), trainable: schedule() });
    const { trees } = run(step, step.init(start), 14);
    await using manager = await CheckpointManager.open(folder(), { keep: Infinity });
    for (const i of [3, 4, 5, 8, 10, 12]) {
      await manager.save(trees[i]);
      const { state, report } = await manager.restore(step.adopt(step.init(start), { step: i + 1 }));
      expect(report.fresh.length + report.dropped.length).to.equal(0);
      expect(bits(step(state, null)[0].optState), `after step ${i}`).to.equal(bits(trees[i + 1].optState));
    }
  });
  const folder = temporaryFolder();

  it('works under other splits of what was trained: adopt goes on by name', () => {
    const head = trainStep({ loss, optimizer: optax.adam(0.05), trainable: 'head' });
    const [before] = run(head, head.init(start), 3).trees.slice(-1);
    const both = trainStep({ loss, optimizer: optax.adam(0.05) });
    const adopted = both.adopt(before);
    expect(Object.keys(adopted.trainable)).to.deep.equal(['head', 'trunk']);
    expect(adopted.optState[0].count.item()).to.equal(3);
    expect(bits(adopted.optState[0].mu.head)).to.equal(bits(before.optState[0].mu.head));
    expect(bits(adopted.optState[0].nu.trunk)).to.equal(bits(tree.map(jnp.zerosLike, start.trunk)));
    expect(both(adopted, null)[0].step.item()).to.equal(4);

    // A schedule takes it up as the group that has these parameters; the others begin.
    const gradual = trainStep({ loss, optimizer: optax.adam(0.05), trainable: gradualUnfreezing({ 0: 'head', 2: 'trunk' }) });
    const [again] = run(head, head.init(start), 3).trees.slice(-1);
    const grouped = gradual.adopt(again);
    expect(tree.map((a: Array) => a.item(), Object.values<any>(grouped.optState.innerStates).map((s) => s[0].count))).to.deep.equal([3, 0]);
    expect(bits(grouped.optState.innerStates['0-'][0].nu)).to.equal(bits(again.optState[0].nu));
    // And back: the head alone goes on from its own group.
    const [last] = run(gradual, grouped, 2).trees.slice(-1);
    const back = head.adopt(last);
    expect(Object.keys(back.trainable)).to.deep.equal(['head']);
    expect(bits(back.optState)).to.equal(bits(last.optState.innerStates['0-']));
  });

  it('adopt refuses what is no tree, and steps that there are not', () => {
    const step = trainStep({ loss, optimizer: optax.sgd(0.1) });
    refused(() => step.adopt(start as never), 'TypeError', /^trainStep\.adopt: the first argument must be the tree/);
    refused(() => step.adopt(step.init(start), { step: 1.5 }), 'ValueError', /step must be a whole number from 0 on, but got 1\.5/);
    refused(() => step.adopt(step.init(start), { steps: 1 } as never), 'TypeError', /did you mean 'step'/);
    expect(step.adopt(step.init(start), { step: 7 }).step.item()).to.equal(7);
  });

  it('another optimizer begins anew', () => {
    const sgd = trainStep({ loss, optimizer: optax.sgd(0.1, { momentum: 0.9 }) });
    const [before] = run(sgd, sgd.init(start), 2).trees.slice(-1);
    const adam = trainStep({ loss, optimizer: optax.adam(0.1) });
    expect(bits(adam.adopt(before).optState)).to.equal(bits(adam.init(start).optState));
  });

  it('gives predicates each parameter once for a set of parameters', () => {
    const asked: string[] = [];
    const step = trainStep({ loss, optimizer: optax.sgd(0.1), trainable: gradualUnfreezing({ 0: (module, name) => asked.push(`${module}/${name}`) > 0 && module === 'head', 1: '**' }) });
    run(step, step.init(start), 3);
    expect(asked).to.deep.equal(['head/b', 'head/w', 'trunk/b', 'trunk/w']);
  });

  it('a user may write the same by hand', () => {
    const step = trainStep({ loss, optimizer: optax.sgd(0.1), trainable: gradualUnfreezing({ 0: 'head', 2: 'trunk' }) });
    const { trees } = run(step, step.init(start), 4);
    let [trainable, frozen] = hk.unfreeze(start, 'head');
    const optimizer = optax.sgd(0.1);
    const once = jit((p: hk.Params, q: hk.Params) => {
      const grads = grad((t: hk.Params) => loss(hk.dataStructures.merge(t, q), null, { state: {}, rng: null }))(p);
      return optax.applyUpdates(p, optimizer.update(grads, optimizer.init(p), p)[0]);
    });
    for (let i = 0; i < 4; i++) {
      if (i === 2) [trainable, frozen] = hk.unfreeze([trainable, frozen], 'trunk');
      trainable = once(trainable, frozen) as typeof trainable;
    }
    expect(distance(trainable, trees[3].trainable)).to.be.below(1e-6);
  });

  it('is Adam of each parameter by itself, over the steps in which it trains: any schedule', () => {
    const modules = ['a', 'b', 'c'];
    const starts = [0, 2, 3, 5];
    const target = { a: 1, b: -2, c: 0.5 } as Record<string, number>;
    const quadratic: Loss = (p) => modules.map((m) => jnp.square(p[m].w.sub(target[m])).mul(0.5)).reduce((x, y) => x.add(y));
    const [rate, b1, b2] = [0.1, 0.9, 0.999];
    const phases = fc.array(fc.subarray(modules, { minLength: 1 }), { minLength: starts.length, maxLength: starts.length });
    fc.assert(fc.property(phases, (active) => {
      const events = Object.fromEntries(starts.map((at, k) => [at, {
        unfreeze: active[k].filter((m) => !active[k - 1]?.includes(m)), freeze: (active[k - 1] ?? []).filter((m) => !active[k].includes(m)),
      }]));
      const step = trainStep({ loss: quadratic, optimizer: optax.adam(rate), trainable: gradualUnfreezing(events) });
      const { trees } = run(step, step.init(Object.fromEntries(modules.map((m) => [m, { w: jnp.zeros([]) }]))), 8);
      const expected = Object.fromEntries(modules.map((m) => [m, { w: 0, mu: 0, nu: 0, count: 0 }]));
      trees.forEach((tree, i) => {
        for (const m of active[starts.findLastIndex((at) => at <= i)]) {
          const s = expected[m];
          const g = s.w - target[m];
          [s.mu, s.nu, s.count] = [b1 * s.mu + (1 - b1) * g, b2 * s.nu + (1 - b2) * g * g, s.count + 1];
          s.w -= rate * (s.mu / (1 - b1 ** s.count)) / (Math.sqrt(s.nu / (1 - b2 ** s.count)) + 1e-8);
        }
        for (const m of modules) expect(whole(tree)[m].w.item(), `${m} after step ${i}`).to.be.closeTo(expected[m].w, 1e-5);
      });
    }), { numRuns: process.env['HOKKU_LONG'] ? 200 : 12, seed: 7 });
  });

  it('tells each group the loss, its gradient, and what its own values do to the loss', () => {
    // A step by the loss itself, computed again at the present values: the same as by the loss that the step has.
    const by = (value: (extra: any, params: hk.Params) => Array): optax.GradientTransformation => ({
      init: () => null,
      update: (grads, state, params, extra) => [tree.map((g: Array, h: Array) => g.add(h).mul(value(extra, params)).mul(-0.05), grads, extra!['grad']), state],
    });
    for (const trainable of [undefined, schedule()]) {
      const [one, two] = [by((extra) => extra.value), by((extra, params) => extra.valueFn(params))].map((optimizer) => {
        const step = trainStep({ loss, optimizer, trainable });
        return run(step, step.init(start), 8).trees.at(-1)!;
      });
      expect(distance(one.trainable, two.trainable)).to.be.below(1e-5);
      expect(distance(one.trainable.head, start.head)).to.be.above(1e-3);
    }
  });

  it('refuses schedules that cannot be', () => {
    refused(() => gradualUnfreezing({ 5: 'head' }), 'ValueError', /what trains from step 0 on; the first step here is 5/);
    refused(() => gradualUnfreezing({}), 'ValueError', /what trains from step 0 on\./);
    refused(() => gradualUnfreezing({ '-1': 'head' } as never), 'ValueError', /'-1' is no step/);
    refused(() => gradualUnfreezing({ 0: { unfreez: 'head' } as never }), 'TypeError', /step 0: unknown option 'unfreez'; did you mean 'unfreeze'/);
    refused(() => gradualUnfreezing('head' as never), 'TypeError', /expected \{ step: what trains from then on \}/);
    const init = (events: Parameters<typeof gradualUnfreezing>[0]) => () => trainStep({ loss, optimizer: optax.sgd(0.1), trainable: gradualUnfreezing(events) }).init(start);
    refused(init({ 0: 'head', 10: 'trnk' }), 'ValueError', /step 10: the pattern 'trnk' matches none of the parameters; did you mean 'trunk'/);
    refused(init({ 0: 'head', 10: { freeze: '**' } }), 'ValueError', /from step 10 on nothing trains; the modules are head, trunk/);
    refused(init({ 0: (() => jnp.ones([4, 2], { dtype: 'bool' })) as never }), 'TypeError', /answers with an array/);
    refused(init({ 0: 3 as never }), 'TypeError', /step 0: expected a glob/);
    refused(() => generateArtifacts({ loss, params: start, optimizer: optax.sgd(0.1), trainable: schedule() as never, batch: x }, 'nowhere'), 'ValueError', /generate some for each phase/);
  });
});
