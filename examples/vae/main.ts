/** A variational autoencoder of handwritten digits, after Kingma and Welling (2013). */
import * as hk from 'hokku';
import { jit, nn, numpy as jnp, random, type Array } from 'hokku/jax';
import * as optax from 'hokku/optax';
import { imageGrid } from 'hokku/plot';
import { data, fit, trainStep, type LossContext } from 'hokku/training';
import { mnist, type Digits } from '../support/datasets.js';
import { evaluated, losses, save, say, watch, type ExampleOptions } from '../support/example.js';

export const about = 'A variational autoencoder on MNIST: 16 numbers for an image of 784.';
export const steps = 1500;
const latents = 16;
const batchSize = 128;

// Encoder and decoder are two functions over the same parameters: multiTransform gives an apply for each.
const vae = hk.multiTransform(() => {
  const encoder = new hk.nets.MLP([400, 2 * latents], { name: 'encoder' });
  const decoder = new hk.nets.MLP([400, 784], { name: 'decoder' });
  /** Mean and logarithm of the standard deviation of what an image is encoded as. */
  const encode = (image: Array): Array[] => jnp.split(encoder(image.reshape([image.shape[0], 784])), 2, { axis: -1 });
  const decode = (z: Array): Array => decoder(z).reshape([z.shape[0], 28, 28, 1]);
  const autoencode = (image: Array) => {
    const [mean, logStd] = encode(image);
    const z = mean.add(jnp.exp(logStd).mul(random.normal(hk.nextRngKey(), mean.shape)));
    return { mean, logStd, logits: decode(z) };
  };
  return [autoencode, { autoencode, decode }];
});

/** The negative evidence lower bound, in nats an image: what reconstructing takes, and how far the code is from the prior. */
function loss(params: hk.Params, batch: Digits, { rng }: Pick<LossContext, 'rng'>): [Array, { aux: Record<string, Array> }] {
  const image = batch.image.astype('float32').div(255);
  const { mean, logStd, logits } = vae.apply.autoencode(params, rng, image);
  const each = (x: Array) => jnp.sum(x).div(image.shape[0]);
  const reconstruction = each(optax.sigmoidBinaryCrossEntropy(logits, image));
  const divergence = each(jnp.square(mean).add(jnp.exp(logStd.mul(2))).sub(1).div(2).sub(logStd));
  return [reconstruction.add(divergence), { aux: { reconstruction, divergence } }];
}

export async function main(options: ExampleOptions) {
  const [initKey, trainKey, testKey, sampleKey] = [0, 1, 2, 3].map((i) => random.foldIn(random.PRNGKey(options.seed), i));
  const params = vae.init(initKey, jnp.zeros([1, 28, 28, 1]));
  const step = trainStep({ loss, optimizer: optax.adam(1e-3) });
  const test = mnist('t10k');
  const run = fit({
    step, state: step.init(params, { rng: trainKey }), steps: options.steps,
    data: data.fromArrays(mnist('train')).shuffle({ seed: options.seed }).batch(batchSize).repeat(),
    evaluation: {
      every: Math.min(500, options.steps), data: data.fromArrays(test).batch(500),
      metrics: (params, batch) => ({ loss: loss(params, batch, { rng: testKey })[0] }),
    },
  });
  const events = await watch(run, 'vae', options);
  const { loss: nats } = evaluated(events);
  say(options, `on the test set: ${nats.toFixed(1)} nats an image`);

  // Two rows of the test set, each over its reconstructions; and what the decoder makes of noise.
  const trained = await run.params();
  const originals = test.image.index({ stop: 16 }).astype('float32').div(255);
  const reconstruct = jit((image: Array) => nn.sigmoid(vae.apply.autoencode(trained, testKey, image).logits));
  const rows = jnp.stack([originals, reconstruct(originals)].map((x) => x.reshape([2, 8, 28, 28, 1])), { axis: 1 }).reshape([32, 28, 28, 1]);
  const samples = nn.sigmoid(vae.apply.decode(trained, null, random.normal(sampleKey, [64, latents])));
  const files = [
    save(options, 'reconstructions.png', imageGrid(rows, { columns: 8, scale: 2 })),
    save(options, 'samples.png', imageGrid(samples, { columns: 8, scale: 2 })),
  ];
  return { nats, files, losses: losses(events) };
}
