/** A run as one HTML file: nothing is loaded from anywhere, and no server is needed. */
import { cpus } from 'node:os';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatBytes } from '../../haiku/summary.js';
import { curves, type Series } from '../../plot/curves.js';
import type { PlottableParams } from '../../plot/heatmaps.js';
import { escapeXml as text } from '../../plot/text.js';
import { packageRoot } from '../../runtime/native.js';
import { checkOptions } from '../../runtime/options.js';
import type { EvaluationEvent, FitEvent, StartEvent, StepEvent } from '../events.js';
import { formatNumber, formatSeconds } from './progress.js';
import { page } from './report-page.js';
import { describeParams, parametersSection } from './report-parameters.js';

export interface HtmlReportOptions {
  /** Default `Training run`. */
  title?: string;
  /** The parameters before and after: what changed by how much, and heat maps of both. */
  before?: PlottableParams;
  after?: PlottableParams;
  /** What the run was made of: shown as JSON. */
  configuration?: unknown;
  /** Beside those of hokku, Node and the machine. */
  versions?: Readonly<Record<string, string>>;
}

/**
 * A page that shows a run: its curves, what trained and what was frozen, heat maps before and after, timings, checkpoints and
 * versions. Of a run that was resumed it shows the steps as they were made last; of one that did not end, as far as it came.
 *
 * @example
 * const events = [];
 * for await (const event of fit(options)) events.push(event);
 * writeFileSync('report.html', htmlReport(events, { before, after: events.at(-1).state.trainable }));
 */
export function htmlReport(events: Iterable<FitEvent>, options?: HtmlReportOptions): string {
  const { title = 'Training run', before, after, configuration, versions } = checkOptions('htmlReport', options, ['title', 'before', 'after', 'configuration', 'versions']);
  const run = summarize([...events]);
  const params = describeParams(before, after, run.start);
  const sections = [
    tiles(run, params),
    section('Curves', curveCards(run)),
    section('Parameters', parametersSection(params, before, after)),
    section('Timings', timings(run)),
    section('Checkpoints', checkpointTable(run)),
    configuration === undefined ? '' : section('Configuration', `<pre class="card">${text(asJson(configuration))}</pre>`),
    section('Versions', definitions({ ...versionsHere(run.start), ...versions })),
  ];
  return page({ title, status: run.status, meta: metaLine(run), body: sections.join('\n') });
}

type Of<T extends FitEvent['type']> = Extract<FitEvent, { type: T }>;

interface Run {
  readonly start: StartEvent | undefined;
  readonly starts: readonly StartEvent[];
  readonly steps: readonly StepEvent[];
  readonly evaluations: readonly EvaluationEvent[];
  readonly checkpoints: readonly Of<'checkpoint'>[];
  readonly status: { readonly text: string; readonly tone: 'good' | 'warn' };
  readonly seconds: number;
  /** Of the first step of each start: mostly the compiler's. */
  readonly firstStepSeconds: number;
  readonly last: FitEvent | undefined;
}

function summarize(events: readonly FitEvent[]): Run {
  const all = <T extends FitEvent['type']>(type: T): Of<T>[] => events.filter((e): e is Of<T> => e.type === type);
  const [starts, last] = [all('start'), events.at(-1)];
  let [seconds, firstStepSeconds] = [0, 0];
  starts.forEach((start, i) => {
    const until = i + 1 < starts.length ? events.indexOf(starts[i + 1]) : events.length;
    const mine = events.slice(events.indexOf(start), until);
    seconds += (mine.at(-1)!.time - start.time) / 1000;
    const first = mine.find((e) => e.type === 'step');
    if (first) firstStepSeconds += (first.time - start.time) / 1000;
  });
  return { start: starts.at(-1), starts, steps: all('step'), evaluations: all('evaluation'), checkpoints: all('checkpoint'), status: statusOf(last), seconds, firstStepSeconds, last };
}

function statusOf(last: FitEvent | undefined): Run['status'] {
  if (last?.type !== 'end') return { text: 'did not end', tone: 'warn' };
  const texts = { steps: 'finished', data: 'finished: the data ended', earlyStopping: 'stopped early', stopped: 'stopped' } as const;
  return { text: texts[last.reason], tone: last.reason === 'stopped' ? 'warn' : 'good' };
}

function metaLine({ start, last }: Run): string {
  const parts = [
    ...(start ? [new Date(start.time).toISOString().replace('T', ' ').slice(0, 16) + ' UTC', `${start.engine} on ${start.device}`] : []),
    ...(start?.resumed ? [`resumed at step ${start.step}`] : []),
    ...(last ? [`${last.step.toLocaleString('en-US')} steps`] : []),
  ];
  return parts.map(text).join(' · ');
}

const section = (heading: string, body: string): string => (body ? `<section><h2>${heading}</h2>${body}</section>` : '');
const tile = (label: string, value: string, note = ''): string => `<div class="tile"><dt>${text(label)}</dt><dd>${text(value)}</dd>${note && `<small>${text(note)}</small>`}</div>`;

function tiles(run: Run, params: ReturnType<typeof describeParams>): string {
  const { steps, evaluations, start } = run;
  const lastStep = steps.at(-1);
  const out = [];
  if (lastStep) out.push(tile('Last loss', formatNumber(lastStep.loss), steps.length > 1 ? `${formatNumber(steps[0].loss)} at step ${steps[0].step}` : ''));
  const evaluation = evaluations.findLast((e) => e.best) ?? evaluations.at(-1);
  for (const name of Object.keys(evaluation?.metrics ?? {}).sort().slice(0, 2)) {
    out.push(tile(`Evaluation ${name}`, formatNumber(evaluation!.metrics[name]), `${evaluation!.best ? 'the best, at' : 'at'} step ${evaluation!.step}`));
  }
  out.push(tile('Time', formatSeconds(run.seconds), lastStep ? speedOf(run) : ''));
  if (steps.length) out.push(tile('Memory', formatBytes(extremes(steps.map((s) => s.memory))[1]), 'at most, of the process'));
  if (params.length) {
    const total = params.reduce((n, p) => n + p.size, 0);
    const trained = params.filter((p) => p.trains).reduce((n, p) => n + p.size, 0);
    out.push(tile('Parameters', total.toLocaleString('en-US'), `${trained.toLocaleString('en-US')} train`));
  } else if (start) out.push(tile('Arrays that train', String(start.trainable.length), `${start.frozen.length} frozen`));
  return `<dl class="tiles">${out.join('')}</dl>`;
}

/** Smallest and largest; `Math.max` of a hundred thousand arguments overflows the stack. */
const extremes = (values: readonly number[]): [number, number] => values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)] as [number, number], [Infinity, -Infinity]);

const speedOf = ({ steps }: Run): string => `${formatNumber(median(steps.map((s) => s.stepsPerSecond)))} steps/s`;
function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : NaN;
}

// ---- curves ---------------------------------------------------------------------------------------------------------

/** One card for each quantity; training and evaluation of the same name share theirs. */
function curveCards({ steps, evaluations }: Run): string {
  if (!steps.length && !evaluations.length) return '';
  const x = steps.map((s) => s.step);
  const [trained, evaluated] = [namesOf(steps), namesOf(evaluations)];
  const cards: [title: string, series: Series[], log?: boolean][] = [];
  for (const name of ['loss', ...trained, ...evaluated].filter((n, i, all) => all.indexOf(n) === i)) {
    const series: Series[] = [];
    if (name === 'loss' || trained.includes(name)) series.push(...smoothed('training', x, steps.map((s) => (name === 'loss' ? s.loss : s.metrics[name] ?? NaN))));
    if (evaluated.includes(name)) series.push({ name: 'evaluation', x: evaluations.map((e) => e.step), y: evaluations.map((e) => e.metrics[name] ?? NaN), marked: evaluations.length <= 40, colour: 1 });
    cards.push([name, series, true]);
  }
  if (steps.some((s) => s.learningRate !== null)) cards.push(['learning rate', [{ name: 'learning rate', x, y: steps.map((s) => s.learningRate ?? NaN), colour: 2 }]]);
  if (steps.length > 1) {
    cards.push(['steps per second', smoothed('steps per second', x, steps.map((s) => s.stepsPerSecond), 4)]);
    cards.push(['memory, MB', [{ name: 'memory', x, y: steps.map((s) => s.memory / 1e6), colour: 6 }]]);
  }
  return `<div class="cards">${cards.map((c) => card(...c)).join('')}</div>`;
}

/** @param log whether a wide range of values may be drawn by its logarithm */
function card(title: string, series: readonly Series[], log = false): string {
  const values = series.flatMap((s) => Array.from(s.y)).filter(Number.isFinite);
  const [low, high] = extremes(values);
  const yScale = log && low > 0 && high / low > 50 ? 'log' as const : 'linear' as const;
  const shown = series.filter((s) => !s.pale);
  const legend = shown.length > 1 ? `<span class="legend">${shown.map((s, i) => `<i class="s${s.colour ?? i}"></i>${text(s.name)}`).join(' ')}</span>` : '';
  return `<figure class="card"><figcaption>${text(title)}${yScale === 'log' ? ' <small>logarithmic</small>' : ''}${legend}</figcaption>${curves(series, { yScale })}</figure>`;
}

const namesOf = (events: readonly { metrics: Readonly<Record<string, number>> }[]): string[] => [...new Set(events.flatMap((e) => Object.keys(e.metrics)))].sort();

/** From so many points on, the raw values are pale and their moving average is drawn over them. */
const SMOOTH_FROM = 60;

function smoothed(name: string, x: readonly number[], y: readonly number[], colour = 0): Series[] {
  if (y.length < SMOOTH_FROM) return [{ name, x, y, colour }];
  const decay = 1 - 1 / Math.max(4, y.length / 60);
  let [sum, weight] = [0, 0];
  const mean = y.map((v) => {
    if (!Number.isFinite(v)) return NaN;
    [sum, weight] = [decay * sum + (1 - decay) * v, decay * weight + (1 - decay)];
    return sum / weight;
  });
  return [{ name: 'raw', x, y, pale: true, colour }, { name, x, y: mean, colour }];
}

// ---- tables ---------------------------------------------------------------------------------------------------------

function timings(run: Run): string {
  const { starts, steps, evaluations, checkpoints, seconds, firstStepSeconds } = run;
  if (!starts.length) return '';
  const sum = (values: readonly { seconds: number }[]): number => values.reduce((n, v) => n + v.seconds, 0);
  const share = (part: number): string => (seconds > 0 ? ` (${Math.round(100 * part / seconds)} %)` : '');
  return definitions({
    'In all': `${formatSeconds(seconds)}${starts.length > 1 ? `, in ${starts.length} starts` : ''}`,
    ...(steps.length && { 'Until the first step': `${firstStepSeconds.toFixed(2)} s${share(firstStepSeconds)}: compiling and the first batch`, 'Steps per second': `${formatNumber(median(steps.map((s) => s.stepsPerSecond)))} (median)` }),
    ...(evaluations.length && { Evaluations: `${evaluations.length}, ${sum(evaluations).toFixed(2)} s${share(sum(evaluations))}` }),
    ...(checkpoints.length && { Checkpoints: `${checkpoints.length}, ${sum(checkpoints).toFixed(2)} s of writing, while training went on` }),
  });
}

const SHOWN_CHECKPOINTS = 12;

function checkpointTable({ checkpoints }: Run): string {
  if (!checkpoints.length) return '';
  const rows = checkpoints.slice(-SHOWN_CHECKPOINTS).reverse().map((c) =>
    `<tr><td class="n">${c.step.toLocaleString('en-US')}</td><td class="n">${formatBytes(c.bytes)}</td><td class="n">${c.seconds.toFixed(2)} s</td><td class="path">${text(c.path)}</td></tr>`);
  const more = checkpoints.length - rows.length;
  return `<div class="card scroll"><table><thead><tr><th class="n">Step</th><th class="n">Size</th><th class="n">Written in</th><th>Folder</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
    + `${more > 0 ? `<p class="more">and ${more} before them</p>` : ''}</div>`;
}

const definitions = (entries: Readonly<Record<string, string>>): string =>
  `<dl class="card facts">${Object.entries(entries).map(([k, v]) => `<dt>${text(k)}</dt><dd>${text(v)}</dd>`).join('')}</dl>`;

function versionsHere(start: StartEvent | undefined): Record<string, string> {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  const [cpu] = cpus();
  return { hokku: version, Node: process.version, ...(start && { Engine: `${start.engine}, ${start.device}` }), Machine: `${process.platform}-${process.arch}${cpu ? `, ${cpu.model.trim()}, ${cpus().length} threads` : ''}` };
}

function asJson(value: unknown): string {
  const plain = (_: string, v: any): unknown =>
    (typeof v === 'function' ? `function ${v.name || '(anonymous)'}` : typeof v === 'bigint' || (typeof v === 'number' && !Number.isFinite(v)) ? String(v)
      : ArrayBuffer.isView(v) || typeof v?.tolist === 'function' ? `array [${v.shape ?? (v as { length?: number }).length}]` : v);
  return JSON.stringify(value, plain, 2) ?? String(value);
}
