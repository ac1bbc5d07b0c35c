import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Resvg } from '@resvg/resvg-js';
import type { PlottableParams } from '../../../lib/plot/index.js';
import { htmlReport } from '../../../lib/training/watch/report.js';
import { run, start, step } from './run-events.js';

const filled = (shape: number[], of: (i: number) => number) => ({ shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => of(i)) });
const first: PlottableParams = { a: { w: filled([20, 30], Math.sin) }, b: { w: filled([4], (i) => i) } };
const trained: PlottableParams = { a: { w: filled([20, 30], (i) => 2 * Math.sin(i)) }, b: first.b };
const EVIL = `"><script>document.body.replaceChildren()</script><img src=x onerror=alert(1)>'`;

/** A browser, by HOKKU_CHROMIUM or by one of its names. */
const browser = [process.env['HOKKU_CHROMIUM'], 'chromium', 'chromium-browser', 'google-chrome'].find((name) => name && spawnSync(name, ['--version']).status === 0);

describe('report', () => {
  it('shows curves, what was frozen, timings, checkpoints and versions', () => {
    const html = htmlReport(run(), { title: 'digits', before: first, after: trained, configuration: { steps: 200, loss: function loss() {}, x: { tolist: () => [], shape: [2] } }, versions: { Firmware: '7' } });
    const text = html.replaceAll(/<(style|script)>[\s\S]*?<\/\1>/g, '').replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ');
    expect(text).to.include('digits').and.include('finished 2026-01-02 03:04 UTC · onnxruntime on cpu:0 · 200 steps');
    expect(text).to.include('Evaluation loss 0.01333 the best, at step 150');
    expect(text).to.include('a /w float32[20, 30] 600 trained 1 ').and.include('b /w float32[4] 4 frozen unchanged to the last bit 0');
    expect(text).to.include('Until the first step 1.05 s (10 %)').and.include('Evaluations 4, 2.00 s (18 %)').and.include('Checkpoints 1, 0.25 s of writing');
    expect(text).to.include('/runs/100').and.include('Firmware 7').and.include(process.version);
    expect(text).to.include('&quot;loss&quot;: &quot;function loss&quot;').and.include('array [2]');
    expect(html.match(/<svg [^>]*class="curves"/g)).to.have.length(5);
    expect(html.match(/<svg [^>]*class="heatmaps"/g)).to.have.length(4);
  });

  it('loads nothing', () => {
    const html = htmlReport(run(), { before: first, after: trained });
    expect([...html.matchAll(/\b(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)/g)].map((m) => m[1]).filter((at) => !/^(data:image\/png;base64,|#)/.test(at))).to.deep.equal([]);
    expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.to.match(/https?:|@import/);
  });

  it('says so where a run did not end, where it was resumed, and where a frozen array changed', () => {
    expect(htmlReport(run(false))).to.include('<span class="status warn">did not end</span>');
    const resumed = htmlReport([start(), step(1), start({ step: 1, time: start().time + 60_000, resumed: { path: '/x', report: {} as never } }), step(2)]);
    expect(resumed).to.include('resumed at step 1').and.include('in 2 starts');
    expect(htmlReport(run(), { before: first, after: { ...trained, b: { w: filled([4], (i) => i + 1e-6) } } })).to.include('frozen, yet it changed');
    expect(htmlReport([])).to.include('did not end');
    expect(() => htmlReport(run(), { titel: 'x' } as never)).to.throw("did you mean 'title'");
  });

  it('escapes every text', () => {
    const params = { [EVIL]: { [EVIL]: filled([2, 2], (i) => i) } };
    const events = [
      start({ engine: EVIL, device: EVIL, trainable: [`${EVIL}/${EVIL}`], resumed: { path: EVIL, report: {} as never } }), step(1, { metrics: { [EVIL]: 1 } }),
      { type: 'checkpoint', step: 1, time: 0, path: EVIL, bytes: 1, seconds: 1 } as const, { type: 'evaluation', step: 1, time: 0, metrics: { [EVIL]: 1 }, batches: 1, seconds: 1, best: true } as const,
    ];
    const html = htmlReport(events, { title: EVIL, before: params, after: params, configuration: { [EVIL]: EVIL }, versions: { [EVIL]: EVIL } });
    expect(html.match(/<script/g), 'its own script only').to.have.length(1);
    expect(html).not.to.match(/<img/);
    expect(html).to.include('&quot;&gt;&lt;script&gt;');
  });

  it('stays small and quick for a long run', () => {
    const events = [start({ steps: 50_000 }), ...Array.from({ length: 50_000 }, (_, i) => step(i + 1, { loss: Math.random() }))];
    const html = htmlReport(events);
    expect(html.length).to.be.below(400_000);
  });

  describe('in a browser', () => {
    let folder: string;
    before(function () {
      if (!browser) {
        console.log('    pending: there is no Chromium on the PATH; install one, or name it by HOKKU_CHROMIUM');
        this.skip();
      }
      folder = mkdtempSync(join(tmpdir(), 'hokku-report-'));
    });
    after(() => { if (folder) rmSync(folder, { recursive: true, force: true }); });

    const open = (html: string, ...args: string[]): string => {
      const file = join(folder, 'report.html');
      writeFileSync(file, html);
      const done = spawnSync(browser!, ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', `--user-data-dir=${join(folder, 'profile')}`, ...args, pathToFileURL(file).href], { encoding: 'utf8', timeout: 200_000 });
      expect(done.status, done.stderr).to.equal(0);
      return done.stdout;
    };
    /** How many pixels of a colour a screenshot has; and its first. */
    const screenshot = (html: string, scheme: 'dark' | 'light'): { count: (hex: string) => number; corner: string } => {
      const file = join(folder, `${scheme}.png`);
      open(html, `--blink-settings=preferredColorScheme=${scheme === 'dark' ? 0 : 1}`, '--window-size=1200,1700', `--screenshot=${file}`);
      const picture = `data:image/png;base64,${readFileSync(file).toString('base64')}`;
      const { pixels } = new Resvg(`<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="1700"><image width="1200" height="1700" href="${picture}"/></svg>`).render();
      const words = new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4);
      const colourOf = (hex: string): number => Buffer.from(`${hex.slice(1)}ff`, 'hex').readUInt32LE();
      return { count: (hex) => { const colour = colourOf(hex); return words.filter((w) => w === colour).length; }, corner: `#${pixels.subarray(0, 3).toString('hex')}` };
    };

    it('is drawn, light and dark', () => {
      const html = htmlReport(run(), { title: EVIL, before: first, after: trained });
      const light = screenshot(html, 'light');
      expect(light.corner).to.equal('#f6f7f9');
      for (const colour of ['#ffffff', '#0067b0', '#d0570a', '#00875f', '#081d58', '#ffffd9']) expect(light.count(colour), colour).to.be.above(100);
      const dark = screenshot(html, 'dark');
      expect(dark.corner).to.equal('#0f1318');
      for (const colour of ['#171c23', '#58a6ff', '#ff9350', '#3fcf9c', '#081d58', '#ffffd9']) expect(dark.count(colour), colour).to.be.above(100);
    });

    it('runs its own script and no other', () => {
      const dom = open(htmlReport(run(), { title: EVIL }), '--dump-dom');
      expect(dom.match(/<path class="cross"/g)).to.have.length(5);
    });
  });
});
