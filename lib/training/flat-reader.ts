/**
 * Reads FlatBuffers whose bytes cannot be trusted. The `flatbuffers` package reads without looking where the file ends;
 * here every offset, length and string is checked before it is followed, and the total work is bounded by the file's size,
 * so a crafted file cannot make its parts refer to one another for ever.
 */
import { FileFormatError } from '../runtime/errors.js';

/** The bytes of one file and what has been read of it so far. */
export class FlatFile {
  readonly view: DataView;
  #work = 0;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(readonly bytes: Uint8Array, readonly fail: (fault: string) => FileFormatError) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The outermost table. */
  root(): FlatTable {
    this.need(0, 8);
    return this.table(this.follow(0));
  }

  table(position: number): FlatTable {
    this.need(position, 4);
    const vtable = position - this.view.getInt32(position, true);
    this.need(vtable, 4);
    const vtableSize = this.view.getUint16(vtable, true);
    const tableSize = this.view.getUint16(vtable + 2, true);
    if (vtableSize < 4 || vtableSize % 2 !== 0 || tableSize < 4) throw this.fail(`has a damaged table at byte ${position}`);
    this.need(vtable, vtableSize);
    this.need(position, tableSize);
    this.spend(vtableSize);
    return new FlatTable(this, position, vtable, vtableSize, tableSize);
  }

  /** Where the unsigned 32-bit offset stored at `position` leads. */
  follow(position: number): number {
    this.need(position, 4);
    const offset = this.view.getUint32(position, true);
    if (offset === 0) throw this.fail(`has an empty reference at byte ${position}`);
    return position + offset;
  }

  /** Start and length of the vector at `position`, whose elements have `size` bytes. */
  vector(position: number, size: number): { start: number; length: number } {
    this.need(position, 4);
    const length = this.view.getUint32(position, true);
    this.need(position + 4, length * size);
    return { start: position + 4, length };
  }

  string(position: number): string {
    const { start, length } = this.vector(position, 1);
    this.spend(length);
    try {
      return this.#decoder.decode(this.bytes.subarray(start, start + length));
    } catch {
      throw this.fail(`has a text at byte ${position} that is not UTF-8`);
    }
  }

  need(position: number, length: number): void {
    if (position < 0 || position + length > this.bytes.byteLength) {
      throw this.fail(`is damaged or cut off: it refers to byte ${position + length} of ${this.bytes.byteLength}`);
    }
  }

  /** No writer refers to the same part often enough to read a file four times over; a crafted file may. */
  spend(amount: number): void {
    this.#work += amount;
    if (this.#work > 4 * this.bytes.byteLength + 1024) throw this.fail('is damaged: its parts refer to one another again and again');
  }
}

/** One table; fields are numbered as in the schema, and a field that is not there gives its default. */
export class FlatTable {
  constructor(
    readonly file: FlatFile, readonly position: number,
    private readonly vtable: number, private readonly vtableSize: number, private readonly tableSize: number,
  ) {}

  int32(id: number): number {
    const at = this.#field(id, 4);
    return at === 0 ? 0 : this.file.view.getInt32(at, true);
  }

  int64(id: number, otherwise = 0n): bigint {
    const at = this.#field(id, 8);
    return at === 0 ? otherwise : this.file.view.getBigInt64(at, true);
  }

  float32(id: number): number {
    const at = this.#field(id, 4);
    return at === 0 ? 0 : this.file.view.getFloat32(at, true);
  }

  bool(id: number): boolean {
    const at = this.#field(id, 1);
    return at !== 0 && this.file.view.getUint8(at) !== 0;
  }

  string(id: number): string | undefined {
    const at = this.#field(id, 4);
    return at === 0 ? undefined : this.file.string(this.file.follow(at));
  }

  table(id: number): FlatTable | undefined {
    const at = this.#field(id, 4);
    return at === 0 ? undefined : this.file.table(this.file.follow(at));
  }

  /** A vector of tables, read one by one. */
  tables(id: number): Iterable<FlatTable> | undefined {
    const at = this.#field(id, 4);
    if (at === 0) return undefined;
    const { file } = this;
    const { start, length } = file.vector(file.follow(at), 4);
    return (function* () {
      for (let i = 0; i < length; i++) yield file.table(file.follow(start + 4 * i));
    })();
  }

  /** A vector of bytes: a view of the file's own, not aligned. */
  bytes(id: number): Uint8Array | undefined {
    const at = this.#field(id, 4);
    if (at === 0) return undefined;
    const { start, length } = this.file.vector(this.file.follow(at), 1);
    return this.file.bytes.subarray(start, start + length);
  }

  int64s(id: number): bigint[] | undefined {
    const at = this.#field(id, 4);
    if (at === 0) return undefined;
    const { start, length } = this.file.vector(this.file.follow(at), 8);
    this.file.spend(8 * length);
    return Array.from({ length }, (_, i) => this.file.view.getBigInt64(start + 8 * i, true));
  }

  /** Position of a field of `size` bytes; 0 where the table lacks it. */
  #field(id: number, size: number): number {
    const slot = 4 + 2 * id;
    if (slot + 2 > this.vtableSize) return 0;
    const offset = this.file.view.getUint16(this.vtable + slot, true);
    if (offset === 0) return 0;
    if (offset < 4 || offset + size > this.tableSize) throw this.file.fail(`has a damaged table at byte ${this.position}`);
    return this.position + offset;
  }
}
