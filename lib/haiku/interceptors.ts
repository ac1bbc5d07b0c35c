/** Method interceptors: functions of the user around every method of every module. */
import { Stack } from './stack.js';
import type { ModuleInstance } from './types.js';

/** What an interceptor is told of the call. */
export interface MethodContext {
  /** The module; undefined in a constructor that has not yet called `super`. */
  readonly module: (ModuleInstance & Record<string, any>) | undefined;
  /** `call`, `constructor`, or the name of the method or property. `nameLike` does not change it. */
  readonly methodName: string;
  /** The method itself, bound: calling it skips the remaining interceptors. */
  readonly origMethod: (...args: any[]) => any;
  /** The class that defines the method; in a `super.call` it is the parent. */
  readonly origClass: Function;
}

export type NextMethod = (...args: any[]) => any;
/** Calls `next` with the arguments as they are or changed, or not at all; what it returns is the call's result. */
export type Interceptor = (next: NextMethod, args: any[], context: MethodContext) => any;

const interceptors = new Stack<Interceptor>();
const always: Interceptor[] = [];

/** Puts an interceptor around all others for good. */
export function interceptAlways(interceptor: Interceptor): void { always.push(interceptor); }

/**
 * While `fn` runs, `interceptor` is called around every method (constructors, properties and `call` included) of every
 * module; of several, the first entered is the outermost. Works outside a transform too. Returns what `fn` returns.
 *
 * ```ts
 * hk.interceptMethods((next, args, { module, methodName }) => {
 *   console.log(module?.moduleName, methodName);
 *   return next(...args);
 * }, () => net(x));
 * ```
 */
export function interceptMethods<R>(interceptor: Interceptor, fn: () => R): R { return interceptors.with(interceptor, fn); }

/** Runs the interceptors, the method innermost. */
export function intercepted(method: (...args: any[]) => any, args: any[], context: () => MethodContext): any {
  if (interceptors.length === 0 && always.length === 0) return method(...args);
  const around = [...always, ...interceptors.items];
  const told = context();
  const from = (i: number): NextMethod => (...given) => (i === around.length ? method(...given) : around[i](from(i + 1), given, told));
  return from(0)(...args);
}
