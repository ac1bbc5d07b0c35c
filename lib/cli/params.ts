/** `hokku params`: what a file or folder of parameters holds, how two differ, and pictures of them. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Array } from '../jax/index.js';
import { traverse } from '../haiku/data-structures.js';
import { formatBytes } from '../haiku/summary.js';
import type { Params } from '../haiku/types.js';
import { saveHeatmaps } from '../plot/save.js';
import { numbers } from '../plot/values.js';
import { DTYPES } from '../runtime/dtypes.js';
import { selector } from '../runtime/patterns.js';
import { checkpointSteps, importOrtCheckpoint, loadCheckpoint } from '../training/checkpoints/manager.js';
import { MANIFEST } from '../training/checkpoints/manifest.js';
import { loadParams } from '../training/checkpoints/params.js';
import { formatNumber } from '../training/watch/progress.js';
import { painter, positional, subcommand, table, UsageError, wholeNumber, type Arguments, type Command, type Outcome } from './command.js';

const HELP = `usage: hokku params table PATH [options]
       hokku params diff PATH OTHER [options]
       hokku params heatmaps PATH FILE [options]

PATH is a checkpoint, a folder of checkpoints (its newest, or --step), training artifacts, ONNX Runtime's checkpoint file,
or parameters as .safetensors or .npz.

  table       every array: type, size, whether it trains, and what its values are like
  diff        which arrays differ, and by how much; exit code 1 where any does
  heatmaps    writes FILE.svg, and FILE.png where @resvg/resvg-js is installed

  --only PATTERN…   arrays or modules: * within a part of the path, ** across parts, ! in front for all but that
  --step N          of a folder of checkpoints, that step (of both, in diff)
  --title TEXT      above the heat maps

examples:
  hokku params table runs/first/checkpoints
  hokku params table mlp.safetensors --only '**/b' --json
  hokku params diff runs/first/checkpoints/00000100 runs/first/checkpoints/00000200
  hokku params heatmaps runs/first/checkpoints pictures/after --only 'mlp/~/linear_0' --title 'after training'`;

/** Parameters, and what is known about where they come from. */
interface Source {
  readonly params: Params;
  readonly about: Readonly<Record<string, string | number>>;
  /** Undefined where the file does not say. */
  readonly trainable?: ReadonlySet<string>;
}

/** Reads whatever holds parameters. */
export async function readSource(path: string, step?: number): Promise<Source> {
  const kind = statSync(path, { throwIfNoEntry: false });
  if (!kind) throw new UsageError(`There is no file or folder ${path}.`);
  if (kind.isFile()) {
    if (step !== undefined) throw new UsageError(`--step chooses from a folder of checkpoints, but ${path} is a file.`);
    if (/\.(safetensors|npz)$/.test(path)) return { params: await loadParams(path), about: { file: path } };
    return fromOrt(path);
  }
  const isCheckpoint = checkpointSteps(path).length > 0 || statSync(join(path, MANIFEST), { throwIfNoEntry: false });
  const ort = join(path, 'checkpoint');
  if (!isCheckpoint && statSync(ort, { throwIfNoEntry: false })?.isFile()) return fromOrt(ort);
  const { params, manifest, path: found } = await loadCheckpoint(path, step === undefined ? {} : { step });
  const { trainable, optimizer, engine, time, writtenBy } = manifest;
  return { params, trainable: new Set(trainable), about: { checkpoint: found, step: manifest.step, optimizer, engine: `${engine.name}, ${engine.device}`, written: `${time} by ${writtenBy}` } };
}

function fromOrt(path: string): Source {
  const { params, trainable, step } = importOrtCheckpoint(path);
  return { params, trainable: new Set(trainable), about: { checkpoint: path, step } };
}

type Entry = readonly [module: string, name: string, value: Array];

async function read(args: Arguments, path: string): Promise<Source & { entries: Entry[] }> {
  const source = await readSource(path, wholeNumber('step', args.values['step']));
  const all: Entry[] = [...traverse(source.params)];
  const { only } = args.values;
  const marks = only === undefined ? undefined : selector(only as string[], '--only').over(all);
  return { ...source, entries: marks ? all.filter((_, i) => marks[i]) : all };
}

const typeOf = ({ dtype, shape }: Array): string => `${dtype}[${shape.join(',')}]`;

/** Mean, spread, ends and norm of the finite values. */
function describe(value: Array): { mean: number; std: number; min: number; max: number; norm: number; nonFinite: number } {
  const values = numbers(value);
  let [count, mean, squares, sum, min, max] = [0, 0, 0, 0, Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (!Number.isFinite(v)) continue;
    // Welford's, which loses no digits where all values are alike.
    const delta = v - mean;
    mean += delta / ++count;
    squares += delta * (v - mean);
    sum += v * v;
    [min, max] = [Math.min(min, v), Math.max(max, v)];
  }
  const none = count === 0;
  return { mean: none ? NaN : mean, std: none ? NaN : Math.sqrt(squares / count), min: none ? NaN : min, max: none ? NaN : max, norm: Math.sqrt(sum), nonFinite: values.length - count };
}

async function tabulate(args: Arguments): Promise<Outcome> {
  const [path] = positional(args, 'params table', ['PATH']);
  const { entries, about, trainable } = await read(args, path!);
  const arrays = entries.map(([module, name, value]) => {
    const full = `${module}/${name}`;
    return { module, name, dtype: value.dtype, shape: value.shape, size: value.size, bytes: value.size * DTYPES[value.dtype].size, ...(trainable && { trainable: trainable.has(full) }), ...describe(value) };
  });
  const total = (of: (a: typeof arrays[number]) => number): number => arrays.reduce((n, a) => n + of(a), 0);
  const totals = { arrays: arrays.length, size: total((a) => a.size), bytes: total((a) => a.bytes), ...(trainable && { trainable: total((a) => (a.trainable ? a.size : 0)) }) };
  const paint = painter(args.colour);
  const rows = entries.map(([module, name, value], i) => {
    const a = arrays[i];
    const bad = a.nonFinite ? paint(31, `${a.nonFinite} not finite`) : '';
    return [`${module}/${name}`, typeOf(value), a.size.toLocaleString('en-US'), ...(trainable ? [a.trainable ? 'yes' : 'no'] : []), ...[a.mean, a.std, a.min, a.max].map(formatNumber), bad];
  });
  const head = ['array', 'type', 'values', ...(trainable ? ['trains'] : []), 'mean', 'std', 'min', 'max', ''];
  const numeric = head.flatMap((title, k) => (k === 0 || k === 1 || title === 'trains' || title === '' ? [] : [k]));
  const sum = `${totals.arrays} arrays, ${totals.size.toLocaleString('en-US')} values${totals.trainable === undefined ? '' : ` (${totals.trainable.toLocaleString('en-US')} train)`}, ${formatBytes(totals.bytes)}`;
  return { code: 0, json: { ...about, arrays, totals }, text: [...aboutLines(about), '', table(head, rows, numeric), '', sum].join('\n') };
}

const aboutLines = (about: Source['about']): string[] => Object.entries(about).map(([k, v]) => `${k.padEnd(10)} ${v}`);

interface Difference {
  readonly array: string;
  readonly what: 'same' | 'values' | 'type' | 'missing' | 'extra';
  readonly largest?: number;
  /** ‖other − this‖ / ‖this‖ */
  readonly relative?: number;
  readonly types?: readonly [string, string];
}

async function diff(args: Arguments): Promise<Outcome> {
  const [path, other] = positional(args, 'params diff', ['PATH', 'OTHER']) as [string, string];
  const [left, right] = [await read(args, path), await read(args, other)];
  const [a, b] = [left, right].map(({ entries }) => new Map(entries.map(([module, name, value]) => [`${module}/${name}`, value])));
  const names = [...new Set([...a.keys(), ...b.keys()])].sort();
  const differences = names.map((name) => compare(name, a.get(name), b.get(name)));
  const changed = differences.filter((d) => d.what !== 'same');
  const rows = changed.map((d) => [d.array, WORDS[d.what](d), d.largest === undefined ? '' : formatNumber(d.largest), d.relative === undefined ? '' : formatNumber(d.relative)]);
  const same = differences.length - changed.length;
  const sum = changed.length ? `${changed.length} of ${names.length} arrays differ${same ? `; ${same} are the same to the last bit` : ''}` : `all ${names.length} arrays are the same to the last bit`;
  return {
    code: changed.length ? 1 : 0, json: { left: left.about, right: right.about, differences, same },
    text: rows.length ? `${table(['array', 'difference', 'largest', 'relative'], rows, [2, 3])}\n\n${sum}` : sum,
  };
}

const WORDS: Readonly<Record<Difference['what'], (d: Difference) => string>> = {
  same: () => 'same', values: () => 'values', missing: () => 'only in the second', extra: () => 'only in the first', type: ({ types }) => `${types![0]}, and ${types![1]}`,
};

function compare(array: string, a: Array | undefined, b: Array | undefined): Difference {
  if (!a || !b) return { array, what: a ? 'extra' : 'missing' };
  if (typeOf(a) !== typeOf(b)) return { array, what: 'type', types: [typeOf(a), typeOf(b)] };
  const bytes = ({ data }: Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (bytes(a).equals(bytes(b))) return { array, what: 'same' };
  const [x, y] = [numbers(a), numbers(b)];
  let [largest, moved, size] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    // Where either is not finite, so is the distance, unless they are the same.
    const d = Object.is(x[i], y[i]) ? 0 : Math.abs(y[i] - x[i]);
    largest = Number.isNaN(d) ? NaN : Math.max(largest, d);
    moved += d * d;
    size += x[i] * x[i];
  }
  return { array, what: 'values', largest, relative: Math.sqrt(moved / size) };
}

async function draw(args: Arguments): Promise<Outcome> {
  const [path, file] = positional(args, 'params heatmaps', ['PATH', 'FILE']) as [string, string];
  const { entries } = await read(args, path);
  const chosen: Record<string, Record<string, Array>> = Object.create(null);
  for (const [module, name, value] of entries) (chosen[module] ??= Object.create(null))[name] = value;
  const { files, note } = await saveHeatmaps(file.replace(/\.(svg|png)$/, ''), chosen, { title: (args.values['title'] as string | undefined) ?? path });
  return { code: 0, json: { files, ...(note && { note }) }, text: `${files.join(' and ')} written.${note ? `\n${note}` : ''}` };
}

const ACTIONS: Readonly<Record<string, (args: Arguments) => Promise<Outcome>>> = { table: tabulate, diff, heatmaps: draw };

export const params: Command = {
  help: HELP,
  options: { only: { type: 'string', multiple: true }, step: { type: 'string' }, title: { type: 'string' } },
  run: (args) => subcommand('params', ACTIONS, args),
};
