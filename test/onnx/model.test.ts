/** What is read, and what is refused: each with a typed error that names the thing. */
import { expect } from 'chai';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { TensorProtoSchema, type TensorProto } from 'onnx-buf';
import { numpy as jnp, type Array } from '../../lib/jax/index.js';
import { importModel } from '../../lib/onnx/index.js';
import { expectClose, thrown } from '../jax/helpers.js';
import { graph, model, node, port, tensor } from './build.js';
import { FOLDER } from './torch.js';

const relu = (inputs = ['x'], outputs = ['y']) => node('Relu', inputs, outputs, {}, { name: 'r' });
const scale = (t: TensorProto) => model(graph([node('Mul', ['x', 'layer.weight'], ['y'])], [port('x')], [port('y')], [t]));
const refused = (m: Uint8Array | string, pattern: RegExp, name = 'FileFormatError'): void => {
  const error = thrown(() => importModel(m));
  expect(error.message).to.match(pattern);
  expect(error.name).to.equal(name);
};

describe('reading a model', () => {
  it('refuses what is none, and what is cut off', () => {
    refused(new Uint8Array(0), /no ONNX model: it has no graph/);
    refused(new TextEncoder().encode('#!/usr/bin/env python\nprint("no model")'), /no ONNX model/);
    refused(new Uint8Array(64).fill(255), /no ONNX model/);
    const whole = readFileSync(join(FOLDER, 'mobilenet.onnx'));
    for (const part of [0.1, 0.5, 0.9, 0.999]) refused(whole.subarray(0, Math.floor(whole.length * part)), /no ONNX model/);
    expect(thrown(() => importModel(7 as never)).message).to.match(/path of a model or its bytes, got number/);
    refused(join(FOLDER, 'nothing.onnx'), /nothing.onnx: there is no such file/);
    refused(FOLDER, /a folder/);
    refused(new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'), /only points to a model that is kept by Git LFS; fetch it with `git lfs pull`/);
    expect(thrown(() => importModel('')).message).to.match(/got an empty text/);
    expect(thrown(() => importModel(new ArrayBuffer(4) as never)).message).to.match(/got an instance of ArrayBuffer/);
    expect(thrown(() => importModel(whole, { folder: 7 as never })).message).to.match(/folder must be a path, got number/);
  });

  it('refuses graphs that cannot be', () => {
    refused(model(graph([node('Add', ['x', 'c'], ['a'], {}, { name: 'one' }), node('Relu', ['a'], ['b'], {}, { name: 'two' }), node('Neg', ['b'], ['c'], {}, { name: 'three' })], [port('x')], [port('c')])), /cycle: 'one' \(Add\) → 'two' \(Relu\) → 'three' \(Neg\)/);
    refused(model(graph([relu(['z'])], [port('x')], [port('y')])), /'r' \(Relu\) reads 'z', which nothing makes/);
    refused(model(graph([relu(), relu()], [port('x')], [port('y')])), /'y' is made twice, by 'r' \(Relu\) and by 'r' \(Relu\)/);
    refused(model(graph([relu()], [port('x')], [port('z')])), /output 'z' is made by nothing/);
    refused(model(graph([relu()], [port('x'), port('x')], [port('y')])), /'x' is made twice, by an input and by an input/);
    refused(scale(tensor('', 'float32', [1], [1])), /initializer 0 has no name/);
  });

  it('refuses unknown operator sets and lists all unknown operators', () => {
    const g = () => graph([relu()], [port('x')], [port('y')]);
    refused(model(g(), { opsetImport: [{ domain: '', version: 99n }] }), /version 99 of ONNX's operator set; versions 7 to/);
    refused(model(g(), { opsetImport: [] }), /it imports no operator set/);
    refused(model(g(), { irVersion: 0n }), /IR version is 0/);
    refused(model(graph([node('Foo', ['x'], ['y'], {}, { domain: 'my.own' })], [port('x')], [port('y')])), /domain 'my.own', of which the model imports no version/);
    const many = model(graph([node('Rellu', ['x'], ['a'], {}, { name: 'first' }), node('Foo', ['a'], ['b'], {}, { name: 'second', domain: 'my.own' }), node('Relu', ['b'], ['y'])], [port('x')], [port('y')]), { opsetImport: [{ domain: '', version: 17n }, { domain: 'my.own', version: 1n }] });
    const error = thrown(() => importModel(many)) as Error & { nodes: { node: string; reason: string }[] };
    expect(error.name).to.equal('UnsupportedOperators');
    expect(error.nodes.map((n) => n.node)).to.deep.equal(["'first' (Rellu)", "'second' (Foo)"]);
    expect(error.message).to.match(/2 nodes.*'Rellu' is not supported \(the nearest is Relu\).*domain 'my.own' are not known/);
    // What nobody asks for need not be supported.
    const cut = importModel(model(graph([relu(['x'], ['a']), node('Foo', ['a'], ['y'])], [port('x')], [port('y')])), { until: 'a' });
    expectClose(cut.apply(cut.params, jnp.array([-1, 2])), jnp.array([0, 2]), 0);
  });

  it('refuses tensors whose sizes lie, before anything is allocated', () => {
    refused(scale(create(TensorProtoSchema, { name: 'layer.weight', dataType: 1, dims: [1000000n, 1000000n], rawData: new Uint8Array(8) })), /'layer.weight' is float32\[1000000,1000000\], which takes 4000000000000 bytes, but 8 are there/);
    refused(scale(create(TensorProtoSchema, { name: 'layer.weight', dataType: 1, dims: [-3n], rawData: new Uint8Array(8) })), /negative dimension -3/);
    refused(scale(create(TensorProtoSchema, { name: 'layer.weight', dataType: 1, dims: [2n ** 62n, 4n], rawData: new Uint8Array(8) })), /is said to have/);
    refused(scale(create(TensorProtoSchema, { name: 'layer.weight', dataType: 1, dims: [2000n], rawData: new Uint8Array(4096) })), /takes 8000 bytes, but 4096 are there/);
    refused(scale(create(TensorProtoSchema, { name: 'layer.weight', dataType: 77, dims: [1n], rawData: new Uint8Array(4) })), /unknown element type 77/);
    refused(scale(create(TensorProtoSchema, { name: 'layer.weight', dataType: 1, dims: [3n], floatData: [1, 2] })), /takes 3 elements, but 2 are there/);
  });

  it('takes names as they are', () => {
    const m = importModel(model(graph([node('Mul', ['__proto__', 'constructor.__proto__'], ['toString'])], [port('__proto__')], [port('toString')], [tensor('constructor.__proto__', 'float32', [2], [2, 3])])));
    expect(Object.keys(m.params)).to.deep.equal(['constructor']);
    expect(Object.keys(m.params['constructor'])).to.deep.equal(['__proto__']);
    const inputs = Object.create(null) as Record<string, Array>;
    inputs['__proto__'] = jnp.array([1, 10]);
    expectClose(m.apply(m.params, inputs), jnp.array([2, 30]), 0);
    expectClose(m.apply(m.params, jnp.array([1, 10])), jnp.array([2, 30]), 0);
    expect(({} as Record<string, unknown>)['0']).to.equal(undefined);
  });

  it('reads nodes in any order', () => {
    const m = importModel(model(graph([node('Neg', ['a'], ['y']), relu(['x'], ['a'])], [port('x')], [port('y')])));
    expectClose(m.apply({}, jnp.array([-1, 2])), jnp.array([0, -2]), 1e-9);
  });

  it('says which input, parameter or tensor is wrong', () => {
    const m = importModel(scale(tensor('layer.weight', 'float32', [2], [2, 3])));
    expect(thrown(() => m.apply(m.params, { z: jnp.zeros([2]) })).message).to.match(/no input 'z'; the inputs are 'x'/);
    expect(thrown(() => m.apply(m.params, {})).message).to.match(/the input 'x' is missing/);
    expect(thrown(() => m.apply({ layr: { weight: jnp.zeros([2]) } }, jnp.zeros([2]))).message).to.match(/lacks 'layer', 'weight'; the nearest that it has is 'layr\/weight'/);
    expect(thrown(() => m.apply({ layer: { weight: jnp.zeros([3]) } }, jnp.zeros([2]))).message).to.match(/must be f32\[2\], got f32\[3\]/);
    expect(thrown(() => m.apply(m.params, jnp.zeros([2], { dtype: 'int32' }))).message).to.match(/'x' is float32, but i32\[2\]/);
    expect(thrown(() => m.apply(m.params, jnp.zeros([2]), { until: 'yy' })).message).to.match(/no tensor or node 'yy'; the nearest is 'y'/);
    expect(thrown(() => m.apply(m.params, jnp.zeros([2]), { trainning: true } as never)).message).to.match(/did you mean 'training'/);
    const x = jnp.zeros([2]);
    expect(thrown(() => m.apply(null as never, x)).message).to.match(/params, must be a map of modules.*got null/);
    expect(thrown(() => m.apply(x as never, x)).message).to.match(/params, must be a map of modules.*got f32\[2\]/);
    expect(thrown(() => m.apply(m.params, x, { state: null as never })).message).to.match(/state must be a map of modules.*got null/);
    expect(thrown(() => m.apply(m.params, x, { until: 7 as never })).message).to.match(/until must be the name of a tensor or a node, or a list of such names, got number/);
    expect(thrown(() => m.apply(m.params, x, { until: [] })).message).to.match(/got an empty list/);
    expect(thrown(() => m.apply(m.params, x, { training: 1 as never } as never)).message).to.match(/training must be true or false/);
    expect(thrown(() => m.apply(m.params, [1, 2] as never)).message).to.match(/got a list; make an array of it with jnp.array/);
    expect(thrown(() => importModel(scale(tensor('layer.weight', 'float32', [2], [2, 3])), { trainable: 'nothing*' })).message).to.match(/pattern 'nothing\*' matches none of the parameters/);
  });
});

describe('external tensors', () => {
  let folder = '';
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'hokku-onnx-')); mkdirSync(join(folder, 'model')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const outside = (location: string, more: Record<string, string> = {}): Uint8Array => scale(create(TensorProtoSchema, {
    name: 'layer.weight', dataType: 1, dims: [4n], dataLocation: 1, externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
  }));
  const write = (location: string, more: Record<string, string> = {}): string => {
    const path = join(folder, 'model', 'm.onnx');
    writeFileSync(path, outside(location, more));
    return path;
  };
  const data = (name: string): string => { const path = join(folder, name); writeFileSync(path, new Uint8Array(Float32Array.of(9, 9, 1, 2, 3, 4).buffer)); return path; };

  it('are read from the model\'s folder, at their offset', () => {
    data('model/w.bin');
    const m = importModel(write('w.bin', { offset: '8', length: '16' }));
    expect(m.params['layer']['weight'].tolist()).to.deep.equal([1, 2, 3, 4]);
    const same = importModel(outside('w.bin', { offset: '8' }), { folder: join(folder, 'model') });
    expect(same.params['layer']['weight'].tolist()).to.deep.equal([1, 2, 3, 4]);
    refused(outside('w.bin'), /import the model by its path, or give the folder/);
  });

  it('are refused where they are missing, too short or say nonsense', () => {
    refused(write('w.bin'), /'w.bin', which is missing/);
    data('model/w.bin');
    refused(write('w.bin', { offset: '12' }), /from byte 12 to 28, but that file has 24/);
    refused(write('w.bin', { offset: '-8' }), /offset must be a whole number of bytes, but is '-8'/);
    refused(write('w.bin', { length: '999999999999' }), /takes 16 bytes, but the external length is 999999999999/);
    refused(write('w.bin', { offset: '99999999999999999999' }), /offset must be/);
  });

  it('are refused where their path leaves the folder', () => {
    const secret = data('secret.bin');
    for (const location of ['../secret.bin', 'a/../../secret.bin', secret, 'C:\\secret.bin', '..\\secret.bin', '', 'a\0b']) refused(write(location), /only files in the model's own folder are read/);
    symlinkSync(secret, join(folder, 'model', 'link.bin'));
    refused(write('link.bin'), /symbolic link/);
    symlinkSync(folder, join(folder, 'model', 'up'));
    refused(write('up/secret.bin'), /symbolic link/);
    linkSync(secret, join(folder, 'model', 'hard.bin'));
    refused(write('hard.bin'), /hard links/);
    mkdirSync(join(folder, 'model', 'folder.bin'));
    refused(write('folder.bin'), /a folder/);
  });

  it('are noticed when they change after they were opened', () => {
    const path = data('model/w.bin');
    const m = importModel(write('w.bin', { offset: '8' }));
    expect(m.params['layer']['weight'].shape).to.deep.equal([4]);
    truncateSync(path, 20);
    refused(join(folder, 'model', 'm.onnx'), /from byte 8 to 24, but that file has 20/);
  });
});

