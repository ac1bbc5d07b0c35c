/** Imported models trained: all of them, a head, adapters; in a fused step, and through artifacts. */
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { grad, jit, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { biasOnly, exportModel, importModel, lastLayers, lora, mergeLora, normOnly, objective } from '../../lib/onnx/index.js';
import * as optax from '../../lib/optax/index.js';
import { TrainingSession, generateArtifacts, trainStep } from '../../lib/training/index.js';
import { engines } from '../../lib/runtime/engines.js';
import { expectClose, numbers, onEveryEngine, thrown } from '../jax/helpers.js';
import { graph, model, node, port, tensor } from './build.js';
import { opened, recorded } from './torch.js';

const chosen = (params: any, predicate: (m: string, n: string, v: Array) => unknown): string[] =>
  Object.entries(params).flatMap(([m, b]) => Object.entries(b as object).flatMap(([n, v]) => (predicate(m, n, v as Array) ? [`${m}/${n}`] : [])));

const [image, label] = [numbers(1, [8, 3, 12, 12]), jnp.array([0, 1, 2, 3, 4, 0, 1, 2]).astype('int32')];
const crossEntropy = (logits: Array, y: Array): Array => jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(logits, y));

describe('training an imported model', () => {
  onEveryEngine('in a fused step, head alone and whole, with its state', () => {
    const model = opened('resnet_train');
    const loss = (params: any, batch: any, { state }: any): any => {
      const [logits, next] = model.apply(params, batch.image, { state, training: true });
      return [crossEntropy(logits, batch.label), { state: next }];
    };
    for (const trainable of ['fc', '**']) {
      const step = trainStep({ loss, optimizer: optax.adam(1e-2), trainable });
      let carry = step.init(model.params as never, { state: model.state });
      const losses: number[] = [];
      for (let i = 0; i < 8; i++) {
        const [next, { loss: l }] = step(carry, { image, label });
        carry = next;
        losses.push((l as Array).item());
      }
      expect(losses[7], `${trainable}: ${losses}`).to.be.below(losses[0]);
      expect(Object.keys((carry as any).trainable).length).to.equal(trainable === 'fc' ? 1 : 9);
    }
  });

  it('through artifacts, on the training engine', function () {
    const { missing } = engines()[1];
    if (missing) { this.test!.title += ` (${missing})`; this.skip(); }
    const folder = mkdtempSync(join(tmpdir(), 'hokku-onnx-'));
    try {
      const model = opened('resnet_eval');
      generateArtifacts({
        loss: (params, batch) => crossEntropy(model.apply(params, batch.image), batch.label), params: model.params as never, trainable: 'fc',
        optimizer: optax.adamw(1e-2), batch: { image, label },
      }, folder);
      using session = TrainingSession.load(folder);
      const losses: number[] = [];
      for (let i = 0; i < 6; i++) {
        const { loss } = session.trainStep({ image, label });
        losses.push((loss as Array).item?.() ?? Number(loss));
        session.optimizerStep();
        session.lazyResetGrad();
      }
      expect(losses[5], String(losses)).to.be.below(losses[0]);
      // And back into the model that they came from.
      const tuned = session.params() as any;
      const written = importModel(exportModel(model, tuned));
      expectClose(written.params['fc']['weight'], tuned.fc.weight, 0);
      expectClose(written.params['conv1']['weight'], model.params['conv1']['weight'], 0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('for a loss that has a name, of logits where the model ends with a softmax', () => {
    const m = importModel(model(graph([node('MatMul', ['x', 'head.weight'], ['logits']), node('Softmax', ['logits'], ['y'])], [port('x', 'float32', ['batch', 3])], [port('y')], [tensor('head.weight', 'float32', [3, 2], [1, 2, 3, 4, 5, 6])])));
    const { loss, batch, output } = objective(m, 'crossEntropy');
    expect(output).to.equal('logits');
    expect([batch['x'].shape, batch['target'].shape, batch['target'].dtype]).to.deep.equal([[2, 3], [2], 'int32']);
    const x = jnp.array([[1, 0, 0], [0, 1, 0]]);
    expectClose(loss(m.params, { x, target: jnp.array([0, 1]).astype('int32') }), crossEntropy(x.matmul(m.params['head']['weight']), jnp.array([0, 1]).astype('int32')), 1e-6);
    expect(thrown(() => objective(m, 'crossEntropi')).message).to.match(/nearest is 'crossEntropy'/);
    expect(thrown(() => objective(m, 'l2', { shapes: { z: [1] } })).message).to.match(/no input 'z'/);
    const open = importModel(model(graph([node('Relu', ['x'], ['y'])], [port('x', 'float32', ['batch', 'wide'])], [port('y')])));
    expect(thrown(() => objective(open, 'l2')).message).to.match(/'x' is open \(batch, wide\); give it as shapes/);
    expect(objective(open, 'l2', { shapes: { x: [4, 5] } }).batch['target'].shape).to.deep.equal([4, 5]);
  });

  it('what is often trained has a name', () => {
    const resnet = opened('resnet_train');
    expect(chosen(resnet.params, normOnly(resnet))).to.deep.equal(['bn1', 'bn2', 'bn3', 'downsample/1'].flatMap((m) => [`${m}/bias`, `${m}/weight`]));
    expect(chosen(resnet.params, biasOnly(resnet))).to.deep.equal(['bn1/bias', 'bn2/bias', 'bn3/bias', 'downsample/1/bias', 'fc/bias']);
    expect(chosen(resnet.params, lastLayers(resnet, 1))).to.deep.equal(['fc/bias', 'fc/weight']);
    const transformer = opened('transformer');
    expect(chosen(transformer.params, normOnly(transformer))).to.deep.equal(['ln1/bias', 'ln1/weight', 'ln2/bias', 'ln2/weight']);
    expect(chosen(transformer.params, lastLayers(transformer, 2))).to.deep.equal(['down/bias', 'down/weight', 'up/bias', 'up/weight']);
    expect(thrown(() => lastLayers(resnet, 0)).message).to.match(/whole number of layers/);
  });
});

describe('lora', () => {
  for (const name of ['transformer', 'transformer_dynamo']) {
    it(`${name}: begins as the model, trains its adapters alone, and is merged when it is written`, () => {
      const model = opened(name);
      const { inputs, get } = recorded(name);
      const { params, trainable } = lora(model.params, { match: ['**/query', '**/value', 'up', 'down'], rank: 2, alpha: 4 });
      expect(Object.keys(params['query'])).to.deep.equal(Object.keys(model.params['query']).concat(['weight_lora_a', 'weight_lora_b', 'weight_lora_scale']));
      expectClose(model.apply(params, inputs), get('output'), 1e-5);
      const loss = (p: any): Array => jnp.sum(model.apply(p, inputs).sub(1).mul(model.apply(p, inputs).sub(1)));
      const step = trainStep({ loss: loss as never, optimizer: optax.adam(1e-2), trainable });
      let carry = step.init(params as never);
      const before = loss(params).item();
      for (let i = 0; i < 10; i++) [carry] = step(carry, {});
      const tuned = { ...(carry as any).nonTrainable } as any;
      for (const [m, b] of Object.entries((carry as any).trainable)) tuned[m] = { ...tuned[m], ...(b as object) };
      expect(loss(tuned).item()).to.be.below(before);
      expectClose(tuned.query.weight, model.params['query']['weight'], 0);
      const merged = mergeLora(tuned);
      expect(Object.keys(merged['query'])).to.deep.equal(Object.keys(model.params['query']));
      expectClose(model.apply(merged, inputs), model.apply(tuned, inputs), 1e-4);
      const written = importModel(exportModel(model, tuned));
      expectClose(written.apply(written.params, inputs), model.apply(tuned, inputs), 1e-4);
    });
  }

  it('never makes the product of its factors, nor a gradient of the matrix', () => {
    const model = opened('transformer_dynamo');
    const { inputs } = recorded('transformer_dynamo');
    const { params, trainable } = lora(model.params, { match: 'up', rank: 2 });
    const adapters = Object.fromEntries(Object.entries(params['up']).filter(([n]) => trainable('up', n)));
    const gradient = grad((a: any) => jnp.sum(model.apply({ ...params, up: { ...params['up'], ...a } }, inputs)));
    const { text } = jit(gradient).lower(adapters) as any;
    const [rows, columns] = params['up']['weight'].shape;
    const made = [...String(text).matchAll(/(\w+):f32\[(\d+),(\d+)\](?: \S+)* = dot_general/g)].map((m) => `${m[2]}x${m[3]}`);
    expect(made).to.not.include(`${rows}x${columns}`);
    expect(made.length).to.be.greaterThan(0);
  });

  it('says what it cannot adapt', () => {
    const { params } = opened('transformer');
    expect(thrown(() => lora(params, { match: 'querry' })).message).to.match(/matches none of the parameters; did you mean/);
    expect(thrown(() => lora(params, { match: 'ln1' })).message).to.match(/selects no matrix, only 'ln1\/bias'/);
    expect(thrown(() => lora(params, { match: 'up', rank: 0 })).message).to.match(/rank must be/);
    expect(thrown(() => lora(lora(params, { match: 'up' }).params, { match: 'up' })).message).to.match(/has an adapter already/);
  });
});

