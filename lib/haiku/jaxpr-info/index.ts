/** `hk.experimental.jaxprInfo`: what a function over modules computes, module by module, to read. */
export { asHtml, asHtmlPage, css, formatModule, type HtmlOptions } from './format.js';
export { makeModelInfo, type ComputeFlops, type Expression, type ModelInfoOptions, type Module } from './info.js';
