import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { config, grad, jit, numpy as jnp, random, stopGradient, tree, type Array } from '../../lib/jax/index.js';
import { buildModel } from '../../lib/jax/program.js';
import * as optax from '../../lib/optax/index.js';
import { trainStep, type Loss, type TrainStep, type TrainTree } from '../../lib/training/index.js';
import { refused } from '../haiku/helpers.js';
import { ENGINES, MIDDLE, batches, bits, distance, loss, newParams, notMiddle } from './notebook.js';

const params = newParams();
const data = batches(8);

/** The carry after one step for each batch, and the losses. */
function train(step: TrainStep, carry: TrainTree, over: readonly unknown[]): [TrainTree, number[]] {
  const losses: number[] = [];
  for (const b of over) {
    const [next, result] = step(carry, b);
    carry = next;
    losses.push(result.loss.item());
  }
  return [carry, losses];
}
const repeated = (n: number) => globalThis.Array.from({ length: n }, (_, i) => data[i % data.length]);

/** A carry's bits, whichever kind of object it is. */
const carried = (carry: TrainTree): string => bits({ ...carry });

/** `Error` that a promise was rejected with. */
async function rejection(p: Promise<unknown>): Promise<Error> {
  try { await p; } catch (error) { return error as Error; }
  throw new Error('the promise was kept');
}

// A model of one weight for tests of the step's own rules.
const tiny = (): hk.Params => ({ line: { w: jnp.array([1, 2, 3]) } });
const ones = jnp.ones([3]);
const dot: Loss = (p, x) => jnp.sum(p.line.w.mul(x));

const OPTIMIZERS: Record<string, () => optax.GradientTransformation> = {
  sgd: () => optax.sgd(0.1),
  momentum: () => optax.sgd(0.1, { momentum: 0.9 }),
  adam: () => optax.adam(1e-3),
  'adamw and clipByGlobalNorm': () => optax.chain(optax.clipByGlobalNorm(1), optax.adamw(1e-3)),
  'sgd with a schedule': () => optax.sgd(optax.exponentialDecay(0.1, 10, 0.5)),
};

describe('trainStep', () => {
  it('makes the loss fall', () => {
    const step = trainStep({ loss, optimizer: optax.adam(1e-2), trainable: notMiddle });
    const [, losses] = train(step, step.init(params), repeated(200));
    expect(losses[0]).to.be.closeTo(Math.log(10), 0.3);
    expect(losses.at(-1)!).to.be.below(0.5);
  });

  for (const { name: engineName, missing } of ENGINES) {
    describe(`on ${engineName}`, () => {
      before(function () {
        if (missing) {
          console.log(`      pending: ${missing}`);
          this.skip();
        }
      });
      for (const [name, make] of Object.entries(OPTIMIZERS)) {
        it(`equals a jitted step written by hand: ${name}`, () => {
          const optimizer = make();
          const step = trainStep({ loss, optimizer, trainable: notMiddle }, { engine: engineName });
          let [trainable, fixed]: hk.Params[] = hk.dataStructures.partition(notMiddle, params);
          let state = optimizer.init(trainable);
          const byHand = jit((t: hk.Params, f: hk.Params, s: optax.OptState, b: unknown) => {
            const grads = grad((p: hk.Params) => loss(hk.dataStructures.merge(p, f), b as never))(t);
            const [updates, next] = optimizer.update(grads, s, t);
            return [optax.applyUpdates(t, updates), next];
          }, { engine: engineName });
          let carry = step.init(params);
          for (const b of repeated(20)) {
            [carry] = step(carry, b);
            [trainable, state] = byHand(trainable, fixed, state, b);
          }
          expect(distance(carry.trainable, trainable)).to.be.below(1e-6);
          expect(distance(carry.optState, state)).to.be.below(1e-5);
          expect(carry.step.item()).to.equal(20);
        });
      }
    });
  }

  it('gives the same on both engines, over 300 steps of the notebook', function () {
    const missing = ENGINES.find((e) => e.missing);
    if (missing) {
      console.log(`      pending: ${missing.missing}`);
      this.skip();
    }
    const [stock, training] = ENGINES.map(({ name }) => {
      const step = trainStep({ loss, optimizer: optax.sgd(0.1), trainable: notMiddle }, { engine: name });
      return train(step, step.init(params), repeated(300));
    });
    expect(distance(stock[0].trainable, training[0].trainable)).to.be.below(1e-5);
    stock[1].forEach((l, i) => expect(Math.abs(l - training[1][i]) / l, `step ${i}`).to.be.below(1e-5));
  });

  it('leaves frozen parameters alone, to the bit, and repeats itself, to the bit', () => {
    const before = bits(params);
    const optimizer = optax.chain(optax.clipByGlobalNorm(0.5), optax.adamw(1e-3, { weightDecay: 0.1 }));
    const [one, two] = [0, 1].map(() => {
      const step = trainStep({ loss, optimizer, trainable: notMiddle });
      return train(step, step.init(params, { rng: random.PRNGKey(1) }), repeated(1000));
    });
    expect(bits(one[0].nonTrainable)).to.equal(bits({ [MIDDLE]: params[MIDDLE] }));
    expect(bits(params), 'what init was given').to.equal(before);
    expect(one[1]).to.deep.equal(two[1]);
    expect(carried(one[0])).to.equal(carried(two[0]));
  });

  it('takes scalars that nobody has computed yet, into a known program too', () => {
    const step = trainStep({ loss: (p, x) => jnp.sum(p.line.w.mul(x)).add(p.still.w), optimizer: optax.sgd(0.1), trainable: 'line' });
    const begin = () => step.init({ ...tiny(), still: { w: jnp.zeros([]) } });
    for (let i = 0; i < 2; i++) expect(step(begin(), ones)[0].step.item()).to.equal(1);
  });

  it('is the caller\'s program: the frozen arrays themselves pass through', () => {
    const step = trainStep({ loss, optimizer: optax.sgd(0.1), trainable: notMiddle });
    const [carry] = train(step, step.init(params), data);
    expect(carry.nonTrainable[MIDDLE].w).to.equal(params[MIDDLE].w);
  });

  describe('computes nothing for what is frozen', () => {
    /** How many matrix products the step's model holds, whatever the engine makes of it afterwards. */
    function products(step: TrainStep, carry: TrainTree): number {
      const { jaxpr } = step.lower(carry, data[0]);
      return buildModel(jaxpr, new Map(), true).graph.nodes.filter((n) => ['MatMul', 'Gemm', 'Product'].includes(n.op)).length;
    }
    const last = (module: string) => module === 'mlp/~/linear_2';
    const labels = (choose: (module: string) => boolean) => (p: hk.Params) => hk.dataStructures.map((module) => (choose(module) ? 'train' : 'freeze'), p);
    const mask = (choose: (module: string) => boolean) => (p: hk.Params) => hk.dataStructures.map((module) => choose(module), p);
    const opt = () => optax.adamw(1e-3);
    const stopped = (choose: (module: string) => boolean): Loss => (p, b) =>
      loss(hk.dataStructures.map((module, _, value: Array) => (choose(module) ? value : stopGradient(value)), p as hk.Params), b);
    const ways: Record<string, (choose: (module: string) => boolean) => { loss: Loss; optimizer: optax.GradientTransformation; trainable?: (module: string) => boolean }> = {
      'trainable': (choose) => ({ loss, optimizer: opt(), trainable: choose }),
      'optax.multiTransform with setToZero': (choose) => ({ loss, optimizer: optax.multiTransform({ train: opt(), freeze: optax.setToZero() }, labels(choose)) }),
      'optax.masked and a masked setToZero': (choose) => ({ loss, optimizer: optax.chain(optax.masked(opt(), mask(choose)), optax.masked(optax.setToZero(), mask((m) => !choose(m)))) }),
      'stopGradient': (choose) => ({ loss: stopped(choose), optimizer: optax.sgd(0.1) }),
    };
    for (const [way, specify] of Object.entries(ways)) {
      it(`said by ${way}`, () => {
        const count = (choose: (module: string) => boolean) => {
          const step = trainStep(specify(choose));
          return products(step, step.init(params));
        };
        expect(count(() => true), 'all').to.equal(8);
        expect(count(notMiddle), 'all but the middle layer').to.equal(7);
        expect(count(last), 'only the last layer').to.equal(4);
      });
      it(`and moves no bit of it: ${way}`, () => {
        const step = trainStep(specify(notMiddle));
        const [carry] = train(step, step.init(params), data);
        expect(bits((carry.trainable[MIDDLE] ?? carry.nonTrainable[MIDDLE]))).to.equal(bits(params[MIDDLE]));
        expect(bits(carry.trainable['mlp/~/linear_0'])).not.to.equal(bits(params['mlp/~/linear_0']));
      });
    }

    it('keeps no optimizer state for it', () => {
      const sizes = (t: unknown) => tree.leaves(t).map((x) => (x as Array).size).filter((n) => n > 1).sort((a, b) => a - b);
      for (const way of Object.keys(ways).slice(0, 3)) {
        const step = trainStep(ways[way](last));
        expect(sizes(step.init(params).optState), way).to.deep.equal([10, 10, 1000, 1000]);
      }
    });
  });

  describe('state', () => {
    const net = hk.transformWithState((x: Array) => {
      const count = hk.getState('count', [], { dtype: 'int32', init: jnp.zeros });
      hk.setState('count', count.add(1));
      const mean = hk.getState('mean', [], { init: jnp.zeros });
      hk.setState('mean', mean.mul(0.9).add(jnp.mean(x).mul(0.1)));
      return new hk.Linear(1)(x);
    });
    const stateful: Loss = (p, x, { state, rng }) => {
      const [y, next] = net.apply(p, state, rng, x);
      return [jnp.mean(y.mul(y)), { state: next, aux: { y } }];
    };
    it('is carried from step to step', () => {
      const x = jnp.ones([4, 2]);
      const [p, state] = net.init(random.PRNGKey(0), x);
      const step = trainStep({ loss: stateful, optimizer: optax.sgd(0.01) });
      let carry = step.init(p, { state });
      let mean = 0;
      for (let i = 0; i < 5; i++) {
        const [next, { aux }] = step(carry, x.mul(i));
        carry = next;
        mean = 0.9 * mean + 0.1 * i;
        expect(aux.y.shape).to.deep.equal([4, 1]);
      }
      const [own] = Object.values(carry.state);
      // `init` ran the function once, and counted.
      expect(own.count.item() - state[Object.keys(state)[0]].count.item()).to.equal(5);
      expect(own.mean.item()).to.be.closeTo(mean + 0.9 ** 5 * state[Object.keys(state)[0]].mean.item(), 1e-5);
    });

    it('may hold one value twice, the loss, a number, or what the step was lent', () => {
      const step = trainStep({
        optimizer: optax.sgd(0.1),
        loss: (p, { x }, { state: { m } }) => {
          const l = dot(p, x, undefined as never) as Array;
          const n = m.a.add(1);
          return [l, { state: { m: { a: n, b: n, last: l, seven: 7, batch: x, before: p.line.w, fixed: p.still.w } }, aux: [n, x, p.line.w] }];
        },
        trainable: 'line',
      });
      const zero = jnp.zeros([]);
      const still = jnp.array([4, 5]);
      let carry = step.init({ ...tiny(), still: { w: still } }, { state: { m: { a: 0.5, b: 0.5, last: zero, seven: jnp.zeros([], { dtype: 'int32' }), batch: ones, before: ones, fixed: jnp.zeros([2]) } } });
      const losses: Array[] = [];
      const old: Array[] = [];
      for (let i = 0; i < 3; i++) {
        const [next, result] = step(carry, { x: ones });
        [carry] = [next];
        losses.push(result.loss);
        old.push(result.aux[2]);
      }
      expect(losses.map((l) => +l.item().toFixed(4))).to.deep.equal([6, 5.7, 5.4]);
      expect(old.map((w) => +w.index(0).item().toFixed(4)), 'the parameters before each step').to.deep.equal([1, 0.9, 0.8]);
      expect(tree.map((x: Array) => x.tolist(), { ...carry.state.m, last: null, before: null })).to.deep.equal({ a: 3.5, b: 3.5, last: null, seven: 7, batch: [1, 1, 1], before: null, fixed: [4, 5] });
      expect(carry.state.m.before.index(0).item()).to.be.closeTo(0.8, 1e-6);
      expect(ones.tolist(), 'the batch is still the caller\'s').to.deep.equal([1, 1, 1]);
      expect(still.tolist()).to.deep.equal([4, 5]);
    });
  });

  describe('rng', () => {
    const masks: Loss = (p, x, { rng }) => {
      const dropped = hk.dropout(rng!, 0.5, x);
      return [jnp.sum(p.line.w.index(0).mul(dropped)), { aux: { dropped, rng } }];
    };
    it('is another key in every step, foldIn(rng, step)', () => {
      const key = random.PRNGKey(7);
      const step = trainStep({ loss: masks, optimizer: optax.sgd(0.1) });
      let carry = step.init(tiny(), { rng: key });
      const x = jnp.ones([64]);
      const seen = new Set<string>();
      for (let i = 0; i < 5; i++) {
        const [next, { aux }] = step(carry, x);
        carry = next;
        const wanted = random.foldIn(key, i);
        expect(aux.rng.tolist()).to.deep.equal(wanted.tolist());
        expect(aux.dropped.tolist()).to.deep.equal(hk.dropout(wanted, 0.5, x).tolist());
        seen.add(bits(aux.dropped));
      }
      expect(seen.size).to.equal(5);
      expect(carry.rng!.tolist()).to.deep.equal(key.tolist());
    });
    it('is null where none was given', () => {
      const step = trainStep({ loss: (p, x, { rng }) => { expect(rng).to.equal(null); return dot(p, x, undefined as never); }, optimizer: optax.sgd(0.1) });
      step(step.init(tiny()), ones);
    });
  });

  describe('async', () => {
    const specification = { loss, optimizer: optax.adam(1e-3), trainable: notMiddle };
    it('equals the call', async () => {
      const step = trainStep(specification);
      let carry = step.init(params);
      const losses: number[] = [];
      for (const b of repeated(20)) {
        const [next, result] = await step.async(carry, b);
        carry = next;
        losses.push(result.loss.item());
      }
      const [wanted, wantedLosses] = train(step, step.init(params), repeated(20));
      expect(losses).to.deep.equal(wantedLosses);
      expect(carried(carry)).to.equal(carried(wanted));
    });

    it('refuses to begin after an abort, and the carry stays', async () => {
      const step = trainStep(specification);
      const carry = step.init(params);
      const before = carried(carry);
      const error = await rejection(step.async(carry, data[0], { signal: AbortSignal.abort() }));
      expect(error).to.have.property('code', 'ABORT_ERR');
      expect(carried(carry)).to.equal(before);
      const [next] = step(carry, data[0]);
      expect(next.step.item()).to.equal(1);
    });

    it('never stops inside a step: it is made whole or not at all', async () => {
      const step = trainStep(specification);
      const [wanted] = train(step, step.init(params), [data[0]]);
      let whole = 0;
      for (let i = 0; i < 30; i++) {
        const controller = new AbortController();
        const carry = step.init(params);
        const untouched = carried(carry);
        const running = step.async(carry, data[0], { signal: controller.signal });
        if (i % 3 === 0) controller.abort();
        else if (i % 3 === 1) setImmediate(() => controller.abort());
        else queueMicrotask(() => controller.abort());
        try {
          const [next] = await running;
          whole++;
          expect(carried(next)).to.equal(carried(wanted));
        } catch (error) {
          expect(error).to.have.property('code', 'ABORT_ERR');
          // An abort that came too late is told after a whole step; otherwise nothing was touched.
          expect([untouched, carried(wanted)]).to.include(carried(carry));
        }
      }
      expect(whole).to.be.at.least(0);
    });

    it('refuses a carry that another step is using', async () => {
      const step = trainStep(specification);
      const carry = step.init(params);
      const first = step.async(carry, data[0]);
      expect(await rejection(step.async(carry, data[0]))).to.have.property('name', 'DisposedError');
      const [next] = await first;
      expect(next.step.item()).to.equal(1);
    });
  });

  describe('refuses', () => {
    const step = trainStep({ loss: dot, optimizer: optax.sgd(0.1) });

    it('a carry that was used before', () => {
      const carry = step.init(tiny());
      const [next] = step(carry, ones);
      refused(() => step(carry, ones), 'DisposedError', /was donated to a compiled function and is gone/);
      refused(() => carry.trainable.line.w.data, 'DisposedError', /donated/);
      expect(step(next, ones)[0].step.item(), 'the new one is unharmed').to.equal(2);
    });

    it('a selection of nothing', () => refused(() => trainStep({ loss: dot, optimizer: optax.sgd(0.1), trainable: 'lime' }).init(tiny()), 'ValueError', /'lime' matches none of the parameters; did you mean 'line'\? The modules are line\./));
    it('a selection that is neither a function nor patterns', () => {
      refused(() => trainStep({ loss: dot, optimizer: optax.sgd(0.1), trainable: 3 as never }).init(tiny()), 'TypeError', /expected a glob, .* but got number/);
      refused(() => trainStep({ loss: dot, optimizer: optax.sgd(0.1), trainable: [3] as never }).init(tiny()), 'TypeError', /got number/);
    });
    it('async losses, and promises', () => {
      refused(() => trainStep({ loss: (async () => ones) as never, optimizer: optax.sgd(0.1) }), 'TypeError', /loss is async/);
      const late = trainStep({ loss: (() => Promise.resolve(ones)) as never, optimizer: optax.sgd(0.1) });
      refused(() => late(late.init(tiny()), ones), 'TypeError', /a promise/);
    });
    it('what is no optimizer, and a learning rate that is no number', () => {
      refused(() => trainStep({ loss: dot, optimizer: optax.sgd as never }), 'TypeError', /must be a gradient transformation/);
      refused(() => optax.sgd(NaN), 'ValueError', /finite number, but got NaN/);
    });
    it('a loss of another shape, and extras that it does not know', () => {
      const wrong = trainStep({ loss: (p, x) => p.line.w.mul(x), optimizer: optax.sgd(0.1) });
      refused(() => wrong(wrong.init(tiny()), ones), 'TypeError', /must be a scalar, but is f32\[3\]/);
      const extra = trainStep({ loss: (p, x) => [dot(p, x, undefined as never) as Array, { accuracy: 1 } as never], optimizer: optax.sgd(0.1) });
      refused(() => extra(extra.init(tiny()), ones), 'TypeError', /put 'accuracy' into aux/);
    });
    it('misspelt options', () => {
      refused(() => trainStep({ los: dot, optimizer: optax.sgd(0.1) } as never), 'TypeError', /did you mean 'loss'/);
      refused(() => trainStep({ loss: dot, optimizer: optax.sgd(0.1) }, { engin: 'onnxruntime' } as never), 'TypeError', /did you mean 'engine'/);
      refused(() => step.init(tiny(), { rgn: null } as never), 'TypeError', /did you mean 'rng'/);
    });
    it('an engine that does not exist', () => {
      const unknown = trainStep({ loss: dot, optimizer: optax.sgd(0.1) }, { engine: 'onnxruntime-trainning' as never });
      refused(() => unknown(unknown.init(tiny()), ones), 'EngineNotFoundError', /nearest is 'onnxruntime-training'/);
    });
    it('state of another structure, shape or dtype', () => {
      const returning = (m: object) => trainStep({ loss: (p, x) => [dot(p, x, undefined as never) as Array, { state: m as never }], optimizer: optax.sgd(0.1) });
      const state = { m: { a: jnp.zeros([]) } };
      for (const [m, message] of [
        [{ m: { a: jnp.zeros([]), b: jnp.zeros([]) } }, /state has another structure/],
        [{ m: { a: jnp.zeros([2]) } }, /'state\/m\/a' is f32\[\] before the step and f32\[2\] after/],
        [{ m: { a: jnp.zeros([], { dtype: 'int32' }) } }, /is f32\[\] before the step and i32\[\] after/],
      ] as [object, RegExp][]) {
        const s = returning(m);
        refused(() => s(s.init(tiny(), { state }), ones), 'ValueError', message);
      }
    });
    it('halves that overlap', () => {
      const carry = step.init(tiny());
      refused(() => step({ ...carry, nonTrainable: tiny() }, ones), 'ValueError', /'line', 'w' is both trainable and not/);
    });
    it('what is no carry, no key, no batch', () => {
      for (const wrong of [null, 3, tiny()]) refused(() => step(wrong as never, ones), 'TypeError', /the first argument must be the tree/);
      refused(() => step(step.init(tiny()), new Float32Array(3)), 'TypeError', /convert lists and typed arrays with jnp\.array/);
      const keyed = step.init(tiny(), { rng: ones });
      refused(() => step(keyed, ones), 'ShapeError', /expected a key/);
    });
    it('integers that are to be trained', () => refused(() => step(step.init({ line: { w: jnp.array([1, 2, 3], { dtype: 'int32' }) } }), ones), 'TypeError', /floating-point/));
  });

  it('changes nothing when a step fails', () => {
    const step = trainStep({ loss, optimizer: optax.adam(1e-3), trainable: notMiddle });
    let [carry] = train(step, step.init(params), data.slice(0, 2));
    const before = carried(carry);
    // Labels must be integers to be classes, and rows must fit the first layer.
    const bad: unknown[] = [{ x: data[0].x.reshape([5, 2]), y: data[0].y }, { x: data[0].x, y: 'many' }, {}, null];
    for (const b of bad) expect(() => step(carry, b)).to.throw();
    const elsewhere = trainStep({ loss: (p, b, c) => [loss(p, b), { state: { other: c.state as never } }], optimizer: optax.adam(1e-3), trainable: notMiddle });
    expect(() => elsewhere(carry, data[0])).to.throw();
    expect(carried(carry)).to.equal(before);
    [carry] = step(carry, data[2]);
    expect(carry.step.item()).to.equal(3);
  });

  it('gives what was there before the update, under another shape too', () => {
    const matrix = { line: { w: jnp.array([[1, 2, 3], [4, 5, 6]]) } };
    const step = trainStep({ loss: (p, x) => [jnp.sum(p.line.w.reshape([6]).mul(x)), { aux: [p.line.w.reshape([3, 2]), p.line.w.reshape([6]).mul(2)] }], optimizer: optax.sgd(0.5) });
    let carry = step.init(matrix);
    for (let i = 0; i < 3; i++) {
      const before = (carry.trainable.line.w.tolist() as number[][]).flat();
      const [next, result] = step(carry, jnp.ones([6]));
      carry = next;
      expect(result.loss.item()).to.equal(before.reduce((a, b) => a + b, 0));
      expect(result.aux.map((x: Array) => (x.tolist() as number[]).flat())).to.deep.equal([before, before.map((v) => 2 * v)]);
      expect((next.trainable.line.w.tolist() as number[][]).flat()).to.deep.equal(before.map((v) => v - 0.5));
    }
  });

  it('serves 64 shapes of batches, and numbers in them, each traced once', () => {
    let traced = 0;
    const step = trainStep({ loss: (p, { x, k }) => { traced++; return jnp.mean(x.mul(p.line.w.index(0))).mul(k); }, optimizer: optax.sgd(1e-3) });
    let carry = step.init(tiny());
    for (let round = 0; round < 3; round++) for (let n = 1; n <= 64; n++) [carry] = step(carry, { x: jnp.ones([n]), k: 0.5 });
    expect(carry.step.item()).to.equal(3 * 64);
    expect(carry.trainable.line.w.index(0).item()).to.be.closeTo(1 - 3 * 64 * 0.5e-3, 1e-4);
    expect(traced).to.equal(64);
  });

  it('takes a carry in pieces, rebuilt, and in plain objects', () => {
    const step = trainStep({ loss, optimizer: optax.adam(1e-3), trainable: notMiddle });
    const [wanted] = train(step, step.init(params), data.slice(0, 3));
    let carry: TrainTree = step.init(params);
    [carry] = step({ ...carry }, data[0]);
    [carry] = step(tree.map((x: Array) => x.add(0), { ...carry }) as TrainTree, data[1]);
    [carry] = step({ ...carry, trainable: { ...carry.trainable } }, data[2]);
    expect(carried(carry)).to.equal(carried(wanted));
  });

  it('runs on the engine that config names, also where that changes', () => {
    if (ENGINES[1].missing) return;
    const step = trainStep({ loss: dot, optimizer: optax.sgd(0.1) });
    const carry = step.init(tiny());
    try {
      for (const name of ['onnxruntime', 'onnxruntime-training', 'onnxruntime'] as const) {
        config.engine = name;
        expect(step.lower(carry, ones).target.engine).to.equal(name);
      }
    } finally { config.engine = 'onnxruntime'; }
  });
});
