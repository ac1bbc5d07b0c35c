/** Name scopes: a prefix for whatever is made while a function runs. */
import { ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { requireFrame, type Frame } from './context.js';
import { Module, module } from './module.js';
import { isForced } from './naming.js';
import type { ModuleInstance } from './types.js';

const ScopeModule = module('name_scope_module', class extends Module {});

/** How the scope's name acts on names in it. */
export interface NameScopeOptions {
  /** The method that the scope stands for (default `call`, which adds nothing to the path). */
  methodName?: string;
}

/** A scope that is named and not yet entered. It is entered once. */
export class NameScope {
  readonly #module: ModuleInstance;
  readonly #methodName: string;
  #phase: 'new' | 'entered' | 'left' = 'new';

  /** @internal Use `hk.nameScope`. */
  constructor(frame: Frame, name: string, methodName: string) {
    if (name === '' || name.startsWith('/')) throw new ValueError(`Name scopes must not start with / and not be empty, but got '${name}'.`);
    this.#methodName = methodName;
    const parts = isForced(name) ? [name] : name.split('/');
    const make = (i: number): ModuleInstance => {
      const scope = new ScopeModule(parts[i]) as ModuleInstance;
      return i + 1 === parts.length ? scope : frame.method({ module: scope, methodName }, () => make(i + 1));
    };
    this.#module = make(0);
  }

  /** The full path, e.g. `outer/inner`. */
  get moduleName(): string { return this.#module.moduleName; }

  /**
   * Runs `fn` in the scope and returns its result.
   * @throws ValueError where the scope has been entered before, or is entered now.
   */
  run<R>(fn: () => R): R {
    if (this.#phase === 'left') throw new ValueError(`name_scope is not reusable: '${this.moduleName}' was entered before; make another with hk.nameScope.`);
    if (this.#phase === 'entered') throw new ValueError(`name_scope is not reentrant: '${this.moduleName}' is entered already.`);
    this.#phase = 'entered';
    try { return requireFrame('nameScope').method({ module: this.#module, methodName: this.#methodName }, fn); } finally { this.#phase = 'left'; }
  }
}

/**
 * Runs `fn` as if in a module of that name: modules, parameters and state made in it get the prefix. `'a/b'` nests; a
 * scope that is named again becomes `a_1`. Without `fn` the scope is returned, to be `run` later, once.
 *
 * ```ts
 * hk.nameScope('encoder', () => new hk.Linear(3)(x)); // 'encoder/linear'
 * ```
 * @throws ValueError for an empty name or one that starts with `/`, and outside a transform.
 */
export function nameScope<R>(name: string, fn: () => R, options?: NameScopeOptions): R;
export function nameScope(name: string, options?: NameScopeOptions): NameScope;
export function nameScope(name: string, fnOrOptions?: (() => unknown) | NameScopeOptions, options?: NameScopeOptions): unknown {
  const frame = requireFrame('nameScope');
  const fn = typeof fnOrOptions === 'function' ? fnOrOptions : undefined;
  const { methodName = 'call' } = checkOptions('hk.nameScope', fn ? options : (fnOrOptions as NameScopeOptions | undefined), ['methodName']);
  const scope = new NameScope(frame, name, methodName);
  return fn ? scope.run(fn) : scope;
}
