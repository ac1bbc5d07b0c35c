import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { TrainingSession, generateArtifacts, trainStep, type Loss, type TrainStep, type TrainTree } from '../../lib/training/index.js';
import { needsTraining, temporaryFolder } from './artifacts-helpers.js';
import { ENGINES, bits, distance } from './notebook.js';

// Two batch norms, one of them without parameters of its own, and a moving average outside of all modules.
const net = hk.transformWithState((x: Array) => {
  const seen = hk.getState('seen', [], { init: jnp.zeros });
  hk.setState('seen', jnp.mean(x));
  const Block = hk.toModule(function block(y: Array) {
    const z = new hk.BatchNorm(true, true, 0.9, { name: 'first' })(new hk.Linear(5)(y), true);
    return new hk.BatchNorm(false, false, 0.9, { name: 'second' })(jnp.tanh(z), true);
  });
  return new hk.Linear(2, { name: 'head' })(new Block()(x)).add(seen.mul(0));
});
const batch = (i: number): Array => random.normal(random.PRNGKey(i), [8, 3]);
const [params, state] = net.init(random.PRNGKey(0), batch(0));
const loss: Loss = (p, x, { state, rng }) => {
  const [y, next] = net.apply(p, state, rng, x);
  return [jnp.mean(jnp.square(y.sub(1))), { state: next }];
};
function train(step: TrainStep, carry: TrainTree, steps = 5): TrainTree {
  for (let i = 0; i < steps; i++) [carry] = step(carry, batch(i));
  return carry;
}
const part = (s: hk.State, name: string): hk.State => hk.dataStructures.filter((module) => module.includes(name), s);
const names = Object.keys(params);
const blockParams = names.filter((name) => name.startsWith('block'));

/** What Haiku itself does to the state, the parameters given. */
function byHaiku(p: hk.Params, steps = 5): hk.State {
  let now = state;
  for (let i = 0; i < steps; i++) now = net.apply(p, now, null, batch(i))[1];
  return now;
}

describe('the state of frozen modules', () => {
  it('is what this test means', () => {
    expect(blockParams).to.have.length(2);
    expect(Object.keys(state).filter((module) => module.includes('first'))).to.have.length(2);
    expect(Object.keys(state).filter((module) => module.includes('second'))).to.have.length(2);
  });

  for (const { name: engine, missing } of ENGINES) {
    describe(`on ${engine}`, () => {
      before(function () {
        if (missing) {
          console.log(`      pending: ${missing}`);
          this.skip();
        }
      });
      const make = (trainable: string, freezeState?: boolean) => trainStep({ loss, optimizer: optax.adam(0.01), trainable, freezeState }, { engine });

      it('moves, as in Haiku, where nothing is said', () => {
        for (const step of [make('head'), make('head', false)]) {
          const after = train(step, step.init(params, { state }));
          // Nothing that the statistics depend on trains.
          expect(distance(after.state, byHaiku(params))).to.be.below(1e-5);
        }
      });

      it('stays to the bit with freezeState, and only that', () => {
        const step = make('head', true);
        const after = train(step, step.init(params, { state }));
        expect(bits(part(after.state, 'first'))).to.equal(bits(part(state, 'first')));
        expect(bits(part(after.state, 'second'))).to.equal(bits(part(state, 'second')));
        expect(after.state['~'].seen.item(), 'state outside modules with parameters').to.be.closeTo(jnp.mean(batch(4)).item(), 1e-6);
        const equations = (one: TrainStep): number => one.lower(after, batch(0)).jaxpr.equations.length;
        expect(equations(step), 'and nothing of it is computed').to.be.below(equations(make('head')));
      });

      it('belongs to the innermost module in which there are parameters', () => {
        const step = make('block/linear', true);
        const after = train(step, step.init(params, { state }));
        expect(bits(part(after.state, 'first')), 'its own are frozen').to.equal(bits(part(state, 'first')));
        expect(bits(part(after.state, 'second')), 'it has none, and the block around it trains').not.to.equal(bits(part(state, 'second')));
        const bn = make('**/first', true);
        expect(bits(part(train(bn, bn.init(params, { state })).state, 'first'))).not.to.equal(bits(part(state, 'first')));
      });
    });
  }

  it('in artifacts does the same, in both styles', function () {
    needsTraining.call(this);
    for (const [style, freezeState] of [['classic', false], ['classic', true], ['in-graph', false], ['in-graph', true]] as const) {
      const directory = folder();
      generateArtifacts({ loss, params, state, trainable: 'head', freezeState, style, optimizer: optax.adam(0.01), batch: batch(0) }, directory);
      using session = TrainingSession.load(directory);
      for (let i = 0; i < 5; i++) {
        session.trainStep(batch(i));
        if (style === 'classic') { session.optimizerStep(); session.lazyResetGrad(); }
      }
      const after = session.state();
      if (freezeState) expect(bits(part(after, 'first')), style).to.equal(bits(part(state, 'first')));
      else expect(distance(after, byHaiku(params)), style).to.be.below(1e-5);
      const step = trainStep({ loss, optimizer: optax.adam(0.01), trainable: 'head', freezeState });
      const wanted = train(step, step.init(params, { state }));
      expect(distance(session.params().head, wanted.trainable.head), style).to.be.below(1e-4);
      expect(distance(after, wanted.state), style).to.be.below(1e-5);
    }
  });
  const folder = temporaryFolder();

  it('follows the phases of a schedule', () => {
    const step = trainStep({ loss, optimizer: optax.adam(0.01), freezeState: true, trainable: hk.training.gradualUnfreezing({ 0: 'head', 2: 'block' }) });
    const two = train(step, step.init(params, { state }), 2);
    expect(bits(part(two.state, 'first'))).to.equal(bits(part(state, 'first')));
    const [three] = step(two, batch(2));
    expect(bits(part(three.state, 'first'))).not.to.equal(bits(part(state, 'first')));
  });
});
