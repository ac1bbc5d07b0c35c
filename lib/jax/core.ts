/**
 * Programs and tracing. A function is staged into a `Jaxpr` by calling it with tracers: while a frame is open, `bind`
 * records equations instead of computing. `grad` and `vmap` are functions from programs to programs, so there is only
 * this one kind of tracer.
 */
import { TracerError } from '../runtime/errors.js';
import { NDArray, Scalar, aval, formatAval, type Aval } from './array.js';
import { dims, type Shape } from './dims.js';
import type { DType, TypedArray } from './dtypes.js';
import type { MappedAxis, Primitive } from './primitives/primitive.js';

/** A variable of a program. */
export class Var {
  constructor(readonly aval: Aval) {}
}
/** A scalar constant written into a program. */
export class Literal {
  constructor(readonly value: number | bigint | boolean, readonly aval: Aval) {}
}
export type Atom = Var | Literal;

/** Where an equation was traced, for people who look at a program: a method of a module, or a part that was given a name. */
export interface Scope {
  readonly name: string;
  readonly parent: Scope | null;
  /** The path of the module, and its class and method. */
  readonly module?: { readonly path: string; readonly method: string };
}

export interface Equation {
  readonly primitive: Primitive;
  readonly inputs: readonly Atom[];
  readonly params: any;
  readonly outputs: readonly Var[];
  /** Plays no part in what a program means: equal programs may differ in it. */
  readonly scope?: Scope | null;
}

/** A typed program in single-assignment form. */
export interface Jaxpr {
  readonly inputs: readonly Var[];
  readonly equations: readonly Equation[];
  readonly outputs: readonly Atom[];
}

/** A program with the arrays that it captured: they are its first inputs. */
export interface ClosedJaxpr { readonly jaxpr: Jaxpr; readonly consts: readonly NDArray[] }

/** A value of a function that is being traced. */
export class Tracer extends NDArray {
  constructor(readonly frame: Frame, readonly variable: Var) { super(variable.aval); }
  override get data(): TypedArray {
    throw new TracerError(`The value of a traced array (${formatAval(this)}) is not known while jit, grad or vmap trace a function: return it, or compute it outside.`);
  }
  override [Symbol.toPrimitive](hint: string): number | string {
    if (hint === 'string') throw new TracerError(`A traced array (${formatAval(this)}) has no value to put into a text: x.toString() gives its type, and pureCallback hands its value to a function.`);
    throw new TracerError(`A traced array (${formatAval(this)}) is no JavaScript number: use its methods (x.add(y), x.lt(y), …), and jnp.where or lax.cond to choose by it.`);
  }
}

/** One open trace. */
export class Frame {
  readonly equations: Equation[] = [];
  readonly captured = new Map<NDArray, Var>();
  closed = false;
  constructor(readonly parent: Frame | null) {}

  atom(x: NDArray): Atom {
    if (x instanceof Scalar) return new Literal(x.value, x.aval);
    if (x instanceof Tracer) {
      if (x.frame === this) return x.variable;
      if (x.frame.closed) throw new TracerError(`A traced array (${formatAval(x)}) was kept after its trace ended: return it from the function instead of storing it.`);
    }
    // Of an outer trace, or concrete: it becomes a hidden input.
    let found = this.captured.get(x);
    if (!found) this.captured.set(x, (found = new Var(x.aval)));
    return found;
  }

  stage(primitive: Primitive, inputs: readonly NDArray[], params: any): NDArray[] {
    const atoms = inputs.map((x) => this.atom(x));
    const results = primitive.shape(inputs.map((x) => x.aval), params);
    watch?.(primitive, results, params);
    const outputs = results.map((a) => new Var(a));
    this.equations.push({ primitive, inputs: atoms, params, outputs, scope });
    return outputs.map((v) => new Tracer(this, v));
  }
}

let scope: Scope | null = null;
/** Marks what `f` traces as a part of the current scope that has this name. */
export function withScope<T>(name: string, f: () => T, module?: Scope['module']): T {
  const parent = scope;
  scope = { name, parent, ...(module && { module }) };
  try { return f(); } finally { scope = parent; }
}
/** Runs `f`, which traces what becomes of an equation, in that equation's scope. */
export function inScopeOf<T>(equation: Equation, f: () => T): T {
  const outer = scope;
  scope = equation.scope ?? outer;
  try { return f(); } finally { scope = outer; }
}

/** The mapped axes that have names, innermost last. */
const named: MappedAxis[] = [];
/** The size of a mapped axis while a function under it is traced, null where there is none of that name. */
export const axisSize = (name: string): number | null => named.findLast((a) => a.name === name)?.size ?? null;
export function withAxis<T>(axis: MappedAxis, f: () => T): T {
  named.push(axis);
  try { return f(); } finally { named.pop(); }
}

let current: Frame | null = null;
export const currentFrame = (): Frame | null => current;

/** Sees what a primitive is about to make, before anything is computed; may refuse it by throwing. */
type Watch = (primitive: Primitive, results: readonly Aval[], params: any) => void;
let watch: Watch | null = null;
/** Shows each primitive that `f` applies, in a trace or outside. */
export function watched<T>(by: Watch, f: () => T): T {
  const outer = watch;
  watch = by;
  try { return f(); } finally { watch = outer; }
}

type Evaluate = (primitive: Primitive, inputs: readonly NDArray[], params: any) => NDArray[];
let evaluate: Evaluate = () => { throw new TracerError('Eager evaluation is not set up.'); };
/** Set once by `compile.ts`, which imports this file. */
export function setEvaluator(f: Evaluate): void { evaluate = f; }

/** Applies a primitive: records it in the open trace, or computes it at once. */
export function bind(primitive: Primitive, inputs: readonly NDArray[], params: any = {}): NDArray[] {
  if (current) return current.stage(primitive, inputs, params);
  watch?.(primitive, primitive.shape(inputs.map((x) => x.aval), params), params);
  return evaluate(primitive, inputs, params);
}

/** Runs `f` in a trace of its own and returns its program. */
export function trace(f: (...args: NDArray[]) => readonly NDArray[], avals: readonly Aval[]): ClosedJaxpr {
  const frame = new Frame(current);
  const inputs = avals.map((a) => new Var(a));
  current = frame;
  try {
    const outputs = f(...inputs.map((v) => new Tracer(frame, v))).map((x) => frame.atom(x));
    const consts = [...frame.captured];
    return {
      jaxpr: eliminateDeadCode({ inputs: [...consts.map(([, v]) => v), ...inputs], equations: frame.equations, outputs }),
      consts: consts.map(([x]) => x),
    };
  } finally {
    frame.closed = true;
    current = frame.parent;
  }
}

/** Leaves any open trace while `f` runs: for values that must be known now. */
export function outsideTrace<T>(f: () => T): T {
  const saved = current;
  current = null;
  try { return f(); } finally { current = saved; }
}

/** Drops the equations whose results nobody needs. The inputs stay as they are. */
export function eliminateDeadCode(jaxpr: Jaxpr): Jaxpr {
  const live = new Set<Atom>(jaxpr.outputs);
  const kept: Equation[] = [];
  for (let i = jaxpr.equations.length - 1; i >= 0; i--) {
    const equation = jaxpr.equations[i];
    if (!equation.outputs.some((v) => live.has(v))) continue;
    kept.push(equation);
    equation.inputs.forEach((a) => live.add(a));
  }
  return { ...jaxpr, equations: kept.reverse() };
}

/** The value of an atom under `env`. */
export function read(env: ReadonlyMap<Var, NDArray>, atom: Atom): NDArray {
  return atom instanceof Literal ? new Scalar(atom.value, atom.aval.dtype, atom.aval.weak) : env.get(atom)!;
}

/** Applies a program to values: its equations are bound again, so it is inlined into the open trace. `own` may answer for an equation. */
export function evalJaxpr(jaxpr: Jaxpr, args: readonly NDArray[], own?: (e: Equation, values: readonly NDArray[]) => readonly NDArray[] | null): NDArray[] {
  const env = new Map<Var, NDArray>(jaxpr.inputs.map((v, i) => [v, args[i]]));
  for (const equation of jaxpr.equations) {
    const { primitive, inputs, params, outputs } = equation;
    const given = inputs.map((a) => read(env, a));
    const values = inScopeOf(equation, () => own?.(equation, given) ?? bind(primitive, given, params));
    outputs.forEach((v, i) => env.set(v, values[i]));
  }
  return jaxpr.outputs.map((a) => read(env, a));
}

const functionIds = new WeakMap<object, number>();
let nextFunctionId = 0;
function formatParam(value: unknown): string {
  if (typeof value === 'function') {
    if (!functionIds.has(value)) functionIds.set(value, nextFunctionId++);
    return `${value.name}#${functionIds.get(value)}`;
  }
  if (globalThis.Array.isArray(value)) return `[${value.map(formatParam).join(',')}]`;
  if (typeof value === 'object' && value !== null && 'equations' in value) return `{ ${formatJaxpr(value as Jaxpr).replaceAll('\n', '\n  ')} }`;
  if (typeof value === 'object' && value !== null && !('factor' in value)) return `{${Object.entries(value).map(([k, v]) => `${k}=${formatParam(v)}`).join(' ')}}`;
  return String(value);
}

const letters = (n: number): string => (n < 26 ? '' : letters(Math.floor(n / 26) - 1)) + String.fromCharCode(97 + (n % 26));

/** `{ lambda a:f32[2] . let b:f32[2] = add a 1.0:f32[] in (b,) }`, as JAX prints programs. Equal programs print equally. */
export function formatJaxpr(jaxpr: Jaxpr): string {
  const names = new Map<Var, string>();
  const name = (a: Atom): string => {
    if (a instanceof Literal) return `${Object.is(a.value, -0) ? '-0' : a.value}:${formatAval(a.aval)}`;
    if (!names.has(a)) names.set(a, letters(names.size));
    return names.get(a)!;
  };
  const typed = (v: Atom): string => `${name(v)}:${formatAval(v.aval)}`;
  const head = jaxpr.inputs.map(typed).join(' ');
  const body = jaxpr.equations.map((e) => {
    const params = Object.entries(e.params).filter(([, v]) => v !== undefined).map(([k, v]) => `${k}=${formatParam(v)}`).join(' ');
    const inputs = e.inputs.map(name).join(' ');
    return `    ${e.outputs.map(typed).join(' ')} = ${e.primitive.name}${params ? `[${params}]` : ''} ${inputs}`.trimEnd();
  });
  return `{ lambda ${head} . let\n${body.join('\n')}\n  in (${jaxpr.outputs.map(name).join(', ')},) }`;
}

/** The aval of `x` with another dtype or shape. */
export const withDType = (a: Aval, dtype: DType): Aval => aval(a.shape, dtype, false);
export const withShape = (a: Aval, shape: Shape): Aval => aval(shape, a.dtype, a.weak);
export const sameType = (a: Aval, b: Aval): boolean => a === b || (a.dtype === b.dtype && dims.equalShapes(a.shape, b.shape));
