/** Checkpoints of a run in one folder: saved while training goes on, restored by name. */
import { join } from 'node:path';
import { config } from '../../jax/index.js';
import { ConcreteArray } from '../../jax/array.js';
import type { MutableParams } from '../../haiku/types.js';
import { FileFormatError, TypeError, ValueError, DisposedError } from '../../runtime/errors.js';
import { makeFolder } from '../../runtime/folders.js';
import { channels, tracePromise } from '../../runtime/channels.js';
import { checkOptions } from '../../runtime/options.js';
import { packageVersion } from '../../runtime/native.js';
import type { DataPosition } from '../data/position.js';
import type { NamedTensor } from '../checkpoint-file.js';
import { readCheckpoint, writeCheckpoint } from '../checkpoint-file.js';
import type { TrainTree } from '../train-step.js';
import { TrainingSession } from '../training-session.js';
import { contentsOf, decodeKey, encodeKey, reconcile, scheduleStep, withContents, type Contents } from './contents.js';
import { FolderLock } from './lock.js';
import { FORMAT, VERSION, checkJson, type CheckpointManifest, type Json } from './manifest.js';
import { copies, toArray, toParams, type Named } from './named.js';
import type { RestoreReport } from './report.js';
import { contentsOfFile, contentsOfSession, setSession, toFile } from './session.js';
import { folderOf, listSteps, readManifest, readParts, removeLeftovers, removeOld, writeStep, type Part } from './store.js';

/** A checkpoint that was read: full named maps. */
export interface Checkpoint {
  readonly path: string;
  readonly manifest: CheckpointManifest;
  /** All parameters, those that trained and those that did not. */
  readonly params: MutableParams;
  /** By path: `mlp/~/batch_norm/average`. */
  readonly state: ReadonlyMap<string, ConcreteArray>;
  /** By path: `0/mu/mlp/~/linear_0/w`. */
  readonly optimizer: ReadonlyMap<string, ConcreteArray>;
}

/** What goes into a checkpoint beside what the step carries. */
export interface SaveOptions {
  /** Where the data goes on. */
  data?: DataPosition | null;
  /** Anything that JSON can hold. */
  metadata?: Json;
  /** Steps made, for a session, which does not always count them; a tree says it itself. */
  step?: number;
  /** What runs the step; only noted. */
  engine?: { name: string; device: string };
}
export interface RestoreOptions {
  /** The newest where left out. */
  step?: number;
  /** False takes what fits and reports the rest (default true). */
  strict?: boolean;
}
export interface Restored<T> {
  /** The tree to go on with; for a session, the session itself. */
  readonly state: T;
  readonly report: RestoreReport;
  readonly manifest: CheckpointManifest;
  readonly path: string;
}

/** The steps that a folder has checkpoints of, ascending. */
export const checkpointSteps = (directory: string): number[] => listSteps(directory);

async function open(directory: string, step: number | undefined): Promise<{ path: string; manifest: CheckpointManifest }> {
  const steps = listSteps(directory);
  if (step === undefined && steps.length === 0) return { path: directory, manifest: await readManifest(directory) };
  const chosen = step ?? steps.at(-1)!;
  if (!steps.includes(chosen)) throw new ValueError(`There is no checkpoint of step ${chosen} in ${directory}; there ${steps.length ? `are those of ${steps.join(', ')}` : 'is none'}.`);
  const path = folderOf(directory, chosen);
  const manifest = await readManifest(path);
  if (manifest.step !== chosen) throw new FileFormatError(`The checkpoint ${path} says that it is of step ${manifest.step}: its folder was renamed; give it the name ${join(directory, String(manifest.step).padStart(8, '0'))} again.`);
  return { path, manifest };
}

async function contentsIn(path: string, manifest: CheckpointManifest): Promise<Contents> {
  const parts = await tracePromise(channels.checkpoint, () => ({ action: 'restore' as const, path, step: manifest.step }), () => readParts(path, manifest));
  const named = (part: Part): Named => new Map([...parts[part]].map((t) => [t.name, toArray(t)]));
  const { trainable, step, rng, optimizer: optimizerKind, session } = manifest;
  return { params: named('params'), state: named('state'), optimizer: named('optimizer'), trainable, step, rng: decodeKey(rng), optimizerKind, session };
}

const sorted = (named: Named): Map<string, ConcreteArray> => new Map([...named].sort(([a], [b]) => (a < b ? -1 : 1)));

/**
 * Reads a checkpoint as it is, with nothing to hold it against. Every byte is held against its hash.
 *
 * @param directory the folder of one checkpoint, or a folder of several, of which `step` (or the newest) is read
 * @throws FileFormatError where it is none, damaged, or of a newer version; nothing is ever changed
 *
 * @example
 * const { params, manifest } = await loadCheckpoint('run/checkpoints');
 */
export async function loadCheckpoint(directory: string, options?: { step?: number }): Promise<Checkpoint> {
  const { step } = checkOptions('loadCheckpoint', options, ['step']);
  const { path, manifest } = await open(directory, step);
  const { params, state, optimizer } = await contentsIn(path, manifest);
  return { path, manifest, params: toParams(sorted(params)), state: sorted(state), optimizer: sorted(optimizer) };
}

/**
 * Continues from a checkpoint: its values by name, in a tree (or session) like `state`, which is used up.
 *
 * Which parameters train may have changed: optimizer state is kept for those that still do, begins anew for those that
 * begin to, and is left behind for the others; the report names them.
 *
 * @param state what `step.init` gave (in a schedule of what trains `step.adopt(…, { step })` of it), or a training session
 * @throws CheckpointMismatchError naming what is missing, left over or of another shape; FileFormatError for damaged files
 *
 * @example
 * const { state } = await restoreCheckpoint('run/checkpoints', step.init(params));
 */
export async function restoreCheckpoint<T extends TrainTree | TrainingSession>(directory: string, state: T, options?: RestoreOptions): Promise<Restored<T>> {
  const { step, strict = true } = checkOptions('restoreCheckpoint', options, ['step', 'strict']);
  const { path, manifest } = await open(directory, step);
  const found = await contentsIn(path, manifest);
  if (state instanceof TrainingSession) {
    const { contents, report } = reconcile(contentsOfSession(state), found, path, strict);
    setSession(state, contents);
    return { state, report, manifest, path };
  }
  const { contents, report } = reconcile(contentsOf(requireTree('restoreCheckpoint', state)), found, path, strict);
  return { state: withContents(state, contents) as T, report, manifest, path };
}

function requireTree(where: string, x: unknown): TrainTree {
  if (typeof x !== 'object' || x === null || !('optState' in x)) throw new TypeError(`${where}: expected the tree that step.init or a step returned, or a TrainingSession, but got ${x === null ? 'null' : typeof x}.`);
  return x as TrainTree;
}

/** What is to be written, in memory of its own: training may go on. */
export interface Snapshot { readonly manifest: Omit<CheckpointManifest, 'files'>; readonly parts: Readonly<Record<Part, readonly NamedTensor[]>> }

/** Copies what a step carries, a few megabytes at a time; nothing may change it before the generator has ended. */
export function* takeSnapshot(where: string, state: TrainTree | TrainingSession, { data = null, metadata = null, engine, step }: SaveOptions): Generator<void, Snapshot> {
  const contents = state instanceof TrainingSession ? contentsOfSession(state) : contentsOf(requireTree(where, state));
  const device = (contents.params.values().next().value as ConcreteArray | undefined)?.device;
  return {
    manifest: {
      format: FORMAT, version: VERSION, step: contents.session ? step ?? contents.step : contents.step, scheduleStep: scheduleStep(contents), rng: encodeKey(contents.rng), data,
      trainable: [...contents.trainable].sort(), optimizer: contents.optimizerKind,
      engine: engine ?? { name: contents.session ? 'onnxruntime-training' : device?.engine ?? config.engine, device: String(device ?? 'cpu:0') },
      writtenBy: `hokku ${packageVersion()}`, time: new Date().toISOString(), session: contents.session, metadata: checkJson(where, metadata),
    },
    parts: { params: yield* copies(contents.params), state: yield* copies(contents.state), optimizer: yield* copies(contents.optimizer) },
  };
}

/**
 * The one writer of a folder of checkpoints, one folder a step. What is written appears whole or not at all, whatever
 * happens meanwhile, and nothing that is there is ever overwritten.
 *
 * @example
 * await using manager = await CheckpointManager.open('run/checkpoints', { keep: 3 });
 * const saving = manager.save(carry);        // copied at once: training may go on
 * [carry] = step(carry, batch);
 * await saving;                              // on the disk
 */
export class CheckpointManager {
  readonly directory: string;
  readonly keep: number;
  readonly #lock: FolderLock;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(directory: string, keep: number, lock: FolderLock) {
    this.directory = directory;
    this.keep = keep;
    this.#lock = lock;
  }

  /**
   * @param directory made where missing
   * @param options `keep`: how many checkpoints stay, the newest ones (default 3; `Infinity` for all)
   * @throws LockedError where another process writes there
   */
  static async open(directory: string, options?: { keep?: number }): Promise<CheckpointManager> {
    const { keep = 3 } = checkOptions('CheckpointManager.open', options, ['keep']);
    if (typeof directory !== 'string' || directory === '') throw new TypeError('CheckpointManager.open: the first argument is the folder of the checkpoints.');
    if (keep !== Infinity && (!Number.isInteger(keep) || keep < 1)) throw new ValueError(`CheckpointManager.open: keep must be a positive whole number or Infinity, but got ${String(keep)}.`);
    makeFolder(directory);
    const lock = new FolderLock(directory);
    try {
      await removeLeftovers(directory);
    } catch (error) {
      lock.release();
      throw error;
    }
    return new CheckpointManager(directory, keep, lock);
  }

  /** The steps that there are checkpoints of, ascending. */
  allSteps(): number[] { return listSteps(this.directory); }
  latestStep(): number | null { return this.allSteps().at(-1) ?? null; }

  /**
   * Copies the state at once, and resolves with the checkpoint's folder when it is on the disk. Saves are written one after
   * another. @throws ValueError where there is a checkpoint of this step
   */
  save(state: TrainTree | TrainingSession, options?: SaveOptions): Promise<string> {
    const copying = takeSnapshot('CheckpointManager.save', state, checkOptions('CheckpointManager.save', options, ['data', 'metadata', 'engine', 'step']));
    let done = copying.next();
    while (!done.done) done = copying.next();
    return this.write(done.value).then(({ path }) => path);
  }

  /** @internal Writes a snapshot. */
  write({ manifest, parts }: Snapshot): Promise<{ path: string; bytes: number }> {
    if (this.#closed) return Promise.reject(new DisposedError(`This CheckpointManager of ${this.directory} was closed: open it again.`));
    const writing = this.#last.catch(() => {}).then(async () => {
      const trace = () => ({ action: 'save' as const, path: folderOf(this.directory, manifest.step), step: manifest.step });
      const written = await tracePromise(channels.checkpoint, trace, () => writeStep(this.directory, manifest, parts));
      // The checkpoint is safe by now. What cannot be removed is tried again after the next one.
      if (this.keep !== Infinity) await removeOld(this.directory, this.keep).catch(() => {});
      return written;
    });
    this.#last = writing;
    // An error is the caller's, who has the promise; here it must only not be without a handler.
    writing.catch(() => {});
    return writing;
  }

  /** As `restoreCheckpoint`, from this folder. */
  restore<T extends TrainTree | TrainingSession>(state: T, options?: RestoreOptions): Promise<Restored<T>> { return restoreCheckpoint(this.directory, state, options); }

  /** Resolves when everything given to `save` is written, or could not be. */
  async waitUntilFinished(): Promise<void> { await this.#last.catch(() => {}); }

  /** Waits for what is being written and gives the folder back. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.waitUntilFinished();
    this.#lock.release();
  }
  [Symbol.asyncDispose](): Promise<void> { return this.close(); }
}

/**
 * Writes a checkpoint as ONNX Runtime's checkpoint file: parameters in its lists of trained and frozen ones, Adam's moments
 * where `optax.adam` or `adamw` trained.
 *
 * @param directory as for `loadCheckpoint`
 */
export async function exportOrtCheckpoint(directory: string, path: string, options?: { step?: number }): Promise<void> {
  const { step } = checkOptions('exportOrtCheckpoint', options, ['step']);
  const opened = await open(directory, step);
  writeCheckpoint(path, toFile(await contentsIn(opened.path, opened.manifest)));
}

/** Reads ONNX Runtime's checkpoint file, of artifacts that hokku or others made, as full named maps. */
export function importOrtCheckpoint(path: string): Omit<Checkpoint, 'manifest'> & { trainable: readonly string[]; step: number } {
  const { params, state, optimizer, trainable, step } = contentsOfFile(readCheckpoint(path), path);
  return { path, params: toParams(sorted(params)), state: sorted(state), optimizer: sorted(optimizer), trainable, step };
}
