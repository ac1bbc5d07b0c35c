/** Where an axis has its marks, and what they say. */

/** The smallest of 1, 2, 2.5, 5 × 10ⁿ that is at least `rough`; only whole numbers if `whole`. */
function niceStep(rough: number, whole: boolean): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  // A hair of slack, so that 0.30000000000000004 / 3 still counts as 0.1.
  const factor = [1, 2, 2.5, 5, 10].find((f) => f * power >= rough * (1 - 1e-9) && !(whole && f * power % 1)) ?? 10;
  return factor * power;
}

/** At most `count` + 1 round values inside [low, high]. */
export function valueTicks(low: number, high: number, count = 5): { value: number, label: string }[] {
  const step = niceStep((high - low) / count, false);
  const write = labels(step, Math.max(Math.abs(low), Math.abs(high)));
  const ticks = [];
  // Multiples of the step are computed one by one: a running sum would end in 0.30000000000000004.
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push({ value: i * step, label: write(i * step) });
  return ticks;
}

/** Powers of ten inside [low, high], both above zero, thinned out to about `count`; twice and five times them too where there are few. */
export function powerTicks(low: number, high: number, count = 6): { value: number, label: string }[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const every = Math.max(1, Math.ceil((last - first) / count));
  const factors = Math.log10(high / low) < 2.5 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let n = first; n <= last; n += every) for (const f of factors) ticks.push(Number(`${f}e${n}`));
  const inside = ticks.filter((v) => v >= low && v <= high);
  if (inside.length < 2) return valueTicks(low, high, 4);
  return inside.map((value) => ({ value, label: (value >= 1e5 || value < 1e-3 ? value.toExponential() : String(value)).replaceAll('-', '−').replace('e+', 'e') }));
}

/** `0`, `500`, `1500`, `20k`, `1.5M`: a step on an axis. */
export function indexLabel(value: number): string {
  if (Math.abs(value) < 10_000) return String(value);
  return Math.abs(value) < 1e6 ? `${Number((value / 1e3).toFixed(3))}k` : `${Number((value / 1e6).toFixed(3))}M`;
}

/** Indices 0, s, 2s, … below `length`, with s such that marks are at least `room` pixels apart on `pixels` pixels. */
export function indexTicks(length: number, pixels: number, room: number): number[] {
  const step = niceStep(Math.max(1, room * length / pixels), true);
  return Array.from({ length: Math.ceil(length / step) }, (_, i) => i * step);
}

/** One notation for a whole axis: as many decimals as its step needs, or powers of ten; and a real minus sign. */
function labels(step: number, largest: number): (value: number) => string {
  const powers = largest >= 1e5 || step < 1e-4;
  return (value) => {
    const zero = Math.abs(value) < step / 2;
    const text = powers ? (zero ? '0' : Number(value.toPrecision(4)).toExponential()) : (zero ? 0 : value).toFixed(decimals(step));
    return text.replaceAll('-', '−').replace('e+', 'e');
  };
}

function decimals(step: number): number {
  for (let n = 0; n < 8; n++) if (Math.abs(step * 10 ** n - Math.round(step * 10 ** n)) < 1e-6) return n;
  return 8;
}
