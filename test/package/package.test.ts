import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { config, jit, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { packageRoot } from '../../lib/runtime/native.js';
import { refused } from '../haiku/helpers.js';

const root = packageRoot();
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: Record<string, string | { types: string; default: string }>; bin: Record<string, string> };
const entries = Object.keys(manifest.exports).filter((name) => name !== './package.json').map((name) => name.replace(/^\./, 'hokku'));

/** Runs a module that imports the package by its name, as a user's would, and gives what it printed last. */
function run(code: string): unknown {
  // A package can be imported by its own name only from inside its folder.
  mkdirSync(join(root, 'out'), { recursive: true });
  const folder = mkdtempSync(join(root, 'out', 'package-'));
  try {
    const file = join(folder, 'user.mjs');
    writeFileSync(file, code);
    const done = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 60_000 });
    expect(done.status, `${done.stderr}\n${code}`).to.equal(0);
    return JSON.parse(done.stdout.trim().split('\n').at(-1)!) as unknown;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the package', () => {
  for (const entry of entries) {
    it(`import '${entry}' loads no library`, () => {
      const { ms, libraries } = run(`
        const before = performance.now();
        await import('${entry}');
        const ms = performance.now() - before;
        const libraries = process.report.getReport().sharedObjects.filter((path) => /onnxruntime|hokku/.test(path.split('/').at(-1)));
        console.log(JSON.stringify({ ms, libraries }));`) as { ms: number; libraries: string[] };
      expect(libraries).to.deep.equal([]);
      console.log(`      ${entry}: ${ms.toFixed(0)} ms`);
    });
  }

  it('is compiled anew where the code that is kept beside it is another V8\'s, damaged, or not there', () => {
    const folder = join(root, 'out', 'package-code');
    rmSync(folder, { recursive: true, force: true });
    try {
      cpSync(join(root, 'package.json'), join(folder, 'package.json'));
      cpSync(join(root, 'dist', 'bundle'), join(folder, 'dist', 'bundle'), { recursive: true });
      const names = (...flags: string[]): string => {
        const done = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', `console.log(Object.keys(await import('hokku')).join())`], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
        expect(done.status, done.stderr).to.equal(0);
        return done.stdout;
      };
      const kept = join(folder, 'dist', 'bundle', 'library.code');
      const all = names();
      expect(all).to.include('transform');
      expect(names('--stack-size=900'), 'of a process with other flags').to.equal(all);
      truncateSync(kept, 1000);
      expect(names(), 'truncated').to.equal(all);
      writeFileSync(kept, 'not code');
      expect(names(), 'foreign').to.equal(all);
      rmSync(kept);
      expect(names(), 'absent').to.equal(all);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('has every file that it names', () => {
    const named = [...Object.values(manifest.exports).flatMap((e) => (typeof e === 'string' ? [e] : [e.types, e.default])), ...Object.values(manifest.bin)];
    for (const path of named) expect(existsSync(join(root, path)), path).to.equal(true);
  });

  it('exports one name for one thing, and imports by name agree with those of the index', () => {
    const same = run(`
      import * as hk from 'hokku';
      import * as training from 'hokku/training';
      console.log(JSON.stringify([typeof hk.transform, hk.training.trainStep === training.trainStep]));`);
    expect(same).to.deep.equal(['function', true]);
  });

  for (const index of ['index.ts', 'training/index.ts', 'optax/index.ts', 'jax/index.ts', 'plot/index.ts']) {
    it(`lib/${index} only re-exports`, () => {
      const source = readFileSync(join(root, 'lib', index), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
      const others = source.split(';').map((s) => s.trim()).filter(Boolean)
        .filter((s) => !/^export (\* as \w+|\*|(type )?\{[^{}]*\}) from '\.[^']*'$/.test(s) && !/^import '\.[^']*'$/.test(s));
      expect(others).to.deep.equal([]);
    });
  }

  it('refuses engines that it does not know', () => {
    refused(() => { config.engine = 'tensorflow' as never; }, 'ValueError', /unknown engine 'tensorflow'/);
    expect(config.engine).to.equal('onnxruntime');
    const misspelt = jit((x: Array) => x.add(1), { engine: 'onnx-runtime' as never });
    refused(() => misspelt(jnp.ones([2])), 'EngineNotFoundError', /no engine 'onnx-runtime'.*nearest is 'onnxruntime'/);
  });
});

describe('README.md', () => {
  const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code);
  const imports = /^import [^;]*;\s*$/gm;
  // What the text takes for granted, and a first use of what it defines.
  const data = (jnp: string) => `
    const x = ${jnp}.arange(10, { dtype: 'float32' }).reshape([10, 1]), y = ${jnp}.arange(10);
    const batches = [{ x, y }, { x, y }];`;
  const use = `
    if (typeof frozen !== 'undefined' && step.init === undefined) {
      const updated = step(trainable, frozen, x, y);
      if (Object.keys(updated).join() !== Object.keys(trainable).join()) throw new Error('the step lost parameters');
    }
    if (typeof carry !== 'undefined' && carry.step.item() !== batches.length) throw new Error('the loop made other steps than there are batches');`;

  it('has code', () => expect(blocks.length).to.be.above(1));
  blocks.forEach((_, i) => {
    it(`runs: block ${i + 1}, after those before it`, () => {
      const before = blocks.slice(0, i + 1);
      const lines = [...new Set(before.flatMap((code) => code.match(imports) ?? []).map((line) => line.trim()))];
      // Each block in a scope of its own inside the one before: it sees what was defined there, and may define it anew.
      const nested = before.reduceRight((inner, code) => `{\n${code.replace(imports, '')}\n${inner}\n}`, use);
      expect(run(`${lines.join('\n')}\nimport * as given from 'hokku/jax';${data('given.numpy')}\n${nested}\nconsole.log('true');`)).to.equal(true);
    });
  });
});
