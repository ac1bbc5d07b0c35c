import { expect } from 'chai';
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBytes } from '../../lib/jax/array.js';
import { numpy as jnp, type Array } from '../../lib/jax/index.js';
import { FileFormatError, TypeError, ValueError } from '../../lib/runtime/errors.js';
import { TrainingSession } from '../../lib/training/index.js';
import { readCheckpoint, writeCheckpoint } from '../../lib/training/checkpoint-file.js';
import { allBits, needsTraining, temporaryFolder } from './artifacts-helpers.js';

const ARTIFACTS = join('test', 'artifacts');

interface Packed { shape: number[]; dtype: 'float32' | 'int64'; data: number[] }
interface Expected {
  learning_rate: number; user_inputs: string[]; eval_inputs: string[]; user_outputs: string[]; trainable: string[]; frozen: string[];
  params_size_trainable: number; params_size_all: number; inputs: Record<string, Packed>; losses: number[];
  eval_loss_batch0_before: number; eval_loss_batch0_after: number; logits_step0: { shape: number[]; data: number[] } | null;
  final_params: Record<string, { shape: number[]; data: number[] }>;
}

describe('TrainingSession on artifacts of others', function () {
  before(needsTraining);
  const folder = temporaryFolder();

  const read = (name: string) => JSON.parse(readFileSync(join(ARTIFACTS, name, 'expected.json'), 'utf8')) as Expected;
  const feed = (expected: Expected, names: string[], i: number): Array[] => names.map((name) => {
    if (name === 'lr') return jnp.array([expected.learning_rate]);
    const { shape, dtype, data } = (expected.inputs[name] ?? expected.inputs['labels'])!;
    const size = shape.slice(1).reduce((a, b) => a * b, 1);
    const part = data.slice((i % 4) * size, (i % 4 + 1) * size);
    return fromBytes(dtype, shape.slice(1), dtype === 'int64' ? BigInt64Array.from(part, BigInt) : Float32Array.from(part));
  });
  const train = (session: TrainingSession, expected: Expected, from: number, to: number): number[] => {
    const losses: number[] = [];
    for (let i = from; i < to; i++) {
      session.lazyResetGrad();
      losses.push(session.trainStep(feed(expected, expected.user_inputs, i)).loss.item());
      if (session.style === 'classic') session.optimizerStep();
    }
    return losses;
  };

  for (const name of readdirSync(ARTIFACTS)) {
    it(`reproduces losses and parameters of ${name}`, () => {
      const expected = read(name);
      using session = TrainingSession.load(join(ARTIFACTS, name));
      if (session.style === 'classic') session.learningRate = expected.learning_rate;
      expect(session.parametersSize({ trainableOnly: true })).to.equal(expected.params_size_trainable);
      expect(session.parametersSize()).to.equal(expected.params_size_all);
      const evaluate = () => session.evalStep(feed(expected, expected.eval_inputs, 0));
      const { loss, aux } = evaluate();
      expect(loss.item()).to.be.closeTo(expected.eval_loss_batch0_before, 1e-6);
      if (expected.logits_step0) expected.logits_step0.data.forEach((v, i) => expect(aux.logits.data[i]).to.be.closeTo(v, 1e-6));
      const before = session.params();
      train(session, expected, 0, 20).forEach((loss, i) => expect(loss, `loss ${i}`).to.be.closeTo(expected.losses[i], 1e-6));
      expect(evaluate().loss.item()).to.be.closeTo(expected.eval_loss_batch0_after, 1e-6);
      const params = session.params();
      const at = (key: string) => [key.slice(0, key.lastIndexOf('/')), key.slice(key.lastIndexOf('/') + 1)];
      for (const [key, { shape, data }] of Object.entries(expected.final_params)) {
        const [module, p] = at(key);
        expect(params[module][p].shape).to.deep.equal(shape);
        params[module][p].data.forEach((x, i) => expect(x).to.be.closeTo(data[i], 1e-6));
      }
      for (const key of expected.frozen.filter((k) => !k.startsWith('opt/'))) {
        const [module, p] = at(key);
        expect(allBits({ m: { p: params[module][p] } })).to.deep.equal(allBits({ m: { p: before[module][p] } }));
      }
    });
  }

  it('goes on from a checkpoint that the engine saved, and keeps the rate in its own', () => {
    const expected = read('mlp_adamw_mode0');
    using session = TrainingSession.load(join(ARTIFACTS, 'mlp_adamw_mode0'));
    session.learningRate = expected.learning_rate;
    train(session, expected, 0, 20);
    using other = TrainingSession.load(join(ARTIFACTS, 'mlp_adamw_mode0'));
    other.loadCheckpoint(join(ARTIFACTS, 'mlp_adamw_mode0', 'checkpoint_after20'));
    other.learningRate = expected.learning_rate;
    expect(train(other, expected, 20, 25)).to.deep.equal(train(session, expected, 20, 25));
    const path = join(folder(), 'checkpoint');
    other.saveCheckpoint(path);
    using third = TrainingSession.load(join(ARTIFACTS, 'mlp_adamw_mode0'));
    third.loadCheckpoint(path);
    expect(third.learningRate).to.equal(expected.learning_rate);
  });

  it('splits names without a slash at their last dot', () => {
    // The same models under PyTorch's names: the checkpoint alone says what they are.
    const directory = folder();
    cpSync(join(ARTIFACTS, 'mlp_frozen1_sgd'), directory, { recursive: true });
    const contents = readCheckpoint(join(directory, 'checkpoint'));
    const extra = (name: string) => ({ name, dtype: 'float32' as const, shape: [1], data: new Uint8Array(4) });
    writeCheckpoint(join(directory, 'checkpoint'), { ...contents, frozen: [...contents.frozen, extra('fc1.weight'), extra('scale')] });
    using session = TrainingSession.load(directory);
    const params = session.params();
    expect(params['fc1'].weight.tolist()).to.deep.equal([0]);
    expect(params['~'].scale.tolist()).to.deep.equal([0]);
  });

  it('checks batches, frozen names and files', () => {
    const expected = read('mlp_frozen1_sgd');
    using session = TrainingSession.load(join(ARTIFACTS, 'mlp_frozen1_sgd'));
    const [x, labels] = feed(expected, expected.user_inputs, 0);
    expect(() => session.trainStep([x, labels.astype('int32')])).to.throw(TypeError, /'labels' must be i64/);
    expect(() => session.trainStep([x])).to.throw(ValueError);
    expect(() => session.setParameter('mlp/~/linear_1', 'b', jnp.zeros([12]))).to.throw(ValueError, /frozen/);
    expect(() => session.loadCheckpoint(join(ARTIFACTS, 'mlp_adamw', 'checkpoint'))).to.throw(FileFormatError, /belongs to another model/);
    const directory = folder();
    cpSync(join(ARTIFACTS, 'mlp_frozen1_sgd'), directory, { recursive: true });
    writeFileSync(join(directory, 'training_model.onnx'), 'no model');
    expect(() => TrainingSession.load(directory)).to.throw(FileFormatError, /not an ONNX model/);
    rmSync(join(directory, 'training_model.onnx'));
    expect(() => TrainingSession.load(directory)).to.throw(FileFormatError, /training_model\.onnx/);
  });

  it('trains without an eval model', () => {
    const expected = read('mlp_frozen1_sgd');
    const directory = folder();
    cpSync(join(ARTIFACTS, 'mlp_frozen1_sgd'), directory, { recursive: true });
    rmSync(join(directory, 'eval_model.onnx'));
    using session = TrainingSession.load(directory);
    session.learningRate = expected.learning_rate;
    expect(train(session, expected, 0, 2)[1]).to.be.closeTo(expected.losses[1], 1e-6);
    expect(() => session.evalStep([])).to.throw(ValueError, /no eval model/);
    expect(() => session.exportForInference(join(directory, 'm.onnx'))).to.throw(ValueError, /no eval model/);
  });

  it('says that a rate which is an input is the caller\'s', () => {
    using session = TrainingSession.load(join(ARTIFACTS, 'scratch_mlp_frozen1_ingraph_adamw'));
    expect(() => session.learningRate).to.throw(ValueError, /takes it as an input/);
  });
});
