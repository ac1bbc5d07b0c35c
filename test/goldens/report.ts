/** What checking a case gives: comparisons made, those that failed, and names that were missing. */
import { MissingName, type Any, type Api } from './api.js';
import { toleranceFor, type Case, type Tolerances } from './cases.js';
import { compareArray, type Mismatch, type RawArray } from './compare.js';
import { pairLeaves } from './trees.js';

export class Report {
  readonly mismatches: Mismatch[] = [];
  readonly missing = new Set<string>();
  checks = 0;

  fail(what: string, why: string): void {
    this.mismatches.push({ what, why, error: NaN });
  }

  add(mismatch: Mismatch | null): void {
    this.checks++;
    if (mismatch) this.mismatches.push(mismatch);
  }

  /** Adds what a part of the case gave. */
  take({ checks, mismatches }: Pick<Report, 'checks' | 'mismatches'>): void {
    this.checks += checks;
    this.mismatches.push(...mismatches);
  }

  /** Equality of plain values: names, shapes, texts. */
  equal(what: string, actual: unknown, expected: unknown): void {
    const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
    this.checks++;
    if (a !== b) this.fail(what, `${shorten(a)} instead of ${shorten(b)}`);
  }

  /** Runs a part of a case: a missing name skips it, any other error fails it. */
  attempt<T>(what: string, part: () => T): T | undefined {
    try {
      return part();
    } catch (error) {
      if (error instanceof MissingName) this.missing.add(error.missing);
      else this.fail(what, `threw ${errorText(error)}`);
      return undefined;
    }
  }
}

const shorten = (text: string | undefined): string => (text === undefined ? 'nothing' : text.length > 160 ? `${text.slice(0, 160)}…` : text);

const errorText = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  // The first frame in the library tells where to look; frames of the runner would not.
  const frame = error.stack?.split('\n').find((line) => /\/lib\//.test(line))?.replace(/^.*\/(lib\/[^)]*).*$/, ' ($1)') ?? '';
  return `${error.name}: ${error.message.split('\n')[0]}${frame}`;
};

/** A case being checked, with the arrays it holds as the public API's. */
export class Checking {
  constructor(readonly api: Api, readonly it: Case, readonly report: Report, readonly tolerances: Tolerances | undefined = it.json.tolerance) {}

  with(tolerances: Tolerances | undefined): Checking {
    return new Checking(this.api, this.it, this.report, tolerances);
  }

  raw(key: string): RawArray {
    const found = this.it.arrays.get(key);
    if (!found) throw new Error(`The case has no array '${key}'.`);
    return found;
  }

  has(key: string): boolean { return this.it.arrays.has(key); }

  array(key: string): Any {
    const { dtype, shape, data } = this.raw(key);
    return this.api.jax.fromBytes(dtype, shape, data);
  }

  /** Compares with the array recorded under `key`, by that key's tolerance. */
  check(key: string, actual: Any): void {
    this.report.add(compareArray(key, actual, this.raw(key), toleranceFor(this.tolerances, key)));
  }

  /** Compares a whole tree with its picture. */
  checkTree(picture: Any, actual: Any, what = 'the result'): void {
    for (const leaf of pairLeaves(picture, actual, (why) => this.report.fail(what, why))) this.check(leaf.key, leaf.value);
  }

  /** The parameter map under `prefix`, in the order of `entries`. */
  paramsAt(prefix: string, entries: readonly { module: string; name: string }[]): Any {
    const params: Record<string, Record<string, Any>> = {};
    for (const { module, name } of entries) (params[module] ??= {})[name] = this.array(`${prefix}/${module}/${name}`);
    return params;
  }
}

/** Runs with threefry in the mode told, and puts the mode back. */
export function withThreefry<T>(api: Api, partitionable: boolean | undefined, body: () => T): T {
  const { config } = api.jax;
  const before = config.threefryPartitionable;
  config.threefryPartitionable = partitionable ?? true;
  try {
    return body();
  } finally {
    config.threefryPartitionable = before;
  }
}
