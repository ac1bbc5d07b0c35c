/** Loads the native addon, on first use: importing hokku loads no library. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Addon } from './addon.js';
import * as errors from './errors.js';

let loaded: Addon | undefined;

/** The folder of hokku's `package.json`, wherever this file was compiled to. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'hokku') return folder;
    const parent = dirname(folder);
    if (parent === folder) throw new errors.EngineNotFoundError("hokku's own package.json was not found above its code: keep them together when bundling.");
    folder = parent;
  }
}

const ERRORS = Symbol.for('hokku.errors');
let version: string | undefined;
/** hokku's version. */
export const packageVersion = (): string => (version ??= (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version);

/** Where the addon is built. */
export const addonPath = (): string => process.env['HOKKU_ADDON'] ?? join(packageRoot(), 'build', 'Release', 'hokku.node');

/** The addon of this thread. */
export function addon(): Addon {
  if (loaded) return loaded;
  const path = addonPath();
  if (!existsSync(path)) {
    throw new errors.EngineNotFoundError(`The native addon is not built (${path} is missing): run \`npm run setup\` in ${packageRoot()}.`);
  }
  try {
    loaded = createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    throw new errors.EngineNotFoundError(
      `The native addon ${path} cannot be loaded by Node ${process.version} on ${process.platform}-${process.arch}: run \`npm run setup\` again.`,
      { cause },
    );
  }
  // Of two copies of the library in one process, such as its bundle beside its modules, the first one's classes stay.
  if (!Object.hasOwn(loaded, ERRORS)) Object.defineProperty(loaded, ERRORS, { value: loaded.setErrors(errors) });
  // Node runs no native clean-up on process.exit, and a step that is still running would see the engine go away.
  process.once('exit', () => loaded?.shutdown());
  return loaded;
}
