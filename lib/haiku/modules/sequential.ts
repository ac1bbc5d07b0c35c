import { checkOptions } from '../../runtime/options.js';
import type { AnyFunction } from '../callable.js';
import { Module, module, type ModuleOptions } from '../module.js';

/**
 * Calls the layers one after another, each on the result of the one before; further arguments go to the first. A layer
 * is any function, modules included. Modules made outside keep their own paths.
 *
 * ```ts
 * const net = new hk.Sequential([new hk.Linear(300), jax.nn.relu, new hk.Linear(10)]);
 * ```
 */
@module('sequential')
export class Sequential extends Module<(inputs: any, ...args: any[]) => any> {
  readonly layers: readonly AnyFunction[];

  constructor(layers: Iterable<AnyFunction>, options?: ModuleOptions) {
    super(checkOptions('hk.Sequential', options, ['name']).name);
    this.layers = [...layers];
  }

  override call(inputs: any, ...args: any[]): any {
    return this.layers.reduce((out, layer, i) => (i === 0 ? layer(out, ...args) : layer(out)), inputs);
  }
}
