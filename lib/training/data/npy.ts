/** NumPy's `.npy` and `.npz`. Arrays of Python objects, which are pickles, are refused. */
import { readFile } from 'node:fs/promises';
import { DTYPES, type DType } from '../../runtime/dtypes.js';
import { FileFormatError, TypeError } from '../../runtime/errors.js';
import { optionalPackage } from '../../runtime/peers.js';
import { fromBytes, type ConcreteArray } from '../../jax/array.js';
import type { NamedTensor } from '../checkpoint-file.js';

/** NumPy has no bfloat16 of its own: ml_dtypes' is two bytes of no kind. */
const CODES: Record<DType, string> = {
  float64: 'f8', float32: 'f4', float16: 'f2', bfloat16: 'V2', int64: 'i8', int32: 'i4', int16: 'i2', int8: 'i1',
  uint64: 'u8', uint32: 'u4', uint16: 'u2', uint8: 'u1', bool: 'b1',
};
const DTYPE_OF = new Map(Object.entries(CODES).map(([dtype, code]) => [code, dtype as DType]));
const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
const HEADER = /^\{\s*'descr':\s*'([<>|=])(\w+)',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([\d,\s]*)\),?\s*\}\s*$/;

/** @param path for errors */
export function decodeNpy(file: Uint8Array, path: string): Omit<NamedTensor, 'name'> {
  const refuse = (fault: string) => new FileFormatError(`${path} is no NumPy array that can be read: ${fault}.`);
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < 10 || !bytes.subarray(0, 6).equals(MAGIC)) throw refuse('it does not begin as such a file does');
  const wide = bytes[6] >= 2;
  if (bytes[6] < 1 || bytes[6] > 3 || bytes.length < 12) throw refuse(`its format is version ${bytes[6]}, and this library reads 1 to 3`);
  const start = wide ? 12 : 10;
  const data = start + (wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  if (data > bytes.length) throw refuse('it is cut off inside its header');
  const found = HEADER.exec(bytes.toString('latin1', start, data).trimEnd());
  if (!found) throw refuse(`its header is ${JSON.stringify(bytes.toString('latin1', start, Math.min(data, start + 80)))}, which is no array of plain numbers (objects are pickles, and records have no dtype here)`);
  const [, order, code, fortran, dims] = found;
  const dtype = DTYPE_OF.get(code);
  if (!dtype) throw refuse(`its dtype is '${order}${code}', which is not supported`);
  const shape = dims.split(',').map((d) => d.trim()).filter(Boolean).map(Number);
  const { size } = DTYPES[dtype];
  const expected = shape.reduce((a, b) => a * b, size);
  if (expected !== bytes.length - data) throw refuse(`${dtype}[${shape.join(',')}] takes ${expected} bytes, but ${bytes.length - data} follow its header`);
  let values: Buffer = Buffer.from(bytes.subarray(data));
  if (order === '>' && size > 1) values = size === 2 ? values.swap16() : size === 4 ? values.swap32() : values.swap64();
  return { dtype, shape, data: fortran === 'True' && shape.length > 1 ? fromFortran(values, shape, size) : new Uint8Array(values) };
}

/** Column-major elements in row-major order. */
function fromFortran(from: Uint8Array, shape: readonly number[], size: number): Uint8Array {
  const out = new Uint8Array(from.byteLength);
  const index = shape.map(() => 0);
  for (let at = 0; at < from.byteLength; at += size) {
    let source = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) source = source * shape[axis] + index[axis];
    out.set(from.subarray(source * size, (source + 1) * size), at);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return out;
}

export function encodeNpy({ dtype, shape, data }: Omit<NamedTensor, 'name'>): Uint8Array {
  const code = `${DTYPES[dtype].size === 1 ? '|' : '<'}${CODES[dtype]}`;
  const text = `{'descr': '${code}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  // The data begins at a multiple of 64.
  const header = text.padEnd(Math.ceil((10 + text.length + 1) / 64) * 64 - 11) + '\n';
  const out = Buffer.alloc(10 + header.length + data.byteLength);
  MAGIC.copy(out);
  out.writeUInt16LE(0x0001, 6);
  out.writeUInt16LE(header.length, 8);
  out.write(header, 10, 'latin1');
  out.set(data, 10 + header.length);
  return out;
}

const fflate = () => optionalPackage('fflate', 'An .npz file', () => import('fflate'));

/** Every array of an `.npz` file, by name. */
export async function readNpz(path: string): Promise<Map<string, Omit<NamedTensor, 'name'>>> {
  const { unzip } = await fflate();
  const bytes = await readFile(path);
  const files = await new Promise<Record<string, Uint8Array>>((resolve, reject) => {
    unzip(bytes, (cause, out) => (cause ? reject(new FileFormatError(`${path} is no .npz file that can be read: ${cause.message}.`, { cause })) : resolve(out)));
  });
  const arrays = new Map<string, Omit<NamedTensor, 'name'>>();
  for (const [name, content] of Object.entries(files)) {
    if (!name.endsWith('.npy')) throw new FileFormatError(`${path} is no .npz file: it holds '${name}', which is no .npy.`);
    arrays.set(name.slice(0, -4), decodeNpy(content, `${path}, ${name}`));
  }
  return arrays;
}

/** An `.npz` file, uncompressed as `numpy.savez` writes it. */
export async function encodeNpz(arrays: Iterable<NamedTensor>): Promise<Uint8Array> {
  const { zip } = await fflate();
  const files: [string, Uint8Array][] = [...arrays].map((t) => [`${t.name}.npy`, encodeNpy(t)]);
  const names = new Set(files.map(([name]) => name));
  if (names.size !== files.length) throw new TypeError('An .npz file cannot hold two arrays of one name.');
  return await new Promise((resolve, reject) => {
    // A fixed time, so that equal arrays give equal files.
    zip(Object.fromEntries(files), { level: 0, mtime: new Date(1980, 0, 1) }, (error, out) => (error ? reject(error) : resolve(out)));
  });
}

/** One array of an `.npy` file. As `numpy.load`. */
export async function loadNpy(path: string): Promise<ConcreteArray> {
  const { dtype, shape, data } = decodeNpy(await readFile(path), path);
  return fromBytes(dtype, shape, data);
}
