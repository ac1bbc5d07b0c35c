/** hokku/plot: pictures of parameters. */
export { heatmaps, type HeatmapOptions, type PlottableParams } from './heatmaps.js';
export type { Plottable } from './values.js';
export { RasterizerMissingError, toPng } from './raster.js';
export { saveHeatmaps } from './save.js';
