import { expect } from 'chai';
import fc from 'fast-check';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { numpy as jnp } from '../../../lib/jax/index.js';
import { toPng } from '../../../lib/plot/index.js';
import { packageRoot } from '../../../lib/runtime/native.js';
import { histogram } from '../../../lib/training/watch/histogram.js';
import { SummaryWriter } from '../../../lib/training/watch/summary-writer.js';
import { crc32c } from '../../../lib/training/watch/tfrecord.js';
import { missingReader, readBack, type Read } from './tensorboard.js';

const missing = missingReader();
let root: string;
let folders = 0;
const folder = (): string => join(root, `run-${folders++}`);

/** The ends of all whole records of a file. */
function recordEnds(path: string): number[] {
  const bytes = readFileSync(path);
  const ends = [];
  for (let at = 0; at + 12 <= bytes.length;) {
    at += Number(bytes.readBigUInt64LE(at)) + 16;
    if (at <= bytes.length) ends.push(at);
  }
  return ends;
}

const CHILD = (dir: string, body: string): string => `
  import { SummaryWriter } from ${JSON.stringify(pathToFileURL(join(packageRoot(), 'dist/lib/training/watch/summary-writer.js')).href)};
  const writer = new SummaryWriter(${JSON.stringify(dir)});
  ${body}`;

describe('SummaryWriter', () => {
  before(() => { root = mkdtempSync(join(tmpdir(), 'hokku-events-')); });
  after(() => rmSync(root, { recursive: true, force: true }));

  it('sums bytes as RFC 3720 does', () => {
    const sums = [Buffer.from('123456789'), Buffer.alloc(32), Buffer.alloc(32, 0xff), Buffer.from(Array.from({ length: 32 }, (_, i) => i))].map(crc32c);
    expect(sums).to.deep.equal([0xe3069283, 0x8a9136aa, 0x62a8ab43, 0x46dd794e]);
  });

  it('counts every finite value in the bucket around it', () => {
    const double = fc.oneof(fc.double(), fc.double({ min: -10, max: 10 }), fc.constantFrom(0, -0, 1e-12, -1e-12, 1e20, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE));
    fc.assert(fc.property(fc.array(double, { minLength: 1, maxLength: 20 }), (values) => {
      const finite = values.filter(Number.isFinite);
      const { limits, counts, num, min, max } = histogram(values);
      expect(num).to.equal(finite.length);
      if (!finite.length) return;
      expect(min === Math.min(...finite) && max === Math.max(...finite)).to.equal(true);  // whatever the sign of a zero
      expect(counts).to.have.length(limits.length);
      // The largest number there is has no limit above it, and belongs to the last bucket.
      const last = limits.length - 1;
      const upper = (i: number): number => (i === last && limits[i] === Number.MAX_VALUE ? Infinity : limits[i]);
      const wrong = counts.findIndex((n, i) => n !== finite.filter((x) => x < upper(i) && x >= (i === 0 ? -Infinity : limits[i - 1])).length);
      expect(wrong, 'the first bucket with another count').to.equal(-1);
      expect(counts[last]).to.be.above(0);
    }));
  });

  describe("is read by TensorBoard's own reader", () => {
    const at = new Map<string, string>();
    let read: Record<string, Read>;
    const values = Float32Array.from({ length: 2000 }, (_, i) => Math.sin(i) ** 5);

    before(async function () {
      if (missing) {
        console.log(`    pending: ${missing}`);
        this.skip();
      }
      const write = (name: string, body: (writer: SummaryWriter) => void): void => {
        at.set(name, folder());
        using writer = new SummaryWriter(at.get(name)!);
        body(writer);
      };
      write('scalars', (w) => {
        for (let i = 0; i < 3000; i++) w.addScalar('loss', 1 / (i + 1), { globalStep: i, walltime: 1.5e9 + i });
        [NaN, Infinity, 1e300].forEach((x, i) => w.addScalar('Größe/二', x, { globalStep: i }));
        w.addScalar('late', jnp.array(0.5), { globalStep: 2 ** 40 });
      });
      write('histograms', (w) => {
        w.addHistogram('w', { shape: [2000], data: values }, { globalStep: 1 });
        w.addHistogram('w', jnp.array([1, 2, 2], { dtype: 'bfloat16' }), { globalStep: 2 });
        w.addHistogram('w', [NaN], { globalStep: 3 });
        w.addHistogram('w', [1n, true], { globalStep: 4 });
        w.addHistogramRaw('raw', -1, 2, 5, 3, 9, [0, 2], [1, 4], { globalStep: 5 });
      });
      const png = await toPng('<svg xmlns="http://www.w3.org/2000/svg" width="3" height="2"><rect width="3" height="2" fill="#ff0000"/></svg>', { scale: 1 });
      write('images', (w) => {
        w.addImage('float', { shape: [3, 1, 2], data: [0, 1, 0.5, 2, -1, NaN] });
        w.addImage('bytes', { shape: [1, 2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 6) }, { dataformats: 'HWC' });
        w.addImage('grey', { shape: [2, 1], data: [0, 1] }, { dataformats: 'HW', globalStep: 7 });
        w.addImage('file', png);
      });
      write('again', (w) => { for (let i = 0; i < 10; i++) w.addScalar('loss', i, { globalStep: i, walltime: 1 }); });
      {
        using writer = new SummaryWriter(at.get('again')!, { purgeStep: 6 });
        for (let i = 6; i < 8; i++) writer.addScalar('loss', 10 * i, { globalStep: i });
      }
      const results = readBack(...at.values());
      read = Object.fromEntries([...at.keys()].map((name, i) => [name, results[i]]));
    });

    it('scalars', () => {
      const { scalars, shown } = read.scalars;
      expect(scalars.loss).to.have.length(3000);
      scalars.loss.forEach(([step, value, wallTime], i) => expect([step, Math.fround(Number(value)), wallTime]).to.deep.equal([i, Math.fround(1 / (i + 1)), 1.5e9 + i]));
      expect(scalars['Größe/二'].map(([, value]) => value)).to.deep.equal(['nan', 'inf', 'inf']);
      expect(scalars.late[0].slice(0, 2)).to.deep.equal([2 ** 40, '0.5']);
      expect(shown).to.deep.equal({ scalars: ['Größe/二', 'late', 'loss'].sort() });
    });

    it('histograms', () => {
      const [first, second, none, mixed] = read.histograms.histograms.w;
      expect(first).to.include({ step: 1, num: 2000, min: Math.min(...values), max: Math.max(...values) });
      expect(first.sum).to.be.closeTo(values.reduce((a, b) => a + b, 0), 1e-6);
      expect(first.counts.reduce((a, b) => a + b)).to.equal(2000);
      expect(second).to.include({ num: 3, min: 1, max: 2, sum: 5, sumSquares: 9 });
      expect(none).to.include({ step: 3, num: 0 });
      expect(mixed).to.include({ num: 2, sum: 2 });
      expect(read.histograms.histograms.raw).to.deep.equal([{ step: 5, min: -1, max: 2, num: 5, sum: 3, sumSquares: 9, limits: [0, 2], counts: [1, 4] }]);
      expect(read.histograms.shown).to.deep.equal({ histograms: ['raw', 'w'] });
    });

    it('images', () => {
      const { images, shown } = read.images;
      expect(images.float[0]).to.deep.include({ width: 2, height: 1, pixels: [0, 127, 0, 255, 255, 0] });
      expect(images.bytes[0]).to.deep.include({ width: 2, height: 1, pixels: [1, 2, 3, 4, 5, 6] });
      expect(images.grey[0]).to.deep.include({ step: 7, width: 1, height: 2, pixels: [0, 255] });
      expect(images.file[0]).to.deep.include({ width: 3, height: 2 });
      expect(images.file[0].pixels.slice(0, 3)).to.deep.equal([255, 0, 0]);
      expect(shown.images).to.have.length(4);
    });

    it('and of a run that went on, what holds', () => {
      expect(read.again.scalars.loss.map(([, value]) => Number(value))).to.deep.equal([0, 1, 2, 3, 4, 5, 60, 70]);
    });

    it('up to the last whole record, wherever the file ends', () => {
      const dir = folder();
      const writer = new SummaryWriter(dir);
      for (let i = 0; i < 3; i++) writer.addScalar('loss', i, { globalStep: i });
      writer.addImage('picture', { shape: [1, 8, 8], data: new Float32Array(64) });
      writer.close();
      const ends = recordEnds(writer.path);
      const { size } = statSync(writer.path);
      const cuts = [...ends.slice(1), ...Array.from({ length: 40 }, (_, i) => ends[0] + 1 + Math.floor(i * (size - ends[0] - 1) / 40))];
      const cut = cuts.map((length) => {
        const other = folder();
        mkdirSync(other);
        const file = join(other, basename(writer.path));
        copyFileSync(writer.path, file);
        truncateSync(file, length);
        return other;
      });
      readBack(...cut).forEach(({ scalars, images }, i) => {
        const whole = ends.filter((end) => end <= cuts[i]).length - 1;
        expect((scalars.loss?.length ?? 0) + (images.picture?.length ?? 0), `cut at byte ${cuts[i]}`).to.equal(whole);
      });
    });

    it('of a process that was killed', async () => {
      const runs: { dir: string; said: number }[] = [];
      for (let i = 0; i < 4; i++) {
        const dir = folder();
        const script = join(root, 'killed.mjs');
        writeFileSync(script, CHILD(dir, `
          for (let i = 0; ; i++) {
            writer.addScalar('loss', i, { globalStep: i });
            writer.addHistogram('noise', Float64Array.from({ length: 1000 }, Math.random), { globalStep: i });
            writer.flush();
            process.stdout.write('.');
          }`));
        const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
        let said = 0;
        child.stdout.on('data', (dots: Buffer) => { said += dots.length; if (said > 5 + 7 * i) child.kill('SIGKILL'); });
        await once(child, 'close');
        runs.push({ dir, said });
      }
      readBack(...runs.map(({ dir }) => dir)).forEach(({ scalars }, i) => {
        expect(scalars.loss.length).to.be.at.least(runs[i].said);
        scalars.loss.forEach(([step, value], k) => expect([step, Number(value)]).to.deep.equal([k, k]));
      });
    });
  });

  const child = (body: string, limit = ''): { status: number | null; stdout: string; stderr: string; path: string } => {
    const dir = folder();
    const script = join(root, 'child.mjs');
    writeFileSync(script, CHILD(dir, body));
    const { status, stdout, stderr } = spawnSync('sh', ['-c', `${limit}exec "$@"`, 'sh', process.execPath, script], { encoding: 'utf8' });
    return { status, stdout, stderr, path: join(dir, readdirSync(dir)[0]) };
  };

  it('keeps what nobody flushed when the process ends, and does not hold it open', () => {
    const { status, stderr, path } = child("for (let i = 0; i < 10; i++) writer.addScalar('loss', i, { globalStep: i });");
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(recordEnds(path)).to.have.length(11);
    expect(recordEnds(path).at(-1)).to.equal(statSync(path).size);
    expect(recordEnds(child("writer.addScalar('loss', 1); process.exit(0);").path)).to.have.length(2);
  });

  it('says when the disk is full, and keeps the whole records before', function () {
    if (process.platform === 'win32') this.skip();
    const { status, stdout, path } = child(`
      let error;
      try { for (let i = 0; i < 1e5; i++) writer.addScalar('loss', i, { globalStep: i }); } catch (e) { error = e; }
      console.log(error.code);`, 'ulimit -f 128; ');
    expect([status, stdout]).to.deep.equal([0, 'EFBIG\n']);
    expect(recordEnds(path).length).to.be.above(1000);
  });

  it('refuses what it cannot write, by name', () => {
    const dir = folder();
    const writer = new SummaryWriter(dir, { filenameSuffix: '.test' });
    expect(writer.path).to.match(/events\.out\.tfevents\.\d{10}\..+\.test$/);
    expect(() => writer.addScalar('', 1)).to.throw('addScalar: the tag must be a text that is not empty');
    expect(() => writer.addScalar('x', '1' as never)).to.throw("addScalar: the value of 'x' must be a number or a scalar array, but got string");
    expect(() => writer.addScalar('x', 1, { globalStep: 0.5 })).to.throw('globalStep must be a whole number, but got 0.5');
    expect(() => writer.addScalar('x', 1, { globalstep: 1 } as never)).to.throw("unknown option 'globalstep'; did you mean 'globalStep'?");
    expect(() => writer.addScalar('x', 1, { walltime: NaN })).to.throw('seconds since 1970');
    expect(() => writer.addHistogram('x', 5 as never)).to.throw("the values of 'x' must be an array");
    expect(() => writer.addHistogramRaw('x', 0, 1, 1, 1, 1, [1, 2], [1])).to.throw('one count for each limit, but there are 2 limits and 1 counts');
    expect(() => writer.addImage('x', { shape: [5, 2, 2], data: new Float32Array(20) })).to.throw("'CHW' has one to four channels and some height and width, but the array is [5,2,2]");
    expect(() => writer.addImage('x', { shape: [1, 2, 2], data: [1] })).to.throw('holds 4 values, but there are 1');
    expect(() => writer.addImage('x', Buffer.from('GIF89a'))).to.throw('the bytes of a PNG file');
    expect(() => writer.addImage('x', { shape: [2, 2], data: [1, 2, 3, 4] }, { dataformats: 'WH' as never })).to.throw("dataformats is 'CHW', 'HWC' or 'HW', but got 'WH'");
    writer.close();
    writer.close();
    expect(() => writer.addScalar('x', 1)).to.throw('was closed');
    expect(recordEnds(writer.path)).to.have.length(1);
    expect(() => new SummaryWriter('')).to.throw('the folder to write to');
    expect(() => new SummaryWriter(dir, { flushSecs: 0 })).to.throw('positive number');
    expect(() => new SummaryWriter(dir, { filenameSuffix: '/x' })).to.throw('the end of a file name');
  });
});
