/** The report's part about parameters: what trained, what was frozen, by how much it changed, and heat maps of both. */
import { heatmaps, type PlottableParams } from '../../plot/heatmaps.js';
import { escapeXml as text } from '../../plot/text.js';
import { numbers, type Plottable } from '../../plot/values.js';
import type { StartEvent } from '../events.js';
import { formatNumber } from './progress.js';

export interface ParameterFacts {
  readonly module: string;
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly size: number;
  /** Undefined where nobody said so. */
  readonly trains: boolean | undefined;
  /** ‖after − before‖ / ‖before‖; undefined where there are not both. */
  readonly change: number | undefined;
  /** Whether not even a bit differs. */
  readonly same: boolean | undefined;
}

/** Every parameter of either map, by module and name. */
export function describeParams(before: PlottableParams | undefined, after: PlottableParams | undefined, start: StartEvent | undefined): ParameterFacts[] {
  const params = after ?? before;
  if (!params) return [];
  const [trainable, frozen] = [new Set(start?.trainable), new Set(start?.frozen)];
  return Object.keys(params).sort().flatMap((module) => Object.keys(params[module]).sort().map((name): ParameterFacts => {
    const now = params[module][name];
    const path = `${module}/${name}`;
    const then = after && before && Object.hasOwn(before, module) && Object.hasOwn(before[module], name) ? before[module][name] : undefined;
    return {
      module, name, shape: now.shape, dtype: now.dtype ?? 'float32', size: now.data.length,
      trains: trainable.has(path) ? true : frozen.has(path) ? false : undefined,
      ...(then && then.data.length === now.data.length ? compare(then, now) : { change: undefined, same: undefined }),
    };
  }));
}

function compare(before: Plottable, after: Plottable): { change: number; same: boolean } {
  const [a, b] = [numbers(before), numbers(after)];
  let [moved, size, same] = [0, 0, true];
  for (let i = 0; i < a.length; i++) {
    if (!Object.is(a[i], b[i])) same = false;
    moved += (b[i] - a[i]) ** 2;
    size += a[i] ** 2;
  }
  return { change: same ? 0 : size > 0 ? Math.sqrt(moved / size) : Infinity, same };
}

/** So many arrays are drawn, those that changed most first: a page of hundreds would not open. */
const MOST_DRAWN = 24;

export function parametersSection(params: readonly ParameterFacts[], before: PlottableParams | undefined, after: PlottableParams | undefined): string {
  if (!params.length) return '';
  const compared = params.some((p) => p.change !== undefined);
  const largest = Math.max(...params.map((p) => (Number.isFinite(p.change) ? p.change! : 0)));
  const rows = params.map((p) => `<tr><td class="path">${text(p.module)}<b>/${text(p.name)}</b></td><td class="n">${text(p.dtype)}[${p.shape.join(', ')}]</td>`
    + `<td class="n">${p.size.toLocaleString('en-US')}</td><td>${pill(p)}</td>${compared ? `<td class="n">${changeText(p)}</td><td class="bar">${bar(p, largest)}</td>` : ''}</tr>`);
  const table = `<div class="card scroll"><table><thead><tr><th>Array</th><th class="n">Type</th><th class="n">Values</th><th></th>${compared ? '<th class="n">Change</th><th></th>' : ''}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
  return table + drawings(params, before, after);
}

function pill({ trains, same }: ParameterFacts): string {
  if (trains === undefined) return '';
  if (trains) return '<span class="pill trained">trained</span>';
  if (same === false) return '<span class="pill alarm">frozen, yet it changed</span>';
  return `<span class="pill frozen">frozen</span>${same ? ' <small>unchanged to the last bit</small>' : ''}`;
}

const changeText = ({ change, same }: ParameterFacts): string => (change === undefined ? '' : same ? '0' : Number.isFinite(change) ? formatNumber(change) : change === Infinity ? 'from zero' : 'not finite');
const bar = ({ change }: ParameterFacts, largest: number): string =>
  (change !== undefined && change > 0 && largest > 0 ? `<i style="width:${(100 * Math.min(1, change / largest)).toFixed(1)}%"></i>` : '');

function drawings(params: readonly ParameterFacts[], before: PlottableParams | undefined, after: PlottableParams | undefined): string {
  const ranked = params.filter((p) => p.size > 0).sort((a, b) => (b.change ?? 0) - (a.change ?? 0) || b.size - a.size).slice(0, MOST_DRAWN);
  const chosen = params.filter((p) => ranked.includes(p));
  const figures = chosen.map(({ module, name }) => {
    const maps = [before, after].map((map) => (map && Object.hasOwn(map, module) && Object.hasOwn(map[module], name) ? map[module][name] : undefined));
    const range = rangeOf(maps.filter((m) => m !== undefined));
    const draw = (array: Plottable | undefined, when: string): string => (array ? `<figure><figcaption>${when}</figcaption>${heatmaps({ [module]: { [name]: array } }, range)}</figure>` : '');
    return `<div class="pair">${draw(maps[0], 'before')}${draw(maps[1], 'after')}</div>`;
  });
  const left = params.length - chosen.length;
  return `<h3>Heat maps${before && after ? ' <small>before and after, in the same colours</small>' : ''}</h3><div class="card scroll maps">${figures.join('')}${left > 0 ? `<p class="more">${left} more arrays are not drawn: these changed most</p>` : ''}</div>`;
}

/** One range for both pictures, so that they compare. */
function rangeOf(arrays: readonly Plottable[]): { vmin?: number; vmax?: number } {
  let [low, high] = [Infinity, -Infinity];
  for (const array of arrays) {
    const values = numbers(array);
    for (let i = 0; i < values.length; i++) if (Number.isFinite(values[i])) [low, high] = [Math.min(low, values[i]), Math.max(high, values[i])];
  }
  return low <= high ? { vmin: low, vmax: high } : {};
}
