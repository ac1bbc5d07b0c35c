/** Files as data. CSV, Arrow, Parquet and `.npz` are read by packages of their own, which whoever reads such files installs. */
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { fromBytes } from '../../jax/array.js';
import { setKey } from '../../jax/tree.js';
import { DataError, FileFormatError, TypeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { optionalPackage } from '../../runtime/peers.js';
import type { NamedTensor } from '../checkpoint-file.js';
import { decodeSafetensors } from '../checkpoints/safetensors.js';
import { Dataset, fromArrays } from './dataset.js';
import { loadNpy, readNpz } from './npy.js';
import { StreamSource } from './stages.js';

const rows = (kind: string, open: () => AsyncIterable<unknown>): Dataset => new Dataset(new StreamSource(open, kind));

function checkPath(where: string, path: unknown): void {
  if (typeof path !== 'string' || path === '') throw new TypeError(`data.${where}: expected the path of a file, but got ${typeof path}.`);
}

const byName = (tensors: ReadonlyMap<string, Omit<NamedTensor, 'name'>>): Record<string, unknown> => {
  const out: Record<string, unknown> = {};
  for (const [name, { dtype, shape, data }] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) setKey(out, name, fromBytes(dtype, shape, data));
  return out;
};

/** Rows of the one array of an `.npy` file. */
export async function npy(path: string): Promise<Dataset> {
  checkPath('npy', path);
  return fromArrays(await loadNpy(path));
}

/** Rows of the arrays of an `.npz` file: elements are objects by the arrays' names. Needs the package `fflate`. */
export async function npz(path: string): Promise<Dataset> {
  checkPath('npz', path);
  return fromArrays(byName(await readNpz(path)));
}

/** Rows of the arrays of a safetensors file: elements are objects by the tensors' names. */
export async function safetensors(path: string): Promise<Dataset> {
  checkPath('safetensors', path);
  return fromArrays(byName(decodeSafetensors(await readFile(path), path).tensors));
}

export interface CsvOptions {
  /** `,` where left out. */
  delimiter?: string;
  /** Names of the columns; those of the first line where left out. */
  columns?: readonly string[];
}

/**
 * Lines of a CSV file as objects by column; what reads as a number is one, empty fields are null. Needs the package `csv-parse`.
 *
 * @example
 * data.csv('iris.csv').map(({ species, ...rest }) => ({ x: Object.values(rest), y: SPECIES.indexOf(species) })).batch(16)
 */
export function csv(path: string, options?: CsvOptions): Dataset {
  checkPath('csv', path);
  const { delimiter = ',', columns } = checkOptions('data.csv', options, ['delimiter', 'columns']);
  return rows('csv', async function* () {
    const { parse } = await optionalPackage('csv-parse', 'A CSV file', () => import('csv-parse'));
    await using file = await open(path);
    const input = file.createReadStream();
    const parser = parse({ delimiter, columns: columns ? [...columns] : true, bom: true, skip_empty_lines: true });
    input.on('error', (error) => parser.destroy(error)).pipe(parser);
    for await (const record of parser as AsyncIterable<Record<string, string>>) {
      const out: Record<string, unknown> = {};
      for (const [name, text] of Object.entries(record)) setKey(out, name, field(text));
      yield out;
    }
  });
}

function field(text: string): string | number | null {
  if (text === '') return null;
  const number = Number(text);
  return Number.isNaN(number) && text !== 'NaN' ? text : text.trim() === '' ? text : number;
}

/** Lines of JSON. */
export function ndjson(path: string): Dataset {
  checkPath('ndjson', path);
  return rows('ndjson', async function* () {
    await using file = await open(path);
    let line = 0;
    for await (const text of file.readLines()) {
      line++;
      if (text.trim() === '') continue;
      try {
        yield JSON.parse(text);
      } catch (cause) {
        if (cause instanceof SyntaxError) throw new DataError(`line ${line} of ${path} is no JSON: ${cause.message}`, { cause });
        throw cause;
      }
    }
  });
}

/** Rows of an Arrow IPC file or stream as objects by column. Needs the package `apache-arrow`. */
export function arrow(path: string): Dataset {
  checkPath('arrow', path);
  return rows('arrow', async function* () {
    const { RecordBatchReader, Vector } = await optionalPackage('apache-arrow', 'An Arrow file', () => import('apache-arrow'));
    const plain = (x: unknown): unknown => (x instanceof Vector ? (ArrayBuffer.isView(x.toArray()) ? (x.toArray() as Float32Array).slice() : [...x].map(plain)) : x);
    const reader = await RecordBatchReader.from(createReadStream(path)).catch((cause: Error) => { throw new FileFormatError(`${path} is no Arrow file: ${cause.message}`, { cause }); });
    await reader.open();
    const names = reader.schema.fields.map((f) => f.name);
    for await (const batch of reader) {
      const columns = names.map((name) => batch.getChild(name)!);
      for (let i = 0; i < batch.numRows; i++) {
        const out: Record<string, unknown> = {};
        names.forEach((name, k) => setKey(out, name, plain(columns[k].get(i))));
        yield out;
      }
    }
  });
}

/**
 * Rows of a Parquet file as objects by column, one row group in memory at a time. Needs the package `hyparquet`, and
 * `hyparquet-compressors` for compressions other than snappy.
 */
export function parquet(path: string): Dataset {
  checkPath('parquet', path);
  return rows('parquet', async function* () {
    const { parquetMetadataAsync, parquetReadObjects } = await optionalPackage('hyparquet', 'A Parquet file', () => import('hyparquet'));
    const compressors = await import('hyparquet-compressors' as string).then((m: { compressors: object }) => m.compressors, () => undefined);
    await using handle = await open(path);
    const { size } = await handle.stat();
    const file = {
      byteLength: size,
      async slice(start: number, end = size): Promise<ArrayBuffer> {
        const bytes = new Uint8Array(end - start);
        for (let done = 0; done < bytes.length;) {
          const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
          if (bytesRead === 0) throw new FileFormatError(`${path} became shorter while it was read.`);
          done += bytesRead;
        }
        return bytes.buffer;
      },
    };
    const metadata = await parquetMetadataAsync(file).catch((cause: Error) => { throw new FileFormatError(`${path} is no Parquet file: ${cause.message}`, { cause }); });
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      yield* await parquetReadObjects({ file, metadata, rowStart, rowEnd, ...(compressors && { compressors }) });
      rowStart = rowEnd;
    }
  });
}
