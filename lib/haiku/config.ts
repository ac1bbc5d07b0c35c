/** Settings of the Haiku layer, as `hk.config`. */
import { TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';

/** What can be set. */
export interface ConfigOptions {
  /** Whether what has a side effect (parameters, state, keys) is refused in a function given to a raw `jax` transformation instead of hk's own form of it (default false). */
  checkJaxUsage?: boolean;
  /** Whether modules remember the call that made them, and print it (default true); otherwise they print class and path. */
  moduleAutoRepr?: boolean;
  /** How many keys a sequence splits off at once when it has run out (default 1). It changes which keys come later. */
  rngReserveSize?: number;
}
type Settings = Required<ConfigOptions>;

let settings: Settings = { checkJaxUsage: false, moduleAutoRepr: true, rngReserveSize: 1 };

function merged(where: string, options: ConfigOptions): Settings {
  const next = { ...settings, ...checkOptions(where, options, ['checkJaxUsage', 'moduleAutoRepr', 'rngReserveSize']) };
  if (!Number.isInteger(next.rngReserveSize) || next.rngReserveSize <= 0) {
    throw new ValueError(`${where}: rngReserveSize needs to be a whole number above 0, got ${next.rngReserveSize}.`);
  }
  for (const name of ['checkJaxUsage', 'moduleAutoRepr'] as const) {
    if (typeof next[name] !== 'boolean') throw new TypeError(`${where}: ${name} is true or false, got ${String(next[name])}.`);
  }
  return next;
}

export const config = {
  get checkJaxUsage(): boolean { return settings.checkJaxUsage; },
  get moduleAutoRepr(): boolean { return settings.moduleAutoRepr; },
  get rngReserveSize(): number { return settings.rngReserveSize; },
  /** Sets for good. @throws ValueError where `rngReserveSize` is not positive. */
  set(options: ConfigOptions): void { settings = merged('hk.config.set', options); },
  /** Sets while `fn` runs, and returns its result. */
  context<R>(options: ConfigOptions, fn: () => R): R {
    const before = settings;
    settings = merged('hk.config.context', options);
    try { return fn(); } finally { settings = before; }
  },
};

/** Sets one, and returns what it was. */
function exchange<K extends keyof Settings>(name: K, value: Settings[K]): Settings[K] {
  const before = settings[name];
  config.set({ [name]: value });
  return before;
}
/** Sets `config.checkJaxUsage`, and returns what it was. */
export const checkJaxUsage = (enabled = true): boolean => exchange('checkJaxUsage', enabled);
/** Sets `config.moduleAutoRepr`, and returns what it was. */
export const moduleAutoRepr = (enabled: boolean): boolean => exchange('moduleAutoRepr', enabled);
/** Sets `config.rngReserveSize`, and returns what it was. @throws ValueError where it is not positive. */
export const rngReserveSize = (size: number): number => exchange('rngReserveSize', size);
