/** Common-subexpression elimination: what is computed twice from the same values is computed once. */
import { Literal, formatJaxpr, type Atom, type Equation, type Jaxpr } from '../core.js';
import type { Primitive } from '../primitives/primitive.js';
import { rewrite } from './rewrite.js';

/** Its outputs are values of their own by construction: computing them again is what it is for. */
const DISTINCT = new Set(['optimization_barrier']);
/** Equal ones count as equal, but stay: each loop of a fused node broadcasts what it reads for nothing, and one for all would be written out. */
const FREE = new Set(['broadcast_to']);

/** The parameters, as programs print them. */
const printed = (e: Equation): string => formatJaxpr({ inputs: [], equations: [{ ...e, inputs: [] }], outputs: [] });

/** Equations of the same operands. Printing is what costs, and few have the operands of another. */
interface Same { readonly first: Equation; byParams?: Map<string, Equation> }

/** Joins equations of one primitive with equal parameters and equal operands. Every primitive is a pure function, threefry too. */
export function eliminateCommonSubexpressions(jaxpr: Jaxpr): Jaxpr {
  const numbers = new Map<Atom, number>();
  const number = (a: Atom): number | string => {
    if (a instanceof Literal) return `${a.aval.dtype}:${Object.is(a.value, -0) ? '-0' : a.value}`;
    if (!numbers.has(a)) numbers.set(a, numbers.size);
    return numbers.get(a)!;
  };
  const known = new Map<Primitive, Map<string, Same>>();
  return rewrite(jaxpr, (e) => {
    if (DISTINCT.has(e.primitive.name)) return null;
    let same = known.get(e.primitive);
    if (!same) known.set(e.primitive, (same = new Map()));
    const operands = e.inputs.map(number).join();
    const others = same.get(operands);
    if (!others) {
      same.set(operands, { first: e });
      return null;
    }
    others.byParams ??= new Map([[printed(others.first), others.first]]);
    const params = printed(e);
    const earlier = others.byParams.get(params);
    if (!earlier) {
      others.byParams.set(params, e);
      return null;
    }
    e.outputs.forEach((v, i) => numbers.set(v, number(earlier.outputs[i]) as number));
    return FREE.has(e.primitive.name) ? null : earlier.outputs;
  });
}
