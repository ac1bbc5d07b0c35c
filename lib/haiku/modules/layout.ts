/** What the layers share about their arguments: sizes for every spatial axis, and where the channels are. */
import { isArray, numpy as jnp, type Array } from '../../jax/index.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { describe } from '../mappings.js';
import type { Initializer } from '../types.js';

/** One for all spatial axes, or one for each. */
export type PerAxis<T = number> = T | readonly T[];

/**
 * `n` of them, from one value, a list of one, or a list of `n`.
 * @throws TypeError for a list of another length.
 */
export function replicate<T>(where: string, what: string, value: PerAxis<T>, n: number): T[] {
  if (!globalThis.Array.isArray(value)) return globalThis.Array.from({ length: n }, () => value as T);
  const list = value as readonly T[];
  if (list.length === 1) return replicate(where, what, list[0], n);
  if (list.length !== n) throw new TypeError(`${where}: ${what} must be one value, or a list of 1 or ${n}, but got a list of ${list.length}: [${list.join(', ')}].`);
  return [...list];
}

/** A size that a module was given. @throws TypeError for what is no whole number from `least` on. */
export function checkSize(where: string, what: string, size: number, least: 0 | 1 = 0): number {
  if (typeof size === 'number' && !(Number.isInteger(size) && size >= least)) throw new TypeError(`${where}: ${what} must be a whole number${least ? ' of at least 1' : ''}, but got ${size}.`);
  if (typeof size !== 'number' && (typeof size !== 'object' || size === null || !('factor' in size))) throw new TypeError(`${where}: ${what} must be a whole number, but got ${describe(size)}.`);
  return size;
}

/** As `replicate`, of sizes of at least 1. */
export const replicateSize = (where: string, what: string, value: PerAxis, n: number): number[] => replicate(where, what, value, n).map((size) => checkSize(where, what, size, 1));

/** A number, or an array scalar, that has no default. @throws TypeError for anything else. */
export function checkNumber<T extends number | Array>(where: string, what: string, value: T): T {
  if (typeof value !== 'number' && !isArray(value)) throw new TypeError(`${where}: ${what} must be a number, but got ${describe(value)}.`);
  return value;
}

/** A list of whole numbers. @throws TypeError for anything else. */
export function checkList(where: string, what: string, list: readonly number[]): readonly number[] {
  if (!globalThis.Array.isArray(list) || !list.every((one) => Number.isInteger(one) || typeof one === 'object')) throw new TypeError(`${where}: ${what} must be a list of whole numbers, but got ${describe(list)}.`);
  return list;
}

/** What a call was told of training. @throws TypeError for what is no boolean. */
export function checkIsTraining(where: string, isTraining: unknown, how: string): void {
  if (typeof isTraining === 'boolean') return;
  const remedy = isArray(isTraining) ? 'it decides what is traced, so for jit it is a static argument: jit(f, { staticArgnums })' : `call it as ${how}`;
  throw new TypeError(`${where}: isTraining must be true or false, but got ${describe(isTraining)}: ${remedy}.`);
}

/** An argument of a call as an array. @throws TypeError where it was left out. */
export function asInput(where: string, what: string, x: Array): Array {
  if (x === undefined || x === null) throw new TypeError(`${where}: ${what} must be an array, but got ${x}.`);
  return jnp.asarray(x);
}

const CHANNELS_FIRST = /^(channels_first|NC[^C]*)$/;
const CHANNELS_LAST = /^(channels_last|N[^C]*C|(BT|TB)[^D]*D)$/;

/**
 * Where a data format has its channels: 1 for `channels_first` and `NC…`, -1 for `channels_last`, `N…C`, and the
 * sequential `BT…D` and `TB…D`.
 * @throws ValueError for any other.
 */
export function getChannelIndex(dataFormat: string): 1 | -1 {
  if (CHANNELS_FIRST.test(dataFormat)) return 1;
  if (CHANNELS_LAST.test(dataFormat)) return -1;
  throw new ValueError(`hk.getChannelIndex: Unable to extract channel information from '${dataFormat}'; valid data formats are spatial (NCHW, NHWC), sequential (BTHWD), 'channels_first' and 'channels_last'.`);
}

/** Refuses an initialiser of what is not created, and a flag that is none. */
export function checkInit(where: string, what: 'scale' | 'offset', create: boolean, init: Initializer | undefined): void {
  const flag = what === 'scale' ? 'createScale' : 'createOffset';
  if (typeof create !== 'boolean') throw new TypeError(`${where}: ${flag} must be true or false, but got ${describe(create)}.`);
  if (!create && init) throw new ValueError(`${where}: Cannot set \`${what}Init\` if \`${flag}\` is false.`);
}

/** Refuses a value at the call of what is a parameter already. */
export function checkGiven(where: string, what: 'scale' | 'offset', create: boolean, value: unknown): void {
  const flag = what === 'scale' ? 'createScale' : 'createOffset';
  if (create && value !== undefined && value !== null) throw new ValueError(`${where}: Cannot pass \`${what}\` at call time if \`${flag}\` is true.`);
}
