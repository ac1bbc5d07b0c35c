/**
 * Sums over a loop's turns, taken after it. The gradient of a captured matrix would be read and written whole in every
 * turn; what it is made of is smaller: Σ xₜᵀ·yₜ is one product of all turns' rows, once they are stacked.
 */
import type { NDArray } from '../../array.js';
import { Var, bind, type Atom, type Jaxpr } from '../../core.js';
import { dims } from '../../dims.js';
import { producersOf } from '../../programs.js';
import { addP } from '../arithmetic.js';
import { dotGeneral, dotGeneralP, type DotParams } from '../dot.js';
import { reduceSum, reduceSumP, reshapeP, transposeP } from '../shape.js';

/** The sum over all turns, from values of each turn along a new leading axis. */
export type After = (stacked: (v: Var) => NDArray) => NDArray;

/** Operations that a sum goes through: of the sum is the sum of. */
const LINEAR: ReadonlySet<unknown> = new Set([transposeP, reshapeP, reduceSumP]);

/**
 * How to sum a turn's first `count` results after the loop, null where the loop does it better; and what each turn has to
 * leave for that beside `sliced`, which are stacks already. No value of more than twice the sum's size is kept.
 */
export function hoist(turn: Jaxpr, count: number, fixed: ReadonlySet<Atom>, sliced: ReadonlySet<Atom>): { after: (After | null)[]; stacks: Var[] } {
  const made = producersOf(turn);
  const stacks = new Set<Var>();
  const plan = (a: Atom): After | null => {
    if (!(a instanceof Var)) return null;
    if (sliced.has(a) || stacks.has(a)) return (stacked) => reduceSum(stacked(a), [0]);
    const e = made.get(a);
    if (!e) return null;
    if (e.primitive === dotGeneralP) return product(e.inputs, e.params, a);
    if (LINEAR.has(e.primitive)) {
      const inner = plan(e.inputs[0]);
      return inner && ((stacked) => bind(e.primitive, [inner(stacked)], e.params)[0]);
    }
    if (e.primitive === addP && e.inputs.every((x) => dims.equalShapes(x.aval.shape, a.aval.shape))) {
      const [x, y] = e.inputs.map(plan);
      return x && y && ((stacked) => bind(addP, [x(stacked), y(stacked)])[0]);
    }
    return null;
  };
  const product = (operands: readonly Atom[], { contract, batch }: DotParams, out: Var): After | null => {
    if (operands.some((x) => !(x instanceof Var) || fixed.has(x))) return null;
    const [x, y] = operands as readonly Var[];
    const added = [...new Set([x, y])].filter((v) => !sliced.has(v) && !stacks.has(v));
    if (![...added, out].every((v) => dims.isStatic(v.aval.shape))) return null;
    if (added.reduce((n, v) => n + dims.size(v.aval.shape), 0) > 2 * dims.size(out.aval.shape)) return null;
    added.forEach((v) => stacks.add(v));
    const inner = (axes: readonly number[]) => axes.map((i) => i + 1);
    const params: DotParams = { contract: [[0, ...inner(contract[0])], [0, ...inner(contract[1])]], batch: [inner(batch[0]), inner(batch[1])] };
    return (stacked) => dotGeneral(stacked(x), stacked(y), params);
  };
  const attempt = (a: Atom): After | null => {
    const before = stacks.size;
    const found = plan(a);
    if (!found) [...stacks].slice(before).forEach((v) => stacks.delete(v));
    return found;
  };
  const after = turn.outputs.slice(0, count).map(attempt);
  // Again for sums of what a product has stacked meanwhile: a bias beside its weights.
  return { after: after.map((p, k) => p ?? attempt(turn.outputs[k])), stacks: [...stacks] };
}
