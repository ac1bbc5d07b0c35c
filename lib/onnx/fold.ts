/**
 * Computations on known values, as models do them with shapes: done in JavaScript, so that an open dimension may be among
 * the values, and nothing is compiled for a handful of integers.
 */
import { broadcastShapes, canonicalAxis, dims, isSymbolic, type Dim } from '../jax/dims.js';
import { isFloat, toInteger, type DType } from '../jax/dtypes.js';
import { decodeAt, encode, TYPED_ARRAYS } from '../runtime/elements.js';
import { ShapeError } from '../runtime/errors.js';
import { checkLength, indices } from './budget.js';
import type { Call } from './call.js';
import { Known, MOST_KNOWN, Sequence, type Value } from './values.js';

const plainSize = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const strides = (shape: readonly number[]): number[] => shape.map((_, i) => plainSize(shape.slice(i + 1)));

/** For each element of `shape` the offset in an array of the (broadcast) shape `from`. */
function offsets(shape: readonly number[], from: readonly number[]): number[] {
  const step = strides(from).map((s, i) => (from[i] === 1 ? 0 : s));
  const lead = shape.length - from.length;
  const out: number[] = [];
  checkLength(plainSize(shape));
  const walk = (axis: number, at: number): void => {
    if (axis === shape.length) { out.push(at); return; }
    for (let i = 0; i < shape[axis]; i++) walk(axis + 1, at + (axis < lead ? 0 : step[axis - lead] * i));
  };
  walk(0, 0);
  return out;
}

/** The ends of 64 bits, as numbers that lie within. */
const ENDS: Partial<Record<DType, readonly [number, number]>> = { int64: [-(2 ** 63), 2 ** 63 - 1024], uint64: [-(2 ** 63), 2 ** 64 - 2048] };
/** As an element of the dtype: rounded, wrapped. */
function element(dtype: DType, v: Dim): Dim {
  if (isSymbolic(v) || dtype === 'float64') return v;
  const ends = ENDS[dtype];
  const within = ends ? Math.max(ends[0], Math.min(ends[1], Number.isNaN(v) ? 0 : v)) : v;
  return dtype === 'int64' ? within : Number(decodeAt(dtype, new TYPED_ARRAYS[dtype](encode(dtype, [within])), 0));
}
function cast(from: DType, to: DType, v: Dim): Dim {
  if (to === 'bool') return isSymbolic(v) ? 1 : Number(v !== 0);
  return element(to, isSymbolic(v) || isFloat(to) || !isFloat(from) ? v : Number(toInteger(v, to)));
}

type Binary = (a: Dim, b: Dim, dtype: DType) => Dim;
const plain = (f: (a: number, b: number, dtype: DType) => number): Binary => (a, b, dtype) => {
  if (isSymbolic(a) || isSymbolic(b)) throw new ShapeError(`A shape is computed from the open dimension '${String(isSymbolic(a) ? a : b)}' by more than products; fix that dimension to a number.`);
  return f(a, b, dtype);
};
const divide: Binary = (a, b, dtype) => {
  if (isSymbolic(a) || isSymbolic(b)) return dims.div(a, b);
  return isFloat(dtype) ? a / b : b === 0 ? 0 : Math.trunc(a / b);
};
const BINARY: Readonly<Record<string, Binary>> = {
  Add: (a, b, d) => (dims.equal(b, 0) ? a : dims.equal(a, 0) ? b : plain((x, y) => x + y)(a, b, d)),
  Sub: (a, b, d) => (dims.equal(b, 0) ? a : plain((x, y) => x - y)(a, b, d)),
  Mul: (a, b) => dims.mul(a, b),
  Div: divide,
  Mod: plain((x, y, d) => (isFloat(d) ? x % y : y === 0 ? 0 : x - Math.floor(x / y) * y)),
  Pow: plain((x, y) => x ** y),
  Max: (a, b, d) => (dims.equal(a, b) ? a : plain((x, y) => Math.max(x, y))(a, b, d)),
  Min: (a, b, d) => (dims.equal(a, b) ? a : plain((x, y) => Math.min(x, y))(a, b, d)),
};
const COMPARE: Readonly<Record<string, Binary>> = {
  // An open dimension is no particular number, and so none of the special ones (-1, 0, 1) that models ask for.
  Equal: (a, b) => Number(dims.equal(a, b)),
  Less: plain((x, y) => Number(x < y)), LessOrEqual: plain((x, y) => Number(x <= y)),
  Greater: plain((x, y) => Number(x > y)), GreaterOrEqual: plain((x, y) => Number(x >= y)),
  And: plain((x, y) => Number(x && y)), Or: plain((x, y) => Number(x || y)), Xor: plain((x, y) => Number(x !== y)),
};
const UNARY: Readonly<Record<string, (x: number) => number>> = {
  Neg: (x) => -x, Abs: Math.abs, Floor: Math.floor, Ceil: Math.ceil, Sqrt: Math.sqrt, Not: (x) => Number(!x), Reciprocal: (x) => 1 / x, Sign: Math.sign,
};

function binary(f: Binary, a: Known, b: Known, dtype: DType): Known {
  const shape = broadcastShapes('a shape', a.shape, b.shape);
  const [i, j] = [offsets(shape, a.shape), offsets(shape, b.shape)];
  return new Known(dtype, shape, i.map((_, k) => element(dtype, f(a.values[i[k]], b.values[j[k]], a.dtype))));
}

/** Picks elements along an axis. */
function pick(x: Known, axis: number, at: readonly number[], keep: readonly number[]): Known {
  const [outer, inner] = [plainSize(x.shape.slice(0, axis)), plainSize(x.shape.slice(axis + 1))];
  const n = x.shape[axis];
  const values: Dim[] = [];
  checkLength(outer * at.length * inner);
  for (let o = 0; o < outer; o++) for (const i of at) for (let k = 0; k < inner; k++) values.push(x.values[(o * n + i) * inner + k]);
  return new Known(x.dtype, [...x.shape.slice(0, axis), ...keep, ...x.shape.slice(axis + 1)], values);
}

type Fold = (c: Call, xs: readonly Known[]) => Known | Known[] | null;
const reshaped = (x: Known, shape: readonly number[]): Known => new Known(x.dtype, shape, x.values);
const numbers = (x: Known): number[] | null => (x.values.every((v) => typeof v === 'number') ? (x.values as number[]) : null);

const FOLD: Readonly<Record<string, Fold>> = {
  Identity: (_c, [x]) => x,
  Cast: (c, [x]) => { const to = c.dtype('to', x.dtype); return new Known(to, x.shape, x.values.map((v) => cast(x.dtype, to, v))); },
  Concat: (c, xs) => {
    const axis = canonicalAxis(c.int('axis', 0), xs[0].shape.length, c.where);
    if (xs.some((x) => x.shape.length !== 1)) return null;
    return new Known(xs[0].dtype, [xs.reduce((n, x) => n + x.shape[axis], 0)], xs.flatMap((x) => x.values));
  },
  Gather: (c, [x, i]) => {
    const axis = canonicalAxis(c.int('axis', 0), x.shape.length, c.where);
    const at = numbers(i)?.map((k) => (k < 0 ? k + x.shape[axis] : k));
    return at && at.every((k) => k >= 0 && k < x.shape[axis]) ? pick(x, axis, at, i.shape) : null;
  },
  Slice: (c, [x, ...rest]) => {
    const [starts, ends] = [0, 1].map((i) => c.list(i ? 'ends' : 'starts') ?? (rest[i] ? numbers(rest[i]) : null));
    const axes = c.axes(3, x.shape.length) ?? starts?.map((_, i) => i);
    const steps = c.numbers(4) ?? starts?.map(() => 1);
    if (!starts || !ends || !axes || !steps) return null;
    if (steps.includes(0)) throw c.fail('slices with a step of 0');
    return axes.reduce((y, axis, k) => {
      const n = y.shape[axis];
      const step = steps[k];
      const clamp = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + n : v, low), high);
      const [from, to] = step > 0 ? [clamp(starts[k], 0, n), clamp(ends[k], 0, n)] : [clamp(starts[k], -1, n - 1), clamp(ends[k], -1, n - 1)];
      const at: number[] = [];
      for (let i = from; step > 0 ? i < to : i > to; i += step) at.push(i);
      return pick(y, axis, at, [at.length]);
    }, x);
  },
  Squeeze: (c, [x]) => { const axes = c.axes(1, x.shape.length); return reshaped(x, x.shape.filter((d, i) => (axes ? !axes.includes(i) : d !== 1))); },
  Unsqueeze: (c, [x]) => {
    const given = c.list('axes') ?? c.numbers(1) ?? [];
    const rank = x.shape.length + given.length;
    const axes = given.map((a) => canonicalAxis(a, rank, c.where));
    const rest = [...x.shape];
    return reshaped(x, indices(rank).map((i) => (axes.includes(i) ? 1 : rest.shift()!)));
  },
  Reshape: (c, [x, shape]) => {
    const to = c.list('shape') ?? (shape && numbers(shape));
    if (!to) return null;
    const filled = to.map((d, i) => (d === 0 && c.int('allowzero', 0) === 0 ? x.shape[i] : d));
    const rest = plainSize(filled.filter((d) => d !== -1));
    const out = filled.map((d) => (d === -1 ? x.values.length / rest : d));
    if (!out.every((d) => Number.isInteger(d) && d >= 0) || plainSize(out) !== x.values.length) throw c.fail(`reshapes ${x.values.length} values into [${to}]`);
    return reshaped(x, out);
  },
  Expand: (c, [x, shape]) => {
    const to = numbers(shape);
    if (!to || plainSize(to) > MOST_KNOWN) return null;
    const out = broadcastShapes(c.where, x.shape, to);
    return new Known(x.dtype, out, offsets(out, x.shape).map((i) => x.values[i]));
  },
  ConstantOfShape: (c, [shape]) => {
    const to = numbers(shape);
    if (!to || plainSize(to) > MOST_KNOWN) return null;
    if (to.some((d) => !(d >= 0))) throw c.fail(`makes an array of the shape [${to}]`);
    const fill = c.tensor('value');
    const known = fill instanceof Known ? fill : new Known(c.run.float, [1], [0]);
    return new Known(known.dtype, to, globalThis.Array(plainSize(to)).fill(known.values[0]));
  },
  Range: (c, [from, to, step]) => {
    const [a, b, s] = [from, to, step].map((x) => x.values[0]);
    if (s === 0) throw c.fail('counts in steps of 0');
    if (isSymbolic(a) || isSymbolic(b) || isSymbolic(s)) return null;
    const n = Math.max(0, Math.ceil((b - a) / s));
    return n <= MOST_KNOWN ? new Known(from.dtype, [n], indices(n).map((i) => element(from.dtype, a + i * s))) : null;
  },
  Where: (_c, [p, a, b]) => {
    const shape = broadcastShapes('Where', p.shape, a.shape, b.shape);
    const [i, j, k] = [p, a, b].map((x) => offsets(shape, x.shape));
    return new Known(a.dtype, shape, i.map((_, n) => (p.values[i[n]] ? a.values[j[n]] : b.values[k[n]])));
  },
  ReduceProd: (c, [x]) => {
    if (x.shape.length !== 1) return null;
    const value = x.values.reduce<number>((n, v) => dims.mul(n, v), 1);
    return new Known(x.dtype, c.int('keepdims', 1) ? [1] : [], [value]);
  },
  Split: (c, [x]) => {
    const axis = canonicalAxis(c.int('axis', 0), x.shape.length, c.where);
    const n = x.shape[axis];
    const parts = c.node.outputs.length;
    const sizes = c.list('split') ?? c.numbers(1) ?? indices(parts).map((i) => Math.max(0, Math.min(Math.ceil(n / parts), n - i * Math.ceil(n / parts))));
    if (sizes.some((k) => k < 0) || sizes.reduce((a, b) => a + b, 0) !== n) throw c.fail(`splits ${n} values into parts of ${sizes}`);
    let from = 0;
    return sizes.map((k) => { const at = indices(k).map((i) => from + i); from += k; return pick(x, axis, at, [k]); });
  },
};

/** How many inputs there must be, where more than one. */
const NEEDS: Readonly<Record<string, number>> = { Add: 2, Sub: 2, Mul: 2, Div: 2, Mod: 2, Pow: 2, Gather: 2, Expand: 2, Where: 3, Range: 3 };

/** The results where all inputs are known and few, and the operator is one of those that shapes are computed with; else null. */
export function foldKnown(c: Call): readonly Value[] | null {
  const { op, domain, outputs } = c.node;
  if (domain !== '') return null;
  if (op === 'Shape' || op === 'Size') {
    const v = c.value(0);
    if (v instanceof Sequence) return null;
    if (op === 'Size') return [new Known('int64', [], [dims.size(v.shape)])];
    const rank = v.shape.length;
    const end = (k: number) => Math.min(Math.max(k < 0 ? k + rank : k, 0), rank);
    const part = v.shape.slice(end(c.int('start', 0)), end(c.int('end', rank)));
    return [new Known('int64', [part.length], part)];
  }
  if (op === 'Constant') return null;
  const xs: Known[] = [];
  for (const v of c.inputs) {
    if (v === null) continue;
    if (!(v instanceof Known)) return null;
    xs.push(v);
  }
  if (xs.length === 0) return null;
  for (let i = 0; i < (Object.hasOwn(COMPARE, op) ? 2 : Object.hasOwn(NEEDS, op) ? NEEDS[op] : 1); i++) c.value(i);
  if (Object.hasOwn(BINARY, op) && !(op === 'Mod' && c.int('fmod', 0))) return [xs.slice(1).reduce((a, b) => binary(BINARY[op], a, b, a.dtype), xs[0])];
  if (Object.hasOwn(COMPARE, op)) return [binary(COMPARE[op], xs[0], xs[1], 'bool')];
  if (Object.hasOwn(UNARY, op)) { const f = UNARY[op]; const values = numbers(xs[0]); return values ? [new Known(xs[0].dtype, xs[0].shape, values.map((v) => element(xs[0].dtype, f(v))))] : null; }
  if (!Object.hasOwn(FOLD, op) || outputs.length === 0) return null;
  const result = FOLD[op](c, xs);
  return result === null ? null : result instanceof Known ? [result] : result;
}
