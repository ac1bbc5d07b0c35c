/** Cuts a stream of bytes into files of a limited size. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export class PartWriter {
  #parts = [];
  #file = null;
  #bytes = 0;
  #hash;

  constructor(folder, limit) {
    this.folder = folder;
    this.limit = limit;
  }

  write(chunk) {
    for (let rest = chunk; rest.length > 0;) {
      if (this.#file === null) this.#open();
      const piece = rest.subarray(0, this.limit - this.#bytes);
      for (let done = 0; done < piece.length;) done += writeSync(this.#file, piece, done);
      this.#hash.update(piece);
      this.#bytes += piece.length;
      rest = rest.subarray(piece.length);
      if (this.#bytes === this.limit) this.#close();
    }
  }

  /** The parts in order: name, bytes, SHA-256. */
  end() {
    if (this.#file !== null) this.#close();
    return this.#parts;
  }

  #open() {
    this.name = `part-${String(this.#parts.length).padStart(2, '0')}`;
    this.#file = openSync(join(this.folder, this.name), 'w');
    this.#bytes = 0;
    this.#hash = createHash('sha256');
  }

  #close() {
    closeSync(this.#file);
    this.#file = null;
    this.#parts.push({ name: this.name, bytes: this.#bytes, sha256: this.#hash.digest('hex') });
  }
}
