import { expect } from 'chai';
import { Builder } from 'flatbuffers';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { NativeEngine, NativeTensor } from '../../lib/runtime/addon.js';
import { engine, engines } from '../../lib/runtime/engines.js';
import * as errors from '../../lib/runtime/errors.js';
import { f32, floats, model } from './models.js';

const ARTIFACTS = join('test', 'artifacts');

interface Packed { shape: number[]; dtype: 'float32' | 'int64'; data: number[] }
interface Expected {
  learning_rate: number; user_inputs: string[]; user_outputs: string[]; eval_inputs: string[];
  trainable: string[]; frozen: string[]; params_size_trainable: number; params_size_all: number;
  inputs: Record<string, Packed>; losses: number[]; eval_loss_batch0_before: number; eval_loss_batch0_after: number;
  final_params: Record<string, { shape: number[]; data: number[] }>;
}

/** Batch i of an input that holds four. */
function batch({ shape, dtype, data }: Packed, i: number): NativeTensor {
  const size = shape.slice(1).reduce((a, b) => a * b, 1);
  const part = data.slice((i % 4) * size, (i % 4 + 1) * size);
  const values = dtype === 'int64' ? BigInt64Array.from(part, BigInt) : Float32Array.from(part);
  return { dtype, shape: shape.slice(1), data: values.buffer };
}

const load = (name: string) => {
  const folder = join(ARTIFACTS, name);
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Expected;
  const classic = readdirSync(folder).includes('optimizer_model.onnx');
  const paths = {
    train: join(folder, 'training_model.onnx'), eval: join(folder, 'eval_model.onnx'),
    ...(classic ? { optimizer: join(folder, 'optimizer_model.onnx') } : {}),
  };
  return { folder, expected, classic, paths };
};

/** A checkpoint with names only, as the format's section on nominal states says. */
function nominal(trainable: string[], frozen: string[]): Uint8Array {
  const b = new Builder();
  const tensors = (names: string[]) => {
    const offsets = names.map((name) => {
      const text = b.createString(name);
      b.startVector(8, 0, 8);
      const dims = b.endVector();
      b.startVector(1, 0, 1);
      const raw = b.endVector();
      b.startObject(7);
      b.addFieldOffset(0, text, 0);
      b.addFieldOffset(2, dims, 0);
      b.addFieldInt32(3, 1, 0);
      b.addFieldOffset(4, raw, 0);
      return b.endObject();
    });
    b.startVector(4, offsets.length, 4);
    for (const offset of offsets.reverse()) b.addOffset(offset);
    return b.endVector();
  };
  const [grad, fixed] = [tensors(trainable), tensors(frozen)];
  b.startObject(4);
  b.addFieldOffset(0, grad, 0);
  b.addFieldOffset(1, fixed, 0);
  b.addFieldInt8(2, 1, 0);
  const state = b.endObject();
  b.startObject(4);
  b.addFieldInt32(0, 2, 0);
  b.addFieldOffset(1, state, 0);
  b.finish(b.endObject(), 'ODTC');
  return b.asUint8Array();
}

describe('training sessions', function () {
  let training: NativeEngine;

  before(function () {
    const missing = engines().find(({ name }) => name === 'onnxruntime-training')?.missing;
    if (missing) {
      console.log(`      pending: the training engine was not found: ${missing}`);
      this.skip();
    }
    training = engine('onnxruntime-training');
  });

  const inputsOf = (expected: Expected, names: string[], i: number) =>
    names.map((name) => (name === 'lr' ? f32([expected.learning_rate]) : batch((expected.inputs[name] ?? expected.inputs['labels'])!, i)));

  for (const name of readdirSync(ARTIFACTS)) {
    it(`reproduces 20 losses of ${name}`, async () => {
      const { folder, expected, classic, paths } = load(name);
      const checkpoint = training.loadCheckpoint(join(folder, 'checkpoint'));
      const session = training.createTrainingSession(checkpoint, paths, { intraOpNumThreads: 1 });
      expect(session.trainInputs).to.deep.equal(expected.user_inputs);
      expect(session.trainOutputs).to.deep.equal(expected.user_outputs);
      expect(session.evalInputs).to.deep.equal(expected.eval_inputs);
      expect(session.parametersSize(true)).to.equal(expected.params_size_trainable);
      expect(session.parametersSize(false)).to.equal(expected.params_size_all);
      const evaluate = () => floats(session.evalStep(inputsOf(expected, expected.eval_inputs, 0))[0]!)[0]!;
      expect(evaluate()).to.equal(Math.fround(expected.eval_loss_batch0_before));
      if (classic) session.learningRate = expected.learning_rate;
      for (let i = 0; i < 20; i++) {
        if (classic) session.lazyResetGrad();
        const inputs = inputsOf(expected, expected.user_inputs, i);
        const [loss] = i % 2 === 0 ? session.trainStep(inputs) : await session.trainStepAsync(inputs);
        expect(floats(loss!)[0], `loss ${i}`).to.be.closeTo(expected.losses[i]!, 1e-6);
        if (classic) i % 2 === 0 ? session.optimizerStep() : await session.optimizerStepAsync();
      }
      expect(evaluate()).to.be.closeTo(expected.eval_loss_batch0_after, 1e-6);
      for (const [parameter, { shape, data }] of Object.entries(expected.final_params)) {
        const value = checkpoint.getParameter(parameter);
        expect(value.shape).to.deep.equal(shape);
        floats(value).forEach((x, i) => expect(x).to.be.closeTo(data[i]!, 1e-6));
      }
      session.dispose();
      checkpoint.dispose();
    });
  }

  describe('calls', () => {
    const open = (buffers = false) => {
      const { folder, expected, paths } = load('mlp_frozen1_sgd');
      const checkpoint = training.loadCheckpoint(buffers ? readFileSync(join(folder, 'checkpoint')) : join(folder, 'checkpoint'));
      const models = buffers ? { train: readFileSync(paths.train), eval: readFileSync(paths.eval), optimizer: readFileSync(paths.optimizer!) } : paths;
      return { expected, checkpoint, session: training.createTrainingSession(checkpoint, models) };
    };
    let folder: string;
    before(() => { folder = mkdtempSync(join(tmpdir(), 'hokku-')); });
    after(() => rmSync(folder, { recursive: true, force: true }));

    it('work from buffers, export and save', () => {
      const { expected, checkpoint, session } = open(true);
      const [x, labels] = inputsOf(expected, expected.user_inputs, 0);
      const [, logits] = session.evalStep([x!, labels!]);
      session.exportModelForInferencing(join(folder, 'model.onnx'), ['logits']);
      const exported = training.createSession(join(folder, 'model.onnx'));
      expect(exported.inputs.map(({ name }) => name)).to.deep.equal(['x']);
      expect(floats(exported.run([x!])[0]!)).to.deep.equal(floats(logits!));
      checkpoint.addProperty('epoch', 7n);
      checkpoint.addProperty('rate', 0.5);
      checkpoint.addProperty('note', 'grüße');
      checkpoint.save(join(folder, 'checkpoint'), true);
      const again = training.loadCheckpoint(join(folder, 'checkpoint'));
      expect([again.getProperty('epoch'), again.getProperty('rate'), again.getProperty('note')]).to.deep.equal([7n, 0.5, 'grüße']);
      expect(() => again.getProperty('none')).to.throw(errors.EngineError, /none/);
    });

    it('write outputs in place where they are given', () => {
      const { expected, session } = open();
      const inputs = inputsOf(expected, expected.user_inputs, 0);
      const loss = f32([0], []);
      const results = session.trainStep(inputs, [loss, null]);
      expect(results[0]).to.equal(loss);
      expect(floats(loss)[0]).to.equal(Math.fround(expected.losses[0]!));
    });

    it('copy parameters out and in', () => {
      const { checkpoint, session } = open();
      const values = session.copyParametersToBuffer(true);
      expect(values).to.be.instanceOf(Float32Array).with.length(119);
      session.copyBufferToParameters(values.map((x) => x * 2), true);
      expect(session.copyParametersToBuffer(true)[0]).to.equal(values[0]! * 2);
      expect(() => session.copyBufferToParameters(values.subarray(1), true)).to.throw(errors.ShapeError, /119/);
      const { shape } = checkpoint.parameterInfo('mlp/~/linear_0/b');
      checkpoint.updateParameter('mlp/~/linear_0/b', f32(new Array(shape[0]).fill(3), [...shape]));
      expect(floats(checkpoint.getParameter('mlp/~/linear_0/b'))[0]).to.equal(3);
      expect(() => checkpoint.updateParameter('mlp/~/linear_0/b', f32([1]))).to.throw(errors.ShapeError);
      expect(() => checkpoint.getParameter('nobody')).to.throw(errors.EngineError, /nobody/);
    });

    it('keep a learning rate and a schedule', () => {
      const { session } = open();
      session.learningRate = 0.25;
      expect(session.learningRate).to.equal(0.25);
      session.registerLinearLRScheduler(0, 10, 0.5);
      session.schedulerStep();
      expect(session.learningRate).to.equal(0.5);
    });

    it('refuse what would be wrong', async () => {
      const { expected, session, checkpoint } = open();
      const [x, labels] = inputsOf(expected, expected.user_inputs, 0);
      expect(() => session.trainStep([x!])).to.throw(errors.ValueError, 'Expected 2 inputs but received 1.');
      expect(() => session.trainStep([labels!, x!])).to.throw(errors.TypeError, /dtype float32 for input 'x'/);
      expect(() => session.trainStep([f32([1, 2]), labels!])).to.throw(errors.ShapeError);
      expect(() => { session.learningRate = 'fast' as unknown as number; }).to.throw(errors.TypeError);
      const { train, optimizer } = load('mlp_frozen1_sgd').paths;
      const evalless = training.createTrainingSession(checkpoint, { train, optimizer });
      expect(evalless.evalInputs).to.deep.equal([]);
      expect(() => evalless.evalStep([])).to.throw(errors.ValueError, /without an eval model/);
      expect(() => training.createTrainingSession(checkpoint, { train, evals: train } as never)).to.throw(errors.ValueError, /nearest is 'eval'/);
      expect(() => training.createTrainingSession({} as never, { train })).to.throw(errors.TypeError, /checkpoint/);
      expect(() => training.loadCheckpoint(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9]))).to.throw(errors.FileFormatError);
      expect(() => training.loadCheckpoint('/nowhere')).to.throw(errors.FileFormatError, /nowhere/);
      expect(() => training.createTrainingSession(checkpoint, { train: new Uint8Array([255, 255]) })).to.throw(errors.FileFormatError);
    });

    it('outlive the handles of their checkpoint', async () => {
      const { expected, session, checkpoint } = open();
      checkpoint.dispose();
      checkpoint.dispose();
      expect(() => checkpoint.getProperty('x')).to.throw(errors.DisposedError);
      const inputs = inputsOf(expected, expected.user_inputs, 0);
      const running = session.trainStepAsync(inputs);
      session.dispose();
      expect(session.disposed).to.equal(true);
      expect(() => session.trainStep(inputs)).to.throw(errors.DisposedError);
      expect(floats((await running)[0]!)[0]).to.equal(Math.fround(expected.losses[0]!));
    });

    it('run steps of one session one after the other', async () => {
      const { expected, session } = open();
      session.learningRate = 0;
      const inputs = inputsOf(expected, expected.user_inputs, 0);
      const losses = await Promise.all(Array.from({ length: 50 }, () => session.trainStepAsync(inputs)));
      losses.forEach(([loss]) => expect(floats(loss!)[0]).to.equal(Math.fround(expected.losses[0]!)));
    });

    it('refuse an eval model with parameters in another order', () => {
      const { checkpoint } = open();
      const { train } = load('mlp_frozen1_sgd').paths;
      const of = (name: string) => ({ name, dtype: 'float32' as const, shape: [16] });
      const wrong = model([of('mlp/~/linear_0/b')], [of('y')], [{ op: 'Neg', inputs: ['mlp/~/linear_0/b'], outputs: ['y'] }]);
      expect(() => training.createTrainingSession(checkpoint, { train, eval: wrong })).to.throw(errors.EngineError, /same parameters in the same order/);
    });

    it('guard the calls that would end the process', () => {
      const { checkpoint } = open();
      const of = (name: string, shape: (number | string)[] | null) => ({ name, dtype: 'float32' as const, shape });
      const pool = model([of('dy', [1, 1, 1, 1]), of('lazy_reset_grad', [1])], [of('dx2', null)], [
        { op: 'AveragePoolGrad', inputs: ['dy'], outputs: ['dx'] }, { op: 'Neg', inputs: ['dx'], outputs: ['dx2'] },
      ]);
      expect(() => training.createTrainingSession(checkpoint, { train: pool })).to.throw(errors.EngineError, /pooling gradient 'dx' without a declared shape/);
      const { expected, paths } = load('mlp_frozen1_sgd');
      const empty = training.loadCheckpoint(nominal(expected.trainable, expected.frozen));
      const session = training.createTrainingSession(empty, paths);
      expect(() => { session.learningRate = 0.1; }).to.throw(errors.EngineError, /no values yet/);
      expect(() => session.registerLinearLRScheduler(1, 2, 0.1)).to.throw(errors.EngineError, /no values yet/);
      expect(() => session.trainStep(inputsOf(expected, expected.user_inputs, 0))).to.throw(errors.EngineError);
      session.copyBufferToParameters(new Float32Array(expected.params_size_all).fill(0.1), false);
      session.learningRate = 0.1;
      session.trainStep(inputsOf(expected, expected.user_inputs, 0));
      const unshaped = model([of('mlp/~/linear_1/b', null)], [of('loss', null)], [{ op: 'Neg', inputs: ['mlp/~/linear_1/b'], outputs: ['loss'] }]);
      const frozen = training.createTrainingSession(checkpoint, { train: unshaped });
      expect(() => frozen.parametersSize(false)).to.throw(errors.EngineError, /does not fix the shape/);
      expect(() => { frozen.learningRate = 1; }).to.throw(errors.ValueError, /without an optimizer/);
    });
  });
});
