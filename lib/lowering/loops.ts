/**
 * Products in loops with a matrix that the loop does not change: it is put into the order in which products read it once, before
 * the loop. The engine, which sees one turn at a time, would do so in every turn.
 */
import { Var, type Atom, type Equation, type Jaxpr } from '../jax/core.js';
import { dims } from '../jax/dims.js';
import type { ScanParams } from '../jax/primitives/control-flow/scan.js';
import type { DotParams } from '../jax/primitives/dot.js';
import type { Primitive } from '../jax/primitives/primitive.js';
import { addon } from '../runtime/native.js';
import { withEndings } from './endings.js';
import type { Attribute } from './graph.js';

const own = (name: string, op: string) =>
  ({ name, lower: (g, inputs, params) => [g.node(op, inputs, params, 'hokku')] }) as Pick<Primitive<Readonly<Record<string, Attribute>>>, 'name' | 'lower'> as Primitive;
/** Made here only, so that they have no rules but their lowering. */
const packP = own('pack_matrix', 'PackMatrix');
/** Inputs: rows, a packed matrix, and a bias where there is one. */
const packedProductP = own('packed_product', 'PackedProduct');

/** Fewer turns, or rows, would not pay for the copy. */
const TURNS = 4;
const ROWS = 2;

/** The matrix that a product reads from outside the loop and whether it is transposed; of other products null. */
function matrixOf({ primitive, params, inputs: [a, b] }: Equation, outside: ReadonlySet<Atom>, producer: ReadonlyMap<Atom, Equation>): { matrix: Var; transposed: boolean } | null {
  if (primitive.name !== 'dot_general') return null;
  const from = producer.get(b);
  const turned = from?.primitive.name === 'transpose' && outside.has(from.inputs[0]);
  const matrix = turned ? from.inputs[0] : b;
  const { contract: [[i, ...more], [j]], batch } = params as DotParams;
  const fits = outside.has(matrix) && a.aval.dtype === 'float32' && a.aval.shape.length === 2 && b.aval.shape.length === 2 && batch[0].length === 0
    && i === 1 && !more.length && dims.isStatic(a.aval.shape) && dims.isStatic(b.aval.shape) && a.aval.shape[0] >= ROWS && !b.aval.shape.includes(0) && a.aval.shape[1] > 0;
  return fits ? { matrix: matrix as Var, transposed: (j === 1) !== turned } : null;
}

/** A program whose loops read packed matrices. */
export function packForLoops(jaxpr: Jaxpr): Jaxpr {
  if (!addon().wideVectors) return jaxpr;
  const equations = jaxpr.equations.flatMap((e) => {
    if (e.primitive.name !== 'scan' || (e.params as ScanParams).length < TURNS) return [e];
    const { jaxpr: body, consts } = e.params as ScanParams;
    const outside = new Set<Atom>(body.inputs.slice(0, consts));
    const producer = new Map(body.equations.flatMap((b) => b.outputs.map((v): [Atom, Equation] => [v, b])));
    const packs: Equation[] = [];
    const inner = new Map<string, Var>();
    const within = body.equations.map((b) => {
      const found = matrixOf(b, outside, producer);
      if (!found) return b;
      const { matrix, transposed } = found;
      const at = body.inputs.indexOf(matrix);
      const key = `${at} ${transposed}`;
      if (!inner.has(key)) {
        const aval = { ...matrix.aval, shape: [packedSize(matrix.aval.shape, transposed)] };
        inner.set(key, new Var(aval));
        packs.push({ ...e, primitive: packP, params: { transposed: transposed ? 1 : 0 }, inputs: [e.inputs[at]], outputs: [new Var(aval)] });
      }
      return { ...b, primitive: packedProductP, inputs: [b.inputs[0], inner.get(key)!], params: { columns: b.outputs[0].aval.shape[1], relu: 0 } };
    });
    if (!packs.length) return [e];
    const used = new Set<Atom>([...body.outputs, ...within.flatMap((b) => b.inputs)]);
    const program = withEndings({
      ...body,
      inputs: [...inner.values(), ...body.inputs],
      equations: within.filter((b) => b.primitive.name !== 'transpose' || used.has(b.outputs[0])),
    }, packedProductP);
    return [...packs, { ...e, inputs: [...packs.map((p) => p.outputs[0]), ...e.inputs], params: { ...e.params, jaxpr: program, consts: consts + packs.length } }];
  });
  return { ...jaxpr, equations };
}

/** The elements of a packed matrix: its columns in whole vectors of any machine. */
function packedSize(shape: readonly number[], transposed: boolean): number {
  const [depth, columns] = transposed ? [shape[1], shape[0]] : shape;
  return depth * Math.ceil(columns / 16) * 16;
}
