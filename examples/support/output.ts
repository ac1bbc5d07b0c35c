/** How the demo says what it says: in Python's format, as the notebook; or, with --json, all at once in the end. */
import { createHash } from 'node:crypto';
import { SingleBar } from 'cli-progress';
import type { Params } from 'hokku';

/** Python's `str` of a float: `0.0`, `0.5`; and numpy's inside an array: `0.`, `0.5`. */
export const pythonFloat = (v: number) => Number.isInteger(v) ? v.toFixed(1) : String(v);
export const numpyFloat = (v: number) => Number.isInteger(v) ? `${v}.` : String(v);

/** `['a', 'b']` */
export const pythonList = (texts: string[]) => `[${texts.map((t) => `'${t}'`).join(', ')}]`;

/** Prints text as it comes; with `--json` nothing but one object in the end. */
export class Output {
  readonly #values: Record<string, any> = {};
  constructor(readonly json: boolean) {}

  print(...parts: string[]): void {
    if (!this.json) console.log(...parts);
  }

  /** What is not part of the notebook goes beside it, to standard error. */
  note(text: string): void {
    if (!this.json) console.error(text);
  }

  /** Keeps a value for the JSON object; `runs.x` goes under `runs`. */
  record(path: string, value: unknown): void {
    const dot = path.indexOf('.');
    if (dot < 0) this.#values[path] = value;
    else (this.#values[path.slice(0, dot)] ??= {})[path.slice(dot + 1)] = value;
  }

  close(): void {
    if (this.json) console.log(JSON.stringify(this.#values, null, 2));
  }
}

/** Passes items through, under a bar on standard error where that is a terminal. */
export function* progress<T>(label: string, items: Iterable<T>, total: number): Generator<T> {
  const bar = new SingleBar({
    format: `${label} {bar} {percentage}% | {value} of {total} steps | {eta_formatted} left`,
    stream: process.stderr, noTTYOutput: false, barCompleteChar: '█', barIncompleteChar: '░', barsize: 30, clearOnComplete: true,
    synchronousUpdate: true,  // the loop never yields to a timer, so updates draw
  });
  bar.start(total, 0);
  let done = 0;
  try {
    for (const item of items) {
      yield item;
      if (++done % 100 === 0) bar.update(done);
    }
  } finally {
    bar.stop();
  }
}

/** One fingerprint of a parameter map: names, shapes and every bit of the values. */
export function sha256(params: Params): string {
  const hash = createHash('sha256');
  for (const module of Object.keys(params).sort()) {
    for (const name of Object.keys(params[module]).sort()) {
      const { shape, dtype, data } = params[module][name];
      hash.update(`${module}/${name} ${dtype}[${shape}]\n`).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  return hash.digest('hex');
}
