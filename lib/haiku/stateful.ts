/**
 * JAX's transformations for functions that use modules, parameters, state and keys. The function runs in a frame of its own;
 * what it changes there leaves the traced program as outputs and is then written into the frame outside. What it only reads
 * is captured by the trace.
 */
import * as jax from '../jax/index.js';
import { numpy as jnp, tree, type Array } from '../jax/index.js';
import { checkFunction, type Fn, type GradOptions } from '../jax/autodiff.js';
import type { ScanOptions } from '../jax/lax/control-flow.js';
import { ShapeError, TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { frames, requireFrame, type Frame, type StatePair } from './context.js';
import { AssertionError } from './errors.js';
import { withZeros } from './hooks.js';
import { describe, setInStore, setOwn } from './mappings.js';
import { PRNGSequence, nextRngKeys, type PRNGSequenceState } from './rng.js';

/** What a function leaves in its frame, as a tree. `initial` is null for names that the outer frame has already. */
interface Threaded {
  readonly params: Record<string, Record<string, Array>>;
  readonly state: Record<string, Record<string, { readonly current: unknown; readonly initial: unknown }>>;
  readonly rng: PRNGSequenceState | null;
}

const sequenceIn = (frame: Frame): PRNGSequence | null => frame.rngs.top ?? null;
const cloned = (sequence: PRNGSequence | null): PRNGSequence | null => sequence && new PRNGSequence(sequence.internalState);

/** The parameters that `inner` made, the state that it has (all, or what differs), and its keys. */
function leftIn(inner: Frame, outer: Frame, whole: boolean): Threaded {
  const put = <T>(out: Record<string, Record<string, T>>, module: string, name: string, value: T): void => {
    if (!Object.hasOwn(out, module)) setOwn(out, module, {});
    setOwn(out[module], name, value);
  };
  const params: Threaded['params'] = {};
  for (const [module, bundle] of inner.params) {
    for (const [name, value] of bundle) if (outer.params.get(module)?.get(name) !== value) put(params, module, name, value);
  }
  const state: Threaded['state'] = {};
  for (const [module, bundle] of inner.state) {
    for (const [name, pair] of bundle) {
      const before = outer.state.get(module)?.get(name);
      if (whole || before?.current !== pair.current) put(state, module, name, { current: pair.current, initial: before ? null : pair.initial });
    }
  }
  const rng = sequenceIn(inner)?.internalState ?? null;
  return { params, state, rng: rng && (whole || !sameKeys(rng, sequenceIn(outer)?.internalState)) ? rng : null };
}

const sameKeys = (a: PRNGSequenceState, b: PRNGSequenceState | undefined): boolean =>
  b !== undefined && a[0] === b[0] && a[1].length === b[1].length && a[1].every((key, i) => key === b[1][i]);

/** Writes what a function left into the frame outside. */
function takeIn(frame: Frame, { params, state, rng }: Threaded): void {
  if (!frame.frozen) for (const [module, bundle] of Object.entries(params)) for (const [name, value] of Object.entries(bundle)) setInStore(frame.params, module, name, value);
  for (const [module, bundle] of Object.entries(state)) {
    for (const [name, { current, initial }] of Object.entries(bundle)) setInStore(frame.state, module, name, pairOf(frame, module, name, current, initial));
  }
  if (rng) sequenceIn(frame)?.replaceInternalState(rng);
}

const pairOf = (frame: Frame, module: string, name: string, current: unknown, initial: unknown): StatePair =>
  ({ initial: frame.state.get(module)?.get(name)?.initial ?? initial, current });

interface Inside { readonly from?: Threaded; readonly rng?: PRNGSequence; readonly shareNames?: boolean }

/** Runs `body` in a frame of its own, which begins as `outer` or as a loop's turn before left it. */
function inside<R>(outer: Frame, { from, rng, shareNames = false }: Inside, body: (inner: Frame) => R): R {
  const inner = outer.evolve(rng ?? cloned(sequenceIn(outer)), shareNames);
  if (from) takeIn(inner, from);
  return frames.with(inner, () => body(inner));
}

const fillQueue = (frame: Frame): void => sequenceIn(frame)?.reserveUpToFull();

/** One turn of a loop: no parameters may be made, and as many keys go out as came in. */
function turn<R>(outer: Frame, from: Threaded, body: () => R): [R, Threaded] {
  return inside(outer, { from }, (inner) => {
    const out = body();
    fillQueue(inner);
    const left = leftIn(inner, outer, true);
    const made = Object.entries(left.params).flatMap(([module, bundle]) => Object.keys(bundle).map((name) => `${module}/${name}`));
    if (made.length) throw new AssertionError(`New parameters were created inside a loop after its first turn: ${made.join(', ')}; make them before the loop, or in every turn.`);
    return [out, left];
  });
}

/** Where a loop begins: the queue of keys full, so that every turn finds as many. */
function start(frame: Frame): Threaded {
  fillQueue(frame);
  return leftIn(frame, frame, true);
}

const rowsFrom = (start: number | null, stop: number | null) => (x: Array): Array => x.index({ start, stop });

/**
 * `lax.scan` with state and keys passed from turn to turn: `f(carry, x)` → `[carry, y]`. In `init` the first turn (with
 * `reverse` the last) runs outside the loop, and makes what parameters there are.
 * @throws AssertionError where a later turn makes parameters; ValueError outside a transform.
 */
export function scan(f: Fn, init: any, xs: any, options?: ScanOptions): [any, any] {
  const frame = requireFrame('scan');
  checkFunction(f, 'hk.scan');
  const { length: given, reverse = false, unroll = 1 } = checkOptions('hk.scan', options, ['length', 'reverse', 'unroll']);
  const size = given ?? (tree.leaves(xs)[0] as Array | undefined)?.shape[0];
  if (size === undefined) throw new ValueError('hk.scan: without arrays to scan over, options.length must say how many turns there are.');
  if (frame.frozen) return loop(frame, f, init, xs, { length: size, reverse, unroll });
  if (size === 0) {
    const [, y] = pair(f(init, tree.map((x: Array) => jnp.zeros(x.shape.slice(1), { dtype: x.dtype }), xs)));
    return [init, tree.map((leaf: Array) => jnp.zeros([0, ...jnp.asarray(leaf).shape], { dtype: jnp.asarray(leaf).dtype }), y)];
  }
  const [carry, first] = pair(f(init, tree.map((x: Array) => x.index(reverse ? size - 1 : 0), xs)));
  const y = tree.map((leaf: Array) => jnp.expandDims(leaf, 0), first);
  if (size === 1) return [carry, y];
  const rest = tree.map(reverse ? rowsFrom(null, size - 1) : rowsFrom(1, null), xs);
  const [last, ys] = loop(frame, f, carry, rest, { length: size - 1, reverse, unroll });
  return [last, tree.map((a: Array, b: Array) => jnp.concatenate(reverse ? [b, a] : [a, b]), y, ys)];
}

/** What a turn of `scan` gives. */
function pair(value: unknown): [carry: any, y: any] {
  if (!globalThis.Array.isArray(value) || value.length !== 2) throw new TypeError(`hk.scan: the function must return [carry, y], but gave ${describe(value)}.`);
  return value as [any, any];
}

function loop(frame: Frame, f: Fn, init: any, xs: any, options: ScanOptions): [any, any] {
  const [[carry, left], ys] = jax.lax.scan(([before, from]: [any, Threaded], x: any) => {
    const [[after, y], threaded] = turn(frame, from, () => pair(f(before, x)));
    return [[after, threaded], y];
  }, [init, start(frame)], xs, options);
  takeIn(frame, left);
  return [carry, ys];
}

/** `f` of every row of `xs`, one after the other, with state and keys passed on. As `lax.map`. */
export const map = (f: Fn, xs: any): any => scan((_, x) => [null, f(x)], null, xs)[1];

/**
 * `lax.foriLoop` with state and keys passed from turn to turn: `value = body(i, value)`. In `init` one turn runs before the
 * loop, and makes what parameters there are.
 */
export function foriLoop(lower: number | Array, upper: number | Array, body: Fn, init: any): any {
  const frame = requireFrame('foriLoop');
  checkFunction(body, 'hk.foriLoop');
  let [from, value] = [lower, init];
  if (!frame.frozen) {
    value = body(from, value);
    from = typeof from === 'number' ? from + 1 : jnp.add(from, 1);
    if (from === upper) return value;
  }
  const [out, left] = jax.lax.foriLoop(from, upper, (i: Array, [before, threaded]: [any, Threaded]) => turn(frame, threaded, () => body(i, before)), [value, start(frame)]);
  takeIn(frame, left);
  return out;
}

/**
 * `lax.whileLoop` with state and keys passed from turn to turn.
 * @throws ValueError in `init`, since nobody knows whether the body would run: call it there without a loop
 * (`hk.runningInit()`); and where `cond` sets state or takes keys.
 */
export function whileLoop(cond: Fn, body: Fn, init: any): any {
  const frame = requireFrame('whileLoop');
  if (!frame.frozen) {
    throw new ValueError('hk.whileLoop does not support initialization, since it is not known whether the loop runs at least once: write '
      + '`hk.runningInit() ? body(value) : hk.whileLoop(cond, body, value)`.');
  }
  const test = ([value, from]: [any, Threaded]): any => inside(frame, { from }, (inner) => {
    const [before, rng] = [new Map([...inner.state].map(([module, bundle]) => [module, new Map(bundle)])), sequenceIn(inner)?.internalState];
    const out = cond(value);
    const now = sequenceIn(inner)?.internalState;
    const changed = [...inner.state].some(([module, bundle]) => [...bundle].some(([name, pair]) => before.get(module)?.get(name) !== pair));
    if (changed || (rng && now && !sameKeys(rng, now))) {
      throw new ValueError('`hk.whileLoop` does not support `hk.setState`, `hk.nextRngKey` and the like in `cond`: do it in the body, and pass what `cond` needs on.');
    }
    return out;
  });
  const [value, left] = jax.lax.whileLoop(test, ([before, from]: [any, Threaded]) => turn(frame, from, () => body(before)), [init, start(frame)]);
  takeIn(frame, left);
  return value;
}

const HINT = 'a common mistake is to make parameters in one branch at init. Run all branches there, and choose at apply: '
  + '`hk.runningInit() ? (other(x), mine(x)) : hk.cond(pred, mine, other, x)`';

/** Runs a choice between functions, each of which leaves all of the state behind. */
function choose(where: string, functions: readonly Fn[], run: (branches: Fn[]) => [any, Threaded]): any {
  const frame = requireFrame(where);
  functions.forEach((f) => checkFunction(f, `hk.${where}`));
  fillQueue(frame);
  const made: string[] = [];
  const branches = functions.map((f) => (...operands: any[]) => inside(frame, {}, (inner) => {
    const out = f(...operands);
    fillQueue(inner);
    const left = leftIn(inner, frame, true);
    made.push(tree.structure([left.params, left.state]).key);
    return [out, left];
  }));
  let results: [any, Threaded];
  try { results = run(branches); } catch (cause) {
    if (cause instanceof TypeError && new Set(made).size > 1) throw new TypeError(`hk.${where}: the branches leave different parameters or state behind; ${HINT}.`, undefined, { cause });
    throw cause;
  }
  takeIn(frame, results[1]);
  return results[0];
}

/**
 * `lax.cond` with state and keys passed through the branch that runs: `cond(pred, trueFun, falseFun, ...operands)`, or in
 * the old form `cond(pred, trueOperand, trueFun, falseOperand, falseFun)`.
 * @throws TypeError where the branches leave different parameters or state behind.
 */
export function cond(pred: any, ...args: any[]): any {
  requireFrame('cond');
  if (args.length === 4 && typeof args[1] === 'function' && typeof args[3] === 'function') {
    const [trueOperand, trueFun, falseOperand, falseFun] = args;
    return choose('cond', [() => trueFun(trueOperand), () => falseFun(falseOperand)], ([a, b]) => jax.lax.cond(pred, a, b));
  }
  const [trueFun, falseFun, ...operands] = args;
  return choose('cond', [trueFun, falseFun], ([a, b]) => jax.lax.cond(pred, a, b, ...operands));
}

function switch_(index: any, branches: readonly Fn[], ...operands: any[]): any {
  requireFrame('switch');
  return choose('switch', [...branches], (pure) => jax.lax.switch(index, pure, ...operands));
}
export {
  /** `lax.switch` with state and keys passed through the branch that runs. @throws as `cond`. */
  switch_ as switch,
};

/** How `hk.vmap` maps. */
export interface VmapOptions extends jax.VmapOptions {
  /** Whether every element gets keys of its own. Required: without a default nobody shares keys by accident. */
  splitRng: boolean;
}

/** The size of the first axis that `axes` names in `x`. */
function mappedSize(axes: any, x: any): number | undefined {
  if (axes === null || axes === undefined) return undefined;
  if (typeof axes === 'number') return (tree.leaves(x)[0] as Array | undefined)?.shape.at(axes);
  for (const key of Object.keys(axes)) {
    const size = mappedSize(axes[key], x[key]);
    if (size !== undefined) return size;
  }
  return undefined;
}

/**
 * `jax.vmap` of a function over modules; parameters and state are not mapped. With `splitRng` every element has a sequence
 * of keys of its own, without all see the same keys.
 * @throws TypeError where `splitRng` is not given; ValueError where all `inAxes` are null, or where `splitRng` meets
 * parameters that have yet to be made: say `{ splitRng: !hk.runningInit() }`.
 */
export function vmap(fun: Fn, options: VmapOptions): Fn {
  checkFunction(fun, 'hk.vmap');
  const { inAxes = 0, outAxes = 0, splitRng, axisName, axisSize } = checkOptions('hk.vmap', options, ['inAxes', 'outAxes', 'axisName', 'axisSize', 'splitRng']) as Partial<VmapOptions>;
  if (splitRng === undefined) {
    if (vmap.requireSplitRng) throw new TypeError('hk.vmap: the option splitRng is required: true gives every element keys of its own, false the same keys to all.');
    return vmap(fun, { ...options, splitRng: false });
  }
  if (tree.leaves(inAxes).length === 0) throw new ValueError(`hk.vmap: ${fun.name || 'the function'} must have at least one non-null value in inAxes.`);
  return (...args) => {
    const frame = requireFrame('vmap');
    const size = axisSize ?? mappedSize(inAxes, globalThis.Array.isArray(inAxes) ? args : [args][0]);
    if (splitRng && size === undefined) throw new ShapeError('hk.vmap: with splitRng the size of the mapped axis must be known, but no argument has one; give axisSize.');
    const keys = splitRng ? nextRngKeys(size!) : null;
    const pure = (given: any[], key: Array | null): [any, Threaded] => inside(frame, key ? { rng: new PRNGSequence(key) } : {}, (inner) => {
      const out = fun(...given);
      const left = leftIn(inner, frame, false);
      return [out, key ? { ...left, rng: null } : left];
    });
    const mapped = jax.vmap(pure, { inAxes: [inAxes, splitRng ? 0 : null], outAxes: [outAxes, null], ...(axisName && { axisName }), ...(typeof axisSize === 'number' && { axisSize }) });
    let results: [any, Threaded];
    try { results = mapped(args, keys) as [any, Threaded]; } catch (cause) {
      if (!splitRng || frame.frozen || !(cause instanceof ValueError) || !cause.message.includes('outAxes')) throw cause;
      throw new ValueError('hk.vmap: parameters are shared along the mapped axis, so they cannot be made with keys that are split; say { splitRng: !hk.runningInit() }.', undefined, { cause });
    }
    takeIn(frame, results[1]);
    return results[0];
  };
}
/** Whether `splitRng` must be given; false makes it default to false, for code written before it was there. */
vmap.requireSplitRng = true;

/** `jax.valueAndGrad` for a function that sets state: what it sets is there afterwards. */
export function valueAndGrad(fun: Fn, options?: GradOptions): Fn {
  const frame = requireFrame('valueAndGrad');
  checkFunction(fun, 'hk.valueAndGrad');
  const { argnums = 0, hasAux = false } = checkOptions('hk.valueAndGrad', options, ['argnums', 'hasAux']);
  const both = jax.valueAndGrad((...args) => inside(frame, {}, (inner) => {
    const out = fun(...args);
    const [loss, aux] = hasAux ? out : [out, null];
    return [loss, [aux, leftIn(inner, frame, false)]];
  }), { argnums, hasAux: true });
  return (...args) => {
    const [[value, [aux, left]], gradients] = both(...args);
    takeIn(frame, left);
    return [hasAux ? [value, aux] : value, gradients];
  };
}

/** `jax.grad` for a function that sets state: what it sets is there afterwards. */
export function grad(fun: Fn, options?: GradOptions): Fn {
  const both = valueAndGrad(fun, options);
  return (...args) => {
    const [value, gradients] = both(...args);
    return options?.hasAux ? [gradients, value[1]] : gradients;
  };
}

/** `jax.checkpoint` of a function over modules, which are named as if it were not there. */
export function remat<F extends Fn>(fun: F, options?: Parameters<typeof jax.checkpoint>[1]): F {
  const frame = requireFrame('remat');
  checkFunction(fun, 'hk.remat');
  const pure = jax.checkpoint((...args) => inside(frame, { shareNames: true }, (inner) => [fun(...args), leftIn(inner, frame, false)]), options);
  return ((...args: any[]) => {
    const [out, left] = pure(...args);
    takeIn(frame, left);
    return out;
  }) as F;
}

/** `jax.jit` of a function over modules, which are named as if it were not there: one program a call where nothing is traced, no more inside a jitted init or apply. */
export function jit<F extends Fn>(fun: F): F {
  const frame = requireFrame('jit');
  checkFunction(fun, 'hk.jit');
  // What the function reads of the frame is fixed in the program, so every call makes one of its own.
  return ((...args: any[]) => {
    const [out, left] = jax.jit((...given: any[]) => inside(frame, { shareNames: true }, (inner) => [fun(...given), leftIn(inner, frame, false)]))(...args) as [any, Threaded];
    takeIn(frame, left);
    return out;
  }) as F;
}

/** `jax.evalShape` of a function over modules: shapes and dtypes of what it returns. Whatever it makes or takes, keys too, is dropped. */
export function evalShape(fun: Fn, ...args: any[]): any {
  const frame = requireFrame('evalShape');
  return jax.evalShape((...given) => inside(frame, {}, () => fun(...given)), ...args);
}

/** `evalShape` in a transform or outside one, e.g. of `f.init`. No initialiser runs, so none needs a key: `fastEvalShape(f.init, null, x)`. */
export const fastEvalShape = (fun: Fn, ...args: any[]): any => (frames.top ? evalShape : jax.evalShape)((...given: any[]) => withZeros(() => fun(...given)), ...args);
