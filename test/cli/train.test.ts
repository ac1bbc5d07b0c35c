import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { engines } from '../../lib/runtime/engines.js';
import { encodeSafetensors } from '../../lib/training/checkpoints/safetensors.js';
import { CheckpointManager, checkpointSteps, fit, loadCheckpoint, readHistory, trainStep } from '../../lib/training/index.js';
import { configFolder, moduleOf, PLAIN } from './configs.js';
import { CLI, hokku, hokkuJson, spawned } from './run.js';

const missing = engines().find(({ name }) => name === 'onnxruntime-training')?.missing;

describe('hokku train', () => {
  const write = configFolder();
  let config: string, directory: string, result: any;

  before(async () => {
    config = write('digits.js', moduleOf(PLAIN));
    directory = join(dirname(config), 'runs', 'digits');
    result = await hokkuJson('train', config);
  });

  it('trains as fit does, and says how it ended', async () => {
    const { default: given } = await import(config) as { default: any };
    const step = trainStep({ loss: given.loss, optimizer: given.optimizer, trainable: given.trainable });
    const { random } = await import('../../lib/jax/index.js');
    const run = fit({ step, state: step.init(given.params(), { rng: random.PRNGKey(7) }), data: given.data, steps: 30 });
    const losses: number[] = [];
    for await (const event of run) if (event.type === 'step') losses.push(event.loss);
    expect(result).to.deep.include({ directory, step: 30, reason: 'steps', loss: losses.at(-1) });
    expect(result.evaluation).to.have.all.keys('loss', 'accuracy');
    const events = readHistory(join(directory, 'history.ndjson'));
    expect(events.flatMap((e) => (e.type === 'step' ? [e.loss] : []))).to.deep.equal(losses);
    const { params, manifest } = await loadCheckpoint(join(directory, 'checkpoints'));
    expect(manifest.step).to.equal(30);
    const trained = run.state!.trainable as any;
    expect(params['mlp/~/linear_0'].w.tolist()).to.deep.equal(trained['mlp/~/linear_0'].w.tolist());
  });

  it('leaves checkpoints, event files, a history and a report', () => {
    expect(checkpointSteps(join(directory, 'checkpoints'))).to.deep.equal([10, 20, 30]);
    expect(readdirSync(directory).filter((name) => name.startsWith('events.out.tfevents'))).to.have.length(1);
    const html = readFileSync(join(directory, 'report.html'), 'utf8');
    expect(html).to.include('<h1>digits</h1>').and.include('finished').and.include('unchanged to the last bit').and.include('class="heatmaps"');
  });

  it('says where no folder can be made, instead of trying for ever', function () {
    if (process.platform !== 'linux') { console.log('      pending: only Linux has /proc'); this.skip(); }
    const { status, stdout, stderr } = spawned(['train', write('named.js', moduleOf(PLAIN, true)), '--out', '/proc/nothing']);
    expect({ status, stdout }).to.deep.equal({ status: 1, stdout: '' });
    expect(stderr).to.equal('hokku: The folder /proc/nothing/checkpoints cannot be made, because the system refuses /proc/nothing (ENOENT): choose another place.\n');
  });

  it('does not train over a run that is there, and goes on to the same bits', async () => {
    expect(await hokku('train', config)).to.deep.include({ status: 2 });
    expect((await hokku('train', config)).stderr).to.match(/has a run already, at step 30: `hokku resume .*digits\.js` goes on with it/);
    const part = join(dirname(config), 'part');
    await hokku('train', config, '--steps', '17', '--out', part);
    const { status, stdout } = await hokku('resume', config, '--out', part);
    expect(status).to.equal(0);
    expect(stdout).to.match(/^finished at step 30 after 0:\d\d, loss [\d.]+\nreport: .*report\.html$/m);
    expect(await hokku('params', 'diff', join(directory, 'checkpoints'), join(part, 'checkpoints'))).to.deep.include({ status: 0 });
    expect(readHistory(join(part, 'history.ndjson')).flatMap((e) => (e.type === 'step' ? [e.step] : []))).to.deep.equal(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(await hokku('resume', config, '--out', join(part, 'no'))).to.deep.include({ status: 2 });
  });

  it('measures a checkpoint', async () => {
    const { default: { params, evaluation: { data: rows, metrics } } } = await import(config) as { default: any };
    void params;
    const { params: trained } = await loadCheckpoint(join(directory, 'checkpoints'), { step: 20 });
    let [sum, batches] = [0, 0];
    for await (const batch of rows) {
      sum += metrics(trained, batch).loss.item();
      batches++;
    }
    const found = await hokkuJson('eval', config, '--step', '20');
    expect(found).to.deep.include({ step: 20, batches });
    expect(found.metrics.loss).to.be.closeTo(sum / batches, 1e-6);
    expect((await hokkuJson('eval', config)).metrics).to.deep.equal(result.evaluation);
    expect((await hokku('eval', config)).stdout).to.match(/^accuracy +[\d.]+$/m).and.match(/^step 30, 4 batches in/m);
    expect((await hokku('eval', config, '--step', '7')).stderr).to.match(/no checkpoint of step 7/);
  });

  it('takes functions, and JSON over a module', async () => {
    const model = write('model.js', moduleOf(`async ({ steps = 3 }) => ({ ...model, data: train(), steps, directory: 'here' })`));
    expect(await hokkuJson('train', model)).to.deep.include({ step: 3, directory: join(dirname(model), 'here') });
    const json = join(dirname(model), 'config.json');
    writeFileSync(json, JSON.stringify({ extends: './model.js', options: { steps: 5 }, directory: 'there', trainable: ['mlp/~/linear_2'], checkpoint: { every: 2 }, title: 'from JSON' }));
    expect(await hokkuJson('train', json)).to.deep.include({ step: 5, directory: join(dirname(model), 'there') });
    expect((await loadCheckpoint(join(dirname(model), 'there', 'checkpoints'))).manifest.trainable).to.deep.equal(['mlp/~/linear_2/b', 'mlp/~/linear_2/w']);
  });

  it('makes artifacts, and trains them from JSON alone', async function () {
    if (missing) {
      console.log(`    pending: ${missing}`);
      this.skip();
    }
    const folder = dirname(write('readme.txt', ''));
    const made = await hokkuJson('artifacts', 'make', config, join(folder, 'artifacts'));
    expect(made).to.deep.include({ style: 'classic', frozen: ['mlp/~/linear_1/b', 'mlp/~/linear_1/w'] });
    expect(made.inputs).to.deep.equal([{ name: 'x', dtype: 'float32', shape: ['batch', 4] }, { name: 'y', dtype: 'int32', shape: ['batch'] }]);
    expect(await hokku('artifacts', 'validate', join(folder, 'artifacts'))).to.deep.include({ status: 0 });
    const { rows } = await import(config) as { rows: (seed: number, n: number) => any };
    // Names of tensors are those of the inputs.
    const tensors = Object.entries(rows(1, 64)).map(([name, { dtype, shape, data }]: [string, any]) => ({ name, dtype, shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }));
    writeFileSync(join(folder, 'rows.safetensors'), Buffer.concat(encodeSafetensors(tensors)));
    const json = join(folder, 'session.json');
    writeFileSync(json, JSON.stringify({ artifacts: 'artifacts', data: { file: 'rows.safetensors', shuffle: true, batch: 8, repeat: true }, evaluation: { data: { file: 'rows.safetensors', batch: 8 }, every: 5 }, steps: 20, directory: 'run' }));
    const ran = await hokku('train', json, '--json');
    expect(ran.status, ran.stderr).to.equal(0);
    expect(JSON.parse(ran.stdout)).to.deep.include({ step: 20, reason: 'steps' });
    expect((await hokkuJson('eval', json)).metrics.loss).to.be.a('number');
  });

  it('reports a run that failed, and names what was wrong', async () => {
    const bad = write('bad.js', moduleOf(`{ ...model, data: data.from(function* () { for (let i = 0; i < 9; i++) yield { ...rows(i, 8), ...(i === 6 && { x: jnp.full([8, 4], NaN) }) }; }), checkpoint: { every: 3 } }`));
    const { status, stderr, stdout } = await hokku('train', bad);
    expect([status, stdout]).to.deep.equal([1, '']);
    expect(stderr).to.match(/hokku: fit: the loss is NaN at step 7 \(batch 6 of epoch 0\)/);
    expect(readFileSync(join(dirname(bad), 'runs', 'bad', 'report.html'), 'utf8')).to.include('did not end');
    expect(checkpointSteps(join(dirname(bad), 'runs', 'bad', 'checkpoints'))).to.deep.equal([3, 6]);
  });

  it('says how to go on where the newest checkpoint is damaged', async () => {
    const folder = join(dirname(config), 'damaged');
    expect((await hokku('train', config, '--steps', '20', '--out', folder)).status).to.equal(0);
    const newest = join(folder, 'checkpoints', '00000020');
    writeFileSync(join(newest, 'params.safetensors'), 'no such thing');
    const { status, stderr } = await hokku('resume', config, '--out', folder);
    expect(status).to.equal(1);
    expect(stderr).to.include(`To go on from step 10, remove ${newest}.`);
  });

  it('leaves a run alone that another process makes', async () => {
    const folder = join(dirname(config), 'taken');
    await using manager = await CheckpointManager.open(join(folder, 'checkpoints'));
    void manager;
    const done = await hokku('train', config, '--out', folder, '--json');
    expect(done.status).to.equal(1);
    expect(JSON.parse(done.stdout).error.code).to.equal('LOCKED');
  });

  it('refuses configurations that cannot be meant', async () => {
    const refused = async (name: string, text: string, message: RegExp, status = 2): Promise<void> => {
      const done = await hokku('train', write(name, text));
      expect(done.stderr).to.match(message);
      expect(done.status, done.stderr).to.equal(status);
    };
    await refused('a.js', moduleOf('{ ...model, data: train(), stpes: 3 }'), /a\.js: unknown option 'stpes'; did you mean 'steps'\?/);
    await refused('b.json', '{ "exteds": "./x.js" }', /unknown option 'exteds'; did you mean 'extends'\?/);
    await refused('c.json', '{ steps: 3 }', /c\.json is no JSON/);
    await refused('d.json', '[]', /must hold an object/);
    await refused('e.json', '{ "extends": "./nowhere.js" }', /extends \.\/nowhere\.js, which is not there/);
    await refused('f.js', 'export const x = 1;', /must export its configuration by default.*has no default export/);
    await refused('g.js', 'export default () => 7;', /gave number/);
    await refused('h.js', 'export default {', /h\.js could not be loaded: .* \(node --check h\.js shows where/, 1);
    await refused('i.js', moduleOf('{ data: train() }'), /lacks loss and optimizer and params/);
    await refused('j.js', moduleOf('{ ...model }'), /has no data/);
    await refused('k.yaml', '', /is a \.js, \.ts or \.json file, but k\.yaml ends in '\.yaml'/);
    await refused('l.json', '{ "artifacts": "x", "data": { "file": "rows.txt" } }', /rows\.txt has none of the endings \.npy/);
    await refused('m.json', '{ "artifacts": "x", "data": { "file": "a.csv", "batches": 3 } }', /m\.json: data: unknown option 'batches'; did you mean 'batch'\?/);
    await refused('n.js', moduleOf('{ ...model, data: train(), earlyStopping: { patiance: 2 } }'), /unknown option 'patiance'; did you mean 'patience'\?/);
    await refused('p.js', moduleOf('{ ...model, data: train(), checkpoint: { directory: "x" } }'), /p\.js: checkpoint: unknown option 'directory'/);
    await refused('q.js', moduleOf('{ ...model, data: train(), trainable: "mlp/linear_0" }'), /q\.js: trainable: .*did you mean 'mlp\/~\/linear_0'\?/);
    expect((await hokku('train', '/nowhere.js')).stderr).to.match(/There is no configuration \/nowhere\.js/);
    expect((await hokku('train', config, '--steps', '-3')).status).to.equal(2);
    expect((await hokku('train', config, '--import', 'no-such-loader')).stderr).to.match(/--import no-such-loader was not found from/);
    expect((await hokku('eval', write('o.js', moduleOf('{ ...model, data: train() }')))).stderr).to.match(/has no evaluation/);
  });

  describe('in a process of its own', () => {
    const SLOW = `{ ...model, data: train(), steps: 400, checkpoint: { every: 1000 },
      statistics: { every: 1 }, evaluation: { data: data.from(async function* () { await new Promise((next) => setTimeout(next, 2)); yield rows(5, 8); }), every: 1, metrics } }`;

    /** Starts a command and waits until its history says that steps were made. */
    async function started(file: string, log: string): Promise<{ child: ChildProcess; output: () => string }> {
      const child = spawn(process.execPath, [CLI, 'train', file], { stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (piece: Buffer) => { output += piece.toString(); });
      while (child.exitCode === null && !(existsSync(log) && readFileSync(log, 'utf8').includes('"type":"evaluation"'))) await new Promise((next) => setTimeout(next, 10));
      return { child, output: () => output };
    }

    it('saves and stops when it is interrupted, and goes on from there to the same bits', async () => {
      const file = write('slow.js', moduleOf(SLOW, true));
      const run = join(dirname(file), 'runs', 'slow');
      const { child, output } = await started(file, join(run, 'history.ndjson'));
      child.kill('SIGINT');
      const [code] = await once(child, 'close') as [number];
      expect(code, output()).to.equal(1);
      expect(output()).to.include('Interrupted: saving and stopping').and.match(/stopped and saved at step \d+/).and.include(`\`hokku resume ${file}\` goes on`);
      const [step] = checkpointSteps(join(run, 'checkpoints'));
      expect(step).to.be.above(0).and.below(400);
      const here = write('slow.js', moduleOf(SLOW));
      const resumed = await hokku('resume', here, '--steps', String(step + 20), '--out', run);
      expect(resumed.status, resumed.stderr).to.equal(0);
      expect(resumed.stderr).to.include(`going on from step ${step}`);
      const whole = await hokku('train', here, '--steps', String(step + 20), '--out', join(dirname(file), 'whole'));
      expect(whole.status, whole.stderr).to.equal(0);
      expect(await hokku('params', 'diff', join(run, 'checkpoints'), join(dirname(file), 'whole', 'checkpoints'))).to.deep.include({ status: 0 });
    });

    it('runs TypeScript where Node strips types, and through a loader elsewhere', () => {
      const file = write('typed.ts', moduleOf('{ ...model, data: train(), steps: 2 } as object', true).replace('const metrics =', 'const metrics: (params: any, batch: any) => object ='));
      writeFileSync(join(dirname(file), 'loader.mjs'), `
        import { register } from 'node:module';
        register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(`
          import { transformSync } from '${import.meta.resolve('esbuild')}';
          import { readFileSync } from 'node:fs';
          import { fileURLToPath } from 'node:url';
          export async function load(url, context, next) {
            if (!url.endsWith('.ts')) return next(url, context);
            return { format: 'module', shortCircuit: true, source: transformSync(readFileSync(fileURLToPath(url), 'utf8'), { loader: 'ts' }).code };
          }`)}), import.meta.url);`);
      const plain = spawned(['train', file]);
      if ((process.features as { typescript?: unknown }).typescript) expect(plain.status, plain.stderr).to.equal(0);
      else {
        expect(plain.status).to.equal(2);
        expect(plain.stderr).to.match(/typed\.ts is TypeScript, which Node v.* does not run: use Node 22\.18 or later, name a loader \(--import tsx\), or compile it/);
      }
      const loaded = spawned(['train', file, '--import', './loader.mjs', '--out', join(dirname(file), 'loaded')]);
      expect(loaded.status, loaded.stderr).to.equal(0);
    });
  });

});
