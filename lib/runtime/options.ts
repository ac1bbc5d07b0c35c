/** The check that every trailing options object goes through: unknown and misspelt keys are refused by name. */
import { TypeError } from './errors.js';
import { nearestName } from './nearest.js';

/**
 * Returns `options` (an empty object where left out), having checked that it is an object with known keys only.
 * `where` names the function in the error.
 */
export function checkOptions<T extends object>(where: string, options: T | undefined, known: readonly (keyof T & string)[]): T {
  if (options === undefined) return {} as T;
  const prototype = typeof options === 'object' && options !== null ? (Object.getPrototypeOf(options) as object | null) : undefined;
  if (prototype === undefined || (prototype !== null && Object.getPrototypeOf(prototype) !== null)) {
    throw new TypeError(`${where}: the last argument is an options object ({ ${known.join(', ')} }), but got ${nameOf(options)}.`);
  }
  for (const key of Object.keys(options)) {
    if ((known as readonly string[]).includes(key)) continue;
    const near = nearestName(key, known);
    throw new TypeError(`${where}: unknown option '${key}'${near ? `; did you mean '${near}'?` : '.'} The options are: ${known.join(', ')}.`);
  }
  return options;
}

/** What was given in place of options; a function by its name, as its text would be its source. */
function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'object') return `an instance of ${value.constructor?.name}`;
  if (typeof value === 'function') return value.name ? `the function ${value.name}` : 'a function';
  return `${typeof value} ${String(value)}`;
}
