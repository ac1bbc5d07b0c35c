import { expect } from 'chai';
import { copyFileSync, cpSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { numpy as jnp, tree, type Array } from '../../lib/jax/index.js';
import * as hk from '../../lib/index.js';
import * as optax from '../../lib/optax/index.js';
import { engine } from '../../lib/runtime/engines.js';
import { DisposedError, EngineNotFoundError, FileFormatError, ShapeError, TypeError, ValueError } from '../../lib/runtime/errors.js';
import { TrainingSession, generateArtifacts, type ArtifactsOptions } from '../../lib/training/index.js';
import { readCheckpoint, writeCheckpoint } from '../../lib/training/checkpoint-file.js';
import { FIRST, LAST, MIDDLE, allBits, bits, crossEntropy, forward, jitted, largest, makeBatch, makeParams, needsTraining, temporaryFolder, withoutMiddle, type Batch } from './artifacts-helpers.js';

describe('TrainingSession', function () {
  before(needsTraining);
  const folder = temporaryFolder();
  const params = makeParams();
  const base = { loss: crossEntropy, params, optimizer: optax.sgd(0.1), batch: makeBatch(0), trainable: withoutMiddle };
  const write = (options: Partial<ArtifactsOptions> = {}) => {
    const directory = folder();
    generateArtifacts({ ...base, ...options }, directory);
    return directory;
  };
  const open = (options: Partial<ArtifactsOptions> = {}) => TrainingSession.load(write(options));
  const train = (session: TrainingSession, steps: number, from = 0): number[] => globalThis.Array.from({ length: steps }, (_, i) => {
    const { loss } = session.trainStep(makeBatch((from + i) % 4));
    if (session.style === 'classic') { session.optimizerStep(); session.lazyResetGrad(); }
    return loss.item();
  });

  describe('trains as jitted steps do', () => {
    const labels = hk.dataStructures.map((module) => (withoutMiddle(module) ? 'train' : 'freeze'), params);
    const optimizers: [string, () => optax.GradientTransformation][] = [
      ['sgd', () => optax.sgd(0.1)],
      ['adam', () => optax.adam(1e-3)],
      ['adamw', () => optax.adamw(1e-3, { weightDecay: 0.01, b1: 0.8 })],
      ['momentum', () => optax.sgd(0.05, { momentum: 0.9, nesterov: true })],
      ['a schedule', () => optax.sgd(optax.cosineDecaySchedule(0.1, 60))],
      ['clipping and adamw', () => optax.chain(optax.clipByGlobalNorm(0.5), optax.adamw(1e-3, { weightDecay: 0.1 }))],
      ['clipping and sgd', () => optax.chain(optax.clip(0.01), optax.sgd(0.5))],
    ];
    for (const [name, make] of optimizers) {
      for (const style of ['classic', 'in-graph'] as const) {
        if (style === 'classic' && !['sgd', 'adam', 'adamw'].includes(name)) continue;
        it(`${name}, ${style}`, () => {
          const expected = jitted(make(), withoutMiddle, 50);
          using session = open({ optimizer: make(), style });
          train(session, 50).forEach((loss, i) => expect(loss, `loss ${i}`).to.be.closeTo(expected.losses[i], 1e-5));
          expect(largest(session.params(), expected.params)).to.be.below(1e-5);
        });
      }
    }

    it('multiTransform with setToZero', () => {
      const optimizer = optax.multiTransform({ train: optax.adam(1e-3), freeze: optax.setToZero() }, labels);
      const expected = jitted(optimizer, () => true, 50);
      using session = open({ optimizer, trainable: undefined });
      train(session, 50);
      expect(largest(session.params(), expected.params)).to.be.below(1e-5);
    });
  });

  for (const style of ['classic', 'in-graph'] as const) {
    it(`keeps frozen parameters to the bit over 1000 steps of adamw with clipping and decay, ${style}`, () => {
      const adamw = optax.adamw(1e-2, { weightDecay: 0.1 });
      using session = open({ optimizer: style === 'classic' ? adamw : optax.chain(optax.clipByGlobalNorm(1), adamw), style });
      train(session, 1000);
      const after = session.params();
      expect(allBits({ [MIDDLE]: after[MIDDLE] })).to.deep.equal(allBits({ [MIDDLE]: params[MIDDLE] }));
      expect(bits(after[FIRST].w)).not.to.equal(bits(params[FIRST].w));
    });
  }

  describe('state', () => {
    // A moving average of inputs that the loss reads before it is written, and a counter.
    const loss = (p: hk.Params, [x, y]: Batch, { state }: { state: hk.State }) => {
      const { mean, count } = state.stats;
      const next = { stats: { mean: mean.mul(0.9).add(jnp.mean(x, { axis: 0 }).mul(0.1)), count: count.add(1) } };
      return [crossEntropy(p, [x.sub(mean), y]), { state: next, aux: { mean, seen: count } }] as const;
    };
    const state = { stats: { mean: jnp.zeros([4]), count: jnp.zeros([], { dtype: 'int32' }) } };
    for (const style of ['classic', 'in-graph'] as const) {
      it(`is written in every step and read before, ${style}`, () => {
        using session = open({ loss, state, style });
        let mean = new Float64Array(4);
        for (let i = 0; i < 10; i++) {
          const batch = makeBatch(i);
          const { aux } = session.trainStep(batch);
          if (style === 'classic') { session.optimizerStep(); session.lazyResetGrad(); }
          expect(aux.seen.item()).to.equal(i);
          (aux.mean.data as Float32Array).forEach((v, k) => expect(v).to.be.closeTo(mean[k], 1e-6));
          const average = jnp.mean(batch[0], { axis: 0 }).data as Float32Array;
          mean = mean.map((m, k) => 0.9 * m + 0.1 * average[k]);
        }
        const { stats } = session.state();
        expect([stats.count.item(), stats.count.dtype]).to.deep.equal([10, 'int32']);
        session.evalStep(makeBatch(0));
        expect(session.state().stats.count.item()).to.equal(10);
      });
    }

    it('may trade places', () => {
      const swap = (p: hk.Params, batch: Batch, { state }: { state: hk.State }) =>
        [crossEntropy(p, batch), { state: { s: { a: state.s.b.mul(1), b: state.s.a.reshape([2, 2]).reshape([4]), w: p[FIRST].b.add(0) } } }] as const;
      using session = open({ loss: swap, style: 'in-graph', state: { s: { a: jnp.array([1, 2, 3, 4]), b: jnp.array([5, 6, 7, 8]), w: jnp.zeros([16]) } } });
      for (let i = 0; i < 5; i++) {
        const before = session.params()[FIRST].b;
        train(session, 1, i);
        const { a, b, w } = session.state().s;
        expect([a.tolist(), b.tolist()]).to.deep.equal(i % 2 === 0 ? [[5, 6, 7, 8], [1, 2, 3, 4]] : [[1, 2, 3, 4], [5, 6, 7, 8]]);
        expect(bits(w)).to.equal(bits(before));
      }
    });
  });

  describe('checkpoints', () => {
    for (const [name, options] of [['classic', { optimizer: optax.adamw(1e-2) }], ['in-graph', { optimizer: optax.chain(optax.clipByGlobalNorm(1), optax.adamw(1e-2)) }]] as const) {
      it(`save, load and go on to the bit, ${name}`, () => {
        const directory = write(options);
        using whole = TrainingSession.load(directory);
        whole.learningRate = 0.003;
        train(whole, 10);
        const path = join(folder(), 'saved', 'checkpoint');
        whole.saveCheckpoint(path);
        const expected = train(whole, 10, 10);
        using resumed = TrainingSession.load(directory);
        resumed.loadCheckpoint(path);
        expect(resumed.learningRate).to.equal(0.003);
        expect(train(resumed, 10, 10)).to.deep.equal(expected);
        expect(allBits(resumed.params())).to.deep.equal(allBits(whole.params()));
      });
    }

    it('of other models are refused, and the session goes on', () => {
      using session = open();
      const others: [Partial<ArtifactsOptions>, RegExp][] = [
        [{ trainable: LAST }, /frozen there and trainable here/],
        [{ loss: (p, b) => crossEntropy(p, b).mul(2) }, /training_model.onnx is a different one/],
        [{ style: 'in-graph' }, /optimizer\/learning_rate/],
      ];
      for (const [options, message] of others) expect(() => session.loadCheckpoint(join(write(options), 'checkpoint'))).to.throw(FileFormatError, message);
      expect(() => session.loadCheckpoint(join('test', 'artifacts', 'mlp_frozen1_sgd', 'checkpoint'))).to.throw(FileFormatError, /belongs to another model/);
      train(session, 2);
    });

    it('may keep their tensors in a file beside them', () => {
      const directory = write({ optimizer: optax.adam(1e-2) });
      writeCheckpoint(join(directory, 'checkpoint'), readCheckpoint(join(directory, 'checkpoint')), { externalAbove: 0 });
      using session = TrainingSession.load(directory);
      train(session, 3);
      const path = join(folder(), 'checkpoint');
      session.saveCheckpoint(path);
      expect(existsSync(`${path}.data`)).to.equal(true);
      const expected = train(session, 3, 3);
      session.loadCheckpoint(path);
      expect(train(session, 3, 3)).to.deep.equal(expected);
    });

    it('with damaged properties are refused', () => {
      const directory = write();
      const contents = readCheckpoint(join(directory, 'checkpoint'));
      const values: [string, string][] = [['tensors', '[1]'], ['tensors', '{'], ['batch', '{}'], ['train', 'null'], ['evaluation', '{"outputs":[{}]}'], ['style', 'x'], ['models', 'null'], ['optimizer', 'null']];
      for (const [name, value] of values) {
        const properties = new Map(contents.properties).set(`hokku.${name}`, { type: 'string', value });
        writeCheckpoint(join(directory, 'checkpoint'), { ...contents, properties });
        expect(() => TrainingSession.load(directory), `${name} ${value}`).to.throw(FileFormatError, `hokku.${name}`);
      }
      writeCheckpoint(join(directory, 'checkpoint'), { ...contents, properties: new Map(contents.properties).set('hokku.format', { type: 'int', value: 99 }) });
      expect(() => TrainingSession.load(directory)).to.throw(FileFormatError, /version 99/);
    });

    it('that are damaged are refused', () => {
      const directory = write();
      truncateSync(join(directory, 'checkpoint'), 100);
      expect(() => TrainingSession.load(directory)).to.throw(FileFormatError);
      writeFileSync(join(directory, 'checkpoint'), 'hello');
      expect(() => TrainingSession.load(directory)).to.throw(FileFormatError);
    });
  });

  it('keeps its barrier at every level of graph optimisation', () => {
    // State that is read, swapped and derived from parameters makes every order of nodes but the right one visible.
    const loss = (p: hk.Params, [x, y]: Batch, { state: { s } }: { state: hk.State }) =>
      [crossEntropy(p, [x.add(s.a), y]), { state: { s: { a: s.b.mul(1).add(0), b: s.a.mul(0.5).add(p[LAST].b.index({ stop: 4 })), old: p[FIRST].w.reshape([64]) } } }] as const;
    const state = { s: { a: jnp.zeros([4]), b: jnp.ones([4]), old: jnp.zeros([64]) } };
    const directory = write({ loss, state, optimizer: optax.chain(optax.clipByGlobalNorm(1), optax.adamw(1e-2)) });
    const native = engine('onnxruntime-training');
    const runs = ([0, 1, 2, 99] as const).flatMap((graphOptimizationLevel) => [1, 2].map((intraOpNumThreads) => {
      const checkpoint = native.loadCheckpoint(join(directory, 'checkpoint'));
      const session = native.createTrainingSession(checkpoint, { train: join(directory, 'training_model.onnx') }, { graphOptimizationLevel, intraOpNumThreads });
      return globalThis.Array.from({ length: 30 }, (_, i) => {
        const inputs = makeBatch(i).map((x) => ({ dtype: x.dtype, shape: x.shape, data: x.data.buffer as ArrayBuffer }));
        const before = checkpoint.getParameter(`${FIRST}/w`).data as ArrayBuffer;
        const [{ data }] = session.trainStep(inputs);
        expect(Buffer.from(checkpoint.getParameter('state/s/old').data as ArrayBuffer).equals(Buffer.from(before))).to.equal(true);
        return new Float32Array(data as ArrayBuffer)[0];
      });
    }));
    for (const run of runs) run.forEach((x, i) => expect(x).to.be.closeTo(runs[0][i], 1e-5));
  });

  it('takes unusual names, scalars and empty arrays', () => {
    const odd: hk.Params = { 'ünï cödé/~/b c': { 'a b': jnp.array(2), none: jnp.zeros([0, 3]), 'w.x': jnp.ones([4]) } };
    const loss = (p: hk.Params, [x]: Batch) => {
      const { 'a b': a, 'w.x': w, none } = p['ünï cödé/~/b c'];
      return jnp.mean(jnp.matmul(x, w).sub(1)).mul(a).add(jnp.sum(none));
    };
    for (const style of ['classic', 'in-graph'] as const) {
      using session = open({ params: odd, trainable: undefined, loss, optimizer: optax.adamw(0.1), style });
      const first = train(session, 1)[0];
      expect(train(session, 20).at(-1)).to.be.below(first);
      const after = session.params()['ünï cödé/~/b c'];
      expect([after['a b'].shape, after.none.shape, after['w.x'].shape]).to.deep.equal([[], [0, 3], [4]]);
    }
  });

  describe('folders', () => {
    for (const file of ['training_model.onnx', 'eval_model.onnx', 'optimizer_model.onnx', 'checkpoint']) {
      it(`without ${file} are refused`, () => {
        const directory = write();
        rmSync(join(directory, file));
        expect(() => TrainingSession.load(directory)).to.throw(FileFormatError, file);
      });
    }
    it('with a file of another model are refused', () => {
      const [mine, other] = [write(), write({ loss: (p, b) => crossEntropy(p, b).mul(2) })];
      copyFileSync(join(other, 'training_model.onnx'), join(mine, 'training_model.onnx'));
      expect(() => TrainingSession.load(mine)).to.throw(FileFormatError, /training_model\.onnx is not the model/);
    });
    it('may go away while a session is open', () => {
      const directory = write();
      using session = TrainingSession.load(directory);
      cpSync(directory, folder(), { recursive: true });
      rmSync(directory, { recursive: true });
      train(session, 2);
      session.exportForInference(join(folder(), 'model.onnx'));
    });
  });

  it('refuses another engine and says which one can', () => {
    expect(() => TrainingSession.load(write(), { engine: 'onnxruntime' as never })).to.throw(EngineNotFoundError, /only 'onnxruntime-training' can: run `npm run setup`/);
  });

  describe('batches', () => {
    let session: TrainingSession;
    before(() => { session = open(); });
    after(() => session.dispose());
    const [x, y] = makeBatch(0);
    const wrong: [string, unknown, new (m: string) => Error, RegExp][] = [
      ['another dtype', [x.astype('float64'), y], TypeError, /input 'x0' must be f32\[batch,4\], but is f64\[8,4\]/],
      ['another rank', [x.reshape([8, 4, 1]), y], ShapeError, /'x0'.*rank 2/],
      ['another fixed size', [jnp.zeros([8, 5]), y], ShapeError, /'x0'.*dimension 1 is fixed/],
      ['two batch sizes', [x, jnp.zeros([7], { dtype: 'int32' })], ShapeError, /'x1'.*'batch' is 8 in 'x0'/],
      ['one input too few', [x], ValueError, /list of 2/],
      ['another structure', { x, y }, ValueError, /structure/],
      ['no array', [x, 'labels'], TypeError, /'x1'/],
    ];
    for (const [name, batch, kind, message] of wrong) {
      it(`with ${name} are refused`, () => {
        session.trainStep([x, y]);
        expect(() => session.trainStep(batch)).to.throw(kind, message);
        session.trainStep([x, y]);
      });
    }
    it('may hold numbers, unused arrays, or nothing at all', () => {
      const loss = (p: hk.Params, b: { x: Array; y: Array; scale: Array }) => crossEntropy(p, [b.x, b.y]).mul(b.scale);
      using scaled = open({ loss, batch: { x, y, scale: 0.5, id: jnp.zeros([8], { dtype: 'int64' }), count: 3 } });
      const once = scaled.trainStep({ x, y, scale: 1, id: jnp.zeros([8], { dtype: 'int64' }), count: 4 }).loss.item();
      expect(scaled.trainStep({ x, y, scale: 0.25, id: jnp.zeros([8], { dtype: 'int64' }), count: 4 }).loss.item()).to.be.closeTo(once / 4, 1e-6);
      expect(() => scaled.trainStep({ x, y, scale: 1, id: jnp.zeros([8], { dtype: 'int64' }), count: 0.5 })).to.throw(TypeError, /'count' must be i32/);
      using empty = open({ loss: (p) => jnp.sum(p[FIRST].b.sub(1).mul(p[FIRST].b.sub(1))), batch: [], trainable: FIRST });
      empty.trainStep([]);
      empty.optimizerStep();
      expect(empty.params()[FIRST].b.tolist()).to.deep.equal(new globalThis.Array(16).fill(Math.fround(0.2)));
    });
    it('may change their size where it is open', () => {
      for (const n of [1, 8, 3]) expect(session.evalStep(makeBatch(0, n)).loss.item()).to.be.closeTo(crossEntropy(session.params(), makeBatch(0, n)).item(), 1e-6);
    });
    it('may be read after a step, and results kept', () => {
      const first = session.trainStep([x, y]).loss;
      const value = first.item();
      session.trainStep(makeBatch(1));
      expect(first.item()).to.equal(value);
      expect(x.tolist()).to.deep.equal(makeBatch(0)[0].tolist());
    });
  });

  describe('the learning rate', () => {
    it('is the optimizer\'s after loading, in both styles', () => {
      for (const style of ['classic', 'in-graph'] as const) {
        using session = open({ style, optimizer: optax.sgd(0.1) });
        expect(session.learningRate).to.equal(0.1);
        session.learningRate = 0;
        const before = allBits(session.params());
        train(session, 3);
        expect(allBits(session.params())).to.deep.equal(before);
        session.learningRate = 0.5;
        expect(session.learningRate).to.equal(0.5);
        for (const bad of [NaN, Infinity, '1' as never]) expect(() => { session.learningRate = bad; }).to.throw(ValueError, /finite number/);
      }
    });
    it('reaches into chains', () => {
      using session = open({ optimizer: optax.chain(optax.clipByGlobalNorm(1), optax.adam(0.01)) });
      session.learningRate = 0.5;
      const expected = jitted(optax.chain(optax.clipByGlobalNorm(1), optax.adam(0.5)), withoutMiddle, 3);
      train(session, 3);
      expect(largest(session.params(), expected.params)).to.be.below(1e-4);
    });
    it('is refused where a schedule computes it', () => {
      using session = open({ optimizer: optax.adam(optax.linearSchedule(0.1, 0, 100)) });
      expect(() => session.learningRate).to.throw(ValueError, /no learning rate/);
      expect(() => { session.learningRate = 1; }).to.throw(ValueError, /no learning rate/);
    });
  });

  describe('values', () => {
    it('are Haiku\'s map, and can be replaced', () => {
      using session = open();
      expect(allBits(session.params())).to.deep.equal(allBits(params));
      session.setParameter(FIRST, 'b', jnp.ones([16]));
      expect(session.params()[FIRST].b.tolist()).to.deep.equal(new globalThis.Array(16).fill(1));
      session.update({ [MIDDLE]: tree.map((p: Array) => p.mul(2), params[MIDDLE]) }, { allowFrozen: true });
      expect(session.evalStep(makeBatch(0)).loss.item()).to.be.closeTo(crossEntropy(session.params(), makeBatch(0)).item(), 1e-6);
    });
    it('refuse frozen, unknown and misshapen parameters, all or nothing', () => {
      using session = open();
      expect(() => session.setParameter(MIDDLE, 'b', jnp.ones([12]))).to.throw(ValueError, /frozen.*allowFrozen/);
      expect(() => session.setParameter(FIRST, 'c', jnp.ones([12]))).to.throw(ValueError, /no parameter/);
      expect(() => session.update({ [FIRST]: { b: jnp.ones([16]), w: jnp.ones([16]) } })).to.throw(ShapeError, /f32\[4,16\]/);
      expect(() => session.setParameter(FIRST, 'b', jnp.ones([16], { dtype: 'int32' }))).to.throw(TypeError, /astype/);
      expect(allBits(session.params())).to.deep.equal(allBits(params));
    });
    it('have a size', () => {
      using session = open({ optimizer: optax.adam(1e-3), style: 'in-graph' });
      expect(session.parametersSize()).to.equal(4 * 16 + 16 + 16 * 12 + 12 + 12 * 5 + 5);
      expect(session.parametersSize({ trainableOnly: true })).to.equal(4 * 16 + 16 + 12 * 5 + 5);
    });
    it('may be frozen in other types', () => {
      const mixed = { ...params, table: { half: jnp.array([0.5, 2]).astype('float16'), index: jnp.array(new Int32Array([1, 0])) } };
      const loss = (p: any, b: Batch) => crossEntropy(p, b).mul(jnp.sum(jnp.take(p.table.half.astype('float32'), p.table.index)));
      using session = open({ params: mixed, loss, trainable: [FIRST, LAST] });
      train(session, 2);
      const { half, index } = session.params().table;
      expect([half.dtype, half.astype('float32').tolist(), index.dtype, index.tolist()]).to.deep.equal(['float16', [0.5, 2], 'int32', [1, 0]]);
    });
  });

  it('accumulates gradients over steps until they are reset', () => {
    using session = open();
    session.trainStep(makeBatch(0));
    session.trainStep(makeBatch(1));
    session.optimizerStep();
    const both = (p: hk.Params, batches: Batch[]) => batches.map((b) => crossEntropy(p, b)).reduce((a, b) => a.add(b));
    using reference = open({ loss: both, batch: [makeBatch(0), makeBatch(1)] });
    reference.trainStep([makeBatch(0), makeBatch(1)]);
    reference.optimizerStep();
    expect(largest(session.params(), reference.params())).to.be.below(1e-6);
  });

  it('says that in-graph style has no optimizer step', () => {
    using session = open({ style: 'in-graph' });
    expect(() => session.optimizerStep()).to.throw(ValueError, /trainStep updates the parameters itself/);
    session.lazyResetGrad();
  });

  it('exports what the outputs say', () => {
    using session = open({ outputs: (p, [x]: Batch) => ({ logits: forward(p, x) }) });
    train(session, 5);
    const [x, y] = makeBatch(3, 6);
    const { outputs } = session.evalStep([x, y]);
    const path = join(folder(), 'model.onnx');
    session.exportForInference(path);
    const model = engine('onnxruntime').createSession(path);
    expect(model.inputs.map((i) => i.name)).to.deep.equal(['x0']);
    const [logits] = model.run([{ dtype: 'float32', shape: [6, 4], data: x.data.buffer as ArrayBuffer }]);
    [...new Float32Array(logits.data as ArrayBuffer)].forEach((v, i) => expect(v).to.be.closeTo(outputs.logits.data[i], 1e-6));
    expect(() => session.exportForInference(path, ['logit'])).to.throw(ValueError, /loss, logits/);
  });

  it('has an evaluation of its own where it is given one', () => {
    using session = open({ evalLoss: (p, b) => [crossEntropy(p, b).mul(0), { aux: 7 as never }] as never });
    const { loss, aux } = session.evalStep(makeBatch(0));
    expect([loss.item(), aux.item()]).to.deep.equal([0, 7]);
  });

  it('steps asynchronously as it does otherwise', async () => {
    const directory = write();
    using a = TrainingSession.load(directory);
    using b = TrainingSession.load(directory);
    for (let i = 0; i < 5; i++) {
      const one = a.trainStep(makeBatch(i)).loss.item();
      a.optimizerStep();
      a.lazyResetGrad();
      expect((await b.trainStepAsync(makeBatch(i))).loss.item()).to.equal(one);
      await b.optimizerStepAsync();
      b.lazyResetGrad();
    }
    expect((await b.evalStepAsync(makeBatch(0))).loss.item()).to.equal(a.evalStep(makeBatch(0)).loss.item());
  });

  it('can be disposed of twice, with a step in flight, and says so afterwards', async () => {
    const session = open();
    const pending = session.trainStepAsync(makeBatch(0));
    session.dispose();
    session.dispose();
    expect(Number.isFinite((await pending).loss.item())).to.equal(true);
    expect(session.disposed).to.equal(true);
    const uses = [() => session.trainStep(makeBatch(0)), () => session.optimizerStep(), () => session.params(), () => session.learningRate, () => session.saveCheckpoint(join(folder(), 'c')), () => session.parametersSize(), () => session.lazyResetGrad()];
    for (const use of uses) expect(use).to.throw(DisposedError, /disposed of/);
  });

  it('leaves no half file behind', () => {
    using session = open();
    const path = join(folder(), 'checkpoint');
    session.saveCheckpoint(path);
    const before = readFileSync(path);
    expect(() => session.saveCheckpoint(join(path, 'below'))).to.throw();
    expect(readFileSync(path).equals(before)).to.equal(true);
  });
});
