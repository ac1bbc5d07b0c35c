/** hokku/plot: pictures of parameters. */
export { heatmaps, type HeatmapOptions, type Plottable, type PlottableParams } from './heatmaps.js';
export { RasterizerMissingError, toPng } from './raster.js';
export { saveHeatmaps } from './save.js';
