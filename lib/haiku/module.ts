/** `Module`, the base of all modules, and the decorator that brackets constructors and methods in name scopes. */
import type { Array } from '../jax/index.js';
import { withScope } from '../jax/core.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { UntypedCallable, isAsync, type AnyFunction } from './callable.js';
import { config } from './config.js';
import { frames, madeIn, requireModuleName, type Frame, type ModuleState } from './context.js';
import { intercepted } from './interceptors.js';
import { describe, isMapping, setOwn } from './mappings.js';
import { camelToSnake, checkForcedName, checkName, isForced, methodPrefix, withoutForce } from './naming.js';
import { constructorText } from './text.js';
import type { ModuleInstance } from './types.js';

/** The decorated classes, with the names that were given to the decorator. */
const decorated = new WeakMap<Function, string | undefined>();
const transparentMethods = new WeakSet<Function>();
const customNames = new WeakMap<Function, string>();
/** The classes as written, behind the decorator's. */
const sources = new WeakMap<Function, Function>();
/** What the constructors of modules were called with. */
const constructed = new WeakMap<object, readonly unknown[]>();
/** The paths of all modules that were made or called while a method of the module was running. */
const submodules = new WeakMap<object, Set<string>>();

/** The options that every module has. */
export interface ModuleOptions {
  /** The last part of the path; left out, the snake case of the class name. */
  name?: string;
}

class ModuleBase extends UntypedCallable implements ModuleInstance {
  readonly name: string;
  readonly moduleName: string;

  constructor(nameOrOptions?: string | ModuleOptions) {
    super();
    const cls = new.target;
    if (!decorated.has(cls)) {
      const className = cls.name || 'an anonymous class';
      throw new TypeError(`${className} extends hk.Module without its decorator: write @hk.module before the class, or const ${cls.name || 'MyModule'} = hk.module(class extends hk.Module { … }).`);
    }
    const frame = frames.top!;
    // Still unnamed, so this is the state that the decorator pushed for this very constructor.
    const state = frame.modules.top!;
    this.moduleName = uniquePath(frame, givenName(cls, nameOrOptions) ?? defaultName(cls));
    this.name = this.moduleName.slice(this.moduleName.lastIndexOf('/') + 1);
    submodules.set(this, new Set());
    madeIn.set(this, frame.id);
    if (config.moduleAutoRepr) constructed.set(this, state.args ?? []);
    state.module = this;
  }

  /** The parameters of this module, of all below its path, and of all modules that its methods made or called. */
  paramsDict(): Record<string, Array> { return ownEntries(this, frames.top!.params, (value) => value); }

  /** The state, current values, of the same modules. */
  stateDict(): Record<string, any> { return ownEntries(this, frames.top!.state, (pair) => pair.current); }

  /** The call that made the module, in Haiku's form: `Linear(output_size=3)`. A class with a static `AUTO_REPR = false` shows its path instead. */
  override toString(): string {
    const cls = this.constructor as Function & { AUTO_REPR?: boolean };
    const args = constructed.get(this);
    return cls.AUTO_REPR === false || !args ? `<${cls.name} ${this.moduleName}>` : constructorText(cls, args, (c) => sources.get(c) ?? c);
  }
}

function givenName(cls: Function, given: unknown): string | undefined {
  const name = isMapping(given) ? checkOptions(cls.name, given as ModuleOptions, ['name']).name : given;
  if (name !== undefined && name !== null && typeof name !== 'string') throw new TypeError(`${cls.name}: the name of a module is a string, but got ${describe(name)}.`);
  return name ?? undefined;
}

function defaultName(cls: Function): string {
  const name = decorated.get(cls) ?? camelToSnake(cls.name);
  if (name === '') throw new ValueError("A module's class has no name to make its path from: write hk.module('my_name', class …), or give the instance a name.");
  return name;
}

/** The path of a module whose constructor is running (innermost), as its parent and its parent's method make it. */
function uniquePath(frame: Frame, name: string): string {
  const names = frame.names.peek(-2)!;
  if (isForced(name)) {
    const path = withoutForce(name);
    checkForcedName(path);
    names.reserve(path);
    return path;
  }
  checkName(name);
  const parent = frame.modules.peek(-2);
  return names.unique(parent ? `${requireModuleName(parent.module)}/${methodPrefix(parent.methodName)}${name}` : name);
}

function ownEntries<T, U>(module: ModuleInstance, store: Map<string, Map<string, T>>, unwrap: (value: T) => U): Record<string, U> {
  const out: Record<string, U> = {};
  const known = submodules.get(module)!;
  for (const [path, bundle] of store) {
    if (path !== module.moduleName && !path.startsWith(`${module.moduleName}/`) && !known.has(path)) continue;
    for (const [name, value] of bundle) setOwn(out, `${path}/${name}`, unwrap(value));
  }
  return out;
}

function frameForModules(): Frame {
  const frame = frames.top;
  if (!frame) throw new ValueError('All `hk.Module`s must be initialized inside an `hk.transform`: make and call modules in the function that you transform.', 'OUTSIDE_TRANSFORM');
  return frame;
}

/** Runs a method or constructor in its scope, and tells the modules around it of the module. */
function inScope<R>(state: ModuleState, body: () => R): R {
  const frame = frameForModules();
  return frame.method(state, () => {
    const out = body();
    const path = state.module?.moduleName;
    if (path !== undefined) {
      for (const { module } of frame.modules.items) {
        if (module !== undefined && module !== state.module) submodules.get(module)!.add(path);
      }
    }
    return out;
  });
}

function wrapMethod(methodName: string, method: AnyFunction, owner: Function): AnyFunction {
  if (transparentMethods.has(method)) return method;
  if (isAsync(method)) {
    throw new TypeError(`${owner.name}.${methodName} is async: a module's methods run while init or apply does, so they cannot wait; make it a plain method.`);
  }
  const scopeName = customNames.get(method) ?? methodName;
  const wrapped = function (this: ModuleInstance, ...args: any[]): any {
    const bound = (...given: any[]) => method.apply(this, given);
    const run = () => inScope({ module: this, methodName: scopeName }, () => intercepted(bound, args, () => ({ module: this, methodName, origMethod: bound, origClass: owner })));
    // A getter may run before super() has named the module.
    if (!this.moduleName || INSPECTORS.has(methodName)) return run();
    const part = methodName === 'call' ? '' : camelToSnake(methodName);
    return withScope(part ? `${this.name}/${part}` : this.name, run, { path: this.moduleName, method: `${(this.constructor as Function).name}${part && `.${part}`}` });
  };
  return Object.defineProperty(wrapped, 'name', { value: methodName, configurable: true });
}

/** Methods of every module that look at it and compute nothing. */
export const INSPECTORS: ReadonlySet<string> = new Set(['paramsDict', 'stateDict']);

// What JavaScript itself calls, as Python does with `__repr__` and the like; and the path, which scopes are made from.
const UNWRAPPED = new Set(['constructor', 'toString', 'toJSON', 'valueOf', 'toLocaleString', 'moduleName']);

function wrapPrototype(prototype: object, owner: Function): void {
  for (const key of Object.getOwnPropertyNames(prototype)) {
    if (UNWRAPPED.has(key) || key.startsWith('__')) continue;
    const property = Object.getOwnPropertyDescriptor(prototype, key)!;
    const wrap = <F extends AnyFunction | undefined>(f: F): F => (f && (wrapMethod(key, f, owner) as F));
    if (typeof property.value === 'function') property.value = wrap(property.value as AnyFunction);
    else Object.assign(property, { ...(property.get && { get: wrap(property.get) }), ...(property.set && { set: wrap(property.set) }) });
    Object.defineProperty(prototype, key, property);
  }
}
wrapPrototype(ModuleBase.prototype, ModuleBase);

const noSuper = (cls: Function, cause?: unknown): ValueError => new ValueError(
  `Constructing an hk.Module without calling the super constructor is not supported: ${cls.name} gave no module; call super(name) in its constructor and return nothing.`, undefined, { cause });

function construct(cls: Function, args: any[], run: (args: any[]) => object): object {
  const state: ModuleState = { module: undefined, methodName: 'constructor', args };
  return inScope(state, () => {
    let instance: object | undefined;
    const origMethod = (...given: any[]) => {
      try { return (instance = run(given)); } catch (error) {
        if (error instanceof ReferenceError && /super constructor/i.test(error.message)) throw noSuper(cls, error);
        throw error;
      }
    };
    intercepted(origMethod, args, () => ({ get module() { return state.module; }, methodName: 'constructor', origMethod, origClass: cls }));
    if (instance === undefined || instance !== state.module) {
      throw noSuper(cls);
    }
    return instance;
  });
}

type ModuleClass = abstract new (...args: any[]) => object;

function decorate<C extends ModuleClass>(cls: C, name: string | undefined): C {
  if (typeof cls !== 'function' || !(cls.prototype instanceof ModuleBase)) {
    throw new TypeError(`hk.module is for classes that extend hk.Module, but got ${describe(cls)}.`);
  }
  if (decorated.has(cls)) throw new TypeError(`${cls.name} is decorated with hk.module already: decorate each class once.`);
  if (name !== undefined) checkName(name);
  const proxy: C = new Proxy(cls, {
    apply() { throw new TypeError(`${cls.name} is a class of modules: write new ${cls.name}(…).`); },
    construct(target, args, newTarget) {
      // Any other newTarget is a subclass on its way up through super(): its own decorator has opened the scope.
      if (newTarget !== proxy) return Reflect.construct(target, args, newTarget) as object;
      return construct(proxy, args, (given) => Reflect.construct(target, given, proxy) as object);
    },
  });
  wrapPrototype(cls.prototype, proxy);
  Object.defineProperty(cls.prototype, 'constructor', { value: proxy, writable: true, configurable: true });
  decorated.set(proxy, name);
  sources.set(proxy, cls);
  return proxy;
}

/**
 * Class decorator that every module needs: it names the module's scope around the constructor and every method, getter
 * and setter. As a plain function it is the form for JavaScript and for type stripping; with a name (snake case) the
 * path no longer depends on the class name, which minifiers change.
 *
 * ```ts
 * @hk.module class Scale extends hk.Module<(x: Array) => Array> { … }
 * @hk.module('scale') class S extends hk.Module<(x: Array) => Array> { … }
 * const Scale = hk.module('scale', class extends hk.Module { … });
 * ```
 * `#private` methods and arrow-function fields are not bracketed: they run in the scope of their caller.
 * @throws TypeError for a class that does not extend `hk.Module`, or has an async method.
 */
export function module<C extends ModuleClass>(cls: C, context?: ClassDecoratorContext): C;
export function module<C extends ModuleClass>(name: string, cls: C): C;
export function module(name: string): <C extends ModuleClass>(cls: C, context?: ClassDecoratorContext) => C;
export function module(clsOrName: ModuleClass | string, clsOrContext?: unknown): unknown {
  if (typeof clsOrName !== 'string') return decorate(clsOrName, undefined);
  if (clsOrContext === undefined) return (cls: ModuleClass) => decorate(cls, clsOrName);
  return decorate(clsOrContext as ModuleClass, clsOrName);
}

/**
 * Method decorator, also a plain function: the method gets no scope of its own; what it makes belongs to its caller's.
 */
export function transparent<F extends AnyFunction>(method: F, _context?: DecoratorContext): F {
  transparentMethods.add(method);
  return method;
}

/**
 * Method decorator: modules made in this method are named as if made in the method `methodName`. Numbers count afresh in
 * every call, so two methods that share a target both begin with `linear`, and so share parameters.
 */
export function nameLike(methodName: string): <F extends AnyFunction>(method: F, context?: DecoratorContext) => F {
  return (method) => {
    customNames.set(method, methodName);
    return method;
  };
}

/** A module whose instances are functions of type `F`. */
export type Module<F extends AnyFunction = AnyFunction> = ModuleBase & F & { call(...args: Parameters<F>): ReturnType<F> };

interface ModuleConstructor {
  new <F extends AnyFunction = AnyFunction>(nameOrOptions?: string | ModuleOptions): Module<F>;
  readonly prototype: Module;
}

/**
 * The base of all modules. A subclass is decorated with `hk.module`, passes its name to `super`, and does its work in
 * `call`; calling the instance calls that.
 *
 * ```ts
 * @hk.module class Scale extends hk.Module<(x: Array) => Array> {
 *   override call(x: Array): Array {
 *     return x.mul(hk.getParameter('scale', x.shape.slice(-1), { init: jnp.ones }));
 *   }
 * }
 * const f = hk.transform((x: Array) => new Scale()(x)); // parameters under 'scale'
 * ```
 * @throws ValueError outside a transform; TypeError where the decorator is missing.
 */
export const Module = ModuleBase as unknown as ModuleConstructor;
