/** Batches of a run: taken one by one with their places, and held against the first. */
import { NDArray, formatAval } from '../jax/array.js';
import { matchTree } from '../jax/tree-fast.js';
import * as tree from '../jax/tree.js';
import { DataError } from '../runtime/errors.js';
import type { DataIterator } from './data/dataset.js';
import type { DataPosition } from './data/position.js';

/** The batches of a step, and the place of the first; `after` is where the data goes on. At the end both are where it ended. */
export interface Pulled { readonly done: boolean; readonly values: readonly unknown[]; readonly at: DataPosition; readonly after: DataPosition }

export class Puller {
  readonly #iterator: DataIterator;
  readonly #ragged: boolean;
  readonly #count: number;
  #first: { def: tree.TreeDef; leaves: readonly unknown[]; names: readonly string[] } | null = null;
  /** @param count batches of a step */
  constructor(iterator: DataIterator, ragged: boolean, count: number) {
    this.#iterator = iterator;
    this.#ragged = ragged;
    this.#count = count;
  }
  /** The batches of the next step. Its error is whoever's who waits for it; nobody need. */
  pull(): Promise<Pulled> {
    const pulled = this.#pull();
    pulled.catch(() => {});
    return pulled;
  }
  async #pull(): Promise<Pulled> {
    const values: unknown[] = [];
    let at: DataPosition | undefined;
    for (;;) {
      const { done = false, value } = await this.#iterator.next();
      const { position: after } = this.#iterator;
      // The batches that are left over make no step.
      if (done) return { done, values: [], at: after, after };
      at ??= { ...after, batch: after.batch - 1 };
      if (values.push(value) === this.#count) return { done, values, at, after };
    }
  }
  /** Every batch must be like the first one; only the last of an epoch may be shorter, where that was asked for. */
  check({ values, at }: Pulled): void { for (const value of values) this.#check(value, at); }
  #check(value: unknown, at: DataPosition): void {
    const leaves: unknown[] = [];
    const refuse = (what: string) => new DataError(`fit: batch ${at.batch} of epoch ${at.epoch} is not like the first one: ${what}; a program is compiled for every kind of batch, so give all the same structure, shapes and dtypes.`);
    if (!this.#first) {
      const [flat, def] = tree.flatten(value);
      if (flat.length === 0) throw new DataError(`fit: batch ${at.batch} of epoch ${at.epoch} holds no arrays.`);
      this.#first = { def, leaves: flat.map((x) => (x instanceof NDArray ? x.aval : typeof x)), names: tree.paths(value) };
      return;
    }
    const { def, leaves: expected, names } = this.#first;
    if (!matchTree(def, value, leaves)) throw refuse('it has another structure');
    leaves.forEach((x, i) => {
      const [now, then] = [x instanceof NDArray ? x.aval : typeof x, expected[i] as NDArray['aval'] | string];
      if (now === then) return;
      const where = names[i] ? `'${names[i]}'` : 'it';
      if (typeof now === 'string' || typeof then === 'string') throw refuse(`${where} is ${typeof now === 'string' ? `a ${now}` : formatAval(now)}, and was ${typeof then === 'string' ? `a ${then}` : formatAval(then)}`);
      const shorter = this.#ragged && now.dtype === then.dtype && now.shape.length === then.shape.length && now.shape.every((n, axis) => (axis === 0 ? n <= then.shape[0] : n === then.shape[axis]));
      if (formatAval(now) !== formatAval(then) && !shorter) throw refuse(`${where} is ${formatAval(now)}, and was ${formatAval(then)}`);
    });
  }
}

