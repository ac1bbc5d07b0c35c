/** What passes share: one walk over a program that puts atoms and equations in the place of others. */
import { Literal, eliminateDeadCode, sameType, type Atom, type Equation, type Jaxpr } from '../core.js';

/** The equation behind a value, as it stands after the walk so far. */
export type Made = (a: Atom) => Equation | undefined;
/** What an equation is better: the atoms that its outputs are, another equation with the same outputs, or null as it is. */
export type Rule = (e: Equation, made: Made) => readonly Atom[] | Equation | null;

const isEquation = (x: readonly Atom[] | Equation): x is Equation => 'primitive' in x;

/**
 * Applies a rule to every equation until it has nothing better. Inputs and the order of outputs stay, and so does what
 * kind of thing each output is: one that was computed becomes no input, no constant and no second name of another, since
 * memory and donation are settled by that. A program that does not change is the same object.
 */
export function rewrite(jaxpr: Jaxpr, rule: Rule): Jaxpr {
  const instead = new Map<Atom, Atom>();
  const producer = new Map<Atom, Equation>();
  const outputs = new Set<Atom>(jaxpr.outputs);
  const taken = new Set<Atom>([...jaxpr.inputs, ...jaxpr.outputs]);
  const made: Made = (a) => producer.get(a);
  const fits = (out: Atom, a: Atom): boolean => sameType(out.aval, a.aval) && (!outputs.has(out) || (out.aval.weak === a.aval.weak && !(a instanceof Literal) && !taken.has(a)));
  const equations: Equation[] = [];
  let changed = false;
  walk: for (const given of jaxpr.equations) {
    let e = given.inputs.some((a) => instead.has(a)) ? { ...given, inputs: given.inputs.map((a) => instead.get(a) ?? a) } : given;
    for (let better = rule(e, made); better; better = rule(e, made)) {
      if (isEquation(better)) { e = better; changed = true; continue; }
      const atoms = better;
      if (!e.outputs.every((v, i) => fits(v, atoms[i]))) break;
      e.outputs.forEach((v, i) => {
        instead.set(v, atoms[i]);
        if (outputs.has(v)) taken.add(atoms[i]);
      });
      changed = true;
      continue walk;
    }
    equations.push(e);
    e.outputs.forEach((v) => producer.set(v, e));
  }
  return changed ? eliminateDeadCode({ ...jaxpr, equations, outputs: jaxpr.outputs.map((a) => instead.get(a) ?? a) }) : jaxpr;
}
