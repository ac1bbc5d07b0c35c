/**
 * Compiled programs on disk (`config.compilationCacheDir`): what the engine made of a program, for other processes. A file is
 * a checksum, the layout of inputs and outputs, and the engine's optimised model. It is written beside its place and renamed,
 * so that no process sees half of one; what does not match its checksum is compiled again.
 */
import { readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { crypto, sha256 } from '../runtime/builtins.js';
import { makeFolder } from '../runtime/folders.js';
import { packageVersion } from '../runtime/native.js';
import { config } from './config.js';
import type { DType } from './dtypes.js';

/** How a model's inputs and outputs belong to the program's. */
export interface Layout {
  readonly inputs: readonly { readonly source: number; readonly dtype: DType; readonly shape: readonly number[] }[];
  readonly fresh: readonly number[];
  readonly inPlace: readonly (readonly [output: number, input: number])[];
  readonly token: boolean;
}
export interface Entry { readonly layout: Layout; readonly model: Uint8Array }

const ENDING = '.hokku-program';
const DIGEST = 32;
/** Larger ones hold arrays that the engine computed beforehand: those are made faster than they are read. */
const MOST = 2 ** 24;

/** The place of a program's file. The engine's optimised models are made for one processor. */
export function cacheFile(engineVersion: string, programKey: string): string {
  const key = [packageVersion(), engineVersion, process.platform, process.arch, cpus()[0]?.model ?? '', programKey];
  return join(config.compilationCacheDir!, `${sha256(JSON.stringify(key)).toString('hex')}${ENDING}`);
}

/** The program of that file, null where there is none or it is not whole. */
export function readEntry(file: string): Entry | null {
  let bytes: Buffer;
  try { bytes = readFileSync(file); } catch { return null; }
  const rest = bytes.subarray(DIGEST);
  if (rest.length < 4 || !sha256(rest).equals(bytes.subarray(0, DIGEST))) return null;
  const length = rest.readUInt32LE(0);
  // The bound takes the files first that were not read for the longest time.
  try { const now = new Date(); utimesSync(file, now, now); } catch { /* another process took it away */ }
  return { layout: JSON.parse(rest.toString('utf8', 4, 4 + length)) as Layout, model: rest.subarray(4 + length) };
}

let warned = false;
/** Runs `compile` with a path for the optimised model, and keeps what it wrote there. A cache that cannot be written is no error. */
export function writeEntry<T>(file: string, layout: Layout, compile: (optimizedModelPath?: string) => T): T {
  const beside = `${file}.${process.pid}.${crypto().randomUUID()}`;
  const model = `${beside}.model`;
  try {
    makeFolder(config.compilationCacheDir!);
    writeFileSync(model, '');
  } catch (error) {
    warn(error);
    return compile();
  }
  try {
    const compiled = compile(model);
    try {
      const head = Buffer.from(JSON.stringify(layout));
      const length = Buffer.alloc(4);
      length.writeUInt32LE(head.length);
      const optimized = readFileSync(model);
      if (optimized.length > MOST) return compiled;
      writeFileSync(beside, Buffer.concat([sha256(length, head, optimized), length, head, optimized]));
      renameSync(beside, file);
      bound();
    } catch (error) { warn(error); }
    return compiled;
  } finally {
    for (const left of [model, beside]) rmSync(left, { force: true });
  }
}

function warn(error: unknown): void {
  if (!warned) process.emitWarning(`config.compilationCacheDir: programs cannot be kept in ${config.compilationCacheDir}: ${(error as Error).message}`);
  warned = true;
}

/** Takes the oldest files away until the rest fits `config.compilationCacheMaxSize`. */
function bound(): void {
  const folder = config.compilationCacheDir!;
  const files = readdirSync(folder).filter((name) => name.endsWith(ENDING)).flatMap((name) => {
    const path = join(folder, name);
    try { const { size, mtimeMs } = statSync(path); return [{ path, size, mtimeMs }]; } catch { return []; }
  }).sort((a, b) => a.mtimeMs - b.mtimeMs);
  let total = files.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of files) {
    if (total <= config.compilationCacheMaxSize) return;
    rmSync(path, { force: true });
    total -= size;
  }
}
