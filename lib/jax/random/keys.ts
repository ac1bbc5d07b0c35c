/** Keys: plain arrays uint32[2]. */
import { checkOptions } from '../../runtime/options.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { Scalar, isArray, type NDArray } from '../array.js';
import { bind } from '../core.js';
import { isFloat } from '../dtypes.js';
import type { Shape } from '../dims.js';
import { array } from '../numpy/creation.js';
import { convertElementType } from '../primitives/convert.js';
import { checkKey, randomFoldInP } from '../primitives/random.js';
import { concatenate, expandTo, reshape } from '../primitives/shape.js';
import { splitKeys } from './common.js';

/** A key from a whole number: uint32[2], as `jax.random.PRNGKey`. Only the low 32 bits count. */
export function PRNGKey(seed: number | bigint | NDArray): NDArray {
  if (isArray(seed)) {
    if (seed.ndim !== 0 || isFloat(seed.dtype)) throw new TypeError(`random.PRNGKey: the seed must be a whole number or an integer scalar, got ${seed.toString()}.`);
    const low = reshape(convertElementType(seed, 'uint32'), [1]);
    return concatenate([expandTo(new Scalar(0, 'uint32', false), [1]), low], 0);
  }
  if (typeof seed !== 'bigint' && !Number.isSafeInteger(seed)) throw new TypeError(`random.PRNGKey: the seed must be a whole number, got ${String(seed)}.`);
  return array(new Uint32Array([0, Number(BigInt.asUintN(32, BigInt(seed)))]));
}
/** As `PRNGKey`: keys are plain arrays here. */
export const key = PRNGKey;

/** `num` new keys: uint32[num, 2], or [...num, 2] where `num` is a shape. */
export function split(k: NDArray, num: number | Shape = 2): NDArray {
  const shape = typeof num === 'number' ? [num] : [...num];
  if (shape.some((n) => !Number.isInteger(n) || n < 0)) throw new ValueError(`random.split: num must be a whole number or a list of them, got ${String(num)}.`);
  checkKey('random.split', k);
  return reshape(splitKeys(k, shape.reduce((a, b) => a * b, 1)), [...shape, 2]);
}
/** A key from a key and an integer, a number within uint32. */
export function foldIn(k: NDArray, data: number | NDArray): NDArray {
  checkKey('random.foldIn', k);
  if (!isArray(data) && !(Number.isInteger(data) && data >= 0 && data < 2 ** 32)) throw new ValueError(`random.foldIn: data must be a whole number from 0 to 4294967295, got ${String(data)}.`);
  const d = isArray(data) ? convertElementType(data, 'uint32') : new Scalar(data, 'uint32', false);
  return bind(randomFoldInP, [k, d])[0];
}

const IMPLEMENTATION = 'threefry2x32';
/** The words of a key: the key itself. */
export const keyData = (k: NDArray): NDArray => { checkKeys('random.keyData', k); return k; };
/** Keys of words uint32[…, 2]: the words themselves. */
export function wrapKeyData(words: NDArray, options?: { impl?: string }): NDArray {
  const { impl = IMPLEMENTATION } = checkOptions('random.wrapKeyData', options, ['impl']);
  if (impl !== IMPLEMENTATION) throw new ValueError(`random.wrapKeyData: unknown implementation '${String(impl)}'; expected '${IMPLEMENTATION}'.`);
  checkKeys('random.wrapKeyData', words);
  return words;
}
/** The name of the generator: 'threefry2x32'. */
export const keyImpl = (k: NDArray): string => { checkKeys('random.keyImpl', k); return IMPLEMENTATION; };
/** The same key. */
export const clone = (k: NDArray): NDArray => { checkKeys('random.clone', k); return k; };
function checkKeys(where: string, k: unknown): void {
  if (!isArray(k) || k.dtype !== 'uint32' || k.shape[k.ndim - 1] !== 2) throw new TypeError(`${where}: expected keys (uint32[…,2]), got ${isArray(k) ? String(k) : typeof k}.`);
}
