/** The integers from 0, or from `from`, up to `to` without it, as Python's `range`. */
export function range(to: number): number[];
export function range(from: number, to: number): number[];
export function range(a: number, b?: number): number[] {
  const [from, to] = b === undefined ? [0, a] : [a, b];
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
