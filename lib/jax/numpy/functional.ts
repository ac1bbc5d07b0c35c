/** Functions applied along axes, to coordinates, to pieces. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { NDArray, isArray } from '../array.js';
import { vmap } from '../batching.js';
import { broadcastShapes, canonicalAxis, dims, formatShape, type Shape } from '../dims.js';
import { checkDType, type DType } from '../dtypes.js';
import * as lax from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { iota } from '../primitives/indexing.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { expandTo, reshape } from '../primitives/shape.js';
import { expandDims } from './manipulation.js';
import { checkShape } from './promotion.js';
import * as tree from '../tree.js';

function checkFunction(where: string, f: unknown): void {
  if (typeof f !== 'function') throw new TypeError(`${where}: expected a function, got ${f === null ? 'null' : typeof f}.`);
}

/** `func1d` of every vector along `axis`; the axes of its result take that axis's place. */
export function applyAlongAxis(func1d: (x: NDArray, ...args: any[]) => any, axis: number, arr: Operand, ...args: unknown[]): any {
  checkFunction('jnp.applyAlongAxis', func1d);
  const x = asArray(arr, 'jnp.applyAlongAxis');
  const at = canonicalAxis(axis, x.ndim, 'jnp.applyAlongAxis');
  let f = (v: NDArray): any => func1d(v, ...args);
  for (let i = 1; i < x.ndim - at; i++) f = vmap(f, { inAxes: 1, outAxes: -1 });
  for (let i = 0; i < at; i++) f = vmap(f, { inAxes: 0, outAxes: 0 });
  return f(x);
}
/** `func(x, axis)` for one axis after the other; an axis that it takes away comes back with size 1. */
export function applyOverAxes(func: (x: NDArray, axis: number) => NDArray, x: Operand, axes: number | readonly number[]): NDArray {
  checkFunction('jnp.applyOverAxes', func);
  const y = asArray(x, 'jnp.applyOverAxes');
  return (typeof axes === 'number' ? [axes] : axes).reduce((z, axis) => {
    const at = canonicalAxis(axis, y.ndim, 'jnp.applyOverAxes');
    const out = func(z, at);
    if (out.ndim === z.ndim) return out;
    if (out.ndim !== z.ndim - 1) {
      throw new ShapeError(`jnp.applyOverAxes: the function's result of shape ${formatShape(out.shape)} has neither the rank of ${formatShape(z.shape)} nor one less.`);
    }
    return expandDims(out, at);
  }, y);
}
/** The function of the coordinates of every element: called once with one number an axis, under `vmap`. */
export function fromfunction(f: (...coordinates: NDArray[]) => any, shape: Shape, options?: { dtype?: DType }): any {
  checkFunction('jnp.fromfunction', f);
  const { dtype = 'float32' } = checkOptions('jnp.fromfunction', options, ['dtype']);
  checkDType(dtype, 'jnp.fromfunction');
  const sizes = checkShape('jnp.fromfunction', shape);
  let g = f as (...xs: any[]) => any;
  for (let i = sizes.length - 1; i >= 0; i--) g = vmap(g, { inAxes: sizes.map((_, k) => (k === i ? 0 : null)) });
  return sizes.length === 0 ? f() : g(...sizes.map((n) => iota(dtype, [n])));
}
/** For each element the result of the function (or the value) whose condition holds, the last such one; of one more function elsewhere, or 0. */
export function piecewise(x: Operand, condlist: Operand | readonly Operand[], funclist: readonly (Operand | ((x: NDArray, ...args: any[]) => NDArray))[], ...args: unknown[]): NDArray {
  const y = asArray(x, 'jnp.piecewise');
  const conditions = globalThis.Array.isArray(condlist) ? (condlist as readonly Operand[]) : unstacked(asArray(condlist as Operand, 'jnp.piecewise'), y);
  const n = conditions.length;
  if (funclist.length !== n && funclist.length !== n + 1) {
    throw new ValueError(`jnp.piecewise: ${funclist.length} functions do not fit ${n} conditions: give as many, or one more.`);
  }
  const value = (f: Operand | ((x: NDArray, ...args: any[]) => NDArray)) => convertElementType(typeof f === 'function' ? f(y, ...args) : asArray(f, 'jnp.piecewise'), y.dtype);
  const otherwise = expandTo(value(funclist.length > n ? funclist[n] : 0), y.shape);
  return conditions.reduce<NDArray>((out, c, i) => lax.select(expandTo(asArray(c, 'jnp.piecewise'), y.shape), expandTo(value(funclist[i]), y.shape), out), otherwise);
}
const unstacked = (masks: NDArray, like: NDArray): NDArray[] =>
  (masks.ndim === like.ndim ? [masks] : range(masks.shape[0]).map((i) => masks.index(i)));

/** '(m,n),(n)->(m)' as lists of names. */
function core(where: string, signature: string): { inputs: string[][]; outputs: string[][] } {
  const text = signature.replaceAll(' ', '');
  const list = String.raw`\((?:\w+(?:,\w+)*)?\)`;
  if (!new RegExp(`^${list}(?:,${list})*->${list}(?:,${list})*$`).test(text)) {
    throw new ValueError(`${where}: '${signature}' is no signature such as '(m,n),(n)->(m)'.`);
  }
  const [inputs, outputs] = text.split('->').map((side) => [...side.matchAll(/\(([^)]*)\)/g)].map(([, names]) => (names ? names.split(',') : [])));
  return { inputs, outputs };
}
export interface VectorizeOptions { excluded?: readonly number[]; signature?: string | null }
/**
 * The function over arrays that broadcast, through `vmap`: its own arguments are numbers, or have the axes that a signature
 * such as '(m,n),(n)->(m)' names. Arguments at places in `excluded` are passed as they are.
 */
export function vectorize(pyfunc: (...args: any[]) => any, options?: VectorizeOptions): (...args: any[]) => any {
  checkFunction('jnp.vectorize', pyfunc);
  const { excluded = [], signature = null } = checkOptions('jnp.vectorize', options, ['excluded', 'signature']);
  if (excluded.some((i) => !Number.isInteger(i) || i < 0)) throw new TypeError(`jnp.vectorize: excluded are places of arguments, got ${JSON.stringify(excluded)}.`);
  const named = signature === null ? null : core('jnp.vectorize', signature);
  return (...args) => {
    const mapped = range(args.length).filter((i) => !excluded.includes(i));
    const inputs = mapped.map((i) => asArray(args[i], 'jnp.vectorize'));
    const ranks = named ? named.inputs.map((names) => names.length) : inputs.map(() => 0);
    if (ranks.length !== inputs.length) throw new TypeError(`jnp.vectorize: ${inputs.length} arguments do not fit the signature '${signature}'.`);
    const sizes = new Map<string, number>();
    inputs.forEach((x, i) => {
      if (x.ndim < ranks[i]) throw new ShapeError(`jnp.vectorize: argument ${i} of shape ${formatShape(x.shape)} has fewer axes than '${signature}' names.`);
      named?.inputs[i].forEach((name, k) => {
        const n = x.shape[x.ndim - ranks[i] + k];
        if (sizes.has(name) && !dims.equal(sizes.get(name)!, n)) {
          throw new ShapeError(`jnp.vectorize: the axis '${name}' of '${signature}' has sizes ${sizes.get(name)} and ${n}.`);
        }
        sizes.set(name, n);
      });
    });
    const loops = inputs.map((x, i) => x.shape.slice(0, x.ndim - ranks[i]));
    const common = broadcastShapes('jnp.vectorize', ...loops);
    let f = (...xs: NDArray[]): any => {
      const all = [...args];
      mapped.forEach((i, k) => { all[i] = xs[k]; });
      const out = pyfunc(...all);
      if (named) checkOutputs(out, named.outputs, sizes, signature!);
      return out;
    };
    // Each loop axis maps the arguments that have it with more than one element; the others are passed as they are.
    for (let axis = common.length - 1; axis >= 0; axis--) {
      const has = loops.map((l) => { const k = axis - (common.length - l.length); return k >= 0 && !dims.equal(l[k], 1); });
      const size = common[axis];
      const inner = f;
      f = has.some(Boolean) ? vmap(inner, { inAxes: has.map((h) => (h ? 0 : null)) })
        : (...xs: NDArray[]) => tree.map((y: NDArray) => expandTo(reshape(y, [1, ...y.shape]), [size, ...y.shape]), inner(...xs));
    }
    return f(...inputs.map((x, i) => reshape(x, [...loops[i].filter((d) => !dims.equal(d, 1)), ...x.shape.slice(x.ndim - ranks[i])])));
  };
}
function checkOutputs(out: unknown, outputs: readonly string[][], sizes: Map<string, number>, signature: string): void {
  const list = isArray(out) ? [out] : (out as unknown[]);
  if (!globalThis.Array.isArray(list) || list.length !== outputs.length) {
    throw new TypeError(`jnp.vectorize: the function's result does not fit the signature '${signature}'.`);
  }
  list.forEach((v, i) => {
    const x = asArray(v as Operand, 'jnp.vectorize');
    if (x.ndim !== outputs[i].length || outputs[i].some((name, k) => sizes.has(name) && !dims.equal(sizes.get(name)!, x.shape[k]))) {
      throw new ShapeError(`jnp.vectorize: result ${i} of shape ${formatShape(x.shape)} does not fit '${signature}'.`);
    }
  });
}
