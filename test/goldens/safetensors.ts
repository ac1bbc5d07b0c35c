/** A reader of safetensors files, checked before anything in the header is believed. */
import { readFileSync } from 'node:fs';
import { FileFormatError } from '../../lib/runtime/errors.js';
import { DTYPES, type DType } from '../../lib/runtime/dtypes.js';

const NAMES: Record<string, DType> = {
  F32: 'float32', F64: 'float64', F16: 'float16', BF16: 'bfloat16', BOOL: 'bool',
  I8: 'int8', I16: 'int16', I32: 'int32', I64: 'int64', U8: 'uint8', U16: 'uint16', U32: 'uint32', U64: 'uint64',
};

/** One array as it lies in the file: little-endian numbers in row-major order. */
export interface RawArray { readonly dtype: DType; readonly shape: readonly number[]; readonly bytes: Uint8Array }

interface Entry { dtype: string; shape: number[]; data_offsets: [number, number] }

const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;

/** Every array of a file by name. The bytes of each are a copy, so that they are aligned. */
export function readSafetensors(path: string): Map<string, RawArray> {
  const file = readFileSync(path);
  const refuse = (why: string): never => { throw new FileFormatError(`${path} is no safetensors file: ${why}.`); };
  if (file.length < 8) refuse(`it has ${file.length} bytes, fewer than the eight of the header's length`);
  const headerLength = Number(file.readBigUInt64LE(0));
  if (headerLength > file.length - 8) refuse(`its header claims ${headerLength} bytes, but ${file.length - 8} follow`);
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<string, Entry>;
  const data = file.subarray(8 + headerLength);
  const arrays = new Map<string, RawArray>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const dtype = NAMES[entry.dtype] ?? refuse(`'${name}' has the unknown type ${entry.dtype}`);
    const [start, end] = entry.data_offsets;
    if (!entry.shape.every(isCount)) refuse(`'${name}' has the shape [${entry.shape}]`);
    const length = entry.shape.reduce((a, b) => a * b, 1) * DTYPES[dtype].size;
    if (!isCount(start) || !isCount(end) || end > data.length || end - start !== length) {
      refuse(`'${name}' should have ${length} bytes, but lies at ${start} to ${end} of ${data.length}`);
    }
    arrays.set(name, { dtype, shape: entry.shape, bytes: Uint8Array.from(data.subarray(start, end)) });
  }
  return arrays;
}
