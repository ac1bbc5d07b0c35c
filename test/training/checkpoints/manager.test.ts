import { expect } from 'chai';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { promises as fs, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import * as hk from '../../../lib/index.js';
import { numpy as jnp, random, type Array } from '../../../lib/jax/index.js';
import * as optax from '../../../lib/optax/index.js';
import { FileFormatError, HokkuError, LockedError, ValueError } from '../../../lib/runtime/errors.js';
import {
  CheckpointManager, CheckpointMismatchError, TrainingSession, checkpointSteps, exportOrtCheckpoint, generateArtifacts, importOrtCheckpoint,
  loadCheckpoint, restoreCheckpoint, trainStep, type Loss, type TrainTree,
} from '../../../lib/training/index.js';
import { readCheckpoint } from '../../../lib/training/checkpoint-file.js';
import { decodeManifest, encodeManifest, type CheckpointManifest } from '../../../lib/training/checkpoints/manifest.js';
import { needsTraining, temporaryFolder } from '../artifacts-helpers.js';
import { MIDDLE, batches, bits, loss, newParams, notMiddle, rejection } from '../notebook.js';

const MODULE = new URL('../../../lib/training/index.js', import.meta.url).href;
const data = batches(4);
const carried = (carry: TrainTree): string => bits({ ...carry });

// A model of a few bytes, for tests that look at each of them.
const tiny = (): hk.Params => ({ line: { w: jnp.array([1, 2, 3]), b: jnp.array([0.5]) } });
const dot: Loss = (p, x, { state }) => [jnp.sum(p.line.w.mul(x)).add(jnp.sum(p.line.b)), { state: { line: { seen: (state.line.seen as Array).add(1) } } }];
const tinyStep = (optimizer = optax.adam(0.1), trainable?: (module: string, name: string) => boolean) => trainStep({ loss: dot, optimizer, trainable });
const tinyCarry = (step = tinyStep(), params = tiny()) => step.init(params, { state: { line: { seen: jnp.array(0) } }, rng: random.PRNGKey(3) });
const ones = jnp.ones([3]);

describe('CheckpointManager', () => {
  const folder = temporaryFolder();

  it('saves a copy while training goes on, and restores it to the bit', async () => {
    const directory = folder();
    await using manager = await CheckpointManager.open(directory);
    const step = trainStep({ loss, optimizer: optax.adamw(1e-3), trainable: notMiddle });
    let carry = step.init(newParams(), { rng: random.PRNGKey(7) });
    for (const b of data) [carry] = step(carry, b);
    const then = carried(carry);
    const saving = manager.save(carry, { metadata: { note: 'é' } });
    for (const b of data) [carry] = step(carry, b);
    expect(await saving).to.equal(join(directory, '00000004'));
    const { state, report, manifest } = await manager.restore(step.init(newParams(1), { rng: random.PRNGKey(1) }));
    expect(carried(state)).to.equal(then);
    expect(Object.values(report).flat()).to.deep.equal([]);
    expect(manifest).to.deep.include({
      version: 1, step: 4, scheduleStep: 4, data: null, metadata: { note: 'é' }, optimizer: '[ScaleByAdamState, EmptyState, EmptyState]',
      trainable: ['mlp/~/linear_0/b', 'mlp/~/linear_0/w', 'mlp/~/linear_2/b', 'mlp/~/linear_2/w'], rng: { dtype: 'uint32', shape: [2], data: [0, 7] },
    });
    // And goes on to the same bits.
    let again = state;
    for (const b of data) [again] = step(again, b);
    expect(carried(again)).to.equal(carried(carry));
    const checkpoint = await loadCheckpoint(directory);
    expect(Object.keys(checkpoint.params)).to.deep.equal(['mlp/~/linear_0', MIDDLE, 'mlp/~/linear_2']);
    expect([...checkpoint.optimizer.keys()]).to.include.members(['0/count', '0/mu/mlp/~/linear_2/w']);
  });

  it('keeps the newest, never overwrites, and says what there is', async () => {
    const directory = folder();
    await using manager = await CheckpointManager.open(directory, { keep: 2 });
    const step = tinyStep();
    let carry = tinyCarry(step);
    expect(manager.latestStep()).to.equal(null);
    expect((await rejection(manager.restore(carry))).message).to.match(/no checkpoint in/);
    for (let i = 0; i < 4; i++) {
      await manager.save(carry);
      [carry] = step(carry, ones);
    }
    expect(manager.allSteps()).to.deep.equal([2, 3]);
    expect(checkpointSteps(directory)).to.deep.equal([2, 3]);
    expect(checkpointSteps(join(directory, 'nowhere'))).to.deep.equal([]);
    const { state } = await manager.restore(tinyCarry(step), { step: 2 });
    expect(await rejection(manager.save(state))).to.be.instanceOf(ValueError).with.property('message').match(/checkpoint of step 2 .* already/);
    expect((await rejection(manager.restore(carry, { step: 9 }))).message).to.match(/no checkpoint of step 9 .* those of 2, 3/);
    expect(readdirSync(directory).sort()).to.deep.equal(['00000002', '00000003', 'lock']);
  });

  it('writes concurrent saves one after another, and refuses after close', async () => {
    const manager = await CheckpointManager.open(folder());
    const step = tinyStep();
    let carry = tinyCarry(step);
    const saves: Promise<string>[] = [];
    for (let i = 0; i < 3; i++) { saves.push(manager.save(carry)); [carry] = step(carry, ones); }
    await manager.close();
    await manager.close();
    expect((await Promise.all(saves)).map((p) => p.slice(-1))).to.deep.equal(['0', '1', '2']);
    expect((await rejection(manager.save(carry))).message).to.match(/was closed/);
  });

  it('refuses what is no option, state or metadata', async () => {
    expect((await rejection(CheckpointManager.open(folder(), { kepe: 1 } as never))).message).to.match(/unknown option 'kepe'; did you mean 'keep'/);
    expect((await rejection(CheckpointManager.open(folder(), { keep: 0 }))).message).to.match(/keep must be/);
    await using manager = await CheckpointManager.open(folder());
    expect(() => manager.save({} as never)).to.throw(/expected the tree/);
    expect(() => manager.save(tinyCarry(), { metadata: { a: [NaN] } })).to.throw(/metadata.a\[0\] is NaN/);
    expect(() => manager.save(tinyCarry(tinyStep(), { line: { ...tiny().line, 'a/b': ones } }))).to.throw(/has a slash/);
  });

  describe('by name', () => {
    /** A checkpoint after three steps with `w` alone training. */
    const written = async (): Promise<{ directory: string; carry: TrainTree }> => {
      const directory = folder();
      await using manager = await CheckpointManager.open(directory);
      const step = tinyStep(optax.adam(0.1), (_, name) => name === 'w');
      let carry = tinyCarry(step);
      for (let i = 0; i < 3; i++) [carry] = step(carry, ones);
      await manager.save(carry);
      return { directory, carry };
    };

    it('loads with another trainable set and keeps the optimizer state of what stays', async () => {
      const { directory, carry } = await written();
      const both = tinyStep();
      const { state, report } = await restoreCheckpoint(directory, tinyCarry(both));
      expect(report).to.deep.include({ missing: [], extra: [], mismatched: [], dropped: [] });
      expect(report.fresh).to.deep.equal(['optimizer/0/mu/line/b', 'optimizer/0/nu/line/b']);
      expect(bits(state.optState[0].mu.line.w)).to.equal(bits(carry.optState[0].mu.line.w));
      expect(state.optState[0].mu.line.b.tolist()).to.deep.equal([0]);
      expect(state.optState[0].count.item()).to.equal(3);
      both(state, ones);
      const other = tinyStep(optax.adam(0.1), (_, name) => name === 'b');
      const second = await restoreCheckpoint(directory, tinyCarry(other));
      expect(second.report.dropped).to.deep.equal(['optimizer/0/mu/line/w', 'optimizer/0/nu/line/w']);
      expect(bits(second.state.nonTrainable.line.w)).to.equal(bits(carry.trainable.line.w));
    });

    it('takes optimizer state that a step has left in a wider dtype than it began in', async () => {
      const directory = folder();
      await using manager = await CheckpointManager.open(directory);
      const step = tinyStep(optax.contrib.ademamix(0.1, { muDtype: 'bfloat16' }));
      let carry = tinyCarry(step);
      expect(carry.optState[0].nu.line.w.dtype).to.equal('bfloat16');
      [carry] = step(carry, ones);
      await manager.save(carry);
      const { state, report } = await restoreCheckpoint(directory, tinyCarry(step));
      expect(report.mismatched).to.deep.equal([]);
      expect(carried(state)).to.equal(carried(carry));
      expect(carried(step(state, ones)[0])).to.equal(carried(step(carry, ones)[0]));
    });

    it('names what is missing, extra and of another shape', async () => {
      const { directory } = await written();
      const step = trainStep({ loss: (p, x) => jnp.sum(p.line.w).add(jnp.sum(p.more.v)).add(jnp.sum(x)), optimizer: optax.sgd(0.1, { momentum: 0.9 }) });
      const wanted = () => step.init({ line: { w: jnp.ones([4]) }, more: { v: jnp.ones([2]) } });
      const error = await rejection(restoreCheckpoint(directory, wanted())) as CheckpointMismatchError;
      expect(error).to.be.instanceOf(CheckpointMismatchError).with.property('code', 'CHECKPOINT_MISMATCH');
      expect(error.message).to.match(/its optimizer was \[ScaleByAdamState, EmptyState\], and this one is .*TraceState/);
      expect(error.message).to.match(/'more\/v'/).and.to.match(/'line\/w' is f32\[3\] there and f32\[4\] here/);
      expect(error.report.missing).to.include('more/v');
      expect(error.report.extra).to.include.members(['line/b', 'state/line/seen']);
      const { state, report } = await restoreCheckpoint(directory, wanted(), { strict: false });
      expect(state.trainable.line.w.tolist()).to.deep.equal([1, 1, 1, 1]);
      expect(report).to.deep.equal(error.report);
    });
  });

  describe('damage', () => {
    let good: string;
    before(async () => {
      good = folder();
      await using manager = await CheckpointManager.open(good);
      await manager.save(tinyCarry());
    });

    it('finds any flipped byte, and any cut', async () => {
      const path = join(good, '00000000');
      for (const name of readdirSync(path)) {
        const file = join(path, name);
        const bytes = readFileSync(file);
        const refused = async (bad: Buffer, what: string): Promise<void> => {
          if (name === 'manifest.json') { expect(() => decodeManifest(bad.toString('utf8'), file), what).to.throw(FileFormatError); return; }
          writeFileSync(file, bad);
          expect(await rejection(loadCheckpoint(good)), what).to.be.instanceOf(FileFormatError);
        };
        for (let i = 0; i < bytes.length; i += process.env['HOKKU_LONG'] || name === 'manifest.json' ? 1 : 5) {
          const bad = Buffer.from(bytes);
          bad[i] ^= 1 << (i % 8);
          await refused(bad, `${name}, byte ${i}`);
        }
        for (const length of [0, 1, 8, bytes.length - 1]) await refused(bytes.subarray(0, length), `${name} cut to ${length}`);
        rmSync(file);
        expect(await rejection(loadCheckpoint(good))).to.be.instanceOf(FileFormatError).with.property('message').includes(name);
        writeFileSync(file, bytes);
      }
      await loadCheckpoint(good);
    });

    it('names newer versions, foreign files and renamed folders', async () => {
      const path = join(good, '00000000', 'manifest.json');
      const text = readFileSync(path, 'utf8');
      const manifest: CheckpointManifest = decodeManifest(text, path);
      const refused = async (other: object, message: RegExp) => {
        writeFileSync(path, encodeManifest({ ...manifest, ...other }));
        expect((await rejection(loadCheckpoint(good))).message).to.match(message);
      };
      await refused({ version: 2, writtenBy: 'hokku 9' }, /has version 2, and this version of hokku reads version 1: install .*hokku 9/);
      await refused({ format: 'other' }, /not one of hokku's/);
      await refused({ step: 1 }, /says that it is of step 1/);
      writeFileSync(path, text);
    });
  });

  describe('failures', () => {
    it('at any call of the file system lose nothing', async () => {
      const directory = folder();
      await using manager = await CheckpointManager.open(directory, { keep: 1 });
      const step = tinyStep();
      let carry = tinyCarry(step);
      await manager.save(carry);
      [carry] = step(carry, ones);
      const handle = await fs.open(join(directory, 'lock'));
      const prototype = Object.getPrototypeOf(handle) as Record<string, (...args: unknown[]) => unknown>;
      await handle.close();
      let calls = 0;
      let failAt = 0;
      let failed = '';
      const error = (name: string) => { failed = name; return Object.assign(new Error(`ENOSPC: no space left on device, ${name}`), { code: 'ENOSPC' }); };
      const undo: (() => void)[] = [];
      type Call = (...args: never[]) => Promise<unknown>;
      const intercept = (object: Record<string, Call>, name: string, replaced: (original: Call, self: unknown, args: never[]) => Promise<unknown>) => {
        const original = object[name];
        undo.push(() => { object[name] = original; });
        object[name] = function (this: unknown, ...args: never[]) { return ++calls === failAt ? Promise.reject(error(name)) : replaced(original, this, args); };
      };
      const through = (original: Call, self: unknown, args: never[]) => original.apply(self, args);
      for (const name of ['mkdir', 'rename', 'rm']) intercept(fs as never, name, through);
      for (const name of ['write', 'sync']) intercept(prototype as never, name, through);
      intercept(fs as never, 'open', async (original, self, args) => {
        const opened = await original.apply(self, args) as { close: () => Promise<void> };
        const { close } = opened;
        // A close that fails closes all the same.
        opened.close = () => close.call(opened).then(() => { if (++calls === failAt) throw error('close'); });
        return opened;
      });
      const seen: string[] = [];
      try {
        for (failAt = 1; ; failAt++) {
          calls = 0;
          failed = '';
          const before = manager.allSteps();
          let thrown: Error | undefined;
          await manager.save(carry).catch((e: Error) => { thrown = e; });
          failAt += 1e9;
          const after = manager.allSteps();
          // What was there or what was written: the newest one is whole.
          for (const s of after) await loadCheckpoint(directory, { step: s });
          expect(after.length, `after a failing ${failed} (call ${failAt - 1e9})`).to.be.at.least(1);
          if (thrown) expect(thrown.message).to.match(/ENOSPC/);
          if (!thrown || after.at(-1) === carry.step.item()) {
            [carry] = step(carry, ones);
          } else expect(after).to.deep.equal(before);
          failAt -= 1e9;
          if (!failed) break;
          seen.push(failed);
        }
      } finally {
        for (const restore of undo) restore();
      }
      expect(seen.length).to.be.at.least(15);
      expect(new Set(seen)).to.deep.equal(new Set(['mkdir', 'open', 'write', 'sync', 'close', 'rename', 'rm']));
      // What could not be removed then is removed by who opens the folder next.
      await manager.close();
      await using again = await CheckpointManager.open(directory, { keep: 1 });
      await again.save(carry);
      expect(readdirSync(directory).sort()).to.deep.equal([String(carry.step.item()).padStart(8, '0'), 'lock']);
    });

    it('of a disk that takes no more leave the previous checkpoint whole', async function () {
      if (process.platform === 'win32') this.skip();
      const directory = folder();
      // A limit on the size of files stands in for a full disk.
      const script = `process.on('SIGXFSZ', () => {});
        const { CheckpointManager, trainStep } = await import(${JSON.stringify(MODULE)});
        const { numpy: jnp } = await import(${JSON.stringify(new URL('../../../lib/jax/index.js', import.meta.url).href)});
        const optax = await import(${JSON.stringify(new URL('../../../lib/optax/index.js', import.meta.url).href)});
        const step = trainStep({ loss: (p) => jnp.sum(p.m.w), optimizer: optax.sgd(0.1) });
        const manager = await CheckpointManager.open(${JSON.stringify(directory)});
        await manager.save(step.init({ m: { w: jnp.ones([10]) } }));
        const large = { ...step.init({ m: { w: jnp.ones([1000000]) } }), step: jnp.array(new Int32Array([1])).reshape([]) };
        try { await manager.save(large); } catch (error) { console.log(error.code, manager.allSteps()); }
        await manager.close();`;
      const child = spawnSync('sh', ['-c', 'ulimit -f 64; exec "$0" --input-type=module -e "$1"', process.execPath, script], { encoding: 'utf8' });
      expect(child.stdout.trim(), child.stderr).to.equal('EFBIG [ 0 ]');
      expect((await loadCheckpoint(directory)).params.m.w.shape).to.deep.equal([10]);
    });
  });

  describe('the lock', () => {
    it('keeps a second writer out, and is given back', async () => {
      const directory = folder();
      const one = await CheckpointManager.open(directory);
      const error = await rejection(CheckpointManager.open(directory));
      expect(error).to.be.instanceOf(LockedError).with.property('message').match(new RegExp(`in use by process ${process.pid} `));
      await loadCheckpoint(directory).catch((e: unknown) => expect(e).to.be.instanceOf(HokkuError));  // readers need none
      await one.close();
      await (await CheckpointManager.open(directory)).close();
    });

    it('keeps out another process, and is taken over when that one was killed', async () => {
      const directory = folder();
      const script = `const { CheckpointManager } = await import(${JSON.stringify(MODULE)});
        await CheckpointManager.open(${JSON.stringify(directory)}); console.log('open'); setInterval(() => {}, 1000);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      expect((await rejection(CheckpointManager.open(directory))).message).to.include(`process ${child.pid}`);
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
      await (await CheckpointManager.open(directory)).close();
      expect(readdirSync(directory)).to.deep.equal([]);
    });

    it('is not taken over from another machine, nor from what nobody can read', async () => {
      const directory = folder();
      mkdirSync(directory);
      writeFileSync(join(directory, 'lock'), JSON.stringify({ pid: 1, started: '', host: `not-${hostname()}`, id: 'x', since: 'then' }));
      expect((await rejection(CheckpointManager.open(directory))).message).to.match(/on not-/);
      writeFileSync(join(directory, 'lock'), 'mine');
      expect((await rejection(CheckpointManager.open(directory))).message).to.match(/an unknown program.*delete the file/);
      expect(existsSync(join(directory, 'lock'))).to.equal(true);
    });

    it('removes what a killed writer left', async () => {
      const directory = folder();
      mkdirSync(join(directory, '.hokku-1-abc.tmp'), { recursive: true });
      writeFileSync(join(directory, '.hokku-1-abc.tmp', 'params.safetensors'), 'half');
      await (await CheckpointManager.open(directory)).close();
      expect(readdirSync(directory)).to.deep.equal([]);
    });
  });

  describe('training sessions', () => {
    before(needsTraining);
    const make = (optimizer: optax.GradientTransformation, rng: Array | null = random.PRNGKey(5)): string => {
      const directory = folder();
      generateArtifacts({ loss, params: newParams(), optimizer, trainable: notMiddle, batch: data[0], rng }, directory);
      return directory;
    };
    const advance = (session: TrainingSession, n: number): void => {
      for (let i = 0; i < n; i++) {
        session.trainStep(data[i % data.length]);
        if (session.style === 'classic') { session.optimizerStep(); session.lazyResetGrad(); }
      }
    };
    for (const [name, optimizer] of Object.entries({
      'adamw (classic)': optax.adamw(1e-3), 'sgd (classic)': optax.sgd(0.1), 'momentum (in-graph)': optax.sgd(0.1, { momentum: 0.9 }), 'adam with a schedule (in-graph)': optax.adam(optax.exponentialDecay(0.1, 10, 0.5)),
    })) {
      it(`go on to the same bits: ${name}`, async () => {
        const artifacts = make(optimizer);
        const directory = folder();
        await using manager = await CheckpointManager.open(directory);
        using one = TrainingSession.load(artifacts);
        advance(one, 4);
        await manager.save(one, { step: 4 });
        advance(one, 4);
        using two = TrainingSession.load(artifacts);
        const { report } = await manager.restore(two);
        expect(Object.values(report).flat()).to.deep.equal([]);
        advance(two, 4);
        expect(bits(two.params())).to.equal(bits(one.params()));
      });
    }

    // ORT's own AdamW; momentum; and keys, which artifacts keep in another form.
    for (const [name, optimizer] of Object.entries({ adamw: optax.adamw(1e-3), momentum: optax.sgd(0.1, { momentum: 0.9 }), noise: optax.noisySgd(0.1) })) it(`and steps take over each other's checkpoints: ${name}`, async () => {
      const step = trainStep({ loss, optimizer, trainable: notMiddle });
      let carry = step.init(newParams(), { rng: random.PRNGKey(5) });
      for (const b of data) [carry] = step(carry, b);
      const directory = folder();
      { await using manager = await CheckpointManager.open(directory); await manager.save(carry); }
      using session = TrainingSession.load(make(optimizer));
      await restoreCheckpoint(directory, session);
      expect(bits(session.params())).to.equal(bits(hk.dataStructures.merge(carry.trainable, carry.nonTrainable)));
      const other = folder();
      { await using manager = await CheckpointManager.open(other); await manager.save(session, { step: 4 }); }
      const { state } = await restoreCheckpoint(other, step.init(newParams(1)));
      expect(carried(state)).to.equal(carried(carry));
    });

    it('and ONNX Runtime\'s own files', async () => {
      const optimizer = optax.adamw(1e-3);
      using session = TrainingSession.load(make(optimizer));
      advance(session, 3);
      const file = folder();
      session.saveCheckpoint(file);
      const found = importOrtCheckpoint(file);
      expect(bits(found.params)).to.equal(bits(session.params()));
      expect(found.step).to.equal(3);
      expect(found.trainable).to.deep.equal(['mlp/~/linear_0/b', 'mlp/~/linear_0/w', 'mlp/~/linear_2/b', 'mlp/~/linear_2/w']);
      const directory = folder();
      { await using manager = await CheckpointManager.open(directory); await manager.save(session, { step: 3 }); }
      const exported = folder();
      await exportOrtCheckpoint(directory, exported);
      const [before, after] = [readCheckpoint(file), readCheckpoint(exported)];
      const shown = (c: typeof before) => [c.requiresGrad.map((t) => [t.name, Buffer.from(t.data).toString('base64')]).sort(), c.optimizerGroups.map((g) => [Number(g.step), [...g.states].sort().map(([p, list]) => [p, list.map((t) => Buffer.from(t.data).toString('base64'))])])];
      expect(JSON.stringify(shown(after))).to.equal(JSON.stringify(shown(before)));
    });
  });
});
