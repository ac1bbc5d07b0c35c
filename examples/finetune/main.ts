/** Fine-tuning: a ResNet that knows the digits 0 to 4 learns 5 to 9, with more or less of it frozen. */
import * as hk from 'hokku';
import { numpy as jnp, random, type Array } from 'hokku/jax';
import * as optax from 'hokku/optax';
import { data, fit, gradualUnfreezing, trainStep, type LossContext, type Specification } from 'hokku/training';
import { mnist, type Digits } from '../support/datasets.js';
import { evaluated, losses, say, stepTime, watch, type ExampleOptions } from '../support/example.js';
import { sha256 } from '../support/output.js';

export const about = 'A small ResNet, trained on the digits 0 to 4, learns 5 to 9: its head only, then more and more of it, and all of it.';
export const steps = 150;
const head = 'res_net/~/logits';

const net = hk.transformWithState((image: Array, isTraining: boolean) => new hk.nets.ResNet([1, 1, 1, 1], 5, {
  bottleneck: false, channelsPerGroup: [16, 32, 64, 128], initialConvConfig: { outputChannels: 16, kernelShape: 3 },
})(image.astype('float32').div(255), isTraining));

/** The loss of a model that normalises with its batch's statistics (`isTraining`), or with its averages. */
const loss = (isTraining: boolean) => (params: hk.Params, { image, label }: Digits, { state }: LossContext): [Array, { state: hk.State }] => {
  const [logits, next] = net.apply(params, state, null, image, isTraining);
  return [jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(logits, label)), { state: next }];
};
const accuracy = (params: hk.Params, { image, label }: Digits, { state }: LossContext) => {
  const [logits] = net.apply(params, state, null, image, false);
  return { accuracy: jnp.mean(jnp.equal(jnp.argmax(logits, { axis: -1 }), label).astype('float32')) };
};

export async function main(options: ExampleOptions) {
  const { seed, steps } = options;

  /** Trains on some digits; answers with the parameters and the state after it, and how it went. */
  async function train(name: string, digits: number[], params: hk.Params, state: hk.State, specification: Omit<Specification, 'optimizer'>) {
    // Each group that is unfrozen counts its own steps, so it warms up for itself.
    const rate = optax.warmupConstantSchedule(0, 3e-3, Math.ceil(steps / 15));
    const step = trainStep({ optimizer: optax.adam(rate), ...specification });
    const run = fit({
      step, state: step.init(params, { state }), steps,
      data: data.fromArrays(mnist('train', digits)).shuffle({ seed }).batch(64).repeat(),
      evaluation: { every: steps, data: data.fromArrays(mnist('t10k', digits)).batch(256), metrics: accuracy },
    });
    const events = await watch(run, name, options);
    return {
      params: await run.params(), state: run.state!.state,
      result: { accuracy: evaluated(events).accuracy, millisecondsPerStep: stepTime(events), losses: losses(events) },
    };
  }

  // The trunk learns what digits look like.
  const [params, state] = net.init(random.PRNGKey(seed), jnp.zeros([1, 28, 28, 1]), true);
  const pretrained = await train('pretraining', [0, 1, 2, 3, 4], params, state, { loss: loss(true) });

  // For the other digits it gets the head that it had in the beginning. What trains is an argument of each step.
  const [trunk] = hk.freeze(pretrained.params, head);
  const start = hk.dataStructures.merge(trunk, hk.unfreeze(params, head)[0]) as hk.Params;
  const third = Math.max(1, Math.floor(steps / 3));
  const ways: Record<string, Omit<Specification, 'optimizer'>> = {
    'head only': { loss: loss(false), trainable: head },
    gradual: { loss: loss(false), trainable: gradualUnfreezing({ 0: head, [third]: 'res_net/~/block_group_3', [2 * third]: '**' }) },
    everything: { loss: loss(true) },
  };
  const runs: Record<string, object> = {};
  for (const [name, specification] of Object.entries(ways)) {
    const { params: tuned, result } = await train(name.replace(' ', '-'), [5, 6, 7, 8, 9], start, pretrained.state, specification);
    const trunkUnchanged = sha256(hk.freeze(tuned, head)[0]) === sha256(trunk);
    runs[name] = { ...result, trunkUnchanged };
    say(options, `${name}: accuracy ${(100 * result.accuracy).toFixed(2)} %, ${result.millisecondsPerStep} ms a step (median), the trunk ${trunkUnchanged ? 'is the same to the last bit' : 'changed'}\n`);
  }
  return { pretraining: pretrained.result, runs };
}
