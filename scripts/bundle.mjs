/**
 * Bundles the compiled library, one file an entry point and shared chunks between them: loading its hundred modules one by
 * one takes three times as long. Names of classes and functions are kept, because errors and programs carry them.
 *
 * Most of the rest would be V8 reading a megabyte and a half of source. So each larger file becomes a module of imports and exports
 * around a script, and V8's compiled code is kept beside the script. Another Node than the one that bundled compiles anew.
 */
import { copyFileSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const OUT = 'dist/bundle';
/** Smaller files are compiled faster than another one is opened. */
const LEAST = 10_000;

const IMPORT = /^import (?:(\{[^}]*\}|\* as [\w$]+|[\w$]+) from )?"[^"]+";\n/gm;
const EXPORT = /^export \{([^}]*)\};\n/m;
const listed = (names) => names.replace(/[{}]/g, '').split(',').map((name) => name.trim().split(' as ')).filter(([name]) => name);
/** Lines stay where they are, so that the source map fits the script. */
const blank = (text) => '\n'.repeat(text.split('\n').length - 1);

function split(file) {
  const text = readFileSync(`${OUT}/${file}`, 'utf8');
  const exported = EXPORT.exec(text);
  if (text.length < LEAST || !exported) return;
  const imports = [...text.matchAll(IMPORT)];
  const values = imports.flatMap(([, names]) => (names ? listed(names).map((name) => name.at(-1)) : []));
  const results = listed(exported[1]);
  const body = text.replace(IMPORT, blank)
    .replace(EXPORT, () => `return [${results.map(([local]) => local).join(', ')}];${blank(exported[0])}`)
    .replaceAll('(import.meta.url)', '(importMetaUrl)')
    .replace(/\n\/\/# sourceMappingURL.*\n$/, (map) => `\n})${map}`);
  writeFileSync(`${OUT}/${file.replace(/js$/, 'script.js')}`, `(function (importMetaUrl, ${values.join(', ')}) {"use strict";${body}`);
  writeFileSync(`${OUT}/${file}`, `${imports.map(([statement]) => statement).join('')}import { run } from "./loader.js";
const [${results.map((_, i) => `$${i}`).join(', ')}] = run(import.meta.url, [${values.join(', ')}]);
export { ${results.map(([local, name = local], i) => `$${i} as ${name}`).join(', ')} };\n`);
}

rmSync(OUT, { recursive: true, force: true });
const entryPoints = {
  hokku: 'dist/lib/index.js', jax: 'dist/lib/jax/index.js', optax: 'dist/lib/optax/index.js',
  training: 'dist/lib/training/index.js', plot: 'dist/lib/plot/index.js', onnx: 'dist/lib/onnx/index.js',
};
await build({
  // The command line, so that it and a configuration that imports hokku have one and the same library.
  entryPoints: { ...entryPoints, cli: 'dist/lib/cli/main.js' },
  outdir: OUT, bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external',
  keepNames: true, sourcemap: true, logLevel: 'warning',
});
for (const file of readdirSync(OUT).filter((name) => name.endsWith('.js'))) split(file);
copyFileSync('scripts/bundle-loader.mjs', `${OUT}/loader.js`);

const { keepCode } = await import('../dist/bundle/loader.js');
for (const entry of Object.keys(entryPoints)) await import(`../${OUT}/${entry}.js`);
keepCode();
