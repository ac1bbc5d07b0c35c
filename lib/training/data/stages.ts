/**
 * The stages of a pipeline. Each opens an epoch at any place, counted in what it gives; what comes next follows from the
 * epoch and the place alone, so that a run goes on with exactly the next batch.
 */
import { ConcreteArray, aval } from '../../jax/array.js';
import { DataError, TypeError, ValueError } from '../../runtime/errors.js';
import { MapWorkers } from './map-workers.js';
import { permutation, randomIndices } from './shuffle.js';
import { Columns, Row, elementOf, stack } from './stack.js';

/** Gives one thing after another, at once where it can; `done` at the end. */
export interface Cursor {
  next(): unknown | typeof END | Promise<unknown | typeof END>;
  close(): void | Promise<void>;
}
export const END = Symbol('end');

export interface Stage {
  /** How this stage stands in a position. */
  readonly text: string;
  /** How many things an epoch has; null where that is not known. */
  readonly length: number | null;
  readonly seed: number | null;
  open(epoch: number, skip: number, scope: Scope): Cursor;
}
/** What lives as long as an iterator, such as worker threads: made once, closed at its end. */
export class Scope {
  readonly #kept = new Map<object, { close(): Promise<void> }>();
  keep<T extends { close(): Promise<void> }>(key: object, make: () => T): T {
    let found = this.#kept.get(key) as T | undefined;
    if (!found) this.#kept.set(key, (found = make()));
    return found;
  }
  async close(): Promise<void> {
    await Promise.all([...this.#kept.values()].map((x) => x.close()));
    this.#kept.clear();
  }
}

/** A stage whose things can be had by their numbers: it is shuffled whole. */
export interface Indexed extends Stage {
  readonly length: number;
  at(index: number): unknown | Promise<unknown>;
}
const isIndexed = (stage: Stage): stage is Indexed => 'at' in stage;

class IndexCursor implements Cursor {
  constructor(readonly stage: Indexed, readonly order: (index: number) => number, public index: number) {}
  next(): unknown { return this.index < this.stage.length ? this.stage.at(this.order(this.index++)) : END; }
  close(): void {}
}

/** Rows of arrays. */
export class ArraysSource implements Indexed {
  readonly #columns: Columns;
  readonly seed = null;
  constructor(arrays: unknown) { this.#columns = new Columns(arrays); }
  get length(): number { return this.#columns.length; }
  get text(): string { return `arrays[${this.length}]`; }
  at(index: number): Row { return new Row(this.#columns, index); }
  open(_: number, skip: number): Cursor { return new IndexCursor(this, (i) => i, skip); }
}

/** What has a length and `at`: lists, and sets of the caller's own. */
export class ListSource implements Indexed {
  readonly seed = null;
  constructor(readonly list: { readonly length: number; at(index: number): unknown }) {}
  get length(): number { return this.list.length; }
  get text(): string { return `list[${this.length}]`; }
  at(index: number): unknown { return this.list.at(index); }
  open(_: number, skip: number): Cursor { return new IndexCursor(this, (i) => i, skip); }
}

export type Stream = Iterable<unknown> | AsyncIterable<unknown>;

/** Anything that can be iterated, or a function that gives it anew for every epoch. */
export class StreamSource implements Stage {
  readonly seed = null;
  readonly length = null;
  #used = false;
  constructor(readonly source: Stream | ((epoch: number) => Stream | Promise<Stream>), readonly text = 'stream') {}
  open(epoch: number, skip: number): Cursor {
    const { source } = this;
    let iterator: Iterator<unknown> | AsyncIterator<unknown> | null = null;
    const begin = async () => {
      const stream = typeof source === 'function' ? await source(epoch) : source;
      const found = Symbol.asyncIterator in stream ? stream[Symbol.asyncIterator]() : stream[Symbol.iterator]();
      // Its own iterator: there is no second one.
      if ((found as unknown) === stream && typeof source !== 'function') {
        if (this.#used) throw new DataError('The data is an iterator, which can be read once: pass an iterable, or a function that makes a new one for every epoch.');
        this.#used = true;
      }
      for (let i = 0; i < skip; i++) if ((await found.next()).done) break;
      iterator = found;
    };
    return {
      next: async () => {
        if (!iterator) await begin();
        const { done, value } = await iterator!.next();
        return done ? END : value;
      },
      close: async () => { await iterator?.return?.(); },
    };
  }
}

/** Everything in an order of its own in every epoch. */
export class Shuffle implements Stage {
  constructor(readonly inner: Indexed, readonly seed: number) {}
  get length(): number { return this.inner.length; }
  get text(): string { return `${this.inner.text} > shuffle(${this.seed})`; }
  open(epoch: number, skip: number): Cursor { return new IndexCursor(this.inner, permutation(this.length, this.seed, epoch), skip); }
}

/** Streams: out of a buffer that is filled from behind. To go on within an epoch it is read again from its beginning. */
export class BufferShuffle implements Stage {
  constructor(readonly inner: Stage, readonly seed: number, readonly buffer: number) {}
  get length(): number | null { return this.inner.length; }
  get text(): string { return `${this.inner.text} > shuffle(${this.seed}, buffer ${this.buffer})`; }
  open(epoch: number, skip: number, scope: Scope): Cursor {
    const cursor = this.inner.open(epoch, 0, scope);
    const random = randomIndices(this.seed, epoch);
    const held: unknown[] = [];
    let ended = false;
    let skipped = 0;
    const one = async (): Promise<unknown> => {
      while (!ended && held.length < this.buffer) {
        const x = await cursor.next();
        if (x === END) ended = true; else held.push(x);
      }
      if (held.length === 0) return END;
      const chosen = random(held.length);
      const x = held[chosen];
      const last = held.pop();
      if (chosen < held.length) held[chosen] = last;
      return x;
    };
    return {
      next: async () => {
        for (; skipped < skip; skipped++) if (await one() === END) break;
        return one();
      },
      close: () => cursor.close(),
    };
  }
}

export const shuffled = (inner: Stage, seed: number, buffer: number | undefined): Stage => {
  if (buffer === undefined && !isIndexed(inner)) throw new ValueError('data.shuffle: a stream is shuffled within a buffer, so say how large: shuffle({ seed, buffer: 10000 }); arrays and lists are shuffled whole if shuffle stands right behind them.');
  return buffer === undefined ? new Shuffle(inner as Indexed, seed) : new BufferShuffle(inner, seed, buffer);
};

/** Where an element is: what a mapped function may take its random numbers from. */
export interface ElementInfo { readonly epoch: number; readonly index: number }
export type MapFunction = (element: any, info: ElementInfo) => unknown;

/** A function of every element, here or in worker threads; the order stays. */
export class Mapped implements Stage {
  constructor(readonly inner: Stage, readonly f: MapFunction | URL, readonly workers: number) {}
  get length(): number | null { return this.inner.length; }
  get seed(): number | null { return this.inner.seed; }
  get text(): string { return `${this.inner.text} > map`; }
  open(epoch: number, skip: number, scope: Scope): Cursor {
    const cursor = this.inner.open(epoch, skip, scope);
    let index = skip;
    const { f } = this;
    if (typeof f === 'function') {
      const apply = (x: unknown) => (x === END ? END : f(elementOf(x), { epoch, index: index++ }));
      return { next: () => { const x = cursor.next(); return x instanceof Promise ? x.then(apply) : apply(x); }, close: () => cursor.close() };
    }
    const pool = scope.keep(this, () => new MapWorkers(f, this.workers));
    const pending: Promise<unknown>[] = [];
    let reading: Promise<unknown> = Promise.resolve();
    const start = (): void => {
      reading = reading.then(() => cursor.next());
      const result = reading.then((x) => (x === END ? END : pool.run(elementOf(x), { epoch, index: index++ })));
      // Whoever takes it sees the error.
      result.catch(() => {});
      pending.push(result);
    };
    return {
      next: () => {
        while (pending.length < 2 * this.workers) start();
        return pending.shift()!;
      },
      close: () => cursor.close(),
    };
  }
}

export type Remainder = 'drop' | 'pad' | 'keep';

export class Batched implements Stage {
  constructor(readonly inner: Stage, readonly size: number, readonly remainder: Remainder) {}
  get length(): number | null {
    const { length } = this.inner;
    return length === null ? null : this.remainder === 'drop' ? Math.floor(length / this.size) : Math.ceil(length / this.size);
  }
  get seed(): number | null { return this.inner.seed; }
  get text(): string { return `${this.inner.text} > batch(${this.size}, ${this.remainder})`; }
  open(epoch: number, skip: number, scope: Scope): Cursor {
    const cursor = this.inner.open(epoch, skip * this.size, scope);
    let count = skip * this.size;
    const finish = (items: unknown[]): unknown => {
      if (items.length === 0 || (items.length < this.size && this.remainder === 'drop')) return END;
      const first = count;
      count += items.length;
      if (this.remainder !== 'pad') return stack(items, items.length, first);
      return withMask(stack(items, this.size, first), items.length, this.size);
    };
    const rest = async (items: unknown[], waiting: Promise<unknown>): Promise<unknown> => {
      for (let x = await waiting; x !== END; x = await cursor.next()) {
        items.push(x);
        if (items.length === this.size) break;
      }
      return finish(items);
    };
    return {
      next: () => {
        const items: unknown[] = [];
        while (items.length < this.size) {
          const x = cursor.next();
          if (x instanceof Promise) return rest(items, x);
          if (x === END) break;
          items.push(x);
        }
        return finish(items);
      },
      close: () => cursor.close(),
    };
  }
}

/** Says which rows are elements and which are zeros, so that a loss can leave these out. */
function withMask(batch: unknown, elements: number, size: number): unknown {
  if (typeof batch !== 'object' || batch === null || Array.isArray(batch) || batch instanceof ConcreteArray) throw new TypeError("data.batch: remainder 'pad' adds a 'mask' to every batch, so elements must be objects such as { x, y }; or drop or keep the remainder.");
  if ('mask' in batch) throw new TypeError("data.batch: remainder 'pad' adds a 'mask' to every batch, but the elements have one already; rename it with map.");
  const mask = new Uint8Array(size).fill(1, 0, elements);
  return { ...batch, mask: new ConcreteArray(aval([size], 'bool'), mask.buffer) };
}
