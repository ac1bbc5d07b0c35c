/** Damaged files: read, or refused with a typed error; quickly, and without more memory than twice the file. */
import { expect } from 'chai';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { importModel } from '../../lib/onnx/index.js';
import { HokkuError } from '../../lib/runtime/errors.js';
import { generator } from '../jax/helpers.js';
import { FOLDER } from './torch.js';

/** How long, and how many files at most. */
const LONG = process.env['HOKKU_LONG'] === '1';
const [SECONDS, FILES] = LONG ? [Infinity, 1_000_000] : [8, 20_000];

type Random = () => number;
const integer = (random: Random, n: number): number => Math.floor(random() * n);
/** One change: bytes set, bits turned, a piece cut out, doubled, moved or filled with what lengths are made of. */
function mutate(bytes: Buffer, random: Random): Buffer {
  const out = Buffer.from(bytes);
  const [at, n] = [integer(random, out.length), 1 + integer(random, 64)];
  switch (integer(random, 8)) {
    case 0: out[at] = integer(random, 256); return out;
    case 1: out[at] ^= 1 << integer(random, 8); return out;
    case 2: return out.subarray(0, at);
    case 3: return Buffer.concat([out.subarray(0, at), out.subarray(at + n)]);
    case 4: return Buffer.concat([out.subarray(0, at + n), out.subarray(at)]);
    case 5: return Buffer.concat([out.subarray(0, at), Buffer.alloc(n, 255), out.subarray(at)]);
    case 6: out.fill(0, at, Math.min(out.length, at + n)); return out;
    default: out.copy(out, at, integer(random, out.length), Math.min(out.length, at + n)); return out;
  }
}

describe('damaged models', () => {
  it(`are read or refused with a typed error${LONG ? '' : ' (as many as fit into 8 s; a million with HOKKU_LONG=1)'}`, function () {
    const originals = readdirSync(FOLDER).filter((f) => f.endsWith('.onnx')).sort().map((f) => readFileSync(join(FOLDER, f)));
    for (const whole of originals) importModel(whole);
    const random = generator(Number(process.env['HOKKU_SEED'] ?? 2024));
    const [began, counts] = [performance.now(), { read: 0, refused: 0 }];
    let [slowest, most] = [0, 0];
    for (let i = 0; i < FILES && performance.now() - began < SECONDS * 1000; i++) {
      let bytes: Buffer = originals[i % originals.length];
      for (let k = 1 + integer(random, 3); k > 0 && bytes.length > 1; k--) bytes = mutate(bytes, random);
      const [start, memory] = [performance.now(), process.memoryUsage().arrayBuffers];
      try {
        importModel(bytes);
        counts.read++;
      } catch (error) {
        if (!(error instanceof HokkuError)) expect.fail(`file ${i}: ${String((error as Error).stack)}`);
        counts.refused++;
      }
      slowest = Math.max(slowest, performance.now() - start);
      most = Math.max(most, (process.memoryUsage().arrayBuffers - memory) / bytes.length);
    }
    if (LONG) console.log(`      ${counts.read} read, ${counts.refused} refused, the slowest took ${slowest.toFixed(0)} ms`);
    expect(counts.read).to.be.greaterThan(0);
    expect(counts.refused).to.be.greaterThan(0);
    if (LONG) expect(slowest, 'milliseconds of the slowest').to.be.below(1000);
    expect(most, 'memory for elements, in sizes of the file').to.be.below(2.5);
  });
});
