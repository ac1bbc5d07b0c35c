/** What each step last saw, as hashes of contents: file times change with every checkout. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join('node_modules', '.hokku');

/** All files below a folder, sorted. */
export function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

export function hashOf(files, ...extra) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update('\0').update(readFileSync(file)).update('\0');
  for (const text of extra) hash.update(text).update('\0');
  return hash.digest('hex');
}

export function changed(name, hash) {
  try {
    return readFileSync(join(FOLDER, name), 'utf8') !== hash;
  } catch {
    return true;
  }
}

export function remember(name, hash) {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, name), hash);
}
