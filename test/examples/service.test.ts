import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createService, type Service } from '../../examples/service/server.js';
import type { Prediction, Status } from '../../examples/service/tenant.js';
import { loadCheckpoint } from '../../lib/training/index.js';

/** Numbers that are the same in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => { state = (state * 48271) % 2147483647; return state / 2147483647 * 2 - 1; };
}
const rows = (seed: number, n: number): number[][] => { const next = generator(seed); return Array.from({ length: n }, () => Array.from({ length: 8 }, next)); };
/** What the tenants mean by their classes. */
const RULES: Readonly<Record<string, (x: number[]) => number>> = {
  acme: (x) => Number(x[0] > 0), bolt: (x) => 2 * Number(x[1] > 0), cord: (x) => (x[2] > 0.3 ? 2 : x[2] > -0.3 ? 1 : 0),
};

describe('the service example', () => {
  let folder: string;
  let service: Service;
  let at: string;
  const start = async (): Promise<void> => {
    service = createService(folder);
    service.server.listen(0, '127.0.0.1');
    await once(service.server, 'listening');
    at = `http://127.0.0.1:${(service.server.address() as AddressInfo).port}`;
  };
  const call = async <T = any>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> => {
    const response = await fetch(at + path, { method, ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }) });
    return { status: response.status, body: await response.json() as T };
  };
  const status = async (name: string): Promise<Status> => (await call<Status>('GET', `/tenants/${name}`)).body;
  const predict = async (name: string, x: number[][]) => (await call<{ step: number; predictions: Prediction[] }>('POST', `/tenants/${name}/predict`, { x })).body;
  const accuracy = async (name: string): Promise<number> => {
    const x = rows(99, 128);
    const { predictions } = await predict(name, x);
    return predictions.filter((p, i) => p.class === RULES[name](x[i])).length / x.length;
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hokku-service-'));
    await start();
  });
  after(async () => {
    await service.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('learns for every tenant apart, and answers under load with the newest parameters', async () => {
    const names = Object.keys(RULES);
    for (const name of names) {
      const made = await call<Status>('POST', `/tenants/${name}/examples`, { examples: rows(7, 400).map((x) => ({ x, y: RULES[name](x) })) });
      expect([made.status, made.body.examples, made.body.step]).to.deep.equal([201, 400, 0]);
    }
    const before = await Promise.all(names.map((name) => predict(name, rows(5, 3))));
    expect(new Set(before.map(({ predictions }) => JSON.stringify(predictions))).size, 'one backbone, one beginning').to.equal(1);
    for (const name of names) expect((await call('POST', `/tenants/${name}/train`, { steps: 600 })).status).to.equal(202);
    expect((await call('POST', '/tenants/acme/train', {})).status).to.equal(409);

    // Clients that ask as fast as they are answered, until all trainings have ended.
    const latencies: number[] = [];
    const steps = new Map<string, number[]>(names.map((name) => [name, []]));
    let training = true;
    const client = async (i: number): Promise<void> => {
      for (let k = i; training; k++) {
        const name = names[k % names.length];
        const begin = performance.now();
        const answer = await call<{ step: number; predictions: Prediction[] }>('POST', `/tenants/${name}/predict`, { x: rows(k + 1, 1 + k % 5) });
        latencies.push(performance.now() - begin);
        expect(answer.status).to.equal(200);
        expect(answer.body.predictions).to.have.length(1 + k % 5);
        for (const { probabilities } of answer.body.predictions) expect(probabilities.reduce((a, b) => a + b)).to.be.closeTo(1, 1e-5);
        if (i === 0) steps.get(name)!.push(answer.body.step);
      }
    };
    const clients = [0, 1, 2, 3].map(client);
    while ((await Promise.all(names.map(status))).some((s) => s.training)) await new Promise((next) => setTimeout(next, 20));
    training = false;
    await Promise.all(clients);

    for (const name of names) {
      const { step, error, loss } = await status(name);
      expect([step, error]).to.deep.equal([600, null]);
      expect(loss).to.be.below(0.6);
      expect(await accuracy(name), name).to.be.above(0.85);
    }
    const seen = [...steps.values()];
    for (const list of seen) expect(list, 'no answer is older than the one before').to.deep.equal(list.toSorted((a, b) => a - b));
    expect(seen.flat().some((step) => step > 0 && step < 600), 'answers by parameters of a training that went on').to.equal(true);
    latencies.sort((a, b) => a - b);
    console.log(`      ${latencies.length} predictions while three tenants trained: p50 ${latencies[latencies.length >> 1].toFixed(1)} ms, p99 ${latencies[Math.floor(latencies.length * 0.99)].toFixed(1)} ms`);
  });

  it('keeps the backbone, and each head to itself', async () => {
    const [acme, bolt] = await Promise.all(['acme', 'bolt'].map((name) => loadCheckpoint(join(folder, name, 'training-0000'))));
    const values = ({ params }: typeof acme, module: string): unknown => params[module].w.tolist();
    expect(values(acme, 'backbone/~/linear_0')).to.deep.equal(values(bolt, 'backbone/~/linear_0'));
    expect(values(acme, 'head')).not.to.deep.equal(values(bolt, 'head'));
    expect(acme.manifest.trainable).to.deep.equal(['head/b', 'head/w']);
  });

  it('saves a training when it ends, and goes on from there', async () => {
    expect((await call('POST', '/tenants/acme/train', { steps: 100_000 })).status).to.equal(202);
    while ((await status('acme')).step < 620) await new Promise((next) => setTimeout(next, 5));
    await service.close();
    appendFileSync(join(folder, 'acme', 'examples.ndjson'), '{"x":[1,'); // what a killed process leaves
    await start();
    const { step, training, examples } = await status('acme');
    expect([training, examples]).to.deep.equal([false, 400]);
    expect(step).to.be.at.least(620).and.below(100_600);
    expect(await accuracy('acme')).to.be.above(0.85);
    expect(await accuracy('cord')).to.be.above(0.85);
  });

  it('learns from fewer examples than a batch has', async () => {
    await call('POST', '/tenants/tiny/examples', { examples: [{ x: [1, 0, 0, 0, 0, 0, 0, 0], y: 2 }, { x: [-1, 0, 0, 0, 0, 0, 0, 0], y: 0 }] });
    await call('POST', '/tenants/tiny/train', { steps: 100 });
    while ((await status('tiny')).training) await new Promise((next) => setTimeout(next, 5));
    expect((await predict('tiny', [[1, 0, 0, 0, 0, 0, 0, 0], [-1, 0, 0, 0, 0, 0, 0, 0]])).predictions.map((p) => p.class)).to.deep.equal([2, 0]);
  });

  it('refuses what makes no sense, and goes on', async () => {
    const x = rows(1, 1);
    const cases: [string, string, unknown, number][] = [
      ['GET', '/', undefined, 404], ['GET', '/tenants/nobody', undefined, 404], ['POST', '/tenants/nobody/predict', { x }, 404], ['POST', '/tenants/nobody/train', {}, 404],
      ['GET', '/tenants/..%2f..%2fetc', undefined, 400], ['POST', '/tenants/UPPER/examples', { examples: [{ x: x[0], y: 1 }] }, 400], ['GET', '/tenants/acme/predict', undefined, 405],
      ['POST', '/tenants/acme/nothing', {}, 404], ['POST', '/tenants/acme/predict', '{', 400], ['POST', '/tenants/acme/predict', 'null', 422], ['POST', '/tenants/acme/predict', { x: [] }, 422],
      ['POST', '/tenants/acme/predict', { x: [[1, 2]] }, 422], ['POST', '/tenants/acme/predict', { x: [['1', 0, 0, 0, 0, 0, 0, 0]] }, 422], ['POST', '/tenants/acme/predict', { x: rows(1, 257) }, 422],
      ['POST', '/tenants/acme/examples', { examples: [{ x: x[0], y: 3 }] }, 422], ['POST', '/tenants/acme/examples', {}, 422], ['POST', '/tenants/acme/train', { steps: 0 }, 422],
      ['POST', '/tenants/acme/examples', 'x'.repeat((1 << 20) + 1), 413],
    ];
    for (const [method, path, body, expected] of cases) {
      const answer = await call(method, path, body);
      expect(answer.status, `${method} ${path} ${JSON.stringify(body)?.slice(0, 60)}`).to.equal(expected);
      expect(answer.body.error).to.be.a('string');
    }
    expect((await call('GET', '/health')).body).to.deep.equal({ ok: true });
    expect(readdirSync(folder).sort()).to.deep.equal(['acme', 'bolt', 'cord', 'tiny']);
  });

  it('is a program that ends when it is asked to', async () => {
    const main = fileURLToPath(new URL('../../examples/service/main.js', import.meta.url));
    const child = spawn(process.execPath, [main, join(folder, 'program')], { env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(child.stdout, 'data') as [Buffer];
    const [, url] = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(line.toString())!;
    expect(await (await fetch(`${url}/health`)).json()).to.deep.equal({ ok: true });
    child.kill('SIGTERM');
    expect(await once(child, 'close')).to.deep.equal([0, null]);
  });
});
