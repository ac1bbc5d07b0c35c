/** A run's progress on a terminal, and as plain lines in a log. */
import { checkOptions } from '../../runtime/options.js';
import type { FitEvent, StartEvent, StepEvent } from '../events.js';
import { watcher, type Watcher } from './watcher.js';

/** What is needed of a stream. */
export type ProgressStream = Pick<NodeJS.WriteStream, 'isTTY' | 'columns'> & { write(text: string): unknown };

export interface ProgressOptions {
  /** Where to write; default standard error. */
  stream?: ProgressStream;
  /** What stands before the bar. */
  label?: string;
  /** In a log, the seconds between two lines; default 10. */
  logSeconds?: number;
}

/**
 * A watcher for `fit`: a bar on terminals; where the stream is none, or `NO_COLOR` is set, a line every now and then.
 *
 * @example
 * using watch = progress();
 * for await (const event of fit(options)) watch(event);
 */
export function progress(options?: ProgressOptions): Watcher {
  const { stream = process.stderr, label = '', logSeconds = 10 } = checkOptions('progress', options, ['stream', 'label', 'logSeconds']);
  const terminal = stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
  const prefix = label && `${label} `;
  return terminal ? bar(stream, prefix) : lines(stream, prefix, logSeconds * 1000);
}

/** `1 234`, `0.1235`, `1.2e-7`: as short as it stays clear. */
export function formatNumber(x: number): string {
  if (!Number.isFinite(x)) return String(x);
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x);
  const magnitude = Math.abs(x);
  return magnitude >= 1e6 || magnitude < 1e-3 ? x.toExponential(2) : String(Number(x.toPrecision(4)));
}

/** `0:07`, `12:34`, `1:02:03`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${String(m).padStart(2, '0')}:${String(s).padStart(2, '0')}` : `${m}:${String(s).padStart(2, '0')}`;
}

const speed = (rate: number): string => (rate >= 1 ? `${formatNumber(rate >= 100 ? Math.round(rate) : rate)} steps/s` : `${formatNumber(1 / rate)} s/step`);
const named = (values: Readonly<Record<string, number>>): string[] => Object.keys(values).sort().map((name) => `${name} ${formatNumber(values[name])}`);

/** What a step is worth saying. */
const facts = ({ loss, metrics, stepsPerSecond, secondsLeft }: StepEvent): string =>
  [`loss ${formatNumber(loss)}`, ...named(metrics), ...(stepsPerSecond > 0 ? [speed(stepsPerSecond)] : []), ...(secondsLeft === null ? [] : [`${formatSeconds(secondsLeft)} left`])].join(' | ');

/** What the other events are worth saying, one line each; nothing for those that a person need not see. */
function remark(event: FitEvent): string | undefined {
  switch (event.type) {
    case 'start': return startLine(event);
    case 'evaluation': return `step ${event.step}: evaluation: ${named(event.metrics).join(' | ')}${event.best ? ' (best so far)' : ''}`;
    case 'trainable': return `step ${event.step}: ${[...switched(event.began, 'begins to train', 'begin to train'), ...switched(event.ended, 'is frozen', 'are frozen')].join(', ')}; ${event.trainable.length} train now`;
    case 'end': return `step ${event.step}: ${ENDINGS[event.reason]} after ${formatSeconds(event.seconds)}`;
    default: return undefined;
  }
}
const ENDINGS = { steps: 'all steps made', data: 'the data ended', earlyStopping: 'stopped early: no improvement', stopped: 'stopped' } as const;

/** How many arrays, and the module that they are all in, if there is one. */
function switched(paths: readonly string[], one: string, several: string): string[] {
  if (paths.length === 0) return [];
  const modules = paths.map((path) => path.split('/').slice(0, -1));
  const shared = [...modules[0]];
  while (!modules.every((parts) => shared.every((part, i) => part === parts[i]))) shared.pop();
  if (shared.at(-1) === '~') shared.pop();
  const where = shared.length ? ` in ${shared.join('/')}` : '';
  return [paths.length === 1 ? `1 array${where} ${one}` : `${paths.length} arrays${where} ${several}`];
}

function startLine({ step, steps, engine, device, trainable, frozen, resumed }: StartEvent): string {
  const what = `${trainable.length} arrays train, ${frozen.length} frozen, on ${engine} (${device})`;
  return resumed ? `going on from step ${step} (${resumed.path}): ${what}` : `${steps === null ? 'training' : `training for ${steps} steps`}: ${what}`;
}

function lines(stream: ProgressStream, prefix: string, every: number): Watcher {
  let [total, next]: [number | null, number] = [null, -Infinity];
  return watcher((event) => {
    if (event.type === 'start') [total, next] = [event.steps, -Infinity];
    const text = event.type === 'step'
      ? event.time < next && event.step !== total ? undefined : `step ${event.step}${total === null ? '' : `/${total}`}: ${facts(event)}`
      : remark(event);
    if (text === undefined) return;
    if (event.type === 'step') next = event.time + every;
    stream.write(`${prefix}${text}\n`);
  });
}

/** Redrawn at most so often. */
const REDRAW_MS = 100;
const CELLS = 24;

function bar(stream: ProgressStream, prefix: string): Watcher {
  let total: number | null = null;
  let next = -Infinity;
  let drawn = false;
  const clear = (): void => {
    if (drawn) stream.write('\r\u001b[K');
    drawn = false;
  };
  const draw = (event: StepEvent): void => {
    const share = total ? Math.min(1, event.step / total) : 0;
    const full = Math.round(share * CELLS);
    const head = total === null ? `step ${event.step}` : `${'█'.repeat(full)}${'░'.repeat(CELLS - full)} ${Math.floor(100 * share)}% | ${event.step}/${total}`;
    // A line that wraps could not be cleared.
    const text = [...`${prefix}${head} | ${facts(event)}`].slice(0, (stream.columns || 80) - 1).join('');
    stream.write(`\r${text}\u001b[K`);
    drawn = true;
  };
  return watcher((event) => {
    if (event.type === 'start') [total, next] = [event.steps, -Infinity];
    if (event.type === 'step') {
      if (event.time < next && event.step !== total) return;
      next = event.time + REDRAW_MS;
      draw(event);
      return;
    }
    const text = remark(event);
    if (text === undefined) return;
    clear(); // the bar comes back with the next step, below what is said here
    stream.write(`${prefix}${text}\n`);
  }, clear);
}
