/** Brings ONNX Runtime with the training API into `.engines/`, through Maven's own client. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { readZip } from './zip.mjs';

const POM = join('scripts', 'training-engine', 'pom.xml');
const PLATFORMS = {
  'linux-x64': 'linux-x86_64',
  'linux-arm64': 'linux-arm64',
  'darwin-arm64': 'macosx-arm64',
  'darwin-x64': 'macosx-x86_64',
  'win32-x64': 'windows-x86_64',
};
/** Of the jar; a platform without one here relies on Maven's own check. */
const SHA256 = {
  'linux-x86_64': 'f2de034ff16d4aebe4382530b383b6070c834741d74ebc31d72696d2e57a74dc',
  'linux-x86_64-gpu': 'a1775c67abc5864dcaa3771eff343be804cd0d0232f0b187e6c9867c15d6167f',
};
const WANTED = /^(lib)?onnxruntime(_providers_(shared|cuda))?(\.\d+)*\.(so|dylib|dll)(\.\d+)*$/;

const refuse = (message) => Object.assign(new Error(message), { code: 'ENGINE' });

/** Without Maven or a network only the stock engine is there, which is enough for all but training artifacts. */
export function fetchTrainingEngine({ gpu, step }) {
  if (process.env.HOKKU_ORT_TRAINING) return;
  const platform = PLATFORMS[`${process.platform}-${process.arch}`];
  const version = /<engine\.version>(.+?)</.exec(readFileSync(POM, 'utf8'))[1];
  const give = (message) => {
    if (gpu) throw refuse(message);
    console.error(`setup: ${message} Everything but training artifacts works without it.`);
  };
  if (!platform) return give(`The training engine is not published for ${process.platform}-${process.arch}.`);
  const folderOf = (variant) => join('.engines', `onnxruntime-training-${variant}`);
  const classifierOf = (variant) => (variant === 'gpu' ? `${platform}-gpu` : platform);
  const contentOf = (variant) => `${version} ${classifierOf(variant)}\n`;
  const isThere = (variant) => {
    const mark = join(folderOf(variant), 'version');
    return existsSync(mark) && readFileSync(mark, 'utf8') === contentOf(variant);
  };
  // The GPU build does all that the other one does.
  if (isThere('gpu') || (!gpu && isThere('cpu'))) return;
  const variant = gpu ? 'gpu' : 'cpu';
  const classifier = classifierOf(variant);
  const folder = folderOf(variant);

  const shell = process.platform === 'win32';
  if (spawnSync('mvn', ['--version'], { stdio: 'ignore', shell }).status !== 0) {
    return give('The training engine was not fetched because Maven was not found: install the package maven, then run `npm run setup` again.');
  }
  step(`fetching the training engine (${classifier})`);
  mkdirSync('.engines', { recursive: true });
  const temporary = mkdtempSync(join('.engines', 'fetch-'));
  try {
    const args = ['-B', '-q', '-f', POM, 'dependency:copy', `-Dengine.classifier=${classifier}`, `-Dengine.folder=${join(process.cwd(), temporary)}`];
    const done = spawnSync('mvn', args, { encoding: 'utf8', shell });
    if (done.status !== 0) {
      const reason = /ERROR\]\s*(.+)/.exec(done.stdout)?.[1] ?? done.stderr.trim();
      return give(`The training engine could not be fetched with Maven (${reason.replace(/https?:\/\/\S+/g, 'the repository').slice(0, 300)}).`);
    }
    unpack(join(temporary, 'engine.jar'), join(temporary, 'engine'), classifier);
    writeFileSync(join(temporary, 'engine', 'version'), contentOf(variant));
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(temporary, 'engine'), folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function unpack(jar, folder, classifier) {
  const digest = sha256(jar);
  if (SHA256[classifier] && SHA256[classifier] !== digest) {
    throw refuse(`The training engine's archive has the SHA-256 ${digest}, but ${SHA256[classifier]} was expected: it is damaged or was exchanged.`);
  }
  mkdirSync(folder);
  let found = 0;
  for (const entry of readZip(jar)) {
    const name = basename(entry.name);
    if (!WANTED.test(name)) continue;
    writeFileSync(join(folder, name), entry.read());
    found++;
  }
  if (found === 0) throw refuse(`The archive ${classifier} holds no ONNX Runtime library.`);
}

function sha256(path) {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(1 << 20);
  const file = openSync(path, 'r');
  try {
    for (let count; (count = readSync(file, buffer)) > 0;) hash.update(buffer.subarray(0, count));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}
