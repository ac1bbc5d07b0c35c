/**
 * What a primitive is: one object with its shape rule, its reverse-mode rule, its batching rule and its lowering. Rules
 * are written with the same operations that users call, so derivatives of derivatives come for free.
 */
import type { Graph } from '../../lowering/graph.js';
import type { OpCode } from '../../lowering/opcodes.js';
import { TypeError } from '../../runtime/errors.js';
import { NDArray, Scalar, isArray, scalar, type Aval } from '../array.js';
import { bind } from '../core.js';
import { isSymbolic } from '../dims.js';
import { isFloat, type DType } from '../dtypes.js';

/** The axis that `vmap` adds, with the name that collectives know it by. */
export interface MappedAxis { readonly size: number; readonly name?: string }
type Axis = number | null;

/** Cotangents of the outputs, null where zero; gives those of the inputs, null where zero or not needed. */
export type Pullback = (cotangents: (NDArray | null)[]) => (NDArray | null)[];

export interface Primitive<P = any> {
  readonly name: string;
  /** Avals of the outputs; throws ShapeError or TypeError where the inputs do not fit. */
  shape(inputs: readonly Aval[], params: P): Aval[];
  /** Reverse mode. `needed` says of which inputs cotangents are wanted; null for primitives without derivative. */
  readonly vjp: null | ((inputs: readonly NDArray[], params: P, needed: readonly boolean[]) => { outputs: NDArray[]; pullback: Pullback });
  /** Forward mode, null for a zero tangent; by default the transpose of `vjp`. */
  readonly jvp?: (inputs: readonly NDArray[], tangents: readonly (NDArray | null)[], params: P) => { outputs: NDArray[]; tangents: (NDArray | null)[] };
  /** Inputs with their batch axis (null where unbatched) to outputs with theirs. */
  batch(inputs: readonly NDArray[], axes: readonly Axis[], params: P, mapped: MappedAxis): [NDArray[], Axis[]];
  /** Means the program `params.jaxpr`, whose equations take its place before anything is lowered. */
  readonly inline?: boolean;
  /** Writes ONNX nodes; gives the names of the outputs. */
  lower(g: Graph, inputs: readonly string[], params: P, types: Types): readonly string[];
  /** Elementwise primitives: their instruction in the fused operator. */
  readonly opcode?: (params: P, types: Types) => OpCode;
  /** Trailing constant operands of that instruction. */
  readonly constants?: readonly number[];
  /** The lowering may alias its first input's memory. */
  readonly view?: boolean;
}

export interface Types { readonly inputs: readonly Aval[]; readonly outputs: readonly Aval[] }

/** Reads as an identity: keeps the type parameter of the definition. */
export const primitive = <P>(definition: Primitive<P>): Primitive<P> => definition;

/** A rule whose forward is the primitive itself and whose pullback has one thunk per input. */
export function thunks<P>(
  self: () => Primitive<P>,
  rule: (ct: NDArray, inputs: readonly NDArray[], outputs: readonly NDArray[], params: P) => readonly (null | (() => NDArray))[],
): NonNullable<Primitive<P>['vjp']> {
  return (inputs, params, needed) => {
    const outputs = bind(self(), inputs, params);
    return {
      outputs,
      pullback: ([ct]) => {
        if (!ct) return inputs.map(() => null);
        const rules = rule(ct, inputs, outputs, params);
        return inputs.map((_, i) => (needed[i] && rules[i] ? rules[i]!() : null));
      },
    };
  };
}

export type Operand = NDArray | number | bigint | boolean;

/** A JavaScript scalar becomes one of `dtype`. */
export function lift(x: Operand, dtype: DType): NDArray {
  if (isArray(x)) return x instanceof Scalar && x.weakType && x.dtype !== dtype ? new Scalar(x.value, dtype) : x;
  return new Scalar(x, dtype);
}
/** An operand alone, without another to take its dtype from. */
export const asArray = (x: Operand, where: string): NDArray => {
  if (isArray(x)) return x;
  if (typeof x === 'number' || typeof x === 'bigint' || typeof x === 'boolean') return scalar(x);
  // An open dimension is no number, and says what to use instead.
  if (isSymbolic(x)) Number(x);
  throw new TypeError(`${where}: expected an array or a number, got ${x === null ? 'null' : typeof x}; wrap lists and typed arrays in jnp.array.`);
};
/** Lifts JavaScript scalars to the dtype of the arrays beside them. */
export function liftAll(where: string, ...xs: Operand[]): NDArray[] {
  const array = xs.find((x) => isArray(x) && !(x instanceof Scalar && x.weakType)) ?? xs.find(isArray);
  return array ? xs.map((x) => { asArray(x, where); return lift(x, (array as NDArray).dtype); }) : xs.map((x) => asArray(x, where));
}

export function requireSameDType(where: string, inputs: readonly Aval[]): DType {
  const [first, ...rest] = inputs;
  const other = rest.find((a) => a.dtype !== first.dtype);
  if (other) throw new TypeError(`${where}: operands have dtypes ${first.dtype} and ${other.dtype}; convert one with astype.`);
  return first.dtype;
}
export function requireFloat(where: string, a: Aval): DType {
  if (!isFloat(a.dtype)) throw new TypeError(`${where}: expected a floating-point array, got ${a.dtype}; convert it with astype('float32').`);
  return a.dtype;
}
