/**
 * Forward mode. A primitive's tangent rule is the transpose of its pullback, which is a linear program: so one rule per
 * primitive serves both modes. Loops, branches and custom rules bring rules of their own.
 */
import { TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { Scalar, formatAval, type NDArray } from './array.js';
import { apply, asFloat, checkFunction, flattenArgs, strong, toArrayLeaf, traceFlat, vjpJaxpr, zeros, type Flat, type Fn } from './autodiff.js';
import { bind, currentFrame, eliminateDeadCode, inScopeOf, read, trace, type Atom, type ClosedJaxpr, type Jaxpr, type Var } from './core.js';
import { isFloat } from './dtypes.js';
import { dims } from './dims.js';
import { partialEval, traceProgram } from './programs.js';
import type { Primitive } from './primitives/primitive.js';
import * as tree from './tree.js';

type Tangent = NDArray | null;

/** Values and tangents of a primitive, by transposing its pullback. */
function jvpOf(primitive: Primitive, inputs: readonly NDArray[], tangents: readonly Tangent[], params: unknown): { outputs: NDArray[]; tangents: Tangent[] } {
  const needed = tangents.map((t) => t !== null);
  const { outputs, pullback } = primitive.vjp!(inputs, params, needed);
  const floats = outputs.map((x) => isFloat(x.dtype));
  const given = outputs.filter((_, i) => floats[i]);
  const reached: boolean[] = [];
  const linear = trace((...cts) => {
    let at = 0;
    const back = pullback(floats.map((f) => (f ? cts[at++] : null)));
    return back.filter((ct, i) => (reached[i] = needed[i] && ct !== null)) as NDArray[];
  }, given.map((x) => strong(x.aval)));
  // The linear program is evaluated at zero; only its own pullback survives.
  const { pullback: forward } = vjpJaxpr(linear.jaxpr, [...linear.consts, ...given.map((x) => zeros(strong(x.aval)))], [...linear.consts.map(() => false), ...given.map(() => true)]);
  const results = forward(tangents.filter((_, i) => reached[i])).slice(linear.consts.length);
  let at = 0;
  return { outputs, tangents: floats.map((f) => (f ? results[at++] : null)) };
}

/** Evaluates a program and its derivative along `tangents` in the open trace; null is a zero that nobody computes. */
export function jvpJaxpr(jaxpr: Jaxpr, inputs: readonly NDArray[], given: readonly Tangent[]): { outputs: NDArray[]; tangents: Tangent[] } {
  const env = new Map(jaxpr.inputs.map((v, i) => [v, inputs[i]]));
  const tangents = new Map<Atom, NDArray>();
  const keep = (a: Atom, t: Tangent) => { if (t && isFloat(a.aval.dtype)) tangents.set(a, t); };
  jaxpr.inputs.forEach((v, i) => keep(v, given[i]));
  for (const equation of jaxpr.equations) {
    const { primitive, inputs: atoms, params, outputs } = equation;
    const values = atoms.map((a) => read(env, a));
    const ts = atoms.map((a) => tangents.get(a) ?? null);
    if ((primitive.jvp || primitive.vjp) && ts.some((t) => t !== null)) {
      const result = inScopeOf(equation, () => (primitive.jvp ? primitive.jvp(values, ts, params) : jvpOf(primitive, values, ts, params)));
      outputs.forEach((v, i) => { env.set(v, result.outputs[i]); keep(v, result.tangents[i]); });
    } else inScopeOf(equation, () => bind(primitive, values, params)).forEach((x, i) => env.set(outputs[i], x));
  }
  return { outputs: jaxpr.outputs.map((a) => read(env, a)), tangents: jaxpr.outputs.map((a) => tangents.get(a) ?? null) };
}

/** What a derivative along a direction needs: the function's program and which of its inputs move. */
interface Traced { readonly flat: Flat; readonly closed: ClosedJaxpr; readonly out: tree.TreeDef; readonly moving: boolean[] }

function traceAt(f: Fn, primals: readonly unknown[], where: string): Traced {
  checkFunction(f, where);
  if (!globalThis.Array.isArray(primals)) throw new TypeError(`${where}: the primals must be a list of arguments, got ${typeof primals}.`);
  const flat = flattenArgs(primals, where);
  const leaves = flat.leaves.map(asFloat);
  const moving = leaves.map((x) => isFloat(x.dtype));
  const { closed, out } = traceFlat(f, { leaves, def: flat.def }, where, (x) => isFloat(x.dtype));
  return { flat: { leaves, def: flat.def }, closed, out, moving };
}

/** The tangents that belong to floating-point primals, checked. */
function tangentLeaves({ flat, moving }: Traced, tangents: unknown, where: string): NDArray[] {
  return tree.flattenUpTo(flat.def, tangents, `${where}: tangents`).flatMap((x, i) => {
    if (!moving[i]) return [];
    const p = flat.leaves[i];
    const t = toArrayLeaf(x, `${where}: tangent ${i}`);
    const typed = t instanceof Scalar && p.ndim === 0 ? new Scalar(t.value, p.dtype, false) : t;
    if (typed.dtype !== p.dtype || !dims.equalShapes(typed.shape, p.shape)) throw new ValueError(`${where}: tangent ${i} must be ${formatAval(p)}, like its primal, but is ${formatAval(t)}.`);
    return [typed];
  });
}

const both = ({ closed }: Traced) => (values: readonly NDArray[], ts: readonly NDArray[]): NDArray[] => {
  const { outputs, tangents } = jvpJaxpr(closed.jaxpr, [...closed.consts, ...values], [...closed.consts.map(() => null), ...ts]);
  return [...outputs, ...outputs.map((x, i) => tangents[i] ?? zeros(strong(x.aval)))];
};

/**
 * Values and directional derivatives: `[f(...primals), ∂f(...primals)·tangents]`. As `jax.jvp`. With `hasAux` f gives
 * `[value, aux]`, and the result ends with aux.
 * @throws ValueError where a tangent has not its primal's shape and dtype.
 */
export function jvp(f: Fn, primals: readonly unknown[], tangents: readonly unknown[], options?: { hasAux?: false }): [any, any];
export function jvp(f: Fn, primals: readonly unknown[], tangents: readonly unknown[], options: { hasAux: boolean }): any[];
export function jvp(f: Fn, primals: readonly unknown[], tangents: readonly unknown[], options?: { hasAux?: boolean }): any[] {
  const { hasAux = false } = checkOptions('jvp', options, ['hasAux']);
  const traced = traceAt(f, primals, 'jvp');
  const values = traced.flat.leaves.filter((_, i) => traced.moving[i]);
  const ts = tangentLeaves(traced, tangents, 'jvp');
  const run = both(traced);
  const results = currentFrame() ? run(values, ts)
    : apply(trace((...xs) => run(xs.slice(0, values.length), xs.slice(values.length)), [...values, ...ts].map((x) => x.aval)), [...values, ...ts]);
  const [value, tangent] = [results.slice(0, traced.out.size), results.slice(traced.out.size)].map((leaves): any => tree.unflatten(traced.out, leaves));
  if (!hasAux) return [value, tangent];
  if (!globalThis.Array.isArray(value) || value.length !== 2) throw new TypeError('jvp: with hasAux the function must return [value, aux].');
  return [value[0], tangent[0], value[1]];
}

/** The value at `primals` and the linear map from tangents to tangents there; what it needs is computed once. As `jax.linearize`. */
export function linearize(f: Fn, ...primals: any[]): [any, (...tangents: any[]) => any] {
  const traced = traceAt(f, primals, 'linearize');
  const values = traced.flat.leaves.filter((_, i) => traced.moving[i]);
  const avals = values.map((x) => strong(x.aval));
  const run = both(traced);
  const { jaxpr, consts } = trace((...xs) => run(xs.slice(0, values.length), xs.slice(values.length)), [...values.map((x) => x.aval), ...avals]);
  const { known, unknown } = partialEval(jaxpr, [...consts.map(() => true), ...values.map(() => true), ...avals.map(() => false)]);
  const residuals = apply({ jaxpr: known, consts }, values);
  const env = new Map(known.outputs.map((v, i) => [v as Var, residuals[i]]));
  const n = traced.out.size;
  return [tree.unflatten(traced.out, jaxpr.outputs.slice(0, n).map((a) => read(env, a))), (...tangents) => {
    const linear = eliminateDeadCode({ ...unknown, outputs: unknown.outputs.slice(n) });
    return tree.unflatten(traced.out, apply({ jaxpr: linear, consts: residuals }, tangentLeaves(traced, tangents, 'linearize')));
  }];
}

/** Forward mode as a program: the inputs, then tangents of those that are `active`; gives the outputs, then tangents of those that depend on them or are `forced`. */
export function jvpProgram(jaxpr: Jaxpr, active: readonly boolean[], forced: readonly boolean[] = []): { jaxpr: Jaxpr; outputs: boolean[] } {
  let outputs!: boolean[];
  const avals = [...jaxpr.inputs.map((v) => v.aval), ...jaxpr.inputs.filter((_, i) => active[i]).map((v) => strong(v.aval))];
  const program = traceProgram(avals, (...xs) => {
    let at = jaxpr.inputs.length;
    const result = jvpJaxpr(jaxpr, xs.slice(0, at), active.map((a) => (a ? xs[at++] : null)));
    outputs = result.tangents.map((t, i) => t !== null || (forced[i] === true && isFloat(result.outputs[i].dtype)));
    return [...result.outputs, ...result.outputs.flatMap((x, i) => (outputs[i] ? [result.tangents[i] ?? zeros(strong(x.aval))] : []))];
  });
  return { jaxpr: program, outputs };
}
