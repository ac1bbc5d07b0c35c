/** A thread that trains a model of its own, disposes of it, and ends whenever it likes. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { random, tree, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { engines } from '../../lib/runtime/engines.js';
import { TrainingSession, fit, generateArtifacts, trainStep } from '../../lib/training/index.js';
import { batches, loss, newParams, notMiddle } from './notebook.js';

const { index, folder } = workerData as { index: number; folder: string };
const params = newParams(index);
const optimizer = optax.adam(1e-3);
const data = batches(4);
const session = index % 2 === 1 && !engines().find((e) => e.name === 'onnxruntime-training')!.missing;

if (session) {
  const directory = join(folder, `artifacts-${index}`);
  generateArtifacts({ loss, params, optimizer, trainable: notMiddle, batch: data[0] }, directory);
  const one = TrainingSession.load(directory);
  for await (const event of fit({ step: one, data, checkpoint: { directory: join(folder, String(index)), every: 2 } })) void event;
  one.dispose();
  rmSync(directory, { recursive: true });
} else {
  const step = trainStep({ loss, optimizer, trainable: notMiddle });
  const run = fit({ step, state: step.init(params, { rng: random.PRNGKey(index) }), data, checkpoint: { directory: join(folder, String(index)), every: 2 } });
  for await (const event of run) void event;
  for (const x of tree.leaves({ ...run.state }) as (Array & { dispose(): void })[]) x.dispose();
}
parentPort!.postMessage(index);
// Half of them are ended from outside while they still do something.
if (index % 4 < 2) await new Promise((resolve) => setTimeout(resolve, index * 20));
else setInterval(() => {}, 10);
