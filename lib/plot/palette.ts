/**
 * ColorBrewer's YlGnBu, sampled as matplotlib samples it: 256 levels, straight lines between the nine published colours.
 * (A spline through the same nine, as d3 draws it, looks alike and is a few units off; a picture beside the peers'
 * should not be.)
 */

export type Rgb = readonly [red: number, green: number, blue: number];

/** The nine colours that ColorBrewer publishes, light to dark. */
export const YL_GN_BU: readonly Rgb[] = [
  [255, 255, 217], [237, 248, 177], [199, 233, 180], [127, 205, 187], [65, 182, 196],
  [29, 145, 192], [34, 94, 168], [37, 52, 148], [8, 29, 88],
];

/** How many colours a picture is drawn with: matplotlib's number, and what an indexed PNG holds. */
export const LEVELS = 256;

/** The level, 0 to 255, of a position from 0 (light) to 1 (dark). */
export function levelOf(position: number): number {
  return Math.min(LEVELS - 1, Math.max(0, Math.floor(position * LEVELS)));
}

/** The colour of a level: `colour(0)` is the lightest, `colour(255)` the darkest. */
export function colour(level: number): Rgb {
  const x = level / (LEVELS - 1) * (YL_GN_BU.length - 1);
  const i = Math.min(YL_GN_BU.length - 2, Math.floor(x));
  const [from, to] = [YL_GN_BU[i], YL_GN_BU[i + 1]];
  const mix = (k: 0 | 1 | 2) => Math.round(from[k] + (to[k] - from[k]) * (x - i));
  return [mix(0), mix(1), mix(2)];
}

/** `[255, 255, 217]` → `#ffffd9`. */
export function hex(rgb: Rgb): string {
  return '#' + rgb.map((v) => v.toString(16).padStart(2, '0')).join('');
}
