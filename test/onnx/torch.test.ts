/** Networks exported from PyTorch, by both of its exporters: the same outputs and gradients as PyTorch's own. */
import { expect } from 'chai';
import { grad, jit, numpy as jnp, vmap, type Array } from '../../lib/jax/index.js';
import { originOf } from '../../lib/onnx/import.js';
import { expectClose, onEveryEngine } from '../jax/helpers.js';
import { opened, recorded } from './torch.js';

const NETWORKS = ['resnet_eval', 'resnet_eval_dynamo', 'resnet_train', 'mobilenet', 'mobilenet_dynamo', 'transformer', 'transformer_dynamo', 'recurrent_lstm', 'recurrent_gru'];

describe('networks from PyTorch', () => {
  for (const name of NETWORKS) onEveryEngine(name, () => {
    const r = recorded(name);
    const model = opened(name);
    const training = name.endsWith('train');
    const run = (params: any, inputs: any): any => (training ? model.apply(params, inputs, { training: true })[0] : model.apply(params, inputs));
    expectClose(jit(run)(model.params, r.inputs), r.get('output'), 2e-5, 'output');

    const floats = Object.fromEntries(Object.entries(r.inputs).filter(([, x]) => x.dtype === 'float32'));
    const loss = (params: any, given: any) => jnp.sum(run(params, { ...r.inputs, ...given }).mul(r.get('cotangent')));
    const [byParams, byInputs] = jit(grad(loss, { argnums: [0, 1] }))(model.params, floats) as [any, any];
    for (const [key, g] of Object.entries(byInputs)) expectClose(g as Array, r.get(`gradient/input/${key}`), 2e-4, `input ${key}`);
    const { parameters } = originOf(model, 'test');
    const wanted = r.names.filter((n) => n.startsWith('gradient/') && !n.startsWith('gradient/input/')).map((n) => n.slice(9));
    for (const key of wanted) {
      const p = parameters.find((q) => q.initializer === key);
      expect(p, `a parameter for ${key}`).not.to.equal(undefined);
      expectClose(byParams[p!.module][p!.name], r.get(`gradient/${key}`), 2e-4, key);
    }
    if (!training) return;
    const [, state] = model.apply(model.params, r.inputs, { training: true });
    const { statistics } = originOf(model, 'test');
    expect(statistics.length).to.equal(8);
    for (const s of statistics) {
      // PyTorch keeps the unbiased variance, ONNX that of the batch itself.
      if (s.initializer.endsWith('running_mean')) expectClose(state[s.module][s.name], r.get(`state/${s.initializer}`), 1e-5, s.initializer);
    }
  });

  it('eagerly, and mapped over a batch of batches', () => {
    const r = recorded('mobilenet');
    const model = opened('mobilenet');
    const x = r.inputs['image'];
    expectClose(model.apply(model.params, x), r.get('output'), 2e-5);
    const both = vmap((image: Array) => model.apply(model.params, image))(jnp.stack([x, x.mul(2)])) as Array;
    expectClose(both.index(0), r.get('output'), 2e-5);
    expectClose(both.index(1), model.apply(model.params, x.mul(2)), 2e-5);
  });

  it('names parameters by modules, in Haiku\'s shape', () => {
    const { params, state } = opened('resnet_train');
    expect(Object.keys(params)).to.deep.equal(['bn1', 'bn2', 'bn3', 'conv1', 'conv2', 'downsample/0', 'downsample/1', 'fc', 'stem']);
    expect(Object.keys(params['fc'])).to.deep.equal(['bias', 'weight']);
    expect(Object.keys(state['bn1'])).to.deep.equal(['running_mean', 'running_var']);
  });
});
