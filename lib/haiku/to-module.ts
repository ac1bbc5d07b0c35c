import { TypeError } from '../runtime/errors.js';
import type { AnyFunction } from './callable.js';
import { describe, isMapping } from './mappings.js';
import { Module, module, type ModuleOptions } from './module.js';
import { camelToSnake } from './naming.js';

/** The class of modules that `toModule` makes of a function. */
export type FunctionModule<F extends AnyFunction> = new (options?: ModuleOptions) => Module<F>;

/**
 * Makes a module class of a function: what the function makes belongs to the instance, so calling one instance twice
 * shares parameters. Instances are named as the function (in snake case) unless given a name.
 *
 * ```ts
 * const Bias = hk.toModule(function bias(x: Array) { return x.add(hk.getParameter('b', [], { init: jnp.zeros })); });
 * const y = new Bias()(new Bias({ name: 'first' })(x));
 * ```
 * @throws TypeError where `f` is no function, and from the constructor for a name that is no string.
 */
export function toModule<F extends AnyFunction>(f: F): FunctionModule<F> {
  if (typeof f !== 'function') throw new TypeError(`hk.toModule needs a function, but got ${describe(f)}.`);
  const FromFunction = class extends Module {
    constructor(options?: ModuleOptions) {
      const given: unknown = isMapping(options) ? options.name : options;
      if (given !== undefined && typeof given !== 'string') {
        throw new TypeError(`Expected a string name, got ${describe(given)}. \`hk.toModule\` returns a class, not a module: instantiate it first, new (hk.toModule(f))()(x).`);
      }
      super(options);
    }
    override call(...args: any[]): any { return f(...args); }
  };
  Object.defineProperty(FromFunction, 'name', { value: camelToSnake(f.name) });
  return module(FromFunction) as unknown as FunctionModule<F>;
}
