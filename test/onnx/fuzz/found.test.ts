/** What mutants have found, said directly. */
import { expect } from 'chai';
import { create } from '@bufbuild/protobuf';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FunctionProtoSchema, TensorProtoSchema, type GraphProto, type ModelProto } from 'onnx-buf';
import { numpy as jnp } from '../../../lib/jax/index.js';
import { exportModel, importModel } from '../../../lib/onnx/index.js';
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
      opsetImport: own, functions: Array.from({ length: depth + 1 }, (_, k) => create(FunctionProtoSchema, {
        domain: 'own', name: `F${k}`, input: ['a'], output: ['b'], opsetImport: own,
        node: k === 0 ? [node('Neg', ['a'], ['b'])] : [node(`F${k - 1}`, ['a'], ['c'], {}, { domain: 'own' }), node(`F${k - 1}`, ['c'], ['b'], {}, { domain: 'own' })],
      })),
    }] as const;
    const m = importModel(model(...chain(4)));
    expect((m.apply(m.params, jnp.array([1, 2])) as { tolist(): unknown }).tolist()).to.deep.equal([1, 2]);
    refused(chain(40)[0], /functions stand for more than 200000 nodes/, chain(40)[1]);
  });

  it('lists are made no longer than there is memory for', () => {
    const body = graph([node('Neg', ['a'], ['b'])], [port('a')], [port('b')]);
    refused(graph([node('Scan', ['x'], ['y'], { num_scan_inputs: BILLIONS, body })], [port('x')], [port('y')]), /scans 2147483647 of its 1 inputs/);
    refused(graph([node('HannWindow', ['n'], ['y'])], [port('x')], [port('y')], [int('n', BILLIONS)]), /list of 2147483647 numbers/);
    refused(graph([node('Resize', ['w', '', 'f'], ['y'], { mode: 'linear' })], [port('x')], [port('y')], [tensor('w', 'float32', [1, 1, 2, 2], [1, 2, 3, 4]), tensor('f', 'float32', [4], [1, 1, 1, 1e9])]), /list of 2000000000 numbers/);
  });

  it('nor are elements made that attributes alone ask for', () => {
    refused(graph([node('RoiAlign', ['w', 'rois', 'which'], ['y'], { output_height: 2, output_width: BILLIONS })], [port('x')], [port('y')], [tensor('w', 'float32', [1, 1, 2, 2], [1, 2, 3, 4]), tensor('rois', 'float32', [1, 4], [0, 0, 1, 1]), tensor('which', 'int64', [1], [0n])]), /at most 4194304 are made.*RoiAlign/);
  });

  it('what JavaScript throws at a node\'s inputs is a typed error with the node\'s name', () => {
    const error = applied(graph([node('DepthToSpace', ['x'], ['y'], { blocksize: 2 }, { name: 'deep' })], [port('x')], [port('y')]));
    expect(error).to.be.instanceOf(HokkuError);
    expect(error.message).to.include("'deep' (DepthToSpace)");
  });

  it('export says what it cannot bring along', () => {
    const t = create(TensorProtoSchema, { name: 'w', dataType: 22, dims: [4n], dataLocation: 1, externalData: [{ key: 'location', value: 'w.bin' }] });
    const m = importModel(model(graph([node('Neg', ['x'], ['y'])], [port('x')], [port('y')], [t])));
    expect(thrown(() => exportModel(m, m.params)).message).to.match(/'w' has elements of type INT4 in another file/);
  });
});
