/** Runs that are killed with SIGKILL at random moments, and go on. `HOKKU_LONG=1` kills a thousand times. */
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './artifacts-helpers.js';
import { STEPS, finish, run } from './kill-run.js';

const LONG = Boolean(process.env['HOKKU_LONG']);
const KILLS = LONG ? 1000 : 6;
const SCRIPT = fileURLToPath(new URL('./kill-run.js', import.meta.url));

interface Life { readonly started: number | null; readonly steps: number; readonly saved: number; readonly hash: string | null; readonly killed: boolean; readonly complaint: string }

/** One life of a run: killed `delay` milliseconds after its first event, or after its beginning. */
function live(directory: string, delay: number | null, sinceStart: boolean): Promise<Life> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SCRIPT, directory], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, complaint] = ['', ''];
    let timer: NodeJS.Timeout | undefined;
    const arm = () => { if (delay !== null && !timer) timer = setTimeout(() => child.kill('SIGKILL'), delay); };
    if (!sinceStart) arm();
    child.stdout.on('data', (chunk: Buffer) => { out += String(chunk); if (sinceStart) arm(); });
    child.stderr.on('data', (chunk: Buffer) => { complaint += String(chunk); });
    child.on('error', reject);
    child.on('close', (_, signal) => {
      clearTimeout(timer);
      const last = (type: string) => Math.max(-1, ...[...out.matchAll(new RegExp(`^${type} (\\d+)$`, 'gm'))].map(([, n]) => Number(n)));
      const started = /^start (\d+)$/m.exec(out);
      resolve({ started: started && Number(started[1]), steps: last('step'), saved: last('checkpoint'), hash: /^hash (\w+)$/m.exec(out)?.[1] ?? null, killed: signal === 'SIGKILL', complaint });
    });
  });
}

describe('runs that are killed', () => {
  const folder = temporaryFolder();

  it(`${KILLS} times go on from the last checkpoint or the one before, and end with the bits of a run that never was`, async function () {
    if (process.platform === 'win32') this.skip();
    const whole = await finish(run());
    let kills = 0;
    let seed = Math.floor(Math.random() * 2 ** 31);
    const random = () => { seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff; return seed / 2 ** 31; };
    let completed = 0;
    const chain = async (): Promise<void> => {
      while (kills < KILLS) {
        const directory = folder();
        let [steps, saved] = [0, 0];
        for (;;) {
          // What has made all its steps is left to end, lest a slow machine be only killed then.
          const more = kills < KILLS && saved < STEPS;
          const sinceStart = random() < 0.85;
          // Within the time that a dozen steps take, or while Node and the library are still loading.
          const life = await live(directory, more ? random() * (sinceStart ? 250 : 1000) : null, sinceStart);
          expect(life.complaint).to.equal('');
          if (life.started !== null) {
            // Of the checkpoint that was last begun or of the one before; and of no earlier one than was said to be whole.
            expect(life.started).to.be.at.least(Math.max(steps - 2, saved)).and.at.most(Math.min(STEPS, steps + 1));
          }
          [steps, saved] = [Math.max(steps, life.steps), Math.max(saved, life.saved)];
          if (life.killed) { kills++; continue; }
          expect(life.hash).to.equal(whole);
          completed++;
          break;
        }
      }
    };
    // Two at a time: each waits for the disk more than it computes. Where one fails, the other ends.
    await Promise.all([chain(), chain()].map((all) => all.catch((error: unknown) => { kills = KILLS; throw error; })));
    expect(kills).to.be.at.least(KILLS);
    expect(completed).to.be.at.least(2);
  }).timeout(0);
});
