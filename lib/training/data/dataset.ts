/** Pipelines of data: what is read, in which order, in which batches. */
import { DataError, TypeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import type { DataPosition } from './position.js';
import { ArraysSource, Batched, END, ListSource, Mapped, Scope, StreamSource, shuffled, type Cursor, type MapFunction, type Remainder, type Stage, type Stream } from './stages.js';
import { elementOf } from './stack.js';

export interface ShuffleOptions {
  /** A whole number (default 0): the order of every epoch follows from it. */
  seed?: number;
  /** Shuffle within so many elements, as streams must; arrays and lists are shuffled whole where it is left out. */
  buffer?: number;
}

/**
 * Data as a chain of stages; each method gives a new one. Iterating gives what the last stage makes, epoch after epoch.
 *
 * @example
 * const batches = data.fromArrays({ x, y }).shuffle({ seed: 0 }).batch(32).repeat();
 * for await (const { x, y } of batches) …
 */
export class Dataset implements AsyncIterable<any> {
  readonly #stage: Stage;
  readonly #epochs: number;
  readonly #prefetch: number;
  /** @internal */
  constructor(stage: Stage, epochs = 1, prefetch = 0) {
    this.#stage = stage;
    this.#epochs = epochs;
    this.#prefetch = prefetch;
  }
  #then(stage: Stage): Dataset { return new Dataset(stage, this.#epochs, this.#prefetch); }

  /** How many things an epoch has; null for streams. */
  get length(): number | null { return this.#stage.length; }
  get epochs(): number { return this.#epochs; }
  /** Whether the last batch of an epoch may be smaller than the others. */
  get ragged(): boolean { return this.#stage instanceof Batched && this.#stage.remainder === 'keep'; }

  /** Another order in every epoch. Arrays and lists are shuffled whole if this comes first, everything else within a buffer. */
  shuffle(options?: ShuffleOptions): Dataset {
    const { seed = 0, buffer } = checkOptions('data.shuffle', options, ['seed', 'buffer']);
    if (!Number.isSafeInteger(seed)) throw new ValueError(`data.shuffle: the seed must be a whole number, but got ${String(seed)}.`);
    if (buffer !== undefined) positive('data.shuffle', 'buffer', buffer);
    return this.#then(shuffled(this.#stage, seed, buffer));
  }

  /**
   * Applies a function to every element, with `{ epoch, index }` second. A URL names a module whose default export is the
   * function; it runs in worker threads, and the order stays.
   *
   * @example
   * data.csv('train.csv').map(({ label, ...rest }) => ({ x: Object.values(rest), y: label }))
   * data.from(files).map(new URL('./decode.js', import.meta.url), { workers: 4 })
   */
  map(f: MapFunction | URL, options?: { workers?: number }): Dataset {
    const { workers = f instanceof URL ? 1 : 0 } = checkOptions('data.map', options, ['workers']);
    if (!(f instanceof URL) && typeof f !== 'function') throw new TypeError(`data.map: expected a function, or the URL of a module that exports one, but got ${typeof f}.`);
    if (f instanceof URL) positive('data.map', 'workers', workers);
    else if (workers > 0) throw new TypeError('data.map: a function cannot be sent to worker threads; export it from a module and pass new URL(\'./module.js\', import.meta.url).');
    return this.#then(new Mapped(this.#stage, f, workers));
  }

  /**
   * Stacks elements. Numbers become float32 arrays, arrays and typed arrays keep their dtype.
   * @param options `remainder`: what becomes of the last, smaller batch of an epoch: it is dropped (the default: every batch then
   *   has the one shape that a program is compiled for), filled up with zeros (`pad`; every batch then has a `mask` that is true for
   *   its elements), or given as it is (`keep`)
   */
  batch(size: number, options?: { remainder?: Remainder }): Dataset {
    const { remainder = 'drop' } = checkOptions('data.batch', options, ['remainder']);
    positive('data.batch', 'size', size);
    if (!['drop', 'pad', 'keep'].includes(remainder)) throw new ValueError(`data.batch: remainder must be 'drop', 'pad' or 'keep', but got '${String(remainder)}'.`);
    return this.#then(new Batched(this.#stage, size, remainder));
  }

  /** So many epochs; without end where left out. */
  repeat(epochs = Infinity): Dataset {
    if (epochs !== Infinity) positive('data.repeat', 'epochs', epochs);
    return new Dataset(this.#stage, epochs, this.#prefetch);
  }

  /** Makes so many ahead of the one that is asked for. */
  prefetch(count: number): Dataset {
    if (!Number.isInteger(count) || count < 0) throw new ValueError(`data.prefetch: expected a whole number of at least 0, but got ${String(count)}.`);
    return new Dataset(this.#stage, this.#epochs, count);
  }

  /** The beginning. */
  get start(): DataPosition { return { epoch: 0, batch: 0, seed: this.#stage.seed, pipeline: this.#stage.text }; }

  /**
   * An iterator that goes on at a position: exactly with the batch that came next there.
   * @throws ValueError where the position is of another pipeline
   */
  iterator(position: DataPosition = this.start): DataIterator {
    if (position.pipeline !== this.#stage.text) throw new ValueError(`The position belongs to other data: it was '${position.pipeline}', and this is '${this.#stage.text}'; go on with the same pipeline, or begin anew.`);
    return new DataIterator(this.#stage, this.#epochs, this.#prefetch, position);
  }
  [Symbol.asyncIterator](): DataIterator { return this.iterator(); }
}

function positive(where: string, what: string, n: unknown): void {
  if (!Number.isInteger(n) || (n as number) < 1) throw new ValueError(`${where}: ${what} must be a positive whole number, but got ${String(n)}.`);
}

type Pulled = { readonly value: unknown; readonly after: DataPosition } | null;

/** An iterator that knows where it is. */
export class DataIterator implements AsyncIterableIterator<any> {
  /** Where what was given last ends: restoring it gives exactly what comes next. */
  position: DataPosition;
  readonly #stage: Stage;
  readonly #epochs: number;
  readonly #ahead: number;
  readonly #queue: Promise<Pulled>[] = [];
  readonly #scope = new Scope();
  #cursor: Cursor | null = null;
  /** Where the cursor is, ahead of `position`. */
  #at: DataPosition;
  #tail: Promise<unknown> = Promise.resolve();
  #ended = false;

  /** @internal */
  constructor(stage: Stage, epochs: number, ahead: number, position: DataPosition) {
    this.#stage = stage;
    this.#epochs = epochs;
    this.#ahead = ahead;
    this.position = this.#at = position;
  }

  /** @throws DataError naming the batch where the data failed */
  async next(): Promise<IteratorResult<any>> {
    while (this.#queue.length <= this.#ahead) {
      const pulled = this.#tail.then(() => this.#pull());
      pulled.catch(() => {});
      this.#tail = pulled;
      this.#queue.push(pulled);
    }
    const pulled = await this.#queue.shift()!;
    if (!pulled) return { done: true, value: undefined };
    this.position = pulled.after;
    return { done: false, value: pulled.value };
  }

  async #pull(): Promise<Pulled> {
    let empty = false;
    try {
      while (!this.#ended && this.#at.epoch < this.#epochs) {
        this.#cursor ??= this.#stage.open(this.#at.epoch, this.#at.batch, this.#scope);
        const value = await this.#cursor.next();
        if (value !== END) {
          this.#at = { ...this.#at, batch: this.#at.batch + 1 };
          return { value: elementOf(value), after: this.#at };
        }
        if (empty && this.#at.batch === 0) throw new DataError('an epoch gave nothing at all');
        empty = this.#at.batch === 0;
        await this.#close();
        this.#at = { ...this.#at, epoch: this.#at.epoch + 1, batch: 0 };
      }
    } catch (cause) {
      this.#ended = true;
      await Promise.allSettled([this.#scope.close(), this.#close()]);
      const { epoch, batch } = this.#at;
      throw new DataError(`The data failed at batch ${batch} of epoch ${epoch}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
    this.#ended = true;
    await this.#scope.close();
    return null;
  }

  async #close(): Promise<void> {
    const cursor = this.#cursor;
    this.#cursor = null;
    await cursor?.close();
  }

  /** Ends it and frees what it holds. */
  async return(): Promise<IteratorResult<any>> {
    this.#ended = true;
    // Worker threads first: what is being made ahead may wait for them.
    await this.#scope.close();
    await this.#tail.catch(() => {});
    await this.#close();
    return { done: true, value: undefined };
  }
  [Symbol.asyncIterator](): this { return this; }
  async [Symbol.asyncDispose](): Promise<void> { await this.return(); }
}

/**
 * Elements along the first axis of every array of a tree: `{ x, y }` or `[x, y]`. As `tf.data.Dataset.from_tensor_slices`.
 * @throws ShapeError where the first axes differ
 */
export const fromArrays = (arrays: unknown): Dataset => new Dataset(new ArraysSource(arrays));

/**
 * Elements of anything that can be iterated, asynchronously or not, of a function that gives it anew for every epoch, or of
 * a set with a `length` and `at(index)`, which may give promises.
 */
export function from(source: Stream | { readonly length: number; at(index: number): unknown } | ((epoch: number) => Stream | Promise<Stream>)): Dataset {
  if (source instanceof Dataset) return source;
  if (typeof source === 'function') return new Dataset(new StreamSource(source));
  if (typeof source === 'object' && source !== null) {
    if ('length' in source && typeof source.at === 'function') return new Dataset(new ListSource(source));
    if (Symbol.iterator in source || Symbol.asyncIterator in source) return new Dataset(new StreamSource(source as Stream));
  }
  throw new TypeError(`data.from: expected an iterable, a list, or a function that gives one, but got ${source === null ? 'null' : typeof source}; arrays go into data.fromArrays.`);
}
