/** The methods of arrays: `x.add(y)` for `jnp.add(x, y)`. They are types here and functions on the prototype. */
import { NDArray } from './array.js';
import * as jnp from './numpy/index.js';
import type { DType } from './dtypes.js';
import type { Operand } from './primitives/primitive.js';
import { at } from './numpy/at.js';
import type { ArgOptions, ReduceOptions, SortOptions, VarOptions } from './numpy/reductions.js';

type AxisOption = { axis?: number | null };
declare module './array.js' {
  interface NDArray {
    add(y: Operand): NDArray;
    sub(y: Operand): NDArray;
    mul(y: Operand): NDArray;
    div(y: Operand): NDArray;
    floorDivide(y: Operand): NDArray;
    mod(y: Operand): NDArray;
    pow(y: Operand): NDArray;
    matmul(y: Operand): NDArray;
    dot(y: Operand): NDArray;
    neg(): NDArray;
    abs(): NDArray;
    eq(y: Operand): NDArray;
    ne(y: Operand): NDArray;
    lt(y: Operand): NDArray;
    le(y: Operand): NDArray;
    gt(y: Operand): NDArray;
    ge(y: Operand): NDArray;
    sum(options?: ReduceOptions): NDArray;
    mean(options?: ReduceOptions): NDArray;
    var(options?: VarOptions): NDArray;
    std(options?: VarOptions): NDArray;
    max(options?: ReduceOptions): NDArray;
    min(options?: ReduceOptions): NDArray;
    prod(options?: ReduceOptions): NDArray;
    all(options?: ReduceOptions): NDArray;
    any(options?: ReduceOptions): NDArray;
    ptp(options?: Pick<ReduceOptions, 'axis' | 'keepdims'>): NDArray;
    argmax(options?: ArgOptions): NDArray;
    argmin(options?: ArgOptions): NDArray;
    argsort(options?: SortOptions): NDArray;
    sort(options?: SortOptions): NDArray;
    cumsum(options?: AxisOption & { dtype?: DType }): NDArray;
    cumprod(options?: AxisOption & { dtype?: DType }): NDArray;
    round(options?: { decimals?: number }): NDArray;
    clip(min?: Operand | null, max?: Operand | null): NDArray;
    /** The sizes one by one or as a list. */
    reshape(shape: readonly number[] | number, options?: jnp.OrderOptions): NDArray;
    reshape(...shape: number[]): NDArray;
    ravel(options?: jnp.OrderOptions): NDArray;
    flatten(options?: jnp.OrderOptions): NDArray;
    /** The axes one by one or as a list. */
    transpose(axes?: readonly number[]): NDArray;
    transpose(...axes: number[]): NDArray;
    swapaxes(a: number, b: number): NDArray;
    squeeze(options?: { axis?: number | readonly number[] | null }): NDArray;
    repeat(repeats: number | NDArray, options?: jnp.RepeatOptions): NDArray;
    take(indices: Operand, options?: jnp.TakeOptions): NDArray;
    diagonal(options?: jnp.DiagonalOptions): NDArray;
    trace(options?: jnp.DiagonalOptions): NDArray;
    searchsorted(v: Operand, options?: jnp.SearchSortedOptions): NDArray;
    nonzero(options?: jnp.SizeOptions): NDArray[];
    compress(condition: Operand, options?: jnp.CompressOptions): NDArray;
    copy(): NDArray;
    astype(dtype: DType): NDArray;
    /** NumPy's indexing: `x.index(0)`, `x.index({ start: 1 }, -1)`, `x.index(rows, columns)`. */
    index(...by: jnp.Index[]): NDArray;
    /** The same as `index`. */
    slice(...by: jnp.Index[]): NDArray;
    /** The part at an index, to be read or updated functionally: `x.at(0, { stop: 2 }).set(1)`. */
    at(...by: jnp.Index[]): jnp.IndexUpdate;
    /** The transpose. */
    readonly T: NDArray;
    /** The last two axes transposed. */
    readonly mT: NDArray;
  }
}

/** `(2, 3)` for `([2, 3])`: the numbers in front are one list. */
const listed = (args: readonly unknown[]): unknown[] => {
  if (typeof args[0] !== 'number') return [...args];
  const count = args.findIndex((a) => typeof a !== 'number');
  return count < 0 ? [args] : [args.slice(0, count), ...args.slice(count)];
};
const methods: Record<string, (x: NDArray, ...args: any[]) => unknown> = {
  add: jnp.add, sub: jnp.subtract, mul: jnp.multiply, div: jnp.divide, floorDivide: jnp.floorDivide, mod: jnp.mod, pow: jnp.power,
  matmul: jnp.matmul, dot: jnp.dot, neg: jnp.negative, abs: jnp.abs, eq: jnp.equal, ne: jnp.notEqual, lt: jnp.less, le: jnp.lessEqual,
  gt: jnp.greater, ge: jnp.greaterEqual, sum: jnp.sum, mean: jnp.mean, var: jnp.var, std: jnp.std, max: jnp.max, min: jnp.min, prod: jnp.prod,
  all: jnp.all, any: jnp.any, ptp: jnp.ptp, argmax: jnp.argmax, argmin: jnp.argmin, argsort: jnp.argsort, sort: jnp.sort, cumsum: jnp.cumsum, cumprod: jnp.cumprod,
  round: jnp.round, clip: jnp.clip, reshape: (x, ...args) => { const [shape, options] = listed(args); return jnp.reshape(x, shape as number[], options as jnp.OrderOptions); }, ravel: jnp.ravel, flatten: jnp.ravel,
  transpose: (x, ...args) => jnp.transpose(x, listed(args)[0] as number[] | undefined), swapaxes: jnp.swapaxes, squeeze: jnp.squeeze,
  repeat: jnp.repeat, take: jnp.take, diagonal: jnp.diagonal, trace: jnp.trace, searchsorted: jnp.searchsorted, nonzero: jnp.nonzero,
  compress: (x, condition: Operand, options?: jnp.CompressOptions) => jnp.compress(condition, x, options), copy: jnp.copy,
  astype: jnp.astype, index: jnp.index, slice: jnp.index, at,
};

for (const [name, f] of Object.entries(methods)) {
  Object.defineProperty(NDArray.prototype, name, { configurable: true, writable: true, value(this: NDArray, ...args: unknown[]) { return f(this, ...args); } });
}
Object.defineProperty(NDArray.prototype, 'T', { configurable: true, get(this: NDArray) { return jnp.transpose(this); } });
Object.defineProperty(NDArray.prototype, 'mT', { configurable: true, get(this: NDArray) { return jnp.matrixTranspose(this); } });
