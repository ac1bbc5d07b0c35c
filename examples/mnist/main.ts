/** A classifier of handwritten digits: LeNet on MNIST. */
import * as hk from 'hokku';
import { nn, numpy as jnp, random, type Array } from 'hokku/jax';
import * as optax from 'hokku/optax';
import { data, fit, trainStep } from 'hokku/training';
import { mnist, type Digits } from '../support/datasets.js';
import { evaluated, losses, say, watch, type ExampleOptions } from '../support/example.js';

export const about = 'LeNet on MNIST: 60 000 images to train with, the accuracy on the 10 000 others.';
export const steps = 1500;
const batchSize = 128;

// The network: two convolutions, three layers on top of them.
const lenet = hk.transform((image: Array) => new hk.Sequential([
  new hk.Conv2D(6, 5), nn.relu, new hk.MaxPool(2, 2, 'VALID'),
  new hk.Conv2D(16, 5, { padding: 'VALID' }), nn.relu, new hk.MaxPool(2, 2, 'VALID'),
  new hk.Flatten(), new hk.Linear(120), nn.relu, new hk.Linear(84), nn.relu, new hk.Linear(10),
])(image.astype('float32').div(255)));

function loss(params: hk.Params, { image, label }: Digits): Array {
  return jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(lenet.apply(params, null, image), label));
}
function accuracy(params: hk.Params, { image, label }: Digits): Array {
  return jnp.mean(jnp.equal(jnp.argmax(lenet.apply(params, null, image), { axis: -1 }), label).astype('float32'));
}

export async function main(options: ExampleOptions) {
  const params = lenet.init(random.PRNGKey(options.seed), jnp.zeros([1, 28, 28, 1]));

  const step = trainStep({ loss, optimizer: optax.adam(optax.cosineDecaySchedule(2e-3, options.steps)) });
  const run = fit({
    step, state: step.init(params), steps: options.steps,
    data: data.fromArrays(mnist('train')).shuffle({ seed: options.seed }).batch(batchSize).repeat(),
    evaluation: {
      every: Math.min(500, options.steps), data: data.fromArrays(mnist('t10k')).batch(500),
      metrics: (params, batch) => ({ loss: loss(params, batch), accuracy: accuracy(params, batch) }),
    },
  });
  const events = await watch(run, 'lenet', options);

  const test = evaluated(events);
  say(options, `accuracy on the test set: ${(100 * test.accuracy).toFixed(2)} %`);
  return { test, losses: losses(events) };
}
