/** Arrays put together and taken apart along axes; rolled and turned. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { ConcreteArray, NDArray, Scalar } from '../array.js';
import { broadcastShapes, canonicalAxis, dims, formatShape } from '../dims.js';
import { checkDType, type DType } from '../dtypes.js';
import { sub } from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import * as shape from '../primitives/shape.js';
import { expandDims, flip, ravel, reshape, take, tile, transpose } from './manipulation.js';
import { promoteOperands } from './promotion.js';

interface JoinOptions { dtype?: DType }

/** What is to be joined: a list, or an array that is taken for the list of its slices. */
type Parts = readonly Operand[] | NDArray;
function operands(where: string, given: Parts, dtype?: DType): NDArray[] {
  const xs = given instanceof NDArray && given.ndim > 0 ? unstack(given) : given as readonly Operand[];
  if (!globalThis.Array.isArray(xs)) throw new TypeError(`${where}: expected a list of arrays, got ${typeof xs}.`);
  if (xs.length === 0) throw new ShapeError(`${where}: expected at least one array, got none.`);
  if (dtype !== undefined) { checkDType(dtype, where); return xs.map((x) => convertElementType(asArray(x, where), dtype)); }
  return promoteOperands(where, ...xs);
}
/** Arrays one after the other along `axis`; null: all elements in a row. */
export function concatenate(xs: Parts, options?: { axis?: number | null } & JoinOptions): NDArray {
  const { axis = 0, dtype } = checkOptions('jnp.concatenate', options, ['axis', 'dtype']);
  const arrays = operands('jnp.concatenate', xs, dtype);
  if (axis === null) return shape.concatenate(arrays.map((x) => ravel(x)), 0);
  const rank = arrays.find((x) => x.ndim !== arrays[0].ndim);
  if (rank || arrays[0].ndim === 0) {
    throw new ShapeError(`jnp.concatenate: expected arrays of one rank above 0, got shapes ${arrays.map((x) => formatShape(x.shape)).join(', ')}; use jnp.stack or jnp.atleast1d.`);
  }
  return shape.concatenate(arrays, canonicalAxis(axis, arrays[0].ndim, 'jnp.concatenate'));
}
export const concat = (xs: Parts, options?: { axis?: number | null }): NDArray => concatenate(xs, checkOptions('jnp.concat', options, ['axis']));
/** Arrays of one shape side by side along a new axis. */
export function stack(xs: Parts, options?: { axis?: number } & JoinOptions): NDArray {
  const { axis = 0, dtype } = checkOptions('jnp.stack', options, ['axis', 'dtype']);
  const arrays = operands('jnp.stack', xs, dtype);
  const at = canonicalAxis(axis, arrays[0].ndim + 1, 'jnp.stack');
  const other = arrays.find((x) => !dims.equalShapes(x.shape, arrays[0].shape));
  if (other) throw new ShapeError(`jnp.stack: expected arrays of one shape, got ${formatShape(arrays[0].shape)} and ${formatShape(other.shape)}.`);
  return shape.concatenate(arrays.map((x) => expandDims(x, at)), at);
}
const joined = (name: string, prepare: (x: NDArray) => NDArray, axis: (first: NDArray) => number) => (xs: Parts, options?: JoinOptions): NDArray => {
  const { dtype } = checkOptions(`jnp.${name}`, options, ['dtype']);
  const arrays = operands(`jnp.${name}`, xs, dtype).map(prepare);
  return shape.concatenate(arrays, axis(arrays[0]));
};

const one = (x: NDArray): NDArray => (x.ndim === 0 ? shape.reshape(x, [1]) : x);
const two = (x: NDArray): NDArray => (x.ndim < 2 ? shape.reshape(x, [1, ...one(x).shape]) : x);
const three = (x: NDArray): NDArray => (x.ndim >= 3 ? x : x.ndim === 2 ? shape.reshape(x, [...x.shape, 1]) : shape.reshape(x, [1, ...one(x).shape, 1]));
const atLeast = (name: string, f: (x: NDArray) => NDArray) => {
  function apply(x: Operand): NDArray;
  function apply(...xs: Operand[]): NDArray[];
  function apply(...xs: Operand[]): NDArray | NDArray[] {
    const out = xs.map((x) => f(asArray(x, `jnp.${name}`)));
    return out.length === 1 ? out[0] : out;
  }
  return apply;
};
/** Each array with one axis or more; several give a list. */
export const atleast1d = atLeast('atleast1d', one);
/** Each array with two axes or more: new ones in front. */
export const atleast2d = atLeast('atleast2d', two);
/** Each array with three axes or more: vectors become [1, n, 1], matrices [m, n, 1]. */
export const atleast3d = atLeast('atleast3d', three);

/** Side by side along the second axis (vectors: along the first). */
export const hstack = joined('hstack', one, (first) => (first.ndim === 1 ? 0 : 1));
/** One above the other along the first axis. */
export const vstack = joined('vstack', two, () => 0);
/** Behind each other along the third axis. */
export const dstack = joined('dstack', three, () => 2);
/** Vectors as the columns of a matrix. */
export const columnStack = joined('columnStack', (x) => (x.ndim < 2 ? shape.reshape(x, [x.size, 1]) : x), () => 1);
/** `values` behind `x` along `axis`; both in a row where none is given. */
export function append(x: Operand, values: Operand, options?: { axis?: number | null }): NDArray {
  const { axis = null } = checkOptions('jnp.append', options, ['axis']);
  return axis === null ? concatenate([ravel(x), ravel(values)]) : concatenate([x, values], { axis });
}

type Blocks = Operand | readonly Blocks[];
/** An array of nested lists of blocks: the innermost lists join along the last axis, the ones around them along the one before. */
export function block(blocks: Blocks): NDArray {
  const depthOf = (b: Blocks): number => (globalThis.Array.isArray(b) ? 1 + Math.max(0, ...b.map(depthOf)) : 0);
  const depth = depthOf(blocks);
  const leaves = (b: Blocks, at: number): NDArray[] => {
    if (!globalThis.Array.isArray(b)) {
      if (at !== depth) throw new ShapeError(`jnp.block: the lists have different depths: ${at} and ${depth}.`);
      return [asArray(b as Operand, 'jnp.block')];
    }
    if (b.length === 0) throw new ShapeError('jnp.block: a list of blocks is empty.');
    return b.flatMap((x) => leaves(x, at + 1));
  };
  const rank = Math.max(depth, ...leaves(blocks, 0).map((x) => x.ndim));
  const build = (b: Blocks, at: number): NDArray => {
    if (globalThis.Array.isArray(b)) return concatenate(b.map((x) => build(x, at + 1)), { axis: rank - depth + at });
    const x = asArray(b as Operand, 'jnp.block');
    return shape.reshape(x, [...globalThis.Array<number>(rank - x.ndim).fill(1), ...x.shape]);
  };
  return build(blocks, 0);
}

type Sections = number | readonly number[] | NDArray;
function divided(where: string, x: Operand, sections: Sections, axis: number, even: boolean): NDArray[] {
  const y = asArray(x, where);
  const at = canonicalAxis(axis, y.ndim, where);
  const n = y.shape[at];
  let starts: number[];
  if (typeof sections === 'number') {
    if (!Number.isInteger(sections) || sections < 1) throw new ShapeError(`${where}: expected a positive number of parts, got ${sections}.`);
    if (even && n % sections !== 0) throw new ShapeError(`${where}: axis ${at} of size ${n} cannot be split into ${sections} equal parts; use jnp.arraySplit.`);
    const extra = n % sections;
    starts = range(sections).map((i) => i * Math.floor(n / sections) + Math.min(i, extra));
  } else {
    const list = (sections instanceof NDArray ? sections.tolist() : sections) as readonly number[];
    if (list.some((i) => !Number.isInteger(i))) throw new TypeError(`${where}: expected whole numbers where parts begin, got ${JSON.stringify(list)}.`);
    starts = [0, ...list];
    const wrong = [...list, n].find((i, k) => i < starts[k]);
    if (wrong !== undefined) throw new ShapeError(`${where}: places where parts begin must not decrease and lie within [0, ${n}], got ${JSON.stringify(list)}.`);
  }
  return starts.map((s, i) => {
    const stop = starts[i + 1] ?? n;
    return shape.slice(y, y.shape.map((_, k) => (k === at ? s : 0)), y.shape.map((d, k) => (k === at ? stop : d)));
  });
}
/** Equal parts, or parts that begin at the given places. */
export const split = (x: Operand, indicesOrSections: Sections, options?: { axis?: number }): NDArray[] =>
  divided('jnp.split', x, indicesOrSections, checkOptions('jnp.split', options, ['axis']).axis ?? 0, true);
/** As `split`; where the size is no multiple, the first parts are one longer. */
export const arraySplit = (x: Operand, indicesOrSections: Sections, options?: { axis?: number }): NDArray[] =>
  divided('jnp.arraySplit', x, indicesOrSections, checkOptions('jnp.arraySplit', options, ['axis']).axis ?? 0, false);
/** Splits along the second axis (of vectors: the first). */
export const hsplit = (x: Operand, indicesOrSections: Sections): NDArray[] => divided('jnp.hsplit', x, indicesOrSections, asArray(x, 'jnp.hsplit').ndim === 1 ? 0 : 1, true);
export const vsplit = (x: Operand, indicesOrSections: Sections): NDArray[] => divided('jnp.vsplit', x, indicesOrSections, 0, true);
export const dsplit = (x: Operand, indicesOrSections: Sections): NDArray[] => divided('jnp.dsplit', x, indicesOrSections, 2, true);
/** The slices along an axis, without it. */
export function unstack(x: Operand, options?: { axis?: number }): NDArray[] {
  const { axis = 0 } = checkOptions('jnp.unstack', options, ['axis']);
  const y = asArray(x, 'jnp.unstack');
  const at = canonicalAxis(axis, y.ndim, 'jnp.unstack');
  const rest = y.shape.filter((_, i) => i !== at);
  return range(y.shape[at]).map((k) => shape.reshape(shape.slice(y, y.shape.map((_, i) => (i === at ? k : 0)), y.shape.map((d, i) => (i === at ? k + 1 : d))), rest));
}

/** Moves elements by `shift` places along `axis` (or as if in a row), round the end. Several axes may each have a shift. */
export function roll(x: Operand, shift: number | readonly number[] | NDArray, options?: { axis?: number | readonly number[] | null }): NDArray {
  const { axis = null } = checkOptions('jnp.roll', options, ['axis']);
  const y = asArray(x, 'jnp.roll');
  if (axis === null) return reshape(roll(ravel(y), shift, { axis: 0 }), y.shape);
  const axes = (typeof axis === 'number' ? [axis] : [...axis]).map((a) => canonicalAxis(a, y.ndim, 'jnp.roll'));
  const shifts = shift instanceof NDArray ? (shift instanceof Scalar || shift instanceof ConcreteArray ? [shift.tolist()].flat() as number[] : shift.ndim === 0 ? [shift] : unstack(shift)) : typeof shift === 'number' ? [shift] : [...shift];
  const n = Math.max(axes.length, shifts.length);
  if (![1, n].includes(axes.length) || ![1, n].includes(shifts.length)) throw new ShapeError(`jnp.roll: ${shifts.length} shifts do not fit ${axes.length} axes.`);
  return range(n).reduce((z, k) => {
    const [at, by] = [axes[axes.length === 1 ? 0 : k], shifts[shifts.length === 1 ? 0 : k]];
    const size = z.shape[at];
    // A traced shift: element i comes from i - shift.
    if (by instanceof NDArray) return take(z, sub(iota('int32', [size]), convertElementType(by, 'int32')), { axis: at, mode: 'wrap' });
    if (!Number.isInteger(Number(by))) throw new TypeError(`jnp.roll: expected whole numbers to shift by, got ${by}.`);
    const cut = size === 0 ? 0 : (((-Number(by)) % size) + size) % size;
    if (cut === 0) return z;
    const part = (from: number, to: number) => shape.slice(z, z.shape.map((_, i) => (i === at ? from : 0)), z.shape.map((d, i) => (i === at ? to : d)));
    return shape.concatenate([part(cut, size), part(0, cut)], at);
  }, y);
}
/** Turns by k quarters in the plane of two axes, from the first towards the second. */
export function rot90(x: Operand, options?: { k?: number; axes?: readonly [number, number] }): NDArray {
  const { k = 1, axes = [0, 1] } = checkOptions('jnp.rot90', options, ['k', 'axes']);
  const y = asArray(x, 'jnp.rot90');
  const [a, b] = axes.map((i) => canonicalAxis(i, y.ndim, 'jnp.rot90'));
  if (axes.length !== 2 || a === b) throw new ShapeError(`jnp.rot90: expected two different axes, got ${JSON.stringify(axes)}.`);
  const swapped = (z: NDArray) => transpose(z, range(z.ndim).map((i) => (i === a ? b : i === b ? a : i)));
  const turns = ((k % 4) + 4) % 4;
  if (turns === 0) return y;
  if (turns === 2) return flip(y, { axis: [a, b] });
  return turns === 1 ? swapped(flip(y, { axis: b })) : flip(swapped(y), { axis: b });
}
/** Upside down. */
export const flipud = (x: Operand): NDArray => flip(x, { axis: 0 });
/** Left to right. */
export const fliplr = (x: Operand): NDArray => flip(x, { axis: 1 });
/** The elements in a new shape of another size: repeated as often as it takes, or cut off. */
export function resize(x: Operand, newShape: number | readonly number[]): NDArray {
  const y = ravel(x);
  const to = typeof newShape === 'number' ? [newShape] : [...newShape];
  if (to.some((d) => !Number.isInteger(d) || d < 0)) throw new ShapeError(`jnp.resize: a shape is a list of whole numbers, got ${JSON.stringify(newShape)}.`);
  const size = to.reduce((a, b) => a * b, 1);
  if (y.size === 0 || size === 0) return shape.expandTo(convertElementType(asArray(0, 'jnp.resize'), y.dtype), to);
  return shape.reshape(shape.slice(tile(y, Math.ceil(size / y.size)), [0], [size]), to);
}
/** Arrays brought to their common shape. */
export function broadcastArrays(...xs: Operand[]): NDArray[] {
  const arrays = xs.map((x) => asArray(x, 'jnp.broadcastArrays'));
  const to = broadcastShapes('jnp.broadcastArrays', ...arrays.map((x) => x.shape));
  return arrays.map((x) => shape.expandTo(x, to));
}
/** `axis` moved to stand before `start`. */
export function rollaxis(x: Operand, axis: number, start = 0): NDArray {
  const y = asArray(x, 'jnp.rollaxis');
  const from = canonicalAxis(axis, y.ndim, 'jnp.rollaxis');
  const to = start === y.ndim ? start : canonicalAxis(start, y.ndim, 'jnp.rollaxis');
  const order = range(y.ndim).filter((i) => i !== from);
  order.splice(to > from ? to - 1 : to, 0, from);
  return transpose(y, order);
}
/** Matrices transposed: the last two axes change places. */
export function matrixTranspose(x: Operand): NDArray {
  const y = asArray(x, 'jnp.matrixTranspose');
  if (y.ndim < 2) throw new ShapeError(`jnp.matrixTranspose: expected an array of rank 2 or more, got shape ${formatShape(y.shape)}.`);
  return transpose(y, range(y.ndim).map((i) => (i === y.ndim - 1 ? i - 1 : i === y.ndim - 2 ? i + 1 : i)));
}
export const permuteDims = (x: Operand, axes: readonly number[]): NDArray => transpose(x, axes);
