/** Imported models as functions: cut, derived, mapped, with state, with loops, and what cannot be derived. */
import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { grad, jit, numpy as jnp, random, vmap, type Array } from '../../lib/jax/index.js';
import { exportFunction, importModel } from '../../lib/onnx/index.js';
import { expectClose, numbers, onEveryEngine, thrown } from '../jax/helpers.js';
import { graph, model, node, port, tensor } from './build.js';
import { opened, recorded } from './torch.js';

describe('importModel', () => {
  it('stops at a tensor, a node or a module, and takes a new head inside a transform', () => {
    const m = opened('resnet_eval');
    const { inputs } = recorded('resnet_eval');
    const pooled = m.apply(m.params, inputs, { until: '/Flatten' });
    expect(pooled.shape).to.deep.equal([2, 16]);
    expectClose(m.apply(m.params, inputs, { until: '/Flatten_output_0' }), pooled, 0);
    expectClose(m.apply(m.params, inputs, { until: 'Flatten' }), pooled, 0);
    const two = m.apply(m.params, inputs, { until: ['stem', 'fc'] });
    expect(Object.keys(two)).to.deep.equal(['stem', 'fc']);
    expect(two.stem.shape).to.deep.equal([2, 8, 12, 12]);
    const net = hk.withoutApplyRng(hk.transform((params: any, image: Array) => new hk.Linear(3, { name: 'head' })(m.apply(params, image, { until: 'Flatten' }))));
    const head = net.init(random.PRNGKey(1), m.params, inputs['image']);
    expect(Object.keys(head)).to.deep.equal(['head']);
    expect((jit(net.apply)(head, m.params, inputs['image']) as Array).shape).to.deep.equal([2, 3]);
    // Of a model that is imported so far only, the rest is not read.
    const trunk = importModel(model(graph([node('Mul', ['x', 'a.w'], ['h']), node('Mul', ['h', 'b.w'], ['y'])], [port('x')], [port('y')], [tensor('a.w', 'float32', [2], [1, 2]), tensor('b.w', 'float32', [2], [3, 4])])), { until: 'h' });
    expect(Object.keys(trunk.params)).to.deep.equal(['a']);
    expect(trunk.outputs.map((o) => o.name)).to.deep.equal(['h']);
  });

  it('a weight that several nodes use is one parameter, and its gradient their sum', () => {
    const m = importModel(model(graph([node('Mul', ['x', 'w.value'], ['h']), node('Mul', ['h', 'w.value'], ['y'])], [port('x')], [port('y')], [tensor('w.value', 'float32', [2], [2, 3])])));
    const g = grad((p: any) => jnp.sum(m.apply(p, jnp.array([1, 1]))))(m.params) as any;
    expectClose(g.w.value, jnp.array([4, 6]), 1e-6);
  });

  it('Dropout drops only in training, with the key that it is given', () => {
    const m = importModel(model(graph([node('Dropout', ['x', 'ratio'], ['y'], {}, { name: 'drop' })], [port('x')], [port('y')], [tensor('ratio', 'float32', [], [0.25])])));
    const x = jnp.ones([4000]);
    expectClose(m.apply({}, x), x, 0);
    const [y] = m.apply({}, x, { training: true, rng: random.PRNGKey(3) });
    const values = new Set([...(y.data as Float32Array)].map((v) => Math.round(v * 1000)));
    expect([...values].sort()).to.deep.equal([0, 1333]);
    expect(jnp.mean(y).item()).to.be.closeTo(1, 0.05);
    expectClose(m.apply({}, x, { training: true, rng: random.PRNGKey(3) })[0], y, 0);
    expect(thrown(() => m.apply({}, x, { training: true })).message).to.match(/'drop' \(Dropout\) draws random numbers; give apply a key as \{ rng \}/);
  });

  it('BatchNormalization takes the batch\'s statistics in training, and moves its state', () => {
    const of = (name: string, values: number[]) => tensor(`bn.${name}`, 'float32', [2], values);
    const m = importModel(model(graph([node('BatchNormalization', ['x', 'bn.scale', 'bn.bias', 'bn.mean', 'bn.var'], ['y'], { momentum: { float: 0.5 } })], [port('x')], [port('y')], [of('scale', [2, 1]), of('bias', [0, 1]), of('mean', [0, 0]), of('var', [1, 1])])));
    expect(Object.keys(m.params['bn'])).to.deep.equal(['bias', 'scale']);
    expect(Object.keys(m.state['bn'])).to.deep.equal(['mean', 'var']);
    const x = jnp.array([[1, 10], [3, 30]]);
    expectClose(m.apply(m.params, x), jnp.array([[2, 11], [6, 31]]), 1e-4);
    const [y, state] = jit((p: any, s: any, v: Array) => m.apply(p, v, { training: true, state: s }))(m.params, m.state, x) as any;
    expectClose(y, jnp.array([[-2, 0], [2, 2]]), 1e-4);
    expectClose(state.bn.mean, jnp.array([1, 10]), 1e-6);
    expectClose(state.bn.var, jnp.array([1, 50.5]), 1e-6);
    expectClose(m.apply(m.params, x, { state }), jnp.array([[0, 1], [4, 1 + 20 / Math.sqrt(50.5)]]), 1e-4);
  });

  it('computes in the type of what it is given', () => {
    const m = opened('mobilenet');
    const { inputs } = recorded('mobilenet');
    const wide = (x: any): any => (x.dtype ? x.astype('float64') : Object.fromEntries(Object.entries(x).map(([k, v]) => [k, wide(v)])));
    const y = m.apply(wide(m.params), wide(inputs));
    expect(y.dtype).to.equal('float64');
    expectClose(y.astype('float32'), m.apply(m.params, inputs), 1e-5);
  });

  it('shapes stay open where the model leaves them open', () => {
    const m = opened('transformer');
    const { inputs } = recorded('transformer');
    const again = importModel(exportFunction((p, x) => m.apply(p, x), m.params, inputs, undefined, { batchDim: 'rows' }));
    expect(again.inputs[0].shape).to.deep.equal(['rows', 6]);
    const three = jnp.concatenate([inputs['tokens'], inputs['tokens'].index(0).reshape([1, 6])]);
    expectClose(again.apply(again.params, three), m.apply(m.params, three), 1e-5);
  });
});

const small = (name: string, dtype: 'float32' | 'int64' | 'bool' = 'float32') => port(name, dtype, []);
describe('control flow', () => {
  const scanModel = (): Uint8Array => {
    const body = graph([node('Mul', ['h', 'cell.decay'], ['m']), node('Add', ['m', 'x'], ['next']), node('Identity', ['next'], ['out'])], [port('h'), port('x')], [port('next'), port('out')]);
    return model(graph([node('Scan', ['h0', 'xs'], ['last', 'all'], { body, num_scan_inputs: 1 })], [port('h0'), port('xs')], [port('last'), port('all')], [tensor('cell.decay', 'float32', [2], [0.5, 0.25])]));
  };
  onEveryEngine('Scan is a scan, with gradients of what its body reads from outside', () => {
    const m = importModel(scanModel());
    const run = (p: any, h0: Array, xs: Array): any => m.apply(p, { h0, xs });
    const [h0, xs] = [jnp.array([1, 1]), numbers(1, [4, 2])];
    const out = jit(run)(m.params, h0, xs) as any;
    let h = h0;
    for (let t = 0; t < 4; t++) h = h.mul(m.params['cell']['decay']).add(xs.index(t));
    expectClose(out.last, h, 1e-6);
    expectClose(out.all.index(3), h, 1e-6);
    const g = jit(grad((p: any) => jnp.sum(run(p, h0, xs).last)))(m.params) as any;
    const eps = 1e-2;
    const at = (d: number): number => jnp.sum(run({ cell: { decay: m.params['cell']['decay'].add(jnp.array([d, 0])) } }, h0, xs).last).item();
    expect(g.cell.decay.data[0]).to.be.closeTo((at(eps) - at(-eps)) / (2 * eps), 1e-3);
  });

  const loopModel = (condition: 'always' | 'while'): Uint8Array => {
    const body = graph([
      node('Mul', ['v', 'k.factor'], ['next']),
      condition === 'always' ? node('Identity', ['go'], ['again']) : node('Less', ['next', 'limit'], ['again']),
    ], [small('i', 'int64'), small('go', 'bool'), small('v')], [small('again', 'bool'), small('next')], condition === 'while' ? [tensor('limit', 'float32', [], [100])] : []);
    const inputs = condition === 'always' ? ['trips', '', 'v0'] : ['', 'start', 'v0'];
    return model(graph([node('Loop', inputs, ['y'], { body }, { name: 'loop' })], [small('v0')], [small('y')],
      [tensor('k.factor', 'float32', [], [3]), tensor('trips', 'int64', [], [3n]), tensor('start', 'bool', [], [1])]));
  };
  it('Loop with a number of turns has gradients; one that waits for data runs, and goes forwards only', () => {
    const fixed = importModel(loopModel('always'));
    expect((jit((v: Array) => fixed.apply(fixed.params, v))(jnp.array(2)) as Array).item()).to.equal(54);
    const g = jit(grad((p: any) => fixed.apply(p, jnp.array(2))))(fixed.params) as any;
    expect(g.k.factor.item()).to.be.closeTo(54, 1e-4);
    const open = importModel(loopModel('while'));
    for (const run of [(v: Array) => open.apply(open.params, v), jit((v: Array) => open.apply(open.params, v))]) expect((run(jnp.array(2)) as Array).item()).to.equal(162);
    expect(thrown(() => jit(grad((v: Array) => open.apply(open.params, v)))(jnp.array(2))).message).to.match(/reverse/i);
  });

  it('If takes a branch that is known, and both where it is traced', () => {
    const branch = (op: string) => graph([node(op, ['x'], ['r'])], [], [port('r')]);
    const m = importModel(model(graph([node('ReduceSum', ['x'], ['s'], { keepdims: 0 }), node('Greater', ['s', 'zero'], ['p']), node('If', ['p'], ['y'], { then_branch: branch('Neg'), else_branch: branch('Abs') })], [port('x')], [port('y')], [tensor('zero', 'float32', [], [0])])));
    for (const run of [(x: Array) => m.apply({}, x), jit((x: Array) => m.apply({}, x))]) {
      expectClose(run(jnp.array([1, 2])) as Array, jnp.array([-1, -2]), 0);
      expectClose(run(jnp.array([-1, -2])) as Array, jnp.array([1, 2]), 0);
    }
    expectClose(jit(grad((x: Array) => jnp.sum(m.apply({}, x))))(jnp.array([-1, -2])) as Array, jnp.array([-1, -1]), 0);
  });
});

describe('quantised models', () => {
  const q = (): Uint8Array => model(graph([
    node('Mul', ['x', 'layer.weight'], ['h']),
    node('QuantizeLinear', ['h', 'scale', 'zero'], ['q'], {}, { name: 'quantize' }), node('DequantizeLinear', ['q', 'scale', 'zero'], ['y']),
  ], [port('x')], [port('y')], [tensor('layer.weight', 'float32', [4], [1, 1, 1, 1]), tensor('scale', 'float32', [], [0.5]), tensor('zero', 'int8', [], [3])]));
  const x = jnp.array([0.3, -0.9, 1.24, 1000]);

  it('run forwards, and say at once that rounding cannot be trained through', () => {
    const m = importModel(q());
    expect(Object.keys(m.params)).to.deep.equal(['layer']);
    expectClose(m.apply(m.params, x), jnp.array([0.5, -1, 1, 62]), 0);
    const error = thrown(() => importModel(q(), { trainable: 'layer' })) as any;
    expect(error.name).to.equal('UnsupportedOperators');
    expect(error.nodes.map((n: any) => n.node)).to.deep.equal(["'quantize' (QuantizeLinear)"]);
    expect(error.message).to.match(/straightThrough/);
  });
  it('train straight through the rounding, but not outside the range', () => {
    const m = importModel(q(), { trainable: 'layer', quantization: 'straightThrough' });
    expectClose(jit(m.apply)(m.params, x) as Array, jnp.array([0.5, -1, 1, 62]), 1e-6);
    const g = jit(grad((p: any) => jnp.sum(m.apply(p, x))))(m.params) as any;
    expectClose(g.layer.weight, jnp.array([0.3, -0.9, 1.24, 0]), 1e-6);
  });
});

describe('operators that run as they are', () => {
  const nms = (): Uint8Array => model(graph([node('Sigmoid', ['logits'], ['scores']), node('NonMaxSuppression', ['boxes', 'scores', 'most'], ['picked'], {}, { name: 'nms' })],
    [port('boxes'), port('logits')], [port('picked', 'int64')], [tensor('most', 'int64', [1], [2n])]));
  const inputs = { boxes: jnp.array([[[0, 0, 1, 1], [0, 0, 1, 1.01], [2, 2, 3, 3]]]), logits: jnp.array([[[1, 2, 0]]]) };
  it('as many results as the data says: eagerly only', () => {
    const m = importModel(nms());
    expect(m.apply({}, inputs).tolist()).to.deep.equal([[0n, 0n, 1n], [0n, 0n, 2n]]);
    expect(thrown(() => jit((i: any) => m.apply({}, i))(inputs)).message).to.match(/'nms' \(NonMaxSuppression\) gives as many elements as its data says.*until/);
    expect((jit((i: any) => m.apply({}, i, { until: 'scores' }))(inputs) as Array).shape).to.deep.equal([1, 1, 3]);
  });

  const roi = (): Uint8Array => model(graph([node('Mul', ['x', 'trunk.weight'], ['h']), node('RoiAlign', ['h', 'rois', 'batch'], ['r'], { output_height: 1, output_width: 1 }, { name: 'roi' }), node('Mul', ['r', 'head.weight'], ['y'])],
    [port('x')], [port('y')], [tensor('trunk.weight', 'float32', [4], [1, 1, 1, 1]), tensor('head.weight', 'float32', [1, 1, 1, 1], [3]), tensor('rois', 'float32', [1, 4], [0, 0, 3, 3]), tensor('batch', 'int64', [1], [0n])]));
  onEveryEngine('in a trace too; a frozen trunk may hold them, one that trains may not', () => {
    const m = importModel(roi(), { trainable: 'head' });
    const x = numbers(3, [1, 1, 4, 4]);
    const y = m.apply(m.params, x);
    expectClose(jit(m.apply)(m.params, x) as Array, y, 1e-6);
    expectClose(vmap((v: Array) => m.apply(m.params, v))(jnp.stack([x, x.mul(2)])) as Array, jnp.stack([y, y.mul(2)]), 1e-5);
    const head = jit(grad((h: any) => jnp.sum(m.apply({ ...m.params, head: h }, x))))(m.params['head']) as any;
    expect(head.weight.item()).to.be.closeTo(y.item() / 3, 1e-5);
    expect(thrown(() => jit(grad((p: any) => jnp.sum(m.apply(p, x))))(m.params)).message).to.match(/'roi' \(RoiAlign\) has no derivative here/);
    expect(thrown(() => importModel(roi(), { trainable: ['trunk', 'head'] })).message).to.match(/'roi' \(RoiAlign\): it runs as it is/);
  });
});
