/** Functions of batches, evaluated part by part in a loop of the program, after `optax.microbatching`. */
import { evalShape, lax, numpy as jnp, tree, valueAndGrad, vmap, type Array } from '../jax/index.js';
import { isFloat } from '../jax/dtypes.js';
import { ShapeError, TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import type { Params, Scalar } from './base.js';
import { mapPrefix } from './transforms/masking.js';

/** How the parts' results become one. */
export interface Accumulator {
  init(value: Array): Array;
  update(carry: Array, value: Array, index: Array): Array;
  finalize(carry: Array): Array;
  /** The same for results that are stacked already. */
  aggregate(values: Array): Array;
}
/** Optax's names of the usual ones. As `optax.microbatching.AccumulationType`. */
export const AccumulationType = { MEAN: 'mean', SUM: 'sum', RUNNING_MEAN: 'runningMean', CONCAT: 'concat' } as const;
type Kind = (typeof AccumulationType)[keyof typeof AccumulationType] | Accumulator;
/** One for all results, or a tree of them like the results or a prefix. */
export type Accumulators = Kind | any;

function accumulatorOf(kind: Kind, parts: number): Accumulator {
  const floats = (x: Array): Array => {
    if (!isFloat(x.dtype)) throw new TypeError(`optax.microbatch: means need floating point, but a result is ${x.dtype}; use 'sum' or 'concat'.`);
    return jnp.zerosLike(x);
  };
  const mean = (x: Array): Array => x.mean({ axis: 0 });
  const plus = (carry: Array, value: Array): Array => carry.add(value);
  switch (kind) {
    case 'sum': return { init: (x) => jnp.zerosLike(x), update: plus, finalize: (x) => x, aggregate: (x) => x.sum({ axis: 0 }) };
    case 'mean': return { init: floats, update: plus, finalize: (x) => x.div(parts), aggregate: mean };
    case 'runningMean': return {
      init: floats, finalize: (x) => x, aggregate: mean,
      update(carry, value, index) {
        const share = index.astype(carry.dtype).div(index.add(1).astype(carry.dtype));
        return carry.mul(share).add(value.mul(jnp.subtract(1, share)));
      },
    };
    case 'concat': return {
      init: (x) => jnp.zeros([parts, ...x.shape] as number[], { dtype: x.dtype }), aggregate: (x) => x,
      update: (carry, value, index) => lax.dynamicUpdateIndexInDim(carry, value, index, 0),
      // Parts are taken from the batch with steps, and go back so.
      finalize: (x) => x.swapaxes(0, 1).reshape([(x.shape[0] as number) * (x.shape[1] as number), ...x.shape.slice(2)] as number[]),
    };
    default:
      if (typeof (kind as Accumulator)?.update !== 'function') throw new ValueError(`optax.microbatch: an accumulator must be 'sum', 'mean', 'runningMean', 'concat' or an object of functions, but got '${String(kind)}'.`);
      return kind as Accumulator;
  }
}
const isKind = (x: unknown): boolean => typeof x === 'string' || typeof (x as Accumulator | null)?.update === 'function';
const eachOf = (accumulators: Accumulators, parts: number, f: (a: Accumulator, ...subtrees: any[]) => unknown, ...trees: any[]): any => {
  if (isKind(accumulators)) { const a = accumulatorOf(accumulators, parts); return tree.map((...xs) => f(a, ...xs), trees[0], ...trees.slice(1)); }
  return mapPrefix<Kind>('optax.microbatch', (kind, ...subtrees) => tree.map((...xs) => f(accumulatorOf(kind, parts), ...xs), subtrees[0], ...subtrees.slice(1)), accumulators, ...trees);
};

/**
 * Splits an axis into [parts, microbatchSize], in steps: part i has the examples i, i + parts, …. As
 * `optax.microbatching.reshape_batch_axis`.
 *
 * @example
 * const parts = optax.microbatching.reshapeBatchAxis(jnp.arange(6), 2); // [[0, 3], [1, 4], [2, 5]]
 */
export function reshapeBatchAxis(x: Params, microbatchSize: number, options?: { axis?: number }): Params {
  const { axis = 0 } = checkOptions('optax.microbatching.reshapeBatchAxis', options, ['axis']);
  return tree.map((a: Array) => {
    const shape = a.shape as number[];
    return a.reshape([...shape.slice(0, axis), microbatchSize, shape[axis]! / microbatchSize, ...shape.slice(axis + 1)]).swapaxes(axis, axis + 1);
  }, x);
}

export interface MicrobatchOptions {
  /** How the parts' results become one ('sum'). */
  accumulator?: Accumulators;
  /** The batch axis of each batched argument (0). */
  inAxes?: number | readonly number[];
  /** How many parts really are examples, where the batch is padded: the others are not computed. */
  numRealMicrobatches?: Scalar | null;
}
/**
 * A function of batches, evaluated on `microbatchSize` examples at a time: with 'sum' a large batch needs the memory of a
 * small one. As `optax.microbatch`.
 *
 * @example
 * const total = optax.microbatch((x) => jnp.sum(jnp.square(x)), 0, 2)(jnp.arange(6).astype('float32'));
 *
 * @param argnums which arguments are batches
 * @param microbatchSize how many examples at a time; null evaluates the function as it is
 */
export function microbatch(fun: (...args: any[]) => any, argnums: number | readonly number[], microbatchSize: number | null, options?: MicrobatchOptions): (...args: any[]) => any {
  const { accumulator = 'sum', inAxes = 0, numRealMicrobatches = null } = checkOptions('optax.microbatch', options, ['accumulator', 'inAxes', 'numRealMicrobatches']);
  if (microbatchSize === null) return fun;
  const batched = [argnums].flat();
  const axes = batched.map((_, i) => (typeof inAxes === 'number' ? inAxes : inAxes[i]!));
  return (...args) => {
    const sizes = batched.flatMap((at, i) => (tree.leaves(args[at]) as Array[]).map((x) => x.shape[axes[i]!] as number));
    if (new Set(sizes).size !== 1) throw new ShapeError(`optax.microbatch: all batched arguments must have one batch size, but have ${sizes.join(', ')}.`);
    if (sizes[0]! % microbatchSize !== 0) throw new ShapeError(`optax.microbatch: the batch of ${sizes[0]} must be a multiple of microbatchSize, ${microbatchSize}.`);
    const parts = sizes[0]! / microbatchSize;
    const split = batched.map((at, i) => reshapeBatchAxis(args[at], microbatchSize, { axis: axes[i]! }));
    const part = (index: Array): any => {
      const given = [...args];
      batched.forEach((at, i) => { given[at] = tree.map((x: Array) => lax.dynamicIndexInDim(x, index, { axis: axes[i]!, keepdims: false }), split[i]); });
      return fun(...given);
    };
    const shapes = evalShape(part, jnp.zeros([], { dtype: 'int32' }));
    const [leaves, structure] = tree.flatten(shapes, (x: any) => globalThis.Array.isArray(x?.shape)) as [any[], tree.TreeDef];
    const zeros = tree.unflatten(structure, leaves.map(({ shape, dtype }) => jnp.zeros(shape, { dtype })));
    const begin = eachOf(accumulator, parts, (a, value) => a.init(value), zeros);
    const end = lax.foriLoop(0, numRealMicrobatches ?? parts, (index: Array, carry: any) =>
      eachOf(accumulator, parts, (a, before, value) => a.update(before, value, index), carry, part(index)), begin);
    return eachOf(accumulator, parts, (a, carry) => a.finalize(carry), end);
  };
}

export interface MicroVmapOptions extends Omit<MicrobatchOptions, 'inAxes'> { microbatchSize?: number | null; inAxes?: number | readonly (number | null)[] }
/**
 * As `vmap`, `microbatchSize` examples at a time, whose results are accumulated ('concat'). As
 * `optax.microbatching.micro_vmap`.
 *
 * @example
 * const squares = optax.microbatching.microVmap(jnp.square, { microbatchSize: 2 })(jnp.arange(6));
 */
export function microVmap(fun: (...args: any[]) => any, options?: MicroVmapOptions): (...args: any[]) => any {
  const { inAxes = 0, microbatchSize = null, accumulator = 'concat', numRealMicrobatches } =
    checkOptions('optax.microbatching.microVmap', options, ['inAxes', 'microbatchSize', 'accumulator', 'numRealMicrobatches']);
  return (...args) => {
    const axes = args.map((_, i) => (typeof inAxes === 'number' ? inAxes : inAxes[i] ?? null));
    const batched = axes.flatMap((a, i) => (a === null ? [] : [i]));
    const reduced = (...xs: any[]): any => {
      const all = vmap(fun as never, { inAxes: axes })(...xs) as any;
      const size = (tree.leaves(all)[0] as Array).shape[0] as number;
      return eachOf(accumulator, size, (a, values) => a.aggregate(values), all);
    };
    return microbatch(reduced, batched, microbatchSize, { accumulator, inAxes: batched.map((i) => axes[i]!), numRealMicrobatches })(...args);
  };
}

export interface MicroGradOptions extends Omit<MicrobatchOptions, 'inAxes'> {
  hasAux?: boolean;
  argnums?: number | readonly number[];
  /** Which arguments are batches (1); each example keeps a batch axis of size 1 (true). */
  batchArgnums?: number | readonly number[];
  keepBatchDim?: boolean;
  microbatchSize?: number | null;
  /** What is done to each example's gradient, such as clipping, and what is measured of it. */
  transformFn?: (grad: any) => any;
  metricsFn?: (grad: any) => any;
}
/**
 * Gradients of single examples, transformed and accumulated ('sum'): [result, { values, metrics, aux }]. As
 * `optax.microbatching.micro_grad`.
 *
 * @example
 * const loss = (w, x) => jnp.sum(jnp.square(x.mul(w)));
 * const [gradient, { values }] = optax.microbatching.microGrad(loss, { microbatchSize: 2 })(jnp.array(2), jnp.ones([6, 3]));
 */
export function microGrad(fun: (...args: any[]) => any, options?: MicroGradOptions): (...args: any[]) => [any, { values: any; metrics: any; aux: any }] {
  const { hasAux = false, argnums = 0, batchArgnums = 1, keepBatchDim = true, microbatchSize = null, accumulator = 'sum', transformFn = (g: any) => g, metricsFn = () => null, numRealMicrobatches } =
    checkOptions('optax.microbatching.microGrad', options,
      ['hasAux', 'argnums', 'batchArgnums', 'keepBatchDim', 'microbatchSize', 'accumulator', 'transformFn', 'metricsFn', 'numRealMicrobatches']);
  const withAux = hasAux ? fun : (...args: any[]) => [fun(...args), null];
  const one = (...args: any[]) => {
    const [[values, aux], grad] = valueAndGrad(withAux, { argnums, hasAux: true } as never)(...args) as any;
    return [transformFn(grad), { values, metrics: metricsFn(grad), aux }];
  };
  const batched = [batchArgnums].flat();
  return (...args) => {
    const given = args.map((x, i) => (keepBatchDim && batched.includes(i) ? tree.map((a: Array) => jnp.expandDims(a, 1), x) : x));
    return microVmap(one, {
      inAxes: args.map((_, i) => (batched.includes(i) ? 0 : null)), microbatchSize, accumulator: [accumulator, AccumulationType.CONCAT], numRealMicrobatches,
    })(...given);
  };
}
