/** Pictures as pictures: a batch of images as one PNG. */
import { ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { encodeChannels } from './png.js';
import { numbers, type Plottable } from './values.js';

export interface ImageGridOptions {
  /** Images in a row; default as many as make the grid about square. */
  columns?: number;
  /** Pixels for each pixel; default 1. */
  scale?: number;
}

/**
 * Images side by side, as one PNG.
 * @param images `[N,H,W,C]` with C from 1 to 4 (grey, grey with alpha, RGB, RGBA): floating point from 0 to 1, or `uint8`; what is beyond is cut off.
 * @throws ValueError for another shape, or counts that are not positive
 *
 * @example
 * writeFileSync('digits.png', imageGrid(jnp.zeros([16, 28, 28, 1]), { columns: 8, scale: 2 }));
 */
export function imageGrid(images: Plottable, options?: ImageGridOptions): Buffer {
  const [n, h, w, c] = images.shape;
  if (images.shape.length !== 4 || c < 1 || c > 4 || n * h * w === 0) throw new ValueError(`imageGrid: expected images [N,H,W,C] with 1 to 4 channels, but got the shape [${images.shape}].`);
  const { columns = Math.ceil(Math.sqrt(n)), scale = 1 } = checkOptions('imageGrid', options, ['columns', 'scale']);
  for (const [name, value] of Object.entries({ columns, scale })) {
    if (!Number.isInteger(value) || value < 1) throw new ValueError(`imageGrid: ${name} must be a positive whole number, but got ${String(value)}.`);
  }
  const values = numbers(images);
  const unit = images.dtype === 'uint8' ? 1 : 255;
  const [width, height] = [columns * w * scale, Math.ceil(n / columns) * h * scale];
  const pixels = new Uint8ClampedArray(width * height * c); // which rounds and cuts off
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [row, column] = [Math.floor(y / scale), Math.floor(x / scale)];
      const image = Math.floor(row / h) * columns + Math.floor(column / w);
      if (image >= n) continue;
      const from = ((image * h + row % h) * w + column % w) * c;
      for (let k = 0; k < c; k++) pixels[(y * width + x) * c + k] = values[from + k] * unit;
    }
  }
  return encodeChannels(width, height, c as 1 | 2 | 3 | 4, new Uint8Array(pixels.buffer));
}
