/** Which files of a checkout go to the GPU machine. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What runs there beside the library's own dependencies. */
const TOOLS = ['mocha', 'chai'];
const ENGINE = join('.engines', 'onnxruntime-training-gpu');
const SKIPPED = /\.(map|md|ts|mts|cts|flow|markdown)$|(^|\/)\.bin\//;

const refuse = (message) => Object.assign(new Error(message), { code: 'BUNDLE' });

function below(folder, keep = () => true) {
  if (!existsSync(folder)) throw refuse(`${folder} is missing: run \`node scripts/setup.mjs --gpu\` first.`);
  return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1)).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return below(path, keep);
    return keep(path) ? [path] : [];
  });
}

/** A package's folder as Node finds it from `from`: nested, or further up. */
function find(name, from) {
  for (let at = from; ; at = at.slice(0, at.lastIndexOf('node_modules')).replace(/\/$/, '')) {
    const folder = join(at, 'node_modules', name);
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (!at.includes('node_modules')) return undefined;
  }
}

/** The folders of packages and of all that they need. */
function closure(names) {
  const folders = new Set();
  const visit = (name, from, required) => {
    const folder = find(name, from);
    if (!folder) {
      if (required) throw refuse(`The package ${name} is not installed: run \`node scripts/setup.mjs --gpu\` first.`);
      return;
    }
    if (folders.has(folder)) return;
    folders.add(folder);
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    for (const dependency of Object.keys(dependencies)) visit(dependency, folder, !(dependency in optionalDependencies));
  };
  for (const name of names) visit(name, '', true);
  return [...folders].sort();
}

/** Paths from the checkout's root. */
export function bundledFiles() {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  // onnxruntime-node brings the libraries of every platform.
  const foreign = /onnxruntime-node\/bin\/napi-v\d+\/(?!linux\/x64\/)/;
  const nested = (folder) => (path) => !path.slice(folder.length).includes('/node_modules/');
  const packages = closure([...Object.keys(dependencies), ...TOOLS])
    .flatMap((folder) => below(folder, (path) => nested(folder)(path) && !SKIPPED.test(path) && !foreign.test(path)));
  return [
    'package.json',
    join('build', 'Release', 'hokku.node'),
    join('scripts', 'gpu-run.sh'),
    ...below(join('scripts', 'gpu')),
    ...below(ENGINE),
    ...['lib', 'bundle', 'bench', 'examples', 'test'].flatMap((folder) => below(join('dist', folder), (path) => !SKIPPED.test(path))),
    ...below(join('test', 'artifacts')),
    ...packages,
  ];
}
