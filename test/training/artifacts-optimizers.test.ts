/** Every optimizer in training artifacts, run by ONNX Runtime's own training session, against the fused step. */
import { expect } from 'chai';
import { numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { TypeError } from '../../lib/runtime/errors.js';
import { TrainingSession, generateArtifacts, trainStep } from '../../lib/training/index.js';
import { entries, flat, lossOf, paramsOf, scaleOf, targetOf, worst } from '../optax/one-list.js';
import { largest, needsTraining, temporaryFolder } from './artifacts-helpers.js';

/** What standard operators cannot say, and the error that says so. */
const IMPOSSIBLE: readonly (readonly [RegExp, RegExp])[] = [
  [/contrib\.galore|"spectral"/, /hokku\.Svd.* has no standard form|svd/i],
];
describe('optimizers in training artifacts', function () {
  before(needsTraining);
  const folder = temporaryFolder();
  const loss = (p: any, { target, scale }: any): Array => lossOf(p, target, scale);
  const write = (optimizer: optax.GradientTransformation, params: any, batch: any): string => {
    const directory = folder();
    generateArtifacts({ loss, params, optimizer, batch, batchDim: null, style: 'in-graph' }, directory);
    return directory;
  };

  for (const entry of entries) {
    const impossible = IMPOSSIBLE.find(([pattern]) => pattern.test(entry.name));
    it(`${entry.name}${impossible ? ' cannot, and says why' : ''}`, () => {
      const options = { without: entry.without };
      const scale = scaleOf(options);
      const make = () => write(entry.make(), paramsOf(options), { target: targetOf(1, options), scale });
      if (impossible) { expect(make).to.throw(TypeError, impossible[1]); return; }
      using session = TrainingSession.load(make());
      const step = trainStep({ loss, optimizer: entry.make() });
      let carry = step.init(paramsOf(options));
      for (let k = 1; k <= 6; k++) {
        const batch = { target: targetOf(k, options), scale };
        [carry] = step(carry, batch);
        session.trainStep(batch);
      }
      expect(worst(flat(session.params()), flat(carry.trainable), { rtol: 1e-5, atol: 1e-5 })).to.equal(undefined);
    });
  }

  describe('of half precision moments are the fused step to the bit: engines cast halves by themselves, and would leave products unrounded', () => {
    const optimizers: Record<string, (dtype: 'float16' | 'bfloat16') => optax.GradientTransformation> = {
      adam: (muDtype) => optax.adam(0.1, { muDtype }),
      amsgrad: (muDtype) => optax.amsgrad(0.1, { muDtype }),
      sgd: (accumulatorDtype) => optax.sgd(0.1, { momentum: 0.9, accumulatorDtype }),
      adopt: (muDtype) => optax.contrib.adopt(0.1, { muDtype }),
    };
    const params = { m: { w: jnp.linspace(-1.7, 1.3, 64) } };
    const linear = (p: any, { g }: any): Array => jnp.sum(p.m.w.mul(g));
    const gradient = (k: number) => ({ g: jnp.sin(jnp.linspace(k, 40 * k + 1, 64)) });
    for (const [name, make] of Object.entries(optimizers)) {
      for (const dtype of ['float16', 'bfloat16'] as const) {
        it(`${name} in ${dtype}`, () => {
          const directory = folder();
          generateArtifacts({ loss: linear, params, optimizer: make(dtype), batch: gradient(1), batchDim: null, style: 'in-graph' }, directory);
          using session = TrainingSession.load(directory);
          const step = trainStep({ loss: linear, optimizer: make(dtype) });
          let carry = step.init(params);
          for (let k = 1; k <= 6; k++) {
            [carry] = step(carry, gradient(k));
            session.trainStep(gradient(k));
            expect(flat(session.params()), `after step ${k}`).to.deep.equal(flat(carry.trainable));
          }
        });
      }
    }
  });

  it('a loss that draws random numbers, with noisy gradients, is the fused step', () => {
    const drops = (p: any, { x }: any, { rng }: any): Array => {
      const keep = random.bernoulli(rng, 0.5, [8, 4]);
      return jnp.mean(jnp.square(jnp.where(keep, x.mul(2), 0).matmul(p.layer.w)));
    };
    const params = { layer: { w: jnp.linspace(-1, 1, 12).reshape([4, 3]) } };
    const x = random.normal(random.PRNGKey(5), [8, 4]);
    const optimizer = () => optax.noisySgd(0.1, { key: random.PRNGKey(77) });
    const directory = folder();
    generateArtifacts({ loss: drops, params, optimizer: optimizer(), batch: { x }, rng: random.PRNGKey(3), batchDim: null }, directory);
    using session = TrainingSession.load(directory);
    const step = trainStep({ loss: drops, optimizer: optimizer() });
    let carry = step.init(params, { rng: random.PRNGKey(3) });
    for (let k = 0; k < 8; k++) {
      const [next, result] = step(carry, { x });
      carry = next;
      expect(session.trainStep({ x }).loss.item()).to.be.closeTo(result.loss.item() as number, 1e-5);
    }
    expect(largest(session.params(), carry.trainable)).to.be.below(1e-5);
  });
});
