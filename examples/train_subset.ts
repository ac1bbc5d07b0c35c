/**
 * Training a subset of parameters: Haiku's notebook of that name, cell by cell.
 *
 * Sometimes a part of a network should stay as it is while the rest learns: "non-trainable variables", or "layer
 * freezing". Gradients are taken with respect to arguments, so freezing needs no machinery: split the parameters into
 * two arguments, and differentiate with respect to the first.
 *
 *   npm run demo                                the notebook
 *   npm run demo -- --freeze 'mlp/~/linear_0'   another layer frozen; --help lists all options
 */
import { join } from 'node:path';
import * as hk from 'hokku';
import { config, grad, jit, nn, numpy as jnp, random, tree, type Array } from 'hokku/jax';
import * as optax from 'hokku/optax';
import { saveHeatmaps } from 'hokku/plot';
import { generateArtifacts, TrainingSession } from 'hokku/training';
import { chooseEngines, useEngine } from './support/engines.js';
import { readOptions, trainableBut, USAGE, UsageError, type Options } from './support/options.js';
import { numpyFloat, Output, progress, pythonFloat, pythonList, sha256 } from './support/output.js';

type Batch = [x: Array, y: Array];
/** The batches of a training run, the same ones each time, under a progress bar with that label. */
type Batches = (label: string) => Iterable<Batch>;
type Predicate = hk.Predicate<Array>;

// The notebook was run when JAX drew its random numbers like this; today's scheme makes another network of the same seed.
config.threefryPartitionable = false;

// ---- The network ----------------------------------------------------------------------------------------------------

const numClasses = 10;
const learningRate = 0.1;

// The forward pass is a standard MLP. It shall learn the identity: forward([[1.], [2.], [3.]]) is to be [1, 2, 3].
const f = hk.transform((x: Array) => new hk.nets.MLP([300, 100, numClasses])(x));

/** Prints what the network makes of 0, 1, 2, …, one line each. */
function test(params: hk.Params, out: Output, count = numClasses): number[] {
  const x = Float32Array.from({ length: count }, (_, i) => i);
  const y = jnp.argmax(f.apply(params, null, jnp.array(x).reshape([count, 1])), { axis: -1 }).tolist() as number[];
  y.forEach((answer, i) => out.print(`[${numpyFloat(x[i])}] -> ${answer}`));
  return y;
}

// ---- The data -------------------------------------------------------------------------------------------------------

/** Simple synthetic batches: each the first `batchSize` of a new permutation of the classes. */
function* dataset(key: Array, batchSize: number, numRecords: number): Generator<Batch> {
  const batch = jit((key: Array, i: Array | number): Batch => {
    const y = random.permutation(random.foldIn(key, i), numClasses).index({ stop: batchSize });
    return [y.reshape([batchSize, 1]).astype('float32'), y];
  });
  for (let i = 0; i < numRecords; i++) yield batch(key, i);
}

// ---- The loss, and three ways to train ------------------------------------------------------------------------------

// This is a standard softmax cross-entropy.
function loss(params: hk.Params, x: Array, y: Array): Array {
  const logits = f.apply(params, null, x);
  return jnp.sum(nn.oneHot(y, numClasses).mul(nn.logSoftmax(logits))).neg().div(y.shape[0]);
}

/** The notebook's way. Loss, gradients and update become one graph, and the new parameters take the old ones' memory. */
function trainJitted(trainableParams: hk.Params, nonTrainableParams: hk.Params, batches: Iterable<Batch>): hk.Params {
  // The two parts come together again before apply.
  const lossFn = (trainableParams: hk.Params, nonTrainableParams: hk.Params, x: Array, y: Array) =>
    loss(hk.dataStructures.merge(trainableParams, nonTrainableParams), x, y);

  const sgdStep = (params: hk.Params, grads: hk.Params, lr: number): hk.Params =>
    tree.map((p: Array, g: Array) => p.sub(g.mul(lr)), params, grads);

  const trainStep = jit((trainableParams: hk.Params, nonTrainableParams: hk.Params, x: Array, y: Array) => {
    // Gradients with respect to the first argument only: none is ever computed for the frozen layer's weights.
    const grads = grad(lossFn)(trainableParams, nonTrainableParams, x, y);
    return sgdStep(trainableParams, grads, learningRate);
  }, { donateArgnums: [0] });

  trainableParams = copy(trainableParams);
  for (const [x, y] of batches) trainableParams = trainStep(trainableParams, nonTrainableParams, x, y);
  return hk.dataStructures.merge(trainableParams, nonTrainableParams);
}

/** ONNX Runtime's own way: training artifacts on disk, with the engine's own list of what does not train. */
function trainFromArtifacts(params: hk.Params, trainable: Predicate, batches: Iterable<Batch>, options: Options): hk.Params {
  const directory = join(options.out, 'artifacts');
  const [batch] = dataset(random.PRNGKey(0), numClasses, 1);  // its shapes are what counts
  generateArtifacts({
    loss: (params: hk.Params, [x, y]: Batch) => loss(params, x, y),
    params, trainable, optimizer: optax.sgd(learningRate), batch,
  }, directory);

  using session = TrainingSession.load(directory, { engine: 'onnxruntime-training', device: options.device });
  for (const batch of batches) {
    session.trainStep(batch);
    session.optimizerStep();
    session.lazyResetGrad();
  }
  return session.params();
}

/** Optax's way, the notebook's last section: the optimizer sees all parameters, and leaves the ones labelled so alone. */
function trainWithOptax(params: hk.Params, trainable: Predicate, batches: Iterable<Batch>): hk.Params {
  const labels = hk.dataStructures.map((module, name, value) => (trainable(module, name, value) ? 'trained' : 'frozen'), params);
  const optimizer = optax.multiTransform({ trained: optax.sgd(learningRate), frozen: optax.setToZero() }, labels);

  // It costs no more than the split: a gradient that only feeds setToZero is dropped from the graph.
  const trainStep = jit((params: hk.Params, optState: optax.OptState, x: Array, y: Array): [hk.Params, optax.OptState] => {
    const [updates, newState] = optimizer.update(grad(loss)(params, x, y), optState, params);
    return [optax.applyUpdates(params, updates), newState];
  }, { donateArgnums: [0, 1] });

  params = copy(params);
  let optState = optimizer.init(params);
  for (const [x, y] of batches) [params, optState] = trainStep(params, optState, x, y);
  return params;
}

/** A donated array is gone after the call, so what is donated first is a copy: the notebook goes on with the original. */
const copy = (params: hk.Params): hk.Params => tree.map((p: Array) => jnp.array(p.data).reshape(p.shape), params);

// ---- The notebook ---------------------------------------------------------------------------------------------------

async function notebook(options: Options, out: Output): Promise<boolean> {
  const engines = chooseEngines(options);
  useEngine(engines[0], options.device);

  // The network begins at random, so what it says at first means little.
  const params = f.init(random.PRNGKey(options.seed), jnp.zeros([numClasses, 1]));
  const trainable = trainableBut(options.freeze, params);
  out.print('before training');
  out.record('before', test(params, out));

  // A picture of all parameters, to hold the trained ones against.
  await plotParams(params, 'before', 'before training', options, out);

  const [sampleKey, trainingKey] = [0, 1].map((i) => random.split(random.PRNGKey(options.seed)).index(i));
  const samples = [...dataset(sampleKey, 4, 5)].map(([x, y]) => ({ x: x.tolist() as number[][], y: y.tolist() as number[] }));
  for (const { x, y } of samples) out.print(`x := [${x.map(([v]) => `[${pythonFloat(v)}]`).join(', ')}] y := [${y.join(' ')}]`);
  out.record('samples', samples);

  // Now the interesting part: say we only want to train the first and the last layer. The simplest and cheapest way is
  // to split the parameters in two.
  const [trainableParams, nonTrainableParams] = hk.dataStructures.partition(trainable, params);
  out.print('trainable:', pythonList(Object.keys(trainableParams)));
  out.print('non_trainable:', pythonList(Object.keys(nonTrainableParams)));
  out.record('trainable', Object.keys(trainableParams));
  out.record('nonTrainable', Object.keys(nonTrainableParams));

  const batches: Batches = (label) => progress(label, dataset(trainingKey, numClasses, options.steps), options.steps);
  const frozen = (all: hk.Params) => sha256(hk.dataStructures.partition(trainable, all)[1]);
  const runs: { name: string, params: hk.Params, proven: boolean }[] = [];

  /** Trains one way and says what came of it. */
  const run = (name: string, train: () => hk.Params): hk.Params => {
    const begin = performance.now();
    const trained = train();
    const seconds = (performance.now() - begin) / 1000;
    out.print(`\n${name}: ${options.steps} steps in ${seconds.toFixed(2)} s\nafter training`);
    const after = test(trained, out);
    // It is of course not clever enough to go beyond what it was shown.
    out.print('out of distribution');
    const outOfDistribution = test(trained, out, 2 * numClasses);
    // The frozen layer is as it was, to the last bit.
    const hashes = { before: frozen(params), after: frozen(trained) };
    const proven = hashes.before === hashes.after;
    out.print(`frozen parameters, SHA-256 before: ${hashes.before}\nfrozen parameters, SHA-256 after:  ${hashes.after}`);
    out.print(proven ? 'the same: they did not change' : 'NOT the same: they changed');
    out.record(`runs.${name}`, { seconds, after, outOfDistribution, frozenSha256: hashes, frozenUnchanged: proven });
    runs.push({ name, params: trained, proven });
    return trained;
  };

  for (const engine of engines) {
    useEngine(engine, options.device);
    const trained = run(engine, () => engine === 'onnxruntime-training'
      ? trainFromArtifacts(params, trainable, batches(engine), options)
      : trainJitted(trainableParams, nonTrainableParams, batches(engine)));
    await plotParams(trained, `after-${engine}`, `after training (${engine})`, options, out);
  }

  // The same freezing said with Optax gives the same parameters. They are held against the split above, jitted by the same
  // engine: over thousands of steps this training magnifies the last bit in which two kernels differ.
  useEngine(engines[0], options.device);
  const byOptax = run('optax.multiTransform', () => trainWithOptax(params, trainable, batches('optax.multiTransform')));
  const bySplit = engines[0] === 'onnxruntime' ? runs[0].params : trainJitted(trainableParams, nonTrainableParams, batches('the split, jitted'));
  const difference = largestDifference(bySplit, byOptax);
  out.print(`largest difference from the parameters trained after the split: ${difference}`);
  out.record('largestDifference', difference);
  return runs.every((r) => r.proven) && difference < 1e-3;
}

/** Heat maps of every module's parameters, as SVG and PNG. */
async function plotParams(params: hk.Params, file: string, title: string, options: Options, out: Output): Promise<void> {
  const { files, note } = await saveHeatmaps(join(options.out, file), params, { title });
  out.record(`pictures.${file}`, files);
  out.note(`${files.join(' and ')} written.${note ? ` ${note}` : ''}`);
}

function largestDifference(a: hk.Params, b: hk.Params): number {
  const [x, y] = [a, b].map((params) => (tree.leaves(params) as Array[]).map((p) => p.data as Float32Array));
  return Math.max(...x.map((values, i) => values.reduce((most, v, j) => Math.max(most, Math.abs(v - y[i][j])), 0)));
}

try {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    console.log(USAGE);
  } else {
    const out = new Output(options.json);
    process.exitCode = await notebook(options, out) ? 0 : 1;
    out.close();
  }
} catch (error) {
  const usage = error instanceof UsageError;
  console.error(usage ? `${error.message}\n\n${USAGE}` : process.env.NODE_DEBUG?.includes('hokku') ? error : String((error as Error).message ?? error));
  process.exitCode = usage ? 2 : 1;
}
