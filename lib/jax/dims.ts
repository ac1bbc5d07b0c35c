/**
 * Dimensions. A dimension is a number, or a `SymbolicDim`: an integer times a product of names, as in exported programs
 * whose batch size is open. Every shape rule goes through `dims`, so that both kinds work alike.
 */
import { ShapeError } from '../runtime/errors.js';

/** `factor * name * name…`; names are kept sorted. */
export class SymbolicDim {
  constructor(readonly factor: number, readonly names: readonly string[]) {}
  toString(): string { return [...(this.factor === 1 ? [] : [this.factor]), ...this.names].join('*'); }
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return this.toString();
    throw new ShapeError(`The dimension '${this}' has no fixed number here: use jnp.mean instead of dividing by a size, or jnp.size(x, { axis }), a traced scalar; where an operation needs the number itself, map over that axis with vmap, or fix its size.`);
  }
}

export type Dim = number | SymbolicDim;
/** Public code sees numbers; inside a symbolic trace some entries are `SymbolicDim`s, which refuse arithmetic. */
export type Shape = readonly number[];

const asDim = (factor: number, names: readonly string[]): number =>
  (names.length === 0 || factor === 0 ? factor : new SymbolicDim(factor, names)) as number;
const parts = (d: Dim): SymbolicDim => (typeof d === 'number' ? new SymbolicDim(d, []) : d);

/** Makes a named dimension; typed as a number because shapes are. */
export function symbolicDim(name: string): number { return new SymbolicDim(1, [name]) as unknown as number; }
export const isSymbolic = (d: Dim): d is SymbolicDim => typeof d !== 'number';

export const dims = {
  equal(a: Dim, b: Dim): boolean { return a === b || (isSymbolic(a) && isSymbolic(b) && String(a) === String(b)); },
  mul(a: Dim, b: Dim): number {
    if (typeof a === 'number' && typeof b === 'number') return a * b;
    const [x, y] = [parts(a), parts(b)];
    return asDim(x.factor * y.factor, [...x.names, ...y.names].sort());
  },
  /** Exact division; throws where it leaves a remainder. */
  div(a: Dim, b: Dim): number {
    const [x, y] = [parts(a), parts(b)];
    const rest = [...x.names];
    const fits = y.names.every((n) => { const i = rest.indexOf(n); if (i >= 0) rest.splice(i, 1); return i >= 0; });
    const factor = x.factor === 0 && y.factor === 0 ? 0 : x.factor / y.factor;
    if (!fits || !Number.isInteger(factor)) throw new ShapeError(`Cannot divide the size ${a} by ${b} without a remainder.`);
    return asDim(factor, rest);
  },
  size(shape: readonly Dim[]): number { return shape.reduce<number>((n, d) => dims.mul(n, d), 1); },
  equalShapes(a: readonly Dim[], b: readonly Dim[]): boolean { return a.length === b.length && a.every((d, i) => dims.equal(d, b[i])); },
  isStatic(shape: readonly Dim[]): boolean { return shape.every((d) => typeof d === 'number'); },
};

/** NumPy broadcasting of shapes; `where` names the operation in the error. */
export function broadcastShapes(where: string, ...shapes: Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out: number[] = new globalThis.Array(rank).fill(1);
  for (const shape of shapes) {
    shape.forEach((d, i) => {
      const at = rank - shape.length + i;
      if (dims.equal(out[at], 1)) out[at] = d;
      else if (!dims.equal(d, 1) && !dims.equal(d, out[at])) {
        throw new ShapeError(`${where}: cannot broadcast shapes ${shapes.map(formatShape).join(' and ')}; each dimension must be equal or 1.`);
      }
    });
  }
  return out;
}

export const formatShape = (shape: readonly Dim[]): string => `[${shape.map(String).join(',')}]`;

/** Resolves a possibly negative axis. */
export function canonicalAxis(axis: number, rank: number, where: string): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(a) || a < 0 || a >= rank) throw new ShapeError(`${where}: axis ${axis} is out of range for an array of rank ${rank}; ${rank === 0 ? 'a scalar has no axes' : `give ${-rank} to ${rank - 1}`}.`);
  return a;
}

/** `undefined` means all axes. The result is sorted and without duplicates. */
export function canonicalAxes(axis: number | readonly number[] | null | undefined, rank: number, where: string): number[] {
  if (axis === undefined || axis === null) return [...globalThis.Array(rank).keys()];
  const axes = (typeof axis === 'number' ? [axis] : [...axis]).map((a) => canonicalAxis(a, rank, where));
  if (new Set(axes).size !== axes.length) throw new ShapeError(`${where}: axis ${axis} repeats; name each axis once.`);
  return axes.sort((a, b) => a - b);
}
