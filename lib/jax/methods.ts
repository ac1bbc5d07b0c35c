/** The methods of arrays: `x.add(y)` for `jnp.add(x, y)`. They are types here and functions on the prototype. */
import { NDArray } from './array.js';
import * as jnp from './numpy/index.js';
import type { DType } from './dtypes.js';
import type { Operand } from './primitives/primitive.js';
import type { ReduceOptions, VarOptions } from './numpy/reductions.js';

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
    argmax(options?: { axis?: number | null; keepdims?: boolean }): NDArray;
    argmin(options?: { axis?: number | null; keepdims?: boolean }): NDArray;
    reshape(shape: readonly number[] | number): NDArray;
    ravel(): NDArray;
    transpose(axes?: readonly number[]): NDArray;
    squeeze(options?: { axis?: number | readonly number[] | null }): NDArray;
    astype(dtype: DType): NDArray;
    /** Basic indexing: `x.index(0)`, `x.index({ start: 1 }, -1)`. */
    index(...by: jnp.Index[]): NDArray;
    /** The transpose. */
    readonly T: NDArray;
  }
}

const methods: Record<string, (x: NDArray, ...args: any[]) => NDArray> = {
  add: jnp.add, sub: jnp.subtract, mul: jnp.multiply, div: jnp.divide, floorDivide: jnp.floorDivide, mod: jnp.mod, pow: jnp.power,
  matmul: jnp.matmul, dot: jnp.dot, neg: jnp.negative, abs: jnp.abs, eq: jnp.equal, ne: jnp.notEqual, lt: jnp.less, le: jnp.lessEqual,
  gt: jnp.greater, ge: jnp.greaterEqual, sum: jnp.sum, mean: jnp.mean, var: jnp.var, std: jnp.std, max: jnp.max, min: jnp.min, prod: jnp.prod,
  argmax: jnp.argmax, argmin: jnp.argmin, reshape: jnp.reshape, ravel: jnp.ravel, transpose: jnp.transpose, squeeze: jnp.squeeze,
  astype: jnp.astype, index: jnp.index,
};

for (const [name, f] of Object.entries(methods)) {
  Object.defineProperty(NDArray.prototype, name, { configurable: true, writable: true, value(this: NDArray, ...args: unknown[]) { return f(this, ...args); } });
}
Object.defineProperty(NDArray.prototype, 'T', { configurable: true, get(this: NDArray) { return jnp.transpose(this); } });

