/** The operations of a function over modules as a tree by module, with sizes and flops. */
import { checkFunction, type Fn } from '../../jax/autodiff.js';
import { Literal, type Atom, type Equation, type Jaxpr, type Scope } from '../../jax/core.js';
import { flopsOf } from '../../jax/cost.js';
import { makeJaxpr } from '../../jax/index.js';
import { subprograms } from '../../jax/programs.js';
import { checkOptions } from '../../runtime/options.js';
import { evalSummary, type MethodInvocation } from '../summary.js';
import { ArraySpec } from '../text.js';

/** A module's method, a loop's body, or the whole function. */
export interface Module {
  readonly name: string;
  /** Of everything in it; null where nothing was asked. */
  flops: number | null;
  readonly expressions: Expression[];
  /** What the module and all below it hold: numbers in all, and by name. */
  totalParamSize: number;
  paramInfo: Readonly<Record<string, string>>;
  totalStateSize: number;
  stateInfo: Readonly<Record<string, string>>;
}

/** One operation, or one part of the program. */
export interface Expression {
  /** `add`, `conv_general_dilated`, …; `name_scope` for a module. */
  readonly primitive: string;
  /** Names of variables, separated by spaces. */
  readonly invars: string;
  readonly outvars: string;
  flops: number | null;
  /** Shapes and dtypes: `in f32[8,3], out f32[8]`. */
  readonly details: string;
  readonly params: Readonly<Record<string, string>>;
  readonly submodule: Module | null;
}

export type ComputeFlops = (equation: Equation, expression: Expression) => number;
export interface ModelInfoOptions {
  /** Of the whole; default the function's. */
  name?: string;
  /** Whether sizes of parameters and state are told; it runs the function once more. Default true. */
  includeModuleInfo?: boolean;
  /** True for the library's own estimate (as `jit(f).lower(…).cost()`), or a function of one's own; default none. */
  computeFlops?: boolean | ComputeFlops;
}

const newModule = (name: string, flops: number | null): Module => ({ name, flops, expressions: [], totalParamSize: 0, paramInfo: {}, totalStateSize: 0, stateInfo: {} });
const spec = ({ aval }: Atom): string => String(new ArraySpec(aval.shape.map(Number), aval.dtype));
const few = (names: readonly string[], what: string): string => (names.length < 10 ? names.join(' ') : `${names[0]} and ${names.length - 1} more ${what}`);

/** Names of variables, in the order in which they are made. */
function namer({ inputs, equations }: Jaxpr): (a: Atom) => string {
  const index = new Map<Atom, number>([...inputs, ...equations.flatMap((e) => e.outputs)].map((v, i) => [v, i]));
  const letters = (n: number): string => (n < 26 ? '' : letters(Math.floor(n / 26) - 1)) + String.fromCharCode(97 + (n % 26));
  return (a) => (a instanceof Literal ? String(a.value) : letters(index.get(a)!));
}

const PROGRAM = (value: unknown): boolean => typeof value === 'object' && value !== null && ('equations' in value || (globalThis.Array.isArray(value) && value.some(PROGRAM)));
const paramText = (value: unknown): string => (PROGRAM(value) ? '{ … }' : globalThis.Array.isArray(value) ? `[${value.map(paramText).join(', ')}]` : typeof value === 'function' ? value.name : typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value));

type Count = ComputeFlops | null;

/** The expressions of a program, those of each scope in a module of their own, which stands where the first of them does. */
function describe(jaxpr: Jaxpr, name: string, count: Count): Module {
  const root = newModule(name, count && 0);
  const nameOf = namer(jaxpr);
  const found = new Map<Scope | null, Module>([[null, root]]);
  const moduleOf = (scope: Scope | null): Module => {
    const known = found.get(scope);
    if (known) return known;
    const submodule = newModule(scope!.name, count && 0);
    found.set(scope, submodule);
    moduleOf(scope!.parent).expressions.push({ primitive: 'name_scope', invars: '', outvars: '', flops: null, details: '', params: {}, submodule });
    return submodule;
  };
  for (const e of jaxpr.equations) {
    const expression = describeEquation(e, nameOf, count);
    const scope = e.scope ?? null;
    moduleOf(scope).expressions.push(expression);
    if (expression.flops) for (let at: Scope | null = scope; ; at = at.parent) {
      moduleOf(at).flops! += expression.flops;
      if (!at) break;
    }
  }
  return root;
}

function describeEquation(e: Equation, nameOf: (a: Atom) => string, count: Count): Expression {
  const { primitive, inputs, outputs, params } = e;
  const inside = subprograms(params);
  const name = 'length' in params ? `${primitive.name} length=${params.length}` : primitive.name;
  const parts = inside.map((jaxpr, i) => describe(jaxpr, inside.length > 1 ? `part ${i}` : name, count));
  const expression: Expression = {
    primitive: primitive.name, flops: null,
    invars: few(inputs.map(nameOf), 'inputs'), outvars: few(outputs.map(nameOf), 'outputs'),
    details: [['in', inputs], ['out', outputs]].flatMap(([word, atoms]) => (atoms.length ? [`${word as string} ${(atoms as readonly Atom[]).map(spec).join(', ')}`] : [])).join(', '),
    params: Object.fromEntries(Object.entries(params).filter(([, v]) => v !== undefined).map(([k, v]) => [k, paramText(v)])),
    submodule: inside.length > 1 ? { ...newModule(name, null), expressions: parts.map((submodule) => ({ primitive: 'name_scope', invars: '', outvars: '', flops: submodule.flops, details: '', params: {}, submodule })) } : parts[0] ?? null,
  };
  if (count) {
    const each = parts.reduce((n, part) => n + part.flops!, 0);
    expression.flops = parts.length && count !== flopsOf ? each * ((params as { length?: number }).length ?? 1) : count(e, expression);
    if (expression.submodule) expression.submodule.flops = expression.flops;
  }
  return expression;
}

const SAME_PATH = (path: string): string => path.replaceAll('/~/', '/');

/** Tells each module what it holds, found by its path. */
function addSizes(module: Module, path: string, calls: ReadonlyMap<string, MethodInvocation>): void {
  const details = calls.get(path)?.moduleDetails;
  if (details) {
    const told = (specs: Readonly<Record<string, any>>): [number, Record<string, string>] => {
      const entries = Object.entries(specs).filter(([, s]) => s instanceof ArraySpec) as [string, ArraySpec][];
      return [entries.reduce((n, [, s]) => n + s.size, 0), Object.fromEntries(entries.map(([k, s]) => [SAME_PATH(k).replace(path, '.'), String(s)]))];
    };
    [module.totalParamSize, module.paramInfo] = told(details.params);
    [module.totalStateSize, module.stateInfo] = told(details.state);
  }
  for (const { submodule } of module.expressions) if (submodule) addSizes(submodule, path ? `${path}/${submodule.name}` : submodule.name, calls);
}

/**
 * A function that tells what `f` computes for its arguments, by module. Nothing is computed: of the arguments only shapes and
 * dtypes count. What gradients add stands with the module whose gradients they are.
 *
 * ```ts
 * const info = hk.experimental.jaxprInfo.makeModelInfo(f.apply, { computeFlops: true })(params, null, x);
 * console.log(hk.experimental.jaxprInfo.formatModule(info));
 * ```
 * @param f A pure function, such as `apply` or a loss.
 */
export function makeModelInfo(f: Fn, options?: ModelInfoOptions): (...args: any[]) => Module {
  const where = 'hk.experimental.jaxprInfo.makeModelInfo';
  checkFunction(f, where);
  const { name = f.name || 'function', includeModuleInfo = true, computeFlops = false } = checkOptions(where, options, ['name', 'includeModuleInfo', 'computeFlops']);
  const count = computeFlops === true ? flopsOf : computeFlops || null;
  return (...args) => {
    const module = describe(makeJaxpr(f)(...args).jaxpr, name, count);
    if (includeModuleInfo) {
      const calls = evalSummary((...given: any[]) => f(...given))(...args);
      addSizes(module, '', new Map(calls.map((call) => [SAME_PATH(call.moduleDetails.module.moduleName), call])));
    }
    return module;
  };
}
