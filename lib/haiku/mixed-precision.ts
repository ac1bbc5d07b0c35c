/** `hk.mixedPrecision`: which dtypes the modules of a class keep their parameters in, compute in, and return. */
import { isArray, tree } from '../jax/index.js';
import { isFloat } from '../jax/dtypes.js';
import type { DType } from '../runtime/dtypes.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { frames } from './context.js';
import { AssertionError } from './errors.js';
import { customCreator, customGetter, type Creator, type Getter } from './hooks.js';
import { interceptAlways, type Interceptor } from './interceptors.js';
import { describe, fromEntries } from './mappings.js';
import { Stack } from './stack.js';

const NAMES: Readonly<Record<string, DType>> = {
  f16: 'float16', f32: 'float32', f64: 'float64', bf16: 'bfloat16', half: 'float16', full: 'float32',
  float16: 'float16', float32: 'float32', float64: 'float64', bfloat16: 'bfloat16',
};
const PARTS: Readonly<Record<string, 'param' | 'compute' | 'output'>> = { p: 'param', params: 'param', c: 'compute', compute: 'compute', o: 'output', output: 'output' };

const castTo = (dtype: DType) => (x: unknown): unknown => (isArray(x) && isFloat(x.dtype) && x.dtype !== dtype ? x.astype(dtype) : x);
function castTree<T>(dtype: DType, value: T): T {
  if (typeof value !== 'object' || value === null || isArray(value)) return castTo(dtype)(value) as T;
  // What is undefined stays so, and its default still counts; a tree's map would make it null.
  if (globalThis.Array.isArray(value)) return value.map((x) => castTree(dtype, x as unknown)) as T;
  if (Object.getPrototypeOf(value) === Object.prototype) return fromEntries(Object.entries(value).map(([key, x]) => [key, castTree(dtype, x as unknown)])) as T;
  return tree.map(castTo(dtype), value) as T;
}

/** The dtypes of parameters, of computations and of results. As `jmp.Policy`. */
export class Policy {
  constructor(readonly paramDtype: DType, readonly computeDtype: DType, readonly outputDtype: DType) {}
  /** The floating-point arrays of a tree in the dtype of parameters; everything else as it is. */
  castToParam<T>(value: T): T { return castTree(this.paramDtype, value); }
  castToCompute<T>(value: T): T { return castTree(this.computeDtype, value); }
  castToOutput<T>(value: T): T { return castTree(this.outputDtype, value); }
  toString(): string { return `params=${this.paramDtype},compute=${this.computeDtype},output=${this.outputDtype}`; }
}

function dtypeNamed(name: string, text: string): DType {
  if (!Object.hasOwn(NAMES, name)) throw new ValueError(`hk.mixedPrecision: '${text}' names the dtype '${name}', which is none of ${Object.keys(NAMES).join(', ')}.`);
  return NAMES[name];
}

/**
 * Reads a policy: `p=f32,c=f16,o=f32` (also `params`, `compute`, `output`), or one dtype for all three. What is left out: params
 * are float32, compute follows params, output follows compute.
 * @throws ValueError for anything else.
 */
export function parsePolicy(text: string): Policy {
  if (!text.includes('=')) { const all = dtypeNamed(text, text); return new Policy(all, all, all); }
  const found: { param?: DType; compute?: DType; output?: DType } = {};
  for (const entry of text.split(',')) {
    const [key, name, ...more] = entry.split('=');
    if (!Object.hasOwn(PARTS, key) || name === undefined || more.length) throw new ValueError(`hk.mixedPrecision: a policy is written as 'params=float32,compute=float16,output=float32', but got '${text}'.`);
    found[PARTS[key]] = dtypeNamed(name, text);
  }
  const { param = 'float32', compute = param, output = compute } = found;
  return new Policy(param, compute, output);
}

type ModuleClass = abstract new (...args: any[]) => unknown;
const policies = new Map<Function, Policy>();
const current = new Stack<Policy>();
let installed = false;

const creator: Creator = (next, shape, _dtype, init) => next(shape, current.top!.paramDtype, init);
const getter: Getter = (next, value) => next(current.top!.castToCompute(value));

const interceptor: Interceptor = (next, args, { module, methodName, origClass }) => {
  // A constructor that has not called super() yet has no module, but is its class's.
  const policy = policies.get(methodName === 'constructor' ? origClass : (module as object).constructor);
  if (!policy) return next(...args);
  const run = (): unknown => current.with(policy, () => policy.castToOutput(next(...args.map((x) => policy.castToCompute(x)))));
  return current.top ? run() : customCreator(creator, () => customGetter(getter, run, { state: true }));
};

function checked(where: string, cls: unknown, policy: unknown): Policy {
  if (typeof cls !== 'function') throw new TypeError(`hk.mixedPrecision.${where}: a policy is for a class of modules, but got ${describe(cls)}.`);
  if (policy === null || policy === undefined) throw new AssertionError(`hk.mixedPrecision.${where}: To unset policies use clearPolicy.`);
  if (policy instanceof Policy) return policy;
  if (typeof policy !== 'string') throw new TypeError(`hk.mixedPrecision.${where}: a policy is a Policy or its text, but got ${describe(policy)}.`);
  return parsePolicy(policy);
}

/**
 * Sets the policy of a class, for good. It acts on every method of its instances (not of subclasses): floating-point
 * arguments are cast to the compute dtype, results to the output dtype. Inside the outermost such method parameters are made
 * in the param dtype, and parameters and state are read in the compute dtype; modules inside inherit this until they have a
 * policy of their own.
 *
 * ```ts
 * hk.mixedPrecision.setPolicy(hk.nets.ResNet50, 'params=float32,compute=bfloat16,output=float32');
 * hk.mixedPrecision.setPolicy(hk.BatchNorm, 'params=float32,compute=float32,output=bfloat16');
 * ```
 */
export function setPolicy(cls: ModuleClass, policy: Policy | string): void {
  const parsed = checked('setPolicy', cls, policy);
  if (!installed) interceptAlways(interceptor);
  installed = true;
  policies.set(cls, parsed);
}

/** The policy of a class, if it has one. */
export const getPolicy = (cls: ModuleClass): Policy | undefined => policies.get(cls);
/** Removes the policy of a class. */
export function clearPolicy(cls: ModuleClass): void { policies.delete(cls); }
/** The policy of the method that is running, if any. */
export const currentPolicy = (): Policy | undefined => current.top;

/**
 * Sets the policy of a class while `fn` runs, and returns its result.
 * @throws ValueError inside a method of that class.
 */
export function pushPolicy<R>(cls: ModuleClass, policy: Policy | string, fn: () => R): R {
  const parsed = checked('pushPolicy', cls, policy);
  if (frames.top?.modules.top?.module?.constructor === cls) throw new ValueError('hk.mixedPrecision: Pushing a policy inside a method on the same class is not supported.');
  const before = policies.get(cls);
  setPolicy(cls, parsed);
  try { return fn(); } finally { if (before) policies.set(cls, before); else policies.delete(cls); }
}
