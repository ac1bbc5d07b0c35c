/**
 * Threefry-2x32 in operations that ONNX has: what the operators of our own compute, for files that others run. Words are
 * int64 below 2³², because not every integer type has every kernel. Salmon et al., Parallel random numbers: as easy as 1, 2,
 * 3, 2011.
 */
import { ValueError } from '../../runtime/errors.js';
import type { NDArray } from '../array.js';
import { dims, type Shape } from '../dims.js';
import { add, bitwiseAnd, bitwiseOr, bitwiseXor, div, mul } from './arithmetic.js';
import { convertElementType } from './convert.js';
import { iota } from './indexing.js';
import { lift } from './primitive.js';
import { concatenate, expandTo, reshape, slice } from './shape.js';

type Pair = [first: NDArray, second: NDArray];

const int = (n: number): NDArray => lift(BigInt(n), 'int64');
const word = (x: NDArray): NDArray => bitwiseAnd(x, int(0xffffffff));
const sum = (x: NDArray, y: NDArray): NDArray => word(add(x, y));
const rotateLeft = (x: NDArray, by: number): NDArray => bitwiseOr(word(mul(x, int(2 ** by))), div(x, int(2 ** (32 - by))));
const ROTATIONS = [[13, 15, 26, 6], [17, 29, 16, 24]];

/** Twenty rounds, with a part of the key after every four. */
function threefry(keys: readonly NDArray[], x: NDArray, y: NDArray): Pair {
  const all = [...keys, bitwiseXor(bitwiseXor(keys[0], keys[1]), int(0x1bd11bda))];
  let [a, b] = [sum(x, all[0]), sum(y, all[1])];
  for (let group = 0; group < 5; group++) {
    for (const by of ROTATIONS[group % 2]) {
      a = sum(a, b);
      b = bitwiseXor(rotateLeft(b, by), a);
    }
    a = sum(a, all[(group + 1) % 3]);
    b = sum(b, add(all[(group + 2) % 3], int(group + 1)));
  }
  return [a, b];
}

/** The two words of keys uint32[…, 2], as int64[…, 1]. */
function wordsOf(keys: NDArray): NDArray[] {
  const wide = convertElementType(keys, 'int64');
  const from = keys.shape.map(() => 0);
  return [0, 1].map((i) => slice(wide, [...from.slice(1), i], [...keys.shape.slice(0, -1), i + 1]));
}
const count = (n: number, from = 0): NDArray => add(iota('int64', [n]), int(from));

/** The words that the counters 0 to n - 1 give, two at a time, half against half; of an odd number the last one's partner is 0. */
function legacyWords(keys: readonly NDArray[], n: number): NDArray {
  const half = Math.ceil(n / 2);
  const second = n % 2 ? concatenate([count(n - half, half), expandTo(int(0), [1])], 0) : count(half, half);
  const pair = threefry(keys, count(half), second);
  const both = concatenate(pair, pair[0].ndim - 1);
  return n % 2 ? slice(both, both.shape.map(() => 0), [...both.shape.slice(0, -1), n]) : both;
}

/** first · 2³² + second, in 64 bits without a sign. */
const wide = ([first, second]: Pair): NDArray =>
  bitwiseOr(mul(convertElementType(first, 'uint64'), lift(2n ** 32n, 'uint64')), convertElementType(second, 'uint64'));

/** Random words of `shape` for each key, as `hokku.RandomBits`. */
export function standardBits(keys: NDArray, { shape, width, partitionable }: { shape: Shape; width: 8 | 16 | 32 | 64; partitionable: boolean }): NDArray {
  if (!dims.isStatic(shape)) throw new ValueError('random.bits: the shape of random numbers must be known in a file for others; fix the batch size.');
  const n = dims.size(shape) as number;
  const key = wordsOf(keys);
  const batch = keys.shape.slice(0, -1);
  const shaped = (x: NDArray, dtype: 'uint8' | 'uint16' | 'uint32' | 'uint64'): NDArray => reshape(convertElementType(x, dtype), [...batch, ...shape]);
  const narrow = width === 64 ? 0 : 2 ** width - 1;
  if (partitionable) {
    const pair = threefry(key, int(0), count(n));
    return shaped(width === 64 ? wide(pair) : bitwiseAnd(bitwiseXor(...pair), int(narrow)), `uint${width}`);
  }
  if (width === 64) return shaped(wide(threefry(key, count(n), count(n, n))), 'uint64');
  if (width === 32) return shaped(legacyWords(key, n), 'uint32');
  // Narrow numbers are the bytes of words, the lowest first.
  const each = 32 / width;
  const words = legacyWords(key, Math.ceil(n / each));
  const parts = [...globalThis.Array(each).keys()].map((i) => reshape(bitwiseAnd(div(words, int(2 ** (width * i))), int(narrow)), [...words.shape, 1]));
  const bytes = reshape(concatenate(parts, words.ndim), [...batch, words.shape[words.ndim - 1] as number * each]);
  return shaped(slice(bytes, bytes.shape.map(() => 0), [...batch, n]), `uint${width}`);
}

/** `num` keys of each key, as `hokku.RandomSplit`. */
export function standardSplit(keys: NDArray, { num, partitionable }: { num: number; partitionable: boolean }): NDArray {
  const key = wordsOf(keys);
  const batch = keys.shape.slice(0, -1);
  if (!partitionable) return convertElementType(reshape(legacyWords(key, 2 * num), [...batch, num, 2]), 'uint32');
  const pair = threefry(key, int(0), count(num)).map((x) => reshape(x, [...batch, num, 1]));
  return convertElementType(concatenate(pair, batch.length + 1), 'uint32');
}

/** A key of each key and number, as `hokku.RandomFoldIn`. */
export function standardFoldIn(keys: NDArray, data: NDArray): NDArray {
  const number = reshape(convertElementType(data, 'int64'), [...data.shape, 1]);
  return convertElementType(concatenate(threefry(wordsOf(keys), int(0), number), keys.ndim - 1), 'uint32');
}
