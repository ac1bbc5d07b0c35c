/** Elements to batches: trees of the same structure, stacked leaf by leaf along a new first axis. */
import { ConcreteArray, NDArray, aval, expectConcrete, formatAval } from '../../jax/array.js';
import * as tree from '../../jax/tree.js';
import { DTYPES, type DType } from '../../runtime/dtypes.js';
import { TYPED_ARRAYS, dtypeOfTypedArray, encode } from '../../runtime/elements.js';
import { DataError, ShapeError, TypeError } from '../../runtime/errors.js';

interface Leaf { readonly dtype: DType; readonly shape: readonly number[]; readonly bytes: Uint8Array }

/** Arrays that share their first axis: what `fromArrays` reads rows of. */
export class Columns {
  readonly length: number;
  readonly #def: tree.TreeDef;
  readonly #leaves: readonly { readonly leaf: Leaf; readonly rowShape: readonly number[]; readonly rowBytes: number }[];
  constructor(arrays: unknown) {
    const [flat, def] = tree.flatten(arrays);
    const names = tree.paths(arrays);
    const leaves = flat.map((x, i) => {
      const leaf = asLeaf(x);
      if (!leaf) throw new TypeError(`data.fromArrays: expected a tree of arrays, but '${names[i]}' is ${typeof x}.`);
      if (leaf.shape.length === 0) throw new ShapeError(`data.fromArrays: '${names[i]}' is a scalar; every array needs a first axis, along which the elements lie.`);
      return { leaf, rowShape: leaf.shape.slice(1), rowBytes: leaf.shape.slice(1).reduce((a, b) => a * b, DTYPES[leaf.dtype].size) };
    });
    if (leaves.length === 0) throw new TypeError('data.fromArrays: expected a tree of arrays, but it has none.');
    this.length = leaves[0].leaf.shape[0];
    const other = leaves.findIndex(({ leaf }) => leaf.shape[0] !== this.length);
    if (other >= 0) throw new ShapeError(`data.fromArrays: '${names[0]}' has ${this.length} elements and '${names[other]}' has ${leaves[other].leaf.shape[0]}; the first axes must be equal.`);
    this.#leaves = leaves;
    this.#def = def;
  }
  /** One element. */
  element(index: number): unknown {
    return tree.unflatten(this.#def, this.#leaves.map(({ leaf, rowShape, rowBytes }) =>
      new ConcreteArray(aval(rowShape, leaf.dtype), leaf.bytes.slice(index * rowBytes, (index + 1) * rowBytes).buffer as ArrayBuffer)));
  }
  /** Several, stacked; the last ones are zeros up to `size`. */
  gather(indices: readonly number[], size: number): unknown {
    return tree.unflatten(this.#def, this.#leaves.map(({ leaf, rowShape, rowBytes }) => {
      const out = new Uint8Array(size * rowBytes);
      indices.forEach((index, i) => out.set(leaf.bytes.subarray(index * rowBytes, (index + 1) * rowBytes), i * rowBytes));
      return new ConcreteArray(aval([size, ...rowShape], leaf.dtype), out.buffer);
    }));
  }
}

/** A place in columns, until somebody needs the element itself. */
export class Row {
  constructor(readonly columns: Columns, readonly index: number) {}
}
export const elementOf = (x: unknown): unknown => (x instanceof Row ? x.columns.element(x.index) : x);

type Numbers = number | bigint | boolean | readonly Numbers[];
/** Lists of numbers, and lists of such lists, are arrays; other lists are trees. */
const isNumbers = (x: unknown): x is Numbers => typeof x === 'number' || typeof x === 'bigint' || typeof x === 'boolean' || (Array.isArray(x) && x.length > 0 && x.every(isNumbers));

function asLeaf(x: unknown): Leaf | null {
  if (x instanceof NDArray) {
    const { dtype, shape, memory } = expectConcrete(x, 'A batch');
    return { dtype, shape, bytes: memory instanceof ArrayBuffer ? new Uint8Array(memory) : new Uint8Array((x.data as Uint8Array).buffer) };
  }
  if (ArrayBuffer.isView(x)) {
    const dtype = dtypeOfTypedArray(x);
    return dtype ? { dtype, shape: [(x as Uint8Array).length], bytes: new Uint8Array(x.buffer, x.byteOffset, x.byteLength) } : null;
  }
  if (!isNumbers(x)) return null;
  const shape: number[] = [];
  for (let y: unknown = x; Array.isArray(y); y = y[0]) shape.push(y.length);
  const flat = ([x] as unknown[]).flat(20) as (number | bigint | boolean)[];
  const dtype = typeof flat[0] === 'number' ? 'float32' : typeof flat[0] === 'bigint' ? 'int64' : 'bool';
  if (flat.length !== shape.reduce((a, b) => a * b, 1)) return null;
  return { dtype, shape, bytes: new Uint8Array(encode(dtype, flat)) };
}

/**
 * Stacks elements.
 * @param size so many rows has the result; those beyond the elements are zeros
 * @param first the number of the first element, for errors
 * @throws DataError naming the element that is not like the first one
 */
export function stack(elements: readonly unknown[], size: number, first: number): unknown {
  const [head] = elements;
  if (head instanceof Row) return head.columns.gather(elements.map((e) => (e as Row).index), size);
  return stackTree(elements, size, first, '');
}

function stackTree(items: readonly unknown[], size: number, first: number, path: string): unknown {
  const [head] = items;
  const refuse = (i: number, what: string) => new DataError(`Element ${first + i} cannot be batched with element ${first}: ${path ? `'${path}' ` : 'it '}${what}; give every element the same structure, shapes and dtypes, with map.`);
  const inner = (key: string) => (path ? `${path}/${key}` : key);
  if (typeof head === 'number') return stackNumbers(items, size, refuse);
  const leaf = asLeaf(head);
  if (leaf) {
    const { dtype, shape, bytes: { byteLength } } = leaf;
    const out = new Uint8Array(size * byteLength);
    items.forEach((item, i) => {
      const other = i === 0 ? leaf : asLeaf(item);
      if (!other || other.dtype !== dtype || other.shape.join() !== shape.join()) throw refuse(i, `is ${other ? formatAval(other) : describe(item)} there and ${formatAval(leaf)} here`);
      out.set(other.bytes, i * byteLength);
    });
    return new ConcreteArray(aval([size, ...shape], dtype), out.buffer);
  }
  if (head === null || head === undefined) return null;
  if (Array.isArray(head)) {
    items.forEach((item, i) => { if (!Array.isArray(item) || item.length !== head.length) throw refuse(i, `is ${describe(item)} there and a list of ${head.length} here`); });
    return head.map((_, k) => stackTree(items.map((item) => (item as unknown[])[k]), size, first, inner(String(k))));
  }
  if (typeof head === 'object' && tree.structure(head, (x) => x !== head).kind === 'dict') {
    const keys = Object.keys(head).sort();
    items.forEach((item, i) => {
      const theirs = typeof item === 'object' && item !== null ? Object.keys(item).sort() : [];
      if (theirs.join('\0') !== keys.join('\0')) throw refuse(i, `has the keys ${theirs.join(', ') || 'of no object'} there and ${keys.join(', ')} here`);
    });
    const out: Record<string, unknown> = {};
    for (const k of keys) tree.setKey(out, k, stackTree(items.map((item) => (item as Record<string, unknown>)[k]), size, first, inner(k)));
    return out;
  }
  throw refuse(0, `is ${describe(head)}, which is no number and no array`);
}

function stackNumbers(items: readonly unknown[], size: number, refuse: (i: number, what: string) => DataError): ConcreteArray {
  const out = new TYPED_ARRAYS.float32(new ArrayBuffer(size * 4)) as Float32Array;
  for (let i = 0; i < items.length; i++) {
    if (typeof items[i] !== 'number') throw refuse(i, `is ${describe(items[i])} there and a number here`);
    out[i] = items[i] as number;
  }
  return new ConcreteArray(aval([size], 'float32'), out.buffer as ArrayBuffer);
}

function describe(x: unknown): string {
  if (typeof x === 'string') return `the text ${JSON.stringify(x.length > 40 ? `${x.slice(0, 40)}…` : x)}`;
  if (x === null || x === undefined) return 'missing';
  return Array.isArray(x) ? `a list of ${x.length}` : typeof x === 'object' ? `a ${x.constructor?.name ?? 'mapping'}` : `a ${typeof x}`;
}
