/** What comes right after a product or a convolution of ours, and is done while its results are in registers. */
import { eliminateDeadCode, type Atom, type Equation, type Jaxpr } from '../jax/core.js';
import { dims } from '../jax/dims.js';
import { producersOf } from '../jax/programs.js';
import { isLiteral } from './fusion.js';
import type { Primitive } from '../jax/primitives/primitive.js';

/** Who reads a value; null stands for the program's results. */
export function usersOf(jaxpr: Jaxpr): Map<Atom, (Equation | null)[]> {
  const users = new Map<Atom, (Equation | null)[]>();
  const use = (a: Atom, by: Equation | null) => { const known = users.get(a); if (known) known.push(by); else users.set(a, [by]); };
  for (const e of jaxpr.equations) for (const a of e.inputs) use(a, e);
  for (const a of jaxpr.outputs) use(a, null);
  return users;
}

/** What can follow beside a bias and a ReLU: a scale before the bias, what is added after it, a ReLU's gradient. */
type More = 'scaled' | 'added' | 'masked';

const isZero = (a: Atom): boolean => isLiteral(a) && Object.is(a.value, 0);

/**
 * The bias added to a result of `primitive` along its last axis and the ReLU after it become parts of it: a last input, and the parameter
 * `relu`. So do what `more` names: further inputs, in the order of the computation, each with a parameter. Where a result passes a ReLU
 * backwards, the last input is the ReLU's result, which is positive where the result counts.
 */
export function withEndings(jaxpr: Jaxpr, primitive: Primitive, more: readonly More[] = []): Jaxpr {
  const users = usersOf(jaxpr);
  const producer = producersOf(jaxpr);
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
    const push = (user: Equation | undefined, other: Atom | undefined): Atom[] => {
      if (!user || !other) return [];
      parts.push(user);
      return [other];
    };
    const take = (name: string, fits: (a: Atom) => boolean): Atom[] => {
      const last = parts.at(-1)!;
      const user = only(last, name);
      return push(user, user?.inputs.find((a) => a !== last.outputs[0] && fits(a)));
    };
    const perFeature = (a: Atom): boolean => a.aval.shape.length === 1 && a.aval.shape[0] === shape.at(-1);
    const whole = (a: Atom): boolean => dims.equalShapes(a.aval.shape, shape);
    const takeMask = (): Atom[] => {
      const last = parts.at(-1)!;
      const user = only(last, 'select');
      if (!user || user.inputs[1] !== last.outputs[0] || !isZero(user.inputs[2])) return [];
      const test = producer.get(user.inputs[0]);
      return push(user, test?.primitive.name === 'gt' && isZero(test.inputs[1]) && whole(test.inputs[0]) && test.inputs[0].aval.dtype === 'float32' ? test.inputs[0] : undefined);
    };
    let scale = more.includes('scaled') ? take('mul', perFeature) : [];
    const bias = take('add', perFeature);
    if (scale.length && !bias.length) { parts.pop(); scale = []; }
    const added = more.includes('added') ? take('add', whole) : [];
    const relu = only(parts.at(-1)!, 'relu');
    if (relu) parts.push(relu);
    const masked = more.includes('masked') ? takeMask() : [];
    if (parts.length === 1) continue;
    for (const part of parts) replaced.set(part, null);
    const counts = { scaled: scale.length, added: added.length, masked: masked.length };
    const params = { ...e.params, relu: relu ? 1 : 0, ...Object.fromEntries(more.map((name) => [name, counts[name]])) };
    replaced.set(parts.at(-1)!, { ...parts.at(-1)!, primitive, inputs: [...e.inputs, ...scale, ...bias, ...added, ...masked], params });
  }
  if (!replaced.size) return jaxpr;
  return eliminateDeadCode({ ...jaxpr, equations: jaxpr.equations.flatMap((e) => { const r = replaced.get(e); return r === undefined ? [e] : r ? [r] : []; }) });
}
