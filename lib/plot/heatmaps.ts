/**
 * Heat maps of a parameter map, drawn as seaborn draws them: one row per module, its arrays side by side, each with a
 * colour bar of its own. Plain data in, a string out: no engine, no DOM.
 */
import { ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { colour, hex, LEVELS, levelOf, YL_GN_BU } from './palette.js';
import { encodePng } from './png.js';
import { escapeXml, FONT } from './text.js';
import { indexTicks, valueTicks } from './ticks.js';
import { numbers, type Plottable } from './values.js';

/** `{ 'mlp/~/linear_0': { w, b }, … }`. */
export type PlottableParams = { readonly [module: string]: { readonly [name: string]: Plottable } };

export interface HeatmapOptions {
  /** A line above the whole figure. */
  title?: string;
  /** The value of the lightest colour; each array's smallest if absent. */
  vmin?: number;
  /** The value of the darkest colour; each array's largest if absent. */
  vmax?: number;
}

// One panel, in pixels: the drawing, and around it the room for what is written there.
const PANEL = { width: 430, height: 118, left: 62, top: 34, bottom: 30, right: 108 } as const;
const BAR = { gap: 18, width: 13 } as const;
const MARGIN = 14;
const TITLE_HEIGHT = 34;
/** seaborn's axes background and text: missing values show the one, everything written is in the other. */
const MISSING = '#eaeaf2';
const INK = '#262626';
/** Up to here each cell is a rectangle of its own, sharp in every viewer; beyond it, the matrix is one embedded picture. */
const MAX_RECTANGLES = 512;
/** A side longer than this is thinned out: a screen could not show more, and the file stays small. */
const MAX_SIDE = 512;

/**
 * An SVG picture of all of `params`, modules in sorted order; vectors are one row high, and arrays with more than two
 * axes have all but the last put together. NaN and infinities are grey.
 *
 * @example
 * writeFileSync('params.svg', heatmaps({ linear: { w: { shape: [2, 2], data: [1, 2, 3, 4] } } }, { title: 'before' }));
 */
export function heatmaps(params: PlottableParams, options: HeatmapOptions = {}): string {
  checkOptions('heatmaps', options, ['title', 'vmin', 'vmax']);
  const rows = Object.keys(params).sort().map((module) => panelsOf(module, params[module]));
  if (rows.every((row) => row.length === 0)) throw new ValueError('heatmaps got no arrays to draw: the parameter map is empty.');

  const cell = { width: PANEL.left + PANEL.width + PANEL.right, height: PANEL.top + PANEL.height + PANEL.bottom };
  const top = MARGIN + (options.title ? TITLE_HEIGHT : 0);
  const width = 2 * MARGIN + cell.width * Math.max(...rows.map((row) => row.length));
  const height = top + cell.height * rows.length + MARGIN;
  const heading = options.title
    ? text(width / 2, MARGIN + 20, options.title, 'middle', ' font-size="17"') : '';
  const body = rows.flatMap((row, r) => row.map((panel, c) => {
    const at = [MARGIN + c * cell.width + PANEL.left, top + r * cell.height + PANEL.top];
    return `<g transform="translate(${at})">${drawPanel(panel, options)}</g>`;
  }));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="heatmaps" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" `
      + `font-family="${FONT}" font-size="11" fill="${INK}">`,
    `<defs><linearGradient id="YlGnBu" x1="0" y1="1" x2="0" y2="0">${YL_GN_BU.map((c, i) =>
      `<stop offset="${i / (YL_GN_BU.length - 1)}" stop-color="${hex(c)}"/>`).join('')}</linearGradient></defs>`,
    // Browsers want `pixelated`; resvg knows only the older `optimizeSpeed` that each image carries, and skips at-rules.
    '<style>@supports (image-rendering: pixelated) { image { image-rendering: pixelated } }</style>',
    `<rect class="paper" width="${width}" height="${height}" fill="#fff"/>`,
    heading, ...body, '</svg>', '',
  ].filter((line, i, all) => line || i === all.length - 1).join('\n');
}

interface Panel { title: string, shape: readonly number[], rows: number, columns: number, values: ArrayLike<number> }

/** Matrices before vectors, so that `w` stands left of `b`; equal ranks by name. */
function panelsOf(module: string, arrays: { readonly [name: string]: Plottable }): Panel[] {
  const rank = (name: string) => arrays[name].shape.length;
  const names = Object.keys(arrays).sort((a, b) => rank(b) - rank(a) || (a < b ? -1 : 1));
  return names.map((name) => {
    const { shape, data } = arrays[name];
    const size = shape.reduce((a, b) => a * b, 1);
    const title = `${module}/${name}`;
    if (data.length !== size) throw new ValueError(`${title} has shape [${shape}], which is ${size} values, but its data holds ${data.length}.`);
    const columns = shape.at(-1) ?? 1;
    return { title, shape, columns, rows: columns ? size / columns : 0, values: numbers(arrays[name]) };
  });
}

function drawPanel(panel: Panel, options: HeatmapOptions): string {
  const { width, height } = PANEL;
  const heading = `<title>${escapeXml(panel.title)} [${panel.shape}]</title>`
    + text(width / 2, -11, shorten(panel.title), 'middle', ' font-size="13"');
  const range = rangeOf(panel.values, options);
  if (!range) {
    return `${heading}<rect width="${width}" height="${height}" fill="${MISSING}"/>`
      + text(width / 2, height / 2 + 4, panel.values.length ? 'no finite values' : 'empty', 'middle');
  }
  return heading + drawCells(panel, range) + drawAxes(panel) + drawBar(range);
}

interface Range { low: number, high: number }

/** The values at both ends of the colours, or nothing to draw. A constant gets room on both sides, as in matplotlib. */
function rangeOf(values: ArrayLike<number>, { vmin, vmax }: HeatmapOptions): Range | undefined {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (Number.isFinite(v)) [low, high] = [Math.min(low, v), Math.max(high, v)];
  }
  if (low > high) return undefined;
  [low, high] = [vmin ?? low, vmax ?? high];
  if (low > high) throw new ValueError(`heatmaps needs vmin ≤ vmax, but the colours would run from ${low} to ${high}.`);
  const room = high - low > 1e-15 * Math.max(Math.abs(low), Math.abs(high)) ? 0 : 0.1 * (Math.abs(low) || 1);
  return { low: low - room, high: high + room };
}

function drawCells(panel: Panel, { low, high }: Range): string {
  const { rows, columns, values } = shrink(panel);
  const level = (v: number) => Number.isFinite(v) ? levelOf((v - low) / (high - low)) : -1;
  if (rows * columns <= MAX_RECTANGLES) {
    const [w, h] = [PANEL.width / columns, PANEL.height / rows];
    const cells = Array.from(values, (v, i) => {
      const fill = level(v) < 0 ? MISSING : hex(colour(level(v)));
      return `<rect x="${round(i % columns * w)}" y="${round(Math.floor(i / columns) * h)}" width="${round(w)}" height="${round(h)}" fill="${fill}"/>`;
    });
    return `<g shape-rendering="crispEdges">${cells.join('')}</g>`;
  }
  const png = encodePng(columns, rows, Uint8Array.from(values, (v) => level(v) < 0 ? MISSING_INDEX : PIXEL[level(v)]), PALETTE);
  return `<image width="${PANEL.width}" height="${PANEL.height}" preserveAspectRatio="none" image-rendering="optimizeSpeed" `
    + `href="data:image/png;base64,${png.toString('base64')}"/>`;
}

// A PNG palette holds 256 colours and a missing value needs one: two neighbouring levels in the middle share theirs.
const MISSING_INDEX = LEVELS - 1;
const PIXEL = Uint8Array.from({ length: LEVELS }, (_, level) => level > LEVELS / 2 ? level - 1 : level);
const PALETTE = [...Array.from({ length: LEVELS }, (_, level) => colour(level)).toSpliced(LEVELS / 2 + 1, 1), [0xea, 0xea, 0xf2] as const];

/**
 * One value out of each block, so that no side is longer than `MAX_SIDE`: a sample keeps the spread that the colour bar
 * promises, where means would fade to one colour. A block with a missing value is missing: that must not hide.
 */
function shrink(panel: Panel): { rows: number, columns: number, values: ArrayLike<number> } {
  const rows = Math.min(panel.rows, MAX_SIDE), columns = Math.min(panel.columns, MAX_SIDE);
  if (rows === panel.rows && columns === panel.columns) return panel;
  const values = new Float64Array(rows * columns);
  for (let y = 0; y < panel.rows; y++) {
    const row = Math.floor(y * rows / panel.rows) * columns;
    for (let x = 0; x < panel.columns; x++) {
      const at = row + Math.floor(x * columns / panel.columns);
      const value = panel.values[y * panel.columns + x];
      if (Number.isFinite(values[at])) values[at] = value;
    }
  }
  return { rows, columns, values };
}

/** Row numbers on the left, column numbers below, each at the middle of its cell. */
function drawAxes({ rows, columns }: Panel): string {
  const { width, height } = PANEL;
  const x = indexTicks(columns, width, 34).map((i) => text(round((i + 0.5) * width / columns), height + 17, String(i), 'middle'));
  const y = indexTicks(rows, height, 17).map((i) => text(-7, round((i + 0.5) * height / rows + 4), String(i), 'end'));
  return x.join('') + y.join('');
}

function drawBar({ low, high }: Range): string {
  const { width, height } = PANEL;
  const x = width + BAR.gap;
  const ticks = valueTicks(low, high).map(({ value, label }) => {
    const y = round(height * (1 - (value - low) / (high - low)));
    return `<path d="M${x + BAR.width} ${y}h4" stroke="${INK}" stroke-width="0.8"/>` + text(x + BAR.width + 8, round(y + 4), label, 'start');
  });
  return `<rect x="${x}" width="${BAR.width}" height="${height}" fill="url(#YlGnBu)"/>${ticks.join('')}`;
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end', more = ''): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}"${more}>${escapeXml(content)}</text>`;
}

/** The end of a long path says more than its beginning. */
function shorten(title: string): string {
  const letters = [...title];
  return letters.length <= 60 ? title : '…' + letters.slice(-59).join('');
}

const round = (v: number) => Math.round(v * 100) / 100;
