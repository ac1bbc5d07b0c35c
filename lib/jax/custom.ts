/** Functions with derivative rules of their own: `customVjp`, `customJvp`. */
import { TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { NDArray, aval, formatAval } from './array.js';
import { checkFunction, flattenArgs, strong, toArrayLeaf, traceFlat, vjpJaxpr, zeros, type Fn } from './autodiff.js';
import { batchedProgram } from './batching.js';
import { bind, evalJaxpr, read, trace, type Jaxpr, type Var } from './core.js';
import { isFloat } from './dtypes.js';
import { dims } from './dims.js';
import { partialEval, traceProgram } from './programs.js';
import type { MappedAxis, Primitive } from './primitives/primitive.js';
import { mappedInFront, reduceSum } from './primitives/shape.js';
import * as tree from './tree.js';

type Flat = (...xs: NDArray[]) => NDArray[];
type Axis = number | null;

/** `fwd` gives the outputs and then what is kept; `bwd` takes that and cotangents of all outputs. */
interface CustomVjp { readonly jaxpr: Jaxpr; readonly fwd: Flat; readonly bwd: Flat }
interface CustomJvp { readonly jaxpr: Jaxpr; /** Inputs, then their tangents, to outputs, then theirs. */ readonly rule: Flat }

const inlined = <P extends { jaxpr: Jaxpr }>(name: string, rest: Pick<Primitive<P>, 'vjp' | 'jvp' | 'batch'>): Primitive<P> => ({
  name, inline: true, ...rest,
  shape: (_inputs, { jaxpr }) => jaxpr.outputs.map((a) => a.aval),
  lower: () => { throw new Error(`${name} is replaced by its program before lowering.`); },
});

const cotangent = (ct: NDArray | null, x: NDArray): NDArray => ct ?? zeros(strong(isFloat(x.dtype) ? x.aval : aval(x.shape, 'float32')));
const allInFront = (n: number): Axis[] => globalThis.Array(n).fill(0);

/** A flat function over an added axis in front of the inputs that `axes` mark; all results have it. */
const mapped = (f: Flat, axes: readonly Axis[], axis: MappedAxis): Flat => (...xs) => {
  const { jaxpr, consts } = trace((...ys) => f(...ys), xs.map((x, i) => (axes[i] === null ? x.aval : aval(x.shape.slice(1), x.dtype))));
  const batched = batchedProgram(jaxpr, [...consts.map(() => false), ...axes.map((a) => a !== null)], axis, jaxpr.outputs.map(() => true)).jaxpr;
  return evalJaxpr(batched, [...consts, ...xs]);
};

const customVjpP: Primitive<CustomVjp> = inlined('custom_vjp_call', {
  vjp: (inputs, { jaxpr, fwd, bwd }) => {
    const n = jaxpr.outputs.length;
    const results = fwd(...inputs);
    const [outputs, kept] = [results.slice(0, n), results.slice(n)];
    return { outputs, pullback: (cts) => { const back = bwd(...kept, ...outputs.map((x, i) => cotangent(cts[i], x))); return inputs.map((x, i) => (isFloat(x.dtype) ? back[i] : null)); } };
  },
  batch: (inputs, axes, { jaxpr, fwd, bwd }, axis) => {
    const xs = mappedInFront(inputs, axes);
    const isMapped = axes.map((a) => a !== null);
    const all = batchedProgram(jaxpr, isMapped, axis, jaxpr.outputs.map(() => true)).jaxpr;
    const batchedBwd: Flat = (...ys) => mapped(bwd, allInFront(ys.length), axis)(...ys).map((ct, i) => (isMapped[i] ? ct : reduceSum(ct, [0])));
    return [bind(customVjpP, xs, { jaxpr: all, fwd: mapped(fwd, axes, axis), bwd: batchedBwd }), allInFront(jaxpr.outputs.length)];
  },
});

const customJvpP: Primitive<CustomJvp> = inlined('custom_jvp_call', {
  jvp: (inputs, tangents, { jaxpr, rule }) => {
    const results = rule(...inputs, ...inputs.map((x, i) => cotangent(tangents[i], x)));
    const n = jaxpr.outputs.length;
    return { outputs: results.slice(0, n), tangents: results.slice(n).map((t) => (isFloat(t.dtype) ? t : null)) };
  },
  vjp: (inputs, { jaxpr, rule }, needed) => {
    // The rule as a program of the tangents alone: what it needs of the values is computed now, the rest is transposed.
    const n = jaxpr.outputs.length;
    const moving = inputs.map((x, i) => needed[i] && isFloat(x.dtype));
    const ts = inputs.filter((_, i) => moving[i]);
    const whole = traceProgram([...inputs.map((x) => x.aval), ...ts.map((x) => strong(x.aval))], (...xs) => {
      let at = inputs.length;
      return rule(...xs.slice(0, inputs.length), ...inputs.map((x, i) => (moving[i] ? xs[at++] : cotangent(null, x))));
    });
    const { known, unknown } = partialEval(whole, [...inputs.map(() => true), ...ts.map(() => false)]);
    const kept = evalJaxpr(known, inputs);
    const env = new Map(known.outputs.map((v, i) => [v as Var, kept[i]]));
    const outputs = whole.outputs.slice(0, n).map((a) => read(env, a));
    return {
      outputs,
      pullback: (cts) => {
        const linear = { ...unknown, outputs: unknown.outputs.slice(n) };
        const back = vjpJaxpr(linear, [...kept, ...ts.map((x) => zeros(strong(x.aval)))], [...kept.map(() => false), ...ts.map(() => true)]).pullback(cts).slice(kept.length);
        let at = 0;
        return moving.map((m) => (m ? back[at++] : null));
      },
    };
  },
  batch: (inputs, axes, { jaxpr, rule }, axis) => {
    const xs = mappedInFront(inputs, axes);
    const all = batchedProgram(jaxpr, axes.map((a) => a !== null), axis, jaxpr.outputs.map(() => true)).jaxpr;
    return [bind(customJvpP, xs, { jaxpr: all, rule: mapped(rule, [...axes, ...axes], axis) }), allInFront(jaxpr.outputs.length)];
  },
});

export interface CustomOptions { /** Arguments without derivative, passed to the rules as they are, first. */ nondiffArgnums?: readonly number[] }

const leavesOf = (x: unknown, where: string): NDArray[] => tree.leaves(x).map((leaf) => toArrayLeaf(leaf, where));
/** Splits arguments into those that are differentiated and the others. */
const sides = (args: readonly unknown[], skip: readonly number[]) => ({ others: skip.map((n) => args[n]), own: args.filter((_, i) => !skip.includes(i)) });
const together = (others: readonly unknown[], own: readonly unknown[], skip: readonly number[]): unknown[] => {
  const rest = [...own];
  return globalThis.Array.from({ length: others.length + own.length }, (_, i) => (skip.includes(i) ? others[skip.indexOf(i)] : rest.shift()));
};

function like(where: string, given: unknown, def: tree.TreeDef, types: readonly NDArray['aval'][]): NDArray[] {
  return tree.flattenUpTo(def, given, where).map((x, i) => {
    const t = types[i];
    if (x === null || x === undefined || !isFloat(t.dtype)) return zeros(strong(isFloat(t.dtype) ? t : aval(t.shape, 'float32')));
    const y = toArrayLeaf(x, where);
    const z = y.dtype === t.dtype && !y.weakType ? y : y.astype(t.dtype);
    if (!dims.equalShapes(z.shape, t.shape)) throw new ValueError(`${where}: leaf ${i} must be ${formatAval(t)}, got ${formatAval(y)}.`);
    return z;
  });
}

export interface CustomVjpFunction<F extends Fn> { (...args: Parameters<F>): ReturnType<F>; /** `fwd(...args)` gives [output, kept]; `bwd(...nondiff, kept, cotangent)` gives a list with one cotangent an argument. */ defvjp(fwd: Fn, bwd: Fn): void }

/** A function whose gradient is what `defvjp` says. As `jax.custom_vjp`. */
export function customVjp<F extends Fn>(f: F, options: CustomOptions = {}): CustomVjpFunction<F> {
  checkFunction(f, 'customVjp');
  const { nondiffArgnums: skip = [] } = checkOptions('customVjp', options, ['nondiffArgnums']);
  let rules: [Fn, Fn] | null = null;
  const call = (...args: any[]): any => {
    if (!rules) throw new ValueError('customVjp: the function has no rules yet; call its defvjp(fwd, bwd) first.');
    const [forward, backward] = rules;
    const { others, own } = sides(args, skip);
    const flat = flattenArgs(own, 'customVjp');
    const { closed, out } = traceFlat((...xs) => f(...together(others, xs, skip)), flat, 'customVjp');
    const arity = own.map((a) => tree.structure(a));
    let kept!: tree.TreeDef;
    const fwd: Flat = (...xs) => {
      const result = forward(...together(others, tree.unflatten(flat.def, xs.slice(closed.consts.length)) as unknown[], skip));
      if (!globalThis.Array.isArray(result) || result.length !== 2) throw new TypeError('customVjp: fwd must return [output, kept].');
      kept = tree.structure(result[1]);
      return [...like('customVjp: the output of fwd', result[0], out, closed.jaxpr.outputs.map((a) => a.aval)), ...leavesOf(result[1], 'customVjp')];
    };
    const bwd: Flat = (...xs) => {
      const cts = backward(...others, tree.unflatten(kept, xs.slice(0, kept.size)), tree.unflatten(out, xs.slice(kept.size)));
      if (!globalThis.Array.isArray(cts) || cts.length !== own.length) throw new TypeError(`customVjp: bwd must return a list of ${own.length} cotangents, one for each argument.`);
      let at = 0;
      const types = flat.leaves.map((x) => x.aval);
      return [...closed.consts.map((x) => cotangent(null, x)), ...cts.flatMap((ct: unknown, i: number) => { const n = arity[i].size; return ct === null || ct === undefined ? types.slice(at, (at += n)).map((t) => zeros(strong(isFloat(t.dtype) ? t : aval(t.shape, 'float32')))) : like('customVjp: bwd', ct, arity[i], types.slice(at, (at += n))); })];
    };
    return tree.unflatten(out, bind(customVjpP, [...closed.consts, ...flat.leaves], { jaxpr: closed.jaxpr, fwd, bwd }));
  };
  return Object.assign(call, { defvjp: (fwd: Fn, bwd: Fn) => { checkFunction(fwd, 'defvjp'); checkFunction(bwd, 'defvjp'); rules = [fwd, bwd]; } }) as CustomVjpFunction<F>;
}

export interface CustomJvpFunction<F extends Fn> {
  (...args: Parameters<F>): ReturnType<F>;
  /** `rule(...nondiff, primals, tangents)` gives [output, output's tangent]. */
  defjvp(rule: Fn): Fn;
  /** One rule an argument, null where its derivative is zero: `(tangent, output, ...primals) → the output's tangent`. */
  defjvps(...rules: (Fn | null)[]): void;
}

/** A function whose derivative along a direction is what `defjvp` says; the gradient is its transpose. As `jax.custom_jvp`. */
export function customJvp<F extends Fn>(f: F, options: CustomOptions = {}): CustomJvpFunction<F> {
  checkFunction(f, 'customJvp');
  const { nondiffArgnums: skip = [] } = checkOptions('customJvp', options, ['nondiffArgnums']);
  let given: Fn | null = null;
  const call = (...args: any[]): any => {
    if (!given) throw new ValueError('customJvp: the function has no rule yet; call its defjvp(rule) first.');
    const { others, own } = sides(args, skip);
    const flat = flattenArgs(own, 'customJvp');
    const { closed, out } = traceFlat((...xs) => f(...together(others, xs, skip)), flat, 'customJvp');
    const [n, m] = [closed.consts.length, flat.leaves.length];
    const types = closed.jaxpr.outputs.map((a) => a.aval);
    const rule: Flat = (...xs) => {
      const result = given!(...others, tree.unflatten(flat.def, xs.slice(n, n + m)), tree.unflatten(flat.def, xs.slice(n + m + n)));
      if (!globalThis.Array.isArray(result) || result.length !== 2) throw new TypeError('customJvp: the rule must return [output, tangent].');
      return [...like('customJvp: the output of the rule', result[0], out, types), ...like('customJvp: the tangent', result[1], out, types)];
    };
    return tree.unflatten(out, bind(customJvpP, [...closed.consts, ...flat.leaves], { jaxpr: closed.jaxpr, rule }));
  };
  const defjvp = (rule: Fn): Fn => { checkFunction(rule, 'defjvp'); return (given = rule); };
  const defjvps = (...rules: (Fn | null)[]): void => {
    defjvp((primals: any[], tangents: any[]) => {
      const output = call(...primals);
      const parts = rules.flatMap((r, i) => (r ? [r(tangents[i], output, ...primals)] : []));
      return [output, parts.length ? parts.reduce((a, b) => tree.map((x: NDArray, y: NDArray) => x.add(y), a, b)) : null];
    });
  };
  return Object.assign(call, { defjvp, defjvps }) as CustomJvpFunction<F>;
}
