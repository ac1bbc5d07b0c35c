/** hokku/plot: pictures of parameters and programs. */
export { GraphvizMissingError, graphToSvg } from './graph.js';
export { heatmaps, type HeatmapOptions, type PlottableParams } from './heatmaps.js';
export { RasterizerMissingError, toPng } from './raster.js';
export { saveHeatmaps } from './save.js';
export type { Plottable } from './values.js';
