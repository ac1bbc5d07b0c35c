import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { numpy as jnp, random } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { CheckpointManager, saveParams, trainStep } from '../../lib/training/index.js';
import { crossEntropy, makeBatch, makeParams, temporaryFolder, withoutMiddle } from '../training/artifacts-helpers.js';
import { CLI, hokku, hokkuJson, spawned } from './run.js';

describe('hokku params', () => {
  const fresh = temporaryFolder();
  let folder: string, first: string, file: string, checkpoints: string;

  before(async () => {
    folder = fresh();
    checkpoints = join(folder, 'checkpoints');
    file = join(folder, 'mlp.safetensors');
    const step = trainStep({ loss: crossEntropy, optimizer: optax.adam(0.01), trainable: withoutMiddle });
    let carry = step.init(makeParams(), { rng: random.PRNGKey(0) });
    await using manager = await CheckpointManager.open(checkpoints);
    for (let i = 1; i <= 2; i++) {
      [carry] = step(carry, makeBatch(i));
      const path = await manager.save(carry);
      first ??= path;
    }
    await saveParams(file, makeParams());
  });

  it('tabulates a checkpoint: what trains, and what the values are like', async () => {
    const { status, stdout, stderr } = (await hokku('params', 'table', checkpoints));
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^step +2$/m).and.match(/^optimizer +\[?ScaleByAdamState/m);
    expect(stdout).to.match(/^mlp\/~\/linear_0\/w +float32\[4,16\] +64 +yes /m).and.match(/^mlp\/~\/linear_1\/w +float32\[16,12\] +192 +no /m);
    expect(stdout.trimEnd().split('\n').at(-1)).to.match(/^6 arrays, 349 values \(145 train\), 1.40 KB$/);
    const json = (await hokkuJson('params', 'table', checkpoints, '--step', '1'));
    expect(json.step).to.equal(1);
    const w = json.arrays.find((a: any) => a.module === 'mlp/~/linear_1' && a.name === 'w');
    const values = makeParams()['mlp/~/linear_1'].w;
    expect(w).to.deep.include({ dtype: 'float32', shape: [16, 12], size: 192, bytes: 768, trainable: false, nonFinite: 0 });
    for (const name of ['mean', 'std', 'min', 'max'] as const) expect(w[name], name).to.be.closeTo(jnp[name](values).item(), 1e-6);
    expect(json.totals).to.deep.equal({ arrays: 6, size: 349, bytes: 1396, trainable: 145 });
  });

  it('tabulates a file, and only what was asked for', async () => {
    const { stdout } = (await hokku('params', 'table', file, '--only', '**/b', '--only', '!mlp/~/linear_2'));
    expect([...stdout.matchAll(/^mlp\S+/gm)].map(([name]) => name)).to.deep.equal(['mlp/~/linear_0/b', 'mlp/~/linear_1/b']);
    expect((await hokku('params', 'table', file, '--only', 'linear_0'))).to.deep.include({ status: 1 });
    expect((await hokku('params', 'table', file, '--only', 'linear_0')).stderr).to.match(/^hokku: --only: the pattern 'linear_0' matches none of the parameters; did you mean 'mlp\/~\/linear_0'\?/);
  });

  it('compares two, bit by bit', async () => {
    expect((await hokku('params', 'diff', file, file))).to.deep.equal({ status: 0, stdout: 'all 6 arrays are the same to the last bit\n', stderr: '' });
    const trained = (await hokku('params', 'diff', file, checkpoints));
    expect(trained.status).to.equal(1);
    expect([...trained.stdout.matchAll(/^(mlp\S+) +values/gm)].map(([, name]) => name)).to.deep.equal([0, 2].flatMap((i) => [`mlp/~/linear_${i}/b`, `mlp/~/linear_${i}/w`]));
    expect(trained.stdout).to.include('4 of 6 arrays differ; 2 are the same to the last bit');
    const other = join(folder, 'other.safetensors');
    const w = (makeParams() as any)['mlp/~/linear_0'].w;
    await saveParams(other, { 'mlp/~/linear_0': { w: w.add(0.5), b: jnp.zeros([3]) }, new: { w: jnp.ones([1]) } } as never);
    const { differences } = (await hokkuJson('params', 'diff', file, other));
    const found = Object.fromEntries(differences.map((d: any) => [d.array, d]));
    expect(found['mlp/~/linear_0/w'].largest).to.be.closeTo(0.5, 1e-6);
    expect(found['mlp/~/linear_0/b']).to.deep.include({ what: 'type', types: ['float32[16]', 'float32[3]'] });
    expect([found['mlp/~/linear_1/w'].what, found['new/w'].what]).to.deep.equal(['extra', 'missing']);
  });

  it('draws heat maps', async () => {
    const stem = join(folder, 'pictures', 'after');
    expect((await hokku('params', 'heatmaps', checkpoints, stem, '--only', '**/w', '--title', 'a < b')).stdout).to.equal(`${stem}.svg and ${stem}.png written.\n`);
    expect(readFileSync(`${stem}.svg`, 'utf8')).to.include('a &lt; b').and.not.include('linear_0/b');
    expect(existsSync(`${stem}.png`)).to.equal(true);
  });

  it('says what is wrong with what it was given', async () => {
    const fails = async (args: string[], status: number, message: RegExp): Promise<void> => {
      const done = await hokku('params', ...args);
      expect(done.stderr).to.match(message);
      expect(done.status).to.equal(status);
      expect(done.stderr.split('\n').filter((line) => /^\s+at /.test(line)), 'no stack').to.deep.equal([]);
    };
    const torn = join(folder, 'torn.safetensors');
    copyFileSync(file, torn);
    truncateSync(torn, 300);
    writeFileSync(join(folder, 'notes.txt'), 'hello');
    await fails(['table', torn], 1, /^hokku: .*torn\.safetensors/);
    await fails(['table', join(folder, 'notes.txt')], 1, /^hokku: Checkpoint .*notes\.txt/);
    await fails(['table', join(folder, 'nothing')], 2, /^hokku: There is no file or folder/);
    await fails(['table', checkpoints, '--step', '7'], 1, /no checkpoint of step 7 .* those of 1, 2/);
    await fails(['table', checkpoints, '--step', 'x'], 2, /--step must be a whole number from 0 on, but is 'x'/);
    await fails(['table', file, '--step', '1'], 2, /chooses from a folder/);
    await fails(['table'], 2, /hokku params table needs PATH/);
    await fails(['table', file, file], 2, /takes PATH, but got/);
    await fails(['tabel', file], 2, /has no action 'tabel'; the nearest is 'table'/);
    await fails([], 2, /needs an action: table, diff, heatmaps/);
    await fails(['table', file, '--onyl', 'x'], 2, /hokku params has no option '--onyl'; the nearest is '--only'/);
    const json = (await hokku('params', 'table', torn, '--json'));
    expect(JSON.parse(json.stdout).error.code).to.equal('FILE_FORMAT');
    expect(json.status).to.equal(1);
  });

  it('explains itself, every command with examples', async () => {
    for (const command of ['params', 'artifacts', 'doctor']) {
      const { status, stdout } = (await hokku(command, '--help'));
      expect(status).to.equal(0);
      expect(stdout).to.match(new RegExp(`^usage: hokku ${command}`)).and.include(`examples:\n  hokku ${command}`);
    }
    expect((await hokku('--help')).stdout).to.include('artifacts').and.include('Exit code 0');
    expect(await hokku('--json')).to.deep.include({ status: 2 });
  });

  it('is a program too, which stands a reader that leaves', () => {
    expect(spawned(['params', 'diff', file, file])).to.deep.equal({ status: 0, stdout: 'all 6 arrays are the same to the last bit\n', stderr: '' });
    expect(spawned(['params', 'table', '/nowhere'])).to.deep.equal({ status: 2, stdout: '', stderr: 'hokku: There is no file or folder /nowhere.\n' });
    const piped = spawnSync('sh', ['-c', '"$@" | true', 'sh', process.execPath, CLI, 'params', 'table', file], { encoding: 'utf8' });
    expect([piped.status, piped.stderr]).to.deep.equal([0, '']);
  });
});
