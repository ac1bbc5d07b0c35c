import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { PendingFile, writeFileAtomic } from '../../lib/training/atomic-file.js';

const MODULE = new URL('../../lib/training/atomic-file.js', import.meta.url).href;

describe('writeFileAtomic', () => {
  let folder: string;
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'hokku-atomic-')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const only = (...names: string[]) => expect(readdirSync(folder).sort()).to.deep.equal(names.sort());

  it('writes texts, bytes and pieces, and replaces', () => {
    const path = join(folder, 'a');
    writeFileAtomic(path, 'naïve');
    expect(readFileSync(path, 'utf8')).to.equal('naïve');
    writeFileAtomic(path, Uint8Array.of(1, 2));
    expect([...readFileSync(path)]).to.deep.equal([1, 2]);
    writeFileAtomic(path, [Uint8Array.of(3), new Uint8Array(0), Uint8Array.of(4, 5)]);
    expect([...readFileSync(path)]).to.deep.equal([3, 4, 5]);
    only('a');
  });

  it('keeps the previous file, and nothing else, when the writing fails', () => {
    const path = join(folder, 'a');
    writeFileAtomic(path, 'before');
    const failing = function* () { yield Uint8Array.of(1); throw new Error('no space left'); };
    expect(() => writeFileAtomic(path, failing())).to.throw('no space left');
    expect(readFileSync(path, 'utf8')).to.equal('before');
    only('a');
    expect(() => writeFileAtomic(join(folder, 'missing', 'a'), 'x')).to.throw(/ENOENT/);
    mkdirSync(join(folder, 'b'));
    expect(() => writeFileAtomic(join(folder, 'b'), 'x')).to.throw(/EISDIR|EPERM|EEXIST/);
    only('a', 'b');
  });

  it('keeps the previous file when the process dies while it writes', function () {
    if (process.platform === 'win32') this.skip();
    const path = join(folder, 'a');
    writeFileAtomic(path, 'before');
    const script = `import { writeFileAtomic } from ${JSON.stringify(MODULE)};
      writeFileAtomic(${JSON.stringify(path)}, (function* () { for (let i = 0; i < 9; i++) { yield new Uint8Array(9999); if (i === 5) process.kill(process.pid, 'SIGKILL'); } })());`;
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    expect(signal).to.equal('SIGKILL');
    expect(readFileSync(path, 'utf8')).to.equal('before');
  });

  it('keeps the previous file and removes its own when the disk takes no more', function () {
    if (process.platform === 'win32') this.skip();
    const path = join(folder, 'a');
    writeFileAtomic(path, 'before');
    // A limit on the size of files stands in for a full disk: the write fails half-way.
    const script = `process.on('SIGXFSZ', () => {}); const { writeFileAtomic } = await import(${JSON.stringify(MODULE)});
      try { writeFileAtomic(${JSON.stringify(path)}, new Uint8Array(1 << 20)); } catch (error) { console.log(error.code); }`;
    const child = spawnSync('sh', ['-c', 'ulimit -f 64; exec "$0" --input-type=module -e "$1"', process.execPath, script], { encoding: 'utf8' });
    expect(child.stdout.trim(), child.stderr).to.equal('EFBIG');
    expect(readFileSync(path, 'utf8')).to.equal('before');
    only('a');
  });

  it('follows a symbolic link and keeps the permissions', function () {
    if (process.platform === 'win32') this.skip();
    writeFileSync(join(folder, 'real'), 'before');
    chmodSync(join(folder, 'real'), 0o640);
    symlinkSync('real', join(folder, 'link'));
    writeFileAtomic(join(folder, 'link'), 'after');
    expect(lstatSync(join(folder, 'link')).isSymbolicLink()).to.equal(true);
    expect(readFileSync(join(folder, 'real'), 'utf8')).to.equal('after');
    expect(statSync(join(folder, 'real')).mode & 0o777).to.equal(0o640);
    only('link', 'real');
  });

  it('takes names as long as the file system does', () => {
    const name = 'n'.repeat(255);
    writeFileAtomic(join(folder, name), 'x');
    only(name);
  });

  it('leaves one whole file of several concurrent writers', async () => {
    const path = join(folder, 'a');
    const source = `import(${JSON.stringify(MODULE)}).then(({ writeFileAtomic }) => {
      const { workerData } = require('node:worker_threads');
      for (let i = 0; i < 20; i++) writeFileAtomic(workerData.path, new Uint8Array(100_000).fill(workerData.mark));
    })`;
    await Promise.all([1, 2, 3, 4].map((mark) => new Promise<void>((resolve, reject) => {
      new Worker(source, { eval: true, workerData: { path, mark } }).on('error', reject).on('exit', () => resolve());
    })));
    const bytes = readFileSync(path);
    expect(bytes.length).to.equal(100_000);
    expect(new Set(bytes).size).to.equal(1);
    only('a');
  });

  it('PendingFile can be forgotten, and disposed of twice', () => {
    const file = new PendingFile(join(folder, 'a'), () => {});
    expect(readdirSync(folder)).to.have.length(1);
    file.dispose();
    file.dispose();
    only();
  });
});
