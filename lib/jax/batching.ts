/** `vmap`: a program is evaluated once with each primitive's batching rule. */
import { ShapeError, ValueError } from '../runtime/errors.js';
import type { NDArray } from './array.js';
import { bind, currentFrame, read, trace, type Jaxpr, type Var } from './core.js';
import { checkFunction, apply, toArrayLeaf } from './autodiff.js';
import { canonicalAxis, dims } from './dims.js';
import { expandTo, moveAxis } from './primitives/shape.js';
import { aval } from './array.js';
import * as tree from './tree.js';

type Axis = number | null;

function batchJaxpr(jaxpr: Jaxpr, inputs: readonly NDArray[], axes: readonly Axis[]): [NDArray, Axis][] {
  const env = new Map<Var, NDArray>(jaxpr.inputs.map((v, i) => [v, inputs[i]]));
  const axis = new Map<Var, Axis>(jaxpr.inputs.map((v, i) => [v, axes[i]]));
  for (const { primitive, inputs: atoms, params, outputs } of jaxpr.equations) {
    const values = atoms.map((a) => read(env, a));
    const at = atoms.map((a) => axis.get(a as Var) ?? null);
    const [results, resultAxes] = at.some((a) => a !== null) ? primitive.batch(values, at, params) : [bind(primitive, values, params), outputs.map(() => null)];
    outputs.forEach((v, i) => { env.set(v, results[i]); axis.set(v, resultAxes[i]); });
  }
  return jaxpr.outputs.map((a) => [read(env, a), axis.get(a as Var) ?? null]);
}

/** One axis a leaf, from a prefix of the tree. */
function spread(prefix: unknown, value: unknown, where: string): Axis[] {
  if (prefix === null || typeof prefix === 'number') return tree.leaves(value).map(() => prefix);
  if (typeof prefix !== 'object') throw new ValueError(`vmap: ${where} must be an axis, null, or a tree of them, got ${typeof prefix}.`);
  const [axes, def] = tree.flatten(prefix, (x) => x === null);
  return tree.flattenUpTo(def, value, `vmap: ${where}`).flatMap((part, i) => tree.leaves(part).map(() => axes[i] as Axis));
}

/** As `jax.vmap`: `f` over an added axis of its arguments. `inAxes` and `outAxes`: an axis, null, or a tree of them. */
export function vmap(f: (...args: any[]) => any, { inAxes = 0 as unknown, outAxes = 0 as unknown } = {}): (...args: any[]) => any {
  checkFunction(f, 'vmap');
  return (...args) => {
    const [rawLeaves, def] = tree.flatten(args);
    const leaves = rawLeaves.map((x) => toArrayLeaf(x, 'vmap'));
    const per = Array.isArray(inAxes) ? args.flatMap((a, i) => spread(inAxes[i], a, `inAxes[${i}]`)) : spread(inAxes, args, 'inAxes');
    const axes = per.map((a, i) => (a === null ? null : canonicalAxis(a, leaves[i].ndim, 'vmap')));
    const sizes = leaves.flatMap((x, i) => (axes[i] === null ? [] : [x.shape[axes[i]!]]));
    if (sizes.length === 0) throw new ValueError('vmap: at least one argument must have a mapped axis, but inAxes are all null.');
    if (sizes.some((n) => !dims.equal(n, sizes[0]))) throw new ShapeError(`vmap: mapped axes have different sizes: ${[...new Set(sizes.map(String))].join(', ')}.`);
    const size = sizes[0];
    const inner = leaves.map((x, i) => (axes[i] === null ? x.aval : aval(x.shape.filter((_, k) => k !== axes[i]), x.dtype, x.weakType)));
    let out!: tree.TreeDef;
    const closed = trace((...flat) => {
      const [results, structure] = tree.flatten(f(...(tree.unflatten(def, flat) as unknown[])));
      out = structure;
      return results.map((x) => toArrayLeaf(x, 'vmap'));
    }, inner);
    const wanted = spread(outAxes, tree.unflatten(out, closed.jaxpr.outputs.map((_, i) => i)), 'outAxes');
    const whole = (values: readonly NDArray[]): NDArray[] =>
      batchJaxpr(closed.jaxpr, values, [...closed.consts.map(() => null), ...axes]).map(([x, at], i) => {
        const to = wanted[i];
        if (to === null) {
          if (at !== null) throw new ValueError(`vmap: outAxes says that output ${i} is not mapped, but it depends on mapped arguments.`);
          return x;
        }
        if (at === null) return moveAxis(expandTo(x, [size, ...x.shape]), 0, canonicalAxis(to, x.ndim + 1, 'vmap'));
        return moveAxis(x, at, canonicalAxis(to, x.ndim, 'vmap'));
      });
    const all = [...closed.consts, ...leaves];
    const results = currentFrame() ? whole(all) : apply(trace((...xs) => whole(xs), all.map((x) => x.aval)), all);
    return tree.unflatten(out, results);
  };
}
