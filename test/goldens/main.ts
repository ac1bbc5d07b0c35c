/**
 * `npm run goldens -- [DIR…] [--group G] [--case C] [--json]`: runs every golden case under the folders against the
 * public API; optimizers, losses and the notebook also through training steps and artifacts. Exit code 0 if something ran and nothing failed, 1 otherwise, 2 for bad arguments.
 */
import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { loadApi } from './api.js';
import { findCases, goldensFolder, readCase } from './cases.js';
import { runCase, waysOf, type Result } from './run.js';
import { WAYS } from './ways.js';

class UsageError extends Error {}

function options(): { folders: string[]; group: string[]; case: string[]; json: boolean } {
  let parsed;
  try {
    parsed = parseArgs({ allowPositionals: true, options: { group: { type: 'string', multiple: true }, case: { type: 'string', multiple: true }, json: { type: 'boolean' } } });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const folders = parsed.positionals.length > 0 ? parsed.positionals : [goldensFolder()];
  for (const folder of folders) if (!statSync(folder, { throwIfNoEntry: false })) throw new UsageError(`There is no folder '${folder}'.`);
  return { folders, group: parsed.values.group ?? [], case: parsed.values.case ?? [], json: parsed.values.json ?? false };
}

const number = (x: number): string => (Number.isNaN(x) ? 'no number' : x.toExponential(2));

function failureLine(result: Result): string {
  const worst = result.mismatches.reduce((a, b) => (b.error > a.error || (Number.isNaN(a.error) && !Number.isNaN(b.error)) ? b : a));
  const more = result.mismatches.length > 1 ? ` (and ${result.mismatches.length - 1} more)` : '';
  return `  FAILED ${result.group}/${result.case} (${result.way}): ${worst.what}: ${worst.why}; largest error ${number(worst.error)}${more}`;
}

function groupLines(group: string, results: readonly Result[]): string[] {
  return [...new Set(results.map((r) => r.way))].map((way) => {
    const count = (outcome: Result['outcome']): number => results.filter((r) => r.way === way && r.outcome === outcome).length;
    return `${group.padEnd(16)} ${way.padEnd(34)} ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped\n`;
  });
}

async function main(): Promise<number> {
  const wanted = options();
  const api = await loadApi();
  for (const trouble of api.troubles) process.stderr.write(`${trouble}\n`);
  for (const { name, missing } of WAYS) if (missing !== undefined) process.stderr.write(`Nothing goes through the ${name}: ${missing}\n`);
  const results: Result[] = [];
  for (const path of findCases(wanted.folders)) {
    // A case's file is named after it; the group is asked of the file only where a group is wanted.
    if (wanted.case.length > 0 && !wanted.case.includes(basename(path, '.json'))) continue;
    if (wanted.group.length > 0 && !wanted.group.includes(basename(dirname(path))) && !wanted.group.includes(readCase(path).group)) continue;
    const it = readCase(path);
    for (const way of waysOf(it)) {
      if (way.missing !== undefined) continue;
      const result = runCase(api, it, way);
      results.push(result);
      if (!wanted.json && result.outcome === 'failed') process.stdout.write(`${failureLine(result)}\n`);
    }
  }
  const failed = results.filter((r) => r.outcome === 'failed').length;
  const skipped = results.filter((r) => r.outcome === 'skipped').length;
  const passed = results.length - failed - skipped;
  const missing = new Map<string, number>();
  for (const { missing: names } of results) for (const name of names) missing.set(name, (missing.get(name) ?? 0) + 1);
  const byCount = [...missing].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  if (wanted.json) {
    process.stdout.write(`${JSON.stringify({ passed, failed, skipped, missing: Object.fromEntries(byCount), results }, null, 1)}\n`);
  } else {
    for (const group of [...new Set(results.map((r) => r.group))].sort()) process.stdout.write(groupLines(group, results.filter((r) => r.group === group)).join(''));
    if (byCount.length > 0) process.stdout.write(`Missing names (cases): ${byCount.map(([name, n]) => `${name} (${n})`).join(', ')}\n`);
    process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  }
  return failed === 0 && passed > 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\nUsage: npm run goldens -- [DIR…] [--group G] [--case C] [--json]\n`);
  process.exitCode = 2;
}
