/** Orders that follow from a seed and an epoch, computed index by index: nothing is stored, and any place can be asked for. */

/** A well-mixed 32-bit number from two. */
function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

const ROUNDS = 8;

/**
 * A permutation of 0 … length - 1: a Feistel network over the next power of four, walked until it lands inside.
 * @param seed a whole number; with `epoch` it is the key
 */
export function permutation(length: number, seed: number, epoch: number): (index: number) => number {
  const half = Math.max(1, Math.ceil(Math.log2(Math.max(2, length)) / 2));
  const size = 2 ** half;
  const key = mix(mix(seed, Math.floor(seed / 2 ** 32)), epoch);
  const keys = Array.from({ length: ROUNDS }, (_, round) => mix(key, round));
  return (index) => {
    let at = index;
    do {
      let [left, right] = [Math.floor(at / size), at % size];
      for (const k of keys) [left, right] = [right, (left ^ mix(right, k)) & (size - 1)];
      at = left * size + right;
    } while (at >= length);
    return at;
  };
}

/** Whole numbers below a bound, one after another. */
export function randomIndices(seed: number, epoch: number): (bound: number) => number {
  const key = mix(mix(seed, Math.floor(seed / 2 ** 32)), epoch ^ 0x5bd1e995);
  let count = 0;
  // 53 bits, so that the bound's remainder is not felt.
  return (bound) => Math.floor((mix(key, count++) * 2 ** 21 + (mix(key, count++) >>> 11)) / 2 ** 53 * bound);
}
