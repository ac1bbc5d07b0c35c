/** What watches a run: a function that takes its events one by one, and lets go of what it holds when it is disposed of. */
import type { FitEvent } from '../events.js';

export interface Watcher {
  (event: FitEvent): void;
  /** After a run that failed: a run that ends says so in its last event, and nothing is left to be done. */
  [Symbol.dispose](): void;
}

/** A watcher of a function and of what to do in the end. */
export const watcher = (watch: (event: FitEvent) => void, dispose: () => void = () => {}): Watcher => Object.assign(watch, { [Symbol.dispose]: dispose });
