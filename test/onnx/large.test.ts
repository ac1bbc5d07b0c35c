/**
 * A model of more than protocol buffers can hold: its tensors go into a file beside it, and come back. Each way in a process of its own, whose
 * peak memory is measured. `HOKKU_LONG=1` only, since it writes 5 GB.
 */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../lib/runtime/native.js';

const LONG = process.env['HOKKU_LONG'] === '1' && existsSync('/proc/self/status');
/** Square matrices of this many rows: 64 MB each. */
const [ROWS, MATRICES] = [4096, 33];
const SIZE = MATRICES * ROWS * ROWS * 4;

const PRELUDE = (folder: string): string => `
  const at = (name) => ${JSON.stringify(pathToFileURL(join(packageRoot(), 'dist/lib/')).href)} + name;
  const { jit, numpy: jnp } = await import(at('jax/index.js'));
  const { exportFunction, exportModel, importModel } = await import(at('onnx/index.js'));
  const { readFileSync } = await import('node:fs');
  const folder = ${JSON.stringify(folder)};
  const peak = () => 1024 * Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  // Each matrix moves what it is given on by its own number of places, and doubles it.
  const matrix = (k) => { const w = new Float32Array(${ROWS * ROWS}); for (let i = 0; i < ${ROWS}; i++) w[i * ${ROWS} + (i + k) % ${ROWS}] = 2; return jnp.array(w, { copy: false }).reshape([${ROWS}, ${ROWS}]); };
  const x = jnp.arange(${ROWS}).astype('float32').reshape([1, ${ROWS}]);
  const say = (o) => process.stdout.write(JSON.stringify({ ...o, peak: peak() }));
`;
const run = <T>(folder: string, script: string): T & { peak: number } => JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', PRELUDE(folder) + script], { encoding: 'utf8', maxBuffer: 1 << 26 })) as T & { peak: number };

describe(`a model of more than 2 GB${LONG ? '' : ' (pending: HOKKU_LONG=1 runs it, where there is /proc/self/status)'}`, () => {
  let folder = '';
  before(function () { if (!LONG) this.skip(); folder = mkdtempSync(join(tmpdir(), 'hokku-large-')); });
  after(() => { if (folder) rmSync(folder, { recursive: true, force: true }); });

  it('is written beside its tensors, read, and written again', function () {
    this.timeout(0);
    const written = run(folder, `
      const params = { layers: Object.fromEntries(Array.from({ length: ${MATRICES} }, (_, k) => ['w' + k, matrix(k)])) };
      const f = (p, { x }) => Object.values(p.layers).reduce((y, w) => y.matmul(w), x);
      exportFunction(f, params, { x }, folder + '/model.onnx');
      say({});`);
    expect(statSync(join(folder, 'model.onnx')).size).to.be.below(1e6);
    expect(statSync(join(folder, 'model.onnx.data')).size).to.be.above(2 ** 31).and.at.least(SIZE);

    const read = run<{ seconds: number; imported: number; y: number[] }>(folder, `
      const began = performance.now();
      const model = importModel(folder + '/model.onnx');
      const [seconds, imported] = [(performance.now() - began) / 1000, peak()];
      const y = model.apply(model.params, x).reshape([${ROWS}]).tolist();
      exportModel(model, { layers: { w0: model.params.layers.w0.mul(2) } }, folder + '/again.onnx');
      say({ seconds, imported, y });`);
    const moved = (MATRICES * (MATRICES - 1)) / 2;
    expect(read.y).to.deep.equal(Array.from({ length: ROWS }, (_, i) => ((i - moved + ROWS) % ROWS) * 2 ** MATRICES));
    expect(read.imported).to.be.below(1.3 * SIZE);

    const again = run<{ y: number[] }>(folder, `
      const model = importModel(folder + '/again.onnx');
      say({ y: model.apply(model.params, x).reshape([${ROWS}]).tolist() });`);
    expect(again.y).to.deep.equal(read.y.map((v) => 2 * v));
    const times = (bytes: number): string => `${(bytes / SIZE).toFixed(2)} × its size`;
    console.log(`      peak memory, writing: ${times(written.peak)}; reading: ${times(read.imported)}, in ${read.seconds.toFixed(1)} s; running and writing again: ${times(read.peak)}`);
    expect(written.peak).to.be.below(2.3 * SIZE);
  });
});
