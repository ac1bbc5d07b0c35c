/**
 * Files that are whole or not there: the bytes go to a name of their own in the same folder, reach the disk, and only then
 * take the file's name. A full disk, an exception or a crash leaves the previous file as it was.
 */
import { chmodSync, closeSync, constants, copyFileSync, fchmodSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crypto } from '../runtime/builtins.js';

/** Bytes for a file: one piece, a text, or pieces one after another. */
export type FileContent = Uint8Array | string | Iterable<Uint8Array>;

/** The kernel takes at most 2 GiB - 4 KiB in one call. */
const MOST_AT_ONCE = 1 << 30;

/** Writes all of `bytes` at `position` of an open file; the kernel may take less than it is given. */
export function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.byteLength;) {
    done += writeSync(fd, bytes, done, Math.min(bytes.byteLength - done, MOST_AT_ONCE), position + done);
  }
}

/**
 * A file written aside, waiting to take its name. Several can be prepared before the first is committed, so that a full
 * disk is noticed while all previous files are still there. Dispose of it (or leave a `using` block) to forget it.
 */
export class PendingFile {
  readonly path: string;
  readonly #target: string;
  readonly #temporary: string;
  #pending = true;

  /**
   * @param path the file to be
   * @param write puts the content into the open file
   * @param options `startFrom`: begin with a copy of that file instead of an empty one
   */
  constructor(path: string, write: (fd: number) => void, options: { startFrom?: string } = {}) {
    this.path = path;
    this.#target = throughLinks(path);
    // Short and random: distinct for writers in other processes and workers, and never too long for the file system.
    this.#temporary = join(dirname(this.#target), `.hokku-${process.pid}-${crypto().randomBytes(8).toString('hex')}.tmp`);
    try {
      if (options.startFrom !== undefined) {
        copyFileSync(options.startFrom, this.#temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
        chmodSync(this.#temporary, 0o600); // a read-only original gives a read-only copy
      }
      const fd = openSync(this.#temporary, options.startFrom === undefined ? 'wx' : 'r+');
      try {
        keepMode(fd, this.#target);
        write(fd);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Gives the file its name. Whoever has the previous one open keeps reading that. */
  commit(): void {
    renameSync(this.#temporary, this.#target);
    this.#pending = false;
    syncFolder(dirname(this.#target));
  }

  /** Removes the file written aside, unless it has been committed. */
  dispose(): void {
    if (this.#pending) rmSync(this.#temporary, { force: true });
    this.#pending = false;
  }

  [Symbol.dispose](): void { this.dispose(); }
}

/**
 * Writes a whole file or leaves the previous one untouched.
 *
 * @example
 * writeFileAtomic('history.json', JSON.stringify(history));
 *
 * @param path where to; a symbolic link is followed, and the permissions of an existing file are kept
 * @param content its bytes, a text (written as UTF-8), or pieces to be written one after another
 */
export function writeFileAtomic(path: string, content: FileContent): void {
  using file = new PendingFile(path, (fd) => {
    let position = 0;
    for (const piece of pieces(content)) {
      writeFully(fd, piece, position);
      position += piece.byteLength;
    }
  });
  file.commit();
}

function pieces(content: FileContent): Iterable<Uint8Array> {
  if (typeof content === 'string') return [Buffer.from(content, 'utf8')];
  return content instanceof Uint8Array ? [content] : content;
}

/** Renaming onto a symbolic link would replace the link, so the file it leads to is replaced. */
function throughLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function keepMode(fd: number, target: string): void {
  const previous = statSync(target, { throwIfNoEntry: false });
  if (previous?.isFile()) fchmodSync(fd, previous.mode & 0o777);
}

/** A rename survives a power cut only when the folder is on the disk as well; Windows cannot open folders and needs no such call. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } catch (error) {
    // Some file systems (network, FUSE) refuse to sync a folder; the file itself is already complete.
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EPERM') throw error;
  } finally {
    closeSync(fd);
  }
}
