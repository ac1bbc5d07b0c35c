import { expect } from 'chai';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { numpy as jnp, stopGradient, tree, type Array } from '../../lib/jax/index.js';
import * as hk from '../../lib/index.js';
import * as optax from '../../lib/optax/index.js';
import { ShapeError, TypeError, ValueError } from '../../lib/runtime/errors.js';
import { generateArtifacts, type ArtifactsOptions } from '../../lib/training/index.js';
import { readCheckpoint } from '../../lib/training/checkpoint-file.js';
import { FIRST, LAST, MIDDLE, crossEntropy, forward, makeBatch, makeParams, products, readModel, temporaryFolder, withoutMiddle, type Batch } from './artifacts-helpers.js';

describe('training artifacts', () => {
  const folder = temporaryFolder();
  const params = makeParams();
  const base = { loss: crossEntropy, params, optimizer: optax.sgd(0.1), batch: makeBatch(0) };
  const write = (options: Partial<ArtifactsOptions> = {}) => {
    const directory = folder();
    const made = generateArtifacts({ ...base, ...options }, directory);
    return { directory, made, train: readModel(join(directory, 'training_model.onnx')), checkpoint: readCheckpoint(join(directory, 'checkpoint')) };
  };

  describe('what is frozen costs nothing', () => {
    const labels = hk.dataStructures.map((module) => (withoutMiddle(module) ? 'train' : 'freeze'), params);
    const mask = hk.dataStructures.map((module) => withoutMiddle(module), params);
    const not = tree.map((m: boolean) => !m, mask);
    const stopped = (p: hk.Params, batch: Batch) => crossEntropy(hk.dataStructures.map((module, _, x: Array) => (withoutMiddle(module) ? x : stopGradient(x)), p), batch);
    const cases: [string, Partial<ArtifactsOptions>, number][] = [
      ['everything trains', {}, 8],
      ['the middle layer is frozen', { trainable: withoutMiddle }, 7],
      ['patterns say what trains', { trainable: ['**/linear_0', '**/linear_2'] }, 7],
      ['only the last layer trains', { trainable: LAST }, 4],
      ['the middle layer is frozen, in-graph', { trainable: withoutMiddle, style: 'in-graph' }, 7],
      ['multiTransform with setToZero', { optimizer: optax.multiTransform({ train: optax.adam(1e-3), freeze: optax.setToZero() }, labels) }, 7],
      ['masked and a masked setToZero', { optimizer: optax.chain(optax.masked(optax.adam(1e-3), mask), optax.masked(optax.setToZero(), not)) }, 7],
      ['stopGradient', { loss: stopped }, 7],
    ];
    for (const [name, options, expected] of cases) {
      it(`${name}: ${expected} matrix products`, () => {
        const { train } = write(options);
        expect(products(train)).to.equal(expected);
      });
    }

    for (const [name, options] of cases.slice(1).filter(([n]) => n !== 'stopGradient' && n !== 'only the last layer trains')) {
      it(`${name}: no gradient and no optimizer state of it`, () => {
        const { train, checkpoint, made } = write(options);
        expect(made.frozen).to.have.members([`${MIDDLE}/w`, `${MIDDLE}/b`]);
        expect(checkpoint.requiresGrad.map((t) => t.name)).to.have.members([FIRST, LAST].flatMap((m) => [`${m}/w`, `${m}/b`]));
        const names = [...train.inputs, ...train.outputs, ...checkpoint.frozen.map((t) => t.name)].filter((n) => n.includes(MIDDLE));
        expect(new Set(names)).to.deep.equal(new Set([`${MIDDLE}/w`, `${MIDDLE}/b`]));
      });
    }
  });

  describe('files', () => {
    it('hold standard operators and those of the engine only', () => {
      for (const style of ['classic', 'in-graph'] as const) {
        const { directory } = write({ style, optimizer: optax.adamw(1e-3) });
        for (const file of readdirSync(directory).filter((f) => f.endsWith('.onnx'))) {
          expect(readModel(join(directory, file)).nodes.filter((n) => n.domain !== '' && n.domain !== 'com.microsoft')).to.deep.equal([]);
        }
      }
    });

    it('have the names of inputs, gradients and outputs that they should', () => {
      const loss = (p: hk.Params, batch: { image: Array; label: Array }) => [crossEntropy(p, [batch.image, batch.label]), { aux: { logits: forward(p, batch.image) } }] as const;
      const [image, label] = makeBatch(0);
      const { train, made } = write({ loss, batch: { image, label }, trainable: LAST });
      expect(train.inputs.slice(0, 2)).to.deep.equal(['image', 'label']);
      expect(train.inputs.slice(-3)).to.deep.equal([`${LAST}/b_grad.accumulation.buffer`, `${LAST}/w_grad.accumulation.buffer`, 'lazy_reset_grad']);
      expect(train.outputs).to.deep.equal(['loss', 'logits', `${LAST}/b_grad.accumulation.out`, `${LAST}/w_grad.accumulation.out`]);
      expect(made.inputs).to.deep.equal([{ name: 'image', dtype: 'float32', shape: ['batch', 4] }, { name: 'label', dtype: 'int32', shape: ['batch'] }]);
      expect(made.outputs).to.deep.equal([{ name: 'loss', dtype: 'float32', shape: [] }, { name: 'logits', dtype: 'float32', shape: ['batch', 5] }]);
    });

    it('declare all tensors in one order in both models', () => {
      const { directory, train, checkpoint } = write({ optimizer: optax.chain(optax.clipByGlobalNorm(1), optax.adamw(1e-3)) });
      const tensors = new Set([...checkpoint.requiresGrad, ...checkpoint.frozen].map((t) => t.name));
      const order = (inputs: string[]) => inputs.filter((n) => tensors.has(n));
      expect(order(readModel(join(directory, 'eval_model.onnx')).inputs)).to.deep.equal(order(train.inputs));
      expect(order(train.inputs)).to.have.length(tensors.size);
      expect(tensors).to.include(`optimizer/1/0/mu/${FIRST}/w`);
    });

    it('are replaced together or not at all', () => {
      const directory = folder();
      generateArtifacts(base, directory);
      const before = readdirSync(directory).map((f) => [f, readFileSync(join(directory, f), 'hex')]);
      expect(() => generateArtifacts({ ...base, loss: () => jnp.zeros([2]) }, directory)).to.throw(TypeError, /scalar/);
      // A folder in a file's place makes the writing itself fail.
      const blocked = folder();
      mkdirSync(join(blocked, 'checkpoint', 'x'), { recursive: true });
      writeFileSync(join(blocked, 'checkpoint', 'x', 'y'), '');
      expect(() => generateArtifacts(base, blocked)).to.throw();
      expect(readdirSync(blocked).filter((f) => f.endsWith('.tmp'))).to.deep.equal([]);
      expect(readdirSync(directory).map((f) => [f, readFileSync(join(directory, f), 'hex')])).to.deep.equal(before);
      generateArtifacts({ ...base, style: 'in-graph' }, directory);
      expect(existsSync(join(directory, 'optimizer_model.onnx'))).to.equal(false);
    });

    it('are the same in every run', () => {
      const [a, b] = [write({ trainable: withoutMiddle }), write({ trainable: withoutMiddle })];
      for (const file of readdirSync(a.directory)) expect(readFileSync(join(a.directory, file)).equals(readFileSync(join(b.directory, file))), file).to.equal(true);
    });
  });

  describe('style', () => {
    const styleOf = (optimizer: optax.GradientTransformation) => write({ optimizer }).made.style;
    it('is classic where the engine has the optimizer', () => {
      expect([optax.sgd(0.1), optax.adam(1e-3), optax.adamw(1e-3, { b1: 0.8, weightDecay: 0.1 })].map(styleOf)).to.deep.equal(['classic', 'classic', 'classic']);
    });
    it('is in-graph elsewhere', () => {
      const rates = optax.exponentialDecay(0.1, 10, 0.9);
      const others = [optax.sgd(0.1, { momentum: 0.9 }), optax.sgd(rates), optax.nadam(1e-3), optax.adam(1e-3, { epsRoot: 1e-8 }), optax.chain(optax.clip(1), optax.sgd(0.1))];
      expect(others.map(styleOf)).to.deep.equal(others.map(() => 'in-graph'));
    });
  });

  describe('the batch dimension', () => {
    const bySize = (p: hk.Params, batch: Batch) => crossEntropy(p, batch).mul(8).div(batch[1].shape[0]);
    it('is open where the loss allows it', () => expect(write().made.inputs[0].shape).to.deep.equal(['batch', 4]));
    it('has the name asked for', () => expect(write({ batchDim: 'n' }).made.inputs[1].shape).to.deep.equal(['n']));
    it('is fixed where the loss divides by it, and says so', () => {
      const { made } = write({ loss: bySize });
      expect(made.inputs[0].shape).to.deep.equal([8, 4]);
      expect(made.fixedBecause).to.match(/'batch' has no fixed number here: use jnp\.mean/);
    });
    it('is refused where it must be open', () => expect(() => write({ loss: bySize, batchDim: 'batch' })).to.throw(ShapeError, /jnp\.mean/));
    it('is fixed where asked for', () => expect(write({ batchDim: null }).made.inputs[0].shape).to.deep.equal([8, 4]));
  });

  describe('refuses', () => {
    const refused = (options: Partial<ArtifactsOptions>, kind: new (message: string) => Error, message: RegExp) => expect(() => write(options)).to.throw(kind, message);
    const named = (module: string, name: string): hk.Params => ({ [module]: { [name]: jnp.ones([4]) } });
    const sum = (p: hk.Params, [x]: Batch) => jnp.sum(jnp.matmul(x, (tree.leaves(p) as Array[])[0]));
    it('a selection of nothing', () => refused({ trainable: 'conv*' }, ValueError, /'conv\*' matches none/));
    it('an optimizer that changes nothing', () => refused({ optimizer: optax.setToZero() }, ValueError, /nothing to train/));
    it('a rate that is no number', () => expect(() => optax.sgd(NaN)).to.throw(ValueError, /finite/));
    it('names that the engine takes for gradients', () => refused({ params: named('layer', 'w_grad'), loss: sum }, ValueError, /'layer\/w_grad' ends in '_grad'/));
    it('inputs named like gradients', () => refused({ batch: { x: makeBatch(0)[0], y_grad: makeBatch(0)[1] }, loss: (p, { x, y_grad }) => crossEntropy(p, [x, y_grad]) }, ValueError, /y_grad/));
    it('an input with the name of the reset flag', () => refused({ batch: { lazy_reset_grad: jnp.zeros([2]) } }, ValueError, /reset flag/));
    it('an output with the name of an input', () => refused({ loss: (p, b) => [crossEntropy(p, b), { aux: { x0: b[0] } }] }, ValueError, /both named 'x0'|x0/));
    it('parameters of another type that train', () => refused({ params: { a: { w: jnp.ones([4], { dtype: 'float64' }) } }, loss: sum }, TypeError, /a\/w' is float64/));
    it('classic style for other optimizers', () => refused({ style: 'classic', optimizer: optax.sgd(0.1, { momentum: 0.9 }) }, ValueError, /classic/));
    it('an unknown style', () => refused({ style: 'fast' as never }, ValueError, /'fast'/));
    it('a misspelt option', () => refused({ trainabel: LAST } as never, TypeError, /trainable/));
    it('state of another type after the step', () => refused({ state: { m: { n: jnp.zeros([], { dtype: 'int32' }) } }, loss: (p, b) => [crossEntropy(p, b), { state: { m: { n: jnp.zeros([2]) } } }] }, ValueError, /state\/m\/n/));
    it('counters too large for the engine', () => refused({ state: { m: { n: jnp.zeros([], { dtype: 'int64' }) } }, loss: (p, b, { state }) => [crossEntropy(p, b), { state: { m: { n: state.m.n.add(1) } } }] }, TypeError, /int64/));
    it('operators of our own, which others do not have', () => refused({ loss: (p, [x, y]) => crossEntropy(p, [x.add(jnp.linalg.qr(x, { mode: 'r' }).sum()), y]) }, TypeError, /file for others/));
  });
});
