/** Runs the parts of the bundle's script that an entry point needs, with the code that V8 compiled for it when it was bundled. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

const filename = new URL('library.js', import.meta.url);
const codeFile = new URL('library.code', import.meta.url);

let cachedData;
try {
  cachedData = readFileSync(codeFile);
} catch { /* compiled anew */ }
const script = new Script(readFileSync(filename, 'latin1'), { filename: fileURLToPath(filename), cachedData });
const chunks = script.runInThisContext();
const loaded = new Map();

/** The exports of a chunk, or of a module of Node's. */
export function load(name) {
  if (name.startsWith('node:')) return process.getBuiltinModule(name);
  const file = name.replace('./', '');
  if (!loaded.has(file)) {
    const [imports, run] = chunks[file];
    const values = imports.flatMap(([from, names]) => {
      const module = load(from);
      return names.map((key) => (key === 'default' ? module : module[key]));
    });
    // Code that was kept cannot import by itself.
    loaded.set(file, run(import.meta.url, (specifier) => import(specifier), ...values));
  }
  return loaded.get(file);
}

/** Writes the compiled code, that of the functions called so far among it. */
export const keepCode = () => writeFileSync(codeFile, script.createCachedData());
