/**
 * `NDArray`, public as `Array`: an immutable value of one dtype and shape. Its three kinds are a concrete array with
 * memory, a weakly typed JavaScript scalar, and a tracer (in `core.ts`). Operations are added to its prototype by
 * `methods.ts`, so that this file depends on nothing but data.
 */
import type { DeviceBuffer, Memory } from '../runtime/addon.js';
import { DisposedError, ShapeError, TracerError, TypeError } from '../runtime/errors.js';
import { DTYPES, TYPED_ARRAYS, decodeAt, encode, shortName, type DType, type TypedArray } from './dtypes.js';
import { dims, formatShape, type Shape } from './dims.js';

/** What a program knows of a value before it runs. Interned: equal avals are the same object. */
export interface Aval { readonly shape: Shape; readonly dtype: DType; readonly weak: boolean }

const interned = new Map<string, Aval>();
export function aval(shape: Shape, dtype: DType, weak = false): Aval {
  const key = `${dtype}${weak ? '~' : ''}[${shape.join()}]`;
  let found = interned.get(key);
  if (!found) {
    // Bounded: avals are compared by identity only as a fast path, so forgetting them costs a comparison, not a result.
    if (interned.size > 65536) interned.clear();
    interned.set(key, (found = Object.freeze({ shape: Object.freeze([...shape]), dtype, weak })));
  }
  return found;
}
export const formatAval = (a: { dtype: DType; shape: Shape }): string => `${shortName(a.dtype)}${formatShape(a.shape)}`;

/** Nested JavaScript lists of numbers, bigints or booleans. */
export type NestedList = number | bigint | boolean | readonly NestedList[];

export abstract class NDArray {
  constructor(readonly aval: Aval) {}
  get shape(): number[] { return this.aval.shape as number[]; }
  get dtype(): DType { return this.aval.dtype; }
  /** True for JavaScript numbers and what was computed from them alone: they take the other operand's dtype. */
  get weakType(): boolean { return this.aval.weak; }
  get ndim(): number { return this.aval.shape.length; }
  get size(): number { return dims.size(this.aval.shape); }
  /** A copy of the elements; throws on a traced value. float16 and bfloat16 come as their bits, bool as 0 and 1. */
  abstract get data(): TypedArray;
  /** The only element. */
  item(): number {
    if (dims.size(this.shape) !== 1) throw new ShapeError(`item() needs an array of one element, but this one is ${formatAval(this)}.`);
    return decodeAt(this.dtype, this.data, 0) as number;
  }
  /** Nested JavaScript lists, as NumPy's `tolist`. */
  tolist(): NestedList {
    const data = this.data;
    let at = 0;
    const walk = (axis: number): NestedList =>
      (axis === this.ndim ? decodeAt(this.dtype, data, at++) : globalThis.Array.from({ length: this.shape[axis] }, () => walk(axis + 1)));
    return walk(0);
  }
  toString(): string { return formatAval(this); }
  [Symbol.toPrimitive](hint: string): number | string {
    if (hint === 'string') return this.toString();
    throw new TypeError(`An array (${formatAval(this)}) is no JavaScript number: use its methods (x.add(y), x.lt(y), …) or x.item().`);
  }
  [Symbol.iterator](): Iterator<NDArray> {
    throw new TypeError(`An array (${formatAval(this)}) cannot be iterated: use x.index(i), jnp.split or x.tolist().`);
  }
}

export const isArray = (x: unknown): x is NDArray => x instanceof NDArray;

/** Where an array lives. */
export interface Device { readonly platform: 'cpu' | 'cuda'; readonly id: number; readonly engine?: string; toString(): string }
export const cpu: Device = Object.freeze({ platform: 'cpu' as const, id: 0, toString: () => 'cpu:0' });

let made = 0;

/** An array with memory. Everything outside a trace is one of these. */
export class ConcreteArray extends NDArray {
  #memory: Memory | null;
  #gone = '';
  /** @internal The last run that this array was an input of: how a run finds that it was given one twice. */
  run = 0;
  /** @internal How many arrays were made before it. */
  readonly serial = made++;
  constructor(a: Aval, memory: Memory, readonly device: Device = cpu) {
    super(a);
    this.#memory = memory;
  }
  /** @internal How many arrays were made so far. */
  static get made(): number { return made; }
  /** @internal The memory itself, for programs to run on. */
  get memory(): Memory {
    if (this.#memory === null) throw new DisposedError(`This array (${formatAval(this)}) ${this.#gone}.`, this.#gone.startsWith('was donated') ? 'DONATED' : 'DISPOSED');
    return this.#memory;
  }
  get disposed(): boolean { return this.#memory === null; }
  override get data(): TypedArray {
    const memory = this.memory;
    const bytes = memory instanceof ArrayBuffer ? memory.slice(0) : copyFromDevice(memory);
    return new TYPED_ARRAYS[this.dtype](bytes);
  }
  /** @internal Invalidates the array and hands its memory over; `by` says to whom, for the error of a later use. */
  donate(by: string): Memory {
    const memory = this.memory;
    this.#memory = null;
    this.#gone = `was donated ${by} and is gone: use the value that the call returned, or do not donate it`;
    return memory;
  }
  /** @internal Undoes `donate` after a call that failed. */
  restore(memory: Memory): void { this.#memory = memory; }
  /** Frees device memory now; CPU memory is left to the collector. Safe to call twice. */
  dispose(): void {
    if (this.#memory === null) return;
    if (!(this.#memory instanceof ArrayBuffer)) this.#memory.dispose();
    this.#memory = null;
    this.#gone = 'was disposed of';
  }
  [Symbol.dispose](): void { this.dispose(); }
}

function copyFromDevice(buffer: DeviceBuffer): ArrayBuffer {
  const bytes = new ArrayBuffer(buffer.byteLength);
  buffer.copyTo(bytes);
  return bytes;
}

/** A weakly typed JavaScript scalar on its way into an operation. */
export class Scalar extends NDArray {
  #array: ConcreteArray | undefined;
  constructor(readonly value: number | bigint | boolean, dtype: DType, weak = true) { super(aval([], dtype, weak)); }
  override get data(): TypedArray { return this.concrete.data; }
  get concrete(): ConcreteArray { return (this.#array ??= new ConcreteArray(this.aval, encode(this.dtype, [this.value]))); }
}

/** The weak type of a JavaScript scalar. */
export function scalar(value: number | bigint | boolean): Scalar {
  if (typeof value === 'boolean') return new Scalar(value, 'bool', false);
  if (typeof value === 'bigint') return new Scalar(value, 'int64', true);
  return new Scalar(value, Number.isInteger(value) && !Object.is(value, -0) && Math.abs(value) < 2 ** 31 ? 'int32' : 'float32', true);
}

/** A concrete array over a copy of raw little-endian bytes. */
export function fromBytes(dtype: DType, shape: Shape, bytes: ArrayBufferView | ArrayBuffer): ConcreteArray {
  const view = ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
  const expected = dims.size(shape) * DTYPES[dtype].size;
  if (view.byteLength !== expected) throw new ShapeError(`fromBytes: ${formatAval({ dtype, shape })} needs ${expected} bytes, but ${view.byteLength} were given.`);
  return new ConcreteArray(aval(shape, dtype), view.slice().buffer as ArrayBuffer);
}

export function expectConcrete(x: NDArray, what: string): ConcreteArray {
  if (x instanceof Scalar) return x.concrete;
  if (x instanceof ConcreteArray) return x;
  if ((x as { frame?: { closed: boolean } }).frame?.closed) throw new TracerError(`${what} was given a traced array (${formatAval(x)}) that was kept after its trace ended: return it from the function instead of storing it.`);
  throw new TracerError(`${what} needs a concrete array, but got a traced value (${formatAval(x)}): values are not known while jit, grad or vmap trace a function.`);
}
