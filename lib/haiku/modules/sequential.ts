import { TypeError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import type { AnyFunction } from '../callable.js';
import { describe } from '../mappings.js';
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
    const list = typeof (layers as { [Symbol.iterator]?: unknown } | undefined)?.[Symbol.iterator] === 'function' ? [...layers] : undefined;
    const wrong = list ? list.findIndex((layer) => typeof layer !== 'function') : -1;
    if (!list || wrong >= 0) throw new TypeError(`hk.Sequential: layers must be a list of functions or modules, but ${list ? `layer ${wrong} is ${describe(list[wrong])}` : `got ${describe(layers)}`}.`);
    this.layers = list;
  }

  override call(inputs: any, ...args: any[]): any {
    return this.layers.reduce((out, layer, i) => (i === 0 ? layer(out, ...args) : layer(out)), inputs);
  }
}
