import { expect } from 'chai';
import { nn, numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { TrainingSession, generateArtifacts, trainStep, type Loss, type TrainTree, type TrainStep } from '../../lib/training/index.js';
import { refused } from '../haiku/helpers.js';
import { needsTraining, temporaryFolder } from './artifacts-helpers.js';
import { ENGINES, bits, distance } from './notebook.js';

// A table of words of which only some are learnt, and a head on it. One of the others holds numbers that arithmetic would change.
const WORDS = 6;
const LEARNT = [1, 4, 5];
const rows = jnp.array(globalThis.Array.from({ length: WORDS }, (_, i) => LEARNT.includes(i))).reshape([WORDS, 1]);
const values = random.normal(random.PRNGKey(0), [WORDS, 3]).data as Float32Array;
values.set([-0, 1e-40, 3e38], 6);
const table = jnp.array(values).reshape([WORDS, 3]);
const head = { w: random.normal(random.PRNGKey(1), [3, 2]), b: jnp.zeros([2]) };
const params = { embed: { table }, head };

const BATCH = [jnp.array(new Int32Array([0, 1, 3, 4, 5, 1])), jnp.array(new Int32Array([0, 1, 1, 0, 1, 1]))];
const crossEntropy = (table: Array, { w, b }: { w: Array; b: Array }, [words, y]: Array[]): Array =>
  jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(jnp.matmul(jnp.take(table, words, { axis: 0 }), w).add(b), y)).add(jnp.mean(jnp.tanh(table)).mul(0.1));
const loss: Loss = (p, batch) => crossEntropy(p.embed.table, p.head, batch);
/** The same with the rows that train as a parameter of their own. */
const order = [...LEARNT, 0, 2, 3];
const apart: Loss = (p, batch) => crossEntropy(jnp.take(jnp.concatenate([p.some.table, p.others.table]), jnp.array(order.map((_, i) => order.indexOf(i))).astype('int32'), { axis: 0 }), p.head, batch);
const pick = (which: readonly number[]): Array => jnp.take(table, jnp.array(which).astype('int32'), { axis: 0 });
const split = { some: { table: pick(LEARNT) }, others: { table: pick([0, 2, 3]) }, head };

const OPTIMIZERS: Record<string, () => optax.GradientTransformation> = {
  sgd: () => optax.sgd(0.1),
  'momentum and weight decay': () => optax.chain(optax.addDecayedWeights({ weightDecay: 0.1 }), optax.sgd(0.1, { momentum: 0.9, nesterov: true })),
  adamw: () => optax.adamw(0.03, { weightDecay: 0.3 }),
  'adamw behind a clip': () => optax.chain(optax.clipByGlobalNorm(0.1), optax.adamw(0.03, { weightDecay: 0.3 })),
};

function train(step: TrainStep, carry: TrainTree, steps = 12): TrainTree {
  for (let i = 0; i < steps; i++) [carry] = step(carry, BATCH);
  return carry;
}
const only = (table: Array, which: readonly number[]): Array => jnp.take(table, jnp.array(which).astype('int32'), { axis: 0 });

describe('a mask', () => {
  for (const { name: engine, missing } of ENGINES) {
    for (const [name, make] of Object.entries(OPTIMIZERS)) {
      it(`lets some rows learn as if they were a parameter of their own, and the others keep their bits: ${name}, on ${engine}`, function () {
        if (missing) {
          console.log(`      pending: ${missing}`);
          this.skip();
        }
        const masked = trainStep({ loss, optimizer: make(), trainable: { embed: { table: rows }, head: true } }, { engine });
        const { trainable } = train(masked, masked.init(params));
        const two = trainStep({ loss: apart, optimizer: make(), trainable: '!others' }, { engine });
        const wanted = train(two, two.init(split)).trainable;
        expect(bits(only(trainable.embed.table, [0, 2, 3])), 'what does not train').to.equal(bits(only(table, [0, 2, 3])));
        expect(distance({ some: { table: only(trainable.embed.table, LEARNT) }, head: trainable.head }, wanted)).to.be.below(1e-5);
      });
    }
  }

  it('may mark single elements, by a function too', () => {
    const marks = jnp.greater(table, 0);
    const step = trainStep({ loss, optimizer: optax.adamw(0.1, { weightDecay: 0.1 }), trainable: (module, _name, value) => module === 'embed' && jnp.greater(value, 0) });
    const carry = step.init(params);
    expect(carry.mask!.embed.table.tolist()).to.deep.equal(marks.tolist());
    const after = train(step, carry);
    const kept = (t: Array): string => bits(jnp.where(marks, 0, t));
    expect(kept(after.trainable.embed.table)).to.equal(kept(table));
    expect(distance(after.trainable.embed.table, table)).to.be.above(1e-3);
    expect(after.nonTrainable.head.w, 'what is not marked at all is not even copied').to.equal(head.w);
  });

  it('costs nothing where nothing is masked, and what is masked whole is frozen', () => {
    const plain = trainStep({ loss, optimizer: optax.adam(0.1) });
    const text = plain.lower(plain.init(params), BATCH).text;
    const every = trainStep({ loss, optimizer: optax.adam(0.1), trainable: (_m, _n, value) => jnp.onesLike(value, { dtype: 'bool' }) });
    expect(every.lower(every.init(params), BATCH).text).to.equal(text);
    const frozen = trainStep({ loss, optimizer: optax.adam(0.1), trainable: 'head' });
    const none = trainStep({ loss, optimizer: optax.adam(0.1), trainable: { embed: { table: jnp.zeros([WORDS, 1], { dtype: 'bool' }) }, head: true } });
    expect(none.lower(none.init(params), BATCH).text).to.equal(frozen.lower(frozen.init(params), BATCH).text);
  });

  it('is part of the tree, or made again where it is missing there', () => {
    const step = trainStep({ loss, optimizer: OPTIMIZERS.adamw(), trainable: { embed: { table: rows }, head: true } });
    const whole = train(step, step.init(params), 6);
    const { mask, ...without } = train(step, step.init(params), 3);
    expect(mask!.embed.table.tolist()).to.deep.equal(rows.tolist());
    expect(bits({ ...train(step, without, 3) })).to.equal(bits({ ...whole }));
    const [other] = step({ ...step.init(params), mask: { embed: { table: jnp.logicalNot(rows) } } }, BATCH);
    expect(bits(only(other.trainable.embed.table, LEARNT)), 'the tree rules').to.equal(bits(only(table, LEARNT)));
  });

  it('holds in artifacts too', function () {
    needsTraining.call(this);
    const directory = folder();
    const trainable = { embed: { table: rows }, head: true };
    const artifact: Loss = (p, [words, y]) => jnp.mean(nn.oneHot(y, 2).mul(nn.logSoftmax(jnp.matmul(jnp.take(p.embed.table, words, { axis: 0 }), p.head.w).add(p.head.b)))).neg();
    const options = { loss: artifact, params, trainable, optimizer: optax.adamw(0.03, { weightDecay: 0.3 }), batch: BATCH };
    expect(generateArtifacts(options, directory).style).to.equal('in-graph');
    using session = TrainingSession.load(directory);
    for (let i = 0; i < 12; i++) session.trainStep(BATCH);
    const after = session.params();
    const step = trainStep({ loss: artifact, optimizer: options.optimizer, trainable });
    expect(bits(only(after.embed.table, [0, 2, 3]))).to.equal(bits(only(table, [0, 2, 3])));
    expect(distance(only(after.embed.table, LEARNT), only(train(step, step.init(params)).trainable.embed.table, LEARNT))).to.be.below(1e-5);
    refused(() => generateArtifacts({ ...options, style: 'classic' }, folder()), 'ValueError', /classic style .* whole parameters, but trainable has a mask/);
  });
  const folder = temporaryFolder();
});
