import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { checkpoint, numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { gradualUnfreezing, trainStep, type Loss } from '../../lib/training/index.js';
import { refused } from '../haiku/helpers.js';

// Two layers; sizes are such that no two values have as many bytes.
const [N, I, H, O] = [7, 3, 5, 2];
const params: hk.Params = {
  first: { w: random.normal(random.PRNGKey(0), [I, H]) },
  second: { w: random.normal(random.PRNGKey(1), [H, O]), b: jnp.zeros([O]) },
};
const x = jnp.ones([N, I]);
const loss: Loss = (p, x) => jnp.mean(jnp.square(jnp.matmul(jnp.tanh(jnp.matmul(x, p.first.w)), p.second.w).add(p.second.b)));
const [hidden, out] = [4 * N * H, 4 * N * O];
const [first, second] = [4 * I * H, 4 * (H * O + O)];

describe('the report before training', () => {
  const of = (optimizer: optax.GradientTransformation, trainable?: Parameters<typeof trainStep>[0]['trainable']) => trainStep({ loss, optimizer, trainable }).report(params, x);

  it('counts what trains, and what is kept for it', () => {
    const { chosen, everything } = of(optax.sgd(0.1), 'second');
    // The gradient of the second layer reads the hidden values and the output, that of the first tanh's result, which is the same.
    expect(chosen).to.deep.equal({ parameters: second, gradients: second, optimizerState: 0, activations: hidden + out });
    expect(everything).to.deep.equal({ parameters: first + second, gradients: first + second, optimizerState: 0, activations: hidden + out });
    expect(of(optax.sgd(0.1), '**/b').chosen.activations, 'a bias needs the output alone').to.equal(out);
  });
  it('knows the optimizer', () => {
    for (const [optimizer, bytes] of [[optax.adam(1), 2 * second + 4], [optax.sgd(1, { momentum: 0.9 }), second], [optax.chain(optax.clip(1), optax.sgd(optax.exponentialDecay(1, 1, 0.5))), 4]] as const) {
      expect(of(optimizer, 'second').chosen.optimizerState).to.equal(bytes);
    }
  });
  it('knows masks', () => {
    const mask = jnp.array([true, false, false, true, true]).reshape([H, 1]);
    const { parameters } = of(optax.sgd(1), { second: { w: mask, b: true } });
    expect(parameters.map((p) => [`${p.module}/${p.name}`, p.size, p.trains])).to.deep.equal([['first/w', I * H, 0], ['second/b', O, O], ['second/w', H * O, 3 * O]]);
  });
  it('knows the phases of a schedule', () => {
    const step = trainStep({ loss, optimizer: optax.adam(1), trainable: gradualUnfreezing({ 0: '**/b', 10: 'second', 20: 'first', 30: { freeze: 'second' } }) });
    const bytes = [0, 9, 10, 25, 30].map((at) => step.report(params, x, { step: at }).chosen);
    expect(bytes.map((b) => b.parameters)).to.deep.equal([4 * O, 4 * O, second, first + second, first]);
    expect(bytes.map((b) => b.optimizerState)).to.deep.equal([8 * O + 4, 8 * O + 4, 2 * second + 8, 2 * (first + second) + 12, 2 * (first + second) + 12]);
  });
  it('keeps less where activations are computed again', () => {
    const again: Loss = (p, x) => jnp.mean(jnp.square(checkpoint((w: Array, x: Array) => jnp.tanh(jnp.tanh(jnp.tanh(jnp.matmul(x, w)))))(p.first.w, x)));
    const kept: Loss = (p, x) => jnp.mean(jnp.square(jnp.tanh(jnp.tanh(jnp.tanh(jnp.matmul(x, p.first.w))))));
    const [a, b] = [again, kept].map((l) => trainStep({ loss: l, optimizer: optax.sgd(1), trainable: 'first' }).report(params, x).chosen.activations);
    expect([a, b]).to.deep.equal([hidden, 3 * hidden]);
  });
  it('takes state and a key, and calls nothing but the loss, on traced values', () => {
    let calls = 0;
    const step = trainStep({ loss: (p, x, { state, rng }) => { calls++; return jnp.mean(p.first.w.mul(state.m.s).mul(random.uniform(rng!, [H]))); }, optimizer: optax.sgd(1), trainable: 'first' });
    expect(step.report(params, x, { state: { m: { s: jnp.ones([]) } }, rng: random.PRNGKey(0) }).chosen.parameters).to.equal(first);
    expect(calls).to.equal(2);
    refused(() => step.report(params, x, { states: {} } as never), 'TypeError', /did you mean 'state'/);
    refused(() => step.report(params, x, { step: -1 }), 'ValueError', /^trainStep\.report: step must be a whole number from 0 on, but got -1/);
  });

  it('is a table to read', () => {
    const mask = jnp.array([true, false, false, true, true]).reshape([H, 1]);
    expect(String(of(optax.adam(1), { second: { w: mask, b: true } }))).to.equal(`\
+----------+--------------+---------+----------+----------+
| Module   | Parameters   |   Count |    Bytes |   Trains |
+==========+==============+=========+==========+==========+
| first    | w: f32[3,5]  |      15 |  60.00 B |       no |
+----------+--------------+---------+----------+----------+
| second   | b: f32[2]    |      12 |  48.00 B |  8 of 12 |
|          | w: f32[5,2]  |         |          |          |
+----------+--------------+---------+----------+----------+
| all      |              |      27 | 108.00 B |  8 of 27 |
+----------+--------------+---------+----------+----------+
+-------------------------------+-------------+--------------+---------+
| Memory                        |   This step |   Everything |   Share |
+===============================+=============+==============+=========+
| Parameters that train         |     48.00 B |     108.00 B |  44.4 % |
+-------------------------------+-------------+--------------+---------+
| Gradients                     |     48.00 B |     108.00 B |  44.4 % |
+-------------------------------+-------------+--------------+---------+
| Optimizer state               |    100.00 B |     220.00 B |  45.5 % |
+-------------------------------+-------------+--------------+---------+
| Activations kept for backward |    196.00 B |     196.00 B | 100.0 % |
+-------------------------------+-------------+--------------+---------+
| Together                      |    392.00 B |     632.00 B |  62.0 % |
+-------------------------------+-------------+--------------+---------+`);
  });
});
