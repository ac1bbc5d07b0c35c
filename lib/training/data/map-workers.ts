/** Worker threads that apply one function. They keep the process alive only while something is asked of them. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { fromBytes } from '../../jax/array.js';
import { workerThreads } from '../../runtime/builtins.js';
import { DataError } from '../../runtime/errors.js';
import { packageRoot } from '../../runtime/native.js';
import { decodeWire, encodeWire, type Response } from './wire.js';

interface Waiting { resolve(value: unknown): void; reject(error: Error): void }

export class MapWorkers {
  readonly #workers: { worker: Worker; waiting: Map<number, Waiting> }[];
  #next = 0;

  constructor(readonly url: URL, count: number) {
    // By its path from the package, since this code may be part of a bundle.
    const script = pathToFileURL(join(packageRoot(), 'dist', 'lib', 'training', 'data', 'map-worker.js'));
    // A flag that goes with --eval, and that files refuse.
    const evaluated = process.execArgv.some((flag) => flag.startsWith('--input-type'));
    this.#workers = Array.from({ length: count }, () => {
      const worker = new (workerThreads().Worker)(script, { workerData: { url: url.href }, ...(evaluated && { execArgv: [] }) });
      const waiting = new Map<number, Waiting>();
      const settle = ({ id, result, error }: Response) => {
        const found = waiting.get(id);
        waiting.delete(id);
        if (waiting.size === 0) worker.unref();
        if (error) found?.reject(this.#error(error.message, { cause: Object.assign(new Error(error.message), { stack: error.stack }) }));
        else found?.resolve(decodeWire(result, fromBytes));
      };
      const fail = (error: Error) => { for (const { reject } of waiting.values()) reject(error); waiting.clear(); };
      worker.on('message', settle);
      worker.on('error', (cause) => fail(this.#error(cause.message, { cause })));
      worker.on('exit', (code) => fail(this.#error(`its worker thread ended with exit code ${code}`)));
      worker.unref();
      return { worker, waiting };
    });
  }

  #error(message: string, options?: ErrorOptions): DataError { return new DataError(`The mapping ${this.url.href} failed: ${message}`, options); }

  run(element: unknown, info: unknown): Promise<unknown> {
    const id = this.#next++;
    const { worker, waiting } = this.#workers[id % this.#workers.length];
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      worker.ref();
      worker.postMessage({ id, element: encodeWire(element), info });
    });
  }

  async close(): Promise<void> { await Promise.all(this.#workers.map(({ worker }) => worker.terminate())); }
}
