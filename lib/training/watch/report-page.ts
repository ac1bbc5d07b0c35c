/** The page around a report: its style, light or dark as the reader's system is, and a reading under the pointer. */
import { escapeXml as text } from '../../plot/text.js';
import { sha256 } from '../../runtime/builtins.js';

export interface Page {
  readonly title: string;
  readonly status: { readonly text: string; readonly tone: 'good' | 'warn' };
  /** HTML, as is the body. */
  readonly meta: string;
  readonly body: string;
}

const STYLE = `
:root { color-scheme: light dark; --paper: #f6f7f9; --card: #fff; --ink: #1c2128; --soft: #5b6571; --line: #e3e7ec; --grid: #e9ecf0; --good: #1a7f4b; --warn: #9a6700; --alarm: #c62828;
  --s0: #0067b0; --s1: #d0570a; --s2: #00875f; --s3: #b8568f; --s4: #2b8fd0; --s5: #b77b00; --s6: #7257d4; --s7: #6b7280; }
@media (prefers-color-scheme: dark) { :root { --paper: #0f1318; --card: #171c23; --ink: #e6eaf0; --soft: #94a0ae; --line: #28303a; --grid: #252c35; --good: #4cc38a; --warn: #e0a82e; --alarm: #ff6b6b;
  --s0: #58a6ff; --s1: #ff9350; --s2: #3fcf9c; --s3: #e58fc4; --s4: #7cc4f5; --s5: #f0b93a; --s6: #a795ff; --s7: #9ca3af; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif; font-variant-numeric: tabular-nums; -webkit-font-smoothing: antialiased; }
main { max-width: 1120px; margin: 0 auto; padding: 56px 28px 80px; }
header { margin-bottom: 32px; }
header p { margin: 0; color: var(--soft); }
header .over { font-size: 12px; letter-spacing: .12em; text-transform: uppercase; }
h1 { margin: 4px 0 8px; font-size: 34px; line-height: 1.15; font-weight: 680; letter-spacing: -.02em; overflow-wrap: anywhere; }
h2 { margin: 48px 0 14px; font-size: 19px; font-weight: 650; letter-spacing: -.01em; }
h3 { margin: 28px 0 12px; font-size: 15px; font-weight: 620; }
small { font-size: 12.5px; font-weight: 400; color: var(--soft); }
.status { display: inline-block; margin-right: 10px; padding: 2px 10px 3px; border-radius: 99px; font-size: 13px; font-weight: 600; color: var(--good); background: color-mix(in srgb, var(--good) 14%, transparent); }
.status.warn { color: var(--warn); background: color-mix(in srgb, var(--warn) 16%, transparent); }
.card, .tile { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(155px, 1fr)); gap: 14px; margin: 0; }
.tile { padding: 14px 16px; }
.tile dt { font-size: 13px; color: var(--soft); }
.tile dd { margin: 2px 0 0; font-size: 24px; font-weight: 640; letter-spacing: -.02em; line-height: 1.3; white-space: nowrap; }
.tile small { display: block; line-height: 1.4; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 16px; }
figure { margin: 0; }
figure.card { padding: 14px 12px 8px; }
figure.card figcaption { display: flex; align-items: baseline; gap: 8px; padding: 0 8px 4px; font-weight: 620; }
.legend { margin-left: auto; font-size: 12.5px; font-weight: 400; color: var(--soft); }
.legend i { display: inline-block; width: 14px; height: 3px; margin: 0 6px 3px 10px; border-radius: 2px; }
svg { display: block; max-width: 100%; height: auto; font-family: inherit; }
svg.curves { width: 100%; fill: var(--soft); overflow: visible; }
svg .grid { stroke: var(--grid); } svg .axis { stroke: var(--line); }
svg .pale { stroke-opacity: .28; }
svg .cross { stroke: var(--soft); stroke-dasharray: 3 3; }
svg .note { font-size: 12px; font-weight: 600; fill: var(--ink); paint-order: stroke; stroke: var(--card); stroke-width: 5px; }
${[0, 1, 2, 3, 4, 5, 6, 7].map((i) => `path.s${i} { stroke: var(--s${i}); } circle.s${i} { fill: var(--s${i}); } i.s${i} { background: var(--s${i}); }`).join('\n')}
svg.heatmaps { fill: var(--ink); } svg.heatmaps .paper { fill: none; } svg.heatmaps path { stroke: var(--ink); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th { padding: 10px 16px 8px; text-align: left; font-size: 12.5px; font-weight: 550; color: var(--soft); border-bottom: 1px solid var(--line); white-space: nowrap; }
td { padding: 7px 16px; border-bottom: 1px solid var(--line); white-space: nowrap; }
tbody tr:last-child td { border-bottom: 0; }
.n { text-align: right; }
.path, pre { font-family: ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, 'DejaVu Sans Mono', monospace; font-size: 12.5px; }
.path { white-space: normal; overflow-wrap: anywhere; min-width: 180px; color: var(--soft); } .path b { font-weight: 600; color: var(--ink); }
td.bar { width: 130px; } td.bar i { display: block; height: 6px; min-width: 2px; border-radius: 3px; background: var(--s0); }
.pill { padding: 1px 9px 2px; border-radius: 99px; font-size: 12.5px; font-weight: 550; }
.pill.trained { color: var(--s0); background: color-mix(in srgb, var(--s0) 13%, transparent); }
.pill.frozen { color: var(--soft); background: color-mix(in srgb, var(--soft) 15%, transparent); }
.pill.alarm { color: var(--alarm); background: color-mix(in srgb, var(--alarm) 14%, transparent); }
.facts { display: grid; grid-template-columns: minmax(130px, max-content) 1fr; gap: 8px 26px; margin: 0; padding: 16px 20px; font-size: 14px; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
pre { margin: 0; padding: 16px 20px; overflow-x: auto; line-height: 1.5; }
.maps { padding: 6px 18px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 18px; padding: 12px 0; border-bottom: 1px solid var(--line); } .pair:last-child { border-bottom: 0; }
.pair figcaption { font-size: 12.5px; color: var(--soft); }
.more { margin: 0; padding: 10px 16px; font-size: 13px; color: var(--soft); }
footer { margin-top: 56px; font-size: 13px; color: var(--soft); }
@media (max-width: 760px) { main { padding: 32px 16px 56px; } h1 { font-size: 27px; } .pair { grid-template-columns: 1fr; } }
@media print { body { background: #fff; } .card, .tile { break-inside: avoid; } }`;

/** Reads the values under the pointer back from the curves themselves: a path's points, through the frame that it was drawn in. */
const SCRIPT = `
for (const svg of document.querySelectorAll('svg.curves[data-frame]')) {
  const [left, right, top, bottom] = svg.dataset.frame.split(',').map(Number);
  const [x0, x1] = svg.dataset.x.split(',').map(Number), [y0, y1] = svg.dataset.y.split(',').map(Number);
  const log = 'log' in svg.dataset;
  const lines = [...svg.querySelectorAll('path.series:not(.pale)')].map((path) => ({
    name: path.dataset.name, points: [...path.getAttribute('d').matchAll(/[ML]([-\\d.]+) ([-\\d.]+)/g)].map((m) => [+m[1], +m[2]]),
  })).filter((line) => line.points.length);
  if (!lines.length) continue;
  const make = (name) => svg.appendChild(document.createElementNS('http://www.w3.org/2000/svg', name));
  const cross = make('path'), note = make('text');
  cross.setAttribute('class', 'cross'); note.setAttribute('class', 'note');
  const show = (v) => Math.abs(v) >= 1e5 || (v && Math.abs(v) < 1e-3) ? v.toExponential(2) : String(+v.toPrecision(4));
  svg.addEventListener('pointermove', (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
    const near = lines.map(({ name, points }) => ({ name, p: points.reduce((a, b) => Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a) }));
    const x = near.reduce((a, b) => Math.abs(b.p[0] - at) < Math.abs(a.p[0] - at) ? b : a).p[0];
    const value = (py) => { const t = (bottom - py) / (bottom - top); return log ? y0 * (y1 / y0) ** t : y0 + t * (y1 - y0); };
    const step = Math.round(x0 + (x - left) / (right - left) * (x1 - x0));
    cross.setAttribute('d', 'M' + x + ' ' + top + 'V' + bottom);
    note.textContent = 'step ' + step + ': ' + near.map(({ name, p }) => (lines.length > 1 ? name + ' ' : '') + show(value(p[1]))).join(', ');
    note.setAttribute('text-anchor', x > (left + right) / 2 ? 'end' : 'start');
    note.setAttribute('x', x > (left + right) / 2 ? x - 8 : x + 8);
    note.setAttribute('y', top - 3);
  });
  svg.addEventListener('pointerleave', () => { cross.setAttribute('d', ''); note.textContent = ''; });
}`;

/** The whole file. Its policy lets it load nothing, and run no script but its own. */
export function page({ title, status, meta, body }: Page): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${sha256(SCRIPT).toString('base64')}'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)}</title>
<style>${STYLE}
</style>
</head>
<body>
<main>
<header><p class="over">hokku · training</p><h1>${text(title)}</h1><p><span class="status ${status.tone}">${text(status.text)}</span>${meta}</p></header>
${body}
<footer>Written by hokku. This page is one file and loads nothing.</footer>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`;
}
