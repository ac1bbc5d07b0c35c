/** Sequences of keys, and the functions that take keys from the sequence of the running `init` or `apply`. */
import { isArray, numpy as jnp, random, type Array } from '../jax/index.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { config } from './config.js';
import { requireEffects, requireFrame, type Frame } from './context.js';
import { MissingRNGError } from './errors.js';
import { describe } from './mappings.js';

/** The key from which further ones are split, and the keys that were split off and not yet given out. */
export type PRNGSequenceState = readonly [key: Array, subkeys: readonly Array[]];

function checkKey(key: unknown): Array {
  if (!isArray(key)) throw new ValueError(`The provided key is not a JAX PRNGKey but ${describe(key)}: make one with random.PRNGKey(seed).`);
  if (key.dtype !== 'uint32' || key.ndim !== 1 || key.shape[0] !== 2) {
    throw new ValueError(`Provided key did not have expected shape and/or dtype: expected=(shape=[2], dtype=uint32), actual=(shape=[${key.shape}], dtype=${key.dtype}).`);
  }
  return key;
}

function checkCount(what: string, count: unknown): void {
  if (!Number.isInteger(count)) throw new TypeError(`PRNGSequence.${what}: the number of keys must be whole, but got ${describe(count)}.`);
}

/**
 * An endless sequence of keys that never repeat.
 *
 * ```ts
 * const keys = new hk.PRNGSequence(42);
 * const x = random.normal(keys.next(), [3]);
 * ```
 * As Haiku's, bit for bit: reserving m keys splits the key in m + 1, of which the first is kept for later splits.
 */
export class PRNGSequence {
  #key: Array;
  #subkeys: Array[];

  /**
   * @param source A key (uint32 `[2]`), a seed (an integer or an int32 scalar array), or an `internalState`.
   * @throws ValueError for anything else.
   */
  constructor(source: Array | number | PRNGSequenceState) {
    this.#subkeys = [];
    if (globalThis.Array.isArray(source)) {
      this.#key = checkKey(source[0]);
      this.#subkeys = (source[1] as readonly Array[]).map(checkKey);
    } else if (Number.isInteger(source) || (isArray(source) && source.ndim === 0 && source.dtype === 'int32')) {
      this.#key = random.PRNGKey(source as number | Array);
    } else {
      this.#key = checkKey(source);
    }
  }

  /** Splits `count` further keys off, to be given out after those that are queued. */
  reserve(count: number): void {
    checkCount('reserve', count);
    if (count <= 0) return;
    const keys = random.split(this.#key, count + 1);
    this.#key = keys.index(0);
    for (let i = 1; i <= count; i++) this.#subkeys.push(keys.index(i));
  }

  /** Makes the queue exactly as long as `config.rngReserveSize`: loops need as many keys out as in. A surplus is dropped. */
  reserveUpToFull(): void {
    this.reserve(config.rngReserveSize - this.#subkeys.length);
    this.#subkeys.length = config.rngReserveSize;
  }

  /** The next key, uint32 `[2]`. */
  next(): Array {
    if (this.#subkeys.length === 0) this.reserve(config.rngReserveSize);
    return this.#subkeys.shift()!;
  }

  /** The next `count` keys. Not the same as `count` calls of `next` on a fresh sequence: they come from one split. */
  take(count: number): Array[] {
    checkCount('take', count);
    this.reserve(count - this.#subkeys.length);
    return globalThis.Array.from({ length: count }, () => this.next());
  }

  /** A snapshot, from which `new PRNGSequence(state)` goes on with the same keys. */
  get internalState(): PRNGSequenceState { return [this.#key, [...this.#subkeys]]; }

  replaceInternalState(state: PRNGSequenceState): void {
    if (!globalThis.Array.isArray(state) || !globalThis.Array.isArray(state[1])) throw new TypeError(`The state of a sequence of keys is [key, subkeys], but got ${describe(state)}.`);
    const [key, subkeys] = state;
    const checked = subkeys.map(checkKey);
    this.#key = checkKey(key);
    this.#subkeys = checked;
  }

  *[Symbol.iterator](): Generator<Array, never> {
    for (;;) yield this.next();
  }
}

function sequenceOf(frame: Frame): PRNGSequence {
  const sequence = frame.rngs.top;
  if (!sequence) throw new MissingRNGError('You must pass a non-null PRNGKey to init and/or apply if you make use of random numbers.');
  return sequence;
}

/**
 * The next key of the running `init` or `apply`, uint32 `[2]`.
 * @throws MissingRNGError where it was given none; ValueError outside a transform.
 */
export function nextRngKey(): Array { return sequenceOf(requireEffects('nextRngKey')).next(); }

/** The next `count` keys, uint32 `[count, 2]`, from one split. @throws as `nextRngKey`. */
export function nextRngKeys(count: number): Array { return jnp.stack(sequenceOf(requireEffects('nextRngKeys')).take(count)); }

/** As `nextRngKey`, but null where no key was given. */
export function maybeNextRngKey(): Array | null { return requireEffects('maybeNextRngKey').rngs.top?.next() ?? null; }

/** Splits `count` keys off at once, for later `nextRngKey`s. @throws as `nextRngKey`. */
export function reserveRngKeys(count: number): void { sequenceOf(requireEffects('reserveRngKeys')).reserve(count); }

/** Runs `fn` with a fresh sequence on `key`; the sequence outside is untouched. */
export function withRng<R>(key: Array | number, fn: () => R): R {
  return requireEffects('withRng').rngs.with(new PRNGSequence(key), fn);
}

/** The state of the current sequence of keys, or null where no key was given. */
export function maybeGetRngSequenceState(): PRNGSequenceState | null {
  return requireFrame('maybeGetRngSequenceState').rngs.top?.internalState ?? null;
}

/** Makes the current sequence go on from `state`. @throws MissingRNGError where no key was given. */
export function replaceRngSequenceState(state: PRNGSequenceState): void {
  const sequence = requireEffects('replaceRngSequenceState').rngs.top;
  if (!sequence) throw new MissingRNGError('`hk.replaceRngSequenceState` requires a key to be passed to the init or apply that is running.');
  sequence.replaceInternalState(state);
}
