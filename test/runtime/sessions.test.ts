import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { NativeTensor } from '../../lib/runtime/addon.js';
import { DTYPES, type DType } from '../../lib/runtime/dtypes.js';
import { engine, engines } from '../../lib/runtime/engines.js';
import * as errors from '../../lib/runtime/errors.js';
import { addon } from '../../lib/runtime/native.js';
import { binary, f32, floats, model, slow, square, wide } from './models.js';

for (const { name, path, missing } of engines()) {
  describe(`sessions on ${name}`, function () {
    before(function () {
      if (path) return;
      console.log(`      pending: ${missing}`);
      this.skip();
    });
    const create = (...args: Parameters<ReturnType<typeof engine>['createSession']>) => engine(name).createSession(...args);

    it('says what it is', () => {
      const native = engine(name);
      expect(native.version).to.match(/^\d+\.\d+\.\d+$/);
      expect(native.training).to.equal(name === 'onnxruntime-training');
      expect(native.providers).to.include('CPUExecutionProvider');
      expect(native.apiVersion).to.be.at.least(24);
      expect(native.buildInfo).to.be.a('string');
      expect(engine(name)).to.equal(native);
    });

    it('runs', () => {
      const session = create(binary('Add'));
      const [z] = session.run([f32([1, 2]), f32([10, 20])]);
      expect(z).to.include({ dtype: 'float32' });
      expect(z!.shape).to.deep.equal([2]);
      expect(floats(z!)).to.deep.equal([11, 22]);
    });

    it('declares inputs and outputs, with names of open dimensions', () => {
      const session = create(model(
        [{ name: 'x', dtype: 'float32', shape: ['batch', 3] }, { name: 'n', dtype: 'int64', shape: null }],
        [{ name: 'y', dtype: 'float32', shape: ['batch', 3] }, { name: 'm', dtype: 'int64', shape: null }],
        [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }, { op: 'Neg', inputs: ['n'], outputs: ['m'] }],
      ));
      expect(session.inputs).to.deep.equal([{ name: 'x', dtype: 'float32', shape: ['batch', 3] }, { name: 'n', dtype: 'int64', shape: null }]);
      expect(session.outputs[0]).to.deep.equal({ name: 'y', dtype: 'float32', shape: ['batch', 3] });
      expect(create(model([{ name: 's', dtype: 'float32', shape: [] }], [{ name: 't', dtype: 'float32', shape: [] }], [{ op: 'Neg', inputs: ['s'], outputs: ['t'] }])).inputs[0]!.shape).to.deep.equal([]);
      expect(session.run([f32([1, 2, 3], [1, 3]), { dtype: 'int64', shape: [], data: new BigInt64Array([5n]).buffer }])[1]!.shape).to.deep.equal([]);
    });

    for (const dtype of Object.keys(DTYPES) as DType[]) {
      it(`carries ${dtype}`, () => {
        const of = (value: string) => ({ name: value, dtype, shape: ['n'] });
        const session = create(model([of('x')], [of('y')], [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }]));
        expect(session.inputs[0]!.dtype).to.equal(dtype);
        const bytes = new Uint8Array(DTYPES[dtype].size * 5).map((_, i) => (dtype === 'bool' ? i % 2 : (i * 37) % 120));
        const tensor: NativeTensor = { dtype, shape: [5], data: bytes.buffer };
        const [y] = session.run([tensor]);
        expect({ ...y, data: undefined }).to.deep.equal({ dtype, shape: [5], data: undefined });
        expect(new Uint8Array(y!.data as ArrayBuffer)).to.deep.equal(bytes);
        expect(y!.data).not.to.equal(tensor.data);
        const target: NativeTensor = { dtype, shape: [5], data: new ArrayBuffer(bytes.length) };
        expect(session.run([tensor], [target])[0]).to.equal(target);
        expect(new Uint8Array(target.data as ArrayBuffer)).to.deep.equal(bytes);
        expect(session.run([{ dtype, shape: [0], data: new ArrayBuffer(0) }])[0]!.shape).to.deep.equal([0]);
      });
    }

    it('refuses tensors that do not fit, before the engine sees them', () => {
      const session = create(binary('Add'));
      const x = f32([1, 2]);
      const refused = (y: unknown, kind: new (...args: never[]) => Error, text: RegExp) => expect(() => session.run([x, y as NativeTensor])).to.throw(kind as never, text);
      refused({ dtype: 'int32', shape: [2], data: new ArrayBuffer(8) }, errors.TypeError, /dtype float32 for input 'y' but received int32/);
      refused({ dtype: 'flot32', shape: [2], data: new ArrayBuffer(8) }, errors.TypeError, /nearest is 'float32'/);
      refused({ dtype: 'float32', shape: [2], data: new ArrayBuffer(4) }, errors.ShapeError, /8 bytes for input 'y' but received 4/);
      refused(f32([1, 2, 3]), errors.ShapeError, /shape \[2\] for input 'y'.*\[3\]/);
      refused(f32([1, 2], [1, 2]), errors.ShapeError, /\[1,2\]/);
      refused({ dtype: 'float32', shape: [-2], data: new ArrayBuffer(8) }, errors.ShapeError, /non-negative/);
      refused({ dtype: 'float32', shape: [2 ** 40, 2 ** 40], data: new ArrayBuffer(8) }, errors.ShapeError, /too many/);
      refused({ dtype: 'float32', shape: [2], data: new Float32Array(2) }, errors.TypeError, /view/);
      refused({ dtype: 'float32', shape: [2], data: new SharedArrayBuffer(8) }, errors.TypeError, /ArrayBuffer/);
      refused({ dtype: 'float32', shape: [2] }, errors.TypeError, /ArrayBuffer/);
      refused(null, errors.TypeError, /\{ dtype, shape \}/);
      const gone = f32([1, 2]);
      structuredClone(gone.data, { transfer: [gone.data as ArrayBuffer] });
      refused(gone, errors.DisposedError, /detached/);
      expect(() => session.run([x])).to.throw(errors.ValueError, 'Expected 2 inputs but received 1.');
      expect(() => session.run([x, x], [f32([0, 0, 0])])).to.throw(errors.ShapeError);
      expect(() => session.run(x as never)).to.throw(errors.TypeError);
    });

    it("passes on the engine's own words", () => {
      expect(() => create(new Uint8Array([1, 2, 3]))).to.throw(errors.EngineError, /protobuf/).with.property('ortCode', 'INVALID_PROTOBUF');
      expect(() => create('/nowhere/model.onnx')).to.throw(errors.EngineError, /nowhere/).with.property('ortCode', 'NO_SUCHFILE');
      expect(() => create(binary('NoSuchOperator'))).to.throw(errors.EngineError, /NoSuchOperator/);
      expect(() => create(7 as never)).to.throw(errors.TypeError);
      const session = create(model(
        [{ name: 'x', dtype: 'float32', shape: ['a', 'b'] }, { name: 'y', dtype: 'float32', shape: ['c', 'd'] }],
        [{ name: 'z', dtype: 'float32', shape: ['a', 'd'] }], [{ op: 'MatMul', inputs: ['x', 'y'], outputs: ['z'] }],
      ));
      try {
        session.run([f32([1, 2], [1, 2]), f32([1, 2, 3], [3, 1])]);
        expect.fail('it ran');
      } catch (error) {
        expect(error).to.be.instanceOf(errors.EngineError).with.property('code', 'ENGINE');
        expect((error as Error).message).to.match(/MatMul/).and.not.match(/\.cc:|\[ONNXRuntimeError\]/);
        expect((error as Error).stack).to.contain('sessions.test');
      }
    });

    it('refuses unknown options by name', () => {
      expect(() => create(binary('Add'), { graphOptimisationLevel: 1 } as never)).to.throw(errors.ValueError, /nearest is 'graphOptimizationLevel'/);
      expect(() => create(binary('Add'), { device: 'gpu' as never })).to.throw(errors.ValueError, /'cpu' and 'cuda'/);
      expect(() => create(binary('Add'), { graphOptimizationLevel: 7 as never })).to.throw(errors.ValueError);
      expect(() => create(binary('Add'), { intraOpNumThreads: 0 })).to.throw(errors.ValueError);
    });

    it('takes options', () => {
      const folder = mkdtempSync(join(tmpdir(), 'hokku-'));
      try {
        writeFileSync(join(folder, 'model.onnx'), binary('Mul'));
        const optimizedModelPath = join(folder, 'optimized.onnx');
        const session = create(join(folder, 'model.onnx'), {
          graphOptimizationLevel: 1, intraOpNumThreads: 2, deterministic: true, optimizedModelPath,
          profilePrefix: join(folder, 'profile'), config: { 'session.intra_op.allow_spinning': '0' },
        });
        session.run([f32([1, 2]), f32([3, 4])]);
        const profile = session.endProfiling();
        expect(JSON.parse(readFileSync(profile, 'utf8'))).to.be.an('array').that.is.not.empty;
        expect(readFileSync(optimizedModelPath).length).to.be.greaterThan(0);
        expect(() => session.endProfiling()).to.throw(errors.ValueError, /profilePrefix/);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });

    it('is disposed of once, and says so', () => {
      const session = create(binary('Add'));
      const binding = session.bind([f32([0, 0]), f32([0, 0])], [f32([0, 0])]);
      expect(session.disposed).to.equal(false);
      session.dispose();
      session.dispose();
      expect(session.disposed).to.equal(true);
      for (const use of [() => session.run([]), () => session.inputs, () => session.bind([], []), () => session.endProfiling()]) {
        expect(use).to.throw(errors.DisposedError, 'This session was disposed of.').with.property('code', 'DISPOSED');
      }
      const z = new ArrayBuffer(8);
      binding.run([f32([1, 2]).data, f32([3, 4]).data, z]);
      expect([...new Float32Array(z)]).to.deep.equal([4, 6]);
      binding.dispose();
      binding.dispose();
      expect(() => binding.run([z, z, z])).to.throw(errors.DisposedError);
    });

    it('refuses methods that were taken from another object', () => {
      const session = create(binary('Add'));
      const binding = session.bind([f32([0, 0]), f32([0, 0])], [f32([0, 0])]);
      const native = engine(name);
      const getter = (object: object, property: string) => Object.getOwnPropertyDescriptor(Object.getPrototypeOf(object), property)!.get!;
      const uses: (() => unknown)[] = [
        () => session.run.call(binding as never, []), () => session.dispose.call(binding as never), () => getter(session, 'inputs').call(native),
        () => binding.run.call(session as never, []), () => binding.dispose.call(native as never), () => native.createSession.call(session as never, binary('Add')),
        () => getter(native, 'path').call(session), () => session.run.call({} as never, []),
      ];
      for (const use of uses) expect(use).to.throw(/receiver|Illegal|Invalid/);
      const External = session.constructor as new (x: unknown) => unknown;
      expect(() => new External({})).to.throw(errors.TypeError, /createSession/);
    });

    it('says what CUDA lacks', function () {
      if (engine(name).providers.includes('CUDAExecutionProvider') && name === 'onnxruntime-training') this.skip();
      expect(() => create(binary('Add'), { device: 'cuda' })).to.throw(errors.EngineError, /cannot use CUDA .*setup\.mjs --gpu/);
      expect(() => engine(name).allocate(16, 0)).to.throw(errors.EngineNotFoundError);
    });

    describe('bound', () => {
      const spec = { dtype: 'float32', shape: [2] } as const;
      const bind = () => create(binary('Add')).bind([spec, spec], [spec]);
      const memory = (...values: number[]) => new Float32Array(values).buffer;

      it('writes in place, whatever memory comes', () => {
        const binding = bind();
        for (let i = 0; i < 10; i++) {
          const z = new ArrayBuffer(8);
          expect(binding.run([memory(i, 1), memory(1, i), z])).to.equal(undefined);
          expect([...new Float32Array(z)]).to.deep.equal([i + 1, i + 1]);
        }
        const [x, y] = [memory(1, 2), memory(10, 20)];
        binding.run([x, y, x]);
        expect([...new Float32Array(x)]).to.deep.equal([11, 22]);
      });

      it('refuses what does not fit', () => {
        const binding = bind();
        const x = memory(1, 2);
        expect(() => binding.run([x, x])).to.throw(errors.ValueError, /array of 3/);
        expect(() => binding.run({} as never)).to.throw(errors.ValueError);
        expect(() => binding.run([x, memory(1), x])).to.throw(errors.ShapeError, /8 bytes for input 'y' but received 4/);
        expect(() => binding.run([x, x, new Float32Array(2) as never])).to.throw(errors.TypeError, /output 'z'/);
        const gone = memory(1, 2);
        structuredClone(gone, { transfer: [gone] });
        expect(() => binding.run([x, x, gone])).to.throw(errors.DisposedError, /output 'z' is detached/);
        const session = create(binary('Add'));
        expect(() => session.bind([spec], [spec])).to.throw(errors.ValueError, /2 inputs/);
        expect(() => session.bind([spec, { dtype: 'int32', shape: [2] }], [spec])).to.throw(errors.TypeError, /input 'y'/);
        expect(() => session.bind([spec, spec], [{ dtype: 'float32', shape: [3] }])).to.throw(errors.ShapeError, /output 'z'/);
      });

      it('is not entered twice', () => {
        const binding = bind();
        const list = [memory(1, 2), memory(3, 4), new ArrayBuffer(8)];
        let inner: unknown;
        Object.defineProperty(list, 1, { get: () => { try { binding.run(list); } catch (error) { inner = error; } return memory(3, 4); } });
        binding.run(list);
        expect(inner).to.be.instanceOf(errors.ValueError).with.property('code', 'IN_FLIGHT');
      });

      it('takes empty tensors', () => {
        const session = create(binary('Add', 'float32', ['n']));
        const none = { dtype: 'float32', shape: [0] } as const;
        session.bind([none, none], [none]).run([new ArrayBuffer(0), new ArrayBuffer(0), new ArrayBuffer(0)]);
      });

      it('costs little', () => {
        const session = create(wide(5, 4));
        const four = { dtype: 'float32', shape: [4] } as const;
        const binding = session.bind(Array(5).fill(four), Array(5).fill(four));
        const all = Array.from({ length: 10 }, () => new ArrayBuffer(16));
        for (let i = 0; i < 2000; i++) binding.run(all);
        const begin = performance.now();
        for (let i = 0; i < 2000; i++) binding.run(all);
        // A generous bound: it is a few microseconds on a quiet machine.
        expect((performance.now() - begin) / 2000).to.be.below(0.1);
      });
    });

    it('releases sessions that nobody holds', function () {
      if (!globalThis.gc) this.skip();
      const bytes = slow(2, 8);
      for (let i = 0; i < 50; i++) create(bytes).run([square(8), square(8)]);
      globalThis.gc!();
    });
  });
}

describe('takeOver', () => {
  it('moves the bytes and detaches', () => {
    const source = new Uint8Array([1, 2, 3]).buffer;
    const taken = addon().takeOver(source);
    expect([...new Uint8Array(taken)]).to.deep.equal([1, 2, 3]);
    expect(source.byteLength).to.equal(0);
    expect(() => addon().takeOver(source)).to.throw(errors.DisposedError, /detached/);
    expect(() => addon().takeOver(new Uint8Array(2) as never)).to.throw(errors.TypeError);
  });
});
