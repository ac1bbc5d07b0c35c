/** Options with their defaults in one place: what is checked, what is assumed, and what `injectHyperparams` can vary. */
import { checkOptions } from '../runtime/options.js';
import { checkScalar, type ScalarOrSchedule } from './base.js';

/**
 * The options given over the defaults, which name all there are. Options that are numbers by default must be numbers or
 * arrays; those named last may be null as well.
 */
export function withDefaults<T extends object>(where: string, options: Partial<T> | undefined, defaults: T, nullable: readonly (keyof T & string)[] = []): T {
  checkOptions(where, options as T | undefined, Object.keys(defaults) as (keyof T & string)[]);
  const all = { ...defaults };
  for (const [name, value] of Object.entries(options ?? {}) as [keyof T & string, T[keyof T & string]][]) if (value !== undefined) all[name] = value;
  for (const name of Object.keys(defaults) as (keyof T & string)[]) {
    if (all[name] === null && nullable.includes(name)) continue;
    if (typeof defaults[name] === 'number' || typeof all[name] === 'number') checkScalar(where, name, all[name] as ScalarOrSchedule);
  }
  return all;
}

interface Signature { readonly positional: readonly string[]; readonly defaults: Readonly<Record<string, unknown>> }
const signatures = new WeakMap<Function, Signature>();

/** Remembers how a function's arguments are called, which JavaScript forgets. */
export function signature<F extends Function>(f: F, positional: readonly string[], defaults: object = {}): F {
  signatures.set(f, { positional, defaults: defaults as Record<string, unknown> });
  return f;
}
export const signatureOf = (f: Function): Signature | undefined => signatures.get(f);
