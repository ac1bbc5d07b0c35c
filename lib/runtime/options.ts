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
    const got = options === null ? 'null' : typeof options === 'object' ? `an instance of ${prototype!.constructor?.name}` : `${typeof options} ${String(options)}`;
    throw new TypeError(`${where}: the last argument is an options object ({ ${known.join(', ')} }), but got ${got}.`);
  }
  for (const key of Object.keys(options)) {
    if ((known as readonly string[]).includes(key)) continue;
    const near = nearestName(key, known);
    throw new TypeError(`${where}: unknown option '${key}'${near ? `; did you mean '${near}'?` : '.'} The options are: ${known.join(', ')}.`);
  }
  return options;
}
