/** The check that every trailing options object goes through: unknown and misspelt keys are refused by name. */
import { TypeError } from './errors.js';

/** Number of single-character edits (with swaps of neighbours) that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + changed);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}

/** The known name that `name` was probably meant to be (case and underscores aside), or undefined where none is near. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const plain = (s: string): string => s.replaceAll('_', '').toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(plain(name), plain(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/**
 * Returns `options` (an empty object where left out), having checked that it is an object with known keys only.
 * `where` names the function in the error.
 */
export function checkOptions<T extends object>(where: string, options: T | undefined, known: readonly (keyof T & string)[]): T {
  if (options === undefined) return {} as T;
  const prototype = typeof options === 'object' && options !== null ? (Object.getPrototypeOf(options) as object | null) : undefined;
  if (prototype === undefined || (prototype !== null && Object.getPrototypeOf(prototype) !== null)) {
    const got = options === null ? 'null' : typeof options === 'object' ? `an instance of ${prototype!.constructor?.name}` : `${typeof options} ${String(options)}`;
    throw new TypeError(`${where}: the last argument is an options object ({ ${known.join(', ')} }), but got ${got}.`);
  }
  for (const key of Object.keys(options)) {
    if ((known as readonly string[]).includes(key)) continue;
    const near = nearestName(key, known);
    throw new TypeError(`${where}: unknown option '${key}'${near ? `; did you mean '${near}'?` : ''} The options are: ${known.join(', ')}.`);
  }
  return options;
}
