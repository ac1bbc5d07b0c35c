/** `jit`: a function compiled for each combination of argument types, as in JAX. */
import { checkOptions } from '../runtime/options.js';
import { ValueError } from '../runtime/errors.js';
import { expectConcrete, NDArray, type Aval, type ConcreteArray, type Device } from './array.js';
import { checkFunction, toArrayLeaf, traceFlat } from './autodiff.js';
import { config, type EngineName } from './config.js';
import { currentFrame } from './core.js';
import { compile, targetOf, type Program, type Target } from './program.js';
import { matchTree, treeBuilder } from './tree-fast.js';
import * as tree from './tree.js';

export interface JitOptions {
  /** Arguments that are no arrays: the function is compiled anew for each value (compared as text or identity). */
  staticArgnums?: number | readonly number[];
  /** Arguments whose memory the results may take over; their arrays are gone from the call on. */
  donateArgnums?: number | readonly number[];
  engine?: EngineName;
  device?: Device;
}

export interface Jitted<F extends (...args: any[]) => any> {
  (...args: Parameters<F>): ReturnType<F>;
  /** Runs on the engine's own thread. */
  async(...args: [...Parameters<F>, { signal?: AbortSignal }?]): Promise<ReturnType<F>>;
  /** The compiled program for these arguments, which is not run: its `jaxpr` and `text`, `model()`, `nodeCounts()` and `cost()`. */
  lower(...args: Parameters<F>): Program;
}

interface Compiled {
  readonly program: Program;
  readonly consts: readonly NDArray[];
  readonly build: (leaves: readonly unknown[]) => any;
  /** What the call looked like, to know the next one without writing its key. */
  readonly def: tree.TreeDef;
  readonly avals: readonly Aval[];
  readonly target: Target;
  readonly partitionable: boolean;
}

/** How many of the latest kinds of call are recognised by comparison; the others by key. */
const RECENT = 4;

const list = (x: number | readonly number[] | undefined): readonly number[] => (x === undefined ? [] : typeof x === 'number' ? [x] : x);
const identities = new WeakMap<object, number>();
let nextIdentity = 0;
function identity(x: object): string {
  if (!identities.has(x)) identities.set(x, nextIdentity++);
  return `#${identities.get(x)}`;
}
/** Plain values by their text, functions and instances by identity. Different values never share a key. */
function staticKey(x: unknown): string {
  if (typeof x === 'string') return JSON.stringify(x);
  if (typeof x === 'function') return identity(x);
  if (typeof x !== 'object' || x === null) return `${typeof x}:${Object.is(x, -0) ? '-0' : String(x)}`;
  if (globalThis.Array.isArray(x)) return `[${x.map(staticKey).join()}]`;
  if (tree.structure(x).kind !== 'dict') return identity(x);
  return `{${Object.keys(x).sort().map((k) => `${JSON.stringify(k)}:${staticKey((x as Record<string, unknown>)[k])}`).join()}}`;
}

/** As `jax.jit`. Compiles at the first call for each combination of shapes and dtypes; blocks and returns arrays. */
export function jit<F extends (...args: any[]) => any>(f: F, options: JitOptions = {}): Jitted<F> {
  checkFunction(f, 'jit');
  checkOptions('jit', options, ['staticArgnums', 'donateArgnums', 'engine', 'device']);
  const statics = list(options.staticArgnums);
  const donate = list(options.donateArgnums);
  const both = donate.find((n) => statics.includes(n));
  if (both !== undefined) throw new ValueError(`jit: argument ${both} is both static and donated; only arrays can be donated.`);
  const cache = new Map<string, Compiled>();
  const recent: Compiled[] = [];

  /** The leaves of a call that is like a recent one. */
  const recall = (args: readonly unknown[], { engine, device }: Target): { compiled: Compiled; leaves: NDArray[] } | null => {
    for (const compiled of recent) {
      const { target, partitionable, def, avals } = compiled;
      if (target.engine !== engine || target.device !== device || partitionable !== config.threefryPartitionable) continue;
      const leaves: unknown[] = [];
      if (!matchTree(def, args, leaves)) continue;
      let same = true;
      for (let i = 0; same && i < leaves.length; i++) same = (typeof leaves[i] !== 'object' || leaves[i] instanceof NDArray) && (leaves[i] = toArrayLeaf(leaves[i], 'jit') as NDArray) && (leaves[i] as NDArray).aval === avals[i];
      if (same) return { compiled, leaves: leaves as NDArray[] };
    }
    return null;
  };

  const prepare = (args: readonly unknown[]): { compiled: Compiled; inputs: ConcreteArray[] } => {
    const target = targetOf(options);
    const known = statics.length ? null : recall(args, target);
    if (known) return withConsts(known.compiled, known.leaves);
    const dynamic = statics.length ? args.map((a, i) => (statics.includes(i) ? null : a)) : args;
    const [raw, def] = tree.flatten(dynamic);
    const leaves = raw.map((x) => toArrayLeaf(x, 'jit'));
    let key = `${target.engine} ${target.device} ${config.threefryPartitionable ? '' : 'original '}${def.key}`;
    for (const x of leaves) key += `${x.dtype}${x.weakType ? '~' : ''}[${x.aval.shape.join()}]`;
    for (const n of statics) key += ` ${staticKey(args[n])}`;
    let compiled = cache.get(key);
    if (!compiled) {
      const withStatics = (...xs: unknown[]) => f(...xs.map((x, i) => (statics.includes(i) ? args[i] : x)));
      const { closed, out } = traceFlat(withStatics, { leaves, def }, 'jit');
      let at = closed.consts.length;
      const owned = dynamic.flatMap((a, n) => tree.leaves(a).map(() => [at++, n]));
      const donated = owned.filter(([, n]) => donate.includes(n)).map(([i]) => i);
      compiled = {
        program: compile(closed.jaxpr, target, donated), consts: closed.consts, build: treeBuilder(out, 0, false),
        def, avals: leaves.map((x) => x.aval), target, partitionable: config.threefryPartitionable,
      };
      cache.set(key, compiled);
    }
    if (!statics.length && !recent.includes(compiled)) {
      recent.unshift(compiled);
      recent.length = Math.min(recent.length, RECENT);
    }
    return withConsts(compiled, leaves);
  };

  const withConsts = (compiled: Compiled, leaves: readonly NDArray[]): { compiled: Compiled; inputs: ConcreteArray[] } =>
    ({ compiled, inputs: [...compiled.consts.map((x) => expectConcrete(x, 'A captured value')), ...leaves.map((x) => expectConcrete(x, 'jit'))] });

  const jitted = ((...args: any[]) => {
    if (currentFrame()) return f(...args);
    const { compiled, inputs } = prepare(args);
    return compiled.build(compiled.program.run(inputs));
  }) as Jitted<F>;
  jitted.async = async (...args: any[]) => {
    const last = args[args.length - 1] as { signal?: AbortSignal } | undefined;
    const isOptions = args.length > f.length && typeof last === 'object' && last !== null && !(last instanceof NDArray) && Object.keys(last).every((k) => k === 'signal');
    const { compiled, inputs } = prepare(isOptions ? args.slice(0, -1) : args);
    return compiled.build(await compiled.program.runAsync(inputs, isOptions ? last.signal : undefined)) as ReturnType<F>;
  };
  jitted.lower = (...args) => prepare(args).compiled.program;
  return jitted;
}
