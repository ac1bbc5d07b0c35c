/**
 * What flows through a graph: arrays, values known while a function is traced (shapes and what is computed from them), and
 * sequences of either.
 */
import { outsideTrace } from '../jax/core.js';
import { add } from '../jax/primitives/arithmetic.js';
import { dotGeneral } from '../jax/primitives/dot.js';
import { transpose } from '../jax/primitives/shape.js';
import { convertElementType } from '../jax/primitives/convert.js';
import { ConcreteArray, NDArray, Scalar, aval, expectConcrete, formatAval } from '../jax/array.js';
import { isSymbolic, type Dim } from '../jax/dims.js';
import type { DType } from '../jax/dtypes.js';
import { decodeAt, encode } from '../runtime/elements.js';
import { ShapeError } from '../runtime/errors.js';
import type { Tensor } from './tensors.js';

/** Values of up to this many elements are kept as numbers. */
export const MOST_KNOWN = 1024;

/** Elements known now. Open dimensions may be among them, which no array can hold. */
export class Known {
  #array: ConcreteArray | undefined;
  constructor(readonly dtype: DType, readonly shape: readonly number[], readonly values: readonly Dim[], array?: ConcreteArray) { this.#array = array; }

  static of(x: ConcreteArray): Known {
    const { data } = x;
    // Beyond 2^53 only the order of magnitude matters: such numbers stand for 'to the end'.
    return new Known(x.dtype, x.shape, globalThis.Array.from({ length: data.length }, (_, i) => Number(decodeAt(x.dtype, data, i))), x);
  }

  get array(): ConcreteArray {
    if (this.#array) return this.#array;
    const open = this.values.find(isSymbolic);
    if (open !== undefined) throw new ShapeError(`The size of the open dimension '${String(open)}' is needed as an array; fix that dimension to a number.`);
    return (this.#array = new ConcreteArray(aval(this.shape, this.dtype), encode(this.dtype, this.values as number[])));
  }
  toString(): string { return `${formatAval({ dtype: this.dtype, shape: this.shape })} ${this.values.join()}`; }
}

/** A sequence; null in place of an element that an optional does not have. */
export class Sequence {
  constructor(readonly items: readonly Value[], readonly optional = false) {}
}

/** A matrix with a low-rank adapter: base + a · b. Products use the three apart, everything else their sum. */
export class Adapted {
  #array: NDArray | undefined;
  constructor(readonly base: NDArray, readonly a: NDArray, readonly b: NDArray) {}
  get shape(): readonly number[] { return this.base.shape; }
  get dtype(): DType { return this.base.dtype; }
  get array(): NDArray { return (this.#array ??= add(this.base, dotGeneral(this.a, this.b, { contract: [[1], [0]], batch: [[], []] }))); }
  get transposed(): Adapted { const turn = (x: NDArray): NDArray => transpose(x, [1, 0]); return new Adapted(turn(this.base), turn(this.b), turn(this.a)); }
}

export type Value = NDArray | Known | Sequence | Adapted;

/** A constant of a model: small ones as numbers. `float` stands for float32. */
export function constantOf(tensor: Tensor, float: DType): NDArray | Known {
  const array = tensor.load();
  const typed = array.dtype === 'float32' && float !== 'float32' ? outsideTrace(() => convertElementType(array, float)) as ConcreteArray : array;
  return tensor.size <= MOST_KNOWN ? Known.of(typed) : typed;
}

/** Whether a value can be computed with outside a trace. */
export const isConstant = (v: Value | null): boolean => v === null || v instanceof Known || v instanceof ConcreteArray || v instanceof Scalar || (v instanceof Sequence && v.items.every(isConstant));

export function arrayOf(v: Value): NDArray {
  if (v instanceof Known || v instanceof Adapted) return v.array;
  if (v instanceof Sequence) throw new ShapeError('A sequence is used where an array is expected.');
  return v;
}

/** The elements, if they are known now. */
export function knownOf(v: Value): Known | null {
  if (v instanceof Known) return v;
  return v instanceof ConcreteArray || v instanceof Scalar ? Known.of(expectConcrete(v, 'a shape')) : null;
}
