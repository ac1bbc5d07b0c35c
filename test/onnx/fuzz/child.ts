/**
 * Runs cases in a process of its own, so that a crash is seen:
 *
 *   node dist/test/onnx/fuzz/child.js --seed 1 --from 0 --count 1000 [--seconds 10] [--at FILE]
 *
 * Prints a line of JSON for each case that went wrong, and one with totals. `--at FILE` holds the number of the case at work.
 */
import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { importModel } from '../../../lib/onnx/index.js';
import { makeFolder, mutantOf, runCase } from './case.js';
import { seeds } from './seeds.js';

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' }, from: { type: 'string', default: '0' }, count: { type: 'string', default: '1000' }, seconds: { type: 'string', default: '0' }, at: { type: 'string' }, show: { type: 'boolean' } } });
const [seed, from, count, seconds] = [values.seed, values.from, values.count, values.seconds].map(Number);
const at = values.at === undefined ? null : openSync(values.at, 'w');

/** A case may take this much processor time, and this much memory beside twice its file. */
const MOST_SECONDS = 1;
const MOST_MEMORY = 96 * 2 ** 20;
/** Memory is looked at after so many cases, since looking takes longer than most of them. */
const CHUNK = 20;
const memoryNow = () => ({ resident: process.resourceUsage().maxRSS * 1024, arrays: process.memoryUsage().arrayBuffers });

const root = mkdtempSync(join(tmpdir(), 'hokku-fuzz-'));
try {
  const all = seeds();
  const setting = { seed, seeds: all, folder: makeFolder(root) };
  const place = Buffer.alloc(8);
  const mark = (i: number): void => { if (at !== null) { place.writeDoubleLE(i); writeSync(at, place, 0, 8, 0); } };
  // What is only done once, no mutant has to answer for.
  for (const s of all) importModel(s.bytes, { folder: setting.folder });
  for (let i = 0; i < 60; i++) { mark(-i); runCase({ ...setting, seed: 0 }, i); }

  const outcomes: Record<string, number> = {};
  const began = performance.now();
  let done = 0;
  let [chunk, sizes, memory] = [from, 0, memoryNow()];
  for (let i = from; i < from + count && (seconds === 0 || performance.now() - began < seconds * 1000); i++, done++) {
    mark(i);
    const start = performance.now();
    const { wrong, stage, ...report } = runCase(setting, i);
    outcomes[report.outcome] = (outcomes[report.outcome] ?? 0) + 1;
    const say = (what: string): void => console.log(JSON.stringify({ case: i, wrong: what, stage, ...report }));
    if (wrong) say(wrong);
    // Another process may have had the processor: what it takes itself is found out by doing it again.
    else if (performance.now() - start > MOST_SECONDS * 1000) {
      const before = process.cpuUsage();
      runCase(setting, i);
      const { user, system } = process.cpuUsage(before);
      if (user + system > MOST_SECONDS * 1e6) say(`took ${((user + system) / 1e6).toFixed(1)} s`);
    }
    sizes += report.size;
    if ((i - from) % CHUNK === CHUNK - 1) {
      const now = memoryNow();
      const more = Math.max(now.resident - memory.resident, now.arrays - memory.arrays);
      if (more > MOST_MEMORY + 2 * sizes) say(`took ${Math.round(more / 2 ** 20)} MB, or one of those from ${chunk} on did`);
      [chunk, sizes, memory] = [i + 1, 0, now];
    }
    if (values.show) console.log(JSON.stringify(report), Buffer.from(mutantOf(setting, i).bytes).toString('base64'));
  }
  console.log(JSON.stringify({ done, outcomes, seconds: (performance.now() - began) / 1000 }));
} finally {
  rmSync(root, { recursive: true, force: true });
}
