import { inflateSync } from 'node:zlib';
import { expect } from 'chai';
import { numpy as jnp } from '../../lib/jax/index.js';
import { imageGrid } from '../../lib/plot/index.js';

/** The rows of a PNG as written: its only IDAT chunk, without the filter bytes. */
function pixels(png: Buffer, channels: number): number[][] {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const at = png.indexOf('IDAT');
  const raw = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  return Array.from({ length: height }, (_, y) => [...raw.subarray(y * (width * channels + 1) + 1, (y + 1) * (width * channels + 1))]);
}

describe('imageGrid', () => {
  it('puts images side by side, row after row, and leaves the rest black', () => {
    const images = jnp.array(Uint8Array.from({ length: 12 }, (_, i) => i + 1)).reshape([3, 2, 2, 1]);
    expect(pixels(imageGrid(images), 1)).to.deep.equal([[1, 2, 5, 6], [3, 4, 7, 8], [9, 10, 0, 0], [11, 12, 0, 0]]);
    expect(pixels(imageGrid(images, { columns: 3 }), 1)).to.deep.equal([[1, 2, 5, 6, 9, 10], [3, 4, 7, 8, 11, 12]]);
  });

  it('enlarges, and takes values from 0 to 1 in colours', () => {
    const images = jnp.array(Float32Array.of(0, 0.5, 1, -1, 2, 1)).reshape([2, 1, 1, 3]);
    const row = [0, 128, 255, 0, 128, 255, 0, 255, 255, 0, 255, 255];
    expect(pixels(imageGrid(images, { columns: 2, scale: 2 }), 3)).to.deep.equal([row, row]);
  });

  it('says what is wrong', () => {
    expect(() => imageGrid(jnp.zeros([28, 28]))).to.throw('[N,H,W,C] with 1 to 4 channels, but got the shape [28,28]');
    expect(() => imageGrid(jnp.zeros([1, 2, 2, 1]), { columns: 0 })).to.throw('columns must be a positive whole number');
    expect(() => imageGrid(jnp.zeros([1, 2, 2, 1]), { colums: 2 } as object)).to.throw("did you mean 'columns'");
  });
});
