/** `vmap`: a program is evaluated once with each primitive's batching rule. */
import { ShapeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import type { NDArray } from './array.js';
import { bind, currentFrame, inScopeOf, read, trace, withAxis, type Equation, type Jaxpr, type Var } from './core.js';
import { checkFunction, apply, toArrayLeaf } from './autodiff.js';
import { canonicalAxis, dims } from './dims.js';
import type { MappedAxis } from './primitives/primitive.js';
import { inFront, moveAxis } from './primitives/shape.js';
import { someEquation, subprograms, traceProgram } from './programs.js';
import { aval } from './array.js';
import * as tree from './tree.js';

type Axis = number | null;

/** Evaluates a program over an added axis in the open trace: results with the axis at which they have it, null where they do not depend on it. */
export function batchJaxpr(jaxpr: Jaxpr, inputs: readonly NDArray[], axes: readonly Axis[], mapped: MappedAxis): [NDArray[], Axis[]] {
  const env = new Map<Var, NDArray>(jaxpr.inputs.map((v, i) => [v, inputs[i]]));
  const axis = new Map<Var, Axis>(jaxpr.inputs.map((v, i) => [v, axes[i]]));
  // What speaks of the axis by its name is concerned whatever its inputs are.
  const speaks = (e: Equation): boolean => mapped.name !== undefined && (e.params.axisName === mapped.name || subprograms(e.params).some((p) => someEquation(p, (q) => q.params.axisName === mapped.name)));
  for (const equation of jaxpr.equations) {
    const { primitive, inputs: atoms, params, outputs } = equation;
    const values = atoms.map((a) => read(env, a));
    const at = atoms.map((a) => axis.get(a as Var) ?? null);
    const isBatched = at.some((a) => a !== null) || speaks(equation);
    const [results, resultAxes] = inScopeOf(equation, () => (isBatched ? primitive.batch(values, at, params, mapped) : [bind(primitive, values, params), outputs.map((): Axis => null)]));
    outputs.forEach((v, i) => { env.set(v, results[i]); axis.set(v, resultAxes[i]); });
  }
  return [jaxpr.outputs.map((a) => read(env, a)), jaxpr.outputs.map((a) => axis.get(a as Var) ?? null)];
}

/** A program over an added axis as a program: inputs where `axes` are not null have it in front, and so have the outputs that depend on it or are `forced`. */
export function batchedProgram(jaxpr: Jaxpr, isMapped: readonly boolean[], mapped: MappedAxis, forced: readonly boolean[] = []): { jaxpr: Jaxpr; outputs: boolean[] } {
  let outputs!: boolean[];
  const avals = jaxpr.inputs.map(({ aval: a }, i) => (isMapped[i] ? aval([mapped.size, ...a.shape], a.dtype, a.weak) : a));
  const batched = traceProgram(avals, (...xs) => {
    const [results, axes] = batchJaxpr(jaxpr, xs, isMapped.map((m) => (m ? 0 : null)), mapped);
    outputs = axes.map((a, i) => a !== null || forced[i] === true);
    return results.map((x, i) => (outputs[i] ? inFront(x, axes[i], mapped.size) : x));
  });
  return { jaxpr: batched, outputs };
}

/** One axis a leaf, from a prefix of the tree. */
function spread(prefix: unknown, value: unknown, where: string): Axis[] {
  if (prefix === null || typeof prefix === 'number') return tree.leaves(value).map(() => prefix);
  if (typeof prefix !== 'object') throw new ValueError(`vmap: ${where} must be an axis, null, or a tree of them, got ${typeof prefix}.`);
  const [axes, def] = tree.flatten(prefix, (x) => x === null);
  return tree.flattenUpTo(def, value, `vmap: ${where}`).flatMap((part, i) => tree.leaves(part).map(() => axes[i] as Axis));
}

export interface VmapOptions {
  /** The mapped axis of the arguments: one, null for none, or a tree of them. */
  inAxes?: unknown;
  outAxes?: unknown;
  /** What collectives (`lax.psum`, …) call the axis. */
  axisName?: string;
  /** Its size, where no argument is mapped. */
  axisSize?: number;
}

/** `f` over an added axis of its arguments. As `jax.vmap`. */
export function vmap(f: (...args: any[]) => any, options: VmapOptions = {}): (...args: any[]) => any {
  checkFunction(f, 'vmap');
  const { inAxes = 0, outAxes = 0, axisName, axisSize } = checkOptions('vmap', options, ['inAxes', 'outAxes', 'axisName', 'axisSize']);
  return (...args) => {
    const [rawLeaves, def] = tree.flatten(args);
    const leaves = rawLeaves.map((x) => toArrayLeaf(x, 'vmap'));
    if (Array.isArray(inAxes) && inAxes.length !== args.length) throw new ValueError(`vmap: inAxes has ${inAxes.length} entries, but the function was called with ${args.length} argument${args.length === 1 ? '' : 's'}; give one for each, or one number for all.`);
    const per = Array.isArray(inAxes) ? args.flatMap((a, i) => spread(inAxes[i], a, `inAxes[${i}]`)) : spread(inAxes, args, 'inAxes');
    const axes = per.map((a, i) => (a === null ? null : canonicalAxis(a, leaves[i].ndim, 'vmap')));
    const sizes = leaves.flatMap((x, i) => (axes[i] === null ? [] : [x.shape[axes[i]!]]));
    if (axisSize !== undefined) sizes.unshift(axisSize);
    if (sizes.length === 0) throw new ValueError('vmap: at least one argument must have a mapped axis, but inAxes are all null.');
    if (sizes.some((n) => !dims.equal(n, sizes[0]))) throw new ShapeError(`vmap: mapped axes have different sizes: ${[...new Set(sizes.map(String))].join(', ')}.`);
    const size = sizes[0];
    const inner = leaves.map((x, i) => (axes[i] === null ? x.aval : aval(x.shape.filter((_, k) => k !== axes[i]), x.dtype, x.weakType)));
    let out!: tree.TreeDef;
    const mapped: MappedAxis = { size, ...(axisName !== undefined && { name: axisName }) };
    const closed = withAxis(mapped, () => trace((...flat) => {
      const [results, structure] = tree.flatten(f(...(tree.unflatten(def, flat) as unknown[])));
      out = structure;
      return results.map((x) => toArrayLeaf(x, 'vmap'));
    }, inner));
    const wanted = spread(outAxes, tree.unflatten(out, closed.jaxpr.outputs.map((_, i) => i)), 'outAxes');
    const whole = (values: readonly NDArray[]): NDArray[] => {
      const [results, found] = batchJaxpr(closed.jaxpr, values, [...closed.consts.map(() => null), ...axes], mapped);
      return results.map((x, i) => {
        const [to, at] = [wanted[i], found[i]];
        if (to === null) {
          if (at !== null) throw new ValueError(`vmap: outAxes says that output ${i} is not mapped, but it depends on mapped arguments.`);
          return x;
        }
        return moveAxis(inFront(x, at, size), 0, canonicalAxis(to, at === null ? x.ndim + 1 : x.ndim, 'vmap'));
      });
    };
    const all = [...closed.consts, ...leaves];
    const results = currentFrame() ? whole(all) : apply(trace((...xs) => whole(xs), all.map((x) => x.aval)), all);
    return tree.unflatten(out, results);
  };
}
