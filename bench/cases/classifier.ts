/** A classifier trained by SGD with its middle layer frozen, in each way that hokku has; `haiku_classifier.py` is its twin. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as hk from 'hokku';
import { grad, jit, nn, numpy as jnp, random, tree, type Array } from 'hokku/jax';
import * as optax from 'hokku/optax';
import { generateArtifacts, TrainingSession, trainStep } from 'hokku/training';
import type { Variant } from '../protocol.js';
import type { Place } from './index.js';

export type Batch = [x: Array, y: Array];

export interface Classifier { inputs: number, sizes: number[], batchSize: number, lr: number, makeBatch: (i: number) => Batch }

const BATCHES = 16;
const trainable = (module: string) => module !== 'mlp/~/linear_1';

export function classifier(spec: Classifier, { engine, device, artifacts }: Place): Record<string, Variant> {
  const f = hk.withoutApplyRng(hk.transform((x: Array) => new hk.nets.MLP(spec.sizes)(x)));
  const init = () => f.init(random.PRNGKey(42), jnp.zeros([spec.batchSize, spec.inputs]));
  const loss = (params: hk.Params, [x, y]: Batch) => {
    const logits = f.apply(params, x);
    return jnp.sum(nn.oneHot(y, logits.shape[1]).mul(nn.logSoftmax(logits))).neg().div(spec.batchSize);
  };
  const batches = globalThis.Array.from({ length: BATCHES }, (_, i) => spec.makeBatch(i));
  const specification = { loss, trainable, optimizer: optax.sgd(spec.lr) };

  /** The library's own step: one graph, parameters stay where they are. */
  function throughTrainStep(): Variant {
    const step = trainStep(specification);
    let carry = step.init(init());
    return (steps) => {
      for (let i = 0; i < steps; i++) [carry] = step(carry, batches[i % BATCHES]);
    };
  }

  /** What a user writes by hand, as in the notebook. */
  function throughJit(options: { donateArgnums?: number[] }): Variant {
    const step = jit((trained: hk.Params, frozen: hk.Params, batch: Batch) => {
      const grads = grad((trained: hk.Params) => loss(hk.dataStructures.merge(trained, frozen), batch))(trained);
      return tree.map((p: Array, g: Array) => p.sub(g.mul(spec.lr)), trained, grads);
    }, options);
    let [trained, frozen]: hk.Params[] = hk.dataStructures.partition(trainable, init());
    return (steps) => {
      for (let i = 0; i < steps; i++) trained = step(trained, frozen, batches[i % BATCHES]);
    };
  }

  /** The training engine on artifacts. Classic takes two more calls a step than in-graph. */
  function throughSession(style: 'classic' | 'in-graph'): Variant {
    const directory = join(artifacts, style);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    generateArtifacts({ ...specification, params: init(), batch: batches[0], style }, directory);
    writeInputs(directory, spec.lr, batches);
    const session = TrainingSession.load(directory, { engine: 'onnxruntime-training', device });
    return (steps) => {
      for (let i = 0; i < steps; i++) {
        session.trainStep(batches[i % BATCHES]);
        if (style === 'in-graph') continue;
        session.optimizerStep();
        session.lazyResetGrad();
      }
    };
  }

  return {
    trainStep: throughTrainStep(),
    jit: throughJit({ donateArgnums: [0] }),
    'jit, not donated': throughJit({}),
    ...(engine === 'onnxruntime-training' && { 'session, classic': throughSession('classic'), 'session, in-graph': throughSession('in-graph') }),
  };
}

/** What the C++ driver reads beside the artifacts: the learning rate; ONNX's number of the element type, bytes and shape of each input, and the bytes. */
function writeInputs(directory: string, rate: number, batches: readonly Batch[]): void {
  const types: Partial<Record<Array['dtype'], number>> = { float32: 1, int32: 6, int64: 7 };
  writeFileSync(join(directory, 'inputs.txt'), [rate, ...batches[0].map((x) => `${types[x.dtype]} ${x.data.byteLength} ${x.shape.join(' ')}`)].join('\n'));
  writeFileSync(join(directory, 'inputs.bin'), Buffer.concat(batches.flat().map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength))));
}
