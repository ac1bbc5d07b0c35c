/**
 * ONNX Runtime's training checkpoint as a file: a FlatBuffers message `ODTC`, version 2, which the engine's own
 * `LoadCheckpoint` reads and `SaveCheckpoint` writes. Named tensors in two lists (trained and frozen), the optimizer's
 * groups, and properties; when they are too large for one message, the tensors' bytes lie beside it in `<path>.data`.
 */
import { createRequire } from 'node:module';
import type * as Flatbuffers from 'flatbuffers';
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { DTYPES, type DType } from '../runtime/dtypes.js';
import { FileFormatError, TypeError, ValueError } from '../runtime/errors.js';
import { PendingFile, writeFully } from './atomic-file.js';
import { FlatFile, type FlatTable } from './flat-reader.js';

// Loaded with the first checkpoint, so that importing the library stays cheap.
const flatbuffers = (): typeof Flatbuffers => createRequire(import.meta.url)('flatbuffers') as typeof Flatbuffers;

/** A tensor with a name: little-endian, row-major bytes. Bytes that were read from a file are a view, not aligned to the dtype. */
export interface NamedTensor { name: string; dtype: DType; shape: readonly number[]; data: Uint8Array }

/** What the optimizer keeps for one group of parameters (the engine knows one group, `group0`). */
export interface OptimizerGroup {
  name: string;
  /** Updates done so far. */
  step: bigint | number;
  initialLearningRate: number;
  /** By parameter: `momentum0`, `momentum1` for AdamW. */
  states: Map<string, NamedTensor[]>;
}

/** A typed value of its own: int64, float32 or text. */
export type Property =
  | { type: 'int'; value: bigint | number }
  | { type: 'float'; value: number }
  | { type: 'string'; value: string };

/** All that a checkpoint holds. Names are unique: among the parameters of both lists, and among the properties. */
export interface CheckpointContents {
  requiresGrad: NamedTensor[];
  frozen: NamedTensor[];
  optimizerGroups: OptimizerGroup[];
  properties: Map<string, Property>;
}

/** Reads `length` bytes at `offset` of the file beside the checkpoint, for the tensor so named. */
type ReadExternal = (offset: bigint, length: number, tensor: string) => Uint8Array;
type Fail = (fault: string) => FileFormatError;

const IDENTIFIER = 'ODTC';
const VERSION = 2;
/** A FlatBuffers message ends below 2 GiB, so from here on the bytes go beside it, as ONNX Runtime does. */
const EXTERNAL_ABOVE = 1_800_000_000;
const MOST_INLINE = 2 ** 31 - 1;
/** Of the tensors' bytes in the file beside: enough for every dtype. */
const ALIGNMENT = 8;
/** float16 and bfloat16 are numbers that the engine's loader refuses. */
const DTYPE_OF = new Map(Object.entries(DTYPES)
  .filter(([dtype]) => dtype !== 'float16' && dtype !== 'bfloat16')
  .map(([dtype, { onnx }]) => [onnx as number, dtype as DType]));

// ---- encode ----

/**
 * A checkpoint as the bytes of one file.
 *
 * @example
 * const bytes = encodeCheckpoint({ requiresGrad: [w], frozen: [b], optimizerGroups: [], properties: new Map() });
 *
 * @throws TypeError for a dtype that the format cannot hold; ValueError for names that are empty or occur twice, for byte
 * counts that do not match the shape, and for more than 2 GiB (use `writeCheckpoint`)
 */
export function encodeCheckpoint(contents: CheckpointContents): Uint8Array {
  checkContents(contents);
  const bytes = messageBytes(contents, false);
  if (bytes > MOST_INLINE) {
    throw new ValueError(`A checkpoint of ${bytes} bytes does not fit into one message of at most ${MOST_INLINE}: use writeCheckpoint, which puts the tensors into a file beside it.`);
  }
  return encode(contents, bytes);
}

/** `offsets` says where each tensor's bytes lie in the file beside; without it they are in the message. */
function encode(contents: CheckpointContents, sizeHint: number, offsets?: Map<NamedTensor, number>): Uint8Array {
  const b = new (flatbuffers().Builder)(sizeHint);
  const vector = (items: number[]): number => {
    b.startVector(4, items.length, 4);
    for (const item of items.toReversed()) b.addOffset(item);
    return b.endVector();
  };
  // A table of fields in the schema's order; each is written by its own function.
  const table = (...fields: ((id: number) => void)[]): number => {
    b.startObject(fields.length);
    fields.forEach((write, id) => write(id));
    return b.endObject();
  };
  const ref = (offset: number) => (id: number) => b.addFieldOffset(id, offset, 0);
  const int64 = (value: bigint) => (id: number) => b.addFieldInt64(id, value, null);
  const int32 = (value: number) => (id: number) => b.addFieldInt32(id, value, null);
  const float32 = (value: number) => (id: number) => b.addFieldFloat32(id, value, null);
  const bool = (value: boolean) => (id: number) => b.addFieldInt8(id, Number(value), 0);
  const none = () => {};

  // A string is written before its table begins, since arguments are: tables cannot be nested.
  const text = (value: string) => ref(b.createString(value));

  const tensor = (t: NamedTensor): number => {
    const name = text(t.name);
    b.startVector(8, t.shape.length, 8);
    for (const size of t.shape.toReversed()) b.addInt64(BigInt(size));
    const dims = b.endVector();
    const offset = offsets?.get(t);
    const bytes = offset === undefined ? ref(b.createByteVector(t.data)) : none;
    return table(name, none, ref(dims), int32(DTYPES[t.dtype].onnx), bytes, none, offset === undefined ? none : int64(BigInt(offset)));
  };
  const group = (g: OptimizerGroup): number => {
    const states = vector([...g.states].map(([param, momentums]) => {
      const tensors = vector(momentums.map(tensor));
      return table(text(param), ref(tensors));
    }));
    return table(text(g.name), int64(BigInt(g.step)), float32(g.initialLearningRate), ref(states));
  };
  const propertyBag = (): number => {
    const list = <V>(type: Property['type'], write: (value: V) => (id: number) => void) => ref(vector([...contents.properties]
      .filter(([, p]) => p.type === type)
      .map(([name, p]) => table(text(name), write(p.value as V)))));
    return table(list('int', (value: bigint | number) => int64(BigInt(value))), list('float', float32), list('string', text));
  };

  const frozen = vector(contents.frozen.map(tensor));
  const requiresGrad = vector(contents.requiresGrad.map(tensor));
  const moduleState = table(ref(requiresGrad), ref(frozen), none, bool(offsets !== undefined));
  const groups = contents.optimizerGroups.length > 0 ? ref(vector(contents.optimizerGroups.map(group))) : none;
  const properties = contents.properties.size > 0 ? ref(propertyBag()) : none;
  b.finish(table(int32(VERSION), ref(moduleState), groups, properties), IDENTIFIER);
  return b.asUint8Array();
}

/** At most so many bytes has the message; a tensor's table, its paddings and its references take less than 96. */
function messageBytes(contents: CheckpointContents, external: boolean): number {
  let total = 1024;
  const text = (s: string) => { total += 3 * s.length + 96; };
  for (const t of tensorsOf(contents)) {
    text(t.name);
    total += 96 + 8 * t.shape.length + (external ? 0 : t.data.byteLength);
  }
  for (const g of contents.optimizerGroups) {
    text(g.name);
    for (const param of g.states.keys()) text(param);
  }
  for (const [name, p] of contents.properties) {
    text(name);
    if (p.type === 'string') text(p.value);
  }
  return total;
}

function* tensorsOf(contents: CheckpointContents): Iterable<NamedTensor> {
  yield* contents.requiresGrad;
  yield* contents.frozen;
  for (const g of contents.optimizerGroups) for (const tensors of g.states.values()) yield* tensors;
}

// ---- decode ----

/**
 * What a checkpoint's bytes hold; the tensors' data are views of `bytes`.
 *
 * @param file how messages call the bytes
 * @throws FileFormatError where the bytes are not a whole checkpoint of version 2, or where their tensors lie in another file
 */
export function decodeCheckpoint(bytes: Uint8Array, { file = 'these bytes' }: { file?: string } = {}): CheckpointContents {
  const fail = failure(file);
  return decode(bytes, fail, () => {
    throw fail('keeps its tensors in a file beside it: read it by its path, with readCheckpoint');
  });
}

function decode(bytes: Uint8Array, fail: Fail, readExternal: ReadExternal): CheckpointContents {
  const flat = new FlatFile(bytes, fail);
  if (bytes.byteLength < 8) throw fail(`is cut off: it has ${bytes.byteLength} bytes`);
  const identifier = Buffer.from(bytes.subarray(4, 8)).toString('latin1');
  if (identifier !== IDENTIFIER) throw fail(`is no training checkpoint: it has ${JSON.stringify(identifier)} where ${IDENTIFIER} should be`);
  const root = flat.root();
  const version = root.int32(0);
  if (version !== VERSION) throw fail(`has version ${version} of the format, and only ${VERSION} can be read`);

  const contents: CheckpointContents = { requiresGrad: [], frozen: [], optimizerGroups: [], properties: new Map() };
  const module = root.table(1);
  if (module !== undefined) {
    if (module.bool(2)) throw fail('is nominal: it has the names of the parameters without their values');
    const parameters = uniqueNames(fail, 'parameter');
    const list = (id: number): NamedTensor[] => {
      const tensors = module.tables(id);
      if (tensors === undefined) throw fail(`lacks its list of ${id === 0 ? 'trainable' : 'frozen'} parameters`);
      return Array.from(tensors, (t) => decodeTensor(t, parameters, fail, readExternal));
    };
    contents.requiresGrad = list(0);
    contents.frozen = list(1);
  }
  const groups = uniqueNames(fail, 'optimizer group');
  for (const g of root.tables(2) ?? []) {
    const name = groups(g.string(0));
    const parameters = uniqueNames(fail, 'optimizer state');
    const states = new Map<string, NamedTensor[]>();
    for (const s of g.tables(3) ?? []) {
      const tensors = uniqueNames(fail, 'momentum');
      states.set(parameters(s.string(0)), Array.from(s.tables(1) ?? [], (t) => decodeTensor(t, tensors, fail, readExternal)));
    }
    contents.optimizerGroups.push({ name, step: g.int64(1), initialLearningRate: g.float32(2), states });
  }
  const bag = root.table(3);
  const names = uniqueNames(fail, 'property');
  for (const p of bag?.tables(0) ?? []) contents.properties.set(names(p.string(0)), { type: 'int', value: p.int64(1) });
  for (const p of bag?.tables(1) ?? []) contents.properties.set(names(p.string(0)), { type: 'float', value: p.float32(1) });
  for (const p of bag?.tables(2) ?? []) contents.properties.set(names(p.string(0)), { type: 'string', value: p.string(1) ?? '' });
  return contents;
}

function decodeTensor(t: FlatTable, names: (name: string | undefined) => string, fail: Fail, readExternal: ReadExternal): NamedTensor {
  const name = names(t.string(0));
  const shown = JSON.stringify(name);
  const dtype = DTYPE_OF.get(t.int32(3));
  if (dtype === undefined) throw fail(`has the tensor ${shown} of the unknown or unsupported type ${t.int32(3)}`);
  const dims = t.int64s(2);
  if (dims === undefined) throw fail(`has no shape for the tensor ${shown}`);
  const byteLength = dims.reduce((product, size) => product * size, BigInt(DTYPES[dtype].size));
  if ([...dims, byteLength].some((size) => size < 0n || size > BigInt(Number.MAX_SAFE_INTEGER))) throw fail(`has an impossible shape for the tensor ${shown}: [${dims.join(', ')}]`);
  const size = Number(byteLength);
  const offset = t.int64(6, -1n);
  const inline = t.bytes(4);
  if (inline === undefined && offset < 0n) throw fail(`has no values for the tensor ${shown}`);
  if (inline !== undefined && inline.byteLength !== size) {
    throw fail(`has ${inline.byteLength} bytes for the tensor ${shown}, and ${dtype}[${dims.join(',')}] takes ${size}`);
  }
  return { name, dtype, shape: dims.map(Number), data: inline ?? readExternal(offset, size, shown) };
}

// ---- files ----

/**
 * Writes a checkpoint that the engine can load. The previous file stays whole until the new one is: a full disk or a
 * crash loses nothing. Above about 1.8 GB the tensors go into `<path>.data`, which then also holds the previous ones, since
 * two files cannot change their names at once (writers of one such path must take turns).
 *
 * @param options `externalAbove`: from how many bytes of tensors on they go into the file beside
 */
export function writeCheckpoint(path: string, contents: CheckpointContents, { externalAbove = EXTERNAL_ABOVE }: { externalAbove?: number } = {}): void {
  checkContents(contents);
  let total = 0;
  for (const t of tensorsOf(contents)) total += t.data.byteLength;
  const dataPath = `${path}.data`;
  const external = total > externalAbove;
  const offsets = new Map<NamedTensor, number>();
  const inUse = usedExternally(path, dataPath);
  let end = 0;
  if (external) {
    let needed = 0;
    for (const t of tensorsOf(contents)) needed += aligned(t.data.byteLength);
    // The new bytes go before those that the previous checkpoint refers to, where there is room, or else behind them.
    if (inUse !== undefined && needed > inUse.start) end = aligned(inUse.end);
    for (const t of tensorsOf(contents)) {
      offsets.set(t, end);
      end += aligned(t.data.byteLength);
    }
  }
  const message = encode(contents, messageBytes(contents, external), external ? offsets : undefined);
  using data = external ? new PendingFile(dataPath, (fd) => {
    ftruncateSync(fd, Math.max(end, inUse?.end ?? 0));
    for (const [t, offset] of offsets) writeFully(fd, t.data, offset);
  }, { startFrom: inUse && dataPath }) : undefined;
  using file = new PendingFile(path, (fd) => writeFully(fd, message, 0));
  data?.commit();
  file.commit();
  if (!external) rmSync(dataPath, { force: true });
}

const aligned = (length: number) => Math.ceil(length / ALIGNMENT) * ALIGNMENT;

/** The part of the file beside that the present checkpoint needs; undefined where there is none, or none that can be read. */
function usedExternally(path: string, dataPath: string): { start: number; end: number } | undefined {
  if (statSync(dataPath, { throwIfNoEntry: false }) === undefined) return undefined;
  let start = Infinity;
  let end = 0;
  try {
    const fail = failure(path);
    decode(readMessage(path, fail), fail, (offset, length) => {
      start = Math.min(start, Number(offset));
      end = Math.max(end, Number(offset) + length);
      return new Uint8Array(0); // only the positions matter here
    });
    return end > 0 && end <= statSync(dataPath).size ? { start, end } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads a checkpoint, with the file beside it if it has one.
 *
 * @example
 * const { requiresGrad, frozen } = readCheckpoint('run/checkpoint');
 *
 * @throws FileFormatError, in one sentence that names the file and the fault; the system's own error where it cannot be opened
 */
export function readCheckpoint(path: string): CheckpointContents {
  const fail = failure(path);
  const dataPath = `${path}.data`;
  let fd: number | undefined;
  let left = 0;
  try {
    return decode(readMessage(path, fail), fail, (offset, length, tensor) => {
      if (fd === undefined) {
        if (statSync(dataPath, { throwIfNoEntry: false }) === undefined) throw fail(`keeps its tensors in ${dataPath}, which is not there`);
        fd = openSync(dataPath, 'r');
        left = fstatSync(fd).size;
      }
      const { size } = fstatSync(fd);
      if (offset + BigInt(length) > BigInt(size)) throw fail(`refers to byte ${offset + BigInt(length)} of ${dataPath}, which has ${size}`);
      // Tensors do not share bytes, so together they are no larger than the file: nothing larger is ever allocated.
      left -= length;
      if (left < 0) throw fail(`has tensors that overlap in ${dataPath}, such as ${tensor}`);
      return readFully(fd, length, Number(offset), fail);
    });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function readMessage(path: string, fail: Fail): Uint8Array {
  const fd = openSync(path, 'r');
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw fail('is not a file');
    if (stat.size > MOST_INLINE) throw fail(`has ${stat.size} bytes, more than a checkpoint can have`);
    return readFully(fd, stat.size, 0, fail);
  } finally {
    closeSync(fd);
  }
}

function readFully(fd: number, length: number, position: number, fail: Fail): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const count = readSync(fd, bytes, done, Math.min(length - done, 1 << 30), position + done);
    if (count === 0) throw fail('became shorter while it was read');
    done += count;
  }
  return bytes;
}

// ---- checks ----

const failure = (file: string): Fail => (fault) => new FileFormatError(`Checkpoint ${file} ${fault}.`);

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Passes each name on once; refuses those that a map of names could not hold. */
function uniqueNames(refuse: (fault: string) => Error, what: string): (name: string | undefined) => string {
  const seen = new Set<string>();
  return (name) => {
    if (name === undefined || name === '') throw refuse(`has a ${what} without a name`);
    if (name.split('/').includes('__proto__')) throw refuse(`has the ${what} ${JSON.stringify(name)}, a name that is reserved`);
    if (LONE_SURROGATE.test(name)) throw refuse(`has the ${what} ${JSON.stringify(name)}, which is no well-formed Unicode`);
    if (seen.has(name)) throw refuse(`has the ${what} ${JSON.stringify(name)} twice`);
    seen.add(name);
    return name;
  };
}

/** What a caller may not ask to be written: the same rules as for reading, as errors about the value. */
function checkContents(contents: CheckpointContents): void {
  const refuse = (fault: string) => new ValueError(`The checkpoint to be written ${fault}.`);
  const check = (tensors: NamedTensor[], names: (name: string) => string) => {
    for (const t of tensors) checkTensor(t, names(t.name), refuse);
  };
  const parameters = uniqueNames(refuse, 'parameter');
  check(contents.requiresGrad, parameters);
  check(contents.frozen, parameters);
  const groups = uniqueNames(refuse, 'optimizer group');
  for (const g of contents.optimizerGroups) {
    groups(g.name);
    checkInt64(g.step, `the step of ${g.name}`, refuse);
    const params = uniqueNames(refuse, 'optimizer state');
    for (const [param, tensors] of g.states) check(tensors, uniqueNames(refuse, `momentum of ${params(param)}`));
  }
  const properties = uniqueNames(refuse, 'property');
  for (const [name, p] of contents.properties) {
    properties(name);
    if (p.type === 'int') checkInt64(p.value, `the property ${name}`, refuse);
    if (p.type === 'string' && LONE_SURROGATE.test(p.value)) throw refuse(`has the property ${name}, whose text is no well-formed Unicode`);
  }
}

function checkTensor(t: NamedTensor, name: string, refuse: (fault: string) => Error): void {
  if (DTYPE_OF.get(DTYPES[t.dtype]?.onnx) === undefined) {
    throw new TypeError(`${name} is ${t.dtype}, which ONNX Runtime's checkpoint format cannot hold: store it as float32 and cast it in the graph.`);
  }
  if (t.shape.some((size) => !Number.isSafeInteger(size) || size < 0)) throw refuse(`has an impossible shape for ${name}: [${t.shape.join(', ')}]`);
  const size = t.shape.reduce((product, n) => product * n, DTYPES[t.dtype].size);
  if (size !== t.data.byteLength) throw refuse(`has ${t.data.byteLength} bytes for ${name}, and ${t.dtype}[${t.shape.join(',')}] takes ${size}`);
}

function checkInt64(value: bigint | number, what: string, refuse: (fault: string) => Error): void {
  const fits = typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value);
  if (!fits) throw refuse(`has ${value} as ${what}, which is no 64-bit integer`);
}
