/** The HTTP side: requests in, checked; answers out. Everything that is slow happens on the engine's threads. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CLASSES, FEATURES } from './model.js';
import { Tenant, type Example } from './tenant.js';

const MOST_BYTES = 1 << 20;
const MOST_ROWS = 256;
const MOST_STEPS = 100_000;

/** What goes wrong because of the request. */
class Refusal extends Error {
  constructor(readonly status: number, message: string) { super(message); }
}

export interface Service {
  readonly server: Server;
  /** Answers what has been asked, stops trainings after their step in flight, and saves them. */
  close(): Promise<void>;
}

/** A service that keeps its tenants in a folder. */
export function createService(folder: string): Service {
  const tenants = new Map<string, Promise<Tenant>>();
  /** The tenant of that name; made by its first examples. */
  const tenant = (name: string, make: boolean): Promise<Tenant> => {
    if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name)) throw new Refusal(400, 'A tenant\'s name has up to 40 small letters, digits and dashes.');
    const path = join(folder, name);
    if (!tenants.has(name)) {
      if (!make && !existsSync(path)) throw new Refusal(404, `There is no tenant '${name}': it begins with its first examples.`);
      tenants.set(name, Tenant.open(path));
    }
    return tenants.get(name)!;
  };

  const actions: Readonly<Record<string, (name: string, body: unknown) => Promise<[status: number, answer: unknown]>>> = {
    'GET ': async (name) => [200, (await tenant(name, false)).status],
    'POST examples': async (name, body) => {
      const examples = readExamples(body);
      const mine = await tenant(name, true);
      mine.add(examples);
      return [201, mine.status];
    },
    'POST train': async (name, body) => {
      const steps = (body as { steps?: unknown })?.steps ?? 500;
      if (!Number.isInteger(steps) || (steps as number) < 1 || (steps as number) > MOST_STEPS) throw new Refusal(422, `steps must be a whole number from 1 to ${MOST_STEPS}.`);
      const mine = await tenant(name, false);
      if (mine.status.examples === 0) throw new Refusal(409, 'There are no examples to learn from.');
      if (!mine.train(steps as number)) throw new Refusal(409, 'A training is going on: wait for it.');
      return [202, mine.status];
    },
    'POST predict': async (name, body) => [200, await (await tenant(name, false)).predict(readRows(body))],
  };

  async function answer(request: IncomingMessage): Promise<[status: number, answer: unknown]> {
    const { pathname } = new URL(request.url ?? '/', 'http://service');
    const [, root, name, action = '', ...more] = pathname.split('/');
    if (pathname === '/health') return [200, { ok: true }];
    if (root !== 'tenants' || !name || more.length) throw new Refusal(404, `There is no ${pathname}.`);
    const run = actions[`${request.method} ${action}`];
    if (!run) throw new Refusal(['', 'examples', 'train', 'predict'].includes(action) ? 405 : 404, `There is no ${request.method} ${pathname}.`);
    return run(name, request.method === 'POST' ? await readBody(request) : null);
  }

  const server = createServer((request, response) => {
    answer(request).catch((error: unknown): [number, unknown] => {
      if (error instanceof Refusal) return [error.status, { error: error.message }];
      console.error(error);
      return [500, { error: 'Something failed here; the log says what.' }];
    }).then(([status, body]) => {
      if (!response.destroyed) response.writeHead(status, { 'content-type': 'application/json', ...(!request.complete && { connection: 'close' }) }).end(JSON.stringify(body));
    });
  });

  return {
    server,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      await Promise.all([...tenants.values()].map(async (opened) => (await opened).idle({ stop: true })));
      await closed;
    },
  };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > MOST_BYTES) throw new Refusal(413, `A request has at most ${MOST_BYTES} bytes.`);
  }
  if (bytes === 0) return {};
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    throw new Refusal(400, 'The body is no JSON.');
  }
}

const isRow = (x: unknown): x is number[] => Array.isArray(x) && x.length === FEATURES && x.every(Number.isFinite);

function readRows(body: unknown): number[][] {
  const rows = (body as { x?: unknown } | null)?.x;
  if (!Array.isArray(rows) || rows.length < 1 || rows.length > MOST_ROWS || !rows.every(isRow)) {
    throw new Refusal(422, `x must be 1 to ${MOST_ROWS} rows of ${FEATURES} finite numbers each.`);
  }
  return rows;
}

function readExamples(body: unknown): Example[] {
  const examples = (body as { examples?: unknown } | null)?.examples;
  const fits = (e: Example | null): boolean => isRow(e?.x) && Number.isInteger(e!.y) && e!.y >= 0 && e!.y < CLASSES;
  if (!Array.isArray(examples) || examples.length < 1 || !examples.every(fits)) {
    throw new Refusal(422, `examples must be a list of { x: ${FEATURES} finite numbers, y: a class from 0 to ${CLASSES - 1} }.`);
  }
  return examples as Example[];
}
