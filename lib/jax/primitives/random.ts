/** Threefry: bits, split and fold-in, in both of JAX's modes, for one key or many. The distributions are in `lib/jax/random`. */
import { aval, isArray, type Aval, type NDArray } from '../array.js';
import { bind } from '../core.js';
import { dims, formatShape, type Shape } from '../dims.js';
import { ShapeError, TypeError } from '../../runtime/errors.js';
import { composed } from './composed.js';
import { primitive, type Primitive } from './primitive.js';
import { expandTo, moveAxis } from './shape.js';
import { standardBits, standardFoldIn, standardSplit } from './threefry.js';

export type Width = 8 | 16 | 32 | 64;

/** The leading axes of keys uint32[…, 2]. */
function batchOf(where: string, a: Aval): Shape {
  if (a.dtype !== 'uint32' || !a.shape.length || !dims.equal(a.shape[a.shape.length - 1], 2))
    throw new ShapeError(`${where}: expected a key (uint32[2]), got ${a.dtype}${formatShape(a.shape)}; make one with random.PRNGKey or random.split.`);
  return a.shape.slice(0, -1);
}

/** One operator of our own, or in files for others its standard form. */
function lowerRandom<P>(op: string, attributes: (params: P) => Record<string, number | readonly number[]>, standard: (inputs: readonly NDArray[], params: P) => NDArray): Primitive<P>['lower'] {
  return (g, inputs, params, types) => {
    if (!g.custom) return [composed((...xs) => standard(xs, params))(g, inputs, params, types)];
    const [out] = types.outputs;
    const name = g.node(op, inputs, attributes(params), 'hokku');
    g.declare(name, out.dtype, out.shape);
    return [name];
  };
}
/** The operators take all keys at once. */
const manyKeys = (self: () => Primitive<any>): Primitive<any>['batch'] => ([keys], [axis], params) => [bind(self(), [moveAxis(keys, axis!, 0)], params), [0]];

export const randomBitsP: Primitive<{ shape: Shape; width: Width; partitionable: boolean }> = primitive({
  name: 'random_bits',
  shape: ([keys], { shape, width }) => [aval([...batchOf('random.bits', keys), ...shape], `uint${width as Width}`)],
  vjp: null,
  batch: manyKeys(() => randomBitsP),
  lower: lowerRandom('RandomBits', ({ shape, width, partitionable }) => ({ shape: shape as number[], width, partitionable: partitionable ? 1 : 0 }), ([keys], params) => standardBits(keys, params)),
});
export const randomSplitP: Primitive<{ num: number; partitionable: boolean }> = primitive({
  name: 'random_split',
  shape: ([keys], { num }) => [aval([...batchOf('random.split', keys), num, 2], 'uint32')],
  vjp: null,
  batch: manyKeys(() => randomSplitP),
  lower: lowerRandom('RandomSplit', ({ num, partitionable }) => ({ num, partitionable: partitionable ? 1 : 0 }), ([keys], params) => standardSplit(keys, params)),
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
  lower: lowerRandom('RandomFoldIn', () => ({}), ([keys, data]) => standardFoldIn(keys, data)),
});

/** Refuses what is not one key. */
export function checkKey(where: string, key: NDArray): void {
  if (!isArray(key)) throw new TypeError(`${where}: expected a key (uint32[2]), got ${key === null ? 'null' : typeof key}; make one with random.PRNGKey.`);
  if (batchOf(where, key.aval).length) throw new ShapeError(`${where}: expected a key (uint32[2]), got ${key.dtype}${formatShape(key.shape)}; map many keys with vmap.`);
}
