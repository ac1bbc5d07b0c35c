/** Host functions inside programs, for what is not worth being fast: tables, logs, other libraries. */
import { addon } from '../runtime/native.js';
import { ShapeError, TypeError, ValueError } from '../runtime/errors.js';
import { ConcreteArray, NDArray, aval, cpu, expectConcrete, formatAval, type Aval } from './array.js';
import { checkFunction, flattenArgs, toArrayLeaf, type Fn } from './autodiff.js';
import { bind, currentFrame, trace } from './core.js';
import { dims, type Shape } from './dims.js';
import { DTYPES, checkDType, type DType } from './dtypes.js';
import { scanP } from './primitives/control-flow/scan.js';
import { convertElementType } from './primitives/convert.js';
import type { Primitive } from './primitives/primitive.js';
import { inFront } from './primitives/shape.js';
import * as tree from './tree.js';

type Host = (inputs: readonly ConcreteArray[]) => ConcreteArray[];
type VmapMethod = 'sequential' | 'expandDims' | 'broadcastAll';
interface CallbackParams { readonly host: Host; readonly results: readonly (readonly [DType, Shape])[]; readonly vmapMethod?: VmapMethod }

/** Programs hold their functions; what no program holds any more is forgotten here too. */
const hosts = new Map<number, WeakRef<{ host: Host; inputs: readonly Aval[] }>>();
const forget = new FinalizationRegistry<number>((id) => hosts.delete(id));
let token: number | undefined;
let nextId = 1;
/** Keeps an entry alive as long as its function. */
const entries = new WeakMap<Host, object[]>();

function register(host: Host, inputs: readonly Aval[]): { token: number; id: number } {
  token ??= addon().registerCallbacks((id, buffers) => {
    const entry = hosts.get(id)?.deref();
    if (!entry) throw new ValueError('pureCallback: the function of this program is gone.');
    return entry.host(buffers.map((b, i) => new ConcreteArray(entry.inputs[i], b))).map((x) => x.memory as ArrayBuffer);
  });
  const entry = { host, inputs };
  const id = nextId++;
  hosts.set(id, new WeakRef(entry));
  forget.register(entry, id);
  entries.set(host, [...(entries.get(host) ?? []), entry]);
  return { token, id };
}

const bytes = (a: Aval): number => dims.size(a.shape) * DTYPES[a.dtype].size;

const callbackP: Primitive<CallbackParams> = {
  name: 'pure_callback',
  shape: (_inputs, { results }) => results.map(([dtype, shape]) => aval(shape, dtype)),
  vjp: (inputs, params, needed) => {
    if (needed.includes(true)) throw new ValueError('pureCallback: a host function has no derivative; give it one with customJvp or customVjp, or use stopGradient on its arguments.');
    return { outputs: bind(callbackP, inputs, params), pullback: () => inputs.map(() => null) };
  },
  batch: (inputs, axes, params, { size }) => {
    const { results, vmapMethod } = params;
    const outputs = results.map(([dtype, shape]): readonly [DType, Shape] => [dtype, [size, ...shape]]);
    if (vmapMethod === 'sequential') {
      const isMapped = axes.map((a) => a !== null);
      const ordered = [...inputs.keys()].sort((a, b) => Number(isMapped[a]) - Number(isMapped[b]));
      const rows = ordered.map((i) => (isMapped[i] ? inFront(inputs[i], axes[i], size) : inputs[i]));
      const { jaxpr } = trace((...xs) => bind(callbackP, inputs.map((_, i) => xs[ordered.indexOf(i)]), params), ordered.map((i, k) => (isMapped[i] ? aval(rows[k].shape.slice(1), rows[k].dtype) : rows[k].aval)));
      return [bind(scanP, rows, { jaxpr, consts: isMapped.filter((m) => !m).length, carry: 0, length: size, reverse: false }), results.map(() => 0)];
    }
    if (vmapMethod !== 'expandDims' && vmapMethod !== 'broadcastAll') throw new ValueError("pureCallback: under vmap, say how with { vmapMethod: 'sequential' | 'expandDims' | 'broadcastAll' }.");
    const given = inputs.map((x, i) => (axes[i] !== null || vmapMethod === 'broadcastAll' ? inFront(x, axes[i], size) : inFront(x, null, 1)));
    return [bind(callbackP, given, { ...params, results: outputs }), results.map(() => 0)];
  },
  lower: (g, inputs, { host }, types) => {
    if (!g.custom) throw new TypeError('pureCallback calls JavaScript and cannot be written to a file for others: compute it outside and pass it in.');
    const names = g.nodeWithOutputs('Callback', inputs.length ? inputs : [g.constant('bool', [], [true])], types.outputs.length, {
      ...register(host, types.inputs),
      // One entry more than needed: an attribute must not be empty.
      input_bytes: [...types.inputs.map(bytes), 0], output_bytes: types.outputs.map(bytes), output_types: types.outputs.map((a) => DTYPES[a.dtype].onnx),
      output_ranks: types.outputs.map((a) => a.shape.length), output_dims: [...types.outputs.flatMap((a) => a.shape), 0],
    }, 'hokku');
    types.outputs.forEach((a, i) => g.declare(names[i], a.dtype, a.shape));
    return names;
  },
};

export interface ShapeDtype { readonly shape: Shape; readonly dtype: DType }
const isShapeDtype = (x: unknown): boolean => typeof x === 'object' && x !== null && 'shape' in x && 'dtype' in x;

/**
 * Calls a JavaScript function from inside a program, on the thread that traced it. It takes arrays with values and returns
 * a tree like `resultShapeDtypes` (leaves `{ shape, dtype }`); it must depend on its arguments alone and may run any number
 * of times, or never. As `jax.pure_callback`. Slow: data goes out and in again.
 * The last argument may be `{ vmapMethod }`.
 * @throws ShapeError, TypeError where a result is not what was declared; ValueError under grad, and under vmap without a method.
 */
export function pureCallback(callback: Fn, resultShapeDtypes: any, ...args: any[]): any {
  checkFunction(callback, 'pureCallback');
  const last = args.at(-1);
  const options = typeof last === 'object' && last !== null && !(last instanceof NDArray) && Object.keys(last).join() === 'vmapMethod' ? args.pop() as { vmapMethod?: VmapMethod } : {};
  const [wanted, out] = tree.flatten(resultShapeDtypes, isShapeDtype) as [ShapeDtype[], tree.TreeDef];
  if (!wanted.length) throw new ValueError('pureCallback: resultShapeDtypes must have at least one { shape, dtype }.');
  const results = wanted.map(({ shape, dtype }) => [checkDType(dtype, 'pureCallback'), [...shape]] as const);
  const { leaves, def } = flattenArgs(args, 'pureCallback');
  const host: Host = (inputs) => tree.flattenUpTo(out, callback(...(tree.unflatten(def, inputs) as unknown[])), 'pureCallback').map((x, i) => {
    const given = expectConcrete(toArrayLeaf(x, 'pureCallback'), 'The result of a callback');
    const [dtype, shape] = current(inputs, i);
    if (!dims.equalShapes(given.shape, shape)) throw new ShapeError(`pureCallback: result ${i} was declared as ${formatAval({ dtype, shape })}, but the function returned ${formatAval(given)}.`);
    const typed = expectConcrete(given.weakType || given.dtype !== dtype ? convertElementType(given, dtype, false) : given, 'The result of a callback');
    if (given.dtype !== dtype && !given.weakType) throw new TypeError(`pureCallback: result ${i} was declared as ${formatAval({ dtype, shape })}, but the function returned ${formatAval(given)}; convert it with astype.`);
    return typed.memory instanceof ArrayBuffer ? typed : new ConcreteArray(typed.aval, typed.data.buffer as ArrayBuffer, cpu);
  });
  /** Under vmap all results have the leading axis that the arguments got. */
  const current = (inputs: readonly ConcreteArray[], i: number): readonly [DType, Shape] => {
    const [dtype, shape] = results[i];
    const extra = inputs.reduce<number[]>((lead, x, k) => { const more = x.shape.slice(0, x.ndim - leaves[k].ndim); return more.length && (!lead.length || more.some((d, a) => d > lead[a])) ? more : lead; }, []);
    return [dtype, [...extra, ...shape]];
  };
  const arrays = leaves.map((x) => (x.weakType ? convertElementType(x, x.dtype, false) : x));
  if (!currentFrame()) return tree.unflatten(out, host(arrays.map((x) => expectConcrete(x, 'pureCallback'))));
  return tree.unflatten(out, bind(callbackP, arrays, { host, results, ...(options.vmapMethod && { vmapMethod: options.vmapMethod }) }));
}
