/** What running a program takes, estimated from the program alone. */
import type { Aval } from './array.js';
import { Literal, type Atom, type Equation, type Jaxpr } from './core.js';
import { dims } from './dims.js';
import { DTYPES } from './dtypes.js';
import type { DotParams } from './primitives/dot.js';
import { subprograms } from './programs.js';

/**
 * An estimate. `flops`: products and convolutions by their multiplications and additions, reductions by the elements that
 * they read, everything else that is no data movement one for each element that it makes; a `scan` by its length, a `cond`
 * by its dearest branch, a `while` as if it ran once. Bytes: what goes in and comes out, and the largest sum of other values
 * that are alive at a time when equations run in order. Fusion, reuse in place and the engine's own workspace are not known here,
 * so elementwise chains take less than that, some operators more.
 */
export interface Cost {
  readonly flops: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** The peak of what is neither an input nor an output. */
  readonly intermediateBytes: number;
}

const size = (a: Atom): number => dims.size(a.aval.shape);
const bytesOf = ({ shape, dtype }: Aval): number => dims.size(shape) * DTYPES[dtype].size;
const total = (atoms: readonly Atom[]): number => [...new Set(atoms)].reduce((n, a) => n + (a instanceof Literal ? 0 : bytesOf(a.aval)), 0);

const MOVEMENT = new Set([
  'reshape', 'transpose', 'broadcast_to', 'slice', 'concatenate', 'pad', 'rev', 'gather', 'gather_along', 'dynamic_slice', 'dynamic_update_slice',
  'iota', 'size', 'stop_gradient', 'optimization_barrier', 'convert_element_type', 'bitcast_convert_type', 'random_split', 'random_fold_in',
]);
/** The same memory under another shape. */
const ALIASES = new Set(['reshape', 'stop_gradient']);

export function flopsOf({ primitive: { name }, inputs, params, outputs }: Equation): number {
  const inside = subprograms(params).map(flops);
  if (inside.length) return name === 'scan' ? params.length * inside[0] : name === 'cond' ? Math.max(...inside) : inside.reduce((a, b) => a + b);
  if (MOVEMENT.has(name)) return 0;
  const made = outputs.reduce((n, v) => n + size(v), 0);
  if (name === 'dot_general') return 2 * made * dims.size((params as DotParams).contract[0].map((i) => inputs[0].aval.shape[i]));
  // Each element of the result, or of the input where it is the mirror image, meets what the kernel holds for one feature.
  if (name === 'conv_general_dilated') return 2 * size(params.mirrored ? inputs[0] : outputs[0]) * (size(inputs[1]) / Math.max(1, inputs[1].aval.shape[0]));
  if (name === 'conv_kernel_gradient') return 2 * size(inputs[1]) * (made / Math.max(1, params.kernel[0]));
  if (name.startsWith('reduce_window')) return made * dims.size(params.window);
  return name.startsWith('reduce_') ? size(inputs[0]) : made;
}
const flops = (jaxpr: Jaxpr): number => jaxpr.equations.reduce((n, e) => n + flopsOf(e), 0);

/** The largest sum of values alive at once that are neither inputs nor outputs. */
function peak(jaxpr: Jaxpr): number {
  const root = new Map<Atom, Atom>();
  const rootOf = (a: Atom): Atom => root.get(a) ?? a;
  const lastUse = new Map<Atom, number>();
  jaxpr.equations.forEach((e, i) => {
    if (ALIASES.has(e.primitive.name)) root.set(e.outputs[0], rootOf(e.inputs[0]));
    e.inputs.forEach((a) => lastUse.set(rootOf(a), i));
  });
  const elsewhere = new Set<Atom>([...jaxpr.inputs, ...jaxpr.outputs.map(rootOf)]);
  const alive = new Set<Atom>();
  let [now, most] = [0, 0];
  jaxpr.equations.forEach((e, i) => {
    for (const v of e.outputs) if (!root.has(v) && !elsewhere.has(v)) { alive.add(v); now += bytesOf(v.aval); }
    const inner = subprograms(e.params).map((p) => peak(p) + total(p.outputs));
    most = Math.max(most, now + Math.max(0, ...inner));
    for (const a of new Set([...e.inputs, ...e.outputs].map(rootOf))) if ((lastUse.get(a) ?? i) <= i && alive.delete(a)) now -= bytesOf(a.aval);
  });
  return most;
}

export const cost = (jaxpr: Jaxpr): Cost => ({ flops: flops(jaxpr), inputBytes: total(jaxpr.inputs), outputBytes: total(jaxpr.outputs), intermediateBytes: peak(jaxpr) });
