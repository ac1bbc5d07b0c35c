/** Rematerialisation: what a function computes on the way is not kept for its gradient, but computed again. */
import { checkOptions } from '../runtime/options.js';
import { checkFunction, flattenArgs, traceFlat, vjpJaxpr, type Fn } from './autodiff.js';
import { batchedProgram } from './batching.js';
import { bind, type Jaxpr } from './core.js';
import { isFloat } from './dtypes.js';
import { jvpProgram } from './forward.js';
import type { Primitive } from './primitives/primitive.js';
import { mappedInFront } from './primitives/shape.js';
import * as tree from './tree.js';

/**
 * The same values, which exist only when all of them do. The engine joins equal expressions, and would keep what was to
 * be computed again: behind this, they read values that it cannot know before the last input is there.
 */
const barrierP: Primitive = {
  name: 'optimization_barrier',
  shape: (inputs) => [...inputs],
  vjp: (inputs, params) => ({ outputs: bind(barrierP, inputs, params), pullback: (cts) => cts }),
  batch: (inputs, axes, params) => [bind(barrierP, mappedInFront(inputs, axes), params), axes.map((a) => (a === null ? null : 0))],
  lower: (g, inputs, _params, types) => {
    // A condition made of the last input's first element, of which it does not matter whether it holds.
    const last = inputs.length - 1;
    const { dtype } = types.inputs[last];
    const first = g.node('Gather', [g.reshape(inputs[last], [-1]), g.constant('int64', [], [0])], { axis: 0 });
    const number = dtype === 'float32' || dtype === 'float64' ? first : g.cast(first, 'float32');
    const either = g.node('IsNaN', [number]);
    return inputs.map((x, i) => (i === last ? x : g.node('Where', [either, x, x])));
  },
};

interface CheckpointParams { readonly jaxpr: Jaxpr }
const checkpointP: Primitive<CheckpointParams> = {
  name: 'checkpoint',
  inline: true,
  shape: (_inputs, { jaxpr }) => jaxpr.outputs.map((a) => a.aval),
  vjp: (inputs, { jaxpr }, needed) => ({
    outputs: bind(checkpointP, inputs, { jaxpr }),
    pullback: (cts) => {
      const given = cts.flatMap((ct, i) => (ct ? [{ ct, i }] : []));
      if (given.length === 0) return inputs.map(() => null);
      const held = bind(barrierP, [...inputs, ...given.map((g) => g.ct)]);
      const back = cts.map(() => null as (typeof cts)[number]);
      given.forEach(({ i }, k) => { back[i] = held[inputs.length + k]; });
      return vjpJaxpr(jaxpr, held.slice(0, inputs.length), needed.map((n, i) => n && isFloat(inputs[i].dtype))).pullback(back);
    },
  }),
  jvp: (inputs, tangents, { jaxpr }) => {
    const { jaxpr: both, outputs: moves } = jvpProgram(jaxpr, tangents.map((t) => t !== null));
    const results = bind(checkpointP, [...inputs, ...tangents.filter((t) => t !== null)], { jaxpr: both });
    let at = moves.length;
    return { outputs: results.slice(0, at), tangents: moves.map((m) => (m ? results[at++] : null)) };
  },
  batch: (inputs, axes, { jaxpr }, mapped) => {
    const { jaxpr: batched, outputs } = batchedProgram(jaxpr, axes.map((a) => a !== null), mapped);
    return [bind(checkpointP, mappedInFront(inputs, axes), { jaxpr: batched }), outputs.map((o) => (o ? 0 : null))];
  },
  lower: () => { throw new Error('checkpoint is replaced by its program before lowering.'); },
};

/**
 * A function that computes the same and keeps only its inputs for the gradient: less memory for a second run forward. As
 * `jax.checkpoint` (`jax.remat`) with its default policy, which saves nothing.
 */
export function checkpoint<F extends Fn>(f: F, options: { preventCse?: boolean; staticArgnums?: number | readonly number[] } = {}): F {
  checkFunction(f, 'checkpoint');
  const { staticArgnums: given = [] } = checkOptions('checkpoint', options, ['preventCse', 'staticArgnums']);
  const staticArgnums = typeof given === 'number' ? [given] : given;
  return ((...args: any[]) => {
    const flat = flattenArgs(args.map((a, i) => (staticArgnums.includes(i) ? null : a)), 'checkpoint');
    const { closed, out } = traceFlat((...xs) => f(...xs.map((x, i) => (staticArgnums.includes(i) ? args[i] : x))), flat, 'checkpoint');
    return tree.unflatten(out, bind(checkpointP, [...closed.consts, ...flat.leaves], { jaxpr: closed.jaxpr }));
  }) as F;
}
