/** Threefry: bits, split and fold-in, in both of JAX's modes, for one key or many. The distributions are in `lib/jax/random`. */
import { aval, type Aval, type NDArray } from '../array.js';
import { bind } from '../core.js';
import { dims, formatShape, type Shape } from '../dims.js';
import { ShapeError, TypeError } from '../../runtime/errors.js';
import type { Graph } from '../../lowering/graph.js';
import { primitive, type Primitive } from './primitive.js';
import { expandTo, moveAxis } from './shape.js';

export type Width = 8 | 16 | 32 | 64;

/** The leading axes of keys uint32[…, 2]. */
function batchOf(where: string, a: Aval): Shape {
  if (a.dtype !== 'uint32' || !a.shape.length || !dims.equal(a.shape[a.shape.length - 1], 2))
    throw new ShapeError(`${where}: expected a key (uint32[2]), got ${a.dtype}${formatShape(a.shape)}; make one with random.PRNGKey or random.split.`);
  return a.shape.slice(0, -1);
}

const lowerCustom = (g: Graph, op: string, inputs: readonly string[], attributes: Record<string, number | readonly number[]>, out: Aval): string => {
  if (!g.custom) throw new TypeError(`hokku.${op} has no standard form yet and cannot be written to a file for others: draw random numbers outside the program and pass them in.`);
  const name = g.node(op, inputs, attributes, 'hokku');
  g.declare(name, out.dtype, out.shape);
  return name;
};
/** The operators take all keys at once. */
const manyKeys = (self: () => Primitive<any>): Primitive<any>['batch'] => ([keys], [axis], params) => [bind(self(), [moveAxis(keys, axis!, 0)], params), [0]];

export const randomBitsP: Primitive<{ shape: Shape; width: Width; partitionable: boolean }> = primitive({
  name: 'random_bits',
  shape: ([keys], { shape, width }) => [aval([...batchOf('random.bits', keys), ...shape], `uint${width as Width}`)],
  vjp: null,
  batch: manyKeys(() => randomBitsP),
  lower: (g, inputs, { shape, width, partitionable }, { outputs: [out] }) => [lowerCustom(g, 'RandomBits', inputs, { shape, width, partitionable: partitionable ? 1 : 0 }, out)],
});
export const randomSplitP: Primitive<{ num: number; partitionable: boolean }> = primitive({
  name: 'random_split',
  shape: ([keys], { num }) => [aval([...batchOf('random.split', keys), num, 2], 'uint32')],
  vjp: null,
  batch: manyKeys(() => randomSplitP),
  lower: (g, inputs, { num, partitionable }, { outputs: [out] }) => [lowerCustom(g, 'RandomSplit', inputs, { num, partitionable: partitionable ? 1 : 0 }, out)],
});
/** Keys uint32[…, 2] with data uint32[…]. */
export const randomFoldInP: Primitive<Record<string, never>> = primitive({
  name: 'random_fold_in',
  shape: ([keys, data]) => {
    const batch = batchOf('random.foldIn', keys);
    if (!dims.equalShapes(batch, data.shape)) throw new ShapeError(`random.foldIn: expected one number for one key, got data of shape ${formatShape(data.shape)}; map many with vmap.`);
    return [keys];
  },
  vjp: null,
  batch: (inputs, axes, params) => {
    const at = axes.findIndex((a) => a !== null);
    const n = inputs[at].shape[axes[at]!];
    return [bind(randomFoldInP, inputs.map((x, i) => (axes[i] === null ? expandTo(x, [n, ...x.shape]) : moveAxis(x, axes[i]!, 0))), params), [0]];
  },
  lower: (g, inputs, _params, { outputs: [out] }) => [lowerCustom(g, 'RandomFoldIn', inputs, {}, out)],
});

/** Refuses what is not one key. */
export function checkKey(where: string, key: NDArray): void {
  if (batchOf(where, key.aval).length) throw new ShapeError(`${where}: expected a key (uint32[2]), got ${key.dtype}${formatShape(key.shape)}; map many keys with vmap.`);
}
