/** A growing ONNX graph. This and `model.ts` are the only places that know ONNX's messages. */
import type { AttributeProto } from 'onnx-buf';
import { DTYPES, type DType } from '../runtime/dtypes.js';
import { encode } from '../runtime/elements.js';
import { kernelsOf, type Kernels } from './kernels.js';

/** An attribute: integers as numbers, floats wrapped, so that 1 and 1.0 stay apart; or one of another model as it is. */
export type Attribute = number | readonly number[] | readonly bigint[] | string | { readonly float: number } | { readonly floats: readonly number[] } | { readonly graph: Graph } | { readonly message: AttributeProto };
export interface GraphNode { op: string; domain: string; inputs: readonly string[]; outputs: readonly string[]; attributes: Readonly<Record<string, Attribute>>; name: string }
/** Dimensions are numbers, or anything that prints as the name of an open one. */
export interface GraphValue { name: string; dtype: DType; shape: readonly unknown[]; /** A sequence of tensors of any shape. */ sequence?: boolean }
export interface GraphConstant { name: string; dtype: DType; shape: readonly number[]; bytes: Uint8Array }

type Named = { readonly names: readonly string[]; readonly factor: number };

export class Graph {
  readonly nodes: GraphNode[] = [];
  readonly inputs: GraphValue[] = [];
  readonly outputs: GraphValue[] = [];
  readonly values: GraphValue[] = [];
  readonly constants: GraphConstant[] = [];
  readonly #constantNames = new Map<string, string>();
  readonly #sizes: Map<string, { input: string; axis: number }>;
  /** Values whose types the graph says: inputs, constants, and what was declared. */
  readonly #declared: Set<string>;
  readonly #names: { readonly taken: Set<string>; next: number };

  /**
   * `custom`: operators of the `hokku` domain may be used. Files for others are written without. `fused`: elementwise
   * groups become one such operator; on a GPU it has no kernel, and would bring whole arrays to the CPU and back. `kernels`:
   * those of the engine that it is for.
   */
  constructor(readonly custom: boolean, readonly fused = custom, readonly kernels: Kernels = kernelsOf(), parent?: Graph) {
    this.#sizes = parent ? parent.#sizes : new Map();
    this.#declared = parent ? parent.#declared : new Set();
    this.#names = parent ? parent.#names : { taken: new Set(), next: 0 };
  }

  /** A graph for an attribute of one of this one's nodes: it sees this one's values, and no name means two things. */
  inner(): Graph { return new Graph(this.custom, this.fused, this.kernels, this); }

  /** A name that nothing else has; names given by the caller come first. */
  fresh(hint = 't'): string {
    let name: string;
    do name = `${hint}_${this.#names.next++}`; while (this.#names.taken.has(name));
    return name;
  }

  input(name: string, dtype: DType, shape: readonly unknown[]): string {
    this.#names.taken.add(name);
    this.#declared.add(name);
    this.inputs.push({ name, dtype, shape });
    shape.forEach((d, axis) => {
      if (typeof d !== 'number' && !this.#sizes.has(String(d))) this.#sizes.set(String(d), { input: name, axis });
    });
    return name;
  }

  /** An input that is a sequence of tensors: what ORT's optimizer operators take. */
  sequenceInput(name: string, dtype: DType): string {
    this.#names.taken.add(name);
    this.inputs.push({ name, dtype, shape: [], sequence: true });
    return name;
  }

  output(name: string, dtype: DType, shape: readonly unknown[]): void { this.outputs.push({ name, dtype, shape }); }

  /** Declares the type of an intermediate value, where the engine cannot infer it. */
  declare(name: string, dtype: DType, shape: readonly unknown[]): void {
    this.#declared.add(name);
    this.values.push({ name, dtype, shape });
  }

  /** Whether some dimension is known at run time only. */
  get isOpen(): boolean { return this.#sizes.size > 0; }

  /** As `declare`, unless the value is an input or a constant, or has been declared. */
  declareOnce(name: string, dtype: DType, shape: readonly unknown[]): void {
    if (!this.#declared.has(name)) this.declare(name, dtype, shape);
  }

  /** Adds a node with one output and gives its name. */
  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}, domain = ''): string {
    return this.nodeWithOutputs(op, inputs, 1, attributes, domain)[0];
  }

  nodeWithOutputs(op: string, inputs: readonly string[], outputs: number | readonly string[], attributes: Readonly<Record<string, Attribute>> = {}, domain = ''): readonly string[] {
    const names = typeof outputs === 'number' ? globalThis.Array.from({ length: outputs }, () => this.fresh(op.toLowerCase())) : outputs;
    names.forEach((n) => this.#names.taken.add(n));
    this.nodes.push({ op, domain, inputs, outputs: names, attributes, name: this.fresh('n') });
    return names;
  }

  /** A constant; equal ones are written once. */
  constant(dtype: DType, shape: readonly number[], values: ArrayLike<number | bigint | boolean>): string {
    return this.constantBytes(dtype, shape, new Uint8Array(encode(dtype, values)));
  }

  constantBytes(dtype: DType, shape: readonly number[], bytes: Uint8Array): string {
    const key = bytes.length <= 256 ? `${dtype}[${shape.join()}]${bytes.join()}` : '';
    const known = key && this.#constantNames.get(key);
    if (known) return known;
    const name = this.fresh('c');
    this.#declared.add(name);
    this.constants.push({ name, dtype, shape, bytes });
    if (key) this.#constantNames.set(key, name);
    return name;
  }

  /** A one-dimensional int64 constant, as axes and shapes are given. */
  ints(values: readonly number[]): string { return this.constant('int64', [values.length], values); }

  /** A shape as a tensor; open dimensions are read from the inputs that have them. */
  shapeTensor(shape: readonly unknown[]): string {
    if (shape.every((d) => typeof d === 'number')) return this.ints(shape as number[]);
    if (shape.length === 1) return this.dimension(shape[0]);
    return this.node('Concat', shape.map((d) => this.dimension(d)), { axis: 0 });
  }

  /** One dimension as an int64 tensor of shape [1]. */
  dimension(d: unknown): string {
    if (typeof d === 'number') return this.ints([d]);
    const known = this.#sizes.get(String(d));
    if (known) return this.node('Shape', [known.input], { start: known.axis, end: known.axis + 1 });
    const { factor, names } = d as Named;
    return names.map((n) => {
      const source = this.#sizes.get(n);
      if (!source) throw new Error(`No input has the open dimension '${n}'.`);
      return this.node('Shape', [source.input], { start: source.axis, end: source.axis + 1 });
    }).reduce((a, b) => this.node('Mul', [a, b]), this.ints([factor]));
  }

  reshape(x: string, shape: readonly unknown[]): string {
    const open = shape.filter((d) => typeof d !== 'number').length;
    // -1 lets the engine find one open dimension without reading sizes.
    const target = open === 1 && !shape.includes(0) ? this.ints(shape.map((d) => (typeof d === 'number' ? d : -1))) : this.shapeTensor(shape);
    return this.node('Reshape', [x, target], { allowzero: 1 });
  }

  /** One value in a shape; a bigint for 64-bit integers. */
  filled(dtype: DType, shape: readonly unknown[], value: number | bigint): string {
    return this.cast(this.node('Expand', [this.constant(typeof value === 'bigint' ? 'int64' : 'float32', [], [value]), this.shapeTensor(shape)]), dtype);
  }
  cast(x: string, to: DType): string { return this.node('Cast', [x], { to: DTYPES[to].onnx }); }

  /**
   * What `write` makes of values of `dtype` for an operator `op` that asks for their order, in a dtype that has a kernel. uint64
   * without one is int64 half a range away. Null where there is none.
   */
  ordered(op: string, dtype: DType, xs: readonly string[], write: (compute: DType, ...xs: string[]) => string, turnBack = true): string | null {
    const compute = this.kernels.find(op, dtype);
    if (compute) return turnBack ? this.within(compute, dtype, xs, (...ys) => write(compute, ...ys)) : write(compute, ...xs.map((x) => (compute === dtype ? x : this.cast(x, compute))));
    if (dtype !== 'uint64' || !this.kernels.has(op, 'int64')) return null;
    const half = this.constant('int64', [], [-(2n ** 63n)]);
    const out = write('int64', ...xs.map((x) => this.node('Add', [this.cast(x, 'int64'), half])));
    return turnBack ? this.cast(this.node('Add', [out, half]), 'uint64') : out;
  }

  /** What `write` makes of values of `dtype` in the dtype `compute`, between casts where they differ. */
  within(compute: DType, dtype: DType, xs: readonly string[], write: (...xs: string[]) => string): string {
    return compute === dtype ? write(...xs) : this.cast(write(...xs.map((x) => this.cast(x, compute))), dtype);
  }
}
