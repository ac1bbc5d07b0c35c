/**
 * Makes a checkout ready to run: packages, native addon, TypeScript, training engine. Each step runs only when its
 * inputs changed, so that demo and tests can call this every time.
 *
 *   node scripts/setup.mjs          everything
 *   node scripts/setup.mjs --gpu    with the GPU build of the training engine
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { changed, hashOf, filesIn, remember } from './setup/stamps.mjs';
import { fetchTrainingEngine } from './setup/training-engine.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const windows = process.platform === 'win32';

class Refusal extends Error {}

/** Quiet when it works, everything it said when it does not. */
function run(command, args, { env = {} } = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', shell: windows && !command.endsWith('.exe'), env: { ...process.env, ...env }, maxBuffer: 1 << 28 });
  if (done.error) throw new Refusal(`${command} cannot be started: ${done.error.message}.`);
  if (done.status !== 0) {
    process.stdout.write(done.stdout);
    process.stderr.write(done.stderr);
    throw new Refusal(`${command} ${args.join(' ')} failed.`);
  }
}

const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore', shell: windows }).status === 0;
const step = (text) => console.log(`setup: ${text}`);
const bin = (name, entry) => join('node_modules', name, entry);

/** Whether node_modules holds what the lockfile says. */
function packagesMatch() {
  const installed = join('node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const want = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages;
  return Object.entries(want).every(([path, entry]) => path === '' || (have[path] ? have[path].version === entry.version : entry.optional || entry.peer));
}

function installPackages() {
  if (packagesMatch()) return;
  step('installing packages');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund'];
  // onnxruntime-node would fetch CUDA libraries where it finds CUDA, and fail without a network.
  const env = { ONNXRUNTIME_NODE_INSTALL: 'skip' };
  if (npm) run(process.execPath, [npm, ...args], { env });
  else run('npm', args, { env });
}

function buildAddon() {
  const inputs = ['CMakeLists.txt', 'binding.gyp', ...filesIn('native'), join('node_modules', 'node-addon-api', 'package.json')];
  const hash = hashOf(inputs, `${process.platform}-${process.arch}`);
  if (!changed('addon', hash) && existsSync(join('build', 'Release', 'hokku.node'))) return;
  const compilers = windows ? ['cl'] : [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean);
  // On Windows the build tools find the compiler by themselves, outside the path.
  if (!windows && !compilers.some(works)) {
    throw new Refusal('No C++ compiler was found: install one (Debian, Ubuntu: the package g++; Fedora: gcc-c++; macOS: xcode-select --install).');
  }
  const cmake = works('cmake');
  if (!cmake && !['python3', 'python'].some(works)) {
    throw new Refusal('Neither CMake nor Python was found, and one of them must drive the C++ build: install the package cmake (Debian, Ubuntu, Fedora, Homebrew).');
  }
  if (!windows && !works('make') && !(cmake && works('ninja'))) {
    throw new Refusal('Neither make nor ninja was found, and the C++ build needs one: install the package make.');
  }
  step('building the native addon');
  if (cmake) run(process.execPath, [bin('cmake-js', 'bin/cmake-js'), 'compile', '--log-level', 'error']);
  else buildWithGyp();
  remember('addon', hash);
}

function buildWithGyp() {
  const prefix = join(dirname(process.execPath), '..');
  const args = ['rebuild', '--silent'];
  // Node's own headers are beside it in most installations: then nothing is fetched.
  if (existsSync(join(prefix, 'include', 'node', 'common.gypi'))) args.push(`--nodedir=${prefix}`);
  run(process.execPath, [bin('node-gyp', 'bin/node-gyp.js'), ...args]);
}

/** Compiled files whose source is gone: mocha would run them still. */
function removeStale() {
  if (!existsSync('dist')) return;
  for (const file of filesIn('dist')) {
    const source = relative('dist', file).replace(/(\.d\.ts|\.js|\.js\.map)$/, '');
    if (source !== relative('dist', file) && !['.ts', '.mts', '.tsx'].some((extension) => existsSync(source + extension))) rmSync(file);
  }
}

function buildTypeScript() {
  const sources = ['lib', 'test', 'examples', 'bench'].flatMap((folder) => (existsSync(folder) ? filesIn(folder).filter((file) => file.endsWith('.ts')) : []));
  const hash = hashOf(['tsconfig.json', join('scripts', 'bundle.mjs'), join('scripts', 'bundle-names.mjs'), join('scripts', 'bundle-loader.mjs'), 'package.json', 'package-lock.json', ...sources], process.version);
  if (!changed('typescript', hash) && existsSync(join('dist', 'bundle', 'hokku.js'))) return;
  step('compiling TypeScript');
  removeStale();
  run(process.execPath, [bin('typescript', 'bin/tsc'), '-p', 'tsconfig.json']);
  run(process.execPath, [join('scripts', 'bundle.mjs')]);
  remember('typescript', hash);
}

try {
  const { values } = parseArgs({ options: { gpu: { type: 'boolean', default: false } } });
  installPackages();
  fetchTrainingEngine({ gpu: values.gpu, step });
  buildAddon();
  buildTypeScript();
} catch (error) {
  if (!(error instanceof Refusal) && error.code !== 'ENGINE' && !error.code?.startsWith('ERR_PARSE_ARGS')) throw error;
  console.error(`setup: ${error.message}`);
  process.exitCode = 1;
}
