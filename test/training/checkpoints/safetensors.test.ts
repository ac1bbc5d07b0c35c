import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import * as hk from '../../../lib/index.js';
import { numpy as jnp, random } from '../../../lib/jax/index.js';
import { DTYPES, type DType } from '../../../lib/runtime/dtypes.js';
import { FileFormatError, HokkuError, ValueError } from '../../../lib/runtime/errors.js';
import { decodeSafetensors, encodeSafetensors } from '../../../lib/training/checkpoints/safetensors.js';
import type { NamedTensor } from '../../../lib/training/checkpoint-file.js';
import { bits, newParams } from '../notebook.js';
import { temporaryFolder } from '../artifacts-helpers.js';

const join = (pieces: readonly Uint8Array[]): Buffer => Buffer.concat(pieces);
/** A file with any header. */
function file(header: string | object, data = new Uint8Array(0), claimed?: bigint): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimed ?? BigInt(json.length));
  return Buffer.concat([length, json, data]);
}
const entry = (start: number, end: number, shape = [(end - start) / 4]) => ({ dtype: 'F32', shape, data_offsets: [start, end] });

const tensors = fc.uniqueArray(fc.record({
  name: fc.string({ minLength: 1, unit: 'grapheme' }).filter((s) => !s.split('/').includes('__proto__') && s !== '__metadata__'),
  dtype: fc.constantFrom(...Object.keys(DTYPES) as DType[]),
  shape: fc.array(fc.nat(3), { maxLength: 3 }),
  seed: fc.nat(255),
}), { selector: (t) => t.name, maxLength: 6 }).map((list) => list.map(({ name, dtype, shape, seed }): NamedTensor =>
  ({ name, dtype, shape, data: Uint8Array.from({ length: shape.reduce((a, b) => a * b, DTYPES[dtype].size) }, (_, i) => (i + seed) & 255) })));

describe('safetensors', () => {
  it('gives back what was written, every dtype and any name', () => {
    fc.assert(fc.property(tensors, fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })), (list, metadata) => {
      const back = decodeSafetensors(join(encodeSafetensors(list, metadata)), 'x');
      expect(back.tensors.size).to.equal(list.length);
      for (const t of list) expect(back.tensors.get(t.name)).to.deep.equal(t);
      expect(new Map(Object.entries(metadata))).to.deep.equal(back.metadata);
    }), { numRuns: 200 });
  });

  it('puts every tensor where its dtype can be read', () => {
    fc.assert(fc.property(tensors, (list) => {
      const pieces = encodeSafetensors(list);
      let at = pieces[0].byteLength;
      expect(at % 8).to.equal(0);
      const [length] = new BigUint64Array(pieces[0].slice(0, 8).buffer);
      const header = JSON.parse(Buffer.from(pieces[0]).toString('utf8', 8, 8 + Number(length))) as Record<string, { data_offsets: number[] }>;
      for (const t of list) expect((at + header[t.name].data_offsets[0]) % DTYPES[t.dtype].size).to.equal(0);
      at = 0;
    }), { numRuns: 50 });
  });

  const wrong: Record<string, [Buffer, RegExp]> = {
    'an empty file': [Buffer.alloc(0), /0 bytes, fewer than the eight/],
    'a header over 100 MB': [file('{}', undefined, 100_000_001n), /claims 100000001 bytes, and the format allows/],
    'a header length of 2^63': [file('{}', undefined, 2n ** 63n), /the format allows/],
    'a header longer than the file': [file('{}', undefined, 99n), /claims 99 bytes, but 2 follow/],
    'no JSON': [file('{"a"'), /no JSON in UTF-8/],
    'no UTF-8': [file('{"\xff":1}'.replace('\xff', '')).fill(0xff, 10, 11), /no JSON in UTF-8/],
    'a list': [file('[]'), /no JSON object/],
    'a leading space': [file(' {}'), /no JSON object/],
    'overlaps': [file({ a: entry(0, 8), b: entry(4, 12) }, new Uint8Array(12)), /'b' begins at byte 4, inside/],
    'holes': [file({ a: entry(0, 4), b: entry(8, 12) }, new Uint8Array(12)), /bytes 4 to 8 belong to no tensor/],
    'a hole at the beginning': [file({ a: entry(4, 8) }, new Uint8Array(8)), /bytes 0 to 4/],
    'bytes at the end': [file({ a: entry(0, 4) }, new Uint8Array(8)), /last 4 bytes/],
    'offsets beyond the file': [file({ a: entry(0, 400) }, new Uint8Array(8)), /take 400 bytes, but 8 follow/],
    'offsets backwards': [file({ a: entry(8, 4, [1]) }, new Uint8Array(8)), /lies at 8 to 4/],
    'offsets that are no numbers': [file({ a: { ...entry(0, 4), data_offsets: [0, '4'] } }, new Uint8Array(4)), /has the offsets/],
    'another length than the shape': [file({ a: entry(0, 4, [2]) }, new Uint8Array(4)), /'a' is float32\[2\] of 8 bytes/],
    'a shape that overflows': [file({ a: entry(0, 4, [2 ** 31, 2 ** 31]) }, new Uint8Array(4)), /impossible shape/],
    'a negative shape': [file({ a: entry(0, 4, [-1]) }, new Uint8Array(4)), /has the shape/],
    'an unknown dtype': [file({ a: { ...entry(0, 4), dtype: 'F8_E4M3' } }, new Uint8Array(4)), /F8_E4M3/],
    'an unknown field': [file({ a: { ...entry(0, 4), more: 1 } }, new Uint8Array(4)), /unknown field 'more'/],
    'no entry': [file({ a: 3 }), /has the type undefined/],
    'a name twice': [file(`{"a":${JSON.stringify(entry(0, 4))},"\\u0061":${JSON.stringify(entry(4, 8))}}`, new Uint8Array(8)), /the name 'a' twice/],
    'a field twice': [file('{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', new Uint8Array(4)), /the name 'dtype' twice/],
    'the name __proto__': [file(`{"__proto__":${JSON.stringify(entry(0, 4))}}`, new Uint8Array(4)), /reserved/],
    '__proto__ as a module': [file(`{"__proto__/w":${JSON.stringify(entry(0, 4))}}`, new Uint8Array(4)), /reserved/],
    'metadata that is no text': [file({ __metadata__: { a: 1 } }), /something other than a text/],
  };
  for (const [what, [bytes, message]] of Object.entries(wrong)) {
    it(`refuses ${what}`, () => {
      expect(() => decodeSafetensors(bytes, 'x.safetensors')).to.throw(FileFormatError, message);
    });
  }

  it('answers any flipped bit and any cut with values or its own error', () => {
    const good = join(encodeSafetensors([{ name: 'a/b', dtype: 'float32', shape: [2], data: new Uint8Array(8) }, { name: 'c', dtype: 'int8', shape: [3], data: new Uint8Array(3) }], { by: 'test' }));
    const read = (bytes: Uint8Array) => { try { decodeSafetensors(bytes, 'x'); } catch (error) { expect(error).to.be.instanceOf(HokkuError); } };
    for (let i = 0; i < good.length; i++) {
      expect(() => decodeSafetensors(good.subarray(0, i), 'x')).to.throw(FileFormatError);
      for (let bit = 0; bit < 8; bit++) { const bad = Buffer.from(good); bad[i] ^= 1 << bit; read(bad); }
    }
  });

  it('writes no impossible file', () => {
    const t = (name: string, bytes = 4): NamedTensor => ({ name, dtype: 'float32', shape: [1], data: new Uint8Array(bytes) });
    expect(() => encodeSafetensors([t('a'), t('a')])).to.throw(ValueError, /two tensors are named 'a'/);
    expect(() => encodeSafetensors([t('a', 3)])).to.throw(ValueError, /takes 4/);
    expect(() => encodeSafetensors([t('__metadata__')])).to.throw(ValueError, /__metadata__/);
    expect(() => encodeSafetensors([t('__proto__')])).to.throw(ValueError, /reserved/);
    expect(() => encodeSafetensors([t('\ud800')])).to.throw(ValueError, /Unicode/);
  });
});

describe('saveParams and loadParams', () => {
  const folder = temporaryFolder();
  const params = newParams();
  const mixed: hk.Params = {
    'a/~/b': { w: random.normal(random.PRNGKey(0), [2, 3]).astype('bfloat16'), n: jnp.array(new BigInt64Array([1n, -2n])), e: jnp.zeros([0, 3]) },
    constructor: { w: jnp.array([1, 2]).astype('float16'), b: jnp.array([true, false]) },
  };
  for (const ending of ['safetensors', 'npz']) {
    it(`give the same bits, as .${ending}`, async () => {
      for (const p of [params, mixed]) {
        const path = `${folder()}.${ending}`;
        await hk.training.saveParams(path, p);
        const back = await hk.training.loadParams(path);
        expect(Object.keys(back)).to.deep.equal(Object.keys(p).sort());
        for (const [module, name, x] of hk.dataStructures.traverse(p)) {
          expect([back[module][name].dtype, ...back[module][name].shape]).to.deep.equal([x.dtype, ...x.shape]);
          expect(bits(back[module][name])).to.equal(bits(x));
        }
      }
    });

    it(`refuse a .${ending} that is cut off`, async () => {
      const path = `${folder()}.${ending}`;
      await hk.training.saveParams(path, params);
      writeFileSync(path, readFileSync(path).subarray(0, 5000));
      const error = await hk.training.loadParams(path).catch((e: unknown) => e);
      expect(error).to.be.instanceOf(FileFormatError);
    });
  }

  it('say which endings there are, and refuse names with a slash', async () => {
    const failed = async (p: Promise<unknown>, message: RegExp) => expect((await p.catch((e: unknown) => e) as Error).message).to.match(message);
    await failed(hk.training.saveParams('x.pickle', params), /end in .safetensors or .npz/);
    await failed(hk.training.loadParams('x'), /end in .safetensors or .npz/);
    await failed(hk.training.saveParams(`${folder()}.npz`, { m: { 'a/b': jnp.zeros([1]) } }), /has a slash/);
  });

  it('agree with NumPy, and with the safetensors package where that is installed', async function () {
    const python = process.env['HOKKU_PYTHON'] ?? 'python3';
    const probe = spawnSync(python, ['-c', 'import numpy']);
    if (probe.status !== 0) {
      console.log(`      pending: ${python} (HOKKU_PYTHON) has no numpy`);
      this.skip();
    }
    const [st, npz, back] = [`${folder()}.safetensors`, `${folder()}.npz`, folder()];
    await hk.training.saveParams(st, params);
    await hk.training.saveParams(npz, params);
    const script = `import sys, numpy as np
b = dict(np.load(sys.argv[2]))
try:
    from safetensors.numpy import load_file, save_file
    a = load_file(sys.argv[1])
    assert sorted(a) == sorted(b) and all((a[k] == b[k]).all() for k in a)
    save_file(a, sys.argv[3] + '.safetensors')
except ImportError: pass
np.savez(sys.argv[3] + '.npz', **{k: np.asfortranarray(v) for k, v in b.items()})
np.savez_compressed(sys.argv[3] + 'z.npz', **{k: v.astype('>f4') for k, v in b.items()})`;
    const ran = spawnSync(python, ['-c', script, st, npz, back], { encoding: 'utf8' });
    expect(ran.status, ran.stderr).to.equal(0);
    for (const path of [`${back}.safetensors`, `${back}.npz`, `${back}z.npz`].filter((p) => existsSync(p))) {
      expect(bits(await hk.training.loadParams(path))).to.equal(bits(await hk.training.loadParams(st)));
    }
  });
});
