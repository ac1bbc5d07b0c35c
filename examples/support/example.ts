/** What all examples share: their options, and watching a run. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { htmlReport, progress, type FitEvent, type Run } from 'hokku/training';

export interface ExampleOptions {
  steps: number;
  seed: number;
  /** A folder for pictures and reports. */
  out: string;
  /** Nothing but one JSON object is printed. */
  json: boolean;
}

/** What an example's module exports. */
export interface Example {
  about: string;
  /** Training steps, where `--steps` says nothing. */
  steps: number;
  /** Answers with what `--json` prints. */
  main(options: ExampleOptions): Promise<Record<string, unknown>>;
}

/** Prints, unless all that is wanted is the JSON object. */
export function say(options: ExampleOptions, text: string): void {
  if (!options.json) console.log(text);
}

/** Writes a file into the example's folder, and answers with its path. */
export function save(options: ExampleOptions, file: string, content: string | Uint8Array): string {
  mkdirSync(options.out, { recursive: true });
  const path = join(options.out, file);
  writeFileSync(path, content);
  say(options, `${path} written`);
  return path;
}

/** Makes a run's steps under a progress bar; its curves are in `<name>.html` then. Answers with what happened. */
export async function watch(run: Run, name: string, options: ExampleOptions): Promise<FitEvent[]> {
  using bar = progress({ label: name });
  const events: FitEvent[] = [];
  for await (const event of run) {
    if (!options.json) bar(event);
    events.push(event);
  }
  save(options, `${name}.html`, htmlReport(events, { title: name }));
  return events;
}

/** The metrics of the last evaluation. */
export const evaluated = (events: FitEvent[]) => events.findLast((event) => event.type === 'evaluation')!.metrics;
export const losses = (events: FitEvent[]) => events.filter((event) => event.type === 'step').map((event) => event.loss);

/** Milliseconds from one step to the next, the median: what compiling and evaluating take is not in it. */
export function stepTime(events: FitEvent[]): number {
  const times = events.filter((event) => event.type === 'step').map((event) => event.time);
  const each = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
  return each[each.length >> 1] ?? NaN;
}
