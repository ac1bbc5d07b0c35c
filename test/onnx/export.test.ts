/** Models written back: unchanged byte by byte, changed run by plain onnxruntime-node. */
import { expect } from 'chai';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { numpy as jnp, nn, tree, type Array } from '../../lib/jax/index.js';
import { exportFunction, exportModel, importModel } from '../../lib/onnx/index.js';
import { graph, model, node, port, tensor } from './build.js';
import { FOLDER, opened, recorded } from './torch.js';
import { expectClose, thrown } from '../jax/helpers.js';

type Ort = typeof import('onnxruntime-node');
const ort = createRequire(import.meta.url)('onnxruntime-node') as Ort;

async function runPlain(model: string | Uint8Array, inputs: Record<string, Array>): Promise<Record<string, Array>> {
  const session = await ort.InferenceSession.create(model as string);
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, new ort.Tensor(x.dtype as 'float32', x.data as Float32Array, x.shape)]));
  const out = await session.run(feeds);
  return Object.fromEntries(Object.entries(out).map(([name, t]) => [name, jnp.reshape(jnp.array(t.data as Float32Array), t.dims as number[])]));
}

describe('exportModel', () => {
  let folder = '';
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'hokku-onnx-')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  for (const name of ['resnet_train', 'transformer_dynamo', 'recurrent_lstm']) {
    it(`${name}: what did not change is the same file`, () => {
      const model = opened(name);
      const bytes = exportModel(model, model.params);
      expect(Buffer.compare(Buffer.from(bytes), readFileSync(join(FOLDER, `${name}.onnx`)))).to.equal(0);
    });
  }

  for (const name of ['resnet_eval', 'mobilenet_dynamo', 'transformer', 'recurrent_gru']) {
    it(`${name}: new weights, run by onnxruntime-node`, async () => {
      const model = opened(name);
      const params = tree.map((x: Array) => x.mul(0.9), model.params) as typeof model.params;
      const path = join(folder, 'new.onnx');
      exportModel(model, params, path);
      expect(readdirSync(folder)).to.deep.equal(['new.onnx']);
      const { inputs } = recorded(name);
      const got = await runPlain(path, inputs);
      expectClose(got['output'], model.apply(params, inputs), 1e-5);
      const again = importModel(path);
      expectClose(again.apply(again.params, inputs), model.apply(params, inputs), 0);
      expect(again.inputs).to.deep.equal(model.inputs);
    });
  }

  it('with its elements in a file beside it, and back', async () => {
    const model = opened('resnet_eval');
    const path = join(folder, 'deep', 'er', 'model.onnx');
    exportModel(model, model.params, path, { externalData: true });
    expect(readdirSync(join(folder, 'deep', 'er')).sort()).to.deep.equal(['model.onnx', 'model.onnx.data']);
    const { inputs, get } = recorded('resnet_eval');
    expectClose((await runPlain(path, inputs))['output'], get('output'), 1e-5);
    const again = importModel(path);
    expectClose(again.apply(again.params, inputs), get('output'), 1e-5);
    const back = exportModel(again, again.params);
    expectClose((await runPlain(back, inputs))['output'], get('output'), 1e-5);
  });

  it('writes parameters that are constants of nodes, and of graphs within nodes', async () => {
    const weight = (name: string, values: number[]) => node('Constant', [], [name], { value: tensor('', 'float32', [2], values) });
    const branch = (op: string, values: number[]) => graph([weight(`${op}.weight`, values), node(op, ['h', `${op}.weight`], ['r'])], [], [port('r')]);
    const m = importModel(model(graph([weight('scale.weight', [2, 3]), node('Mul', ['x', 'scale.weight'], ['h']), node('ReduceSum', ['x'], ['s'], { keepdims: 0 }), node('Greater', ['s', 'zero'], ['p']),
      node('If', ['p'], ['y'], { then_branch: branch('Add', [10, 20]), else_branch: branch('Sub', [1, 2]) })], [port('x', 'float32', [2])], [port('y', 'float32', [2])], [tensor('zero', 'float32', [], [0])])));
    expect(Object.keys(m.params)).to.deep.equal(['Add', 'Sub', 'scale']);
    const params = tree.map((v: Array) => v.mul(10), m.params) as typeof m.params;
    const bytes = exportModel(m, params);
    for (const x of [jnp.array([1, 1]), jnp.array([-1, -1])]) {
      expectClose(m.apply(params, x), x.data[0] > 0 ? jnp.array([120, 230]) : jnp.array([-30, -50]), 1e-6);
      expectClose((await runPlain(bytes, { x }))['y'], m.apply(params, x), 1e-6);
    }
    expectClose(importModel(bytes).params['Add']['weight'], params['Add']['weight'], 0);
  });

  it('refuses what the model does not have, and other shapes', () => {
    const model = opened('resnet_eval');
    expect(thrown(() => exportModel(model, { fcc: { weight: jnp.zeros([5, 16]) } })).message).to.match(/'fcc', 'weight'.*nearest.*'fc\/weight'/);
    expect(thrown(() => exportModel(model, { fc: { weight: jnp.zeros([4, 16]) } })).message).to.match(/f32\[5,16\].*f32\[4,16\]/);
    expect(thrown(() => exportModel({} as never, {})).message).to.match(/importModel/);
    expect(thrown(() => exportModel(model, null as never)).message).to.match(/params must be a map of modules.*got null/);
    expect(thrown(() => exportModel(model, {}, folder)).message).to.match(/cannot be written \(EISDIR\): it is a folder/);
    expect(thrown(() => exportModel(model, {}, 7 as never)).message).to.match(/path must be a text, got number/);
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('refuses functions that make no outputs, or two things of one name', () => {
    const x = jnp.zeros([2]);
    const refused = (f: (p: any, i: any) => unknown, pattern: RegExp): void => { expect(thrown(() => exportFunction(f as never, { w: x }, { x })).message).to.match(pattern); };
    refused(() => 3, /must return an array or arrays by name, got number/);
    refused(() => undefined, /got undefined/);
    refused(async () => x, /got a promise/);
    refused(() => ({}), /got nothing/);
    refused((_p, i) => ({ x: i.x.add(1) }), /the output 'x' has the name of an input or parameter/);
    expect(thrown(() => exportFunction((_p: any, i: any) => i, {}, x as never)).message).to.match(/example inputs by name.*got f32\[2\]/);
  });

  it('a function as a new model, with an open batch', async () => {
    const model = opened('resnet_eval');
    const params = { ...model.params, head: { w: jnp.ones([16, 2]), b: jnp.array([1, 2]) } };
    const f = (p: any, { image }: any): any => ({ probabilities: nn.softmax(jnp.reshape(model.apply(p, image, { until: '/Flatten' }), [-1, 16]).matmul(p.head.w).add(p.head.b)) });
    const { inputs } = recorded('resnet_eval');
    const path = join(folder, 'function.onnx');
    exportFunction(f, params, inputs, path, { metadata: { by: 'a test' } });
    const image = jnp.concatenate([inputs['image'], inputs['image']]);
    const got = await runPlain(path, { image });
    expectClose(got['probabilities'], f(params, { image }).probabilities, 1e-5);
    const again = importModel(path);
    expect(again.metadata['by']).to.equal('a test');
    expect(again.inputs[0].shape).to.deep.equal(['batch', 3, 12, 12]);
    expect(Object.keys(again.params)).to.include.members(['conv1', 'head', 'downsample/0']);
    expectClose(again.apply(again.params, image), got['probabilities'], 1e-5);
  });
});
