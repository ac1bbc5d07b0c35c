/**
 * Rows that are added to zeros, as in the gradient of an embedding, are one node of ours: it fills its result and adds to it while
 * it is in the cache. The engine's own scatter would copy the zeros first.
 */
import type { Atom, Equation, Jaxpr } from '../jax/core.js';
import type { Primitive } from '../jax/primitives/primitive.js';
import type { ScatterParams } from '../jax/primitives/scatter.js';
import { isLiteral } from './fusion.js';

/** Inputs: ids, and a row for each. Ids out of range are passed over. Made here only, so that it has no rules but its lowering. */
const segmentSumP = {
  name: 'segment_sum',
  lower: (g, [ids, rows], { segments }, { inputs: [{ dtype }] }) => [g.node('SegmentSum', [dtype === 'int32' || dtype === 'int64' ? ids : g.cast(ids, 'int64'), rows], { segments }, 'hokku')],
} as Pick<Primitive<{ segments: number }>, 'name' | 'lower'> as Primitive<{ segments: number }>;

const adds = ({ primitive: { name }, params }: Equation): boolean => name === 'scatter_add' || (name === 'scatter' && (params as ScatterParams).mode === 'add');

/** A program whose scatters into zeros are sums of segments. */
export function gatherSegmentSums(jaxpr: Jaxpr): Jaxpr {
  if (!jaxpr.equations.some(adds)) return jaxpr;
  const zeros = new Set<Atom>(jaxpr.equations.flatMap((e) => (e.primitive.name === 'broadcast_to' && isLiteral(e.inputs[0]) && Object.is(Number(e.inputs[0].value), 0) ? e.outputs : [])));
  const equations = jaxpr.equations.map((e) => {
    const [{ aval: { dtype, shape: [segments] } }] = e.outputs;
    if (!adds(e) || !zeros.has(e.inputs[0]) || dtype !== 'float32' || typeof segments !== 'number') return e;
    return { ...e, primitive: segmentSumP, inputs: e.inputs.slice(1), params: { segments } };
  });
  const used = new Set<Atom>([...jaxpr.outputs, ...equations.flatMap((e) => e.inputs)]);
  return { ...jaxpr, equations: equations.filter((e) => e.primitive.name !== 'broadcast_to' || used.has(e.outputs[0])) };
}
