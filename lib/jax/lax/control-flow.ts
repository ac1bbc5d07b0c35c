/** Loops and branches inside programs: `scan`, `whileLoop`, `foriLoop`, `cond`, `switch`, `map`, `associativeScan`. */
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Scalar, aval, formatAval, isArray, type Aval, type NDArray } from '../array.js';
import { checkFunction, flattenArgs, toArrayLeaf, traceFlat, type Flat, type Fn } from '../autodiff.js';
import { bind, type ClosedJaxpr } from '../core.js';
import { canonicalAxis, dims } from '../dims.js';
import { isInteger } from '../dtypes.js';
import { add, lt, max, min } from '../primitives/arithmetic.js';
import { condP } from '../primitives/control-flow/cond.js';
import { scanP } from '../primitives/control-flow/scan.js';
import { whileP } from '../primitives/control-flow/while.js';
import { convertElementType } from '../primitives/convert.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { concatenate, expandTo, pad, reshape, reverse as rev, slice } from '../primitives/shape.js';
import { unifyConsts } from '../programs.js';
import * as tree from '../tree.js';

const as = (a: Aval, x: NDArray): NDArray => (x.dtype === a.dtype && !x.weakType ? x : convertElementType(x, a.dtype, false));
/** Numbers become arrays of their dtype, so that a value has one type all the way around a loop. */
const strong = ({ leaves, def }: Flat): Flat => ({ leaves: leaves.map((x) => (x instanceof Scalar || x.weakType ? convertElementType(x, x.dtype, false) : x)), def });

/**
 * Traces a loop's body with the carry's types. A number that the body turns into another dtype takes that one from the
 * start, as in JAX; any other change is refused.
 */
function traceBody(where: string, carry: Flat, make: (carry: Flat) => { closed: ClosedJaxpr; out: tree.TreeDef }): { closed: ClosedJaxpr; out: tree.TreeDef; carry: Flat } {
  let now = strong(carry);
  for (let turn = 0; ; turn++) {
    const { closed, out } = make(now);
    if (out.key !== now.def.key) throw new TypeError(`${where}: the body must return a carry of the structure that it was given, ${now.def.key}, but returned ${out.key}.`);
    const outs = closed.jaxpr.outputs.slice(0, now.leaves.length).map((a) => a.aval);
    const differs = now.leaves.map((x, i) => x.dtype !== outs[i].dtype || !dims.equalShapes(x.shape, outs[i].shape));
    if (!differs.includes(true)) return { closed, out, carry: now };
    const i = differs.indexOf(true);
    const grows = now.leaves.map((x, k) => differs[k] && carry.leaves[k].weakType && dims.equalShapes(x.shape, outs[k].shape));
    if (turn > 2 || differs.some((d, k) => d && !grows[k])) {
      throw new TypeError(`${where}: the body must return a carry of the types that it was given, but leaf ${i} comes in as ${formatAval(now.leaves[i])} and goes out as ${formatAval(outs[i])}; convert it with astype or reshape.`);
    }
    now = { def: now.def, leaves: now.leaves.map((x, k) => (grows[k] ? as(outs[k], x) : x)) };
  }
}

export interface ScanOptions {
  /** The number of turns, where `xs` is null. */
  length?: number | null;
  /** From the last slice to the first. */
  reverse?: boolean;
  /** True writes every turn out; a number is accepted and changes nothing, since the engine runs the loop. */
  unroll?: number | boolean;
}
const isCount = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 0;

/**
 * A loop over the leading axis of `xs`: `f(carry, x)` gives `[carry, y]`; the result is the last carry and all `y`
 * stacked. One ONNX Scan, whatever the length. As `jax.lax.scan`.
 * @throws ShapeError where leading axes differ, TypeError where the body changes the carry's types.
 */
export function scan(f: Fn, init: any, xs: any, options: ScanOptions = {}): [any, any] {
  checkFunction(f, 'scan');
  const { length: given, reverse = false, unroll = 1 } = checkOptions('scan', options, ['length', 'reverse', 'unroll']);
  if (typeof unroll !== 'boolean' && !isCount(unroll)) throw new ValueError(`scan: unroll must be a boolean or a whole number from 0, got ${String(unroll)}.`);
  const [initial, slices] = [flattenArgs(init, 'scan'), flattenArgs(xs, 'scan')];
  if (slices.leaves.some((x) => x.ndim === 0)) throw new ShapeError('scan: the arrays to scan over need a leading axis, but one is a scalar.');
  const lengths = [...new Set([...(given === undefined || given === null ? [] : [given]), ...slices.leaves.map((x) => x.shape[0])])];
  if (lengths.length === 0) throw new ValueError('scan: without arrays to scan over, options.length must say how many turns there are.');
  if (lengths.length > 1) throw new ShapeError(`scan: the leading axes have different sizes: ${lengths.join(', ')}.`);
  const [length] = lengths;
  if (typeof length === 'object') throw new ShapeError(`scan: the number of turns must be a number, got the open dimension ${String(length)}.`);
  if (!isCount(length)) throw new ValueError(`scan: options.length must be a whole number from 0, got ${String(length)}.`);
  let outDef!: tree.TreeDef;
  const rows = slices.leaves.map((x) => aval(x.shape.slice(1), x.dtype));
  const { closed, carry } = traceBody('scan', initial, (now) => {
    const { closed: body, out } = traceTyped((c, x) => {
      const result = f(c, x);
      if (!globalThis.Array.isArray(result) || result.length !== 2) throw new TypeError('scan: the body must return [carry, y]; y may be null.');
      return result;
    }, [now.leaves.map((x) => x.aval), rows], [now.def, slices.def], 'scan');
    outDef = out.children[1];
    return { closed: body, out: out.children[0] };
  });
  const n = carry.leaves.length;
  if (length === 0 || unroll === true) return unrolled(f, tree.unflatten(carry.def, carry.leaves), slices, length, reverse, outDef, closed.jaxpr.outputs.slice(n).map((a) => a.aval));
  // What every turn hands on as it came is captured instead of carried: then what follows need not wait for the loop, nor keep it.
  const [at, { inputs, outputs }] = [closed.consts.length, closed.jaxpr];
  const isStill = carry.leaves.map((x, i) => !x.weakType && outputs[i] === inputs[at + i]);
  const moving = <T>(list: readonly T[]): T[] => list.filter((_, i) => !isStill[i]);
  const still = <T>(list: readonly T[]): T[] => list.filter((_, i) => isStill[i]);
  const carried = inputs.slice(at, at + n);
  const jaxpr = { ...closed.jaxpr, inputs: [...inputs.slice(0, at), ...still(carried), ...moving(carried), ...inputs.slice(at + n)], outputs: [...moving(outputs.slice(0, n)), ...outputs.slice(n)] };
  const [fixed, begin] = [[...closed.consts, ...still(carry.leaves)], moving(carry.leaves)];
  const results = bind(scanP, [...fixed, ...begin, ...slices.leaves], { jaxpr, consts: fixed.length, carry: begin.length, length, reverse });
  const last = results.slice(0, begin.length).values();
  return [tree.unflatten(carry.def, carry.leaves.map((x, i) => (isStill[i] ? x : last.next().value!))), tree.unflatten(outDef, results.slice(begin.length))];
}

const row = (x: NDArray, i: number): NDArray => reshape(slice(x, x.shape.map((_, k) => (k === 0 ? i : 0)), x.shape.map((d, k) => (k === 0 ? i + 1 : d))), x.shape.slice(1));

function unrolled(f: Fn, init: any, xs: Flat, length: number, reverse: boolean, outDef: tree.TreeDef, outs: readonly Aval[]): [any, any] {
  const turns = [...globalThis.Array(length).keys()];
  let carry = init;
  const ys: NDArray[][] = [];
  for (const i of reverse ? turns.reverse() : turns) {
    const [next, y] = f(carry, tree.unflatten(xs.def, xs.leaves.map((x) => row(x, i))));
    carry = next;
    ys[i] = tree.leaves(y).map((leaf) => asArray(leaf as Operand, 'scan'));
  }
  const stacked = outs.map((a, k) => (length === 0 ? expandTo(new Scalar(0, a.dtype, false), [0, ...a.shape]) : concatenate(ys.map((y) => reshape(y[k], [1, ...y[k].shape])), 0)));
  return [carry, tree.unflatten(outDef, stacked)];
}

/** Traces a function of several trees given by their leaves' types. */
function traceTyped(f: Fn, avals: readonly (readonly Aval[])[], defs: readonly tree.TreeDef[], where: string): { closed: ClosedJaxpr; out: tree.TreeDef } {
  const leaves = avals.flat().map((a) => ({ aval: a }) as NDArray);
  const def = tree.structure(defs.map((d) => tree.unflatten(d, globalThis.Array(d.size).fill(0))));
  return traceFlat(f, { leaves, def }, where);
}

/** Runs `body` on a value while `cond` of it is true. As `jax.lax.while_loop`; it has forward derivatives only. */
export function whileLoop(cond: Fn, body: Fn, init: any): any {
  checkFunction(cond, 'whileLoop');
  checkFunction(body, 'whileLoop');
  const { closed, carry } = traceBody('whileLoop', flattenArgs(init, 'whileLoop'), (now) => traceTyped(body, [now.leaves.map((x) => x.aval)], [now.def], 'whileLoop'));
  const test = traceTyped(cond, [carry.leaves.map((x) => x.aval)], [carry.def], 'whileLoop').closed;
  const [answer] = test.jaxpr.outputs;
  if (test.jaxpr.outputs.length !== 1 || answer.aval.shape.length || answer.aval.dtype !== 'bool') throw new TypeError(`whileLoop: the condition must return one bool, got ${test.jaxpr.outputs.map((a) => formatAval(a.aval)).join(', ') || 'nothing'}.`);
  const results = bind(whileP, [...test.consts, ...closed.consts, ...carry.leaves], { cond: test.jaxpr, body: closed.jaxpr, condConsts: test.consts.length, bodyConsts: closed.consts.length });
  return tree.unflatten(carry.def, results);
}

/**
 * `value = body(i, value)` for i from `lower` below `upper`. Bounds that are numbers make a scan, which has gradients and takes
 * `unroll`. As `jax.lax.fori_loop`.
 */
export function foriLoop(lower: Operand, upper: Operand, body: Fn, init: any, options?: Pick<ScanOptions, 'unroll'>): any {
  checkFunction(body, 'foriLoop');
  const { unroll } = checkOptions('foriLoop', options, ['unroll']);
  if (typeof lower === 'number' && typeof upper === 'number') {
    for (const x of [lower, upper]) if (!Number.isInteger(x) || x !== (x | 0)) throw new TypeError(`foriLoop: the bounds must be whole numbers of 32 bits, got ${x}.`);
    const length = Math.max(0, upper - lower);
    return scan(([i, value]: [NDArray, any]) => [[add(i, 1), body(i, value)], null], [convertElementType(new Scalar(lower, 'int32'), 'int32', false), init], null, { length, unroll })[0][1];
  }
  if (unroll !== undefined) throw new ValueError('foriLoop: unroll needs bounds that are numbers.');
  const [from, to] = [lower, upper].map((x) => asArray(x, 'foriLoop'));
  for (const x of [from, to]) if (x.ndim || !isInteger(x.dtype)) throw new TypeError(`foriLoop: the bounds must be integer scalars, got ${formatAval(x)}.`);
  const dtype = isArray(lower) && !(lower instanceof Scalar) ? from.dtype : to.dtype;
  return whileLoop(([i]: [NDArray]) => lt(i, as(aval([], dtype), to)), ([i, value]: [NDArray, any]) => [add(i, 1), body(i, value)], [as(aval([], dtype), from), init])[1];
}

function branch(where: string, index: NDArray, functions: readonly Fn[], operands: readonly unknown[]): any {
  functions.forEach((f) => checkFunction(f, where));
  const flat = strong(flattenArgs(operands, where));
  const traced = functions.map((f) => traceFlat(f, flat, where));
  const [first] = traced;
  traced.forEach(({ out, closed }, k) => {
    if (out.key !== first.out.key) throw new TypeError(`${where}: all branches must return the same structure, but branch 0 returns ${first.out.key} and branch ${k} ${out.key}.`);
    closed.jaxpr.outputs.forEach((a, i) => {
      const b = first.closed.jaxpr.outputs[i].aval;
      if (!dims.equalShapes(a.aval.shape, b.shape) || (a.aval.dtype !== b.dtype && !a.aval.weak && !b.weak)) throw new TypeError(`${where}: all branches must return the same types, but output ${i} is ${formatAval(b)} in branch 0 and ${formatAval(a.aval)} in branch ${k}.`);
    });
  });
  // A number in one branch takes the dtype that the others return.
  const types = first.closed.jaxpr.outputs.map((a, i) => { const all = traced.map((t) => t.closed.jaxpr.outputs[i].aval); return aval(a.aval.shape, (all.find((x) => !x.weak) ?? all.find((x) => x.dtype === 'float32') ?? all[0]).dtype); });
  const typed = functions.map((f, k) => (traced[k].closed.jaxpr.outputs.every((a, i) => a.aval.dtype === types[i].dtype) ? traced[k].closed
    : traceFlat((...xs) => tree.flatten(f(...xs))[0].map((x, i) => as(types[i], toArrayLeaf(x, where))), flat, where).closed));
  const { consts, jaxprs } = unifyConsts(typed);
  return tree.unflatten(first.out, bind(condP, [index, ...consts, ...flat.leaves], { branches: jaxprs }));
}

/** `trueFun(...operands)` or `falseFun(...operands)`; only one of them runs. As `jax.lax.cond`. */
export function cond(predicate: Operand, trueFun: Fn, falseFun: Fn, ...operands: any[]): any {
  const p = asArray(predicate, 'cond');
  if (p.ndim) throw new TypeError(`cond: the predicate must be a scalar, got ${formatAval(p)}; use jnp.where for arrays.`);
  return branch('cond', as(aval([], 'int32'), convertElementType(p, 'bool')), [falseFun, trueFun], operands);
}

function switch_(index: Operand, branches: readonly Fn[], ...operands: any[]): any {
  const i = asArray(index, 'switch');
  if (i.ndim || !isInteger(i.dtype)) throw new TypeError(`switch: the index must be an integer scalar, got ${formatAval(i)}.`);
  if (!globalThis.Array.isArray(branches) || branches.length === 0) throw new ValueError('switch: the branches must be a list of one function or more.');
  return branch('switch', min(max(as(aval([], 'int32'), i), 0), branches.length - 1), branches, operands);
}
export {
  /** `branches[index](...operands)`, with the index clamped to the list. As `jax.lax.switch`. */
  switch_ as switch,
};

/** `f` of every slice of `xs` along its leading axis, one after the other. As `jax.lax.map`. */
export const map = (f: Fn, xs: any): any => scan((_, x) => [null, f(x)], null, xs)[1];

/**
 * All prefixes of a sequence joined by an associative `fn`, in a number of steps that grows with the logarithm of its
 * length. As `jax.lax.associative_scan`.
 */
export function associativeScan(fn: Fn, elems: any, options?: { reverse?: boolean; axis?: number }): any {
  checkFunction(fn, 'associativeScan');
  const { reverse = false, axis = 0 } = checkOptions('associativeScan', options, ['reverse', 'axis']);
  const { leaves, def } = flattenArgs(elems, 'associativeScan');
  const at = leaves.map((x) => canonicalAxis(axis, x.ndim, 'associativeScan'));
  const n = leaves[0]?.shape[at[0]];
  if (leaves.some((x, i) => x.shape[at[i]] !== n)) throw new ShapeError(`associativeScan: the arrays have different sizes along axis ${axis}.`);
  const flip = (xs: NDArray[]) => (reverse ? xs.map((x, i) => rev(x, [at[i]])) : xs);
  const combine = (a: NDArray[], b: NDArray[]): NDArray[] => tree.leaves(fn(tree.unflatten(def, a), tree.unflatten(def, b))) as NDArray[];
  const part = (x: NDArray, i: number, start: number, stop: number, step: number) =>
    slice(x, x.shape.map((_, k) => (k === at[i] ? start : 0)), x.shape.map((d, k) => (k === at[i] ? stop : d)), x.shape.map((_, k) => (k === at[i] ? step : 1)));
  const walk = (xs: NDArray[]): NDArray[] => {
    const size = xs[0].shape[at[0]];
    if (size < 2) return xs;
    const even = size - (size % 2);
    const pairs = walk(combine(xs.map((x, i) => part(x, i, 0, even, 2)), xs.map((x, i) => part(x, i, 1, even, 2))));
    const firsts = xs.map((x, i) => part(x, i, 0, 1, 1));
    if (size === 2) return firsts.map((x, i) => concatenate([x, pairs[i]], at[i]));
    const before = size % 2 ? pairs : pairs.map((x, i) => part(x, i, 0, x.shape[at[i]] - 1, 1));
    const others = combine(before, xs.map((x, i) => part(x, i, 2, size, 2)));
    return xs.map((_, i) => interleave(concatenate([firsts[i], others[i]], at[i]), pairs[i], at[i]));
  };
  return tree.unflatten(def, leaves.length && n ? flip(walk(flip(leaves))) : leaves);
}

/** Elements of `a` at even places, of `b` at odd ones. */
function interleave(a: NDArray, b: NDArray, axis: number): NDArray {
  const [m, n] = [a.shape[axis], b.shape[axis]];
  const spread = (x: NDArray, before: number, after: number) => pad(x, new Scalar(0, x.dtype, false), x.shape.map((_, k) => (k === axis ? [before, after, 1] : [0, 0, 0])));
  const [even, odd] = [spread(a, 0, m > n ? 0 : 1), spread(b, 1, m > n ? 1 : 0)];
  if (a.dtype !== 'bool') return add(even, odd);
  return convertElementType(add(convertElementType(even, 'int32'), convertElementType(odd, 'int32')), 'bool');
}

