/** A thread that trains a model of its own, disposes of it, and ends whenever it likes. */
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { fromBytes, numpy as jnp, tree, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { engines } from '../../lib/runtime/engines.js';
import { TrainingSession, fit, generateArtifacts, type Loss } from '../../lib/training/index.js';
import { STEPS, batches, finish, run, start } from './kill-run.js';

const { index, folder } = workerData as { index: number; folder: string };
const checkpoint = { directory: join(folder, String(index)), every: 6, keep: 2 };

if (index % 2 === 1 && !engines().find((e) => e.name === 'onnxruntime-training')!.missing) {
  const artifacts = join(folder, `artifacts-${index}`);
  // Without random numbers, which files for others cannot hold yet.
  const loss: Loss = (p, { x, y }) => jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(x.matmul(p.head.w).add(p.head.b), y));
  const batch = { x: fromBytes('float32', [4, 5], new Float32Array(20)), y: fromBytes('int32', [4], new Int32Array(4)) };
  generateArtifacts({ loss, params: start().params, optimizer: optax.adam(1e-2), batch }, artifacts);
  const session = TrainingSession.load(artifacts);
  for await (const event of fit({ step: session, data: batches(), steps: STEPS, checkpoint })) void event;
  session.dispose();
} else {
  const one = run(checkpoint);
  await finish(one);
  for (const x of tree.leaves({ ...one.state }) as (Array & { dispose(): void })[]) x.dispose();
}
parentPort!.postMessage(index);
// Half of them are ended from outside while they still do something.
if (index % 4 < 2) await new Promise((resolve) => setTimeout(resolve, index * 20));
else setInterval(() => {}, 10);
