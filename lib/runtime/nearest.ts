/** The name that was probably meant, for the sentences that refuse a wrong one. */

/** Number of single-character edits (with swaps of neighbours) that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + changed);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}

/** The nearest of `known` within so many edits, case and underscores aside; undefined where none is. */
export function nearest(given: string, known: Iterable<string>, within = Infinity): string | undefined {
  const plain = (s: string): string => s.replaceAll('_', '').toLowerCase();
  let best: string | undefined;
  let bestDistance = within + 1;
  for (const candidate of known) {
    const distance = editDistance(plain(given), plain(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** The known name that `name` was probably meant to be, or undefined where none is near. */
export const nearestName = (name: string, known: Iterable<string>): string | undefined => nearest(name, known, Math.max(1, Math.floor(name.length / 3)));
