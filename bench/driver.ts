/** The C++ driver of the training engine: what the same calls cost without TypeScript. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Compiles the driver where it is missing or older than its source. */
export function buildDriver(root: string): string {
  const source = join(root, 'bench', 'native', 'session_driver.cc');
  const binary = join(root, 'out', 'bench', 'session_driver');
  if (!existsSync(binary) || statSync(binary).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(dirname(binary), { recursive: true });
    execFileSync(process.env.CXX ?? 'c++', ['-std=c++17', '-O2', source, '-o', binary, '-ldl'], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  return binary;
}

/** The styles of artifacts that a process of ours left in `directory`. */
export function stylesIn(directory: string): string[] {
  return ['classic', 'in-graph'].filter((style) => existsSync(join(directory, style, 'inputs.txt')));
}
