/** Pictures on disk. */
import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { heatmaps, type HeatmapOptions, type PlottableParams } from './heatmaps.js';
import { RasterizerMissingError, toPng } from './raster.js';
import { makeFolder } from '../runtime/folders.js';

/**
 * Writes `<stem>.svg` and `<stem>.png`; answers with the files written, and with a sentence where there is no PNG.
 *
 * @example
 * const { files, note } = await saveHeatmaps('out/before', params, { title: 'before training' });
 */
export async function saveHeatmaps(
  stem: string, params: PlottableParams, options: HeatmapOptions = {},
): Promise<{ files: string[], note?: string }> {
  const svg = heatmaps(params, options);
  makeFolder(dirname(stem));
  await writeFile(`${stem}.svg`, svg);
  try {
    await writeFile(`${stem}.png`, await toPng(svg));
  } catch (error) {
    if (error instanceof RasterizerMissingError) return { files: [`${stem}.svg`], note: error.message };
    throw error;
  }
  return { files: [`${stem}.svg`, `${stem}.png`] };
}
