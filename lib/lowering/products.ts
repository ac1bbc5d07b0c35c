/**
 * Which products go to `hokku.Product`. The engine copies the second operand into another order at every call, which for a
 * few rows costs as much as the product itself: our operator computes those from the operands as they are. Of many rows it
 * copies both, but fetches ahead from memory what it copies next.
 */
import type { Atom, Equation, Jaxpr } from '../jax/core.js';
import { dims } from '../jax/dims.js';
import { producersOf } from '../jax/programs.js';
import type { DotParams } from '../jax/primitives/dot.js';
import type { Primitive } from '../jax/primitives/primitive.js';
import { addon } from '../runtime/native.js';
import { withEndings } from './endings.js';

interface ProductParams { readonly transA: number; readonly transB: number; readonly relu: number; readonly masked: number }

/** Inputs: both operands, then a bias and a ReLU's result where there are such. Made here only, so that it has no rules but its lowering. */
const productP = {
  name: 'product',
  lower: (g, inputs, params, { outputs: [out] }) => {
    const name = g.node('Product', inputs, { ...params }, 'hokku');
    g.declareOnce(name, out.dtype, out.shape);
    return [name];
  },
} as Pick<Primitive<ProductParams>, 'name' | 'lower'> as Primitive<ProductParams>;

interface Operand { readonly atom: Atom; /** The contracted axis. */ readonly axis: number }
interface Taken { readonly inputs: readonly Atom[]; readonly transA: number; readonly transB: number }
type Producers = ReadonlyMap<Atom, Equation>;

/** A transposed matrix is the same one, read in the other order. */
function operand(atom: Atom, axis: number, producer: Producers): Operand {
  const from = producer.get(atom);
  return from?.primitive.name === 'transpose' && from.inputs[0].aval.shape.length === 2 ? { atom: from.inputs[0], axis: 1 - axis } : { atom, axis };
}

/** What a product reads, if our operator is the faster one. The bounds are measured: within them it needs 0.5 to 0.9 of the engine's time. */
function taken({ primitive, params, inputs: [a, b], outputs: [out] }: Equation, producer: Producers): Taken | null {
  if (primitive.name !== 'dot_general' || out.aval.dtype !== 'float32' || a.aval.shape.length !== 2 || b.aval.shape.length !== 2) return null;
  const { contract: [[i, ...more], [j]], batch } = params as DotParams;
  if (i === undefined || more.length || batch[0].length || !dims.isStatic(a.aval.shape) || !dims.isStatic(b.aval.shape)) return null;
  const [m, k, n] = [a.aval.shape[1 - i], a.aval.shape[i], b.aval.shape[1 - j]];
  const [x, y] = [operand(a, i, producer), operand(b, j, producer)];
  const rows = x.axis === 1 && m >= 2 && m <= 16 && k * n <= 2 ** 20;
  // Gradients of weights: the sum runs over a small batch.
  const outer = x.axis === 0 && y.axis === 0 && k <= 16 && Math.min(m, n) <= 16 && m * n <= 2 ** 14;
  // What must come from memory: a weight, or the gradient of one, that the second-level caches do not hold.
  const large = m > 16 && n >= 64 && k >= 64 && (m + k) * n >= 2 ** 20 && addon().wideVectors;
  return rows || outer || large ? { inputs: [x.atom, y.atom], transA: 1 - x.axis, transB: y.axis } : null;
}

/** A program whose products, as far as they are ours, are one equation each, with what comes right after them. */
export function gatherProducts(jaxpr: Jaxpr): Jaxpr {
  const producer = producersOf(jaxpr);
  let any = false;
  const equations = jaxpr.equations.map((e) => {
    const found = taken(e, producer);
    if (!found) return e;
    any = true;
    const { inputs, transA, transB } = found;
    return { ...e, primitive: productP, inputs, params: { transA, transB, relu: 0, masked: 0 } };
  });
  if (!any) return jaxpr;
  const used = new Set<Atom>([...jaxpr.outputs, ...equations.flatMap((e) => e.inputs)]);
  return withEndings({ ...jaxpr, equations: equations.filter((e) => e.primitive.name !== 'transpose' || used.has(e.outputs[0])) }, productP, ['masked']);
}
