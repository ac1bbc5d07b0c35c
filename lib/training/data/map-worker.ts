/** The thread of one mapping worker: loads the caller's module and applies its default export. */
import { parentPort, workerData } from 'node:worker_threads';
import { decodeWire, encodeWire, hasArrays, type FromBytes, type Request, type Response } from './wire.js';

const port = parentPort!;
/** Out of the package's own entry, which the caller's module also sees: arrays are of the same class there. */
const arrays = async (): Promise<FromBytes> => (await import('hokku/jax' as string) as { fromBytes: FromBytes }).fromBytes;
const loaded = import(workerData.url as string).then((module: { default?: unknown }) => {
  if (typeof module.default !== 'function') throw new Error('its default export is no function');
  return module.default as (element: unknown, info: unknown) => unknown;
});
loaded.catch(() => {});

port.on('message', ({ id, element, info }: Request) => {
  void (async (): Promise<Response> => {
    try {
      const f = await loaded;
      const given = hasArrays(element) ? decodeWire(element, await arrays()) : element;
      return { id, result: encodeWire(await f(given, info)) };
    } catch (error) {
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      return { id, error: { message, stack } };
    }
  })().then((response) => port.postMessage(response));
});
