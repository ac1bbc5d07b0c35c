/** The examples with real models, for a few steps: they learn something already, and what they write is served as it was trained. */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Tuned { readonly after: number; readonly served: number; readonly file: string }

describe('the ONNX examples', () => {
  let folder = '';
  before(() => { folder = mkdtempSync(join(tmpdir(), 'hokku-examples-')); });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function run<T>(name: string, ...args: string[]): T {
    const done = spawnSync(process.execPath, [join(import.meta.dirname, `../../examples/${name}.js`), '--json', '--out', folder, ...args], { encoding: 'utf8' });
    expect(done.status, done.stderr).to.equal(0);
    return JSON.parse(done.stdout) as T;
  }

  it('onnx-direction: what it wrote answers as what it trained', () => {
    const { after, served } = run<Tuned>('onnx-direction', '--steps', '2');
    // A probability within the last bits of one half may fall on either side.
    expect(served).to.be.closeTo(after, 0.011);
  });

  it('onnx-voice: the head and adapters both learn', () => {
    const { before, head, lora } = run<{ before: number; head: Tuned; lora: Tuned }>('onnx-voice', '--steps', '12');
    for (const { after, served } of [head, lora]) {
      expect(after).to.be.above(before);
      expect(served).to.be.closeTo(after, 0.011);
    }
  });
});
