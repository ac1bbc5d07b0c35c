/** Model files put together from parts of another one and new tensors, written beside their place, checked, and moved there. */
import { closeSync, fsyncSync, mkdtempSync, openSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { NodeProto, TensorProto } from 'onnx-buf';
import { messages } from '../lowering/model.js';
import { engine } from '../runtime/engines.js';
import { HokkuError, TypeError, ValueError } from '../runtime/errors.js';
import { makeFolder } from '../runtime/folders.js';
import { writeFully } from '../training/atomic-file.js';
import type { Source } from './source.js';
import { GRAPH_INITIALIZER, GRAPH_NODE, MODEL_GRAPH, TENSOR_RAW, header, type Field, type Layout, type Piece } from './wire.js';

/** Elements: in memory, or where they lie. */
export type Elements = Uint8Array | { readonly source: Source; readonly from: number; readonly to: number };
/** A tensor to be written: its message without elements, and these. */
export interface NewTensor { readonly proto: TensorProto; readonly elements: Elements }

export interface WriteOptions {
  /** Elements in a file beside the model; by default only where the model would be larger than 2 GB. */
  externalData?: boolean;
  /** False: ONNX Runtime does not load the file before it takes its place. */
  check?: boolean;
}

/** Protocol buffers hold less than this. */
const MOST_BYTES = 2 ** 31 - 2 ** 20;
/** Smaller tensors stay in the model. */
const LEAST_EXTERNAL = 1024;
const ALIGNMENT = 64;

const sizeOf = (e: Elements): number => (e instanceof Uint8Array ? e.byteLength : e.to - e.from);
/** How much of a tensor is copied at a time. */
const CHUNK = 1 << 24;
function* chunks(e: Elements): Generator<Uint8Array> {
  if (e instanceof Uint8Array) { yield e; return; }
  for (let at = e.from; at < e.to; at += CHUNK) yield e.source.read(at, Math.min(CHUNK, e.to - at));
}

interface Part { readonly length: number; readonly bytes: () => Iterable<Uint8Array> }
const part = (source: Source, piece: Piece): Part => (piece instanceof Uint8Array ? { length: piece.byteLength, bytes: () => [piece] } : { length: piece.to - piece.from, bytes: () => chunks({ source, from: piece.from, to: piece.to }) });

const bytesPart = (number: number, bytes: Uint8Array): Part[] => [header(number, bytes.length), bytes].map((b) => ({ length: b.length, bytes: () => [b] }));

/** The field of an initializer with its elements in it. */
function inline({ proto, elements }: NewTensor): Part[] {
  const { onnx, protobuf } = messages();
  const head = protobuf.toBinary(onnx.TensorProtoSchema, proto);
  const size = sizeOf(elements);
  const raw = header(TENSOR_RAW, size);
  return [...[header(GRAPH_INITIALIZER, head.length + raw.length + size), head, raw].map((b) => ({ length: b.length, bytes: () => [b] })), { length: size, bytes: () => chunks(elements) }];
}

/** The field of an initializer that says where its elements lie. */
function external({ proto, elements }: NewTensor, location: string, offset: number): Part[] {
  const { onnx, protobuf } = messages();
  const entry = (key: string, value: string | number) => protobuf.create(onnx.StringStringEntryProtoSchema, { key, value: String(value) });
  const head = protobuf.toBinary(onnx.TensorProtoSchema, { ...proto, dataLocation: 1, externalData: [entry('location', location), entry('offset', offset), entry('length', sizeOf(elements))] } as TensorProto);
  return bytesPart(GRAPH_INITIALIZER, head);
}

/** What a file is made of: an existing model, whose initializers are replaced by number, and further ones. */
export interface Recipe {
  readonly source: Source;
  readonly layout: Layout;
  readonly replaced: ReadonlyMap<number, NewTensor>;
  /** Nodes that hold tensors which changed, by number. */
  readonly nodes: ReadonlyMap<number, NodeProto>;
  readonly added: readonly NewTensor[];
  readonly stored: (index: number) => NewTensor;
}

function assemble({ source, layout, replaced, nodes, added, stored }: Recipe, location: string | null): { model: Part[]; data: Part[] } {
  const data: Part[] = [];
  let offset = 0;
  const tensor = (t: NewTensor): Part[] => {
    if (location === null || sizeOf(t.elements) < LEAST_EXTERNAL) return inline(t);
    const padding = (ALIGNMENT - (offset % ALIGNMENT)) % ALIGNMENT;
    data.push({ length: padding, bytes: () => [new Uint8Array(padding)] }, { length: sizeOf(t.elements), bytes: () => chunks(t.elements) });
    offset += padding;
    const field = external(t, location, offset);
    offset += sizeOf(t.elements);
    return field;
  };
  const whole = (f: Field): Piece => ({ from: f.start, to: f.to });
  const numbers = new Map(layout.initializers.map((s, i) => [s.field, i]));
  let nodeCount = 0;
  const graph = [...layout.graph.flatMap((f): Part[] => {
    const changed = f.number === GRAPH_NODE ? nodes.get(nodeCount++) : undefined;
    if (changed) return bytesPart(GRAPH_NODE, messages().protobuf.toBinary(messages().onnx.NodeProtoSchema, changed));
    const i = numbers.get(f);
    const given = i === undefined ? undefined : replaced.get(i);
    if (given) return tensor(given);
    return i !== undefined && location !== null && layout.initializers[i].data ? tensor(stored(i)) : [part(source, whole(f))];
  }), ...added.flatMap(tensor)];
  const length = graph.reduce((n, p) => n + p.length, 0);
  const model = layout.model.flatMap((f) => (f.number === MODEL_GRAPH ? [part(source, header(MODEL_GRAPH, length)), ...graph] : [part(source, whole(f))]));
  return { model, data };
}

const total = (parts: readonly Part[]): number => parts.reduce((n, p) => n + p.length, 0);

/** The bytes of the file. */
export function modelBytes(recipe: Recipe): Uint8Array {
  const { model } = assemble(recipe, null);
  const size = total(model);
  if (size > MOST_BYTES) throw new ValueError(`exportModel: the model takes ${size} bytes, more than a file can hold without external data; give a path to write it to.`);
  const out = new Uint8Array(size);
  let at = 0;
  for (const p of model) for (const bytes of p.bytes()) { out.set(bytes, at); at += bytes.byteLength; }
  return out;
}

function writeParts(path: string, parts: readonly Part[]): void {
  const fd = openSync(path, 'wx');
  try {
    let at = 0;
    for (const p of parts) for (const bytes of p.bytes()) { writeFully(fd, bytes, at); at += bytes.byteLength; }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Has ONNX Runtime load a model. */
export function checkByEngine(model: string | Uint8Array): void { engine('onnxruntime').createSession(model, { graphOptimizationLevel: 0 }).dispose(); }

/** Writes the model, and what it holds in a file beside it; files that are there already are replaced only if all went well. */
export function writeModel(recipe: Recipe, path: string, options: WriteOptions): void {
  if (typeof path !== 'string' || path === '') throw new TypeError(`exportModel: the path must be a text, got ${path === '' ? 'an empty one' : path === null ? 'null' : typeof path}.`);
  try {
    write(recipe, path, options);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof HokkuError || !code) throw error;
    throw new ValueError(`exportModel: '${path}' cannot be written (${code}): ${code === 'EISDIR' ? 'it is a folder' : (error as Error).message}.`, 'WRITE', { cause: error });
  }
}

function write(recipe: Recipe, path: string, { externalData, check = true }: WriteOptions): void {
  const location = `${basename(path)}.data`;
  const plain = externalData === true ? null : assemble(recipe, null);
  const outside = externalData === true || (externalData === undefined && total(plain!.model) > MOST_BYTES);
  if (!outside && total(plain!.model) > MOST_BYTES) throw new ValueError(`exportModel: the model takes ${total(plain!.model)} bytes, more than a file can hold without external data; leave externalData out.`);
  const { model, data } = outside ? assemble(recipe, location) : plain!;
  const folder = dirname(path);
  makeFolder(folder);
  const aside = mkdtempSync(join(folder, '.hokku-'));
  try {
    writeParts(join(aside, basename(path)), model);
    if (data.length) writeParts(join(aside, location), data);
    if (check) checkByEngine(join(aside, basename(path)));
    if (data.length) renameSync(join(aside, location), join(folder, location));
    renameSync(join(aside, basename(path)), path);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

