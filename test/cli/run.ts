/** The command line: called here, or as a process of its own. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { run } from '../../lib/cli/run.js';
import { packageRoot } from '../../lib/runtime/native.js';

export interface Done { status: number | null; stdout: string; stderr: string }

/** Here. */
export async function hokku(...args: string[]): Promise<Done> {
  let [stdout, stderr] = ['', ''];
  const status = await run(args, { out: (text) => { stdout += `${text}\n`; }, stderr: { isTTY: false, columns: 80, write: (text) => { stderr += text; } }, colour: false });
  return { status, stdout, stderr };
}
export const hokkuJson = async (...args: string[]): Promise<any> => JSON.parse((await hokku(...args, '--json')).stdout);

export const CLI = join(packageRoot(), 'dist', 'bundle', 'cli.js');
/** In a process of its own. */
export function spawned(args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {}): Done {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', timeout: 60_000, ...options, env: { ...process.env, ...options.env } });
  return { status, stdout, stderr };
}
