/**
 * Bundles the compiled library: loading its hundred modules one by one takes three times as long. Names of classes and functions are
 * kept, because errors and programs carry them.
 *
 * Most of what remains would be V8 reading a megabyte and a half of source. So esbuild's chunks become functions in one script, and what
 * V8 made of it is kept beside it; `bundle-loader.mjs` runs the chunks that an entry point needs. Another Node compiles the script anew.
 */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { build } from 'esbuild';
import { withoutNeedlessNames } from './bundle-names.mjs';

const OUT = 'dist/bundle';

rmSync(OUT, { recursive: true, force: true });
const { outputFiles } = await build({
  entryPoints: {
    hokku: 'dist/lib/index.js', jax: 'dist/lib/jax/index.js', optax: 'dist/lib/optax/index.js',
    training: 'dist/lib/training/index.js', plot: 'dist/lib/plot/index.js', onnx: 'dist/lib/onnx/index.js',
    // The command line, so that it and a configuration that imports hokku have one and the same library.
    cli: 'dist/lib/cli/main.js',
  },
  outdir: OUT, bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external',
  keepNames: true, logLevel: 'warning', write: false,
});

const IMPORT = /^import (?:(\{[^}]*\}|[\w$]+) from )?"([^"]+)";\n/gm;
const SHEBANG = /^#!.*\n/;
const EXPORT = /^export \{([^}]*)\};\n/m;
/** The pairs of names in `{ a, b as c }`: what it is called on the left and on the right. */
const pairs = (names) => names.replace(/[{}]/g, '').split(',').map((name) => name.trim()).filter(Boolean).map((name) => {
  const [left, right = left] = name.split(' as ');
  return [left, right];
});

/** A chunk as an entry of the script's table: what it imports, and a function from that to its exports. */
function chunk(file, text) {
  const imports = [...text.matchAll(IMPORT)].map(([, names, from]) => [from, !names ? [] : names.startsWith('{') ? pairs(names) : [['default', names]]]);
  const locals = imports.flatMap(([, names]) => names.map(([, local]) => local));
  const exported = EXPORT.exec(text)?.[1] ?? '';
  const body = text.replace(SHEBANG, '').replace(IMPORT, '').replace(EXPORT, '').replaceAll('(import.meta.url)', '(importMetaUrl)').replaceAll(/ import\(/g, ' dynamicImport(');
  return `${JSON.stringify(file)}: [${JSON.stringify(imports.map(([from, names]) => [from, names.map(([name]) => name)]))}, function (${['importMetaUrl', 'dynamicImport', ...locals].join(', ')}) {
${body}
return { ${pairs(exported).map(([local, name]) => `${name}: ${local}`).join(', ')} };
}],\n`;
}

mkdirSync(OUT, { recursive: true });
let script = '"use strict";\n({\n';
for (const { path, text: whole } of outputFiles) {
  const file = basename(path), text = withoutNeedlessNames(whole);
  script += chunk(file, text);
  if (file.startsWith('chunk-')) continue;
  const names = pairs(EXPORT.exec(text)?.[1] ?? '').map(([, name]) => name);
  writeFileSync(`${OUT}/${file}`, `${SHEBANG.exec(text) ?? ''}import { load } from './loader.js';
const { ${names.map((name, i) => `${name}: $${i}`).join(', ')} } = load('${file}');
export { ${names.map((name, i) => `$${i} as ${name}`).join(', ')} };\n`, { mode: SHEBANG.test(text) ? 0o755 : 0o644 });
}
writeFileSync(`${OUT}/library.js`, `${script}})\n`);
copyFileSync('scripts/bundle-loader.mjs', `${OUT}/loader.js`);
// Loaded at the first compilation, by this name.
copyFileSync('dist/lib/lowering/messages.js', `${OUT}/messages.js`);

const { keepCode, load } = await import('../dist/bundle/loader.js');
for (const entry of ['hokku', 'jax', 'optax', 'training', 'plot', 'onnx']) load(`${entry}.js`);
keepCode();
