/**
 * Reverse mode. A function is traced to a program; the program is walked forward with each primitive's own `vjp`, which
 * only traces what is needed, and backward through the pullbacks. What no trainable input reaches gets no pullback, so
 * frozen parameters cost nothing.
 */
import { TypeError, ValueError } from '../runtime/errors.js';
import { NDArray, Scalar, aval, formatAval, isArray, scalar, type Aval } from './array.js';
import { bind, currentFrame, evalJaxpr, inScopeOf, read, trace, type Atom, type ClosedJaxpr, type Equation, type Jaxpr, type Var } from './core.js';
import { isFloat } from './dtypes.js';
import { dims } from './dims.js';
import { execute } from './program.js';
import { pruneConsts } from './programs.js';
import { add } from './primitives/arithmetic.js';
import type { Pullback } from './primitives/primitive.js';
import { expandTo } from './primitives/shape.js';
import * as tree from './tree.js';

/** Evaluates a program on values in the open trace, ready to be pulled back to the inputs that `needed` marks. */
export function vjpJaxpr(jaxpr: Jaxpr, inputs: readonly NDArray[], needed: readonly boolean[]): { outputs: NDArray[]; pullback: Pullback } {
  const env = new Map<Var, NDArray>(jaxpr.inputs.map((v, i) => [v, inputs[i]]));
  const active = new Set<Atom>(jaxpr.inputs.filter((v, i) => needed[i] && isFloat(v.aval.dtype)));
  const tape: { equation: Equation; pullback: Pullback }[] = [];
  for (const equation of jaxpr.equations) {
    const { primitive, params, outputs } = equation;
    const values = equation.inputs.map((a) => read(env, a));
    const need = equation.inputs.map((a) => active.has(a));
    if (primitive.vjp && need.includes(true)) {
      const { outputs: results, pullback } = inScopeOf(equation, () => primitive.vjp!(values, params, need));
      results.forEach((x, i) => env.set(outputs[i], x));
      outputs.forEach((v) => { if (isFloat(v.aval.dtype)) active.add(v); });
      tape.push({ equation, pullback });
    } else inScopeOf(equation, () => bind(primitive, values, params)).forEach((x, i) => env.set(outputs[i], x));
  }
  return {
    outputs: jaxpr.outputs.map((a) => read(env, a)),
    pullback: (cotangents) => {
      const cts = new Map<Atom, NDArray>();
      const accumulate = (a: Atom, ct: NDArray | null) => {
        if (ct && active.has(a)) cts.set(a, cts.has(a) ? add(cts.get(a)!, ct) : ct);
      };
      jaxpr.outputs.forEach((a, i) => accumulate(a, cotangents[i]));
      for (const { equation, pullback } of [...tape].reverse()) {
        const own = equation.outputs.map((v) => cts.get(v) ?? null);
        if (own.every((ct) => ct === null)) continue;
        inScopeOf(equation, () => pullback(own).forEach((ct, i) => accumulate(equation.inputs[i], ct)));
      }
      return jaxpr.inputs.map((v, i) => (needed[i] ? cts.get(v) ?? null : null));
    },
  };
}

/** Which outputs a derivative could reach from the inputs that are `active`. */
export function reached(jaxpr: Jaxpr, active: readonly boolean[]): boolean[] {
  const found = new Set<Atom>(jaxpr.inputs.filter((v, i) => active[i] && isFloat(v.aval.dtype)));
  for (const { primitive, inputs, outputs } of jaxpr.equations) {
    if ((primitive.vjp || primitive.jvp) && inputs.some((a) => found.has(a))) outputs.forEach((v) => { if (isFloat(v.aval.dtype)) found.add(v); });
  }
  return jaxpr.outputs.map((a) => found.has(a));
}

/**
 * Reverse mode as two programs: `forward` gives the outputs and what the pullback keeps, `backward` takes that and the
 * cotangents which `given` marks, and gives the cotangents of the needed floating-point inputs.
 */
export function splitVjp(jaxpr: Jaxpr, needed: readonly boolean[], given: readonly boolean[]): { forward: Jaxpr; backward: Jaxpr } {
  let backward!: Jaxpr;
  const forward = trace((...xs) => {
    const { outputs, pullback } = vjpJaxpr(jaxpr, xs, needed);
    const { jaxpr: back, consts } = pruneConsts(trace((...cts) => {
      let at = 0;
      const results = pullback(given.map((g) => (g ? cts[at++] : null)));
      return jaxpr.inputs.flatMap((v, i) => (needed[i] ? [results[i] ?? zeros(strong(v.aval))] : []));
    }, jaxpr.outputs.filter((_, i) => given[i]).map((a) => strong(a.aval))));
    backward = back;
    return [...outputs, ...consts];
  }, jaxpr.inputs.map((v) => v.aval));
  return { forward: forward.jaxpr, backward };
}

const AsyncFunction = (async () => {}).constructor;
/** Refuses what cannot be traced. */
export function checkFunction(f: unknown, where: string): void {
  if (typeof f !== 'function') throw new TypeError(`${where}: expected a function, got ${f === null ? 'null' : typeof f}.`);
  if (f instanceof AsyncFunction) throw new TypeError(`${where}: async functions cannot be traced; load data outside and pass it in.`);
}

export function toArrayLeaf(x: unknown, where: string): NDArray {
  if (isArray(x)) return x;
  if (typeof x === 'number' || typeof x === 'bigint' || typeof x === 'boolean') return scalar(x);
  if (x instanceof Promise) throw new TypeError(`${where}: got a promise; async functions cannot be traced.`);
  throw new TypeError(`${where}: expected arrays and numbers in its tree, got ${typeof x}; convert lists and typed arrays with jnp.array, or mark the argument static.`);
}

export const zeros = (a: Aval): NDArray => expandTo(new Scalar(0, a.dtype, false), a.shape);
export const strong = (a: Aval): Aval => (a.weak ? aval(a.shape, a.dtype) : a);

export interface Flat { readonly leaves: NDArray[]; readonly def: tree.TreeDef }
export function flattenArgs(args: readonly unknown[], where: string): Flat {
  const [leaves, def] = tree.flatten(args);
  return { leaves: leaves.map((x) => toArrayLeaf(x, where)), def };
}

/** Traces `f(...args)` on flat arrays, all or those that `traced` chooses; gives the structure of what it returned too. */
export function traceFlat(f: (...args: any[]) => unknown, { leaves, def }: Flat, where: string, traced: (x: NDArray) => boolean = () => true): { closed: ClosedJaxpr; out: tree.TreeDef } {
  let out!: tree.TreeDef;
  const closed = trace((...flat) => {
    let at = 0;
    const [results, structure] = tree.flatten(f(...(tree.unflatten(def, leaves.map((x) => (traced(x) ? flat[at++] : x))) as unknown[])));
    out = structure;
    return results.map((x) => toArrayLeaf(x, where));
  }, leaves.filter(traced).map((x) => x.aval));
  return { closed, out };
}

/** Runs a traced program: inlined in an open trace, compiled as a whole outside. */
export function apply({ jaxpr, consts }: ClosedJaxpr, inputs: readonly NDArray[]): NDArray[] {
  const all = [...consts, ...inputs];
  return currentFrame() ? evalJaxpr(jaxpr, all) : execute(jaxpr, all);
}

export interface GradOptions { argnums?: number | readonly number[]; hasAux?: boolean }
export type Fn = (...args: any[]) => any;

/** JavaScript's 1 is 1.0 too, and a number that is differentiated is a float. */
export const asFloat = (x: NDArray): NDArray => (x instanceof Scalar && !isFloat(x.dtype) ? new Scalar(x.value, 'float32') : x);

/** As `jax.value_and_grad`: gives [value, gradients], or [[value, aux], gradients] with `hasAux`. */
export function valueAndGrad(f: Fn, { argnums = 0, hasAux = false }: GradOptions = {}): Fn {
  checkFunction(f, 'grad');
  const numbers = typeof argnums === 'number' ? [argnums] : [...argnums];
  return (...args) => {
    const chosen = numbers.map((n) => (n < 0 ? n + args.length : n));
    for (const n of chosen) if (!(n in args)) throw new ValueError(`grad: argnums names argument ${n}, but the function was called with ${args.length}.`);
    const flat = flattenArgs(args, 'grad');
    const owner = args.flatMap((a, i) => tree.leaves(a).map(() => i));
    flat.leaves.forEach((x, i) => {
      if (chosen.includes(owner[i]) && !isFloat(x.dtype) && !(x instanceof Scalar)) throw new TypeError(`grad: argument ${owner[i]} holds ${formatAval(x)}; gradients are taken with respect to floating-point arrays only.`);
    });
    const leaves = flat.leaves.map((x, i) => (chosen.includes(owner[i]) ? asFloat(x) : x));
    // Integers and masks are not differentiated and keep their values, as in JAX.
    const { closed: inner, out } = traceFlat(f, { leaves, def: flat.def }, 'grad', (x) => isFloat(x.dtype));
    const [inputs, owners] = [leaves.filter((x) => isFloat(x.dtype)), owner.filter((_, i) => isFloat(leaves[i].dtype))];
    const [loss] = hasAux ? lossOf(out, inner.jaxpr) : [checkLoss(inner.jaxpr.outputs, out)];
    const needed = [...inner.consts.map(() => false), ...owners.map((o) => chosen.includes(o))];
    const whole = (values: readonly NDArray[]): NDArray[] => {
      const { outputs, pullback } = vjpJaxpr(inner.jaxpr, values, needed);
      const cts = pullback(outputs.map((_, i) => (i === loss ? new Scalar(1, outputs[loss].dtype, false) : null)));
      return [...outputs, ...inner.jaxpr.inputs.flatMap((v, i) => (needed[i] ? [cts[i] ?? zeros(strong(v.aval))] : []))];
    };
    const all = [...inner.consts, ...inputs];
    const results = currentFrame() ? whole(all) : apply(trace((...xs) => whole(xs), all.map((x) => x.aval)), all);
    const value = tree.unflatten(out, results.slice(0, out.size));
    let at = out.size;
    const gradient = (n: number) => {
      const def = tree.structure(args[n]);
      return tree.unflatten(def, results.slice(at, (at += def.size)));
    };
    const inOrder = [...new Set(chosen)].sort((a, b) => a - b);
    const byArgument = new Map(inOrder.map((n) => [n, gradient(n)]));
    const gradients = chosen.map((n) => byArgument.get(n));
    return [value, typeof argnums === 'number' ? gradients[0] : gradients];
  };
}

function checkLoss(outputs: readonly Atom[], out: tree.TreeDef): number {
  if (out.kind !== 'leaf') throw new TypeError(`grad: the function must return one scalar, but returned a ${out.kind} of ${out.size} values; with { hasAux: true } it may return [loss, aux].`);
  const a = outputs[0].aval;
  if (a.shape.length !== 0) throw new TypeError(`grad: the function must return a scalar, but returned ${formatAval(a)}; reduce it with jnp.sum or jnp.mean.`);
  if (!isFloat(a.dtype)) throw new TypeError(`grad: the function must return a floating-point scalar, but returned ${formatAval(a)}.`);
  return 0;
}
function lossOf(out: tree.TreeDef, jaxpr: Jaxpr): [number] {
  if (out.kind !== 'list' || out.children.length !== 2) throw new TypeError('grad: with { hasAux: true } the function must return [loss, aux].');
  return [checkLoss(jaxpr.outputs, out.children[0])];
}

/** As `jax.grad`: a function that gives the gradient with respect to `argnums`; [gradient, aux] with `hasAux`. */
export function grad(f: Fn, options: GradOptions = {}): Fn {
  const both = valueAndGrad(f, options);
  return (...args) => {
    const [value, gradient] = both(...args);
    return options.hasAux ? [gradient, value[1]] : gradient;
  };
}

/** The only keyword that follows the operands; no tree of them has this key alone. */
const isAuxOption = (x: unknown): x is { hasAux: boolean } => typeof x === 'object' && x !== null && Object.keys(x).length === 1 && typeof (x as { hasAux?: unknown }).hasAux === 'boolean';

type Pull = (cotangents: any) => any[];
/**
 * As `jax.vjp`: [outputs, pullback], where pullback takes cotangents shaped like the outputs and gives one for each argument.
 * With `{ hasAux: true }` behind the arguments f returns [outputs, aux], and aux, which has no derivative, comes third.
 */
export function vjp(f: Fn, ...args: [...primals: any[], options: { hasAux: true }]): [any, Pull, any];
export function vjp(f: Fn, ...primals: any[]): [any, Pull];
export function vjp(f: Fn, ...args: any[]): [any, Pull, any?] {
  checkFunction(f, 'vjp');
  const option = isAuxOption(args.at(-1)) ? (args.at(-1) as { hasAux: boolean }) : null;
  const primals = option ? args.slice(0, -1) : args;
  const given = flattenArgs(primals, 'vjp');
  const flat = { ...given, leaves: given.leaves.map(asFloat) };
  // What has no derivative keeps its values, so that masks can index; its cotangent is zero.
  const differentiable = (x: NDArray) => isFloat(x.dtype);
  const { closed, out: whole } = traceFlat(f, flat, 'vjp', differentiable);
  if (option?.hasAux && (whole.kind !== 'list' || whole.children.length !== 2)) throw new TypeError('vjp: with { hasAux: true } the function must return [outputs, aux].');
  const [out, aux] = option?.hasAux ? whole.children : [whole];
  const leaves = flat.leaves.filter(differentiable);
  const needed = [...closed.consts.map(() => false), ...leaves.map(() => true)];
  const all = [...closed.consts, ...leaves];
  // In an open trace the pullback goes on from the values that the outputs came from; outside it computes them again.
  const open = currentFrame() && vjpJaxpr(closed.jaxpr, all, needed);
  const outputs = open ? open.outputs : apply({ jaxpr: closed.jaxpr, consts: [] }, all);
  const pull = (cotangents: unknown): any[] => {
    const cts = tree.flattenUpTo(out, cotangents, 'vjp').map((x, i) => {
      const ct = toArrayLeaf(x, `vjp: cotangent ${i}`);
      return ct instanceof Scalar ? new Scalar(ct.value, closed.jaxpr.outputs[i].aval.dtype, false) : ct;
    });
    cts.forEach((ct, i) => {
      const a = closed.jaxpr.outputs[i].aval;
      if (!dims.equalShapes(ct.shape, a.shape) || (isFloat(a.dtype) && ct.dtype !== a.dtype)) throw new ValueError(`vjp: cotangent ${i} must be ${formatAval(a)}, like the output, but is ${formatAval(ct)}.`);
    });
    const back = (values: readonly NDArray[]): NDArray[] => {
      const { pullback } = open ?? vjpJaxpr(closed.jaxpr, values.slice(0, all.length), needed);
      const grads = pullback([...values.slice(all.length), ...outputs.slice(out.size).map(() => null)]);
      return closed.jaxpr.inputs.flatMap((v, i) => (needed[i] ? [grads[i] ?? zeros(strong(v.aval))] : []));
    };
    const inputs = [...all, ...cts];
    const results = currentFrame() ? back(inputs) : apply(trace((...xs) => back(xs), inputs.map((x) => x.aval)), inputs);
    let at = 0;
    return tree.unflatten(flat.def, flat.leaves.map((x) => (differentiable(x) ? results[at++] : zeros(strong(x.aval))))) as any[];
  };
  const value = tree.unflatten(out, outputs.slice(0, out.size));
  return aux ? [value, pull, tree.unflatten(aux, outputs.slice(out.size))] : [value, pull];
}

/** The program of `f(...args)`, printable with `String`-like `formatJaxpr`. As `jax.make_jaxpr`. */
export const makeJaxpr = (f: Fn) => (...args: any[]): ClosedJaxpr => traceFlat(f, flattenArgs(args, 'makeJaxpr'), 'makeJaxpr').closed;

/** Runs `f` on shapes alone: a tree of `{ shape, dtype }`. As `jax.eval_shape`. */
export function evalShape(f: Fn, ...args: any[]): any {
  const { closed, out } = traceFlat(f, flattenArgs(args, 'evalShape'), 'evalShape');
  return tree.unflatten(out, closed.jaxpr.outputs.map((a) => ({ shape: [...a.aval.shape], dtype: a.aval.dtype, size: dims.size(a.aval.shape), ndim: a.aval.shape.length })));
}
