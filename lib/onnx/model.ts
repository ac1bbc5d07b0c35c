/** Reads a model file. What is returned has been checked; ONNX Runtime sees no file before. */
import { dirname, basename } from 'node:path';
import type { AttributeProto, FunctionProto, ModelProto, NodeProto, OperatorSetIdProto } from 'onnx-buf';
import { messages } from '../lowering/model.js';
import { FileFormatError, HokkuError, TypeError } from '../runtime/errors.js';
import { Folder } from './external.js';
import { plainDomain, readGraph, type Graph, type Reading } from './graph.js';
import { BytesSource, FileSource, type Source } from './source.js';
import { readTensor } from './tensors.js';
import { layoutOf, type Layout } from './wire.js';

export interface Model {
  readonly source: Source;
  readonly folder: Folder;
  readonly layout: Layout;
  /** The message, without the elements of large initializers. */
  readonly proto: ModelProto;
  readonly graph: Graph;
  readonly opsets: ReadonlyMap<string, number>;
}

/** What stands in place of a file that was not fetched. */
const LFS = 'version https://git-lfs';

/** Versions of ONNX's own operator set that are read. */
export const OPSETS = { least: 7, most: 28 } as const;
/** More nodes than this come from no model's functions, but from functions that call functions that call functions: those that are read, and those that they stand for. */
const MOST_FUNCTION_NODES = { read: 20_000, all: 200_000 };

const keyOf = (domain: string, name: string, overload: string): string => JSON.stringify([plainDomain(domain), name, overload]);

function readOpsets(list: readonly OperatorSetIdProto[], what: string): Map<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain, version } of list) {
    const d = plainDomain(domain);
    if (opsets.has(d) && opsets.get(d) !== Number(version)) throw new FileFormatError(`${what} imports two versions of the operator set '${domain || 'ai.onnx'}', ${opsets.get(d)} and ${version}.`);
    if (d === '' && (version < OPSETS.least || version > OPSETS.most)) throw new FileFormatError(`${what} is written for version ${version} of ONNX's operator set; versions ${OPSETS.least} to ${OPSETS.most} are read.`);
    opsets.set(d, Number(version));
  }
  return opsets;
}

function decode(source: Source, layout: Layout): ModelProto {
  const { onnx, protobuf } = messages();
  let proto: ModelProto;
  try {
    proto = protobuf.fromBinary(onnx.ModelProtoSchema, layout.skeleton);
  } catch (cause) {
    throw new FileFormatError(`${source.name} is no ONNX model, or a damaged one: ${(cause as Error).message}.`, { cause });
  }
  if (proto.irVersion < 3n || proto.irVersion > 20n) throw new FileFormatError(`${source.name} is no ONNX model that is read: its IR version is ${proto.irVersion}, expected 3 to 20.`);
  return proto;
}

/** Reads functions as they are called: with the attributes of the call in their place. */
class Functions {
  readonly #known = new Map<string, FunctionProto>();
  readonly #open: string[] = [];
  /** What was read before, by function and attributes; `size`: the nodes that it stands for. */
  readonly #bodies = new Map<string, { graph: Graph; size: number }>();
  readonly #numbers = new Map<AttributeProto, number>();
  readonly #nodes = { read: 0, all: 0 };
  constructor(list: readonly FunctionProto[], readonly what: string, readonly reading: Reading) {
    for (const f of list) {
      const key = keyOf(f.domain, f.name, f.overload);
      if (this.#known.has(key)) throw new FileFormatError(`${what} defines the function '${f.domain}.${f.name}' twice.`);
      this.#known.set(key, f);
    }
  }

  body(node: NodeProto, attributes: ReadonlyMap<string, AttributeProto>): Graph | undefined {
    const key = keyOf(node.domain, node.opType, node.overload);
    const f = this.#known.get(key);
    if (!f) return undefined;
    if (this.#open.includes(key)) throw new FileFormatError(`${this.what}: the function '${f.domain}.${f.name}' calls itself.`);
    const call = JSON.stringify([key, ...[...attributes].map(([name, a]) => [name, this.#numberOf(a)])]);
    const known = this.#bodies.get(call);
    this.#count('all', known?.size ?? f.node.length);
    if (known) return known.graph;
    this.#count('read', f.node.length);
    const before = this.#nodes.all - f.node.length;
    const opsets = readOpsets(f.opsetImport, `${this.what}: the function '${f.name}'`);
    const defaults = new Map(f.attributeProto.map((a) => [a.name, a]));
    const port = (name: string) => ({ name }) as never;
    this.#open.push(key);
    try {
      const graph = readGraph({ name: f.name, node: f.node, input: f.input.map(port), output: f.output.map(port), initializer: [], sparseInitializer: [] }, {
        ...this.reading,
        version: (domain, label) => opsets.get(domain) ?? this.reading.version(domain, label),
        body: (n, a) => this.body(n, a),
        attribute: (name) => attributes.get(name) ?? defaults.get(name),
      }, false);
      if (graph.captures.length) throw new FileFormatError(`${this.what}: the function '${f.name}' reads '${graph.captures[0]}', which it does not make.`);
      this.#bodies.set(call, { graph, size: this.#nodes.all - before });
      return graph;
    } finally {
      this.#open.pop();
    }
  }

  #count(which: 'read' | 'all', nodes: number): void {
    if ((this.#nodes[which] += nodes) > MOST_FUNCTION_NODES[which]) throw new FileFormatError(`${this.what}: its functions stand for more than ${MOST_FUNCTION_NODES[which]} nodes.`);
  }

  #numberOf(a: AttributeProto): number {
    const known = this.#numbers.get(a);
    if (known !== undefined) return known;
    this.#numbers.set(a, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}

/**
 * Reads and checks a model.
 * @param from a path, or the bytes of a file
 * @param folder where external tensors lie; that of the file where left out
 * @throws FileFormatError where it is none, damaged, or says what is not so
 */
export function readModel(from: string | Uint8Array, folder?: string): Model {
  if (typeof from !== 'string' && !(from instanceof Uint8Array)) throw new TypeError(`importModel: expected the path of a model or its bytes, got ${from === null ? 'null' : typeof from === 'object' ? `an instance of ${(from as object).constructor?.name}` : typeof from}.`);
  if (from === '') throw new TypeError('importModel: expected the path of a model or its bytes, got an empty text.');
  if (folder !== undefined && typeof folder !== 'string') throw new TypeError(`importModel: folder must be a path, got ${folder === null ? 'null' : typeof folder}.`);
  const source = typeof from === 'string' ? new FileSource(from, false, basename(from)) : new BytesSource(from);
  const files = new Folder(folder ?? (typeof from === 'string' ? dirname(from) : null));
  try {
    return read(source, files);
  } catch (error) {
    if (error instanceof HokkuError) throw error;
    // Graphs within graphs within graphs.
    if (error instanceof RangeError) throw new FileFormatError(`${source.name} is no ONNX model, or a damaged one: ${error.message}.`, { cause: error });
    throw error;
  }
}

function read(source: Source, folder: Folder): Model {
  if (new TextDecoder().decode(source.read(0, Math.min(LFS.length, source.size))) === LFS) throw new FileFormatError(`${source.name} only points to a model that is kept by Git LFS; fetch it with \`git lfs pull\`.`);
  const layout = layoutOf(source);
  const proto = decode(source, layout);
  if (proto.graph?.initializer.length !== layout.initializers.length) throw new FileFormatError(`${source.name} is no ONNX model, or a damaged one: its fields can be read in two ways.`);
  const opsets = readOpsets(proto.opsetImport, source.name);
  if (opsets.size === 0) throw new FileFormatError(`${source.name} is no ONNX model, or a damaged one: it imports no operator set.`);
  const reading: Reading = {
    what: source.name,
    tensor: (t, i, label) => readTensor(t, source, folder, i >= 0 ? layout.initializers[i].data : null, label),
    version: (domain, label) => {
      const version = opsets.get(domain);
      if (version === undefined) throw new FileFormatError(`${source.name}: the node ${label} is from the domain '${domain || 'ai.onnx'}', of which the model imports no version.`);
      return version;
    },
    body: (n, a) => functions.body(n, a),
    attribute: () => undefined,
  };
  const functions = new Functions(proto.functions, source.name, reading);
  return { source, folder, layout, proto, graph: readGraph(proto.graph!, reading, true), opsets };
}
