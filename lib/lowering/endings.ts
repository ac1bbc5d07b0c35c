/** What comes right after a product or a convolution of ours, and is done while its results are in registers. */
import type { Atom, Equation, Jaxpr } from '../jax/core.js';
import type { Primitive } from '../jax/primitives/primitive.js';

/** Who reads a value; null stands for the program's results. */
export function usersOf(jaxpr: Jaxpr): Map<Atom, (Equation | null)[]> {
  const users = new Map<Atom, (Equation | null)[]>();
  const use = (a: Atom, by: Equation | null) => { const known = users.get(a); if (known) known.push(by); else users.set(a, [by]); };
  for (const e of jaxpr.equations) for (const a of e.inputs) use(a, e);
  for (const a of jaxpr.outputs) use(a, null);
  return users;
}

/** The bias added to a result of `primitive` along its last axis and the ReLU after it become parts of it: a last input, and the parameter `relu`. */
export function withEndings(jaxpr: Jaxpr, primitive: Primitive): Jaxpr {
  const users = usersOf(jaxpr);
  const only = (e: Equation, name: string): Equation | undefined => {
    const [user, ...others] = users.get(e.outputs[0]) ?? [];
    return user?.primitive.name === name && !others.length ? user : undefined;
  };
  // Null: part of a later one.
  const replaced = new Map<Equation, Equation | null>();
  for (const e of jaxpr.equations) {
    if (e.primitive !== primitive) continue;
    const [out] = e.outputs;
    const add = only(e, 'add');
    const bias = add?.inputs.find((a) => a !== out && a.aval.shape.length === 1 && a.aval.shape[0] === out.aval.shape.at(-1));
    const sum = bias ? add! : e;
    const relu = only(sum, 'relu');
    if (!bias && !relu) continue;
    for (const part of [e, sum]) replaced.set(part, null);
    replaced.set(relu ?? sum, { ...(relu ?? sum), primitive, inputs: bias ? [...e.inputs, bias] : e.inputs, params: { ...e.params, relu: relu ? 1 : 0 } });
  }
  return replaced.size ? { ...jaxpr, equations: jaxpr.equations.flatMap((e) => { const r = replaced.get(e); return r === undefined ? [e] : r ? [r] : []; }) } : jaxpr;
}
