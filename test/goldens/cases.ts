/** Finding and reading cases. */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSafetensors } from '../../lib/training/checkpoints/safetensors.js';
import type { RawArray } from './compare.js';
import type { Any } from './api.js';

/** The folder that holds package.json, found from this file upwards: sources and build lie at different depths. */
export function packageRoot(): string {
  let at = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(at, 'package.json'))) {
    const up = dirname(at);
    if (up === at) throw new Error('No package.json was found above the golden runner.');
    at = up;
  }
  return at;
}

export const goldensFolder = (): string => join(packageRoot(), 'test', 'goldens');

/** A tolerance of a case: exact, or |a - b| <= atol + rtol |b|. */
export interface Tolerance { rtol?: number; atol?: number; exact?: boolean }
export interface Tolerances { default?: Tolerance; arrays?: Record<string, Tolerance> }

/** A case with its arrays. `json` has the form that its `kind` gives it. */
export interface Case {
  readonly group: string;
  readonly name: string;
  readonly kind: string;
  readonly folder: string;
  readonly json: Any;
  readonly arrays: ReadonlyMap<string, RawArray>;
}

/** Every file of a case under the folders, at any depth, sorted. */
export function findCases(folders: readonly string[]): string[] {
  const found: string[] = [];
  const walk = (path: string): void => {
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) walk(join(path, name));
    } else if (path.endsWith('.json') && isCase(path)) found.push(path);
  };
  for (const folder of folders) walk(folder);
  return found;
}

/** Other JSON (the manifest, signatures) may lie beside the cases. Only the head is looked at: cases can be large. */
const isCase = (path: string): boolean => /^\s*\{\s*"format":\s*1,\s*"group":/.test(readFileSync(path, { encoding: 'utf8' }).slice(0, 200));

export function readCase(path: string): Case {
  const json = JSON.parse(readFileSync(path, 'utf8')) as Any;
  const arrays = new Map<string, RawArray>();
  const folder = dirname(path);
  for (const file of json.files as string[]) for (const [key, value] of readSafetensors(join(folder, file))) arrays.set(key, value);
  return { group: json.group, name: json.case, kind: json.kind, folder, json, arrays };
}

/** The tolerance of an array by its name. */
export function toleranceFor(tolerances: Tolerances | undefined, name: string): Tolerance {
  const own = tolerances?.arrays;
  return own && Object.hasOwn(own, name) ? own[name] : tolerances?.default ?? { exact: true };
}
