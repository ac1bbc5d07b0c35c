/** The one language in which parameters are chosen by name: by `trainable`, `hk.freeze`, partitions, masks, labels, the command line. */
import { TypeError, ValueError } from './errors.js';
import { nearest } from './nearest.js';

/** Whether an entry of a two-level map is meant, as Haiku's `partition` asks. */
export type Predicate<T = any> = (module: string, name: string, value: T) => unknown;

/**
 * Which parameters are meant: a glob, a RegExp, a predicate, or a list of them, which selects what any of them does.
 *
 * A **glob** is held against the path of a parameter, `module/name`, and against the paths of the modules that it is in. So
 * `mlp/~/linear_1` is that module with all below it, and `mlp/~/linear_1/w` one array of it.
 *
 * - `*`: any letters within one part of the path: `mlp/~/linear_*`
 * - `**`: any letters, `/` too: `**` is everything; in front of `/b` as a part of its own, `b` at any depth
 * - `?`: one letter, not `/`
 * - `{a,b}`: one of several, `mlp/~/linear_{0,2}`
 * - `!` in front: all but that, `!mlp/~/linear_1`; in a list, without that
 *
 * Every other letter is itself, `~`, `.` and `[` too. A **RegExp** is searched for in `module/name`. A **predicate** is
 * asked `(module, name, value)`.
 */
export type Selection<T = any> = string | RegExp | Predicate<T> | readonly (string | RegExp | Predicate<T>)[];

/** A parameter and where it is. */
export type Entry<T = any> = readonly [module: string, name: string, value: T];
/** `module/name`; in a tree without modules the name. */
const pathOf = ([module, name]: Entry): string => (module === '' ? name : `${module}/${name}`);

/** A selection as a predicate. */
export interface Selector<T = any> {
  (module: string, name: string, value: T): boolean;
  /**
   * The entries that are meant, marked.
   * @throws ValueError where a glob or RegExp meets none of them: it names the nearest
   */
  over(entries: readonly Entry<T>[]): boolean[];
}

/** The regular expression of a glob, for a whole path. */
function expression(glob: string, where: string): RegExp {
  let [source, depth] = ['', 0];
  for (let i = 0; i < glob.length; i++) {
    const c = glob[i];
    if (glob.startsWith('**', i)) {
      const part = (i === 0 || '/{,'.includes(glob[i - 1])) && glob[i + 2] === '/';
      source += part ? '(?:.*/)?' : '.*';
      i += part ? 2 : 1;
    } else if (c === '*') source += '[^/]*';
    else if (c === '?') source += '[^/]';
    else if (c === '{') { source += '(?:'; depth++; }
    else if (c === ',' && depth) source += '|';
    else if (c === '}' && depth) { source += ')'; depth--; }
    else source += c.replace(/[\\^$.+?()[\]{}|/]/, '\\$&');
  }
  if (depth) throw new ValueError(`${where}: the pattern '${glob}' opens a { that it does not close; write {a,b}.`);
  return new RegExp(`^(?:${source})(?:/.*)?$`, 'su');
}

/** One of a selection's patterns. */
interface Part { readonly text: string | null; readonly negative: boolean; matches(path: string, entry: Entry): boolean }

function part(x: unknown, where: string): Part {
  if (typeof x === 'function') return { text: null, negative: false, matches: (_, [module, name, value]) => answer(where, (x as Predicate)(module, name, value)) };
  if (x instanceof RegExp) return { text: String(x), negative: false, matches: (path) => path.search(x) >= 0 };
  if (typeof x !== 'string') throw new TypeError(`${where}: expected a glob, a RegExp, a function (module, name, value) or a list of these, but got ${x === null ? 'null' : typeof x}.`);
  const negative = x.startsWith('!');
  const whole = expression(negative ? x.slice(1) : x, where);
  return { text: x, negative, matches: (path) => whole.test(path) };
}

/** What a predicate said; a promise or an array would be true whatever is in it. */
export function answer(where: string, said: unknown): boolean {
  if (said instanceof Promise) throw new TypeError(`${where}: the function is async, so that it answers with a promise; give one that answers at once.`);
  if (typeof said === 'object' && said !== null && 'dtype' in said) throw new TypeError(`${where}: the function answers with an array (${String(said)}), but whole parameters are chosen here; answer true or false.`);
  return Boolean(said);
}

/**
 * The predicate of a selection.
 *
 * ```ts
 * const [norms, rest] = hk.dataStructures.partition(hk.selector(/\/(scale|offset)$/), params);
 * ```
 * @param where names the function in errors
 * @throws TypeError for what is no selection, ValueError for a glob whose brace is not closed
 */
export function selector<T = any>(selection: Selection<T>, where = 'hk.selector'): Selector<T> {
  if (isSelector(selection)) return selection;
  const parts = (Array.isArray(selection) ? selection : [selection]).map((x: unknown) => part(x, where));
  const [without, some] = [parts.filter((p) => p.negative), parts.filter((p) => !p.negative)];
  const chosen = (entry: Entry<T>): boolean => {
    const path = pathOf(entry);
    return (some.length === 0 ? without.length > 0 : some.some((p) => p.matches(path, entry))) && !without.some((p) => p.matches(path, entry));
  };
  return Object.assign((module: string, name: string, value: T) => chosen([module, name, value]), {
    over(entries: readonly Entry<T>[]): boolean[] {
      for (const p of parts) if (p.text !== null && !entries.some((e) => p.matches(pathOf(e), e))) throw unmatched(where, p.text, entries);
      return entries.map(chosen);
    },
  });
}
/** Whether a function is what `selector` made. */
export const isSelector = (x: unknown): x is Selector => typeof x === 'function' && 'over' in x;

/** The paths of all parameters, and of all modules around them. */
function pathsOf(entries: readonly Entry[]): string[] {
  const found = new Set<string>();
  for (const entry of entries) {
    const path = pathOf(entry);
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) found.add(path.slice(0, at));
    found.add(path);
  }
  return [...found];
}

function unmatched(where: string, pattern: string, entries: readonly Entry[]): ValueError {
  const plain = pattern.replace(/^!/, '');
  const known = pathsOf(entries);
  const ends = known.filter((path) => path.endsWith(`/${plain}`));
  const near = ends.length === 1 ? ends[0] : ends.length ? `**/${plain}` : nearest(plain, known, Math.max(2, Math.floor(plain.length / 3)));
  const rest = theModules(entries);
  return new ValueError(`${where}: the pattern '${pattern}' matches none of the parameters; ${near === undefined ? rest : `did you mean '${near}'? T${rest.slice(1)}`}`, 'NO_MATCH');
}

/** `the modules are a, b, c.` */
export function theModules(entries: readonly Entry[]): string {
  const modules = [...new Set(entries.map(([module, name]) => module || name))];
  return `the modules are ${modules.slice(0, 8).join(', ')}${modules.length > 8 ? ', …' : ''}.`;
}

/**
 * The label of each entry: of the first group that selects it.
 * @throws ValueError where a pattern meets no entry at all, or no group an entry
 */
export function labelsOf<T>(groups: Readonly<Record<string, Selection<T>>>, entries: readonly Entry<T>[], where: string): string[] {
  const marks = Object.entries(groups).map(([label, selection]) => [label, selector(selection, `${where}, group '${label}'`).over(entries)] as const);
  return entries.map(([module, name], i) => {
    const found = marks.find(([, chosen]) => chosen[i]);
    if (!found) throw new ValueError(`${where}: no group has the parameter '${module}/${name}'; give the last group the pattern '**' to take the rest.`);
    return found[0];
  });
}
