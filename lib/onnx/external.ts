/** Tensors whose elements lie in files beside the model. Such a file must lie in the model's own folder, and be no link. */
import { realpathSync } from 'node:fs';
import { isAbsolute, join, win32 } from 'node:path';
import type { TensorProto } from 'onnx-buf';
import { FileFormatError } from '../runtime/errors.js';
import { FileSource, type Source } from './source.js';
import type { Range } from './wire.js';

/** The model's folder with the files of it that are in use; null for a model in memory whose folder nobody named. */
export class Folder {
  readonly #files = new Map<string, FileSource>();
  constructor(readonly path: string | null) {}

  /** The file that a model calls `location`. */
  open(location: string, what: string): Source {
    const known = this.#files.get(location);
    if (known) return known;
    const refuse = (why: string): FileFormatError => new FileFormatError(`${what} names the external file '${location}', ${why}; only files in the model's own folder are read.`);
    if (location === '' || location.includes('\0')) throw refuse('which is no file name');
    if (isAbsolute(location) || win32.isAbsolute(location) || /^[a-zA-Z]:/.test(location)) throw refuse('which is an absolute path');
    if (location.split(/[/\\]/).includes('..')) throw refuse('which leads out of the folder');
    if (this.path === null) throw new FileFormatError(`${what} has its elements in the file '${location}'; import the model by its path, or give the folder as { folder }.`);
    let root: string;
    let real: string;
    try {
      root = realpathSync(this.path);
      real = realpathSync(join(root, location));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw new FileFormatError(`${what} has its elements in the file '${location}', which is missing from ${this.path}.`, { cause });
      throw refuse(`which cannot be opened (${(cause as NodeJS.ErrnoException).code})`);
    }
    if (real !== join(root, location)) throw refuse('which is reached through a symbolic link');
    const file = new FileSource(real, true, location);
    this.#files.set(location, file);
    return file;
  }
}

function integer(text: string | undefined, name: string, what: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new FileFormatError(`${what}: the external ${name} must be a whole number of bytes, but is '${text}'.`);
  return Number(text);
}

/** Where the elements of a tensor lie; that they do is checked. */
export function externalRange(proto: TensorProto, folder: Folder, what: string, expected: number): { source: Source; range: Range } {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location');
  if (location === undefined) throw new FileFormatError(`${what} has its elements in another file, but does not say in which.`);
  const source = folder.open(location, what);
  const from = integer(entries.get('offset'), 'offset', what) ?? 0;
  const length = integer(entries.get('length'), 'length', what) ?? expected;
  if (length !== expected) throw new FileFormatError(`${what} takes ${expected} bytes, but the external length is ${length}.`);
  if (from + length > source.size) throw new FileFormatError(`${what} lies in '${location}' from byte ${from} to ${from + length}, but that file has ${source.size}.`);
  return { source, range: { from, to: from + length } };
}
