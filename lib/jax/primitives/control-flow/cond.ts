/** `cond`: one of several programs, chosen by an index, as ONNX If. The others do not run. */

import { reached, splitVjp, strong, zeros } from '../../autodiff.js';
import { batchedProgram } from '../../batching.js';
import { bind, evalJaxpr, type Jaxpr, type Var } from '../../core.js';
import { isFloat } from '../../dtypes.js';
import { jvpProgram } from '../../forward.js';
import { traceProgram } from '../../programs.js';
import type { Graph } from '../../../lowering/graph.js';
import { eq, select } from '../arithmetic.js';
import type { Primitive } from '../primitive.js';
import { inFront, reshape } from '../shape.js';
import { writeInner } from './common.js';

/** Inputs: an int32 within the list of branches, then the operands that every branch takes. */
export interface CondParams { readonly branches: readonly Jaxpr[] }

const vjp: NonNullable<Primitive<CondParams>['vjp']> = ([index, ...operands], { branches }, [, ...needed]) => {
  const active = operands.map((x, i) => needed[i] && isFloat(x.dtype));
  const outs = branches[0].outputs.length;
  const given = branches.map((b) => reached(b, active)).reduce((a, b) => a.map((x, i) => x || b[i]));
  const split = branches.map((b) => splitVjp(b, active, given));
  // Each branch makes zeros in the place of what another one keeps; what it keeps of the operands is there already.
  const kept = split.map(({ forward }) => forward.outputs.slice(outs).filter((a) => !forward.inputs.includes(a as Var)));
  const forward = split.map((s, k) => traceProgram(operands.map((x) => x.aval), (...xs) => {
    const results = evalJaxpr({ ...s.forward, outputs: [...s.forward.outputs.slice(0, outs), ...kept[k]] }, xs);
    return [...results.slice(0, outs), ...kept.flatMap((atoms, j) => (j === k ? results.slice(outs) : atoms.map((a) => zeros(strong(a.aval)))))];
  }));
  const results = bind(condP, [index, ...operands], { branches: forward });
  const saved = results.slice(outs);
  return {
    outputs: results.slice(0, outs),
    pullback: (cts) => {
      const present = results.slice(0, outs).flatMap((x, i) => (given[i] ? [cts[i] ?? zeros(strong(x.aval))] : []));
      const starts = kept.map((_, k) => kept.slice(0, k).reduce((n, a) => n + a.length, 0));
      const inputs = [...operands, ...saved, ...present];
      const backward = split.map((s, k) => traceProgram(inputs.map((x) => x.aval), (...xs) => {
        const own = xs.slice(operands.length + starts[k]);
        const residuals = s.forward.outputs.slice(outs).map((a) => { const i = s.forward.inputs.indexOf(a as Var); return i >= 0 ? xs[i] : own[kept[k].indexOf(a)]; });
        return evalJaxpr(s.backward, [...residuals, ...xs.slice(operands.length + saved.length)]);
      }));
      const pulled = bind(condP, [index, ...inputs], { branches: backward });
      let at = 0;
      return [null, ...active.map((a) => (a ? pulled[at++] : null))];
    },
  };
};

export const condP: Primitive<CondParams> = {
  name: 'cond',
  shape: (_inputs, { branches: [first] }) => first.outputs.map((a) => strong(a.aval)),
  vjp,
  jvp: ([index, ...operands], [, ...tangents], { branches }) => {
    const active = tangents.map((t) => t !== null);
    const forced = branches.map((b) => jvpProgram(b, active).outputs).reduce((a, b) => a.map((x, i) => x || b[i]));
    const both = branches.map((b) => jvpProgram(b, active, forced));
    const results = bind(condP, [index, ...operands, ...tangents.filter((t) => t !== null)], { branches: both.map((b) => b.jaxpr) });
    let at = forced.length;
    return { outputs: results.slice(0, at), tangents: forced.map((f) => (f ? results[at++] : null)) };
  },
  batch: ([index, ...operands], [at, ...axes], { branches }, mapped) => {
    const isMapped = axes.map((a) => a !== null);
    const inputs = operands.map((x, i) => (isMapped[i] ? inFront(x, axes[i], mapped.size) : x));
    const forced = branches.map((b) => batchedProgram(b, isMapped, mapped).outputs).reduce((a, b) => a.map((x, i) => x || b[i]));
    if (at === null) return [bind(condP, [index, ...inputs], { branches: branches.map((b) => batchedProgram(b, isMapped, mapped, forced).jaxpr) }), forced.map((f) => (f ? 0 : null))];
    // The index differs along the axis: every branch runs, and each element takes its own.
    const all = branches.map((b) => evalJaxpr(batchedProgram(b, isMapped, mapped, b.outputs.map(() => true)).jaxpr, inputs));
    const choice = inFront(index, at, mapped.size);
    const chosen = all.slice(1).reduce((best, results, k) => results.map((x, i) => select(reshape(eq(choice, k + 1), [mapped.size, ...x.shape.slice(1).map(() => 1)]), x, best[i])), all[0]);
    return [chosen, chosen.map(() => 0)];
  },
  lower: (g, [index, ...operands], { branches }) => lowerBranches(g, index, operands, branches, 0),
};

function lowerBranches(g: Graph, index: string, operands: readonly string[], branches: readonly Jaxpr[], first: number): readonly string[] {
  const here = g.inner();
  writeInner(here, branches[first], operands);
  const others = g.inner();
  if (branches.length === 1) writeInner(others, branches[first], operands);
  else if (first === branches.length - 2) writeInner(others, branches[first + 1], operands);
  else lowerBranches(others, index, operands, branches, first + 1).forEach((name, i) => { const { dtype, shape } = branches[0].outputs[i].aval; others.output(name, dtype, shape); });
  return g.nodeWithOutputs('If', [g.node('Equal', [index, g.constant('int32', [], [first])])], branches[0].outputs.length, { then_branch: { graph: here }, else_branch: { graph: others } });
}

