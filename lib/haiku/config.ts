/** Settings of the Haiku layer, as `hk.config`. */
import { ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';

/** What can be set. */
export interface ConfigOptions {
  /** How many keys a sequence splits off at once when it has run out (default 1). It changes which keys come later. */
  rngReserveSize?: number;
}

const KNOWN = ['rngReserveSize'] as const;
let settings: Required<ConfigOptions> = { rngReserveSize: 1 };

function merged(where: string, options: ConfigOptions): Required<ConfigOptions> {
  const next = { ...settings, ...checkOptions(where, options, KNOWN) };
  if (!Number.isInteger(next.rngReserveSize) || next.rngReserveSize <= 0) {
    throw new ValueError(`${where}: rngReserveSize needs to be a whole number above 0, got ${next.rngReserveSize}.`);
  }
  return next;
}

export const config = {
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
