/** Fused nodes of one shape become one loop where one reads what the other makes. */
import type { Atom, Equation } from '../jax/core.js';
import { dims, type Shape } from '../jax/dims.js';
import { ONE_PART, type Loop, type Step } from './fusion.js';

type Users = ReadonlyMap<Atom, readonly (Equation | number)[]>;
type Fused = Extract<Step, { kind: 'fused' }>;

/** How many steps apart two nodes may stand: further, and what the first one reads would be kept for the second. */
const NEAR = 64;
/** Longer loops are not made: their values leave the first-level cache. */
const MOST = 192;

export const made = (s: Step): readonly Atom[] => (s.kind === 'equation' ? s.equation.outputs : s.loops.flatMap((l) => l.stores.map((t) => t.atom)));
/** What each step reads, found once: programs of thousands of steps ask for it millions of times. */
const inputs = new WeakMap<Step, ReadonlySet<Atom>>();
function inputsOf(s: Step): ReadonlySet<Atom> {
  let found = inputs.get(s);
  if (!found) inputs.set(s, (found = new Set(s.kind === 'equation' ? s.equation.inputs : s.loops.flatMap((l) => [...l.equations.flatMap((e) => e.inputs), ...l.stores.map((t) => t.sumOf ?? t.atom)]))));
  return found;
}
export const reads = (s: Step, atoms: readonly Atom[]): boolean => { const own = inputsOf(s); return atoms.some((a) => own.has(a)); };
/** Known only after the whole loop. */
const sumsOf = (loops: readonly Loop[]): readonly Atom[] => loops.flatMap((l) => l.stores.flatMap((s) => (s.sumOf ? [s.atom] : [])));
export const shapeOf = ({ stores: [s] }: Loop): Shape => (s.sumOf ?? s.atom).aval.shape;
/** Sums over some axes stay apart, unless they are over the leading axes of so much that threads share them. */
const joinable = (s: Step): s is Fused => s.kind === 'fused' && s.loops.length === 1 && s.loops[0].stores.every((t) => (t.sum ?? 0) <= 2 || (t.sum! % 256 === 3 && (dims.size(t.sumOf!.aval.shape) as number) > ONE_PART));

/**
 * One loop in the place of two, where no path of other steps leads from the first to the second: then what both need is
 * read once, and a value between them is written only if somebody else needs it.
 */
export function mergeConnected(steps: readonly Step[], users: Users, order: ReadonlyMap<Equation, number>): Step[] {
  const merged = [...steps];
  for (let j = 1; j < merged.length; j++) {
    for (let i = j - 1; i >= Math.max(0, j - NEAR); i--) {
      const [a, b] = [merged[i], merged[j]];
      if (!joinable(b)) break;
      if (!joinable(a) || !dims.equalShapes(shapeOf(a.loops[0]), shapeOf(b.loops[0])) || !reads(b, made(a))) continue;
      if (a.loops[0].equations.length + b.loops[0].equations.length > MOST) continue;
      if (reads(b, sumsOf(a.loops))) continue;
      const rest = merged.filter((s) => s !== a && s !== b);
      const at = replacePair(merged, i, j, () => join(a.loops[0], b.loops[0], rest, users, order));
      if (at !== null) i = j = at;
    }
  }
  return merged;
}

/** One step in the place of two; its index, or null where a path of other steps leads from the first to the second. */
export function replacePair(steps: Step[], i: number, j: number, one: () => Step): number | null {
  // What depends on the first waits for both; the second must not be among it.
  const [before, after]: [Step[], Step[]] = [[], []];
  const reached = [...made(steps[i])];
  for (const s of steps.slice(i + 1, j)) {
    const depends = reads(s, reached);
    (depends ? after : before).push(s);
    if (depends) reached.push(...made(s));
  }
  if (reads(steps[j], after.flatMap(made))) return null;
  steps.splice(i, j - i + 1, ...before, one(), ...after);
  return i + before.length;
}

function join(a: Loop, b: Loop, rest: readonly Step[], users: Users, order: ReadonlyMap<Equation, number>): Fused {
  const equations = [...new Set([...a.equations, ...b.equations])].sort((x, y) => order.get(x)! - order.get(y)!);
  const all = [...a.stores, ...b.stores];
  const sums = new Set(sumsOf([a, b]));
  const here = (u: Equation | number): boolean => typeof u !== 'number' && (equations.includes(u) || sums.has(u.outputs[0]));
  // Masks are computed in several groups: that a user is here does not say that it is not elsewhere as well.
  const stores = all.filter((s) => s.sumOf || !users.get(s.atom)!.every(here) || rest.some((step) => inputsOf(step).has(s.atom)));
  return { kind: 'fused', loops: [{ equations, stores }], barrier: [] };
}
