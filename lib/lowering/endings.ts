/** What comes right after a product or a convolution of ours, and is done while its results are in registers. */
import type { Atom, Equation, Jaxpr } from '../jax/core.js';
import { dims } from '../jax/dims.js';
import type { Primitive } from '../jax/primitives/primitive.js';

/** Who reads a value; null stands for the program's results. */
export function usersOf(jaxpr: Jaxpr): Map<Atom, (Equation | null)[]> {
  const users = new Map<Atom, (Equation | null)[]>();
  const use = (a: Atom, by: Equation | null) => { const known = users.get(a); if (known) known.push(by); else users.set(a, [by]); };
  for (const e of jaxpr.equations) for (const a of e.inputs) use(a, e);
  for (const a of jaxpr.outputs) use(a, null);
  return users;
}

/**
 * The bias added to a result of `primitive` along its last axis and the ReLU after it become parts of it: a last input, and the parameter
 * `relu`. With `more` so do a scale before the bias, and what is added after it: further inputs, and the parameters `scaled` and `added`.
 */
export function withEndings(jaxpr: Jaxpr, primitive: Primitive, more = false): Jaxpr {
  const users = usersOf(jaxpr);
  // Null: part of a later one.
  const replaced = new Map<Equation, Equation | null>();
  const only = (e: Equation, name: string): Equation | undefined => {
    const [user, ...others] = users.get(e.outputs[0]) ?? [];
    return user?.primitive.name === name && !others.length && !replaced.has(user) ? user : undefined;
  };
  for (const e of jaxpr.equations) {
    if (e.primitive !== primitive || replaced.has(e)) continue;
    const { shape } = e.outputs[0].aval;
    const parts = [e];
    const take = (name: string, fits: (a: Atom) => boolean): Atom[] => {
      const last = parts.at(-1)!;
      const user = only(last, name);
      const other = user?.inputs.find((a) => a !== last.outputs[0] && fits(a));
      if (other) parts.push(user!);
      return other ? [other] : [];
    };
    const perFeature = (a: Atom): boolean => a.aval.shape.length === 1 && a.aval.shape[0] === shape.at(-1);
    let scale = more ? take('mul', perFeature) : [];
    const bias = take('add', perFeature);
    if (scale.length && !bias.length) { parts.pop(); scale = []; }
    const added = more ? take('add', (a) => dims.equalShapes(a.aval.shape, shape)) : [];
    const relu = only(parts.at(-1)!, 'relu');
    if (relu) parts.push(relu);
    if (parts.length === 1) continue;
    for (const part of parts) replaced.set(part, null);
    const params = { ...e.params, relu: relu ? 1 : 0, ...(more && { scaled: scale.length, added: added.length }) };
    replaced.set(parts.at(-1)!, { ...parts.at(-1)!, primitive, inputs: [...e.inputs, ...scale, ...bias, ...added], params });
  }
  return replaced.size ? { ...jaxpr, equations: jaxpr.equations.flatMap((e) => { const r = replaced.get(e); return r === undefined ? [e] : r ? [r] : []; }) } : jaxpr;
}
