/** A node with its inputs, as an operator sees it. */
import type { AttributeProto } from 'onnx-buf';
import type { Array } from '../jax/index.js';
import { NDArray, Scalar, formatAval } from '../jax/array.js';
import { canonicalAxis } from '../jax/dims.js';
import type { DType } from '../jax/dtypes.js';
import { FileFormatError, TypeError, ValueError } from '../runtime/errors.js';
import { labelOf, type Graph, type Node } from './graph.js';
import { dtypeOf, typeName, type Tensor } from './tensors.js';
import { Known, Sequence, arrayOf, constantOf, knownOf, type Value } from './values.js';

/** What operators may ask of the evaluation that they are part of. */
export interface Run {
  readonly training: boolean;
  readonly quantization: 'round' | 'straightThrough';
  /** What stands for the model's float32: the type of the arrays that it is called with. */
  readonly float: DType;
  /** What stands for tensors of the model: its parameters and state. */
  readonly parameters: ReadonlyMap<Tensor, Value>;
  /** A key of its own for each call. */
  key(who: string): Array;
  /** A value that the next call starts from: what is written replaces it. */
  setState(name: string, value: NDArray): void;
  /** Evaluates a graph of the node in the scope that it stands in. */
  graph(graph: Graph, inputs: readonly Value[]): Value[];
}

/** The values of something are needed, but it is being traced. */
export class UnknownValueError extends ValueError {
  constructor(message: string) { super(message, 'UNKNOWN_VALUE'); }
}

export class Call {
  constructor(readonly node: Node, readonly inputs: readonly (Value | null)[], readonly run: Run) {}

  /** The version of the operator's set: what attributes and inputs mean depends on it. */
  get version(): number { return this.node.version; }
  get where(): string { return labelOf(this.node); }
  has(i: number): boolean { return (this.inputs[i] ?? null) !== null; }
  /** Whether anybody may want that output. */
  wants(i: number): boolean { return (this.node.outputs[i] ?? '') !== ''; }
  fail(message: string): ValueError { return new ValueError(`The node ${this.where} ${message}.`); }

  value(i: number): Value {
    const v = this.inputs[i] ?? null;
    if (v === null) throw new FileFormatError(`The node ${this.where} lacks its input ${i}.`);
    return v;
  }
  x(i: number): NDArray { return arrayOf(this.value(i)); }
  opt(i: number): NDArray | null { return this.has(i) ? this.x(i) : null; }
  /** An input of so many axes; between `least` and `most`, where two numbers are given. */
  ranked(i: number, least: number, most = least): NDArray {
    const x = this.x(i);
    if (x.ndim < least || x.ndim > most) throw this.fail(`needs ${least === most ? least : most === Infinity ? `${least} or more` : `${least} to ${most}`} axes in its input ${i}, but gets ${formatAval(x)}`);
    return x;
  }
  /** The given inputs. */
  xs(): NDArray[] { return this.inputs.flatMap((v) => (v === null ? [] : [arrayOf(v)])); }
  sequence(i: number): Sequence {
    const v = this.value(i);
    if (!(v instanceof Sequence)) throw new FileFormatError(`The node ${this.where} expects a sequence as its input ${i}.`);
    return v;
  }

  known(i: number): Known | null {
    if (!this.has(i)) return null;
    const v = this.value(i);
    const k = knownOf(v);
    if (!k) throw new UnknownValueError(`The node ${this.where} needs the values of its input '${this.node.inputs[i]}' (${formatAval(arrayOf(v))}), but they depend on data that is not known while the function is traced; call it without jit, or give that input as a constant.`);
    return k;
  }
  /** The values of an input that must be known, null where it is left out. Among them may be open dimensions. */
  numbers(i: number): number[] | null { return this.known(i)?.values as number[] | undefined ?? null; }
  /** Of an input that must be there, too. */
  given(i: number): number[] { this.value(i); return this.numbers(i)!; }
  number(i: number): number | null { return this.numbers(i)?.[0] ?? null; }

  attribute(name: string): AttributeProto | undefined { return this.node.attributes.get(name); }
  int(name: string, otherwise: number): number { const a = this.attribute(name); return a ? Number(a.i) : otherwise; }
  float(name: string, otherwise: number): number { return this.attribute(name)?.f ?? otherwise; }
  text(name: string, otherwise: string): string { const a = this.attribute(name); return a ? new TextDecoder().decode(a.s) : otherwise; }
  texts(name: string): string[] | null { return this.attribute(name)?.strings.map((s) => new TextDecoder().decode(s)) ?? null; }
  list(name: string): number[] | null { return this.attribute(name)?.ints.map(Number) ?? null; }
  /** A list of that length, where it is given. */
  listOf(name: string, length: number): number[] | null {
    const list = this.list(name);
    if (list && list.length !== length) throw this.fail(`has ${list.length} numbers as '${name}', but needs ${length}`);
    return list;
  }
  floats(name: string): number[] | null { return this.attribute(name)?.floats ?? null; }
  tensor(name: string): Value | null { const t = this.node.tensors.get(name); return t ? (this.run.parameters.get(t) ?? constantOf(t, this.run.float)) : null; }
  graph(name: string): Graph {
    const g = this.node.graphs.get(name);
    if (!g) throw new FileFormatError(`The node ${this.where} lacks its graph '${name}'.`);
    return g;
  }
  /** A dtype given by its number. */
  dtype(name: string, otherwise: DType): DType {
    const a = this.attribute(name);
    const d = !a || a.i === 0n ? otherwise : dtypeOf(Number(a.i));
    if (!d) throw new TypeError(`The node ${this.where} is about elements of type ${typeName(Number(a!.i))}, which there are no arrays of.`);
    return d === 'float32' ? this.run.float : d;
  }

  axis(name: string, otherwise: number, rank = this.x(0).ndim): number { return canonicalAxis(this.int(name, otherwise), rank, this.where); }
  /** Axes from an attribute, as older versions have them, or from an input; null where there is neither. */
  axes(i: number, rank: number): number[] | null {
    const given = this.list('axes') ?? this.numbers(i);
    return given && given.map((a) => canonicalAxis(Number(a), rank, this.where));
  }
  /** A number in the dtype of an array. */
  scalar(value: number, like: NDArray): NDArray { return new Scalar(value, like.dtype, false); }
}

export type Result = Value | (Value | null)[];
export interface Operator {
  readonly run: (c: Call) => Result;
  /** Inputs whose values must be known: what only they use is no parameter. */
  readonly statics?: readonly number[];
  /** Why no derivative passes, where one would be expected. */
  readonly noGradient?: string;
  /** Differs from call to call, so that it is no constant however constant its inputs are. */
  readonly random?: boolean;
  /** Takes sequences or known values as they are. */
  readonly refuses?: (node: Node) => string | undefined;
}
export type Operators = Readonly<Record<string, Operator | ((c: Call) => Result)>>;
