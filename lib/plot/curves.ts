/**
 * Curves over steps, as one SVG: values that a run reported, several series in one frame. Plain data in, a string out.
 * Everything has a class, so that a page can give it other colours; alone it is drawn in light ones.
 */
import { ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { escapeXml, FONT } from './text.js';
import { indexLabel, powerTicks, valueTicks } from './ticks.js';

/** Points in the order of their x. Where a value is not finite, the line is broken. */
export interface Series {
  readonly name: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** Drawn pale and thin, behind the others: raw values of which another series is the smooth form. */
  readonly pale?: boolean;
  /** Each point is marked: few values, far apart. */
  readonly marked?: boolean;
  /** Which of the eight colours; default the position in the list. */
  readonly colour?: number;
}

export interface CurvesOptions {
  title?: string;
  width?: number;
  height?: number;
  /** `log` needs values above zero: others are left out. Default `linear`. */
  yScale?: 'linear' | 'log';
}

/** Okabe's and Ito's colours, which the colour-blind can tell apart too; yellow darkened, black left out. */
export const SERIES_COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#8a6fdf', '#7f7f7f'] as const;
const ROOM = { left: 58, right: 14, top: 12, bottom: 26, title: 24 } as const;
/** A constant gets this share of its value on both sides, and so does what differs by rounding only. */
const CONSTANT_ROOM = 0.1;
const ROUNDING = 1e-9;
/** Nearer to zero is zero, and farther from it infinite: their sums and quotients would be no numbers. */
const [TINY, HUGE] = [1e-150, 1e150];

interface Frame { left: number; right: number; top: number; bottom: number; x: [number, number]; y: [number, number]; log: boolean }

/**
 * An SVG of all series in one frame.
 *
 * @example
 * writeFileSync('loss.svg', curves([{ name: 'loss', x: [1, 2, 3], y: [0.9, 0.5, 0.4] }], { title: 'loss', yScale: 'log' }));
 */
export function curves(series: readonly Series[], options: CurvesOptions = {}): string {
  const { title, width = 560, height = 240, yScale = 'linear' } = checkOptions('curves', options, ['title', 'width', 'height', 'yScale']);
  if (yScale !== 'linear' && yScale !== 'log') throw new ValueError(`curves: yScale is 'linear' or 'log', but got '${String(yScale)}'.`);
  for (const { name, x, y } of series) if (x.length !== y.length) throw new ValueError(`curves: the series '${name}' has ${x.length} x and ${y.length} y.`);
  const log = yScale === 'log';
  const drawable = (y: number): boolean => Math.abs(y) < HUGE && !(log && y < TINY);
  const [xs, ys] = [extent(series, ({ x }) => x, Number.isFinite), extent(series, ({ y }) => y, drawable)];
  const frame: Frame = {
    left: ROOM.left, right: width - ROOM.right, top: ROOM.top + (title ? ROOM.title : 0), bottom: height - ROOM.bottom,
    x: xs[0] < xs[1] ? xs : [xs[0] - 0.5, xs[1] + 0.5], y: padded(ys, log), log,
  };
  const empty = !Number.isFinite(xs[0]) || !Number.isFinite(ys[0]);
  const head = `<svg xmlns="http://www.w3.org/2000/svg" class="curves" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" `
    + `font-family="${FONT}" font-size="11" fill="#57606a" role="img" aria-label="${escapeXml(title ?? series.map((s) => s.name).join(', '))}" `
    + (empty ? '>' : `data-frame="${[frame.left, frame.right, frame.top, frame.bottom].join()}" data-x="${frame.x}" data-y="${frame.y}"${log ? ' data-log=""' : ''}>`);
  const heading = title ? `<text class="title" x="${ROOM.left}" y="22" font-size="14" fill="#1f2328">${escapeXml(title)}</text>` : '';
  if (empty) return `${head}${heading}<text x="${width / 2}" y="${height / 2}" text-anchor="middle">no finite values</text></svg>`;
  // Pale ones first, so that they lie behind.
  const drawn = series.map((s, i) => ({ s, i })).sort((a, b) => Number(b.s.pale ?? false) - Number(a.s.pale ?? false));
  return [head, heading, drawAxes(frame), ...drawn.map(({ s, i }) => drawSeries(s, s.colour ?? i, frame, drawable)), '</svg>'].join('');
}

function extent(series: readonly Series[], of: (s: Series) => ArrayLike<number>, keep: (v: number) => boolean): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const s of series) {
    const values = of(s);
    for (let i = 0; i < values.length; i++) if (keep(values[i])) [low, high] = [Math.min(low, values[i]), Math.max(high, values[i])];
  }
  return [low, high];
}

function padded([low, high]: [number, number], log: boolean): [number, number] {
  const constant = !(high - low > ROUNDING * Math.max(Math.abs(low), Math.abs(high), TINY));
  if (log) return !constant ? [low / (high / low) ** 0.04, high * (high / low) ** 0.04] : [low / 2, high * 2];
  const room = !constant ? 0.04 * (high - low) : CONSTANT_ROOM * (Math.abs(low) > TINY ? Math.abs(low) : 1);
  return [low - room, high + room];
}

const place = (v: number, [low, high]: [number, number]): number => (v - low) / (high - low);
const xOf = (v: number, f: Frame): number => f.left + place(v, f.x) * (f.right - f.left);
const yOf = (v: number, f: Frame): number => f.bottom - (f.log ? place(Math.log(v), [Math.log(f.y[0]), Math.log(f.y[1])]) : place(v, f.y)) * (f.bottom - f.top);
const round = (v: number): number => Math.round(v * 10) / 10;

function drawAxes(f: Frame): string {
  const y = (f.log ? powerTicks(f.y[0], f.y[1]) : valueTicks(f.y[0], f.y[1], 4)).map(({ value, label }) => {
    const at = round(yOf(value, f));
    return `<path class="grid" d="M${f.left} ${at}H${f.right}" stroke="#d8dee4" stroke-width="1"/><text x="${f.left - 8}" y="${at + 4}" text-anchor="end">${label}</text>`;
  });
  const x = valueTicks(f.x[0], f.x[1], 6).filter(({ value }) => Number.isInteger(value)).map(({ value }) =>
    `<text x="${round(xOf(value, f))}" y="${f.bottom + 17}" text-anchor="middle">${indexLabel(value)}</text>`);
  return `${y.join('')}${x.join('')}<path class="axis" d="M${f.left} ${f.bottom}H${f.right}" stroke="#8c959f" stroke-width="1"/>`;
}

function drawSeries(s: Series, index: number, f: Frame, drawable: (y: number) => boolean): string {
  const colour = index % SERIES_COLOURS.length;
  const points = thin(s, f, drawable);
  let pen = 'M';
  let d = '';
  for (const point of points) {
    if (!point) pen = 'M';
    else {
      d += `${pen}${round(xOf(point[0], f))} ${round(yOf(point[1], f))}`;
      pen = 'L';
    }
  }
  const line = `<path class="series s${colour}${s.pale ? ' pale' : ''}" data-name="${escapeXml(s.name)}" d="${d}" fill="none" stroke="${SERIES_COLOURS[colour]}" `
    + `stroke-width="${s.pale ? 1 : 2}" stroke-opacity="${s.pale ? 0.3 : 1}" stroke-linejoin="round" stroke-linecap="round"/>`;
  const dots = s.marked ? points.filter((p) => p !== null).map(([x, y]) =>
    `<circle class="series s${colour}" cx="${round(xOf(x, f))}" cy="${round(yOf(y, f))}" r="2.5" fill="${SERIES_COLOURS[colour]}"/>`).join('') : '';
  return line + dots;
}

/**
 * At most four points for each column of pixels: the first, the smallest, the largest and the last, so that the picture is
 * the same. Null where the line is broken.
 */
function thin({ x, y }: Series, f: Frame, drawable: (y: number) => boolean): ([number, number] | null)[] {
  const columns = f.right - f.left;
  const out: ([number, number] | null)[] = [];
  let column: number[] = [];
  const flush = (): void => {
    if (!column.length) return;
    const least = column.reduce((a, b) => (y[b] < y[a] ? b : a));
    const most = column.reduce((a, b) => (y[b] > y[a] ? b : a));
    for (const i of [...new Set([column[0], least, most, column.at(-1)!])].sort((a, b) => a - b)) out.push([x[i], y[i]]);
    column = [];
  };
  let at = -1;
  for (let i = 0; i < x.length; i++) {
    if (!drawable(y[i]) || !Number.isFinite(x[i])) {
      flush();
      if (out.at(-1)) out.push(null);
      continue;
    }
    const here = Math.floor(place(x[i], f.x) * columns);
    if (here !== at) flush();
    at = here;
    column.push(i);
  }
  flush();
  return out;
}
