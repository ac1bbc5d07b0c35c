import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, inflateSync } from 'node:zlib';
import { expect } from 'chai';
import { heatmaps, saveHeatmaps, toPng } from '../../lib/plot/index.js';
import { encodePng } from '../../lib/plot/png.js';

/** The chunks of a PNG, each checked against its checksum. */
function chunks(png: Buffer): Map<string, Buffer> {
  expect(png.subarray(0, 8).toString('latin1')).to.equal('\x89PNG\r\n\x1a\n');
  const found = new Map<string, Buffer>();
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    expect(png.readUInt32BE(at + 8 + length), `checksum of ${type}`).to.equal(crc32(png.subarray(at + 4, at + 8 + length)));
    found.set(type, png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  return found;
}

describe('PNG', () => {
  it('holds the palette and the pixels that it was given', () => {
    const png = chunks(encodePng(3, 2, Uint8Array.of(0, 1, 2, 2, 1, 0), [[1, 2, 3], [4, 5, 6], [7, 8, 9]]));
    expect([...png.keys()]).to.deep.equal(['IHDR', 'PLTE', 'IDAT', 'IEND']);
    expect([png.get('IHDR')!.readUInt32BE(0), png.get('IHDR')!.readUInt32BE(4)]).to.deep.equal([3, 2]);
    expect([...png.get('PLTE')!]).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([...inflateSync(png.get('IDAT')!)]).to.deep.equal([0, 0, 1, 2, 0, 2, 1, 0]);
  });

  const params = { linear: { w: { shape: [2, 2], data: [1, 2, 3, 4] } } };

  it('is drawn from the SVG at twice its size, text included', async () => {
    const svg = heatmaps(params);
    const [, width] = /width="(\d+)"/.exec(svg)!;
    const png = await toPng(svg);
    expect(chunks(png).get('IHDR')!.readUInt32BE(0)).to.equal(2 * Number(width));
    // Text shows in the size: without any font the same picture is a good deal smaller.
    const bare = await toPng(svg.replaceAll(/<text.*?<\/text>/g, ''));
    expect(png.length).to.be.above(bare.length + 2000);
  });

  it('shows each cell of an embedded matrix sharp', async () => {
    const data = Float32Array.from({ length: 40 * 40 }, (_, i) => (i + Math.floor(i / 40)) % 2);
    const { Resvg } = await import('@resvg/resvg-js');
    const image = new Resvg(heatmaps({ m: { w: { shape: [40, 40], data } } })).render();
    // Along one row of a checkerboard only its two colours occur, and hardly any between them.
    const row = Array.from({ length: 400 }, (_, x) => image.pixels[4 * ((14 + 34 + 60) * image.width + 14 + 62 + 10 + x)]);
    const between = row.filter((red) => red > 20 && red < 240).length;
    expect(between).to.be.below(40);
  });

  it('is written beside the SVG', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hokku-plot-'));
    try {
      const { files, note } = await saveHeatmaps(join(folder, 'deep', 'before'), params, { title: 'before' });
      expect(note).to.equal(undefined);
      expect(files.map((f) => f.slice(folder.length + 1))).to.deep.equal([join('deep', 'before.svg'), join('deep', 'before.png')]);
      expect(readFileSync(files[0], 'utf8')).to.match(/^<svg .*<\/svg>\n$/s);
      chunks(readFileSync(files[1]));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
