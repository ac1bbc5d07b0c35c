/** graphviz source → SVG, through Graphviz's own WebAssembly build where it is installed. */
import { HokkuError, ValueError } from '../runtime/errors.js';

/** The package that lays graphs out is not installed. */
export class GraphvizMissingError extends HokkuError {
  constructor(options?: ErrorOptions) {
    super('A laid-out graph needs the package @viz-js/viz, which is not installed: `npm install @viz-js/viz`, or give the source to graphviz itself.', 'GRAPHVIZ_MISSING', options);
  }
}

/**
 * Lays a graph out as an SVG, such as the picture of a model that `hk.toDot` describes.
 *
 * @example
 * const svg = await graphToSvg(hk.toDot(net.apply)(params, null, x));
 * writeFileSync('model.svg', svg);
 * writeFileSync('model.png', await toPng(svg));
 * @throws GraphvizMissingError without the package; ValueError for text that graphviz does not understand.
 */
export async function graphToSvg(source: string): Promise<string> {
  let viz: typeof import('@viz-js/viz');
  try {
    viz = await import('@viz-js/viz');
  } catch (cause) {
    throw new GraphvizMissingError({ cause });
  }
  try {
    return (await viz.instance()).renderString(source, { format: 'svg' });
  } catch (cause) {
    throw new ValueError(`graphToSvg: graphviz does not understand the source: ${(cause as Error).message}.`, undefined, { cause });
  }
}
