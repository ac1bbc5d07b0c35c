/** What transformations do with whole programs: run one without its own trace, split it, give several the same inputs. */
import type { NDArray } from './array.js';
import { Var, eliminateDeadCode, evalJaxpr, trace, type Atom, type ClosedJaxpr, type Equation, type Jaxpr } from './core.js';

const isJaxpr = (x: unknown): x is Jaxpr => typeof x === 'object' && x !== null && 'equations' in x;
/** The programs among an equation's parameters. */
export const subprograms = (params: object): Jaxpr[] => Object.values(params).flatMap((p) => (globalThis.Array.isArray(p) ? p.filter(isJaxpr) : isJaxpr(p) ? [p] : []));

/** Which equation makes each value. */
export const producersOf = (jaxpr: Jaxpr): Map<Atom, Equation> => new Map(jaxpr.equations.flatMap((e) => e.outputs.map((v): [Atom, Equation] => [v, e])));

/** The equation with its programs replaced. */
export function mapSubprograms(e: Equation, f: (jaxpr: Jaxpr) => Jaxpr): Equation {
  if (subprograms(e.params).length === 0) return e;
  const replace = (p: unknown): unknown => (isJaxpr(p) ? f(p) : globalThis.Array.isArray(p) ? p.map(replace) : p);
  return { ...e, params: Object.fromEntries(Object.entries(e.params).map(([k, v]) => [k, replace(v)])) };
}

/** Whether any equation, at any depth, is one that `test` marks. */
export const someEquation = (jaxpr: Jaxpr, test: (e: Equation) => boolean): boolean => jaxpr.equations.some((e) => test(e) || subprograms(e.params).some((p) => someEquation(p, test)));

/** Traces what `f` does to the inputs of a program's types. Nothing may be captured that is no input. */
export function traceProgram(avals: readonly NDArray['aval'][], f: (...xs: NDArray[]) => readonly NDArray[]): Jaxpr {
  const { jaxpr, consts } = trace(f, avals);
  if (consts.length) throw new Error('A transformed program captured a value that is not its input.');
  return jaxpr;
}

/** Programs of the same arguments with different captured arrays, as programs of the same inputs: all captured arrays, then the arguments. */
export function unifyConsts(closed: readonly ClosedJaxpr[]): { consts: NDArray[]; jaxprs: Jaxpr[] } {
  const consts = [...new Set(closed.flatMap((c) => c.consts))];
  const jaxprs = closed.map((c) => ({
    ...c.jaxpr,
    inputs: [...consts.map((x) => { const i = c.consts.indexOf(x); return i < 0 ? new Var(x.aval) : c.jaxpr.inputs[i]; }), ...c.jaxpr.inputs.slice(c.consts.length)],
  }));
  return { consts, jaxprs };
}

/** Drops captured arrays that no equation needs. */
export function pruneConsts({ jaxpr, consts }: ClosedJaxpr): ClosedJaxpr {
  const used = new Set<Atom>([...jaxpr.equations.flatMap((e) => e.inputs), ...jaxpr.outputs]);
  const keep = consts.map((_, i) => used.has(jaxpr.inputs[i]));
  return { jaxpr: { ...jaxpr, inputs: jaxpr.inputs.filter((_, i) => i >= consts.length || keep[i]) }, consts: consts.filter((_, i) => keep[i]) };
}

/**
 * Splits a program by what is known: `known` makes the values that the rest needs from the known inputs, `unknown` makes
 * the outputs from those and the other inputs.
 */
export function partialEval(jaxpr: Jaxpr, isKnown: readonly boolean[]): { known: Jaxpr; unknown: Jaxpr } {
  const later = new Set<Atom>(jaxpr.inputs.filter((_, i) => !isKnown[i]));
  const [first, second]: [Equation[], Equation[]] = [[], []];
  for (const e of jaxpr.equations) {
    const waits = e.inputs.some((a) => later.has(a));
    (waits ? second : first).push(e);
    if (waits) e.outputs.forEach((v) => later.add(v));
  }
  const made = new Set<Atom>([...jaxpr.inputs.filter((_, i) => isKnown[i]), ...first.flatMap((e) => e.outputs)]);
  const residuals = [...new Set([...second.flatMap((e) => e.inputs), ...jaxpr.outputs].filter((a) => made.has(a)))] as Var[];
  return {
    known: eliminateDeadCode({ inputs: jaxpr.inputs.filter((_, i) => isKnown[i]), equations: first, outputs: residuals }),
    unknown: { inputs: [...residuals, ...jaxpr.inputs.filter((_, i) => !isKnown[i])], equations: second, outputs: jaxpr.outputs },
  };
}

/** Puts programs that stand for themselves (checkpoints, custom rules) in the place of their calls, at every depth. */
export function inlineCalls(jaxpr: Jaxpr): Jaxpr {
  if (!someEquation(jaxpr, (e) => e.primitive.inline === true)) return jaxpr;
  const evaluate = (...xs: NDArray[]): NDArray[] => evalJaxpr(jaxpr, xs, (e, values) => (e.primitive.inline ? evalJaxpr(inlineCalls(e.params.jaxpr), values) : null));
  const flat = traceProgram(jaxpr.inputs.map((v) => v.aval), evaluate);
  return { ...flat, equations: flat.equations.map((e) => mapSubprograms(e, inlineCalls)) };
}
