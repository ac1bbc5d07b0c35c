/** SVG → PNG, through resvg where it is installed: a picture is no reason for a service to carry a rasteriser. */
import { createRequire } from 'node:module';
import { HokkuError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';

/** Neither resvg nor anything else that turns an SVG into a PNG is installed. */
export class RasterizerMissingError extends HokkuError {
  constructor(options?: ErrorOptions) {
    super('A PNG needs the package @resvg/resvg-js, which is not installed: `npm install @resvg/resvg-js dejavu-fonts-ttf` '
      + '(the second one for machines without fonts), or keep the SVG.', 'RASTERIZER_MISSING', options);
  }
}

/**
 * Draws an SVG as a PNG, `scale` times its size.
 *
 * @example
 * writeFileSync('params.png', await toPng(heatmaps(params)));
 */
export async function toPng(svg: string, options: { scale?: number } = {}): Promise<Buffer> {
  checkOptions('toPng', options, ['scale']);
  let resvg: typeof import('@resvg/resvg-js');
  try {
    resvg = await import('@resvg/resvg-js');
  } catch (cause) {
    throw new RasterizerMissingError({ cause });
  }
  return Buffer.from(new resvg.Resvg(svg, { fitTo: { mode: 'zoom', value: options.scale ?? 2 }, font: fonts() }).render().asPng());
}

/** The font that matplotlib ships, from its npm package: servers often have none. Otherwise whatever the system has. */
function fonts(): { fontFiles?: string[], loadSystemFonts: boolean, defaultFontFamily?: string } {
  try {
    const file = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');
    return { fontFiles: [file], loadSystemFonts: false, defaultFontFamily: 'DejaVu Sans' };
  } catch {
    return { loadSystemFonts: true };
  }
}
