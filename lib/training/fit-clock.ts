/** What a run tells of time: its speed, what it takes, and when it was asked to end. */
import { AbortError } from '../runtime/errors.js';

/** Speed over about the last two seconds, and memory, read now and then. */
export class Clock {
  #samples: { time: number; step: number }[] = [];
  #rss = process.memoryUsage.rss();
  #read = performance.now();
  tick(step: number): void {
    const time = performance.now();
    const last = this.#samples.at(-1);
    // The first step compiles, and is no measure.
    if (!last || time - last.time > 50) this.#samples.push({ time, step });
    while (this.#samples.length > 2 && time - this.#samples[1].time > 2000) this.#samples.shift();
    this.#now = { time, step };
    if (time - this.#read > 100) {
      this.#rss = process.memoryUsage.rss();
      this.#read = time;
    }
  }
  #now = { time: 0, step: 0 };
  get rate(): number {
    const [first] = this.#samples;
    return first && this.#now.time > first.time ? ((this.#now.step - first.step) / (this.#now.time - first.time)) * 1000 : 0;
  }
  get memory(): number { return this.#rss; }
}

/** @throws AbortError */
export const abort = (signal: AbortSignal): never => { throw new AbortError(`fit: the run was aborted${signal.reason instanceof Error && signal.reason.name !== 'AbortError' ? `: ${signal.reason.message}` : '.'}`); };

/** The promise, or an AbortError as soon as the signal says so. */
export async function interruptible<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  let listener: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    listener = () => { try { abort(signal); } catch (error) { reject(error); } };
    if (signal.aborted) listener();
    else signal.addEventListener('abort', listener, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', listener!);
  }
}
