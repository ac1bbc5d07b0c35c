/** Where the bytes of a model come from: memory, or a file of which only the parts that are needed are read. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { FileFormatError } from '../runtime/errors.js';

export interface Source {
  /** For messages. */
  readonly name: string;
  readonly size: number;
  /** The bytes from `at` on: a view where they lie in memory, else a copy. */
  read(at: number, length: number): Uint8Array;
  /** The same bytes in memory of their own, which an array may take over. */
  copy(at: number, length: number): ArrayBuffer;
}

export class BytesSource implements Source {
  readonly size: number;
  constructor(readonly bytes: Uint8Array, readonly name = 'the model') { this.size = bytes.byteLength; }
  read(at: number, length: number): Uint8Array { return this.bytes.subarray(at, at + length); }
  copy(at: number, length: number): ArrayBuffer {
    // slice() of a Buffer is a view.
    return Uint8Array.prototype.slice.call(this.bytes, at, at + length).buffer as ArrayBuffer;
  }
}

/** How much is read at once where little is needed. */
const WINDOW = 1 << 16;
/** The kernel takes at most 2 GiB - 4 KiB in one call. */
const MOST_AT_ONCE = 1 << 30;
const NO_LINKS = constants.O_NOFOLLOW ?? 0;
/** Opening a pipe would wait for whoever writes into it. */
const AT_ONCE = constants.O_NONBLOCK ?? 0;

/** A regular file. It is opened for each read, so that nothing has to be closed; a file that has changed since is refused. */
export class FileSource implements Source {
  readonly size: number;
  readonly #stamp: string;
  #window: { at: number; bytes: Uint8Array } | null = null;

  /** `plain`: links of any kind are refused. */
  constructor(readonly path: string, readonly plain = false, readonly name: string = path) {
    const { size, stamp } = this.#open((fd) => this.#stat(fd));
    this.size = size;
    this.#stamp = stamp;
  }

  #open<T>(f: (fd: number) => T): T {
    let fd: number;
    try {
      fd = openSync(this.path, constants.O_RDONLY | AT_ONCE | (this.plain ? NO_LINKS : 0));
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const why = code === 'ENOENT' ? 'there is no such file' : code === 'ELOOP' ? 'it is a symbolic link' : code === 'ENOTDIR' ? 'its folder is none' : `it cannot be opened (${code})`;
      throw new FileFormatError(`${this.name}: ${why}.`, { cause });
    }
    try { return f(fd); } finally { closeSync(fd); }
  }

  #stat(fd: number): { size: number; stamp: string } {
    const s = fstatSync(fd, { bigint: true });
    if (!s.isFile()) throw new FileFormatError(`${this.name}: expected a file, but it is ${s.isDirectory() ? 'a folder' : 'something else'}.`);
    if (this.plain && s.nlink > 1n) throw new FileFormatError(`${this.name}: the file has ${s.nlink} hard links, and so may be one from outside the model's folder; copy it.`);
    return { size: Number(s.size), stamp: `${s.dev} ${s.ino} ${s.size} ${s.mtimeNs}` };
  }

  #fill(into: Uint8Array, at: number): void {
    this.#open((fd) => {
      if (this.#stat(fd).stamp !== this.#stamp) throw new FileFormatError(`${this.name} has changed since it was opened; import it again.`);
      for (let done = 0; done < into.byteLength;) {
        const n = readSync(fd, into, done, Math.min(into.byteLength - done, MOST_AT_ONCE), at + done);
        if (n === 0) throw new FileFormatError(`${this.name} ends at byte ${at + done}, before all was read.`);
        done += n;
      }
    });
  }

  read(at: number, length: number): Uint8Array {
    const known = this.#window;
    if (known && at >= known.at && at + length <= known.at + known.bytes.byteLength) return known.bytes.subarray(at - known.at, at - known.at + length);
    if (length > WINDOW) return new Uint8Array(this.copy(at, length));
    const bytes = new Uint8Array(Math.min(WINDOW, this.size - at));
    this.#fill(bytes, at);
    this.#window = { at, bytes };
    return bytes.subarray(0, length);
  }

  copy(at: number, length: number): ArrayBuffer {
    // Not filled with zeros first, since it is filled anyway.
    const bytes = Buffer.allocUnsafeSlow(length);
    this.#fill(bytes, at);
    return bytes.buffer as ArrayBuffer;
  }
}
