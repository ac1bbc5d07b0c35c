/**
 * A voice-activity detector that learns a voice it does not know: Silero's model (from the package @ricky0123/vad-web) says of each 32 ms
 * of sound whether somebody speaks. Voices made by a formula, in noise, it does not take for speech. Twice it learns to: by its last layer
 * alone, with everything else frozen, and by low-rank adapters beside the matrices of its LSTM. Either is written back as the same model,
 * adapters merged, and plain onnxruntime-node runs it.
 *
 *   node dist/examples/onnx-voice.js [--steps 150] [--seed 0] [--out out/onnx-voice] [--json]
 */
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as ort from 'onnxruntime-node';
import type { Params } from 'hokku';
import { jit, lax, numpy as jnp, type Array } from 'hokku/jax';
import { exportModel, importModel, lora } from 'hokku/onnx';
import * as optax from 'hokku/optax';
import { data, fit, trainStep, type Trainable } from 'hokku/training';
import { generator } from './support/random.js';

const { values } = parseArgs({ options: { steps: { type: 'string', default: '150' }, seed: { type: 'string', default: '0' }, out: { type: 'string', default: 'out/onnx-voice' }, json: { type: 'boolean', default: false } } });
const [steps, seed] = [Number(values.steps), Number(values.seed)];
const print = (text: string): void => { if (!values.json) console.log(text); };

// ---- The data: clips of eight frames, half of them with a voice ------------------------------------------------------

/** Samples a second; samples of a frame, and of the frame before that the model sees again; frames of a clip. */
const [RATE, FRAME, CONTEXT, FRAMES] = [16000, 512, 64, 8];

/** A voice: harmonics of a gliding pitch, louder near three formants. Else two or three steady tones, as machines make them. Both in noise. */
function clip(next: () => number, voice: boolean): Float32Array {
  const between = (a: number, b: number): number => a + (b - a) * next();
  const out = new Float32Array(CONTEXT + FRAMES * FRAME);
  const formants = [between(300, 800), between(900, 2200), between(2300, 3000)];
  const [pitch, glide] = [between(90, 220), between(-0.3, 0.3)];
  const partials = voice
    ? globalThis.Array.from({ length: 25 }, (_, k) => ({ times: k + 1, loud: formants.reduce((sum, f) => sum + 1 / (1 + ((pitch * (k + 1) - f) / 120) ** 2), 0) }))
    : globalThis.Array.from({ length: 2 + Math.floor(2 * next()) }, () => ({ times: between(1, 20), loud: between(0.3, 1) }));
  const phases = partials.map(() => 2 * Math.PI * next());
  const level = between(0.01, 0.04);
  const noise = between(0.005, 0.02);
  for (let i = 0; i < out.length; i++) {
    const t = i / out.length;
    const frequency = voice ? pitch * (1 + glide * t + 0.02 * Math.sin(60 * t)) : pitch;
    let sum = 0;
    partials.forEach(({ times, loud }, k) => { phases[k] += (2 * Math.PI * frequency * times) / RATE; sum += loud * Math.sin(phases[k]); });
    out[i] = level * sum + noise * (next() + next() + next() - 1.5);
  }
  return out;
}

function clips(n: number, seed: number): { x: Array; y: Array } {
  const next = generator(seed);
  const y = Float32Array.from({ length: n }, () => Number(next() < 0.5));
  const width = CONTEXT + FRAMES * FRAME;
  const x = new Float32Array(n * width);
  y.forEach((voice, i) => x.set(clip(next, voice === 1), i * width));
  return { x: jnp.array(x).reshape([n, width]), y: jnp.array(y) };
}

const [training, test] = [clips(Math.min(320, 32 * Math.max(1, steps)), seed + 1), clips(256, seed + 2)];

// ---- The model -------------------------------------------------------------------------------------------------------

const model = importModel(createRequire(import.meta.url).resolve('@ricky0123/vad-web/dist/silero_vad_v5.onnx'));
const sr = jnp.array(BigInt(RATE));
/** The probability that a clip's last frame is speech: the model carries a state from frame to frame. */
const probability = jit((params: Params, x: Array): Array => {
  let state = jnp.zeros([2, x.shape[0], 128]);
  let output = jnp.zeros([x.shape[0], 1]);
  for (let k = 0; k < FRAMES; k++) ({ output, stateN: state } = model.apply(params, { input: lax.sliceInDim(x, k * FRAME, k * FRAME + CONTEXT + FRAME, { axis: 1 }), state, sr }));
  return output.reshape([x.shape[0]]);
});
const accuracy = (params: Params): number => jnp.mean(probability(params, test.x).gt(0.5).eq(test.y.gt(0.5)).astype('float32')).item() as number;
/** Binary cross-entropy of probabilities. */
const loss = (params: Params, { x, y }: typeof training): Array => {
  const p = jnp.clip(probability(params, x), 1e-6, 1 - 1e-6);
  return jnp.mean(jnp.log(jnp.where(y.gt(0.5), p, p.mul(-1).add(1)))).mul(-1);
};
const before = accuracy(model.params);
print(`as it came: ${(100 * before).toFixed(1)} % of ${test.y.size} clips`);

// ---- It learns, and goes back to where it came from ------------------------------------------------------------------

/** As a server runs it, frame by frame. */
async function servedAccuracy(file: string): Promise<number> {
  const session = await ort.InferenceSession.create(file);
  const [n, width] = test.x.shape as number[];
  const sound = test.x.data as Float32Array;
  const rate = new ort.Tensor('int64', BigInt64Array.of(BigInt(RATE)), []);
  let state = new ort.Tensor('float32', new Float32Array(2 * n * 128), [2, n, 128]);
  let output = new Float32Array(n);
  for (let k = 0; k < FRAMES; k++) {
    const input = new Float32Array(n * (CONTEXT + FRAME));
    for (let i = 0; i < n; i++) input.set(sound.subarray(i * width + k * FRAME, i * width + k * FRAME + CONTEXT + FRAME), i * (CONTEXT + FRAME));
    const results = await session.run({ input: new ort.Tensor('float32', input, [n, CONTEXT + FRAME]), state, sr: rate });
    output = results['output'].data as Float32Array<ArrayBuffer>;
    state = results['stateN'] as typeof state;
  }
  return (test.y.tolist() as number[]).filter((y, i) => Number(output[i] > 0.5) === y).length / n;
}

async function tune(name: string, params: Params, trainable: Trainable, rate: number): Promise<object> {
  const step = trainStep({ loss, optimizer: optax.chain(optax.clipByGlobalNorm(1), optax.adam(rate)), trainable });
  const began = performance.now();
  const run = fit({ step, state: step.init(params), steps, data: data.fromArrays(training).shuffle({ seed }).batch(32).repeat() });
  for await (const event of run) if (event.type === 'step' && event.step % 50 === 0) print(`${name}, step ${event.step}: loss ${Number(event.loss).toFixed(3)}`);
  const seconds = (performance.now() - began) / 1000;
  const tuned = await run.params();
  const after = accuracy(tuned);
  const file = join(values.out, `${name}.onnx`);
  exportModel(model, tuned, file);
  const served = await servedAccuracy(file);
  print(`${name}: ${(100 * after).toFixed(1)} %, ${steps} steps in ${seconds.toFixed(1)} s; ${file}, by onnxruntime-node: ${(100 * served).toFixed(1)} %`);
  return { after, served, seconds, file };
}

mkdirSync(values.out, { recursive: true });
// The model has a branch for each sample rate; this one's parameters begin with the name of the node that chooses.
const branch = 'If_0_then_branch__Inline_0__decoder';
const head = await tune('head', model.params, `${branch}/decoder/2`, 1e-2);
const adapters = lora(model.params, { match: [`${branch}/rnn/weight_ih`, `${branch}/rnn/weight_hh`], rank: 4 });
const adapted = await tune('lora', adapters.params, adapters.trainable, 1e-2);
if (values.json) console.log(JSON.stringify({ before, head, lora: adapted, steps }));
