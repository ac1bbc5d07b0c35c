/** Numbers about arrays, gathered a part at a time, so that the event loop stays free. */
import { setImmediate } from 'node:timers/promises';
import { decodeAt } from '../runtime/elements.js';
import type { NDArray } from '../jax/array.js';
import type { Statistics } from './events.js';

const BINS = 32;
const AT_ONCE = 1 << 17;

/** The statistics of one array, of any real dtype. */
export async function statistics(x: NDArray): Promise<Statistics> {
  const { data, dtype } = x;
  const plain = dtype.startsWith('float') && dtype !== 'float16' ? data as Float32Array : null;
  const at = (i: number): number => (plain ? plain[i] : Number(decodeAt(dtype, data, i)));
  const parts = async (each: (value: number) => void): Promise<void> => {
    for (let i = 0; i < data.length; i++) {
      if (i > 0 && i % AT_ONCE === 0) await setImmediate();
      each(at(i));
    }
  };
  let [nonFinite, zeros, sum, squares, min, max] = [0, 0, 0, 0, Infinity, -Infinity];
  await parts((v) => {
    if (!Number.isFinite(v)) { nonFinite++; return; }
    if (v === 0) zeros++;
    sum += v;
    squares += v * v;
    if (v < min) min = v;
    if (v > max) max = v;
  });
  const finite = data.length - nonFinite;
  if (finite === 0) return { count: data.length, nonFinite, zeros, mean: 0, std: 0, min: 0, max: 0, norm: 0, histogram: { edges: [0, 0], counts: [0] } };
  const mean = sum / finite;
  // As NumPy: a width of one around values that are all the same.
  const [low, high] = min === max ? [min - 0.5, max + 0.5] : [min, max];
  const counts = new globalThis.Array<number>(BINS).fill(0);
  let deviations = 0;
  await parts((v) => {
    if (!Number.isFinite(v)) return;
    deviations += (v - mean) ** 2;
    counts[Math.min(BINS - 1, Math.max(0, Math.floor(((v - low) / (high - low)) * BINS)))]++;
  });
  return {
    count: data.length, nonFinite, zeros, mean, std: Math.sqrt(deviations / finite), min, max, norm: Math.sqrt(squares),
    histogram: { edges: globalThis.Array.from({ length: BINS + 1 }, (_, i) => (i === BINS ? high : low + ((high - low) * i) / BINS)), counts },
  };
}

/** Whether an array of floats has a value that is not finite. */
export function hasNonFinite({ data, dtype }: NDArray): boolean {
  if (!dtype.includes('float')) return false;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(Number(decodeAt(dtype, data, i)))) return true;
  return false;
}
