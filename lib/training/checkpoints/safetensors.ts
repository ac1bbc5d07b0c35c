/**
 * Safetensors: eight bytes of header length, a JSON header, and the tensors' little-endian bytes without a gap. Nothing in
 * a header is believed before it is checked: the same rules as the format's own reader, each with an error of its own.
 */
import { readFileSync } from 'node:fs';
import { DTYPES, type DType } from '../../runtime/dtypes.js';
import { FileFormatError, TypeError, ValueError } from '../../runtime/errors.js';
import type { NamedTensor } from '../checkpoint-file.js';

const DTYPE_OF = new Map<string, DType>(Object.entries({
  F64: 'float64', F32: 'float32', F16: 'float16', BF16: 'bfloat16', I64: 'int64', I32: 'int32', I16: 'int16', I8: 'int8',
  U64: 'uint64', U32: 'uint32', U16: 'uint16', U8: 'uint8', BOOL: 'bool',
}));
const NAME_OF = new Map([...DTYPE_OF].map(([name, dtype]) => [dtype, name]));
/** The format's own limit. */
const MOST_HEADER = 100_000_000;
const METADATA = '__metadata__';

/** One tensor of a header; its bytes are at `start` to `end` behind the header. */
export interface Entry { readonly name: string; readonly dtype: DType; readonly shape: readonly number[]; readonly start: number; readonly end: number }
export interface Header { readonly entries: readonly Entry[]; readonly metadata: ReadonlyMap<string, string> }
type Refuse = (fault: string, options?: ErrorOptions) => FileFormatError;

const refusal = (path: string): Refuse => (fault, options) => new FileFormatError(`${path} is no safetensors file that can be read: ${fault}.`, options);
const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;

/** The length of the header, out of the first eight bytes of a file of `size` bytes. */
export function headerLength(first: Uint8Array, size: number, path: string): number {
  const refuse = refusal(path);
  if (first.byteLength < 8) throw refuse(`it has ${first.byteLength} bytes, fewer than the eight of the header's length`);
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MOST_HEADER)) throw refuse(`its header claims ${length} bytes, and the format allows ${MOST_HEADER}`);
  if (Number(length) > size - 8) throw refuse(`its header claims ${length} bytes, but ${size - 8} follow`);
  return Number(length);
}

/**
 * The checked header of a file.
 * @param json the header's bytes
 * @param dataLength how many bytes follow it
 */
export function parseHeader(json: Uint8Array, dataLength: number, path: string): Header {
  const refuse = refusal(path);
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json);
    header = JSON.parse(text);
  } catch (cause) {
    throw refuse('its header is no JSON in UTF-8', { cause });
  }
  if (!text.startsWith('{')) throw refuse('its header is no JSON object');
  refuseTwice(text, refuse);
  const metadata = new Map<string, string>();
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header as object)) {
    if (name === METADATA) readMetadata(value, metadata, refuse);
    else entries.push(readEntry(name, value, refuse));
  }
  entries.sort((a, b) => a.start - b.start || a.end - b.end);
  let at = 0;
  for (const { name, start, end } of entries) {
    if (start < at) throw refuse(`'${name}' begins at byte ${start}, inside the tensor before it`);
    if (start > at) throw refuse(`bytes ${at} to ${start} belong to no tensor`);
    at = end;
  }
  if (at !== dataLength) throw refuse(at > dataLength ? `its tensors take ${at} bytes, but ${dataLength} follow the header` : `its last ${dataLength - at} bytes belong to no tensor`);
  return { entries, metadata };
}

function readMetadata(value: unknown, into: Map<string, string>, refuse: Refuse): void {
  if (typeof value !== 'object' || value === null || globalThis.Array.isArray(value)) throw refuse('its metadata is no mapping');
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw refuse(`its metadata has something other than a text under '${key}'`);
    into.set(key, text);
  }
}

function readEntry(name: string, value: unknown, refuse: Refuse): Entry {
  checkName(name, (fault) => refuse(fault));
  const { dtype: code, shape, data_offsets: offsets, ...rest } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (Object.keys(rest).length > 0) throw refuse(`'${name}' has the unknown field '${Object.keys(rest)[0]}'`);
  const dtype = typeof code === 'string' ? DTYPE_OF.get(code) : undefined;
  if (dtype === undefined) throw refuse(`'${name}' has the type ${JSON.stringify(code)}, which is unknown or not supported`);
  if (!globalThis.Array.isArray(shape) || !shape.every(isCount)) throw refuse(`'${name}' has the shape ${JSON.stringify(shape)}`);
  const bytes = shape.reduce((product: number, n: number) => product * n, DTYPES[dtype].size);
  if (!isCount(bytes)) throw refuse(`'${name}' has the impossible shape [${shape.join(',')}]`);
  if (!globalThis.Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) throw refuse(`'${name}' has the offsets ${JSON.stringify(offsets)}`);
  const [start, end] = offsets as [number, number];
  if (end - start !== bytes) throw refuse(`'${name}' is ${dtype}[${shape.join(',')}] of ${bytes} bytes, but lies at ${start} to ${end}`);
  return { name, dtype, shape, start, end };
}

/** Names that occur twice in one object of a JSON text, which `JSON.parse` joins without a word. */
function refuseTwice(text: string, refuse: Refuse): void {
  const open: (Set<string> | null)[] = [];
  let last: string | null = null;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/gs)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(null);
    else if (token === '}' || token === ']') open.pop();
    else if (token !== ':') { last = token; continue; }
    else {
      const name = JSON.parse(last!) as string;
      const names = open.at(-1)!;
      if (names.has(name)) throw refuse(`its header has the name '${name}' twice`);
      names.add(name);
    }
  }
}

/** Refuses names that no map of names should hold, and those that other readers could not give back. */
export function checkName(name: string, refuse: (fault: string) => Error): void {
  if (name === '') throw refuse('a tensor has an empty name');
  if (name.split('/').includes('__proto__')) throw refuse(`the name ${JSON.stringify(name)} is reserved`);
  if (/\p{Surrogate}/u.test(name)) throw refuse(`the name ${JSON.stringify(name)} is no well-formed Unicode`);
}

/** Every tensor of a file that is in memory, in the order of its bytes; each has a copy of its own, so that it is aligned. */
export function decodeSafetensors(file: Uint8Array, path: string): { tensors: Map<string, NamedTensor>; metadata: ReadonlyMap<string, string> } {
  const length = headerLength(file.subarray(0, 8), file.byteLength, path);
  const data = file.subarray(8 + length);
  const { entries, metadata } = parseHeader(file.subarray(8, 8 + length), data.byteLength, path);
  return { metadata, tensors: new Map(entries.map(({ name, dtype, shape, start, end }) => [name, { name, dtype, shape, data: Uint8Array.from(data.subarray(start, end)) }])) };
}

/** Every tensor of a safetensors file, by name. */
export const readSafetensors = (path: string): Map<string, NamedTensor> => decodeSafetensors(readFileSync(path), path).tensors;

/**
 * A file as the pieces that it consists of, one after another: the tensors' own bytes are not copied. Wide types come
 * first, so that every tensor is aligned, and names are sorted within them.
 *
 * @throws ValueError for names that occur twice or are reserved, and byte counts that do not match the shape
 */
export function encodeSafetensors(tensors: Iterable<NamedTensor>, metadata?: Readonly<Record<string, string>>): Uint8Array[] {
  const refuse = (fault: string) => new ValueError(`The safetensors file to be written is impossible: ${fault}.`);
  const sorted = [...tensors].sort((a, b) => DTYPES[b.dtype].size - DTYPES[a.dtype].size || (a.name < b.name ? -1 : 1));
  const header = new Map<string, unknown>(metadata ? [[METADATA, metadata]] : []);
  let at = 0;
  for (const { name, dtype, shape, data } of sorted) {
    checkName(name, refuse);
    if (name === METADATA || header.has(name)) throw refuse(name === METADATA ? `a tensor is named ${METADATA}` : `two tensors are named '${name}'`);
    const code = NAME_OF.get(dtype);
    if (!code) throw new TypeError(`'${name}' is ${String(dtype)}, which safetensors cannot hold.`);
    const size = shape.reduce((product, n) => product * n, DTYPES[dtype].size);
    if (size !== data.byteLength) throw refuse(`'${name}' has ${data.byteLength} bytes, and ${dtype}[${shape.join(',')}] takes ${size}`);
    header.set(name, { dtype: code, shape, data_offsets: [at, (at += size)] });
  }
  const json = Buffer.from(`{${[...header].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join()}}`, 'utf8');
  if (json.byteLength > MOST_HEADER) throw refuse(`its header would have ${json.byteLength} bytes, and the format allows ${MOST_HEADER}`);
  const padded = Buffer.alloc(8 + Math.ceil(json.byteLength / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.byteLength - 8));
  json.copy(padded, 8);
  return [padded, ...sorted.map((t) => t.data)];
}
