/** What a function over modules calls, method by method, and a table of it to read. */
import { evalShape, isArray, random, tree, type Array } from '../jax/index.js';
import { ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { selector, type Selection, type Selector } from '../runtime/patterns.js';
import { frames } from './context.js';
import { interceptMethods, type MethodContext } from './interceptors.js';
import { fromEntries } from './mappings.js';
import { INSPECTORS } from './module.js';
import type { TransformedWithStateWithoutRng, TransformedWithoutRng } from './multi-transform.js';
import { camelToSnake } from './naming.js';
import { ArraySpec, pretty, repr } from './text.js';
import { Transformed, TransformedWithState, originalOf, transformWithState } from './transform.js';
import type { ModuleInstance } from './types.js';

/** A module, one of its methods, and what it and all below it hold, by full name. */
export interface ModuleDetails {
  readonly module: ModuleInstance;
  /** In Haiku's spelling: `__call__`, `initial_state`. */
  readonly methodName: string;
  readonly params: Readonly<Record<string, ArraySpec>>;
  readonly state: Readonly<Record<string, any>>;
}

/** One call of a method. Arrays in arguments and results are `ArraySpec`s. */
export interface MethodInvocation {
  readonly moduleDetails: ModuleDetails;
  readonly argsSpec: readonly any[];
  readonly outputSpec: any;
  readonly context: MethodContext;
  /** The methods that were running, this one first. */
  readonly callStack: readonly ModuleDetails[];
}

/** A function over modules, or what `transform` and its kin made of one. */
export type Summarised = ((...args: any[]) => any) | Transformed | TransformedWithState | TransformedWithoutRng<any[], any> | TransformedWithStateWithoutRng<any[], any>;

const specOf = (x: any): any => (isArray(x) ? ArraySpec.of(x as { shape: readonly number[]; dtype: string }) : x);
const specs = (x: any): any => (typeof x === 'object' && x !== null ? tree.map(specOf, x) : x);

const detailsOf = (module: ModuleInstance, methodName: string): ModuleDetails => ({
  module, methodName: methodName === 'call' ? '__call__' : camelToSnake(methodName), params: specs(module.paramsDict()), state: specs(module.stateDict()),
});

/**
 * Every call of a module's method that `f` makes, in the order in which they begin; constructors are left out. Nothing is
 * computed: `init` and `apply` are traced.
 *
 * ```ts
 * for (const { moduleDetails, outputSpec } of hk.experimental.evalSummary(f)(x)) console.log(moduleDetails.module.moduleName, String(outputSpec));
 * ```
 * @param f A function over modules, or what `transform` made of one.
 */
export function evalSummary(f: Summarised): (...args: any[]) => MethodInvocation[] {
  const body = typeof f === 'function' ? f : originalOf(f as Transformed);
  if (!body) throw new ValueError('hk.experimental.evalSummary needs the function itself where its transform was put together by hand.');
  return (...args) => {
    const calls: MethodInvocation[] = [];
    const quiet = { params: true };
    const log = (next: (...given: any[]) => any, given: any[], context: MethodContext): any => {
      if (!quiet.params || context.methodName === 'constructor' || INSPECTORS.has(context.methodName) || !context.module) return next(...given);
      const at = calls.push(undefined as unknown as MethodInvocation) - 1;
      const out = next(...given);
      quiet.params = false;
      // A look at what a module holds is a method too, and counts among those that ran: first this one's.
      const moduleDetails = detailsOf(context.module, context.methodName);
      const stack = [...frames.top!.modules.items].reverse().flatMap(({ module, methodName }) => (module ? [detailsOf(module, methodName)] : []));
      calls[at] = { moduleDetails, argsSpec: given.map(specs), outputSpec: specs(out), context, callStack: stack };
      quiet.params = true;
      return out;
    };
    const [leaves, def] = tree.flatten(args);
    const given = (arrays: Array[]): any[] => { let at = 0; return tree.unflatten(def, leaves.map((x) => (isArray(x) ? arrays[at++] : x))) as any[]; };
    const { init } = transformWithState((...xs: any[]) => { body(...xs); });
    const { apply } = transformWithState((...xs: any[]) => { interceptMethods(log, () => body(...xs)); });
    evalShape((arrays: Array[]) => {
      const keys = random.split(random.PRNGKey(42));
      const [params, state] = init(keys.index(0), ...given(arrays));
      apply(params, state, keys.index(1), ...given(arrays));
    }, leaves.filter(isArray));
    return calls;
  };
}

const sizeOf = (params: ModuleDetails['params']): number => Object.values(params).reduce((n, x) => n + x.size, 0);
const ITEM: Readonly<Record<string, number>> = { float64: 8, int64: 8, uint64: 8, complex64: 8, complex128: 16, float32: 4, int32: 4, uint32: 4, float16: 2, bfloat16: 2, int16: 2, uint16: 2 };
const bytesOf = (params: ModuleDetails['params']): number => Object.values(params).reduce((n, x) => n + x.size * (ITEM[x.dtype] ?? 1), 0);

/** `212.00 B`, `2.08 KB`: in steps of 1000. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let [size, unit] = [bytes, 0];
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return `${size.toFixed(2)} ${units[unit]}`;
}

function ownParams({ module, params }: ModuleDetails): [name: string, spec: ArraySpec][] {
  return Object.entries(params).flatMap(([path, spec]): [string, ArraySpec][] => {
    const cut = path.lastIndexOf('/');
    return path.slice(0, cut) === module.moduleName ? [[path.slice(cut + 1), spec]] : [];
  });
}

const className = (module: ModuleInstance): string => (module as object).constructor.name;
const stackEntry = ({ module, methodName }: ModuleDetails): string => `${module.moduleName} (${className(module)}${methodName === '__call__' ? '' : `.${methodName}`})`;
const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

interface Heading { readonly header: string; readonly right?: boolean }
interface Column extends Heading { readonly cell: (call: MethodInvocation) => string }
const COLUMNS: Readonly<Record<string, Column>> = {
  module: { header: 'Module', cell: ({ callStack }) => callStack.map(stackEntry).join('\n └ ') },
  config: { header: 'Config', cell: ({ moduleDetails }) => String(moduleDetails.module) },
  owned_params: {
    header: 'Module params',
    cell: ({ moduleDetails }) => ownParams(moduleDetails).sort((a, b) => b[1].size - a[1].size || byCodePoint(a[0], b[0])).map(([name, spec]) => `${name}: ${spec}`).join('\n'),
  },
  input: { header: 'Input', cell: ({ argsSpec }) => argsSpec.map((x) => pretty(x)).join(', ') },
  output: { header: 'Output', cell: ({ outputSpec }) => pretty(outputSpec) },
  params_size: { header: 'Param count', cell: ({ moduleDetails }) => sizeOf(moduleDetails.params).toLocaleString('en-US'), right: true },
  params_bytes: { header: 'Param bytes', cell: ({ moduleDetails }) => formatBytes(bytesOf(moduleDetails.params)), right: true },
};
const FILTERS: Readonly<Record<string, (call: MethodInvocation) => boolean>> = {
  has_output: ({ outputSpec }) => outputSpec !== null && outputSpec !== undefined,
  has_params: ({ moduleDetails }) => Object.keys(moduleDetails.params).length > 0,
};

/** What a table of `tabulate` shows. */
export interface TabulateOptions {
  /** Of `module`, `config`, `owned_params`, `input`, `output`, `params_size`, `params_bytes` (also in camel case); default all. */
  columns?: readonly string[] | null;
  /** Rows are shown that pass all of these: `has_output` (the default), `has_params`. */
  filters?: readonly string[] | null;
  /** Which parameters train: adds a column with the numbers of both. */
  trainable?: Selection<ArraySpec>;
}

function chosen<T>(what: string, names: readonly string[], all: Readonly<Record<string, T>>): T[] {
  const snake = names.map(camelToSnake);
  const invalid = names.filter((_, i) => !Object.hasOwn(all, snake[i]));
  if (invalid.length) throw new ValueError(`hk.experimental.tabulate: Invalid ${what}(s) ${repr(invalid)}, valid ${what}s ${repr(Object.keys(all))}.`);
  return snake.map((name) => all[name]);
}

const trainableColumn = (trainable: Selector<ArraySpec>): Column => ({
  header: 'Trainable',
  right: true,
  cell: ({ moduleDetails: { params } }) => {
    const trains = Object.entries(params).filter(([path, spec]) => trainable(path.slice(0, path.lastIndexOf('/')), path.slice(path.lastIndexOf('/') + 1), spec));
    const [all, some] = [sizeOf(params), sizeOf(fromEntries(trains))];
    return all === 0 ? '' : some === all ? 'yes' : some === 0 ? 'no' : `${some.toLocaleString('en-US')} of ${all.toLocaleString('en-US')}`;
  },
});

/** Rows of cells, of several lines each, between lines of `+---+`. */
export function grid(columns: readonly Heading[], rows: readonly (readonly string[])[]): string {
  const lines = rows.map((row) => row.map((cell) => cell.split('\n')));
  const widths = columns.map(({ header }, k) => Math.max(header.length + 2, ...lines.flatMap((row) => row[k].map((line) => [...line].length))));
  const rule = (c: string): string => `+${widths.map((w) => c.repeat(w + 2)).join('+')}+`;
  const pad = (text: string, k: number): string => { const space = ' '.repeat(widths[k] - [...text].length); return columns[k].right ? space + text : text + space; };
  const line = (cells: readonly string[]): string => `|${cells.map((text, k) => ` ${pad(text, k)} `).join('|')}|`;
  const body = lines.flatMap((row) => [...globalThis.Array.from({ length: Math.max(...row.map((c) => c.length)) }, (_, i) => line(row.map((cell) => cell[i] ?? ''))), rule('-')]);
  return [rule('-'), line(columns.map((c) => c.header)), rule('='), ...body].join('\n');
}

/**
 * A table of the modules that `f` calls: paths, what they were made with, parameters, inputs, outputs, sizes. Nothing is
 * computed.
 *
 * ```ts
 * console.log(hk.experimental.tabulate(f, { trainable: 'head' })(x));
 * ```
 * @throws ValueError for columns or filters that there are not.
 */
export function tabulate(f: Summarised, options?: TabulateOptions): (...args: any[]) => string {
  const { columns, filters, trainable } = checkOptions('hk.experimental.tabulate', options, ['columns', 'filters', 'trainable']);
  const shown = [...chosen('column', columns ?? Object.keys(COLUMNS), COLUMNS), ...(trainable ? [trainableColumn(selector(trainable, 'hk.experimental.tabulate: trainable'))] : [])];
  const wanted = chosen('filter', filters ?? ['has_output'], FILTERS);
  const summary = evalSummary(f);
  return (...args) => {
    const rows = summary(...args).filter((call) => wanted.every((passes) => passes(call))).map((call) => shown.map(({ cell }) => cell(call)));
    return rows.length ? grid(shown, rows) : 'No modules matching filters.';
  };
}
