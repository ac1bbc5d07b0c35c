/** Counts of values in TensorFlow's buckets, whose width grows with the distance from zero. */
import type { Histogram } from './events.js';

/** 10⁻¹² · 1.1ⁿ up to 10²⁰, the same below zero, and beyond them whatever is left. */
const POSITIVE: number[] = [];
for (let limit = 1e-12; limit < 1e20; limit *= 1.1) POSITIVE.push(limit);
const LIMITS = Float64Array.from([-Number.MAX_VALUE, ...POSITIVE.map((x) => -x).reverse(), 0, ...POSITIVE, Number.MAX_VALUE]);
const ZERO = POSITIVE.length + 1;

/** The first limit above `x`. */
function bucketOf(x: number): number {
  // Where the logarithm is a hair off, the steps after it put it right.
  const distance = Math.ceil(Math.log(Math.abs(x) * 1e12) / Math.log(1.1));
  const steps = Math.max(0, Math.min(POSITIVE.length - 1, distance));
  let at = x < 0 ? ZERO - 1 - steps : ZERO + 1 + steps;
  while (at < LIMITS.length - 1 && LIMITS[at] <= x) at++;
  while (at > 1 && LIMITS[at - 1] > x) at--;
  return at;
}

/** The histogram of the finite values; of no value where there are none. Empty buckets at both ends are left out, but for one below. */
export function histogram(values: ArrayLike<number>): Histogram {
  const counts = new Float64Array(LIMITS.length);
  let [num, sum, sumSquares, min, max] = [0, 0, 0, Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const x = values[i];
    if (!Number.isFinite(x)) continue;
    num++;
    sum += x;
    sumSquares += x * x;
    if (x < min) min = x;
    if (x > max) max = x;
    counts[bucketOf(x)]++;
  }
  if (num === 0) return { min: 0, max: 0, num, sum, sumSquares, limits: [0], counts: [0] };
  const first = counts.findIndex((n) => n > 0) - 1;
  const end = counts.findLastIndex((n) => n > 0) + 1;
  return { min, max, num, sum, sumSquares, limits: [...LIMITS.subarray(first, end)], counts: [...counts.subarray(first, end)] };
}
