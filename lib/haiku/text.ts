/** Values and modules as text, in the form of Haiku's own `repr`: `Linear(output_size=3)`, `f32[8,3]`. */
import { isArray } from '../jax/index.js';
import { isMapping } from './mappings.js';
import { camelToSnake } from './naming.js';

/** Arguments that are floats in Haiku, so that whole numbers are written with a point. */
const FLOATS = new Set(['w_init_scale', 'decay_rate', 'decay', 'eps', 'epsilon', 'commitment_cost', 'stddev', 'mean', 'scale', 'gain', 'lower', 'upper', 'minval', 'maxval']);
/** Arguments that Haiku's own modules hand on as lists. */
const LISTS = new Set(['kernel_shape']);
/** Keys of results that are spelled otherwise here. */
const KEYS: Readonly<Record<string, string>> = { encodingIndices: 'encoding_indices' };
/** Objects that Haiku has a named tuple for. */
const NAMED = [{ name: 'LSTMState', keys: ['hidden', 'cell'] }];

/** The shape and dtype of an array; prints as `f32[8,784]`. */
export class ArraySpec {
  constructor(readonly shape: readonly number[], readonly dtype: string) {}
  static of(x: { readonly shape: readonly number[]; readonly dtype: string }): ArraySpec { return new ArraySpec([...x.shape], x.dtype); }
  get size(): number { return this.shape.reduce((n, d) => n * d, 1); }
  toString(): string { return `${this.dtype.replace('complex', 'c').replace('float', 'f').replace('uint', 'u').replace('int', 's')}[${this.shape.join()}]`; }
}

function number(x: number, float: boolean): string {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? 'nan' : x > 0 ? 'inf' : '-inf';
  if (Number.isInteger(x) && Math.abs(x) < 1e16) return float ? `${x}.0` : String(x);
  // Python writes exponents from 1e-5 down, with two digits.
  const [digits, exponent] = (Math.abs(x) < 1e-4 ? x.toExponential() : String(x)).split('e');
  return exponent === undefined ? digits : `${digits}e${exponent.replace(/^([+-]?)(\d)$/, '$10$2')}`;
}

function quoted(x: string): string {
  const quote = x.includes("'") && !x.includes('"') ? '"' : "'";
  return quote + x.replace(/[\\\n\r\t]/g, (c) => ({ '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' })[c]!).replaceAll(quote, quote === "'" ? "\\'" : '"') + quote;
}

const named = (x: Readonly<Record<string, unknown>>): (typeof NAMED)[number] | undefined =>
  NAMED.find(({ keys }) => Object.keys(x).length === keys.length && keys.every((k) => Object.hasOwn(x, k)));

const entriesOf = (x: Readonly<Record<string, unknown>>): [key: string, value: unknown][] =>
  Object.keys(x).map((k): [string, unknown] => [quoted(Object.hasOwn(KEYS, k) ? KEYS[k] : k), x[k]]).sort((a, b) => (a[0] < b[0] ? -1 : 1));

/** A value on one line. Lists are written as tuples. */
export function repr(x: unknown, float = false): string {
  if (x === null || x === undefined) return 'None';
  if (typeof x === 'boolean') return x ? 'True' : 'False';
  if (typeof x === 'number') return number(x, float);
  if (typeof x === 'string') return quoted(x);
  if (x instanceof ArraySpec) return String(x);
  if (isArray(x)) return String(ArraySpec.of(x as { shape: readonly number[]; dtype: string }));
  if (globalThis.Array.isArray(x)) return `(${x.map((v) => repr(v, float)).join(', ')}${x.length === 1 ? ',' : ''})`;
  if (isMapping(x)) {
    const tuple = named(x);
    if (tuple) return `${tuple.name}(${tuple.keys.map((k) => `${k}=${repr(x[k])}`).join(', ')})`;
    return `{${entriesOf(x).map(([k, v]) => `${k}: ${repr(v)}`).join(', ')}}`;
  }
  if (typeof x === 'function' && !('moduleName' in x)) return x.constructor === Function ? `<${/^class\b/.test(Function.prototype.toString.call(x)) ? 'class' : 'function'} ${x.name || '<lambda>'}>` : `<${x.constructor.name} object>`;
  const text = String(x);
  return text.startsWith('[object') ? `<${x.constructor?.name ?? 'object'} object>` : text;
}

/** A value on as many lines as 80 columns need, the lines after the first indented by `indent`. */
export function pretty(x: unknown, indent = 0, after = 0): string {
  const line = repr(x);
  if (line.length <= 80 - indent - after || typeof x !== 'object' || x === null || isArray(x)) return line;
  const joined = (parts: readonly [prefix: string, value: unknown][], close: string): string => parts
    .map(([prefix, value], i) => prefix + pretty(value, indent + 1 + prefix.length, i === parts.length - 1 ? after + close.length : 1))
    .join(`,\n${' '.repeat(indent + 1)}`);
  if (globalThis.Array.isArray(x)) {
    const close = x.length === 1 ? ',)' : ')';
    return `(${joined(x.map((v) => ['', v]), close)}${close}`;
  }
  if (isMapping(x) && !named(x)) return `{${joined(entriesOf(x).map(([k, v]) => [`${k}: `, v]), '}')}}`;
  return line;
}

type Original = (cls: Function) => Function;

/** The texts of a class and its parents, as written. */
function* sourcesOf(cls: Function, original: Original): Generator<string> {
  for (let at: Function | null = cls; typeof at === 'function' && at !== Function.prototype; at = Object.getPrototypeOf(at) as Function | null) yield Function.prototype.toString.call(original(at));
}

/** Whether a value is what the class itself takes where the argument is left out: `{ withBias = true } = checkOptions(…)`. */
function isDefault(cls: Function, original: Original, name: string, value: unknown): boolean {
  if (!['number', 'boolean', 'string'].includes(typeof value) || !/^\w+$/.test(name)) return false;
  for (const source of sourcesOf(cls, original)) {
    const literal = new RegExp(`[{,(]\\s*${name}\\s*=\\s*([^,})]+)`).exec(source)?.[1].trim();
    if (literal !== undefined) return typeof value === 'string' ? /^(['"`])(.*)\1$/.exec(literal)?.[2] === value : typeof value === 'number' ? Number(literal) === value : literal === String(value);
  }
  return false;
}

/** The names of a constructor's parameters, from the text of the class or of the nearest parent that has one. */
function parameterNames(cls: Function, original: Original): string[] {
  for (const text of sourcesOf(cls, original)) {
    const match = /(?:^|[\s;{}])constructor\s*\(/.exec(text);
    if (!match) continue;
    const source = match.input.slice(match.index + match[0].length);
    const names: string[] = [];
    let depth = 0;
    let start = 0;
    for (let i = 0; i < source.length; i++) {
      if ('([{'.includes(source[i])) depth++;
      const end = depth === 0 && (source[i] === ',' || source[i] === ')');
      if (end) {
        const name = /^\s*(?:\.\.\.)?([\w$]+)/.exec(source.slice(start, i));
        names.push(name ? name[1] : '');
        start = i + 1;
      }
      if (')]}'.includes(source[i]) && --depth < 0) return names.filter((name, k) => name !== '' || k < names.length - 1);
    }
  }
  return [];
}

/** The call that made a module: the class and the arguments given, those of an options object by name. */
export function constructorText(cls: Function, args: readonly unknown[], original: Original): string {
  const names = parameterNames(cls, original);
  const given = args.flatMap((value, i): [name: string, value: unknown][] => {
    const isOptions = i === args.length - 1 && isMapping(value) && (names[i] === undefined || /options/i.test(names[i]) || names[i] === '');
    if (isOptions) return Object.entries(value);
    return [[/^nameOr/.test(names[i] ?? '') ? 'name' : names[i] ?? '', value]];
  }).filter(([name, value]) => value !== undefined && value !== null && !isDefault(cls, original, name, value)).map(([name, value]): [string, unknown] => [name && `${camelToSnake(name)}=`, value]);
  const isFloat = (name: string): boolean => FLOATS.has(name.slice(0, -1));
  const short = (name: string, value: unknown): string => {
    const text = repr(value, isFloat(name));
    return LISTS.has(name.slice(0, -1)) && globalThis.Array.isArray(value) ? `[${text.slice(1, value.length === 1 ? -2 : -1)}]` : text;
  };
  const line = `${cls.name}(${given.map(([name, value]) => name + short(name, value)).join(', ')})`;
  if (line.length <= 80) return line;
  const lines = given.map(([name, value]) => `    ${name}${(isFloat(name) || LISTS.has(name.slice(0, -1)) ? short(name, value) : pretty(value)).replaceAll('\n', `\n${' '.repeat(4 + name.length)}`)},`);
  return [`${cls.name}(`, ...lines, ')'].join('\n');
}
