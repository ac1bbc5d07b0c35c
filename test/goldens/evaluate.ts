/** The evaluator of expressions: Python's order of evaluation, the public API's names and argument rule. */
import { MissingName, resolve, type Any, type Api } from './api.js';
import { placeArguments } from './arguments.js';
import { isArray } from './compare.js';
import { camelCase } from './names.js';
import { operate } from './operators.js';

/** What an expression may refer to. */
export interface Scope {
  readonly inputs?: readonly Any[];
  readonly consts?: Readonly<Record<string, Any>>;
  readonly vars?: Readonly<Record<string, Any>>;
  /** Hears of every variable of a `$let`. */
  readonly onBind?: (name: string, value: Any) => void;
}

/** The Python class of instances that expressions made: their methods' signatures are known by it. */
const classOf = new WeakMap<object, string>();
/** The named functions behind what `jax.vmap`, `optax.inject_hyperparams` and the like made of them: they keep the signature. */
const wrapped = new WeakMap<object, string>();
/** Marks `x.at`, which only makes sense with an index. */
class At { constructor(readonly array: Any) {} }

const isClass = (f: Any): boolean => typeof f === 'function' && f.prototype !== undefined;

const LOOPS = new Set(['lax.scan', 'lax.while_loop', 'lax.fori_loop']);
/** Python's 0.0 starts a loop as a float; in JavaScript it is the integer 0. */
const floatsAsArrays = (e: Any): Any => (e === null || typeof e !== 'object' ? e
  : '$float' in e ? { $carry: parseFloat(e.$float.replace('inf', 'Infinity')) } : '$tuple' in e ? { $tuple: e.$tuple.map(floatsAsArrays) } : e);

export function evaluate(api: Api, e: Any, scope: Scope): Any {
  const go = (x: Any): Any => evaluate(api, x, scope);
  if (e === null || typeof e !== 'object') return e;
  if (Array.isArray(e)) return e.map(go);
  if ('$float' in e) return parseFloat(e.$float.replace('inf', 'Infinity'));
  if ('$input' in e) return scope.inputs![e.$input];
  if ('$const' in e) return scope.consts![e.$const];
  if ('$var' in e) return lookUp(scope, e.$var);
  if ('$dtype' in e) return e.$dtype;
  if ('$fn' in e || '$value' in e) return resolve(api, e.$fn ?? e.$value);
  if ('$rng' in e) return api.hk.nextRngKey();
  if ('$dict' in e) return Object.fromEntries(Object.entries(e.$dict).map(([k, v]) => [k, go(v)]));
  if ('$intdict' in e) return Object.fromEntries(e.$intdict.map(([k, v]: [number, Any]) => [k, go(v)]));
  if ('$slice' in e) return sliceOf(e.$slice.map(go));
  if ('$newaxis' in e) return null;
  if ('$ellipsis' in e) return '...';
  if ('$scope' in e) return api.hk.nameScope(e.$scope, () => go(e.in));
  if ('$item' in e) return item(go(e.$item), e.index);
  if ('$lambda' in e) {
    return (...args: Any[]) => evaluate(api, e.body, {
      ...scope, vars: { ...scope.vars, ...Object.fromEntries(e.$lambda.map((name: string, i: number) => [name, args[i]])) },
    });
  }
  if ('$let' in e) {
    let inner = scope;
    for (const [name, expression] of e.$let) {
      const value = evaluate(api, expression, inner);
      scope.onBind?.(name, value);
      inner = { ...inner, vars: { ...inner.vars, [name]: value } };
    }
    return evaluate(api, e.in, inner);
  }
  if ('$op' in e) return operate(api, e.$op, e.args, go);
  if (LOOPS.has(e.$call)) return call(api, { ...e, args: e.args.map((a: Any, i: number) => (e.names[i]?.startsWith('init') ? floatsAsArrays(a) : a)) }, go);
  if ('$carry' in e) return resolve(api, 'jnp.array')(e.$carry, { dtype: 'float32' });
  if ('$new' in e || '$call' in e) return call(api, e, go);
  if ('$method' in e) return method(e, go);
  if ('$attr' in e) return attribute(go(e.of), e.$attr);
  if ('$index' in e) {
    const of = go(e.$index);
    const by = e.by.map(go);
    if (of instanceof At) return invoke(of.array, 'at', by);
    return isArray(of) ? invoke(of, 'index', by) : item(of, by[0]);
  }
  throw new Error(`This expression has a form that the runner does not know: ${JSON.stringify(e).slice(0, 200)}`);
}

function lookUp(scope: Scope, name: string): Any {
  if (scope.vars && Object.hasOwn(scope.vars, name)) return scope.vars[name];
  throw new Error(`The expression uses the variable '${name}', which nothing gives a value.`);
}

const sliceOf = ([start, stop, step]: (number | null)[]): Any => ({ start, stop, step });

function item(of: Any, index: number | string): Any {
  if (isArray(of)) return invoke(of, 'index', [index]);
  if (Array.isArray(of)) return of.at(index as number);
  // Named tuples are objects here; their fields keep the order of the peer's.
  return Object.hasOwn(of, index) ? of[index] : Object.values(of).at(index as number);
}

function attribute(of: Any, name: string): Any {
  if (name === 'at') return new At(of);
  const key = [camelCase(name), name].find((k) => k in Object(of));
  if (key !== undefined) return of[key];
  if (name === 'T' && isArray(of)) return invoke(of, 'transpose', []);
  throw new MissingName(`${classOf.get(Object(of)) ?? (isArray(of) ? 'Array' : 'object')}.${camelCase(name)}`);
}

/** `$new` and `$call`: the callee first, then the arguments from left to right, then the keyword arguments. */
function call(api: Api, e: Any, go: (x: Any) => Any): Any {
  const named: string | undefined = typeof e.$new === 'string' ? e.$new : typeof e.$call === 'string' ? e.$call : undefined;
  const f = named !== undefined ? resolve(api, named) : go(e.$call);
  const of = named ?? wrapped.get(f) ?? (classOf.has(f) ? `${classOf.get(f)}.__call__` : undefined);
  const args = placed(of, e, go);
  // Python's integers make integer arrays.
  if (named === 'jnp.array' && args.length === 1 && Array.isArray(args[0]) && args[0].flat(9).every(Number.isInteger)) args.push({ dtype: 'int32' });
  const result = made(named ?? of, named !== undefined && '$new' in e && isClass(f) ? new f(...args) : f(...args));
  if (typeof result === 'function' && typeof e.args?.[0]?.$fn === 'string') wrapped.set(result, e.args[0].$fn);
  return result;
}

/** Remembers the class of what a constructor or a function such as `hk.deep_rnn_with_skip_connections` gave. */
function made(name: string | undefined, value: Any): Any {
  const isInstance = typeof value === 'function' || (typeof value === 'object' && value !== null && !isArray(value));
  if (name !== undefined && isInstance && !classOf.has(value)) classOf.set(value, name);
  return value;
}

function placed(callee: string | undefined, e: Any, go: (x: Any) => Any): unknown[] {
  const args = (e.args ?? []).map((a: Any, i: number) => (e.names?.[i] === 'cosine_kwargs' ? go(a).map(options) : go(a)));
  const kwargs = Object.entries(e.kwargs ?? {}).map(([k, v]): [string, unknown] => [k, k.endsWith('_config') ? options(go(v)) : go(v)]);
  return placeArguments({ callee, args, kwargs, names: e.names, required: e.required });
}

/** A mapping whose keys are names of arguments. */
const options = (config: Any): Any => (config === null ? undefined : Object.fromEntries(Object.entries(config).map(([k, v]) => [camelCase(k), v])));

function method(e: Any, go: (x: Any) => Any): Any {
  const of = go(e.of);
  const owner = classOf.get(Object(of));
  const callee = owner === undefined ? undefined : `${owner}.${e.$method}`;
  if (e.$method === '__call__') return of(...placed(callee, e, go));
  if (e.$method === '__next__') {
    const next = of.next();
    return next !== null && typeof next === 'object' && 'done' in next ? next.value : next;
  }
  return invoke(of, camelCase(e.$method), placed(callee, e, go));
}

/** Calls a method, or tells that there is none. */
function invoke(of: Any, name: string, args: unknown[]): Any {
  if (typeof of[name] !== 'function') throw new MissingName(`${classOf.get(Object(of)) ?? (isArray(of) ? 'Array' : 'object')}.${name}`);
  return of[name](...args);
}
