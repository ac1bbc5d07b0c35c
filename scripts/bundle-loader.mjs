/** Runs the scripts that `scripts/bundle.mjs` makes of the bundle's larger files, with the code that V8 compiled for them before. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Script, constants } from 'node:vm';

const scripts = new Map();

/** Evaluates the script beside the module `url` with what the module imports, and returns the values of its exports. */
export function run(url, imports) {
  const filename = url.replace(/js$/, 'script.js');
  const path = fileURLToPath(filename);
  let cachedData;
  try {
    cachedData = readFileSync(`${path}.code`);
  } catch { /* compiled anew */ }
  const script = new Script(readFileSync(path, 'latin1'), { filename, cachedData, importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER });
  scripts.set(path, script);
  return script.runInThisContext()(url, ...imports);
}

/** Writes the compiled code of what ran in this process, the functions that were called among it. */
export function keepCode() {
  for (const [path, script] of scripts) writeFileSync(`${path}.code`, script.createCachedData());
}
