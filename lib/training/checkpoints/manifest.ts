/**
 * The manifest of a checkpoint: a JSON file beside the safetensors, which names and hashes them. It carries its own hash,
 * over its text without it, so that a flipped byte is found wherever it is.
 */
import { sha256 as sha256Of } from '../../runtime/builtins.js';
import { FileFormatError, ValueError } from '../../runtime/errors.js';
import type { DType } from '../../runtime/dtypes.js';
import type { DataPosition } from '../data/position.js';

export const FORMAT = 'hokku-checkpoint';
export const VERSION = 1;
export const MANIFEST = 'manifest.json';

/** The files of a checkpoint, by what they hold: full named maps, whatever trained. */
export const FILES = { params: 'params.safetensors', state: 'state.safetensors', optimizer: 'optimizer.safetensors' } as const;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface CheckpointManifest {
  readonly format: typeof FORMAT;
  readonly version: number;
  /** Steps made. */
  readonly step: number;
  /** Updates that the optimizer's own counter has seen: where its schedules are. */
  readonly scheduleStep: number;
  /** The run's key, or null. */
  readonly rng: { readonly dtype: DType; readonly shape: readonly number[]; readonly data: readonly number[] } | null;
  /** Where the data goes on; null where the run had none of its own. */
  readonly data: DataPosition | null;
  /** `module/name` of the parameters that trained, sorted; all others in `params.safetensors` did not. */
  readonly trainable: readonly string[];
  /** The states of the optimizer, as text: `[ScaleByAdamState, EmptyState]`. */
  readonly optimizer: string;
  /** What ran it. */
  readonly engine: { readonly name: string; readonly device: string };
  /** Of hokku. */
  readonly writtenBy: string;
  /** ISO 8601. */
  readonly time: string;
  /** Of a training session: what its artifacts' checkpoint says beside the tensors. */
  readonly session: Json;
  /** The caller's own. */
  readonly metadata: Json;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

const digest = (text: string): string => sha256Of(text).toString('hex');
const print = (x: unknown): string => `${JSON.stringify(x, null, 2)}\n`;

/** The text of a manifest, its hash last. */
export function encodeManifest(manifest: CheckpointManifest): string {
  return print({ ...manifest, sha256: digest(print(manifest)) });
}

/**
 * @param path for errors
 * @throws FileFormatError where the text is no manifest, was damaged, or is of a newer version
 */
export function decodeManifest(text: string, path: string): CheckpointManifest {
  const refuse = (fault: string, options?: ErrorOptions) => new FileFormatError(`The checkpoint's manifest ${path} ${fault}.`, options);
  let parsed: CheckpointManifest & { sha256?: unknown };
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw refuse('is damaged: it is no JSON; restore another step', { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || parsed.format !== FORMAT) throw refuse('is not one of hokku\'s: name the folder of a checkpoint that hokku wrote');
  if (typeof parsed.version === 'number' && parsed.version > VERSION) throw refuse(`has version ${parsed.version}, and this version of hokku reads version ${VERSION}: install the hokku that wrote it (${String(parsed.writtenBy)}) or a later one`);
  const { sha256, ...manifest } = parsed;
  // Written again it must be the same text, so that not even a space may differ.
  if (sha256 !== digest(print(manifest)) || print(parsed) !== text) throw refuse('is damaged: its text does not have the hash that it was written with; restore another step');
  return manifest;
}

/** Refuses what JSON would lose or change without a word. */
export function checkJson(where: string, x: unknown): Json {
  const walk = (value: unknown, path: string): void => {
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return;
    if (typeof value === 'number' && Number.isFinite(value)) return;
    if (globalThis.Array.isArray(value)) { value.forEach((v, i) => walk(v, `${path}[${i}]`)); return; }
    const prototype = typeof value === 'object' ? Object.getPrototypeOf(value) as object | null : undefined;
    if (prototype !== undefined && (prototype === null || Object.getPrototypeOf(prototype) === null)) {
      for (const [k, v] of Object.entries(value as object)) walk(v, `${path}.${k}`);
      return;
    }
    throw new ValueError(`${where}: ${path} is ${typeof value === 'object' ? 'an object of a class' : String(value)}, which JSON cannot hold; use plain objects, lists, finite numbers, texts, booleans and null.`);
  };
  walk(x, 'metadata');
  return x as Json;
}
