import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { config, jit, lax, numpy as jnp, pureCallback, type Array } from '../../lib/jax/index.js';
import { Program } from '../../lib/jax/program.js';
import { packageRoot } from '../../lib/runtime/native.js';
import { LONG } from './cases/together.js';
import { expectAllClose, numbers, onEveryEngine, thrown } from './helpers.js';

/** Many different equations, some of which write into donated memory; `salt` makes it another program. */
const long = (salt: number) => (x: Array, y: Array): Array[] => {
  let z = x;
  for (let i = 0; i < 20; i++) z = jnp.matmul(lax.tanh(z.mul(i + salt).add(y)), x).mul(0.1);
  return [z, y.add(jnp.sum(z)), x];
};
const step = (salt: number) => jit(long(salt), { donateArgnums: [1] });

describe('compilation cache', () => {
  let folder: string;
  const files = (): string[] => readdirSync(folder).sort();
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'hokku-cache-')); config.compilationCacheDir = folder; });
  afterEach(() => { config.compilationCacheDir = null; config.compilationCacheMaxSize = 2 ** 29; rmSync(folder, { recursive: true, force: true }); });
  let salt = 1;
  const inputs = () => [numbers(1, [4, 4], -1, 1), numbers(2, [4, 4], -1, 1)] as const;

  /** As another process makes it: the programs of this one know it already. */
  const again = (by: number): Array[] => {
    const { jaxpr, target, donated, inPlace, key } = step(by).lower(...inputs());
    return new Program(jaxpr, target, donated, inPlace, true, key).run(inputs() as never) as unknown as Array[];
  };

  onEveryEngine('what is read back gives the same bits', () => {
    const mine = salt++;
    const expected = step(mine)(...inputs());
    expect(files().length).to.equal(1);
    const before = readFileSync(join(folder, files()[0]));
    const [kept] = files();
    expectAllClose(again(mine), expected, 0);
    expect(files().filter((f) => f === kept)).to.deep.equal([kept]);
    expect(readFileSync(join(folder, kept)).equals(before), 'not written again').to.equal(true);
  });

  it('small programs and those with functions of this process are not kept', () => {
    jit((x: Array) => x.mul(3.25))(jnp.ones([2]));
    const f = (x: Array): Array => pureCallback((v: Array) => v, { shape: [4, 4], dtype: 'float32' } as never, long(salt++)(x, x)[0]);
    jit(f)(inputs()[0]);
    expect(files()).to.deep.equal([]);
  });

  it('the oldest leave where there are too many', () => {
    step(salt++)(...inputs());
    const [first] = files();
    config.compilationCacheMaxSize = readFileSync(join(folder, first)).length * 1.5;
    step(salt++)(...inputs());
    expect(files().length).to.equal(1);
    expect(files()).to.not.include(first);
  });

  it('a folder that cannot be written is a warning, and wrong settings are refused', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    config.compilationCacheDir = join(file, 'below');
    expect(step(salt++)(...inputs()).length).to.equal(3);
    expect(thrown(() => { config.compilationCacheDir = '' as never; }).message).to.match(/^config\.compilationCacheDir: expected a folder or null, got ""/);
    expect(thrown(() => { config.compilationCacheMaxSize = -1; }).message).to.match(/^config\.compilationCacheMaxSize/);
  });

  it('processes share it, side by side and with damaged files in it', async () => {
    const script = `
      const { jit, lax, numpy: jnp } = await import(${JSON.stringify(pathToFileURL(join(packageRoot(), 'dist/lib/jax/index.js')).href)});
      const f = (x) => { let z = x; for (let i = 0; i < 40; i++) z = lax.tanh(jnp.matmul(z, x)).mul(i + 0.5); return z; };
      process.stdout.write(String(jit(f)(jnp.ones([3, 3]).mul(0.3)).tolist()));`;
    const run = () => new Promise<string>((resolve, reject) => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env, HOKKU_COMPILATION_CACHE_DIR: folder }, stdio: ['ignore', 'pipe', 'inherit'] });
      let out = '';
      child.stdout.on('data', (chunk: Buffer) => { out += String(chunk); });
      child.on('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`The process ended with ${code}.`))));
    });
    const both = await Promise.all([run(), run()]);
    expect(files().length).to.equal(1);
    const path = join(folder, files()[0]);
    const whole = readFileSync(path);
    const damaged = Buffer.from(whole);
    damaged[damaged.length >> 1] ^= 1;
    const results = [...both];
    for (const bytes of [...(LONG ? [whole.subarray(0, 10), Buffer.alloc(0)] : []), whole.subarray(0, whole.length - 7), damaged]) {
      writeFileSync(path, bytes);
      results.push(await run());
      expect(readFileSync(path).length, 'written again').to.equal(whole.length);
    }
    expect(new Set(results).size).to.equal(1);
    expect(files().length).to.equal(1);
  });
});
