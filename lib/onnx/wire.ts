/**
 * Protocol buffers' wire format, as far as it takes to walk through a file without holding it: large tensors are left where
 * they lie, and the rest, the skeleton, is decoded as usual.
 */
import { FileFormatError } from '../runtime/errors.js';
import type { Source } from './source.js';

export interface Range { readonly from: number; readonly to: number }
/** One field of a message: all of it (`start` to `to`), and what it holds (`from` to `to`). */
export interface Field extends Range { readonly start: number; readonly number: number; readonly wire: number }

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const broken = (source: Source, at: number, what: string): FileFormatError => new FileFormatError(`${source.name} is no ONNX model, or a damaged one: ${what} at byte ${at}.`);

/** A number, and where it ends. */
function varint(source: Source, at: number, to: number): [number, number] {
  const bytes = source.read(at, Math.min(10, to - at));
  let value = 0;
  for (let i = 0; i < bytes.length; i++) {
    value += (bytes[i] & 127) * 2 ** (7 * i);
    if (bytes[i] < 128) return [value, at + i + 1];
  }
  throw broken(source, at, 'a number without an end');
}

/** The fields of the message in a range. */
export function* fields(source: Source, { from, to }: Range): Generator<Field> {
  for (let start = from; start < to;) {
    const [key, after] = varint(source, start, to);
    const [number, wire] = [Math.floor(key / 8), key % 8];
    let begin = after;
    let end: number;
    if (wire === VARINT) end = varint(source, after, to)[1];
    else if (wire === FIXED64) end = after + 8;
    else if (wire === FIXED32) end = after + 4;
    else if (wire === BYTES) {
      const [length, at] = varint(source, after, to);
      begin = at;
      end = at + length;
    } else throw broken(source, start, `a field of kind ${wire}`);
    // Decoders look at 32 bits only, and so may see another field.
    if (key >= 2 ** 32) throw broken(source, start, 'a field whose number is too large');
    if (number === 0 || end > to) throw broken(source, start, number === 0 ? 'a field without a number' : `a field that is said to end at byte ${end}, behind the end of what holds it (${to}),`);
    yield { start, number, wire, from: begin, to: end };
    start = end;
  }
}

export function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let v = value; ; v = Math.floor(v / 128)) {
    if (v < 128) { bytes.push(v); return Uint8Array.from(bytes); }
    bytes.push((v % 128) + 128);
  }
}
/** The key and the length in front of a field's bytes. */
export const header = (number: number, length: number): Uint8Array => Buffer.concat([encodeVarint(number * 8 + BYTES), encodeVarint(length)]);

/** Numbers of the fields of ONNX's messages that are walked here. */
export const MODEL_GRAPH = 7;
export const GRAPH_NODE = 1;
export const GRAPH_INITIALIZER = 5;
const TENSOR_FLOATS = 4;
export const TENSOR_RAW = 9;
const TENSOR_DOUBLES = 10;

/** Tensors from this size on are left in the file. */
const LARGE = 1024;

/** An initializer in the file. `data`: its elements, little-endian, where they are not part of the skeleton. */
export interface Stored { readonly field: Field; readonly data: Range | null }
export interface Layout {
  /** The fields of the model and those of its graph, in order. */
  readonly model: readonly Field[];
  readonly graph: readonly Field[];
  readonly initializers: readonly Stored[];
  /** The model without the elements of large initializers. */
  readonly skeleton: Uint8Array;
}

/** Bytes that are new, or a part of the source. */
export type Piece = Uint8Array | Range;
export const lengthOf = (pieces: readonly Piece[]): number => pieces.reduce((n, p) => n + (p instanceof Uint8Array ? p.byteLength : p.to - p.from), 0);

/** Pieces in one memory. */
export function gather(source: Source, pieces: readonly Piece[]): Uint8Array {
  const out = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const p of pieces) {
    const bytes = p instanceof Uint8Array ? p : source.read(p.from, p.to - p.from);
    out.set(bytes, at);
    at += bytes.byteLength;
  }
  return out;
}

const whole = (f: Field): Range => ({ from: f.start, to: f.to });

/** Finds the parts of a model file. Allocates little more than what is no tensor. */
export function layoutOf(source: Source): Layout {
  const model = [...fields(source, { from: 0, to: source.size })];
  const graphs = model.filter((f) => f.number === MODEL_GRAPH);
  if (graphs.length !== 1 || graphs[0].wire !== BYTES) throw new FileFormatError(`${source.name} is no ONNX model: it has ${graphs.length === 0 ? 'no graph' : `${graphs.length} graphs`}.`);
  const graph = [...fields(source, graphs[0])];
  const initializers: Stored[] = [];
  const inner = graph.flatMap((f): Piece[] => {
    if (f.number !== GRAPH_INITIALIZER || f.wire !== BYTES) return [whole(f)];
    const parts = f.to - f.from < LARGE ? [] : [...fields(source, f)];
    const large = parts.filter((t) => (t.number === TENSOR_RAW || t.number === TENSOR_FLOATS || t.number === TENSOR_DOUBLES) && t.wire === BYTES && t.to - t.from >= LARGE / 2);
    if (large.length > 1) throw broken(source, f.start, 'a tensor that has its elements twice');
    initializers.push({ field: f, data: large[0] ?? null });
    if (large.length === 0) return [whole(f)];
    const rest = parts.filter((t) => t !== large[0]).map(whole);
    return [header(GRAPH_INITIALIZER, lengthOf(rest)), ...rest];
  });
  const skeleton = gather(source, model.flatMap((f) => (f === graphs[0] ? [header(MODEL_GRAPH, lengthOf(inner)), ...inner] : [whole(f)])));
  return { model, graph, initializers, skeleton };
}
