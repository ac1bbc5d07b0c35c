/** `hk.pad`: paddings of a convolution as functions of the kernel's effective size, `(size - 1) · rate + 1`. */
import { TypeError, ValueError } from '../../runtime/errors.js';
import { describe } from '../mappings.js';
import { replicate, type PerAxis } from './layout.js';

/** How much to pad before and after an axis. */
export type PadPair = readonly [low: number, high: number];
/** From the effective size of the kernel to the padding of an axis. */
export type PadFn = (effectiveKernelSize: number) => PadPair;

/** No padding: only where the whole kernel lies within the input. */
export const valid: PadFn = () => [0, 0];
/** With stride 1 the output is as large as the input; unlike the string 'SAME', the stride plays no part. */
export const same: PadFn = (size) => [Math.floor((size - 1) / 2), Math.floor(size / 2)];
/** Wherever the kernel meets the input at all. */
export const full: PadFn = (size) => [size - 1, size - 1];
/** An output sees its own and earlier elements alone. */
export const causal: PadFn = (size) => [size - 1, 0];
/** An output sees its own and later elements alone. */
export const reverseCausal: PadFn = (size) => [0, size - 1];

/** Whether this is a padding function or a list that begins with one. */
export const isPadfn = (padding: unknown): padding is PerAxis<PadFn> =>
  typeof (globalThis.Array.isArray(padding) ? padding[0] : padding) === 'function';

/** A padding's name, in capitals. @throws ValueError for a name that there is not. */
export function namedPadding(where: string, name: string, names: readonly string[] = ['SAME', 'SAME_LOWER', 'VALID']): string {
  const capitals = name.toUpperCase();
  if (!names.includes(capitals)) throw new ValueError(`${where}: padding must be ${names.map((known) => `'${known}'`).join(', ')} or pairs of numbers, but got '${name}'.`);
  return capitals;
}

/**
 * The pairs of `n` axes from one function or one for each.
 * @throws TypeError for lists whose length is neither 1 nor `n`.
 */
export function createFromPadfn(padding: PerAxis<PadFn>, kernel: PerAxis, rate: PerAxis, n: number): PadPair[] {
  const where = 'hk.pad.createFromPadfn';
  const [fns, sizes, rates] = [replicate(where, 'padding', padding, n), replicate(where, 'kernel', kernel, n), replicate(where, 'rate', rate, n)];
  const wrong = fns.find((fn) => typeof fn !== 'function');
  if (wrong !== undefined) throw new TypeError(`${where}: a list of paddings that begins with a function has functions only, but got ${describe(wrong)}.`);
  return fns.map((fn, i) => fn((sizes[i] - 1) * rates[i] + 1));
}
export { createFromPadfn as create };

/**
 * The pairs of `n` axes from one pair or one for each.
 * @throws TypeError for another number of pairs, ValueError for none.
 */
export function createFromTuple(padding: PadPair | readonly PadPair[], n: number): PadPair[] {
  if (!globalThis.Array.isArray(padding)) throw new TypeError(`hk.pad.createFromTuple: Padding must be a list, but got ${describe(padding)}: give a pair of numbers or one for each of ${n} axes.`);
  if (padding.length === 0) throw new ValueError(`hk.pad.createFromTuple: Padding must not be empty: give a pair of numbers or one for each of ${n} axes.`);
  const pairs = typeof padding[0] === 'number' ? [padding as unknown as PadPair] : (padding as readonly PadPair[]);
  if (pairs.length !== 1 && pairs.length !== n) throw new TypeError(`hk.pad.createFromTuple: Padding ${JSON.stringify(padding)} must be a pair of numbers, or a list of 1 or ${n} pairs.`);
  return pairs.length === 1 ? globalThis.Array.from({ length: n }, () => pairs[0]) : [...pairs];
}
