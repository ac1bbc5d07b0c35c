/**
 * Packs what a bare GPU machine needs into parts that fit through a narrow door: Node itself, the compiled library and
 * its GPU tests and benchmarks, the addon, the packages they use, and the GPU build of the training engine.
 * `scripts/gpu-run.sh` puts the parts together there. CUDA and cuDNN are not packed: the machine has them.
 *
 *   node scripts/gpu-bundle.mjs [--part-mib N] [--out DIR] [--no-setup]
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createGzip } from 'node:zlib';

import { bundledFiles } from './gpu/contents.mjs';
import { PartWriter } from './gpu/parts.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

class Refusal extends Error {}

async function pack(folder, partBytes) {
  const files = bundledFiles();
  const node = realpathSync(process.execPath);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // Owner, time and order are fixed, so that the same tree gives the same parts.
  const tar = spawn('tar', ['-cf', '-', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', `--transform=s,^${basename(node)}$,bin/node,`,
    '-C', root, '--null', '--files-from=-', '-C', dirname(node), basename(node)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(tar, 'close');
  tar.stdin.end(files.join('\0') + '\0');
  const writer = new PartWriter(folder, partBytes);
  for await (const chunk of tar.stdout.pipe(createGzip({ level: 6 }))) writer.write(chunk);
  const [status] = await closed;
  if (status !== 0) throw new Refusal(`tar failed with exit code ${status}.`);
  return { files: files.length + 1, parts: writer.end() };
}

try {
  const { values } = parseArgs({ options: {
    'part-mib': { type: 'string', default: '45' }, out: { type: 'string', default: '.gpu' }, 'no-setup': { type: 'boolean', default: false },
  } });
  const mib = Number(values['part-mib']);
  if (!(mib > 0 && mib <= 45)) throw new Refusal(`--part-mib is a number of at most 45, but got '${values['part-mib']}'.`);
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Refusal(`The bundle is for linux-x64 and holds this Node, which is for ${process.platform}-${process.arch}.`);
  if (!values['no-setup']) {
    const done = spawnSync(process.execPath, [join('scripts', 'setup.mjs'), '--gpu'], { stdio: 'inherit' });
    if (done.status !== 0) throw new Refusal('Setting up failed.');
  }
  const { files, parts } = await pack(values.out, Math.floor(mib * 2 ** 20));
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  // Names what belongs together: parts of another bundle that still lie on the machine are not mixed in.
  const id = createHash('sha256').update(parts.map((part) => part.sha256).join()).digest('hex').slice(0, 16);
  writeFileSync(join(values.out, 'manifest.json'), JSON.stringify({ id, version, node: process.version, files, parts }, null, 2) + '\n');
  const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(`${values.out}: ${files} files in ${parts.length} parts, ${(total / 2 ** 20).toFixed(1)} MiB; docs/gpu.md says how to run them.`);
} catch (error) {
  if (!(error instanceof Refusal) && !error.code?.startsWith('ERR_PARSE_ARGS') && error.code !== 'BUNDLE') throw error;
  console.error(`gpu:bundle: ${error.message}`);
  process.exitCode = 1;
}
