/** The tree of `makeModelInfo` as text, and as HTML that opens and closes by itself. */
import { checkOptions } from '../../runtime/options.js';
import type { Expression, Module } from './info.js';

/** `4.624 kparams`, `85 flops`. */
function formatAmount(n: number, unit: string): string {
  for (const [prefix, factor] of [['E', 1e18], ['P', 1e15], ['T', 1e12], ['G', 1e9], ['M', 1e6], ['k', 1e3]] as const) {
    if (n > factor) return `${Number((n / factor).toPrecision(4))} ${prefix}${unit}`;
  }
  return `${n} ${unit}`;
}

/** A module's tree as text, one line for each operation. */
export function formatModule(module: Module, depth = 0): string {
  const amounts = [
    ...(module.flops === null ? [] : [formatAmount(module.flops, 'flops')]),
    ...(module.totalParamSize > 0 ? [formatAmount(module.totalParamSize, 'params')] : []),
    ...(module.totalStateSize > 0 ? [formatAmount(module.totalStateSize, 'state')] : []),
  ];
  const line = ({ primitive, flops, details }: Expression): string =>
    `${'  '.repeat(depth + 1)}${[primitive, ...(flops === null ? [] : [formatAmount(flops, 'flops')]), details].join(' ')}\n`;
  return `${'  '.repeat(depth)}${[module.name, ...amounts].join(' ')}\n${module.expressions.map((e) => (e.submodule ? formatModule(e.submodule, depth + 1) : line(e))).join('')}`;
}

const escape = (text: string): string => text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);
const amount = (n: number | null, unit: string): string => (n ? ` <span class="amount">${formatAmount(n, unit)}</span>` : '');
const lines = (title: string, entries: Readonly<Record<string, string>>): string[] => Object.entries(entries).map(([key, value]) => `${title} ${key}: ${value}`);

/** The style that `asHtml` counts on. */
export function css(): string {
  return `.model-info { font-family: monospace; }
.model-info details, .model-info div { margin-left: 1.5em; border-left: 1px solid #bbb; padding-left: 0.5em; }
.model-info summary { cursor: pointer; margin-left: -1em; }
.model-info .primitive { color: #3344aa; }
.model-info .amount { color: #777; }
`;
}

function expressionHtml(e: Expression): string {
  const told = [e.details, ...lines('', e.params).map((line) => line.trim())].join('\n');
  return `<div title="${escape(told)}">${escape(e.outvars)} = <span class="primitive">${escape(e.primitive)}</span> ${escape(e.invars)}${amount(e.flops, 'flops')}</div>`;
}

export interface HtmlOptions {
  /** Operations of fewer flops, where these are known, are left out. Default 1000. */
  minFlop?: number;
}

/** A module as nested `<details>`, to be put into a page with the style of `css`. */
export function asHtml(module: Module, options?: HtmlOptions): string {
  const { minFlop = 1000 } = checkOptions('hk.experimental.jaxprInfo.asHtml', options, ['minFlop']);
  const shown = module.expressions.filter((e) => e.flops === null || e.flops >= minFlop);
  const held = [...lines('param', module.paramInfo), ...lines('state', module.stateInfo)].join('\n');
  const summary = `<summary title="${escape(held)}"><b>${escape(module.name)}</b>${amount(module.flops, 'flops')}${amount(module.totalParamSize, 'params')}${amount(module.totalStateSize, 'state')}</summary>`;
  return `<details open>${summary}${shown.map((e) => (e.submodule ? asHtml(e.submodule, { minFlop }) : expressionHtml(e))).join('\n')}</details>`;
}

/** A whole page of it. */
export function asHtmlPage(module: Module, options?: HtmlOptions): string {
  return `<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>${escape(module.name)}</title><style>${css()}</style></head>\n<body class="model-info">${asHtml(module, options)}</body></html>\n`;
}
