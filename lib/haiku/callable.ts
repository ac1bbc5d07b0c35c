/** Objects that are functions: modules and initialisers are called like functions, and are instances of classes. */
import { TypeError } from '../runtime/errors.js';

export type AnyFunction = (...args: any[]) => any;

// Not a global, so it is taken from an instance.
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as Function;
export const isAsync = (f: unknown): boolean => f instanceof AsyncFunction;

/** The instance is a function that runs its own `call`; the fields of subclasses, `#private` ones too, land on it. */
class CallableBase {
  constructor() {
    const self: any = (...args: any[]) => {
      if (typeof self.call !== 'function') throw new TypeError(`${self.constructor.name} is called as a function, but has no method \`call\`: write one, or call its methods by name.`);
      return self.call(...args);
    };
    // A function's own `name` and `length` would hide those of the class.
    delete self.length;
    delete self.name;
    return Object.setPrototypeOf(self, new.target.prototype);
  }
}

/** Typed by the function that its instances are: `class Half extends Callable<(x: number) => number>`. */
export interface CallableConstructor {
  new <F extends AnyFunction>(): F & { call(...args: Parameters<F>): ReturnType<F> };
}

export const Callable = CallableBase as unknown as CallableConstructor;
/** The same, for a base whose own subclasses say what they are called like. */
export const UntypedCallable = CallableBase;
