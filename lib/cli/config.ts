/** Configurations: JavaScript, TypeScript or JSON, loaded and checked before anything begins. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { random, type Array } from '../jax/index.js';
import { HokkuError, TypeError, ValueError } from '../runtime/errors.js';
import { packageRoot } from '../runtime/native.js';
import { checkOptions } from '../runtime/options.js';
import * as data from '../training/data/index.js';
import type { Batches } from '../training/fit.js';
import type { DataFile, RunConfig } from '../training/run-config.js';
import { UsageError, wholeNumber, type Arguments, type Command } from './command.js';

const KEYS = [
  'loss', 'optimizer', 'trainable', 'freezeState', 'params', 'state', 'rng', 'engine', 'device', 'artifacts', 'data', 'evaluation', 'checkpoint', 'steps', 'earlyStopping', 'statistics',
  'learningRate', 'logEvery', 'allowNonFinite', 'accumulate', 'directory', 'title', 'batch', 'evalLoss', 'outputs', 'style', 'batchDim',
] as const satisfies readonly (keyof RunConfig)[];

/** A configuration, its paths absolute, its data ready to be read. */
export interface Loaded extends Omit<RunConfig, 'data' | 'evaluation' | 'directory' | 'title'> {
  readonly path: string;
  readonly directory: string;
  readonly title: string;
  readonly data: Batches | undefined;
  readonly evaluation?: Omit<NonNullable<RunConfig['evaluation']>, 'data'> & { data: Batches };
}

/** Options of the commands that take a configuration. */
export const CONFIG_OPTIONS = { out: { type: 'string' }, steps: { type: 'string' }, import: { type: 'string' } } as const satisfies Command['options'];
export const CONFIG_HELP = `CONFIG is a JavaScript or TypeScript module whose default export is a configuration or a function that makes one, or a JSON
file. TypeScript needs a Node that strips types (22.18 or later), or a loader named by --import. JSON either names training
artifacts and files of data, or extends a module: { "extends": "./model.js", "steps": 500 }.

  --out FOLDER      instead of the configuration's directory
  --steps N         instead of the configuration's steps
  --import MODULE   loaded first, from the configuration's folder, such as tsx`;

/** Loads what the first argument names. */
export async function loadConfig(file: string, { values }: Arguments): Promise<Loaded> {
  const path = resolve(file);
  if (!existsSync(path)) throw new UsageError(`There is no configuration ${file}.`);
  refuseOtherCopy(path);
  if (typeof values['import'] === 'string') await loadLoader(values['import'], path);
  const raw = await read(path);
  const name = basename(path);
  const { evaluation, data: rows, ...config } = known(name, raw, KEYS);
  const at = (relative: string): string => resolve(dirname(path), relative);
  if (config.checkpoint !== undefined) known(`${name}: checkpoint`, config.checkpoint, ['every', 'keep']);
  const { artifacts, directory = join('runs', basename(path, extname(path))) } = config;
  for (const key of ['artifacts', 'directory', 'title'] as const) if (config[key] !== undefined && typeof config[key] !== 'string') throw new UsageError(`${name}: ${key} must be a text, but is ${typeof config[key]}.`);
  const steps = wholeNumber('steps', values['steps'], 1) ?? config.steps;
  return {
    ...config, path, title: config.title ?? basename(path, extname(path)), directory: typeof values['out'] === 'string' ? resolve(values['out']) : at(directory),
    ...(artifacts !== undefined && { artifacts: at(artifacts) }), ...(steps !== undefined && { steps }),
    data: rows === undefined ? undefined : await open(rows, `${name}: data`, at),
    ...(evaluation !== undefined && { evaluation: { ...evaluation, data: await open(evaluation.data, `${name}: evaluation.data`, at) } }),
  };
}

/** As `checkOptions`: a configuration that says what nobody knows is a command called wrongly. */
const known: typeof checkOptions = (where, options, names) => {
  try {
    return checkOptions(where, options, names);
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
};

/** What is made of a configuration's values: what they say wrongly is the command called wrongly. */
export function making<T>({ path }: Loaded, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (cause instanceof TypeError || cause instanceof ValueError) throw new UsageError(`${basename(path)}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** Two copies of the library would not know each other's arrays. */
function refuseOtherCopy(path: string): void {
  let found: string;
  try {
    found = dirname(createRequire(path).resolve('hokku/package.json'));
  } catch {
    return; // it imports none
  }
  const mine = packageRoot();
  if (realpathSync(found) !== realpathSync(mine)) throw new UsageError(`${path} imports the hokku of ${found}, and this command is of ${mine}: run that one, npx hokku in the folder of the configuration.`);
}

async function loadLoader(name: string, path: string): Promise<void> {
  let file: string;
  try {
    file = createRequire(path).resolve(name);
  } catch (cause) {
    throw new UsageError(`--import ${name} was not found from ${dirname(path)}: install it there.`, { cause });
  }
  await import(pathToFileURL(file).href);
}

async function read(path: string, options?: unknown): Promise<RunConfig> {
  const name = basename(path);
  const extension = extname(path);
  if (extension === '.json') return readJson(path);
  if (!['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'].includes(extension)) throw new UsageError(`A configuration is a .js, .ts or .json file, but ${name} ends in '${extension}'.`);
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(path).href) as { default?: unknown };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /ts$/.test(extension)) {
      throw new UsageError(`${name} is TypeScript, which Node ${process.version} does not run: use Node 22.18 or later, name a loader (--import tsx), or compile it to JavaScript.`, { cause });
    }
    if (cause instanceof HokkuError) throw cause;
    // Where, Node tells only who prints the error.
    const where = cause instanceof SyntaxError ? ` (node --check ${name} shows where, if it is in this file)` : '';
    throw new HokkuError(`${name} could not be loaded: ${(cause as Error).message}${where}`, 'CONFIG', { cause });
  }
  const made: unknown = typeof module.default === 'function' ? await (module.default as (options: unknown) => unknown)(options ?? {}) : module.default;
  if (typeof made !== 'object' || made === null) throw new UsageError(`${name} must export its configuration by default (export default { loss, optimizer, … }), or a function that makes it, but ${module.default === undefined ? 'has no default export' : `gave ${made === null ? 'null' : typeof made}`}.`);
  return made as RunConfig;
}

/** JSON: plain values over those of the module that it extends, if any. */
async function readJson(path: string): Promise<RunConfig> {
  const name = basename(path);
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  } catch (cause) {
    throw new UsageError(`${name} is no JSON: ${(cause as Error).message}.`, { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || globalThis.Array.isArray(parsed)) throw new UsageError(`${name} must hold an object: { "extends": "./model.js", "steps": 500 }.`);
  const { extends: base, options, ...own } = known(name, parsed, ['extends', 'options', ...KEYS]);
  if (base === undefined) return own as unknown as RunConfig;
  if (typeof base !== 'string') throw new UsageError(`${name}: extends must be the path of a module, but is ${typeof base}.`);
  const file = resolve(dirname(path), base);
  if (!existsSync(file)) throw new UsageError(`${name} extends ${base}, which is not there.`);
  return { ...await read(file, options), ...own };
}

const READERS: Readonly<Record<string, (path: string) => data.Dataset | Promise<data.Dataset>>> = {
  '.npy': data.npy, '.npz': data.npz, '.safetensors': data.safetensors, '.csv': data.csv, '.ndjson': data.ndjson, '.arrow': data.arrow, '.parquet': data.parquet,
};

/** Batches as they are, or those of a file. */
async function open(source: Batches | DataFile, where: string, at: (path: string) => string): Promise<Batches> {
  if (typeof source !== 'object' || source === null || !('file' in source)) return source;
  const { file, shuffle, batch, repeat } = known(where, source, ['file', 'shuffle', 'batch', 'repeat']);
  const reader = READERS[extname(String(file))];
  if (!reader) throw new UsageError(`${where}: ${String(file)} has none of the endings ${Object.keys(READERS).join(', ')}.`);
  let rows = await reader(at(file));
  if (shuffle !== undefined && shuffle !== false) rows = rows.shuffle({ seed: shuffle === true ? 0 : shuffle });
  if (batch !== undefined) rows = rows.batch(batch);
  if (repeat !== undefined && repeat !== false) rows = repeat === true ? rows.repeat() : rows.repeat(repeat);
  return rows;
}

/** A value, or what a function makes of it. */
export const valueOf = async <T>(x: T | (() => T | Promise<T>)): Promise<T> => (typeof x === 'function' ? (x as () => T | Promise<T>)() : x);

/** A key as it is, or of a seed. */
export const keyOf = (rng: RunConfig['rng'] = null): Array | null => (typeof rng === 'number' ? random.PRNGKey(rng) : rng);
