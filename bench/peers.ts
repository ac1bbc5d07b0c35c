/** The peers' virtual environment, made when it is asked for and never before: nothing else here needs Python. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Peer { name: string, script: (benchCase: string) => string, requirements: string }

export const PEERS: readonly Peer[] = [
  { name: 'dm-haiku', script: (c) => `haiku_${c}.py`, requirements: 'requirements.txt' },
  { name: 'torch', script: (c) => `torch_${c}.py`, requirements: 'requirements-torch.txt' },
];

/** The Python of a virtual environment that holds what the peers need, installed on the first call. */
export function preparePeers(root: string, peers: readonly Peer[], say: (text: string) => void): string {
  const folder = join(root, '.venv', 'bench-peers');
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  if (!existsSync(python)) {
    say(`making ${folder}`);
    execFileSync(findPython(), ['-m', 'venv', folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  for (const peer of peers) {
    const requirements = join(root, 'bench', 'peers', peer.requirements);
    const installed = join(folder, peer.requirements);  // a copy there says what the environment holds
    const wanted = readFileSync(requirements, 'utf8');
    if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) continue;
    say(`installing ${peer.name} (bench/peers/${peer.requirements})`);
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements], { stdio: ['ignore', 'ignore', 'inherit'] });
    writeFileSync(installed, wanted);
  }
  return python;
}

function findPython(): string {
  for (const name of ['python3', 'python']) {
    try {
      const version = execFileSync(name, ['-c', 'import sys; print(sys.version_info >= (3, 11))'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      if (version.trim() === 'True') return name;
    } catch { /* not there: try the next name */ }
  }
  throw new Error('The peers need Python 3.11 or newer on the PATH; without --peers only ours runs.');
}
