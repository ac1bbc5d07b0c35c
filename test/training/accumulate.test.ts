/** Several gradients for one step of the optimizer, in `fit` over artifacts, against `optax.MultiSteps` in the fused step; and rates from schedules. */
import { expect } from 'chai';
import * as optax from '../../lib/optax/index.js';
import { CheckpointManager, CheckpointMismatchError, TrainingSession, data, fit, generateArtifacts, restoreCheckpoint, trainStep, type FitEvent, type FitOptions } from '../../lib/training/index.js';
import { needsTraining, temporaryFolder } from './artifacts-helpers.js';
import { batches, bits, distance, loss, newParams, notMiddle, rejection } from './notebook.js';

const K = 3;
const STEPS = 4;
const set = batches(K * STEPS);
const params = newParams();

/** The parameters of the fused step after all batches, and the loss of each batch. */
function fused(optimizer: optax.GradientTransformation): { trained: any; losses: number[] } {
  const step = trainStep({ loss, optimizer, trainable: notMiddle });
  let carry = step.init(params);
  const losses = set.map((b) => {
    const [next, result] = step(carry, b);
    carry = next;
    return result.loss.item() as number;
  });
  return { trained: { ...carry.nonTrainable, ...carry.trainable }, losses };
}
async function events(options: FitOptions): Promise<FitEvent[]> {
  const all: FitEvent[] = [];
  for await (const event of fit(options)) all.push(event);
  return all;
}

describe('accumulation in fit', () => {
  before(needsTraining);
  const folder = temporaryFolder();
  const make = (optimizer: optax.GradientTransformation, style?: 'classic' | 'in-graph'): string => {
    const directory = folder();
    generateArtifacts({ loss, params, optimizer, trainable: notMiddle, batch: set[0], ...(style && { style }) }, directory);
    return directory;
  };
  // A large epsilon tells a mean of gradients from a sum.
  const optimizers: Record<string, () => optax.GradientTransformation> = { sgd: () => optax.sgd(0.1), adamw: () => optax.adamw(1e-2, { eps: 0.1 }) };

  for (const [name, inner] of Object.entries(optimizers)) {
    for (const useGradMean of [true, false]) {
      const optimizer = () => new optax.MultiSteps(inner(), K, { useGradMean });
      it(`${name}: the ${useGradMean ? 'mean' : 'sum'} of ${K} gradients, as in the fused step`, async () => {
        const { trained, losses } = fused(optimizer());
        using classic = TrainingSession.load(make(optimizer(), 'classic'));
        expect(classic.accumulate).to.equal(K);
        const all = await events({ step: classic, data: set });
        expect(all.at(-1)).to.deep.include({ type: 'end', reason: 'data', step: STEPS });
        const said = all.flatMap((e) => (e.type === 'step' ? [e.loss] : []));
        said.forEach((x, i) => expect(x).to.be.closeTo(losses.slice(i * K, (i + 1) * K).reduce((a, b) => a + b) / K, 1e-5));
        expect(distance(classic.params(), trained)).to.be.below(1e-5);
        using inGraph = TrainingSession.load(make(optimizer()));
        expect([inGraph.style, inGraph.accumulate]).to.deep.equal(['in-graph', 1]);
        await events({ step: inGraph, data: set });
        expect(distance(inGraph.params(), trained)).to.be.below(1e-5);
      });
    }
  }

  it('goes on from a checkpoint to the same bits, and leaves out batches that make no step', async () => {
    const artifacts = make(new optax.MultiSteps(optax.adamw(1e-2), K), 'classic');
    using whole = TrainingSession.load(artifacts);
    await events({ step: whole, data: set });
    const directory = folder();
    for (const steps of [2, undefined]) {
      using session = TrainingSession.load(artifacts);
      const all = await events({ step: session, data: data.from([...set, set[0], set[1]]), ...(steps && { steps }), checkpoint: { directory, every: 1 } });
      expect(all.at(-1)).to.deep.include({ step: steps ?? STEPS });
      if (!steps) expect(bits(session.params())).to.equal(bits(whole.params()));
    }
  });

  it('is not carried over in silence: the gathered gradients of the fused step are not in classic artifacts, and an error or the report says so', async () => {
    const optimizer = () => new optax.MultiSteps(optax.adamw(1e-2), K);
    const step = trainStep({ loss, optimizer: optimizer(), trainable: notMiddle });
    const [carry] = step(step.init(params), set[0]);
    using session = TrainingSession.load(make(optimizer(), 'classic'));
    const [of, ofSession] = [folder(), folder()];
    for (const [directory, state] of [[of, carry], [ofSession, session]] as const) {
      await using manager = await CheckpointManager.open(directory);
      await manager.save(state, { step: 1 });
    }
    const wrong = /does not fit .*MultiSteps.* are missing; .* are in it and not wanted/;
    expect(await rejection(restoreCheckpoint(of, session))).to.be.instanceOf(CheckpointMismatchError).with.property('message').that.match(wrong).and.includes('optimizer/accGrads/');
    expect(await rejection(restoreCheckpoint(ofSession, step.init(params)))).to.be.instanceOf(CheckpointMismatchError).with.property('message').that.match(wrong);
    const { report } = await restoreCheckpoint(of, session, { strict: false });
    expect(report.extra).to.include.members(['optimizer/miniStep', 'optimizer/accGrads/mlp/~/linear_0/w', 'optimizer/innerOptState/0/mu/mlp/~/linear_0/w']);
  });

  it('adds up for artifacts that were made for one gradient', async () => {
    using session = TrainingSession.load(make(optax.sgd(0.1)));
    await events({ step: session, data: set, accumulate: K, learningRate: 0.1 / K });
    expect(distance(session.params(), fused(new optax.MultiSteps(optax.sgd(0.1), K)).trained)).to.be.below(1e-5);
  });

  it('begins anew after a batch that fails', async () => {
    const artifacts = make(optax.sgd(0.1));
    using session = TrainingSession.load(artifacts);
    await rejection(events({ step: session, data: [set[0], { ...set[1], x: set[1].x.reshape([5, 2]) }], accumulate: 2 }));
    await events({ step: session, data: set });
    using other = TrainingSession.load(artifacts);
    await events({ step: other, data: set });
    expect(bits(session.params())).to.equal(bits(other.params()));
  });

  it('is refused where it means nothing', async () => {
    const mistakes: [() => FitOptions, RegExp][] = [
      [() => { const step = trainStep({ loss, optimizer: optax.sgd(0.1) }); return { step, state: step.init(params), data: set, accumulate: 2 }; }, /new optax\.MultiSteps\(optimizer, 2\)/],
      [() => ({ step: TrainingSession.load(make(optax.sgd(0.1, { momentum: 0.9 }))), data: set, accumulate: 2 }), /for classic artifacts.*new optax\.MultiSteps\(optimizer, 2\)/],
      [() => ({ step: TrainingSession.load(make(new optax.MultiSteps(optax.sgd(0.1), K), 'classic')), data: set, accumulate: 2 }), /the mean of 3 gradients, but accumulate is 2/],
      [() => ({ step: TrainingSession.load(make(optax.sgd(0.1))), data: set, accumulate: 0 }), /accumulate must be a whole number of at least 1/],
    ];
    for (const [options, message] of mistakes) expect(() => fit(options())).to.throw(message);
    for (const optimizer of [new optax.MultiSteps(optax.sgd(0.1), () => 2), new optax.MultiSteps(optax.sgd(0.1), 2, { shouldSkipUpdateFn: optax.skipNotFinite }), new optax.MultiSteps(optax.lion(0.1), 2)]) {
      expect(() => make(optimizer, 'classic')).to.throw(/in classic style/);
    }
  });

  for (const [name, make_] of Object.entries({ sgd: (rate: any) => optax.sgd(rate), adamw: (rate: any) => optax.adamw(rate, { eps: 1e-3 }) })) {
    it(`${name}: classic artifacts follow a schedule of Optax, as the fused step`, async () => {
      const schedule = optax.warmupCosineDecaySchedule(0, 0.05, 3, 12, { endValue: 1e-3 });
      using session = TrainingSession.load(make(make_(0.05)));
      expect(session.style).to.equal('classic');
      await events({ step: session, data: set, learningRate: schedule });
      expect(distance(session.params(), fused(make_(schedule)).trained)).to.be.below(1e-5);
    });
  }
});
