/** What a run says: a table for people, JSON for programs. */
import { median, type Measurement } from './measure.js';

/**
 * What variants of ours are held against: a reference in the same run (`sameOf`: that contender's variant of the same
 * name, or the fastest of several; best round against best round), or a time. Without `ratio` the ratio is reported and not judged.
 */
export type Target = { variant: RegExp }
  & ({ reference: { contender: string, variant: string }, ratio?: number } | { sameOf: string | readonly string[], ratio: number } | { atMostMs: number, /** Of the whole process. */ atMostMB?: number });

export interface Row extends Measurement {
  /** How many times the reference's time. */
  ratio?: number;
  /** The contender whose variant of the same name the ratio refers to. */
  sameOf?: string;
  target?: string;
  met?: boolean;
  /** Of what must be moved at least, in the best round. */
  gigabytesPerSecond?: number;
}

/** The rows with the rate at which what a variant must read and write goes by: beside the others' that is the memory's own. */
export const withRates = (rows: Row[], bytes: Readonly<Record<string, number>> = {}): Row[] =>
  rows.map((r) => (bytes[r.variant] ? { ...r, gigabytesPerSecond: bytes[r.variant] / r.min / 1e3 } : r));

export function judge(measurements: Measurement[], targets: Target[]): Row[] {
  const referenceOf = (target: Target) => 'reference' in target
    ? measurements.find((r) => r.contender === target.reference.contender && r.variant === target.reference.variant) : undefined;
  return measurements.map((m) => {
    const same = targets.find((t) => 'sameOf' in t);
    const twins = measurements.filter((r) => same && [same.sameOf].flat().includes(r.contender) && r.variant === m.variant);
    if (same && twins.length > 0) {
      const twin = twins.reduce((a, b) => (b.min < a.min ? b : a));
      const ratio = m.min / twin.min;
      return { ...m, ratio, sameOf: twin.contender, ...(m.contender.startsWith('hokku') && { target: `≤ ${same.ratio}`, met: ratio <= same.ratio }) };
    }
    const own = targets.find((t) => m.contender.startsWith('hokku') && t.variant.test(m.variant));
    if (own && 'atMostMs' in own) {
      const { atMostMs: ms, atMostMB: mb } = own;
      return { ...m, target: `< ${ms} ms${mb ? `, < ${mb} MB` : ''}`, met: m.median < ms * 1e3 && (!mb || m.memory < mb * 1e6) };
    }
    if (own?.ratio && referenceOf(own)) {
      const ratio = compare(m, referenceOf(own)!);
      return { ...m, ratio, target: `≤ ${own.ratio}`, met: ratio <= own.ratio };
    }
    // What has no target of its own in this run is compared with the first reference that is there.
    const reference = (own && referenceOf(own)) ?? targets.map(referenceOf).find((r) => r);
    return reference ? { ...m, ratio: compare(m, reference) } : m;
  });
}

/** The median over the rounds of one divided by the other: both of a round ran in the same minute, under the same load. */
function compare(m: Measurement, reference: Measurement): number {
  return median(m.rounds.map((us, round) => us / reference.rounds[round]));
}

/** Each contender's mean ratio, where its variants are held against those of the same names. */
export function geometricMeans(rows: Row[]): Record<string, number> {
  const compared = rows.filter((r) => r.sameOf && r.ratio && r.contender !== r.sameOf);
  return Object.fromEntries([...new Set(compared.map((r) => r.contender))].map((name) => {
    const own = compared.filter((r) => r.contender === name);
    return [name, Math.exp(own.reduce((sum, r) => sum + Math.log(r.ratio!), 0) / own.length)];
  }));
}

/** What variants of ours with this ending take of those without it. */
export function fractions(rows: Row[], ending: string | undefined): Record<string, number> {
  const whole = (r: Row) => rows.find((o) => o.contender === r.contender && o.variant === r.variant.slice(0, -ending!.length));
  return Object.fromEntries(rows.filter((r) => ending && r.contender.startsWith('hokku') && r.variant.endsWith(ending) && whole(r)).map((r) => [`${r.contender} ${r.variant}`, r.min / whole(r)!.min]));
}

export const summary = (means: Record<string, number>, parts: Record<string, number>): string => [
  ...Object.entries(means).map(([name, mean]) => `geometric mean of ${name}: ${mean.toFixed(2)}\n`),
  ...Object.entries(parts).map(([name, part]) => `${name}: ${part.toFixed(2)} of the whole\n`),
].join('');

const HEAD = ['contender', 'variant', 'first ms', 'min µs', 'median µs', 'GB/s', 'ratio', 'target', 'peak MB'];

export function table(rows: Row[]): string {
  const cells = rows.map((r) => [
    r.contender, r.variant, (r.first / 1e3).toFixed(1), digits(r.min), digits(r.median), r.gigabytesPerSecond?.toFixed(1) ?? '', r.ratio?.toFixed(2) ?? '',
    r.target ? `${r.target} ${r.met ? 'met' : 'missed'}` : '', (r.memory / 1e6).toFixed(0),
  ]);
  const widths = HEAD.map((head, i) => Math.max(head.length, ...cells.map((row) => row[i].length)));
  const line = (row: string[]) => row.map((cell, i) => i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join('  ').trimEnd();
  return [HEAD, widths.map((w) => '-'.repeat(w)), ...cells].map(line).join('\n');
}

function digits(us: number): string {
  return us >= 1000 ? Math.round(us).toLocaleString('en').replaceAll(',', ' ') : us.toFixed(1);
}
