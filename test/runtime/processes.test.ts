import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { engine, engines } from '../../lib/runtime/engines.js';
import * as errors from '../../lib/runtime/errors.js';
import { addon, packageRoot } from '../../lib/runtime/native.js';

const url = (path: string) => JSON.stringify(pathToFileURL(join(packageRoot(), 'dist', path)).href);
const PRELUDE = `
  import { createRequire } from 'node:module';
  import { Worker, isMainThread, parentPort } from 'node:worker_threads';
  import { readFileSync } from 'node:fs';
  import { engine, engines } from ${url('lib/runtime/engines.js')};
  import { addon } from ${url('lib/runtime/native.js')};
  import { binary, slow, square, f32, floats } from ${url('test/runtime/models.js')};
  const require = createRequire(${JSON.stringify(join(packageRoot(), 'package.json'))});
  const mapped = () => readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => /libonnxruntime\\.so/.test(line)).map((line) => line.split(/\\s+/)[5]);
`;

/** Runs a module in a process of its own and returns the JSON that it printed last. */
function child(code: string, env: NodeJS.ProcessEnv = {}): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'hokku-'));
  try {
    const file = join(folder, 'child.mjs');
    writeFileSync(file, PRELUDE + code);
    const done = spawnSync(process.execPath, [file], { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 60000 });
    expect(done.signal, done.stderr).to.equal(null);
    expect(done.stderr).to.equal('');
    expect(done.status, done.stderr).to.equal(0);
    const lines = done.stdout.trim().split('\n');
    return lines.at(-1) ? (JSON.parse(lines.at(-1)!) as unknown) : undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const trainingPath = engines().find(({ name }) => name === 'onnxruntime-training')?.path;

describe('engines', () => {
  it('are named, and misspelt names are refused', () => {
    expect(() => engine('onnxruntime-trainning')).to.throw(errors.EngineNotFoundError, /nearest is 'onnxruntime-training'/);
    expect(engines().map(({ name }) => name)).to.deep.equal(['onnxruntime', 'onnxruntime-training']);
  });

  it('say which one trains', () => {
    expect(() => engine('onnxruntime').loadCheckpoint(new Uint8Array())).to.throw(errors.EngineError, /without training: use the engine 'onnxruntime-training'/);
    expect(() => engine('onnxruntime').setSeed(1)).to.throw(errors.EngineError, /npm run setup/);
  });

  it('are refused where the file is none', () => {
    expect(() => addon().loadEngine('/nowhere/libonnxruntime.so.1')).to.throw(errors.EngineNotFoundError, /no engine library at \/nowhere/);
    expect(() => addon().loadEngine(join(packageRoot(), 'package.json'))).to.throw(errors.EngineNotFoundError, /cannot be loaded/);
    expect(() => addon().loadEngine(join(packageRoot(), 'build', 'Release', 'hokku.node'))).to.throw(errors.EngineNotFoundError, /no ONNX Runtime: it does not export OrtGetApiBase/);
    expect(() => addon().loadEngine(7 as never)).to.throw(errors.TypeError);
  });

  it('are not loaded by an import', function () {
    if (process.platform !== 'linux') this.skip();
    expect(child('engines(); console.log(JSON.stringify(mapped()));')).to.deep.equal([]);
  });

  it('are refused where HOKKU_ORT_TRAINING is wrong', () => {
    const ask = `try { engine('onnxruntime-training'); } catch (error) { console.log(JSON.stringify([error.name, error.message])); }`;
    expect(child(ask, { HOKKU_ORT_TRAINING: '/nowhere.so' })).to.deep.include('EngineNotFoundError').and.satisfy(([, message]: string[]) => /HOKKU_ORT_TRAINING is set to \/nowhere.so/.test(message!));
    const stock = engines()[0]!.path!;
    expect(child(ask, { HOKKU_ORT_TRAINING: stock })).to.satisfy(([, message]: string[]) => /was built without training/.test(message!));
  });

  describe('beside onnxruntime-node in one process', function () {
    const theirs = `
      const ort = require('onnxruntime-node');
      const session = await ort.InferenceSession.create(binary('Add'));
      const { z } = await session.run({ x: new ort.Tensor('float32', [1, 2], [2]), y: new ort.Tensor('float32', [3, 4], [2]) });
      const sum = [...z.data];
    `;
    const ours = (name: string) => `
      const native = engine('${name}');
      const mine = floats(native.createSession(binary('Add')).run([f32([1, 2]), f32([3, 4])])[0]);
    `;
    const print = `console.log(JSON.stringify({ sum, mine, shared: native.sharedThreadPool, versions: [ort.env.versions.node !== undefined, native.version] }));`;
    for (const name of trainingPath ? ['onnxruntime', 'onnxruntime-training'] : ['onnxruntime']) {
      it(`${name} first`, () => {
        expect(child(ours(name) + theirs + print)).to.deep.include({ sum: [4, 6], mine: [4, 6], shared: true });
      });
      it(`${name} second`, () => {
        const shared = name === 'onnxruntime-training';
        expect(child(theirs + ours(name) + print)).to.deep.include({ sum: [4, 6], mine: [4, 6], shared });
      });
    }
  });

  it('load the stock library before the training one', function () {
    if (!trainingPath || process.platform !== 'linux') this.skip();
    const order = child(`
      const before = mapped().length;
      engine('onnxruntime-training');
      const { path } = engine('onnxruntime');
      require('onnxruntime-node');
      console.log(JSON.stringify([before, [...new Set(mapped())].length, path]));
    `);
    expect(order).to.deep.equal([0, 2, engines()[0]!.path]);
  });
});

describe('worker threads', () => {
  it('use the engines side by side, and again after the first are gone', () => {
    const result = child(`
      if (isMainThread) {
        const answers = [];
        for (let round = 0; round < 3; round++) {
          const workers = Array.from({ length: 4 }, () => new Promise((resolve, reject) => {
            const worker = new Worker(new URL(import.meta.url));
            worker.once('message', (message) => answers.push(message));
            worker.once('error', reject);
            worker.once('exit', resolve);
          }));
          await Promise.all(workers);
        }
        console.log(JSON.stringify(answers));
      } else {
        const session = engine().createSession(binary('Add'));
        let kind;
        try { session.run([]); } catch (error) { kind = error.constructor.name; }
        const [z] = await session.runAsync([f32([1, 2]), f32([3, 4])]);
        parentPort.postMessage([kind, ...floats(z)]);
      }
    `);
    expect(result).to.deep.equal(Array.from({ length: 12 }, () => ['ValueError', 4, 6]));
  });

  it('may be terminated in the middle of a step', () => {
    const result = child(`
      if (isMainThread) {
        for (let i = 0; i < 4; i++) {
          const worker = new Worker(new URL(import.meta.url));
          await new Promise((resolve) => worker.once('message', resolve));
          await worker.terminate();
        }
        const [z] = engine().createSession(binary('Add')).run([f32([1, 2]), f32([3, 4])]);
        console.log(JSON.stringify(floats(z)));
      } else {
        const session = engine().createSession(slow(400, 256));
        void session.runAsync([square(256), square(256)]);
        void session.runAsync([square(256), square(256)]);
        setTimeout(() => parentPort.postMessage('running'), 20);
      }
    `);
    expect(result).to.deep.equal([4, 6]);
  });
});

describe('exit in the middle of a step', () => {
  const start = `
    const session = engine().createSession(slow(2000, 256));
    const step = session.runAsync([square(256), square(256)]);
    const waiting = session.runAsync([square(256), square(256)]);
    console.log(JSON.stringify('running'));
  `;
  it('by process.exit', () => { expect(child(`${start} setTimeout(() => process.exit(0), 20);`)).to.equal('running'); });
  it('by process.exit, at once', () => { expect(child(`${start} process.exit(0);`)).to.equal('running'); });
  it('by process.exit, while a worker thread runs one', () => {
    expect(child(`
      if (isMainThread) {
        const worker = new Worker(new URL(import.meta.url));
        worker.once('message', () => { console.log(JSON.stringify('running')); process.exit(0); });
      } else {
        void engine().createSession(slow(2000, 256)).runAsync([square(256), square(256)]);
        setTimeout(() => parentPort.postMessage('running'), 20);
      }
    `)).to.equal('running');
  });
  it('by its end, which waits for the step', () => {
    expect(child(`
      engine().createSession(slow(20, 256)).runAsync([square(256), square(256)]).then(() => console.log(JSON.stringify('done')));
    `)).to.equal('done');
  });
  it('refuses runs that start while the process exits', () => {
    expect(child(`
      const session = engine().createSession(binary('Add'));
      process.once('exit', () => session.runAsync([f32([1, 2]), f32([3, 4])]).catch(() => {}));
      await session.runAsync([f32([1, 2]), f32([3, 4])]);
      process.exit(0);
    `)).to.equal(undefined);
  });
});
