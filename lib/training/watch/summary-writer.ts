/** TensorBoard's event files, as PyTorch's `SummaryWriter` writes them. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { encodeChannels, pngSize } from '../../plot/png.js';
import { numbers, type Plottable } from '../../plot/values.js';
import { DisposedError, ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { makeFolder } from '../../runtime/folders.js';
import { checkOptions } from '../../runtime/options.js';
import { restartEvent, summaryEvent, versionEvent, type SummaryValue } from './events.js';
import { histogram } from './histogram.js';
import { frame } from './tfrecord.js';

export interface SummaryWriterOptions {
  /** Of a run that goes on: what earlier files of the folder say of this step and later ones is void. */
  purgeStep?: number;
  /** How long records wait in memory at most, in seconds; default 120, as PyTorch's. */
  flushSecs?: number;
  /** The end of the file's name. */
  filenameSuffix?: string;
}

export interface SummaryOptions {
  /** Default 0. */
  globalStep?: number;
  /** Seconds since 1970; default now. */
  walltime?: number;
}
const SUMMARY_OPTIONS = ['globalStep', 'walltime'] as const;

/** How the axes of an image are ordered: channels, height, width. */
export type DataFormats = 'CHW' | 'HWC' | 'HW';

/** So many bytes are written at once, however long they have waited. */
const MOST_WAITING = 1 << 16;

const open = new Set<SummaryWriter>();
let files = 0;

/**
 * Writes scalars, histograms and images to a new event file in `logDir`; `tensorboard --logdir` shows them while they grow.
 * Records are appended whole: after a crash at any moment, TensorBoard reads everything up to the last flush.
 *
 * @example
 * using writer = new SummaryWriter('runs/first');
 * writer.addScalar('loss', 0.25, { globalStep: 10 });
 * writer.addHistogram('mlp/~/linear_0/w', params['mlp/~/linear_0'].w, { globalStep: 10 });
 */
export class SummaryWriter {
  /** The file that it writes. */
  readonly path: string;
  #fd: number | null;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #position = 0;
  #timer: NodeJS.Timeout | null = null;
  #failure: Error | null = null;
  readonly #flushMs: number;

  /** @param logDir made where missing; each run has a folder of its own, and TensorBoard is given the one above them */
  constructor(logDir: string, options?: SummaryWriterOptions) {
    const { purgeStep, flushSecs = 120, filenameSuffix = '' } = checkOptions('SummaryWriter', options, ['purgeStep', 'flushSecs', 'filenameSuffix']);
    if (typeof logDir !== 'string' || logDir === '') throw new TypeError('SummaryWriter: the first argument is the folder to write to.');
    if (!(flushSecs > 0)) throw new ValueError(`SummaryWriter: flushSecs must be a positive number, but got ${flushSecs}.`);
    if (/[/\\\0]/.test(filenameSuffix)) throw new ValueError(`SummaryWriter: filenameSuffix is the end of a file name, but got ${JSON.stringify(filenameSuffix)}.`);
    if (purgeStep !== undefined) checkStep('SummaryWriter: purgeStep', purgeStep);
    this.#flushMs = Math.min(flushSecs * 1000, 2 ** 31 - 1);
    makeFolder(logDir);
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
    this.path = join(logDir, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${files++}${filenameSuffix}`);
    this.#fd = openSync(this.path, 'wx');
    if (open.size === 0) process.on('exit', flushAll);
    open.add(this);
    this.#append(versionEvent(now()));
    if (purgeStep !== undefined) this.#append(restartEvent(now(), purgeStep));
    this.flush();
  }

  /** A number, or a scalar array. NaN and infinities are kept. */
  addScalar(tag: string, scalarValue: number | { item(): number }, options?: SummaryOptions): void {
    const value = typeof scalarValue === 'object' && typeof scalarValue?.item === 'function' ? Number(scalarValue.item()) : scalarValue;
    if (typeof value !== 'number') throw new TypeError(`addScalar: the value of '${tag}' must be a number or a scalar array, but got ${scalarValue === null ? 'null' : typeof scalarValue}.`);
    this.#summary('addScalar', tag, { scalar: Math.fround(value) }, checkOptions('addScalar', options, SUMMARY_OPTIONS));
  }

  /** How the values of an array are spread, in TensorFlow's buckets; NaN and infinities are left out. */
  addHistogram(tag: string, values: Plottable | ArrayLike<number | bigint | boolean>, options?: SummaryOptions): void {
    const data = isPlottable(values) ? values : { data: values };
    if (typeof data.data?.length !== 'number') throw new TypeError(`addHistogram: the values of '${tag}' must be an array, but got ${typeof values}.`);
    this.#summary('addHistogram', tag, { histogram: histogram(numbers(data)) }, checkOptions('addHistogram', options, SUMMARY_OPTIONS));
  }

  /** A histogram counted already: `bucketCounts[i]` values are below `bucketLimits[i]`, and not below the limit before. */
  addHistogramRaw(
    tag: string, min: number, max: number, num: number, sum: number, sumSquares: number,
    bucketLimits: ArrayLike<number>, bucketCounts: ArrayLike<number>, options?: SummaryOptions,
  ): void {
    const [limits, counts] = [Array.from(bucketLimits), Array.from(bucketCounts)];
    if (limits.length !== counts.length || !limits.length) throw new ValueError(`addHistogramRaw: '${tag}' needs one count for each limit, but there are ${limits.length} limits and ${counts.length} counts.`);
    const numeric = [min, max, num, sum, sumSquares, ...limits, ...counts];
    if (!numeric.every((x) => typeof x === 'number')) throw new TypeError(`addHistogramRaw: all values of '${tag}' must be numbers.`);
    this.#summary('addHistogramRaw', tag, { histogram: { min, max, num, sum, sumSquares, limits, counts } }, checkOptions('addHistogramRaw', options, SUMMARY_OPTIONS));
  }

  /**
   * A picture: an array of one to four channels (grey, grey with alpha, RGB, RGBA), whose values are bytes if it is uint8
   * and otherwise run from 0 to 1; or the bytes of a PNG file, such as `toPng` of `hokku/plot` gives.
   *
   * @throws ShapeError where the shape does not fit `dataformats` (default `CHW`)
   */
  addImage(tag: string, imgTensor: Plottable | Uint8Array, options?: SummaryOptions & { dataformats?: DataFormats }): void {
    const { dataformats = 'CHW', ...rest } = checkOptions('addImage', options, [...SUMMARY_OPTIONS, 'dataformats']);
    this.#summary('addImage', tag, { image: isPlottable(imgTensor) ? encodeImage(imgTensor, dataformats) : readImage(imgTensor) }, rest);
  }

  /** Hands to the system what waits. */
  flush(): void {
    const fd = this.#opened('flush');
    this.#failure = null;
    const bytes = Buffer.concat(this.#waiting);
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, this.#position + done);
    } finally {
      // What was not written stays: once there is room again, nothing is missing.
      this.#position += done;
      this.#waiting = done < bytes.length ? [bytes.subarray(done)] : [];
      this.#bytes = bytes.length - done;
    }
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Flushes, and ends the file; closing twice does nothing. */
  close(): void {
    if (this.#fd === null) return;
    try {
      this.flush();
    } finally {
      if (this.#timer) clearTimeout(this.#timer);
      closeSync(this.#fd);
      this.#fd = null;
      open.delete(this);
      if (open.size === 0) process.off('exit', flushAll);
    }
  }

  [Symbol.dispose](): void { this.close(); }

  #opened(method: string): number {
    if (this.#fd === null) throw new DisposedError(`${method}: this writer of ${this.path} was closed; make a new one.`);
    return this.#fd;
  }

  #summary(method: string, tag: string, value: SummaryValue, { globalStep = 0, walltime = now() }: SummaryOptions): void {
    this.#opened(method);
    if (typeof tag !== 'string' || tag === '') throw new TypeError(`${method}: the tag must be a text that is not empty, but got ${typeof tag === 'string' ? "''" : typeof tag}.`);
    checkStep(`${method}: globalStep`, globalStep);
    if (!Number.isFinite(walltime)) throw new ValueError(`${method}: walltime must be seconds since 1970, but got ${String(walltime)}.`);
    // What failed while nobody was waiting for it is tried again, so that who is here now is told.
    if (this.#failure) this.flush();
    this.#append(summaryEvent(walltime, globalStep, tag, value));
    if (this.#bytes >= MOST_WAITING) return this.flush();
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      try { this.flush(); } catch (error) { this.#failure = error as Error; }
    }, this.#flushMs).unref();
  }

  #append(event: Uint8Array): void {
    const record = frame(event);
    this.#waiting.push(record);
    this.#bytes += record.length;
  }
}

/** What waits in writers that nobody closed. */
function flushAll(): void {
  for (const writer of open) {
    try { writer.flush(); } catch { /* the process ends: nobody is left to be told */ }
  }
}

const now = (): number => Date.now() / 1000;

function checkStep(what: string, step: number): void {
  if (!Number.isSafeInteger(step)) throw new ValueError(`${what} must be a whole number, but got ${String(step)}.`);
}

const isPlottable = (x: unknown): x is Plottable => typeof x === 'object' && x !== null && 'shape' in x && 'data' in x;

type Image = Extract<SummaryValue, { image: unknown }>['image'];

function readImage(png: Uint8Array): Image {
  const size = png instanceof Uint8Array ? pngSize(png) : undefined;
  if (!size) throw new TypeError('addImage: expected an array with a shape, or the bytes of a PNG file.');
  return { ...size, channels: 4, png };
}

function encodeImage(image: Plottable, dataformats: DataFormats): Image {
  if (dataformats !== 'CHW' && dataformats !== 'HWC' && dataformats !== 'HW') throw new ValueError(`addImage: dataformats is 'CHW', 'HWC' or 'HW', but got '${String(dataformats)}'.`);
  const { shape, data, dtype } = image;
  const axis = (letter: string): number => (dataformats.includes(letter) ? shape[dataformats.indexOf(letter)] : 1);
  const [channels, height, width] = ['C', 'H', 'W'].map(axis);
  if (shape.length !== dataformats.length || channels < 1 || channels > 4 || !(height > 0 && width > 0)) {
    throw new ShapeError(`addImage: an image of dataformats '${dataformats}' has one to four channels and some height and width, but the array is [${shape.join(',')}].`);
  }
  if (data.length !== channels * height * width) throw new ShapeError(`addImage: an array of shape [${shape.join(',')}] holds ${channels * height * width} values, but there are ${data.length}.`);
  const values = numbers(image);
  const scale = data instanceof Uint8Array && dtype !== 'bool' ? 1 : 255;
  const pixels = new Uint8Array(values.length);
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < height * width; p++) {
      const value = values[dataformats === 'CHW' ? c * height * width + p : p * channels + c] * scale;
      pixels[p * channels + c] = Math.min(255, Math.max(0, value));  // NaN becomes 0
    }
  }
  return { width, height, channels, png: encodeChannels(width, height, channels as 1 | 2 | 3 | 4, pixels) };
}
