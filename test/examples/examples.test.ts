import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const RUN = fileURLToPath(new URL('../../examples/run.js', import.meta.url));

let folder: string;
const start = (...args: string[]) => spawnSync(process.execPath, [RUN, ...args], { encoding: 'utf8', timeout: 120_000 });
const result = (name: string, steps: number) => {
  const { status, stdout, stderr } = start(name, '--steps', String(steps), '--out', folder, '--json');
  expect(stderr).to.equal('');
  expect(status).to.equal(0);
  return JSON.parse(stdout);
};
const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
/** The mean of the last third is below that of the first. */
const expectFalling = (losses: number[]) => {
  const third = Math.ceil(losses.length / 3);
  expect(mean(losses.slice(-third))).to.be.below(mean(losses.slice(0, third)));
};
const expectReport = (name: string) => expect(readFileSync(join(folder, `${name}.html`), 'utf8')).to.match(/^<!doctype html>/i).and.to.contain('<svg');
const pngSize = (path: string) => {
  const png = readFileSync(path);
  expect(png.subarray(1, 4).toString()).to.equal('PNG');
  return [png.readUInt32BE(16), png.readUInt32BE(20)];
};

describe('the examples', () => {
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'hokku-example-')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('mnist learns digits', () => {
    const { test, losses } = result('mnist', 15);
    expect(losses).to.have.length(15);
    expectFalling(losses);
    expect(test.accuracy).to.be.within(0.3, 1);
    expectReport('lenet');
  });

  it('finetune leaves the frozen trunk as it is', () => {
    const { pretraining, runs } = result('finetune', 6);
    for (const run of [pretraining, ...Object.values(runs)] as { losses: number[] }[]) expect(run.losses.every(Number.isFinite)).to.equal(true);
    expect(Object.keys(runs)).to.deep.equal(['head only', 'gradual', 'everything']);
    expect(Object.values(runs).map((run: any) => run.trunkUnchanged)).to.deep.equal([true, false, false]);
    // Until more is unfrozen, the gradual run is the other one; then it is not.
    expect(runs.gradual.losses.slice(0, 2)).to.deep.equal(runs['head only'].losses.slice(0, 2));
    expect(runs.gradual.losses.at(-1)).not.to.equal(runs['head only'].losses.at(-1));
    expectFalling(runs.everything.losses);
    for (const name of ['pretraining', 'head-only', 'gradual', 'everything']) expectReport(name);
  });

  it('text is learnt by an LSTM and a transformer, which write on', () => {
    const { results } = result('text', 10);
    for (const name of ['lstm', 'transformer']) {
      const { bitsPerCharacter, sample, losses } = results[name];
      expectFalling(losses);
      // All characters alike would take log2 of how many there are.
      expect(bitsPerCharacter).to.be.within(1, 6);
      expect([...sample]).to.have.length(64 + 10);
      expect(readFileSync(join(folder, `${name}.txt`), 'utf8')).to.equal(sample);
      expectReport(name);
    }
  });

  it('vae draws reconstructions and samples', () => {
    const { nats, files, losses } = result('vae', 15);
    expectFalling(losses);
    expect(nats).to.be.within(80, 784 * Math.LN2);
    expect(files.map(pngSize)).to.deep.equal([[448, 224], [448, 448]]);
    expectReport('vae');
  });

  it('says how it is used', () => {
    expect(start('--help')).to.include({ status: 0, stderr: '' });
    for (const args of [['nmist'], ['mnist', '--steps', '0']]) {
      const { status, stdout, stderr } = start(...args);
      expect({ status, stdout }).to.deep.equal({ status: 2, stdout: '' });
      expect(stderr).to.contain('Usage: npm run example');
    }
  });
});
