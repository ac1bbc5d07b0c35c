/** What `fit` does to its process: threads, and (with `HOKKU_LONG=1`) memory, the event loop and the time to an abort. */
import { expect } from 'chai';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import * as hk from '../../lib/index.js';
import { nn, numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { TrainingSession, data, fit, generateArtifacts, trainStep } from '../../lib/training/index.js';
import { needsTraining, temporaryFolder } from './artifacts-helpers.js';
import { batches, loss, newParams, notMiddle } from './notebook.js';

const LONG = Boolean(process.env['HOKKU_LONG']);
const collect = (globalThis as { gc?: () => void }).gc;
const resident = () => { collect?.(); collect?.(); return process.memoryUsage.rss(); };

describe('fit in its process', () => {
  const folder = temporaryFolder();

  it('eight threads train, dispose in any order, and the process ends with exit code 0', () => {
    const script = `const { Worker } = require('node:worker_threads');
      const { mkdirSync } = require('node:fs');
      const folder = ${JSON.stringify(folder())};
      mkdirSync(folder);
      let done = 0;
      for (let index = 0; index < 8; index++) {
        const worker = new Worker(new URL(${JSON.stringify(new URL('./fit-worker.js', import.meta.url).href)}), { workerData: { index, folder } });
        worker.on('message', () => { done++; if (index % 4 >= 2) worker.terminate(); });
        worker.on('error', (error) => { console.error(error); process.exitCode = 1; });
      }
      process.on('exit', () => console.log(done));`;
    const child = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect([child.status, child.signal, child.stdout.trim()], child.stderr).to.deep.equal([0, null, '8']);
  }).timeout(0);

  if (!LONG) return;

  it('memory stays flat over 100 000 steps, with a fused step', async () => {
    const step = trainStep({ loss, optimizer: optax.adam(1e-3), trainable: notMiddle });
    let [before, n] = [0, 0];
    for await (const event of fit({ step, state: step.init(newParams(), { rng: random.PRNGKey(0) }), data: data.from(batches(8)).shuffle().repeat(), steps: 110_000, checkpoint: { directory: folder(), every: 5000 } })) {
      if (event.type !== 'step') continue;
      n++;
      if (n === 10_000) before = resident();
    }
    expect((resident() - before) / 2 ** 20, 'MiB').to.be.below(16);
  }).timeout(0);

  it('memory stays flat over 100 000 steps, with a session', async function () {
    needsTraining.call(this);
    const artifacts = folder();
    generateArtifacts({ loss, params: newParams(), optimizer: optax.adamw(1e-3), trainable: notMiddle, batch: batches(1)[0] }, artifacts);
    using session = TrainingSession.load(artifacts);
    let before = 0;
    for await (const event of fit({ step: session, data: data.from(batches(8)).repeat(), steps: 110_000 })) if (event.type === 'step' && event.step === 10_000) before = resident();
    expect((resident() - before) / 2 ** 20, 'MiB').to.be.below(16);
  }).timeout(0);

  describe('while it trains the mlp benchmark', () => {
    const net = hk.withoutApplyRng(hk.transform((x: Array) => new hk.nets.MLP([2048, 2048, 1000])(x)));
    const make = (signal?: AbortSignal) => {
      const step = trainStep({
        loss: (p: hk.Params, { x, y }: { x: Array; y: Array }) => jnp.sum(nn.oneHot(y, 1000).mul(nn.logSoftmax(net.apply(p, x)))).neg().div(128),
        optimizer: optax.sgd(0.01), trainable: (module) => module !== 'mlp/~/linear_1',
      });
      return fit({
        step, state: step.init(net.init(random.PRNGKey(42), jnp.zeros([128, 784]))), signal,
        data: data.fromArrays({ x: random.normal(random.PRNGKey(0), [2048, 784]), y: random.randint(random.PRNGKey(1), [2048], 0, 1000) }).shuffle().batch(128).repeat(),
        checkpoint: { directory: folder(), every: 100 }, steps: 100_000,
      });
    };

    it('the event loop answers: p99 at most 10 ms and never more than 50, with 200 requests a second', async () => {
      let served = 0;
      const server = createServer((_, response) => { served++; response.end('{"ok":true}'); }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      // From another process, so that only the server's side is measured.
      const client = spawn(process.execPath, ['-e', `const http = require('node:http'); const agent = new http.Agent({ keepAlive: true });
        setInterval(() => http.get({ port: ${port}, agent }, (r) => r.resume()).on('error', () => {}), 5);`]);
      const delay = monitorEventLoopDelay({ resolution: 1 });
      const run = make();
      let began = 0;
      for await (const event of run) {
        if (event.type !== 'step') continue;
        // The first steps compile.
        if (event.step === 20) { delay.enable(); served = 0; began = performance.now(); }
        if (event.step === 620) break;
        if (event.step === 619) delay.disable();
      }
      const seconds = (performance.now() - began) / 1000;
      client.kill();
      server.close();
      server.closeAllConnections();
      console.log(`      ${(600 / seconds).toFixed(1)} steps/s, ${(served / seconds).toFixed(0)} requests/s, event loop p50 ${(delay.percentile(50) / 1e6).toFixed(2)} ms, p99 ${(delay.percentile(99) / 1e6).toFixed(2)} ms, max ${(delay.max / 1e6).toFixed(2)} ms`);
      expect(delay.percentile(99) / 1e6, 'p99, ms').to.be.at.most(10);
      expect(delay.max / 1e6, 'max, ms').to.be.at.most(50);
      expect(served / seconds).to.be.above(150);
    }).timeout(0);

    it('an abort settles within one step and 100 ms', async () => {
      const worst: number[] = [];
      for (let round = 0; round < 5; round++) {
        const controller = new AbortController();
        const run = make(controller.signal);
        let [last, step, aborted] = [0, 0, 0];
        try {
          for await (const event of run) {
            if (event.type !== 'step') continue;
            if (event.step > 3) step = Math.max(step, performance.now() - last);
            last = performance.now();
            if (event.step === 10) setTimeout(() => { aborted = performance.now(); controller.abort(); }, 5 * round);
          }
        } catch { worst.push(performance.now() - aborted - step); }
      }
      expect(worst).to.have.length(5);
      expect(Math.max(...worst), 'ms beyond a step').to.be.below(100);
    }).timeout(0);
  });
});
