/** A stack whose entries live as long as a function runs: what Python writes as a `with` block. */
export class Stack<T> {
  readonly #items: T[];

  /** `base` entries stay for good. */
  constructor(...base: T[]) { this.#items = base; }

  get length(): number { return this.#items.length; }
  /** From the outermost (first entered) to the innermost. A copy, so that what is entered meanwhile does not show. */
  get items(): readonly T[] { return [...this.#items]; }
  get top(): T | undefined { return this.#items.at(-1); }
  /** `peek(-1)` is the innermost entry. */
  peek(depth: number): T | undefined { return this.#items.at(depth); }

  /** A stack of its own with the same entries, or what `copy` makes of them. */
  clone(copy: (item: T) => T = (item) => item): Stack<T> { return new Stack(...this.#items.map(copy)); }

  with<R>(item: T, body: () => R): R {
    this.#items.push(item);
    try { return body(); } finally { this.#items.pop(); }
  }
}
