/** Text, character by character: an LSTM and a transformer learn Moby Dick and write on. */
import * as hk from 'hokku';
import { jit, nn, numpy as jnp, random, type Array } from 'hokku/jax';
import * as optax from 'hokku/optax';
import { data, fit, trainStep } from 'hokku/training';
import { mobyDick } from '../support/datasets.js';
import { evaluated, losses, save, say, watch, type ExampleOptions } from '../support/example.js';

export const about = 'Moby Dick, character by character: an LSTM and a transformer.';
export const steps = 1000;
const length = 64;
const batchSize = 32;

/** Tokens `[batch, time]` → logits of the token that follows each, `[batch, time, vocabulary]`. */
type Model = (tokens: Array, vocabulary: number) => Array;

const lstm: Model = (tokens, vocabulary) => {
  const core = new hk.LSTM(256);
  const x = new hk.Embed({ vocabSize: vocabulary, embedDim: 64 })(tokens);
  const [y] = hk.dynamicUnroll(core, x, core.initialState(tokens.shape[0]), { timeMajor: false });
  return new hk.Linear(vocabulary)(y);
};

const transformer: Model = (tokens, vocabulary) => {
  const [, time] = tokens.shape;
  const wInit = new hk.initializers.VarianceScaling();
  const norm = (h: Array): Array => new hk.LayerNorm(-1, true, true)(h);
  const past = jnp.tril(jnp.ones([1, 1, time, time]));  // each character sees those before it
  // Characters and positions begin equally large.
  const small = new hk.initializers.TruncatedNormal({ stddev: 0.02 });
  const positions = hk.getParameter('positions', [time, 128], { init: small });
  let h = new hk.Embed({ vocabSize: vocabulary, embedDim: 128, wInit: small })(tokens).add(positions);
  for (let layer = 0; layer < 2; layer++) {
    const x = norm(h);
    h = h.add(new hk.MultiHeadAttention(4, 32, { modelSize: 128, wInit })(x, x, x, past));
    h = h.add(new hk.nets.MLP([512, 128], { activation: nn.gelu })(norm(h)));
  }
  return new hk.Linear(vocabulary)(norm(h));
};

export async function main(options: ExampleOptions) {
  const text = mobyDick();
  const characters = [...new Set(text)].sort();
  const codes = new Map(characters.map((c, i) => [c, i]));
  const encode = (s: string) => Int32Array.from(s, (c) => codes.get(c)!);

  // All windows of a part of the text; the last twentieth of the book is what is tested with.
  const split = Math.floor(0.95 * text.length);
  const windows = (part: Int32Array, stride: number) => data.from({
    length: Math.floor((part.length - length - 1) / stride), at: (i: number) => part.subarray(i * stride, i * stride + length + 1),
  });
  const train = windows(encode(text.slice(0, split)), 1).shuffle({ seed: options.seed }).batch(batchSize).repeat();
  const test = windows(encode(text.slice(split)), length).batch(batchSize);

  const results: Record<string, { bitsPerCharacter: number, sample: string, losses: number[] }> = {};
  for (const [name, model] of Object.entries({ lstm, transformer })) {
    const net = hk.transform((tokens: Array) => model(tokens, characters.length));
    const loss = (params: hk.Params, batch: Array): Array => {
      const logits = net.apply(params, null, batch.index({}, { stop: -1 }));
      return jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(logits, batch.index({}, { start: 1 })));
    };
    // Adam's first steps are full-sized: after them the transformer would know no more than pairs of characters for hundreds of steps.
    const rate = optax.warmupCosineDecaySchedule(0, 3e-3, Math.min(100, Math.ceil(options.steps / 10)), options.steps);
    const step = trainStep({ loss, optimizer: optax.chain(optax.clipByGlobalNorm(1), optax.adam(rate)) });
    const run = fit({
      step, state: step.init(net.init(random.PRNGKey(options.seed), jnp.zeros([1, length], { dtype: 'int32' }))), data: train, steps: options.steps,
      evaluation: { every: options.steps, data: test, metrics: (params, batch) => ({ bitsPerCharacter: loss(params, batch).div(Math.LN2) }) },
    });
    const events = await watch(run, name, options);

    // It writes on: each character is drawn from what the last 64 make likely, a little sharpened.
    const params = await run.params();
    const draw = jit((key: Array, tokens: Array) => random.categorical(key, net.apply(params, null, tokens).index(0, -1).div(0.8)));
    let sample = text.slice(split, split + length);
    for (let i = 0; i < Math.min(400, options.steps); i++) {
      const tokens = jnp.array(encode(sample.slice(-length))).reshape([1, length]);
      sample += characters[draw(random.foldIn(random.PRNGKey(options.seed), i), tokens).item()];
    }
    const { bitsPerCharacter } = evaluated(events);
    results[name] = { bitsPerCharacter, sample, losses: losses(events) };
    say(options, `${name}: ${bitsPerCharacter.toFixed(2)} bits a character\n\n${sample.slice(0, length)}|${sample.slice(length)}\n`);
    save(options, `${name}.txt`, sample);
  }
  return { results };
}
