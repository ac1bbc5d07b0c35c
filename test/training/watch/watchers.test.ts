import { expect } from 'chai';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FitEvent, StatisticsEvent } from '../../../lib/training/events.js';
import { history, readHistory } from '../../../lib/training/watch/history.js';
import { formatNumber, formatSeconds, progress } from '../../../lib/training/watch/progress.js';
import { tensorBoard } from '../../../lib/training/watch/tensorboard.js';
import { run, start, step, T0 } from './run-events.js';
import { missingReader, readBack } from './tensorboard.js';

let root: string;
before(() => { root = mkdtempSync(join(tmpdir(), 'hokku-watch-')); });
after(() => rmSync(root, { recursive: true, force: true }));

/** What a stream was given, under the environment's variables. */
function written(isTTY: boolean, env: Record<string, string>, watch: (watcher: (event: FitEvent) => void) => void, columns = 100): string {
  const before = { ...process.env };
  delete process.env['NO_COLOR'];
  Object.assign(process.env, { TERM: 'xterm' }, env);
  let text = '';
  try {
    using watcher = progress({ stream: { isTTY, columns, write: (piece: string) => { text += piece; return true; } } as never });
    watch(watcher);
  } finally {
    process.env = before;
  }
  return text;
}

describe('progress', () => {
  it('is lines in a log: few, and the last step among them', () => {
    const text = written(false, {}, (watch) => run().forEach(watch));
    expect(text).not.to.match(/[\u001b\r]/);
    const lines = text.trimEnd().split('\n');
    expect(lines[0]).to.equal('training for 200 steps: 1 arrays train, 1 frozen, on onnxruntime (cpu:0)');
    expect(lines[1]).to.equal('step 1/200: loss 1 | accuracy 0 | 20 steps/s | 0:10 left');
    expect(lines.filter((line) => /^step \d+\/200/.test(line)).map((line) => Number(/\d+/.exec(line)![0]))).to.deep.equal([1, 200]);
    expect(lines).to.include('step 50: evaluation: accuracy 0.9 | loss 0.04 (best so far)').and.include('step 200: evaluation: accuracy 0.9 | loss 0.01');
    expect(lines.at(-1)).to.equal('step 200: all steps made after 0:11');
  });

  it('says what begins to train, and what is frozen', () => {
    const lists = { trainable: ['a/w', 'b/w', 'c/w'], frozen: [] };
    expect(written(false, {}, (watch) => {
      watch({ type: 'trainable', step: 5, time: T0, ...lists, began: ['net/~/block/~/conv/w', 'net/~/block/~/norm/scale'], ended: [] });
      watch({ type: 'trainable', step: 6, time: T0, ...lists, began: ['net/~/block/w'], ended: ['head/w', 'net/~/block/b'] });
    })).to.equal('step 5: 2 arrays in net/~/block begin to train; 3 train now\nstep 6: 1 array in net/~/block begins to train, 2 arrays are frozen; 3 train now\n');
  });

  it('is a bar on a terminal, no wider than that, and gone in the end', () => {
    expect(written(true, {}, (watch) => run().forEach(watch))).to.include('\r████████████░░░░░░░░░░░░ 50% | 101/200 | loss 0.009901 | accuracy 0.9901 | 20 steps/s | 0:05 left');
    const text = written(true, {}, (watch) => run().forEach(watch), 60);
    const drawn = text.split('\r').flatMap((piece) => piece.split('\n')).map((piece) => piece.replaceAll(/\u001b\[K/g, ''));
    expect(Math.max(...drawn.filter((piece) => /[█░]/.test(piece)).map((piece) => [...piece].length))).to.be.at.most(59);
    expect(text).to.match(/\r\u001b\[Kstep 200: evaluation.*\nstep 200: all steps made after 0:11\n$/);
  });

  it('is lines on a terminal too, where NO_COLOR is set or the terminal is dumb', () => {
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) expect(written(true, env as never, (watch) => run().forEach(watch))).not.to.match(/[\u001b\r█]/);
  });

  it('counts where nobody knows the end, and says what was resumed', () => {
    const resumed = { path: '/runs/7', report: { missing: [], extra: [], mismatched: [], fresh: [], dropped: [] } };
    const open = (watch: (event: FitEvent) => void): void => { watch(start({ steps: null, step: 7, resumed })); watch(step(8, { secondsLeft: null, stepsPerSecond: 0.1 })); };
    expect(written(false, {}, open)).to.match(/^going on from step 7 \(\/runs\/7\): .*\nstep 8: loss 0.125 \| accuracy 0.875 \| 10 s\/step\n$/);
    expect(written(true, {}, open)).to.include('\rstep 8 | loss 0.125');
  });

  it('clears the bar of a run that failed', () => {
    expect(written(true, {}, (watch) => { watch(start()); watch(step(1)); })).to.match(/\r\u001b\[K$/);
  });

  it('writes numbers and times shortly', () => {
    expect([0, 1, -3, 0.1, 1234.5678, 1e-7, 123456789, NaN, 2 / 3].map(formatNumber)).to.deep.equal(['0', '1', '-3', '0.1', '1235', '1.00e-7', '1.23e+8', 'NaN', '0.6667']);
    expect([0, 7.4, 754, 3723].map(formatSeconds)).to.deep.equal(['0:00', '0:07', '12:34', '1:02:03']);
    expect(() => progress({ streem: process.stderr } as never)).to.throw("did you mean 'stream'");
  });
});

describe('history', () => {
  const record = (path: string, events: FitEvent[]): void => {
    using watch = history(path);
    events.forEach(watch);
  };
  const plain = (events: FitEvent[]): unknown[] => events.map(({ aux, state, position, ...event }: any) => event);

  it('comes back as it was, but for arrays', () => {
    const path = join(root, 'plain', 'history.ndjson');
    const events = run();
    record(path, events);
    expect(readHistory(path)).to.deep.equal(plain(events));
    const odd = [start({ trainable: ['NaN/w'] }), step(1, { loss: NaN, metrics: { up: Infinity, down: -Infinity } })];
    record(join(root, 'odd.ndjson'), odd);
    expect(readHistory(join(root, 'odd.ndjson'))).to.deep.equal(plain(odd));
  });

  it('loses at most two seconds, and half a line, of a process that is killed', () => {
    const path = join(root, 'killed.ndjson');
    const watch = history(path);
    const events = run(false);
    events.forEach(watch); // and no dispose
    const kept = readHistory(path);
    expect(events.at(-1)!.time - kept.at(-1)!.time).to.be.below(2000);
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, whole.length - 5));
    expect(readHistory(path)).to.deep.equal(kept.slice(0, -1));
    record(path, [start({ step: 100 }), step(101, { loss: 7 })]);
    const again = readHistory(path);
    expect(again.at(-1)).to.include({ step: 101, loss: 7 });
    expect(again.filter((e) => e.type === 'step').map((e) => e.step)).to.deep.equal(Array.from({ length: 101 }, (_, i) => i + 1));
    watch[Symbol.dispose]();
  });

  it('is refused where it is none', () => {
    const path = join(root, 'wrong.ndjson');
    record(path, [start()]);
    appendFileSync(path, 'not json\n');
    expect(() => readHistory(path)).to.throw(/^Line 2 of .*wrong.ndjson is no JSON/);
    writeFileSync(path, '{"type":"step"}\n');
    expect(() => readHistory(path)).to.throw(/^Line 1 of .* is no event of a run/);
    expect(() => readHistory(join(root, 'nothing'))).to.throw(/ENOENT/);
  });
});

describe('tensorBoard', () => {
  it("shows a run to TensorBoard's own reader, and what holds of one that went on", function () {
    const missing = missingReader();
    if (missing) {
      console.log(`    pending: ${missing}`);
      this.skip();
    }
    const dir = join(root, 'board');
    const histogram = { edges: [-1, 0, 1], counts: [1, 2] };
    const statistics: StatisticsEvent = {
      type: 'statistics', step: 100, time: T0, gradients: null,
      params: { 'a/w': { count: 4, nonFinite: 1, zeros: 0, mean: 0.5, std: 0.1, min: -0.5, max: 1, norm: 2, histogram } },
    };
    {
      using watch = tensorBoard(dir);
      run(false).forEach(watch);
      watch(statistics);
    }
    {
      using watch = tensorBoard(dir);
      watch(start({ step: 150 }));
      watch(step(151, { loss: 9 }));
      watch({ type: 'end', step: 151, time: T0, reason: 'stopped', seconds: 1, state: null });
    }
    const [{ scalars, histograms }] = readBack(dir);
    expect(Object.keys(scalars).sort()).to.deep.equal(['evaluation/accuracy', 'evaluation/loss', 'params_norm/a/w', 'run/learning_rate', 'run/memory', 'run/steps_per_second', 'train/accuracy', 'train/loss']);
    expect(scalars['train/loss'].map(([n]) => n)).to.deep.equal(Array.from({ length: 151 }, (_, i) => i + 1));
    expect(scalars['train/loss'][150].slice(0, 2)).to.deep.equal([151, '9.0']);
    expect(scalars['train/loss'][0][2]).to.equal((T0 + 1050) / 1000);
    expect(histograms['params/a/w']).to.deep.equal([{ step: 100, min: -0.5, max: 1, num: 3, sum: 1.5, sumSquares: 4, limits: [0, 1], counts: [1, 2] }]);
  });
});
