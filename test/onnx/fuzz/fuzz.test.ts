/**
 * Mutants of small models, in a process of their own: only typed errors may come of them; none may crash, take more than a second, or
 * more memory than twice its file and a constant. `HOKKU_LONG=1` runs a million.
 */
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const LONG = Boolean(process.env['HOKKU_LONG']);
const SEED = 1;
const [COUNT, SECONDS] = LONG ? [1_000_000, 0] : [4_000, 10];
/** Mutants for one process: what the engine keeps of them is freed with it. */
const AT_ONCE = 20_000;
/** A case that goes on for so long does not end. */
const HANGS = 60_000;

interface Wrong { readonly case: number; readonly wrong: string; readonly stage?: string; readonly seed: string; readonly changes: readonly string[] }

describe('mutated models', () => {
  let folder = '';
  before(() => { folder = mkdtempSync(join(tmpdir(), 'hokku-fuzz-')); });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs cases in a child; gives what went wrong and how many were done. */
  async function runFrom(from: number, count: number): Promise<{ wrong: Wrong[]; done: number; outcomes: Record<string, number> }> {
    const at = join(folder, 'at');
    const args = ['--max-old-space-size=768', '--enable-source-maps', join(import.meta.dirname, 'child.js'), '--seed', String(SEED), '--from', String(from), '--count', String(count), '--seconds', String(SECONDS), '--at', at];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const atWork = (): number => { try { return readFileSync(at).readDoubleLE(0); } catch { return from; } };
    let noise = '';
    child.stderr.on('data', (text) => { noise = (noise + String(text)).slice(-2000); });
    const wrong: Wrong[] = [];
    let totals: { done: number; outcomes: Record<string, number> } | undefined;
    createInterface(child.stdout).on('line', (line) => { const r = JSON.parse(line); if (r.wrong) wrong.push(r as Wrong); else totals = r; });
    let last = NaN;
    const watch = setInterval(() => { const now = atWork(); if (now === last) child.kill('SIGKILL'); last = now; }, HANGS);
    const [code, signal] = await once(child, 'close');
    clearInterval(watch);
    if (totals) return { wrong, ...totals };
    const i = atWork();
    wrong.push({ case: i, wrong: `ended the process (${signal ?? `exit code ${code}`}): ${noise}`, seed: '', changes: [] });
    return { wrong, done: Math.max(0, i - from) + 1, outcomes: {} };
  }

  it(`give typed errors, or are models (${COUNT} of them${SECONDS ? `, at most ${SECONDS} s` : ''})`, async function () {
    this.timeout(0);
    const wrong: Wrong[] = [];
    const total: Record<string, number> = {};
    let done = 0;
    while (done < COUNT) {
      const part = await runFrom(done, Math.min(AT_ONCE, COUNT - done));
      wrong.push(...part.wrong);
      done += part.done;
      for (const [outcome, n] of Object.entries(part.outcomes)) total[outcome] = (total[outcome] ?? 0) + n;
      if (SECONDS) break;
      if (wrong.length > 50) break;
    }
    console.log(`      ${done} mutants: ${Object.entries(total).map(([outcome, n]) => `${n} ${outcome}`).join(', ')}`);
    expect(wrong.map((w) => `case ${w.case} (${w.seed}: ${w.changes.join(', ')}), ${w.stage ?? ''}: ${w.wrong}; again: node dist/test/onnx/fuzz/child.js --seed ${SEED} --from ${w.case} --count 1`)).to.deep.equal([]);
  });
});
