/** What mutants have found, said directly. */
import { expect } from 'chai';
import { create } from '@bufbuild/protobuf';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FunctionProtoSchema, TensorProtoSchema, type GraphProto, type ModelProto } from 'onnx-buf';
import { jit, numpy as jnp, type Array } from '../../../lib/jax/index.js';
import { BudgetError, exportModel, importModel } from '../../../lib/onnx/index.js';
import { HokkuError } from '../../../lib/runtime/errors.js';
import { thrown } from '../../jax/helpers.js';
import { graph, model, node, port, tensor } from '../build.js';

const applied = (g: GraphProto, more: Partial<Record<keyof ModelProto, unknown>> = {}): Error => thrown(() => { const m = importModel(model(g, more)); m.apply(m.params, jnp.array([1, 2])); });
const refused = (g: GraphProto, pattern: RegExp, more?: Partial<Record<keyof ModelProto, unknown>>): void => {
  const error = applied(g, more);
  expect(error).to.be.instanceOf(HokkuError);
  expect(error.message).to.match(pattern);
};
const BILLIONS = 2 ** 31 - 1;
const ints = (name: string, ...values: number[]) => tensor(name, 'int64', [values.length], values.map(BigInt));
const int = (name: string, value: number) => tensor(name, 'int64', [], [BigInt(value)]);

describe('what mutated models have found', () => {
  it('an external file that is a pipe is not waited for', function () {
    const folder = mkdtempSync(join(tmpdir(), 'hokku-fuzz-'));
    try {
      if (spawnSync('mkfifo', [join(folder, 'pipe')]).status !== 0) {
        console.log('      pending: there is no mkfifo here');
        this.skip();
      }
      const t = create(TensorProtoSchema, { name: 'w', dataType: 1, dims: [4n], dataLocation: 1, externalData: [{ key: 'location', value: 'pipe' }] });
      expect(thrown(() => importModel(model(graph([node('Mul', ['x', 'w'], ['y'])], [port('x')], [port('y')], [t])), { folder })).message).to.match(/pipe: expected a file, but it is something else/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('functions that call functions twice are read once, and refused where they stand for too much', () => {
    const own = [{ domain: '', version: 21n }, { domain: 'own', version: 1n }];
    const chain = (depth: number) => [graph([node(`F${depth}`, ['x'], ['y'], {}, { domain: 'own' })], [port('x')], [port('y')]), {
      opsetImport: own, functions: globalThis.Array.from({ length: depth + 1 }, (_, k) => create(FunctionProtoSchema, {
        domain: 'own', name: `F${k}`, input: ['a'], output: ['b'], opsetImport: own,
        node: k === 0 ? [node('Neg', ['a'], ['b'])] : [node(`F${k - 1}`, ['a'], ['c'], {}, { domain: 'own' }), node(`F${k - 1}`, ['c'], ['b'], {}, { domain: 'own' })],
      })),
    }] as const;
    const m = importModel(model(...chain(4)));
    expect((m.apply(m.params, jnp.array([1, 2])) as { tolist(): unknown }).tolist()).to.deep.equal([1, 2]);
    refused(chain(40)[0], /functions stand for more than 200000 nodes/, chain(40)[1]);
  });

  it('scans no more inputs than there are', () => {
    const body = graph([node('Neg', ['a'], ['b'])], [port('a')], [port('b')]);
    refused(graph([node('Scan', ['x'], ['y'], { num_scan_inputs: BILLIONS, body })], [port('x')], [port('y')]), /scans 2147483647 of its 1 inputs/);
  });

  it('a sequence is no shape', () => {
    refused(graph([node('SequenceConstruct', ['x', 'x'], ['s']), node('ConstantOfShape', ['s'], ['y'])], [port('x')], [port('y')]), /sequence is used where an array is expected/);
  });

  describe('no more is made than a model of its size has a budget for', () => {
    const image = tensor('w', 'float32', [1, 1, 2, 2], [1, 2, 3, 4]);
    const many = ints('n', BILLIONS, BILLIONS);
    const turns = (body: GraphProto) => graph([node('Loop', ['n', '', 'x'], ['y'], { body })], [port('x')], [port('y')], [int('n', BILLIONS)]);
    const models: Record<string, GraphProto> = {
      HannWindow: graph([node('HannWindow', ['n'], ['y'])], [port('x')], [port('y')], [int('n', BILLIONS)]),
      Range: graph([node('Range', ['a', 'n', 'b'], ['y'])], [port('x')], [port('y')], [int('a', 0), int('n', BILLIONS), int('b', 1)]),
      Resize: graph([node('Resize', ['w', '', 'f'], ['y'], { mode: 'linear' })], [port('x')], [port('y')], [image, tensor('f', 'float32', [4], [1, 1, 1, 1e9])]),
      // A list that fits, but each of its numbers has a few lists of its own.
      'Resize to a long line': graph([node('Resize', ['w', '', 'f'], ['y'], { mode: 'linear' })], [port('x')], [port('y')], [image, tensor('f', 'float32', [4], [1, 1, 1, 1e5])]),
      ConstantOfShape: graph([node('ConstantOfShape', ['n'], ['y'])], [port('x')], [port('y')], [many]),
      Expand: graph([node('Expand', ['one', 'n'], ['y'])], [port('x')], [port('y')], [tensor('one', 'float32', [], [1]), many]),
      'Expand of an input': graph([node('Expand', ['x', 'n'], ['y'])], [port('x')], [port('y')], [ints('n', BILLIONS, 1)]),
      Tile: graph([node('Tile', ['x', 'n'], ['y'])], [port('x')], [port('y')], [ints('n', BILLIONS)]),
      Pad: graph([node('Pad', ['x', 'n'], ['y'])], [port('x')], [port('y')], [many]),
      Conv: graph([node('Reshape', ['x', 'to'], ['h']), node('Conv', ['h', 'k'], ['y'], { pads: [0, BILLIONS] })], [port('x')], [port('y')], [ints('to', 1, 1, 2), tensor('k', 'float32', [1, 1, 1], [1])]),
      RoiAlign: graph([node('RoiAlign', ['w', 'rois', 'which'], ['y'], { output_height: 2, output_width: BILLIONS })], [port('x')], [port('y')], [image, tensor('rois', 'float32', [1, 4], [0, 0, 1, 1]), ints('which', 0)]),
      CropAndResize: graph([node('CropAndResize', ['w', 'rois', 'which', 'n'], ['y'], {}, { domain: 'com.microsoft' })], [port('x')], [port('y')], [image, tensor('rois', 'float32', [1, 4], [0, 0, 1, 1]), tensor('which', 'int32', [1], [0]), tensor('n', 'int32', [2], [BILLIONS, 2])]),
      'Loop that goes round and round': turns(graph([node('Identity', ['go'], ['on']), node('Neg', ['s'], ['t'])], [port('i', 'int64'), port('go', 'bool'), port('s')], [port('on'), port('t')])),
    };
    for (const [name, g] of Object.entries(models)) {
      it(name, () => refused(g, new RegExp(`budget of 1\\d MB.*\\{ budget: \\d+ \\}.*${name.split(' ')[0]}`)));
    }

    it('neither while a function is traced', () => {
      const m = importModel(model(models['Tile']));
      expect(thrown(() => jit((x: Array) => jnp.sum(m.apply(m.params, x)))(jnp.array([1, 2]))).message).to.match(/budget of 1\d MB.*Tile/);
    });

    it('a user may give it more', () => {
      const bytes = model(graph([node('Expand', ['x', 'n'], ['h']), node('ReduceMax', ['h'], ['y'], { keepdims: 0 })], [port('x')], [port('y')], [ints('n', 2 ** 23, 2)]));
      const apply = (budget?: number): unknown => { const m = importModel(bytes, { budget }); return (m.apply(m.params, jnp.array([1, 2])) as Array).item(); };
      expect(thrown(() => apply()).message).to.match(/\{ budget: 10 \}/);
      expect(thrown(() => apply(0.5))).to.be.instanceOf(BudgetError);
      expect(apply(10)).to.equal(2);
      expect(apply(Infinity)).to.equal(2);
      expect(thrown(() => apply(-1)).message).to.match(/budget must be a number above 0, or Infinity, got -1/);
    });
  });

  it('what no integer holds is the end of its dtype, where a model computes it from constants', () => {
    const floats = [Infinity, -Infinity, NaN, 300.7, -1];
    for (const [onnx, want] of [[7, [2 ** 63, -(2 ** 63), 0, 300, -1]], [13, [2 ** 64, 0, 0, 300, 0]], [2, [255, 0, 0, 255, 0]], [3, [127, -128, 0, 127, -1]]] as const) {
      const g = graph([node('Cast', ['w'], ['i'], { to: onnx }), node('Cast', ['i'], ['f'], { to: 1 }), node('Add', ['x', 'f'], ['y'])], [port('x')], [port('y')], [tensor('w', 'float32', [5], floats)]);
      const m = importModel(model(g));
      expect((m.apply(m.params, jnp.zeros([5])) as Array).tolist()).to.deep.equal(want);
    }
    const power = graph([node('Pow', ['w', 'w'], ['i']), node('Cast', ['i'], ['f'], { to: 1 }), node('Add', ['x', 'f'], ['y'])], [port('x')], [port('y')], [ints('w', 400)]);
    const m = importModel(model(power));
    expect((m.apply(m.params, jnp.zeros([1])) as Array).tolist()).to.deep.equal([2 ** 63]);
  });

  it('export says what it cannot bring along', () => {
    const t = create(TensorProtoSchema, { name: 'w', dataType: 22, dims: [4n], dataLocation: 1, externalData: [{ key: 'location', value: 'w.bin' }] });
    const m = importModel(model(graph([node('Neg', ['x'], ['y'])], [port('x')], [port('y')], [t])));
    expect(thrown(() => exportModel(m, m.params)).message).to.match(/'w' has elements of type INT4 in another file/);
  });
});
