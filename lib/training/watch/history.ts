/** The events of a run as lines of JSON in a file that survives whatever ends the process: what reports are made of. */
import { appendFileSync, closeSync, fstatSync, ftruncateSync, openSync, readFileSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { FileFormatError } from '../../runtime/errors.js';
import { makeFolder } from '../../runtime/folders.js';
import type { FitEvent } from '../events.js';
import { watcher, type Watcher } from './watcher.js';

/** What a line holds of an event: not `aux` and `state`, which are arrays, nor the place in the data, nor statistics, which TensorBoard's files show. */
export type HistoryEvent = Exclude<FitEvent, { type: 'statistics' }>;

const FLUSH_MS = 2000;
const WORDS: Readonly<Record<string, number>> = { NaN, Infinity, '-Infinity': -Infinity };

const LEFT_OUT: ReadonlySet<string> = new Set(['aux', 'state', 'position']);
const encode = (event: FitEvent): string => `${JSON.stringify(event, (key, value: unknown) =>
  (LEFT_OUT.has(key) ? undefined : typeof value === 'number' && !Number.isFinite(value) ? String(value) : value))}\n`;

/**
 * A watcher for `fit`: appends what happens to `path`, at most two seconds late, and at once what is not a step.
 *
 * @example
 * using watch = history('runs/first/history.ndjson');
 * for await (const event of fit(options)) watch(event);
 * writeFileSync('runs/first/report.html', report(readHistory('runs/first/history.ndjson')));
 */
export function history(path: string): Watcher {
  let fd: number | undefined;
  let waiting = '';
  let flushed = 0;
  const flush = (file: number): void => {
    const { size } = fstatSync(file);
    try {
      appendFileSync(file, waiting);
    } catch (error) {
      ftruncateSync(file, size); // no half a line in the middle, once there is room again
      throw error;
    }
    waiting = '';
  };
  const close = (): void => {
    if (fd === undefined) return;
    try { flush(fd); } finally {
      closeSync(fd);
      fd = undefined;
    }
  };
  return watcher((event) => {
    if (event.type === 'statistics') return;
    fd ??= openForAppending(path);
    waiting += encode(event);
    if (event.type === 'end') close();
    else if (event.type !== 'step' || event.time >= flushed + FLUSH_MS) {
      flush(fd);
      flushed = event.time;
    }
  }, close);
}

/** Opened behind the last whole line: a process that was killed may have left half of one. */
function openForAppending(path: string): number {
  makeFolder(dirname(path));
  const fd = openSync(path, 'a+');
  const last = Buffer.alloc(1);
  let end = fstatSync(fd).size;
  while (end > 0) {
    readSync(fd, last, 0, 1, end - 1);
    if (last[0] === 10) break;
    end--;
  }
  ftruncateSync(fd, end);
  return fd;
}

/**
 * The events of a run, in order. Where it went on from a checkpoint, steps that were made again count as they were made last.
 *
 * @throws FileFormatError for a line that is no event; half a line at the end is what a killed process leaves, and no error
 */
export function readHistory(path: string): HistoryEvent[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  lines.pop();  // empty, or torn
  let events: HistoryEvent[] = [];
  lines.forEach((line, i) => {
    let event: HistoryEvent;
    try {
      event = JSON.parse(line, (key, value: unknown) => (typeof value === 'string' && key !== 'path' && Object.hasOwn(WORDS, value) ? WORDS[value] : value)) as HistoryEvent;
    } catch (cause) {
      throw new FileFormatError(`Line ${i + 1} of ${path} is no JSON: the file was not written by hokku, or was damaged; move it away.`, { cause });
    }
    if (typeof event?.type !== 'string' || !Number.isFinite(event.step) || !Number.isFinite(event.time)) {
      throw new FileFormatError(`Line ${i + 1} of ${path} is no event of a run: the file was not written by hokku, or was damaged; move it away.`);
    }
    if (event.type === 'start') events = events.filter(({ step }) => step <= event.step);
    events.push(event);
  });
  return events;
}
