/** Threefry: bits, split and fold-in, in both of JAX's modes. The distributions are made of these in `random.ts`. */
import { NDArray, aval, type Aval } from '../array.js';
import { bind } from '../core.js';
import { dims, formatShape, type Shape } from '../dims.js';
import { ShapeError, TypeError } from '../../runtime/errors.js';
import type { Graph } from '../../lowering/graph.js';
import { primitive, type Primitive } from './primitive.js';
import { concatenate, moveAxis, reshape, slice } from './shape.js';

export type Width = 8 | 16 | 32 | 64;

function checkKey(where: string, a: Aval): void {
  if (a.dtype !== 'uint32' || !dims.equalShapes(a.shape, [2])) throw new ShapeError(`${where}: expected a key (uint32[2]), got ${a.dtype}${formatShape(a.shape)}; make one with random.PRNGKey or random.split.`);
}

/** One run of the primitive for each key: keys are small and batches of them rare. */
const eachKey = (self: () => Primitive<any>): Primitive<any>['batch'] => (inputs, axes, params) => {
  const at = axes.findIndex((a) => a !== null);
  const n = inputs[at].shape[axes[at]!];
  const rows = inputs.map((x, i) => (axes[i] === null ? null : moveAxis(x, axes[i]!, 0)));
  const row = (x: NDArray, i: number) => reshape(slice(x, x.shape.map((_, k) => (k === 0 ? i : 0)), x.shape.map((d, k) => (k === 0 ? i + 1 : d))), x.shape.slice(1));
  const outs = [...globalThis.Array(n).keys()].map((i) => bind(self(), inputs.map((x, k) => (rows[k] ? row(rows[k], i) : x)), params)[0]);
  return [[concatenate(outs.map((o) => reshape(o, [1, ...o.shape])), 0)], [0]];
};

const lowerCustom = (g: Graph, op: string, inputs: readonly string[], attributes: Record<string, number | readonly number[]>, out: Aval): string => {
  if (!g.custom) throw new TypeError(`hokku.${op} has no standard form yet and cannot be written to a file for others: draw random numbers outside the program and pass them in.`);
  const name = g.node(op, inputs, attributes, 'hokku');
  g.declare(name, out.dtype, out.shape);
  return name;
};

export const randomBitsP: Primitive<{ shape: Shape; width: Width; partitionable: boolean }> = primitive({
  name: 'random_bits',
  shape: ([key], { shape, width }) => { checkKey('random.bits', key); return [aval(shape, `uint${width as Width}`)]; },
  vjp: null,
  batch: eachKey(() => randomBitsP),
  lower: (g, inputs, { shape, width, partitionable }, { outputs: [out] }) => [lowerCustom(g, 'RandomBits', inputs, { shape, width, partitionable: partitionable ? 1 : 0 }, out)],
});
export const randomSplitP: Primitive<{ num: number; partitionable: boolean }> = primitive({
  name: 'random_split',
  shape: ([key], { num }) => { checkKey('random.split', key); return [aval([num, 2], 'uint32')]; },
  vjp: null,
  batch: eachKey(() => randomSplitP),
  lower: (g, inputs, { num, partitionable }, { outputs: [out] }) => [lowerCustom(g, 'RandomSplit', inputs, { num, partitionable: partitionable ? 1 : 0 }, out)],
});
export const randomFoldInP: Primitive<Record<string, never>> = primitive({
  name: 'random_fold_in',
  shape: ([key]) => { checkKey('random.foldIn', key); return [aval([2], 'uint32')]; },
  vjp: null,
  batch: eachKey(() => randomFoldInP),
  lower: (g, inputs, _params, { outputs: [out] }) => [lowerCustom(g, 'RandomFoldIn', inputs, {}, out)],
});
