import { TypeError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import type { AnyFunction } from './callable.js';
import { frames, requireFrame } from './context.js';
import { describe } from './mappings.js';

export interface DeferredOptions {
  /** Methods, beside the call itself, that may be used before the module is there, and then make it. */
  callMethods?: readonly string[];
}

/** A module that is made when it is first used; `target` is that module, and makes it. */
export type Deferred<T extends AnyFunction> = T & { readonly target: T };

function deferred<T extends AnyFunction>(factory: () => T, options?: DeferredOptions): Deferred<T> {
  if (typeof factory !== 'function') throw new TypeError(`hk.Deferred needs a function that makes the module, but got ${describe(factory)}.`);
  const { callMethods = ['call'] } = checkOptions('hk.Deferred', options, ['callMethods']);
  // The module belongs to where the Deferred was made, not to where it is used first.
  const scope = frames.top?.modules.top;
  let target: T | undefined;
  const make = (): T => (target ??= scope ? requireFrame('Deferred').modules.with(scope, factory) : factory());
  const bound = (value: unknown, to: T): unknown => (typeof value === 'function' && value !== (to as { constructor: unknown }).constructor ? value.bind(to) : value);
  return new Proxy(function deferredModule() {} as unknown as Deferred<T>, {
    apply: (_, _this, args) => make()(...args),
    get: (_, key) => {
      if (key === 'target') return make();
      if (key === 'toString') return () => `Deferred(${String(make())})`;
      if (target) return bound(Reflect.get(target, key), target);
      return key === 'call' || callMethods.includes(key as string) ? (...args: any[]) => (make() as Record<string, any>)[key as string](...args) : undefined;
    },
    set: (_, key, value) => (target ? Reflect.set(target, key, value) : false),
    has: (_, key) => key === 'target' || (target !== undefined && key in target),
    deleteProperty: (_, key) => (target ? Reflect.deleteProperty(target, key) : false),
    getPrototypeOf: () => (target ? Object.getPrototypeOf(target) as object : Function.prototype),
  });
}

/**
 * Puts off making a module until it is used: its name is then chosen, under the module where the `Deferred` was made.
 * Afterwards all properties are the module's.
 *
 * ```ts
 * const net = new hk.Deferred(() => new hk.Linear(10));
 * const y = net(x); // makes it
 * ```
 */
export const Deferred = function Deferred(factory: () => AnyFunction, options?: DeferredOptions) { return deferred(factory, options); } as unknown as
  new <T extends AnyFunction>(factory: () => T, options?: DeferredOptions) => Deferred<T>;
