/** hokku/plot: pictures of parameters, programs, and values over steps. */
export { GraphvizMissingError, graphToSvg } from './graph.js';
/** hokku/plot: pictures of parameters, and of values over steps. */
export { curves, type CurvesOptions, type Series } from './curves.js';
export { heatmaps, type HeatmapOptions, type PlottableParams } from './heatmaps.js';
export { imageGrid, type ImageGridOptions } from './images.js';
export { RasterizerMissingError, toPng } from './raster.js';
export { saveHeatmaps } from './save.js';
export type { Plottable } from './values.js';
