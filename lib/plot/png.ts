/** A PNG writer: pictures of few colours, one byte a pixel, as heat maps are; and pictures of bytes as they are. */
import type { Rgb } from './palette.js';
import { zlib } from '../runtime/builtins.js';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Encodes `pixels` (one palette index each, row by row) as an indexed PNG. */
export function encodePng(width: number, height: number, pixels: Uint8Array, palette: readonly Rgb[]): Buffer {
  return assemble(width, height, width, 3, pixels, [chunk('PLTE', Buffer.from(palette.flat()))]);
}

/** PNG's colour types by the number of channels: grey, grey with alpha, RGB, RGBA. */
const COLOUR_TYPES = [0, 4, 2, 6];

/** Encodes `pixels` (one to four bytes each, row by row) as they are: grey, grey with alpha, RGB or RGBA. */
export function encodeChannels(width: number, height: number, channels: 1 | 2 | 3 | 4, pixels: Uint8Array): Buffer {
  return assemble(width, height, width * channels, COLOUR_TYPES[channels - 1], pixels, []);
}

/** Width and height of a PNG; undefined where the bytes are none. */
export function pngSize(bytes: Uint8Array): { width: number, height: number } | undefined {
  if (bytes.length < 33 || Buffer.compare(bytes.subarray(0, 8), SIGNATURE) !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

function assemble(width: number, height: number, stride: number, colourType: number, pixels: Uint8Array, before: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, colourType, 0, 0, 0], 8);  // 8 bits a channel, no interlacing
  // Each row begins with its filter: none. Indices are not intensities, so no filter helps them.
  const rows = Buffer.alloc(height * (stride + 1));
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), ...before, chunk('IDAT', zlib().deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const out = Buffer.alloc(data.length + 12);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  out.set(data, 8);
  out.writeUInt32BE(zlib().crc32(out.subarray(4, data.length + 8)), data.length + 8);
  return out;
}
